/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/cli/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define BUFFER (1 << 20) /* asked for; with what Linux allows by default there is room for 500 connections */

int vs_queue_open(struct vs_queue *queue, struct vs_error *error)
{
	const int buffer = BUFFER;
	uint64_t seed;
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		return vs_error_errno(error, errno, "getrandom");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, queue->ends) != 0)
		return vs_error_errno(error, errno, "socketpair");
	setsockopt(queue->ends[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	snprintf(queue->setting, sizeof queue->setting, "%d,%d,%" PRIx64, queue->ends[0], queue->ends[1], seed);
	return 0;
}

int vs_queue_hand_on(const struct vs_queue *queue)
{
	for (int i = 0; i < 2; i++)
		if (fcntl(queue->ends[i], F_SETFD, 0) != 0)
			return -1;
	return setenv("VECSTORE_QUEUE", queue->setting, 1);
}

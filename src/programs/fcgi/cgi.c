/* SPDX-License-Identifier: Apache-2.0 */
/* Plain CGI (RFC 3875): one process, one request. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* environ */
#endif
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "programs/fcgi/worker.h"

static size_t wire_read(void *context, void *data, size_t len)
{
	char *to = data;
	size_t done = 0;
	(void)context;
	while (done < len) {
		ssize_t got = read(STDIN_FILENO, to + done, len - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static bool wire_write(void *context, const void *data, size_t len)
{
	const char *from = data;
	(void)context;
	while (len > 0) {
		ssize_t put = write(STDOUT_FILENO, from, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		from += put;
		len -= (size_t)put;
	}
	return true;
}

void vs_cgi_serve(struct vs_worker *worker)
{
	struct vs_wire wire = { NULL, environ, wire_read, wire_write, NULL, false, false };
	signal(SIGPIPE, SIG_IGN);
	(void)vs_worker_answer(worker, &wire);
}

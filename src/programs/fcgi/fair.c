/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/fcgi/fair.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "programs/fcgi/accept.h"
#include "programs/fcgi/flow.h"

#define ROW 8u                  /* connections of the first queue to one of the second, while both hold some */
#define PEEK ((size_t)32 << 10) /* bytes of a connection that are looked at: more than the variables take */

enum { FIRST = 1, SECOND = 2 };

/* ---- the second queue --------------------------------------------------------------------------------------- */

static bool is_queue(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

static void find_queue(struct vs_fair *fair)
{
	const char *text = getenv("VECSTORE_QUEUE");
	fair->in = -1;
	if (!text)
		return;
	if (sscanf(text, "%d,%d,%" SCNx64, &fair->in, &fair->out, &fair->seed) == 3 && is_queue(fair->in) && is_queue(fair->out))
		return;
	fair->in = -1;
	vs_log(VS_LOG_WARN, "VECSTORE_QUEUE names no queue that this worker has inherited: it does without");
}

/* Room for a descriptor beside a message, which is its flow. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/* Takes fd over. False, and nothing has happened, when the queue is full. */
static bool put(const struct vs_fair *fair, int fd, uint64_t flow)
{
	union control control = { .head = { CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec data = { &flow, sizeof(flow) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(fair->out, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	close(fd);
	return true;
}

/* -1: another worker was faster. */
static int take(const struct vs_fair *fair)
{
	uint64_t flow;
	int fd = -1;
	union control control;
	struct iovec data = { &flow, sizeof(flow) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	if (recvmsg(fair->in, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -1;
	if (message.msg_controllen >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	else
		vs_log(VS_LOG_ERROR, "a connection that waited is lost: this process has too many descriptors open");
	return fd;
}

/* Whether that is the flow of the one that has waited longest. */
static bool is_head(const struct vs_fair *fair, uint64_t flow)
{
	uint64_t head;
	return recv(fair->in, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT) == sizeof(head) && head == flow;
}

/* ---- which is next ------------------------------------------------------------------------------------------ */

static unsigned look(const struct vs_fair *fair)
{
	struct pollfd queues[] = { { fair->listener, POLLIN, 0 }, { fair->in, POLLIN, 0 } };
	if (poll(queues, 2, 0) <= 0)
		return 0;
	return (queues[0].revents ? FIRST : 0) | (queues[1].revents ? SECOND : 0);
}

/* The flow of a connection by what the web server has sent so far, which stays for whoever serves it. 0: unknown. */
static uint64_t peek_flow(const struct vs_fair *fair, int fd)
{
	static unsigned char bytes[PEEK];
	ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	return len > 0 ? vs_flow_of_records(bytes, (size_t)len, fair->seed) : 0;
}

/* Puts a connection that others may overtake into the second queue: one whose flow is at work, or waits there longest. */
static bool defer(const struct vs_fair *fair, int fd, unsigned waiting)
{
	uint64_t flow = waiting ? peek_flow(fair, fd) : 0;
	return flow != 0 && (vs_service_flow_at_work(fair->service, flow) || ((waiting & SECOND) && is_head(fair, flow))) &&
	       put(fair, fd, flow);
}

/* Nothing waits in the second queue, and what is at work is short, or of the only tenant: to look at connections would cost
 * more than it saves. */
static bool is_light(const struct vs_fair *fair, unsigned waiting)
{
	return !(waiting & SECOND) && !vs_service_flows_meet(fair->service);
}

/* rested: this worker had nothing to do when they came, so nobody waits for long. */
static int choose(struct vs_fair *fair, unsigned waiting, bool rested)
{
	while ((waiting & FIRST) && !((waiting & SECOND) && fair->row >= ROW)) {
		int fd = vs_fcgi_accept(fair->listener);
		if (fd < 0)
			return -1;
		if (rested || is_light(fair, waiting) || !defer(fair, fd, waiting = look(fair))) {
			fair->row = waiting & SECOND ? fair->row + 1 : 0;
			return fd;
		}
	}
	fair->row = 0;
	return take(fair);
}

int vs_fair_next(struct vs_fair *fair, const sigset_t *waiting)
{
	struct epoll_event events[2];
	unsigned ready = 0;
	int count = epoll_pwait(fair->epoll, events, 2, 0, waiting);
	bool rested = count == 0;
	if (rested) {
		vs_service_set_flow(fair->service, 0);
		count = epoll_pwait(fair->epoll, events, 2, -1, waiting);
	}
	for (int i = 0; i < count; i++)
		ready |= events[i].data.u32;
	if (ready && fair->in < 0)
		return vs_fcgi_accept(fair->listener);
	return ready ? choose(fair, ready, rested) : -1;
}

void vs_fair_begin(struct vs_fair *fair, char *const *variables)
{
	if (fair->in >= 0)
		vs_service_set_flow(fair->service, vs_flow_of_variables(variables, fair->seed));
}

/* ---- open --------------------------------------------------------------------------------------------------- */

/* EPOLLEXCLUSIVE: of the workers that share a queue, one wakes per connection. */
static bool watch(int epoll, int fd, uint32_t queue)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.u32 = queue };
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int vs_fair_open(struct vs_fair *fair, int listener, struct vs_service *service, struct vs_error *error)
{
	*fair = (struct vs_fair){ .service = service, .listener = listener };
	find_queue(fair);
	fair->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (fair->epoll >= 0 && watch(fair->epoll, listener, FIRST) && (fair->in < 0 || watch(fair->epoll, fair->in, SECOND)))
		return 0;
	int rc = vs_error_errno(error, errno, "the listening socket cannot be watched");
	vs_fair_close(fair);
	return rc;
}

void vs_fair_close(struct vs_fair *fair)
{
	if (fair->epoll >= 0)
		close(fair->epoll);
	fair->epoll = -1;
}

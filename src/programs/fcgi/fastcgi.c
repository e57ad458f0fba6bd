/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FastCGI by libfcgi, except for what it cannot do: accept is ours, so that SIGTERM cannot slip in between looking at a
 * flag and sleeping, and so that a peer is checked and given time limits before libfcgi reads from it. libfcgi takes a
 * connection that stands in request.ipcFd; with keepConnection set it does not close it first. Initialised with no
 * listening socket, its own accept fails at once, which is how FCGX_Accept_r ends when a connection breaks.
 *
 * Each connection carries one request and is closed after it, whether or not the web server asked to keep it: a worker
 * that waited for more on an idle connection would be lost to the others.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "programs/fcgi/variables.h"
#include "programs/fcgi/worker.h"

#define PEER_SECONDS 60                /* a peer that is silent for longer is given up */
#define STALL_MS 1000                  /* one that takes nothing for longer holds us up */
#define STALL_LOOK_MS 100              /* how often one held up looks whether it still may be */
#define WRITE_STEP ((size_t)16 << 10)  /* fits into what is free of a socket's buffer when poll says that something is */
#define LINGER_NS UINT64_C(5000000000) /* for a peer that still sends a body nobody wants */
#define RESPONDER 1                    /* FCGI_RESPONDER of the FastCGI specification */
#define GROUPS_MAX 64

static volatile sig_atomic_t stopping;

static void on_stop(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

static const int stops[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

/* While a request is answered they wait. */
static bool stop_waits(void)
{
	sigset_t pending;
	bool found = false;
	sigpending(&pending);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		found = found || sigismember(&pending, stops[i]) == 1;
	return found;
}

/* Blocks the signals that end us, so that they arrive only while we wait; *waiting is the mask to wait with. */
static void block_signals(sigset_t *waiting)
{
	struct sigaction action = { .sa_handler = on_stop };
	sigset_t blocked;
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		sigaction(stops[i], &action, NULL);
		sigaddset(&blocked, stops[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, waiting);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigdelset(waiting, stops[i]);
}

/* ---- who connects ----------------------------------------------------------------------------------------- */

static bool in_our_groups(gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int count = getgroups(GROUPS_MAX, groups);
	bool found = group == getegid();
	for (int i = 0; i < count; i++)
		found = found || groups[i] == group;
	return found;
}

/* The group that the socket's file lets in, when it lets one in. */
static bool is_socket_group(int fd, gid_t group)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);
	struct stat st;
	memset(&address, 0, sizeof(address));
	if (getsockname(fd, (struct sockaddr *)&address, &len) || len >= sizeof(address) || !address.sun_path[0])
		return false;
	return stat(address.sun_path, &st) == 0 && (st.st_mode & S_IWGRP) && st.st_gid == group;
}

/* The peer's word for REMOTE_ADDR is taken: so it must be root, ourselves, or in a group of ours or of the socket. */
static bool is_trusted(int listener, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	if (peer.uid == 0 || peer.uid == geteuid() || in_our_groups(peer.gid) || is_socket_group(listener, peer.gid))
		return true;
	vs_log(VS_LOG_WARN,
	       "a connection by user %ld, group %ld was refused: not root, not ours, not of the socket's group",
	       (long)peer.uid, (long)peer.gid);
	return false;
}

/* A blocking descriptor with time limits, or -1 when another worker was faster or the peer is not trusted. */
static int take_connection(int listener)
{
	static const struct timeval limit = { PEER_SECONDS, 0 };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			static const struct timespec pause = { 0, 100000000 };
			vs_log(VS_LOG_ERROR, "a connection cannot be accepted: %s", strerror(errno));
			nanosleep(&pause, NULL);
		}
		return -1;
	}
	if (!is_trusted(listener, fd)) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

/* ---- one connection --------------------------------------------------------------------------------------- */

struct peer {
	FCGX_Request *request;
	struct vs_service *service;
	bool stalled; /* it has held us up; so it will again */
};

static size_t wire_read(void *context, void *data, size_t len)
{
	const struct peer *peer = context;
	int got = FCGX_GetStr(data, (int)len, peer->request->in);
	return got > 0 ? (size_t)got : 0;
}

static void set_stalled(struct peer *peer, bool stalled)
{
	if (peer->stalled != stalled)
		vs_service_stall(peer->service, stalled);
	peer->stalled = stalled;
}

/* A peer that does not take its answer (its own client does not, and it keeps no more) keeps this worker from all others. It may,
 * unless half of the workers are kept so; then it is given up. */
static bool await_peer(struct peer *peer)
{
	struct pollfd out = { peer->request->ipcFd, POLLOUT, 0 };
	int ready = poll(&out, 1, peer->stalled ? 0 : STALL_MS);
	uint64_t start = vs_clock_mono_ns();
	if (ready == 0)
		set_stalled(peer, true);
	while (ready == 0 && vs_service_may_stall(peer->service) &&
	       vs_clock_mono_ns() - start < PEER_SECONDS * UINT64_C(1000000000))
		ready = poll(&out, 1, STALL_LOOK_MS);
	if (ready != 0)
		return true; /* of faults writing tells */
	vs_log(VS_LOG_INFO, "an answer was given up: its reader is too slow");
	shutdown(peer->request->ipcFd, SHUT_RDWR); /* nor waits libfcgi for it */
	return false;
}

static bool wire_write(void *context, const void *data, size_t len)
{
	struct peer *peer = context;
	const char *from = data;
	for (size_t step; len > 0; from += step, len -= step) {
		step = len < WRITE_STEP ? len : WRITE_STEP;
		if (!await_peer(peer) || FCGX_PutStr(from, (int)step, peer->request->out) != (int)step)
			return false;
	}
	return true;
}

/* Closing with bytes unread would reset the connection under the answer: take them first, for a while. */
static void close_connection(int fd, bool whole)
{
	char trash[8192];
	uint64_t start = vs_clock_mono_ns();
	ssize_t got;
	if (whole) {
		(void)recv(fd, trash, sizeof(trash), MSG_DONTWAIT);
	} else {
		static const struct timeval limit = { 1, 0 };
		shutdown(fd, SHUT_WR);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		do
			got = recv(fd, trash, sizeof(trash), 0);
		while (got > 0 && vs_clock_mono_ns() - start < LINGER_NS);
	}
	close(fd);
}

static void wire_finish(void *context)
{
	const struct peer *peer = context;
	peer->request->keepConnection = 1;
	FCGX_Finish_r(peer->request);
	if (peer->request->ipcFd >= 0)
		close_connection(peer->request->ipcFd, true);
}

static void serve_connection(struct vs_worker *worker, FCGX_Request *request, int fd)
{
	request->ipcFd = fd;
	request->keepConnection = 1;
	bool cut = worker->trusts_user && !vs_variables_are_text(fd);
	if (FCGX_Accept_r(request) != 0) /* it has closed fd */
		return;
	struct peer peer = { request, worker->service, false };
	struct vs_wire wire = { &peer, request->envp, wire_read, wire_write, wire_finish, true, cut };
	bool whole = request->role == RESPONDER && vs_worker_answer(worker, &wire);
	request->keepConnection = 1;
	FCGX_Finish_r(request); /* closes only after a fault */
	set_stalled(&peer, false);
	if (request->ipcFd >= 0)
		close_connection(request->ipcFd, whole);
	request->ipcFd = -1;
}

/* EPOLLEXCLUSIVE: of the workers that share the socket, one wakes per connection. */
static int watch(int fd, struct vs_error *error)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int flags = fcntl(fd, F_GETFL);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) {
		int rc = vs_error_errno(error, errno, "the listening socket cannot be watched");
		if (epoll >= 0)
			close(epoll);
		return rc;
	}
	return epoll;
}

static int check_family(int fd, struct vs_error *error)
{
	int domain = 0;
	socklen_t len = sizeof(domain);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len))
		return vs_error_errno(error, errno, "the listening socket cannot be examined");
	if (domain != AF_UNIX)
		return vs_error_set(
		    error, VS_EINVAL,
		    "the listening socket must be a Unix socket: over TCP anybody could pose as the web server");
	return 0;
}

int vs_fcgi_serve(struct vs_worker *worker, int fd, struct vs_error *error)
{
	FCGX_Request request;
	sigset_t waiting;
	int rc = check_family(fd, error);
	if (rc)
		return rc;
	if (FCGX_Init() || FCGX_InitRequest(&request, -1, FCGI_FAIL_ACCEPT_ON_INTR))
		return vs_error_set(error, VS_EINTERNAL, "libfcgi cannot be initialised");
	signal(SIGPIPE, SIG_IGN); /* after FCGX_Init, which sets handlers of its own */
	block_signals(&waiting);
	worker->stopping = stop_waits;
	int epoll = watch(fd, error);
	if (epoll < 0)
		return epoll;
	while (!stopping) {
		struct epoll_event event;
		int ready = epoll_pwait(epoll, &event, 1, -1, &waiting);
		if (stopping || ready <= 0)
			continue;
		int connection = take_connection(fd);
		if (connection >= 0)
			serve_connection(worker, &request, connection);
	}
	FCGX_Free(&request, 0);
	close(epoll);
	return 0;
}

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
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "programs/fcgi/accept.h"
#include "programs/fcgi/fair.h"
#include "programs/fcgi/variables.h"
#include "programs/fcgi/worker.h"

#define STALL_MS 1000                  /* one that takes nothing for longer holds us up */
#define STALL_LOOK_MS 100              /* how often one held up looks whether it still may be */
#define WRITE_STEP ((size_t)16 << 10)  /* fits into what is free of a socket's buffer when poll says that something is */
#define LINGER_NS UINT64_C(5000000000) /* for a peer that still sends a body nobody wants */
#define RESPONDER 1                    /* FCGI_RESPONDER of the FastCGI specification */

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
	sigset_t blocked;
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigaddset(&blocked, stops[i]);
	sigprocmask(SIG_BLOCK, &blocked, waiting);
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigdelset(waiting, stops[i]);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop };
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		sigaction(stops[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
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
	       vs_clock_mono_ns() - start < VS_PEER_SECONDS * UINT64_C(1000000000))
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

static void serve_connection(struct vs_worker *worker, struct vs_fair *fair, FCGX_Request *request, int fd)
{
	request->ipcFd = fd;
	request->keepConnection = 1;
	bool cut = worker->trusts_user && !vs_variables_are_text(fd);
	if (FCGX_Accept_r(request) != 0) /* it has closed fd */
		return;
	vs_fair_begin(fair, request->envp);
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
	struct vs_fair fair;
	sigset_t waiting;
	int rc = check_family(fd, error);
	if (rc)
		return rc;
	block_signals(&waiting); /* before FCGX_Init, whose own handler of SIGTERM would swallow one */
	if (FCGX_Init() || FCGX_InitRequest(&request, -1, FCGI_FAIL_ACCEPT_ON_INTR))
		return vs_error_set(error, VS_EINTERNAL, "libfcgi cannot be initialised");
	catch_signals();
	worker->stopping = stop_waits;
	if ((rc = vs_fair_open(&fair, fd, worker->service, error)))
		return rc;
	/* While connections never cease to wait, no signal is delivered. */
	while (!stopping && !stop_waits()) {
		int connection = vs_fair_next(&fair, &waiting);
		if (connection >= 0)
			serve_connection(worker, &fair, &request, connection);
	}
	FCGX_Free(&request, 0);
	vs_fair_close(&fair);
	return 0;
}

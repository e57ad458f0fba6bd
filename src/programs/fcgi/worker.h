/* SPDX-License-Identifier: Apache-2.0 */
/* fcgi/worker: one request from any wire (FastCGI, CGI) through the service and back. */
#ifndef VS_FCGI_WORKER_H
#define VS_FCGI_WORKER_H

#include "service/service.h"

/* Where a request comes from and its answer goes to. */
struct vs_wire {
	void *context;
	/* CGI variables (RFC 3875) as NAME=VALUE, NULL at the end; NULL: none. They live until the answer was sent. */
	char **variables;
	/* Up to len bytes of the body; less only at its end or after a fault. */
	size_t (*read)(void *context, void *data, size_t len);
	/* False when the peer takes no more; nothing can be told to it. */
	bool (*write)(void *context, const void *data, size_t len);
	/* Sends what was written, before the process ends; NULL when writing does. */
	void (*finish)(void *context);
	bool has_end; /* read sees where a body ends, whatever its length */
	bool cut;     /* a variable may be longer than it seems: none can be trusted */
};

struct vs_worker {
	struct vs_service *service;
	struct vs_arena arena;
	struct vs_buf body;
	struct vs_buf head;
	struct vs_response response;
	bool trusts_user;       /* REMOTE_USER is believed */
	bool (*stopping)(void); /* as in struct vs_request */
};

/* From here on a file that is cut short while it is mapped (SIGBUS) costs the process, but not the answer: the request in
 * hand gets 503 and the process exits with a failure. The next one opens the file again and sees what is wrong. */
int vs_worker_open(struct vs_worker *worker, const struct vs_service_options *options, struct vs_error *error);
void vs_worker_close(struct vs_worker *worker);
/* Reads one request, answers it, and forgets it. Logs answers of 500 and above. False when not all of the body was read. */
bool vs_worker_answer(struct vs_worker *worker, const struct vs_wire *wire);

/* Serves connections of the listening Unix socket fd until SIGTERM (or INT, HUP, USR1): the request in hand is
 * finished first. 0, or a negative code when the socket cannot be served. */
int vs_fcgi_serve(struct vs_worker *worker, int fd, struct vs_error *error);
/* One CGI request: environment, standard input, standard output. */
void vs_cgi_serve(struct vs_worker *worker);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi/fair: which of the waiting connections is next. The socket's queue is first come, first served, and one tenant can fill
 * it. So, while others wait, a connection of a tenant who is served already goes to a second queue: a pair of connected sockets
 * that all workers inherit, through which the descriptor itself is sent. Any worker takes from there what waits longest, when
 * the first queue is empty and once in a while when it is not. What waits there belongs to no worker, so none that dies
 * takes it along.
 */
#ifndef VS_FCGI_FAIR_H
#define VS_FCGI_FAIR_H

#include <signal.h>
#include <stdint.h>

#include "service/service.h"

struct vs_fair {
	struct vs_service *service;
	int listener;
	int epoll;
	int in, out;   /* the second queue; in -1: there is none */
	uint64_t seed; /* of flows, which all workers share */
	unsigned row;  /* connections that this worker has taken from the first queue, in a row, while the second held some */
};

/* Finds the second queue that VECSTORE_QUEUE tells of; without one the first alone is served. */
int vs_fair_open(struct vs_fair *fair, int listener, struct vs_service *service, struct vs_error *error);
void vs_fair_close(struct vs_fair *fair);
/* Waits for a connection, with the signal mask `waiting`, and takes it: a descriptor as vs_fcgi_accept gives; or -1 after a
 * signal, or when others were faster. */
int vs_fair_next(struct vs_fair *fair, const sigset_t *waiting);
/* This worker begins to answer a request with these variables. */
void vs_fair_begin(struct vs_fair *fair, char *const *variables);

#endif

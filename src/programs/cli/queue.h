/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/queue: the second queue of connections (programs/fcgi/fair), as the supervisor holds it: two connected sockets that every
 * worker inherits. Nothing is read from it here; held, it outlives each worker.
 */
#ifndef VS_CLI_QUEUE_H
#define VS_CLI_QUEUE_H

struct vs_error;

struct vs_queue {
	int ends[2];      /* to take from, to put into; closed on exec unless vs_queue_hand_on was called */
	char setting[64]; /* VECSTORE_QUEUE: both, and a random number by which workers hash what tells a tenant */
};

int vs_queue_open(struct vs_queue *queue, struct vs_error *error);
/* Between fork and exec: the new program inherits it, and is told. 0, or -1 with errno. */
int vs_queue_hand_on(const struct vs_queue *queue);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/audit: who did or was denied what (catalog.db, truth). Events are numbered in order and lie in two chains, one of
 * what administrators did and one of what was denied, so that no flood of denials pushes the others out. Each event carries
 *
 *   SHA-256(hash of the event before it in its chain, number of fields' bytes and bytes …)
 *
 * and the chain's row its first event's predecessor (the anchor) and its last event (the head): a row that is changed, removed
 * or added from outside shows in vs_audit_check. Past its bound a chain loses its oldest events, and the anchor moves on.
 * Whoever can write the file can forge all of it: the copy in syslog tells.
 */
#ifndef VS_STORE_AUDIT_H
#define VS_STORE_AUDIT_H

#include <stdint.h>

#include "store/audit_event.h"
#include "store/catalog.h"

/* Values are stored: never renumber. */
enum vs_audit_chain { VS_AUDIT_DONE = 1, VS_AUDIT_DENIED = 2 };
#define VS_AUDIT_DONE_MAX 100000  /* events kept */
#define VS_AUDIT_DENIED_MAX 20000 /* so */

/* In a commit of its own; durable when it returns 0. Fills in what is given. */
int vs_audit_append(struct vs_catalog *catalog, enum vs_audit_chain chain, struct vs_audit_event *event,
                    struct vs_error *error);
/* As part of a transaction that vs_catalog_begin began. */
int vs_audit_put(struct vs_catalog *catalog, enum vs_audit_chain chain, struct vs_audit_event *event,
                 struct vs_error *error);
/* Ends the transaction of a change, with its event (NULL: none) in it if rc is not negative: as vs_catalog_end. event->seq is 0
 * then unless it was recorded. */
int vs_audit_end(struct vs_catalog *catalog, int rc, struct vs_audit_event *event, struct vs_error *error);

struct vs_audit_query {
	int64_t after;     /* number: later ones */
	int64_t since;     /* time, milliseconds since 1970: not before */
	const char *ns;    /* NULL: any */
	const char *actor; /* NULL: any */
	unsigned limit;
};
/* In order; a non-zero return stops and is returned. Strings are valid during the call. */
int vs_audit_each(struct vs_catalog *catalog, const struct vs_audit_query *query,
                  int (*each)(void *context, const struct vs_audit_event *event), void *context, struct vs_error *error);
/* Walks both chains; each problem is reported, 0 when it could look. */
int vs_audit_check(struct vs_catalog *catalog, void (*report)(void *context, const char *problem), void *context,
                   struct vs_error *error);

#endif

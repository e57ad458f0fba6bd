/* SPDX-License-Identifier: Apache-2.0 */
/*
 * indexer/compactor: compacts namespaces that have many dead slots, one at a time, in a thread of its own. That thread has
 * its own handles, so the keeper goes on with the live generation as if another process compacted.
 */
#ifndef VS_INDEXER_COMPACTOR_H
#define VS_INDEXER_COMPACTOR_H

#include <signal.h>

#include "programs/indexer/keeper.h"

struct vs_compactor;
struct vs_error;
struct vs_namespace;

/* As vs_keeper_open. */
int vs_compactor_open(const struct vs_keeper_settings *settings, const volatile sig_atomic_t *stop,
                      struct vs_compactor **compactor, struct vs_error *error);
/* Waits for the thread, which ends soon once *stop is set. NULL allowed. */
void vs_compactor_close(struct vs_compactor *compactor);

/* Looks at a namespace, through the keeper's handle, and begins to compact it if that is worth while and nothing else is
 * being compacted. */
void vs_compactor_offer(struct vs_compactor *compactor, struct vs_namespace *ns, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * indexer/keeper: every namespace of a data folder, each with what it waits for. A fault in one keeps none of the
 * others waiting; it is logged once and tried again, later and later.
 */
#ifndef VS_INDEXER_KEEPER_H
#define VS_INDEXER_KEEPER_H

#include <signal.h>
#include <stdint.h>

#include "store/policy.h"

struct vs_keeper;
struct vs_error;

struct vs_keeper_settings {
	const char *data;      /* the data folder */
	unsigned threads;      /* for linking; 0: one per core */
	unsigned compact_at;   /* per cent of the slots that are dead; 0: never */
	unsigned changes_kept; /* of each change log; 0: as many as the library says */
	const char *run_dir;   /* where tenants.shm lies; NULL: nothing is counted */
	struct vs_quota quota; /* vs_store_set_quota, for jobs */
};

/* Settings and stop must live as long as the keeper. *stop non-zero ends work soon, cleanly. watch: of vs_watch_open. */
int vs_keeper_open(const struct vs_keeper_settings *settings, int watch, const volatile sig_atomic_t *stop,
                   struct vs_keeper **keeper, struct vs_error *error);
void vs_keeper_close(struct vs_keeper *keeper); /* NULL allowed */

/* Notes what changed, from the watch's events. */
void vs_keeper_notice(struct vs_keeper *keeper);
/* Looks again, at the next pass, at what is open, at the catalogue, and at a few of the namespaces that are at rest. */
void vs_keeper_sweep(struct vs_keeper *keeper);

/* Does what there is to do. Returns when (vs_clock_mono_ns) to come again if nothing changes before; UINT64_MAX:
 * never. */
uint64_t vs_keeper_pass(struct vs_keeper *keeper);

#endif

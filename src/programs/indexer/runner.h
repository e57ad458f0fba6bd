/* SPDX-License-Identifier: Apache-2.0 */
/*
 * indexer/runner: works off the jobs of the data folder, in threads that have handles of their own: RUNNER_THREADS at once, each
 * on another namespace. So a long job keeps those of its namespace waiting, and those of others only when each thread has a
 * long one.
 */
#ifndef VS_INDEXER_RUNNER_H
#define VS_INDEXER_RUNNER_H

#include <signal.h>
#include <stdint.h>

#include "programs/indexer/keeper.h"

struct vs_runner;
struct vs_error;
struct vs_store;

/* As vs_keeper_open. */
int vs_runner_open(const struct vs_keeper_settings *settings, const volatile sig_atomic_t *stop,
                   struct vs_runner **runner, struct vs_error *error);
/* Waits for the threads, which end soon once *stop is set. NULL allowed. */
void vs_runner_close(struct vs_runner *runner);
/* Gives jobs up, since their data folder went away, and waits for that. */
void vs_runner_forget(struct vs_runner *runner);

/* Looks for jobs, through the keeper's handle, and begins what can begin. Returns when (vs_clock_mono_ns) to come again though
 * nothing changes; 0: not so. */
uint64_t vs_runner_offer(struct vs_runner *runner, struct vs_store *store);

#endif

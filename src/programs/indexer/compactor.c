/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/indexer/compactor.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/vecstore.h"

#ifndef VS_FAULTS
#define LEAST 1000 /* dead slots: for fewer it is never worth while */
#else              /* as many as the tests have */
#define LEAST 20
#endif
#define RETRY UINT64_C(60000000000) /* ns after a failure; a full disk is the usual one */

struct vs_compactor {
	const struct vs_keeper_settings *settings;
	const volatile sig_atomic_t *stop;
	pthread_t thread;
	bool started;  /* and not joined */
	uint32_t done; /* atomic: the thread has ended */
	uint64_t retry_at;
	/* The thread's, while it runs. */
	char name[64];
	int rc;
};

int vs_compactor_open(const struct vs_keeper_settings *settings, const volatile sig_atomic_t *stop,
                      struct vs_compactor **compactor, struct vs_error *error)
{
	*compactor = calloc(1, sizeof **compactor);
	if (!*compactor)
		return vs_error_set(error, VS_ENOMEM, "out of memory");
	(*compactor)->settings = settings;
	(*compactor)->stop = stop;
	return 0;
}

static void end(struct vs_compactor *compactor)
{
	if (!compactor->started)
		return;
	pthread_join(compactor->thread, NULL);
	compactor->started = false;
	compactor->retry_at = compactor->rc < 0 ? vs_clock_mono_ns() + RETRY : 0;
}

void vs_compactor_close(struct vs_compactor *compactor)
{
	if (!compactor)
		return;
	end(compactor);
	free(compactor);
}

static int progress(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	const struct vs_compactor *compactor = context;
	(void)phase;
	(void)done;
	(void)total;
	return *compactor->stop ? 1 : 0;
}

static void *run(void *context)
{
	struct vs_compactor *compactor = context;
	struct vs_compact_options options = { compactor->settings->threads, progress, compactor };
	struct vs_compact_result result = { 0, 0 };
	struct vs_store *store = NULL;
	struct vs_namespace *ns = NULL;
	struct vs_error error;
	uint64_t begin = vs_clock_mono_ns();
	int rc = vs_store_open(compactor->settings->data, 0, &store, &error);
	if (!rc)
		rc = vs_namespace_open(store, compactor->name, NULL, &ns, &error);
	if (!rc)
		rc = vs_namespace_compact(ns, &options, &result, &error);
	vs_namespace_close(ns);
	vs_store_close(store);
	if (rc == 0)
		vs_log(VS_LOG_INFO, "namespace %s: compacted: %" PRIu64 " dead slots, %" PRIu64 " bytes, in %.1f s",
		       compactor->name, result.removed_count, result.freed_bytes, (double)(vs_clock_mono_ns() - begin) / 1e9);
	else if (rc < 0)
		vs_log(rc == VS_EBUSY ? VS_LOG_INFO : VS_LOG_ERROR, "namespace %s: not compacted: %s", compactor->name,
		       error.text);
	compactor->rc = rc;
	vs_store_release(&compactor->done, 1);
	return NULL;
}

static bool worth_while(const struct vs_compactor *compactor, struct vs_namespace *ns)
{
	uint64_t at = compactor->settings->compact_at;
	struct vs_namespace_stats stats;
	if (at == 0 || vs_namespace_stats(ns, &stats, NULL))
		return false;
	uint64_t dead = stats.slots - stats.total;
	return dead >= LEAST && dead * 100 >= stats.slots * at;
}

void vs_compactor_offer(struct vs_compactor *compactor, struct vs_namespace *ns, const char *name)
{
	if (compactor->started && !vs_load_acquire(&compactor->done))
		return;
	end(compactor);
	if (*compactor->stop || vs_clock_mono_ns() < compactor->retry_at || !worth_while(compactor, ns))
		return;
	snprintf(compactor->name, sizeof compactor->name, "%s", name);
	compactor->done = 0;
	compactor->started = pthread_create(&compactor->thread, NULL, run, compactor) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What of a query is left to the exact scan: the unlinked tail, or everything; by how many threads. */
#include <stdlib.h>

#include "base/cpu.h"
#include "engine/search_impl.h"
#include "index/scan.h"
#include "index/scan_batch.h"

/*
 * What a scan takes, in picoseconds per number of a row: to have it in the cache, and per query to compare it. Measured
 * on word vectors (doc/benchmarks.md), where a thread takes 20 to 40 microseconds to start.
 */
#define PS_FETCH 150
#define PS_COMPARE 75
#define PS_COMPARE_TILES 12
#define TILES_LEAST 3               /* queries */
#define NS_PER_THREAD UINT64_C(250000) /* that a thread more must have to do */

static uint64_t scan_ns(const struct search *search, uint32_t count)
{
	uint64_t rows = search->state.next_slot - search->from;
	uint64_t dim = search->view.space->dim;
	bool tiles = count >= TILES_LEAST && vs_scan_has_tiles(search->state.metric);

	if (search->accepted < rows)
		rows = search->accepted;
	return rows * dim * (PS_FETCH + (uint64_t)count * (tiles ? PS_COMPARE_TILES : PS_COMPARE)) / 1000;
}

/* What the environment says, in place of a choice; 0: nothing. */
static unsigned told_threads(void)
{
	const char *text = getenv("VECSTORE_SCAN_THREADS");
	unsigned long threads = text != NULL ? strtoul(text, NULL, 10) : 0;

	return threads < VS_SCAN_THREADS_MAX ? (unsigned)threads : VS_SCAN_THREADS_MAX;
}

/* As many as the queries ask for, or the environment, or as pay and are free. */
static unsigned choose_threads(struct search *const *searches, uint32_t count)
{
	unsigned threads = 0;
	uint64_t pay;

	for (uint32_t i = 0; i < count; i++)
		if (searches[i]->query->threads > threads)
			threads = searches[i]->query->threads;
	if (threads == 0)
		threads = told_threads();
	if (threads > 0)
		return threads;
	pay = scan_ns(searches[0], count) / NS_PER_THREAD;
	if (pay < 2)
		return 1;
	threads = vs_cpu_free();
	return pay < threads ? (unsigned)pay : threads;
}

/* Scans for searches whose `from` is the same. */
static int scan_group(struct search *const *searches, uint32_t count, struct vs_error *error)
{
	struct search *first = searches[0];
	unsigned threads = choose_threads(searches, count);
	struct vs_scan scan = { &first->view, first->accept, first->from, first->state.next_slot, NULL, count, threads };
	struct vs_scan_query *queries;
	uint32_t scanned;
	int rc;

	if (count == 1 && threads == 1) {
		scanned = vs_scan_search(scan.view, first->vector, first->factor, scan.accept, scan.from, scan.to, &first->top);
		first->stats->distances += scanned;
		first->scanned += scanned;
		return 0;
	}
	queries = vs_arena_calloc(&first->ns->arena, count, sizeof(*queries));
	if (queries == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u queries", count);
	for (uint32_t i = 0; i < count; i++)
		queries[i] = (struct vs_scan_query){ searches[i]->vector, searches[i]->factor, &searches[i]->top };
	scan.queries = queries;
	rc = vs_scan_batch(&scan, &scanned, error);
	for (uint32_t i = 0; i < count; i++) {
		searches[i]->stats->distances += scanned;
		searches[i]->scanned += scanned;
	}
	return rc;
}

/* Scans what is left of all. */
static int scan_all(struct search *const *searches, uint32_t count, struct vs_error *error)
{
	struct search **group = vs_arena_calloc(&searches[0]->ns->arena, count, sizeof(*group));
	uint32_t next_slot = searches[0]->state.next_slot;

	if (group == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u queries", count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t from = searches[i]->from;
		uint32_t len = 0;
		int rc;
		for (uint32_t j = i; from < next_slot && j < count; j++)
			if (searches[j]->from == from)
				group[len++] = searches[j];
		rc = len > 0 ? scan_group(group, len, error) : 0;
		if (rc < 0)
			return rc;
		for (uint32_t j = 0; j < len; j++)
			group[j]->from = next_slot;
	}
	return 0;
}

/* I6: more match than the graph found, or may lie within a range whose border it met. */
static bool falls_short(const struct search *search)
{
	const struct vs_topk *top = &search->top;

	if (search->stats->path != VS_PATH_GRAPH)
		return false;
	if (top->len < search->want)
		return true;
	return search->query->has_max_distance && !vs_search_reaches(search, &top->hits[top->len - 1]);
}

int vs_search_settle(struct search *const *searches, uint32_t count, struct vs_error *error)
{
	bool again = false;
	int rc = scan_all(searches, count, error);

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		struct search *search = searches[i];
		if (falls_short(search)) {
			vs_search_exactly(search);
			again = true;
		}
	}
	return rc == 0 && again ? scan_all(searches, count, error) : rc;
}

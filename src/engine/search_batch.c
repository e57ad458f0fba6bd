/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many queries in one snapshot. Those under the same filter go together: their bitmap is made once, those that the
 * graph serves walk it one after another, and what is left to the exact scan shares one pass over the rows. That
 * makes the scan so much cheaper that it also takes queries which alone would walk (choose() in engine/search).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/search_impl.h"

/* Puts "queries[i]." before the field that an error names. */
static void at_query(struct vs_error *error, size_t i)
{
	struct vs_error old;
	size_t len;

	if (error == NULL || error->field[0] == '\0')
		return;
	old = *error;
	len = strlen(old.field);
	snprintf(error->field, sizeof(error->field), "queries[%zu].%.48s", i, old.field);
	if (strncmp(old.text, old.field, len) == 0)
		snprintf(error->text, sizeof(error->text), "queries[%zu].%.290s", i, old.text);
}

static int check(const struct vs_query *queries, size_t count, struct vs_error *error)
{
	uint64_t wanted = 0;

	if (count > VS_SEARCH_BATCH_MAX)
		return vs_error_at(error, VS_ETOOBIG, "queries", -1, "%zu queries; a batch has at most %d", count,
		                   VS_SEARCH_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		int rc = vs_search_check(&queries[i], error);
		if (rc < 0) {
			at_query(error, i);
			return rc;
		}
		wanted += queries[i].limit + queries[i].offset;
	}
	if (wanted > VS_SEARCH_BATCH_RESULTS_MAX)
		return vs_error_at(error, VS_ETOOBIG, "queries", -1, "limits and offsets add up to more than %d",
		                   VS_SEARCH_BATCH_RESULTS_MAX);
	return 0;
}

/* One query of the batch. */
struct entry {
	struct search search;
	struct vs_results *results;
	size_t number;
};

static int by_filter(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	const char *left = x->search.query->filter, *right = y->search.query->filter;
	int order;

	if (left == NULL || right == NULL)
		order = (left != NULL) - (right != NULL);
	else
		order = strcmp(left, right);
	return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static bool same_filter(const struct entry *x, const struct entry *y)
{
	const char *left = x->search.query->filter, *right = y->search.query->filter;

	return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

/* Those under one filter. `searches` has room for count. */
static int run_group(struct entry *const *entries, size_t count, struct search **searches, struct vs_error *error)
{
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		searches[i] = &entries[i]->search;
		searches[i]->company = (uint32_t)count;
		rc = vs_search_accept(searches[i], error);
		if (rc == 0)
			rc = vs_search_ask(searches[i], error);
		if (rc < 0)
			at_query(error, entries[i]->number);
	}
	if (rc == 0)
		rc = vs_search_settle(searches, (uint32_t)count, error);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = vs_search_hydrate(searches[i], entries[i]->results, error);
	for (size_t i = 0; i < count; i++)
		vs_topk_release(&entries[i]->search.top);
	return rc;
}

/* Inside the read transaction. */
static int run(struct vs_namespace *ns, struct entry *entries, size_t count, struct vs_error *error)
{
	struct entry **order = vs_arena_calloc(&ns->arena, count, sizeof(*order));
	struct search **searches = vs_arena_calloc(&ns->arena, count, sizeof(*searches));
	int rc = 0;

	if (order == NULL || searches == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu queries", count);
	for (size_t i = 0; i < count && rc == 0; i++) {
		order[i] = &entries[i];
		rc = vs_search_prepare(&entries[i].search, error);
		if (rc < 0)
			at_query(error, i);
	}
	if (rc == 0)
		qsort(order, count, sizeof(*order), by_filter);
	for (size_t i = 0, len; i < count && rc == 0; i += len) {
		for (len = 1; i + len < count && same_filter(order[i], order[i + len]); len++)
			continue;
		rc = run_group(order + i, len, searches, error);
	}
	return rc;
}

int vs_namespace_search_batch(struct vs_namespace *ns, const struct vs_query *queries, size_t count,
                              struct vs_results *results, struct vs_error *error)
{
	uint64_t start = vs_clock_mono_ns();
	struct vs_meta_state state;
	struct entry *entries;
	uint64_t share;
	int rc;

	memset(results, 0, count * sizeof(*results));
	rc = check(queries, count, error);
	if (rc == 0 && count > 0)
		rc = vs_namespace_begin(ns, &state, error);
	if (rc < 0 || count == 0)
		return rc;
	entries = vs_arena_calloc(&ns->arena, count, sizeof(*entries));
	for (size_t i = 0; i < count && entries != NULL; i++) {
		results[i].mark = vs_namespace_mark_of(ns, &state);
		entries[i].search.ns = ns;
		entries[i].search.query = &queries[i];
		entries[i].search.state = state;
		entries[i].search.stats = &results[i].stats;
		entries[i].search.start_ns = start;
		entries[i].results = &results[i];
		entries[i].number = i;
	}
	if (entries == NULL)
		rc = vs_error_set(error, VS_ENOMEM, "no memory for %zu queries", count);
	else
		rc = run(ns, entries, count, error);
	vs_namespace_end(ns);
	share = (vs_clock_mono_ns() - start) / count;
	for (size_t i = 0; i < count; i++)
		results[i].stats.duration_ns = share;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/explain.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

static const struct {
	const char *name;
	const char *text;
} ways[] = {
	[VS_WAY_EMPTY] = { "empty", "Nothing matches, so nothing was searched." },
	[VS_WAY_ROWS] = { "exact_rows", "Compared the float32 vectors of all records that match." },
	[VS_WAY_CODES] = { "exact_codes", "Compared the codes of all records that match, and the best of them by their vectors." },
	[VS_WAY_WALK] = { "graph", "Walked the graph through all nodes and took those that match." },
	[VS_WAY_ACCEPTED] = { "graph_filtered", "Walked the graph over nodes that match, looking through the others." },
};

const char *vs_way_name(enum vs_way way)
{
	return ways[way].name;
}

const char *vs_way_text(enum vs_way way)
{
	return ways[way].text;
}

void vs_explanation_lap(struct search *search, enum vs_phase phase)
{
	uint64_t now;

	if (search->explanation == NULL)
		return;
	now = vs_clock_mono_ns();
	search->explanation->phase_ns[phase] += now - search->lap_ns;
	search->lap_ns = now;
}

void vs_explanation_planned(struct vs_explanation *explanation, const struct search *search)
{
	explanation->planned = search->plan.way;
	explanation->reason = search->plan.reason;
	explanation->wanted = search->want;
	explanation->pool = search->plan.ef;
	explanation->linked = search->plan.linked;
	explanation->tail = search->state.next_slot - search->plan.linked;
	if (search->stats->total_candidates > 0)
		explanation->selectivity = (double)search->accepted / (double)search->stats->total_candidates;
}

void vs_explanation_walked(struct vs_explanation *explanation, const struct vs_graph_stats *stats)
{
	explanation->walks++;
	explanation->levels = stats->levels;
	explanation->offered = stats->offered;
	explanation->gave_up = explanation->gave_up || stats->gave_up > 0;
	explanation->graph_distances += stats->distances - stats->rescored;
	explanation->rescored += stats->rescored;
}

void vs_explanation_hydrated(struct vs_explanation *explanation, bool copied)
{
	explanation->hydrated++;
	explanation->copied += copied;
}

/* Of the results, whose hits stand at the query's offset in top. */
static int find_parts(struct search *search, size_t count, struct vs_error *error)
{
	const struct vs_hit *hits = search->top.hits;
	struct vs_score_parts *parts = vs_arena_calloc(&search->ns->arena, count, sizeof(*parts));

	if (parts == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for an explanation");
	search->explanation->parts = parts;
	for (size_t i = 0; i < count; i++) {
		const struct vs_hit *hit = &hits[search->query->offset + i];
		const float *row = vs_view_row(&search->view, hit->slot);
		double query2 = 0, record2 = 0;
		for (uint32_t d = 0; d < search->view.space->dim; d++) {
			parts[i].dot += (double)search->vector[d] * (double)row[d];
			query2 += (double)search->vector[d] * (double)search->vector[d];
			record2 += (double)row[d] * (double)row[d];
		}
		parts[i].query_norm = sqrt(query2);
		parts[i].record_norm = sqrt(record2);
		parts[i].distance = (double)vs_search_distance(search, hit);
		parts[i].tail = hit->slot >= search->plan.linked;
	}
	return 0;
}

static bool has_slot(const struct search *search, size_t count, uint32_t slot)
{
	for (size_t i = 0; i < count; i++)
		if (search->top.hits[search->query->offset + i].slot == slot)
			return true;
	return false;
}

/* How many of the exact answer's results are in ours. An empty answer is all of an empty one. */
static int compare(struct search *search, const struct vs_results *results, struct vs_error *error)
{
	struct vs_explanation *explanation = search->explanation;
	struct vs_query query = *search->query;
	struct vs_results answer = { 0 };
	struct search exact = { .ns = search->ns, .query = &query, .state = search->state, .stats = &answer.stats };
	size_t common = 0;
	int rc;

	query.exact = true;
	query.with_metadata = query.with_vector = false;
	exact.start_ns = vs_clock_mono_ns();
	rc = vs_search_run(&exact, &answer, error);
	explanation->exact_ns = vs_clock_mono_ns() - exact.start_ns;
	explanation->exact_distances = answer.stats.distances;
	for (size_t i = 0; rc == 0 && i < answer.count; i++)
		common += has_slot(search, results->count, exact.top.hits[query.offset + i].slot);
	explanation->compared = true;
	explanation->recall = answer.count > 0 ? (double)common / (double)answer.count : 1.0;
	vs_topk_release(&exact.top);
	return rc;
}

/* Inside the read transaction. */
static int run(struct search *search, bool compare_exact, struct vs_results *results, struct vs_error *error)
{
	struct vs_explanation *explanation = search->explanation;
	int rc = vs_search_run(search, results, error);

	if (rc < 0)
		return rc;
	explanation->used = search->plan.way;
	explanation->nodes_visited = results->stats.nodes_visited;
	explanation->candidates = search->candidates;
	explanation->scan_distances = search->scanned;
	results->stats.duration_ns = vs_clock_mono_ns() - search->start_ns;
	rc = find_parts(search, results->count, error);
	if (rc == 0 && compare_exact)
		rc = compare(search, results, error);
	return rc;
}

int vs_namespace_explain(struct vs_namespace *ns, const struct vs_query *query, bool compare_exact,
                         struct vs_results *results, struct vs_explanation *explanation, struct vs_error *error)
{
	struct search search = { .ns = ns, .query = query, .stats = &results->stats, .start_ns = vs_clock_mono_ns() };
	int rc;

	memset(results, 0, sizeof(*results));
	memset(explanation, 0, sizeof(*explanation));
	search.explanation = explanation;
	search.lap_ns = search.start_ns;
	rc = vs_search_check(query, error);
	if (rc == 0)
		rc = vs_namespace_begin(ns, &search.state, error);
	if (rc < 0)
		return rc;
	results->mark = vs_namespace_mark_of(ns, &search.state);
	rc = run(&search, compare_exact, results, error);
	vs_namespace_end(ns);
	vs_topk_release(&search.top);
	return rc;
}

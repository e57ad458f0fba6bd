/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query: one snapshot; the filter as a bitmap; then the cheapest of four ways to what it accepts (rows, codes, a walk
 * through all nodes, a walk over accepted ones) and an exact scan of the unlinked tail; then the rows of the k best.
 *
 * I6: filters apply inside all of them. Should they find fewer than wanted although more match, the exact scan decides.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "engine/search_impl.h"
#include "index/scan_batch.h"

#define RESULTS_MAX 10000
#define EF_MAX 100000
#define EF_DEFAULT 160 /* recall@10 of 0.95 on vectors as hard as those of words */

/*
 * What ways of finding candidates cost, in codes compared in order; measured on word vectors (doc/benchmarks.md).
 * A walk computes about 17 distances per place of its pool, each of which waits for memory; one over accepted nodes reads
 * the more lists the fewer pass.
 */
#define WALK_PER_EF 86
#define ACCEPTED_PER_EF 130
#define ACCEPTED_HOPS 5     /* per place and 1 / share of accepted */
#define SHARE_LEAST 0.005f  /* of accepted, below which those that two hops reach hang together no more */
#define EXACT_MOST 1000     /* accepted up to which float32 rows are compared at once */
#define SHARED_COMPARE 0.3f /* of an accepted row, for each of many queries that share a pass over the rows, */
#define SHARED_FETCH 4.0f   /* and for all of them together */
#define SHARED_LEAST 8      /* queries */

int vs_search_check(const struct vs_query *query, struct vs_error *error)
{
	if ((query->vector == NULL) == (query->id == NULL))
		return vs_error_at(error, VS_EINVAL, "vector", -1, "a query needs either a vector or an id");
	if (query->limit < 1 || query->limit > RESULTS_MAX)
		return vs_error_at(error, VS_EINVAL, "limit", -1, "%u is not between 1 and %d", query->limit, RESULTS_MAX);
	if (query->offset > RESULTS_MAX - query->limit)
		return vs_error_at(error, VS_EINVAL, "offset", -1, "limit + offset is more than %d", RESULTS_MAX);
	if (query->rescore < -1 || query->rescore > VS_RESCORE_MAX)
		return vs_error_at(error, VS_EINVAL, "rescore", -1, "%d is not between 0 and %d", (int)query->rescore, VS_RESCORE_MAX);
	if (query->ef > EF_MAX)
		return vs_error_at(error, VS_EINVAL, "ef", -1, "%u is more than %d", query->ef, EF_MAX);
	return 0;
}

/* The query's own vector, checked, or the stored one of the id. */
static int find_vector(struct search *search, struct vs_error *error)
{
	const struct vs_query *query = search->query;
	const struct vs_space *space = search->view.space;
	struct vs_meta_row row;
	int rc;

	search->self = -1;
	if (query->vector != NULL) {
		if (search->state.dimension != 0 && query->dimension != search->state.dimension)
			return vs_error_at(error, VS_EINVAL, "vector", -1, "%u numbers; this namespace has dimension %u",
			                   query->dimension, search->state.dimension);
		search->vector = query->vector;
		search->factor = space != NULL ? vs_space_factor(space, query->vector) : 0.0f;
		return vs_namespace_check_vector(search->state.metric, "vector", query->vector, query->dimension, error);
	}
	rc = vs_namespace_check_id("id", query->id, query->id_len, error);
	if (rc < 0)
		return rc;
	rc = vs_meta_find(search->ns->generation.meta, query->id, query->id_len, &row, NULL);
	if (rc == VS_ENOTFOUND || (rc == 0 && (row.deleted_at != 0 || vs_generation_expired(&search->ns->generation, &row))))
		return vs_error_at(error, VS_ENOTFOUND, "id", -1, "there is no live record with this id");
	if (rc < 0)
		return vs_error_set(error, rc, "the record to query by could not be read");
	if (row.slot >= search->view.count)
		return vs_error_set(error, VS_ECORRUPT, "slot %u of a record lies past the vector file's end", row.slot);
	search->self = row.slot;
	search->vector = vs_view_row(&search->view, row.slot);
	search->factor = search->vector[space->dim];
	return 0;
}

int vs_search_accept(struct search *search, struct vs_error *error)
{
	struct vs_generation *generation = &search->ns->generation;
	int rc;

	search->accept = vs_generation_visible(generation);
	search->accepted = vs_generation_active(generation, &search->state);
	search->stats->total_candidates = search->accepted;
	if (search->query->filter != NULL) {
		rc = vs_matches_find_live(&generation->matches, generation->meta, &search->state, search->query->filter,
		                          search->accept, &search->accept, &search->accepted, error);
		if (rc < 0)
			return rc;
	}
	search->stats->filtered_count = search->accepted;
	search->want = search->query->limit + search->query->offset + (search->self >= 0 ? 1 : 0);
	if (search->want > search->accepted)
		search->want = (uint32_t)search->accepted;
	return 0;
}

/* A way to find candidates below `linked`, and its pool. */
struct plan {
	enum vs_graph_way way;
	uint32_t ef;
};

/* Pool of a walk through all nodes: the nearest accepted are among more others the fewer are accepted. */
static float walk_ef(float ef, float share)
{
	return ef * powf(share, -0.4f);
}

/* Pool of a walk over accepted nodes, which begin to come apart where few are accepted. It uses a part of it. */
static float accepted_ef(float ef, float share)
{
	return share < 0.02f ? 2.0f * ef : share < 0.07f ? 1.5f * ef : ef;
}

/* The cheapest way that keeps the recall that ef has without a filter. False: compare the accepted exactly. */
static bool choose(const struct search *search, uint32_t linked, struct plan *plan)
{
	uint32_t given = search->query->ef != 0 ? search->query->ef : EF_DEFAULT;
	float ef = (float)(given > search->want ? given : search->want);
	float accepted = (float)search->accepted;
	float share = accepted < (float)linked ? accepted / (float)linked : 1.0f;
	float pools[] = { walk_ef(ef, share), accepted_ef(ef, share), ef };
	float costs[] = { pools[0] * WALK_PER_EF, pools[1] * (ACCEPTED_PER_EF + ACCEPTED_HOPS / share), accepted };

	if (search->accepted <= EXACT_MOST)
		return false;
	plan->way = VS_GRAPH_WALK;
	if (share < 0.9f && share > SHARE_LEAST && costs[1] < costs[0])
		plan->way = VS_GRAPH_ACCEPTED;
	if (costs[2] < costs[plan->way])
		plan->way = VS_GRAPH_SCAN;
	if (search->company >= SHARED_LEAST && vs_scan_has_tiles(search->state.metric) &&
	    accepted * (SHARED_COMPARE + SHARED_FETCH / (float)search->company) < costs[plan->way])
		return false;
	if (pools[plan->way] < (float)search->want)
		pools[plan->way] = (float)search->want;
	if (pools[plan->way] > EF_MAX)
		return false;
	plan->ef = (uint32_t)pools[plan->way];
	return true;
}

/* Accepted that the pool had, at most as many as are re-scored; negative when the graph cannot be asked. */
static int64_t ask_graph(struct search *search, const struct vs_graph *graph, const struct plan *plan, uint32_t linked)
{
	struct vs_generation *generation = &search->ns->generation;
	struct vs_graph_query query = { .vector = search->vector,
		                            .factor = search->factor,
		                            .ef = plan->ef,
		                            .below = linked,
		                            .accept = search->accept,
		                            .way = plan->way,
		                            .rescore = search->query->rescore < 0
		                                           ? vs_graph_enough(search->want)
		                                           : (uint32_t)search->query->rescore * search->want };
	struct vs_graph_stats stats = { 0, 0, 0 };

	vs_topk_reset(&search->top);
	if (generation->scratch == NULL && vs_graph_scratch_init(&generation->scratch, NULL) < 0)
		return -1;
	if (vs_graph_search(graph, &search->view, &query, generation->scratch, &search->top, &stats, NULL) < 0)
		return -1;
	search->stats->nodes_visited += stats.visited;
	search->stats->distances += stats.distances;
	return stats.offered;
}

/* Asks the graph and leaves the tail to be scanned. False: it cannot be asked, or the exact scan is cheaper. */
static bool walk(struct search *search, const struct vs_graph *graph)
{
	uint32_t linked = vs_graph_linked(graph);
	uint32_t least = vs_graph_enough(search->want); /* accepted that a walk must have met to be believed */
	struct plan plan;
	int64_t offered;

	if (linked > search->state.next_slot)
		linked = search->state.next_slot;
	search->stats->unlinked = search->state.next_slot - linked;
	if (linked == 0 || !choose(search, linked, &plan))
		return false;
	offered = ask_graph(search, graph, &plan, linked);
	/* Around this vector fewer are accepted than elsewhere. */
	if (offered >= 0 && offered < (int64_t)least && plan.way == VS_GRAPH_WALK && search->query->filter != NULL) {
		plan.way = VS_GRAPH_ACCEPTED;
		offered = ask_graph(search, graph, &plan, linked);
	}
	search->from = linked;
	return offered >= 0;
}

void vs_search_exactly(struct search *search)
{
	search->stats->path = VS_PATH_EXACT;
	vs_topk_reset(&search->top);
	search->from = 0;
}

int vs_search_ask(struct search *search, struct vs_error *error)
{
	const struct vs_graph *graph = search->ns->generation.graph;

	search->from = search->state.next_slot;
	search->stats->path = VS_PATH_EMPTY;
	if (search->accepted == 0)
		return 0;
	if (vs_topk_init(&search->top, search->want) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u results", search->want);
	search->stats->path = VS_PATH_GRAPH;
	if (graph == NULL || search->query->exact || !walk(search, graph))
		vs_search_exactly(search);
	return 0;
}

static bool reaches(const struct search *search, float score)
{
	if (!search->query->has_min_score)
		return true;
	if (search->state.metric == VS_COSINE || search->state.metric == VS_DOT)
		return score >= search->query->min_score;
	return score <= search->query->min_score;
}

/* The hits past the offset and down to the least score, in place; *count of them. */
static struct vs_hit *choose_hits(const struct search *search, uint32_t *count)
{
	struct vs_hit *hits = search->top.hits;
	uint32_t left_out = search->query->offset;

	*count = 0;
	for (uint32_t i = 0; i < search->top.len && *count < search->query->limit; i++) {
		if (hits[i].slot == search->self)
			continue;
		if (!reaches(search, vs_space_score(search->view.space, hits[i].distance)))
			break;
		if (left_out > 0)
			left_out--;
		else
			hits[(*count)++] = hits[i];
	}
	return hits;
}

/* The record of a live slot: from the copy of its row where there is one, else from the row. */
static int find_record(const struct search *search, uint32_t slot, struct vs_record *record, struct vs_error *error)
{
	struct vs_namespace *ns = search->ns;
	const struct vs_rows *rows = ns->generation.rows;
	struct vs_meta_row row;
	bool copied = rows != NULL && vs_rows_find(rows, slot, &ns->arena, &row);
	int rc = copied ? 0 : vs_meta_get(ns->generation.meta, slot, &row, error);

	if (rc == VS_ENOTFOUND)
		return vs_error_set(error, VS_ECORRUPT, "slot %u is live but no record has it", slot);
	if (rc < 0)
		return rc;
	return vs_namespace_record(ns, &row, search->query->with_metadata, search->query->with_vector, !copied, record, error);
}

int vs_search_hydrate(struct search *search, struct vs_results *results, struct vs_error *error)
{
	struct vs_generation *generation = &search->ns->generation;
	uint32_t count;
	const struct vs_hit *hits = choose_hits(search, &count);
	struct vs_result *items = vs_arena_calloc(&search->ns->arena, count, sizeof(*items));

	if (items == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u results", count);
	results->items = items;
	if (generation->rows != NULL) {
		vs_rows_refresh(generation->rows, search->state.next_slot, search->start_ns);
		vs_rows_prefetch(generation->rows, hits, count);
	}
	for (uint32_t i = 0; i < count; i++) {
		int rc = find_record(search, hits[i].slot, &items[i].record, error);
		if (rc < 0)
			return rc;
		items[i].score = vs_space_score(search->view.space, hits[i].distance);
		results->count++;
	}
	return 0;
}

int vs_search_prepare(struct search *search, struct vs_error *error)
{
	if (search->ns->generation.has_vectors)
		search->view = vs_vectors_view(&search->ns->generation.vectors);
	return find_vector(search, error);
}

/* Inside the read transaction. */
static int run(struct search *search, struct vs_results *results, struct vs_error *error)
{
	int rc = vs_search_prepare(search, error);

	if (rc == 0)
		rc = vs_search_accept(search, error);
	if (rc == 0)
		rc = vs_search_ask(search, error);
	if (rc == 0)
		rc = vs_search_settle(&search, 1, error);
	if (rc == 0)
		rc = vs_search_hydrate(search, results, error);
	return rc;
}

int vs_namespace_search(struct vs_namespace *ns, const struct vs_query *query, struct vs_results *results,
                        struct vs_error *error)
{
	struct search search = { .ns = ns, .query = query, .stats = &results->stats, .start_ns = vs_clock_mono_ns() };
	int rc;

	memset(results, 0, sizeof(*results));
	rc = vs_search_check(query, error);
	if (rc == 0)
		rc = vs_namespace_begin(ns, &search.state, error);
	if (rc < 0)
		return rc;
	results->mark = vs_namespace_mark_of(ns, &search.state);
	rc = run(&search, results, error);
	vs_namespace_end(ns);
	vs_topk_release(&search.top);
	results->stats.duration_ns = vs_clock_mono_ns() - search.start_ns;
	return rc;
}

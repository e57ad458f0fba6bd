/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query: one snapshot; the filter as a bitmap; then the cheapest of four ways to what it accepts (rows, codes, a walk
 * through all nodes, a walk over accepted ones) and an exact scan of the unlinked tail; then the rows of the k best.
 *
 * I6: filters apply inside all of them. Should they find fewer than wanted although more match, the exact scan decides.
 * Which way: engine/plan. What is made of the candidates: engine/search_hydrate.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "engine/explain.h"
#include "engine/plan.h"
#include "engine/search_impl.h"

#define RESULTS_MAX 10000

static int check_bounds(const struct vs_query *query, struct vs_error *error)
{
	if (query->has_max_distance && query->has_min_score)
		return vs_error_at(error, VS_EINVAL, "max_distance", -1, "min_score bounds the results already: give one of the two");
	if (query->has_max_distance && !isfinite(query->max_distance))
		return vs_error_at(error, VS_EINVAL, "max_distance", -1, "is not finite");
	if (!(query->diversity >= 0.0f && query->diversity <= 1.0f))
		return vs_error_at(error, VS_EINVAL, "diversity", -1, "must be from 0 to 1");
	if (query->candidates > VS_CANDIDATES_MAX)
		return vs_error_at(error, VS_EINVAL, "candidates", -1, "%u is more than %d", query->candidates, VS_CANDIDATES_MAX);
	if (query->candidates > 0 && query->diversity == 0.0f)
		return vs_error_at(error, VS_EINVAL, "candidates", -1, "are for diversity, which was not asked for");
	if (query->candidates > 0 && query->candidates < query->limit + query->offset)
		return vs_error_at(error, VS_EINVAL, "candidates", -1, "are fewer than limit and offset together");
	if (query->diversity > 0.0f && query->limit + query->offset > VS_CANDIDATES_MAX)
		return vs_error_at(error, VS_EINVAL, "limit", -1, "and offset together are at most %d with diversity",
		                   VS_CANDIDATES_MAX);
	return 0;
}

int vs_search_check_options(const struct vs_query *query, struct vs_error *error)
{
	if (query->limit < 1 || query->limit > RESULTS_MAX)
		return vs_error_at(error, VS_EINVAL, "limit", -1, "%u is not between 1 and %d", query->limit, RESULTS_MAX);
	if (query->offset > RESULTS_MAX - query->limit)
		return vs_error_at(error, VS_EINVAL, "offset", -1, "limit + offset is more than %d", RESULTS_MAX);
	if (query->rescore < VS_RESCORE_NONE || query->rescore > VS_RESCORE_MAX)
		return vs_error_at(error, VS_EINVAL, "rescore", -1, "%d is not between 0 and %d", (int)query->rescore, VS_RESCORE_MAX);
	if (query->ef > VS_SEARCH_EF_MAX)
		return vs_error_at(error, VS_EINVAL, "ef", -1, "%u is more than %d", query->ef, VS_SEARCH_EF_MAX);
	return check_bounds(query, error);
}

int vs_search_check(const struct vs_query *query, struct vs_error *error)
{
	if ((query->vector == NULL) == (query->id == NULL))
		return vs_error_at(error, VS_EINVAL, "vector", -1, "a query needs either a vector or an id");
	return vs_search_check_options(query, error);
}

int vs_search_find_row(const struct search *search, const char *field, const struct vs_id *id, uint32_t *slot,
                       struct vs_error *error)
{
	struct vs_meta_row row;
	int rc = vs_namespace_check_id(field, id->data, id->len, error);

	if (rc < 0)
		return rc;
	rc = vs_meta_find(search->ns->generation.meta, id->data, id->len, &row, NULL);
	if (rc == VS_ENOTFOUND || (rc == 0 && (row.deleted_at != 0 || vs_generation_hidden(&search->ns->generation, &row))))
		return vs_error_at(error, VS_ENOTFOUND, field, -1, "there is no live record with this id");
	if (rc < 0)
		return vs_error_set(error, rc, "the record to query by could not be read");
	if (row.slot >= search->view.count)
		return vs_error_set(error, VS_ECORRUPT, "slot %u of a record lies past the vector file's end", row.slot);
	*slot = row.slot;
	return 0;
}

int vs_search_check_vector(const struct search *search, const char *field, const float *vector, uint32_t dimension,
                           struct vs_error *error)
{
	if (search->state.dimension != 0 && dimension != search->state.dimension)
		return vs_error_at(error, VS_EINVAL, field, -1, "%u numbers; this namespace has dimension %u", dimension,
		                   search->state.dimension);
	return vs_namespace_check_vector(search->state.metric, field, vector, dimension, error);
}

/* The query's own vector, checked, or the stored one of the id. */
static int find_vector(struct search *search, struct vs_error *error)
{
	const struct vs_query *query = search->query;
	const struct vs_space *space = search->view.space;
	struct vs_id id = { query->id, query->id_len };
	int rc;

	if (query->vector != NULL) {
		rc = vs_search_check_vector(search, "vector", query->vector, query->dimension, error);
		if (rc < 0)
			return rc;
		search->vector = query->vector;
		search->factor = space != NULL ? vs_space_factor(space, query->vector) : 0.0f;
		return 0;
	}
	rc = vs_search_find_row(search, "id", &id, &search->self, error);
	if (rc < 0)
		return rc;
	search->left_out = &search->self;
	search->left_out_count = 1;
	search->vector = vs_view_row(&search->view, search->self);
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
	search->want = vs_search_candidates(search->query) + search->left_out_count;
	if (search->want > search->accepted)
		search->want = (uint32_t)search->accepted;
	return 0;
}

/* Accepted that the pool had, at most as many as are re-scored; negative when the graph cannot be asked. */
static int64_t ask_graph(struct search *search)
{
	static const enum vs_graph_way ways[] = { [VS_WAY_CODES] = VS_GRAPH_SCAN,
		                                      [VS_WAY_WALK] = VS_GRAPH_WALK,
		                                      [VS_WAY_ACCEPTED] = VS_GRAPH_ACCEPTED };
	struct vs_generation *generation = &search->ns->generation;
	struct vs_graph_query query = { .vector = search->vector,
		                            .factor = search->factor,
		                            .ef = search->plan.ef,
		                            .below = search->plan.linked,
		                            .accept = search->accept,
		                            .way = ways[search->plan.way],
		                            .rescore = search->query->rescore == VS_RESCORE_NONE ? 0
		                                       : search->query->rescore == 0
		                                           ? vs_graph_enough(search->want)
		                                           : (uint32_t)search->query->rescore * search->want };
	struct vs_graph_stats stats = { 0 };

	vs_topk_reset(&search->top);
	if (generation->scratch == NULL && vs_graph_scratch_init(&generation->scratch, NULL) < 0)
		return -1;
	if (vs_graph_search(generation->graph, &search->view, &query, generation->scratch, &search->top, &stats, NULL) < 0)
		return -1;
	search->stats->nodes_visited += stats.visited;
	search->stats->distances += stats.distances;
	if (search->explanation != NULL)
		vs_explanation_walked(search->explanation, &stats);
	return stats.offered;
}

/* Asks the graph and leaves the tail to be scanned. False: it cannot be asked. */
static bool walk(struct search *search)
{
	uint32_t least = vs_graph_enough(search->want); /* accepted that a walk must have met to be believed */
	int64_t offered = ask_graph(search);

	/* Around this vector fewer are accepted than elsewhere. */
	if (offered >= 0 && offered < (int64_t)least && search->plan.way == VS_WAY_WALK && vs_search_filtered(search)) {
		search->plan.way = VS_WAY_ACCEPTED;
		offered = ask_graph(search);
	}
	search->from = search->plan.linked;
	return offered >= 0;
}

void vs_search_exactly(struct search *search)
{
	search->stats->path = VS_PATH_EXACT;
	search->plan.way = VS_WAY_ROWS;
	vs_topk_reset(&search->top);
	search->from = 0;
}

int vs_search_ask(struct search *search, struct vs_error *error)
{
	search->from = search->state.next_slot;
	search->stats->path = VS_PATH_EMPTY;
	vs_search_plan(search);
	if (search->explanation != NULL)
		vs_explanation_planned(search->explanation, search);
	if (search->plan.way == VS_WAY_EMPTY)
		return 0;
	if (vs_topk_init(&search->top, search->want) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u results", search->want);
	search->stats->path = VS_PATH_GRAPH;
	if (search->plan.way == VS_WAY_ROWS || !walk(search))
		vs_search_exactly(search);
	return 0;
}

int vs_search_prepare(struct search *search, struct vs_error *error)
{
	if (search->ns->generation.has_vectors)
		search->view = vs_vectors_view(&search->ns->generation.vectors);
	if (search->query->has_max_distance && search->query->max_distance < 0.0f && search->state.metric != VS_DOT)
		return vs_error_at(error, VS_EINVAL, "max_distance", -1, "is negative, which no distance is under this metric");
	return search->vector != NULL ? 0 : find_vector(search, error);
}

int vs_search_run(struct search *search, struct vs_results *results, struct vs_error *error)
{
	int rc = vs_search_prepare(search, error);

	vs_explanation_lap(search, VS_PHASE_PREPARE);
	if (rc == 0)
		rc = vs_search_accept(search, error);
	vs_explanation_lap(search, VS_PHASE_FILTER);
	if (rc == 0)
		rc = vs_search_ask(search, error);
	vs_explanation_lap(search, VS_PHASE_GRAPH);
	if (rc == 0)
		rc = vs_search_settle(&search, 1, error);
	vs_explanation_lap(search, VS_PHASE_SCAN);
	if (rc == 0)
		rc = vs_search_hydrate(search, results, error);
	vs_explanation_lap(search, VS_PHASE_HYDRATE);
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
	rc = vs_search_run(&search, results, error);
	vs_namespace_end(ns);
	vs_topk_release(&search.top);
	results->stats.duration_ns = vs_clock_mono_ns() - search.start_ns;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a query will cost, before it is asked. The filter is evaluated (through columns, as for a query, and kept for it)
 * and the planner asked; scans then cost what they compare. What a walk costs depends on how the graph looks around the
 * vector, which no formula knows: two walks with pools of at most 32 and 128 are made there, without fetching a row or a
 * record, and what they took is drawn out to the pool that was planned.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "engine/columns_fill.h"
#include "engine/filter_impl.h"
#include "engine/plan.h"

#define PROBE_SMALL 32
#define PROBE_LARGE 128
#define SCAN_PS 225       /* per number of a row, to fetch and compare it (engine/search_scan) */
#define CODE_PS 60        /* the same of its code */
#define PERHAPS 0.35      /* of a second walk, which costs twice as much as the first: half way, as a ratio */
#define RECORD_NS 1500    /* to fetch a result */
#define OTHER_NS 15000    /* transaction, filter that is kept */
#define TAIL_MUCH 20000   /* slots */
#define LIMIT_LARGE 1000
#define EXACT_MUCH 20000  /* rows */

struct probe {
	uint32_t pool;
	uint32_t offered; /* accepted of it */
	double visited;
	double distances;
	bool gave_up;
	bool bordered; /* max_distance ends within what it found */
	uint64_t ns;
};

static void advise(struct vs_estimate *estimate, const char *text)
{
	if (estimate->advice_count < VS_ADVICE_MAX)
		estimate->advice[estimate->advice_count++] = text;
}

/* A walk of the way that is planned, with a small pool. False when it cannot be made. */
static bool probe_graph(struct search *search, enum vs_way way, uint32_t pool, struct probe *probe)
{
	struct vs_generation *generation = &search->ns->generation;
	struct vs_graph_query query = { .vector = search->vector,
		                            .factor = search->factor,
		                            .ef = pool,
		                            .below = search->plan.linked,
		                            .accept = search->accept,
		                            .way = way == VS_WAY_WALK ? VS_GRAPH_WALK : VS_GRAPH_ACCEPTED };
	struct vs_graph_stats stats = { 0 };
	struct vs_topk top;
	uint64_t start = vs_clock_mono_ns();
	int rc;

	if (generation->scratch == NULL && vs_graph_scratch_init(&generation->scratch, NULL) < 0)
		return false;
	if (vs_topk_init(&top, pool) < 0)
		return false;
	rc = vs_graph_search(generation->graph, &search->view, &query, generation->scratch, &top, &stats, NULL);
	*probe = (struct probe){ pool, stats.offered, stats.visited, stats.distances, stats.gave_up > 0, false, 0 };
	probe->ns = vs_clock_mono_ns() - start;
	if (search->query->has_max_distance && top.len > 0 && search->want > 0) {
		uint32_t last = top.len < search->want ? top.len - 1 : search->want - 1;
		probe->bordered = !vs_search_reaches(search, &top.hits[last]);
	}
	vs_topk_release(&top);
	return rc == 0;
}

/* Visits grow with the pool as a line does; distances less, since neighbours are shared. */
static void draw_out(const struct probe *small, const struct probe *large, double pool, double most, double *visited,
                     double *distances)
{
	double power = 1.0, slope = 1.0;

	if (large->pool > small->pool) {
		slope = (large->visited - small->visited) / (large->pool - small->pool);
		power = log(fmax(large->distances, 1) / fmax(small->distances, 1)) / log((double)large->pool / small->pool);
		power = fmin(fmax(power, 0.3), 1.0);
	}
	*visited = large->visited + fmax(slope, 0) * (pool - large->pool);
	*distances = fmin(large->distances * pow(pool / large->pool, power), fmax(most, large->distances));
}

/* How likely a walk through all nodes is followed by another, because its pool holds too few accepted ones. */
static double second_walk(const struct search *search, double offered)
{
	double share = fmin(offered / search->plan.ef, 1.0);
	double spread = sqrt(offered * (1.0 - share) + 2.0);
	double least = vs_graph_enough(search->want);

	if (!vs_search_filtered(search) || offered > least + spread)
		return 0.0;
	return offered < least - spread ? 1.0 : PERHAPS;
}

/* Adds what a way through the graph costs; false when it cannot be told. *offered: accepted that its pool will hold. */
static bool add_walk(struct search *search, struct vs_estimate *estimate, enum vs_way way, double weight, double *offered,
                     bool *bordered)
{
	uint32_t pool = search->plan.ef;
	uint64_t coded = vs_bitmap_count(search->accept, 0, search->plan.linked);
	double most = way == VS_WAY_WALK ? search->plan.linked : (double)coded;
	struct probe small, large;
	double visited, distances;

	if (!probe_graph(search, way, pool < PROBE_SMALL ? pool : PROBE_SMALL, &small) ||
	    !probe_graph(search, way, pool < PROBE_LARGE ? pool : PROBE_LARGE, &large))
		return false;
	draw_out(&small, &large, pool, most, &visited, &distances);
	if (large.gave_up) { /* and so will a larger pool */
		visited = large.visited;
		distances = large.distances;
	} else if (small.gave_up) {
		visited = small.visited;
	}
	estimate->nodes_visited += (uint64_t)(weight * visited);
	estimate->distances += (uint64_t)(weight * distances);
	if (large.distances > 0)
		estimate->duration_ns += (uint64_t)(weight * distances / large.distances * (double)large.ns);
	*offered = (double)large.offered * pool / large.pool;
	*bordered = large.bordered;
	return true;
}

/* The rows that a scan from a slot on will compare. */
static void add_scan(struct search *search, struct vs_estimate *estimate, uint32_t from)
{
	uint64_t rows = vs_bitmap_count(search->accept, from, search->state.next_slot);

	estimate->distances += rows;
	if (search->view.space != NULL)
		estimate->duration_ns += rows * search->view.space->dim * SCAN_PS / 1000;
}

static uint32_t rescored(const struct search *search)
{
	if (search->view.space->quantization == VS_QUANTIZATION_NONE)
		return 0;
	return search->query->rescore < 0 ? vs_graph_enough(search->want) : (uint32_t)search->query->rescore * search->want;
}

static void add_exact(struct search *search, struct vs_estimate *estimate, const char *advice)
{
	add_scan(search, estimate, 0);
	advise(estimate, advice);
}

static void foretell_graph(struct search *search, struct vs_estimate *estimate)
{
	double offered = 0, ignored, again;
	uint64_t coded = vs_bitmap_count(search->accept, 0, search->plan.linked);
	uint32_t rows = rescored(search);
	enum vs_way way = search->plan.way;
	bool bordered = false, told = true;

	add_scan(search, estimate, search->plan.linked);
	if (way == VS_WAY_CODES) {
		estimate->distances += coded;
		estimate->duration_ns += coded * search->view.space->dim * CODE_PS / 1000;
	} else {
		told = add_walk(search, estimate, way, 1.0, &offered, &bordered);
		again = told && way == VS_WAY_WALK ? second_walk(search, offered) : 0.0;
		if (again > 0.0) {
			told = add_walk(search, estimate, VS_WAY_ACCEPTED, again, &ignored, &bordered);
			advise(estimate, "Few records match around this vector, so that a second walk is likely: a larger ef may be faster.");
		}
	}
	estimate->distances += rows < coded ? rows : coded;
	if (!told)
		add_exact(search, estimate, "The graph cannot be asked now, so everything that matches is compared.");
	else if (bordered)
		add_exact(search, estimate, "max_distance ends the answer before limit does, so that all matching rows are compared: a lower "
		                            "limit, or min_score, avoids that.");
}

/* ---- advice --------------------------------------------------------------------------------------------- */

/* A field below a path that has no column, or one that covers no slot. */
static bool lacks_column(struct vs_columns *columns, const struct vs_filter_path *path, unsigned char *name, size_t len,
                         uint32_t to)
{
	for (const struct vs_filter_path *child = path->child; child != NULL; child = child->next) {
		size_t child_len = len;
		struct vs_column *column;
		if (child->index >= 0 || !vs_columns_path_append(name, &child_len, child->name, child->name_len))
			return true;
		column = child->field != 0 ? vs_columns_find(columns, name, child_len) : NULL;
		if (child->field != 0 && (column == NULL || vs_column_load(columns, column, to) == 0))
			return true;
		if (lacks_column(columns, child, name, child_len, to))
			return true;
	}
	return false;
}

static int advise_on_filter(struct search *search, struct vs_estimate *estimate, struct vs_error *error)
{
	struct vs_columns *columns = search->ns->generation.columns;
	unsigned char name[VS_COLUMNS_PATH_MAX];
	const char *text = search->query->filter;
	struct vs_filter *filter;
	int rc;

	if (text == NULL)
		return 0;
	rc = vs_filter_parse(text, strlen(text), &filter, error);
	if (rc < 0)
		return rc;
	if (columns != NULL)
		vs_columns_refresh(columns);
	if (search->state.next_slot >= VS_COLUMNS_BLOCK && filter->path.child != NULL &&
	    (columns == NULL || lacks_column(columns, &filter->path, name, 0, search->state.next_slot)))
		advise(estimate, "The filter names a field without a column, so that its first use reads records one by one.");
	if (search->accepted == 0)
		advise(estimate, "Nothing matches the filter.");
	vs_filter_release(filter);
	return 0;
}

static void advise_on_options(const struct search *search, struct vs_estimate *estimate)
{
	const struct vs_query *query = search->query;

	if (query->ef > 0 && query->ef < vs_search_candidates(query))
		advise(estimate, "ef is below limit and offset together, which the pool holds in any case: ef has no effect.");
	if (query->exact && search->accepted > EXACT_MUCH && search->plan.linked > 0)
		advise(estimate, "exact compares every record that matches; without it the graph finds nearly the same at a fraction "
		                 "of the cost.");
	if (query->limit + query->offset > LIMIT_LARGE)
		advise(estimate, "limit and offset together are large: cost grows with them; a narrower filter and smaller pages are faster.");
	if (query->rescore == VS_RESCORE_NONE && search->plan.linked > 0)
		advise(estimate, "rescore is 0: scores are those of codes, off by about 0.001 under cosine.");
	if (estimate->tail > TAIL_MUCH && search->plan.linked > 0)
		advise(estimate, "Many records are not indexed yet and are compared one by one: is vecstore-indexer running?");
	if (search->plan.linked == 0 && search->accepted > EXACT_MUCH)
		advise(estimate, "There is no graph (the metric has none, or nothing is indexed yet), so everything that matches is compared.");
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static void foretell(struct search *search, struct vs_estimate *estimate)
{
	uint64_t results = search->query->limit;

	vs_search_plan(search);
	estimate->way = search->plan.way;
	estimate->reason = search->plan.reason;
	estimate->matches = search->accepted;
	estimate->pool = search->plan.ef;
	estimate->tail = search->state.next_slot - search->plan.linked;
	estimate->cost = search->plan.cost;
	if (search->stats->total_candidates > 0)
		estimate->selectivity = (double)search->accepted / (double)search->stats->total_candidates;
	if (search->plan.way == VS_WAY_EMPTY)
		return;
	if (search->plan.way == VS_WAY_ROWS)
		add_scan(search, estimate, 0);
	else
		foretell_graph(search, estimate);
	if (search->query->diversity > 0.0f) { /* candidates with results, but for the first */
		uint64_t wanted = search->query->limit + search->query->offset;
		wanted = wanted < search->want ? wanted : search->want;
		estimate->distances += (wanted - 1) * search->want - wanted * (wanted - 1) / 2;
	}
	estimate->duration_ns += OTHER_NS + RECORD_NS * (results < search->accepted ? results : search->accepted);
}

int vs_namespace_estimate(struct vs_namespace *ns, const struct vs_query *query, struct vs_estimate *estimate,
                          struct vs_error *error)
{
	struct vs_query_stats stats = { 0 };
	struct search search = { .ns = ns, .query = query, .stats = &stats };
	int rc;

	memset(estimate, 0, sizeof(*estimate));
	rc = vs_search_check(query, error);
	if (rc == 0)
		rc = vs_namespace_begin(ns, &search.state, error);
	if (rc < 0)
		return rc;
	rc = vs_search_prepare(&search, error);
	if (rc == 0)
		rc = vs_search_accept(&search, error);
	if (rc == 0)
		foretell(&search, estimate);
	if (rc == 0)
		rc = advise_on_filter(&search, estimate, error);
	if (rc == 0)
		advise_on_options(&search, estimate);
	vs_namespace_end(ns);
	return rc;
}

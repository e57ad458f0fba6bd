/* SPDX-License-Identifier: Apache-2.0 */
/* The cheapest of the ways to what a query accepts. A search follows it, explain tells it, estimate foretells by it. */
#include "engine/plan.h"

#include <math.h>

#include "index/scan_batch.h"

#define EF_DEFAULT 160 /* recall@10 of 0.95 on vectors as hard as those of words */

/*
 * What ways of finding candidates cost, in codes compared in order; measured on word vectors (doc/benchmarks.md).
 * A walk computes about 17 distances per place of its pool, each of which waits for memory; one over accepted nodes reads
 * the more lists the fewer pass.
 */
#define WALK_PER_EF 115
#define ACCEPTED_PER_EF 200
#define ACCEPTED_HOPS 6.5f  /* per place and 1 / share of accepted */
#define CODES_LOOK 0.01f    /* of a scan, per slot, accepted or not */
#define MET_PER_LEAST 1.25f /* of a walk's pool, so that chance alone seldom leaves it short */
#define SHARE_LEAST 0.005f  /* of accepted, below which those that two hops reach hang together no more */
#define ROW_COST 4.0f       /* of a float32 row */
#define EXACT_MOST 1000     /* accepted up to which float32 rows are compared at once */
#define SHARED_COMPARE 0.3f /* of an accepted row, for each of many queries that share a pass over the rows, */
#define SHARED_FETCH 4.0f   /* and for all of them together */
#define SHARED_LEAST 8      /* queries */

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

static bool shared_is_cheaper(const struct search *search, float cost)
{
	float accepted = (float)search->accepted;

	return search->company >= SHARED_LEAST && vs_scan_has_tiles(search->state.metric) &&
	       accepted * (SHARED_COMPARE + SHARED_FETCH / (float)search->company) < cost;
}

static void compare_rows(struct plan *plan, const char *reason)
{
	plan->way = VS_WAY_ROWS;
	plan->ef = 0;
	plan->cost = 0.0f;
	plan->reason = reason;
}

/* The cheapest way that keeps the recall that ef has without a filter. */
static void choose(const struct search *search, struct plan *plan)
{
	uint32_t given = search->query->ef != 0 ? search->query->ef : EF_DEFAULT;
	float ef = (float)(given > search->want ? given : search->want);
	float accepted = (float)search->accepted;
	float share = plan->share;
	float least = (float)vs_graph_enough(search->want);
	float pools[] = { [VS_WAY_WALK] = walk_ef(ef, share), [VS_WAY_ACCEPTED] = accepted_ef(ef, share), [VS_WAY_CODES] = ef };
	float costs[] = { [VS_WAY_WALK] = pools[VS_WAY_WALK] * WALK_PER_EF,
		              [VS_WAY_ACCEPTED] = pools[VS_WAY_ACCEPTED] * (ACCEPTED_PER_EF + ACCEPTED_HOPS / share),
		              [VS_WAY_CODES] = accepted + CODES_LOOK * (float)plan->linked };

	if (search->accepted <= EXACT_MOST) {
		compare_rows(plan, "so few match that comparing them all is cheapest");
		return;
	}
	/* A walk must meet enough of them to be believed. */
	if (vs_search_filtered(search) && pools[VS_WAY_WALK] < MET_PER_LEAST * least / share) {
		pools[VS_WAY_WALK] = MET_PER_LEAST * least / share;
		costs[VS_WAY_WALK] = pools[VS_WAY_WALK] * WALK_PER_EF;
	}
	plan->way = VS_WAY_WALK;
	plan->reason = share < 0.9f ? "so many match that the nearest of all nodes hold enough of them"
	                            : "all or nearly all records match";
	if (share < 0.9f && share > SHARE_LEAST && costs[VS_WAY_ACCEPTED] < costs[VS_WAY_WALK]) {
		plan->way = VS_WAY_ACCEPTED;
		plan->reason = "a part matches: a walk over it alone needs a smaller pool";
	}
	if (costs[VS_WAY_CODES] < costs[plan->way]) {
		plan->way = VS_WAY_CODES;
		plan->reason = "comparing the codes of all that match costs less than a walk";
	}
	if (shared_is_cheaper(search, costs[plan->way])) {
		compare_rows(plan, "many queries share a pass over the rows");
		return;
	}
	if (pools[plan->way] < (float)search->want)
		pools[plan->way] = (float)search->want;
	plan->ef = (uint32_t)pools[plan->way];
	plan->cost = costs[plan->way];
	if (pools[plan->way] > VS_SEARCH_EF_MAX)
		compare_rows(plan, "a pool for so many results costs more than comparing all that match");
}

void vs_search_plan(struct search *search)
{
	const struct vs_graph *graph = search->ns->generation.graph;
	struct plan *plan = &search->plan;
	float accepted = (float)search->accepted;

	plan->linked = graph != NULL ? vs_graph_linked(graph) : 0;
	if (plan->linked > search->state.next_slot)
		plan->linked = search->state.next_slot;
	plan->share = accepted < (float)plan->linked ? accepted / (float)plan->linked : 1.0f;
	search->stats->unlinked = graph != NULL ? search->state.next_slot - plan->linked : 0;
	if (search->accepted == 0) {
		compare_rows(plan, "nothing matches");
		plan->way = VS_WAY_EMPTY;
	} else if (search->query->exact) {
		compare_rows(plan, "exact was asked for");
	} else if (plan->linked == 0) {
		compare_rows(plan, "there is no graph: few records, a metric without one, or not indexed yet");
	} else {
		choose(search, plan);
	}
	if (plan->way == VS_WAY_ROWS)
		plan->cost = ROW_COST * accepted;
}

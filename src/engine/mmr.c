/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maximal marginal relevance (Carbonell and Goldstein, 1998). Similarity is minus the distance that users see, for the
 * query and between records alike, so that one weight serves every metric. Each step compares what is left with the one
 * chosen last: candidates * results distances of float32 rows in all, at most a million.
 */
#include "engine/mmr.h"

#include <math.h>

#include "base/error.h"

#define PER_RESULT 5
#define LEAST 50

uint32_t vs_mmr_candidates(const struct vs_query *query)
{
	uint32_t wanted = query->limit + query->offset;
	uint32_t candidates = PER_RESULT * wanted > LEAST ? PER_RESULT * wanted : LEAST;

	if (query->candidates > 0)
		return query->candidates;
	return candidates < VS_CANDIDATES_MAX ? candidates : VS_CANDIDATES_MAX;
}

/* Between two records, as users see it. */
static float distance_between(const struct search *search, uint32_t a, uint32_t b)
{
	const struct vs_space *space = search->view.space;
	const float *row = vs_view_row(&search->view, a);
	struct vs_hit hit = { vs_space_distance(space, row, row[space->dim], vs_view_row(&search->view, b)), b };

	return vs_search_distance(search, &hit);
}

/* The place of the best of [from, count); on a tie, and where distances overflow, the nearest to the query. nearest: distances
 * from what is chosen already. */
static uint32_t find_best(const struct search *search, const float *nearest, uint32_t from, uint32_t count)
{
	const struct vs_hit *hits = search->top.hits;
	float diversity = search->query->diversity;
	float least = INFINITY;
	uint32_t best = from;

	for (uint32_t i = from; i < count; i++) {
		float cost = (1.0f - diversity) * vs_search_distance(search, &hits[i]) - diversity * nearest[i];
		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	return best;
}

/* Puts the hit at `best` to place `to`; those between move up, so that the rest stays in order. */
static void take(struct vs_hit *hits, float *nearest, uint32_t best, uint32_t to)
{
	struct vs_hit hit = hits[best];

	for (uint32_t i = best; i > to; i--) {
		hits[i] = hits[i - 1];
		nearest[i] = nearest[i - 1];
	}
	hits[to] = hit;
}

int vs_mmr_select(struct search *search, uint32_t *count, struct vs_error *error)
{
	struct vs_hit *hits = search->top.hits;
	uint32_t wanted = search->query->limit + search->query->offset;
	float *nearest = vs_arena_calloc(&search->ns->arena, *count, sizeof(*nearest));

	if (nearest == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u candidates", *count);
	if (wanted > *count)
		wanted = *count;
	/* The first is the nearest. */
	for (uint32_t done = 1; done < wanted; done++) {
		for (uint32_t i = done; i < *count; i++) {
			float distance = distance_between(search, hits[i].slot, hits[done - 1].slot);
			if (done == 1 || distance < nearest[i])
				nearest[i] = distance;
		}
		search->stats->distances += *count - done;
		take(hits, nearest, find_best(search, nearest, done, *count), done);
	}
	*count = wanted;
	return 0;
}

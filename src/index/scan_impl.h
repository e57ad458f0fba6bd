/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of index/scan_batch share: one pass over slots for many queries, by one thread. Private to the room. */
#ifndef VS_INDEX_SCAN_IMPL_H
#define VS_INDEX_SCAN_IMPL_H

#include <stdbool.h>

#include "index/scan_batch.h"
#include "math/tile.h"

#define VS_SCAN_BLOCK 64 /* rows that all queries are compared with while they are in the cache */

/*
 * A query of the tiles. Its place in the panels holds its vector times `times`; a row may belong in while its score is
 * not below limit - distance of the last hit * per_distance, less the rounding of that (scan_tile.c says why).
 */
struct vs_scan_lane {
	uint32_t query;
	double limit;
	double per_distance;
};

/* What all threads read. */
struct vs_scan_plan {
	const struct vs_scan *scan;
	const struct vs_tile_set *set;
	uint32_t lane_count;        /* queries in panels; 0: none */
	uint32_t width;             /* of a panel but the last */
	uint32_t last_width;        /* of the last */
	uint32_t panel_count;
	struct vs_scan_lane *lanes; /* lane_count */
	float *panels;              /* one after another, each dim * its width */
	uint32_t *loose;            /* the other queries, which are compared one by one */
	uint32_t loose_count;
};

/* What one thread writes. */
struct vs_scan_part {
	struct vs_topk *tops; /* one per query; NULL: the queries' own */
	float *least;         /* of each lane, with the places past the last query of each panel */
	float *scores;        /* of one call of the set */
	uint32_t blocks;      /* compared by tiles, since the last look at whether these pay */
	uint64_t compared;    /* pairs of these */
	uint64_t doubted;     /* of these, compared again */
	uint32_t rest;        /* blocks to compare without tiles */
	uint32_t scanned;     /* slots */
};

int vs_scan_plan_init(struct vs_scan_plan *plan, const struct vs_scan *scan, struct vs_error *error);
void vs_scan_plan_release(struct vs_scan_plan *plan);

/* own_tops: make tops of the part's own, as large as the queries'. On failure the part is released. */
int vs_scan_part_init(struct vs_scan_part *part, const struct vs_scan_plan *plan, bool own_tops);
void vs_scan_part_release(struct vs_scan_part *part, const struct vs_scan_plan *plan); /* accepts a zeroed one */

static inline struct vs_topk *vs_scan_part_top(struct vs_scan_part *part, const struct vs_scan_plan *plan,
                                               uint32_t query)
{
	return part->tops != NULL ? &part->tops[query] : plan->scan->queries[query].top;
}

/* Offers the slots in [from, to), to within view and accept. */
void vs_scan_part_run(struct vs_scan_part *part, const struct vs_scan_plan *plan, uint32_t from, uint32_t to);

#endif

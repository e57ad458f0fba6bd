/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/scan_tile: the pass of one thread over its slots, in blocks of rows that stay in the cache while every query
 * is compared with them.
 *
 * For cosine, dot and euclidean, tiles (math/tile) leave out first what is surely too far. With u = 2^-24 the
 * rounding of one operation, a sum of n products in any order is off by at most n u (1 + small) of the sum of their
 * sizes, which is at most |q| |x| (Higham, Accuracy and Stability of Numerical Algorithms, 2002, 3.1). The kernel and
 * the tile are each that far from the truth at most, so what the kernel would let in has a score of at least
 *
 *   cosine     q / |q| · x / |x|       >=  1 - distance             - (2n + 16) u
 *   dot        q / |q| · x             >=  -distance / |q|          - (2n + 16) u |x|
 *   euclidean  2q · x - |x|^2          >=  |q|^2 - distance         - (4n + 32) u (|q|^2 + |x|^2)
 *
 * where distance is that of the last hit, and the 16 and 32 stand for the few roundings outside the sums. Everything
 * that reaches it is compared by vs_space_distance. Numbers so large or small that something might leave the range of
 * float32, where these bounds do not hold, stay away from the tiles: such a row gets the score NaN, which nothing is
 * sure of, and such a query is compared one by one.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "index/scan.h"
#include "index/scan_impl.h"

#define UNIT (1.02 * 0x1p-24) /* u, and what is left out above */
#define SIZE_LEAST 1e-9       /* of vectors that go through tiles under cosine and dot */
#define SIZE_MOST 1e9
#define TILE_QUERIES 3       /* fewer are as fast one by one (doc/benchmarks.md) */
#define LOOK_BLOCKS 64       /* after which to look whether tiles pay */
#define DOUBTED_SHARE 4      /* 1 / the share of pairs compared again from which they do not */
#define REST_BLOCKS 512      /* without them, until they are tried again */

/* ---- the plan ------------------------------------------------------------------------------------------- */

/* The lane of a query, and what its vector is multiplied with; false when it must stay away from the tiles. */
static bool lane_of(const struct vs_space *space, const struct vs_scan_query *query, struct vs_scan_lane *lane,
                    float *times)
{
	double size2 = 0;

	for (uint32_t i = 0; i < space->dim; i++)
		size2 += (double)query->vector[i] * (double)query->vector[i];
	if (!(size2 <= SIZE_MOST * SIZE_MOST))
		return false;
	if (space->metric == VS_EUCLIDEAN) {
		lane->limit = size2 * (1 - (4.0 * space->dim + 32) * UNIT);
		lane->per_distance = 1;
		*times = 2.0f;
		return true;
	}
	if (size2 < SIZE_LEAST * SIZE_LEAST)
		return false;
	*times = (float)(1 / sqrt(size2));
	lane->limit = space->metric == VS_COSINE ? 1 - (2.0 * space->dim + 16) * UNIT : 0;
	lane->per_distance = space->metric == VS_COSINE ? 1 : 1 / sqrt(size2);
	return true;
}

static uint32_t panel_width(const struct vs_scan_plan *plan, uint32_t panel)
{
	return panel + 1 < plan->panel_count ? plan->width : plan->last_width;
}

static float *panel_at(const struct vs_scan_plan *plan, uint32_t panel)
{
	return plan->panels + (size_t)panel * plan->width * plan->scan->view->space->dim;
}

static void fill_lane(struct vs_scan_plan *plan, uint32_t lane, float times)
{
	const float *vector = plan->scan->queries[plan->lanes[lane].query].vector;
	uint32_t panel = lane / plan->width;
	float *to = panel_at(plan, panel) + lane % plan->width;

	for (uint32_t d = 0; d < plan->scan->view->space->dim; d++)
		to[(size_t)d * panel_width(plan, panel)] = vector[d] * times;
}

/* Sorts the queries into lanes and loose ones; times[lane]: what fill_lane needs. */
static void sort_queries(struct vs_scan_plan *plan, float *times)
{
	const struct vs_scan *scan = plan->scan;
	const struct vs_space *space = scan->view->space;
	bool tiles = vs_scan_has_tiles(space->metric) && scan->count >= TILE_QUERIES;

	for (uint32_t i = 0; i < scan->count; i++) {
		struct vs_scan_lane *lane = &plan->lanes[plan->lane_count];
		if (tiles && lane_of(space, &scan->queries[i], lane, &times[plan->lane_count])) {
			lane->query = i;
			plan->lane_count++;
		} else {
			plan->loose[plan->loose_count++] = i;
		}
	}
}

static int fill_panels(struct vs_scan_plan *plan, const float *times)
{
	size_t dim = plan->scan->view->space->dim;
	uint32_t lanes = plan->set->lanes;
	uint32_t last;
	size_t bytes;

	plan->width = 3 * lanes;
	plan->panel_count = (plan->lane_count + plan->width - 1) / plan->width;
	last = plan->lane_count - (plan->panel_count - 1) * plan->width;
	plan->last_width = (last + lanes - 1) / lanes * lanes;
	bytes = ((plan->panel_count - 1) * plan->width + plan->last_width) * dim * sizeof(float);
	bytes = (bytes + VS_TILE_ALIGN - 1) / VS_TILE_ALIGN * VS_TILE_ALIGN;
	plan->panels = aligned_alloc(VS_TILE_ALIGN, bytes);
	if (plan->panels == NULL)
		return VS_ENOMEM;
	memset(plan->panels, 0, bytes);
	for (uint32_t i = 0; i < plan->lane_count; i++)
		fill_lane(plan, i, times[i]);
	return 0;
}

int vs_scan_plan_init(struct vs_scan_plan *plan, const struct vs_scan *scan, struct vs_error *error)
{
	float *times = calloc(scan->count, sizeof(*times));
	int rc = 0;

	memset(plan, 0, sizeof(*plan));
	plan->scan = scan;
	plan->set = vs_tile_get();
	plan->lanes = calloc(scan->count, sizeof(*plan->lanes));
	plan->loose = calloc(scan->count, sizeof(*plan->loose));
	if (times == NULL || plan->lanes == NULL || plan->loose == NULL)
		rc = VS_ENOMEM;
	if (rc == 0)
		sort_queries(plan, times);
	if (rc == 0 && plan->lane_count > 0)
		rc = fill_panels(plan, times);
	free(times);
	if (rc == 0)
		return 0;
	vs_scan_plan_release(plan);
	return vs_error_set(error, rc, "no memory for %u queries", scan->count);
}

void vs_scan_plan_release(struct vs_scan_plan *plan)
{
	free(plan->lanes);
	free(plan->loose);
	free(plan->panels);
	memset(plan, 0, sizeof(*plan));
}

/* ---- a thread's part ------------------------------------------------------------------------------------ */

/* The least score of a row that may belong in; called when the last hit changes. */
static float least_of(const struct vs_scan_lane *lane, const struct vs_topk *top)
{
	double distance = (double)vs_topk_bound(top);
	double value = lane->limit - distance * lane->per_distance;

	/* Down to a float32 that is surely not above; -inf while there is room. */
	return (float)(value - 4 * UNIT * (fabs(lane->limit) + fabs(distance * lane->per_distance)));
}

static void refresh_least(struct vs_scan_part *part, const struct vs_scan_plan *plan)
{
	for (uint32_t i = 0; i < plan->lane_count; i++) /* all panels but the last are full, so lane i has place i */
		part->least[i] = least_of(&plan->lanes[i], vs_scan_part_top(part, plan, plan->lanes[i].query));
}

static int own_tops(struct vs_scan_part *part, const struct vs_scan_plan *plan)
{
	const struct vs_scan *scan = plan->scan;

	part->tops = calloc(scan->count, sizeof(*part->tops));
	if (part->tops == NULL)
		return VS_ENOMEM;
	for (uint32_t i = 0; i < scan->count; i++)
		if (vs_topk_init(&part->tops[i], scan->queries[i].top->cap) < 0)
			return VS_ENOMEM;
	return 0;
}

int vs_scan_part_init(struct vs_scan_part *part, const struct vs_scan_plan *plan, bool own)
{
	size_t places = (size_t)plan->panel_count * plan->width;
	size_t scores = (size_t)VS_TILE_ROWS_MAX * VS_TILE_WIDTH_MAX;
	int rc;

	memset(part, 0, sizeof(*part));
	part->scores = aligned_alloc(VS_TILE_ALIGN, scores * sizeof(float));
	part->least = aligned_alloc(VS_TILE_ALIGN, (places * sizeof(float) / VS_TILE_ALIGN + 1) * VS_TILE_ALIGN);
	rc = part->scores == NULL || part->least == NULL ? VS_ENOMEM : 0;
	if (rc == 0 && own)
		rc = own_tops(part, plan);
	if (rc < 0) {
		vs_scan_part_release(part, plan);
		return rc;
	}
	for (size_t i = 0; i < places; i++)
		part->least[i] = INFINITY;
	refresh_least(part, plan);
	return 0;
}

void vs_scan_part_release(struct vs_scan_part *part, const struct vs_scan_plan *plan)
{
	for (uint32_t i = 0; part->tops != NULL && i < plan->scan->count; i++)
		vs_topk_release(&part->tops[i]);
	free(part->tops);
	free(part->least);
	free(part->scores);
	memset(part, 0, sizeof(*part));
}

/* ---- a block of rows ------------------------------------------------------------------------------------ */

struct block {
	uint32_t len;
	uint32_t slots[VS_SCAN_BLOCK];
};

static void offer(struct vs_topk *top, const struct vs_view *view, const struct vs_scan_query *query, uint32_t slot)
{
	float distance = vs_space_distance(view->space, query->vector, query->factor, vs_view_row(view, slot));

	if (distance != distance) /* sums that overflowed: last, but there */
		distance = INFINITY;
	if (distance <= vs_topk_bound(top))
		vs_topk_append(top, distance, slot);
}

static void block_one_by_one(struct vs_scan_part *part, const struct vs_scan_plan *plan, const struct block *block,
                             uint32_t number)
{
	struct vs_topk *top = vs_scan_part_top(part, plan, number);

	for (uint32_t i = 0; i < block->len; i++)
		offer(top, plan->scan->view, &plan->scan->queries[number], block->slots[i]);
}

/* How a row's sums become scores: see the top of the file. */
static void row_terms(const struct vs_space *space, const float *row, float *scale, float *shift)
{
	float size2 = 0.0f;
	bool sure;

	if (space->metric == VS_COSINE) {
		float factor = row[space->dim];
		sure = factor >= (float)(1 / SIZE_MOST) && factor <= (float)(1 / SIZE_LEAST);
		*scale = sure ? factor : NAN;
		*shift = 0.0f;
		return;
	}
	size2 = space->kernels->dot(row, row, space->dim);
	sure = size2 <= (float)(SIZE_MOST * SIZE_MOST);
	*scale = sure ? 1.0f : NAN;
	if (space->metric == VS_DOT) /* 1e-18: sizes below have squares that float32 does not hold */
		*shift = (float)((2.0 * space->dim + 16) * UNIT) * (sqrtf(size2) + 1e-18f);
	else
		*shift = FLT_MIN - size2 * (float)(1 - (4.0 * space->dim + 32) * UNIT);
}

/* The rows of a block from `first` on, as many as the set takes; the last one is repeated. */
static void take_rows(const struct vs_scan_plan *plan, const struct block *block, uint32_t first,
                      struct vs_tile_rows *rows)
{
	const struct vs_view *view = plan->scan->view;

	for (uint32_t r = 0; r < plan->set->rows; r++) {
		uint32_t i = first + r < block->len ? first + r : block->len - 1;
		rows->at[r] = vs_view_row(view, block->slots[i]);
		if (first + r < block->len) {
			row_terms(view->space, rows->at[r], &rows->scale[r], &rows->shift[r]);
		} else { /* not to be looked at again */
			rows->scale[r] = 0.0f;
			rows->shift[r] = -INFINITY;
		}
	}
}

/* Compares what a call of the set was not sure of. */
static void look_again(struct vs_scan_part *part, const struct vs_scan_plan *plan, const uint32_t *slots,
                       uint32_t count, uint32_t panel)
{
	uint32_t width = panel_width(plan, panel);
	uint32_t first = panel * plan->width;
	uint32_t lanes = plan->lane_count - first < width ? plan->lane_count - first : width;
	float *least = part->least + first;

	for (uint32_t r = 0; r < count; r++) {
		const float *scores = part->scores + (size_t)r * width;
		for (uint32_t i = 0; i < lanes; i++) {
			const struct vs_scan_lane *lane = &plan->lanes[first + i];
			struct vs_topk *top;
			if (scores[i] < least[i])
				continue;
			top = vs_scan_part_top(part, plan, lane->query);
			offer(top, plan->scan->view, &plan->scan->queries[lane->query], slots[r]);
			least[i] = least_of(lane, top);
			part->doubted++;
		}
	}
}

static void block_tiles(struct vs_scan_part *part, const struct vs_scan_plan *plan, const struct block *block)
{
	struct vs_tile_rows rows[VS_SCAN_BLOCK / 4];
	uint32_t step = plan->set->rows;
	size_t dim = plan->scan->view->space->dim;

	for (uint32_t i = 0; i < block->len; i += step)
		take_rows(plan, block, i, &rows[i / step]);
	for (uint32_t panel = 0; panel < plan->panel_count; panel++) {
		vs_tile_fn *run = plan->set->run[panel_width(plan, panel) / plan->set->lanes - 1];
		for (uint32_t i = 0; i < block->len; i += step) {
			uint32_t count = block->len - i < step ? block->len - i : step;
			if (run(&rows[i / step], panel_at(plan, panel), part->least + panel * plan->width, dim, part->scores))
				look_again(part, plan, block->slots + i, count, panel);
		}
	}
	part->compared += (uint64_t)block->len * plan->lane_count;
}

/* Tiles do not pay while large tops fill, nor where vectors lie so close together, far from the origin, that the
 * bounds say nothing: then they rest a while. */
static void block_lanes(struct vs_scan_part *part, const struct vs_scan_plan *plan, const struct block *block)
{
	if (part->rest == 0) {
		block_tiles(part, plan, block);
		if (++part->blocks < LOOK_BLOCKS)
			return;
		part->rest = part->doubted > part->compared / DOUBTED_SHARE ? REST_BLOCKS : 0;
		part->blocks = 0;
		part->compared = part->doubted = 0;
		return;
	}
	for (uint32_t i = 0; i < plan->lane_count; i++)
		block_one_by_one(part, plan, block, plan->lanes[i].query);
	if (--part->rest == 0)
		refresh_least(part, plan);
}

/* ---- the pass ------------------------------------------------------------------------------------------- */

static void prefetch(const struct vs_view *view, uint32_t slot)
{
	const unsigned char *row = view->rows + slot * view->stride;
	size_t len = view->stride < 512 ? view->stride : 512;

	for (size_t i = 0; i < len; i += 64)
		__builtin_prefetch(row + i);
}

/* The next accepted slots in [*slot, to), which are asked for from memory. */
static void fill_block(struct block *block, const struct vs_scan *scan, uint32_t *slot, uint32_t to)
{
	block->len = 0;
	for (*slot = vs_bitmap_next(scan->accept, *slot); *slot < to && block->len < VS_SCAN_BLOCK;
	     *slot = vs_bitmap_next(scan->accept, *slot + 1)) {
		prefetch(scan->view, *slot);
		block->slots[block->len++] = *slot;
	}
}

void vs_scan_part_run(struct vs_scan_part *part, const struct vs_scan_plan *plan, uint32_t from, uint32_t to)
{
	const struct vs_scan *scan = plan->scan;
	struct block blocks[2];
	uint32_t now = 0;

	if (scan->count == 1) { /* nothing to share */
		part->scanned += vs_scan_search(scan->view, scan->queries[0].vector, scan->queries[0].factor, scan->accept, from,
		                                to, vs_scan_part_top(part, plan, 0));
		return;
	}
	fill_block(&blocks[0], scan, &from, to);
	while (blocks[now].len > 0) {
		const struct block *block = &blocks[now];
		fill_block(&blocks[1 - now], scan, &from, to);
		if (plan->lane_count > 0)
			block_lanes(part, plan, block);
		for (uint32_t i = 0; i < plan->loose_count; i++)
			block_one_by_one(part, plan, block, plan->loose[i]);
		part->scanned += block->len;
		now = 1 - now;
	}
}

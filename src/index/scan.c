/* SPDX-License-Identifier: Apache-2.0 */
/* index/scan: exact search. */
#include "index/scan.h"

#define AHEAD 4 /* rows that are asked for before they are needed */

static void row_prefetch(const struct vs_view *view, uint32_t slot)
{
	const unsigned char *row = view->rows + slot * view->stride;
	size_t len = view->stride < 512 ? view->stride : 512;

	for (size_t i = 0; i < len; i += 64)
		__builtin_prefetch(row + i);
}

static uint32_t scan_accepted(const struct vs_view *view, const float *query, float query_factor,
                              const struct vs_bitmap *accept, uint32_t from, uint32_t to, struct vs_topk *top)
{
	uint32_t slots[AHEAD];
	uint32_t taken = 0;
	uint32_t done = 0;
	uint32_t slot = from;

	/* A ring of the next few accepted slots, so that scattered rows arrive in time. */
	for (;;) {
		for (slot = vs_bitmap_next(accept, slot); slot < to && taken - done < AHEAD;
		     slot = vs_bitmap_next(accept, slot + 1)) {
			row_prefetch(view, slot);
			slots[taken++ % AHEAD] = slot;
		}
		if (done == taken)
			return done;
		uint32_t next = slots[done++ % AHEAD];
		float distance = vs_space_distance(view->space, query, query_factor, vs_view_row(view, next));
		if (distance != distance) /* sums that overflowed: last, but there */
			distance = __builtin_inff();
		if (distance <= vs_topk_bound(top))
			vs_topk_append(top, distance, next);
	}
}

uint32_t vs_scan_search(const struct vs_view *view, const float *query, float query_factor,
                        const struct vs_bitmap *accept, uint32_t from, uint32_t to, struct vs_topk *top)
{
	if (to > view->count)
		to = view->count;
	if (to > accept->len)
		to = accept->len;
	if (from >= to)
		return 0;
	return scan_accepted(view, query, query_factor, accept, from, to, top);
}

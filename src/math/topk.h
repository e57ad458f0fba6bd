/* SPDX-License-Identifier: Apache-2.0 */
/* math/topk: the k nearest seen so far, as an array sorted by (distance, slot). */
#ifndef VS_MATH_TOPK_H
#define VS_MATH_TOPK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_hit {
	float distance; /* as math/space defines it */
	uint32_t slot;
};

struct vs_topk {
	struct vs_hit *hits; /* best first */
	uint32_t len;
	uint32_t cap;
};

/* cap 0 counts as 1. 0 or VS_ENOMEM. */
int vs_topk_init(struct vs_topk *top, uint32_t cap);
void vs_topk_release(struct vs_topk *top);
static inline void vs_topk_reset(struct vs_topk *top)
{
	top->len = 0;
}

/* Distance a new hit must beat to enter; +inf while not full. */
static inline float vs_topk_bound(const struct vs_topk *top)
{
	return top->len < top->cap ? __builtin_inff() : top->hits[top->cap - 1].distance;
}

/* Keeps the hit if it belongs to the cap nearest; ties go to the lower slot. The slot must not be in already.
 * NaN counts as +inf. */
void vs_topk_append(struct vs_topk *top, float distance, uint32_t slot);

#endif

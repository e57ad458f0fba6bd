/* SPDX-License-Identifier: Apache-2.0 */
#include "math/topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int vs_topk_init(struct vs_topk *top, uint32_t cap)
{
	top->len = 0;
	top->cap = cap ? cap : 1;
	top->hits = calloc(top->cap, sizeof(*top->hits));
	if (!top->hits) {
		top->cap = 0;
		return VS_ENOMEM;
	}
	return 0;
}

void vs_topk_release(struct vs_topk *top)
{
	free(top->hits);
	top->hits = NULL;
	top->len = 0;
	top->cap = 0;
}

static bool before(float distance, uint32_t slot, const struct vs_hit *hit)
{
	return distance < hit->distance || (distance == hit->distance && slot < hit->slot);
}

void vs_topk_append(struct vs_topk *top, float distance, uint32_t slot)
{
	if (isnan(distance)) /* would break the order of everything after it */
		distance = INFINITY;
	if (top->len == top->cap) {
		if (!before(distance, slot, &top->hits[top->cap - 1]))
			return;
		top->len--;
	}
	uint32_t low = 0;
	uint32_t high = top->len;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (before(distance, slot, &top->hits[middle]))
			high = middle;
		else
			low = middle + 1;
	}
	memmove(top->hits + low + 1, top->hits + low, (top->len - low) * sizeof(*top->hits));
	top->hits[low] = (struct vs_hit){ distance, slot };
	top->len++;
}

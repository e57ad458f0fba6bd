/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_pool: the pool of a walk and the set of nodes that it has seen, inlined into the hot loops. Private to this
 * room.
 */
#ifndef VS_INDEX_GRAPH_POOL_H
#define VS_INDEX_GRAPH_POOL_H

#include "index/graph_impl.h"

/*
 * The pool holds the nearest nodes seen, sorted. An item is one integer: the distance as 32 bits that order like it, then
 * the id mixed with the walk's salt, then a bit that says that the node's list was read. The salt orders nodes at equal
 * distance differently in each walk, so that duplicates of a vector do not all link to the same few of them.
 */
#define VS_POOL_READ UINT64_C(1)

static inline uint32_t vs_pool_order(float distance)
{
	union {
		float value;
		uint32_t bits;
	} x = { distance };

	return x.bits >> 31 ? ~x.bits : x.bits | UINT32_C(0x80000000);
}

static inline uint64_t vs_pool_item(float distance, uint32_t id, uint32_t salt)
{
	return (uint64_t)vs_pool_order(distance) << 32 | (uint64_t)(id ^ salt) << 1;
}

static inline float vs_pool_distance(uint64_t item)
{
	uint32_t bits = (uint32_t)(item >> 32);
	union {
		uint32_t bits;
		float value;
	} x = { bits >> 31 ? bits & UINT32_C(0x7fffffff) : ~bits };

	return x.value;
}

static inline uint32_t vs_pool_id(uint64_t item, uint32_t salt)
{
	return (uint32_t)(item >> 1 & UINT32_C(0x7fffffff)) ^ salt;
}

/* Moves items up by one, from the end on. */
VS_INLINE void vs_pool_shift(uint64_t *from, uint64_t *end)
{
	typedef uint64_t block __attribute__((vector_size(64), aligned(8), may_alias));

	while (end - from >= 8) {
		end -= 8;
		*(block *)(void *)(end + 1) = *(const block *)(const void *)end;
	}
	while (end > from) {
		end--;
		end[1] = end[0];
	}
}

/* Puts an item at its place in the sorted pool of len items, of which the ef nearest stay; returns the place, or ef when
 * the item is too far. */
VS_INLINE uint32_t vs_pool_insert(uint64_t *pool, uint32_t *len, uint32_t ef, uint64_t item)
{
	uint32_t low = 0;
	uint32_t n;

	if (*len == ef && item >= pool[ef - 1])
		return ef;
	n = *len == ef ? ef - 1 : (*len)++;
	for (uint32_t size = n; size > 0;) {
		uint32_t half = (size + 1) / 2;
		/* By a mask: the outcome cannot be foretold either. */
		low += half & -(uint32_t)(pool[low + half - 1] < item);
		size -= half;
	}
	vs_pool_shift(pool + low, pool + n);
	pool[low] = item;
	return low;
}

/* Marks an id below the bound as seen; 1 when it was not seen before, else 0. Without a branch on that: nobody could
 * foretell it. */
VS_INLINE uint32_t vs_visited_add(struct vs_graph_scratch *scratch, uint64_t *visited, bool listed, uint32_t id)
{
	uint64_t word = visited[id >> 6];
	uint32_t new = (uint32_t)(~word >> (id & 63)) & 1;

	if (listed && word == 0)
		scratch->touched[scratch->touched_len++] = id >> 6;
	visited[id >> 6] = word | UINT64_C(1) << (id & 63);
	return new;
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

VS_INLINE const uint32_t *vs_walk_list(const struct vs_walk *walk, uint32_t level, uint32_t id)
{
	if (level > 0)
		return vs_graph_record(walk->graph, id)->entries;
	return (const uint32_t *)(const void *)(walk->lists + id * walk->list_stride);
}

VS_INLINE void vs_walk_list_prefetch(const struct vs_walk *walk, uint32_t level, uint32_t id)
{
	const uint32_t *list = vs_walk_list(walk, level, id);

	__builtin_prefetch(list);
	__builtin_prefetch(list + 16);
}

#endif

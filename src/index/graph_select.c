/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_select: which links a node keeps, and changing its list while others read it. */
#include "index/graph_select.h"

#include <sched.h>

#include "index/graph_distance.h"
#include "index/graph_pool.h"

#define LIST_MAX (2 * VS_GRAPH_M_MAX)
/* A chosen neighbour covers a candidate when this many times their distance is less than the candidate's distance to the
 * node (Vamana's alpha). Measured on word vectors: 5 to 8 % fewer distances at equal recall than 1.0; 1.2 needs more again. */
#define RELAX 1.1f
#define SPINS 128 /* tries before the holder of a lock is given the core */

static unsigned char *list_lock(struct vs_node_locks *locks, uint32_t level, uint32_t id)
{
	unsigned char *lock = &locks->stripes[(id + level * UINT32_C(7919)) % VS_LOCK_STRIPES];

	for (unsigned spins = 0; __atomic_test_and_set(lock, __ATOMIC_ACQUIRE); spins++)
		if (spins % SPINS == SPINS - 1)
			sched_yield();
	return lock;
}

static void list_unlock(unsigned char *lock)
{
	__atomic_clear(lock, __ATOMIC_RELEASE);
}

static uint32_t *list_of(const struct vs_walk *walk, uint32_t level, uint32_t id)
{
	return level == 0 ? vs_graph_list(walk->graph, id) : vs_graph_record(walk->graph, id)->entries;
}

static uint32_t list_cap(const struct vs_walk *walk, uint32_t level)
{
	return level == 0 ? 2 * walk->graph->m : walk->graph->m;
}

static bool list_has(const uint32_t *ids, uint32_t count, uint32_t id)
{
	for (uint32_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* Copies the good entries: in bounds, of the level, not itself, each once. *whole: there were no others. */
static uint32_t list_read(const struct vs_walk *walk, uint32_t level, uint32_t self, uint32_t *ids, bool *whole)
{
	const uint32_t *list = list_of(walk, level, self);
	uint32_t cap = list_cap(walk, level);
	uint32_t count = 0;

	*whole = true;
	for (uint32_t i = 0; i < cap; i++) {
		uint32_t id = vs_load_relaxed(&list[i]) - 1;
		if (id == UINT32_MAX)
			break;
		if (id == self || vs_walk_slot(walk, level, id) == UINT32_MAX || list_has(ids, count, id))
			*whole = false;
		else
			ids[count++] = id;
	}
	return count;
}

/* Readers may see some of the old and some of the new entries: both are links of this node. */
static void list_write(const struct vs_walk *walk, uint32_t level, uint32_t id, const uint32_t *ids, uint32_t count)
{
	uint32_t *list = list_of(walk, level, id);
	uint32_t cap = list_cap(walk, level);

	for (uint32_t i = 0; i < cap; i++) {
		uint32_t entry = i < count ? ids[i] + 1 : 0;
		if (vs_load_relaxed(&list[i]) != entry)
			vs_store_release(&list[i], entry);
	}
}

/* ---- choosing ------------------------------------------------------------------------------------------- */

/* Only positive distances stretch: dot products and the rounding of copies may be below 0. */
VS_INLINE bool covers(float between, float distance)
{
	return (between > 0.0f ? between * RELAX : between) < distance;
}

/* True when one of slots[count] covers `slot`, which is at `distance`. The pair's query becomes `slot`. */
static bool covered(struct vs_walk *pair, uint32_t slot, const uint32_t *slots, uint32_t count, float distance)
{
	vs_walk_query_slot(pair, slot);
	for (uint32_t i = 0; i < count; i++)
		if (covers(vs_walk_distance(pair, slots[i]), distance))
			return true;
	return false;
}

#ifdef VS_VNNI
/* The same without a copy of the code: made signed in registers, with its sum on the way. */
VS_VNNI static bool covered_vnni(struct vs_walk *pair, uint32_t slot, const uint32_t *slots, uint32_t count,
                                 float distance)
{
	const struct vs_graph *graph = pair->graph;
	const uint8_t *own = vs_graph_code(graph, slot);
	size_t stride = graph->code_stride;
	__m512i bias = _mm512_set1_epi8((char)-128);

	vs_walk_scale(pair, own);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *other = vs_graph_code(graph, slots[i]);
		__m512i sum = _mm512_setzero_si512();
		__m512i less = sum;
		for (size_t at = 0; at < stride; at += 64) {
			/* The trailer is no part of the vector. */
			__mmask64 mask = at + 64 < stride ? ~UINT64_C(0) : ~UINT64_C(0) >> 8;
			__m512i x = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(_mm512_load_si512(own + at), bias));
			sum = _mm512_dpbusd_epi32(sum, _mm512_load_si512(other + at), x);
			less = _mm512_dpbusd_epi32(less, bias, x);
		}
		if (covers(vs_distance_of_vnni(pair, other, _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, less))), distance))
			return true;
	}
	return false;
}
#endif

static bool covered_any(struct vs_walk *pair, uint32_t slot, const uint32_t *slots, uint32_t count, float distance)
{
#ifdef VS_VNNI
	if (pair->graph->kind == VS_WALK_VNNI)
		return covered_vnni(pair, slot, slots, count, distance);
#endif
	return covered(pair, slot, slots, count, distance);
}

uint32_t vs_graph_select(struct vs_walk *pair, const struct vs_candidates *candidates, uint32_t max, uint32_t *chosen)
{
	uint32_t slots[LIST_MAX];
	uint32_t spare[LIST_MAX]; /* copies left out for want of places */
	uint32_t spares = 0;
	uint32_t twins = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < candidates->count && count < max; i++) {
		uint32_t id = vs_pool_id(candidates->items[i], candidates->salt);
		float distance = vs_pool_distance(candidates->items[i]);
		uint32_t slot = vs_walk_slot(pair, candidates->level, id);
		bool twin = distance <= candidates->twin;
		if (id == candidates->self || slot == UINT32_MAX)
			continue;
		if (twin && twins >= max / 2) {
			if (spares < max)
				spare[spares++] = id;
			continue;
		}
		if (covered_any(pair, slot, slots, count, distance))
			continue;
		twins += twin;
		slots[count] = slot;
		chosen[count++] = id;
	}
	for (uint32_t i = 0; i < spares && count < max; i++)
		chosen[count++] = spare[i];
	return count;
}

/* ---- changing lists ------------------------------------------------------------------------------------- */

void vs_graph_list_set(struct vs_walk *walk, struct vs_node_locks *locks, uint32_t level, uint32_t id,
                       const uint32_t *chosen, uint32_t count)
{
	uint32_t ids[LIST_MAX];
	uint32_t old[LIST_MAX];
	uint32_t cap = list_cap(walk, level);
	unsigned char *lock = list_lock(locks, level, id);
	bool whole;
	uint32_t olds = list_read(walk, level, id, old, &whole);

	for (uint32_t i = 0; i < count; i++)
		ids[i] = chosen[i];
	for (uint32_t i = 0; i < olds && count < cap; i++)
		if (!list_has(ids, count, old[i]))
			ids[count++] = old[i];
	list_write(walk, level, id, ids, count);
	list_unlock(lock);
}

/* What a full list had to give up. */
struct evicted {
	uint32_t ids[LIST_MAX + 1]; /* copies of the node whose list it is */
	uint32_t count;
};

/* Chooses anew among the entries of id and one more, the last. */
static uint32_t list_choose(struct vs_walk *walk, struct vs_walk *pair, uint32_t level, uint32_t id, uint32_t *ids,
                            uint32_t count, struct evicted *evicted)
{
	uint64_t items[LIST_MAX + 1];
	struct vs_candidates candidates = { items, count, 0, level, id, 0.0f };
	uint32_t kept;

	for (uint32_t i = 0; i < count; i++)
		vs_distance_prefetch(walk, vs_walk_slot(walk, level, ids[i]));
	/* Copies of one vector replace each other at random, so that each of them stays linked from somewhere. */
	candidates.salt = vs_graph_hash(id ^ vs_graph_hash(ids[count - 1])) >> 1;
	vs_walk_query_slot(walk, vs_walk_slot(walk, level, id));
	candidates.twin = vs_walk_distance(walk, vs_walk_slot(walk, level, id));
	for (uint32_t i = 0; i < count; i++) {
		float distance = vs_walk_distance(walk, vs_walk_slot(walk, level, ids[i]));
		uint64_t item = vs_pool_item(distance, ids[i], candidates.salt);
		uint32_t place = i;
		for (; place > 0 && items[place - 1] > item; place--)
			items[place] = items[place - 1];
		items[place] = item;
	}
	kept = vs_graph_select(pair, &candidates, list_cap(walk, level), ids);
	for (uint32_t i = 0; i < count && vs_pool_distance(items[i]) <= candidates.twin; i++)
		if (!list_has(ids, kept, vs_pool_id(items[i], candidates.salt)))
			evicted->ids[evicted->count++] = vs_pool_id(items[i], candidates.salt);
	return kept;
}

/* Adds an entry where there is room. */
static void list_append(struct vs_walk *walk, struct vs_node_locks *locks, uint32_t level, uint32_t id, uint32_t other)
{
	unsigned char *lock = list_lock(locks, level, id);
	uint32_t ids[LIST_MAX + 1];
	bool whole;
	uint32_t count = list_read(walk, level, id, ids, &whole);

	if (count < list_cap(walk, level) && id != other && !list_has(ids, count, other)) {
		ids[count++] = other;
		list_write(walk, level, id, ids, count);
	}
	list_unlock(lock);
}

void vs_graph_list_add(struct vs_walk *walk, struct vs_walk *pair, struct vs_node_locks *locks, uint32_t level,
                       uint32_t id, uint32_t other)
{
	struct evicted evicted = { .count = 0 };
	uint32_t ids[LIST_MAX + 1];
	uint32_t cap = list_cap(walk, level);
	unsigned char *lock;
	uint32_t count;
	bool whole;

	if (vs_walk_slot(walk, level, id) == UINT32_MAX)
		return;
	lock = list_lock(locks, level, id);
	count = list_read(walk, level, id, ids, &whole);
	if (!list_has(ids, count, other)) {
		ids[count++] = other;
		if (count > cap)
			count = list_choose(walk, pair, level, id, ids, count, &evicted);
		list_write(walk, level, id, ids, count);
	}
	list_unlock(lock);
	/* A copy that gave way is still found, through the one that took its place. */
	for (uint32_t i = 0; i < evicted.count; i++)
		list_append(walk, locks, level, other, evicted.ids[i]);
}

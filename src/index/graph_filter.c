/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_filter: filling the pool with accepted slots alone, in two ways.
 *
 * The scan compares the codes of all accepted. The walk goes over accepted nodes: where few neighbours of a node pass it
 * looks through the others at theirs, so that the accepted stay connected (as ACORN does: Patel and others, 2024),
 * without computing a distance for what may not be offered.
 */
#include <string.h>

#include "index/graph_distance.h"

#define SCAN_AHEAD 16    /* codes asked for before they are needed */
#define HOP_ENOUGH 24    /* candidates of one expansion, after which no further lists are looked through */
#define START_LISTS 2048 /* lists looked through for a first accepted slot */

typedef float distance_fn(const struct vs_walk *walk, uint32_t slot);

struct accepted {
	const uint64_t *words;
	uint32_t below; /* slots in bounds of everything */
};

VS_INLINE bool is_accepted(const struct accepted *accepted, uint32_t slot)
{
	return slot < accepted->below && (accepted->words[slot >> 6] >> (slot & 63) & 1);
}

/* Puts an item at its place in the sorted pool of at most ef; returns the place, or ef when it is too far. */
VS_INLINE uint32_t pool_insert(uint64_t *pool, uint32_t *len, uint32_t ef, uint64_t item)
{
	uint32_t low = 0;
	uint32_t n;

	if (*len == ef && item >= pool[ef - 1])
		return ef;
	n = *len == ef ? ef - 1 : (*len)++;
	for (uint32_t size = n; size > 0;) {
		uint32_t half = (size + 1) / 2;
		low += half & -(uint32_t)(pool[low + half - 1] < item); /* by a mask: the outcome cannot be foretold */
		size -= half;
	}
	memmove(pool + low + 1, pool + low, (n - low) * sizeof(*pool));
	pool[low] = item;
	return low;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

VS_INLINE void offer(struct vs_walk *walk, uint32_t slot, uint32_t ef, distance_fn *distance)
{
	uint64_t item = vs_pool_item(distance(walk, slot), slot, walk->salt);

	(void)pool_insert(walk->scratch->pool, &walk->len, ef, item);
}

VS_INLINE void scan(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, distance_fn *distance)
{
	struct vs_walk w = *walk; /* that nothing else can reach, so that its members stay in registers */
	uint32_t ring[SCAN_AHEAD]; /* slots whose codes were asked for */
	uint32_t taken = 0;

	for (uint32_t i = 0; i * 64 < accepted->below; i++) {
		uint64_t word = accepted->words[i];
		if (accepted->below - i * 64 < 64)
			word &= (UINT64_C(1) << accepted->below % 64) - 1;
		for (; word != 0; word &= word - 1) {
			uint32_t slot = i * 64 + (uint32_t)__builtin_ctzll(word);
			vs_distance_prefetch(&w, slot);
			if (taken >= SCAN_AHEAD)
				offer(&w, ring[taken % SCAN_AHEAD], ef, distance);
			ring[taken++ % SCAN_AHEAD] = slot;
		}
	}
	for (uint32_t i = taken > SCAN_AHEAD ? taken - SCAN_AHEAD : 0; i < taken; i++)
		offer(&w, ring[i % SCAN_AHEAD], ef, distance);
	walk->len = w.len;
	walk->distances += taken;
}

/* ---- the walk ------------------------------------------------------------------------------------------- */

/* Marks a slot as seen; 1 when it was not seen before, else 0. As in graph_walk, without a branch. */
VS_INLINE uint32_t visited_add(struct vs_graph_scratch *scratch, uint32_t slot)
{
	uint64_t word = scratch->visited[slot >> 6];
	uint32_t new = (uint32_t)(~word >> (slot & 63)) & 1;

	if (scratch->listed && word == 0)
		scratch->touched[scratch->touched_len++] = slot >> 6;
	scratch->visited[slot >> 6] = word | UINT64_C(1) << (slot & 63);
	return new;
}

VS_INLINE bool was_visited(const struct vs_graph_scratch *scratch, uint32_t slot)
{
	return scratch->visited[slot >> 6] >> (slot & 63) & 1;
}

struct hop {
	uint32_t found[HOP_ENOUGH + 2 * VS_GRAPH_M_MAX + 1]; /* accepted, unseen before */
	uint32_t count;
	uint32_t through[2 * VS_GRAPH_M_MAX + 1]; /* not accepted, unseen before */
	uint32_t through_count;
};

VS_INLINE const uint32_t *list_of(const struct vs_walk *walk, uint32_t slot)
{
	return (const uint32_t *)(const void *)(walk->lists + slot * walk->list_stride);
}

VS_INLINE void list_prefetch(const struct vs_walk *walk, uint32_t slot)
{
	const uint32_t *list = list_of(walk, slot);

	__builtin_prefetch(list);
	__builtin_prefetch(list + 16);
}

/* Sorts the unseen neighbours of a slot into accepted ones and, at the first hop, others. */
typedef void hop_fn(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, bool first, struct hop *hop);

VS_INLINE void hop_found(struct vs_walk *walk, uint32_t slot, struct hop *hop)
{
	vs_distance_prefetch(walk, slot);
	hop->found[hop->count] = slot;
	hop->count += visited_add(walk->scratch, slot);
}

VS_INLINE void hop_over(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, bool first, struct hop *hop)
{
	const uint32_t *list = list_of(walk, slot);
	uint32_t cap = 2 * walk->graph->m;

	for (uint32_t i = 0; i < cap; i++) {
		uint32_t next = vs_load_acquire(&list[i]) - 1;
		if (next == UINT32_MAX)
			break;
		if (is_accepted(accepted, next)) {
			hop_found(walk, next, hop);
		} else if (first && next < walk->slots) {
			list_prefetch(walk, next);
			hop->through[hop->through_count] = next;
			hop->through_count += !was_visited(walk->scratch, next);
		}
	}
}

#ifdef VS_VNNI
/* Which of 16 slots, where `asked`, have their bit in words; slots past the words must not be asked. */
VS_VNNI VS_INLINE __mmask16 bits_of(const uint64_t *words, __mmask16 asked, __m512i slots)
{
	__m512i halves = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), asked, _mm512_srli_epi32(slots, 5), words, 4);
	__m512i bits = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(slots, _mm512_set1_epi32(31)));

	return _mm512_mask_test_epi32_mask(asked, halves, bits);
}

/* 16 entries by one load, for which ThreadSanitizer has no word. */
VS_VNNI VS_INLINE __m512i entries_load(const uint32_t *list)
{
#ifdef __SANITIZE_THREAD__
	uint32_t entries[16];

	for (uint32_t i = 0; i < 16; i++)
		entries[i] = vs_load_acquire(&list[i]);
	return _mm512_loadu_si512(entries);
#else
	return _mm512_load_si512(list);
#endif
}

/* The same, 16 neighbours at a time: most time of a walk under a filter goes into looking which of them pass. x86 loads
 * what the writer stored in its order, and aligned entries whole. */
VS_VNNI VS_INLINE void hop_over_vnni(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, bool first,
                                     struct hop *hop)
{
	const uint32_t *list = list_of(walk, slot);

	for (uint32_t i = 0; i < 2 * walk->graph->m; i += 16) {
		__m512i next = _mm512_sub_epi32(entries_load(list + i), _mm512_set1_epi32(1));
		__mmask16 near = _mm512_cmplt_epu32_mask(next, _mm512_set1_epi32((int)accepted->below));
		__mmask16 passing = bits_of(accepted->words, near, next);
		uint32_t slots[16];
		_mm512_storeu_si512(slots, next);
		for (uint32_t left = passing; left != 0; left &= left - 1)
			hop_found(walk, slots[__builtin_ctz(left)], hop);
		if (first) {
			__mmask16 there = _mm512_cmplt_epu32_mask(next, _mm512_set1_epi32((int)walk->slots));
			uint32_t others = there & ~(uint32_t)passing & ~(uint32_t)bits_of(walk->scratch->visited, there, next);
			for (; others != 0; others &= others - 1) {
				uint32_t other = slots[__builtin_ctz(others)];
				list_prefetch(walk, other);
				hop->through[hop->through_count++] = other;
			}
		}
	}
}
#endif

VS_INLINE void expand(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, struct hop *hop, hop_fn *over)
{
	hop->count = hop->through_count = 0;
	over(walk, accepted, slot, true, hop);
	walk->visits++;
	for (uint32_t i = 0; i < hop->through_count && hop->count < HOP_ENOUGH; i++) {
		(void)visited_add(walk->scratch, hop->through[i]);
		over(walk, accepted, hop->through[i], false, hop);
		walk->visits++;
	}
}

/*
 * Among fewer nodes a smaller pool finds as much: measured, 0.7 of it where one in ten nodes is accepted, all of it where
 * one in four is. How many are here, rather than everywhere, shows in how many lists an expansion looks through: 2 / share.
 */
VS_INLINE uint32_t enough(uint32_t ef, uint32_t expansions, uint32_t lists)
{
	float share = 2.2f * (float)expansions / (float)lists;

	return (uint32_t)((float)ef * (share < 0.4f ? 0.5f + 1.25f * share : 1.0f)) + 1;
}

/* Returns false when what hangs together with the start is less than enough. */
VS_INLINE bool layer(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, distance_fn *distance, hop_fn *over)
{
	struct vs_walk w = *walk;
	uint64_t *pool = w.scratch->pool;
	uint32_t expansions = 0;
	uint32_t limit = ef / 2 + 1; /* places of the pool that are expanded */
	uint32_t next = 0;
	bool full = false;
	struct hop hop;

	w.visits = 0;
	while (next < w.len && !full) {
		uint32_t slot = vs_pool_id(pool[next], w.salt);
		pool[next] |= VS_POOL_READ;
		while (next < w.len && pool[next] & VS_POOL_READ)
			next++;
		expand(&w, accepted, slot, &hop, over);
		expansions++;
		if (next < w.len)
			list_prefetch(&w, vs_pool_id(pool[next], w.salt));
		w.distances += hop.count;
		for (uint32_t i = 0; i < hop.count; i++) {
			uint32_t found = hop.found[i];
			uint32_t place = pool_insert(pool, &w.len, ef, vs_pool_item(distance(&w, found), found, w.salt));
			next = place < next ? place : next;
		}
		if (next >= limit) {
			limit = enough(ef, expansions, w.visits);
			full = next >= limit;
		}
	}
	walk->len = w.len;
	walk->visits += w.visits;
	walk->distances = w.distances;
	return full || w.len == ef;
}

/* Breadth first from a slot, through everything, to the first accepted ones. */
static void start_near(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, uint32_t ef)
{
	uint32_t queue[START_LISTS];
	uint32_t head = 0;
	uint32_t tail = 0;

	queue[tail++] = slot;
	(void)visited_add(walk->scratch, slot);
	if (is_accepted(accepted, slot))
		offer(walk, slot, ef, vs_walk_distance);
	while (head < tail && walk->len == 0) {
		const uint32_t *list = list_of(walk, queue[head++]);
		for (uint32_t i = 0; i < 2 * walk->graph->m; i++) {
			uint32_t next = vs_load_acquire(&list[i]) - 1;
			if (next == UINT32_MAX)
				break;
			if (next >= walk->slots || visited_add(walk->scratch, next) == 0)
				continue;
			if (is_accepted(accepted, next)) {
				walk->distances++;
				offer(walk, next, ef, vs_walk_distance);
			} else if (tail < START_LISTS) {
				queue[tail++] = next;
			}
		}
		walk->visits++;
	}
}

/* The loops, compiled for each kind of distance. False: the walk found too little. */
typedef bool fill_fn(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, enum vs_graph_way way);

static bool fill_row(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, enum vs_graph_way way)
{
	if (way == VS_GRAPH_ACCEPTED)
		return layer(walk, accepted, ef, vs_distance_row, hop_over);
	scan(walk, accepted, ef, vs_distance_row);
	return true;
}

static bool fill_code(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, enum vs_graph_way way)
{
	if (way == VS_GRAPH_ACCEPTED)
		return layer(walk, accepted, ef, vs_distance_code, hop_over);
	scan(walk, accepted, ef, vs_distance_code);
	return true;
}

#ifdef VS_VNNI
VS_VNNI static bool fill_vnni(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, enum vs_graph_way way)
{
	if (way == VS_GRAPH_ACCEPTED)
		return layer(walk, accepted, ef, vs_distance_vnni, hop_over_vnni);
	scan(walk, accepted, ef, vs_distance_vnni);
	return true;
}
#endif

static fill_fn *fill_of(const struct vs_graph *graph)
{
	switch (graph->kind) {
	case VS_WALK_ROW:
		return fill_row;
#ifdef VS_VNNI
	case VS_WALK_VNNI:
		return fill_vnni;
#endif
	default:
		return fill_code;
	}
}

void vs_walk_accepted(struct vs_walk *walk, const struct vs_graph_query *query, uint32_t start, uint32_t ef)
{
	struct accepted accepted = { query->accept->words, query->accept->len };
	fill_fn *fill = fill_of(walk->graph);
	bool done = false;

	if (accepted.below > query->below)
		accepted.below = query->below;
	if (accepted.below > walk->slots)
		accepted.below = walk->slots;
	walk->len = 0;
	if (query->way == VS_GRAPH_ACCEPTED) {
		start_near(walk, &accepted, start, ef);
		done = fill(walk, &accepted, ef, VS_GRAPH_ACCEPTED);
		vs_walk_clear(walk);
	}
	if (!done) {
		walk->len = 0;
		(void)fill(walk, &accepted, ef, VS_GRAPH_SCAN);
	}
}

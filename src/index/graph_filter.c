/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_filter: filling the pool with accepted slots alone, in two ways.
 *
 * The scan compares the codes of all accepted. The walk goes over accepted nodes: where few neighbours of a node pass it
 * looks through the others at theirs, so that the accepted stay connected (as ACORN does: Patel and others, 2024),
 * without computing a distance for what may not be offered.
 */
#include <string.h>

#include "index/graph_layer.h"
#include "index/graph_vnni.h"

#define HOP_ENOUGH 24    /* candidates of one expansion, after which no further lists are looked through */
#define START_LISTS 2048 /* lists looked through for a first accepted slot */

struct accepted {
	const uint64_t *words;
	uint32_t below; /* slots in bounds of everything */
};

VS_INLINE bool is_accepted(const struct accepted *accepted, uint32_t slot)
{
	return slot < accepted->below && (accepted->words[slot >> 6] >> (slot & 63) & 1);
}

VS_INLINE void batch_append(struct vs_batch *batch, uint32_t slot)
{
	batch->slots[batch->count++] = slot;
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

#define SCAN_BATCH 64 /* codes that are on their way while as many are compared */
#define SCAN_STEP 4   /* places that a word's slots are written to at a time, whether it has as many or not */
#define SCAN_ROOM (SCAN_BATCH + 64 + SCAN_STEP)

_Static_assert(SCAN_BATCH <= VS_BATCH_ROOM, "a batch has room");

/* Writes the slots of a word's bits and, behind them, what no one reads; returns how many there are. */
typedef uint32_t word_slots_fn(uint32_t base, uint64_t word, uint32_t *slots);

/* In steps: a loop that ends at each word's own last bit cannot be foretold. */
VS_INLINE uint32_t word_slots(uint32_t base, uint64_t word, uint32_t *slots)
{
	uint32_t count = (uint32_t)__builtin_popcountll(word);

	for (uint32_t at = 0; at < count; at += SCAN_STEP) {
		for (uint32_t i = 0; i < SCAN_STEP; i++) {
			slots[at + i] = base + (uint32_t)__builtin_ctzll(word | UINT64_C(1) << 63);
			word &= word - 1;
		}
	}
	return count;
}

#ifdef VS_VNNI
#define VS_VBMI2 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,fma,popcnt,avx512vbmi2")))

VS_VBMI2 VS_INLINE void store_slots(uint32_t base, __m128i places, uint32_t *slots)
{
	_mm512_storeu_si512(slots, _mm512_add_epi32(_mm512_cvtepu8_epi32(places), _mm512_set1_epi32((int)base)));
}

/* Without a step: the places of all bits at once. */
VS_VBMI2 VS_INLINE uint32_t word_slots_vbmi2(uint32_t base, uint64_t word, uint32_t *slots)
{
	static const uint8_t all[64] __attribute__((aligned(64))) = {
		0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
		32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
	};
	uint32_t count = (uint32_t)__builtin_popcountll(word);
	__m512i places = _mm512_maskz_compress_epi8(word, _mm512_load_si512(all));

	store_slots(base, _mm512_castsi512_si128(places), slots);
	if (count > 16) {
		store_slots(base, _mm512_extracti32x4_epi32(places, 1), slots + 16);
		store_slots(base, _mm512_extracti32x4_epi32(places, 2), slots + 32);
		store_slots(base, _mm512_extracti32x4_epi32(places, 3), slots + 48);
	}
	return count;
}
#endif

/* In batches of one size, whose loops can be foretold. stride: the walk's, where it can be a constant, which saves a loop and a
 * multiplication for each code. */
VS_INLINE void scan(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, size_t stride, word_slots_fn *slots_of,
                    vs_batch_offer_fn *offer)
{
	struct vs_walk w = *walk; /* that nothing else can reach, so that its members stay in registers */
	struct vs_batch batches[2];
	struct vs_batch *now = &batches[0];
	struct vs_batch *then = &batches[1];
	uint32_t slots[SCAN_ROOM];
	uint32_t count = 0;
	uint32_t unread = UINT32_MAX;

	w.code_stride = stride;
	now->count = 0;
	for (uint32_t base = 0; base < accepted->below; base += 64) {
		uint64_t word = accepted->words[base / 64];
		if (accepted->below - base < 64)
			word &= (UINT64_C(1) << accepted->below % 64) - 1;
		count += slots_of(base, word, slots + count);
		if (count < SCAN_BATCH)
			continue;
		for (uint32_t i = 0; i < SCAN_BATCH; i++)
			vs_distance_prefetch(&w, slots[i]);
		memcpy(then->slots, slots, SCAN_BATCH * sizeof(slots[0]));
		memmove(slots, slots + SCAN_BATCH, 64 * sizeof(slots[0]));
		then->count = SCAN_BATCH;
		count -= SCAN_BATCH;
		offer(&w, 0, ef, now, &unread);
		w.distances += now->count;
		struct vs_batch *full = then;
		then = now;
		now = full;
	}
	offer(&w, 0, ef, now, &unread);
	memcpy(then->slots, slots, SCAN_BATCH * sizeof(slots[0]));
	then->count = count;
	offer(&w, 0, ef, then, &unread);
	walk->len = w.len;
	walk->distances = w.distances + now->count + then->count;
}

/* ---- the walk ------------------------------------------------------------------------------------------- */

VS_INLINE uint32_t visited_add(struct vs_graph_scratch *scratch, uint32_t slot)
{
	return vs_visited_add(scratch, scratch->visited, scratch->listed, slot);
}

VS_INLINE bool was_visited(const struct vs_graph_scratch *scratch, uint32_t slot)
{
	return scratch->visited[slot >> 6] >> (slot & 63) & 1;
}

/* What one step finds: accepted slots, unseen before, and others to look through. */
struct hop {
	struct vs_batch found;
	uint32_t through[2 * VS_GRAPH_M_MAX + 1];
	uint32_t through_count;
};

/* Sorts the unseen neighbours of a slot into accepted ones and, at the first hop, others. */
typedef void hop_fn(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, bool first, struct hop *hop);

VS_INLINE void hop_found(struct vs_walk *walk, uint32_t slot, struct hop *hop)
{
	vs_distance_prefetch(walk, slot);
	batch_append(&hop->found, slot);
	hop->found.count -= 1 - visited_add(walk->scratch, slot);
}

VS_INLINE void hop_over(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, bool first, struct hop *hop)
{
	const uint32_t *list = vs_walk_list(walk, 0, slot);
	uint32_t cap = 2 * walk->graph->m;

	for (uint32_t i = 0; i < cap; i++) {
		uint32_t next = vs_load_acquire(&list[i]) - 1;
		if (next == UINT32_MAX)
			break;
		if (is_accepted(accepted, next)) {
			hop_found(walk, next, hop);
		} else if (first && next < walk->slots) {
			vs_walk_list_prefetch(walk, 0, next);
			hop->through[hop->through_count] = next;
			hop->through_count += !was_visited(walk->scratch, next);
		}
	}
}

#ifdef VS_VNNI
/* The same, 16 neighbours at a time: most time of a walk under a filter goes into looking which of them pass. */
VS_VNNI VS_INLINE void hop_over_vnni(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, bool first,
                                     struct hop *hop)
{
	const uint32_t *list = vs_walk_list(walk, 0, slot);

	for (uint32_t i = 0; i < 2 * walk->graph->m; i += 16) {
		__m512i next = vs_vnni_entries(list + i);
		__mmask16 near = _mm512_cmplt_epu32_mask(next, _mm512_set1_epi32((int)accepted->below));
		__mmask16 passing = vs_vnni_bits(accepted->words, near, next);
		uint32_t slots[16];
		_mm512_storeu_si512(slots, next);
		for (uint32_t left = passing & ~(uint32_t)vs_vnni_bits(walk->scratch->visited, passing, next); left != 0;
		     left &= left - 1)
			hop_found(walk, slots[__builtin_ctz(left)], hop);
		if (first) {
			__mmask16 there = _mm512_cmplt_epu32_mask(next, _mm512_set1_epi32((int)walk->slots));
			uint32_t others = there & ~(uint32_t)passing & ~(uint32_t)vs_vnni_bits(walk->scratch->visited, there, next);
			for (; others != 0; others &= others - 1) {
				uint32_t other = slots[__builtin_ctz(others)];
				vs_walk_list_prefetch(walk, 0, other);
				hop->through[hop->through_count++] = other;
			}
		}
	}
}
#endif

VS_INLINE void expand(struct vs_walk *walk, const struct accepted *accepted, uint32_t slot, struct hop *hop, hop_fn *over)
{
	hop->found.count = hop->through_count = 0;
	over(walk, accepted, slot, true, hop);
	walk->visits++;
	for (uint32_t i = 0; i < hop->through_count && hop->found.count < HOP_ENOUGH; i++) {
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

/* Returns false when what hangs together with the start is less than enough. As vs_layer_search, one step's codes are on
 * their way while those of the step before are compared. */
VS_INLINE bool layer(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, hop_fn *over,
                     vs_batch_offer_fn *offer)
{
	struct vs_walk w = *walk;
	uint64_t *pool = w.scratch->pool;
	uint32_t expansions = 0;
	uint32_t limit = ef / 2 + 1; /* places of the pool that are expanded */
	uint32_t next = 0;
	bool full = false;
	struct hop hops[2];
	struct hop *now = &hops[0];
	struct hop *then = &hops[1];

	w.visits = 0;
	now->found.count = 0;
	while ((next < w.len && !full) || now->found.count > 0) {
		struct hop *done = now;
		then->found.count = 0;
		if (next < w.len && !full) {
			uint32_t slot = vs_pool_id(pool[next], w.salt);
			pool[next] |= VS_POOL_READ;
			while (next < w.len && pool[next] & VS_POOL_READ)
				next++;
			expand(&w, accepted, slot, then, over);
			expansions++;
			w.distances += then->found.count;
		}
		offer(&w, 0, ef, &now->found, &next);
		if (next < w.len)
			vs_walk_list_prefetch(&w, 0, vs_pool_id(pool[next], w.salt));
		now = then;
		then = done;
		if (next >= limit)
			limit = enough(ef, expansions, w.visits);
		full = next >= limit;
	}
	walk->len = w.len;
	walk->visits += w.visits;
	walk->distances = w.distances;
	return full || w.len == ef;
}

static void start_at(struct vs_walk *walk, uint32_t slot, uint32_t ef)
{
	uint64_t item = vs_pool_item(vs_walk_distance(walk, slot), slot, walk->salt);

	(void)vs_pool_insert(walk->scratch->pool, &walk->len, ef, item);
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
		start_at(walk, slot, ef);
	while (head < tail && walk->len == 0) {
		const uint32_t *list = vs_walk_list(walk, 0, queue[head++]);
		for (uint32_t i = 0; i < 2 * walk->graph->m; i++) {
			uint32_t next = vs_load_acquire(&list[i]) - 1;
			if (next == UINT32_MAX)
				break;
			if (next >= walk->slots || visited_add(walk->scratch, next) == 0)
				continue;
			if (is_accepted(accepted, next)) {
				walk->distances++;
				start_at(walk, next, ef);
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
		return layer(walk, accepted, ef, hop_over, vs_offer_row);
	scan(walk, accepted, ef, 0, word_slots, vs_offer_row);
	return true;
}

static bool fill_code(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, enum vs_graph_way way)
{
	if (way == VS_GRAPH_ACCEPTED)
		return layer(walk, accepted, ef, hop_over, vs_offer_code);
	scan(walk, accepted, ef, walk->code_stride, word_slots, vs_offer_code);
	return true;
}

#ifdef VS_VNNI
VS_VNNI VS_INLINE void scan_vnni(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, word_slots_fn *slots_of)
{
	if (walk->code_stride == 128) /* 65 to 120 dimensions */
		scan(walk, accepted, ef, 128, slots_of, vs_vnni_offer);
	else
		scan(walk, accepted, ef, walk->code_stride, slots_of, vs_vnni_offer);
}

VS_VNNI static bool fill_vnni(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, enum vs_graph_way way)
{
	if (way == VS_GRAPH_ACCEPTED)
		return layer(walk, accepted, ef, hop_over_vnni, vs_vnni_offer);
	scan_vnni(walk, accepted, ef, word_slots);
	return true;
}

VS_VBMI2 static bool fill_vbmi2(struct vs_walk *walk, const struct accepted *accepted, uint32_t ef, enum vs_graph_way way)
{
	if (way == VS_GRAPH_ACCEPTED)
		return fill_vnni(walk, accepted, ef, way);
	scan_vnni(walk, accepted, ef, word_slots_vbmi2);
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
		return __builtin_cpu_supports("avx512vbmi2") ? fill_vbmi2 : fill_vnni;
#endif
	default:
		return fill_code;
	}
}

bool vs_walk_accepted(struct vs_walk *walk, const struct vs_graph_query *query, uint32_t start, uint32_t ef)
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
	return done || query->way == VS_GRAPH_SCAN;
}

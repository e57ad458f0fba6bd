/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_impl: what the graph's files of this room share. Private to this room.
 *
 * A node is named by a slot at level 0 and by a record above; "id" means whichever the level has. Nothing read from the
 * maps is trusted: ids are compared with what this process has mapped before they are followed (I3).
 */
#ifndef VS_INDEX_GRAPH_IMPL_H
#define VS_INDEX_GRAPH_IMPL_H

#include "base/atomics.h"
#include "index/graph.h"
#include "index/graph_file.h"
#include "math/int8.h"

#define VS_INLINE static inline __attribute__((always_inline)) /* part of a hot loop */

#define VS_GRAPH_LEVEL_MAX 15                  /* top level a slot can have */
#define VS_GRAPH_M_MAX 64                      /* a list has at most 2 * this many entries */
#define VS_GRAPH_SLOTS_MAX (UINT32_C(1) << 31) /* ids share 32 bits with a mark in the pool */

/* How distances are computed on the way (graph_distance.h). */
enum vs_walk_kind { VS_WALK_ROW, VS_WALK_CODE, VS_WALK_VNNI };

struct vs_graph {
	struct vs_space space;
	enum vs_walk_kind kind;
	uint32_t generation;
	uint32_t m;
	uint32_t ef_construction;
	size_t list_stride;
	size_t record_stride;
	size_t code_stride; /* 0: this metric is walked on float32 rows */
	struct vs_graph_file lists;
	struct vs_graph_file upper;
	struct vs_graph_file codes;
	struct vs_file lock; /* open in the writer only */
	bool writer;
	bool other_boot; /* the files come from another boot and are not repaired yet (I4) */
	bool broken;     /* a sync failed: nothing more may be called durable */
};

/* ---- the maps ------------------------------------------------------------------------------------------- */

static inline struct vs_graph_state *vs_graph_state(const struct vs_graph *graph)
{
	return (struct vs_graph_state *)(void *)(graph->lists.map + sizeof(struct vs_graph_head));
}

/* Only when the metric has codes. */
static inline uint32_t *vs_graph_coded(const struct vs_graph *graph)
{
	return (uint32_t *)(void *)(graph->codes.map + sizeof(struct vs_graph_head));
}

static inline uint32_t *vs_graph_list(const struct vs_graph *graph, uint32_t slot)
{
	return (uint32_t *)(void *)(graph->lists.map + VS_GRAPH_HEADER + slot * graph->list_stride);
}

static inline struct vs_graph_record *vs_graph_record(const struct vs_graph *graph, uint32_t record)
{
	return (struct vs_graph_record *)(void *)(graph->upper.map + VS_GRAPH_HEADER + record * graph->record_stride);
}

static inline uint8_t *vs_graph_code(const struct vs_graph *graph, uint32_t slot)
{
	return graph->codes.map + VS_GRAPH_HEADER + slot * graph->code_stride;
}

/* Slots that have a mapped list and code. */
uint32_t vs_graph_slots(const struct vs_graph *graph);
/* Of these, those that have a mapped row: who checks and who mends must hold the same ids for good. */
static inline uint32_t vs_graph_bound(const struct vs_graph *graph, const struct vs_view *view)
{
	uint32_t slots = vs_graph_slots(graph);

	return slots < view->count ? slots : view->count;
}
/* Records that are mapped. */
uint32_t vs_graph_records(const struct vs_graph *graph);

/* Highest level of a slot: level l and up with probability M^-l, from a hash, so that it need not be stored. */
uint32_t vs_graph_level(const struct vs_graph *graph, uint32_t slot);

/* A well-mixed function of x (the finaliser of MurmurHash3). */
static inline uint32_t vs_graph_hash(uint32_t x)
{
	x ^= x >> 16;
	x *= UINT32_C(0x85ebca6b);
	x ^= x >> 13;
	x *= UINT32_C(0xc2b2ae35);
	return x ^ x >> 16;
}

/* ---- the walk ------------------------------------------------------------------------------------------- */

/* Memory of one thread that walks. */
struct vs_graph_scratch {
	struct vs_int8_query code; /* of the query */
	uint32_t code_dim;         /* that code is sized for */
	uint64_t *visited;         /* one bit an id, all 0 between walks */
	size_t visited_words;
	uint32_t *touched; /* words of visited that are not 0, while `listed` */
	size_t touched_len;
	bool listed; /* visited is long: clear it by touched */
	uint64_t *pool;
	uint32_t pool_cap;
	struct vs_file_cold cold; /* float32 rows */
};

/* One query under way. What the inner loop needs lies here itself, so that a copy of it can live in registers. */
struct vs_walk {
	const struct vs_graph *graph;
	const struct vs_view *view;
	struct vs_graph_scratch *scratch;
	const unsigned char *lists; /* the first list, code and row */
	const unsigned char *codes;
	const unsigned char *rows;
	size_t list_stride;
	size_t code_stride;
	size_t row_stride;
	uint32_t slots; /* bounds of this walk */
	uint32_t records;
	uint32_t salt; /* below 2^31 */
	uint32_t len;  /* items in scratch->pool */
	const float *vector;
	float factor;
	const int8_t *code; /* the query's, with its bias (math/int8.h) */
	int32_t bias;
	float base; /* distance = base + by_norm * |row|^2 - by_dot * scale of row * integer dot */
	float by_norm;
	float by_dot;
	uint32_t visits;
	uint32_t distances;
};

/* Sizes scratch for a pool of ef and ids below `ids`: 0 or VS_ENOMEM. */
int vs_walk_reserve(struct vs_graph_scratch *scratch, const struct vs_space *space, uint32_t ids, uint32_t ef,
                    struct vs_error *error);
/* Bounds from what is mapped; then one of the two. */
void vs_walk_init(struct vs_walk *walk, const struct vs_graph *graph, const struct vs_view *view,
                  struct vs_graph_scratch *scratch);
void vs_walk_query(struct vs_walk *walk, const float *vector, float factor);
void vs_walk_query_slot(struct vs_walk *walk, uint32_t slot); /* a slot in bounds, whose code is written */
/* The constants of a distance from a code row, whose code the caller brings along itself. */
void vs_walk_scale(struct vs_walk *walk, const uint8_t *code);
/* From the query to a slot in bounds. */
float vs_walk_distance(const struct vs_walk *walk, uint32_t slot);

/* A place to start: the id at the level; false when the graph has none (or it makes no sense). */
bool vs_walk_entry(const struct vs_walk *walk, uint64_t entry, uint32_t *level, uint32_t *id);
/* Walks down from id at level `from` to level `to`, nearer at each step; *id becomes the id at `to`. */
void vs_walk_descend(struct vs_walk *walk, uint32_t from, uint32_t to, uint32_t *id);
/* Fills the pool with the ef nearest found at a level, starting from what is in the pool already. */
void vs_walk_layer(struct vs_walk *walk, uint32_t level, uint32_t ef);
/* Fills the pool with the ef nearest of query->accept: compares them all, or walks from a slot of level 0 (query->way);
 * false when the walk found too few, so that it compared them all. */
bool vs_walk_accepted(struct vs_walk *walk, const struct vs_graph_query *query, uint32_t start, uint32_t ef);
/* Forgets which slots were seen, after a walk of level 0. */
void vs_walk_clear(struct vs_walk *walk);
/* Empties the pool and puts one id in. */
void vs_walk_start(struct vs_walk *walk, uint32_t level, uint32_t id);

/* The slot of an id; UINT32_MAX when it is out of bounds or of another level. */
static inline uint32_t vs_walk_slot(const struct vs_walk *walk, uint32_t level, uint32_t id)
{
	const struct vs_graph_record *record;
	uint32_t slot = id;

	if (level > 0) {
		if (id >= walk->records)
			return UINT32_MAX;
		record = vs_graph_record(walk->graph, id);
		if (vs_load_acquire(&record->level) != level)
			return UINT32_MAX;
		slot = vs_load_relaxed(&record->slot);
	}
	return slot < walk->slots ? slot : UINT32_MAX;
}

/* ---- repair --------------------------------------------------------------------------------------------- */

/* What has to be linked again after another boot (I4). */
struct vs_graph_damage {
	struct vs_bitmap lists;   /* slots whose level-0 list is empty or invalid */
	struct vs_bitmap records; /* slots whose upper levels are complete; only slots with upper levels count */
};

/* Winds back to the checkpoint when the boot differs, bounds the header by the maps, and encodes what `coded` says is
 * missing. Before any linking; the writer only. */
int vs_graph_restore(struct vs_graph *graph, const struct vs_view *view, struct vs_error *error);
/* Finds what to link again below `linked`, present slots that no walk of level 0 reaches among it. slots: of vs_graph_bound. The
 * caller releases both bitmaps, on failure too. */
int vs_graph_damage_find(const struct vs_graph *graph, const struct vs_bitmap *present, uint32_t linked, uint32_t slots,
                         struct vs_graph_damage *damage, struct vs_error *error);
/* Takes invalid entries out of the lists of slots below `linked` that are not linked again, since they hold no record. */
void vs_graph_lists_clean(struct vs_graph *graph, const struct vs_bitmap *present, uint32_t linked, uint32_t slots);

/* Trusting nothing: the entries of a list are in bounds and not its own. */
bool vs_graph_list_good(const struct vs_graph *graph, uint32_t slot, uint32_t slots);
/* A record that can be followed, down too: to the record before it of the same slot. */
bool vs_graph_record_good(const struct vs_graph *graph, uint32_t number, uint32_t slots);
/* An entry of a record at this level leads to one of the first `records` at the same level, or is empty. */
bool vs_graph_entry_good(const struct vs_graph *graph, uint32_t entry, uint32_t level, uint32_t records);

/* graph_check: the slots that level 0 leads to from the entry point, of the first `slots`. 0 or VS_ENOMEM. */
int vs_graph_reach(const struct vs_graph *graph, uint32_t slots, struct vs_bitmap *seen, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_walk: best-first search of one level, for searching and for linking.
 * The loop of a level is compiled once per way of computing a distance (graph_layer.h, graph_vnni.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "index/graph_distance.h"
#include "index/graph_layer.h"
#include "index/graph_vnni.h"

#define CLEAR_WHOLE 16384 /* words of the visited set up to which it is cleared whole */

/* ---- memory --------------------------------------------------------------------------------------------- */

static int visited_reserve(struct vs_graph_scratch *scratch, size_t words)
{
	uint64_t *visited;
	uint32_t *touched;

	if (words <= scratch->visited_words)
		return 0;
	words += words / 4;
	touched = realloc(scratch->touched, words * sizeof(*touched));
	if (touched == NULL)
		return -1;
	scratch->touched = touched;
	visited = calloc(words, sizeof(*visited));
	if (visited == NULL)
		return -1;
	free(scratch->visited);
	scratch->visited = visited;
	scratch->visited_words = words;
	return 0;
}

int vs_walk_reserve(struct vs_graph_scratch *scratch, const struct vs_space *space, uint32_t ids, uint32_t ef,
                    struct vs_error *error)
{
	size_t words = (size_t)ids / 64 + 1;
	uint64_t *pool;

	if (visited_reserve(scratch, words) != 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for a search");
	scratch->listed = words > CLEAR_WHOLE;
	if (ef > scratch->pool_cap) {
		pool = realloc(scratch->pool, (size_t)ef * sizeof(*pool));
		if (pool == NULL)
			return vs_error_set(error, VS_ENOMEM, "no memory for a search");
		scratch->pool = pool;
		scratch->pool_cap = ef;
	}
	if (space->quantization == VS_QUANTIZATION_INT8 && scratch->code_dim != space->dim) {
		vs_int8_query_release(&scratch->code);
		memset(&scratch->code, 0, sizeof(scratch->code));
		scratch->code_dim = 0;
		if (vs_int8_query_init(&scratch->code, space->dim) != 0)
			return vs_error_set(error, VS_ENOMEM, "no memory for a search");
		scratch->code_dim = space->dim;
	}
	return 0;
}

int vs_graph_scratch_init(struct vs_graph_scratch **scratch, struct vs_error *error)
{
	*scratch = calloc(1, sizeof(**scratch));
	return *scratch == NULL ? vs_error_set(error, VS_ENOMEM, "no memory for a search") : 0;
}

void vs_graph_scratch_release(struct vs_graph_scratch *scratch)
{
	if (scratch == NULL)
		return;
	vs_int8_query_release(&scratch->code);
	free(scratch->visited);
	free(scratch->touched);
	free(scratch->pool);
	free(scratch);
}

static void visited_clear(struct vs_walk *walk, uint32_t ids)
{
	struct vs_graph_scratch *scratch = walk->scratch;

	if (!scratch->listed) {
		memset(scratch->visited, 0, ((size_t)ids / 64 + 1) * sizeof(*scratch->visited));
		return;
	}
	for (size_t i = 0; i < scratch->touched_len; i++)
		scratch->visited[scratch->touched[i]] = 0;
	scratch->touched_len = 0;
}

void vs_walk_clear(struct vs_walk *walk)
{
	visited_clear(walk, walk->slots);
}

/* ---- one level ------------------------------------------------------------------------------------------ */

/* Greedy descent within one level: from id to the nearest that steps reach. */
static uint32_t step_down(struct vs_walk *walk, uint32_t level, uint32_t id)
{
	uint32_t ids[VS_GRAPH_M_MAX];
	uint32_t slots[VS_GRAPH_M_MAX];
	uint32_t slot = vs_walk_slot(walk, level, id);
	float best = slot == UINT32_MAX ? __builtin_inff() : vs_walk_distance(walk, slot);
	uint32_t from;

	/* Each step is nearer, so it ends; the bound is for maps that change underneath. */
	for (uint32_t steps = 0; slot != UINT32_MAX && steps <= walk->records; steps++) {
		const uint32_t *list = vs_walk_list(walk, level, id);
		uint32_t count = 0;
		for (uint32_t i = 0; i < walk->graph->m; i++) {
			ids[count] = vs_load_acquire(&list[i]) - 1;
			if (ids[count] == UINT32_MAX)
				break;
			slots[count] = vs_walk_slot(walk, level, ids[count]);
			if (slots[count] == UINT32_MAX)
				continue;
			vs_distance_prefetch(walk, slots[count]);
			count++;
		}
		from = id;
		walk->visits++;
		walk->distances += count;
		for (uint32_t i = 0; i < count; i++) {
			float distance = vs_walk_distance(walk, slots[i]);
			if (distance < best) {
				best = distance;
				id = ids[i];
			}
		}
		if (id == from)
			break;
	}
	return id;
}

static void layer_row(struct vs_walk *walk, uint32_t level, uint32_t ef)
{
	if (level == 0)
		vs_layer_search(walk, 0, ef, vs_batch_fill, vs_offer_row);
	else
		vs_layer_search(walk, level, ef, vs_batch_fill, vs_offer_row);
}

static void layer_code(struct vs_walk *walk, uint32_t level, uint32_t ef)
{
	if (level == 0)
		vs_layer_search(walk, 0, ef, vs_batch_fill, vs_offer_code);
	else
		vs_layer_search(walk, level, ef, vs_batch_fill, vs_offer_code);
}

/* ---- what the others call ------------------------------------------------------------------------------- */

void vs_walk_init(struct vs_walk *walk, const struct vs_graph *graph, const struct vs_view *view,
                  struct vs_graph_scratch *scratch)
{
	memset(walk, 0, sizeof(*walk));
	walk->graph = graph;
	walk->view = view;
	walk->scratch = scratch;
	walk->slots = vs_graph_slots(graph);
	if (walk->slots > view->count)
		walk->slots = view->count;
	walk->records = vs_graph_records(graph);
	walk->lists = graph->lists.map + VS_GRAPH_HEADER;
	walk->list_stride = graph->list_stride;
	if (graph->code_stride > 0)
		walk->codes = graph->codes.map + VS_GRAPH_HEADER;
	walk->code_stride = graph->code_stride;
	walk->rows = view->rows;
	walk->row_stride = view->stride;
}

/* The constants of vs_distance_of, for a query code of this scale and |q|^2. */
static void constants_set(struct vs_walk *walk, float scale, float norm2)
{
	switch (walk->graph->space.metric) {
	case VS_COSINE:
		walk->base = 1.0f;
		walk->by_norm = 0.0f;
		walk->by_dot = scale;
		break;
	case VS_EUCLIDEAN:
		walk->base = norm2;
		walk->by_norm = 1.0f;
		walk->by_dot = 2.0f * scale;
		break;
	default:
		walk->base = 0.0f;
		walk->by_norm = 0.0f;
		walk->by_dot = scale;
	}
}

void vs_walk_scale(struct vs_walk *walk, const uint8_t *code)
{
	const float *trailer = (const float *)(const void *)(code + walk->graph->code_stride - 8);

	constants_set(walk, trailer[0], trailer[1]);
}

static void code_set(struct vs_walk *walk)
{
	const struct vs_int8_query *code = &walk->scratch->code;

	walk->code = code->code;
	walk->bias = code->bias;
	constants_set(walk, code->scale, code->norm2);
}

void vs_walk_query(struct vs_walk *walk, const float *vector, float factor)
{
	walk->vector = vector;
	walk->factor = factor;
	if (walk->graph->code_stride > 0) {
		vs_int8_query_set(&walk->scratch->code, &walk->graph->space, vector, factor);
		code_set(walk);
	}
}

void vs_walk_query_slot(struct vs_walk *walk, uint32_t slot)
{
	walk->vector = vs_view_row(walk->view, slot);
	walk->factor = walk->vector[walk->graph->space.dim];
	if (walk->graph->code_stride > 0) {
		vs_int8_query_copy(&walk->scratch->code, vs_graph_code(walk->graph, slot));
		code_set(walk);
	}
}

float vs_walk_distance(const struct vs_walk *walk, uint32_t slot)
{
	switch (walk->graph->kind) {
	case VS_WALK_ROW:
		return vs_distance_row(walk, slot);
#ifdef VS_VNNI
	case VS_WALK_VNNI:
		return vs_distance_vnni(walk, slot);
#endif
	default:
		return vs_distance_code(walk, slot);
	}
}

bool vs_walk_entry(const struct vs_walk *walk, uint64_t entry, uint32_t *level, uint32_t *id)
{
	*level = (uint32_t)(entry >> 32);
	*id = (uint32_t)entry - 1;
	return (uint32_t)entry != 0 && *level <= VS_GRAPH_LEVEL_MAX && vs_walk_slot(walk, *level, *id) != UINT32_MAX;
}

void vs_walk_descend(struct vs_walk *walk, uint32_t from, uint32_t to, uint32_t *id)
{
	for (uint32_t level = from; level > to; level--) {
		const struct vs_graph_record *record;
		uint32_t slot;
		uint32_t down;
		*id = step_down(walk, level, *id);
		record = vs_graph_record(walk->graph, *id);
		slot = vs_load_relaxed(&record->slot);
		down = vs_load_relaxed(&record->down) - 1;
		if (level == 1 || vs_walk_slot(walk, level - 1, down) == UINT32_MAX) {
			/* Level 1 leads to level 0 by its slot; so does a record whose way down is damaged. */
			*id = to == 0 ? slot : UINT32_MAX;
			return;
		}
		*id = down;
	}
}

void vs_walk_start(struct vs_walk *walk, uint32_t level, uint32_t id)
{
	uint32_t slot = vs_walk_slot(walk, level, id);

	walk->len = 0;
	if (slot == UINT32_MAX)
		return;
	walk->distances++;
	walk->scratch->pool[walk->len++] = vs_pool_item(vs_walk_distance(walk, slot), id, walk->salt);
}

void vs_walk_layer(struct vs_walk *walk, uint32_t level, uint32_t ef)
{
	switch (walk->graph->kind) {
	case VS_WALK_ROW:
		layer_row(walk, level, ef);
		break;
#ifdef VS_VNNI
	case VS_WALK_VNNI:
		vs_vnni_layer(walk, level, ef);
		break;
#endif
	default:
		layer_code(walk, level, ef);
	}
	visited_clear(walk, level == 0 ? walk->slots : walk->records);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_repair: making sense of the files that a former process left (I4). The writer only. */
#include <string.h>

#include "base/error.h"
#include "index/graph_impl.h"

bool vs_graph_record_good(const struct vs_graph *graph, uint32_t number, uint32_t slots)
{
	const struct vs_graph_record *record = vs_graph_record(graph, number);
	uint32_t level = vs_load_acquire(&record->level);
	uint32_t slot = vs_load_relaxed(&record->slot);
	uint32_t down = vs_load_relaxed(&record->down);
	const struct vs_graph_record *below;

	if (level < 1 || slot >= slots || level > vs_graph_level(graph, slot))
		return false;
	if (level == 1)
		return down == 0;
	if (down == 0 || down - 1 >= number)
		return false;
	below = vs_graph_record(graph, down - 1);
	return vs_load_relaxed(&below->level) == level - 1 && vs_load_relaxed(&below->slot) == slot;
}

bool vs_graph_entry_good(const struct vs_graph *graph, uint32_t entry, uint32_t level, uint32_t records)
{
	return entry == 0 || (entry <= records && vs_load_relaxed(&vs_graph_record(graph, entry - 1)->level) == level);
}

/* Drops records past the checkpoint and bad ones, then entries that lead to them. A record stands behind the one that it leads
 * down to, so one pass finds all that hang on a bad one. */
static void records_clean(struct vs_graph *graph, uint32_t records, uint32_t slots)
{
	uint32_t cap = vs_graph_records(graph);

	for (uint32_t r = 0; r < cap; r++)
		if (r >= records || !vs_graph_record_good(graph, r, slots))
			vs_store_relaxed(&vs_graph_record(graph, r)->level, 0);
	for (uint32_t r = 0; r < records; r++) {
		struct vs_graph_record *record = vs_graph_record(graph, r);
		uint32_t kept = 0;
		if (record->level == 0)
			continue;
		for (uint32_t i = 0; i < graph->m; i++) {
			uint32_t entry = vs_load_relaxed(&record->entries[i]);
			if (entry != 0 && vs_graph_entry_good(graph, entry, record->level, records))
				vs_store_relaxed(&record->entries[kept++], entry);
		}
		for (; kept < graph->m; kept++)
			vs_store_relaxed(&record->entries[kept], 0);
	}
}

/* True when entry names a slot below `slots`, or a record at its level. */
static bool entry_good(const struct vs_graph *graph, uint64_t entry, uint32_t slots)
{
	uint32_t level = (uint32_t)(entry >> 32);
	uint32_t id = (uint32_t)entry - 1;

	if ((uint32_t)entry == 0 || level > VS_GRAPH_LEVEL_MAX)
		return false;
	if (level == 0)
		return id < slots;
	return id < vs_graph_records(graph) && vs_graph_record(graph, id)->level == level &&
	       vs_graph_record(graph, id)->slot < slots;
}

/* The highest record, else the first slot that has links. */
static uint64_t entry_find(const struct vs_graph *graph, uint32_t records, uint32_t linked)
{
	uint64_t best = 0;

	for (uint32_t r = 0; r < records; r++) {
		uint64_t entry = (uint64_t)vs_graph_record(graph, r)->level << 32 | (r + 1);
		if (entry >> 32 > best >> 32 && entry_good(graph, entry, vs_graph_slots(graph)))
			best = entry;
	}
	for (uint32_t slot = 0; best == 0 && slot < linked; slot++)
		if (vs_load_relaxed(vs_graph_list(graph, slot)) != 0)
			best = slot + 1;
	return best;
}

/* Encodes the slots in [coded, linked): all of them after another boot, or when codes.i8 is new. */
static int codes_complete(struct vs_graph *graph, const struct vs_view *view, uint32_t linked, struct vs_error *error)
{
	uint32_t *coded = vs_graph_coded(graph);
	int code;

	if (vs_load_relaxed(coded) >= linked)
		return 0;
	for (uint32_t slot = vs_load_relaxed(coded); slot < linked; slot++)
		vs_int8_encode(&graph->space, vs_view_row(view, slot), vs_graph_code(graph, slot));
	/* Readers of a later boot trust `coded` before it is looked at again. */
	code = vs_file_sync(&graph->codes.file, error);
	if (code == 0)
		vs_store_release(coded, linked);
	return code;
}

int vs_graph_restore(struct vs_graph *graph, const struct vs_view *view, struct vs_error *error)
{
	struct vs_graph_state *state = vs_graph_state(graph);
	uint32_t linked = vs_load_relaxed(&state->linked);
	uint32_t records = vs_load_relaxed(&state->records);
	uint32_t slots = vs_graph_file_rows(&graph->lists, graph->list_stride);
	uint64_t entry;
	int code = 0;

	if (graph->other_boot) {
		linked = linked < state->checkpoint ? linked : state->checkpoint;
		records = state->checkpoint_records;
	}
	slots = slots < view->count ? slots : view->count;
	linked = linked < slots ? linked : slots;
	records = records < vs_graph_records(graph) ? records : vs_graph_records(graph);
	if (linked != state->linked)
		vs_store_release(&state->linked, linked);
	if (records != state->records)
		vs_store_relaxed(&state->records, records);
	if (graph->code_stride > 0) {
		uint32_t rows = graph->other_boot ? 0 : vs_graph_file_rows(&graph->codes, graph->code_stride);
		if (vs_load_relaxed(vs_graph_coded(graph)) > rows)
			vs_store_release(vs_graph_coded(graph), rows);
		code = vs_graph_file_grow(&graph->codes, linked, graph->code_stride, error);
		if (code == 0)
			code = codes_complete(graph, view, linked, error);
	}
	if (code != 0)
		return code;
	slots = vs_graph_slots(graph) < slots ? vs_graph_slots(graph) : slots;
	if (graph->other_boot)
		records_clean(graph, records, slots);
	entry = vs_load_relaxed(&state->entry);
	if (entry != 0 || linked > 0)
		if (!entry_good(graph, entry, slots))
			vs_store_release(&state->entry, entry_find(graph, records, linked));
	return 0;
}

bool vs_graph_list_good(const struct vs_graph *graph, uint32_t slot, uint32_t slots)
{
	const uint32_t *list = vs_graph_list(graph, slot);

	for (uint32_t i = 0; i < 2 * graph->m; i++) {
		uint32_t entry = vs_load_relaxed(&list[i]);
		if (entry > slots || entry == slot + 1)
			return false;
	}
	return true;
}

void vs_graph_lists_clean(struct vs_graph *graph, const struct vs_bitmap *present, uint32_t linked, uint32_t slots)
{
	for (uint32_t slot = 0; slot < linked; slot++) {
		uint32_t *list = vs_graph_list(graph, slot);
		uint32_t kept = 0;
		if (vs_bitmap_test(present, slot) || vs_graph_list_good(graph, slot, slots))
			continue;
		for (uint32_t i = 0; i < 2 * graph->m; i++) {
			uint32_t entry = vs_load_relaxed(&list[i]);
			if (entry != 0 && entry <= slots && entry != slot + 1)
				vs_store_relaxed(&list[kept++], entry);
		}
		for (; kept < 2 * graph->m; kept++)
			vs_store_relaxed(&list[kept], 0);
	}
}

static int topped_find(const struct vs_graph *graph, uint32_t linked, struct vs_bitmap *topped)
{
	uint32_t records = vs_load_acquire(&vs_graph_state(graph)->records);
	uint32_t cap = vs_graph_records(graph);

	if (vs_bitmap_resize(topped, linked) != 0)
		return VS_ENOMEM;
	for (uint32_t r = 0; r < records && r < cap; r++) {
		const struct vs_graph_record *record = vs_graph_record(graph, r);
		if (vs_graph_record_good(graph, r, linked) && record->level == vs_graph_level(graph, record->slot))
			vs_bitmap_set(topped, record->slot);
	}
	return 0;
}

int vs_graph_damage_find(const struct vs_graph *graph, const struct vs_bitmap *present, uint32_t linked, uint32_t slots,
                         struct vs_graph_damage *damage, struct vs_error *error)
{
	struct vs_bitmap reached = VS_BITMAP_INIT;
	int code = vs_graph_reach(graph, slots, &reached, error);

	if (code == 0 && (topped_find(graph, linked, &damage->records) != 0 || vs_bitmap_resize(&damage->lists, linked) != 0))
		code = vs_error_set(error, VS_ENOMEM, "no memory for repairing a graph");
	for (uint32_t slot = vs_bitmap_next(present, 0); code == 0 && slot < linked; slot = vs_bitmap_next(present, slot + 1)) {
		bool topped = vs_graph_level(graph, slot) == 0 || vs_bitmap_test(&damage->records, slot);
		bool empty = vs_load_relaxed(vs_graph_list(graph, slot)) == 0;
		if (!topped || empty || !vs_bitmap_test(&reached, slot) || !vs_graph_list_good(graph, slot, slots))
			vs_bitmap_set(&damage->lists, slot);
	}
	vs_bitmap_release(&reached);
	return code;
}

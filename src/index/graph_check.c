/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_check: a look at every list and code, for `vecstore check`. Trusts nothing that it reads. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "index/graph_impl.h"

struct checker {
	const struct vs_graph *graph;
	const struct vs_view *view;
	const struct vs_bitmap *present;
	struct vs_graph_summary *summary;
	uint32_t slots; /* bound of all ids */
};

static void lists_check(struct checker *checker)
{
	const struct vs_graph *graph = checker->graph;

	for (uint32_t slot = 0; slot < checker->slots; slot++) {
		const uint32_t *list = vs_graph_list(graph, slot);
		checker->summary->nodes += vs_load_relaxed(&list[0]) != 0;
		for (uint32_t i = 0; i < 2 * graph->m; i++) {
			uint32_t entry = vs_load_relaxed(&list[i]);
			checker->summary->bad_entries += entry > checker->slots || entry == slot + 1;
		}
	}
}

static void records_check(struct checker *checker)
{
	const struct vs_graph *graph = checker->graph;
	uint32_t cap = vs_graph_records(graph);
	uint32_t used = vs_load_relaxed(&vs_graph_state(graph)->records);

	for (uint32_t r = 0; r < used && r < cap; r++) {
		const struct vs_graph_record *record = vs_graph_record(graph, r);
		uint32_t level = vs_load_acquire(&record->level);
		if (level == 0)
			continue;
		checker->summary->bad_entries += vs_load_relaxed(&record->slot) >= checker->slots;
		for (uint32_t i = 0; i < graph->m; i++) {
			uint32_t entry = vs_load_relaxed(&record->entries[i]);
			checker->summary->bad_entries +=
			    entry != 0 && (entry > cap || vs_load_relaxed(&vs_graph_record(graph, entry - 1)->level) != level);
		}
	}
}

static int codes_check(struct checker *checker, struct vs_error *error)
{
	const struct vs_graph *graph = checker->graph;
	uint8_t *code;

	if (graph->code_stride == 0)
		return 0;
	code = aligned_alloc(64, graph->code_stride);
	if (code == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for checking a graph");
	for (uint32_t slot = vs_bitmap_next(checker->present, 0); slot < checker->summary->linked;
	     slot = vs_bitmap_next(checker->present, slot + 1)) {
		vs_int8_encode(&graph->space, vs_view_row(checker->view, slot), code);
		checker->summary->bad_codes += memcmp(code, vs_graph_code(graph, slot), graph->code_stride) != 0;
	}
	free(code);
	return 0;
}

/* The slot of the entry point; UINT32_MAX when it makes no sense. */
static uint32_t entry_slot(const struct checker *checker)
{
	uint64_t entry = vs_load_acquire(&vs_graph_state(checker->graph)->entry);
	uint32_t id = (uint32_t)entry - 1;
	uint32_t slot = id;

	if ((uint32_t)entry == 0)
		return UINT32_MAX;
	if (entry >> 32 != 0) {
		if (id >= vs_graph_records(checker->graph))
			return UINT32_MAX;
		slot = vs_load_relaxed(&vs_graph_record(checker->graph, id)->slot);
	}
	return slot < checker->slots ? slot : UINT32_MAX;
}

/* Breadth first over level 0; seen becomes what is reachable. queue has room for all slots. */
static void reach(const struct checker *checker, struct vs_bitmap *seen, uint32_t *queue)
{
	uint32_t first = entry_slot(checker);
	uint32_t len = 0;

	if (first == UINT32_MAX)
		return;
	vs_bitmap_set(seen, first);
	queue[len++] = first;
	for (uint32_t done = 0; done < len; done++) {
		const uint32_t *list = vs_graph_list(checker->graph, queue[done]);
		for (uint32_t i = 0; i < 2 * checker->graph->m; i++) {
			uint32_t entry = vs_load_relaxed(&list[i]);
			if (entry == 0)
				break;
			if (entry > checker->slots || vs_bitmap_test(seen, entry - 1))
				continue;
			vs_bitmap_set(seen, entry - 1);
			queue[len++] = entry - 1;
		}
	}
}

static int reach_check(struct checker *checker, struct vs_error *error)
{
	struct vs_bitmap seen = VS_BITMAP_INIT;
	uint32_t *queue = malloc(((size_t)checker->slots + 1) * sizeof(*queue));
	int code = 0;

	if (queue == NULL || vs_bitmap_resize(&seen, checker->slots) != 0) {
		code = vs_error_set(error, VS_ENOMEM, "no memory for checking a graph");
	} else {
		reach(checker, &seen, queue);
		for (uint32_t slot = vs_bitmap_next(checker->present, 0); slot < checker->summary->linked;
		     slot = vs_bitmap_next(checker->present, slot + 1)) {
			bool found = vs_bitmap_test(&seen, slot);
			checker->summary->reachable += found;
			checker->summary->unreachable += !found;
		}
	}
	free(queue);
	vs_bitmap_release(&seen);
	return code;
}

int vs_graph_check(const struct vs_graph *graph, const struct vs_view *view, const struct vs_bitmap *present,
                   struct vs_graph_summary *summary, struct vs_error *error)
{
	struct checker checker = { graph, view, present, summary, vs_graph_slots(graph) };
	int code;

	memset(summary, 0, sizeof(*summary));
	checker.slots = checker.slots < view->count ? checker.slots : view->count;
	summary->linked = vs_graph_linked(graph);
	if (summary->linked > view->count)
		summary->linked = view->count;
	summary->checkpoint = vs_load_relaxed(&vs_graph_state(graph)->checkpoint);
	summary->bytes = vs_graph_bytes(graph);
	lists_check(&checker);
	records_check(&checker);
	code = codes_check(&checker, error);
	return code != 0 ? code : reach_check(&checker, error);
}

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
	struct vs_topk top;
};

#define SAMPLE 1000 /* walks */
#define SAMPLE_EF 64

static void lists_check(struct checker *checker)
{
	const struct vs_graph *graph = checker->graph;

	/* What lies past `linked` may be in the making. */
	for (uint32_t slot = 0; slot < checker->summary->linked; slot++) {
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
	uint32_t used = vs_load_acquire(&vs_graph_state(graph)->records);

	for (uint32_t r = 0; r < used && r < cap; r++) {
		const struct vs_graph_record *record = vs_graph_record(graph, r);
		uint32_t level = vs_load_acquire(&record->level);
		if (level == 0)
			continue;
		if (!vs_graph_record_good(graph, r, checker->slots)) {
			checker->summary->bad_entries++;
			continue;
		}
		for (uint32_t i = 0; i < graph->m; i++)
			checker->summary->bad_entries +=
			    !vs_graph_entry_good(graph, vs_load_relaxed(&record->entries[i]), level, cap);
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

int vs_graph_reach(const struct vs_graph *graph, uint32_t slots, struct vs_bitmap *seen, struct vs_error *error)
{
	struct checker checker = { .graph = graph, .slots = slots };
	uint32_t *queue = malloc(((size_t)slots + 1) * sizeof(*queue));
	int code = 0;

	if (queue == NULL || vs_bitmap_resize(seen, slots) != 0)
		code = vs_error_set(error, VS_ENOMEM, "no memory for checking a graph");
	else
		reach(&checker, seen, queue);
	free(queue);
	return code;
}

static int reach_check(struct checker *checker, struct vs_error *error)
{
	struct vs_bitmap seen = VS_BITMAP_INIT;
	struct vs_graph_damage damage = { VS_BITMAP_INIT, VS_BITMAP_INIT };
	uint32_t linked = checker->summary->linked;
	int code = vs_graph_reach(checker->graph, checker->slots, &seen, error);

	if (code == 0)
		code = vs_graph_damage_find(checker->graph, checker->present, linked, checker->slots, &damage, error);
	for (uint32_t slot = vs_bitmap_next(checker->present, 0); code == 0 && slot < linked;
	     slot = vs_bitmap_next(checker->present, slot + 1)) {
		bool found = vs_bitmap_test(&seen, slot);
		checker->summary->reachable += found;
		checker->summary->unreachable += !found;
		checker->summary->damaged += found && vs_bitmap_test(&damage.lists, slot);
	}
	vs_bitmap_release(&seen);
	vs_bitmap_release(&damage.lists);
	vs_bitmap_release(&damage.records);
	return code;
}

/* Whether a walk to a slot's own vector finds something as near. */
static int walk_check(struct checker *checker, uint32_t slot, const struct vs_bitmap *all, struct vs_graph_scratch *scratch,
                      struct vs_error *error)
{
	const struct vs_view *view = checker->view;
	const float *row = vs_view_row(view, slot);
	struct vs_graph_query query = { .vector = row,
		                            .factor = row[view->space->dim],
		                            .ef = SAMPLE_EF,
		                            .below = checker->summary->linked,
		                            .accept = all, /* a dead slot with the same vector is as good */
		                            .way = VS_GRAPH_WALK,
		                            .rescore = vs_graph_enough(1) };
	struct vs_graph_stats stats = { .visited = 0 };
	float self = vs_space_distance(view->space, row, row[view->space->dim], row);
	int code;

	vs_topk_reset(&checker->top);
	code = vs_graph_search(checker->graph, view, &query, scratch, &checker->top, &stats, error);
	if (code != 0)
		return code;
	checker->summary->walks++;
	/* Not a number: damage of the vector itself, which is reported as such. */
	checker->summary->arrived += self != self || (checker->top.len > 0 && checker->top.hits[0].distance <= self + 1e-6f);
	return 0;
}

/* Links that are in bounds and lead anywhere look good one by one; but nothing is found by them. */
static int walks_check(struct checker *checker, struct vs_error *error)
{
	struct vs_graph_scratch *scratch = NULL;
	uint32_t linked = checker->summary->linked;
	uint32_t step = linked / SAMPLE + 1;
	struct vs_bitmap all = VS_BITMAP_INIT;
	int code = vs_graph_scratch_init(&scratch, error);

	if (code == 0 && vs_bitmap_resize(&all, linked) != 0)
		code = vs_error_set(error, VS_ENOMEM, "no memory for checking a graph");
	for (uint32_t slot = 0; code == 0 && slot < linked; slot++)
		vs_bitmap_set(&all, slot);
	if (code == 0 && vs_topk_init(&checker->top, 1) != 0)
		code = vs_error_set(error, VS_ENOMEM, "no memory for checking a graph");
	for (uint32_t slot = vs_bitmap_next(checker->present, 0); code == 0 && slot < linked;
	     slot = vs_bitmap_next(checker->present, slot + step))
		code = walk_check(checker, slot, &all, scratch, error);
	vs_bitmap_release(&all);
	vs_graph_scratch_release(scratch);
	vs_topk_release(&checker->top);
	return code;
}

int vs_graph_check(const struct vs_graph *graph, const struct vs_view *view, const struct vs_bitmap *present,
                   struct vs_graph_summary *summary, struct vs_error *error)
{
	struct checker checker = { .graph = graph, .view = view, .present = present, .summary = summary };
	int code;

	memset(summary, 0, sizeof(*summary));
	checker.slots = vs_graph_bound(graph, view);
	summary->linked = summary->claimed = vs_graph_linked(graph);
	if (summary->linked > present->len)
		summary->linked = present->len;
	if (summary->linked > view->count)
		summary->linked = view->count;
	summary->checkpoint = vs_load_relaxed(&vs_graph_state(graph)->checkpoint);
	summary->mending = vs_graph_mending(graph);
	summary->bytes = vs_graph_bytes(graph);
	lists_check(&checker);
	records_check(&checker);
	code = codes_check(&checker, error);
	if (code == 0)
		code = reach_check(&checker, error);
	return code != 0 ? code : walks_check(&checker, error);
}

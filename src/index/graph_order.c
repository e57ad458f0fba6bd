/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_order: an order of slots in which neighbours in the graph are neighbours in memory. */
#include "base/error.h"
#include "index/graph_impl.h"

/* What is being put in order. */
struct order {
	const struct vs_graph *graph;
	uint32_t linked;
	uint32_t *slots;
	uint32_t count;
	struct vs_bitmap seen;
};

static void order_append(struct order *order, uint32_t slot)
{
	if (vs_bitmap_test(&order->seen, slot))
		return;
	vs_bitmap_set(&order->seen, slot);
	order->slots[order->count++] = slot;
}

/* The neighbours of a slot that have no place yet, one after the other. */
static void order_neighbours(struct order *order, uint32_t slot)
{
	const uint32_t *list = vs_graph_list(order->graph, slot);

	for (uint32_t i = 0; i < 2 * order->graph->m; i++) {
		uint32_t entry = vs_load_relaxed(&list[i]);
		if (entry == 0)
			return;
		if (entry <= order->linked)
			order_append(order, entry - 1);
	}
}

int vs_graph_order(const struct vs_graph *graph, uint32_t count, uint32_t *slots, struct vs_error *error)
{
	uint32_t linked = vs_graph_linked(graph);
	struct order order = { graph, linked < count ? linked : count, slots, 0, VS_BITMAP_INIT };

	if (vs_bitmap_resize(&order.seen, count) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory to put %u slots in order", count);
	/* From the first slot, and again from the first one that is not reached by then. */
	for (uint32_t first = 0, at = 0; first < count; first++) {
		order_append(&order, first);
		for (; at < order.count; at++)
			if (slots[at] < order.linked)
				order_neighbours(&order, slots[at]);
	}
	vs_bitmap_release(&order.seen);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Back-pressure: what is stored faster than the indexer links makes every query slower, never wrong. Past a bound, writers
 * have to wait. It is no exact one: several writers may pass it together, each by one batch.
 */
#include "engine/namespace.h"

#define TAIL_BYTES (UINT64_C(256) << 20) /* of rows: a query compares them in about 20 ms (bench/ingest) */
#define TAIL_LEAST 10000

void vs_store_set_tail(struct vs_store *store, uint32_t most)
{
	store->tail_most = most;
}

static uint32_t most_of(const struct vs_namespace *ns, const struct vs_meta_state *state)
{
	uint64_t slots;

	if (ns->store->tail_most != VS_TAIL_AUTO)
		return ns->store->tail_most;
	slots = TAIL_BYTES / (((uint64_t)state->dimension * sizeof(float) + 8 + 63) / 64 * 64);
	return slots < TAIL_LEAST ? TAIL_LEAST : (uint32_t)slots;
}

static int measure(struct vs_namespace *ns, struct vs_tail *tail, struct vs_error *error)
{
	struct vs_meta_state state;
	uint32_t linked = 0;
	int rc = vs_namespace_follow(ns, error);

	if (rc == 0)
		rc = vs_generation_peek(&ns->generation, &state, error);
	if (rc < 0)
		return rc;
	*tail = (struct vs_tail){ .most = most_of(ns, &state) };
	if (state.next_slot < VS_GRAPH_MIN_SLOTS || !vs_metric_indexed(state.metric))
		return 0;
	if (ns->generation.graph != NULL)
		linked = vs_graph_linked(ns->generation.graph);
	tail->slots = linked < state.next_slot ? state.next_slot - linked : 0;
	return 0;
}

int vs_namespace_tail(struct vs_namespace *ns, struct vs_tail *tail, struct vs_error *error)
{
	int rc = measure(ns, tail, error);

	if (rc == 0)
		tail->indexer = vs_upkeep_taken(ns);
	return rc;
}

int vs_namespace_admit(struct vs_namespace *ns, struct vs_error *error)
{
	struct vs_tail tail;
	int rc;

	if (ns->store->tail_most == 0)
		return 0;
	rc = measure(ns, &tail, error);
	if (rc < 0 || tail.slots <= tail.most)
		return rc;
	if (!vs_upkeep_taken(ns))
		return vs_error_set(error, VS_ETAIL,
		                    "%u vectors wait to be linked, more than %u, and no indexer is at work here: start vecstore-indexer",
		                    tail.slots, tail.most);
	return vs_error_set(error, VS_ETAIL, "%u vectors wait to be linked, more than %u: try again when there are fewer",
	                    tail.slots, tail.most);
}

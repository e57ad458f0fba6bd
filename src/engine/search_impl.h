/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/search_impl: the steps of a query, which a batch takes for many at a time. Private to the room. All of them
 * lie in one read transaction: check, prepare, accept, ask, settle, hydrate.
 */
#ifndef VS_ENGINE_SEARCH_IMPL_H
#define VS_ENGINE_SEARCH_IMPL_H

#include "engine/namespace.h"

struct search {
	struct vs_namespace *ns;
	const struct vs_query *query;
	struct vs_meta_state state;
	struct vs_view view;
	const float *vector;
	float factor;
	int64_t self;                   /* slot of the record asked by id, left out; -1: none */
	const struct vs_bitmap *accept; /* live and accepted by the filter */
	uint64_t accepted;              /* bits in it */
	uint32_t want;                  /* hits to find: offset + limit, and self */
	struct vs_topk top;
	uint32_t company; /* queries that would share an exact scan, this one included; 0: none but this one */
	uint32_t from; /* slots from here on are still to be scanned; next_slot: none */
	struct vs_query_stats *stats;
	uint64_t start_ns; /* when the call began */
};

/* What can be said of a query before anything is opened. */
int vs_search_check(const struct vs_query *query, struct vs_error *error);
/* view, vector, factor, self. */
int vs_search_prepare(struct search *search, struct vs_error *error);
/* accept, accepted, want. The bitmap is valid until this is called with another filter. */
int vs_search_accept(struct search *search, struct vs_error *error);
/* Makes top, asks the graph if that is the cheapest, and leaves in `from` what is to be scanned. */
int vs_search_ask(struct search *search, struct vs_error *error);
/* Forgets what was found: all slots are to be scanned. */
void vs_search_exactly(struct search *search);
/* Scans what is left, for searches of one bitmap in one pass; and everything where that was not enough (I6). */
int vs_search_settle(struct search *const *searches, uint32_t count, struct vs_error *error);
/* The rows of the hits, past the offset and down to the least score, into ns->arena. */
int vs_search_hydrate(struct search *search, struct vs_results *results, struct vs_error *error);

#endif

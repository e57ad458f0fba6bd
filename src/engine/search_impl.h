/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/search_impl: the steps of a query, which a batch takes for many at a time. Private to the room. All of them
 * lie in one read transaction: check, prepare, accept, ask, settle, hydrate.
 */
#ifndef VS_ENGINE_SEARCH_IMPL_H
#define VS_ENGINE_SEARCH_IMPL_H

#include "engine/namespace.h"

#define VS_SEARCH_EF_MAX 100000

/* How candidates are found (engine/plan). */
struct plan {
	enum vs_way way;
	uint32_t ef;        /* pool of a walk, or of a scan of codes */
	uint32_t linked;    /* slots below it are in the graph */
	float share;        /* of these, accepted */
	float cost;         /* in codes compared in order */
	const char *reason; /* in words */
};

struct search {
	struct vs_namespace *ns;
	const struct vs_query *query;
	struct vs_meta_state state;
	struct vs_view view;
	const float *vector;
	float factor;
	const uint32_t *left_out; /* slots of the records that were asked by, which are no answer */
	uint32_t left_out_count;
	uint32_t self; /* the one of a query by id */
	const struct vs_bitmap *accept; /* live and accepted by the filter */
	uint64_t accepted;              /* bits in it */
	uint32_t want;                  /* hits to find: offset + limit (or candidates), and those left out */
	struct plan plan;
	struct vs_topk top;
	uint32_t company; /* queries that would share an exact scan, this one included; 0: none but this one */
	uint32_t from; /* slots from here on are still to be scanned; next_slot: none */
	uint32_t candidates; /* that top held before results were chosen */
	uint64_t scanned;    /* rows that scans compared */
	struct vs_query_stats *stats;
	uint64_t start_ns; /* when the call began */
	struct vs_explanation *explanation; /* NULL: nobody wants to know */
	uint64_t lap_ns;                    /* when its last phase ended */
};

/* Some records may be out of reach: by the filter, or the scope. */
static inline bool vs_search_filtered(const struct search *search)
{
	return search->query->filter != NULL || search->ns->generation.scope != NULL;
}

/* What can be said of a query before anything is opened. */
int vs_search_check(const struct vs_query *query, struct vs_error *error);
/* The same but for what it searches by. */
int vs_search_check_options(const struct vs_query *query, struct vs_error *error);
/* view; vector and factor, unless vector is set; left_out of a query by id. */
int vs_search_prepare(struct search *search, struct vs_error *error);
/* accept, accepted, want. The bitmap is valid until this is called with another filter. */
int vs_search_accept(struct search *search, struct vs_error *error);
/* Makes the plan and top, asks the graph if that is the cheapest, and leaves in `from` what is to be scanned. */
int vs_search_ask(struct search *search, struct vs_error *error);
/* Forgets what was found: all slots are to be scanned. */
void vs_search_exactly(struct search *search);
/* Scans what is left, for searches of one bitmap in one pass; and everything where that was not enough (I6). */
int vs_search_settle(struct search *const *searches, uint32_t count, struct vs_error *error);
/* All steps. */
int vs_search_run(struct search *search, struct vs_results *results, struct vs_error *error);

/* The slot of a live record; field names it in errors. After view is set. */
int vs_search_find_row(const struct search *search, const char *field, const struct vs_id *id, uint32_t *slot,
                       struct vs_error *error);
int vs_search_check_vector(const struct search *search, const char *field, const float *vector, uint32_t dimension,
                           struct vs_error *error);

/* Hits that a query needs to choose its results from. */
uint32_t vs_search_candidates(const struct vs_query *query);
/* As max_distance means it. */
float vs_search_distance(const struct search *search, const struct vs_hit *hit);
/* It is within the query's bounds. */
bool vs_search_reaches(const struct search *search, const struct vs_hit *hit);
/* Moves the hits that may be answered to the front of top, in order; returns how many. */
uint32_t vs_search_eligible(struct search *search);
/* Asks for the lines of records that are fetched next. */
void vs_search_expect(const struct search *search, const struct vs_hit *hits, uint32_t count);
/* The record of a live slot: from the copy of its row where there is one, else from the row. */
int vs_search_record(const struct search *search, uint32_t slot, struct vs_record *record, struct vs_error *error);
/* The rows of the hits, past the offset and down to the least score, into ns->arena. */
int vs_search_hydrate(struct search *search, struct vs_results *results, struct vs_error *error);

#endif

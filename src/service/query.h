/* SPDX-License-Identifier: Apache-2.0 */
/* service/query: what query, batch-query, query-explain, query-estimate and recommend share. */
#ifndef VS_SERVICE_QUERY_H
#define VS_SERVICE_QUERY_H

#include "engine/project.h"
#include "engine/vecstore.h"
#include "service/call.h"
#include "service/json_in.h"
#include "service/query_cache.h"

struct vs_buf;

/* What is asked, and what of the records is to be answered. */
struct vs_ask {
	struct vs_query query;
	struct vs_grouping grouping;        /* field NULL: no groups */
	const struct vs_projection *fields; /* of the metadata; NULL: all */
	struct vs_text name;                /* of the namespace; data NULL: not given */
	bool any_limit;                     /* none was given */
	bool hybrid;                        /* candidates are those of a hybrid query, not of diversity */
	uint32_t asked; /* results, as vs_ask_admit compares them; 0: cut to the quota, or no namespace: not to be kept */
};
#define VS_ASK { VS_QUERY, VS_GROUPING, NULL, { NULL, 0 }, false, false, 0 }

/* What a hybrid query asks besides, and what its results are made of. */
struct vs_ask_hybrid {
	struct vs_ask ask;
	struct vs_text_query text; /* words NULL: by vector alone */
	struct vs_highlight highlight;
	const struct vs_hybrid_part *parts;
};
#define VS_ASK_HYBRID { VS_ASK, VS_TEXT_QUERY, VS_HIGHLIGHT, NULL }

/* Fields besides those of every query, ended by NULL. */
#define VS_ASK_MORE_MAX 8

/* The fields of a query into *ask, which is VS_ASK before, or what counts where nothing is given. more: other fields that
 * there may be (at most VS_ASK_MORE_MAX), ended by NULL. Strings are borrowed from the object; the vector and fields lie in
 * arena. */
int vs_ask_decode(const struct vs_fields *fields, const char *const *more, struct vs_arena *arena, struct vs_ask *ask,
                  struct vs_error *error);
/* The same without a vector and an id: those are fields as unknown as any other. */
int vs_ask_decode_options(const struct vs_fields *fields, const char *const *more, struct vs_arena *arena,
                          struct vs_ask *ask, struct vs_error *error);
/* vector and id alone, neither of which need be there. */
int vs_ask_decode_aim(const struct vs_fields *fields, struct vs_arena *arena, struct vs_ask *ask, struct vs_error *error);
/* The fields of a hybrid query into *hybrid, which is VS_ASK_HYBRID before and must not move: text borrows from it. */
int vs_ask_decode_hybrid(const struct vs_fields *fields, struct vs_arena *arena, struct vs_ask_hybrid *hybrid,
                         struct vs_error *error);
/* From a call's JSON body, where the query string may name the namespace alone. */
int vs_ask_decode_body(struct vs_call *call, const char *const *more, struct vs_ask *ask, struct vs_error *error);
/* From a vector as the body, and the query string. */
int vs_ask_decode_octets(struct vs_call *call, struct vs_ask *ask, struct vs_error *error);
/* VS_EINVAL when groups are asked for: only query answers them. */
int vs_ask_refuse_groups(const char *prefix, const struct vs_ask *ask, struct vs_error *error);
/* VS_EQUOTA for more results than the quota that binds (ns NULL: there is none); a limit that was not given is cut to that. Sets
 * ask->asked. prefix: "" or "queries[3]." */
int vs_ask_admit(const struct vs_namespace *ns, const char *prefix, struct vs_ask *ask, struct vs_error *error);
/* What would be wrong if there were records: for the namespace that begins empty. */
int vs_ask_check_unasked(const struct vs_ask *ask, struct vs_error *error);

/* Called within each result's object, to add to it. */
typedef void vs_ask_more_fn(void *context, struct vs_buf *out, size_t i);

/* The array of results alone: what is the same for all who ask this of the same data. more may be NULL. VS_ETOOBIG when out grows
 * too large. */
int vs_ask_encode(struct vs_buf *out, const struct vs_query *query, const struct vs_projection *fields,
                  const struct vs_result *items, size_t count, vs_ask_more_fn *more, void *context,
                  struct vs_error *error);
/* An answer of before to the same request, if it is still right: then the request need not even be decoded. */
bool vs_query_repeat(struct vs_call *call, struct vs_bytes key);
/* Ends an answer whose count results have been written: keeps it for the same request, unless ask->asked is 0, and adds the stats. */
int vs_query_finish(struct vs_call *call, const struct vs_ask *ask, const struct vs_query_stats *stats, size_t count,
                    const struct vs_mark *mark, struct vs_bytes key);
/* The array of groups. */
int vs_ask_encode_groups(struct vs_buf *out, const struct vs_ask *ask, const struct vs_groups *groups,
                         struct vs_error *error);
/* What a hybrid query's result is made of. context: a struct vs_ask_hybrid with its parts. */
void vs_ask_encode_part(void *context, struct vs_buf *out, size_t i);
/* The object of results, plan and comparison that query-explain answers. */
int vs_ask_encode_explained(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                            const struct vs_explanation *explanation, struct vs_error *error);
/* "stats":{…} */
void vs_query_encode_stats(struct vs_buf *out, uint64_t total_candidates, uint64_t filtered_count, uint64_t duration_ns,
                           bool cache_hit);

/* Into the histograms: one answer of so many results. */
void vs_query_observe(struct vs_call *call, const struct vs_query_stats *stats, size_t count);

#endif

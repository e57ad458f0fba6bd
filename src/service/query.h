/* SPDX-License-Identifier: Apache-2.0 */
/* service/query: what query and batch-query share. */
#ifndef VS_SERVICE_QUERY_H
#define VS_SERVICE_QUERY_H

#include "engine/vecstore.h"
#include "service/call.h"
#include "service/json_in.h"

struct vs_buf;

/* The fields of a query into *query, which holds the defaults of those that are missing, and *name (left alone when there is no namespace).
 * Strings are borrowed from the object, the vector lies in arena. */
int vs_query_decode(const struct vs_fields *fields, struct vs_arena *arena, struct vs_query *query,
                    struct vs_text *name, struct vs_error *error);

/* The array of results alone: what is the same for all who ask this of the same data. VS_ETOOBIG when out grows too
 * large. */
int vs_query_encode(struct vs_buf *out, const struct vs_query *query, const struct vs_results *results,
                    struct vs_error *error);
/* "stats":{…} */
void vs_query_encode_stats(struct vs_buf *out, uint64_t total_candidates, uint64_t filtered_count, uint64_t duration_ns,
                           bool cache_hit);

/* Into the histograms. */
void vs_query_observe(struct vs_call *call, const struct vs_results *results);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of query: a JSON object, or the vector as raw little-endian float32 with the other fields in the query string. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "service/call.h"
#include "service/json_in.h"
#include "service/json_out.h"
#include "service/query.h"
#include "service/query_cache.h"

#define RESULTS_MAX 10000u
#define EF_MAX 100000u
#define ANSWER_BYTES (256u << 20) /* 10,000 results may have 10 GB of metadata */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw vectors are little-endian float32; this machine is not"
#endif

static int check_page(const struct vs_query *query, const char *prefix, struct vs_error *error)
{
	char field[64];
	if (query->limit + query->offset <= RESULTS_MAX)
		return 0;
	snprintf(field, sizeof(field), "%soffset", prefix);
	return vs_error_at(error, VS_EINVAL, field, -1, "limit and offset together are at most %u", RESULTS_MAX);
}

int vs_query_decode(const struct vs_fields *fields, struct vs_arena *arena, struct vs_query *query,
                    struct vs_text *name, struct vs_error *error)
{
	static const char *const known[] = { "vector", "id",        "limit",  "filter",         "namespace",        "ef",      "rescore",
		                                 "exact",  "min_score", "offset", "include_vector", "include_metadata", NULL };
	struct vs_text id = { NULL, 0 };
	struct vs_text filter = { query->filter, 0 };
	uint32_t rescore = (uint32_t)query->rescore; /* stays what it is when it is not given, -1 too */
	int rc;
	if ((rc = vs_fields_check(fields, known, error)) || (rc = vs_fields_text(fields, "id", &id, error)) ||
	    (rc = vs_fields_vector(fields, "vector", arena, &query->vector, &query->dimension, error)) ||
	    (rc = vs_fields_number(fields, "limit", 1, RESULTS_MAX, &query->limit, error)) ||
	    (rc = vs_fields_number(fields, "offset", 0, RESULTS_MAX, &query->offset, error)) ||
	    (rc = vs_fields_number(fields, "ef", 0, EF_MAX, &query->ef, error)) ||
	    (rc = vs_fields_number(fields, "rescore", 0, VS_RESCORE_MAX, &rescore, error)) ||
	    (rc = vs_fields_bool(fields, "exact", &query->exact, error)) ||
	    (rc = vs_fields_filter(fields, "filter", &filter, error)) ||
	    (rc = vs_fields_float(fields, "min_score", &query->has_min_score, &query->min_score, error)) ||
	    (rc = vs_fields_bool(fields, "include_vector", &query->with_vector, error)) ||
	    (rc = vs_fields_bool(fields, "include_metadata", &query->with_metadata, error)) ||
	    (rc = vs_fields_text(fields, "namespace", name, error)))
		return rc;
	query->rescore = (int32_t)rescore;
	query->id = id.data;
	query->id_len = id.len;
	query->filter = filter.data;
	if (!id.data == !query->vector) {
		char field[64];
		snprintf(field, sizeof(field), "%svector", fields->prefix);
		return vs_error_at(error, VS_EINVAL, field, -1, "a query has either a vector or an id");
	}
	return check_page(query, fields->prefix, error);
}

static int decode_json(struct vs_call *call, struct vs_query *query, struct vs_text *name, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	return rc ? rc : vs_query_decode(&fields, call->request->arena, query, name, error);
}

static int take_number(const struct vs_call *call, const char *name, uint32_t min, uint32_t max, uint32_t *value,
                       struct vs_error *error)
{
	unsigned long number = *value;
	int rc = vs_target_number(&call->target, name, min, max, &number, error);
	*value = (uint32_t)number;
	return rc;
}

static int take_min_score(const struct vs_call *call, struct vs_query *query, struct vs_error *error)
{
	const struct vs_text *text = vs_target_param(&call->target, "min_score");
	char *end;
	if (!text)
		return 0;
	query->min_score = strtof(text->data, &end);
	query->has_min_score = true;
	if (end == text->data || *end || !__builtin_isfinite(query->min_score))
		return vs_error_at(error, VS_EINVAL, "min_score", -1, "must be a number");
	return 0;
}

static int decode_octets(struct vs_call *call, struct vs_query *query, struct vs_error *error)
{
	static const char *const parameters[] = {
		"limit",     "filter", "namespace",      "ef",               "rescore", "exact",
		"min_score", "offset", "include_vector", "include_metadata", NULL
	};
	const struct vs_request *request = call->request;
	const struct vs_text *filter = vs_target_param(&call->target, "filter");
	uint32_t rescore = (uint32_t)query->rescore;
	size_t len = request->body_len;
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || (rc = take_number(call, "limit", 1, RESULTS_MAX, &query->limit, error)) ||
	    (rc = take_number(call, "offset", 0, RESULTS_MAX, &query->offset, error)) ||
	    (rc = take_number(call, "ef", 0, EF_MAX, &query->ef, error)) ||
	    (rc = take_number(call, "rescore", 0, VS_RESCORE_MAX, &rescore, error)) ||
	    (rc = vs_target_bool(&call->target, "exact", &query->exact, error)) ||
	    (rc = vs_target_bool(&call->target, "include_vector", &query->with_vector, error)) ||
	    (rc = vs_target_bool(&call->target, "include_metadata", &query->with_metadata, error)) ||
	    (rc = take_min_score(call, query, error)))
		return rc;
	if (len == 0 || len % sizeof(float) != 0 || len > VS_VECTOR_DIM_MAX * sizeof(float))
		return vs_error_at(error, VS_EINVAL, "vector", -1,
		                   "the body has %zu bytes; a vector is 1 to %d little-endian float32 of 4 bytes", len,
		                   VS_VECTOR_DIM_MAX);
	query->rescore = (int32_t)rescore;
	query->filter = filter ? filter->data : NULL;
	query->vector = (const float *)(const void *)vs_arena_dup(request->arena, request->body, len);
	query->dimension = (uint32_t)(len / sizeof(float));
	if (!query->vector)
		return vs_error_set(error, VS_ENOMEM, "no memory for a vector");
	for (uint32_t i = 0; i < query->dimension; i++)
		if (!__builtin_isfinite(query->vector[i]))
			return vs_error_at(error, VS_EINVAL, "vector", i, "vector[%u] is not finite", i);
	return check_page(query, "", error);
}

int vs_query_encode(struct vs_buf *out, const struct vs_query *query, const struct vs_results *results,
                    struct vs_error *error)
{
	vs_buf_putc(out, '[');
	for (size_t i = 0; i < results->count; i++) {
		const struct vs_result *result = &results->items[i];
		if (out->len > ANSWER_BYTES)
			return vs_error_at(error, VS_ETOOBIG, "limit", -1, "the answer grows past %u MiB: ask for fewer results",
			                   ANSWER_BYTES >> 20);
		vs_buf_puts(out, i > 0 ? ",{\"id\":" : "{\"id\":");
		vs_json_text(out, result->record.id, result->record.id_len);
		vs_buf_puts(out, ",\"score\":");
		vs_json_float(out, result->score);
		if (query->with_metadata) {
			vs_buf_puts(out, ",\"metadata\":");
			vs_buf_append(out, result->record.metadata, result->record.metadata_len);
		}
		if (query->with_vector && result->record.vector) {
			vs_buf_puts(out, ",\"vector\":");
			vs_json_vector(out, result->record.vector, result->record.dimension);
		}
		vs_buf_putc(out, '}');
	}
	vs_buf_putc(out, ']');
	return 0;
}

void vs_query_encode_stats(struct vs_buf *out, uint64_t total_candidates, uint64_t filtered_count, uint64_t duration_ns,
                           bool cache_hit)
{
	vs_buf_printf(out,
	              "\"stats\":{\"total_candidates\":%" PRIu64 ",\"filtered_count\":%" PRIu64
	              ",\"duration_ms\":%.3f,\"cache_hit\":%s}",
	              total_candidates, filtered_count, (double)duration_ns * 1e-6, cache_hit ? "true" : "false");
}

static void encode_end(struct vs_buf *out, const struct vs_answer *answer, uint64_t duration_ns, bool cache_hit)
{
	vs_buf_putc(out, ',');
	vs_query_encode_stats(out, answer->total_candidates, answer->filtered_count, duration_ns, cache_hit);
	vs_buf_puts(out, "}\n");
}

static void observe(struct vs_call *call, uint64_t duration_ns, uint32_t count)
{
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_QUERY_SECONDS, (double)duration_ns * 1e-9);
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_QUERY_RESULTS, (double)count);
}

void vs_query_observe(struct vs_call *call, const struct vs_results *results)
{
	observe(call, results->stats.duration_ns, (uint32_t)results->count);
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_NODES_VISITED, (double)results->stats.nodes_visited);
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_DISTANCES, (double)results->stats.distances);
}

/* An answer of before that is still right: the request is not even decoded. */
static bool repeat(struct vs_call *call, struct vs_bytes key)
{
	uint64_t start = vs_clock_mono_ns();
	struct vs_buf *out = &call->response->body;
	struct vs_answer answer;
	if (!vs_query_cache_find(call, key, &answer))
		return false;
	vs_buf_puts(out, "{\"results\":");
	vs_buf_append(out, answer.results, answer.results_len);
	vs_cache_keep(call->cache);
	uint64_t duration_ns = vs_clock_mono_ns() - start;
	encode_end(out, &answer, duration_ns, true);
	observe(call, duration_ns, answer.count);
	return true;
}

/* ns: what the namespace is called; NULL: there is none yet, and nothing to keep. */
static int answer_with(struct vs_call *call, const struct vs_query *query, const struct vs_results *results,
                       const char *ns, struct vs_bytes key, struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	vs_buf_puts(out, "{\"results\":");
	size_t from = out->len;
	int rc = vs_query_encode(out, query, results, error);
	if (rc || out->failed)
		return rc;
	struct vs_answer answer = {
		.ns = ns,
		.results = out->data + from,
		.results_len = out->len - from,
		.count = (uint32_t)results->count,
		.total_candidates = results->stats.total_candidates,
		.filtered_count = results->stats.filtered_count,
		.mark = results->mark,
	};
	if (ns)
		vs_query_cache_put(call, key, &answer);
	encode_end(out, &answer, results->stats.duration_ns, false);
	return 0;
}

static int search(struct vs_call *call, struct vs_bytes key, struct vs_error *error)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results = { 0 };
	struct vs_namespace *ns = NULL;
	struct vs_text name = { NULL, 0 };
	bool octets = vs_call_media(call) == VS_MEDIA_OCTETS;
	int rc = octets ? decode_octets(call, &query, error) : decode_json(call, &query, &name, error);
	if (!rc && query.filter)
		rc = vs_filter_check(query.filter, error);
	if (!rc)
		rc = vs_call_namespace(call, &name, false, &ns, error);
	if (!rc && ns)
		rc = vs_namespace_search(ns, &query, &results, error);
	else if (!rc && query.id)
		rc = vs_error_at(error, VS_ENOTFOUND, "id", -1, "no record has this id");
	if (rc)
		return rc;
	vs_query_observe(call, &results);
	return answer_with(call, &query, &results, ns ? vs_call_namespace_name(call, &name) : NULL, key, error);
}

int vs_handle_query(struct vs_call *call, struct vs_error *error)
{
	struct vs_bytes key = vs_query_cache_key(call);
	int rc = repeat(call, key) ? 0 : search(call, key, error);
	vs_metrics_add(call->metrics, rc ? VS_COUNT_QUERY_ERRORS : VS_COUNT_QUERIES, 1);
	return rc;
}

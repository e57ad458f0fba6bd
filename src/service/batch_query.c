/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handler of batch-query: many queries of one namespace, answered from one snapshot. The query cache is neither asked
 * nor filled: a batch is its own way to be fast, and hardly ever the same twice.
 */
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "service/admit.h"
#include "service/json_out.h"
#include "service/json_vectors.h"
#include "service/query.h"
#include "service/split.h"

struct batch {
	struct vs_call *call;
	struct vs_query *queries;
	const struct vs_projection **fields; /* one per query */
	bool *any_limit; /* so */
	size_t count;
	const char *name;     /* of the namespace that all ask; NULL while nobody has said */
	const char *fallback; /* of those that do not say */
};

static int too_many(struct vs_error *error)
{
	return vs_error_at(error, VS_ETOOBIG, "queries", -1, "more than %d queries in one request", VS_SEARCH_BATCH_MAX);
}

static int no_memory(struct vs_error *error)
{
	return vs_error_set(error, VS_ENOMEM, "no memory for queries");
}

static int batch_init(struct batch *batch, size_t cap, struct vs_error *error)
{
	batch->count = 0;
	batch->queries = vs_arena_calloc(batch->call->request->arena, cap, sizeof(*batch->queries));
	batch->fields = vs_arena_calloc(batch->call->request->arena, cap, sizeof(*batch->fields));
	batch->any_limit = vs_arena_calloc(batch->call->request->arena, cap, sizeof(*batch->any_limit));
	return batch->queries && batch->fields && batch->any_limit ? 0 : no_memory(error);
}

/* Moves what a query borrows from its JSON into the arena. */
static int keep_query(struct vs_arena *arena, struct vs_query *query, struct vs_error *error)
{
	if (query->id && !(query->id = vs_arena_dup(arena, query->id, query->id_len)))
		return no_memory(error);
	if (query->filter && !(query->filter = vs_arena_dup(arena, query->filter, strlen(query->filter))))
		return no_memory(error);
	return 0;
}

/* A query's namespace is its own, or that of the request; all queries have the same. */
static int check_namespace(struct batch *batch, const struct vs_text *name, struct vs_error *error)
{
	const char *asked = name->data ? name->data : batch->fallback;
	char field[64];
	if (!batch->name)
		batch->name = vs_arena_dup(batch->call->request->arena, asked, strlen(asked));
	if (!batch->name)
		return no_memory(error);
	if (strcmp(asked, batch->name) == 0)
		return 0;
	snprintf(field, sizeof(field), "queries[%zu].namespace", batch->count);
	return vs_error_at(error, VS_EINVAL, field, -1, "all queries of a request ask one namespace");
}

static int add_query(struct batch *batch, struct json_object *object, struct vs_error *error)
{
	struct vs_arena *arena = batch->call->request->arena;
	struct vs_ask ask = VS_ASK;
	char prefix[44];
	snprintf(prefix, sizeof(prefix), "queries[%zu]", batch->count);
	if (!json_object_is_type(object, json_type_object))
		return vs_error_at(error, VS_EINVAL, prefix, -1, "must be a JSON object");
	strcat(prefix, ".");
	struct vs_fields fields = { object, prefix };
	int rc = vs_ask_decode(&fields, NULL, arena, &ask, error);
	if (!rc)
		rc = vs_ask_refuse_groups(prefix, &ask, error);
	if (!rc)
		rc = check_namespace(batch, &ask.name, error);
	if (!rc)
		rc = keep_query(arena, &ask.query, error);
	batch->queries[batch->count] = ask.query;
	batch->fields[batch->count] = ask.fields;
	batch->any_limit[batch->count] = ask.any_limit;
	batch->count += rc == 0;
	return rc;
}

/* ---- the body -------------------------------------------------------------------------------------------- */

static int decode_frame(struct batch *batch, struct json_object **array, struct vs_error *error)
{
	static const char *const known[] = { "queries", "namespace", NULL };
	struct vs_fields fields = { batch->call->body, "" };
	struct vs_text name = { NULL, 0 };
	int rc = vs_fields_check(&fields, known, error);
	if (!rc)
		rc = vs_fields_text(&fields, "namespace", &name, error);
	if (!rc)
		rc = vs_fields_array(&fields, "queries", array, error);
	if (!rc && !*array)
		rc = vs_fields_missing(&fields, "queries", error);
	batch->name = name.data;
	batch->fallback = vs_call_namespace_name(batch->call, &name);
	return rc;
}

/* All at once: for bodies that cannot be split, most of which are faulty, so that positions are those of the body. */
static int decode_whole(struct batch *batch, struct vs_error *error)
{
	struct json_object *array = NULL;
	int rc = vs_call_json(batch->call, error);
	if (!rc)
		rc = decode_frame(batch, &array, error);
	size_t count = rc ? 0 : json_object_array_length(array);
	if (!rc && count > VS_SEARCH_BATCH_MAX)
		rc = too_many(error);
	if (!rc)
		rc = batch_init(batch, count, error);
	for (size_t i = 0; !rc && i < count; i++)
		rc = add_query(batch, json_object_array_get_idx(array, i), error);
	return rc;
}

/* Each query by itself, so that memory is bounded by the longest; what is no JSON object sends us back to the whole. */
static int decode_elements(struct batch *batch, struct vs_split *split, struct vs_error *error)
{
	size_t from, to;
	int rc = batch_init(batch, VS_SEARCH_BATCH_MAX, error);
	while (!rc && vs_split_next(split, &from, &to)) {
		struct json_object *object = NULL;
		if (batch->count == VS_SEARCH_BATCH_MAX)
			return too_many(error);
		if (vs_json_parse_vectors(batch->call->json, split->text + from, to - from, "body", &object, NULL))
			return decode_whole(batch, error);
		rc = add_query(batch, object, error);
		json_object_put(object);
	}
	return rc;
}

static int decode(struct batch *batch, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	const struct vs_request *request = batch->call->request;
	struct json_object *array = NULL;
	struct vs_split split;
	int rc = vs_target_check(&batch->call->target, parameters, error);
	if (!rc)
		rc = vs_call_check_json(batch->call, error);
	if (rc)
		return rc;
	if (!vs_split_find(&split, request->body, request->body_len, "queries") || vs_call_frame(batch->call, &split, NULL))
		return decode_whole(batch, error);
	rc = decode_frame(batch, &array, error);
	return rc ? rc : decode_elements(batch, &split, error);
}

/* ---- the answer ------------------------------------------------------------------------------------------ */

/* The namespace that begins empty: what the engine would say of the queries. */
static int check_unasked(const struct batch *batch, struct vs_error *error)
{
	char field[64];
	for (size_t i = 0; i < batch->count; i++) {
		const struct vs_query *query = &batch->queries[i];
		struct vs_error why;
		snprintf(field, sizeof(field), "queries[%zu].%s", i, query->id ? "id" : "filter");
		if (query->id)
			return vs_error_at(error, VS_ENOTFOUND, field, -1, "no record has this id");
		if (query->filter && vs_filter_check(query->filter, &why)) {
			const char *text = strstr(why.text, ": "); /* behind the field that it names */
			snprintf(field, sizeof(field), "queries[%zu].%.48s", i % VS_SEARCH_BATCH_MAX, why.field);
			return vs_error_at(error, VS_EINVAL, field, why.position, "%s", text ? text + 2 : why.text);
		}
	}
	return 0;
}

static int encode(struct vs_call *call, const struct batch *batch, const struct vs_results *results,
                  struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	vs_buf_puts(out, "{\"results\":[");
	for (size_t i = 0; i < batch->count; i++) {
		const struct vs_query_stats *stats = &results[i].stats;
		vs_buf_puts(out, i > 0 ? ",{\"results\":" : "{\"results\":");
		int rc = vs_ask_encode(out, &batch->queries[i], batch->fields[i], results[i].items, results[i].count, NULL, NULL,
		                       error);
		if (rc || out->failed)
			return rc;
		vs_buf_putc(out, ',');
		vs_query_encode_stats(out, stats->total_candidates, stats->filtered_count, stats->duration_ns, false);
		vs_buf_putc(out, '}');
		vs_query_observe(call, stats, results[i].count);
	}
	vs_buf_puts(out, "]}\n");
	return 0;
}

static int admit(struct batch *batch, const struct vs_namespace *ns, struct vs_error *error)
{
	int rc = vs_admit_number(ns, VS_QUOTA_BATCH, "queries", batch->count, error);
	for (size_t i = 0; !rc && i < batch->count; i++) {
		struct vs_ask ask = { .query = batch->queries[i], .any_limit = batch->any_limit[i] };
		char prefix[44];
		snprintf(prefix, sizeof(prefix), "queries[%zu].", i);
		rc = vs_ask_admit(ns, prefix, &ask, error);
		batch->queries[i].limit = ask.query.limit;
	}
	return rc;
}

static int search(struct batch *batch, struct vs_error *error)
{
	struct vs_call *call = batch->call;
	struct vs_namespace *ns = NULL;
	int rc = decode(batch, error);
	if (rc)
		return rc;
	const char *name = batch->name ? batch->name : batch->fallback;
	struct vs_results *results = vs_arena_calloc(call->request->arena, batch->count, sizeof(*results));
	if (!results)
		return no_memory(error);
	rc = vs_call_namespace(call, &(struct vs_text){ name, strlen(name) }, false, &ns, error);
	if (!rc)
		rc = admit(batch, ns, error);
	if (!rc)
		rc = ns ? vs_namespace_search_batch(ns, batch->queries, batch->count, results, error)
		        : check_unasked(batch, error);
	return rc ? rc : encode(call, batch, results, error);
}

int vs_handle_batch_query(struct vs_call *call, struct vs_error *error)
{
	struct batch batch = { .call = call };
	int rc = search(&batch, error);
	vs_call_count(call, rc ? VS_COUNT_QUERY_ERRORS : VS_COUNT_QUERIES, rc ? 1 : batch.count);
	return rc;
}

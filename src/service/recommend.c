/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of recommend: records like some examples and unlike others. The query cache is neither asked nor filled. */
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "service/query.h"

/* An id, a vector, or an object with one of the two. name: "positive[2]". */
static int decode_example(struct json_object *item, const char *name, struct vs_arena *arena, struct vs_example *example,
                          struct vs_error *error)
{
	static const char *const known[] = { "id", "vector", NULL };
	struct vs_text id = { NULL, 0 };
	char prefix[48];
	int rc;
	if (json_object_is_type(item, json_type_object)) {
		snprintf(prefix, sizeof(prefix), "%s.", name);
		struct vs_fields fields = { item, prefix };
		if ((rc = vs_fields_check(&fields, known, error)) || (rc = vs_fields_text(&fields, "id", &id, error)) ||
		    (rc = vs_fields_vector(&fields, "vector", arena, &example->vector, &example->dimension, error)))
			return rc;
	} else {
		/* As a field of that name, which errors then tell. */
		struct vs_fields fields = { json_object_new_object(), "" };
		bool is_id = json_object_is_type(item, json_type_string);
		json_object_get(item);
		if (!fields.object || json_object_object_add(fields.object, name, item)) {
			json_object_put(item);
			rc = vs_error_set(error, VS_ENOMEM, "no memory for examples");
		} else if (is_id) {
			rc = vs_fields_text(&fields, name, &id, error);
		} else {
			rc = vs_fields_vector(&fields, name, arena, &example->vector, &example->dimension, error);
		}
		json_object_put(fields.object);
		if (rc)
			return rc;
	}
	example->id = id.data;
	example->id_len = id.len;
	if (!id.data == !example->vector)
		return vs_error_at(error, VS_EINVAL, name, -1, "must be an id, or a vector");
	return 0;
}

static int decode_examples(const struct vs_call *call, const char *name, const struct vs_example **examples, size_t *count,
                           struct vs_error *error)
{
	struct vs_arena *arena = call->request->arena;
	struct vs_fields fields = { call->body, "" };
	struct json_object *array;
	int rc = vs_fields_array(&fields, name, &array, error);
	if (rc || !array)
		return rc;
	*count = json_object_array_length(array);
	if (*count > VS_EXAMPLES_MAX)
		return vs_error_at(error, VS_EINVAL, name, -1, "has more than %d examples", VS_EXAMPLES_MAX);
	struct vs_example *items = vs_arena_calloc(arena, *count, sizeof(*items));
	if (!items)
		return vs_error_set(error, VS_ENOMEM, "no memory for examples");
	for (size_t i = 0; !rc && i < *count; i++) {
		char place[32];
		snprintf(place, sizeof(place), "%s[%zu]", name, i);
		rc = decode_example(json_object_array_get_idx(array, i), place, arena, &items[i], error);
	}
	*examples = items;
	return rc;
}

static int check_strategy(const struct vs_fields *fields, struct vs_error *error)
{
	struct vs_text strategy = { NULL, 0 };
	int rc = vs_fields_text(fields, "strategy", &strategy, error);
	if (!rc && strategy.data && strcmp(strategy.data, "average_vector") != 0)
		rc = vs_error_at(error, VS_EINVAL, "strategy", -1, "must be average_vector");
	return rc;
}

static int decode(struct vs_call *call, struct vs_ask *ask, struct vs_recommendation *given, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	static const char *const more[] = { "positive", "negative", "strategy", NULL };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_json(call, error);
	if (rc)
		return rc;
	struct vs_fields fields = { call->body, "" };
	if ((rc = vs_ask_decode_options(&fields, more, call->request->arena, ask, error)) ||
	    (rc = vs_ask_refuse_groups("", ask, error)) || (rc = check_strategy(&fields, error)) ||
	    (rc = decode_examples(call, "positive", &given->positive, &given->positive_count, error)) ||
	    (rc = decode_examples(call, "negative", &given->negative, &given->negative_count, error)))
		return rc;
	if (given->positive_count == 0)
		return vs_error_at(error, VS_EINVAL, "positive", -1, "needs at least one example: an id, or a vector");
	return ask->query.filter ? vs_filter_check(ask->query.filter, error) : 0;
}

/* The namespace that begins empty has none of the ids. */
static int check_unasked(const struct vs_recommendation *given, struct vs_error *error)
{
	for (size_t i = 0; i < given->positive_count + given->negative_count; i++) {
		bool positive = i < given->positive_count;
		size_t place = positive ? i : i - given->positive_count;
		char field[32];
		snprintf(field, sizeof(field), "%s[%zu]", positive ? "positive" : "negative", place);
		if ((positive ? given->positive : given->negative)[place].id)
			return vs_error_at(error, VS_ENOTFOUND, field, -1, "no record has this id");
	}
	return 0;
}

static int recommend(struct vs_call *call, struct vs_error *error)
{
	struct vs_recommendation given = { 0 };
	struct vs_buf *out = &call->response->body;
	struct vs_results results = { 0 };
	struct vs_namespace *ns = NULL;
	struct vs_ask ask = VS_ASK;
	int rc = decode(call, &ask, &given, error);
	if (!rc)
		rc = vs_call_namespace(call, &ask.name, false, &ns, error);
	if (!rc)
		rc = vs_ask_admit(ns, "", &ask, error);
	if (!rc)
		rc = ns ? vs_namespace_recommend(ns, &given, &ask.query, &results, error) : check_unasked(&given, error);
	if (rc)
		return rc;
	vs_buf_puts(out, "{\"results\":");
	rc = vs_ask_encode(out, &ask.query, ask.fields, results.items, results.count, NULL, NULL, error);
	if (rc)
		return rc;
	vs_buf_putc(out, ',');
	vs_query_encode_stats(out, results.stats.total_candidates, results.stats.filtered_count, results.stats.duration_ns,
	                      false);
	vs_buf_puts(out, "}\n");
	vs_query_observe(call, &results.stats, results.count);
	return 0;
}

int vs_handle_recommend(struct vs_call *call, struct vs_error *error)
{
	int rc = recommend(call, error);
	vs_call_count(call, rc ? VS_COUNT_QUERY_ERRORS : VS_COUNT_QUERIES, 1);
	return rc;
}

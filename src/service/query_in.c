/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked: a JSON object, or the vector as raw little-endian float32 with the other fields in the query string. */
#include <json-c/json_object.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "service/admit.h"
#include "service/query.h"

#define RESULTS_MAX 10000u
#define EF_MAX 100000u

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw vectors are little-endian float32; this machine is not"
#endif

#define RESCORE_MISSING UINT32_MAX

/* As given: 0 is none there, which the engine calls otherwise. */
static void set_rescore(struct vs_query *query, uint32_t given)
{
	if (given != RESCORE_MISSING)
		query->rescore = given == 0 ? VS_RESCORE_NONE : (int32_t)given;
}

static const char *const options[] = { "limit",     "offset",       "filter",    "namespace",  "ef",     "rescore",  "exact",
	                                   "min_score", "max_distance", "diversity", "candidates", "fields", "group_by", "groups",
	                                   "group_size", "include_vector", "include_metadata", "include_text" };
#define OPTIONS (sizeof(options) / sizeof(options[0]))

/* What was given, where that cannot be seen from the value. */
struct given {
	const char *prefix;
	uint32_t limit; /* that counts when none was */
	bool diversity;
	bool groups; /* or group_size */
};

static int fault(const char *prefix, const char *name, const char *why, struct vs_error *error)
{
	char field[64];
	snprintf(field, sizeof(field), "%s%s", prefix, name);
	return vs_error_at(error, VS_EINVAL, field, -1, "%s", why);
}

/* ---- contradictions ------------------------------------------------------------------------------------- */

static int check_groups(const struct vs_ask *ask, const struct given *given, struct vs_error *error)
{
	const struct vs_grouping *grouping = &ask->grouping;
	if (!grouping->field)
		return given->groups ? fault(given->prefix, "groups", "is for group_by, which is missing", error) : 0;
	if (ask->query.limit != 0)
		return fault(given->prefix, "limit", "has no meaning with group_by: groups and group_size say how many", error);
	if (ask->query.offset > 0)
		return fault(given->prefix, "offset", "has no meaning with group_by", error);
	if (ask->query.diversity > 0.0f)
		return fault(given->prefix, "diversity", "has no meaning with group_by", error);
	if (grouping->groups * grouping->group_size > RESULTS_MAX)
		return fault(given->prefix, "group_size", "times groups is more than 10000", error);
	return 0;
}

static int check_diversity(const struct vs_query *query, bool hybrid, const struct given *given, struct vs_error *error)
{
	uint32_t wanted = query->limit + query->offset;
	if (given->diversity && !(query->diversity >= 0.0f && query->diversity <= 1.0f))
		return fault(given->prefix, "diversity", "must be a number from 0 to 1", error);
	if (query->candidates > 0 && query->diversity == 0.0f && !hybrid)
		return fault(given->prefix, "candidates", "is for diversity, which is missing or 0", error);
	if (query->candidates > 0 && query->candidates < wanted)
		return fault(given->prefix, "candidates", "must be at least limit and offset together", error);
	if (query->diversity > 0.0f && wanted > VS_CANDIDATES_MAX)
		return fault(given->prefix, "limit", "and offset together are at most 1000 with diversity", error);
	return 0;
}

/* Makes ask->query.limit, 0 when it was not given, what it is by default. */
static int check_together(struct vs_ask *ask, const struct given *given, struct vs_error *error)
{
	struct vs_query *query = &ask->query;
	int rc = check_groups(ask, given, error);
	if (rc)
		return rc;
	ask->any_limit = query->limit == 0;
	if (ask->any_limit)
		query->limit = given->limit;
	if (query->limit + query->offset > RESULTS_MAX)
		return fault(given->prefix, "offset", "and limit together are at most 10000", error);
	if (query->has_max_distance && query->has_min_score)
		return fault(given->prefix, "max_distance", "min_score bounds the results already: give one of the two", error);
	if (ask->fields && !query->with_metadata)
		return fault(given->prefix, "fields", "chooses among the metadata, which include_metadata leaves out", error);
	return check_diversity(query, ask->hybrid, given, error);
}

/* ---- fields --------------------------------------------------------------------------------------------- */

static int no_memory(struct vs_error *error)
{
	return vs_error_set(error, VS_ENOMEM, "no memory for fields");
}

/* One path, or some with commas between them, at the end of a list of all; errors name it. */
static int add_path(const char *prefix, size_t i, struct json_object *item, struct vs_arena *arena, struct vs_buf *list,
                    struct vs_error *error)
{
	const struct vs_projection *alone;
	struct vs_error why;
	char name[32];
	snprintf(name, sizeof(name), "fields[%zu]", i);
	if (!json_object_is_type(item, json_type_string))
		return fault(prefix, name, "must be a string: a path such as kind or origin.language", error);
	const char *text = json_object_get_string(item);
	size_t len = (size_t)json_object_get_string_len(item);
	int rc = vs_projection_parse(text, len, arena, &alone, &why);
	if (rc == VS_EINVAL)
		return fault(prefix, name, "is no path such as kind or origin.language", error);
	if (rc)
		return no_memory(error);
	if (i > 0)
		vs_buf_putc(list, ',');
	vs_buf_append(list, text, len);
	return 0;
}

static int take_projection(const struct vs_fields *fields, struct vs_arena *arena, struct vs_ask *ask,
                           struct vs_error *error)
{
	struct json_object *array;
	struct vs_buf list = VS_BUF_INIT;
	int rc = vs_fields_array(fields, "fields", &array, error);
	if (rc || !array)
		return rc;
	size_t count = json_object_array_length(array);
	if (count == 0)
		rc = fault(fields->prefix, "fields", "is empty; include_metadata: false leaves all metadata out", error);
	if (count > VS_PROJECTION_FIELDS_MAX)
		rc = fault(fields->prefix, "fields", "has too many paths", error);
	for (size_t i = 0; !rc && i < count; i++)
		rc = add_path(fields->prefix, i, json_object_array_get_idx(array, i), arena, &list, error);
	if (!rc && list.failed)
		rc = no_memory(error);
	if (!rc && vs_projection_parse(list.data, list.len, arena, &ask->fields, NULL))
		rc = fault(fields->prefix, "fields", "has too many paths", error);
	vs_buf_release(&list);
	return rc;
}

static int check_names(const struct vs_fields *fields, bool aimed, const char *const *more, struct vs_error *error)
{
	const char *known[OPTIONS + 2 + VS_ASK_MORE_MAX + 1] = { 0 };
	size_t count = OPTIONS;
	memcpy(known, options, sizeof(options));
	if (aimed) {
		known[count++] = "vector";
		known[count++] = "id";
	}
	for (size_t i = 0; more && more[i] && i < VS_ASK_MORE_MAX; i++)
		known[count++] = more[i];
	return vs_fields_check(fields, known, error);
}

static int take_groups(const struct vs_fields *fields, struct vs_ask *ask, struct given *given, struct vs_error *error)
{
	struct vs_grouping *grouping = &ask->grouping;
	struct vs_text field = { NULL, 0 };
	uint32_t groups = 0, size = 0;
	int rc;
	if ((rc = vs_fields_text(fields, "group_by", &field, error)) ||
	    (rc = vs_fields_number(fields, "groups", 1, VS_GROUPS_MAX, &groups, error)) ||
	    (rc = vs_fields_number(fields, "group_size", 1, VS_GROUP_SIZE_MAX, &size, error)))
		return rc;
	given->groups = groups > 0 || size > 0;
	grouping->field = field.data;
	grouping->groups = groups > 0 ? groups : grouping->groups;
	grouping->group_size = size > 0 ? size : grouping->group_size;
	return 0;
}

/* *has stays true where *ask had a bound before. */
static int take_bound(const struct vs_fields *fields, const char *name, bool *has, float *bound, struct vs_error *error)
{
	bool present;
	int rc = vs_fields_float(fields, name, &present, bound, error);
	*has = *has || present;
	return rc;
}

int vs_ask_decode_options(const struct vs_fields *fields, const char *const *more, struct vs_arena *arena,
                          struct vs_ask *ask, struct vs_error *error)
{
	struct vs_query *query = &ask->query;
	struct vs_text filter = { query->filter, 0 };
	struct given given = { fields->prefix, query->limit, false, false };
	uint32_t rescore = RESCORE_MISSING;
	int rc;
	query->limit = 0;
	if ((rc = check_names(fields, query->vector || query->id, more, error)) ||
	    (rc = vs_fields_number(fields, "limit", 1, RESULTS_MAX, &query->limit, error)) ||
	    (rc = vs_fields_number(fields, "offset", 0, RESULTS_MAX - 1, &query->offset, error)) ||
	    (rc = vs_fields_number(fields, "ef", 0, EF_MAX, &query->ef, error)) ||
	    (rc = vs_fields_number(fields, "rescore", 0, VS_RESCORE_MAX, &rescore, error)) ||
	    (rc = vs_fields_number(fields, "candidates", 1, VS_CANDIDATES_MAX, &query->candidates, error)) ||
	    (rc = vs_fields_bool(fields, "exact", &query->exact, error)) ||
	    (rc = vs_fields_filter(fields, "filter", &filter, error)) ||
	    (rc = take_bound(fields, "min_score", &query->has_min_score, &query->min_score, error)) ||
	    (rc = take_bound(fields, "max_distance", &query->has_max_distance, &query->max_distance, error)) ||
	    (rc = vs_fields_float(fields, "diversity", &given.diversity, &query->diversity, error)) ||
	    (rc = vs_fields_bool(fields, "include_vector", &query->with_vector, error)) ||
	    (rc = vs_fields_bool(fields, "include_metadata", &query->with_metadata, error)) ||
	    (rc = vs_fields_bool(fields, "include_text", &query->with_text, error)) ||
	    (rc = take_projection(fields, arena, ask, error)) || (rc = take_groups(fields, ask, &given, error)) ||
	    (rc = vs_fields_text(fields, "namespace", &ask->name, error)))
		return rc;
	set_rescore(query, rescore);
	query->filter = filter.data;
	return check_together(ask, &given, error);
}

int vs_ask_decode_aim(const struct vs_fields *fields, struct vs_arena *arena, struct vs_ask *ask, struct vs_error *error)
{
	struct vs_query *query = &ask->query;
	struct vs_text id = { NULL, 0 };
	int rc = vs_fields_text(fields, "id", &id, error);
	if (!rc)
		rc = vs_fields_vector(fields, "vector", arena, &query->vector, &query->dimension, error);
	query->id = id.data;
	query->id_len = id.len;
	if (!rc && query->id && query->vector)
		rc = fault(fields->prefix, "vector", "a query has either a vector or an id", error);
	return rc;
}

int vs_ask_decode(const struct vs_fields *fields, const char *const *more, struct vs_arena *arena, struct vs_ask *ask,
                  struct vs_error *error)
{
	struct vs_query *query = &ask->query;
	int rc;
	if ((rc = check_names(fields, true, more, error)) || (rc = vs_ask_decode_aim(fields, arena, ask, error)))
		return rc;
	if (!query->id == !query->vector)
		return fault(fields->prefix, "vector", "a query has either a vector or an id", error);
	return vs_ask_decode_options(fields, more, arena, ask, error);
}

int vs_ask_decode_body(struct vs_call *call, const char *const *more, struct vs_ask *ask, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	return rc ? rc : vs_ask_decode(&fields, more, call->request->arena, ask, error);
}

int vs_ask_refuse_groups(const char *prefix, const struct vs_ask *ask, struct vs_error *error)
{
	return ask->grouping.field ? fault(prefix, "group_by", "is for /v1/query alone", error) : 0;
}

int vs_ask_check_unasked(const struct vs_ask *ask, struct vs_error *error)
{
	const struct vs_query *query = &ask->query;
	if (query->id)
		return vs_error_at(error, VS_ENOTFOUND, "id", -1, "no record has this id");
	return query->filter ? vs_filter_check(query->filter, error) : 0;
}

/* ---- the query string ----------------------------------------------------------------------------------- */

static int take_number(const struct vs_call *call, const char *name, uint32_t min, uint32_t max, uint32_t *value,
                       struct vs_error *error)
{
	unsigned long number = *value;
	int rc = vs_target_number(&call->target, name, min, max, &number, error);
	*value = (uint32_t)number;
	return rc;
}

/* As JSON writes it; strtof would take spaces, a plus, hexadecimal digits and words. */
static int take_float(const struct vs_call *call, const char *name, bool *present, float *value, struct vs_error *error)
{
	const struct vs_text *text = vs_target_param(&call->target, name);
	char *end;
	if (!text)
		return 0;
	*value = strtof(text->data, &end);
	*present = true;
	if (end == text->data || *end || !strchr("-0123456789", text->data[0]) ||
	    strspn(text->data, "+-.0123456789eE") != text->len || !__builtin_isfinite(*value))
		return vs_error_at(error, VS_EINVAL, name, -1, "must be a number");
	return 0;
}

static int take_vector(const struct vs_request *request, struct vs_query *query, struct vs_error *error)
{
	size_t len = request->body_len;
	if (len == 0 || len % sizeof(float) != 0 || len > VS_VECTOR_DIM_MAX * sizeof(float))
		return vs_error_at(error, VS_EINVAL, "vector", -1,
		                   "the body has %zu bytes; a vector is 1 to %d little-endian float32 of 4 bytes", len,
		                   VS_VECTOR_DIM_MAX);
	query->vector = (const float *)(const void *)vs_arena_dup(request->arena, request->body, len);
	query->dimension = (uint32_t)(len / sizeof(float));
	if (!query->vector)
		return vs_error_set(error, VS_ENOMEM, "no memory for a vector");
	for (uint32_t i = 0; i < query->dimension; i++)
		if (!__builtin_isfinite(query->vector[i]))
			return vs_error_at(error, VS_EINVAL, "vector", i, "vector[%u] is not finite", i);
	return 0;
}

static int take_texts(const struct vs_call *call, struct vs_ask *ask, struct given *given, struct vs_error *error)
{
	const struct vs_text *filter = vs_target_param(&call->target, "filter");
	const struct vs_text *fields = vs_target_param(&call->target, "fields");
	const struct vs_text *group_by = vs_target_param(&call->target, "group_by");
	ask->query.filter = filter ? filter->data : NULL;
	ask->grouping.field = group_by ? group_by->data : NULL;
	given->groups = vs_target_param(&call->target, "groups") || vs_target_param(&call->target, "group_size");
	return fields ? vs_projection_parse(fields->data, fields->len, call->request->arena, &ask->fields, error) : 0;
}

int vs_ask_decode_octets(struct vs_call *call, struct vs_ask *ask, struct vs_error *error)
{
	const struct vs_target *target = &call->target;
	const char *parameters[OPTIONS + 1] = { 0 };
	struct vs_query *query = &ask->query;
	struct given given = { "", query->limit, false, false };
	uint32_t rescore = RESCORE_MISSING;
	int rc;
	memcpy(parameters, options, sizeof(options));
	query->limit = 0;
	if ((rc = vs_target_check(target, parameters, error)) ||
	    (rc = take_number(call, "limit", 1, RESULTS_MAX, &query->limit, error)) ||
	    (rc = take_number(call, "offset", 0, RESULTS_MAX - 1, &query->offset, error)) ||
	    (rc = take_number(call, "ef", 0, EF_MAX, &query->ef, error)) ||
	    (rc = take_number(call, "rescore", 0, VS_RESCORE_MAX, &rescore, error)) ||
	    (rc = take_number(call, "candidates", 1, VS_CANDIDATES_MAX, &query->candidates, error)) ||
	    (rc = take_number(call, "groups", 1, VS_GROUPS_MAX, &ask->grouping.groups, error)) ||
	    (rc = take_number(call, "group_size", 1, VS_GROUP_SIZE_MAX, &ask->grouping.group_size, error)) ||
	    (rc = vs_target_bool(target, "exact", &query->exact, error)) ||
	    (rc = vs_target_bool(target, "include_vector", &query->with_vector, error)) ||
	    (rc = vs_target_bool(target, "include_metadata", &query->with_metadata, error)) ||
	    (rc = vs_target_bool(target, "include_text", &query->with_text, error)) ||
	    (rc = take_float(call, "min_score", &query->has_min_score, &query->min_score, error)) ||
	    (rc = take_float(call, "max_distance", &query->has_max_distance, &query->max_distance, error)) ||
	    (rc = take_float(call, "diversity", &given.diversity, &query->diversity, error)) ||
	    (rc = take_texts(call, ask, &given, error)) || (rc = take_vector(call->request, query, error)))
		return rc;
	set_rescore(query, rescore);
	return check_together(ask, &given, error);
}

int vs_ask_admit(const struct vs_namespace *ns, const char *prefix, struct vs_ask *ask, struct vs_error *error)
{
	struct vs_query *query = &ask->query;
	uint64_t results = (uint64_t)query->limit + query->offset;
	char field[64];
	bool grouped = ask->grouping.field != NULL;
	if (grouped)
		results = (uint64_t)ask->grouping.groups * ask->grouping.group_size;
	ask->asked = ns ? (uint32_t)results : 0;
	snprintf(field, sizeof(field), "%s%s", prefix, grouped ? "groups" : "limit");
	int rc = vs_admit_number(ns, VS_QUOTA_RESULTS, field, results, error);
	/* Who did not say how many gets as many as there may be. */
	if (rc != VS_EQUOTA || grouped || !ask->any_limit || vs_namespace_most(ns, VS_QUOTA_RESULTS) <= query->offset)
		return rc;
	query->limit = (uint32_t)vs_namespace_most(ns, VS_QUOTA_RESULTS) - query->offset;
	ask->asked = 0;
	return 0;
}

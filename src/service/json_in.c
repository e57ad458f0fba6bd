/* SPDX-License-Identifier: Apache-2.0 */
#include "service/json_in.h"

#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fault.h"
#include "engine/vecstore.h"
#include "service/base64.h"
#include "service/json_out.h"

/* "records[3]." and "vector": the field's whole name, in name[64]. */
static const char *full_name(const struct vs_fields *fields, const char *name, char *full)
{
	snprintf(full, 64, "%s%s", fields->prefix, name);
	return full;
}

#define FULL(fields, name) full_name((fields), (name), (char[64]){ "" })

int vs_fields_missing(const struct vs_fields *fields, const char *name, struct vs_error *error)
{
	return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1, "is missing");
}

int vs_fields_fault(const struct vs_fields *fields, const char *name, const char *why, struct vs_error *error)
{
	return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1, "%s", why);
}

static int wrong_type(const struct vs_fields *fields, const char *name, const char *type, struct vs_error *error)
{
	return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1, "must be %s", type);
}

int vs_fields_check(const struct vs_fields *fields, const char *const *names, struct vs_error *error)
{
	json_object_object_foreach(fields->object, key, value)
	{
		const char *const *name = names;
		(void)value;
		while (*name && strcmp(*name, key) != 0)
			name++;
		if (!*name)
			return vs_error_at(error, VS_EINVAL, FULL(fields, key), -1, "unknown field");
	}
	return 0;
}

static struct json_object *find(const struct vs_fields *fields, const char *name)
{
	struct json_object *value = NULL;
	json_object_object_get_ex(fields->object, name, &value);
	return value;
}

int vs_fields_text(const struct vs_fields *fields, const char *name, struct vs_text *value, struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	if (!found)
		return 0;
	if (!json_object_is_type(found, json_type_string))
		return wrong_type(fields, name, "a string", error);
	const char *text = json_object_get_string(found);
	size_t len = (size_t)json_object_get_string_len(found);
	const char *nul = memchr(text, '\0', len);
	if (nul)
		return vs_error_at(error, VS_EINVAL, FULL(fields, name), nul - text, "holds a NUL character (\\u0000)");
	*value = (struct vs_text){ text, len };
	return 0;
}

int vs_fields_bool(const struct vs_fields *fields, const char *name, bool *value, struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	if (!found)
		return 0;
	if (!json_object_is_type(found, json_type_boolean))
		return wrong_type(fields, name, "true or false", error);
	*value = json_object_get_boolean(found);
	return 0;
}

int vs_fields_number(const struct vs_fields *fields, const char *name, uint32_t min, uint32_t max, uint32_t *value,
                     struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	if (!found)
		return 0;
	int64_t number = json_object_is_type(found, json_type_int) ? json_object_get_int64(found) : -1;
	if (number < (int64_t)min || number > (int64_t)max)
		return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1, "must be a whole number from %u to %u", min, max);
	*value = (uint32_t)number;
	return 0;
}

int vs_fields_integer(const struct vs_fields *fields, const char *name, int64_t min, int64_t max, bool *present,
                      int64_t *value, struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	*present = found != NULL;
	if (!found)
		return 0;
	if (!json_object_is_type(found, json_type_int) || json_object_get_int64(found) < min ||
	    json_object_get_int64(found) > max || json_object_get_uint64(found) > INT64_MAX)
		return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1, "must be a whole number from %lld to %lld",
		                   (long long)min, (long long)max);
	*value = json_object_get_int64(found);
	return 0;
}

/* json-c clamps integers to 64 bits: was this one, or may it have been? */
static bool is_clamped(struct json_object *number)
{
	return json_object_get_int64(number) == INT64_MIN || json_object_get_uint64(number) == UINT64_MAX;
}

/* A number as float32: 0, or VS_EINVAL with *why, which is NULL before. */
static int to_float(struct json_object *found, float *value, const char **why)
{
	enum json_type type = json_object_get_type(found);
	double number = 0.0;
	if (type == json_type_double || type == json_type_int)
		number = json_object_get_double(found);
	else
		*why = "is not a number";
	if (type == json_type_int && is_clamped(found))
		*why = "is an integer beyond 64 bits: write it with an exponent";
	if (*why)
		return VS_EINVAL;
	*value = (float)number;
	if (isfinite(*value))
		return 0;
	*why = isnan(number) ? "is NaN, which is not a number" : "is beyond the range of float32";
	return VS_EINVAL;
}

int vs_fields_float(const struct vs_fields *fields, const char *name, bool *present, float *value,
                    struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	const char *why = NULL;
	*present = found != NULL;
	if (found && to_float(found, value, &why))
		return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1, "%s", why);
	return 0;
}

int vs_fields_array(const struct vs_fields *fields, const char *name, struct json_object **array,
                    struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	*array = NULL;
	if (!found)
		return 0;
	if (!json_object_is_type(found, json_type_array))
		return wrong_type(fields, name, "an array", error);
	*array = found;
	return 0;
}

/* Why some number within value would not survive, or NULL. Depth is bounded by the parser. */
static const char *find_bad_number(struct json_object *value)
{
	const char *why = NULL;
	switch (json_object_get_type(value)) {
	case json_type_double:
		return isfinite(json_object_get_double(value)) ? NULL : "holds NaN, an infinity or a number beyond float64";
	case json_type_int:
		return is_clamped(value) ? "holds an integer beyond 64 bits: write it as a string" : NULL;
	case json_type_array:
		for (size_t i = 0; !why && i < json_object_array_length(value); i++)
			why = find_bad_number(json_object_array_get_idx(value, i));
		return why;
	case json_type_object: {
		json_object_object_foreach(value, key, member)
		{
			(void)key;
			if ((why = find_bad_number(member)) != NULL)
				return why;
		}
		return NULL;
	}
	default:
		return NULL;
	}
}

static void free_text(struct json_object *object, void *text)
{
	(void)object;
	free(text);
}

int vs_json_object_text(struct json_object *object, const char *where, struct vs_text *value, struct vs_error *error)
{
	const char *why = find_bad_number(object);
	if (why)
		return vs_error_at(error, VS_EINVAL, where, -1, "%s", why);
	struct vs_buf text = VS_BUF_INIT;
	vs_json_value(&text, object);
	if (text.failed && !VS_PLANTED("metadata-cut")) {
		vs_buf_release(&text);
		return vs_error_set(error, VS_ENOMEM, "no memory for metadata");
	}
	json_object_set_userdata(object, text.data, free_text);
	*value = (struct vs_text){ text.data, text.len };
	return 0;
}

int vs_fields_object(const struct vs_fields *fields, const char *name, struct vs_text *value, struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	*value = (struct vs_text){ NULL, 0 };
	if (!found)
		return 0;
	if (!json_object_is_type(found, json_type_object))
		return wrong_type(fields, name, "a JSON object", error);
	return vs_json_object_text(found, FULL(fields, name), value, error);
}

int vs_fields_filter(const struct vs_fields *fields, const char *name, struct vs_text *value, struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	if (json_object_is_type(found, json_type_object))
		return vs_fields_object(fields, name, value, error);
	if (found && !json_object_is_type(found, json_type_string))
		return wrong_type(fields, name, "a string or a JSON object", error);
	return vs_fields_text(fields, name, value, error);
}

static int vector_from_array(const struct vs_fields *fields, const char *name, struct json_object *array, float *out,
                             struct vs_error *error)
{
	size_t count = json_object_array_length(array);
	for (size_t i = 0; i < count; i++) {
		const char *why = NULL;
		if (to_float(json_object_array_get_idx(array, i), &out[i], &why))
			return vs_error_at(error, VS_EINVAL, FULL(fields, name), (int64_t)i, "%s[%zu] %s", name, i, why);
	}
	return 0;
}

int vs_fields_vector(const struct vs_fields *fields, const char *name, struct vs_arena *arena, const float **vector,
                     uint32_t *dimension, struct vs_error *error)
{
	struct json_object *found = find(fields, name);
	bool is_text = json_object_is_type(found, json_type_string);
	*vector = NULL;
	*dimension = 0;
	if (!found)
		return 0;
	if (!is_text && !json_object_is_type(found, json_type_array))
		return wrong_type(fields, name, "an array of numbers or base64 of float32", error);
	size_t len = is_text ? (size_t)json_object_get_string_len(found) : json_object_array_length(found);
	size_t most = is_text ? VS_BASE64_LEN(VS_VECTOR_DIM_MAX * sizeof(float)) : VS_VECTOR_DIM_MAX;
	if (len == 0 || len > most)
		return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1, "must have 1 to %d dimensions", VS_VECTOR_DIM_MAX);
	float *out = vs_arena_alloc(arena, is_text ? len : len * sizeof(float));
	if (!out)
		return vs_error_set(error, VS_ENOMEM, "no memory for a vector");
	if (is_text) {
		int64_t bytes = vs_base64_decode(json_object_get_string(found), len, out);
		if (bytes <= 0 || bytes % (int64_t)sizeof(float) != 0)
			return vs_error_at(error, VS_EINVAL, FULL(fields, name), -1,
			                   "is a string, but not base64 of little-endian float32");
		len = (size_t)bytes / sizeof(float);
		for (size_t i = 0; i < len; i++)
			if (!isfinite(out[i]))
				return vs_error_at(error, VS_EINVAL, FULL(fields, name), (int64_t)i, "%s[%zu] is not finite", name, i);
	} else {
		int rc = vector_from_array(fields, name, found, out, error);
		if (rc)
			return rc;
	}
	*vector = out;
	*dimension = (uint32_t)len;
	return 0;
}

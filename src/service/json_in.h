/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/json_in: the fields of a parsed JSON object, by name and type; every field must be known. Faults name the
 * field (with its place in a batch, the prefix: "records[3]." or "line 4.") and the position.
 */
#ifndef VS_SERVICE_JSON_IN_H
#define VS_SERVICE_JSON_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/json.h"
#include "service/target.h"

struct json_object;
struct vs_arena;
struct vs_error;

/* An object whose fields are taken by name. */
struct vs_fields {
	struct json_object *object;
	const char *prefix; /* "" or "records[3]." */
};

/* VS_EINVAL, with its name, for a field that is not in names (ended by NULL). */
int vs_fields_check(const struct vs_fields *fields, const char *const *names, struct vs_error *error);

/* These leave the value alone when the field is missing or null, and refuse another type. Strings live as long as the
 * object; they are NUL-terminated and hold no NUL. Whole numbers lie in [min, max]. */
int vs_fields_text(const struct vs_fields *fields, const char *name, struct vs_text *value, struct vs_error *error);
int vs_fields_bool(const struct vs_fields *fields, const char *name, bool *value, struct vs_error *error);
int vs_fields_number(const struct vs_fields *fields, const char *name, uint32_t min, uint32_t max, uint32_t *value,
                     struct vs_error *error);
/* These tell in *present whether it was there. */
int vs_fields_integer(const struct vs_fields *fields, const char *name, int64_t min, int64_t max, bool *present,
                      int64_t *value, struct vs_error *error);
int vs_fields_float(const struct vs_fields *fields, const char *name, bool *present, float *value,
                    struct vs_error *error);
/* The array itself, borrowed; NULL when missing. */
int vs_fields_array(const struct vs_fields *fields, const char *name, struct json_object **array,
                    struct vs_error *error);
/* A JSON object as text, borrowed from the object; { NULL, 0 } when missing. NaN, infinities and integers beyond 64 bits
 * within it are refused, since they would not come back as they went in. */
int vs_fields_object(const struct vs_fields *fields, const char *name, struct vs_text *value, struct vs_error *error);
/* The same of a whole parsed object; where names it in errors. */
int vs_json_object_text(struct json_object *object, const char *where, struct vs_text *value, struct vs_error *error);
/* A filter as text: a string, or an object, which is a filter's JSON form; else as vs_fields_text and vs_fields_object. */
int vs_fields_filter(const struct vs_fields *fields, const char *name, struct vs_text *value, struct vs_error *error);
/* A vector in arena: an array of numbers, or base64 of little-endian float32. *dimension 0 when missing. Position is
 * the element's index. */
int vs_fields_vector(const struct vs_fields *fields, const char *name, struct vs_arena *arena, const float **vector,
                     uint32_t *dimension, struct vs_error *error);

/* VS_EINVAL naming prefix and name: what is wrong with it, or that it is missing. */
int vs_fields_fault(const struct vs_fields *fields, const char *name, const char *why, struct vs_error *error);
int vs_fields_missing(const struct vs_fields *fields, const char *name, struct vs_error *error);

#endif

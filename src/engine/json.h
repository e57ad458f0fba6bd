/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/json: JSON from outside, strictly: RFC 8259, valid UTF-8, one object and nothing after it, at most
 * VS_JSON_DEPTH deep. A name that stands twice in one object is an error. NaN and
 * Infinity are taken, for the caller to refuse by name.
 */
#ifndef VS_ENGINE_JSON_H
#define VS_ENGINE_JSON_H

#include <stddef.h>

struct json_object;
struct vs_error;
struct vs_json;

#define VS_JSON_DEPTH 32
/* Values of one parsed text, told by its commas: each costs json-c about 100 bytes. */
#define VS_JSON_VALUES_MAX 4000000

/* NULL when memory is out. */
struct vs_json *vs_json_open(void);
void vs_json_close(struct vs_json *json); /* NULL allowed */

/* One JSON object; *object is released with json_object_put. where names the text in errors: "body" or "line 4".
 * VS_EINVAL with the byte position of the fault, VS_ETOOBIG, VS_ENOMEM. */
int vs_json_parse(struct vs_json *json, const char *text, size_t len, const char *where, struct json_object **object,
                  struct vs_error *error);

#endif

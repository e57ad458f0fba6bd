/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/filter_json: looks a few values up in JSON text without building a tree. The text was validated when it
 * was stored; it is still read with care, so that a damaged file gives an error and never a wild read.
 */
#ifndef VS_ENGINE_FILTER_JSON_H
#define VS_ENGINE_FILTER_JSON_H

#include "base/buf.h"
#include "engine/filter_impl.h"

struct vs_filter_json {
	const char *at;
	const char *end; /* *end is readable: the NUL after the text */
};

/* Scans one value and the white space before it. False when there is none, or it is no JSON. value (NULL: only
 * skip) then tells what it is; its text points into the JSON. */
bool vs_filter_json_scan(struct vs_filter_json *json, unsigned depth, struct vs_filter_value *value);

/* Scans a number by JSON's grammar at `at` and returns where it ends, NULL when there is none. Integers beyond 64 bits
 * and everything with a fraction or exponent become REAL, infinite when beyond a double. *end must be readable. */
const char *vs_filter_json_number(const char *at, const char *end, struct vs_filter_value *value);

/* Resolves backslash escapes into out, which has room for len bytes; returns the length. \' is accepted too. A
 * lone surrogate becomes U+FFFD. *bad (NULL allowed): offset of the first escape that is none or, so that filters can
 * refuse it, a lone surrogate; else SIZE_MAX. */
size_t vs_filter_json_unescape(const char *text, size_t len, char *out, size_t *bad);

/* Fills values[path->field] for every path found in the object json[len] (NUL-terminated); the others of the
 * metadata become MISSING. Of a key that occurs twice, the last counts. Strings with escapes are resolved
 * into the arena. 0, VS_ECORRUPT when the text is no JSON object, VS_ENOMEM. Fills no vs_error. */
int vs_filter_json_find(const char *text, size_t len, const struct vs_filter_path *paths,
                        struct vs_filter_value *values, struct vs_arena *arena);

/* Makes paths as they are met. */
struct vs_filter_grow {
	/* For a name in the object at parent that has no path: a new one, by now among parent's children, with
	 * values[path->field] MISSING; or NULL, which passes over it. May set *no_memory. */
	const struct vs_filter_path *(*add)(void *context, const struct vs_filter_path *parent, const char *name, size_t len,
	                                    bool *no_memory);
	void *context;
};
/* The same, and every other name in an object is offered to grow. */
int vs_filter_json_learn(const char *text, size_t len, const struct vs_filter_path *paths,
                         struct vs_filter_value *values, struct vs_arena *arena, const struct vs_filter_grow *grow);

#endif

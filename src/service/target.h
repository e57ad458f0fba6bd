/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/target: the request target, taken apart and percent-decoded exactly once, here and nowhere else. The path is
 * split before it is decoded, so %2F is data within a segment; "." and ".." have no meaning, since no segment ever
 * becomes a file's path.
 */
#ifndef VS_SERVICE_TARGET_H
#define VS_SERVICE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

struct vs_arena;
struct vs_error;

#define VS_TARGET_SEGMENTS_MAX 8
#define VS_TARGET_PARAMS_MAX 16
#define VS_TARGET_LEN_MAX (128 << 10) /* bytes; a filter may be 64 KiB long */

struct vs_text {
	const char *data; /* NUL-terminated; holds no NUL */
	size_t len;
};

struct vs_param {
	struct vs_text name;
	struct vs_text value;
};

struct vs_target {
	size_t segment_count;
	struct vs_text segments[VS_TARGET_SEGMENTS_MAX];
	size_t param_count;
	struct vs_param params[VS_TARGET_PARAMS_MAX];
};

/* Splits and decodes text ("/v1/records/a%2Fb?limit=3"); in the query '+' is a space. Strings live in arena. VS_EINVAL,
 * with the position, for a bad escape, %00, a control character or a repeated parameter; VS_ENOTFOUND for more segments
 * than any route has; VS_ETOOBIG. */
int vs_target_decode(struct vs_target *target, const char *text, struct vs_arena *arena, struct vs_error *error);

/* NULL when there is no such parameter. */
const struct vs_text *vs_target_param(const struct vs_target *target, const char *name);
/* VS_EINVAL, with its name, for a parameter that is not in names (ended by NULL). */
int vs_target_check(const struct vs_target *target, const char *const *names, struct vs_error *error);
/* A whole number in [min, max] or true/false; *value is left alone when the parameter is missing. */
int vs_target_number(const struct vs_target *target, const char *name, unsigned long min, unsigned long max,
                     unsigned long *value, struct vs_error *error);
int vs_target_bool(const struct vs_target *target, const char *name, bool *value, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/json.h"

#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <json-c/linkhash.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

struct json_tokener *vs_json_open(void)
{
	struct json_tokener *json = json_tokener_new_ex(VS_JSON_DEPTH);
	if (json)
		json_tokener_set_flags(json, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	return json;
}

void vs_json_close(struct json_tokener *json)
{
	if (json)
		json_tokener_free(json);
}

/* Sixteen bytes at once, in GCC's portable vectors: a body is mostly digits, which no branch predictor foresees.
 * Comparisons give 0 or -1 in each byte. */
typedef uint8_t vs_bytes __attribute__((vector_size(16), aligned(1), may_alias));
#define BYTES ((size_t)16)

static inline vs_bytes is_digit(vs_bytes c)
{
	return (vs_bytes)(c - '0' < 10);
}

static inline vs_bytes is_either(vs_bytes c, uint8_t a, uint8_t b)
{
	return (vs_bytes)((c == a) | (c == b));
}

/* Which of p[0…15], outside of strings, is a single quote, a point without digits on both sides ("1.", "-.5"), or a zero
 * before a number's other digits ("007")? p[-2…16] are looked at. */
static inline vs_bytes find_lax_bytes(const char *p)
{
	vs_bytes before2 = *(const vs_bytes *)(p - 2);
	vs_bytes before = *(const vs_bytes *)(p - 1);
	vs_bytes c = *(const vs_bytes *)p;
	vs_bytes digit_after = is_digit(*(const vs_bytes *)(p + 1));
	vs_bytes in_number = is_digit(before) | (vs_bytes)(before == '.') | is_either(before, 'e', 'E');
	vs_bytes in_exponent = is_either(before, '-', '+') & is_either(before2, 'e', 'E');
	vs_bytes lone_point = (vs_bytes)(c == '.') & ~(is_digit(before) & digit_after);
	vs_bytes leading_zero = (vs_bytes)(c == '0') & digit_after & ~(in_number | in_exponent);
	return (vs_bytes)(c == '\'') | lone_point | leading_zero;
}

/* The first such byte in [from, to), which holds no strings, or -1. 2 <= from; text[to] is there. */
static int64_t scan(const char *text, size_t from, size_t to)
{
	static const uint64_t none[2];
	for (; from < to; from += BYTES) {
		char piece[BYTES + 3] = { 0 };
		const char *p = text + from;
		if (to - from < BYTES) { /* the rest, with zeros after it */
			memcpy(piece, p - 2, to - from + 3);
			p = piece + 2;
		}
		vs_bytes lax = find_lax_bytes(p);
		if (memcmp(&lax, none, BYTES) == 0)
			continue;
		for (size_t i = 0; i < BYTES && from + i < to; i++)
			if (lax[i])
				return (int64_t)(from + i);
	}
	return -1;
}

/* The UTF-16 unit of the escape \uXXXX that starts at text[at]; 0 when none does. */
static unsigned escaped_unit(const char *text, size_t at, size_t len)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	unsigned unit = 0;
	if (at + 6 > len || text[at] != '\\' || text[at + 1] != 'u')
		return 0;
	for (size_t i = at + 2; i < at + 6; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
		if (!digit)
			return 0;
		unit = unit << 4 | (unsigned)((digit - digits) & 15);
	}
	return unit;
}

/* The end of the string that starts after text[from - 1], a quote; len when there is none. *lax: offset of the first
 * raw control character or escaped half of a surrogate pair in it, or -1. */
static size_t skip_string(const char *text, size_t from, size_t len, int64_t *lax)
{
	size_t i = from;
	*lax = -1;
	for (; i < len && text[i] != '"'; i++) {
		unsigned unit = escaped_unit(text, i, len);
		unsigned next = unit >= 0xd800 && unit < 0xdc00 ? escaped_unit(text, i + 6, len) : 0;
		bool lone = unit >= 0xd800 && unit < 0xe000 && !(next >= 0xdc00 && next < 0xe000);
		if (*lax < 0 && (lone || (unsigned char)text[i] < 0x20))
			*lax = (int64_t)i;
		i += next && !lone ? 11 : text[i] == '\\';
	}
	return i < len ? i : len;
}

static bool is_name(const char *text, size_t quote, size_t len)
{
	size_t i = quote + 1;
	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
		i++;
	return i < len && text[i] == ':';
}

/* What json-c lets pass even when strict, and would give back as it came or otherwise: single quotes around names, raw
 * control characters and half surrogate pairs in strings, loose numbers. The offset of the first, or -1. The first byte
 * of a JSON object and the last are none of these. *names: how many members all objects have together. */
static int64_t find_lax(const char *text, size_t len, size_t *names)
{
	int64_t in_string;
	*names = 0;
	if (len > 1 && text[1] == '\'')
		return 1;
	for (size_t i = 0; i < len; i++) {
		const char *quote = memchr(text + i, '"', len - i);
		size_t end = quote ? (size_t)(quote - text) : len;
		int64_t lax = scan(text, i < 2 ? 2 : i, end < len ? end : len - 1);
		if (lax >= 0)
			return lax;
		i = skip_string(text, end + 1, len, &in_string);
		if (in_string >= 0)
			return in_string;
		*names += is_name(text, i, len);
	}
	return -1;
}

/* Members of all objects within value, of which json-c keeps one per name. Depth is bounded by the parser. */
static size_t count_members(struct json_object *value)
{
	size_t count = 0;
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			count += count_members(json_object_array_get_idx(value, i));
	} else if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member)
		{
			(void)key;
			count += 1 + count_members(member);
		}
	}
	return count;
}

static bool has_too_many_values(const char *text, size_t len)
{
	size_t commas = 0;
	if (len / 2 <= VS_JSON_VALUES_MAX) /* a value and its comma are two bytes at least */
		return false;
	for (size_t i = 0; i < len; i++)
		commas += text[i] == ',';
	return commas > VS_JSON_VALUES_MAX;
}

static const char *explain_lax(char c)
{
	if (c == '\'')
		return "JSON uses double quotes";
	if (c == '\\')
		return "half of a surrogate pair";
	return c == '.' || c == '0' ? "no JSON number" : "a control character in a string must be escaped";
}

/* What json-c says, in words that tell a user what to do. */
static const char *explain(enum json_tokener_error why)
{
	switch (why) {
	case json_tokener_continue:
		return "the JSON text ends too early";
	case json_tokener_error_depth:
		return "the JSON text is nested too deeply (32 levels are allowed)";
	case json_tokener_error_parse_utf8_string:
		return "a string is not valid UTF-8";
	default:
		return json_tokener_error_desc(why);
	}
}

int vs_json_parse(struct json_tokener *json, const char *text, size_t len, const char *where,
                  struct json_object **object, struct vs_error *error)
{
	const char *nul = memchr(text, '\0', len);
	*object = NULL;
	if (nul)
		return vs_error_at(error, VS_EINVAL, where, nul - text, "a NUL byte is not JSON");
	size_t names;
	int64_t lax = find_lax(text, len, &names);
	if (lax >= 0)
		return vs_error_at(error, VS_EINVAL, where, lax, "%s", explain_lax(text[lax]));
	if (len > INT32_MAX || has_too_many_values(text, len))
		return vs_error_at(error, VS_ETOOBIG, where, -1,
		                   "has more than %d values; send fewer records at once, NDJSON, or vectors as base64",
		                   VS_JSON_VALUES_MAX);
	json_tokener_reset(json);
	struct json_object *value = json_tokener_parse_ex(json, text, (int)len);
	enum json_tokener_error why = json_tokener_get_error(json);
	size_t end = json_tokener_get_parse_end(json);
	if (why != json_tokener_success) {
		json_object_put(value);
		return vs_error_at(error, VS_EINVAL, where, (int64_t)end, "%s", explain(why));
	}
	if (!json_object_is_type(value, json_type_object)) {
		json_object_put(value);
		return vs_error_at(error, VS_EINVAL, where, 0, "must be a JSON object");
	}
	int64_t bad = vs_utf8_check(text, len); /* json-c lets overlong forms, surrogates and more pass */
	if (bad >= 0) {
		json_object_put(value);
		return vs_error_at(error, VS_EINVAL, where, bad, "a string is not valid UTF-8");
	}
	if (count_members(value) != names) {
		json_object_put(value);
		return vs_error_at(error, VS_EINVAL, where, -1, "a name stands twice in one object");
	}
	*object = value;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strtod_l */
#endif
#include "engine/filter_json.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define DEPTH_MAX 128 /* far beyond what is accepted for storing; bounds the recursion */

static char peek(struct vs_filter_json *json)
{
	while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\t' || *json->at == '\r'))
		json->at++;
	return json->at < json->end ? *json->at : '\0';
}

static bool skip(struct vs_filter_json *json, char c)
{
	if (peek(json) != c)
		return false;
	json->at++;
	return true;
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* strtod heeds the program's locale, and some locales write a decimal comma. "C" is static in glibc: no allocation. */
static double to_real(const char *text)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	double real = strtod_l(text, NULL, c);
	freelocale(c);
	return real;
}

/* What the digits add up to: mantissa * 10^exponent, as long as that is exact. */
struct decimal {
	uint64_t mantissa;
	int exponent;
	bool exact; /* mantissa has every digit */
};

static const char *scan_digits(const char *at, const char *end, struct decimal *decimal, int step)
{
	const char *start = at;
	for (; at < end && *at >= '0' && *at <= '9'; at++) {
		if (decimal->mantissa > (UINT64_MAX - 9) / 10)
			decimal->exact = false;
		if (!decimal->exact)
			continue;
		decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(*at - '0');
		decimal->exponent += step;
	}
	return at > start ? at : NULL;
}

static const char *scan_exponent(const char *at, const char *end, struct decimal *decimal)
{
	bool negative = at < end && *at == '-';
	if (at < end && (*at == '-' || *at == '+'))
		at++;
	struct decimal power = { 0, 0, true };
	at = scan_digits(at, end, &power, 0);
	if (at == NULL)
		return NULL;
	if (!power.exact || power.mantissa > 100)
		decimal->exact = false;
	else
		decimal->exponent += negative ? -(int)power.mantissa : (int)power.mantissa;
	return at;
}

static bool fast_real(const struct decimal *decimal, double *real)
{
	/* Both operands are exact doubles, so one operation rounds once, as strtod would (Clinger, 1990). */
	static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
		                           1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	if (!decimal->exact || decimal->mantissa > UINT64_C(1) << 53 || decimal->exponent > 22 || decimal->exponent < -22)
		return false;
	double mantissa = (double)decimal->mantissa;
	*real = decimal->exponent < 0 ? mantissa / tens[-decimal->exponent] : mantissa * tens[decimal->exponent];
	return true;
}

const char *vs_filter_json_number(const char *at, const char *end, struct vs_filter_value *value)
{
	const char *start = at;
	bool negative = at < end && *at == '-';
	bool integer = true;
	struct decimal decimal = { 0, 0, true };
	at += negative;
	if (at < end && *at == '0')
		at++;
	else if ((at = scan_digits(at, end, &decimal, 0)) == NULL)
		return NULL;
	if (at < end && *at == '.') {
		integer = false;
		if ((at = scan_digits(at + 1, end, &decimal, -1)) == NULL)
			return NULL;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		integer = false;
		if ((at = scan_exponent(at + 1, end, &decimal)) == NULL)
			return NULL;
	}
	if (value == NULL)
		return at;
	if (integer && decimal.exact && decimal.mantissa <= (uint64_t)INT64_MAX + negative) {
		value->kind = VS_FILTER_INTEGER;
		value->integer = (int64_t)(negative ? 0 - decimal.mantissa : decimal.mantissa);
		return at;
	}
	value->kind = VS_FILTER_REAL;
	if (!fast_real(&decimal, &value->real))
		value->real = to_real(start);
	else if (negative)
		value->real = -value->real;
	return at;
}

/* ---- strings -------------------------------------------------------------------------------------------- */

static bool scan_string(struct vs_filter_json *json, struct vs_filter_value *value)
{
	const char *start = ++json->at;
	bool escaped = false;
	while (json->at < json->end && *json->at != '"') {
		if (*json->at == '\\') {
			escaped = true;
			json->at++;
		}
		json->at++;
	}
	if (json->at >= json->end)
		return false;
	if (value != NULL) {
		value->kind = VS_FILTER_STRING;
		value->escaped = escaped;
		value->text.data = start;
		value->text.len = (size_t)(json->at - start);
	}
	json->at++;
	return true;
}

/* The four hex digits of \uXXXX, or -1. */
static int hex4(const char *text, size_t len)
{
	int code = 0;
	if (len < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = text[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
		            : c >= 'a' && c <= 'f' ? c - 'a' + 10
		            : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                   : -1;
		if (digit < 0)
			return -1;
		code = code * 16 + digit;
	}
	return code;
}

static size_t put_utf8(char *out, unsigned code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* text is at the hex digits after \u. Returns the code point and how many bytes it took; a fault sets *bad. */
static unsigned unescape_unicode(const char *text, size_t len, size_t *took, bool *bad)
{
	int high = hex4(text, len);
	*took = high < 0 ? 0 : 4;
	if (high >= 0 && (high < 0xd800 || high > 0xdfff))
		return (unsigned)high;
	if (high >= 0xd800 && high <= 0xdbff && len >= 10 && text[4] == '\\' && text[5] == 'u') {
		int low = hex4(text + 6, len - 6);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*took = 10;
			return 0x10000 + (((unsigned)high - 0xd800) << 10) + ((unsigned)low - 0xdc00);
		}
	}
	*bad = true;
	return 0xfffd;
}

size_t vs_filter_json_unescape(const char *text, size_t len, char *out, size_t *bad)
{
	static const char from[] = "\"\\/'bfnrt", to[] = "\"\\/'\b\f\n\r\t";
	size_t n = 0, fault = SIZE_MAX;
	for (size_t i = 0; i < len;) {
		if (text[i] != '\\') {
			out[n++] = text[i++];
			continue;
		}
		size_t start = i++, took = 0;
		const char *simple = i < len && text[i] != '\0' ? strchr(from, text[i]) : NULL;
		bool wrong = false;
		if (simple != NULL) {
			out[n++] = to[simple - from];
			i++;
		} else if (i < len && text[i] == 'u') {
			unsigned code = unescape_unicode(text + i + 1, len - i - 1, &took, &wrong);
			if (took > 0)
				n += put_utf8(out + n, code);
			i += 1 + took;
		} else {
			wrong = true;
		}
		if (wrong && fault == SIZE_MAX)
			fault = start;
	}
	if (bad != NULL)
		*bad = fault;
	return n;
}

/* ---- values --------------------------------------------------------------------------------------------- */

/* An object or array, of which nothing is wanted. */
static bool scan_container(struct vs_filter_json *json, unsigned depth, char close)
{
	bool object = close == '}';
	json->at++;
	if (skip(json, close))
		return true;
	do {
		if (object && (peek(json) != '"' || !scan_string(json, NULL) || !skip(json, ':')))
			return false;
		if (!vs_filter_json_scan(json, depth + 1, NULL))
			return false;
	} while (skip(json, ','));
	return skip(json, close);
}

static bool scan_word(struct vs_filter_json *json, const char *word, size_t len)
{
	if ((size_t)(json->end - json->at) < len || memcmp(json->at, word, len) != 0)
		return false;
	json->at += len;
	return true;
}

bool vs_filter_json_scan(struct vs_filter_json *json, unsigned depth, struct vs_filter_value *value)
{
	char c = peek(json);
	const char *start = json->at;
	struct vs_filter_value scanned = { .kind = VS_FILTER_NULL };
	bool good;
	switch (c) {
	case '"':
		return scan_string(json, value);
	case '{':
	case '[':
		good = depth < DEPTH_MAX && scan_container(json, depth, c == '{' ? '}' : ']');
		scanned.kind = c == '{' ? VS_FILTER_OBJECT : VS_FILTER_ARRAY;
		scanned.text.data = start;
		scanned.text.len = (size_t)(json->at - start);
		break;
	case 't':
	case 'f':
		good = c == 't' ? scan_word(json, "true", 4) : scan_word(json, "false", 5);
		scanned.kind = VS_FILTER_BOOLEAN;
		scanned.boolean = c == 't';
		break;
	case 'n':
		good = scan_word(json, "null", 4);
		break;
	default:
		start = vs_filter_json_number(json->at, json->end, value);
		if (start != NULL)
			json->at = start;
		return start != NULL;
	}
	if (value != NULL)
		*value = scanned;
	return good;
}

/* ---- finding paths -------------------------------------------------------------------------------------- */

struct find {
	struct vs_filter_json json;
	struct vs_filter_value *values;
	struct vs_arena *arena;
	const struct vs_filter_grow *grow; /* NULL: names that are not asked for are passed over */
	bool no_memory;
};

static void forget(struct find *find, const struct vs_filter_path *path)
{
	if (path->field != 0)
		find->values[path->field].kind = VS_FILTER_MISSING;
	for (const struct vs_filter_path *child = path->child; child != NULL; child = child->next)
		forget(find, child);
}

static bool resolve(struct find *find, struct vs_filter_value *value)
{
	if (value->kind != VS_FILTER_STRING || !value->escaped)
		return true;
	size_t bad, len = value->text.len;
	char *out = vs_arena_alloc(find->arena, len);
	if (out == NULL) {
		find->no_memory = true;
		return false;
	}
	value->text.len = vs_filter_json_unescape(value->text.data, len, out, &bad);
	value->text.data = out;
	value->escaped = false;
	return true;
}

static const struct vs_filter_path *match_key(struct find *find, const struct vs_filter_path *paths,
                                              struct vs_filter_value *key)
{
	if (!resolve(find, key))
		return NULL;
	for (; paths != NULL; paths = paths->next)
		if (paths->name_len == key->text.len && memcmp(paths->name, key->text.data, paths->name_len) == 0)
			return paths;
	return NULL;
}

static bool find_in(struct find *find, const struct vs_filter_path *path, unsigned depth);

/* A name that no path has yet: perhaps it gets one. */
static const struct vs_filter_path *grow_path(struct find *find, const struct vs_filter_path *parent,
                                              const struct vs_filter_value *name)
{
	if (find->grow == NULL || find->no_memory)
		return NULL;
	return find->grow->add(find->grow->context, parent, name->text.data, name->text.len, &find->no_memory);
}

static bool find_in_object(struct find *find, const struct vs_filter_path *parent, unsigned depth)
{
	struct vs_filter_json *json = &find->json;
	json->at++;
	if (skip(json, '}'))
		return true;
	do {
		struct vs_filter_value key = { .kind = VS_FILTER_STRING };
		if (peek(json) != '"' || !scan_string(json, &key) || !skip(json, ':'))
			return false;
		const struct vs_filter_path *path = match_key(find, parent->child, &key);
		if (path == NULL)
			path = grow_path(find, parent, &key);
		if (path == NULL ? !vs_filter_json_scan(json, depth, NULL) : !find_in(find, path, depth))
			return false;
	} while (skip(json, ','));
	return skip(json, '}');
}

static bool find_in_array(struct find *find, const struct vs_filter_path *paths, unsigned depth)
{
	struct vs_filter_json *json = &find->json;
	int64_t index = 0;
	json->at++;
	if (skip(json, ']'))
		return true;
	do {
		const struct vs_filter_path *path = paths;
		while (path != NULL && path->index != index)
			path = path->next;
		if (path == NULL ? !vs_filter_json_scan(json, depth, NULL) : !find_in(find, path, depth))
			return false;
		index++;
	} while (skip(json, ','));
	return skip(json, ']');
}

/* The value at a wanted path: keeps it, and looks for the paths below it. depth bounded by the paths' own. */
static bool find_in(struct find *find, const struct vs_filter_path *path, unsigned depth)
{
	struct vs_filter_value value = { .kind = VS_FILTER_MISSING };
	char c = peek(&find->json);
	const char *start = find->json.at;
	forget(find, path);
	if ((path->child != NULL && (c == '{' || c == '[')) || (find->grow != NULL && c == '{')) {
		if (depth >= DEPTH_MAX)
			return false;
		if (c == '{' ? !find_in_object(find, path, depth + 1) : !find_in_array(find, path->child, depth + 1))
			return false;
		value.kind = c == '{' ? VS_FILTER_OBJECT : VS_FILTER_ARRAY;
		value.text.data = start;
		value.text.len = (size_t)(find->json.at - start);
	} else if (!vs_filter_json_scan(&find->json, depth, &value)) {
		return false;
	}
	if (path->field == 0)
		return true;
	if (!resolve(find, &value))
		return false;
	find->values[path->field] = value;
	return true;
}

static int find_all(struct find *find, const struct vs_filter_path *root)
{
	forget(find, root);
	bool good = peek(&find->json) == '{' && find_in_object(find, root, 1);
	if (find->no_memory)
		return VS_ENOMEM;
	return good && peek(&find->json) == '\0' && find->json.at == find->json.end ? 0 : VS_ECORRUPT;
}

int vs_filter_json_find(const char *text, size_t len, const struct vs_filter_path *paths,
                        struct vs_filter_value *values, struct vs_arena *arena)
{
	struct find find = { { text, text + len }, values, arena, NULL, false };
	return find_all(&find, paths);
}

int vs_filter_json_learn(const char *text, size_t len, const struct vs_filter_path *paths,
                         struct vs_filter_value *values, struct vs_arena *arena, const struct vs_filter_grow *grow)
{
	struct find find = { { text, text + len }, values, arena, grow, false };
	return find_all(&find, paths);
}

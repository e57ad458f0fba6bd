/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recursive descent over the grammar of RFC 8259 that makes json-c's objects. json-c's own parser is not used: it ignores
 * failed allocations (in 0.16 it then crashes or drops a member), and takes more than the RFC allows.
 */
#include "engine/json.h"

#include <json-c/json_object.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"

struct vs_json {
	struct vs_buf scratch; /* the string or number in hand, ended by a NUL */
};

struct parser {
	const char *text;
	const char *at;
	const char *end;
	struct vs_buf *scratch;
	unsigned level;  /* arrays and objects that are open */
	const char *why; /* what is wrong at `at`; NULL: memory is out */
	bool named;      /* `why` is about the name in scratch */
};

static int parse_value(struct parser *p, struct json_object **value);

struct vs_json *vs_json_open(void)
{
	return calloc(1, sizeof(struct vs_json));
}

void vs_json_close(struct vs_json *json)
{
	if (json)
		vs_buf_release(&json->scratch);
	free(json);
}

static int refuse(struct parser *p, const char *why)
{
	p->why = p->at < p->end ? why : "the JSON text ends too early";
	return VS_EINVAL;
}

static int no_memory(struct parser *p)
{
	p->why = NULL;
	return VS_ENOMEM;
}

/* The next byte that is no white space; '\0' at the end. */
static char peek(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
	return p->at < p->end ? *p->at : '\0';
}

static bool take(struct parser *p, char c)
{
	if (peek(p) != c || p->at == p->end)
		return false;
	p->at++;
	return true;
}

/* ---- strings -------------------------------------------------------------------------------------------- */

/* Four hex digits at `at`, taken; -1 when there are none. */
static int take_hex(struct parser *p)
{
	int unit = 0;
	if (p->end - p->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p->at[i];
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	p->at += 4;
	return unit;
}

static void put_utf8(struct vs_buf *out, unsigned c)
{
	char bytes[4];
	unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char leads[] = { 0, 0xc0, 0xe0, 0xf0 };
	for (unsigned i = more; i > 0; i--, c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)(leads[more] | c);
	vs_buf_append(out, bytes, more + 1);
}

/* After "\u". */
static int unescape_unicode(struct parser *p)
{
	const char *start = p->at - 2;
	int unit = take_hex(p);
	if (unit < 0)
		return refuse(p, "\\u is followed by four hex digits");
	unsigned c = (unsigned)unit;
	if (unit >= 0xd800 && unit < 0xe000) {
		bool pair = unit < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u';
		if (pair) {
			p->at += 2;
			int low = take_hex(p);
			pair = low >= 0xdc00 && low < 0xe000;
			c = 0x10000 + ((c - 0xd800) << 10) + (unsigned)(low - 0xdc00);
		}
		if (!pair) {
			p->at = start;
			return refuse(p, "half of a surrogate pair");
		}
	}
	put_utf8(p->scratch, c);
	return 0;
}

/* After a backslash. */
static int unescape(struct parser *p)
{
	static const char escapes[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *found = p->at < p->end && *p->at ? strchr(escapes, *p->at) : NULL;
	if (p->at < p->end && *p->at == 'u') {
		p->at++;
		return unescape_unicode(p);
	}
	if (!found)
		return refuse(p, "no escape of JSON");
	vs_buf_putc(p->scratch, meanings[found - escapes]);
	p->at++;
	return 0;
}

/* Bytes that stand for themselves, up to a quote, a backslash or the end. */
static int take_plain(struct parser *p)
{
	const char *from = p->at;
	bool ascii = true;
	while (p->at < p->end && *p->at != '"' && *p->at != '\\') {
		if ((unsigned char)*p->at < 0x20)
			return refuse(p, "a control character in a string must be escaped");
		ascii = ascii && (unsigned char)*p->at < 0x80;
		p->at++;
	}
	size_t len = (size_t)(p->at - from);
	int64_t bad = ascii ? -1 : vs_utf8_check(from, len);
	if (bad >= 0) {
		p->at = from + bad;
		return refuse(p, "a string is not valid UTF-8");
	}
	vs_buf_append(p->scratch, from, len);
	return 0;
}

/* A string into the scratch buffer. */
static int parse_string(struct parser *p)
{
	int rc = 0;
	p->at++;
	vs_buf_reset(p->scratch);
	vs_buf_append(p->scratch, "", 0);
	for (;;) {
		rc = take_plain(p);
		if (rc)
			return rc;
		if (p->at == p->end)
			return refuse(p, NULL);
		if (*p->at++ == '"')
			return p->scratch->failed ? no_memory(p) : 0;
		rc = unescape(p);
		if (rc)
			return rc;
	}
}

/* ---- numbers and words ---------------------------------------------------------------------------------- */

static bool take_digits(struct parser *p)
{
	const char *from = p->at;
	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return p->at > from;
}

/* A number's end; *whole: without point and exponent. */
static int scan_number(struct parser *p, bool *whole)
{
	const char *digits;
	*whole = true;
	if (*p->at == '-')
		p->at++;
	digits = p->at;
	if (!take_digits(p) || (*digits == '0' && p->at > digits + 1)) {
		p->at = digits;
		return refuse(p, "no JSON number");
	}
	if (p->at < p->end && *p->at == '.') {
		*whole = false;
		p->at++;
		if (!take_digits(p))
			return refuse(p, "no JSON number");
	}
	if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
		*whole = false;
		p->at++;
		if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
			p->at++;
		if (!take_digits(p))
			return refuse(p, "no JSON number");
	}
	return 0;
}

/* As json-c has them: integers of 64 bits, clamped; all others as double, with their text. */
static int parse_number(struct parser *p, struct json_object **value)
{
	const char *from = p->at;
	bool whole;
	int rc = scan_number(p, &whole);
	if (rc)
		return rc;
	vs_buf_reset(p->scratch);
	vs_buf_append(p->scratch, from, (size_t)(p->at - from));
	if (p->scratch->failed)
		return no_memory(p);
	const char *text = p->scratch->data;
	if (!whole) {
		*value = json_object_new_double_s(strtod(text, NULL), text);
	} else if (*text == '-') {
		*value = json_object_new_int64(strtoll(text, NULL, 10));
	} else {
		uint64_t number = strtoull(text, NULL, 10);
		*value = number <= INT64_MAX ? json_object_new_int64((int64_t)number) : json_object_new_uint64(number);
	}
	return *value ? 0 : no_memory(p);
}

static bool take_word(struct parser *p, const char *word)
{
	size_t len = strlen(word);
	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return false;
	p->at += len;
	return true;
}

/* What is no JSON, but comes out of many programs: taken here, and refused where the number's name can be told. */
static bool parse_odd(struct parser *p, struct json_object **value)
{
	static const struct {
		const char *word;
		double number;
	} odd[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (!take_word(p, odd[i].word))
			continue;
		*value = json_object_new_double(odd[i].number);
		return true;
	}
	return false;
}

static int parse_word(struct parser *p, struct json_object **value)
{
	bool yes = take_word(p, "true");
	if (yes || take_word(p, "false")) {
		*value = json_object_new_boolean(yes);
		return *value ? 0 : no_memory(p);
	}
	if (take_word(p, "null"))
		return 0; /* which json-c writes as NULL */
	if (parse_odd(p, value))
		return *value ? 0 : no_memory(p);
	return refuse(p, p->at < p->end && *p->at == '\'' ? "JSON uses double quotes" : "no JSON value");
}

/* ---- arrays and objects --------------------------------------------------------------------------------- */

static int check_depth(struct parser *p)
{
	return p->level < VS_JSON_DEPTH ? 0 : refuse(p, "the JSON text is nested too deeply (32 levels are allowed)");
}

static int parse_element(struct parser *p, struct json_object *array)
{
	struct json_object *element = NULL;
	int rc = check_depth(p);
	if (!rc)
		rc = parse_value(p, &element);
	if (!rc && json_object_array_add(array, element) != 0)
		rc = no_memory(p);
	if (rc)
		json_object_put(element);
	return rc;
}

static int parse_name(struct parser *p, struct json_object *object, char **name)
{
	char c = peek(p);
	if (c != '"')
		return refuse(p, c == '\'' ? "JSON uses double quotes" : "a name in double quotes is expected");
	const char *start = p->at;
	int rc = parse_string(p);
	if (rc)
		return rc;
	const char *text = p->scratch->data;
	bool nul = strlen(text) != p->scratch->len;
	if (nul || json_object_object_get_ex(object, text, NULL)) {
		p->at = start;
		p->named = !nul;
		return refuse(p, nul ? "a name holds no NUL character" : "a name stands twice in one object: ");
	}
	if (!take(p, ':'))
		return refuse(p, "a colon is expected");
	*name = strdup(text);
	return *name ? 0 : no_memory(p);
}

static int parse_member(struct parser *p, struct json_object *object)
{
	struct json_object *member = NULL;
	char *name = NULL;
	int rc = parse_name(p, object, &name);
	if (!rc)
		rc = check_depth(p);
	if (!rc)
		rc = parse_value(p, &member);
	if (!rc && json_object_object_add_ex(object, name, member, JSON_C_OBJECT_ADD_KEY_IS_NEW) != 0)
		rc = no_memory(p);
	if (rc)
		json_object_put(member);
	free(name);
	return rc;
}

/* After the opening bracket: each of its parts, and the closing one. */
static int parse_parts(struct parser *p, char close, int (*part)(struct parser *p, struct json_object *whole),
                       struct json_object *whole)
{
	int rc = 0;
	p->at++;
	if (take(p, close))
		return 0;
	p->level++;
	do
		rc = part(p, whole);
	while (!rc && take(p, ','));
	p->level--;
	if (!rc && !take(p, close))
		rc = refuse(p, close == ']' ? "a comma or ] is expected" : "a comma or } is expected");
	return rc;
}

static int parse_value(struct parser *p, struct json_object **value)
{
	char c = peek(p);
	int rc = 0;
	*value = NULL;
	if (c == '{' || c == '[') {
		*value = c == '{' ? json_object_new_object() : json_object_new_array();
		rc = !*value     ? no_memory(p)
		     : c == '{' ? parse_parts(p, '}', parse_member, *value)
		                : parse_parts(p, ']', parse_element, *value);
	} else if (c == '"') {
		rc = parse_string(p);
		if (!rc && !(*value = json_object_new_string_len(p->scratch->data, (int)p->scratch->len)))
			rc = no_memory(p);
	} else if ((c == '-' && p->end - p->at > 1 && p->at[1] != 'I') || (c >= '0' && c <= '9')) {
		rc = parse_number(p, value);
	} else {
		rc = parse_word(p, value);
	}
	if (rc) {
		json_object_put(*value);
		*value = NULL;
	}
	return rc;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static bool has_too_many_values(const char *text, size_t len)
{
	size_t commas = 0;
	if (len / 2 <= VS_JSON_VALUES_MAX) /* a value and its comma are two bytes at least */
		return false;
	for (size_t i = 0; i < len; i++)
		commas += text[i] == ',';
	return commas > VS_JSON_VALUES_MAX;
}

int vs_json_parse(struct vs_json *json, const char *text, size_t len, const char *where, struct json_object **object,
                  struct vs_error *error)
{
	struct parser p = { .text = text, .at = text, .end = text + len, .scratch = &json->scratch };
	struct json_object *value = NULL;
	int rc;
	*object = NULL;
	if (len > INT32_MAX || has_too_many_values(text, len))
		return vs_error_at(error, VS_ETOOBIG, where, -1,
		                   "has more than %d values; send fewer records at once, NDJSON, or vectors as base64",
		                   VS_JSON_VALUES_MAX);
	if (peek(&p) != '{')
		rc = refuse(&p, "must be a JSON object");
	else
		rc = parse_value(&p, &value);
	if (!rc && (peek(&p), p.at < p.end))
		rc = refuse(&p, *p.at == '\0' ? "a NUL byte is not JSON" : "something follows the JSON object");
	if (rc) {
		json_object_put(value);
		value = NULL;
	}
	if (rc == VS_ENOMEM)
		(void)vs_error_set(error, rc, "no memory for a JSON text");
	else if (rc)
		(void)vs_error_at(error, rc, where, p.at - p.text, "%s%s", p.why, p.named ? p.scratch->data : "");
	vs_buf_reset(p.scratch);
	*object = value;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "service/json_vectors.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/json.h"
#include "engine/vecstore.h"
#include "service/base64.h"

#define LEN_MIN 64                        /* bytes of a text that is worth it */
#define LEN_MAX (2 * VS_JSON_VALUES_MAX)  /* above, json.c counts values, and has to see them */
#define MANTISSA_MAX UINT64_C(1000000000000000000) /* may get one more digit, and fits 64 bits then */

struct pack {
	const char *at;
	const char *end;
	const char *copied; /* up to here the text is in out */
	struct vs_buf *out;
	bool any;
	float values[VS_VECTOR_DIM_MAX];
};

static void skip_space(struct pack *pack)
{
	while (pack->at < pack->end && (*pack->at == ' ' || *pack->at == '\n' || *pack->at == '\t' || *pack->at == '\r'))
		pack->at++;
}

/* Takes the character c after white space; false when another one stands there. */
static bool take(struct pack *pack, char c)
{
	skip_space(pack);
	if (pack->at == pack->end || *pack->at != c)
		return false;
	pack->at++;
	return true;
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
	                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
#define POWER_MAX 22 /* the largest power of ten that a double holds exactly */

static bool is_digit(const struct pack *pack, const char *at)
{
	return at < pack->end && *at >= '0' && *at <= '9';
}

/* Digits from *at on, added to *number, as long as they fit; returns how many. */
static int read_digits(const struct pack *pack, const char **at, uint64_t *number)
{
	const char *from = *at;

	for (; is_digit(pack, *at) && *number < MANTISSA_MAX; ++*at)
		*number = *number * 10 + (uint64_t)(**at - '0');
	return *at - from <= INT16_MAX ? (int)(*at - from) : INT16_MAX;
}

/* An exponent, if there is one. False: it is none, or too long. */
static bool read_exponent(const struct pack *pack, const char **at, int *exponent)
{
	uint64_t number = 0;
	bool negative;
	int digits;

	*exponent = 0;
	if (*at == pack->end || (**at != 'e' && **at != 'E'))
		return true;
	++*at;
	negative = *at < pack->end && **at == '-';
	if (*at < pack->end && (**at == '-' || **at == '+'))
		++*at;
	digits = read_digits(pack, at, &number);
	*exponent = negative ? -(int)number : (int)number;
	return digits >= 1 && digits <= 3;
}

/*
 * mantissa * 10^power as a float32, as if it were rounded to a double first: what json-c and a cast do. mantissa is below
 * 2^64 and the power of ten exact, so that `near` is off by at most 1.5 units in the last place; if two more on either
 * side give the same float32, so does the double that is right. False: they do not, or it is out of range.
 */
static bool to_float(uint64_t mantissa, int power, float *value)
{
	double near = (double)mantissa;

	if (power < -POWER_MAX || power > POWER_MAX)
		return false;
	near = power < 0 ? near / powers[-power] : near * powers[power];
	*value = (float)near;
	return (float)(near * (1.0 - 0x1p-51)) == *value && (float)(near * (1.0 + 0x1p-51)) == *value && isfinite(*value);
}

/* One number by the grammar of RFC 8259. False: it is none, or has to be left to json-c. */
static bool read_number(struct pack *pack, float *value)
{
	const char *at = pack->at;
	bool negative = at < pack->end && *at == '-';
	uint64_t mantissa = 0;
	int whole, fraction = 0, exponent;
	const char *first;
	bool real;

	first = at += negative;
	whole = read_digits(pack, &at, &mantissa);
	if (whole == 0 || (whole > 1 && *first == '0'))
		return false;
	real = at < pack->end && *at == '.';
	if (real) {
		at++;
		fraction = read_digits(pack, &at, &mantissa);
		if (fraction == 0)
			return false;
	}
	real = real || (at < pack->end && (*at == 'e' || *at == 'E'));
	if (!read_exponent(pack, &at, &exponent) || !to_float(mantissa, exponent - fraction, value))
		return false;
	if (is_digit(pack, at) || (!real && mantissa >= MANTISSA_MAX)) /* more than was read; more than 64 bits, perhaps */
		return false;
	if (negative && (real || mantissa != 0)) /* json-c's integers have no negative zero */
		*value = -*value;
	pack->at = at;
	return true;
}

/* ---- vectors -------------------------------------------------------------------------------------------- */

/* An array of numbers; nothing else is a vector. Leaves pack->at behind it. */
static bool read_array(struct pack *pack, size_t *count)
{
	*count = 0;
	if (!take(pack, '['))
		return false;
	do {
		skip_space(pack);
		if (*count == VS_VECTOR_DIM_MAX || !read_number(pack, &pack->values[*count]))
			return false;
		++*count;
	} while (take(pack, ','));
	return take(pack, ']');
}

/* Puts what was not copied yet up to `to` and the vector into out. */
static void put_vector(struct pack *pack, const char *to, size_t count)
{
	size_t bytes = count * sizeof(float);
	char *base64;

	vs_buf_append(pack->out, pack->copied, (size_t)(to - pack->copied));
	vs_buf_putc(pack->out, '"');
	base64 = vs_buf_reserve(pack->out, VS_BASE64_LEN(bytes) + 1);
	if (base64 != NULL)
		pack->out->len += vs_base64_encode(pack->values, bytes, base64);
	vs_buf_putc(pack->out, '"');
	pack->copied = pack->at;
	pack->any = true;
}

/* ---- the text around them ------------------------------------------------------------------------------- */

/* pack->at stands on a quote. */
static bool skip_string(struct pack *pack)
{
	for (pack->at++; pack->at < pack->end; pack->at++) {
		if (*pack->at == '"') {
			pack->at++;
			return true;
		}
		if (*pack->at == '\\')
			pack->at++;
	}
	return false;
}

/* To the comma or bracket behind a value, of whatever kind. */
static bool skip_value(struct pack *pack)
{
	unsigned depth = 0;

	while (pack->at < pack->end) {
		char c = *pack->at;
		if (c == '"') {
			if (!skip_string(pack))
				return false;
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return true;
		if (c == '[' || c == '{')
			depth++;
		else if (c == ']' || c == '}')
			depth--;
		pack->at++;
	}
	return false;
}

static bool walk_object(struct pack *pack, bool top);

/* Elements of an array of the top object. */
static bool walk_array(struct pack *pack)
{
	if (!take(pack, '['))
		return false;
	if (take(pack, ']'))
		return true;
	do {
		skip_space(pack);
		if (pack->at < pack->end && *pack->at == '{' ? !walk_object(pack, false) : !skip_value(pack))
			return false;
	} while (take(pack, ','));
	return take(pack, ']');
}

static bool walk_member(struct pack *pack, bool top)
{
	static const char name[] = { '"', 'v', 'e', 'c', 't', 'o', 'r', '"' };
	const char *from;
	bool is_vector;
	size_t count;

	skip_space(pack);
	from = pack->at;
	if (from == pack->end || *from != '"' || !skip_string(pack))
		return false;
	is_vector = (size_t)(pack->at - from) == sizeof(name) && memcmp(from, name, sizeof(name)) == 0;
	if (!take(pack, ':'))
		return false;
	skip_space(pack);
	from = pack->at;
	if (is_vector && read_array(pack, &count)) {
		put_vector(pack, from, count);
		return true;
	}
	pack->at = from;
	if (top && !is_vector && from < pack->end && *from == '[')
		return walk_array(pack);
	return skip_value(pack);
}

/* Where the text is no JSON it stops, and json-c says so. */
static bool walk_object(struct pack *pack, bool top)
{
	if (!take(pack, '{'))
		return false;
	if (take(pack, '}'))
		return true;
	do {
		if (!walk_member(pack, top))
			return false;
	} while (take(pack, ','));
	return take(pack, '}');
}

bool vs_json_pack_vectors(const char *text, size_t len, struct vs_buf *out)
{
	struct pack pack;

	if (len < LEN_MIN || len > LEN_MAX)
		return false;
	pack.at = pack.copied = text;
	pack.end = text + len;
	pack.out = out;
	pack.any = false;
	if (!walk_object(&pack, true) || !pack.any)
		return false;
	vs_buf_append(out, pack.copied, (size_t)(pack.end - pack.copied));
	return !out->failed;
}

int vs_json_parse_vectors(struct vs_json *json, const char *text, size_t len, const char *where,
                          struct json_object **object, struct vs_error *error)
{
	struct vs_buf packed = VS_BUF_INIT;
	int rc = VS_EINVAL;

	if (vs_json_pack_vectors(text, len, &packed))
		rc = vs_json_parse(json, packed.data, packed.len, where, object, NULL);
	vs_buf_release(&packed);
	return rc == 0 ? 0 : vs_json_parse(json, text, len, where, object, error);
}

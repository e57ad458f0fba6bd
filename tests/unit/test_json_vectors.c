/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors read without json-c: whatever the text, it is accepted, refused and understood as json-c alone has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json_object.h>
#include <json-c/linkhash.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "service/json_in.h"
#include "service/json_vectors.h"

#define ROUNDS 20000

static struct vs_json *json;
static struct vs_arena arena;
static uint64_t seed;
static unsigned packed; /* texts that were, since the test began */

static int set_up(void **state)
{
	(void)state;
	json = vs_json_open();
	seed = 11;
	packed = 0;
	return json != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	vs_json_close(json);
	vs_arena_release(&arena);
	return 0;
}

static uint32_t pick(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

static void expect_same_error(int a, int b, const struct vs_error *x, const struct vs_error *y)
{
	assert_int_equal(a, b);
	if (a == 0)
		return;
	assert_string_equal(x->text, y->text);
	assert_string_equal(x->field, y->field);
	assert_int_equal(x->position, y->position);
}

/* The field "vector" of both, which is taken away from them. */
static void expect_same_vector(struct json_object *a, struct json_object *b)
{
	struct vs_fields as = { a, "" }, bs = { b, "" };
	struct vs_error x = { .position = -1 }, y = { .position = -1 };
	const float *v, *w;
	uint32_t n, m;
	int rc = vs_fields_vector(&as, "vector", &arena, &v, &n, &x);

	expect_same_error(rc, vs_fields_vector(&bs, "vector", &arena, &w, &m, &y), &x, &y);
	assert_int_equal(n, m);
	if (rc == 0 && n > 0)
		assert_memory_equal(v, w, n * sizeof(*v));
	json_object_object_del(a, "vector");
	json_object_object_del(b, "vector");
}

static void expect_same_elements(struct json_object *a, struct json_object *b)
{
	for (size_t i = 0; i < json_object_array_length(a) && i < json_object_array_length(b); i++) {
		struct json_object *x = json_object_array_get_idx(a, i), *y = json_object_array_get_idx(b, i);
		if (json_object_is_type(x, json_type_object) && json_object_is_type(y, json_type_object))
			expect_same_vector(x, y);
	}
}

/* Both ways to read a text give the same, down to the bits of the vectors. */
static void expect_same(const char *text, size_t len)
{
	struct vs_error x = { .position = -1 }, y = { .position = -1 };
	struct json_object *a = NULL, *b = NULL;
	struct vs_buf out = VS_BUF_INIT;
	int rc = vs_json_parse(json, text, len, "body", &a, &x);

	expect_same_error(rc, vs_json_parse_vectors(json, text, len, "body", &b, &y), &x, &y);
	packed += rc == 0 && vs_json_pack_vectors(text, len, &out);
	vs_buf_release(&out);
	if (rc != 0)
		return;
	expect_same_vector(a, b);
	json_object_object_foreach(a, key, as)
	{
		struct json_object *bs = NULL;
		if (json_object_object_get_ex(b, key, &bs) && json_object_is_type(as, json_type_array))
			expect_same_elements(as, bs);
	}
	assert_string_equal(json_object_to_json_string(a), json_object_to_json_string(b));
	json_object_put(a);
	json_object_put(b);
	vs_arena_reset(&arena);
}

/* ---- texts ---------------------------------------------------------------------------------------------- */

/* Mostly numbers as people and programs write them; some are at the edges, and some are none. */
static void put_number(struct vs_buf *out, bool odd)
{
	static const char *const edges[] = {
		"0", "-0", "0.0", "-0.0", "-0e0", "1", "-1", "1e0", "1E+2", "1e-2", "16777217", "16777216.5", "0.1", "1e38", "3.4028235e38",
		"3.4028235677973366e38", "3.5e38", "-3.5e38", "1e39", "1e400", "1e-45", "7e-46", "1.4e-45", "1e-400", "1.17549435e-38",
		"9007199254740993", "9007199254740993.0", "999999999999999999", "1000000000000000000", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
		"123456789012345678901234567890", "0.123456789012345678901234567890", "0.00000000000000000000000012345",
		"1.000000059604644775390625", "1.00000005960464477539062", "1.000000178813934326171875", "0.000000059604644775390625",
		"33554433", "33554435.0", "1e22", "1e23", "8.5e22", "123456789e-30", "1e0000000001", "1e-0", "100000000000000000000e-20",
	};
	static const char *const none[] = {
		"", "-", "+1", "01", "-01", "00", "1.", ".5", "-.5", "1e", "1e+", "1.e5", "0x10", "1 2", "--1", "1-", "NaN", "Infinity",
		"-Infinity", "null", "true", "\"1\"", "[1]", "{}", "1_000", "1,", "\"a\\\"]\"", "1e5.5", "inf", "'1'", "1f", "/**/1",
	};
	static const char *const formats[] = { "%.6g", "%.9g", "%.17g", "%.15f", "%.3e", "%.0f", "%.20g", "%g" };
	float value = ((float)pick(2000001) - 1000000.0f) * (pick(3) == 0 ? 1e-9f : pick(2) == 0 ? 1e-6f : 3.7e-4f);

	if (odd && pick(8) == 0)
		vs_buf_puts(out, none[pick(sizeof(none) / sizeof(none[0]))]);
	else if (pick(6) == 0)
		vs_buf_puts(out, edges[pick(sizeof(edges) / sizeof(edges[0]))]);
	else if (pick(2) == 0)
		vs_buf_printf(out, formats[pick(8)], (double)value);
	else
		vs_buf_printf(out, "%s%u.%05u%09ue%d", pick(2) == 0 ? "-" : "", pick(10), pick(100000), pick(1000000000), (int)pick(50) - 40);
}

static void put_space(struct vs_buf *out)
{
	static const char *const spaces[] = { "", "", "", "", " ", "\n", "\t \r", "  " };

	vs_buf_puts(out, spaces[pick(8)]);
}

static void put_array(struct vs_buf *out, bool odd)
{
	uint32_t count = pick(12);

	vs_buf_putc(out, '[');
	for (uint32_t i = 0; i < count; i++) {
		vs_buf_puts(out, i > 0 ? "," : "");
		put_space(out);
		put_number(out, odd && pick(6) == 0);
		put_space(out);
	}
	vs_buf_putc(out, ']');
}

static void put_member(struct vs_buf *out, bool odd)
{
	static const char *const members[] = {
		"\"limit\":10", "\"id\":\"a\\\"vector\\\":[1,2]\"", "\"metadata\":{\"vector\":[1,2,3],\"x\":[{\"vector\":[1.50]}]}",
		"\"filter\":\"a = '[]{}'\"", "\"vec\\u0074or\":[1.0]", "\"other\":[1,[2,{\"vector\":[3]}],{\"vector\":[1.0,2.0]}]",
		"\"vector\":\"AACAPw\"", "\"vector\":null", "\"vectors\":[1.0]", "\"\\\\\":\"\\\\\"", "\"deep\":[[[[1.0]]]]",
	};

	if (pick(2) == 0) {
		vs_buf_puts(out, members[pick(sizeof(members) / sizeof(members[0]))]);
		return;
	}
	vs_buf_puts(out, "\"vector\"");
	put_space(out);
	vs_buf_putc(out, ':');
	put_space(out);
	put_array(out, odd);
}

static void put_object(struct vs_buf *out, bool odd, bool top)
{
	static const char *const arrays[] = { "records", "queries" };
	uint32_t count = 1 + pick(4);

	vs_buf_putc(out, '{');
	for (uint32_t i = 0; i < count; i++) {
		vs_buf_puts(out, i > 0 ? "," : "");
		put_space(out);
		if (!top || pick(3) > 0) {
			put_member(out, odd);
			continue;
		}
		vs_buf_printf(out, "\"%s\":[", arrays[pick(2)]);
		for (uint32_t n = pick(4), j = 0; j < n; j++) {
			vs_buf_puts(out, j > 0 ? "," : "");
			put_object(out, odd, false);
		}
		vs_buf_putc(out, ']');
	}
	put_space(out);
	vs_buf_putc(out, '}');
}

static void texts_are_understood_alike(void **state)
{
	struct vs_buf text = VS_BUF_INIT;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		vs_buf_reset(&text);
		put_object(&text, round % 2 == 0, true);
		expect_same(text.data, text.len);
	}
	vs_buf_release(&text);
	assert_true(packed > ROUNDS / 50);
}

static void mutations_are_understood_alike(void **state)
{
	static const char bytes[] = "{}[]\",:.-+eE0123456789 \\\n\tvnt'\x01\xc3";
	struct vs_buf text = VS_BUF_INIT;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		vs_buf_reset(&text);
		put_object(&text, false, true);
		for (unsigned i = 0; i < 1 + round % 3; i++)
			text.data[pick((uint32_t)text.len)] = bytes[pick(sizeof(bytes))];
		expect_same(text.data, round % 7 == 0 ? pick((uint32_t)text.len) : text.len);
	}
	vs_buf_release(&text);
}

/* Long ones, up to and past the largest dimension, and each of a number's ways alone. */
static void vectors_of_all_lengths_are_understood_alike(void **state)
{
	static const unsigned counts[] = { 1, 2, 100, 768, 8191, 8192, 8193, 9000 };
	struct vs_buf text = VS_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		vs_buf_reset(&text);
		vs_buf_puts(&text, "{\"limit\": 10, \"filter\": \"padding so that it is long enough to be worth it\", \"vector\": [");
		for (unsigned n = 0; n < counts[i]; n++)
			vs_buf_printf(&text, "%s%.9g", n > 0 ? ", " : "", ((double)pick(2000001) - 1e6) * 1e-6);
		vs_buf_puts(&text, "]}");
		expect_same(text.data, text.len);
	}
	assert_int_equal(packed, 6);
	for (unsigned round = 0; round < ROUNDS; round++) {
		vs_buf_reset(&text);
		vs_buf_puts(&text, "{\"filter\": \"padding so that it is long enough to be worth it\", \"vector\": [");
		put_number(&text, true);
		vs_buf_puts(&text, "]}");
		expect_same(text.data, text.len);
	}
	vs_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(texts_are_understood_alike, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mutations_are_understood_alike, set_up, tear_down),
		cmocka_unit_test_setup_teardown(vectors_of_all_lengths_are_understood_alike, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("json_vectors", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in (strict, faults named) and out (escaped, floats that read back), base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json_object.h>
#include <math.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "service/base64.h"
#include "service/json_in.h"
#include "service/json_out.h"
#include "service/split.h"

struct state {
	struct vs_arena arena;
	struct vs_json *json;
	struct json_object *object;
	struct vs_buf out;
	struct vs_error error;
};

static int set_up(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	*state = s;
	if (s)
		s->json = vs_json_open();
	return s && s->json ? 0 : -1;
}

static int tear_down(void **state)
{
	struct state *s = *state;
	json_object_put(s->object);
	vs_json_close(s->json);
	vs_arena_release(&s->arena);
	vs_buf_release(&s->out);
	free(s);
	return 0;
}

static int parse_bytes(struct state *s, const char *text, size_t len)
{
	json_object_put(s->object);
	s->error = (struct vs_error){ .position = -1 };
	return vs_json_parse(s->json, text, len, "body", &s->object, &s->error);
}

static int parse(struct state *s, const char *text)
{
	return parse_bytes(s, text, strlen(text));
}

static void test_strict_parse(void **state)
{
	struct state *s = *state;
	static const char *const bad[] = {
		"",
		" ",
		"[]",
		"1",
		"null",
		"\"a\"",
		"{",
		"{\"a\":1",
		"{\"a\":1}}",
		"{\"a\":1} x",
		"{'a':1}",
		"{'a\"':1}",
		"{a:1}",
		"{\"a\":1,}",
		"{\"a\":[1,]}",
		"{\"a\":tru}",
		"{\"a\":01}",
		"{\"a\":+1}",
		"{\"a\":1.}",
		"{\"a\":0x1}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\xc3\"}",
		"/**/{}",
		"{\"a\":\"\n\"}",
		"{\"a\":'x'}",
		"{\"a\":\"\x1f\"}",
		"{\"a\":\"\\x\"}",
		"{\"a\" 1}",
		"{} {}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(s, bad[i]) != VS_EINVAL)
			fail_msg("accepted: %s", bad[i]);
		assert_null(s->object);
		assert_true(s->error.position >= 0);
		assert_string_equal(s->error.field, "body");
	}
	assert_int_equal(parse(s, " {\"a\" : [ 1 , 2e3 , \"\\u00e9\" ] } \n"), 0);
	assert_int_equal(parse_bytes(s, "{\"a\":1}\0", 8), VS_EINVAL);
	assert_int_equal(s->error.position, 7);
	assert_int_equal(parse(s, "{\"a\":1} x"), VS_EINVAL);
	assert_int_equal(s->error.position, 8);
}

static void test_depth_and_size_are_bounded(void **state)
{
	struct state *s = *state;
	char *text = malloc(VS_JSON_VALUES_MAX * 2 + 100);
	assert_non_null(text);
	strcpy(text, "{\"a\":");
	memset(text + 5, '[', 1000000);
	text[1000005] = '\0';
	assert_int_equal(parse(s, text), VS_EINVAL);
	assert_non_null(strstr(s->error.text, "deep"));
	size_t len = 5;
	text[len++] = '[';
	for (size_t i = 0; i < VS_JSON_VALUES_MAX + 2; i++, len += 2)
		memcpy(text + len, "0,", 2);
	assert_int_equal(parse_bytes(s, text, len), VS_ETOOBIG);
	free(text);
}

static struct vs_fields fields_of(struct state *s, const char *text)
{
	assert_int_equal(parse(s, text), 0);
	return (struct vs_fields){ s->object, "records[3]." };
}

static void test_fields_have_types(void **state)
{
	struct state *s = *state;
	static const char *const known[] = { "t", "b", "n", "f", "z", NULL };
	struct vs_text text = { "kept", 4 };
	bool flag = false, present;
	uint32_t number = 3;
	float value = 0;
	struct json_object *array;
	struct vs_fields f = fields_of(s, "{\"t\":\"\xc3\xa9\",\"b\":true,\"n\":5,\"f\":-1.5,\"z\":null}");
	assert_int_equal(vs_fields_check(&f, known, &s->error), 0);
	assert_int_equal(vs_fields_check(&f, known + 1, &s->error), VS_EINVAL);
	assert_string_equal(s->error.field, "records[3].t");
	assert_int_equal(vs_fields_text(&f, "missing", &text, &s->error), 0);
	assert_int_equal(vs_fields_text(&f, "z", &text, &s->error), 0);
	assert_string_equal(text.data, "kept");
	assert_int_equal(vs_fields_text(&f, "t", &text, &s->error), 0);
	assert_int_equal(text.len, 2);
	assert_int_equal(vs_fields_bool(&f, "b", &flag, &s->error), 0);
	assert_true(flag);
	assert_int_equal(vs_fields_number(&f, "n", 1, 5, &number, &s->error), 0);
	assert_int_equal(number, 5);
	assert_int_equal(vs_fields_number(&f, "n", 1, 4, &number, &s->error), VS_EINVAL);
	assert_int_equal(vs_fields_number(&f, "f", 0, 4, &number, &s->error), VS_EINVAL);
	assert_int_equal(vs_fields_number(&f, "t", 0, 4, &number, &s->error), VS_EINVAL);
	assert_int_equal(vs_fields_float(&f, "f", &present, &value, &s->error), 0);
	assert_true(present && value == -1.5f);
	assert_int_equal(vs_fields_float(&f, "z", &present, &value, &s->error), 0);
	assert_false(present);
	assert_int_equal(vs_fields_text(&f, "n", &text, &s->error), VS_EINVAL);
	assert_string_equal(s->error.field, "records[3].n");
	assert_int_equal(vs_fields_bool(&f, "n", &flag, &s->error), VS_EINVAL);
	assert_int_equal(vs_fields_array(&f, "n", &array, &s->error), VS_EINVAL);
	f = fields_of(s, "{\"t\":\"a\\u0000b\"}");
	assert_int_equal(vs_fields_text(&f, "t", &text, &s->error), VS_EINVAL);
	assert_int_equal(s->error.position, 1);
}

static int vector_of(struct state *s, const char *json, const float **vector, uint32_t *dimension)
{
	char text[600];
	snprintf(text, sizeof(text), "{\"vector\":%s}", json);
	struct vs_fields f = fields_of(s, text);
	return vs_fields_vector(&f, "vector", &s->arena, vector, dimension, &s->error);
}

static void test_vectors(void **state)
{
	struct state *s = *state;
	const float *vector;
	uint32_t dimension;
	static const struct {
		const char *json;
		int64_t position;
		const char *says;
	} bad[] = {
		{ "[1,2,1e39]", 2, "vector[2] is beyond" },
		{ "[1,-1e400]", 1, "beyond" },
		{ "[\"1\"]", 0, "not a number" },
		{ "[1,null]", 1, "vector[1] is not a number" },
		{ "[1,[2]]", 1, "not a number" },
		{ "[true]", 0, "not a number" },
		{ "[1,NaN]", 1, "NaN" },
		{ "[Infinity]", 0, "beyond" },
		{ "[]", -1, "dimensions" },
		{ "{}", -1, "must be" },
		{ "7", -1, "must be" },
		{ "\"AACAPw\"", 0, NULL },
		{ "\"AACA\"", -1, "base64" },
		{ "\"!!!!\"", -1, "base64" },
		{ "\"AADAfw==\"", 0, "not finite" },
		{ "\"\"", -1, "dimensions" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = vector_of(s, bad[i].json, &vector, &dimension);
		if (!bad[i].says) {
			assert_int_equal(rc, 0);
			continue;
		}
		if (rc != VS_EINVAL || !strstr(s->error.text, bad[i].says))
			fail_msg("%s: %d %s", bad[i].json, rc, s->error.text);
		assert_int_equal(s->error.position, bad[i].position);
		assert_string_equal(s->error.field, "records[3].vector");
	}
	assert_int_equal(vector_of(s, "[1, -2.5, 3e-2, 3.4028235e38]", &vector, &dimension), 0);
	assert_int_equal(dimension, 4);
	assert_true(vector[0] == 1.0f && vector[1] == -2.5f && vector[2] == 0.03f && vector[3] == 3.4028235e38f);
	assert_int_equal(vector_of(s, "\"AACAPwAAAMA=\"", &vector, &dimension), 0);
	assert_int_equal(dimension, 2);
	assert_true(vector[0] == 1.0f && vector[1] == -2.0f);
	assert_int_equal(vector_of(s, "null", &vector, &dimension), 0);
	assert_null(vector);
}

static void test_metadata_comes_back_as_it_went_in(void **state)
{
	struct state *s = *state;
	static const char *const same[] = {
		"{\"a\":1.50,\"b\":[1,{\"c\":null}],\"d\":\"x\\/\\\"\\u0001\"}",
		"{}",
		"{\"max\":9223372036854775807,\"u\":18446744073709551614}",
	};
	static const char *const bad[] = { "[]",
		                               "\"x\"",
		                               "3",
		                               "{\"a\":[1e999]}",
		                               "{\"a\":{\"b\":NaN}}",
		                               "{\"a\":1e400}",
		                               "{\"a\":99999999999999999999}",
		                               "{\"a\":-99999999999999999999}" };
	char text[200];
	struct vs_text value;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		snprintf(text, sizeof(text), "{\"m\":%s}", same[i]);
		struct vs_fields f = fields_of(s, text);
		assert_int_equal(vs_fields_object(&f, "m", &value, &s->error), 0);
		if (i > 0)
			assert_string_equal(value.data, same[i]);
		else
			assert_string_equal(value.data, "{\"a\":1.50,\"b\":[1,{\"c\":null}],\"d\":\"x/\\\"\\u0001\"}");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "{\"m\":%s}", bad[i]);
		struct vs_fields f = fields_of(s, text);
		if (vs_fields_object(&f, "m", &value, &s->error) != VS_EINVAL)
			fail_msg("accepted: %s", text);
	}
}

static void assert_text(struct state *s, const char *in, size_t len, const char *expected)
{
	vs_buf_reset(&s->out);
	vs_json_text(&s->out, in, len);
	assert_string_equal(s->out.data, expected);
}

static void test_text_out(void **state)
{
	struct state *s = *state;
	assert_text(s, "", 0, "\"\"");
	assert_text(s, "a\"b\\c\n\t\x01\x7f/", 10, "\"a\\\"b\\\\c\\n\\u0009\\u0001\\u007f/\"");
	assert_text(s, "\xc3\xa9\xe2\x82\xac", 5, "\"\xc3\xa9\xe2\x82\xac\"");
	assert_text(s, "a\xff\xc3", 3, "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void assert_float(struct state *s, float value, const char *expected)
{
	vs_buf_reset(&s->out);
	vs_json_float(&s->out, value);
	assert_string_equal(s->out.data, expected);
}

static void test_floats_out(void **state)
{
	struct state *s = *state;
	assert_float(s, 0.0f, "0");
	assert_float(s, -0.0f, "-0.0");
	assert_float(s, 1.0f, "1");
	assert_float(s, -1.5f, "-1.5");
	assert_float(s, 0.1f, "0.1");
	assert_float(s, 0.05f, "0.05");
	assert_float(s, 0.000123f, "0.000123");
	assert_float(s, 16777216.0f, "16777216");
	assert_float(s, 123456.7f, "123456.7");
	assert_float(s, 1e10f, "1e+10");
	assert_float(s, 0.99999994f, "0.99999994");
	assert_float(s, 3.4028235e38f, "3.4028235e+38");
	assert_float(s, 1e-45f, "1e-45");
	uint32_t bits = 12345;
	for (int i = 0; i < 300000; i++) {
		float value;
		bits = bits * 1664525u + 1013904223u;
		uint32_t mixed = bits ^ bits >> 15;
		if (i & 1) /* as in vectors: the exponents around one */
			mixed = (mixed & 0x807fffffu) | (100u + mixed % 60u) << 23;
		memcpy(&value, &mixed, sizeof(value));
		if (!isfinite(value))
			continue;
		vs_buf_reset(&s->out);
		vs_json_float(&s->out, value);
		char shortest[32];
		int digits = 1;
		while (snprintf(shortest, sizeof(shortest), "%.*e", digits - 1, (double)value), strtof(shortest, NULL) != value)
			digits++;
		if (strtof(s->out.data, NULL) != value || (float)strtod(s->out.data, NULL) != value)
			fail_msg("%a became %s", (double)value, s->out.data);
		int used = 0, zeros = 0;
		for (const char *p = s->out.data; *p && *p != 'e'; p++) {
			if (*p >= '1' && *p <= '9') {
				used += zeros + 1;
				zeros = 0;
			} else if (*p == '0' && used) {
				zeros++;
			}
		}
		if (used > digits && !(fabsf(value) >= 1e7f && fabsf(value) < 1e8f))
			fail_msg("%s has more than the %d digits of %s", s->out.data, digits, shortest);
	}
}

/* The elements that a text is split into, each in angle brackets, or "no". */
static void assert_split(const char *text, const char *expected)
{
	struct vs_split split;
	char all[200] = "no";
	size_t from, to;
	if (vs_split_find(&split, text, strlen(text), "r")) {
		all[0] = '\0';
		while (vs_split_next(&split, &from, &to))
			sprintf(all + strlen(all), "<%.*s>", (int)(to - from), text + from);
	}
	assert_string_equal(all, expected);
}

static void test_split(void **state)
{
	(void)state;
	assert_split("{\"r\":[]}", "");
	assert_split(" { \"a\" : {\"r\":[1]} , \"r\" : [ ] , \"b\":\"]\" } ", "");
	assert_split("{\"r\":[{\"x\":[1,2]}, {\"y\":\"],\\\"\"}]}", "<{\"x\":[1,2]}>< {\"y\":\"],\\\"\"}>");
	assert_split("{\"r\":[1,]}", "<1><>");
	assert_split("{\"r\":[,]}", "<><>");
	assert_split("{\"r\":[{]}", "no");
	assert_split("{\"r\":[1}}", "no");
	assert_split("{\"r\":[1]", "no");
	assert_split("{\"r\":7}", "no");
	assert_split("{\"r\":[1],\"r\":[2]}", "no");
	assert_split("{\"R\":[1]}", "no");
	assert_split("{\"r\"", "no");
	assert_split("{\"r\\", "no");
	assert_split("[1]", "no");
	assert_split("", "no");
}

static void test_base64(void **state)
{
	static const struct {
		const char *text;
		int64_t len;
		const char *bytes;
	} good[] = { { "", 0, "" },
		         { "Zg==", 1, "f" },
		         { "Zg", 1, "f" },
		         { "Zm8=", 2, "fo" },
		         { "Zm9v", 3, "foo" },
		         { "-_-_", 3, "\xfb\xff\xbf" },
		         { "+/+/", 3, "\xfb\xff\xbf" } };
	static const char *const bad[] = { "Z", "Zg=", "Zh==", "Zm9=", "Zm9v=", "Z===", "Zm 9", "====" };
	char out[64];
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(vs_base64_decode(good[i].text, strlen(good[i].text), out), good[i].len);
		assert_memory_equal(out, good[i].bytes, (size_t)good[i].len);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (vs_base64_decode(bad[i], strlen(bad[i]), out) >= 0)
			fail_msg("accepted: %s", bad[i]);
	for (size_t len = 0; len < 40; len++) {
		char data[40], text[VS_BASE64_LEN(40) + 1], back[80];
		for (size_t i = 0; i < len; i++)
			data[i] = (char)(i * 37 + len);
		size_t n = vs_base64_encode(data, len, text);
		assert_int_equal(n, strlen(text));
		assert_int_equal(vs_base64_decode(text, n, back), len);
		assert_memory_equal(back, data, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_strict_parse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_depth_and_size_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fields_have_types, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vectors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_metadata_comes_back_as_it_went_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_text_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_floats_out, set_up, tear_down),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_base64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

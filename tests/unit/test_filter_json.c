/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and escapes of JSON, as read without a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/filter_json.h"

static void test_reals(void **state)
{
	unsigned seed = 11;
	(void)state;
	for (int i = 0; i < 100000; i++) {
		char text[64];
		struct vs_filter_value value;
		uint64_t bits = (uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed) << 12 ^ (uint64_t)rand_r(&seed);
		double real;
		memcpy(&real, &bits, sizeof(real));
		if (i % 2 == 0)
			real = (double)(bits % 1000000) / 1000;
		if (!__builtin_isfinite(real))
			continue;
		snprintf(text, sizeof(text), i % 3 == 0 ? "%.17g" : i % 3 == 1 ? "%.6e" : "%.3e", real);
		const char *end = vs_filter_json_number(text, text + strlen(text), &value);
		assert_ptr_equal(end, text + strlen(text));
		double read = value.kind == VS_FILTER_INTEGER ? (double)value.integer : value.real;
		double wanted = strtod(text, NULL);
		if (memcmp(&read, &wanted, sizeof(read)) != 0 && read != wanted)
			fail_msg("%s: %.17g", text, read);
	}
}

static void test_locale(void **state)
{
	static const char text[] = "0.12345678901234567890123";
	struct vs_filter_value value;
	(void)state;
	/* Not every machine has a locale with a decimal comma. */
	bool comma = setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
	assert_non_null(vs_filter_json_number(text, text + strlen(text), &value));
	assert_true(value.real > 0.1234 && value.real < 0.1235);
	if (comma)
		setlocale(LC_NUMERIC, "C");
}

static void test_unescape(void **state)
{
	static const struct {
		const char *from;
		const char *to;
		size_t bad;
	} cases[] = {
		{ "plain", "plain", SIZE_MAX },
		{ "\\\"\\\\\\/\\b\\f\\n\\r\\t\\'", "\"\\/\b\f\n\r\t'", SIZE_MAX },
		{ "\\u0041\\u00e9\\u20ac\\uD83D\\uDE00", "Aé€😀", SIZE_MAX },
		{ "x\\ud83dy", "x\uFFFDy", 1 },
		{ "\\ud83d\\u0041", "\uFFFDA", 0 },
		{ "ab\\ude00", "ab\uFFFD", 2 },
		{ "a\\q\\x", "aqx", 1 },
		{ "a\\u00g0", "a00g0", 1 },
		{ "a\\", "a", 1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t bad, len = strlen(cases[i].from);
		char *out = malloc(len), *from = malloc(len);
		memcpy(from, cases[i].from, len);
		size_t n = vs_filter_json_unescape(from, len, out, &bad);
		assert_int_equal(bad, cases[i].bad);
		assert_int_equal(n, strlen(cases[i].to));
		assert_memory_equal(out, cases[i].to, n);
		free(from);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reals),
		cmocka_unit_test(test_locale),
		cmocka_unit_test(test_unescape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

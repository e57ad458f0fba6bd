/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of filters: what is accepted, and where and how what is not gets refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/filter.h"

static int parse(const char *text, size_t len, struct vs_error *error)
{
	/* An exact copy, so that reading past its end shows under a sanitizer. */
	char *copy = malloc(len > 0 ? len : 1);
	struct vs_filter *filter = NULL;
	memcpy(copy, text, len);
	int rc = vs_filter_parse(copy, len, &filter, error);
	free(copy);
	vs_filter_release(filter);
	return rc;
}

static void test_accepted(void **state)
{
	static const char *const good[] = {
		"rank = 1",
		"rank=1 and not(rank>5)or first in('a','b')",
		"  a\t=\n1\r ",
		"a == 1 AND b <> 2 AND c != 3",
		"a < -1 OR a <= +1.5 OR a > 1e3 OR a >= 1E-3",
		"a = 0 AND b = -0 AND c = 0.0",
		"a = TRUE OR a = False OR a = null",
		"a IN [] OR a NOT IN () OR a in [1, 'x', true, NULL]",
		"a CONTAINS 'x' AND a startswith \"y\" AND a CONTAINS 3",
		"a BETWEEN 1 AND 2 AND b Between 'a' And 'b'",
		"a IS NULL OR a is not null",
		"a.b.c = 1 AND tags.0 = 'x' AND a.in = 1 AND a.0.b = 2",
		"`a b` = 1 AND `` = 2 AND a.`b.c`.d = 3 AND `in` = 4 AND a.`0x` = 1",
		"@id = 'a' AND @version > 1 AND @created_at BETWEEN 0 AND 1e12 AND @updated_at IS NOT NULL",
		"first-name = 'x' AND _a1 = 1 AND größe > 2 AND 名 = 'x'",
		"a = 'it\\'s' AND b = \"say \\\"x\\\"\" AND c = '\\\\\\n\\r\\t\\b\\f\\/' AND d = '\\u00e9\\ud83d\\ude00'",
		"NOT NOT a = 1",
		"((((a = 1))))",
		"a = 'unquoted: \"' AND b = \"'\"",
		"a = 1e-999 AND b = 123456789012345678901234567890",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct vs_error error = { 0 };
		if (parse(good[i], strlen(good[i]), &error) != 0)
			fail_msg("%s: %s", good[i], error.text);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int64_t position;
		const char *says;
	} bad[] = {
		{ "", 0, "the filter is empty" },
		{ "  \n", 0, "the filter is empty" },
		{ "rank", 4, "expected an operator (= != < <= > >= IN CONTAINS STARTSWITH BETWEEN IS), found the end" },
		{ "rank >= ", 8, "expected a value after '>=', found the end of the filter" },
		{ "rank >= AND", 8, "expected a value after '>=', found AND" },
		{ "first = king", 8, "found king: put text in quotes" },
		{ "rank LIKE 'x'", 5, "expected an operator" },
		{ "rank LIKE 'x'", 5, "found LIKE" },
		{ "rank = 1 rank = 2", 9, "expected AND, OR or the end of the filter, found rank" },
		{ "rank = 1 AND", 12, "expected a field name, found the end" },
		{ "AND rank = 1", 0, "expected a field name, found AND, a keyword" },
		{ "= 1", 0, "expected a field name, found =" },
		{ "5 = rank", 0, "the field comes first" },
		{ "rank = 1)", 8, "this ')' closes nothing" },
		{ "(rank = 1", 9, "expected AND, OR or ')' for the '(' at position 0, found the end" },
		{ "a = 1 AND (b = 2 OR c = 3", 25, "the '(' at position 10" },
		{ "()", 1, "expected a field name, found )" },
		{ "a = 'king", 4, "the string that begins here has no closing '" },
		{ "a = \"king' AND b = 1", 4, "has no closing \"" },
		{ "a = 'king\\'", 4, "has no closing '" },
		{ "a = 'it's'", 8, "expected AND, OR or the end of the filter, found s (within a string, write its quote" },
		{ "a = 'it''s'", 8, "write its quote with a backslash" },
		{ "a = 'x' '", 8, "no closing" },
		{ "a = 'a\\qb'", 6, "unknown escape" },
		{ "a = '\\u12'", 5, "unknown escape" },
		{ "a = 'é\\ud800x'", 7, "surrogates in pairs" },
		{ "a = '\\udc00'", 5, "surrogates in pairs" },
		{ "`a = 1", 0, "no closing backtick" },
		{ "a.`b = 1", 2, "no closing backtick" },
		{ "a. = 1", 2, "expected a name or an array index after '.'" },
		{ "a.0b = 1", 2, "'0b' is no array index" },
		{ "a.00 = 1", 2, "is no array index" },
		{ "a.99999999999999999999 = 1", 2, "is no array index" },
		{ ".a = 1", 0, "expected a field name, found ." },
		{ "a .b = 1", 2, "expected an operator" },
		{ "@name = 1", 0, "'@name' is no field of a record" },
		{ "@ = 1", 0, "'@' is no field of a record" },
		{ "@ID = 'a'", 0, "'@ID' is no field of a record" },
		{ "@id = 5", 6, "@id is a string: put the value in quotes" },
		{ "@version = '5'", 11, "@version is a number" },
		{ "@created_at > '2026-01-01'", 14, "milliseconds since 1970" },
		{ "@updated_at IN [1, 'x']", 19, "milliseconds since 1970" },
		{ "@version CONTAINS 1", 9, "expected an operator for a number" },
		{ "@id.x = 1", 3, "expected an operator" },
		{ "a = 007", 4, "'007' is no number" },
		{ "a = .5", 4, "expected a value after '=', found ." },
		{ "a = 5.", 4, "'5.' is no number" },
		{ "a = 1.2.3", 4, "'1.2.3' is no number" },
		{ "a = 1e", 4, "'1e' is no number" },
		{ "a = 0x10", 4, "'0x10' is no number" },
		{ "a = 12abc", 4, "'12abc' is no number" },
		{ "a = --1", 4, "'--1' is no number" },
		{ "a = +", 4, "'+' is no number" },
		{ "a = 1e999", 4, "the number '1e999' is too large" },
		{ "a = -1e999", 4, "too large" },
		{ "a IN 'x'", 5, "expected a list like ['a', 'b'] after IN, found 'x'" },
		{ "a IN ['x'", 9, "expected ',' or ']' in the list that begins at position 5, found the end" },
		{ "a IN ['x')", 9, "expected ',' or ']'" },
		{ "a IN ('x' 'y')", 10, "expected ',' or ')'" },
		{ "a IN ['x',]", 10, "expected a value in the list, found ]" },
		{ "a IN [,]", 6, "expected a value in the list, found ," },
		{ "a NOT CONTAINS 'x'", 6, "expected IN after NOT, found CONTAINS (other tests are negated in front" },
		{ "a BETWEEN 1", 11, "expected AND between the two bounds of BETWEEN, found the end" },
		{ "a BETWEEN 1 OR 2", 12, "expected AND between" },
		{ "a BETWEEN 1 AND", 15, "expected the upper bound of BETWEEN" },
		{ "a STARTSWITH 5", 13, "STARTSWITH compares strings" },
		{ "a CONTAINS", 10, "expected a value after 'CONTAINS'" },
		{ "a IS 5", 5, "expected NULL or NOT NULL after IS, found 5" },
		{ "a IS NOT 5", 9, "expected NULL after IS NOT" },
		{ "a = 1 && b = 2", 6, "unexpected '&': write AND" },
		{ "a = 1 | b = 2", 6, "unexpected '|': write OR" },
		{ "!a", 0, "unexpected '!': write != or NOT" },
		{ "a =< 1", 3, "expected a value after '=', found <" },
		{ "a = 1;", 5, "unexpected ';'" },
		{ "a = 1 \x01", 6, "unexpected control character 0x01" },
		{ "a = 'x\xff'", 6, "not valid UTF-8" },
		{ "a\xc3 = 1", 1, "not valid UTF-8" },
		{ "a = \xe2\x80\x9cking\xe2\x80\x9d", 4, "put text in quotes" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vs_error error = { 0 };
		if (parse(bad[i].text, strlen(bad[i].text), &error) != VS_EINVAL)
			fail_msg("%s: accepted", bad[i].text);
		assert_int_equal(error.code, VS_EINVAL);
		assert_string_equal(error.field, "filter");
		if (error.position != bad[i].position || strstr(error.text, bad[i].says) == NULL)
			fail_msg("%s: %lld: %s", bad[i].text, (long long)error.position, error.text);
	}
}

static void test_message(void **state)
{
	struct vs_error error;
	(void)state;
	assert_int_equal(parse("length = 3 >=", 13, &error), VS_EINVAL);
	assert_string_equal(error.text, "filter, position 11: expected AND, OR or the end of the filter, found >=");
	assert_int_equal(parse("a = '\0'", 7, &error), VS_EINVAL);
	assert_int_equal(error.position, 5);
	assert_non_null(strstr(error.text, "NUL"));
}

/* A filter of `count` times `piece` between `before` and `after`. */
static int parse_many(const char *before, const char *piece, size_t count, const char *after, struct vs_error *error)
{
	size_t len = strlen(before) + count * strlen(piece) + strlen(after);
	char *text = malloc(len + 1), *at = stpcpy(text, before);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(at, piece);
	strcpy(at, after);
	int rc = parse(text, len, error);
	free(text);
	return rc;
}

static void test_limits(void **state)
{
	struct vs_error error;
	(void)state;
	assert_int_equal(parse_many("", " ", VS_FILTER_TEXT_MAX - 3, "a=1", &error), 0);
	assert_int_equal(parse_many("", " ", VS_FILTER_TEXT_MAX - 2, "a=1", &error), VS_EINVAL);
	assert_non_null(strstr(error.text, "65537 bytes"));

	assert_int_equal(parse_many("", "NOT ", VS_FILTER_DEPTH_MAX, "a=1", &error), 0);
	assert_int_equal(parse_many("", "NOT ", VS_FILTER_DEPTH_MAX + 1, "a=1", &error), VS_EINVAL);
	assert_int_equal(error.position, 4 * VS_FILTER_DEPTH_MAX);
	assert_int_equal(parse_many("", "(", 10000, "a=1", &error), VS_EINVAL);
	assert_non_null(strstr(error.text, "nested deeper than 64"));
	/* One after the other is not nested. */
	assert_int_equal(parse_many("a=1", " OR NOT (a=1)", 1000, "", &error), 0);

	assert_int_equal(parse_many("a=1", " OR a=1", VS_FILTER_NODES_MAX - 2, "", &error), 0);
	assert_int_equal(parse_many("a=1", " OR a=1", VS_FILTER_NODES_MAX - 1, "", &error), VS_EINVAL);
	assert_non_null(strstr(error.text, "use IN with a list"));
	assert_int_equal(parse_many("a IN [1", ",1", 30000, "]", &error), 0);

	assert_int_equal(parse_many("a", ".b", VS_FILTER_DEPTH_MAX - 1, "=1", &error), 0);
	assert_int_equal(parse_many("a", ".b", VS_FILTER_DEPTH_MAX, "=1", &error), VS_EINVAL);
	assert_non_null(strstr(error.text, "at most 64 parts"));
}

static void test_many_fields(void **state)
{
	struct vs_error error;
	char text[16 * (VS_FILTER_FIELDS_MAX + 1)], *at = text;
	(void)state;
	for (int i = 0; i <= VS_FILTER_FIELDS_MAX; i++) {
		assert_int_equal(parse(text, (size_t)(at - text), &error), i == 0 ? VS_EINVAL : 0);
		at += sprintf(at, "%sf%d=1", i == 0 ? "" : " OR ", i);
	}
	assert_int_equal(parse(text, (size_t)(at - text), &error), VS_EINVAL);
	assert_non_null(strstr(error.text, "more than 256 different fields"));
}

/* Every prefix, and random mutations, of filters: never a crash, and a refusal always has a position inside. */
static void test_mutations(void **state)
{
	static const char *const seeds[] = {
		"(rank >= 10 AND rank < 2.5e3) OR NOT first IN ['a', \"b\", null] AND x.y.0 != TRUE",
		"@id STARTSWITH 'k\\u00e9\\ud83d\\ude00' AND `odd key`.z BETWEEN -1 AND +5 OR tags CONTAINS 'x\\'y'",
		"a IS NOT NULL AND b NOT IN (1,2,3) OR größe <> 'ü' AND @version == 3",
	};
	static const char alphabet[] = "()[],.'\"`@\\=<>!+-eEuANDORNOTIN 019ab\x80\xc3\xff\x01";
	unsigned seed = 1;
	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		char text[160];
		const char *from = seeds[round % 3];
		size_t len = strlen(from);
		memcpy(text, from, len);
		if (round < 300)
			len = round / 3 < len ? round / 3 : len;
		for (int changes = rand_r(&seed) % 4; round >= 300 && changes >= 0; changes--) {
			size_t at = (size_t)rand_r(&seed) % len;
			if (rand_r(&seed) % 3 == 0 && len > 2) {
				memmove(text + at, text + at + 1, len - at - 1);
				len--;
			} else {
				text[at] = rand_r(&seed) % 4 == 0 ? (char)rand_r(&seed)
				                                  : alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
			}
		}
		struct vs_error error = { 0 };
		int rc = parse(text, len, &error);
		if (rc == 0)
			continue;
		assert_int_equal(rc, VS_EINVAL);
		assert_in_range(error.position, 0, len);
		assert_int_equal(vs_utf8_check(error.text, strlen(error.text)), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),     cmocka_unit_test(test_message),
		cmocka_unit_test(test_limits),   cmocka_unit_test(test_many_fields), cmocka_unit_test(test_mutations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

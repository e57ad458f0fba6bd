/* SPDX-License-Identifier: Apache-2.0 */
/* What filters mean: a table of verdicts, an independent evaluator on random trees, and hostile metadata. */
#include "filter_fixture.h"

static void test_comparisons(void **state)
{
	static const struct verdict verdicts[] = {
		{ "a = 1", "{\"a\":1}", 1 },
		{ "a = 1", "{\"a\":2}", 0 },
		{ "a = 1", "{\"a\":1.0}", 1 },
		{ "a = 100", "{\"a\":1e2}", 1 },
		{ "a = 1", "{\"a\":\"1\"}", 0 },
		{ "a = 1", "{\"a\":true}", 0 },
		{ "a != 1", "{\"a\":2}", 1 },
		{ "a != 1", "{\"a\":1}", 0 },
		{ "a != 1", "{\"a\":\"1\"}", 1 },
		{ "a != 1", "{\"a\":null}", 1 },
		{ "a != 1", "{\"a\":[1]}", 1 },
		{ "a = 1", "{\"a\":[1]}", 0 },
		{ "a != 1", "{}", 0 },
		{ "a = 1", "{}", 0 },
		{ "a < 1", "{}", 0 },
		{ "a >= 1", "{}", 0 },
		{ "a IN [1]", "{}", 0 },
		{ "a NOT IN [1]", "{}", 0 },
		{ "a BETWEEN 0 AND 9", "{}", 0 },
		{ "a CONTAINS 'x'", "{}", 0 },
		{ "a STARTSWITH ''", "{}", 0 },
		{ "NOT a = 1", "{}", 1 },
		{ "NOT (a != 1)", "{}", 1 },
		{ "a < 2", "{\"a\":1}", 1 },
		{ "a < 2", "{\"a\":2}", 0 },
		{ "a <= 2", "{\"a\":2}", 1 },
		{ "a > 2", "{\"a\":2}", 0 },
		{ "a > -3", "{\"a\":-2.5}", 1 },
		{ "a >= 2", "{\"a\":2}", 1 },
		{ "a < 'b'", "{\"a\":1}", 0 },
		{ "a >= 'b'", "{\"a\":1}", 0 },
		{ "a < 5", "{\"a\":\"4\"}", 0 },
		{ "a < 5", "{\"a\":[1]}", 0 },
		{ "a < 'b'", "{\"a\":\"abc\"}", 1 },
		{ "a < 'ab'", "{\"a\":\"abc\"}", 0 },
		{ "a > 'ab'", "{\"a\":\"abc\"}", 1 },
		{ "a > 'Z'", "{\"a\":\"é\"}", 1 },
		{ "a = 'é'", "{\"a\":\"\\u00e9\"}", 1 },
		{ "a = '\\u00e9'", "{\"a\":\"é\"}", 1 },
		{ "a = '\\ud83d\\ude00'", "{\"a\":\"\\ud83d\\ude00\"}", 1 },
		{ "a = \"q\\\"\\\\/\\n\"", "{\"a\":\"q\\\"\\\\\\/\\n\"}", 1 },
		{ "a = ''", "{\"a\":\"\"}", 1 },
		{ "a = TRUE", "{\"a\":true}", 1 },
		{ "a = true", "{\"a\":false}", 0 },
		{ "a < true", "{\"a\":false}", 1 },
		{ "a = NULL", "{\"a\":null}", 1 },
		{ "a = NULL", "{}", 0 },
		{ "a != NULL", "{\"a\":0}", 1 },
		{ "a <= NULL", "{\"a\":null}", 1 },
		{ "a < 1", "{\"a\":null}", 0 },
	};
	(void)state;
	CHECK(verdicts);
}

static void test_numbers(void **state)
{
	static const struct verdict verdicts[] = {
		{ "a = 9007199254740992.0", "{\"a\":9007199254740993}", 0 },
		{ "a > 9007199254740992.0", "{\"a\":9007199254740993}", 1 },
		{ "a = 9007199254740992.0", "{\"a\":9007199254740992}", 1 },
		{ "a = 9007199254740993", "{\"a\":9007199254740992.0}", 0 },
		{ "a < 9007199254740993", "{\"a\":9007199254740992.0}", 1 },
		{ "a = 9223372036854775807", "{\"a\":9223372036854775807}", 1 },
		{ "a = 9223372036854775806", "{\"a\":9223372036854775807}", 0 },
		{ "a < 9223372036854775808", "{\"a\":9223372036854775807}", 1 },
		{ "a = -9223372036854775808", "{\"a\":-9223372036854775808}", 1 },
		{ "a = -9.223372036854775808e18", "{\"a\":-9223372036854775808}", 1 },
		{ "a > -1e19", "{\"a\":-9223372036854775808}", 1 },
		{ "a = 18446744073709551615", "{\"a\":18446744073709551615}", 1 },
		{ "a = 1.8446744073709552e19", "{\"a\":18446744073709551615}", 1 },
		{ "a = 0", "{\"a\":-0.0}", 1 },
		{ "a > 1", "{\"a\":1.0000000000000002}", 1 },
		{ "a < 2", "{\"a\":1.9999999999999998}", 1 },
		{ "a < -1", "{\"a\":-1.5}", 1 },
		{ "a > -2", "{\"a\":-1.5}", 1 },
		{ "a = 0.1", "{\"a\":0.1}", 1 },
		{ "a = 0.1", "{\"a\":1e-1}", 1 },
		{ "a = 0.3", "{\"a\":0.30000000000000004}", 0 },
		{ "a = 1.7976931348623157e308", "{\"a\":17976931348623157e292}", 1 },
		{ "a > 1e308", "{\"a\":1e999}", 1 },
		{ "a = 0", "{\"a\":1e-999}", 1 },
		{ "a = 5e-324", "{\"a\":4.9406564584124654e-324}", 1 },
		{ "a = 123456789012345678901234567890.5", "{\"a\":1.2345678901234568e29}", 1 },
	};
	(void)state;
	CHECK(verdicts);
}

static void test_sets(void **state)
{
	static const struct verdict verdicts[] = {
		{ "a IN [1, 'x', true, null]", "{\"a\":\"x\"}", 1 },
		{ "a IN [1, 'x', true, null]", "{\"a\":true}", 1 },
		{ "a IN [1, 'x', true, null]", "{\"a\":null}", 1 },
		{ "a IN [1, 'x', true, null]", "{\"a\":1.0}", 1 },
		{ "a IN [1, 'x', true, null]", "{\"a\":\"1\"}", 0 },
		{ "a IN [5, 3, 9, 1, 7, 3, -2, 8.5, 100, 1e3]", "{\"a\":8.5}", 1 },
		{ "a IN [5, 3, 9, 1, 7, 3, -2, 8.5, 100, 1e3]", "{\"a\":1000}", 1 },
		{ "a IN [5, 3, 9, 1, 7, 3, -2, 8.5, 100, 1e3]", "{\"a\":6}", 0 },
		{ "a IN []", "{\"a\":1}", 0 },
		{ "a NOT IN []", "{\"a\":1}", 1 },
		{ "a NOT IN [1,2]", "{\"a\":1}", 0 },
		{ "a NOT IN [1,2]", "{\"a\":\"1\"}", 1 },
		{ "a NOT IN [1,2]", "{\"a\":[1]}", 1 },
		{ "a IN [1,2]", "{\"a\":[1]}", 0 },
		{ "NOT a IN [1]", "{}", 1 },
		{ "a BETWEEN 1 AND 3", "{\"a\":1}", 1 },
		{ "a BETWEEN 1 AND 3", "{\"a\":3.0}", 1 },
		{ "a BETWEEN 1 AND 3", "{\"a\":3.5}", 0 },
		{ "a BETWEEN 3 AND 1", "{\"a\":2}", 0 },
		{ "a BETWEEN 'b' AND 'd'", "{\"a\":\"cat\"}", 1 },
		{ "a BETWEEN 1 AND 'z'", "{\"a\":5}", 0 },
		{ "a BETWEEN 1 AND 3 AND b = 1", "{\"a\":2,\"b\":1}", 1 },
		{ "a CONTAINS 'in'", "{\"a\":\"king\"}", 1 },
		{ "a CONTAINS 'on'", "{\"a\":\"king\"}", 0 },
		{ "a CONTAINS ''", "{\"a\":\"king\"}", 1 },
		{ "a CONTAINS 'x'", "{\"a\":\"\"}", 0 },
		{ "a CONTAINS 'g\"'", "{\"a\":\"kin\\u0067\\\"\"}", 1 },
		{ "a CONTAINS 1", "{\"a\":\"1\"}", 0 },
		{ "a CONTAINS 'x'", "{\"a\":[\"w\",\"x\"]}", 1 },
		{ "a CONTAINS 'x'", "{\"a\":[\"xx\", 1]}", 0 },
		{ "a CONTAINS 'x'", "{\"a\":[]}", 0 },
		{ "a CONTAINS 'x'", "{\"a\": [ \"\\u0077\" , \"\\u0078\" ] }", 1 },
		{ "a CONTAINS 2", "{\"a\":[1, 2.0]}", 1 },
		{ "a CONTAINS 2", "{\"a\":[[2],{\"b\":2},\"2\"]}", 0 },
		{ "a CONTAINS true", "{\"a\":[false, true]}", 1 },
		{ "a CONTAINS NULL", "{\"a\":[1, null]}", 1 },
		{ "a CONTAINS 'b'", "{\"a\":{\"b\":1}}", 0 },
		{ "a STARTSWITH 'ki'", "{\"a\":\"king\"}", 1 },
		{ "a STARTSWITH 'king'", "{\"a\":\"ki\"}", 0 },
		{ "a STARTSWITH ''", "{\"a\":\"\"}", 1 },
		{ "a STARTSWITH 'k'", "{\"a\":[\"k\"]}", 0 },
		{ "a IS NULL", "{}", 1 },
		{ "a IS NULL", "{\"a\":null}", 1 },
		{ "a IS NULL", "{\"a\":0}", 0 },
		{ "a IS NOT NULL", "{\"a\":[]}", 1 },
		{ "a IS NOT NULL", "{\"a\":null}", 0 },
		{ "a IS NOT NULL", "{}", 0 },
	};
	(void)state;
	CHECK(verdicts);
}

static void test_paths(void **state)
{
	static const struct verdict verdicts[] = {
		{ "a.b = 1", "{\"a\":{\"b\":1}}", 1 },
		{ "a.b = 1", "{\"a.b\":1}", 0 },
		{ "`a.b` = 1", "{\"a.b\":1}", 1 },
		{ "a.b = 1", "{\"a\":1}", 0 },
		{ "a.b IS NULL", "{\"a\":1}", 1 },
		{ "a.b.c = 1 AND a.b.d = 2 AND a.e = 3", "{\"x\":[{}],\"a\":{\"b\":{\"d\":2,\"c\":1},\"e\":3}}", 1 },
		{ "a IS NOT NULL AND a.b = 1", "{\"a\":{\"b\":1}}", 1 },
		{ "a = 1 OR a.b = 1", "{\"a\":{\"b\":1}}", 1 },
		{ "a.1 = 'y'", "{\"a\":[\"x\",\"y\"]}", 1 },
		{ "a.2 IS NULL", "{\"a\":[\"x\",\"y\"]}", 1 },
		{ "a.1 = 'y'", "{\"a\":{\"1\":\"y\"}}", 1 },
		{ "a.1.b.0 = 7", "{\"a\":[0,{\"b\":[7]}]}", 1 },
		{ "a.0.0 = 5 AND a CONTAINS 'z'", "{\"a\":[[5],\"z\"]}", 1 },
		{ "`a b` = 1 AND `` = 2", "{\"a b\":1,\"\":2}", 1 },
		{ "`and` = 1 AND a.or = 2", "{\"and\":1,\"a\":{\"or\":2}}", 1 },
		{ "größe = 1", "{\"gr\\u00f6\\u00dfe\":1}", 1 },
		{ "A = 1", "{\"a\":1}", 0 },
		{ "a = 2", "{\"a\":1,\"a\":2}", 1 },
		{ "a = 1", "{\"a\":1,\"a\":2}", 0 },
		{ "a.b IS NULL AND a.c = 2", "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", 1 },
		{ "a = 1", " { \"b\" : [ 1 , { } ] , \"a\" : 1 } \n", 1 },
		{ "aa = 1", "{\"a\":1}", 0 },
		{ "@id = 'kïng' AND @version = 3", "{}", 1 },
		{ "@id STARTSWITH 'kï' AND @id CONTAINS 'ng'", "{}", 1 },
		{ "@id IN ['a', 'kïng']", "{\"@id\":\"x\"}", 1 },
		{ "`@id` = 'x'", "{\"@id\":\"x\"}", 1 },
		{ "@id < 'l' AND @id != 'king'", "{}", 1 },
		{ "@created_at BETWEEN 1.71455760025e12 AND 1.71455760025e12 AND @updated_at > 1.71455760025e12", "{}", 1 },
		{ "@id IS NULL", "{}", 0 },
	};
	(void)state;
	CHECK(verdicts);
}

static void test_logic(void **state)
{
	static const struct verdict verdicts[] = {
		{ "a = 1 OR b = 1 AND c = 1", "{\"a\":1}", 1 },
		{ "(a = 1 OR b = 1) AND c = 1", "{\"a\":1}", 0 },
		{ "NOT a = 1 AND b = 1", "{\"b\":1}", 1 },
		{ "NOT (a = 1 AND b = 1)", "{\"b\":1}", 1 },
		{ "NOT NOT a = 1", "{\"a\":1}", 1 },
		{ "a = 1 AND (b = 1 AND (c = 1 OR d = 1)) AND e = 1", "{\"a\":1,\"b\":1,\"d\":1,\"e\":1}", 1 },
		{ "a = 1 AND (b = 1 AND (c = 1 OR d = 1)) AND e = 1", "{\"a\":1,\"b\":1,\"e\":1}", 0 },
		{ "(a = 1 OR b = 1) OR (c = 1 OR d = 1) OR e = 1", "{\"d\":1}", 1 },
	};
	(void)state;
	CHECK(verdicts);
}

/* ---- an evaluator of its own, over three small integers, some of them missing --------------------------- */

struct model {
	unsigned seed;
	int fields[3]; /* -1: missing */
	char *at;
};

static int model_test(struct model *model)
{
	static const char *const ops[] = { "=", "!=", "<", "<=", ">", ">=" };
	unsigned field = (unsigned)rand_r(&model->seed) % 3;
	int have = model->fields[field], want = rand_r(&model->seed) % 4, other = rand_r(&model->seed) % 4;
	switch (rand_r(&model->seed) % 9) {
	case 6:
		model->at += sprintf(model->at, "%c IN [%d,%d]", "abc"[field], want, other);
		return have >= 0 && (have == want || have == other);
	case 7:
		model->at += sprintf(model->at, "%c NOT IN (%d,%d)", "abc"[field], want, other);
		return have >= 0 && have != want && have != other;
	case 8:
		model->at += sprintf(model->at, "%c BETWEEN %d AND %d", "abc"[field], want, other);
		return have >= want && have <= other;
	default:
		break;
	}
	unsigned op = (unsigned)rand_r(&model->seed) % 6;
	const int verdicts[] = { have == want, have != want, !(have >= want), have <= want, !(have <= want), have >= want };
	model->at += sprintf(model->at, "%c%s%d", "abc"[field], ops[op], want);
	return have >= 0 && verdicts[op];
}

static int model_tree(struct model *model, int depth)
{
	int kind = depth == 0 ? 0 : rand_r(&model->seed) % 4;
	if (kind == 0)
		return model_test(model);
	if (kind == 1) {
		model->at += sprintf(model->at, "NOT (");
		int verdict = !model_tree(model, depth - 1);
		model->at += sprintf(model->at, ")");
		return verdict;
	}
	int count = 2 + rand_r(&model->seed) % 2, verdict = kind == 2;
	for (int i = 0; i < count; i++) {
		model->at += sprintf(model->at, "%s(", i == 0 ? "" : kind == 2 ? " AND " : " OR ");
		int operand = model_tree(model, depth - 1);
		verdict = kind == 2 ? verdict && operand : verdict || operand;
		model->at += sprintf(model->at, ")");
	}
	return verdict;
}

static void test_random_trees(void **state)
{
	static char filter[16384];
	struct model model = { .seed = 7 };
	int accepted = 0;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char metadata[64], *at = metadata;
		for (int i = 0; i < 3; i++)
			model.fields[i] = rand_r(&model.seed) % 5 - 1;
		at += sprintf(at, "{\"z\":0");
		for (int i = 0; i < 3; i++)
			if (model.fields[i] >= 0)
				at += sprintf(at, ",\"%c\":%d", "abc"[i], model.fields[i]);
		sprintf(at, "}");
		model.at = filter;
		int expected = model_tree(&model, 4);
		accepted += expected;
		if (accepts(filter, metadata) != expected)
			fail_msg("%s of %s is not %d", filter, metadata, expected);
	}
	assert_in_range(accepted, 4000, 16000);
}

/* ---- hostile metadata ----------------------------------------------------------------------------------- */

static void test_corrupt(void **state)
{
	static const char *const bad[] = {
		"",           "null",           "[]",        "\"a\"",         "{",          "{\"a\"",          "{\"a\":",
		"{\"a\":1",   "{\"a\":1,}",     "{a:1}",     "{\"a\":1}x",    "{\"a\" 1}",  "{\"a\":01}",      "{\"a\":tru}",
		"{\"a\":\"x", "{\"a\":\"x\\\"", "{\"b\":[}", "{\"b\":[1 2]}", "{\"b\":+1}", "{\"b\":{\"c\"}}", "{\"b\":nul}",
		"{\"a\":1.}", "{\"a\":[1,]}",   "{\"a\":-}", "{\"a\":1e}",    "{,}",        "{\"a\":NaN}",     "{\"a\":1}}",
	};
	struct vs_error error;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (accepts_bytes("a = 1", bad[i], strlen(bad[i]), &error) != VS_ECORRUPT)
			fail_msg("%s is taken for JSON", bad[i]);
		assert_int_equal(error.code, VS_ECORRUPT);
		assert_non_null(strstr(error.text, "kïng"));
	}
	assert_int_equal(accepts_bytes("a = 1", "{\"a\":1}\0", 8, &error), VS_ECORRUPT);
	/* Of metadata that no test looks at, nothing is read. */
	assert_int_equal(accepts_bytes("@version = 3", "", 0, &error), 1);
}

static void test_deep(void **state)
{
	static char text[400000];
	struct vs_error error;
	(void)state;
	memset(text, '[', 200000);
	memset(text + 200000, ']', 199990);
	memcpy(text, "{\"a\":", 5);
	assert_int_equal(accepts_bytes("b = 1", text, strlen(text), &error), VS_ECORRUPT);
	assert_int_equal(accepts_bytes("a.0.0.0.0.0 = 1", text, strlen(text), &error), VS_ECORRUPT);
}

static void test_mutations(void **state)
{
	static const char seed_text[] =
	    "{\"a\":{\"b\":[1,\"x\\u00e9\\n\",{\"c\":-1.5e3}]},\"s\":\"k\\\"\",\"t\":true,\"n\":null}";
	static const char filter_text[] = "a.b.2.c < 0 OR a.b CONTAINS 'xé' OR s = 'k' OR t = true OR n IS NULL OR z.0 > 1";
	static const char alphabet[] = "{}[],:\"\\u0129eE.-tfn \n\xc3";
	struct vs_error error;
	struct vs_filter *filter;
	unsigned seed = 3;
	(void)state;
	assert_int_equal(vs_filter_parse(filter_text, strlen(filter_text), &filter, &error), 0);
	for (int round = 0; round < 100000; round++) {
		size_t len = sizeof(seed_text) - 1;
		char *text = malloc(len + 1);
		memcpy(text, seed_text, len + 1);
		for (int changes = rand_r(&seed) % 3; changes >= 0; changes--)
			text[(size_t)rand_r(&seed) % len] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
		struct vs_filter_record record = { "r", 1, 1, 0, 0, text, len };
		int verdict = vs_filter_accepts(filter, &record, &error);
		assert_true(verdict == 0 || verdict == 1 || verdict == VS_ECORRUPT);
		free(text);
	}
	vs_filter_release(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comparisons), cmocka_unit_test(test_numbers), cmocka_unit_test(test_sets),
		cmocka_unit_test(test_paths),       cmocka_unit_test(test_logic),   cmocka_unit_test(test_random_trees),
		cmocka_unit_test(test_corrupt),     cmocka_unit_test(test_deep),    cmocka_unit_test(test_mutations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

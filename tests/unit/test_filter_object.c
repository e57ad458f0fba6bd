/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON form of filters, dates in both forms, and what each refuses. */
#include "filter_fixture.h"

#include "engine/filter_date.h"

static void test_operators(void **state)
{
	static const struct verdict verdicts[] = {
		{ "{\"a\":1}", "{\"a\":1.0}", 1 },
		{ " { \"a\" : { \"$eq\" : 1 } } ", "{\"a\":2}", 0 },
		{ "{\"a\":{\"$ne\":1}}", "{\"a\":2}", 1 },
		{ "{\"a\":{\"$ne\":1}}", "{}", 0 },
		{ "{\"a\":{\"$gte\":1,\"$lt\":3}}", "{\"a\":2}", 1 },
		{ "{\"a\":{\"$gte\":1,\"$lt\":3}}", "{\"a\":3}", 0 },
		{ "{\"a\":{\"$gt\":1,\"$lte\":3}}", "{\"a\":3}", 1 },
		{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}", 1 },
		{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", 0 },
		{ "{\"a\":1,\"a\":2}", "{\"a\":2}", 0 },
		{ "{\"a\":{\"$in\":[3,\"x\",true]}}", "{\"a\":\"x\"}", 1 },
		{ "{\"a\":{\"$in\":[]}}", "{\"a\":1}", 0 },
		{ "{\"a\":{\"$nin\":[1,2]}}", "{\"a\":3}", 1 },
		{ "{\"a\":{\"$nin\":[1,2]}}", "{}", 0 },
		{ "{\"a\":{\"$contains\":\"x\"}}", "{\"a\":[\"x\"]}", 1 },
		{ "{\"a\":{\"$startswith\":\"\\u00e9\"}}", "{\"a\":\"été\"}", 1 },
		{ "{\"a\":{\"$between\":[3,1]}}", "{\"a\":2}", 0 }, /* not sorted as a list is */
		{ "{\"a\":{\"$between\":[1,3]}}", "{\"a\":2}", 1 },
		{ "{\"a\":null}", "{\"a\":null}", 1 },
		{ "{\"a\":null}", "{}", 0 },
		{ "{\"a\":{\"$null\":true}}", "{}", 1 },
		{ "{\"a\":{\"$null\":false}}", "{\"a\":null}", 0 },
		{ "{\"a\":{\"$exists\":true}}", "{\"a\":null}", 1 },
		{ "{\"a\":{\"$exists\":true}}", "{\"a\":[]}", 1 },
		{ "{\"a\":{\"$exists\":true}}", "{}", 0 },
		{ "{\"a\":{\"$exists\":false}}", "{}", 1 },
		{ "{\"a\":{\"$not\":{\"$gt\":1}}}", "{}", 1 },
		{ "{\"a\":{\"$not\":{\"$gt\":1,\"$lt\":3}}}", "{\"a\":2}", 0 },
		{ "{\"$not\":{\"a\":1,\"b\":1}}", "{\"a\":1}", 1 },
		{ "{\"$or\":[{\"a\":1},{\"b\":1}]}", "{\"b\":1}", 1 },
		{ "{\"$and\":[{\"a\":1},{\"b\":1}],\"c\":1}", "{\"a\":1,\"b\":1}", 0 },
		{ "{\"a.b.0\":7}", "{\"a\":{\"b\":[7]}}", 1 },
		{ "{\"`a.b`.c\":7}", "{\"a.b\":{\"c\":7}}", 1 },
		{ "{\"`$x`\":7,\"odd key\":8}", "{\"$x\":7,\"odd key\":8}", 1 },
		{ "{\"\\u0061\":9007199254740993}", "{\"a\":9007199254740992}", 0 },
		{ "{\"a\":{\"$gt\":9007199254740992.0}}", "{\"a\":9007199254740993}", 1 },
		{ "{\"@id\":\"kïng\",\"@version\":{\"$gte\":3}}", "{}", 1 },
	};
	(void)state;
	CHECK(verdicts);
}

static void test_dates(void **state)
{
	static const struct verdict verdicts[] = {
		{ "a = date('2024-05-01T10:00:00Z')", "{\"a\":\"2024-05-01T12:00:00+02:00\"}", 1 },
		{ "a = DATE(\"2024-05-01T10:00:00Z\")", "{\"a\":\"2024-05-01 10:00\"}", 1 },
		{ "a < date('2024-05-01')", "{\"a\":\"2024-04-30T23:59:59.999999999Z\"}", 1 },
		{ "a < date('2024-05-01')", "{\"a\":\"2024-05-01T00:30:00+01:00\"}", 1 },
		{ "a >= date('2024-05-01')", "{\"a\":\"2024-05-01T00:00\"}", 1 },
		{ "a > date('2024-05-01')", "{\"a\":\"zebra\"}", 0 },
		{ "a != date('2024-05-01')", "{\"a\":\"zebra\"}", 1 },
		{ "a != date('2024-05-01')", "{\"a\":\"2024-05-01T00:00:00-00:00\"}", 0 },
		{ "a != date('2024-05-01')", "{}", 0 },
		{ "a > date('1970-01-01')", "{\"a\":5}", 0 },
		{ "a > '2024-05-01T10:00:00Z'", "{\"a\":\"2024-05-01T12:00:00+02:00\"}", 1 }, /* strings, by bytes */
		{ "a IN ['x', date('2024-05-01')]", "{\"a\":\"2024-05-01T00:00:00.000Z\"}", 1 },
		{ "a IN ['x', date('2024-05-01')]", "{\"a\":\"x\"}", 1 },
		{ "a NOT IN [date('2024-05-01')]", "{\"a\":\"2024-05-02\"}", 1 },
		{ "a BETWEEN date('2024-05-01') AND date('2024-05-02')", "{\"a\":\"2024-05-01T23:00-01:00\"}", 1 },
		{ "a CONTAINS date('2024-05-01')", "{\"a\":[1,\"2024-05-01T00:00Z\"]}", 1 },
		{ "a CONTAINS date('2024-05-01')", "{\"a\":\"2024-05-01\"}", 0 },
		{ "date = date('2024-05-01')", "{\"date\":\"2024-05-01\"}", 1 },
		{ "@created_at = date('2024-05-01T10:00:00.250Z')", "{}", 1 },
		{ "@created_at < date('2024-05-01T10:00:00.250000001Z')", "{}", 1 },
		{ "@updated_at > date('2024-05-01T12:00:00.25+02')", "{}", 1 },
		{ "{\"a\":{\"$gte\":{\"$date\":\"2024-05-01T10:00:00Z\"}}}", "{\"a\":\"2024-05-01T10:00:00Z\"}", 1 },
		{ "{\"a\":{\"$date\":\"2024-05-01\"}}", "{\"a\":\"2024-05-01T00:00:00\"}", 1 },
		{ "{\"@created_at\":{\"$between\":[{\"$date\":\"2024-05-01\"},{\"$date\":\"2024-05-02\"}]}}", "{}", 1 },
	};
	(void)state;
	CHECK(verdicts);
}

static void test_date_texts(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
		uint32_t nanos;
	} good[] = {
		{ "1970-01-01", 0, 0 },
		{ "1969-12-31T23:59:59.5Z", -1, 500000000 },
		{ "2000-02-29t00:00:00z", 951782400, 0 },
		{ "0000-01-01", -62167219200, 0 },
		{ "9999-12-31T23:59:59,999999999Z", 253402300799, 999999999 },
		{ "2016-12-31T23:59:60Z", 1483228800, 0 },
		{ "2024-05-01T10:00:00.123456789+02:00", 1714550400, 123456789 },
		{ "2024-05-01T10:00:00+0230", 1714548600, 0 },
		{ "2024-05-01T10:00-08", 1714586400, 0 },
	};
	static const char *const bad[] = {
		"", "2024", "2024-05", "20240501", "2024-5-1", "2024-02-30", "2023-02-29", "1900-02-29", "2024-00-01", "2024-13-01",
		"2024-04-31", "2024-05-00", "2024-05-01T", "2024-05-01T10", "2024-05-01T24:00", "2024-05-01T10:60", "2024-05-01T10:00:61",
		"2024-05-01T10:00:00.", "2024-05-01T10:00:00.1234567890", "2024-05-01T10:00:00Z ", " 2024-05-01", "2024-05-01Z",
		"2024-05-01T10:00:00+", "2024-05-01T10:00:00+2", "2024-05-01T10:00:00+24:00", "2024-05-01T10:00:00+02:", "2024-05-01  10:00",
		"+2024-05-01", "2024-05-01T10:00:00+02:60", "2024-05-01T10:00:00ZZ", "2024-W18-3",
	};
	struct vs_filter_value value;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!vs_filter_date_read(good[i].text, strlen(good[i].text), &value) || value.kind != VS_FILTER_DATE ||
		    value.date.seconds != good[i].seconds || value.date.nanos != good[i].nanos)
			fail_msg("%s: %lld.%09u", good[i].text, (long long)value.date.seconds, value.date.nanos);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (vs_filter_date_read(bad[i], strlen(bad[i]), &value))
			fail_msg("%s is a date", bad[i]);
	value = vs_filter_date_from_ms(-1);
	assert_int_equal(value.date.seconds, -1);
	assert_int_equal(value.date.nanos, 999000000);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *field;
		int64_t position;
	} bad[] = {
		{ "{}", "filter", -1 },
		{ "{\"$and\":[]}", "filter.$and", -1 },
		{ "{\"$and\":[{\"a\":1},{}]}", "filter.$and[1]", -1 },
		{ "{\"$and\":[{\"a\":1},{\"year\":{\"$gte\":[1]}}]}", "filter.$and[1].year.$gte", -1 },
		{ "{\"$nor\":[]}", "filter.$nor", -1 },
		{ "{\"a\":{\"$regex\":\"x\"}}", "filter.a.$regex", -1 },
		{ "{\"a\":{\"b\":1}}", "filter.a.b", -1 },
		{ "{\"a\":{}}", "filter.a", -1 },
		{ "{\"a\":[1]}", "filter.a", -1 },
		{ "{\"a\":{\"$in\":1}}", "filter.a.$in", -1 },
		{ "{\"a\":{\"$in\":[1,[2]]}}", "filter.a.$in[1]", -1 },
		{ "{\"a\":{\"$between\":[1]}}", "filter.a.$between", -1 },
		{ "{\"a\":{\"$startswith\":1}}", "filter.a.$startswith", -1 },
		{ "{\"a\":{\"$exists\":1}}", "filter.a.$exists", -1 },
		{ "{\"a\":{\"$not\":1}}", "filter.a.$not", -1 },
		{ "{\"$not\":[]}", "filter.$not", -1 },
		{ "{\"a\":{\"$date\":\"2024-02-30\"}}", "filter.a.$date", -1 },
		{ "{\"a\":{\"$gt\":{\"$date\":5}}}", "filter.a.$gt.$date", -1 },
		{ "{\"a\":{\"$gt\":{}}}", "filter.a.$gt", -1 },
		{ "{\"@nope\":1}", "filter.@nope", -1 },
		{ "{\"@id\":1}", "filter.@id", -1 },
		{ "{\"@version\":{\"$gt\":{\"$date\":\"2024-05-01\"}}}", "filter.@version.$gt", -1 },
		{ "{\"@version\":{\"$contains\":1}}", "filter.@version.$contains", -1 },
		{ "{\"\":1}", "filter.", -1 },
		{ "{\"a..b\":1}", "filter.a..b", -1 },
		{ "{\"a.\":1}", "filter.a.", -1 },
		{ "{\"`a\":1}", "filter.`a", -1 },
		{ "{\"`a`b\":1}", "filter.`a`b", -1 },
		{ "{\"a\":1e999}", "filter.a", -1 },
		{ "{\"a\":1", "filter", 6 },
		{ "{\"a\" 1}", "filter", 5 },
		{ "{\"a\":1} x", "filter", 8 },
		{ "{a:1}", "filter", 1 },
		{ "{\"a\":nul}", "filter", 5 },
		{ "{\"a\":01}", "filter", 6 },
		{ "{\"a\":\"\x01\"}", "filter", 6 },
		{ "{\"a\":\"\\ud800\"}", "filter", 6 },
		{ "{\"a\":{\"$in\":[1,]}}", "filter", 15 },
		{ "{\"a\":1,}", "filter", 7 },
		{ "{\"a\":\"x\\", "filter", 5 },
		{ "{\"a\\", "filter", 1 },
		{ "{\"a\":{\"$date\":\"\\", "filter.a.$date", -1 },
		{ "{\"$and\":[{\"$and\":[{\"$and\":[{\"$and\":[{\"$and\":[{\"$and\":[{\"x\":[]}]}]}]}]}]}]}",
		  "filter…[0].$and[0].$and[0].$and[0].$and[0].x", -1 },
		{ "a = date('x')", "filter", 9 },
		{ "a = date(5)", "filter", 9 },
		{ "a = date('2024-05-01'", "filter", 21 },
		{ "a = date", "filter", 8 },
		{ "@version > date('2024-05-01')", "filter", 11 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vs_filter *filter;
		struct vs_error error = { 0 };
		assert_int_equal(vs_filter_parse(bad[i].text, strlen(bad[i].text), &filter, &error), VS_EINVAL);
		if (strcmp(error.field, bad[i].field) != 0 || error.position != bad[i].position)
			fail_msg("%s: field %s, position %lld: %s", bad[i].text, error.field, (long long)error.position, error.text);
	}
}

static void test_deep(void **state)
{
	static char text[4096];
	struct vs_filter *filter;
	struct vs_error error;
	(void)state;
	for (int depth = 60; depth < 200; depth++) {
		size_t len = 0;
		for (int i = 0; i < depth; i++)
			len += (size_t)sprintf(text + len, "{\"$not\":");
		len += (size_t)sprintf(text + len, "{\"a\":1}");
		for (int i = 0; i < depth; i++)
			text[len++] = '}';
		int rc = vs_filter_parse(text, len, &filter, &error);
		assert_int_equal(rc, depth < VS_FILTER_DEPTH_MAX ? 0 : VS_EINVAL);
		if (rc == 0)
			vs_filter_release(filter);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operators), cmocka_unit_test(test_dates), cmocka_unit_test(test_date_texts),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests_name("filter_object", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/clock.h"

static void formats(void **state)
{
	(void)state;
	char text[VS_CLOCK_TEXT];
	vs_clock_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	vs_clock_format(INT64_C(1769860800123), text);
	assert_string_equal(text, "2026-01-31T12:00:00.123Z");
	vs_clock_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	vs_clock_format(INT64_C(951782400000), text);
	assert_string_equal(text, "2000-02-29T00:00:00.000Z");
	vs_clock_format(INT64_MAX, text);
	vs_clock_format(INT64_MIN, text);
}

static void parses(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2000-02-29T00:00:00.000Z", INT64_C(951782400000) },
		{ "2000-02-29t01:30:00.1239999+01:30", INT64_C(951782400123) },
		{ "2000-02-28 23:00:00.5-01:00", INT64_C(951782400500) },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
		{ "9999-12-31T23:59:59.999z", INT64_C(253402300799999) },
	};
	static const char *const bad[] = { "", "2000", "2000-02-30T00:00:00Z", "2001-02-29T00:00:00Z", "2000-13-01T00:00:00Z",
		                               "2000-00-01T00:00:00Z", "2000-01-00T00:00:00Z", "2000-01-01T24:00:00Z",
		                               "2000-01-01T00:60:00Z", "2000-01-01T00:00:61Z", "2000-01-01T00:00:00",
		                               "2000-01-01T00:00:00.Z", "2000-01-01T00:00:00Z ", "2000-01-01T00:00:00+0100",
		                               "2000-01-01T00:00:00+24:00", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
		                               "20000-01-01T00:00:00Z", "2000-1-01T00:00:00Z", "-200-01-01T00:00:00Z" };
	int64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(vs_clock_parse(good[i].text, strlen(good[i].text), &ms));
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (vs_clock_parse(bad[i], strlen(bad[i]), &ms))
			fail_msg("%s is no time", bad[i]);
}

static void runs(void **state)
{
	(void)state;
	uint64_t before = vs_clock_mono_ns();
	for (int i = 0; i < 1000; i++) {
		uint64_t now = vs_clock_mono_ns();
		assert_true(now >= before);
		before = now;
	}
	int64_t ms = vs_clock_wall_ms();
	int64_t s = (int64_t)time(NULL);
	assert_true(ms / 1000 >= s - 2 && ms / 1000 <= s + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(formats), cmocka_unit_test(parses), cmocka_unit_test(runs) };
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}

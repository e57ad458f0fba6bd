/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
	const struct CMUnitTest tests[] = { cmocka_unit_test(formats), cmocka_unit_test(runs) };
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}

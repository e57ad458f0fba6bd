/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"

static void those_that_run_are_not_free(void **state)
{
	(void)state;
	assert_int_equal(vs_cpu_free_of("0.00 0.01 0.05 1/97 1234\n", 2), 2);
	assert_int_equal(vs_cpu_free_of("0.00 0.01 0.05 0/97 1234\n", 2), 2);
	assert_int_equal(vs_cpu_free_of("9.00 0.01 0.05 2/97 1234\n", 2), 1);
	assert_int_equal(vs_cpu_free_of("0.00 0.01 0.05 3/97 1234\n", 2), 1);
	assert_int_equal(vs_cpu_free_of("0.00 0.01 0.05 400/970 1234\n", 64), 1);
	assert_int_equal(vs_cpu_free_of("0.00 0.01 0.05 5/970 1234\n", 64), 60);
}

static void what_is_no_such_line_promises_nothing(void **state)
{
	(void)state;
	assert_int_equal(vs_cpu_free_of("", 8), 1);
	assert_int_equal(vs_cpu_free_of("0.00", 8), 1);
	assert_int_equal(vs_cpu_free_of("0.00 0.01 0.05 running", 8), 1);
	assert_true(vs_cpu_free() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_run_are_not_free),
		cmocka_unit_test(what_is_no_such_line_promises_nothing),
	};

	return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}

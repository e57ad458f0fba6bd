/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "math/metric.h"

static void names_go_both_ways(void **state)
{
	(void)state;
	enum vs_metric metric;
	for (int i = VS_COSINE; i <= VS_BRAYCURTIS; i++) {
		assert_non_null(vs_metric_name((enum vs_metric)i));
		assert_true(vs_metric_find(vs_metric_name((enum vs_metric)i), &metric));
		assert_int_equal(metric, i);
		assert_int_equal(vs_metric_indexed((enum vs_metric)i), i <= VS_MANHATTAN);
	}
	assert_string_equal(vs_metric_name(VS_COSINE), "cosine");
	assert_string_equal(vs_metric_name(VS_BRAYCURTIS), "braycurtis");
}

static void unknown_ones(void **state)
{
	(void)state;
	enum vs_metric metric = VS_DOT;
	assert_null(vs_metric_name((enum vs_metric)0));
	assert_null(vs_metric_name((enum vs_metric)10));
	assert_null(vs_metric_name((enum vs_metric)0xffffffffu));
	assert_false(vs_metric_indexed((enum vs_metric)0));
	assert_false(vs_metric_indexed((enum vs_metric)10));
	assert_false(vs_metric_find("", &metric));
	assert_false(vs_metric_find("Cosine", &metric));
	assert_false(vs_metric_find("cos", &metric));
	assert_int_equal(metric, VS_DOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_go_both_ways), cmocka_unit_test(unknown_ones) };
	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}

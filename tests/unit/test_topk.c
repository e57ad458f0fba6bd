/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "math/topk.h"

static void sorted_with_ties(void **state)
{
	(void)state;
	struct vs_topk top;
	assert_int_equal(vs_topk_init(&top, 3), 0);
	assert_true(isinf(vs_topk_bound(&top)));
	vs_topk_append(&top, 2, 7);
	vs_topk_append(&top, 1, 9);
	assert_true(isinf(vs_topk_bound(&top)));
	vs_topk_append(&top, 2, 3);
	assert_true(vs_topk_bound(&top) == 2);
	assert_int_equal(top.hits[0].slot, 9);
	assert_int_equal(top.hits[1].slot, 3);
	assert_int_equal(top.hits[2].slot, 7);
	vs_topk_append(&top, 2, 8); /* the same distance, a higher slot: out */
	assert_int_equal(top.hits[2].slot, 7);
	vs_topk_append(&top, 2, 5); /* a lower one: in */
	assert_int_equal(top.hits[2].slot, 5);
	vs_topk_append(&top, -1, 100);
	assert_int_equal(top.len, 3);
	assert_int_equal(top.hits[0].slot, 100);
	assert_int_equal(top.hits[1].slot, 9);
	assert_int_equal(top.hits[2].slot, 3);
	vs_topk_reset(&top);
	assert_int_equal(top.len, 0);
	vs_topk_release(&top);
	vs_topk_release(&top);
}

static void strange_numbers(void **state)
{
	(void)state;
	struct vs_topk top;
	assert_int_equal(vs_topk_init(&top, 3), 0);
	vs_topk_append(&top, NAN, 1);
	vs_topk_append(&top, 5, 2);
	vs_topk_append(&top, INFINITY, 3);
	vs_topk_append(&top, -INFINITY, 4);
	vs_topk_append(&top, NAN, 5);
	assert_int_equal(top.hits[0].slot, 4);
	assert_int_equal(top.hits[1].slot, 2);
	assert_int_equal(top.hits[2].slot, 1);
	vs_topk_release(&top);
}

static void cap_of_none_is_one(void **state)
{
	(void)state;
	struct vs_topk top;
	assert_int_equal(vs_topk_init(&top, 0), 0);
	vs_topk_append(&top, 2, 1);
	vs_topk_append(&top, 1, 2);
	assert_int_equal(top.len, 1);
	assert_int_equal(top.hits[0].slot, 2);
	vs_topk_release(&top);
}

static int by_distance(const void *a, const void *b)
{
	const struct vs_hit *x = a;
	const struct vs_hit *y = b;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static void like_a_full_sort(void **state)
{
	(void)state;
	static struct vs_hit all[2000];
	uint32_t seed = 3;
	for (uint32_t cap = 1; cap < 2500; cap = cap * 3 + 1) {
		struct vs_topk top;
		assert_int_equal(vs_topk_init(&top, cap), 0);
		for (uint32_t i = 0; i < 2000; i++) {
			seed = seed * 1664525u + 1013904223u;
			all[i] = (struct vs_hit){ (float)(seed >> 24), (i * 997) % 2000 };
			vs_topk_append(&top, all[i].distance, all[i].slot);
		}
		qsort(all, 2000, sizeof(all[0]), by_distance);
		assert_int_equal(top.len, cap < 2000 ? cap : 2000);
		assert_memory_equal(top.hits, all, top.len * sizeof(all[0]));
		vs_topk_release(&top);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorted_with_ties),
		cmocka_unit_test(strange_numbers),
		cmocka_unit_test(cap_of_none_is_one),
		cmocka_unit_test(like_a_full_sort),
	};
	return cmocka_run_group_tests_name("topk", tests, NULL, NULL);
}

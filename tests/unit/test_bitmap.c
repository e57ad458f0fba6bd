/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "math/bitmap.h"

static void sets_and_tests(void **state)
{
	(void)state;
	struct vs_bitmap map = VS_BITMAP_INIT;
	assert_false(vs_bitmap_test(&map, 0));
	assert_int_equal(vs_bitmap_next(&map, 0), 0);
	assert_int_equal(vs_bitmap_count(&map, 0, 100), 0);
	vs_bitmap_clear_all(&map);
	assert_int_equal(vs_bitmap_resize(&map, 130), 0);
	vs_bitmap_set(&map, 0);
	vs_bitmap_set(&map, 64);
	vs_bitmap_set(&map, 129);
	assert_true(vs_bitmap_test(&map, 129));
	assert_false(vs_bitmap_test(&map, 128));
	assert_false(vs_bitmap_test(&map, 130));
	assert_false(vs_bitmap_test(&map, UINT32_MAX));
	vs_bitmap_clear(&map, 64);
	assert_false(vs_bitmap_test(&map, 64));
	vs_bitmap_clear_all(&map);
	assert_int_equal(vs_bitmap_count(&map, 0, 130), 0);
	vs_bitmap_release(&map);
	vs_bitmap_release(&map);
}

/* Shrinking forgets bits for good, also those in the last word. */
static void resize_brings_zeros(void **state)
{
	(void)state;
	struct vs_bitmap map = VS_BITMAP_INIT;
	assert_int_equal(vs_bitmap_resize(&map, 300), 0);
	for (uint32_t i = 0; i < 300; i++)
		vs_bitmap_set(&map, i);
	for (uint32_t to = 299; to > 0; to -= to > 7 ? 7 : 1) {
		assert_int_equal(vs_bitmap_resize(&map, to), 0);
		assert_int_equal(vs_bitmap_count(&map, 0, UINT32_MAX), to);
		if (to & 63)
			assert_int_equal(map.words[to / 64] >> (to & 63), 0);
		assert_int_equal(vs_bitmap_resize(&map, 2000), 0);
		assert_int_equal(vs_bitmap_count(&map, 0, 2000), to);
	}
	assert_int_equal(vs_bitmap_resize(&map, 0), 0);
	assert_int_equal(vs_bitmap_resize(&map, 100000), 0);
	assert_int_equal(vs_bitmap_next(&map, 0), 100000);
	vs_bitmap_release(&map);
}

static void counts_and_next(void **state)
{
	(void)state;
	struct vs_bitmap map = VS_BITMAP_INIT;
	const uint32_t len = 261;
	assert_int_equal(vs_bitmap_resize(&map, len), 0);
	for (uint32_t i = 0; i < len; i += 5)
		vs_bitmap_set(&map, i);
	for (uint32_t from = 0; from <= len; from++)
		for (uint32_t to = from; to <= len + 3; to++) {
			uint32_t end = to < len ? to : len;
			uint32_t wanted = (end + 4) / 5 - (from + 4) / 5;
			assert_int_equal(vs_bitmap_count(&map, from, to), from >= end ? 0 : wanted);
		}
	for (uint32_t from = 0; from < len; from++)
		assert_int_equal(vs_bitmap_next(&map, from), (from + 4) / 5 * 5);
	vs_bitmap_clear(&map, 260);
	assert_int_equal(vs_bitmap_next(&map, 256), len);
	assert_int_equal(vs_bitmap_next(&map, UINT32_MAX), len);
	vs_bitmap_clear_all(&map);
	vs_bitmap_set(&map, 200);
	assert_int_equal(vs_bitmap_next(&map, 0), 200);
	assert_int_equal(vs_bitmap_count(&map, 10, 5), 0);
	vs_bitmap_release(&map);
}

static void fill(struct vs_bitmap *map, uint32_t len, uint32_t every)
{
	assert_int_equal(vs_bitmap_resize(map, len), 0);
	vs_bitmap_clear_all(map);
	for (uint32_t i = 0; i < len; i += every)
		vs_bitmap_set(map, i);
}

static void and_of_any_lengths(void **state)
{
	(void)state;
	static const uint32_t lens[] = { 0, 1, 63, 64, 65, 200 };
	struct vs_bitmap a = VS_BITMAP_INIT;
	struct vs_bitmap b = VS_BITMAP_INIT;
	struct vs_bitmap other = VS_BITMAP_INIT;
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < 6; j++)
			for (int which = 0; which < 3; which++) {
				struct vs_bitmap *out = which == 0 ? &other : which == 1 ? &a : &b;
				fill(&a, lens[i], 2);
				fill(&b, lens[j], 3);
				fill(&other, 500, 1);
				assert_int_equal(vs_bitmap_and(out, &a, &b), 0);
				assert_int_equal(out->len, lens[i]);
				uint32_t wanted = 0;
				for (uint32_t s = 0; s < lens[i]; s += 6)
					wanted += s < lens[j] && vs_bitmap_test(out, s);
				assert_int_equal(vs_bitmap_count(out, 0, UINT32_MAX), wanted);
				uint32_t both = lens[i] < lens[j] ? lens[i] : lens[j];
				assert_int_equal(wanted, (both + 5) / 6);
			}
	vs_bitmap_release(&a);
	vs_bitmap_release(&b);
	vs_bitmap_release(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_and_tests),
		cmocka_unit_test(resize_brings_zeros),
		cmocka_unit_test(counts_and_next),
		cmocka_unit_test(and_of_any_lengths),
	};
	return cmocka_run_group_tests_name("bitmap", tests, NULL, NULL);
}

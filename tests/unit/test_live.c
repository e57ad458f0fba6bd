/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include "math/bitmap.h"
#include "store/live.h"

static void store(uint32_t bits, uint64_t seq)
{
	struct vs_bitmap bitmap = VS_BITMAP_INIT;

	assert_int_equal(vs_bitmap_resize(&bitmap, bits), 0);
	for (uint32_t i = 0; i < bits; i += 3)
		vs_bitmap_set(&bitmap, i);
	assert_int_equal(vs_live_store(folder, 7, &bitmap, seq, &error), 0);
	vs_bitmap_release(&bitmap);
}

static void comes_back(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 63, 64, 65, 1000 };
	(void)state;

	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		struct vs_bitmap bitmap = VS_BITMAP_INIT;
		uint64_t seq = 0;

		store(sizes[n], 100 + n);
		assert_int_equal(vs_live_load(folder, 7, &bitmap, &seq, &error), 0);
		assert_int_equal(seq, 100 + n);
		assert_int_equal(bitmap.len, sizes[n]);
		for (uint32_t i = 0; i < sizes[n]; i++)
			assert_int_equal(vs_bitmap_test(&bitmap, i), i % 3 == 0);
		vs_bitmap_release(&bitmap);
	}
}

/* A load that fails leaves what the caller has. */
static void refused(int code)
{
	struct vs_bitmap bitmap = VS_BITMAP_INIT;
	uint64_t seq = 5;

	assert_int_equal(vs_bitmap_resize(&bitmap, 10), 0);
	vs_bitmap_set(&bitmap, 9);
	error = (struct vs_error){ 0 };
	assert_int_equal(vs_live_load(folder, 7, &bitmap, &seq, &error), code);
	assert_int_equal(error.code, code);
	assert_int_equal(bitmap.len, 10);
	assert_true(vs_bitmap_test(&bitmap, 9));
	assert_int_equal(seq, 5);
	vs_bitmap_release(&bitmap);
}

static void missing(void **state)
{
	(void)state;
	refused(VS_ENOTFOUND);
}

/* Every single byte is covered by a check, and so is every length. */
static void any_damage_shows(void **state)
{
	off_t size;
	(void)state;

	store(130, 9);
	size = size_of("live.bits");
	assert_int_equal(size, 64 + 3 * 8 + 4);
	for (off_t i = 0; i < size; i++) {
		flip_byte("live.bits", i);
		refused(VS_ECORRUPT);
		flip_byte("live.bits", i);
	}
	for (off_t len = size - 1; len >= 0; len -= 5) {
		cut("live.bits", len);
		refused(VS_ECORRUPT);
	}
	store(130, 9);
	put_bytes("live.bits", size, "x", 1);
	refused(VS_ECORRUPT);
}

static void of_another_generation(void **state)
{
	struct vs_bitmap bitmap = VS_BITMAP_INIT;
	uint64_t seq;
	(void)state;

	store(64, 1);
	assert_int_equal(vs_live_load(folder, 8, &bitmap, &seq, &error), VS_ECORRUPT);
	vs_bitmap_release(&bitmap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(missing, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(any_damage_shows, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(of_another_generation, folder_make, folder_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

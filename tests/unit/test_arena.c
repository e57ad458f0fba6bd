/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"

static void aligned_and_apart(void **state)
{
	(void)state;
	struct vs_arena arena = VS_ARENA_INIT;
	unsigned char *at[200];
	for (size_t i = 0; i < 200; i++) {
		at[i] = vs_arena_alloc(&arena, i * 13);
		assert_non_null(at[i]);
		assert_int_equal((uintptr_t)at[i] % 16, 0);
		memset(at[i], (int)i, i * 13);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j < i * 13; j++)
			assert_int_equal(at[i][j], i);
	assert_true(arena.used >= 199 * 200 / 2 * 13);
	vs_arena_release(&arena);
	vs_arena_release(&arena);
}

static void large_ones(void **state)
{
	(void)state;
	struct vs_arena arena = VS_ARENA_INIT;
	char *big = vs_arena_alloc(&arena, (size_t)5 << 20);
	assert_non_null(big);
	memset(big, 1, (size_t)5 << 20);
	assert_non_null(vs_arena_alloc(&arena, 100));
	vs_arena_reset(&arena);
	assert_int_equal(arena.used, 0);
	assert_null(vs_arena_alloc(&arena, SIZE_MAX));
	assert_null(vs_arena_alloc(&arena, SIZE_MAX - 8));
	assert_null(vs_arena_calloc(&arena, SIZE_MAX / 2, 4));
	vs_arena_release(&arena);
}

static void zeroed_after_reuse(void **state)
{
	(void)state;
	struct vs_arena arena = VS_ARENA_INIT;
	memset(vs_arena_alloc(&arena, 1000), 0xff, 1000);
	vs_arena_reset(&arena);
	assert_non_null(arena.chunk);
	unsigned char *zero = vs_arena_calloc(&arena, 100, 10);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(zero[i], 0);
	vs_arena_release(&arena);
}

static void dup_terminates(void **state)
{
	(void)state;
	struct vs_arena arena = VS_ARENA_INIT;
	assert_string_equal(vs_arena_dup(&arena, "abcdef", 3), "abc");
	assert_string_equal(vs_arena_dup(&arena, NULL, 0), "");
	assert_memory_equal(vs_arena_dup(&arena, "a\0b", 3), "a\0b", 4);
	vs_arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligned_and_apart),
		cmocka_unit_test(large_ones),
		cmocka_unit_test(zeroed_after_reuse),
		cmocka_unit_test(dup_terminates),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "math/kernels.h"

static uint32_t seed = 1;

static uint32_t random_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	return seed ^= seed << 5;
}

struct sums {
	double dot;
	double l2sq;
	double l1;
	double dot_size; /* sum |a * b|: what rounding errors are relative to */
};

static struct sums reference(const float *a, const float *b, size_t n)
{
	struct sums s = { 0 };
	for (size_t i = 0; i < n; i++) {
		double x = (double)a[i];
		double y = (double)b[i];
		s.dot += x * y;
		s.dot_size += fabs(x * y);
		s.l2sq += (x - y) * (x - y);
		s.l1 += fabs(x - y);
	}
	return s;
}

/* Sums run in at least four chains, so errors stay below n / 4 roundings. */
static void assert_near(const char *set, float got, double wanted, double size, size_t n)
{
	double allowed = size * 6e-8 * (4 + (double)n / 4);
	if (!(fabs((double)got - wanted) <= allowed))
		fail_msg("%s, n %zu: %.9g instead of %.9g", set, n, (double)got, wanted);
}

static void compare(const struct vs_kernels *k, const float *a, const float *b, size_t n)
{
	struct sums s = reference(a, b, n);
	assert_near(k->name, k->dot(a, b, n), s.dot, s.dot_size, n);
	assert_near(k->name, k->l2sq(a, b, n), s.l2sq, s.l2sq, n);
	assert_near(k->name, k->l1(a, b, n), s.l1, s.l1, n);
}

/* n floats that start `shift` floats into a block and end where it ends: sanitizers see a load past them. */
static float *vector_of(size_t n, size_t shift, float **block)
{
	*block = malloc((n + shift) * sizeof(float) + 1);
	assert_non_null(*block);
	for (size_t i = 0; i < n; i++)
		(*block)[shift + i] = (float)(int32_t)random_bits() / 2147483648.0f;
	return *block + shift;
}

static void compare_sets(size_t n, size_t shift_a, size_t shift_b)
{
	const struct vs_kernels *const *list;
	size_t count = vs_kernels_list(&list);
	float *block_a;
	float *block_b;
	const float *a = vector_of(n, shift_a, &block_a);
	const float *b = vector_of(n, shift_b, &block_b);
	for (size_t k = 0; k < count; k++)
		compare(list[k], a, b, n);
	free(block_a);
	free(block_b);
}

static void floats_of_every_length(void **state)
{
	(void)state;
	static const size_t more[] = { 768, 1000, 1536, 8191 };
	for (size_t n = 0; n <= 200; n++)
		compare_sets(n, 0, 0);
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		compare_sets(more[i], 0, 0);
}

static void floats_off_alignment(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 16; shift++) {
		compare_sets(100, shift, 0);
		compare_sets(100, 0, shift);
		compare_sets(133, shift, (shift * 7 + 1) % 16);
		compare_sets(1000, shift, shift);
	}
}

static void nothing_is_zero(void **state)
{
	(void)state;
	const struct vs_kernels *const *list;
	size_t count = vs_kernels_list(&list);
	for (size_t k = 0; k < count; k++) {
		assert_true(list[k]->dot(NULL, NULL, 0) == 0);
		assert_true(list[k]->l2sq(NULL, NULL, 0) == 0);
		assert_true(list[k]->l1(NULL, NULL, 0) == 0);
		assert_int_equal(list[k]->dot_i8(NULL, NULL, 0), 0);
	}
}

static void dot_i8_is(int64_t wanted, const uint8_t *code, const int8_t *query, size_t n)
{
	const struct vs_kernels *const *list;
	size_t count = vs_kernels_list(&list);
	for (size_t k = 0; k < count; k++) {
		int32_t got = list[k]->dot_i8(code, query, n);
		if (got != wanted)
			fail_msg("%s, n %zu: %d instead of %lld", list[k]->name, n, got, (long long)wanted);
	}
}

static void integers_are_exact(void **state)
{
	(void)state;
	for (size_t n = 64; n <= 8256; n += n < 1024 ? 64 : 576) {
		uint8_t *code = aligned_alloc(64, n);
		int8_t *query = aligned_alloc(64, n);
		assert_non_null(code);
		assert_non_null(query);
		for (int round = 0; round < 20; round++) {
			int64_t wanted = 0;
			for (size_t i = 0; i < n; i++) {
				code[i] = (uint8_t)random_bits();
				query[i] = (int8_t)((int)(random_bits() % 255) - 127);
				wanted += (int64_t)code[i] * query[i];
			}
			dot_i8_is(wanted, code, query, n);
		}
		free(code);
		free(query);
	}
}

static void integers_do_not_saturate(void **state)
{
	(void)state;
	static const uint8_t codes[] = { 0, 1, 127, 128, 129, 255 };
	static const int8_t queries[] = { -127, -1, 0, 1, 127 };
	size_t n = 8256;
	uint8_t *code = aligned_alloc(64, n);
	int8_t *query = aligned_alloc(64, n);
	assert_non_null(code);
	assert_non_null(query);
	for (size_t c = 0; c < sizeof(codes); c++)
		for (size_t q = 0; q < sizeof(queries); q++) {
			memset(code, codes[c], n);
			memset(query, queries[q], n);
			dot_i8_is((int64_t)codes[c] * queries[q] * 8256, code, query, n);
			dot_i8_is((int64_t)codes[c] * queries[q] * 64, code, query, 64);
		}
	/* Zero bytes of the query hide whatever lies in the row. */
	memset(query, 0, n);
	memset(code, 255, n);
	query[0] = 127;
	dot_i8_is(255 * 127, code, query, n);
	free(code);
	free(query);
}

/* The choice is made once in a process, so a child makes another. */
static int chosen_with(const char *wanted, const char *expected)
{
	pid_t child = fork();
	if (child == 0) {
		setenv("VECSTORE_SIMD", wanted, 1);
		_exit(strcmp(vs_kernels_get()->name, expected) != 0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* First: until here nobody has asked for a set. */
static void environment_chooses(void **state)
{
	(void)state;
	assert_int_equal(chosen_with("scalar", "scalar"), 0);
	unsetenv("VECSTORE_SIMD");
	const struct vs_kernels *const *list;
	size_t count = vs_kernels_list(&list);
	assert_string_equal(list[0]->name, "scalar");
	assert_ptr_equal(vs_kernels_get(), list[count - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(environment_chooses),  cmocka_unit_test(floats_of_every_length),
		cmocka_unit_test(floats_off_alignment), cmocka_unit_test(nothing_is_zero),
		cmocka_unit_test(integers_are_exact),   cmocka_unit_test(integers_do_not_saturate),
	};
	return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}

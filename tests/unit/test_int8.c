/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/int8.h"

static uint32_t seed = 1;

static void random_row(const struct vs_space *space, float *row)
{
	for (uint32_t i = 0; i < space->dim; i++) {
		seed = seed * 1664525u + 1013904223u;
		row[i] = (float)(int32_t)seed / 2147483648.0f * 3;
	}
	row[space->dim] = vs_space_factor(space, row);
}

static void strides(void **state)
{
	(void)state;
	assert_int_equal(vs_int8_stride(1), 64);
	assert_int_equal(vs_int8_stride(56), 64);
	assert_int_equal(vs_int8_stride(57), 128);
	assert_int_equal(vs_int8_stride(100), 128);
	assert_int_equal(vs_int8_stride(768), 832);
	assert_int_equal(vs_int8_stride(VS_DIM_MAX), 8256);
	assert_true(vs_int8_serves(VS_COSINE) && vs_int8_serves(VS_DOT) && vs_int8_serves(VS_EUCLIDEAN));
	assert_false(vs_int8_serves(VS_MANHATTAN) || vs_int8_serves(VS_JACCARD));
}

/* The layout of the table in int8.h, byte by byte. */
static void layout(void **state)
{
	(void)state;
	struct vs_space space;
	float row[4] = { 1, -2, 0.5f, 0 };
	float trailer[2];
	_Alignas(64) uint8_t code[64];
	vs_space_init(&space, VS_EUCLIDEAN, 3);
	row[3] = vs_space_factor(&space, row);
	vs_int8_encode(&space, row, code);
	assert_int_equal(code[0], 128 + 64);
	assert_int_equal(code[1], 128 - 127);
	assert_int_equal(code[2], 128 + 32);
	for (size_t i = 3; i < 56; i++)
		assert_int_equal(code[i], 128);
	memcpy(trailer, code + 56, 8);
	assert_true(trailer[0] == 2.0f / 127);
	assert_true(trailer[1] == 5.25f);

	vs_space_init(&space, VS_COSINE, 3);
	row[3] = vs_space_factor(&space, row);
	vs_int8_encode(&space, row, code);
	assert_int_equal(code[1], 128 - 127);
	memcpy(trailer, code + 56, 8);
	assert_true(fabsf(trailer[0] - 2.0f / 127 / sqrtf(5.25f)) < 1e-8f);
	assert_true(trailer[1] == 1.0f);
}

static void zero_vector(void **state)
{
	(void)state;
	struct vs_space space;
	struct vs_int8_query query;
	float row[101] = { 0 };
	float other[101];
	_Alignas(64) uint8_t code[128];
	vs_space_init(&space, VS_EUCLIDEAN, 100);
	row[100] = 1;
	random_row(&space, other);
	vs_int8_encode(&space, row, code);
	for (size_t i = 0; i < 120; i++)
		assert_int_equal(code[i], 128);
	assert_int_equal(vs_int8_query_init(&query, 100), 0);
	vs_int8_query_set(&query, &space, row, 1);
	assert_true(query.scale == 0 && query.bias == 0);
	assert_true(vs_int8_distance(&space, &query, code) == 0);
	vs_int8_query_set(&query, &space, other, 1);
	assert_true(vs_int8_distance(&space, &query, code) == query.norm2);
	vs_int8_query_release(&query);
	vs_int8_query_release(&query);
}

/* Each coordinate is off by half a step at most, so the product by that times the other's sum, twice. */
static void near_the_exact_distance(enum vs_metric metric, uint32_t dim)
{
	struct vs_space space;
	struct vs_int8_query query;
	size_t stride = vs_int8_stride(dim);
	float *row = malloc((dim + 1) * sizeof(float));
	float *vector = malloc((dim + 1) * sizeof(float));
	uint8_t *code = aligned_alloc(64, stride);
	assert_true(row && vector && code);
	vs_space_init(&space, metric, dim);
	assert_int_equal(vs_int8_query_init(&query, dim), 0);
	for (int round = 0; round < 30; round++) {
		random_row(&space, row);
		random_row(&space, vector);
		vs_int8_encode(&space, row, code);
		vs_int8_query_set(&query, &space, vector, vector[dim]);
		double sum = 0;
		double row_scale = metric == VS_COSINE ? (double)row[dim] : 1;
		double vector_scale = metric == VS_COSINE ? (double)vector[dim] : 1;
		double step = 3.0 / 127 * row_scale * vector_scale;
		for (uint32_t i = 0; i < dim; i++)
			sum += (fabs((double)row[i]) + fabs((double)vector[i]) + 3.0 / 127) * step / 2;
		double exact = (double)vs_space_distance(&space, vector, vector[dim], row);
		double got = (double)vs_int8_distance(&space, &query, code);
		assert_true(fabs(got - exact) <= 2 * sum + 1e-4);
	}
	vs_int8_query_release(&query);
	free(row);
	free(vector);
	free(code);
}

static void approximates(void **state)
{
	(void)state;
	static const uint32_t dims[] = { 1, 2, 56, 57, 100, 128, 768, 1536, VS_DIM_MAX };
	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
		near_the_exact_distance(VS_COSINE, dims[i]);
		near_the_exact_distance(VS_DOT, dims[i]);
		near_the_exact_distance(VS_EUCLIDEAN, dims[i]);
	}
}

/* A query made from a stored code is the query made from its vector. */
static void query_from_code(void **state)
{
	(void)state;
	static const enum vs_metric metrics[] = { VS_COSINE, VS_DOT, VS_EUCLIDEAN };
	for (size_t m = 0; m < 3; m++) {
		struct vs_space space;
		struct vs_int8_query one;
		struct vs_int8_query two;
		float row[101];
		_Alignas(64) uint8_t code[128];
		vs_space_init(&space, metrics[m], 100);
		assert_int_equal(vs_int8_query_init(&one, 100), 0);
		assert_int_equal(vs_int8_query_init(&two, 100), 0);
		memset(two.code, 0x55, two.stride);
		random_row(&space, row);
		vs_int8_encode(&space, row, code);
		vs_int8_query_set(&one, &space, row, row[100]);
		memset(two.code + 120, 0, 8);
		vs_int8_query_copy(&two, code);
		assert_memory_equal(one.code, two.code, one.stride);
		assert_int_equal(one.bias, two.bias);
		assert_true(one.scale == two.scale && one.norm2 == two.norm2);
		vs_int8_query_release(&one);
		vs_int8_query_release(&two);
	}
}

/* Finite vectors of any size make defined codes and no NaN. */
static void extremes(void **state)
{
	(void)state;
	static const float sizes[] = { FLT_TRUE_MIN, FLT_MIN, 1, 1e30f, FLT_MAX };
	static const enum vs_metric metrics[] = { VS_COSINE, VS_DOT, VS_EUCLIDEAN };
	_Alignas(64) uint8_t code[64];
	struct vs_int8_query query;
	assert_int_equal(vs_int8_query_init(&query, 2), 0);
	for (size_t m = 0; m < 3; m++)
		for (size_t i = 0; i < 5; i++)
			for (size_t j = 0; j < 5; j++) {
				struct vs_space space;
				vs_space_init(&space, metrics[m], 2);
				float row[3] = { sizes[i], -sizes[i], 0 };
				float vector[2] = { sizes[j], sizes[j] / 2 };
				row[2] = vs_space_factor(&space, row);
				vs_int8_encode(&space, row, code);
				assert_int_equal(code[0], 255);
				assert_int_equal(code[1], 1);
				vs_int8_query_set(&query, &space, vector, vs_space_factor(&space, vector));
				assert_int_equal(query.code[0], 127);
				float got = vs_int8_distance(&space, &query, code);
				assert_true(got == got);
			}
	vs_int8_query_release(&query);
}

/* A damaged row, read by the indexer before anybody has checked it: any code, but a code. */
static void no_numbers(void **state)
{
	(void)state;
	struct vs_space space;
	float row[5] = { NAN, 1, -INFINITY, -3e38f, NAN };
	_Alignas(64) uint8_t code[64];
	vs_space_init(&space, VS_COSINE, 4);
	vs_int8_encode(&space, row, code);
	for (size_t i = 0; i < 4; i++)
		assert_true(code[i] >= 1);
	row[2] = 1;
	vs_int8_encode(&space, row, code);
	assert_int_equal(code[3], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strides),      cmocka_unit_test(layout),          cmocka_unit_test(zero_vector),
		cmocka_unit_test(approximates), cmocka_unit_test(query_from_code), cmocka_unit_test(extremes), cmocka_unit_test(no_numbers),
	};
	return cmocka_run_group_tests_name("int8", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "math/space.h"

#define DIM 4

static struct vs_space space_of(enum vs_metric metric)
{
	struct vs_space space;
	vs_space_init(&space, metric, DIM);
	return space;
}

static float distance(enum vs_metric metric, const float *a, const float *b)
{
	struct vs_space space = space_of(metric);
	float row[DIM + 1];
	memcpy(row, b, DIM * sizeof(float));
	row[DIM] = vs_space_factor(&space, b);
	return vs_space_distance(&space, a, vs_space_factor(&space, a), row);
}

static float score(enum vs_metric metric, const float *a, const float *b)
{
	struct vs_space space = space_of(metric);
	return vs_space_score(&space, distance(metric, a, b));
}

static void assert_near(float got, double wanted)
{
	if (!(fabs((double)got - wanted) <= 1e-6 * (1 + fabs(wanted))))
		fail_msg("%.9g instead of %.9g", (double)got, wanted);
}

static const float a[DIM] = { 1, 2, 0, -3 };
static const float b[DIM] = { 2, 2, 0, 1 };
static const float zero[DIM] = { 0, 0, 0, 0 };

static void scores_by_hand(void **state)
{
	(void)state;
	assert_near(score(VS_COSINE, a, b), 3 / sqrt(14.0 * 9.0));
	assert_near(score(VS_DOT, a, b), 3);
	assert_near(score(VS_EUCLIDEAN, a, b), sqrt(17.0));
	assert_near(score(VS_MANHATTAN, a, b), 5);
	assert_near(score(VS_HAMMING, a, b), 2);
	assert_near(score(VS_JACCARD, a, b), 0);
	assert_near(score(VS_CHEBYSHEV, a, b), 4);
	assert_near(score(VS_CANBERRA, a, b), 1.0 / 3 + 0 + 0 + 1);
	assert_near(score(VS_BRAYCURTIS, a, b), 5.0 / (3 + 4 + 0 + 2));
	const float c[DIM] = { 0, 5, 5, 5 };
	assert_near(score(VS_JACCARD, a, c), 1 - 2.0 / 4);
}

static void same_vector_is_nearest(void **state)
{
	(void)state;
	for (int i = VS_COSINE; i <= VS_BRAYCURTIS; i++) {
		enum vs_metric metric = (enum vs_metric)i;
		if (metric != VS_DOT)
			assert_near(distance(metric, a, a), 0);
		assert_true(distance(metric, a, a) < distance(metric, a, (const float[DIM]){ -1, 0, 2, 3 }));
	}
	assert_near(score(VS_COSINE, a, a), 1);
	assert_near(score(VS_DOT, a, a), 14);
}

/* 0 / 0 is 0. */
static void zero_vectors(void **state)
{
	(void)state;
	for (int i = VS_EUCLIDEAN; i <= VS_BRAYCURTIS; i++) {
		float d = distance((enum vs_metric)i, zero, zero);
		assert_true(d == 0);
		assert_false(signbit(score((enum vs_metric)i, zero, zero)));
	}
	assert_near(distance(VS_CANBERRA, a, zero), 3);
	assert_near(distance(VS_BRAYCURTIS, a, zero), 1);
	assert_near(distance(VS_JACCARD, a, zero), 1);
	struct vs_space space = space_of(VS_COSINE);
	assert_true(vs_space_factor(&space, zero) == 0);
}

static void factors(void **state)
{
	(void)state;
	struct vs_space space = space_of(VS_COSINE);
	assert_near(vs_space_factor(&space, a), 1 / sqrt(14.0));
	space = space_of(VS_DOT);
	assert_true(vs_space_factor(&space, a) == 1.0f);
	space = space_of(VS_CANBERRA);
	assert_true(vs_space_factor(&space, zero) == 1.0f);
}

/* Squares that do not fit float32, or vanish in it, must not turn cosine into nonsense. */
static void cosine_of_any_length(void **state)
{
	(void)state;
	static const float sizes[] = { FLT_TRUE_MIN * 64, 1e-38f, 1e-30f, 1e-15f, 1, 1e15f, 1e30f, 1e38f };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			float x[DIM];
			float y[DIM];
			for (size_t d = 0; d < DIM; d++) {
				x[d] = a[d] * sizes[i];
				y[d] = b[d] * sizes[j];
			}
			float got = score(VS_COSINE, x, y);
			assert_near(got, 3 / sqrt(14.0 * 9.0));
		}
	struct vs_space space = space_of(VS_COSINE);
	const float least[DIM] = { FLT_TRUE_MIN, 0, 0, 0 };
	assert_true(vs_space_factor(&space, least) > 0);
	assert_true(isfinite(vs_space_factor(&space, least)));
	assert_near(score(VS_COSINE, least, least), 1);
}

/* Distances of finite vectors are finite: an infinity or NaN would spoil every order. */
static void extremes_stay_finite(void **state)
{
	(void)state;
	const float most[DIM] = { FLT_MAX, -FLT_MAX, FLT_MAX, FLT_MAX };
	const float mixed[DIM] = { -FLT_MAX, -FLT_MAX, FLT_MAX, FLT_MAX };
	const float *vectors[] = { a, most, mixed, zero };
	for (int i = VS_COSINE; i <= VS_BRAYCURTIS; i++)
		for (size_t x = 0; x < 4; x++)
			for (size_t y = 0; y < 4; y++) {
				assert_true(isfinite(distance((enum vs_metric)i, vectors[x], vectors[y])));
				assert_true(isfinite(score((enum vs_metric)i, vectors[x], vectors[y])));
			}
	assert_near(score(VS_COSINE, most, mixed), 0.5);
	const float cancels[DIM] = { -1, -2, 0, 3 };
	assert_true(distance(VS_BRAYCURTIS, a, cancels) == FLT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scores_by_hand),       cmocka_unit_test(same_vector_is_nearest),
		cmocka_unit_test(zero_vectors),         cmocka_unit_test(factors),
		cmocka_unit_test(cosine_of_any_length), cmocka_unit_test(extremes_stay_finite),
	};
	return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}

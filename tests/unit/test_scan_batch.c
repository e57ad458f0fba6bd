/* SPDX-License-Identifier: Apache-2.0 */
/* A scan for many queries answers each of them bit for bit as vs_scan_search does: whatever the metric, the numbers,
 * how many queries there are and how many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "index/scan.h"
#include "index/scan_batch.h"

#define QUERIES_MAX 130

struct fixture {
	struct vs_space space;
	struct vs_view view;
	struct vs_bitmap accept;
	unsigned char *rows;
	float *vectors; /* of the queries */
	uint64_t seed;
};

static float noise(struct fixture *f)
{
	f->seed = f->seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(int32_t)(f->seed >> 32) / 2147483648.0f;
}

/* What the numbers are like. */
enum kind { PLAIN, COARSE, FAR_OUT, HUGE_AND_TINY, KINDS };

static float number_of(struct fixture *f, enum kind kind, uint32_t row, uint32_t d)
{
	static const float sizes[] = { 1.0f, 1e-42f, 1e-30f, 1e-12f, 3e9f, 1e12f, 1e30f, 3e38f };

	switch (kind) {
	case COARSE: /* many ties */
		return (float)(int)(noise(f) * 1.4f) + (d == 0 ? 3.0f : 0.0f);
	case FAR_OUT: /* differences vanish beside the sizes */
		return 1000.0f + noise(f);
	case HUGE_AND_TINY:
		return noise(f) * sizes[row % 8];
	default:
		return noise(f);
	}
}

static void fill(struct fixture *f, float *vector, enum kind kind, uint32_t row)
{
	bool zero = true;

	for (uint32_t d = 0; d < f->space.dim; d++) {
		vector[d] = number_of(f, kind, row, d);
		zero = zero && vector[d] == 0.0f;
	}
	if (zero)
		vector[0] = 1.0f;
}

static void fixture_init(struct fixture *f, enum vs_metric metric, enum kind kind, uint32_t dim, uint32_t count)
{
	memset(f, 0, sizeof(*f));
	f->seed = 1 + (uint64_t)metric * 100 + kind;
	vs_space_init(&f->space, metric, dim);
	f->view.space = &f->space;
	f->view.stride = (dim * sizeof(float) + 8 + 63) / 64 * 64;
	f->view.count = count;
	f->rows = aligned_alloc(64, f->view.stride * count);
	f->vectors = malloc(sizeof(float) * QUERIES_MAX * dim);
	assert_true(f->rows != NULL && f->vectors != NULL);
	memset(f->rows, 0xff, f->view.stride * count); /* NaN, also where there is no record */
	f->view.rows = f->rows;
	assert_int_equal(vs_bitmap_resize(&f->accept, count), 0);
	for (uint32_t slot = 0; slot < count; slot++) {
		float *row = (float *)(void *)(f->rows + slot * f->view.stride);
		if (slot % 17 == 5 || slot % 4099 > 4000)
			continue;
		fill(f, row, kind, slot);
		if (slot % 9 == 2 && slot > 100) /* the same again: ties */
			memcpy(row, f->rows + (slot - 100) * f->view.stride, dim * sizeof(float));
		row[dim] = vs_space_factor(&f->space, row);
		vs_bitmap_set(&f->accept, slot);
	}
	for (uint32_t i = 0; i < QUERIES_MAX; i++)
		fill(f, f->vectors + (size_t)i * dim, kind, i);
}

static void fixture_release(struct fixture *f)
{
	vs_bitmap_release(&f->accept);
	free(f->rows);
	free(f->vectors);
}

static void compare(struct fixture *f, uint32_t count, uint32_t from, uint32_t to, unsigned threads)
{
	struct vs_scan_query queries[QUERIES_MAX];
	struct vs_topk tops[QUERIES_MAX], single;
	struct vs_scan scan = { &f->view, &f->accept, from, to, queries, count, threads };
	uint32_t scanned, alone = 0;

	for (uint32_t i = 0; i < count; i++) {
		const float *vector = f->vectors + (size_t)i * f->space.dim;
		assert_int_equal(vs_topk_init(&tops[i], 1 + i % 40), 0);
		queries[i] = (struct vs_scan_query){ vector, vs_space_factor(&f->space, vector), &tops[i] };
	}
	assert_int_equal(vs_scan_batch(&scan, &scanned, NULL), 0);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(vs_topk_init(&single, 1 + i % 40), 0);
		alone = vs_scan_search(&f->view, queries[i].vector, queries[i].factor, &f->accept, from, to, &single);
		assert_int_equal(scanned, alone);
		assert_int_equal(tops[i].len, single.len);
		assert_memory_equal(tops[i].hits, single.hits, single.len * sizeof(*single.hits));
		vs_topk_release(&single);
		vs_topk_release(&tops[i]);
	}
}

static void every_metric_and_kind(void **state)
{
	static const uint32_t counts[] = { 1, 2, 3, 4, 5, 17, 48, 49, 130 };

	(void)state;
	for (enum vs_metric metric = VS_COSINE; metric <= VS_BRAYCURTIS; metric++)
		for (enum kind kind = PLAIN; kind < KINDS; kind++) {
			struct fixture f;
			fixture_init(&f, metric, kind, 24, 700);
			for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
				compare(&f, counts[i], 0, 700, 1);
			fixture_release(&f);
		}
}

static void every_dimension(void **state)
{
	static const uint32_t dims[] = { 1, 2, 3, 15, 16, 17, 100, 769 };

	(void)state;
	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
		struct fixture f;
		fixture_init(&f, VS_COSINE + (enum vs_metric)(i % 3), PLAIN, dims[i], 400);
		compare(&f, 60, 0, 400, 1);
		fixture_release(&f);
	}
}

static void threads_change_nothing(void **state)
{
	static const enum vs_metric metrics[] = { VS_COSINE, VS_DOT, VS_EUCLIDEAN, VS_MANHATTAN };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fixture f;
		fixture_init(&f, metrics[i], i % 2 ? COARSE : PLAIN, 8, 40000);
		for (unsigned threads = 2; threads <= 40; threads += 19) {
			compare(&f, 1, 0, 40000, threads);
			compare(&f, 50, 0, 40000, threads);
			compare(&f, 5, 4097, 39999, threads);
		}
		fixture_release(&f);
	}
}

/* Enough rows that tiles are given up and tried again. */
static void tiles_that_tell_nothing(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_EUCLIDEAN, FAR_OUT, 8, 90000);
	compare(&f, 6, 0, 90000, 1);
	fixture_release(&f);
	fixture_init(&f, VS_COSINE, FAR_OUT, 8, 90000);
	compare(&f, 6, 0, 90000, 2);
	fixture_release(&f);
}

static void ranges_and_bounds(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_COSINE, PLAIN, 12, 1000);
	compare(&f, 20, 3, 4, 1);
	compare(&f, 20, 5, 6, 1); /* nobody there */
	compare(&f, 20, 63, 129, 2);
	compare(&f, 20, 900, 5000, 1);
	compare(&f, 20, 5000, 6000, 1);
	compare(&f, 20, 20, 10, 1);
	vs_bitmap_clear_all(&f.accept);
	compare(&f, 20, 0, 1000, 3);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_metric_and_kind),
		cmocka_unit_test(every_dimension),
		cmocka_unit_test(threads_change_nothing),
		cmocka_unit_test(tiles_that_tell_nothing),
		cmocka_unit_test(ranges_and_bounds),
	};

	return cmocka_run_group_tests_name("scan_batch", tests, NULL, NULL);
}

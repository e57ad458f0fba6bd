/* SPDX-License-Identifier: Apache-2.0 */
#include "index/scan.h"

#include "graph_fixture.h"

/* The k nearest by asking every row in turn. */
static void nearest(const struct fixture *f, const float *query, uint32_t from, uint32_t to, struct vs_topk *top)
{
	float factor = vs_space_factor(&f->space, query);

	for (uint32_t slot = from; slot < to; slot++)
		if (vs_bitmap_test(&f->present, slot))
			vs_topk_append(top, vs_space_distance(&f->space, query, factor, vs_view_row(&f->view, slot)), slot);
}

static void scan_compare(struct fixture *f, uint32_t from, uint32_t to)
{
	struct vs_topk expected;
	struct vs_topk found;
	float query[64];

	assert_int_equal(vs_topk_init(&expected, TOP), 0);
	assert_int_equal(vs_topk_init(&found, TOP), 0);
	for (int i = 0; i < 20; i++) {
		uint32_t done;
		fixture_point(f, query);
		vs_topk_reset(&expected);
		vs_topk_reset(&found);
		nearest(f, query, from, to, &expected);
		done = vs_scan_search(&f->view, query, vs_space_factor(&f->space, query), &f->present, from, to, &found);
		assert_int_equal(done, vs_bitmap_count(&f->present, from, to));
		assert_int_equal(found.len, expected.len);
		for (uint32_t j = 0; j < found.len; j++)
			assert_int_equal(found.hits[j].slot, expected.hits[j].slot);
	}
	vs_topk_release(&expected);
	vs_topk_release(&found);
}

static void test_every_metric(void **state)
{
	(void)state;
	for (enum vs_metric metric = VS_COSINE; metric <= VS_BRAYCURTIS; metric++) {
		struct fixture f;
		fixture_init(&f, metric, 33, 500);
		scan_compare(&f, 0, 500);
		fixture_release(&f);
	}
}

static void test_accept_and_range(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_EUCLIDEAN, 24, 400);
	for (uint32_t slot = 0; slot < 400; slot++)
		if (slot % 7 != 3 && slot != 399)
			vs_bitmap_clear(&f.present, slot);
	scan_compare(&f, 0, 400);
	scan_compare(&f, 101, 333);
	scan_compare(&f, 3, 4);
	scan_compare(&f, 4, 9);
	vs_bitmap_clear_all(&f.present);
	scan_compare(&f, 0, 400);
	fixture_release(&f);
}

static void test_bounds(void **state)
{
	struct vs_topk top;
	struct fixture f;
	float query[8];

	(void)state;
	fixture_init(&f, VS_DOT, 8, 50);
	fixture_point(&f, query);
	assert_int_equal(vs_topk_init(&top, TOP), 0);
	/* Neither rows that are not mapped nor slots past the bitmap are touched. */
	assert_int_equal(vs_scan_search(&f.view, query, 1.0f, &f.present, 0, 1000, &top), 50);
	assert_int_equal(vs_scan_search(&f.view, query, 1.0f, &f.present, 60, 1000, &top), 0);
	assert_int_equal(vs_scan_search(&f.view, query, 1.0f, &f.present, 30, 20, &top), 0);
	vs_topk_release(&top);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_metric),
		cmocka_unit_test(test_accept_and_range),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "index/graph.h"

#include <pthread.h>
#include <sys/wait.h>

#include "graph_fixture.h"

static void recall_of(enum vs_metric metric, uint32_t dim, uint32_t count)
{
	struct vs_graph_summary summary;
	struct vs_graph *writer;
	struct vs_graph *reader;
	struct fixture f;

	fixture_init(&f, metric, dim, count);
	for (uint32_t slot = 1000; slot < 1300; slot++)
		fixture_copy(&f, slot, 777);
	writer = fixture_writer(&f);
	fixture_link(&f, writer, count);
	assert_int_equal(vs_graph_linked(writer), count);
	reader = fixture_reader(&f);
	assert_true(fixture_recall(&f, reader, 200, 200) >= 0.95);
	assert_int_equal(vs_graph_check(reader, &f.view, &f.present, &summary, NULL), 0);
	assert_int_equal(summary.bad_entries, 0);
	assert_int_equal(summary.bad_codes, 0);
	assert_int_equal(summary.nodes, count);
	assert_int_equal(summary.linked, count);
	assert_true(summary.unreachable <= count / 1000);
	vs_graph_close(reader);
	vs_graph_close(writer);
	fixture_release(&f);
}

static void test_recall(void **state)
{
	(void)state;
	recall_of(VS_COSINE, 48, 5000);
	recall_of(VS_EUCLIDEAN, 56, 3000);
	recall_of(VS_DOT, 20, 2000);
	recall_of(VS_MANHATTAN, 24, 2000);
}

/* All vectors are copies of one: still every node is reachable and every answer is full. */
static void test_all_equal(void **state)
{
	enum { COUNT = 3000 };
	struct vs_graph_summary summary;
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_COSINE, 16, COUNT);
	for (uint32_t slot = 1; slot < COUNT; slot++)
		fixture_copy(&f, slot, 0);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, COUNT);
	assert_true(fixture_recall(&f, graph, 100, 20) >= 0.999);
	assert_int_equal(vs_graph_check(graph, &f.view, &f.present, &summary, NULL), 0);
	assert_true(summary.unreachable <= COUNT / 1000);
	vs_graph_close(graph);
	fixture_release(&f);
}

static void test_empty_and_small(void **state)
{
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_EUCLIDEAN, 8, 40);
	graph = fixture_writer(&f);
	assert_true(fixture_recall(&f, graph, 10, 3) >= 1.0);
	for (uint32_t end = 1; end <= 40; end++) {
		fixture_link(&f, graph, end);
		assert_int_equal(vs_graph_linked(graph), end);
		assert_true(fixture_recall(&f, graph, 64, 3) >= 0.999);
	}
	vs_graph_close(graph);
	fixture_release(&f);
}

/* Dead slots are passed over; those that die later are walked through and not offered. */
static void test_dead(void **state)
{
	struct vs_graph_summary summary;
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_COSINE, 24, 2000);
	for (uint32_t slot = 0; slot < 2000; slot += 3)
		vs_bitmap_clear(&f.present, slot);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 2000);
	assert_int_equal(vs_graph_linked(graph), 2000);
	assert_int_equal(vs_graph_check(graph, &f.view, &f.present, &summary, NULL), 0);
	assert_int_equal(summary.nodes, vs_bitmap_count(&f.present, 0, 2000));
	for (uint32_t slot = 0; slot < 2000; slot += 4)
		vs_bitmap_clear(&f.present, slot);
	assert_true(fixture_recall(&f, graph, 200, 100) >= 0.95);
	vs_graph_close(graph);
	fixture_release(&f);
}

/* Few are accepted: at random, and all in one place, where a walk from elsewhere may not find them. */
static void test_accepted_alone(void **state)
{
	static const uint32_t every[] = { 1, 2, 5, 10, 50 };
	/* Codes of one cache line, of two, whose length a scan knows, and none. */
	static const enum vs_metric metrics[] = { VS_COSINE, VS_EUCLIDEAN, VS_MANHATTAN };
	static const uint32_t dims[] = { 24, 100, 24 };

	(void)state;
	for (size_t m = 0; m < 3; m++) {
		struct vs_graph *graph;
		struct fixture f;
		fixture_init(&f, metrics[m], dims[m], 4000);
		graph = fixture_writer(&f);
		fixture_link(&f, graph, 4000);
		for (size_t i = 0; i < 5; i++) {
			for (uint32_t slot = 0; slot < 4000; slot++)
				if (slot % every[i] == 0)
					vs_bitmap_set(&f.present, slot);
				else
					vs_bitmap_clear(&f.present, slot);
			f.way = VS_GRAPH_ACCEPTED;
			assert_true(fixture_recall(&f, graph, 200, 50) >= 0.95);
			f.way = VS_GRAPH_SCAN;
			assert_true(fixture_recall(&f, graph, 50, 50) >= 0.99);
		}
		vs_bitmap_clear_all(&f.present);
		for (uint32_t slot = 1234; slot < 1264; slot++)
			vs_bitmap_set(&f.present, slot);
		f.way = VS_GRAPH_ACCEPTED; /* the pool does not fill, so they are all compared */
		assert_true(fixture_recall(&f, graph, 100, 50) == 1.0);
		vs_bitmap_clear_all(&f.present);
		assert_true(fixture_recall(&f, graph, 100, 5) == 1.0);
		vs_graph_close(graph);
		fixture_release(&f);
	}
}

/* A scan offers each accepted slot once, whatever of a word's bits are set, and none at or past the bound. */
static void test_scan_offers_each(void **state)
{
	enum { COUNT = 600 };
	static const uint32_t full[] = { 0, 1, 3, 16, 17, 40, 64 }; /* of a word's 64 slots, about so many are accepted */
	static const uint32_t bounds[] = { 1, 63, 64, 65, 333, COUNT };
	struct vs_graph_scratch *scratch;
	struct vs_graph *graph;
	struct vs_topk top;
	struct fixture f;
	float vector[100];

	(void)state;
	fixture_init(&f, VS_COSINE, 100, COUNT);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, COUNT);
	assert_int_equal(vs_graph_scratch_init(&scratch, NULL), 0);
	assert_int_equal(vs_topk_init(&top, COUNT), 0);
	for (size_t i = 0; i < sizeof(full) / sizeof(full[0]) * 6; i++) {
		uint32_t below = bounds[i % 6];
		unsigned char offered[COUNT] = { 0 };
		struct vs_graph_stats stats = { 0 };
		for (uint32_t slot = 0; slot < COUNT; slot++)
			if ((fixture_uniform(&f) + 0.5f) * 64.0f < (float)full[i / 6])
				vs_bitmap_set(&f.present, slot);
			else
				vs_bitmap_clear(&f.present, slot);
		fixture_point(&f, vector);
		struct vs_graph_query query = { vector, vs_space_factor(&f.space, vector), COUNT, below, &f.present, VS_GRAPH_SCAN, 0 };
		vs_topk_reset(&top);
		assert_int_equal(vs_graph_search(graph, &f.view, &query, scratch, &top, &stats, NULL), 0);
		for (uint32_t hit = 0; hit < top.len; hit++)
			offered[top.hits[hit].slot]++;
		for (uint32_t slot = 0; slot < COUNT; slot++)
			assert_int_equal(offered[slot], slot < below && vs_bitmap_test(&f.present, slot));
		assert_int_equal(stats.distances, top.len);
	}
	vs_topk_release(&top);
	vs_graph_scratch_release(scratch);
	vs_graph_close(graph);
	fixture_release(&f);
}

/* Each set of kernels has its own loops, or its own distances in common ones. */
static void test_all_kernels(void **state)
{
	enum { COUNT = 600 };
	static const uint32_t dims[] = { 24, 100, 200 };
	const struct vs_kernels *const *sets;
	size_t count = vs_kernels_list(&sets);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct vs_graph_summary summary;
		struct vs_graph *graph;
		struct fixture f;
		fixture_init(&f, VS_COSINE, dims[i % 3], COUNT);
		f.space.kernels = sets[i];
		graph = fixture_writer(&f);
		fixture_link(&f, graph, COUNT);
		assert_int_equal(vs_graph_check(graph, &f.view, &f.present, &summary, NULL), 0);
		assert_int_equal(summary.bad_entries, 0);
		assert_int_equal(summary.bad_codes, 0);
		for (f.way = VS_GRAPH_WALK; f.way <= VS_GRAPH_SCAN; f.way++)
			assert_true(fixture_recall(&f, graph, 100, 20) >= 0.95);
		for (uint32_t slot = 0; slot < COUNT; slot++)
			if (slot % 10 != 0)
				vs_bitmap_clear(&f.present, slot);
		f.way = VS_GRAPH_ACCEPTED;
		assert_true(fixture_recall(&f, graph, 30, 20) >= 0.95);
		vs_graph_close(graph);
		fixture_release(&f);
	}
}

/* Slots at or past `below` are walked through and not offered. */
static void test_below(void **state)
{
	struct vs_graph_stats stats = { 0 };
	struct vs_graph_scratch *scratch;
	struct vs_graph *graph;
	struct vs_topk top;
	struct fixture f;
	float vector[24];

	(void)state;
	fixture_init(&f, VS_COSINE, 24, 1000);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 1000);
	assert_int_equal(vs_graph_scratch_init(&scratch, NULL), 0);
	assert_int_equal(vs_topk_init(&top, TOP), 0);
	fixture_point(&f, vector);
	struct vs_graph_query query = { vector, vs_space_factor(&f.space, vector), 300, 500, &f.present, VS_GRAPH_WALK, 32 };
	assert_int_equal(vs_graph_search(graph, &f.view, &query, scratch, &top, &stats, NULL), 0);
	assert_int_equal(top.len, TOP);
	for (uint32_t i = 0; i < top.len; i++)
		assert_true(top.hits[i].slot < 500);
	assert_true(stats.visited > 0 && stats.distances > stats.visited);
	vs_topk_release(&top);
	vs_graph_scratch_release(scratch);
	vs_graph_close(graph);
	fixture_release(&f);
}

static int stop_soon(void *context, uint32_t linked)
{
	uint32_t *calls = context;

	(void)linked;
	return ++*calls == 3 ? 42 : 0;
}

static void test_progress_stops(void **state)
{
	struct vs_graph *graph;
	struct fixture f;
	uint32_t calls = 0;
	uint32_t linked;

	(void)state;
	fixture_init(&f, VS_COSINE, 24, 3000);
	graph = fixture_writer(&f);
	assert_int_equal(vs_graph_link(graph, &f.view, 3000, &f.present, 2, stop_soon, &calls, NULL), 42);
	linked = vs_graph_linked(graph);
	assert_true(linked > 0 && linked < 3000);
	fixture_link(&f, graph, 3000);
	assert_int_equal(vs_graph_linked(graph), 3000);
	assert_true(fixture_recall(&f, graph, 200, 50) >= 0.95);
	vs_graph_close(graph);
	fixture_release(&f);
}

/* Mean number of pages of 32 codes that the 16 nearest of a slot lie on. */
static double pages_of(struct fixture *f, const uint32_t *places)
{
	struct vs_topk top;
	uint32_t pages = 0;

	assert_int_equal(vs_topk_init(&top, 16), 0);
	for (uint32_t slot = 0; slot < f->view.count; slot += 10) {
		const float *row = vs_view_row(&f->view, slot);
		vs_topk_reset(&top);
		vs_scan_search(&f->view, row, row[f->space.dim], &f->present, 0, f->view.count, &top);
		for (uint32_t i = 0; i < 16; i++) {
			bool fresh = true;
			for (uint32_t j = 0; j < i; j++)
				fresh = fresh && places[top.hits[i].slot] / 32 != places[top.hits[j].slot] / 32;
			pages += fresh;
		}
	}
	vs_topk_release(&top);
	return (double)pages / (f->view.count / 10);
}

static void test_order(void **state)
{
	enum { COUNT = 4000 };
	static uint32_t order[COUNT], places[COUNT], numbers[COUNT];
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_COSINE, 32, COUNT);
	graph = fixture_writer(&f);
	/* Also while a part is linked, and of a part. */
	for (uint32_t linked = COUNT / 2; linked <= COUNT; linked += COUNT / 2) {
		fixture_link(&f, graph, linked);
		for (uint32_t count = COUNT; count > 0; count /= 3) {
			assert_int_equal(vs_graph_order(graph, count, order, NULL), 0);
			for (uint32_t i = 0; i < count; i++)
				places[i] = UINT32_MAX;
			for (uint32_t i = 0; i < count; i++) {
				assert_true(order[i] < count);
				assert_int_equal(places[order[i]], UINT32_MAX);
				places[order[i]] = i;
			}
		}
	}
	assert_int_equal(vs_graph_order(graph, COUNT, order, NULL), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		places[order[i]] = i;
		numbers[i] = i;
	}
	assert_true(pages_of(&f, places) < 0.9 * pages_of(&f, numbers));
	vs_graph_close(graph);
	fixture_release(&f);
}

static void test_arguments(void **state)
{
	struct vs_graph_options options = VS_GRAPH_OPTIONS;
	struct vs_error error;
	struct vs_graph *graph;
	struct vs_graph *none;
	struct vs_space space;
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_COSINE, 16, 10);
	assert_int_equal(vs_graph_open(f.dir, &f.space, 1, &none, &error), VS_ENOTFOUND);
	assert_null(none);
	graph = fixture_writer(&f);
	assert_int_equal(vs_graph_link(graph, &f.view, 11, &f.present, 1, NULL, NULL, &error), VS_EINVAL);
	vs_graph_close(graph);
	graph = fixture_reader(&f);
	assert_int_equal(vs_graph_link(graph, &f.view, 10, &f.present, 1, NULL, NULL, &error), VS_EINVAL);
	vs_graph_close(graph);
	vs_space_init(&space, VS_JACCARD, 16);
	assert_int_equal(vs_graph_open_writer(f.dir, &space, 1, &options, &none, &error), VS_EINVAL);
	options.m = 1;
	assert_int_equal(vs_graph_open_writer(f.dir, &f.space, 1, &options, &none, &error), VS_EINVAL);
	vs_graph_close(NULL);
	vs_graph_scratch_release(NULL);
	fixture_release(&f);
}

/* Headers that belong to other vectors are refused by readers. */
static void test_mismatch(void **state)
{
	struct vs_error error;
	struct vs_graph *graph;
	struct vs_space other;
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_COSINE, 16, 10);
	vs_graph_close(fixture_writer(&f));
	assert_int_equal(vs_graph_open(f.dir, &f.space, 2, &graph, &error), VS_ECORRUPT);
	vs_space_init(&other, VS_COSINE, 17);
	assert_int_equal(vs_graph_open(f.dir, &other, 1, &graph, &error), VS_ECORRUPT);
	vs_space_init(&other, VS_DOT, 16);
	assert_int_equal(vs_graph_open(f.dir, &other, 1, &graph, &error), VS_ECORRUPT);
	fixture_release(&f);
}

static void test_second_writer(void **state)
{
	struct vs_graph_options options = VS_GRAPH_OPTIONS;
	struct vs_graph *graph;
	struct fixture f;
	int status;
	pid_t child;

	(void)state;
	fixture_init(&f, VS_COSINE, 16, 10);
	graph = fixture_writer(&f);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct vs_graph *second;
		_exit(vs_graph_open_writer(f.dir, &f.space, 1, &options, &second, NULL) == VS_EBUSY ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	vs_graph_close(graph);
	vs_graph_close(fixture_writer(&f));
	fixture_release(&f);
}

struct reading {
	struct fixture *f;
	int done;
	unsigned answers;
};

/* Follows the graph as it grows and asks it all the time. */
static void *reader_run(void *data)
{
	struct reading *reading = data;
	struct vs_graph_stats stats = { 0 };
	struct vs_graph_scratch *scratch;
	struct vs_graph *graph;
	struct vs_topk top;

	if (vs_graph_open(reading->f->dir, &reading->f->space, 1, &graph, NULL) != 0)
		return NULL;
	if (vs_graph_scratch_init(&scratch, NULL) != 0 || vs_topk_init(&top, TOP) != 0)
		return NULL;
	for (uint32_t i = 0; !__atomic_load_n(&reading->done, __ATOMIC_ACQUIRE); i++) {
		const float *row = vs_view_row(&reading->f->view, i % reading->f->view.count);
		struct vs_graph_query query = { row, row[reading->f->space.dim], 50, 0, &reading->f->present, VS_GRAPH_WALK, 32 };
		if (vs_graph_refresh(graph, NULL) != 0)
			break;
		query.below = vs_graph_linked(graph);
		vs_topk_reset(&top);
		if (vs_graph_search(graph, &reading->f->view, &query, scratch, &top, &stats, NULL) != 0)
			break;
		for (uint32_t j = 0; j < top.len; j++)
			if (top.hits[j].slot >= query.below)
				return NULL;
		if (query.below >= 500 && top.len == TOP)
			reading->answers++;
	}
	vs_topk_release(&top);
	vs_graph_scratch_release(scratch);
	vs_graph_close(graph);
	return reading;
}

static void test_read_while_linking(void **state)
{
	struct reading reading = { NULL, 0, 0 };
	struct vs_graph *graph;
	struct fixture f;
	pthread_t thread;
	void *result;

	(void)state;
	fixture_init(&f, VS_EUCLIDEAN, 32, 12000);
	reading.f = &f;
	graph = fixture_writer(&f);
	assert_int_equal(pthread_create(&thread, NULL, reader_run, &reading), 0);
	for (uint32_t end = 400; end <= 12000; end += 400)
		fixture_link(&f, graph, end);
	__atomic_store_n(&reading.done, 1, __ATOMIC_RELEASE);
	pthread_join(thread, &result);
	assert_ptr_equal(result, &reading);
	assert_true(reading.answers > 0);
	vs_graph_close(graph);
	fixture_release(&f);
}

static void test_refresh_stale(void **state)
{
	struct vs_graph *writer;
	struct vs_graph *reader;
	struct fixture f;
	char path[256];

	(void)state;
	fixture_init(&f, VS_COSINE, 16, 100);
	writer = fixture_writer(&f);
	reader = fixture_reader(&f);
	assert_int_equal(vs_graph_refresh(reader, NULL), 0);
	fixture_path(&f, "graph.up", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(vs_graph_refresh(reader, NULL), VS_ESTALE);
	assert_int_equal(vs_graph_link(writer, &f.view, 100, &f.present, 1, NULL, NULL, NULL), VS_ESTALE);
	vs_graph_close(reader);
	vs_graph_close(writer);
	writer = fixture_writer(&f);
	fixture_link(&f, writer, 100);
	assert_int_equal(vs_graph_linked(writer), 100);
	vs_graph_close(writer);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recall),          cmocka_unit_test(test_all_equal),
		cmocka_unit_test(test_empty_and_small), cmocka_unit_test(test_dead),
		cmocka_unit_test(test_below),           cmocka_unit_test(test_progress_stops),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_arguments),       cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_second_writer),   cmocka_unit_test(test_read_while_linking),
		cmocka_unit_test(test_accepted_alone),  cmocka_unit_test(test_all_kernels),
		cmocka_unit_test(test_scan_offers_each),
		cmocka_unit_test(test_refresh_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

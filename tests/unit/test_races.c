/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads beside each other, for ThreadSanitizer (--enable-tsan) above all. It knows memory by its address, and a file that is
 * mapped twice has two: so readers here also walk the writer's own maps, which no program does.
 */
#include <pthread.h>

#include "base/atomics.h"
#include "graph_fixture.h"

#define DIM 16
#define SLOTS 1600
#define READERS 2

struct reader {
	pthread_t thread;
	struct fixture *fixture;
	const struct vs_graph *shared; /* the writer's; NULL: by a handle of its own */
	const bool *stop;
	uint32_t random;
	uint32_t queries;
	uint32_t bad;
};

static void ask(struct reader *reader, const struct vs_graph *graph, struct vs_graph_scratch *scratch, struct vs_topk *top)
{
	struct fixture points = { .random = reader->random, .space = reader->fixture->space };
	struct vs_graph_stats stats = { 0 };
	float vector[DIM];
	struct vs_graph_query query = { vector, 0, 60, vs_graph_linked(graph), &reader->fixture->present,
		                            reader->queries % 3 == 0 ? VS_GRAPH_ACCEPTED : VS_GRAPH_WALK, 32 };

	fixture_point(&points, vector);
	reader->random = points.random;
	query.factor = vs_space_factor(&points.space, vector);
	vs_topk_reset(top);
	if (vs_graph_search(graph, &reader->fixture->view, &query, scratch, top, &stats, NULL) != 0)
		reader->bad++;
	for (uint32_t i = 0; i < top->len; i++)
		reader->bad += top->hits[i].slot >= query.below || (i > 0 && top->hits[i].distance < top->hits[i - 1].distance);
	reader->bad += query.below > 500 && top->len < TOP;
	(void)vs_add_relaxed(&reader->queries, 1);
}

static void *read_on(void *context)
{
	struct reader *reader = context;
	struct vs_graph_scratch *scratch;
	struct vs_graph *own = NULL;
	struct vs_topk top;

	if (vs_topk_init(&top, TOP) != 0 || vs_graph_scratch_init(&scratch, NULL) != 0)
		return NULL;
	while (!vs_load_acquire(reader->stop)) {
		/* As the engine does: refreshed before each query, opened again when that fails. */
		if (own != NULL && vs_graph_refresh(own, NULL) != 0) {
			vs_graph_close(own);
			own = NULL;
		}
		if (own == NULL && reader->shared == NULL && vs_graph_open(reader->fixture->dir, &reader->fixture->space, 1, &own, NULL) != 0)
			continue;
		ask(reader, own != NULL ? own : reader->shared, scratch, &top);
	}
	vs_graph_close(own);
	vs_topk_release(&top);
	vs_graph_scratch_release(scratch);
	return NULL;
}

struct crowd {
	struct reader readers[READERS];
	bool stop;
	bool started;
};

static void crowd_start(struct crowd *crowd, struct fixture *f, const struct vs_graph *shared)
{
	for (uint32_t i = 0; i < READERS; i++) {
		crowd->readers[i] = (struct reader){ .fixture = f, .shared = shared, .stop = &crowd->stop, .random = i + 1 };
		assert_int_equal(pthread_create(&crowd->readers[i].thread, NULL, read_on, &crowd->readers[i]), 0);
	}
	crowd->started = true;
}

static void crowd_stop(struct crowd *crowd)
{
	assert_true(crowd->started);
	/* Each has asked at least once. */
	for (uint32_t i = 0; i < READERS; i++)
		while (vs_load_relaxed(&crowd->readers[i].queries) == 0)
			usleep(1000);
	vs_store_release(&crowd->stop, true);
	for (uint32_t i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(crowd->readers[i].thread, NULL), 0);
		assert_int_equal(crowd->readers[i].bad, 0);
	}
}

struct sharing {
	struct crowd crowd;
	struct fixture *fixture;
	struct vs_graph *graph;
};

/* The files have grown for all that will be linked, so the maps stay until the end. */
static int on_progress(void *context, uint32_t linked)
{
	struct sharing *sharing = context;

	(void)linked;
	if (!sharing->crowd.started)
		crowd_start(&sharing->crowd, sharing->fixture, sharing->graph);
	return 0;
}

static void link_beside_readers(enum vs_metric metric)
{
	struct sharing sharing = { .graph = NULL };
	struct vs_error error = { .text = "" };
	struct fixture f;

	fixture_init(&f, metric, DIM, SLOTS);
	sharing.fixture = &f;
	sharing.graph = fixture_writer(&f);
	if (vs_graph_link(sharing.graph, &f.view, SLOTS, &f.present, 3, on_progress, &sharing, &error) != 0)
		fail_msg("%s", error.text);
	crowd_stop(&sharing.crowd);
	assert_int_equal(vs_graph_linked(sharing.graph), SLOTS);
	assert_true(fixture_recall(&f, sharing.graph, 100, 20) > 0.9);
	vs_graph_close(sharing.graph);
	fixture_release(&f);
}

static void test_walks_in_the_maps_that_are_written_to(void **state)
{
	(void)state;
	link_beside_readers(VS_COSINE);
}

static void test_walks_over_rows(void **state)
{
	(void)state;
	link_beside_readers(VS_MANHATTAN);
}

static void test_own_handles_while_it_grows(void **state)
{
	struct crowd crowd = { .stop = false };
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	fixture_init(&f, VS_EUCLIDEAN, DIM, SLOTS);
	graph = fixture_writer(&f);
	crowd_start(&crowd, &f, NULL);
	for (uint32_t end = 80; end <= SLOTS; end += 80) {
		fixture_link(&f, graph, end);
		if (end % 800 == 0)
			assert_int_equal(vs_graph_checkpoint(graph, NULL), 0);
	}
	crowd_stop(&crowd);
	vs_graph_close(graph);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks_in_the_maps_that_are_written_to),
		cmocka_unit_test(test_walks_over_rows),
		cmocka_unit_test(test_own_handles_while_it_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

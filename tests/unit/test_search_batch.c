/* SPDX-License-Identifier: Apache-2.0 */
/* A batch answers each query as it would be answered alone, bit for bit: over the graph, the tail and the exact scan,
 * with every option, by any number of threads. */
#include "engine_fixture.h"

#include <math.h>

#define DIM 16
#define SLOTS 3000
#define COUNT 120

/* The query's own strings and vector. */
struct question {
	float vector[DIM];
	char id[16];
};

static const char *const filters[] = { NULL, NULL, "even = true", "n < 40", "n BETWEEN 500 AND 2400", "n = -1" };

static uint32_t choice(uint64_t *seed, uint32_t n)
{
	(void)noise(seed);
	return (uint32_t)(*seed >> 33) % n;
}

static void make_query(struct question *question, struct vs_query *query, uint64_t *seed)
{
	uint64_t center = choice(seed, 50) + 1;

	*query = (struct vs_query)VS_QUERY;
	for (uint32_t d = 0; d < DIM; d++)
		question->vector[d] = noise(&center) + 0.5f * noise(seed);
	if (choice(seed, 4) == 0) {
		snprintf(question->id, sizeof(question->id), "r%u", choice(seed, 1300) * 2 + 1);
		query->id = question->id;
		query->id_len = strlen(question->id);
	} else {
		query->vector = question->vector;
		query->dimension = DIM;
	}
	query->limit = 1 + choice(seed, 20);
	query->offset = choice(seed, 3) == 0 ? choice(seed, 30) : 0;
	query->ef = choice(seed, 3) == 0 ? 20 + choice(seed, 100) : 0;
	query->exact = choice(seed, 2) == 0;
	query->filter = filters[choice(seed, sizeof(filters) / sizeof(filters[0]))];
	query->has_min_score = choice(seed, 5) == 0;
	query->min_score = 0.6f;
	query->with_metadata = choice(seed, 2) == 0;
	query->with_vector = choice(seed, 4) == 0;
}

static unsigned walked; /* queries that a batch sent through the graph */

static void same_results(const struct vs_results *got, const struct vs_results *wanted)
{
	walked += got->stats.path == VS_PATH_GRAPH;
	assert_int_equal(got->count, wanted->count);
	assert_int_equal(got->stats.path, wanted->stats.path);
	assert_int_equal(got->stats.total_candidates, wanted->stats.total_candidates);
	assert_int_equal(got->stats.filtered_count, wanted->stats.filtered_count);
	assert_int_equal(got->stats.nodes_visited, wanted->stats.nodes_visited);
	assert_int_equal(got->stats.distances, wanted->stats.distances);
	if (got->stats.path == VS_PATH_GRAPH)
		assert_int_equal(got->stats.unlinked, wanted->stats.unlinked);
	assert_memory_equal(&got->mark, &wanted->mark, sizeof(got->mark));
	for (size_t i = 0; i < got->count; i++) {
		const struct vs_result *a = &got->items[i], *b = &wanted->items[i];
		assert_string_equal(a->record.id, b->record.id);
		assert_memory_equal(&a->score, &b->score, sizeof(a->score));
		assert_string_equal(a->record.metadata, b->record.metadata);
		assert_int_equal(a->record.vector == NULL, b->record.vector == NULL);
		if (a->record.vector != NULL)
			assert_memory_equal(a->record.vector, b->record.vector, DIM * sizeof(float));
	}
}

/* Batches of several sizes; the same queries one at a time, by another handle. */
static void compare(struct fixture *fixture, unsigned threads)
{
	static const size_t sizes[] = { 1, 2, 7, COUNT };
	static struct question questions[COUNT];
	static struct vs_query queries[COUNT];
	static struct vs_results results[COUNT];
	struct vs_namespace *other;
	struct vs_results single;
	struct vs_error error;
	uint64_t seed = 42 + threads;

	assert_ok(vs_namespace_open(fixture->store, "default", NULL, &other, &error), error);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t i = 0; i < sizes[s]; i++) {
			make_query(&questions[i], &queries[i], &seed);
			queries[i].threads = threads;
		}
		assert_ok(vs_namespace_search_batch(fixture->ns, queries, sizes[s], results, &error), error);
		for (size_t i = 0; i < sizes[s]; i++) {
			queries[i].threads = 1;
			if (results[i].stats.path == VS_PATH_EXACT) /* in company a scan may cost less than a walk */
				queries[i].exact = true;
			assert_ok(vs_namespace_search(other, &queries[i], &single, &error), error);
			same_results(&results[i], &single);
		}
	}
	vs_namespace_close(other);
}

static void renew(struct fixture *fixture, enum vs_metric metric)
{
	char command[128];

	fixture_close(fixture);
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture->data);
	assert_int_equal(system(command), 0);
	fixture_open(fixture, metric);
}

static void a_batch_answers_as_single_queries_do(void **state)
{
	static const enum vs_metric metrics[] = { VS_COSINE, VS_EUCLIDEAN, VS_DOT, VS_MANHATTAN, VS_JACCARD };
	struct fixture *fixture = *state;

	for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		renew(fixture, metrics[m]);
		put_many(fixture, 0, SLOTS - 200, DIM);
		compare(fixture, 1); /* all of it is tail */
		index_all(fixture);
		put_many(fixture, SLOTS - 200, 200, DIM);
		for (uint32_t n = 0; n < SLOTS; n += 10) {
			char id[16];
			snprintf(id, sizeof(id), "r%u", n);
			drop(fixture, n % 20 ? VS_DELETE : VS_SOFT_DELETE, id);
		}
		compare(fixture, 1); /* graph, tail, and slots of nobody */
		compare(fixture, 3);
		walked = 0;
		compare(fixture, 0);
		assert_true(walked > 0 || !vs_metric_indexed(metrics[m]));
	}
}

static void long_scans_take_threads(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	char alone[10][16];
	float scores[10];
	float vector[DIM];
	uint64_t seed = 9;

	put_many(fixture, 0, 12000, DIM);
	for (uint32_t d = 0; d < DIM; d++)
		vector[d] = noise(&seed);
	query.vector = vector;
	query.dimension = DIM;
	query.exact = true;
	for (query.threads = 1; query.threads <= 30; query.threads += 7) {
		assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
		assert_int_equal(results.count, 10);
		assert_int_equal(results.stats.distances, 12000);
		for (size_t i = 0; i < 10; i++) {
			if (query.threads == 1) {
				snprintf(alone[i], sizeof(alone[i]), "%s", results.items[i].record.id);
				scores[i] = results.items[i].score;
			}
			assert_string_equal(results.items[i].record.id, alone[i]);
			assert_memory_equal(&results.items[i].score, &scores[i], sizeof(float));
		}
	}
}

static void more_filters_than_are_kept(void **state)
{
	enum { FILTERS = 40 };
	struct fixture *fixture = *state;
	struct vs_query queries[FILTERS * 2];
	struct vs_results results[FILTERS * 2];
	char texts[FILTERS][32];
	struct vs_error error;

	put_many(fixture, 0, 400, DIM);
	for (size_t i = 0; i < FILTERS * 2; i++) {
		snprintf(texts[i % FILTERS], sizeof(texts[0]), "n < %zu", 2 + i % FILTERS);
		queries[i] = (struct vs_query)VS_QUERY;
		queries[i].id = "r399";
		queries[i].id_len = 4;
		queries[i].limit = 100;
		queries[i].filter = texts[i % FILTERS];
	}
	assert_ok(vs_namespace_search_batch(fixture->ns, queries, FILTERS * 2, results, &error), error);
	for (size_t i = 0; i < FILTERS * 2; i++) {
		assert_int_equal(results[i].count, 2 + i % FILTERS);
		assert_int_equal(results[i].stats.filtered_count, 2 + i % FILTERS);
	}
}

static void faults_name_the_query(void **state)
{
	static const float good[] = { 1, 2, 3, 4, 5 };
	static const float bad[] = { 1, 2, 3, 4, (float)NAN };
	const struct {
		int code;
		const char *field;
		int64_t position;
		struct vs_query query;
	} cases[] = {
		{ VS_EINVAL, "queries[2].vector", -1, { .limit = 1 } },
		{ VS_EINVAL, "queries[2].vector", -1, { .limit = 1, .vector = good, .dimension = 2 } },
		{ VS_EINVAL, "queries[2].vector", 4, { .limit = 1, .vector = bad, .dimension = 5 } },
		{ VS_EINVAL, "queries[2].limit", -1, { .vector = good, .dimension = 5 } },
		{ VS_EINVAL, "queries[2].offset", -1, { .limit = 1, .offset = 10000, .vector = good, .dimension = 5 } },
		{ VS_EINVAL, "queries[2].ef", -1, { .limit = 1, .ef = 1000000, .vector = good, .dimension = 5 } },
		{ VS_EINVAL, "queries[2].filter", 3, { .limit = 1, .vector = good, .dimension = 5, .filter = "n =" } },
		{ VS_ENOTFOUND, "queries[2].id", -1, { .limit = 1, .id = "nobody", .id_len = 6 } },
	};
	struct fixture *fixture = *state;
	struct vs_results results[4];
	struct vs_error error;

	put_many(fixture, 0, 10, 5);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vs_query queries[4];
		for (size_t q = 0; q < 4; q++)
			queries[q] = (struct vs_query){ .limit = 1, .vector = good, .dimension = 5 };
		queries[2] = cases[i].query;
		assert_int_equal(vs_namespace_search_batch(fixture->ns, queries, 4, results, &error), cases[i].code);
		assert_string_equal(error.field, cases[i].field);
		assert_int_equal(error.position, cases[i].position);
		assert_int_equal(strncmp(error.text, cases[i].field, strlen(cases[i].field)), 0);
		assert_int_equal(vs_namespace_search_batch(fixture->ns, queries, 4, results, NULL), cases[i].code);
	}
}

static void batches_are_bounded(void **state)
{
	static const float vector[] = { 1, 2 };
	static struct vs_query queries[VS_SEARCH_BATCH_MAX + 1];
	static struct vs_results results[VS_SEARCH_BATCH_MAX + 1];
	struct fixture *fixture = *state;
	struct vs_error error;
	int rc;

	for (size_t i = 0; i <= VS_SEARCH_BATCH_MAX; i++)
		queries[i] = (struct vs_query){ .limit = 100, .vector = vector, .dimension = 2 };
	assert_ok(vs_namespace_search_batch(fixture->ns, queries, 0, results, &error), error);
	assert_ok(vs_namespace_search_batch(fixture->ns, queries, VS_SEARCH_BATCH_MAX, results, &error), error);
	assert_int_equal(results[VS_SEARCH_BATCH_MAX - 1].stats.path, VS_PATH_EMPTY);
	rc = vs_namespace_search_batch(fixture->ns, queries, VS_SEARCH_BATCH_MAX + 1, results, &error);
	assert_int_equal(rc, VS_ETOOBIG);
	assert_string_equal(error.field, "queries");
	queries[7].offset = 1;
	rc = vs_namespace_search_batch(fixture->ns, queries, VS_SEARCH_BATCH_MAX, results, &error);
	assert_int_equal(rc, VS_ETOOBIG);
	assert_string_equal(error.field, "queries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_batch_answers_as_single_queries_do, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(long_scans_take_threads, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(more_filters_than_are_kept, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(faults_name_the_query, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(batches_are_bounded, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("search_batch", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Queries against an independent brute force, over both paths. */
#include "engine_fixture.h"

#include <math.h>
#include <unistd.h>

#define DIM 16
#define SLOTS 4000

/* The vector of record number, as put_many makes it. */
static void vector_of(uint32_t number, float *vector)
{
	uint64_t center = number % 50 + 1, seed = number + 1000;

	for (uint32_t d = 0; d < DIM; d++)
		vector[d] = noise(&center) + 0.5f * noise(&seed);
}

static double cosine(const float *a, const float *b)
{
	double dot = 0, aa = 0, bb = 0;

	for (int d = 0; d < DIM; d++) {
		dot += (double)a[d] * b[d];
		aa += (double)a[d] * a[d];
		bb += (double)b[d] * b[d];
	}
	return dot / sqrt(aa * bb);
}

/* The score that the kth best of the accepted numbers has. */
static double kth_score(const float *query, uint32_t k, bool (*accepted)(uint32_t))
{
	double best[64];
	uint32_t len = 0;

	for (uint32_t number = 0; number < SLOTS; number++) {
		float vector[DIM];
		double score;
		uint32_t i;
		if (!accepted(number))
			continue;
		vector_of(number, vector);
		score = cosine(query, vector);
		if (len == k && score <= best[k - 1])
			continue;
		for (i = len < k ? len++ : k - 1; i > 0 && best[i - 1] < score; i--)
			best[i] = best[i - 1];
		best[i] = score;
	}
	assert_int_equal(len, k);
	return best[k - 1];
}

static bool every(uint32_t number)
{
	(void)number;
	return true;
}

static bool rare(uint32_t number)
{
	return number % 2 == 0 && number >= 3000 && number < 3100;
}

static bool half(uint32_t number)
{
	return number % 2 == 0;
}

static uint32_t number_of(const struct vs_record *record)
{
	return (uint32_t)strtoul(record->id + 1, NULL, 10);
}

/* Queries with many vectors; returns recall@10 and holds every answer to k results that the filter accepts. */
static double recall(struct fixture *fixture, const char *filter, bool (*accepted)(uint32_t), bool exact, enum vs_path path)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < 50; i++) {
		struct vs_query query = VS_QUERY;
		struct vs_results results;
		struct vs_error error;
		float vector[DIM];
		double bound;
		uint64_t seed = i + 77777;

		vector_of(i * 31 % SLOTS, vector);
		for (int d = 0; d < DIM; d++)
			vector[d] += 0.3f * noise(&seed);
		query.vector = vector;
		query.dimension = DIM;
		query.filter = filter;
		query.exact = exact;
		assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
		assert_int_equal(results.count, 10);
		assert_int_equal(results.stats.path, path);
		bound = kth_score(vector, 10, accepted);
		for (size_t r = 0; r < results.count; r++) {
			assert_true(accepted(number_of(&results.items[r].record)));
			assert_true(r == 0 || results.items[r].score <= results.items[r - 1].score);
			if ((double)results.items[r].score >= bound - 1e-5)
				found++;
		}
	}
	return found / 500.0;
}

static void both_paths_find_the_nearest(void **state)
{
	struct fixture *fixture = *state;

	put_many(fixture, 0, SLOTS, DIM);
	assert_true(recall(fixture, NULL, every, false, VS_PATH_EXACT) == 1.0); /* all of it is tail */
	index_all(fixture);
	assert_true(recall(fixture, NULL, every, true, VS_PATH_EXACT) == 1.0);
	assert_true(recall(fixture, NULL, every, false, VS_PATH_GRAPH) >= 0.98);
}

static void filters_leave_no_answer_short(void **state)
{
	struct fixture *fixture = *state;

	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
	assert_true(recall(fixture, "even = true AND n BETWEEN 3000 AND 3099", rare, false, VS_PATH_EXACT) == 1.0);
	assert_true(recall(fixture, "even = true AND n >= 0", half, true, VS_PATH_EXACT) == 1.0);
}

static void the_tail_and_the_dead_are_right_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	float vector[DIM];

	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
	vector_of(1234, vector);
	query.vector = vector;
	query.dimension = DIM;
	query.limit = 1;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_string_equal(results.items[0].record.id, "r1234");
	assert_true(results.items[0].score > 0.9999f);
	assert_ok(put(fixture, "new", vector, DIM, NULL, &error), error);
	drop(fixture, VS_SOFT_DELETE, "r1234");
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_string_equal(results.items[0].record.id, "new");
	assert_int_equal(results.stats.unlinked, 1);
	drop(fixture, VS_DELETE, "new");
	drop(fixture, VS_RESTORE, "r1234");
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_string_equal(results.items[0].record.id, "r1234");
}

static void options_do_what_they_say(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	char third[16];

	put_many(fixture, 0, 200, DIM);
	query.id = "r7";
	query.id_len = 2;
	query.limit = 3;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 3);
	assert_string_not_equal(results.items[0].record.id, "r7");
	snprintf(third, sizeof(third), "%s", results.items[2].record.id);
	query.offset = 2;
	query.with_vector = true;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_string_equal(results.items[0].record.id, third);
	assert_non_null(results.items[0].record.vector);
	query.offset = 0;
	query.limit = 200;
	query.has_min_score = true;
	query.min_score = 0.8f;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_true(results.count > 0 && results.count < 199);
	for (size_t i = 0; i < results.count; i++)
		assert_true(results.items[i].score >= 0.8f);
	query.has_min_score = false;
	query.limit = 10000;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 199); /* all but itself */
	query.id = "nobody";
	query.id_len = 6;
	assert_int_equal(vs_namespace_search(fixture->ns, &query, &results, &error), VS_ENOTFOUND);
}

static void bad_queries_name_their_field(void **state)
{
	const struct {
		const char *field;
		struct vs_query query;
	} cases[] = {
		{ "vector", { .limit = 1 } },
		{ "vector", { .limit = 1, .vector = (const float[]){ 1, 2 }, .dimension = 2 } },
		{ "vector", { .limit = 1, .vector = (const float[]){ 1, 2, 3, 4, (float)NAN }, .dimension = 5 } },
		{ "vector", { .limit = 1, .vector = (const float[]){ 0, 0, 0, 0, 0 }, .dimension = 5 } },
		{ "limit", { .limit = 0, .id = "r1", .id_len = 2 } },
		{ "limit", { .limit = 10001, .id = "r1", .id_len = 2 } },
		{ "offset", { .limit = 1, .offset = 10000, .id = "r1", .id_len = 2 } },
		{ "filter", { .limit = 1, .id = "r1", .id_len = 2, .filter = "n =" } },
	};
	struct fixture *fixture = *state;
	struct vs_results results;
	struct vs_error error;

	put_many(fixture, 0, 10, 5);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(vs_namespace_search(fixture->ns, &cases[i].query, &results, &error), VS_EINVAL);
		assert_string_equal(error.field, cases[i].field);
	}
}

static void an_empty_namespace_answers_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	query.vector = (const float[]){ 1, 2 };
	query.dimension = 2;
	query.filter = "a = 1";
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 0);
	assert_int_equal(results.stats.path, VS_PATH_EMPTY);
}

/* The ten of the graph for record i's vector, asked with `rescore`. */
static void ask_rescored(struct fixture *fixture, uint32_t i, int32_t rescore, struct vs_results *results)
{
	struct vs_query query = VS_QUERY;
	struct vs_error error;
	float vector[DIM];
	uint64_t seed = i + 4711;

	vector_of(i * 31 % SLOTS, vector);
	for (int d = 0; d < DIM; d++)
		vector[d] += 0.3f * noise(&seed);
	query.vector = vector;
	query.dimension = DIM;
	query.rescore = rescore;
	assert_ok(vs_namespace_search(fixture->ns, &query, results, &error), error);
	assert_int_equal(results->count, 10);
	assert_int_equal(results->stats.path, VS_PATH_GRAPH);
	for (size_t r = 0; r < results->count; r++) {
		float stored[DIM];
		double off;
		vector_of(number_of(&results->items[r].record), stored);
		off = fabs((double)results->items[r].score - cosine(vector, stored));
		assert_true(off < (rescore == VS_RESCORE_NONE ? 0.02 : 1e-5));
	}
}

static void scores_are_those_of_the_rows_unless_asked_otherwise(void **state)
{
	struct fixture *fixture = *state;
	unsigned approximate = 0;

	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
	for (uint32_t i = 0; i < 50; i++) {
		struct vs_results results;
		float first[10];
		ask_rescored(fixture, i, 0, &results);
		for (size_t r = 0; r < 10; r++)
			first[r] = results.items[r].score;
		ask_rescored(fixture, i, 1, &results); /* exact scores of those that the codes place first */
		assert_true(results.items[0].score <= first[0]);
		ask_rescored(fixture, i, VS_RESCORE_NONE, &results);
		for (size_t r = 0; r < 10; r++)
			approximate += results.items[r].score != first[r];
	}
	assert_true(approximate > 250);
}

static void without_codes_the_rows_are_walked(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_options options = { VS_CREATE, VS_COSINE, 0, VS_QUANTIZATION_NONE, VS_TOKENIZER_UNICODE61 };
	struct vs_namespace_stats stats;
	struct vs_error error;
	char path[256];

	vs_namespace_close(fixture->ns);
	assert_ok(vs_namespace_open(fixture->store, "rows", &options, &fixture->ns, &error), error);
	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.quantization, VS_QUANTIZATION_NONE);
	snprintf(path, sizeof(path), "%s/codes.i8", vs_namespace_folder(fixture->ns));
	assert_int_equal(access(path, F_OK), -1);
	assert_true(recall(fixture, NULL, every, false, VS_PATH_GRAPH) >= 0.98);
	assert_int_equal(check(fixture).problems + check(fixture).repairs, 0);
	/* The setting is the namespace's: whoever opens it later need not know. */
	vs_namespace_close(fixture->ns);
	assert_ok(vs_namespace_open(fixture->store, "rows", NULL, &fixture->ns, &error), error);
	assert_true(recall(fixture, NULL, every, false, VS_PATH_GRAPH) >= 0.98);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_paths_find_the_nearest, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(filters_leave_no_answer_short, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_tail_and_the_dead_are_right_at_once, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(options_do_what_they_say, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(scores_are_those_of_the_rows_unless_asked_otherwise, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(without_codes_the_rows_are_walked, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_queries_name_their_field, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_empty_namespace_answers_nothing, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}

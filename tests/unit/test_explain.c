/* SPDX-License-Identifier: Apache-2.0 */
/* What a query says that it did, and what was foretold of it. */
#include "engine_fixture.h"

#include <math.h>

#define DIM 16
#define SLOTS 6000

static void query_of(uint32_t number, float *vector)
{
	uint64_t center = number % 50 + 1, seed = number + 77777;

	for (int d = 0; d < DIM; d++)
		vector[d] = noise(&center) + 0.5f * noise(&seed);
}

static void by_query(struct vs_query *query, const float *vector, const char *filter)
{
	*query = (struct vs_query)VS_QUERY;
	query->vector = vector;
	query->dimension = DIM;
	query->filter = filter;
}

/* What must hold of any. */
static void assert_sound(const struct vs_results *results, const struct vs_explanation *e)
{
	uint64_t time = 0;

	assert_int_equal(e->graph_distances + e->rescored + e->scan_distances, results->stats.distances);
	assert_int_equal(e->nodes_visited, results->stats.nodes_visited);
	assert_int_equal(e->hydrated, results->count);
	assert_true(e->copied <= e->hydrated);
	assert_true(e->candidates >= results->count);
	for (int i = 0; i < VS_PHASES; i++)
		time += e->phase_ns[i];
	assert_true(time <= results->stats.duration_ns);
	assert_non_null(e->reason);
	for (size_t i = 0; i < results->count; i++)
		assert_true(fabs(e->parts[i].dot / e->parts[i].query_norm / e->parts[i].record_norm - (double)results->items[i].score) <
		            1e-5);
}

static void every_way_tells_what_it_did(void **state)
{
	static const struct {
		const char *filter;
		enum vs_way way;
		bool exact;
	} cases[] = {
		{ NULL, VS_WAY_WALK, false },       { NULL, VS_WAY_ROWS, true },
		{ "n < 500", VS_WAY_ROWS, false },  { "n < 0", VS_WAY_EMPTY, false },
		{ "n < 1500", VS_WAY_CODES, false }, { "n >= 500", VS_WAY_CODES, false },
	};
	struct fixture *fixture = *state;
	struct vs_explanation e;
	struct vs_results results, plain;
	struct vs_error error;
	struct vs_query query;
	float vector[DIM];

	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
	put_many(fixture, SLOTS, 100, DIM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t matching;
		query_of((uint32_t)i, vector);
		by_query(&query, vector, cases[i].filter);
		query.exact = cases[i].exact;
		query.ef = 40;
		assert_ok(vs_namespace_search(fixture->ns, &query, &plain, &error), error);
		assert_ok(vs_namespace_explain(fixture->ns, &query, true, &results, &e, &error), error);
		assert_int_equal(results.stats.distances, plain.stats.distances);
		assert_int_equal(results.stats.nodes_visited, plain.stats.nodes_visited);
		assert_sound(&results, &e);
		matching = results.stats.filtered_count;
		assert_true(fabs(e.selectivity - (double)matching / (SLOTS + 100)) < 1e-9);
		assert_int_equal(e.linked, SLOTS);
		assert_int_equal(e.tail, 100);
		assert_true(e.compared && e.recall >= 0.8);
		if (i != 0 && i < 4)
			assert_true(e.recall == 1.0);
		if (i < 4)
			assert_int_equal(e.planned, cases[i].way);
		if (e.used == VS_WAY_ROWS)
			assert_int_equal(e.scan_distances, matching);
		if (e.used == VS_WAY_CODES)
			assert_true(e.graph_distances >= matching - 100 && e.graph_distances <= matching && e.rescored > 0);
		if (e.used == VS_WAY_WALK)
			assert_true(e.nodes_visited > 0 && e.walks == 1 && e.levels > 0 && e.scan_distances == 100);
	}
}

static void a_walk_over_part_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct vs_explanation e;
	struct vs_results results;
	struct vs_error error;
	struct vs_query query;
	float vector[DIM];

	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
	query_of(1, vector);
	by_query(&query, vector, "n >= 1500");
	query.ef = 10;
	assert_ok(vs_namespace_explain(fixture->ns, &query, false, &results, &e, &error), error);
	assert_sound(&results, &e);
	assert_true(e.planned == VS_WAY_ACCEPTED || e.planned == VS_WAY_WALK);
	assert_true(!e.compared && e.pool >= 10);
	assert_string_equal(vs_way_name(VS_WAY_ACCEPTED), "graph_filtered");
	assert_non_null(vs_way_text(e.used));
	query.id = "r1";
	assert_int_equal(vs_namespace_explain(fixture->ns, &query, false, &results, &e, &error), VS_EINVAL);
}

static void an_empty_namespace_explains(void **state)
{
	struct fixture *fixture = *state;
	struct vs_explanation e;
	struct vs_results results;
	struct vs_error error;
	struct vs_query query;
	float vector[DIM];

	query_of(1, vector);
	by_query(&query, vector, NULL);
	assert_ok(vs_namespace_explain(fixture->ns, &query, true, &results, &e, &error), error);
	assert_int_equal(results.count, 0);
	assert_int_equal(e.used, VS_WAY_EMPTY);
	assert_true(e.recall == 1.0);
}

/* ---- estimates ------------------------------------------------------------------------------------------ */

static void assert_within_two(const char *what, const char *filter, uint64_t estimated, uint64_t actual)
{
	if (estimated > 2 * actual + 1 || actual > 2 * estimated + 1)
		fail_msg("%s under %s: %lu estimated, %lu in fact", what, filter != NULL ? filter : "no filter", (unsigned long)estimated,
		         (unsigned long)actual);
}

/* Records with n, chance (0 to 99999, by hash) and x, which goes with the vector. Clustered, or not where clusters is 0. */
static void put_foretold(struct fixture *fixture, uint32_t count, uint32_t dimension, uint32_t clusters)
{
	enum { BATCH = 500 };
	float *vectors = malloc(sizeof(float) * BATCH * dimension);
	static char ids[BATCH][16], metadata[BATCH][96];
	static struct vs_record_input records[BATCH];
	struct vs_upsert_result result;
	struct vs_error error;

	assert_non_null(vectors);
	for (uint32_t done = 0; done < count; done += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++) {
			float *vector = vectors + i * dimension;
			uint32_t number = done + i;
			uint64_t seed = number + 1000, center = clusters > 0 ? number % clusters + 1 : 0;
			for (uint32_t d = 0; d < dimension; d++)
				vector[d] = clusters > 0 ? noise(&center) + 0.5f * noise(&seed) : noise(&seed);
			snprintf(ids[i], sizeof(ids[i]), "r%u", number);
			snprintf(metadata[i], sizeof(metadata[i]), "{\"n\": %u, \"chance\": %u, \"x\": %.4f}", number,
			         (uint32_t)((number * UINT64_C(2654435761) >> 7) % 100000), (double)vector[0]);
			records[i] = (struct vs_record_input){ .id = ids[i], .id_len = strlen(ids[i]), .vector = vector,
				                                   .dimension = dimension, .metadata = metadata[i],
				                                   .metadata_len = strlen(metadata[i]) };
		}
		assert_ok(vs_namespace_upsert(fixture->ns, records, BATCH, NULL, &result, &error), error);
	}
	free(vectors);
}

/* Every filter with every pool, from three vectors. */
static void assert_foretold(struct fixture *fixture, uint32_t dimension, uint32_t clusters)
{
	static const char *const filters[] = { NULL, "chance < 50000", "chance < 10000", "chance < 1000", "chance < 100",
		                                   "x > 0", "x > 0.5", "x < 0.9", "n < 0" };
	static const uint32_t pools[] = { 0, 10, 60, 400 };
	float vector[128];

	for (uint32_t i = 0; i < 3 * sizeof(filters) / sizeof(filters[0]) * 4; i++) {
		struct vs_query query = VS_QUERY;
		struct vs_estimate estimate;
		struct vs_explanation e;
		struct vs_results results;
		struct vs_error error;
		uint64_t seed = i % 3 + 90000, center = clusters > 0 ? i % 3 * 7 % clusters + 1 : 0;
		for (uint32_t d = 0; d < dimension; d++)
			vector[d] = clusters > 0 ? noise(&center) + 0.6f * noise(&seed) : noise(&seed);
		query.vector = vector;
		query.dimension = dimension;
		query.filter = filters[i / 12];
		query.ef = pools[i / 3 % 4];
		query.limit = i % 2 ? 10 : 25;
		query.diversity = i % 7 == 0 ? 0.5f : 0.0f;
		assert_ok(vs_namespace_estimate(fixture->ns, &query, &estimate, &error), error);
		assert_ok(vs_namespace_explain(fixture->ns, &query, false, &results, &e, &error), error);
		assert_int_equal(estimate.way, e.planned);
		assert_int_equal(estimate.matches, results.stats.filtered_count);
		assert_int_equal(estimate.pool, e.pool);
		assert_within_two("distances", query.filter, estimate.distances, results.stats.distances);
		assert_within_two("nodes", query.filter, estimate.nodes_visited, results.stats.nodes_visited);
	}
}

static void estimates_are_within_a_factor_of_two(void **state)
{
	static const struct {
		uint32_t count, dimension, clusters;
	} sets[] = { { 1500, 16, 50 }, { 6000, 4, 0 }, { 12000, 16, 0 }, { 16000, 32, 200 }, { 5000, 128, 0 } };
	struct fixture *fixture = *state;
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	struct vs_error error;

	options.flags = VS_CREATE;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		char name[16];
		snprintf(name, sizeof(name), "set%zu", i);
		vs_namespace_close(fixture->ns);
		assert_ok(vs_namespace_open(fixture->store, name, &options, &fixture->ns, &error), error);
		put_foretold(fixture, sets[i].count, sets[i].dimension, sets[i].clusters);
		index_all(fixture);
		put_foretold(fixture, 500, sets[i].dimension, sets[i].clusters); /* again: dead slots, and a tail */
		assert_foretold(fixture, sets[i].dimension, sets[i].clusters);
	}
}

static bool advises(const struct vs_estimate *estimate, const char *part)
{
	for (size_t i = 0; i < estimate->advice_count; i++)
		if (strstr(estimate->advice[i], part) != NULL)
			return true;
	return false;
}

static void estimates_advise(void **state)
{
	struct fixture *fixture = *state;
	struct vs_estimate estimate;
	struct vs_error error;
	struct vs_query query;
	float vector[DIM];

	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
	query_of(1, vector);
	by_query(&query, vector, NULL);
	assert_ok(vs_namespace_estimate(fixture->ns, &query, &estimate, &error), error);
	assert_int_equal(estimate.advice_count, 0);
	query.ef = 5;
	assert_ok(vs_namespace_estimate(fixture->ns, &query, &estimate, &error), error);
	assert_true(advises(&estimate, "ef is below"));
	query.filter = "nowhere = 1";
	assert_ok(vs_namespace_estimate(fixture->ns, &query, &estimate, &error), error);
	assert_true(advises(&estimate, "without a column") && advises(&estimate, "Nothing matches"));
	query.filter = "n <";
	assert_int_equal(vs_namespace_estimate(fixture->ns, &query, &estimate, &error), VS_EINVAL);
	assert_string_equal(error.field, "filter");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_way_tells_what_it_did, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_walk_over_part_is_told, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_empty_namespace_explains, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(estimates_are_within_a_factor_of_two, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(estimates_advise, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

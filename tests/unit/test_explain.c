/* SPDX-License-Identifier: Apache-2.0 */
/* What a query says that it did. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_way_tells_what_it_did, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_walk_over_part_is_told, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_empty_namespace_explains, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

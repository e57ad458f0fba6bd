/* SPDX-License-Identifier: Apache-2.0 */
/* Which results are chosen: ranges, diversity, recommendations, against brute force. */
#include "engine_fixture.h"

#include <math.h>

#define DIM 16
#define SLOTS 4000

/* The vector of record number, as put_many makes it. */
static void vector_of(uint32_t number, float *vector)
{
	uint64_t center = number % 50 + 1, seed = number + 1000;

	for (uint32_t d = 0; d < DIM; d++)
		vector[d] = noise(&center) + 0.5f * noise(&seed);
}

static void query_of(uint32_t number, float *vector)
{
	uint64_t seed = number + 77777;

	vector_of(number * 31 % SLOTS, vector);
	for (int d = 0; d < DIM; d++)
		vector[d] += 0.3f * noise(&seed);
}

/* As max_distance means it. */
static double distance_of(enum vs_metric metric, const float *a, const float *b)
{
	double dot = 0, aa = 0, bb = 0, square = 0, sum = 0;

	for (int d = 0; d < DIM; d++) {
		double difference = (double)a[d] - (double)b[d];
		dot += (double)a[d] * (double)b[d];
		aa += (double)a[d] * (double)a[d];
		bb += (double)b[d] * (double)b[d];
		square += difference * difference;
		sum += fabs(difference);
	}
	switch (metric) {
	case VS_COSINE:
		return 1.0 - dot / sqrt(aa * bb);
	case VS_DOT:
		return -dot;
	case VS_EUCLIDEAN:
		return sqrt(square);
	default:
		return sum;
	}
}

static uint32_t number_of(const struct vs_record *record)
{
	return (uint32_t)strtoul(record->id + 1, NULL, 10);
}

/* Another namespace of the fixture's store, indexed. */
static void fill(struct fixture *fixture, enum vs_metric metric)
{
	struct vs_namespace_options options = { VS_CREATE, metric, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_error error;

	vs_namespace_close(fixture->ns);
	assert_ok(vs_namespace_open(fixture->store, vs_metric_name(metric), &options, &fixture->ns, &error), error);
	put_many(fixture, 0, SLOTS, DIM);
	index_all(fixture);
}

static void by_query(struct vs_query *query, const float *vector)
{
	*query = (struct vs_query)VS_QUERY;
	query->vector = vector;
	query->dimension = DIM;
}

static void range_holds_all_within_it(struct fixture *fixture, enum vs_metric metric)
{
	struct vs_error error;

	for (uint32_t i = 0; i < 30; i++) {
		double distances[SLOTS], bound;
		struct vs_results results;
		struct vs_query query;
		float vector[DIM], other[DIM];
		uint32_t within = 0, expected;
		query_of(i, vector);
		for (uint32_t n = 0; n < SLOTS; n++) {
			vector_of(n, other);
			distances[n] = distance_of(metric, vector, other);
		}
		by_query(&query, vector);
		query.limit = i % 3 == 0 ? 10 : 200;
		query.has_max_distance = true;
		query.max_distance = (float)(distances[i * 31 % SLOTS] + 0.002); /* that record, and what is nearer */
		bound = (double)query.max_distance;
		for (uint32_t n = 0; n < SLOTS; n++)
			within += distances[n] <= bound;
		expected = within < query.limit ? within : query.limit;
		assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
		assert_int_equal(results.count, expected);
		for (size_t r = 0; r < results.count; r++)
			assert_true(distances[number_of(&results.items[r].record)] <= bound + 1e-5);
		query.offset = expected / 2; /* the offset counts what is within the range */
		assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
		assert_int_equal(results.count, within - query.offset < query.limit ? within - query.offset : query.limit);
	}
}

static void ranges_hold_all_within_them(void **state)
{
	static const enum vs_metric metrics[] = { VS_COSINE, VS_DOT, VS_EUCLIDEAN, VS_MANHATTAN };

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		fill(*state, metrics[i]);
		range_holds_all_within_it(*state, metrics[i]);
	}
}

/* Greedy, in doubles, over the nearest `candidates`. */
static uint32_t diverse(enum vs_metric metric, const float *vector, double diversity, uint32_t candidates,
                        uint32_t *numbers, uint32_t count)
{
	static double distances[SLOTS], nearest[SLOTS];
	static bool taken[SLOTS];
	static uint32_t pool[1000];
	float other[DIM], one[DIM];

	memset(taken, 0, sizeof(taken));
	for (uint32_t n = 0; n < SLOTS; n++) {
		vector_of(n, other);
		distances[n] = distance_of(metric, vector, other);
	}
	for (uint32_t c = 0; c < candidates; c++) {
		uint32_t best = UINT32_MAX;
		for (uint32_t n = 0; n < SLOTS; n++)
			if (!taken[n] && (best == UINT32_MAX || distances[n] < distances[best]))
				best = n;
		taken[best] = true;
		pool[c] = best;
	}
	memset(taken, 0, sizeof(taken));
	for (uint32_t done = 0; done < count; done++) {
		uint32_t best = UINT32_MAX;
		double least = 0;
		for (uint32_t c = 0; c < candidates; c++) {
			uint32_t n = pool[c];
			double cost = done == 0 ? distances[n] : (1 - diversity) * distances[n] - diversity * nearest[n];
			if (!taken[n] && (best == UINT32_MAX || cost < least)) {
				best = n;
				least = cost;
			}
		}
		numbers[done] = best;
		taken[best] = true;
		vector_of(best, one);
		for (uint32_t c = 0; c < candidates; c++) {
			double distance;
			vector_of(pool[c], other);
			distance = distance_of(metric, one, other);
			if (done == 0 || distance < nearest[pool[c]])
				nearest[pool[c]] = distance;
		}
	}
	return count;
}

static void diversity_is_that_of_brute_force(void **state)
{
	static const enum vs_metric metrics[] = { VS_COSINE, VS_DOT, VS_EUCLIDEAN };
	static const float weights[] = { 0.2f, 0.5f, 0.9f, 1.0f };
	struct fixture *fixture = *state;
	struct vs_error error;

	for (size_t m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		fill(fixture, metrics[m]);
		for (uint32_t i = 0; i < 12; i++) {
			struct vs_results results;
			struct vs_query query;
			uint32_t numbers[10], same = 0;
			float vector[DIM];
			query_of(i, vector);
			by_query(&query, vector);
			query.exact = true;
			query.diversity = weights[i % 4];
			query.candidates = 60;
			assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
			assert_int_equal(results.count, diverse(metrics[m], vector, (double)query.diversity, 60, numbers, 10));
			for (uint32_t r = 0; r < 10; r++)
				same += numbers[r] == number_of(&results.items[r].record);
			assert_true(same >= 9); /* float32 may decide a tie otherwise */
			query.offset = 4;
			query.limit = 6;
			assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
			assert_int_equal(results.count, 6);
			assert_true(number_of(&results.items[0].record) == numbers[4] || same < 10);
		}
	}
}

static void diversity_takes_the_nearest_first_and_fills_the_limit(void **state)
{
	struct fixture *fixture = *state;
	struct vs_results results;
	struct vs_error error;
	struct vs_query query;
	float vector[DIM], nearest;

	fill(fixture, VS_COSINE);
	query_of(3, vector);
	by_query(&query, vector);
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	nearest = results.items[0].score;
	query.diversity = 1.0f;
	query.limit = 1000;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 1000);
	assert_true(results.items[0].score >= nearest);
	query.filter = "n < 7"; /* fewer than candidates, and than results */
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 7);
	query.filter = "n < 0";
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 0);
}

static void assert_refused(struct fixture *fixture, const struct vs_query *query, const char *field)
{
	struct vs_results results;
	struct vs_error error;

	assert_int_equal(vs_namespace_search(fixture->ns, query, &results, &error), VS_EINVAL);
	assert_string_equal(error.field, field);
}

static void contradictions_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query, good;
	float vector[DIM];

	put_many(fixture, 0, 10, DIM);
	query_of(1, vector);
	by_query(&good, vector);
	query = good;
	query.has_max_distance = query.has_min_score = true;
	assert_refused(fixture, &query, "max_distance");
	query.has_min_score = false;
	query.max_distance = -0.1f;
	assert_refused(fixture, &query, "max_distance");
	query.max_distance = NAN;
	assert_refused(fixture, &query, "max_distance");
	query = good;
	query.diversity = 1.5f;
	assert_refused(fixture, &query, "diversity");
	query.diversity = NAN;
	assert_refused(fixture, &query, "diversity");
	query.diversity = 0.5f;
	query.candidates = 5;
	assert_refused(fixture, &query, "candidates");
	query.candidates = 1001;
	assert_refused(fixture, &query, "candidates");
	query.candidates = 0;
	query.limit = 1001;
	assert_refused(fixture, &query, "limit");
	query = good;
	query.candidates = 100;
	assert_refused(fixture, &query, "candidates");
}

/* ---- recommendations ------------------------------------------------------------------------------------ */

static struct vs_example by_id(const char *id)
{
	return (struct vs_example){ .id = id, .id_len = strlen(id) };
}

static struct vs_example by_vector(const float *vector, uint32_t dimension)
{
	return (struct vs_example){ .vector = vector, .dimension = dimension };
}

/* Adds a vector's direction. */
static void add_direction(double *sum, const float *vector, double weight)
{
	double square = 0;

	for (int d = 0; d < DIM; d++)
		square += (double)vector[d] * (double)vector[d];
	for (int d = 0; d < DIM; d++)
		sum[d] += weight * (double)vector[d] / sqrt(square);
}

static void recommendations_are_those_of_brute_force(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	float vectors[4][DIM], aim[DIM], other[DIM];

	fill(fixture, VS_COSINE);
	query.exact = true;
	for (uint32_t i = 0; i < 20; i++) {
		double sum[DIM] = { 0 }, worst;
		uint32_t nearer = 0, first = i * 7, second = i * 7 + 50 * (i % 3);
		char ids[3][16];
		for (int v = 0; v < 3; v++)
			snprintf(ids[v], sizeof(ids[v]), "r%u", v == 0 ? first : v == 1 ? second : i + 2001);
		vector_of(first, vectors[0]);
		vector_of(second, vectors[1]);
		vector_of(i + 2001, vectors[2]);
		query_of(i + 5, vectors[3]);
		struct vs_example positive[] = { by_id(ids[0]), by_id(ids[1]), by_vector(vectors[3], DIM) };
		struct vs_example negative[] = { by_id(ids[2]) };
		struct vs_recommendation given = { positive, 3, negative, i % 2 };
		for (int v = 0; v < 4; v++)
			if (v != 2)
				add_direction(sum, vectors[v], (i % 2 ? 2.0 : 1.0) / 3.0);
		if (i % 2)
			add_direction(sum, vectors[2], -1.0);
		for (int d = 0; d < DIM; d++)
			aim[d] = (float)sum[d];
		query.filter = i % 5 == 0 ? "even = true" : NULL;
		assert_ok(vs_namespace_recommend(fixture->ns, &given, &query, &results, &error), error);
		assert_int_equal(results.count, 10);
		for (size_t r = 0; r < results.count; r++) {
			uint32_t n = number_of(&results.items[r].record);
			assert_true(n != first && n != second && (i % 2 == 0 || n != i + 2001));
			assert_true(query.filter == NULL || n % 2 == 0);
		}
		vector_of(number_of(&results.items[9].record), other);
		worst = distance_of(VS_COSINE, aim, other);
		for (uint32_t n = 0; n < SLOTS; n++) {
			vector_of(n, other);
			if (n == first || n == second || (i % 2 && n == i + 2001) || (query.filter != NULL && n % 2 != 0))
				continue;
			nearer += distance_of(VS_COSINE, aim, other) < worst - 1e-6;
		}
		assert_true(nearer <= 9);
	}
}

static void assert_example_refused(struct fixture *fixture, const struct vs_recommendation *given, int code, const char *field)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	assert_int_equal(vs_namespace_recommend(fixture->ns, given, &query, &results, &error), code);
	assert_string_equal(error.field, field);
}

static void bad_examples_are_named(void **state)
{
	static const float zero[DIM], short_one[3] = { 1, 2, 3 };
	struct fixture *fixture = *state;
	struct vs_example good[] = { by_id("r1"), by_id("r2"), by_id("r3") };
	struct vs_example bad[] = { by_id("r1"), by_id("r2"), by_id("nobody") };
	float one[DIM], opposite[DIM];

	put_many(fixture, 0, 100, DIM);
	vector_of(5, one);
	for (int d = 0; d < DIM; d++)
		opposite[d] = -one[d];
	struct vs_example apart[] = { by_vector(one, DIM), by_vector(opposite, DIM) };
	assert_example_refused(fixture, &(struct vs_recommendation){ NULL, 0, good, 3 }, VS_EINVAL, "positive");
	assert_example_refused(fixture, &(struct vs_recommendation){ bad, 3, good, 3 }, VS_ENOTFOUND, "positive[2]");
	assert_example_refused(fixture, &(struct vs_recommendation){ good, 3, bad, 3 }, VS_ENOTFOUND, "negative[2]");
	assert_example_refused(fixture, &(struct vs_recommendation){ apart, 2, NULL, 0 }, VS_EINVAL, "positive");
	bad[1] = by_vector(short_one, 3);
	assert_example_refused(fixture, &(struct vs_recommendation){ bad, 3, NULL, 0 }, VS_EINVAL, "positive[1]");
	bad[1] = by_vector(zero, DIM);
	assert_example_refused(fixture, &(struct vs_recommendation){ bad, 3, NULL, 0 }, VS_EINVAL, "positive[1]");
	bad[1] = (struct vs_example){ .id = NULL };
	assert_example_refused(fixture, &(struct vs_recommendation){ bad, 3, NULL, 0 }, VS_EINVAL, "positive[1]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ranges_hold_all_within_them, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(diversity_is_that_of_brute_force, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(diversity_takes_the_nearest_first_and_fills_the_limit, fixture_setup,
		                                fixture_teardown),
		cmocka_unit_test_setup_teardown(contradictions_are_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(recommendations_are_those_of_brute_force, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_examples_are_named, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

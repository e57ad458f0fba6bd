/* SPDX-License-Identifier: Apache-2.0 */
/* Groups against brute force: as many as there are, and in each the best. */
#include "engine_fixture.h"

#define DIM 8
#define SLOTS 6000
#define KINDS 40

/* One number, so that distances are told at once: under euclidean, |a - b|. */
static float place_of(uint32_t number)
{
	uint64_t seed = number + 5;

	return 100.0f * noise(&seed);
}

/* What record `number` has: strings, numbers written in two ways, booleans, and values that make no group. Kind 0 is
 * half of all, each next half as many, down to one record in thousands. */
static const char *value_of(uint32_t number, char *text)
{
	uint32_t kind = (uint32_t)__builtin_ctz(number + 1);

	switch (kind) {
	case 0:
		return number % 6 == 0 ? "2" : "2.0";
	case 1:
		return "\"a \\\"b\\\" \\u00e9\"";
	case 2:
		return number % 3 == 0 ? "null" : number % 3 == 1 ? "[1]" : "{\"x\":1}";
	case 3:
		return "true";
	case 4:
		return "0.1";
	default:
		snprintf(text, 16, "\"k%u\"", kind);
		return text;
	}
}

static void put_grouped(struct fixture *fixture, uint32_t count)
{
	struct vs_namespace_options options = { VS_CREATE, VS_EUCLIDEAN, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	enum { BATCH = 1000 };
	static char ids[BATCH][16], metadata[BATCH][96];
	static float vectors[BATCH][DIM];
	static struct vs_record_input records[BATCH];
	struct vs_upsert_result result;
	struct vs_error error;
	char text[16];

	vs_namespace_close(fixture->ns);
	assert_ok(vs_namespace_open(fixture->store, "grouped", &options, &fixture->ns, &error), error);
	for (uint32_t from = 0; from < count; from += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++) {
			vectors[i][0] = place_of(from + i);
			snprintf(ids[i], sizeof(ids[i]), "r%u", from + i);
			snprintf(metadata[i], sizeof(metadata[i]), "{\"n\":%u,\"o\":{\"kind\":%s}}", from + i, value_of(from + i, text));
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = strlen(ids[i]),
				                                   .vector = vectors[i],
				                                   .dimension = DIM,
				                                   .metadata = metadata[i],
				                                   .metadata_len = strlen(metadata[i]) };
		}
		assert_ok(vs_namespace_upsert(fixture->ns, records, BATCH, NULL, &result, &error), error);
	}
}

struct expected {
	const char *value; /* of the kind */
	float distances[100]; /* best first */
	uint32_t count, total;
};

static uint32_t group_of(uint32_t number)
{
	return (uint32_t)__builtin_ctz(number + 1);
}

/* By kind. Returns how many groups there are. */
static uint32_t brute_force(float place, uint32_t least, uint32_t size, struct expected *kinds)
{
	uint32_t groups = 0;

	memset(kinds, 0, KINDS * sizeof(*kinds));
	for (uint32_t n = least; n < SLOTS; n++) {
		struct expected *kind = &kinds[group_of(n)];
		float distance = __builtin_fabsf(place_of(n) - place);
		uint32_t i;
		if (group_of(n) == 2)
			continue;
		groups += kind->total++ == 0;
		if (kind->count == size && distance >= kind->distances[size - 1])
			continue;
		for (i = kind->count < size ? kind->count++ : size - 1; i > 0 && kind->distances[i - 1] > distance; i--)
			kind->distances[i] = kind->distances[i - 1];
		kind->distances[i] = distance;
	}
	return groups;
}

static void assert_groups(struct fixture *fixture, float place, uint32_t groups, uint32_t size, uint32_t least, bool exact)
{
	struct vs_grouping grouping = { "o.kind", groups, size };
	static struct expected kinds[KINDS];
	struct vs_query query = VS_QUERY;
	struct vs_groups answer;
	struct vs_error error;
	float vector[DIM] = { place }, before = -1.0f;
	uint32_t there = brute_force(place, least, size, kinds);
	char filter[32];

	snprintf(filter, sizeof(filter), "n >= %u", least);
	query.vector = vector;
	query.dimension = DIM;
	query.exact = exact;
	query.filter = least > 0 ? filter : NULL;
	assert_ok(vs_namespace_search_groups(fixture->ns, &query, &grouping, &answer, &error), error);
	assert_int_equal(answer.count, there < groups ? there : groups);
	for (size_t g = 0; g < answer.count; g++) {
		const struct vs_group *group = &answer.items[g];
		uint32_t kind = group_of((uint32_t)strtoul(group->items[0].record.id + 1, NULL, 10));
		assert_int_equal(group->count, kinds[kind].count);
		assert_true(group->items[0].score >= before);
		before = group->items[0].score;
		for (size_t i = 0; i < group->count; i++) {
			float difference = group->items[i].score - kinds[kind].distances[i];
			assert_int_equal(group_of((uint32_t)strtoul(group->items[i].record.id + 1, NULL, 10)), kind);
			assert_true(!exact || (difference < 1e-3f && difference > -1e-3f));
		}
	}
	if (exact && answer.count < there) /* no group that was left out begins nearer */
		for (uint32_t kind = 0; kind < KINDS; kind++) {
			bool found = false;
			for (size_t g = 0; g < answer.count; g++)
				found = found || group_of((uint32_t)strtoul(answer.items[g].items[0].record.id + 1, NULL, 10)) == kind;
			assert_true(found || kinds[kind].count == 0 || kinds[kind].distances[0] >= before - 1e-3f);
		}
}

static void groups_are_those_of_brute_force(void **state)
{
	static const uint32_t sizes[] = { 1, 3, 100 };
	struct fixture *fixture = *state;

	put_grouped(fixture, SLOTS);
	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < 9; i++) {
			float place = (float)i * 20.0f - 80.0f;
			assert_groups(fixture, place, i % 2 ? 3 : 20, sizes[i % 3], 0, pass == 0 || i % 4 == 0);
			assert_groups(fixture, place, 20, sizes[i % 3], i * 700, false);
		}
		index_all(fixture); /* then through graph and columns */
	}
}

static void values_come_back_as_json(void **state)
{
	struct fixture *fixture = *state;
	struct vs_grouping grouping = { "o.kind", 3, 1 };
	struct vs_query query = VS_QUERY;
	struct vs_groups answer;
	struct vs_error error;
	float vector[DIM] = { 1.0f };
	unsigned seen = 0;

	put_grouped(fixture, SLOTS);
	query.vector = vector;
	query.dimension = DIM;
	query.with_metadata = false;
	query.filter = "n < 32";
	grouping.groups = 20;
	assert_ok(vs_namespace_search_groups(fixture->ns, &query, &grouping, &answer, &error), error);
	for (size_t g = 0; g < answer.count; g++) {
		const char *value = answer.items[g].value;
		seen += strcmp(value, "2") == 0 || strcmp(value, "true") == 0 || strcmp(value, "0.1") == 0 ||
		        strcmp(value, "\"a \\\"b\\\" \xc3\xa9\"") == 0 || strcmp(value, "\"k5\"") == 0;
		assert_string_equal(answer.items[g].items[0].record.metadata, "");
	}
	assert_int_equal(seen, 5);
	assert_int_equal(answer.count, 5);
	query.id = NULL;
	query.filter = "n < 0";
	assert_ok(vs_namespace_search_groups(fixture->ns, &query, &grouping, &answer, &error), error);
	assert_int_equal(answer.count, 0);
}

static void bad_groupings_are_refused(void **state)
{
	static const struct {
		struct vs_grouping grouping;
		const char *field;
	} cases[] = {
		{ { "", 1, 1 }, "group_by" },        { { "a = 1 OR b", 1, 1 }, "group_by" }, { { "@id", 1, 1 }, "group_by" },
		{ { "a..b", 1, 1 }, "group_by" },    { { "a", 0, 1 }, "groups" },            { { "a", 1001, 1 }, "groups" },
		{ { "a", 1, 0 }, "group_size" },     { { "a", 1, 101 }, "group_size" },      { { "a", 1000, 100 }, "group_size" },
	};
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_groups answer;
	struct vs_error error;
	float vector[DIM] = { 1.0f };

	query.vector = vector;
	query.dimension = DIM;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(vs_namespace_search_groups(fixture->ns, &query, &cases[i].grouping, &answer, &error), VS_EINVAL);
		assert_string_equal(error.field, cases[i].field);
	}
	query.offset = 1;
	assert_int_equal(vs_namespace_search_groups(fixture->ns, &query, &(struct vs_grouping){ "a", 1, 1 }, &answer, &error),
	                 VS_EINVAL);
	assert_string_equal(error.field, "offset");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(groups_are_those_of_brute_force, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(values_come_back_as_json, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_groupings_are_refused, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

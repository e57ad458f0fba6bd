/* SPDX-License-Identifier: Apache-2.0 */
/* Counts and facets; what a facet counts is compared with what filters find. */
#include "engine_fixture.h"

static void put_record(struct fixture *fixture, unsigned number, const char *metadata)
{
	const float vector[2] = { 1, (float)number };
	struct vs_error error;
	char id[16];

	snprintf(id, sizeof(id), "r%u", number);
	assert_ok(put(fixture, id, vector, 2, metadata, &error), error);
}

/* Every kind of value, in fields with and without a column. */
static void put_kinds(struct fixture *fixture, unsigned from, unsigned count)
{
	static const char *const mixed[] = { "1",     "1.0",      "\"1\"", "true", "null", "2.5", "[1, \"x\\u0041\", 1, {\"y\":2}]",
		                                 "{\"q\":1}", "\"xA\"", "[]",   "-0.0", "0",    "1e3", "\"\\u00e9\"" };
	static char ids[500][16], metadata[500][200];
	static float vectors[500][2];
	struct vs_record_input records[500];
	struct vs_upsert_result result;
	struct vs_error error;

	for (unsigned i = 0; i < count; i++) {
		unsigned n = from + i;
		snprintf(ids[i], sizeof(ids[i]), "r%u", n);
		snprintf(metadata[i], sizeof(metadata[i]), "{\"n\":%u,\"kind\":\"k%u\",%s%s%s\"o\":{\"deep\":%s},\"7\":%u}", n, n % 5,
		         n % 3 == 0 ? "" : "\"mixed\":", n % 3 == 0 ? "" : mixed[n % 14], n % 3 == 0 ? "" : ",",
		         n % 2 ? "true" : "false", n % 4);
		vectors[i][0] = 1;
		vectors[i][1] = (float)n;
		records[i] = (struct vs_record_input){ .id = ids[i],
			                                   .id_len = strlen(ids[i]),
			                                   .vector = vectors[i],
			                                   .dimension = 2,
			                                   .metadata = metadata[i],
			                                   .metadata_len = strlen(metadata[i]) };
	}
	assert_ok(vs_namespace_upsert(fixture->ns, records, count, NULL, &result, &error), error);
}

static uint64_t count_of(struct fixture *fixture, const char *filter)
{
	struct vs_error error;
	uint64_t count;

	assert_ok(vs_namespace_count(fixture->ns, filter, &count, &error), error);
	return count;
}

static void literal(const struct vs_facet_value *value, char *text, size_t cap)
{
	switch (value->kind) {
	case VS_FACET_NULL:
		snprintf(text, cap, "null");
		break;
	case VS_FACET_BOOLEAN:
		snprintf(text, cap, value->boolean ? "true" : "false");
		break;
	case VS_FACET_INTEGER:
		snprintf(text, cap, "%lld", (long long)value->integer);
		break;
	case VS_FACET_REAL:
		snprintf(text, cap, "%.17g", value->real);
		break;
	case VS_FACET_TEXT:
		snprintf(text, cap, "'%s'", value->text);
		break;
	}
}

/* Each value's count is what a filter for it finds; they come in order. */
static size_t compare(struct fixture *fixture, const char *field, const char *filter)
{
	struct vs_facet facet;
	struct vs_error error;
	struct {
		char value[40];
		uint64_t count;
	} *found;
	size_t count;

	assert_ok(vs_namespace_facet(fixture->ns, field, filter, 10000, &facet, &error), error);
	found = calloc(facet.count + 1, sizeof(*found));
	count = facet.count;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			assert_true(facet.values[i].count <= facet.values[i - 1].count);
		literal(&facet.values[i], found[i].value, sizeof(found[i].value));
		found[i].count = facet.values[i].count;
	}
	for (size_t i = 0; i < count; i++) {
		char text[300];
		uint64_t wanted;
		snprintf(text, sizeof(text), "(%s = %s OR %s CONTAINS %s) AND (%s)", field, found[i].value, field, found[i].value,
		         filter != NULL ? filter : "n >= 0");
		if (strcmp(found[i].value, "null") == 0)
			continue;
		if (found[i].value[0] == '\'') /* CONTAINS finds parts of texts too */
			snprintf(text, sizeof(text), "%s = %s AND (%s)", field, found[i].value, filter != NULL ? filter : "n >= 0");
		wanted = count_of(fixture, text);
		if (found[i].value[0] == '\'' && strcmp(field, "mixed") == 0)
			assert_true(found[i].count >= wanted);
		else if (found[i].count != wanted)
			fail_msg("%s: %llu, not %llu", text, (unsigned long long)found[i].count, (unsigned long long)wanted);
	}
	free(found);
	return count;
}

static void compare_all(struct fixture *fixture)
{
	static const char *const filters[] = { NULL, "n < 100", "kind = 'k3'", "n > 1000000", "n IN [3, 4, 2001]" };

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		compare(fixture, "mixed", filters[i]);
		compare(fixture, "kind", filters[i]);
		compare(fixture, "o.deep", filters[i]);
		compare(fixture, "`7`", filters[i]);
		assert_int_equal(compare(fixture, "nothing.here", filters[i]), 0);
		assert_int_equal(compare(fixture, "o", filters[i]), 0);
	}
	assert_int_equal(compare(fixture, "kind", NULL), 5);
	assert_int_equal(compare(fixture, "o.deep", NULL), 2);
	assert_int_equal(compare(fixture, "`7`", NULL), 4);
}

static void facets_count_what_filters_find(void **state)
{
	struct fixture *fixture = *state;
	struct vs_error error;
	size_t done;

	for (unsigned i = 0; i < 6; i++)
		put_kinds(fixture, i * 450, 450);
	compare_all(fixture); /* rows alone */
	index_all(fixture);
	compare_all(fixture); /* two blocks of columns and rows */
	assert_ok(vs_namespace_remove_where(fixture->ns, "n BETWEEN 900 AND 1100", &done, &error), error);
	drop(fixture, VS_SOFT_DELETE, "r5");
	put_kinds(fixture, 300, 400); /* new slots */
	put_record(fixture, 4, "{\"n\":4,\"kind\":\"k0\",\"o\":{\"deep\":true},\"7\":1}");
	compare_all(fixture);
	index_all(fixture);
	compare_all(fixture);
}

static const char *const elements[] = { "\"e0\"", "\"e\\u0031\"", "2.0", "true", "null", "{\"x\":1}" };

/* Lists of some of the elements, some of them twice; every 7th too long for a column, every 11th an element by itself. */
static void put_list(struct fixture *fixture, unsigned n, uint64_t counts[6])
{
	unsigned chosen = n % 11 == 0 ? 1U << n % 6 : n * 2654435761U >> 26;
	char metadata[500] = "{\"list\":[";
	char *at = metadata + strlen(metadata) - (n % 11 == 0);

	if (n % 11 != 0 && n % 7 == 0)
		at += sprintf(at, "\"%0300u\",", n);
	for (unsigned i = 0; i < 6; i++) {
		if (!(chosen >> i & 1))
			continue;
		at += sprintf(at, "%s,", elements[i]);
		if (n % 11 != 0 && n % 2 == 0)
			at += sprintf(at, "%s,", elements[i]);
		counts[i]++;
	}
	at -= at[-1] == ',';
	sprintf(at, n % 11 == 0 ? "}" : "]}");
	put_record(fixture, n, metadata);
}

static void compare_lists(struct fixture *fixture, const uint64_t counts[6])
{
	struct vs_facet facet;
	struct vs_error error;
	unsigned found = 0;

	assert_ok(vs_namespace_facet(fixture->ns, "list", NULL, 10000, &facet, &error), error);
	for (size_t i = 0; i < facet.count; i++) {
		static const char *const literals[] = { "'e0'", "'e1'", "2", "true", "null" };
		char text[400];
		literal(&facet.values[i], text, sizeof(text));
		for (unsigned e = 0; e < 5; e++)
			if (strcmp(text, literals[e]) == 0) {
				assert_int_equal(facet.values[i].count, counts[e]);
				found++;
			}
	}
	assert_int_equal(found, 5);
	assert_int_equal(count_of(fixture, "list CONTAINS 'e1'"), counts[1]);
	assert_int_equal(count_of(fixture, "list CONTAINS 2 OR list = 2"), counts[2]);
}

static void elements_of_arrays_are_counted_once(void **state)
{
	struct fixture *fixture = *state;
	uint64_t counts[6] = { 0 };

	for (unsigned n = 0; n < 2500; n++)
		put_list(fixture, n, counts);
	compare_lists(fixture, counts);
	index_all(fixture);
	compare_lists(fixture, counts);
}

/* The array has code 2; the one that is asked of its row is in slot 2. */
static void a_slot_is_no_code(void **state)
{
	struct fixture *fixture = *state;
	struct vs_facet facet;
	struct vs_error error;
	char metadata[400];

	snprintf(metadata, sizeof(metadata), "{\"list\":[7,\"%0300u\"]}", 0);
	for (unsigned n = 0; n < 1024; n++)
		put_record(fixture, n, n < 2 ? "{}" : n == 2 ? metadata : "{\"list\":[7]}");
	index_all(fixture);
	assert_ok(vs_namespace_facet(fixture->ns, "list", NULL, 1, &facet, &error), error);
	assert_int_equal(facet.values[0].integer, 7);
	assert_int_equal(facet.values[0].count, 1022);
}

static void equal_numbers_are_one_value(void **state)
{
	struct fixture *fixture = *state;
	struct vs_facet facet;
	struct vs_error error;

	put_record(fixture, 0, "{\"x\":2}");
	put_record(fixture, 1, "{\"x\":2.0}");
	put_record(fixture, 2, "{\"x\":[2,2e0,\"2\"]}");
	put_record(fixture, 3, "{\"x\":null}");
	put_record(fixture, 4, "{\"x\":9007199254740993}");
	put_record(fixture, 5, "{\"x\":1e300}");
	assert_ok(vs_namespace_facet(fixture->ns, "x", NULL, 10, &facet, &error), error);
	assert_int_equal(facet.count, 5);
	assert_int_equal(facet.values[0].kind, VS_FACET_INTEGER);
	assert_int_equal(facet.values[0].integer, 2);
	assert_int_equal(facet.values[0].count, 3);
	assert_int_equal(facet.values[1].kind, VS_FACET_NULL);
	assert_int_equal(facet.values[2].integer, 9007199254740993);
	assert_int_equal(facet.values[3].kind, VS_FACET_REAL);
	assert_string_equal(facet.values[4].text, "2");
	assert_ok(vs_namespace_facet(fixture->ns, "x", NULL, 1, &facet, &error), error);
	assert_int_equal(facet.count, 1);
	assert_int_equal(facet.values[0].integer, 2);
}

static void the_most_frequent_come_first(void **state)
{
	struct fixture *fixture = *state;
	struct vs_facet facet;
	struct vs_error error;
	char metadata[40];

	for (unsigned i = 0; i < 300; i++) {
		snprintf(metadata, sizeof(metadata), "{\"x\":%u}", i * i % 17);
		put_record(fixture, i, metadata);
	}
	for (size_t limit = 1; limit < 12; limit++) {
		assert_ok(vs_namespace_facet(fixture->ns, "x", NULL, limit, &facet, &error), error);
		assert_int_equal(facet.count, limit < 9 ? limit : 9);
		for (size_t i = 1; i < facet.count; i++)
			assert_true(facet.values[i - 1].count > facet.values[i].count ||
			            (facet.values[i - 1].count == facet.values[i].count &&
			             facet.values[i - 1].integer < facet.values[i].integer));
	}
	assert_int_equal(facet.values[8].integer, 0);
}

static void bad_fields_are_refused(void **state)
{
	struct fixture *fixture = *state;
	static const char *const bad[] = { "", "@id", "@version", "a b", "a = 1 OR b", "NOT a", "(a)", "a.", "`a", "a,b", "a IS NULL AND b" };
	struct vs_facet facet;
	struct vs_error error;
	uint64_t count;

	put_record(fixture, 0, "{\"a\":1}");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(vs_namespace_facet(fixture->ns, bad[i], NULL, 10, &facet, &error), VS_EINVAL);
		assert_string_equal(error.field, "field");
	}
	assert_int_equal(vs_namespace_facet(fixture->ns, "a", "a =", 10, &facet, &error), VS_EINVAL);
	assert_string_equal(error.field, "filter");
	assert_int_equal(vs_namespace_count(fixture->ns, "a =", &count, &error), VS_EINVAL);
	assert_int_equal(count_of(fixture, NULL), 1);
	assert_int_equal(count_of(fixture, "a = 2"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(facets_count_what_filters_find, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(elements_of_arrays_are_counted_once, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_slot_is_no_code, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(equal_numbers_are_one_value, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_most_frequent_come_first, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_fields_are_refused, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

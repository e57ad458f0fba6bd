/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of records, and some fields of their metadata. */
#include "engine_fixture.h"

#include "engine/project.h"

#define MOST 4000

struct seen {
	char ids[MOST][12];
	size_t count;
	size_t bytes;
};

static void see(void *context, const struct vs_record *record)
{
	struct seen *seen = context;

	assert_true(seen->count < MOST);
	snprintf(seen->ids[seen->count++], sizeof(seen->ids[0]), "%s", record->id);
	seen->bytes += record->metadata_len;
	assert_non_null(record->vector);
}

static bool next_page(struct fixture *fixture, struct vs_page_options *options, struct seen *seen)
{
	struct vs_error error;
	bool more;

	options->with_vector = true;
	options->after = seen->count > 0 ? seen->ids[seen->count - 1] : NULL;
	options->after_len = seen->count > 0 ? strlen(options->after) : 0;
	assert_ok(vs_record_page(fixture->ns, options, see, seen, &more, &error), error);
	return more;
}

static struct seen *all_pages(struct fixture *fixture, const char *filter, size_t limit)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	struct vs_page_options options = { .filter = filter, .limit = limit };
	size_t before = 0;

	while (next_page(fixture, &options, seen)) {
		assert_int_equal(seen->count - before, limit);
		before = seen->count;
	}
	for (size_t i = 1; i < seen->count; i++)
		assert_true(strcmp(seen->ids[i - 1], seen->ids[i]) < 0);
	return seen;
}

/* Many matches are walked to, few are fetched: the pages are the same. */
static void both_ways_find_the_same(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *filter;
		size_t count;
	} cases[] = {
		{ NULL, 2999 },         { "n < 3", 2 },      { "n >= 2995", 5 },  { "n < 40", 39 },
		{ "even = true", 1499 }, { "n = 100000", 0 }, { "n >= 1000", 2000 }, { "n = 17 OR n = 2001", 2 },
	};

	put_many(fixture, 0, 3000, 3);
	drop(fixture, VS_SOFT_DELETE, "r0");
	index_all(fixture);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t limit = 1; limit < 5000; limit *= 7) {
			if (limit == 1 && cases[i].count > 100)
				continue;
			struct seen *seen = all_pages(fixture, cases[i].filter, limit);
			assert_int_equal(seen->count, cases[i].count);
			free(seen);
		}
	}
}

static void hidden_records_are_paged_when_asked_for(void **state)
{
	struct fixture *fixture = *state;
	struct vs_page_options options = { .limit = 100, .with_deleted = true };
	struct seen *seen = calloc(1, sizeof(*seen));

	put_many(fixture, 0, 50, 3);
	drop(fixture, VS_SOFT_DELETE, "r7");
	drop(fixture, VS_DELETE, "r8");
	assert_false(next_page(fixture, &options, seen));
	assert_int_equal(seen->count, 49);
	seen->count = 0;
	options.filter = "n = 7 OR n = 8 OR n = 9";
	assert_false(next_page(fixture, &options, seen));
	assert_int_equal(seen->count, 2);
	free(seen);
}

/* What is there all the time is in exactly one page, whatever happens between pages. */
static void writes_between_pages_do_no_harm(void **state)
{
	struct fixture *fixture = *state;
	struct vs_page_options options = { .limit = 10 };
	struct seen *seen = calloc(1, sizeof(*seen));
	uint64_t seed = 4;
	unsigned found[400] = { 0 };
	bool more = true;

	put_many(fixture, 0, 400, 3);
	while (more) {
		more = next_page(fixture, &options, seen);
		for (int i = 0; i < 8; i++) {
			uint32_t number = (uint32_t)((noise(&seed) + 1) * 200) % 400;
			char id[16];
			snprintf(id, sizeof(id), "r%u", number);
			if (number % 4 == 0) /* of these some come and go */
				drop(fixture, VS_DELETE, id);
			else /* a new slot under the same id */
				put_many(fixture, number, 1, 3);
		}
		put_many(fixture, 1000 + (uint32_t)seen->count, 5, 3);
	}
	for (size_t i = 0; i < seen->count; i++)
		if (strtoul(seen->ids[i] + 1, NULL, 10) < 400)
			found[strtoul(seen->ids[i] + 1, NULL, 10)]++;
	for (unsigned i = 0; i < 400; i++)
		assert_true(i % 4 == 0 ? found[i] <= 1 : found[i] == 1);
	free(seen);
}

static void a_page_ends_at_its_bytes(void **state)
{
	struct fixture *fixture = *state;
	struct vs_page_options options = { .limit = 100, .bytes = 200 };
	struct seen *seen = calloc(1, sizeof(*seen));
	size_t pages = 1;

	put_many(fixture, 0, 50, 3);
	while (next_page(fixture, &options, seen))
		pages++;
	assert_int_equal(seen->count, 50);
	assert_true(pages > 5 && pages < 25);
	options.bytes = 1; /* one at least */
	seen->count = 0;
	assert_true(next_page(fixture, &options, seen));
	assert_int_equal(seen->count, 1);
	free(seen);
}

static void bad_pages_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct vs_page_options options = { .limit = 0 };
	struct vs_error error;
	bool more;

	assert_int_equal(vs_record_page(fixture->ns, &options, see, NULL, &more, &error), VS_EINVAL);
	assert_string_equal(error.field, "limit");
	options.limit = 1;
	options.filter = "n =";
	assert_int_equal(vs_record_page(fixture->ns, &options, see, NULL, &more, &error), VS_EINVAL);
	assert_string_equal(error.field, "filter");
}

static void assert_projected(const char *fields, const char *metadata, const char *wanted)
{
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_buf out = VS_BUF_INIT;
	const struct vs_projection *projection;
	struct vs_error error;

	assert_ok(vs_projection_parse(fields, strlen(fields), &arena, &projection, &error), error);
	assert_ok(vs_projection_apply(projection, metadata, strlen(metadata), &out, &error), error);
	assert_string_equal(out.data, wanted);
	vs_buf_release(&out);
	vs_arena_release(&arena);
}

static void projections_keep_what_is_named(void **state)
{
	static const char metadata[] = "{ \"a\" : 1, \"o\":{\"x\":1.50,\"y\":{\"z\":[1, 2]}},\"\\u00e9\":2,\"a.b\":3,\"\":4,\"o2\":{}}";

	(void)state;
	assert_projected("a", metadata, "{\"a\":1}");
	assert_projected("o2,a", metadata, "{\"a\":1,\"o2\":{}}");
	assert_projected("o.x", metadata, "{\"o\":{\"x\":1.50}}");
	assert_projected("o.y.z,a", metadata, "{\"a\":1,\"o\":{\"y\":{\"z\":[1, 2]}}}");
	assert_projected("o.x,o", metadata, "{\"o\":{\"x\":1.50,\"y\":{\"z\":[1, 2]}}}");
	assert_projected("o.q,a.b,none,o2.x", metadata, "{}");
	assert_projected("`a.b`,\xc3\xa9,``", metadata, "{\"\\u00e9\":2,\"a.b\":3,\"\":4}");
}

static void bad_projections_are_refused_by_position(void **state)
{
	static const struct {
		const char *fields;
		int64_t position;
	} bad[] = { { "", 0 }, { ",", 0 }, { "a,", 2 }, { "a..b", 2 }, { ".a", 0 }, { "a.", 2 }, { "`a", 0 }, { "a`b`", 1 }, { "`a`b", 3 } };
	struct vs_arena arena = VS_ARENA_INIT;
	const struct vs_projection *projection;
	struct vs_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(vs_projection_parse(bad[i].fields, strlen(bad[i].fields), &arena, &projection, &error), VS_EINVAL);
		assert_string_equal(error.field, "fields");
		assert_int_equal(error.position, bad[i].position);
	}
	vs_arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ways_find_the_same, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(hidden_records_are_paged_when_asked_for, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(writes_between_pages_do_no_harm, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_page_ends_at_its_bytes, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_pages_are_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test(projections_keep_what_is_named),
		cmocka_unit_test(bad_projections_are_refused_by_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

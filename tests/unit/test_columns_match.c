/* SPDX-License-Identifier: Apache-2.0 */
/* Filters over columns: bit for bit what they are over the records' rows, whatever is in the metadata or the files. */
#include "engine_fixture.h"

#include <unistd.h>

#include "engine/columns_fill.h"
#include "engine/matches.h"
#include "engine/namespace.h"

struct random {
	uint64_t seed;
	char *at;
};

static unsigned pick(struct random *random, unsigned below)
{
	random->seed = random->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(random->seed >> 33) % below;
}

static void say(struct random *random, const char *text)
{
	size_t len = strlen(text);

	memcpy(random->at, text, len + 1);
	random->at += len;
}

#define SAY_ONE(random, list) say(random, (list)[pick(random, sizeof(list) / sizeof((list)[0]))])

/* ---- random records ------------------------------------------------------------------------------------- */

static void say_value(struct random *random, unsigned depth)
{
	static const char *const values[] = {
		"0", "1", "2", "3", "-1", "1.0", "2.5", "-0.0", "1e2", "9007199254740993", "9007199254740992.0", "1e999",
		"9223372036854775807", "18446744073709551615", "true", "false", "null", "\"\"", "\"a\"", "\"ab\"", "\"abc\"",
		"\"b\"", "\"\\u00e9\"", "\"é\"", "\"q\\\"\\n\"", "\"1\"", "\"x\\u0000y\"", "[]", "[1,\"a\",{\"x\":1}]", "[2, 3]", "{}",
	};
	static const char *const names[][2] = { { "\"x\":", "\"\\u0078\":" }, { "\"y\":", "\"y\" :" }, { "\"1\":", "\"1\":" } };

	if (depth > 0 && pick(random, 4) == 0) {
		say(random, "{");
		for (unsigned i = 0, said = 0; i < 3; i++) {
			if (pick(random, 2) == 0)
				continue;
			say(random, said++ > 0 ? "," : "");
			SAY_ONE(random, names[i]);
			say_value(random, depth - 1);
		}
		say(random, "}");
	} else if (pick(random, 60) == 0) {
		say(random, "\"");
		for (unsigned i = 0; i < 300; i++)
			say(random, "l");
		say(random, "\"");
	} else {
		SAY_ONE(random, values);
	}
}

static void say_metadata(struct random *random, uint32_t number)
{
	static const char *const names[] = { "\"a\":", "\"b\":", "\"s\":", "\"1\":", "\"\":", "\"\\u00e9 f\":" };

	say(random, "{\"n\":");
	random->at += sprintf(random->at, "%u", number);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (pick(random, 2) == 0)
			continue;
		say(random, ",");
		say(random, names[i]);
		say_value(random, 2);
	}
	if (number > 2500 && number % 3 == 0) { /* a field that comes late */
		say(random, ", \"late\" : ");
		say_value(random, 1);
	}
	say(random, "}");
}

static void put_random(struct fixture *fixture, struct random *random, uint32_t first, uint32_t count)
{
	static char ids[200][16], metadata[200][4096];
	static const float vector[] = { 1, 2 };
	struct vs_record_input records[200];
	struct vs_upsert_result result;
	struct vs_error error;

	for (uint32_t done = 0, n; done < count; done += n) {
		n = count - done < 200 ? count - done : 200;
		for (uint32_t i = 0; i < n; i++) {
			snprintf(ids[i], sizeof(ids[i]), "r%u", first + done + i);
			random->at = metadata[i];
			say_metadata(random, first + done + i);
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = strlen(ids[i]),
				                                   .vector = vector,
				                                   .dimension = 2,
				                                   .metadata = metadata[i],
				                                   .metadata_len = strlen(metadata[i]) };
		}
		assert_ok(vs_namespace_upsert(fixture->ns, records, n, NULL, &result, &error), error);
	}
}

/* ---- random filters ------------------------------------------------------------------------------------- */

static void say_test(struct random *random)
{
	static const char *const fields[] = { "a", "a", "b", "s", "s.x", "s.x", "s.y", "s.x.y", "s.1", "a.1", "a.0", "late",
		                                  "late.x", "`1`", "``", "`é f`", "nowhere", "n", "n" };
	static const char *const ops[] = { " = ", " != ", " < ", " <= ", " > ", " >= " };
	static const char *const values[] = { "0", "1", "2", "-1", "2.5", "100", "9007199254740993", "9007199254740992.0", "1e308",
		                                  "TRUE", "FALSE", "NULL", "''", "'a'", "'ab'", "'b'", "'é'", "'q\"\\n'", "'1'" };
	static const char *const own[] = { "@version = 1", "@version > 1", "@id < 'r2'", "@id STARTSWITH 'r1'" };
	unsigned kind = pick(random, 12);

	if (kind == 0) {
		SAY_ONE(random, own);
		return;
	}
	SAY_ONE(random, fields);
	if (kind == 1) {
		say(random, pick(random, 2) ? " IS NULL" : " IS NOT NULL");
	} else if (kind == 2 || kind == 3) {
		say(random, kind == 2 ? " IN [" : " NOT IN [");
		for (unsigned i = 0, count = pick(random, 5); i < count; i++) {
			say(random, i > 0 ? "," : "");
			SAY_ONE(random, values);
		}
		say(random, "]");
	} else if (kind == 4) {
		say(random, " CONTAINS ");
		SAY_ONE(random, values);
	} else if (kind == 5) {
		say(random, pick(random, 2) ? " STARTSWITH 'a'" : " STARTSWITH ''");
	} else if (kind == 6) {
		say(random, " BETWEEN ");
		SAY_ONE(random, values);
		say(random, " AND ");
		SAY_ONE(random, values);
	} else if (kind == 7) {
		say(random, " >= ");
		random->at += sprintf(random->at, "%u", pick(random, 4000));
	} else {
		SAY_ONE(random, ops);
		SAY_ONE(random, values);
	}
}

static void say_tree(struct random *random, unsigned depth)
{
	unsigned kind = depth == 0 ? 0 : pick(random, 4);

	if (kind == 0) {
		say_test(random);
	} else if (kind == 1) {
		say(random, "NOT (");
		say_tree(random, depth - 1);
		say(random, ")");
	} else {
		for (unsigned i = 0, count = 2 + pick(random, 2); i < count; i++) {
			say(random, i == 0 ? "(" : kind == 2 ? " AND (" : " OR (");
			say_tree(random, depth - 1);
			say(random, ")");
		}
	}
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

/* Of slots that hold a live record: what matches with columns and without. */
static void compare(struct fixture *fixture, struct vs_matches *with, struct vs_matches *without, const char *filter)
{
	struct vs_generation *generation = &fixture->ns->generation;
	const struct vs_bitmap *a, *b;
	struct vs_meta_state state;
	struct vs_error error;

	assert_ok(vs_namespace_begin(fixture->ns, &state, &error), error);
	with->columns = generation->columns;
	assert_ok(vs_matches_find(with, generation->meta, &state, filter, &a, &error), error);
	assert_ok(vs_matches_find(without, generation->meta, &state, filter, &b, &error), error);
	assert_int_equal(a->len, state.next_slot);
	assert_int_equal(b->len, state.next_slot);
	for (uint32_t slot = 0; slot < state.next_slot; slot++)
		if (vs_bitmap_test(&generation->live, slot) && vs_bitmap_test(a, slot) != vs_bitmap_test(b, slot))
			fail_msg("%s: slot %u is %d by columns, %d by its row", filter, slot, vs_bitmap_test(a, slot),
			         vs_bitmap_test(b, slot));
	vs_namespace_end(fixture->ns);
}

static void compare_many(struct fixture *fixture, struct random *random, unsigned rounds)
{
	static char filter[65536];

	for (unsigned round = 0; round < rounds; round++) {
		struct vs_matches with = { .uses = 0 }, without = { .uses = 0 };
		random->at = filter;
		say_tree(random, 3);
		compare(fixture, &with, &without, filter);
		vs_matches_release(&with);
		vs_matches_release(&without);
	}
}

static void columns_say_what_rows_say(void **state)
{
	struct fixture *fixture = *state;
	struct random random = { .seed = 5 };

	put_random(fixture, &random, 0, 4000);
	for (uint32_t i = 0; i < 300; i++) { /* some records move on, are gone, or come back */
		char id[16];
		snprintf(id, sizeof(id), "r%u", pick(&random, 4000));
		drop(fixture, i % 3 == 0 ? VS_DELETE : VS_SOFT_DELETE, id);
	}
	put_random(fixture, &random, 1000, 500);
	index_all(fixture);
	compare_many(fixture, &random, 250);
	put_random(fixture, &random, 4000, 900); /* columns end before the tail */
	compare_many(fixture, &random, 50);
	index_all(fixture);
	compare_many(fixture, &random, 100);
}

static void kept_bitmaps_are_continued(void **state)
{
	static const char *const filters[] = { "n >= 100 AND NOT a = 1", "a IS NULL OR s.x > 0", "@version = 1 AND b != 2", "s.1 = 1" };
	struct fixture *fixture = *state;
	struct vs_matches with = { .uses = 0 }, without = { .uses = 0 };
	struct random random = { .seed = 9 };

	for (uint32_t done = 0, round = 0; done < 9000; round++) {
		uint32_t count = 1 + pick(&random, round % 4 == 0 ? 3000 : 300);
		put_random(fixture, &random, done, count);
		done += count;
		if (round % 3 != 1)
			index_all(fixture);
		for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
			compare(fixture, &with, &without, filters[i]);
	}
	vs_matches_release(&with);
	vs_matches_release(&without);
}

static size_t found(struct fixture *fixture, const char *filter)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	query.vector = (const float[]){ 1, 1 };
	query.dimension = 2;
	query.filter = filter;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	return (size_t)results.stats.filtered_count;
}

static void each_file_can_go(void **state)
{
	static const char *const files[] = { "manifest", "c000.codes", "c000.dict", "" };
	struct fixture *fixture = *state;
	struct random random = { .seed = 11 };
	char path[512], command[600];

	put_random(fixture, &random, 0, 3000);
	index_all(fixture);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char filter[64];
		snprintf(path, sizeof(path), "%s/columns/%s", vs_namespace_folder(fixture->ns), files[i]);
		assert_int_equal(access(path, F_OK), 0);
		snprintf(command, sizeof(command), "rm -r '%s'", path);
		assert_int_equal(system(command), 0);
		snprintf(filter, sizeof(filter), "n < %zu", 500 + i);
		assert_int_equal(found(fixture, filter), 500 + i); /* this process has it mapped, or not */
		fixture_close(fixture);
		fixture_open(fixture, VS_COSINE);
		assert_int_equal(found(fixture, filter), 500 + i);
		index_all(fixture);
		assert_int_equal(access(path, F_OK), 0);
		snprintf(filter, sizeof(filter), "n < %zu", 700 + i);
		assert_int_equal(found(fixture, filter), 700 + i);
		assert_int_equal(check(fixture).problems, 0);
		assert_int_equal(check(fixture).repairs, 0);
	}
}

static void check_tells_of_damage(void **state)
{
	struct fixture *fixture = *state;
	struct random random = { .seed = 13 };
	char path[512];
	FILE *file;

	put_random(fixture, &random, 0, 3000);
	index_all(fixture);
	assert_int_equal(check(fixture).repairs, 0);
	snprintf(path, sizeof(path), "%s/columns/c000.codes", vs_namespace_folder(fixture->ns));
	file = fopen(path, "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, 4096 + 4160 + 64, SEEK_SET), 0);
	assert_int_equal(fputc(0x7f, file), 0x7f);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 1);
	assert_int_equal(found(fixture, "n < 2000"), 2000);
	fixture_close(fixture);
	fixture_open(fixture, VS_COSINE);
	index_all(fixture); /* looks at what it goes on from */
	assert_int_equal(check(fixture).repairs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(columns_say_what_rows_say, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(kept_bitmaps_are_continued, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(each_file_can_go, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(check_tells_of_damage, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("columns_match", tests, NULL, NULL);
}

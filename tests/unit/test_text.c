/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of users' words, passages, and the index of texts: damaged, told, built again. */
#include "engine_fixture.h"

#include <sqlite3.h>

#include "base/arena.h"
#include "engine/highlight.h"
#include "engine/namespace.h"
#include "engine/words.h"

static void put_text(struct fixture *fixture, const char *id, const char *text)
{
	static const float vector[2] = { 1.0f, 2.0f };
	struct vs_record_input record = { .id = id, .id_len = strlen(id), .vector = vector, .dimension = 2,
		                              .text = text, .text_len = text != NULL ? strlen(text) : 0 };
	struct vs_upsert_result result;
	struct vs_error error;

	assert_ok(vs_namespace_upsert(fixture->ns, &record, 1, NULL, &result, &error), error);
}

/* How many records the words find. */
static size_t found(struct fixture *fixture, const char *words)
{
	struct vs_text_query text = VS_TEXT_QUERY;
	const struct vs_hybrid_part *parts;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	text.words = words;
	text.words_len = strlen(words);
	query.limit = 1000;
	assert_ok(vs_namespace_search_hybrid(fixture->ns, &query, &text, &results, &parts, &error), error);
	return results.count;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

static void words_become_expressions(void **state)
{
	static const struct {
		const char *text, *any, *all;
		uint32_t terms;
	} cases[] = {
		{ "", NULL, NULL, 0 },
		{ " \t\n", NULL, NULL, 0 },
		{ "-fox -dog", NULL, NULL, 0 },
		{ "fox", "(\"fox\")", "(\"fox\")", 1 },
		{ "the fox", "(\"the\" OR \"fox\")", "(\"the\" AND \"fox\")", 2 },
		{ "fox FOX \"Fox\" fox!", "(\"fox\")", "(\"fox\")", 1 },
		{ "fo* fo", "(\"fo*\" * OR \"fo\")", "(\"fo*\" * AND \"fo\")", 2 },
		{ "\"a b\"* \"a b", "(\"a b\" * OR \"a b\")", "(\"a b\" * AND \"a b\")", 2 },
		{ "a\"b \"\"", "(\"a\"\"b\")", "(\"a\"\"b\")", 1 },
		{ "+a b c", "(\"a\" AND (\"b\" OR \"c\" OR \"a\"))", "(\"a\" AND \"b\" AND \"c\")", 3 },
		{ "a -b -\"c d\"", "(\"a\") NOT (\"b\" OR \"c d\")", "(\"a\") NOT (\"b\" OR \"c d\")", 1 },
		{ "+ - -- ++a", "(\"+a\")", "(\"+a\")", 1 },
		{ "don't", "(\"don't\")", "(\"don't\")", 1 },
	};
	struct fixture *fixture = *state;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_meta_state now;
	struct vs_words words;
	struct vs_error error;

	assert_ok(vs_namespace_begin(fixture->ns, &now, &error), error);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i / 2].text, *expected = i % 2 == 0 ? cases[i / 2].any : cases[i / 2].all;
		assert_ok(vs_words_parse(fixture->ns->generation.meta, text, strlen(text), i % 2 == 1, &arena, &words, &error), error);
		assert_int_equal(words.terms, cases[i / 2].terms);
		if (expected == NULL)
			assert_null(words.expression);
		else
			assert_string_equal(words.expression, expected);
	}
	assert_int_equal(vs_words_parse(fixture->ns->generation.meta, "a\xff", 2, false, &arena, &words, &error), VS_EINVAL);
	assert_int_equal(error.position, 1);
	assert_int_equal(vs_words_parse(fixture->ns->generation.meta, "a\0b", 3, false, &arena, &words, &error), VS_EINVAL);
	vs_namespace_end(fixture->ns);
	vs_arena_release(&arena);
}

/* ---- passages ------------------------------------------------------------------------------------------- */

static void passages_hold_most_words(void **state)
{
	static const struct {
		const char *words, *text, *passage;
		uint32_t size;
	} cases[] = {
		{ "x", "a b c", NULL, 3 },
		{ "a", "a", "[a]", 3 },
		{ "a", "...a!", "...[a]!", 3 },
		{ "c", "a b c d e", "…b [c] d…", 3 },
		{ "e", "a b c d e!", "…c d [e]!", 3 },
		{ "a", "(a b c d e", "([a] b c…", 3 },
		{ "a e", "a a a x x x a x e", "…[a] x [e]", 3 },
		{ "\"b c\" c", "a b c d", "a [b c] d", 9 },
		{ "\"b c d\"", "a b c d e f", "…[b c]…", 2 },
		{ "b*", "Bäcker & <bau>", "[Bäcker] &amp; &lt;[bau]&gt;", 3 },
		{ "\"\" '", "' \"", NULL, 3 },
	};
	struct fixture *fixture = *state;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_meta_state now;
	struct vs_words words;
	struct vs_error error;

	assert_ok(vs_namespace_begin(fixture->ns, &now, &error), error);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vs_highlight highlight = { "[", "]", cases[i].size, true };
		struct vs_meta *meta = fixture->ns->generation.meta;
		struct vs_id text = { cases[i].text, strlen(cases[i].text) };
		const char *passage;
		size_t len;
		assert_ok(vs_words_parse(meta, cases[i].words, strlen(cases[i].words), false, &arena, &words, &error), error);
		assert_ok(vs_highlight_make(meta, &highlight, &words, &text, &arena, &passage, &len, &error), error);
		if (cases[i].passage == NULL)
			assert_null(passage);
		else
			assert_string_equal(passage, cases[i].passage);
	}
	vs_namespace_end(fixture->ns);
	vs_arena_release(&arena);
}

static void passages_of_long_texts(void **state)
{
	struct fixture *fixture = *state;
	size_t len = 2 * (VS_HIGHLIGHT_REACH + 5);
	char *text = malloc(len);
	struct vs_text_query asked = VS_TEXT_QUERY;
	struct vs_highlight highlight = { "[", "]", 3, true };
	struct vs_record_input record = { .id = "a", .id_len = 1, .vector = (const float[]){ 1.0f }, .dimension = 1,
		                              .text = text, .text_len = len };
	const struct vs_hybrid_part *parts;
	struct vs_query query = VS_QUERY;
	struct vs_upsert_result result;
	struct vs_results results;
	struct vs_error error;

	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, i / 2 == VS_HIGHLIGHT_REACH ? "z " : i / 2 == VS_HIGHLIGHT_REACH - 1 ? "y " : "x ", 2);
	assert_ok(vs_namespace_upsert(fixture->ns, &record, 1, NULL, &result, &error), error);
	asked.highlight = &highlight;
	asked.words_len = 1;
	for (int i = 0; i < 2; i++) {
		asked.words = i == 0 ? "y" : "z";
		assert_ok(vs_namespace_search_hybrid(fixture->ns, &query, &asked, &results, &parts, &error), error);
		assert_int_equal(results.count, 1);
		if (i == 0)
			assert_string_equal(parts[0].highlight, "…x x [y]…");
		else
			assert_null(parts[0].highlight);
	}
	free(text);
}

/* ---- the index ------------------------------------------------------------------------------------------ */

/* As somebody might who has SQLite and no restraint. */
static void spoil(struct fixture *fixture, const char *statement)
{
	char path[512];
	char *why = NULL;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/meta.db", vs_namespace_folder(fixture->ns));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, statement, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

static void a_damaged_index_is_built_again(void **state)
{
	static const char *const damages[] = {
		"INSERT INTO text_index (text_index, rowid, body) VALUES ('delete', 3, 'word3')",
		"INSERT INTO text_index (rowid, body) VALUES (700, 'word3')",
		"UPDATE text_index_docsize SET sz = x'05' WHERE id = 7",
		"DELETE FROM text_index_docsize WHERE id = 7",
		"DELETE FROM text_index_data WHERE id > 10",
		"UPDATE text_index_data SET block = zeroblob(20) WHERE id > 10",
	};
	struct fixture *fixture = *state;
	struct vs_repair_options options = VS_REPAIR_OPTIONS;
	struct vs_check_result result;
	struct vs_error error;
	char id[16], text[32];

	for (unsigned i = 0; i < 50; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		snprintf(text, sizeof(text), "word%u common", i);
		put_text(fixture, id, i % 10 == 9 ? NULL : text);
	}
	options.report = report_finding;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		assert_int_equal(check(fixture).problems, 0);
		spoil(fixture, damages[i]);
		assert_int_equal(check(fixture).problems, 1);
		assert_ok(vs_namespace_repair(fixture->ns, &options, &result, &error), error);
		assert_int_equal(result.problems, 0);
		assert_int_equal(result.mended, 1);
		assert_int_equal(found(fixture, "common"), 45);
		assert_int_equal(found(fixture, "word3"), 1);
	}
}

static void texts_are_counted(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;

	put_text(fixture, "a", "one");
	put_text(fixture, "b", NULL);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.texts, 1);
	spoil(fixture, "INSERT INTO record_text (slot, body) VALUES (99, 'of nobody')");
	/* That the state counts otherwise, that it belongs to nobody, and that it is not in the index. */
	assert_int_equal(check(fixture).problems, 3);
}

static void other_processes_see_texts(void **state)
{
	struct fixture *fixture = *state;
	struct fixture other = *fixture;

	put_text(fixture, "a", "one two");
	fixture_open(&other, VS_COSINE);
	assert_int_equal(found(&other, "one"), 1);
	put_text(fixture, "a", "three");
	put_text(fixture, "b", "three four");
	assert_int_equal(found(&other, "one"), 0);
	assert_int_equal(found(&other, "three"), 2);
	put_text(&other, "b", "five");
	assert_int_equal(found(fixture, "three"), 1);
	assert_int_equal(drop(fixture, VS_DELETE, "a"), 1);
	assert_int_equal(found(&other, "three"), 0);
	fixture_close(&other);
}

/* What a quota is compared with before the commit is what there is after it. */
static void the_index_counts_before_the_commit(void **state)
{
	static char text[200000];
	struct fixture *fixture = *state;
	struct vs_meta_row row = { .slot = 900, .id = "a", .id_len = 1, .metadata = "{}", .metadata_len = 2, .text = text };
	struct vs_meta_state now;
	struct vs_meta *meta;
	uint64_t empty, before, after;
	struct vs_error error;

	for (size_t i = 0; row.text_len + 8 < sizeof(text); i++)
		row.text_len += (size_t)snprintf(text + row.text_len, 8, "w%05zu ", i * 7919 % 100000);
	assert_ok(vs_namespace_begin_write(fixture->ns, &now, &error), error);
	meta = fixture->ns->generation.meta;
	assert_ok(vs_meta_used(meta, &empty, &error), error);
	assert_ok(vs_meta_put(meta, &row, &error), error);
	assert_ok(vs_meta_used(meta, &before, &error), error);
	assert_true(before > empty + row.text_len * 3 / 2);
	assert_ok(vs_meta_commit(meta, &now, &error), error);
	assert_ok(vs_namespace_begin_write(fixture->ns, &now, &error), error);
	assert_ok(vs_meta_used(meta, &after, &error), error);
	vs_meta_rollback(meta);
	assert_int_equal(before, after);
}

static void a_search_ends_at_its_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct vs_meta *meta;
	struct vs_meta_state now;
	struct vs_topk top;
	struct vs_text_search search = { .expression = "\"common\"", .terms = 1, .top = &top };
	struct vs_error error;

	put_text(fixture, "a", "common");
	assert_int_equal(vs_topk_init(&top, 10), 0);
	assert_ok(vs_namespace_begin(fixture->ns, &now, &error), error);
	meta = fixture->ns->generation.meta;
	search.accept = &fixture->ns->generation.live;
	vs_meta_set_deadline(meta, 1);
	assert_int_equal(vs_text_search(meta, &search, &error), VS_EBUSY);
	vs_meta_set_deadline(meta, 0);
	assert_ok(vs_text_search(meta, &search, &error), error);
	assert_int_equal(search.found, 1);
	assert_int_equal(top.len, 1);
	vs_namespace_end(fixture->ns);
	vs_topk_release(&top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_become_expressions, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(passages_hold_most_words, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(passages_of_long_texts, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_index_is_built_again, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(texts_are_counted, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(other_processes_see_texts, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_index_counts_before_the_commit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_search_ends_at_its_deadline, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

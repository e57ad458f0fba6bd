/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scoped handle on a namespace of all records sees what a plain handle sees of a namespace that holds only the records
 * within the scope; and changes nothing else.
 */
#include "engine_fixture.h"

#define DIM 8
#define COUNT 3000
#define SCOPE "even = true"

struct pair {
	struct fixture *all;       /* its ns is scoped */
	struct vs_namespace *only; /* the even ones */
};

static void copy_even(struct fixture *fixture, struct vs_namespace *only)
{
	static struct vs_record_input inputs[COUNT / 2];
	static float vectors[COUNT / 2][DIM];
	static char texts[COUNT / 2][2][64];
	struct vs_upsert_result result;
	struct vs_record record;
	struct vs_error error;

	for (unsigned i = 0; i < COUNT / 2; i++) {
		char *id = texts[i][0], *metadata = texts[i][1];
		snprintf(id, 64, "r%u", 2 * i);
		assert_ok(vs_record_get(fixture->ns, id, strlen(id), true, &record, &error), error);
		memcpy(vectors[i], record.vector, sizeof(vectors[i]));
		strcpy(metadata, record.metadata);
		inputs[i] = (struct vs_record_input){ .id = id, .id_len = strlen(id), .vector = vectors[i], .dimension = DIM,
			                                  .metadata = metadata, .metadata_len = record.metadata_len };
	}
	assert_ok(vs_namespace_upsert(only, inputs, COUNT / 2, NULL, &result, &error), error);
}

static struct pair pair_of(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	struct pair pair = { fixture, NULL };
	struct vs_error error;

	options.flags = VS_CREATE;
	assert_ok(vs_namespace_open(fixture->store, "only", &options, &pair.only, &error), error);
	put_many(fixture, 0, COUNT - 400, DIM);
	index_all(fixture);
	put_many(fixture, COUNT - 400, 400, DIM);
	copy_even(fixture, pair.only);
	assert_ok(vs_namespace_set_scope(fixture->ns, SCOPE, &error), error);
	return pair;
}

static void same_results(const struct vs_results *a, const struct vs_results *b)
{
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->stats.total_candidates, b->stats.total_candidates);
	assert_int_equal(a->stats.filtered_count, b->stats.filtered_count);
	for (size_t i = 0; i < a->count; i++) {
		assert_string_equal(a->items[i].record.id, b->items[i].record.id);
		assert_true(a->items[i].score == b->items[i].score);
	}
}

static void same_queries(const struct pair *pair, const char *filter, const char *id)
{
	struct vs_query query = VS_QUERY, queries[2];
	struct vs_results a, b, many[2];
	struct vs_explanation explanation;
	struct vs_estimate left, right;
	struct vs_error error;

	query.id = id;
	query.id_len = strlen(id);
	query.filter = filter;
	query.limit = 40;
	query.exact = true;
	assert_ok(vs_namespace_search(pair->all->ns, &query, &a, &error), error);
	assert_ok(vs_namespace_search(pair->only, &query, &b, &error), error);
	same_results(&a, &b);
	queries[0] = queries[1] = query;
	queries[1].filter = NULL;
	assert_ok(vs_namespace_search_batch(pair->all->ns, queries, 2, many, &error), error);
	same_results(&many[0], &b);
	assert_ok(vs_namespace_explain(pair->all->ns, &query, true, &a, &explanation, &error), error);
	same_results(&a, &b);
	/* I6, through the graph, too. */
	query.exact = false;
	query.limit = 10000;
	query.ef = 10;
	assert_ok(vs_namespace_search(pair->all->ns, &query, &a, &error), error);
	assert_ok(vs_namespace_search(pair->only, &query, &b, &error), error);
	assert_int_equal(a.count, b.count);
	query.limit = 5;
	assert_ok(vs_namespace_search(pair->all->ns, &query, &a, &error), error);
	for (size_t i = 0; i < a.count; i++)
		assert_non_null(strstr(a.items[i].record.metadata, "\"even\": true"));
	assert_ok(vs_namespace_estimate(pair->all->ns, &query, &left, &error), error);
	assert_ok(vs_namespace_estimate(pair->only, &query, &right, &error), error);
	assert_int_equal(left.matches, right.matches);
}

static void same_recommendation(const struct pair *pair)
{
	struct vs_example examples[] = { { .id = "r0", .id_len = 2 }, { .id = "r10", .id_len = 3 } };
	struct vs_recommendation recommendation = { examples, 1, examples + 1, 1 };
	struct vs_grouping grouping = VS_GROUPING;
	struct vs_query query = VS_QUERY;
	struct vs_results a, b;
	struct vs_groups left, right;
	struct vs_error error;

	query.exact = true;
	assert_ok(vs_namespace_recommend(pair->all->ns, &recommendation, &query, &a, &error), error);
	assert_ok(vs_namespace_recommend(pair->only, &recommendation, &query, &b, &error), error);
	same_results(&a, &b);
	examples[1] = (struct vs_example){ .id = "r11", .id_len = 3 };
	assert_int_equal(vs_namespace_recommend(pair->all->ns, &recommendation, &query, &a, &error), VS_ENOTFOUND);
	query.id = "r0";
	query.id_len = 2;
	grouping.field = "even";
	assert_ok(vs_namespace_search_groups(pair->all->ns, &query, &grouping, &left, &error), error);
	assert_ok(vs_namespace_search_groups(pair->only, &query, &grouping, &right, &error), error);
	assert_int_equal(left.count, 1);
	assert_int_equal(left.count, right.count);
	assert_string_equal(left.items[0].items[0].record.id, right.items[0].items[0].record.id);
}

struct page {
	size_t count;
	uint64_t hash;
};

static void add_record(void *context, const struct vs_record *record)
{
	struct page *page = context;

	page->count++;
	for (size_t i = 0; i < record->id_len; i++)
		page->hash = page->hash * 31 + (unsigned char)record->id[i];
}

static void same_pages(const struct pair *pair, const char *filter, bool with_deleted)
{
	struct vs_page_options options = { .filter = filter, .limit = 700, .with_deleted = with_deleted };
	struct page a = { 0, 0 }, b = { 0, 0 };
	bool more_a, more_b;
	struct vs_error error;

	assert_ok(vs_record_page(pair->all->ns, &options, add_record, &a, &more_a, &error), error);
	assert_ok(vs_record_page(pair->only, &options, add_record, &b, &more_b, &error), error);
	assert_true(a.count == b.count && a.hash == b.hash && more_a == more_b);
}

static void same_counts(const struct pair *pair, const char *filter)
{
	uint64_t a, b;
	struct vs_facet left, right;
	struct vs_error error;

	assert_ok(vs_namespace_count(pair->all->ns, filter, &a, &error), error);
	assert_ok(vs_namespace_count(pair->only, filter, &b, &error), error);
	assert_int_equal(a, b);
	assert_ok(vs_namespace_facet(pair->all->ns, "even", filter, 10, &left, &error), error);
	assert_ok(vs_namespace_facet(pair->only, "even", filter, 10, &right, &error), error);
	assert_int_equal(left.count, right.count);
	for (size_t i = 0; i < left.count; i++)
		assert_int_equal(left.values[i].count, right.values[i].count);
}

static void reads(void **state)
{
	static const char *const filters[] = { NULL, "n < 1000", "n >= 2990", "even = false", "even = true", "n = 4" };
	struct pair pair = pair_of(state);
	struct vs_record record;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error, absent;

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		same_queries(&pair, filters[i], "r20");
		same_queries(&pair, filters[i], "r2998");
		same_counts(&pair, filters[i]);
		same_pages(&pair, filters[i], false);
		same_pages(&pair, filters[i], true);
	}
	same_recommendation(&pair);
	/* A record outside is answered just as one that is not there. */
	assert_int_equal(vs_record_get(pair.all->ns, "r1", 2, false, &record, &error), VS_ENOTFOUND);
	assert_int_equal(vs_record_get(pair.all->ns, "no", 2, false, &record, &absent), VS_ENOTFOUND);
	assert_string_equal(error.text, absent.text);
	query.id = "r1";
	query.id_len = 2;
	assert_int_equal(vs_namespace_search(pair.all->ns, &query, &results, &error), VS_ENOTFOUND);
	query.id = "no";
	assert_int_equal(vs_namespace_search(pair.all->ns, &query, &results, &absent), VS_ENOTFOUND);
	assert_string_equal(error.text, absent.text);
	struct vs_changes_options changes = { .limit = 10 };
	struct vs_changes_page page;
	assert_int_equal(vs_namespace_changes(pair.all->ns, &changes, NULL, NULL, &page, &error), VS_EPERM);
	vs_namespace_close(pair.only);
}

static uint64_t count(struct fixture *fixture, const char *scope, const char *filter)
{
	struct vs_error error;
	uint64_t found;

	assert_ok(vs_namespace_set_scope(fixture->ns, scope, &error), error);
	assert_ok(vs_namespace_count(fixture->ns, filter, &found, &error), error);
	return found;
}

/* What is kept of filters under one scope says nothing under another. */
static void scopes_in_turn(void **state)
{
	struct fixture *fixture = *state;
	struct vs_error error;

	put_many(fixture, 0, 100, DIM);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(count(fixture, NULL, "n < 10"), 10);
		assert_int_equal(count(fixture, SCOPE, "n < 10"), 5);
		assert_int_equal(count(fixture, "n >= 9", "n < 10"), 1);
		assert_int_equal(count(fixture, "n >= 9", NULL), 91 + 10 * round);
		assert_int_equal(count(fixture, "even = false", "n < 10"), 5);
		assert_int_equal(count(fixture, NULL, NULL), 100 + 10 * (round > 0));
		put_many(fixture, 100, 10, DIM);
		assert_int_equal(count(fixture, "n >= 100", NULL), 10);
	}
	/* What is no filter lets nobody see anything. */
	assert_int_equal(vs_namespace_set_scope(fixture->ns, "n >=", &error), VS_EINVAL);
	assert_int_equal(vs_namespace_set_scope(fixture->ns, "n >=", &error), VS_EINVAL);
	assert_int_equal(count(fixture, NULL, NULL), 110);
}

static const float vector[DIM] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* ---- words ---------------------------------------------------------------------------------------------- */

/* Of the odd ones, every text is longer and has the word that but two of the even ones have; every tenth has none. */
static void put_text(struct vs_namespace *ns, unsigned i)
{
	float of[DIM] = { 1, (float)(i % 13), (float)(i % 7) };
	char id[16], metadata[64], text[160];
	struct vs_upsert_result result;
	struct vs_error error;

	snprintf(id, sizeof(id), "t%u", i);
	snprintf(metadata, sizeof(metadata), "{\"n\": %u, \"even\": %s}", i, i % 2 == 0 ? "true" : "false");
	snprintf(text, sizeof(text), "common%s word%u%s%s", i % 5 == 0 ? " common" : "", i % 6, i % 140 == 0 ? " secret" : "",
	         i % 2 == 0 ? "" : " secret secret and quite some more words, of the others");
	struct vs_record_input record = { .id = id, .id_len = strlen(id), .vector = of, .dimension = DIM, .metadata = metadata,
		                              .metadata_len = strlen(metadata), .text = i % 10 == 8 ? NULL : text,
		                              .text_len = strlen(text) };
	assert_ok(vs_namespace_upsert(ns, &record, 1, NULL, &result, &error), error);
}

static void same_hybrid(const struct pair *pair, const struct vs_query *query, const struct vs_text_query *text)
{
	const struct vs_hybrid_part *left, *right;
	struct vs_results a, b;
	struct vs_error error;

	assert_ok(vs_namespace_search_hybrid(pair->all->ns, query, text, &a, &left, &error), error);
	assert_ok(vs_namespace_search_hybrid(pair->only, query, text, &b, &right, &error), error);
	same_results(&a, &b);
	for (size_t i = 0; i < a.count; i++) {
		assert_int_equal(left[i].has_text, right[i].has_text);
		assert_true(left[i].text_score == right[i].text_score && left[i].vector_score == right[i].vector_score);
		assert_int_equal(left[i].text_rank, right[i].text_rank);
		assert_int_equal(left[i].highlight_len, right[i].highlight_len);
		assert_memory_equal(left[i].highlight, right[i].highlight, left[i].highlight_len);
	}
}

static void same_words(const struct pair *pair)
{
	static const char *const words[] = { "secret", "common", "secret word1", "word0 common nowhere", "wor*", "others",
		                                 "\"common word2\"", "+common -secret", "sec* common" };
	static const char *const filters[] = { NULL, "n < 100", "even = false" };
	static const struct vs_highlight highlight = VS_HIGHLIGHT;
	struct vs_text_query text = VS_TEXT_QUERY;
	struct vs_query query = VS_QUERY;

	query.exact = true;
	query.limit = 300;
	query.dimension = DIM;
	text.highlight = &highlight;
	for (size_t i = 0; i < 4 * 3 * sizeof(words) / sizeof(words[0]); i++) {
		text.words = words[i / 12];
		text.words_len = strlen(text.words);
		text.all = i % 4 == 1;
		text.fusion = i % 4 == 2 ? VS_FUSION_RRF : VS_FUSION_ALPHA;
		query.vector = i % 4 == 0 ? NULL : vector;
		query.filter = filters[i / 4 % 3];
		same_hybrid(pair, &query, &text);
	}
}

/* Not even a score tells of texts that are out of sight, how many have a word or how long they are. */
static void scores_of_words(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	struct pair pair = { fixture, NULL };
	struct vs_removed removed;
	struct vs_id gone = { "t140", 4 };
	struct vs_error error;

	options.flags = VS_CREATE;
	assert_ok(vs_namespace_open(fixture->store, "only", &options, &pair.only, &error), error);
	for (unsigned round = 0; round < 3; round++) {
		assert_ok(vs_namespace_set_scope(fixture->ns, NULL, &error), error);
		for (unsigned i = 100 * round; i < 100 * (round + 1); i++) {
			put_text(fixture->ns, i);
			if (i % 2 == 0)
				put_text(pair.only, i);
		}
		assert_ok(vs_namespace_set_scope(fixture->ns, SCOPE, &error), error);
		same_words(&pair);
	}
	assert_ok(vs_namespace_remove_if(fixture->ns, VS_DELETE, &gone, 1, 0, &removed, &error), error);
	assert_ok(vs_namespace_remove_if(pair.only, VS_DELETE, &gone, 1, 0, &removed, &error), error);
	assert_int_equal(removed.done, 1);
	same_words(&pair);
	vs_namespace_close(pair.only);
}

/* ---- writes --------------------------------------------------------------------------------------------- */

static int patch(struct fixture *fixture, const char *id, const char *metadata, struct vs_error *error)
{
	struct vs_patch given = { .id = id, .id_len = strlen(id), .metadata = metadata, .metadata_len = strlen(metadata) };

	return vs_record_patch(fixture->ns, &given, NULL, error);
}

static void count_refusal(void *context, size_t index, const struct vs_error *error)
{
	assert_int_equal(error->code, VS_EPERM);
	*(size_t *)context += index + 1;
}

static void writes(void **state)
{
	struct fixture *fixture = *state;
	struct vs_id ids[] = { { "r1", 2 }, { "r2", 2 }, { "r3", 2 } };
	struct vs_removed removed;
	struct vs_error error;
	size_t done;

	put_many(fixture, 0, 20, DIM);
	assert_int_equal(drop(fixture, VS_SOFT_DELETE, "r5"), 1);
	assert_ok(vs_namespace_set_scope(fixture->ns, SCOPE, &error), error);
	/* After and before. */
	assert_int_equal(put(fixture, "new", vector, DIM, "{\"even\": false}", &error), VS_EPERM);
	assert_int_equal(put(fixture, "new", vector, DIM, NULL, &error), VS_EPERM);
	assert_int_equal(put(fixture, "r1", vector, DIM, "{\"even\": true}", &error), VS_EPERM);
	assert_string_equal(error.field, "id");
	assert_int_equal(put(fixture, "r5", vector, DIM, "{\"even\": true}", &error), VS_EPERM);
	assert_int_equal(put(fixture, "r2", vector, DIM, "{\"even\": false}", &error), VS_EPERM);
	assert_string_equal(error.field, "metadata");
	assert_ok(put(fixture, "new", vector, DIM, "{\"even\": true}", &error), error);
	assert_int_equal(patch(fixture, "r1", "{\"x\": 1}", &error), VS_ENOTFOUND);
	assert_int_equal(patch(fixture, "r2", "{\"even\": 1}", &error), VS_EPERM);
	assert_ok(patch(fixture, "r2", "{\"x\": 1}", &error), error);
	/* Removals of what is outside find nothing. */
	assert_ok(vs_namespace_remove_if(fixture->ns, VS_DELETE, ids, 3, 0, &removed, &error), error);
	assert_int_equal(removed.found, 1);
	assert_int_equal(removed.done, 1);
	assert_int_equal(vs_namespace_remove_if(fixture->ns, VS_DELETE, ids, 1, 1, &removed, &error), VS_EVERSION);
	assert_non_null(strstr(error.text, "there is no record"));
	assert_int_equal(drop(fixture, VS_RESTORE, "r5"), 0);
	assert_int_equal(drop(fixture, VS_SOFT_DELETE, "r7"), 0);
	assert_ok(vs_namespace_remove_where(fixture->ns, "n < 100", &done, &error), error);
	assert_int_equal(done, 9);
	/* Of many, those within go on. */
	struct vs_record_input records[] = {
		{ .id = "r1", .id_len = 2, .vector = vector, .dimension = DIM, .metadata = "{\"even\":true}", .metadata_len = 13 },
		{ .id = "m", .id_len = 1, .vector = vector, .dimension = DIM, .metadata = "{\"even\":true}", .metadata_len = 13 },
		{ .id = "o", .id_len = 1, .vector = vector, .dimension = DIM },
	};
	struct vs_upsert_options options = { false, count_refusal, &done };
	struct vs_upsert_result result;
	done = 0;
	assert_ok(vs_namespace_upsert(fixture->ns, records, 3, &options, &result, &error), error);
	assert_int_equal(result.inserted, 1);
	assert_int_equal(done, 4);
	assert_int_equal(vs_namespace_upsert(fixture->ns, records, 3, NULL, &result, &error), VS_EPERM);
	/* All that is outside is as it was. */
	assert_int_equal(count(fixture, NULL, "even = false"), 9);
	assert_int_equal(count(fixture, NULL, NULL), 11);
	assert_int_equal(check(fixture).problems, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(scopes_in_turn, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(scores_of_words, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(writes, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Records that expire: hidden everywhere at once, swept later. */
#include "engine_fixture.h"

#include <time.h>

#include "base/clock.h"
#include "engine/expiry.h"

static const float right[3] = { 1, 0, 0 };

static void put_until(struct fixture *fixture, const char *id, const char *metadata, int64_t expires_at,
                      struct vs_upsert_result *result)
{
	struct vs_record_input record = { .id = id,
		                              .id_len = strlen(id),
		                              .vector = right,
		                              .dimension = 3,
		                              .metadata = metadata,
		                              .metadata_len = strlen(metadata),
		                              .expires_at = expires_at };
	struct vs_error error;

	assert_ok(vs_namespace_upsert(fixture->ns, &record, 1, NULL, result, &error), error);
}

static void wait_until(int64_t wall_ms)
{
	static const struct timespec pause = { 0, 2000000 };

	while (vs_clock_wall_ms() < wall_ms)
		nanosleep(&pause, NULL);
}

static void note(void *context, const struct vs_record *record)
{
	strcat(context, record->id);
}

/* The ids that a page, a query and a count agree on. */
static const char *visible(struct fixture *fixture, const char *filter, bool with_deleted)
{
	static char ids[200];
	struct vs_page_options page = { .filter = filter, .limit = 100, .with_deleted = with_deleted };
	struct vs_query query = VS_QUERY;
	struct vs_query queries[2];
	struct vs_results results, many[2];
	struct vs_namespace_stats stats;
	struct vs_error error;
	uint64_t count;
	bool more;

	ids[0] = '\0';
	assert_ok(vs_record_page(fixture->ns, &page, note, ids, &more, &error), error);
	assert_false(more);
	if (with_deleted)
		return ids;
	query.vector = right;
	query.dimension = 3;
	query.limit = 100;
	query.filter = filter;
	queries[0] = queries[1] = query;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, strlen(ids));
	assert_int_equal(results.stats.filtered_count, strlen(ids));
	assert_ok(vs_namespace_search_batch(fixture->ns, queries, 2, many, &error), error);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(many[i].count, strlen(ids));
		assert_int_equal(many[i].stats.filtered_count, strlen(ids));
	}
	assert_ok(vs_namespace_count(fixture->ns, filter, &count, &error), error);
	assert_int_equal(count, strlen(ids));
	if (filter != NULL)
		return ids;
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, strlen(ids));
	assert_int_equal(results.stats.total_candidates, strlen(ids));
	return ids;
}

static struct vs_mark mark(struct fixture *fixture)
{
	struct vs_error error;
	struct vs_mark now;

	assert_ok(vs_namespace_mark(fixture->ns, &now, &error), error);
	return now;
}

static void what_expires_is_hidden_at_once(void **state)
{
	struct fixture *fixture = *state;
	int64_t soon = vs_clock_wall_ms() + 1500;
	struct vs_upsert_result result;
	struct vs_mark before, after;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_record record;
	struct vs_facet facet;
	struct vs_error error;

	put_until(fixture, "a", "{\"n\":1}", soon, &result);
	put_until(fixture, "b", "{\"n\":1}", 0, &result);
	put_until(fixture, "c", "{\"n\":1}", soon + 3600000, &result);
	put_until(fixture, "d", "{\"n\":1}", soon, &result);
	drop(fixture, VS_SOFT_DELETE, "d");
	assert_string_equal(visible(fixture, NULL, false), "abc");
	assert_string_equal(visible(fixture, "n = 1", false), "abc");
	assert_string_equal(visible(fixture, NULL, true), "abcd");
	assert_ok(vs_record_get(fixture->ns, "a", 1, false, &record, &error), error);
	assert_int_equal(record.expires_at, soon);
	before = mark(fixture);
	wait_until(soon);
	after = mark(fixture);
	assert_memory_not_equal(&before, &after, sizeof(before));
	assert_string_equal(visible(fixture, NULL, false), "bc");
	assert_string_equal(visible(fixture, "n = 1", false), "bc");
	assert_string_equal(visible(fixture, NULL, true), "bc");
	assert_string_equal(visible(fixture, "n = 1", true), "bc");
	assert_int_equal(vs_record_get(fixture->ns, "a", 1, false, &record, &error), VS_ENOTFOUND);
	assert_int_equal(vs_record_get(fixture->ns, "d", 1, false, &record, &error), VS_ENOTFOUND);
	query.id = "a";
	query.id_len = 1;
	assert_int_equal(vs_namespace_search(fixture->ns, &query, &results, &error), VS_ENOTFOUND);
	assert_ok(vs_namespace_facet(fixture->ns, "n", NULL, 10, &facet, &error), error);
	assert_int_equal(facet.values[0].count, 2);
	assert_int_equal(check(fixture).problems, 0);
}

static void writes_take_it_for_deleted(void **state)
{
	struct fixture *fixture = *state;
	int64_t past = vs_clock_wall_ms() - 1;
	struct vs_upsert_result result;
	struct vs_patch patch = { .id = "a", .id_len = 1, .metadata = "{}", .metadata_len = 2 };
	struct vs_record_input again = {
		.id = "c", .id_len = 1, .vector = right, .dimension = 3, .if_version = VS_IF_MISSING
	};
	struct vs_id id = { "a", 1 };
	struct vs_record record;
	struct vs_error error;
	size_t removed;
	struct vs_removed counts;

	for (const char *name = "abcde"; *name != '\0'; name++) {
		char one[2] = { *name, '\0' };
		put_until(fixture, one, "{\"n\":1}", 0, &result);
		put_until(fixture, one, "{\"n\":1}", *name == 'e' ? 0 : past, &result);
		assert_int_equal(result.version, 2);
	}
	assert_int_equal(vs_record_patch(fixture->ns, &patch, &record, &error), VS_ENOTFOUND);
	assert_int_equal(drop(fixture, VS_DELETE, "a"), 0);
	assert_int_equal(drop(fixture, VS_SOFT_DELETE, "a"), 0);
	assert_int_equal(drop(fixture, VS_RESTORE, "a"), 0);
	assert_int_equal(vs_namespace_remove_if(fixture->ns, VS_DELETE, &id, 1, 2, &counts, &error), VS_EVERSION);
	assert_ok(vs_namespace_remove_where(fixture->ns, "n = 1", &removed, &error), error);
	assert_int_equal(removed, 1);
	put_until(fixture, "b", "{}", 0, &result);
	assert_int_equal(result.inserted, 1);
	assert_int_equal(result.version, 3); /* none that the id had */
	assert_ok(vs_namespace_upsert(fixture->ns, &again, 1, NULL, &result, &error), error);
	assert_int_equal(result.inserted, 1);
	assert_string_equal(visible(fixture, NULL, false), "bc");
	assert_int_equal(check(fixture).problems, 0);
	index_all(fixture);
	assert_string_equal(visible(fixture, NULL, true), "bc");
	assert_int_equal(check(fixture).problems, 0);
}

static void a_new_lifetime_takes_the_old_ones_place(void **state)
{
	struct fixture *fixture = *state;
	int64_t soon = vs_clock_wall_ms() + 1500;
	struct vs_upsert_result result;
	struct vs_patch patch = { .id = "a", .id_len = 1, .metadata = "{\"n\":2}", .metadata_len = 7 };
	struct vs_record record;
	struct vs_error error;

	put_until(fixture, "a", "{}", soon, &result);
	put_until(fixture, "b", "{}", soon, &result);
	put_until(fixture, "b", "{}", 0, &result);
	put_until(fixture, "c", "{}", soon + 3600000, &result);
	put_until(fixture, "c", "{}", soon, &result);
	assert_ok(vs_record_patch(fixture->ns, &patch, &record, &error), error); /* keeps it */
	assert_int_equal(record.expires_at, soon);
	wait_until(soon);
	assert_string_equal(visible(fixture, NULL, false), "b");
}

static void the_indexer_sweeps_what_expired(void **state)
{
	struct fixture *fixture = *state;
	struct vs_record_input records[500];
	static char ids[3000][8];
	struct vs_upsert_result result;
	struct vs_namespace_stats stats;
	struct vs_error error;
	int64_t now = vs_clock_wall_ms();

	for (unsigned from = 0; from < 3000; from += 500) {
		for (unsigned i = 0; i < 500; i++) {
			snprintf(ids[from + i], sizeof(ids[0]), "r%u", from + i);
			records[i] = (struct vs_record_input){ .id = ids[from + i],
				                                   .id_len = strlen(ids[from + i]),
				                                   .vector = right,
				                                   .dimension = 3,
				                                   .expires_at = i % 500 < 450 ? now - (int64_t)i : now + 3600000 };
		}
		assert_ok(vs_namespace_upsert(fixture->ns, records, 500, NULL, &result, &error), error);
	}
	drop(fixture, VS_SOFT_DELETE, "r499");
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, 299);
	assert_int_equal(stats.total, 300);
	assert_int_equal(stats.seq, 3001);
	index_all(fixture);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, 299);
	assert_int_equal(stats.total, 300);
	assert_int_equal(stats.seq, 3001 + 2700);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

static uint64_t hidden(struct vs_expiry *expiry, struct vs_meta *meta, const struct vs_meta_state *state,
                       const struct vs_bitmap *live, int64_t now)
{
	struct vs_error error;

	assert_ok(vs_expiry_refresh(expiry, meta, state, live, now, &error), error);
	assert_int_equal(expiry->last != 0, expiry->active > 0);
	return expiry->active;
}

/* What was not swept is seen again, and hidden again later; state and bitmap agree at each time. */
static void a_clock_may_go_back(void **state)
{
	char folder[] = "/tmp/vecstore-test-XXXXXX", command[80];
	struct vs_expiry expiry = { 0 };
	struct vs_meta_options options = { 1, 3, VS_COSINE, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61, 0 };
	struct vs_bitmap live = VS_BITMAP_INIT;
	struct vs_meta_state now;
	struct vs_meta *meta;
	struct vs_error error;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_ok(vs_meta_create(folder, &options, &error), error);
	assert_ok(vs_meta_open(folder, 100, &meta, &error), error);
	assert_ok(vs_meta_begin_write(meta, &now, &error), error);
	assert_int_equal(vs_bitmap_resize(&live, 4), 0);
	for (uint32_t slot = 0; slot < 4; slot++) {
		char id[2] = { (char)('a' + slot), '\0' };
		struct vs_meta_row row = { .slot = slot, .id = id, .id_len = 1, .version = 1, .metadata = "{}", .metadata_len = 2,
			                       .expires_at = slot * 1000 };
		assert_ok(vs_meta_put(meta, &row, &error), error);
		vs_bitmap_set(&live, slot);
	}
	now.next_slot = 4;
	assert_ok(vs_meta_commit(meta, &now, &error), error);
	assert_ok(vs_meta_begin(meta, &now, &error), error);
	assert_int_equal(now.expiry, 1000);
	static const struct {
		int64_t at;
		uint64_t hidden;
	} steps[] = { { 999, 0 }, { 1000, 1 }, { 1999, 1 }, { 2000, 2 }, { 5000, 3 }, { 2999, 2 }, { 1500, 1 }, { 999, 0 }, { 3000, 3 } };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(hidden(&expiry, meta, &now, &live, steps[i].at), steps[i].hidden);
		for (uint32_t slot = 0; steps[i].hidden > 0 && slot < 4; slot++)
			assert_int_equal(vs_bitmap_test(&expiry.visible, slot), slot == 0 || slot * 1000 > steps[i].at);
	}
	vs_expiry_release(&expiry);
	vs_bitmap_release(&live);
	vs_meta_close(meta);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_expires_is_hidden_at_once, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(writes_take_it_for_deleted, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_new_lifetime_takes_the_old_ones_place, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_indexer_sweeps_what_expired, fixture_setup, fixture_teardown),
		cmocka_unit_test(a_clock_may_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and reading records through the public interface. */
#include "engine_fixture.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const float right[3] = { 1, 0, 0 }, up[3] = { 0, 1, 0 }, slanted[3] = { 1, 0.5f, 0 };

static void get_returns_what_was_put_bit_for_bit(void **state)
{
	struct fixture *fixture = *state;
	const float vector[3] = { 0.1f, -2.5e-3f, 123456.78f };
	struct vs_record record;
	struct vs_error error;

	assert_ok(put(fixture, "a/b \xc3\xa9", vector, 3, "{ \"n\" : [1, 2.50] }", &error), error);
	assert_ok(vs_record_get(fixture->ns, "a/b \xc3\xa9", 6, true, &record, &error), error);
	assert_memory_equal(record.vector, vector, sizeof(vector));
	assert_string_equal(record.metadata, "{ \"n\" : [1, 2.50] }");
	assert_string_equal(record.id, "a/b \xc3\xa9");
	assert_int_equal(record.dimension, 3);
	assert_int_equal(record.version, 1);
	assert_int_equal(record.deleted_at, 0);
	assert_int_equal(vs_record_get(fixture->ns, "a", 1, false, &record, &error), VS_ENOTFOUND);
}

static void an_update_keeps_the_creation_and_counts_versions(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_record record;
	struct vs_error error;
	int64_t created;

	assert_ok(put(fixture, "a", right, 3, "{\"v\":1}", &error), error);
	assert_ok(vs_record_get(fixture->ns, "a", 1, false, &record, &error), error);
	created = record.created_at;
	usleep(2000);
	assert_ok(put(fixture, "a", up, 3, NULL, &error), error);
	assert_ok(vs_record_get(fixture->ns, "a", 1, true, &record, &error), error);
	assert_int_equal(record.version, 2);
	assert_int_equal(record.created_at, created);
	assert_true(record.updated_at > created);
	assert_string_equal(record.metadata, "{}");
	assert_memory_equal(record.vector, up, sizeof(up));
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, 1);
	assert_int_equal(stats.slots, 2);
	assert_int_equal(stats.seq, 2);
}

static void bad_records_are_refused_by_field(void **state)
{
	struct fixture *fixture = *state;
	const float nan_vector[3] = { 1, NAN, 0 }, zero[3] = { 0, 0, 0 };
	char long_id[VS_RECORD_ID_MAX + 2];
	struct vs_namespace_stats stats;
	struct vs_error error;

	memset(long_id, 'x', sizeof(long_id));
	long_id[sizeof(long_id) - 1] = '\0';
	assert_int_equal(put(fixture, "", right, 3, NULL, &error), VS_EINVAL);
	assert_string_equal(error.field, "id");
	assert_int_equal(put(fixture, long_id, right, 3, NULL, &error), VS_EINVAL);
	assert_int_equal(put(fixture, "ab\xff", right, 3, NULL, &error), VS_EINVAL);
	assert_int_equal(error.position, 2);
	assert_int_equal(put(fixture, "a", nan_vector, 3, NULL, &error), VS_EINVAL);
	assert_string_equal(error.field, "vector");
	assert_int_equal(error.position, 1);
	assert_int_equal(put(fixture, "a", zero, 3, NULL, &error), VS_EINVAL);
	assert_int_equal(put(fixture, "a", right, 0, NULL, &error), VS_EINVAL);
	assert_int_equal(put(fixture, "a", right, 3, "[1]", &error), VS_EINVAL);
	assert_string_equal(error.field, "metadata");
	assert_int_equal(put(fixture, "a", right, 3, "{\"a\":1", &error), VS_EINVAL);
	assert_int_equal(put(fixture, "a", right, 3, "{\"a\":1} x", &error), VS_EINVAL);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.total, 0);
	assert_int_equal(stats.dimension, 0);
	assert_ok(put(fixture, "a", right, 3, NULL, &error), error);
	assert_int_equal(put(fixture, "b", right, 2, NULL, &error), VS_EINVAL);
	assert_non_null(strstr(error.text, "dimension 3"));
}

static size_t refused[8], refused_count;

static void note_refused(void *context, size_t index, const struct vs_error *error)
{
	(void)context;
	assert_int_equal(error->code, VS_EINVAL);
	refused[refused_count++] = index;
}

static void batches_are_atomic_unless_told(void **state)
{
	struct fixture *fixture = *state;
	const float short_vector[2] = { 1, 2 };
	struct vs_record_input records[4] = {
		{ .id = "a", .id_len = 1, .vector = right, .dimension = 3 },
		{ .id = "b", .id_len = 1, .vector = short_vector, .dimension = 2 },
		{ .id = "", .id_len = 0, .vector = right, .dimension = 3 },
		{ .id = "a", .id_len = 1, .vector = up, .dimension = 3 },
	};
	struct vs_upsert_options options = { false, note_refused, NULL };
	struct vs_upsert_result result;
	struct vs_namespace_stats stats;
	struct vs_error error;

	assert_int_equal(vs_namespace_upsert(fixture->ns, records, 4, NULL, &result, &error), VS_EINVAL);
	assert_string_equal(error.field, "records[2].id");
	assert_int_equal(vs_namespace_upsert(fixture->ns, records, 2, NULL, &result, &error), VS_EINVAL);
	assert_string_equal(error.field, "records[1].vector");
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.total, 0);

	refused_count = 0;
	assert_ok(vs_namespace_upsert(fixture->ns, records, 4, &options, &result, &error), error);
	assert_int_equal(result.inserted, 1);
	assert_int_equal(result.updated, 1);
	assert_int_equal(result.failed, 2);
	assert_int_equal(result.version, 2);
	assert_int_equal(refused_count, 2);
	assert_int_equal(refused[0], 2); /* found before the lock was taken */
	assert_int_equal(refused[1], 1);
}

static void a_refused_batch_fixes_no_dimension(void **state)
{
	struct fixture *fixture = *state;
	const float short_vector[2] = { 1, 2 };
	struct vs_record_input records[2] = { { .id = "a", .id_len = 1, .vector = right, .dimension = 3 }, { .id = "b", .id_len = 1, .vector = short_vector, .dimension = 2 } };
	struct vs_upsert_result result;
	struct vs_error error;

	assert_int_equal(vs_namespace_upsert(fixture->ns, records, 2, NULL, &result, &error), VS_EINVAL);
	assert_string_equal(error.field, "records[1].vector");
	assert_ok(put(fixture, "b", short_vector, 2, NULL, &error), error);
	assert_int_equal(put(fixture, "a", right, 3, NULL, &error), VS_EINVAL);
}

static void removals_count_what_they_did(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;

	assert_ok(put(fixture, "a", right, 3, NULL, &error), error);
	assert_int_equal(drop(fixture, VS_RESTORE, "a"), 0);
	assert_int_equal(drop(fixture, VS_SOFT_DELETE, "a"), 1);
	assert_int_equal(drop(fixture, VS_SOFT_DELETE, "a"), 0);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, 0);
	assert_int_equal(stats.deleted, 1);
	assert_int_equal(drop(fixture, VS_RESTORE, "a"), 1);
	assert_int_equal(drop(fixture, VS_DELETE, "a"), 1);
	assert_int_equal(drop(fixture, VS_DELETE, "a"), 0);
	assert_ok(put(fixture, "a", right, 3, NULL, &error), error);
	assert_int_equal(drop(fixture, VS_SOFT_DELETE, "a"), 1);
	assert_ok(put(fixture, "a", up, 3, NULL, &error), error); /* comes back */
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, 1);
	assert_int_equal(stats.deleted, 0);
	assert_int_equal(check(fixture).problems, 0);
}

static void a_filter_deletes_what_it_accepts(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;
	size_t done;

	put_many(fixture, 0, 100, 8);
	drop(fixture, VS_SOFT_DELETE, "r0");
	assert_ok(vs_namespace_remove_where(fixture->ns, "even = true AND n < 50", &done, &error), error);
	assert_int_equal(done, 24); /* 0 was soft-deleted before */
	assert_int_equal(vs_namespace_remove_where(fixture->ns, "even = ", &done, &error), VS_EINVAL);
	assert_string_equal(error.field, "filter");
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, 75);
	assert_int_equal(check(fixture).problems, 0);
}

struct page {
	char ids[64][8];
	size_t count;
};

static void note_page(void *context, const struct vs_record *record)
{
	struct page *page = context;

	snprintf(page->ids[page->count++], sizeof(page->ids[0]), "%s", record->id);
}

static void pages_go_in_order_of_ids(void **state)
{
	struct fixture *fixture = *state;
	struct vs_page_options options = { .filter = "n >= 10", .limit = 7 };
	struct page page = { .count = 0 };
	struct vs_error error;
	bool more = true;

	put_many(fixture, 0, 40, 4);
	drop(fixture, VS_SOFT_DELETE, "r20");
	while (more) {
		size_t before = page.count;
		assert_ok(vs_record_page(fixture->ns, &options, note_page, &page, &more, &error), error);
		assert_int_equal(page.count - before, more ? 7 : 29 % 7);
		options.after = page.ids[page.count - 1];
		options.after_len = strlen(options.after);
	}
	assert_int_equal(page.count, 29);
	for (size_t i = 1; i < page.count; i++)
		assert_true(strcmp(page.ids[i - 1], page.ids[i]) < 0);
}

static void another_process_sees_it_at_once(void **state)
{
	struct fixture *fixture = *state;
	struct vs_error error;
	int status;
	pid_t child;

	fixture_close(fixture); /* nothing open crosses the fork */
	child = fork();
	if (child == 0) {
		struct fixture own = *fixture;
		struct vs_namespace_options options = { VS_CREATE, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
		if (vs_store_open(own.data, VS_CREATE, &own.store, &error) != 0 ||
		    vs_namespace_open(own.store, "default", &options, &own.ns, &error) != 0 ||
		    put(&own, "child", right, 3, NULL, &error) != 0)
			_exit(1);
		kill(getpid(), SIGKILL); /* without closing anything */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	fixture_open(fixture, VS_COSINE);
	struct vs_record record;
	assert_ok(vs_record_get(fixture->ns, "child", 5, true, &record, &error), error);
	assert_memory_equal(record.vector, right, sizeof(right));
	assert_ok(put(fixture, "child", slanted, 3, NULL, &error), error);
}

static void names_and_folders_are_checked(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace *ns;
	struct vs_error error;

	assert_int_equal(vs_namespace_open(fixture->store, "../x", NULL, &ns, &error), VS_EINVAL);
	assert_int_equal(vs_namespace_open(fixture->store, "nobody", NULL, &ns, &error), VS_ENOTFOUND);
	assert_null(ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(get_returns_what_was_put_bit_for_bit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_update_keeps_the_creation_and_counts_versions, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(bad_records_are_refused_by_field, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(batches_are_atomic_unless_told, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_refused_batch_fixes_no_dimension, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(removals_count_what_they_did, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_filter_deletes_what_it_accepts, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(pages_go_in_order_of_ids, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(another_process_sees_it_at_once, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(names_and_folders_are_checked, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("namespace", tests, NULL, NULL);
}

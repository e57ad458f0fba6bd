/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction: what must stay the same, what goes on meanwhile, and what is left when it ends early. */
#include "digest_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/meta.h"

#define DIM 16
#define RECORDS 3000

/* The ids of the ten nearest to a record's vector. */
static void ask(struct vs_namespace *ns, const char *id, bool exact, char text[256])
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	query.id = id;
	query.id_len = strlen(id);
	query.exact = exact;
	assert_ok(vs_namespace_search(ns, &query, &results, &error), error);
	text[0] = '\0';
	for (size_t i = 0; i < results.count; i++)
		snprintf(text + strlen(text), 256 - strlen(text), "%s ", results.items[i].record.id);
}

static bool there(struct fixture *fixture, const char *name)
{
	char path[512];
	struct stat info;

	snprintf(path, sizeof(path), "%s/../%s", vs_namespace_folder(fixture->ns), name);
	return stat(path, &info) == 0;
}

/* r0 + first, and each seventh after it. */
static void drop_many(struct fixture *fixture, enum vs_removal kind, unsigned first)
{
	static char texts[200][16];
	struct vs_id ids[200];
	struct vs_error error;
	size_t done;

	for (unsigned i = 0; i < 200; i++) {
		snprintf(texts[i], sizeof(texts[i]), "r%u", i * 7 + first);
		ids[i] = (struct vs_id){ texts[i], strlen(texts[i]) };
	}
	assert_ok(vs_namespace_remove(fixture->ns, kind, ids, 200, &done, &error), error);
	assert_int_equal(done, 200);
}

/* Updates a third, deletes and soft-deletes some, restores one. */
static void churn(struct fixture *fixture)
{
	put_many(fixture, 0, RECORDS, DIM);
	put_many(fixture, 1000, 1000, DIM);
	drop_many(fixture, VS_DELETE, 0);
	drop_many(fixture, VS_SOFT_DELETE, 1);
	drop(fixture, VS_RESTORE, "r8");
}

static struct vs_compact_result compact(struct fixture *fixture)
{
	struct vs_compact_result result;
	struct vs_error error;

	assert_ok(vs_namespace_compact(fixture->ns, NULL, &result, &error), error);
	return result;
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void records_stay_and_dead_slots_go(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_stats before, after;
	struct vs_compact_result result;
	struct digest digest;
	char exact[256], found[256];

	churn(fixture);
	index_all(fixture);
	digest = digest_of(fixture->ns);
	before = stats_of(fixture->ns);
	ask(fixture->ns, "r1500", true, exact);
	result = compact(fixture);
	after = stats_of(fixture->ns);
	assert_same(digest, digest_of(fixture->ns));
	assert_int_equal(result.removed_count, before.slots - before.total);
	assert_true(result.freed_bytes > 0);
	assert_int_equal(after.slots, before.total);
	assert_int_equal(after.total, before.total);
	assert_int_equal(after.active, before.active);
	assert_int_equal(after.deleted, before.deleted);
	assert_int_equal(after.seq, before.seq);
	assert_int_equal(after.generation, before.generation + 1);
	assert_int_equal(after.unindexed, 0);
	ask(fixture->ns, "r1500", true, found);
	assert_string_equal(exact, found);
	ask(fixture->ns, "r1500", false, found);
	assert_string_equal(exact, found);
	assert_true(there(fixture, "g000002"));
	assert_false(there(fixture, "g000001"));
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
	index_all(fixture);
	put_many(fixture, RECORDS, 100, DIM);
	drop(fixture, VS_RESTORE, "r15");
	index_all(fixture);
	assert_int_equal(stats_of(fixture->ns).seq, before.seq + 101);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

/* r0 + first and so on, which expire then. */
static void put_until(struct fixture *fixture, unsigned first, unsigned count, int64_t expires_at)
{
	static const float vector[DIM] = { 1 };
	struct vs_upsert_result result;
	struct vs_error error;
	char id[16];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		struct vs_record_input record = {
			.id = id, .id_len = strlen(id), .vector = vector, .dimension = DIM, .expires_at = expires_at
		};
		assert_ok(vs_namespace_upsert(fixture->ns, &record, 1, NULL, &result, &error), error);
	}
}

/* Those whose time has passed are copied hidden, and it is the indexer that sweeps them, there as here. */
static void expiries_stay(void **state)
{
	struct fixture *fixture = *state;
	struct vs_record record;
	struct vs_error error;
	struct digest digest;

	put_many(fixture, 0, 300, DIM);
	put_until(fixture, 50, 20, 1);
	put_until(fixture, 100, 20, INT64_C(32503680000000));
	digest = digest_of(fixture->ns);
	assert_int_equal(stats_of(fixture->ns).total, 280);
	assert_int_equal(compact(fixture).removed_count, 40);
	assert_same(digest, digest_of(fixture->ns));
	assert_int_equal(stats_of(fixture->ns).total, 280);
	assert_int_equal(stats_of(fixture->ns).slots, 300);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(vs_record_get(fixture->ns, "r50", 3, false, &record, &error), VS_ENOTFOUND);
	assert_ok(vs_record_get(fixture->ns, "r100", 4, false, &record, &error), error);
	assert_int_equal(record.expires_at, INT64_C(32503680000000));
	index_all(fixture);
	assert_int_equal(stats_of(fixture->ns).seq, 360);
	assert_int_equal(compact(fixture).removed_count, 20);
	assert_same(digest, digest_of(fixture->ns));
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

static bool has_file(struct fixture *fixture, const char *name)
{
	char path[512];
	struct stat info;

	snprintf(path, sizeof(path), "%s/%s", vs_namespace_folder(fixture->ns), name);
	return stat(path, &info) == 0;
}

/* What a namespace walks stays what it is, and the new generation has its copies of rows, which tell expiries, too. */
static void derived_files_are_of_the_same_kind(void **state)
{
	struct vs_namespace_options options = { VS_CREATE, VS_COSINE, 0, VS_QUANTIZATION_NONE, VS_TOKENIZER_UNICODE61 };
	struct fixture *fixture = *state, other = *fixture;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	assert_ok(vs_namespace_open(other.store, "other", &options, &other.ns, &error), error);
	put_many(&other, 0, RECORDS, DIM);
	put_until(&other, 100, 20, INT64_C(32503680000000));
	index_all(&other);
	assert_false(has_file(&other, "codes.i8"));
	assert_int_equal(compact(&other).removed_count, 20);
	assert_int_equal(stats_of(other.ns).quantization, VS_QUANTIZATION_NONE);
	assert_int_equal(stats_of(other.ns).unindexed, 0);
	assert_false(has_file(&other, "codes.i8"));
	assert_true(has_file(&other, "graph.hnsw"));
	assert_true(has_file(&other, "rows.dat"));
	query.id = "r100";
	query.id_len = 4;
	query.limit = 19;
	assert_ok(vs_namespace_search(other.ns, &query, &results, &error), error);
	assert_int_equal(results.count, 19);
	for (size_t i = 0; i < results.count; i++)
		assert_int_equal(results.items[i].record.expires_at, INT64_C(32503680000000));
	assert_int_equal(check(&other).problems, 0);
	assert_int_equal(check(&other).repairs, 0);
	vs_namespace_close(other.ns);
}

static void again_and_again(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest;

	put_many(fixture, 0, 300, DIM); /* without a graph */
	for (unsigned round = 0; round < 5; round++) {
		put_many(fixture, round * 10, 50, DIM);
		digest = digest_of(fixture->ns);
		assert_int_equal(compact(fixture).removed_count, 50);
		assert_same(digest, digest_of(fixture->ns));
	}
	assert_true(there(fixture, "g000006"));
	assert_false(there(fixture, "g000005"));
	assert_int_equal(compact(fixture).removed_count, 0); /* nothing to do */
	assert_true(there(fixture, "g000006"));
	assert_int_equal(check(fixture).problems, 0);
}

static void a_namespace_may_be_empty_by_then(void **state)
{
	struct fixture *fixture = *state;
	struct vs_error error;
	size_t done;

	assert_int_equal(compact(fixture).removed_count, 0);
	put_many(fixture, 0, 100, DIM);
	assert_ok(vs_namespace_remove_where(fixture->ns, "n >= 0", &done, &error), error);
	assert_int_equal(compact(fixture).removed_count, 100);
	assert_int_equal(stats_of(fixture->ns).slots, 0);
	assert_int_equal(check(fixture).problems, 0);
	put_many(fixture, 0, 100, DIM);
	assert_int_equal(stats_of(fixture->ns).total, 100);
	assert_int_equal(stats_of(fixture->ns).seq, 300);
	assert_int_equal(check(fixture).problems, 0);
}

static void a_damaged_vector_stays_one(void **state)
{
	struct fixture *fixture = *state;
	char path[512];
	FILE *file;

	put_many(fixture, 0, 20, DIM);
	drop(fixture, VS_DELETE, "r0");
	snprintf(path, sizeof(path), "%s/vectors.f32", vs_namespace_folder(fixture->ns));
	file = fopen(path, "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, 4096 + 5 * 128 + 2, SEEK_SET), 0);
	assert_int_equal(fputc(0x55, file), 0x55);
	fclose(file);
	assert_int_equal(check(fixture).problems, 1);
	compact(fixture);
	assert_int_equal(check(fixture).problems, 1);
}

/* ---- what goes on meanwhile ----------------------------------------------------------------------------- */

struct meanwhile {
	struct fixture other; /* opened before */
	struct fixture *twin; /* gets the same, and is never compacted; NULL: none */
	unsigned phases;      /* that were seen, as bits */
	unsigned calls;
	unsigned stop; /* at this phase */
	bool index;    /* the other one is the old generation's indexer */
};

static void write_some(struct fixture *fixture, unsigned number)
{
	char id[16];

	put_many(fixture, 5000 + number * 20, 20, DIM);     /* new ones */
	put_many(fixture, 100 + number * 3, 5, DIM);        /* updates of records, some deleted before */
	put_many(fixture, 5000 + number * 20 - 10, 5, DIM); /* and of those that came meanwhile */
	snprintf(id, sizeof(id), "r%u", 2000 + number * 2);
	drop(fixture, VS_DELETE, id);
	snprintf(id, sizeof(id), "r%u", 2001 + number * 2);
	drop(fixture, VS_SOFT_DELETE, id);
	snprintf(id, sizeof(id), "r%u", number * 7 + 1);
	drop(fixture, VS_RESTORE, id);
	snprintf(id, sizeof(id), "r%u", 5000 + number * 20 + 3);
	drop(fixture, VS_SOFT_DELETE, id);
	drop(fixture, VS_RESTORE, id);
	snprintf(id, sizeof(id), "r%u", 5000 + number * 20 + 4);
	drop(fixture, VS_DELETE, id);
}

static int on_progress(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	struct meanwhile *meanwhile = context;
	bool first = (meanwhile->phases & 1u << phase) == 0;

	assert_true(done <= total);
	meanwhile->phases |= 1u << phase;
	if (meanwhile->stop == 1u << phase)
		return 77;
	if (meanwhile->twin != NULL && (first || meanwhile->calls % 8 == 7)) {
		write_some(&meanwhile->other, meanwhile->calls);
		write_some(meanwhile->twin, meanwhile->calls);
		if (meanwhile->index)
			index_all(&meanwhile->other);
	}
	meanwhile->calls++;
	return 0;
}

static void open_other(struct fixture *fixture, struct meanwhile *meanwhile)
{
	meanwhile->other = *fixture;
	fixture_open(&meanwhile->other, VS_COSINE);
	(void)digest_of(meanwhile->other.ns);
}

static void writes_in_each_phase_are_kept(struct fixture *fixture, bool index)
{
	struct meanwhile meanwhile = { .index = index };
	struct vs_compact_options options = { 2, on_progress, &meanwhile };
	struct vs_compact_result result;
	struct vs_namespace_stats stats;
	struct vs_error error;
	void *twin;

	assert_int_equal(fixture_setup(&twin), 0);
	meanwhile.twin = twin;
	churn(fixture);
	churn(meanwhile.twin);
	open_other(fixture, &meanwhile);
	assert_ok(vs_namespace_compact(fixture->ns, &options, &result, &error), error);
	assert_int_equal(meanwhile.phases, 1 << VS_COMPACT_COPY | 1 << VS_COMPACT_LINK | 1 << VS_COMPACT_FOLLOW);
	assert_true(meanwhile.calls > 3);
	assert_same(digest_of(meanwhile.other.ns), digest_of(fixture->ns));
	assert_same(digest_with(meanwhile.twin->ns, false), digest_with(fixture->ns, false));
	assert_int_equal(stats_of(fixture->ns).seq, stats_of(meanwhile.twin->ns).seq);
	stats = stats_of(fixture->ns);
	assert_true(stats.slots - stats.total < 20 * meanwhile.calls); /* only what died since it was copied */
	assert_int_equal(check(fixture).problems, 0);
	fixture_close(&meanwhile.other);
	index_all(fixture);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
	assert_int_equal(fixture_teardown(&twin), 0);
}

static void writers_go_on(void **state)
{
	writes_in_each_phase_are_kept(*state, false);
}

static void the_old_indexer_goes_on(void **state)
{
	writes_in_each_phase_are_kept(*state, true);
}

/* ---- when it ends early --------------------------------------------------------------------------------- */

static void it_can_be_stopped_in_each_phase(void **state)
{
	struct fixture *fixture = *state;
	struct vs_compact_result result;
	struct vs_error error;
	struct digest digest;

	churn(fixture);
	digest = digest_of(fixture->ns);
	for (unsigned phase = VS_COMPACT_COPY; phase <= VS_COMPACT_LINK; phase++) {
		struct meanwhile meanwhile = { .stop = 1u << phase };
		struct vs_compact_options options = { 1, on_progress, &meanwhile };
		assert_int_equal(vs_namespace_compact(fixture->ns, &options, &result, &error), 77);
		assert_int_equal(result.removed_count, 0);
		assert_true(there(fixture, "g000001"));
		assert_false(there(fixture, "g000002"));
		assert_same(digest, digest_of(fixture->ns));
	}
	assert_true(compact(fixture).removed_count > 0);
	assert_same(digest, digest_of(fixture->ns));
}

static int compact_beside(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	struct vs_namespace *other = context;
	struct vs_compact_result result;
	struct vs_error error;

	(void)done;
	(void)total;
	if (phase != VS_COMPACT_COPY)
		return 0;
	assert_int_equal(vs_namespace_compact(other, NULL, &result, &error), VS_EBUSY);
	return 5;
}

static void there_is_one_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct meanwhile meanwhile = { .calls = 0 };
	struct vs_compact_options options = { 1, compact_beside, NULL };
	struct vs_compact_result result;
	struct vs_error error;

	churn(fixture);
	open_other(fixture, &meanwhile);
	options.context = meanwhile.other.ns;
	assert_int_equal(vs_namespace_compact(fixture->ns, &options, &result, &error), 5);
	fixture_close(&meanwhile.other);
}

/* What a compaction that was killed leaves: a whole generation, or the beginning of one. */
static void leave_behind(struct fixture *fixture)
{
	char command[512];

	snprintf(command, sizeof(command), "cp -r '%s' '%s/../g000007'; mkdir '%s/../g000002'; echo x > '%s/../g000002/meta.db'",
	         vs_namespace_folder(fixture->ns), vs_namespace_folder(fixture->ns), vs_namespace_folder(fixture->ns),
	         vs_namespace_folder(fixture->ns));
	assert_int_equal(system(command), 0);
}

static void what_was_left_behind_goes(void **state)
{
	struct fixture *fixture = *state;
	struct digest digest;

	churn(fixture);
	index_all(fixture);
	leave_behind(fixture);
	fixture_close(fixture);
	fixture_open(fixture, VS_COSINE);
	digest = digest_of(fixture->ns);
	assert_true(there(fixture, "g000007"));
	index_all(fixture);
	assert_false(there(fixture, "g000007"));
	assert_false(there(fixture, "g000002"));
	leave_behind(fixture);
	assert_true(compact(fixture).removed_count > 0);
	assert_true(there(fixture, "g000002"));
	assert_false(there(fixture, "g000007"));
	assert_same(digest, digest_of(fixture->ns));
	assert_int_equal(check(fixture).problems, 0);
}

static void a_disk_that_is_full_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, limit;
	struct vs_compact_result result;
	struct vs_error error;
	struct digest digest;

	churn(fixture);
	index_all(fixture);
	digest = digest_of(fixture->ns);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	/* What does not fit are the vectors, then meta.db. */
	for (rlim_t bytes = 300000; bytes >= 10000; bytes /= 30) {
		limit = before;
		limit.rlim_cur = bytes;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(vs_namespace_compact(fixture->ns, NULL, &result, &error), VS_ENOSPC);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_false(there(fixture, "g000002"));
		assert_same(digest, digest_of(fixture->ns));
	}
	assert_true(compact(fixture).removed_count > 0);
	assert_same(digest, digest_of(fixture->ns));
}

static void trim_log(const char *folder)
{
	struct vs_meta_state state;
	struct vs_error error;
	struct vs_meta *meta;

	assert_ok(vs_meta_open(folder, 1000, &meta, &error), error);
	assert_ok(vs_meta_begin_write(meta, &state, &error), error);
	assert_ok(vs_meta_trim(meta, &state, state.seq, 1000000, &error), error);
	assert_ok(vs_meta_commit(meta, &state, &error), error);
	vs_meta_close(meta);
}

static int write_and_trim(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	struct meanwhile *meanwhile = context;

	(void)done;
	(void)total;
	if (phase != VS_COMPACT_LINK || meanwhile->calls++ > 0)
		return 0;
	for (unsigned i = 0; i < 20; i++) {
		write_some(&meanwhile->other, i);
		write_some(meanwhile->twin, i);
	}
	trim_log(vs_namespace_folder(meanwhile->other.ns));
	return 0;
}

static void a_log_that_was_trimmed_is_done_without(void **state)
{
	struct fixture *fixture = *state;
	struct meanwhile meanwhile = { .calls = 0 };
	struct vs_compact_options options = { 1, write_and_trim, &meanwhile };
	struct vs_compact_result result;
	struct vs_error error;
	void *twin;

	assert_int_equal(fixture_setup(&twin), 0);
	meanwhile.twin = twin;
	churn(fixture);
	churn(meanwhile.twin);
	open_other(fixture, &meanwhile);
	assert_ok(vs_namespace_compact(fixture->ns, &options, &result, &error), error);
	assert_same(digest_with(meanwhile.twin->ns, false), digest_with(fixture->ns, false));
	assert_int_equal(check(fixture).problems, 0);
	fixture_close(&meanwhile.other);
	assert_int_equal(fixture_teardown(&twin), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_stay_and_dead_slots_go, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(expiries_stay, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(derived_files_are_of_the_same_kind, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(again_and_again, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_namespace_may_be_empty_by_then, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_vector_stays_one, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(writers_go_on, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_old_indexer_goes_on, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(it_can_be_stopped_in_each_phase, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(there_is_one_at_a_time, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_was_left_behind_goes, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_is_full_changes_nothing, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_log_that_was_trimmed_is_done_without, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}

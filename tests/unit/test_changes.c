/* SPDX-License-Identifier: Apache-2.0 */
/* The change feed: who follows it has exactly the records there are, however many write, and hears when it was trimmed. */
#include "engine_fixture.h"

#include <pthread.h>

enum { IDS = 60, WRITERS = 3, ROUNDS = 150 };

/* Who follows the feed. */
struct follower {
	uint64_t since;
	uint64_t seq; /* of the newest change heard of */
	struct {
		int64_t version; /* 0: not there */
		bool deleted;
	} records[IDS];
	char log[4096]; /* "1 upsert r1 v1, …" */
	size_t told;
};

static void hear(void *context, const struct vs_record_change *change)
{
	const struct vs_record *record = &change->record;
	struct follower *follower = context;
	unsigned number = (unsigned)strtoul(record->id + 1, NULL, 10);
	size_t len = strlen(follower->log);

	assert_true(change->seq > follower->seq);
	follower->seq = change->seq;
	follower->told++;
	if (len < sizeof(follower->log) - 64)
		snprintf(follower->log + len, sizeof(follower->log) - len, "%llu %s %s v%lld%s, ", (unsigned long long)change->seq,
		         change->op, record->id, (long long)record->version, record->vector != NULL ? " +" : "");
	assert_int_equal(strlen(record->id), record->id_len);
	if (number >= IDS)
		return;
	follower->records[number].deleted = strcmp(change->op, "soft_delete") == 0;
	follower->records[number].version = strcmp(change->op, "delete") == 0 ? 0 : record->version;
	assert_true((record->version > 0) == (strcmp(change->op, "delete") != 0));
}

static int ask(struct vs_namespace *ns, uint64_t since, size_t limit, struct follower *follower,
               struct vs_changes_page *page, struct vs_error *error)
{
	struct vs_changes_options options = { .since = since, .limit = limit };

	return vs_namespace_changes(ns, &options, hear, follower, page, error);
}

static struct vs_changes_page follow(struct vs_namespace *ns, struct follower *follower, size_t limit)
{
	struct vs_changes_page page;
	struct vs_error error;

	assert_ok(ask(ns, follower->since, limit, follower, &page, &error), error);
	assert_true(page.next_since >= follower->since && page.next_since <= page.last_seq);
	follower->since = page.next_since;
	return page;
}

static void follow_all(struct vs_namespace *ns, struct follower *follower, size_t limit)
{
	for (uint64_t before = UINT64_MAX; before != follower->since;) {
		before = follower->since;
		follow(ns, follower, limit);
	}
}

struct compared {
	struct follower *follower;
	size_t count;
};

static void compare_record(void *context, const struct vs_record *record)
{
	struct compared *compared = context;
	unsigned number = (unsigned)strtoul(record->id + 1, NULL, 10);

	compared->count++;
	assert_true(number < IDS);
	assert_int_equal(compared->follower->records[number].version, record->version);
	assert_int_equal(compared->follower->records[number].deleted, record->deleted_at != 0);
}

/* What the follower knows is what is stored. */
static void compare(struct vs_namespace *ns, struct follower *follower)
{
	struct vs_page_options options = { .limit = 1000, .with_deleted = true };
	struct compared compared = { follower, 0 };
	struct vs_error error;
	size_t known = 0;
	bool more;

	assert_ok(vs_record_page(ns, &options, compare_record, &compared, &more, &error), error);
	for (size_t i = 0; i < IDS; i++)
		known += follower->records[i].version > 0;
	assert_int_equal(known, compared.count);
}

static const float vector[] = { 1, 2 };

static void put_expired(struct fixture *fixture, const char *id)
{
	struct vs_record_input record = { .id = id, .id_len = strlen(id), .vector = vector, .dimension = 2, .expires_at = 1000 };
	struct vs_upsert_result result;
	struct vs_error error;

	assert_ok(vs_namespace_upsert(fixture->ns, &record, 1, NULL, &result, &error), error);
}

static void what_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct follower follower = { .since = 0 };
	struct vs_changes_page page;
	struct vs_error error;

	page = follow(fixture->ns, &follower, 10);
	assert_int_equal(page.next_since, 0);
	assert_int_equal(page.first_seq, 1);
	assert_int_equal(page.last_seq, 0);
	assert_ok(put(fixture, "r1", vector, 2, NULL, &error), error);
	assert_ok(put(fixture, "r2", vector, 2, NULL, &error), error);
	assert_ok(put(fixture, "r3", vector, 2, NULL, &error), error);
	assert_int_equal(drop(fixture, VS_SOFT_DELETE, "r1"), 1);
	assert_int_equal(drop(fixture, VS_DELETE, "r2"), 1);
	page = follow(fixture->ns, &follower, 2); /* r2's upsert is superseded by its deletion */
	assert_int_equal(page.next_since, 3);
	follow(fixture->ns, &follower, 10);
	assert_string_equal(follower.log, "1 upsert r1 v1, 3 upsert r3 v1, 4 soft_delete r1 v1, 5 delete r2 v0, ");
	follower.log[0] = '\0';
	assert_int_equal(drop(fixture, VS_RESTORE, "r1"), 1);
	assert_ok(put(fixture, "r3", vector, 2, NULL, &error), error);
	assert_ok(put(fixture, "r2", vector, 2, NULL, &error), error);
	assert_int_equal(drop(fixture, VS_DELETE, "none"), 0);
	follow(fixture->ns, &follower, 10);
	assert_string_equal(follower.log, "6 restore r1 v1, 7 upsert r3 v2, 8 upsert r2 v2, ");
	compare(fixture->ns, &follower);
}

static void a_soft_deleted_record_can_be_deleted(void **state)
{
	struct fixture *fixture = *state;
	struct follower follower = { .since = 0 };
	struct vs_error error;
	size_t done;

	assert_ok(put(fixture, "r1", vector, 2, "{\"n\":1}", &error), error);
	assert_ok(put(fixture, "r2", vector, 2, "{\"n\":2}", &error), error);
	drop(fixture, VS_SOFT_DELETE, "r1");
	drop(fixture, VS_DELETE, "r1");
	assert_ok(vs_namespace_remove_where(fixture->ns, "n = 2", &done, &error), error);
	assert_int_equal(done, 1);
	follow_all(fixture->ns, &follower, 1);
	assert_string_equal(follower.log, "4 delete r1 v0, 5 delete r2 v0, ");
	assert_int_equal(check(fixture).problems, 0);
}

static void what_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct vs_changes_page page;
	struct vs_error error;

	assert_ok(put(fixture, "r1", vector, 2, NULL, &error), error);
	assert_int_equal(ask(fixture->ns, 0, 0, NULL, &page, &error), VS_EINVAL);
	assert_int_equal(ask(fixture->ns, 0, VS_CHANGES_MAX + 1, NULL, &page, &error), VS_EINVAL);
	assert_string_equal(error.field, "limit");
	assert_int_equal(ask(fixture->ns, 2, 1, NULL, &page, &error), VS_EGONE);
	assert_string_equal(error.field, "since");
	assert_int_equal(ask(fixture->ns, UINT64_MAX - 1, 1, NULL, &page, &error), VS_EGONE);
	assert_ok(ask(fixture->ns, VS_CHANGES_NEWEST, 1, NULL, &page, &error), error);
	assert_int_equal(page.next_since, 1);
}

/* Without a graph, which takes time to link. */
static int setup_unlinked(void **state)
{
	static const struct vs_namespace_options options = { VS_CREATE, VS_HAMMING, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct fixture *fixture;
	struct vs_error error;

	fixture_setup(state);
	fixture = *state;
	vs_namespace_close(fixture->ns);
	return vs_namespace_open(fixture->store, "unlinked", &options, &fixture->ns, &error);
}

static void trimmed_history_is_gone(void **state)
{
	enum { RECORDS = 21000 };
	struct fixture *fixture = *state;
	struct vs_index_options options = VS_INDEX_OPTIONS;
	struct follower follower = { .since = 0 };
	struct vs_compact_result result;
	struct vs_changes_page page, after;
	struct vs_error error;
	bool worked = true;

	options.changes_kept = 500;
	put_many(fixture, 1000, RECORDS, 2);
	while (worked)
		assert_ok(vs_namespace_index(fixture->ns, &options, &worked, &error), error);
	assert_ok(ask(fixture->ns, VS_CHANGES_NEWEST, 1, &follower, &page, &error), error);
	assert_int_equal(page.last_seq, RECORDS);
	assert_in_range(page.first_seq, 2, RECORDS - 499);
	assert_int_equal(ask(fixture->ns, page.first_seq - 2, 1, &follower, &after, &error), VS_EGONE);
	assert_int_equal(after.first_seq, page.first_seq); /* told with the refusal, too */
	/* A compaction keeps the rest, whatever the library would. */
	drop(fixture, VS_DELETE, "r1000");
	assert_ok(vs_namespace_compact(fixture->ns, NULL, &result, &error), error);
	assert_int_equal(ask(fixture->ns, page.first_seq - 2, 1, &follower, &after, &error), VS_EGONE);
	assert_int_equal(after.first_seq, page.first_seq);
	follower.since = page.first_seq - 1;
	follow_all(fixture->ns, &follower, 999);
	assert_int_equal(follower.seq, RECORDS + 1);
	assert_int_equal(follower.told, RECORDS - page.first_seq + 2);
	assert_int_equal(check(fixture).problems, 0);
}

/* Of records that went by compactions, expiry and a write over an expired one. */
static void compactions_are_not_noticed(void **state)
{
	struct fixture *fixture = *state;
	struct follower follower = { .since = 0 };
	struct follower late = { .since = 0 };
	struct vs_compact_result result;
	struct vs_changes_page page;
	struct vs_error error;
	char before[sizeof(follower.log)];

	for (unsigned i = 0; i < 8; i++)
		assert_ok(put(fixture, i % 2 == 0 ? "r1" : "r2", vector, 2, NULL, &error), error);
	put_expired(fixture, "r3");
	put_expired(fixture, "r4");
	assert_ok(put(fixture, "r3", vector, 2, NULL, &error), error); /* 11 and 12: one goes, one comes */
	drop(fixture, VS_SOFT_DELETE, "r1");
	drop(fixture, VS_DELETE, "r2");
	index_all(fixture); /* r4 is swept */
	follow(fixture->ns, &follower, 2);
	assert_int_equal(follower.since, 11);
	follow_all(fixture->ns, &late, 100);
	assert_string_equal(late.log, "7 upsert r1 v4, 11 delete r3 v0, 12 upsert r3 v2, 13 soft_delete r1 v4, 14 delete r2 v0, "
	                              "15 delete r4 v0, ");
	snprintf(before, sizeof(before), "%s", late.log);
	assert_ok(vs_namespace_compact(fixture->ns, NULL, &result, &error), error);
	assert_int_equal(result.removed_count, 9);
	late = (struct follower){ .since = 0 };
	page = follow(fixture->ns, &late, 100);
	assert_string_equal(late.log, before);
	assert_int_equal(page.first_seq, 1);
	follow_all(fixture->ns, &follower, 2);
	compare(fixture->ns, &follower);
	/* And what was brought over is brought over once more. */
	assert_ok(put(fixture, "r1", vector, 2, NULL, &error), error);
	assert_ok(vs_namespace_compact(fixture->ns, NULL, &result, &error), error);
	follow_all(fixture->ns, &follower, 2);
	compare(fixture->ns, &follower);
	late = (struct follower){ .since = 0 };
	follow_all(fixture->ns, &late, 3);
	assert_string_equal(late.log, "11 delete r3 v0, 12 upsert r3 v2, 14 delete r2 v0, 15 delete r4 v0, 16 upsert r1 v5, ");
	compare(fixture->ns, &late);
	assert_int_equal(check(fixture).problems, 0);
}

static void hear_all(void *context, const struct vs_record_change *change)
{
	char *log = context;
	const struct vs_record *record = &change->record;

	snprintf(log + strlen(log), 80, "%s %s (%g %g) ", record->id, record->metadata,
	         record->vector != NULL ? (double)record->vector[0] : 0.0, record->vector != NULL ? (double)record->vector[1] : 0.0);
}

static void records_come_along(void **state)
{
	struct fixture *fixture = *state;
	struct vs_changes_options options = { .since = 0, .limit = 10, .with_metadata = true, .with_vector = true };
	struct vs_changes_page page;
	struct vs_error error;
	char log[400] = "";

	assert_ok(put(fixture, "r1", vector, 2, "{\"n\":1}", &error), error);
	assert_ok(put(fixture, "r2", vector, 2, NULL, &error), error);
	assert_ok(vs_namespace_changes(fixture->ns, &options, hear_all, log, &page, &error), error);
	assert_string_equal(log, "r1 {\"n\":1} (1 2) r2 {} (1 2) ");
	options.bytes = 10; /* of r1 alone more */
	log[0] = '\0';
	assert_ok(vs_namespace_changes(fixture->ns, &options, hear_all, log, &page, &error), error);
	assert_string_equal(log, "r1 {\"n\":1} (1 2) ");
	assert_int_equal(page.next_since, 1);
	drop(fixture, VS_DELETE, "r2");
	options = (struct vs_changes_options){ .since = 1, .limit = 10 };
	log[0] = '\0';
	assert_ok(vs_namespace_changes(fixture->ns, &options, hear_all, log, &page, &error), error);
	assert_string_equal(log, "r2  (0 0) ");
}

struct writer {
	const char *data;
	uint64_t seed;
};

static unsigned pick(uint64_t *seed, unsigned below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33) % below;
}

static void change_one(struct fixture *fixture, uint64_t *seed)
{
	static const enum vs_removal kinds[] = { VS_DELETE, VS_SOFT_DELETE, VS_RESTORE };
	struct vs_error error;
	char id[16];

	snprintf(id, sizeof(id), "r%u", pick(seed, IDS));
	if (pick(seed, 2) == 0)
		assert_ok(put(fixture, id, vector, 2, NULL, &error), error);
	else
		drop(fixture, kinds[pick(seed, 3)], id);
}

static void *write_much(void *context)
{
	struct writer *writer = context;
	struct fixture own;

	snprintf(own.data, sizeof(own.data), "%s", writer->data);
	fixture_open(&own, VS_COSINE);
	for (unsigned i = 0; i < ROUNDS; i++)
		change_one(&own, &writer->seed);
	fixture_close(&own);
	return NULL;
}

static void many_write_while_one_follows(void **state)
{
	struct fixture *fixture = *state;
	struct follower follower = { .since = 0 };
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];

	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ fixture->data, i + 1 };
		assert_int_equal(pthread_create(&threads[i], NULL, write_much, &writers[i]), 0);
	}
	for (unsigned i = 0; i < 200; i++)
		follow(fixture->ns, &follower, 1 + i % 7);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	follow_all(fixture->ns, &follower, 5);
	compare(fixture->ns, &follower);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_told, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_soft_deleted_record_can_be_deleted, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(trimmed_history_is_gone, setup_unlinked, fixture_teardown),
		cmocka_unit_test_setup_teardown(compactions_are_not_noticed, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(records_come_along, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(many_write_while_one_follows, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}

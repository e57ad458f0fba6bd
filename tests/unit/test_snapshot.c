/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: what they hold, what restoring them changes, and what does not get in. */
#include "digest_fixture.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIM 16
#define RECORDS 2100

static struct vs_snapshot create(struct fixture *fixture, const char *name)
{
	struct vs_snapshot snapshot;
	struct vs_error error;

	assert_ok(vs_snapshot_create(fixture->ns, name, NULL, &snapshot, &error), error);
	return snapshot;
}

static uint64_t restore(struct fixture *fixture, const char *name, const char *into)
{
	struct vs_error error;
	uint64_t records;

	assert_ok(vs_snapshot_restore(fixture->ns, name, into, NULL, &records, &error), error);
	return records;
}

static uint64_t verify(struct fixture *fixture, const char *name)
{
	struct vs_error error;
	uint64_t problems;

	assert_ok(vs_snapshot_verify(fixture->ns, name, NULL, NULL, &problems, &error), error);
	return problems;
}

/* Another handle of the same store, on this namespace. */
static struct fixture other(struct fixture *fixture, const char *name)
{
	struct fixture other = *fixture;
	struct vs_error error;

	assert_ok(vs_store_open(fixture->data, 0, &other.store, &error), error);
	assert_ok(vs_namespace_open(other.store, name, NULL, &other.ns, &error), error);
	return other;
}

static void assert_sound(struct fixture *fixture)
{
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

static void path_of(struct fixture *fixture, const char *name, const char *file, char path[512])
{
	const char *folder = strstr(vs_namespace_folder(fixture->ns), "/ns/") + 4;

	snprintf(path, 512, "%s/snapshots/%.16s/%s/%s", fixture->data, folder, name, file);
}

/* Names in the namespace's folder of snapshots, but for the lock. */
static int count_entries(struct fixture *fixture)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;
	int count = 0;

	path_of(fixture, "", "", path);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, ".lock") != 0;
	closedir(dir);
	return count;
}

static int count_namespaces(struct fixture *fixture)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;
	int count = 0;

	snprintf(path, sizeof(path), "%s/ns", fixture->data);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void fill(struct fixture *fixture)
{
	put_many(fixture, 0, RECORDS, DIM);
	put_many(fixture, 100, 50, DIM); /* versions, and dead slots */
	drop(fixture, VS_DELETE, "r7");
	drop(fixture, VS_SOFT_DELETE, "r8");
	index_all(fixture);
}

static void spoil(struct fixture *fixture)
{
	put_many(fixture, 50, 100, DIM);
	put_many(fixture, RECORDS, 300, DIM);
	drop(fixture, VS_DELETE, "r20");
	drop(fixture, VS_RESTORE, "r8");
	drop(fixture, VS_SOFT_DELETE, "r9");
}

/* ---- what comes back ------------------------------------------------------------------------------------ */

static void restores_what_was(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_namespace_stats before, after;
	struct vs_results results;
	struct vs_snapshot snapshot;
	struct vs_mark marks[2];
	struct fixture reader;
	struct vs_error error;
	struct digest digest;

	fill(fixture);
	digest = digest_of(fixture->ns);
	snapshot = create(fixture, "one");
	assert_string_equal(snapshot.name, "one");
	assert_int_equal(snapshot.records, RECORDS - 1);
	assert_int_equal(snapshot.dimension, DIM);
	assert_true(snapshot.indexed);
	assert_int_equal(verify(fixture, "one"), 0);
	spoil(fixture);
	before = stats_of(fixture->ns);
	reader = other(fixture, "default");
	assert_ok(vs_namespace_mark(reader.ns, &marks[0], &error), error);
	assert_int_equal(restore(fixture, "one", NULL), RECORDS - 1);
	assert_same(digest_of(fixture->ns), digest);
	assert_same(digest_of(reader.ns), digest);
	assert_ok(vs_namespace_mark(reader.ns, &marks[1], &error), error);
	assert_memory_not_equal(&marks[0], &marks[1], sizeof(marks[0]));
	after = stats_of(fixture->ns);
	assert_true(after.seq > before.seq);
	assert_int_equal(after.generation, before.generation + 1);
	assert_int_equal(after.unindexed, 0); /* nobody waits for an indexer */
	query.id = "r500";
	query.id_len = 4;
	query.filter = "even = true";
	assert_ok(vs_namespace_search(reader.ns, &query, &results, &error), error);
	assert_int_equal(results.count, 10);
	assert_sound(fixture);
	put_many(fixture, 5000, 20, DIM); /* and it goes on */
	index_all(fixture);
	assert_sound(fixture);
	assert_int_equal(verify(fixture, "one"), 0);
	assert_int_equal(restore(fixture, "one", NULL), RECORDS - 1);
	assert_same(digest_of(fixture->ns), digest);
	fixture_close(&reader);
}

/* What grows, is compacted, or is written into the restored namespace leaves the snapshot as it is. */
static void stays_as_it_is(void **state)
{
	struct fixture *fixture = *state;
	struct vs_compact_result result;
	struct vs_error error;
	struct digest digest;

	fill(fixture);
	digest = digest_of(fixture->ns);
	(void)create(fixture, "a");
	spoil(fixture);
	index_all(fixture);
	assert_int_equal(verify(fixture, "a"), 0);
	assert_ok(vs_namespace_compact(fixture->ns, NULL, &result, &error), error);
	assert_int_equal(verify(fixture, "a"), 0);
	(void)restore(fixture, "a", NULL);
	spoil(fixture);
	assert_int_equal(verify(fixture, "a"), 0);
	(void)restore(fixture, "a", NULL);
	assert_same(digest_of(fixture->ns), digest);
}

static void makes_new_namespaces(void **state)
{
	struct fixture *fixture = *state;
	struct fixture made;
	struct vs_error error;
	struct digest digest;
	uint64_t records;

	fill(fixture);
	digest = digest_of(fixture->ns);
	(void)create(fixture, "one");
	spoil(fixture);
	assert_int_equal(restore(fixture, "one", "second"), RECORDS - 1);
	made = other(fixture, "second");
	assert_same(digest_of(made.ns), digest);
	assert_sound(&made);
	put_many(&made, 0, 10, DIM);
	fixture_close(&made);
	assert_ok(vs_namespace_clone(fixture->ns, "third", NULL, &records, &error), error);
	made = other(fixture, "third");
	assert_same(digest_of(made.ns), digest_of(fixture->ns));
	assert_sound(&made);
	fixture_close(&made);
	assert_int_equal(vs_namespace_clone(fixture->ns, "third", NULL, NULL, &error), VS_ECONFLICT);
	assert_int_equal(vs_snapshot_restore(fixture->ns, "one", "default", NULL, NULL, &error), VS_ECONFLICT);
	assert_int_equal(vs_namespace_clone(fixture->ns, "No", NULL, NULL, &error), VS_EINVAL);
	assert_int_equal(count_namespaces(fixture), 3);
}

static void holds_nothing_too(void **state)
{
	struct fixture *fixture = *state;
	struct fixture made;

	assert_int_equal(create(fixture, "empty").records, 0);
	assert_int_equal(verify(fixture, "empty"), 0);
	put_many(fixture, 0, 10, DIM);
	assert_int_equal(restore(fixture, "empty", NULL), 0);
	assert_int_equal(stats_of(fixture->ns).total, 0);
	put_many(fixture, 0, 10, 2 * DIM); /* the dimension is free again */
	assert_sound(fixture);
	assert_int_equal(restore(fixture, "empty", "made"), 0);
	made = other(fixture, "made");
	put_many(&made, 0, 3, 5);
	fixture_close(&made);
}

/* What the administrator allows holds here, too; and a namespace that is deleted takes its snapshots along. */
static void heeds_the_administrator(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_quota quota = vs_quota_none();
	struct vs_error error;
	unsigned removed;
	char path[512];
	struct stat st;

	put_many(fixture, 0, 10, DIM);
	(void)create(fixture, "one");
	change.status = VS_READ_ONLY;
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
	assert_int_equal(vs_snapshot_restore(fixture->ns, "one", NULL, NULL, NULL, &error), VS_EFROZEN);
	(void)create(fixture, "two");
	change.status = VS_ACTIVE;
	quota.most[VS_QUOTA_VECTORS] = 9;
	change.quota = &quota;
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
	assert_int_equal(vs_snapshot_restore(fixture->ns, "one", NULL, NULL, NULL, &error), VS_EQUOTA);
	vs_store_set_quota(fixture->store, &quota);
	assert_int_equal(vs_namespace_clone(fixture->ns, "made", NULL, NULL, &error), VS_EQUOTA);
	assert_int_equal(vs_snapshot_restore(fixture->ns, "one", "made", NULL, NULL, &error), VS_EQUOTA);
	assert_int_equal(count_namespaces(fixture), 1);
	path_of(fixture, "", "", path);
	assert_int_equal(stat(path, &st), 0);
	change = (struct vs_namespace_change)VS_NAMESPACE_CHANGE;
	change.status = VS_PENDING_DELETION;
	change.delete_at = 1;
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
	assert_ok(vs_store_reap(fixture->store, &removed, &error), error);
	assert_int_equal(removed, 1);
	assert_int_not_equal(stat(path, &st), 0);
}

/* ---- which there are ------------------------------------------------------------------------------------ */

static int add_name(void *context, const struct vs_snapshot *snapshot)
{
	char *names = context;

	strcat(names, snapshot->damaged ? "!" : "");
	strcat(names, snapshot->name);
	strcat(names, " ");
	return 0;
}

static void lists_them(void **state)
{
	struct fixture *fixture = *state;
	struct vs_snapshot snapshot;
	struct vs_error error;
	char names[256] = "";
	char path[512];

	assert_ok(vs_snapshot_each(fixture->ns, add_name, names, &error), error);
	assert_string_equal(names, "");
	put_many(fixture, 0, 3, DIM);
	(void)create(fixture, "b.2");
	(void)create(fixture, "g000009");
	(void)create(fixture, "a_1");
	path_of(fixture, "b.2", "manifest", path);
	assert_int_equal(truncate(path, 100), 0);
	assert_ok(vs_snapshot_each(fixture->ns, add_name, names, &error), error);
	assert_string_equal(names, "a_1 !b.2 g000009 ");
	assert_int_equal(verify(fixture, "b.2"), 1);
	assert_int_equal(verify(fixture, "g000009"), 0);
	assert_ok(vs_snapshot_remove(fixture->ns, "b.2", &error), error);
	assert_int_equal(vs_snapshot_remove(fixture->ns, "b.2", &error), VS_ENOTFOUND);
	assert_int_equal(vs_snapshot_find(fixture->ns, "b.2", &snapshot, &error), VS_ENOTFOUND);
	assert_int_equal(vs_snapshot_create(fixture->ns, "a_1", NULL, &snapshot, &error), VS_ECONFLICT);
	assert_int_equal(count_entries(fixture), 2);
}

static void refuses_bad_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".new", "../x", "a/b", "A", "-a", "_a", "a b", "\xc3\xa4",
		                               "a1234567890123456789012345678901234567890123456789012345678901234" };
	struct fixture *fixture = *state;
	struct vs_snapshot snapshot;
	struct vs_error error;
	uint64_t problems;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(vs_snapshot_create(fixture->ns, bad[i], NULL, &snapshot, &error), VS_EINVAL);
		assert_string_equal(error.field, "name");
		assert_int_equal(vs_snapshot_find(fixture->ns, bad[i], &snapshot, &error), VS_EINVAL);
		assert_int_equal(vs_snapshot_remove(fixture->ns, bad[i], &error), VS_EINVAL);
		assert_int_equal(vs_snapshot_restore(fixture->ns, bad[i], NULL, NULL, NULL, &error), VS_EINVAL);
		assert_int_equal(vs_snapshot_verify(fixture->ns, bad[i], NULL, NULL, &problems, &error), VS_EINVAL);
	}
	assert_int_equal(count_entries(fixture), 0);
}

static void names_itself(void **state)
{
	struct fixture *fixture = *state;
	struct vs_snapshot first = create(fixture, NULL);
	struct vs_snapshot second;

	usleep(2000); /* names have milliseconds */
	second = create(fixture, NULL);

	assert_string_not_equal(first.name, second.name);
	assert_int_equal(verify(fixture, second.name), 0);
}

/* ---- what goes on meanwhile ----------------------------------------------------------------------------- */

struct meanwhile {
	struct fixture other;
	unsigned calls;
	unsigned stop;  /* at this call; 0: never */
	unsigned compact; /* so */
	uint32_t number; /* of the next record */
	double share;
};

static int on_progress(void *context, double share, const char *doing)
{
	struct meanwhile *meanwhile = context;

	assert_non_null(doing);
	assert_true(share >= meanwhile->share - 1e-9 && share <= 1.0);
	meanwhile->share = share;
	if (++meanwhile->calls == meanwhile->stop)
		return 77;
	if (meanwhile->calls == meanwhile->compact) {
		struct vs_compact_result result;
		struct vs_error error;
		assert_ok(vs_namespace_compact(meanwhile->other.ns, NULL, &result, &error), error);
		assert_true(result.removed_count > 0);
	}
	if (meanwhile->number > 0) {
		put_many(&meanwhile->other, meanwhile->number++, 1, DIM);
		if (meanwhile->calls % 4 == 0)
			index_all(&meanwhile->other);
	}
	return 0;
}

/* Records come in the order of their numbers: a snapshot holds the first so many of them, and at least those that were there. */
static void takes_one_moment(void **state)
{
	struct fixture *fixture = *state;
	struct meanwhile meanwhile = { .number = RECORDS };
	struct vs_work_options options = { 2, on_progress, &meanwhile };
	struct vs_snapshot snapshot;
	struct vs_record record;
	struct fixture made;
	struct vs_error error;
	char id[16];

	meanwhile.other = other(fixture, "default");
	fill(&meanwhile.other);
	assert_ok(vs_snapshot_create(fixture->ns, "one", &options, &snapshot, &error), error);
	assert_true(meanwhile.calls > 5);
	assert_true(snapshot.records > RECORDS - 1); /* what was written before meta.db was read */
	assert_true(snapshot.records < meanwhile.number - 1);
	assert_int_equal(verify(fixture, "one"), 0);
	assert_int_equal(restore(fixture, "one", "made"), snapshot.records);
	made = other(fixture, "made");
	snprintf(id, sizeof(id), "r%u", (unsigned)snapshot.records); /* one record less than numbers */
	assert_ok(vs_record_get(made.ns, id, strlen(id), false, &record, &error), error);
	snprintf(id, sizeof(id), "r%u", (unsigned)snapshot.records + 1);
	assert_int_equal(vs_record_get(made.ns, id, strlen(id), false, &record, &error), VS_ENOTFOUND);
	assert_sound(&made);
	fixture_close(&made);
	fixture_close(&meanwhile.other);
}

/* Writers go on until the moment of the change; none of them fails, and what comes after it stays. */
static void restores_beside_writers(void **state)
{
	struct fixture *fixture = *state;
	struct meanwhile meanwhile = { .number = 10 * RECORDS };
	struct vs_work_options options = { 2, on_progress, &meanwhile };
	struct digest digest;
	struct vs_error error;

	meanwhile.other = other(fixture, "default");
	fill(&meanwhile.other);
	digest = digest_of(fixture->ns);
	(void)create(fixture, "one");
	spoil(fixture);
	assert_ok(vs_snapshot_restore(fixture->ns, "one", NULL, &options, NULL, &error), error);
	assert_true(meanwhile.calls > 5);
	assert_same(digest_of(meanwhile.other.ns), digest);
	put_many(&meanwhile.other, 20 * RECORDS, 1, DIM);
	assert_int_equal(stats_of(fixture->ns).total, RECORDS);
	fixture_close(&meanwhile.other);
	index_all(fixture);
	assert_sound(fixture);
}

/* A compaction may take the files away under a snapshot, and under a clone, at any moment. */
static void takes_what_is_compacted(void **state)
{
	struct fixture *fixture = *state;
	struct meanwhile meanwhile = { .compact = 0 };
	struct fixture compacted = other(fixture, "default");

	put_many(fixture, 0, 100, DIM);
	do {
		struct vs_work_options options = { 1, on_progress, &meanwhile };
		struct vs_snapshot snapshot;
		struct vs_error error;
		struct digest digest;
		struct fixture source, made;
		char name[16];
		put_many(fixture, 0, 100, DIM); /* dead slots */
		meanwhile = (struct meanwhile){ .other = compacted, .compact = meanwhile.compact + 1 };
		snprintf(name, sizeof(name), "s%u", meanwhile.compact);
		assert_ok(vs_snapshot_create(fixture->ns, name, &options, &snapshot, &error), error);
		assert_int_equal(snapshot.records, 100);
		assert_int_equal(verify(fixture, name), 0);
		put_many(fixture, 0, 100, DIM);
		digest = digest_of(fixture->ns);
		meanwhile.calls = 0;
		meanwhile.share = 0;
		snprintf(name, sizeof(name), "n%u", meanwhile.compact);
		source = other(fixture, "default"); /* which has no files open yet */
		assert_ok(vs_namespace_clone(source.ns, name, &options, NULL, &error), error);
		fixture_close(&source);
		made = other(fixture, name);
		assert_same(digest_of(made.ns), digest);
		fixture_close(&made);
	} while (meanwhile.calls >= meanwhile.compact);
	assert_true(meanwhile.compact > 5);
	fixture_close(&compacted);
}

static void stops_anywhere(void **state)
{
	struct fixture *fixture = *state;
	struct vs_snapshot snapshot;
	struct vs_error error;
	struct digest digest;
	int rc = 77;

	fill(fixture);
	(void)create(fixture, "one");
	spoil(fixture);
	digest = digest_of(fixture->ns);
	for (unsigned stop = 1; rc == 77; stop += 1 + stop) {
		struct meanwhile meanwhile = { .stop = stop };
		struct vs_work_options options = { 1, on_progress, &meanwhile };
		rc = vs_snapshot_create(fixture->ns, "two", &options, &snapshot, &error);
		assert_true(rc == 77 || rc == 0);
		assert_int_equal(count_entries(fixture), rc == 0 ? 2 : 1);
	}
	rc = 77;
	for (unsigned stop = 1; rc == 77; stop += 1 + stop) {
		struct meanwhile meanwhile = { .stop = stop };
		struct vs_work_options options = { 1, on_progress, &meanwhile };
		rc = vs_snapshot_restore(fixture->ns, "one", "made", &options, NULL, &error);
		assert_true(rc == 77 || rc == 0);
		assert_int_equal(count_namespaces(fixture), rc == 0 ? 2 : 1);
	}
	rc = 77;
	for (unsigned stop = 1; rc == 77; stop += 1 + stop) {
		struct meanwhile meanwhile = { .stop = stop };
		struct vs_work_options options = { 1, on_progress, &meanwhile };
		assert_same(digest_of(fixture->ns), digest);
		assert_int_equal(check(fixture).repairs, 0);
		rc = vs_snapshot_restore(fixture->ns, "one", NULL, &options, NULL, &error);
		assert_true(rc == 77 || rc == 0);
	}
	assert_int_equal(verify(fixture, "two"), 0);
	assert_sound(fixture);
}

/* ---- damage --------------------------------------------------------------------------------------------- */

static void tells_damage(void **state)
{
	static const char *const files[] = { "meta.db", "vectors.f32", "graph.hnsw", "graph.up", "codes.i8", "manifest" };
	struct fixture *fixture = *state;
	struct vs_snapshot_reader *reader;
	struct vs_error error;
	struct digest digest;
	uint64_t bytes;
	char path[512];
	struct stat st;

	fill(fixture);
	(void)create(fixture, "one");
	spoil(fixture);
	index_all(fixture);
	digest = digest_of(fixture->ns);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		long at;
		int byte;
		FILE *file;
		path_of(fixture, "one", files[i], path);
		assert_int_equal(stat(path, &st), 0);
		/* Within what was committed: vectors.f32 is longer than the snapshot's part of it. */
		at = strcmp(files[i], "vectors.f32") == 0 ? 4096 + 200 * 128 : st.st_size / 2;
		file = fopen(path, "r+b");
		assert_non_null(file);
		assert_int_equal(fseek(file, at, SEEK_SET), 0);
		byte = fgetc(file);
		assert_int_equal(fseek(file, at, SEEK_SET), 0);
		fputc(byte ^ 1, file);
		assert_int_equal(fflush(file), 0);
		assert_true(verify(fixture, "one") > 0);
		assert_int_equal(vs_snapshot_restore(fixture->ns, "one", NULL, NULL, NULL, &error), VS_ECORRUPT);
		assert_int_equal(vs_snapshot_restore(fixture->ns, "one", "made", NULL, NULL, &error), VS_ECORRUPT);
		assert_int_equal(vs_snapshot_reader_open(fixture->ns, "one", NULL, &reader, &bytes, &error), VS_ECORRUPT);
		assert_int_equal(fseek(file, at, SEEK_SET), 0);
		fputc(byte, file);
		fclose(file);
		assert_int_equal(verify(fixture, "one"), 0);
	}
	assert_same(digest_of(fixture->ns), digest);
	assert_sound(fixture);
	assert_int_equal(count_namespaces(fixture), 1);
	path_of(fixture, "one", "graph.up", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(verify(fixture, "one"), 1);
	assert_int_equal(vs_snapshot_restore(fixture->ns, "one", NULL, NULL, NULL, &error), VS_ECORRUPT);
}

/* ---- one file ------------------------------------------------------------------------------------------- */

struct bytes {
	unsigned char *data;
	size_t len, at;
	size_t piece; /* most that a read gives */
};

static int read_bytes(void *source, void *data, size_t cap, size_t *len, struct vs_error *error)
{
	struct bytes *bytes = source;
	size_t n = bytes->len - bytes->at;

	(void)error;
	n = n < cap ? n : cap;
	n = bytes->piece > 0 && n > bytes->piece ? bytes->piece : n;
	memcpy(data, bytes->data + bytes->at, n);
	bytes->at += n;
	*len = n;
	return 0;
}

static struct bytes pack(struct fixture *fixture, const char *name, size_t piece)
{
	struct vs_snapshot_reader *reader;
	struct bytes bytes = { .piece = 1000 };
	struct vs_error error;
	uint64_t size;
	size_t len;

	assert_ok(vs_snapshot_reader_open(fixture->ns, name, NULL, &reader, &size, &error), error);
	bytes.data = malloc((size_t)size + piece);
	do {
		assert_ok(vs_snapshot_read(reader, bytes.data + bytes.len, piece, &len, &error), error);
		bytes.len += len;
		assert_true(bytes.len <= size);
	} while (len > 0);
	assert_int_equal(bytes.len, size);
	vs_snapshot_reader_close(reader);
	return bytes;
}

static int unpack(struct fixture *fixture, struct bytes *bytes, const char *name, struct vs_error *error)
{
	struct vs_snapshot snapshot;

	bytes->at = 0;
	return vs_snapshot_import(fixture->ns, name, read_bytes, bytes, NULL, &snapshot, error);
}

static void travels_as_one_file(void **state)
{
	struct fixture *fixture = *state;
	struct bytes bytes, again;
	struct fixture *there;
	struct vs_error error;
	struct digest digest;
	void *twin;

	fill(fixture);
	digest = digest_of(fixture->ns);
	(void)create(fixture, "one");
	bytes = pack(fixture, "one", 70000);
	again = pack(fixture, "one", 333);
	assert_int_equal(bytes.len, again.len);
	assert_memory_equal(bytes.data, again.data, bytes.len);
	assert_int_equal(fixture_setup(&twin), 0);
	there = twin;
	put_many(there, 0, 5, DIM);
	assert_ok(unpack(there, &bytes, NULL, &error), error);
	assert_int_equal(verify(there, "one"), 0);
	assert_int_equal(unpack(there, &bytes, NULL, &error), VS_ECONFLICT);
	assert_ok(unpack(there, &bytes, "two", &error), error);
	assert_int_equal(restore(there, "two", NULL), RECORDS - 1);
	assert_same(digest_of(there->ns), digest);
	assert_sound(there);
	assert_int_equal(count_entries(there), 2);
	free(bytes.data);
	free(again.data);
	assert_int_equal(fixture_teardown(&twin), 0);
}

static void refuses_what_is_broken(void **state)
{
	struct fixture *fixture = *state;
	struct bytes bytes;
	struct vs_error error;
	uint64_t seed = 5;
	int taken = 0;

	put_many(fixture, 0, 20, DIM);
	(void)create(fixture, "one");
	bytes = pack(fixture, "one", 4096);
	for (size_t len = bytes.len; len > 512;) { /* all but the last block of zeros is needed */
		struct bytes cut = { bytes.data, len = len > 6000 ? len - 4500 : len - 500, 0, 0 };
		assert_true(unpack(fixture, &cut, "two", &error) < 0);
		assert_int_equal(count_entries(fixture), 1);
	}
	for (int i = 0; i < 100; i++) {
		size_t at = (size_t)((noise(&seed) + 1.0f) / 2.0f * (float)bytes.len) % bytes.len;
		unsigned char bit = (unsigned char)(1 << i % 8);
		at = i % 3 == 0 ? at % 2048 : at;
		bytes.data[at] ^= bit;
		if (unpack(fixture, &bytes, "two", &error) == 0) { /* zeros between files, or unused bytes of headers */
			taken++;
			assert_int_equal(verify(fixture, "two"), 0);
			assert_ok(vs_snapshot_remove(fixture->ns, "two", &error), error);
		}
		bytes.data[at] ^= bit;
		assert_int_equal(count_entries(fixture), 1);
	}
	assert_true(taken < 40);
	assert_ok(unpack(fixture, &bytes, "two", &error), error);
	free(bytes.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(restores_what_was, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(stays_as_it_is, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(makes_new_namespaces, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(holds_nothing_too, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(heeds_the_administrator, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(lists_them, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_bad_names, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(names_itself, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(takes_one_moment, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(restores_beside_writers, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(takes_what_is_compacted, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(stops_anywhere, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(tells_damage, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(travels_as_one_file, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_broken, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

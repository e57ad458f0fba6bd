/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "store/meta.h"

static struct vs_meta *meta, *other;
static struct vs_meta_state now;

static const struct vs_meta_options options = { 3, 8, VS_EUCLIDEAN, VS_QUANTIZATION_NONE, VS_TOKENIZER_PORTER, VS_META_AGE };

static int setup(void **state)
{
	meta = other = NULL;
	if (folder_make(state) != 0)
		return -1;
	return vs_meta_create(folder, &options, &error);
}

static int teardown(void **state)
{
	vs_meta_close(meta);
	vs_meta_close(other);
	return folder_remove(state);
}

static void open_one(struct vs_meta **which, int busy_ms)
{
	assert_int_equal(vs_meta_open(folder, busy_ms, which, &error), 0);
}

static int put(struct vs_meta *into, uint32_t slot, const char *metadata)
{
	char id[16];
	struct vs_meta_row row = {
		.slot = slot, .id = id, .version = 1, .metadata = metadata, .metadata_len = strlen(metadata)
	};
	struct vs_change change = { slot + 1, VS_CHANGE_UPSERT, slot, -1, NULL, 0 };
	int rc;

	row.id_len = (size_t)snprintf(id, sizeof(id), "id-%u", slot);
	rc = vs_meta_put(into, &row, &error);
	return rc < 0 ? rc : vs_meta_append_change(into, &change, &error);
}

/* One record in a commit of its own. */
static int add(struct vs_meta *into, const char *metadata)
{
	struct vs_meta_state state;
	int rc = vs_meta_begin_write(into, &state, &error);

	if (rc < 0)
		return rc;
	rc = put(into, state.next_slot, metadata);
	if (rc < 0) {
		vs_meta_rollback(into);
		return rc;
	}
	state.next_slot++;
	state.seq++;
	state.active++;
	return vs_meta_commit(into, &state, &error);
}

static uint64_t active_of(struct vs_meta *which)
{
	struct vs_meta_state state;

	assert_int_equal(vs_meta_begin(which, &state, &error), 0);
	vs_meta_end(which);
	return state.active;
}

static void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path_of("meta.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void created(void **state)
{
	(void)state;
	/* One file, whole, already in WAL mode, and nothing beside it. */
	assert_true(size_of("meta.db") > 0);
	assert_int_equal(size_of("meta.db-wal"), -1);
	assert_int_equal(size_of("meta.db-journal"), -1);
	assert_int_equal(size_of("meta.db.new"), -1);
	assert_int_equal(vs_meta_create(folder, &options, &error), VS_ECONFLICT);
	assert_int_equal(vs_meta_create(path_of("none"), &options, &error), VS_ENOTFOUND);
	open_one(&meta, 0);
	assert_int_equal(vs_meta_begin(meta, &now, &error), 0);
	assert_int_equal(now.generation, 3);
	assert_int_equal(now.dimension, 8);
	assert_int_equal(now.metric, VS_EUCLIDEAN);
	assert_int_equal(now.next_slot + now.seq + now.trimmed + now.active + now.deleted, 0);
	vs_meta_end(meta);
	vs_meta_end(meta);
	assert_int_equal(size_of("meta.db-wal"), 0);
}

static void commits_endure(void **state)
{
	(void)state;
	open_one(&meta, 0);
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), 0);
	now = (struct vs_meta_state){ 3, 16, VS_EUCLIDEAN, VS_QUANTIZATION_NONE, 11, 12, 13, 14, 15, 16, VS_META_AGE + 17, 0, VS_TOKENIZER_PORTER, 0 };
	assert_int_equal(vs_meta_commit(meta, &now, &error), 0);
	vs_meta_close(meta);
	/* Closing has copied nothing back (that is the indexer's alone). */
	assert_true(size_of("meta.db-wal") > 0);
	open_one(&meta, 0);
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), 0);
	assert_int_equal(now.dimension, 16);
	assert_int_equal(now.next_slot, 11);
	assert_int_equal(now.seq, 12);
	assert_int_equal(now.age, VS_META_AGE); /* of the generation: no commit changes it */
	assert_int_equal(now.trimmed, 13);
	assert_int_equal(now.active, 14);
	assert_int_equal(now.deleted, 15);
	now.next_slot = 99;
	vs_meta_rollback(meta);
	assert_int_equal(vs_meta_begin(meta, &now, &error), 0);
	assert_int_equal(now.next_slot, 11);
}

static void snapshots_are_isolated(void **state)
{
	struct vs_meta_row row;
	(void)state;

	open_one(&meta, 0);
	open_one(&other, 0);
	assert_int_equal(add(meta, "{}"), 0);
	assert_int_equal(vs_meta_begin(other, &now, &error), 0);
	assert_int_equal(add(meta, "{}"), 0);
	assert_int_equal(now.active, 1);
	assert_int_equal(vs_meta_find(other, "id-0", 4, &row, &error), 0);
	assert_int_equal(vs_meta_find(other, "id-1", 4, &row, &error), VS_ENOTFOUND);
	vs_meta_end(other);
	assert_int_equal(vs_meta_begin(other, &now, &error), 0);
	assert_int_equal(now.active, 2);
	assert_int_equal(vs_meta_find(other, "id-1", 4, &row, &error), 0);
}

static void one_writer(void **state)
{
	struct vs_meta_state theirs;
	uint64_t start;
	(void)state;

	open_one(&meta, 0);
	open_one(&other, 60);
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), 0);
	start = vs_clock_mono_ns();
	error.code = 0;
	assert_int_equal(vs_meta_begin_write(other, &theirs, &error), VS_EBUSY);
	assert_int_equal(error.code, VS_EBUSY);
	assert_true(vs_clock_mono_ns() - start >= 60000000);
	assert_int_equal(vs_meta_begin(other, &theirs, &error), 0); /* readers do not wait */
	vs_meta_end(other);
	assert_int_equal(vs_meta_commit(meta, &now, &error), 0);
	assert_int_equal(vs_meta_begin_write(other, &theirs, &error), 0);
}

/* A child that holds the write lock; it lives until it is killed, or, with ms, releases it after that time. */
static pid_t holder(int ms)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (vs_meta_open(folder, 1000, &meta, NULL) != 0 || vs_meta_begin_write(meta, &now, NULL) != 0 ||
		    put(meta, now.next_slot, "{}") != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		if (ms == 0)
			for (;;)
				pause();
		usleep((useconds_t)ms * 1000);
		vs_meta_rollback(meta);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void a_writer_waits(void **state)
{
	pid_t pid;
	(void)state;

	pid = holder(40);
	open_one(&meta, 5000);
	assert_int_equal(add(meta, "{}"), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* I7 */
static void killed_writer_leaves_no_lock(void **state)
{
	pid_t pid;
	(void)state;

	for (int i = 0; i < 5; i++) {
		pid = holder(0);
		open_one(&meta, 0);
		assert_int_equal(add(meta, "{}"), VS_EBUSY);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_int_equal(add(meta, "{}"), 0);
		assert_int_equal(active_of(meta), i + 1);
		vs_meta_close(meta);
		meta = NULL;
	}
}

static void wal_is_copied_back(void **state)
{
	uint64_t before;
	(void)state;

	open_one(&meta, 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(add(meta, "{}"), 0);
	before = vs_meta_bytes(meta);
	assert_int_equal(before, size_of("meta.db") + size_of("meta.db-wal"));
	assert_int_equal(vs_meta_checkpoint(meta, &error), 0);
	assert_int_equal(size_of("meta.db-wal"), 0);
	assert_true(vs_meta_bytes(meta) < before);
	assert_int_equal(active_of(meta), 50);
	/* While somebody reads what the WAL holds it stays; harmless. */
	open_one(&other, 0);
	assert_int_equal(vs_meta_begin(other, &now, &error), 0);
	assert_int_equal(add(meta, "{}"), 0);
	assert_int_equal(vs_meta_checkpoint(meta, &error), VS_EBUSY);
	assert_int_equal(vs_meta_checkpoint(other, &error), VS_EINTERNAL);
	vs_meta_end(other);
	assert_int_equal(vs_meta_checkpoint(meta, &error), 0);
	assert_int_equal(active_of(other), 51);
}

/* Beside a commit nothing may be copied: not even what SQLite calls a passive checkpoint. */
static void no_checkpoint_beside_a_writer(void **state)
{
	static char metadata[10000];
	struct stat before, after;
	(void)state;

	memset(metadata, ' ', sizeof(metadata) - 1);
	open_one(&meta, 20);
	open_one(&other, 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(add(meta, metadata), 0);
	assert_int_equal(stat(path_of("meta.db"), &before), 0);
	assert_int_equal(vs_meta_begin_write(other, &now, &error), 0);
	assert_int_equal(vs_meta_checkpoint(meta, &error), VS_EBUSY);
	assert_int_equal(stat(path_of("meta.db"), &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	vs_meta_rollback(other);
	assert_int_equal(vs_meta_checkpoint(meta, &error), 0);
	assert_true(size_of("meta.db") > before.st_size);
}

static void deadline(void **state)
{
	struct vs_meta_row row;
	(void)state;

	open_one(&meta, 0);
	assert_int_equal(add(meta, "{}"), 0);
	vs_meta_set_deadline(meta, vs_clock_mono_ns() + 60000000000);
	assert_int_equal(vs_meta_begin(meta, &now, &error), 0);
	assert_int_equal(vs_meta_find(meta, "id-0", 4, &row, &error), 0);
	vs_meta_set_deadline(meta, vs_clock_mono_ns() - 1);
	assert_int_equal(vs_meta_find(meta, "id-0", 4, &row, &error), VS_EBUSY);
	assert_non_null(strstr(error.text, "time limit"));
	vs_meta_end(meta);
	assert_int_equal(vs_meta_begin(meta, &now, &error), VS_EBUSY);
	vs_meta_set_deadline(meta, 0);
	assert_int_equal(active_of(meta), 1);
	/* It ends a wait for the lock, too; and a commit that comes too late is rolled back. */
	open_one(&other, 10000);
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), 0);
	vs_meta_set_deadline(other, vs_clock_mono_ns() + 10000000);
	assert_int_equal(vs_meta_begin_write(other, &now, &error), VS_EBUSY);
	vs_meta_set_deadline(meta, 1);
	now.active = 9;
	assert_int_equal(vs_meta_commit(meta, &now, &error), VS_EBUSY);
	vs_meta_set_deadline(meta, 0);
	assert_int_equal(active_of(meta), 1);
}

static int reopen(void)
{
	int rc;

	vs_meta_close(meta);
	error = (struct vs_error){ 0 };
	rc = vs_meta_open(folder, 0, &meta, &error);
	assert_int_equal(error.code, rc);
	return rc;
}

static void foreign_files(void **state)
{
	(void)state;
	execute("PRAGMA user_version = 2");
	assert_int_equal(reopen(), VS_EFORMAT);
	execute("PRAGMA user_version = 1; DROP TABLE change");
	assert_int_equal(reopen(), VS_ECORRUPT);
	execute("CREATE TABLE change (seq INTEGER PRIMARY KEY, op, slot, old_slot, id); DELETE FROM state");
	assert_int_equal(reopen(), 0);
	assert_int_equal(vs_meta_begin(meta, &now, &error), VS_ECORRUPT);
	execute("INSERT INTO state VALUES (1, 1, 1, 77, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)");
	assert_int_equal(reopen(), 0);
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), VS_ECORRUPT);
	execute("UPDATE state SET metric = 1, next_slot = -1");
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), VS_ECORRUPT);
	execute("UPDATE state SET next_slot = 0");
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), 0);
	vs_meta_rollback(meta);
	execute("UPDATE state SET tokenizer = 9");
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), VS_ECORRUPT);
	execute("PRAGMA application_id = 1447259953"); /* catalog.db's */
	assert_int_equal(reopen(), VS_ECORRUPT);
	assert_int_equal(unlink(path_of("meta.db")), 0);
	assert_int_equal(reopen(), VS_ENOTFOUND);
}

static int look(void *context, const struct vs_meta_row *row)
{
	size_t *bytes = context;

	for (size_t i = 0; i < row->metadata_len; i++)
		*bytes += (unsigned char)row->metadata[i];
	return 0;
}

static int look_at_id(void *context, const char *id, size_t id_len, uint32_t slot)
{
	size_t *bytes = context;

	for (size_t i = 0; i < id_len; i++)
		*bytes += (unsigned char)id[i];
	*bytes += slot;
	return 0;
}

static void count_problem(void *context, const char *problem)
{
	assert_null(strpbrk(problem, "\n*")); /* a problem is a line, and no heading */
	++*(int *)context;
}

/* Whatever a damaged file holds: a code, or an answer; no signal, and no code that blames somebody else. */
static void use_all(void)
{
	size_t bytes = 0;
	int problems = 0;
	int rc = reopen();

	if (rc == 0)
		rc = vs_meta_begin(meta, &now, &error);
	if (rc == 0)
		rc = vs_meta_scan(meta, 0, UINT32_MAX, look, &bytes, &error);
	if (rc == 0)
		rc = vs_meta_walk(meta, NULL, 0, look_at_id, &bytes, &error);
	assert_true(rc == 0 || rc == VS_ECORRUPT || rc == VS_EFORMAT || rc == VS_EIO);
	if (meta == NULL)
		return;
	vs_meta_end(meta);
	rc = vs_meta_check(meta, count_problem, &problems, &error);
	assert_true(rc == 0 || rc == VS_EIO);
}

static void damage_is_no_crash(void **state)
{
	off_t size;
	(void)state;

	open_one(&meta, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(add(meta, "{\"a\":\"some text that fills the pages\"}"), 0);
	assert_int_equal(vs_meta_checkpoint(meta, &error), 0);
	vs_meta_close(meta);
	meta = NULL;
	size = size_of("meta.db");
	for (off_t i = 0; i < size; i += i < 120 ? 1 : 97) {
		flip_byte("meta.db", i);
		use_all();
		flip_byte("meta.db", i);
	}
	use_all();
	assert_int_equal(now.active, 100);
	vs_meta_close(meta);
	meta = NULL;
	for (off_t len = size - 1000; len > 0; len -= 3000) {
		cut("meta.db", len);
		use_all();
		assert_true(error.code == VS_ECORRUPT || error.code == VS_EIO);
	}
	cut("meta.db", 0);
	assert_int_equal(reopen(), VS_ECORRUPT);
	put_bytes("meta.db", 0,
	          "neither fish nor fowl, but longer than a header of a database is: one hundred bytes and then some......",
	          103);
	assert_int_equal(reopen(), VS_ECORRUPT);
}

static void check_counts(void **state)
{
	int problems = 0;
	(void)state;

	open_one(&meta, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(add(meta, "{}"), 0);
	assert_int_equal(vs_meta_check(meta, count_problem, &problems, &error), 0);
	assert_int_equal(problems, 0);
	execute("UPDATE state SET active = 2, deleted = 1");
	assert_int_equal(vs_meta_check(meta, count_problem, &problems, &error), 0);
	assert_int_equal(problems, 2);
	problems = 0;
	execute("UPDATE state SET active = 3, deleted = 0, next_slot = 2, seq = 4");
	assert_int_equal(vs_meta_begin(meta, &now, &error), 0); /* inside a transaction as well */
	assert_int_equal(vs_meta_check(meta, count_problem, &problems, &error), 0);
	assert_int_equal(problems, 2);
	vs_meta_end(meta);
	problems = 0;
	execute("UPDATE state SET next_slot = 3, seq = 3; DELETE FROM change WHERE seq = 2");
	assert_int_equal(vs_meta_check(meta, count_problem, &problems, &error), 0);
	assert_int_equal(problems, 1);
	problems = 0;
	execute("UPDATE record SET expires_at = 5 + slot"); /* and the state says that none expires */
	assert_int_equal(vs_meta_check(meta, count_problem, &problems, &error), 0);
	assert_int_equal(problems, 2);
	problems = 0;
	execute("UPDATE state SET expiry = 6");
	assert_int_equal(vs_meta_check(meta, count_problem, &problems, &error), 0);
	assert_int_equal(problems, 2);
	problems = 0;
	execute("UPDATE state SET expiry = 5");
	assert_int_equal(vs_meta_check(meta, count_problem, &problems, &error), 0);
	assert_int_equal(problems, 1);
}

/* A full disk, played by the limit on a file's size: a clear code, the old state, and writable again at once. */
static void full_disk(void **state)
{
	static char metadata[100000];
	struct rlimit old, tight;
	(void)state;

	memset(metadata, ' ', sizeof(metadata) - 1);
	open_one(&meta, 0);
	assert_int_equal(add(meta, "{}"), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = (struct rlimit){ 64 << 10, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(add(meta, metadata), VS_ENOSPC);
	assert_int_equal(active_of(meta), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(add(meta, metadata), 0);
	assert_int_equal(active_of(meta), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(created, setup, teardown),
		cmocka_unit_test_setup_teardown(commits_endure, setup, teardown),
		cmocka_unit_test_setup_teardown(snapshots_are_isolated, setup, teardown),
		cmocka_unit_test_setup_teardown(one_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(a_writer_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_writer_leaves_no_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(wal_is_copied_back, setup, teardown),
		cmocka_unit_test_setup_teardown(no_checkpoint_beside_a_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_files, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_no_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(check_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(full_disk, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

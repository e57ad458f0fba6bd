/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_fixture.h"

#include <sys/wait.h>

#include "store/catalog.h"

static struct vs_catalog *catalog;
static struct vs_catalog_entry entry;

static int teardown(void **state)
{
	vs_catalog_close(catalog);
	vs_catalog_close(NULL);
	catalog = NULL;
	return folder_remove(state);
}

static int reopen(bool create)
{
	int rc;

	vs_catalog_close(catalog);
	error = (struct vs_error){ 0 };
	rc = vs_catalog_open(path_of("data"), create, &catalog, &error);
	assert_int_equal(error.code, rc);
	return rc;
}

static int append(const char *name)
{
	const struct vs_catalog_fresh fresh = { name, VS_DOT, 12, vs_quota_none(), "", "{}", NULL };

	return vs_catalog_append(catalog, &fresh, NULL, NULL, &entry, &error);
}

static void opens(void **state)
{
	struct stat st;
	(void)state;

	assert_int_equal(reopen(false), VS_ENOTFOUND);
	assert_non_null(strstr(error.text, path_of("data")));
	assert_null(catalog);
	assert_int_equal(reopen(true), 0);
	assert_int_equal(stat(path_of("data/ns"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(stat(path_of("data/catalog.db"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(reopen(true), 0);
	assert_int_equal(reopen(false), 0);
	vs_catalog_close(catalog);
	/* The parent must be there, and a path must fit. */
	assert_int_equal(vs_catalog_open(path_of("no/data"), true, &catalog, &error), VS_ENOTFOUND);
	memset(error.text, 'x', 300);
	error.text[300] = '\0';
	assert_int_equal(vs_catalog_open(error.text, true, &catalog, NULL), VS_EINVAL);
}

static void names(void **state)
{
	static const char *const good[] = { "a", "0", "default", "a-b_c9",
		                                "012345678901234567890123456789012345678901234567890123456789012" };
	static const char *const bad[] = {
		"",    "-a", "_a", "A",   "a.b",
		"a/b", "..", "ä",  "a b", "0123456789012345678901234567890123456789012345678901234567890123"
	};
	(void)state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(vs_catalog_check_name("to", good[i], &error), 0);
	assert_int_equal(reopen(true), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(vs_catalog_check_name("to", bad[i], &error), VS_EINVAL);
		assert_string_equal(error.field, "to");
		assert_int_equal(append(bad[i]), VS_EINVAL);
	}
}

static int note(void *context, const struct vs_catalog_entry *one, struct vs_error *unused)
{
	char *list = context;

	(void)unused;
	strcat(list, one->name);
	return strcmp(one->name, "stop") == 0 ? 7 : 0;
}

static void entries(void **state)
{
	struct vs_catalog_entry found;
	char list[100] = "";
	(void)state;

	assert_int_equal(reopen(true), 0);
	assert_int_equal(vs_catalog_find(catalog, "m", &found, &error), VS_ENOTFOUND);
	assert_int_equal(append("m"), 0);
	assert_int_equal(strspn(entry.folder, "0123456789abcdef"), VS_FOLDER_LEN);
	assert_int_equal(vs_catalog_find(catalog, "m", &found, &error), 0);
	assert_memory_equal(&found, &entry, sizeof(entry));
	assert_int_equal(found.metric, VS_DOT);
	assert_int_equal(found.dimension, 12);
	assert_true(found.created_at > 1500000000000);
	assert_int_equal(append("m"), VS_ECONFLICT);
	assert_int_equal(append("b"), 0);
	assert_string_not_equal(entry.folder, found.folder);
	assert_int_equal(append("z"), 0);
	assert_int_equal(vs_catalog_each(catalog, NULL, note, list, &error), 0);
	assert_string_equal(list, "bmz");
	assert_int_equal(append("stop"), 0);
	list[0] = '\0';
	assert_int_equal(vs_catalog_each(catalog, NULL, note, list, &error), 7);
	assert_string_equal(list, "bmstop");
	assert_int_equal(reopen(false), 0);
	assert_int_equal(vs_catalog_find(catalog, "m", &entry, &error), 0);
	assert_memory_equal(&found, &entry, sizeof(entry));
}

static int make_fails(void *context, const struct vs_catalog_entry *one, struct vs_error *where)
{
	assert_ptr_equal(context, &entry);
	assert_string_equal(one->name, "n");
	return vs_error_set(where, VS_ENOSPC, "no");
}

static void make_can_refuse(void **state)
{
	const struct vs_catalog_fresh fresh = { "n", VS_COSINE, 0, vs_quota_none(), "", "{}", NULL };
	(void)state;
	assert_int_equal(reopen(true), 0);
	assert_int_equal(vs_catalog_append(catalog, &fresh, make_fails, &entry, &entry, &error), VS_ENOSPC);
	assert_int_equal(vs_catalog_find(catalog, "n", &entry, &error), VS_ENOTFOUND);
	assert_int_equal(append("n"), 0);
}

/* Many processes start on an empty folder: one catalogue comes out, and all of them use it. */
static void created_by_many_at_once(void **state)
{
	enum { MANY = 8 };
	char list[100] = "";
	(void)state;

	for (int i = 0; i < MANY; i++) {
		if (fork() == 0) {
			char name[2] = { (char)('a' + i), '\0' };

			_exit(reopen(true) == 0 && append(name) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < MANY; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(reopen(false), 0);
	assert_int_equal(vs_catalog_each(catalog, NULL, note, list, &error), 0);
	assert_string_equal(list, "abcdefgh");
}

/* What a killed creation or a removed database leaves beside it does not get into the new one. */
static void leftovers(void **state)
{
	(void)state;
	assert_int_equal(reopen(true), 0);
	assert_int_equal(append("old"), 0);
	vs_catalog_close(catalog);
	catalog = NULL;
	assert_true(size_of("data/catalog.db-wal") > 0);
	assert_int_equal(unlink(path_of("data/catalog.db")), 0);
	put_bytes("data/catalog.db.new", 0, "rubbish", 7);
	put_bytes("data/catalog.db.new-journal", 0, "rubbish", 7);
	assert_int_equal(reopen(true), 0);
	assert_int_equal(vs_catalog_find(catalog, "old", &entry, &error), VS_ENOTFOUND);
	assert_int_equal(size_of("data/catalog.db.new"), -1);
	assert_int_equal(size_of("data/catalog.db.new-journal"), -1);
}

static void foreign_files(void **state)
{
	(void)state;
	assert_int_equal(reopen(true), 0);
	vs_catalog_close(catalog);
	catalog = NULL;
	execute("PRAGMA user_version = 2");
	assert_int_equal(reopen(false), VS_EFORMAT);
	assert_non_null(strstr(error.text, "newer vecstore (format 2; this one reads up to 1)"));
	execute("PRAGMA user_version = 0");
	assert_int_equal(reopen(false), VS_ECORRUPT);
	execute("PRAGMA user_version = 1; PRAGMA application_id = 5");
	assert_int_equal(reopen(false), VS_ECORRUPT);
	execute("PRAGMA application_id = 0x56534331; DROP TABLE namespace");
	assert_int_equal(reopen(false), VS_ECORRUPT);
	assert_int_equal(unlink(path_of("data/catalog.db")), 0);
	unlink(path_of("data/catalog.db-wal"));
	put_bytes("data/catalog.db", 0, "", 0);
	assert_int_equal(reopen(true), VS_ECORRUPT);
	put_bytes("data/catalog.db", 0, "This is no database at all, but it is long enough to be one.....", 64);
	assert_int_equal(reopen(true), VS_ECORRUPT);
	assert_int_equal(unlink(path_of("data/catalog.db")), 0);
	assert_int_equal(mkdir(path_of("data/catalog.db"), 0700), 0);
	assert_true(reopen(true) < 0);
}

/* A catalogue from elsewhere cannot lead out of the data folder. */
static void hostile_rows(void **state)
{
	static const char *const rows[] = {
		"UPDATE namespace SET folder = '../../../../etc'",
		"UPDATE namespace SET folder = '0123456789ABCDEF'",
		"UPDATE namespace SET folder = '0123456789abcdef', metric = 77",
		"UPDATE namespace SET metric = 1, dimension = -1",
		"UPDATE namespace SET dimension = 1, status = 0",
		"UPDATE namespace SET status = 99",
		"UPDATE namespace SET status = 1, quota = 'max_frobs=1'",
	};
	(void)state;

	assert_int_equal(reopen(true), 0);
	assert_int_equal(append("n"), 0);
	vs_catalog_close(catalog);
	catalog = NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		execute(rows[i]);
		assert_int_equal(reopen(false), 0);
		assert_int_equal(vs_catalog_find(catalog, "n", &entry, &error), VS_ECORRUPT);
		vs_catalog_close(catalog);
		catalog = NULL;
	}
}

static void without_permission(void **state)
{
	(void)state;
	assert_int_equal(reopen(true), 0);
	vs_catalog_close(catalog);
	catalog = NULL;
	assert_int_equal(chmod(path_of("data/catalog.db"), 0440), 0);
	/* The superuser may write it all the same. */
	assert_int_equal(reopen(false), geteuid() == 0 ? 0 : VS_EREADONLY);
	if (geteuid() != 0)
		assert_non_null(strstr(error.text, path_of("data/catalog.db")));
	assert_int_equal(chmod(path_of("data/catalog.db"), 0640), 0);
}

static void its_log_is_copied_back(void **state)
{
	struct vs_catalog *other;
	bool done;
	(void)state;

	assert_int_equal(reopen(true), 0);
	assert_int_equal(append("one"), 0);
	assert_int_equal(vs_catalog_open(path_of("data"), false, &other, &error), 0);
	/* Not while somebody adds a namespace. */
	assert_int_equal(vs_catalog_begin(other, &error), 0);
	assert_int_equal(vs_catalog_checkpoint(catalog, &done, &error), 0);
	assert_false(done);
	vs_catalog_rollback(other);
	assert_int_equal(vs_catalog_checkpoint(catalog, &done, &error), 0);
	assert_true(done);
	assert_int_equal(vs_catalog_checkpoint(other, &done, &error), 0);
	assert_false(done); /* it is empty */
	assert_int_equal(vs_catalog_find(other, "one", &entry, &error), 0);
	vs_catalog_close(other);
}

static int change(void *context, struct vs_catalog_entry *row, struct vs_error *where)
{
	(void)where;
	if (context == NULL)
		return vs_error_set(where, VS_ECONFLICT, "no");
	assert_string_equal(row->description, "");
	row->status = VS_PENDING_DELETION;
	row->delete_at = 77;
	row->quota.most[VS_QUOTA_BATCH] = 5;
	row->description = "what for";
	return 0;
}

static void changes(void **state)
{
	struct vs_catalog *other;
	struct vs_catalog_entry found;
	uint64_t before, after, elsewhere;
	char list[100] = "";
	(void)state;

	assert_int_equal(reopen(true), 0);
	assert_int_equal(append("a"), 0);
	assert_int_equal(append("b"), 0);
	assert_int_equal(vs_catalog_open(path_of("data"), false, &other, &error), 0);
	assert_int_equal(vs_catalog_version(other, &elsewhere, &error), 0);
	assert_int_equal(vs_catalog_version(catalog, &before, &error), 0);
	assert_int_equal(vs_catalog_version(catalog, &after, &error), 0);
	assert_int_equal(before, after);
	assert_int_equal(vs_catalog_update(catalog, "c", change, list, NULL, &found, &error), VS_ENOTFOUND);
	assert_int_equal(vs_catalog_update(catalog, "b", change, NULL, NULL, &found, &error), VS_ECONFLICT);
	assert_int_equal(vs_catalog_version(other, &after, &error), 0);
	assert_int_equal(elsewhere, after);
	assert_int_equal(vs_catalog_update(catalog, "b", change, list, NULL, &found, &error), 0);
	assert_string_equal(found.description, "what for");
	assert_true(found.updated_at >= found.created_at);
	/* Seen by both. */
	assert_int_equal(vs_catalog_version(catalog, &after, &error), 0);
	assert_int_not_equal(before, after);
	assert_int_equal(vs_catalog_version(other, &after, &error), 0);
	assert_int_not_equal(elsewhere, after);
	assert_int_equal(vs_catalog_show(other, "b", &found, &error), 0);
	assert_int_equal(found.status, VS_PENDING_DELETION);
	assert_int_equal(found.delete_at, 77);
	assert_int_equal(found.quota.most[VS_QUOTA_BATCH], 5);
	assert_int_equal(found.quota.most[VS_QUOTA_VECTORS], VS_QUOTA_DEFAULT);
	assert_string_equal(found.description, "what for");
	assert_string_equal(found.metadata, "{}");
	assert_int_equal(vs_catalog_each(other, "a", note, list, &error), 0);
	assert_string_equal(list, "b");
	/* A row goes only with its own folder. */
	found.folder[0] = found.folder[0] == '0' ? '1' : '0';
	assert_int_equal(vs_catalog_remove(catalog, &found, NULL, &error), 0);
	assert_int_equal(vs_catalog_show(catalog, "b", &found, &error), 0);
	assert_int_equal(vs_catalog_remove(catalog, &found, NULL, &error), 0);
	assert_int_equal(vs_catalog_find(other, "b", &found, &error), VS_ENOTFOUND);
	vs_catalog_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens, folder_make, teardown),
		cmocka_unit_test_setup_teardown(names, folder_make, teardown),
		cmocka_unit_test_setup_teardown(entries, folder_make, teardown),
		cmocka_unit_test_setup_teardown(changes, folder_make, teardown),
		cmocka_unit_test_setup_teardown(make_can_refuse, folder_make, teardown),
		cmocka_unit_test_setup_teardown(created_by_many_at_once, folder_make, teardown),
		cmocka_unit_test_setup_teardown(leftovers, folder_make, teardown),
		cmocka_unit_test_setup_teardown(foreign_files, folder_make, teardown),
		cmocka_unit_test_setup_teardown(hostile_rows, folder_make, teardown),
		cmocka_unit_test_setup_teardown(without_permission, folder_make, teardown),
		cmocka_unit_test_setup_teardown(its_log_is_copied_back, folder_make, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

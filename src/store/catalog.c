/* SPDX-License-Identifier: Apache-2.0 */
#include "store/catalog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/file.h"
#include "store/audit.h"
#include "store/catalog_impl.h"

#define BUSY_MS 5000
#define CHECKPOINT_BUSY_MS 100 /* how long a checkpoint may hold others up */

static const struct vs_sql_kind kind = { "catalog.db", vs_catalog_sql, 0x56534331, 1 };

enum statement { FIND, EACH, APPEND, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[FIND] = VS_CATALOG_ENTRY " WHERE name = ?1",
	[EACH] = VS_CATALOG_ENTRY " WHERE name > ?1 ORDER BY name",
	[APPEND] = "INSERT INTO namespace (name, folder, metric, dimension, created_at, updated_at, status, delete_at, quota, "
	           "description, metadata) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, 0, ?7, ?8, ?9)",
};

/* ---- open ----------------------------------------------------------------------------------------------- */

/* Several processes may start on an empty folder at once. One makes the file, under catalog.lock, the others wait for
 * it and find it. The lock has a file of its own, which stays: removing a locked file would let two hold "the" lock,
 * and locking catalog.db itself would drop SQLite's locks when the descriptor is closed. */
static int create_alone(const char *data, const char *path, struct vs_error *error)
{
	uint64_t give_up_ns = vs_clock_mono_ns() + (uint64_t)BUSY_MS * 1000000;
	struct vs_file lock = VS_FILE_INIT;
	struct vs_error held;
	char name[VS_SQL_PATH];
	int rc = vs_sql_path(name, data, "catalog.lock", error);

	if (rc == 0)
		rc = vs_file_open(&lock, name, VS_FILE_WRITE | VS_FILE_CREATE, error);
	if (rc < 0)
		return rc;
	while ((rc = vs_file_lock(&lock, &held)) == VS_EBUSY && vs_clock_mono_ns() < give_up_ns)
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	if (rc < 0)
		vs_error_set(error, rc, "%s", held.text);
	else if (!vs_file_exists(path))
		rc = vs_sql_create(path, &kind, NULL, NULL, error);
	vs_file_close(&lock);
	return rc;
}

static int create_folder(const char *data, const char *path, struct vs_error *error)
{
	char ns[VS_SQL_PATH];
	int rc = vs_sql_path(ns, data, "ns", error);

	if (rc == 0)
		rc = vs_dir_create(data, error);
	if (rc == 0)
		rc = vs_dir_check(data, error);
	if (rc == 0)
		rc = vs_dir_create(ns, error);
	return rc < 0 ? rc : create_alone(data, path, error);
}

static int prepare(struct vs_catalog *catalog, struct vs_error *error)
{
	static const char *const transaction[] = { "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK" };
	sqlite3_stmt *statements[3];
	int rc = vs_sql_prepare(&catalog->sql, transaction, 3, statements, error);

	if (rc < 0)
		return rc;
	catalog->begin_write = statements[0];
	catalog->commit = statements[1];
	catalog->rollback = statements[2];
	/* At once, so that a file without its tables is found when it is opened. */
	return vs_catalog_prepare(catalog, VS_CATALOG_NAMESPACES, texts, STATEMENTS, NULL, error);
}

int vs_catalog_open(const char *data, bool create, struct vs_catalog **catalog, struct vs_error *error)
{
	struct vs_catalog *fresh;
	char path[VS_SQL_PATH];
	int rc = vs_sql_path(path, data, "catalog.db", error);

	*catalog = NULL;
	if (rc < 0)
		return rc;
	if (vs_file_exists(path))
		rc = vs_dir_check(data, error);
	else if (create)
		rc = create_folder(data, path, error);
	if (rc < 0)
		return rc;
	fresh = calloc(1, sizeof(*fresh));
	if (fresh == NULL)
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", path);
	rc = vs_sql_open(&fresh->sql, path, &kind, BUSY_MS, error);
	if (rc == VS_ENOTFOUND)
		vs_error_set(error, rc, "there is no vecstore data folder at %s", data);
	if (rc == 0)
		rc = prepare(fresh, error);
	if (rc < 0) {
		vs_catalog_close(fresh);
		return rc;
	}
	*catalog = fresh;
	return 0;
}

void vs_catalog_close(struct vs_catalog *catalog)
{
	if (catalog == NULL)
		return;
	for (int part = 0; part < VS_CATALOG_PARTS; part++)
		vs_sql_finalize(catalog->statements[part], VS_CATALOG_STATEMENTS_MAX);
	vs_sql_finalize(&catalog->begin_write, 1);
	vs_sql_finalize(&catalog->commit, 1);
	vs_sql_finalize(&catalog->rollback, 1);
	vs_sql_close(&catalog->sql);
	free(catalog->texts);
	free(catalog);
}

/* ---- what the other files of catalog.db share ------------------------------------------------------------ */

int vs_catalog_prepare(struct vs_catalog *catalog, enum vs_catalog_part part, const char *const *part_texts, size_t count,
                       sqlite3_stmt ***statements, struct vs_error *error)
{
	if (statements != NULL)
		*statements = catalog->statements[part];
	if (catalog->statements[part][0] != NULL)
		return 0;
	return vs_sql_prepare(&catalog->sql, part_texts, count, catalog->statements[part], error);
}

int vs_catalog_begin(struct vs_catalog *catalog, struct vs_error *error)
{
	return vs_sql_run(&catalog->sql, catalog->begin_write, error);
}

int vs_catalog_commit(struct vs_catalog *catalog, struct vs_error *error)
{
	int rc = vs_sql_finish(&catalog->sql, catalog->commit, error);

	catalog->commits++;
	if (rc < 0)
		vs_catalog_rollback(catalog);
	return rc;
}

void vs_catalog_rollback(struct vs_catalog *catalog)
{
	if (!sqlite3_get_autocommit(catalog->sql.db))
		vs_sql_finish(&catalog->sql, catalog->rollback, NULL);
}

int vs_catalog_end(struct vs_catalog *catalog, int rc, struct vs_error *error)
{
	int committed;

	if (rc < 0) {
		vs_catalog_rollback(catalog);
		return rc;
	}
	committed = vs_catalog_commit(catalog, error);
	return committed < 0 ? committed : rc;
}

/* ---- entries -------------------------------------------------------------------------------------------- */

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool name_good(const char *name, size_t len)
{
	if (len == 0 || len > VS_NAME_MAX || name[0] == '_' || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!name_char(name[i]))
			return false;
	return true;
}

int vs_catalog_check_name(const char *field, const char *name, struct vs_error *error)
{
	if (name != NULL && name_good(name, strlen(name)))
		return 0;
	return vs_error_at(error, VS_EINVAL, field, -1,
	                   "a namespace's name has 1 to 63 characters of a-z, 0-9, - and _, and begins with a letter or digit");
}

bool vs_catalog_folder_good(const char *folder, size_t len)
{
	return len == VS_FOLDER_LEN && strspn(folder, "0123456789abcdef") == VS_FOLDER_LEN;
}

static bool numbers_good(sqlite3_stmt *row)
{
	int64_t metric = sqlite3_column_int64(row, 2);
	int64_t dimension = sqlite3_column_int64(row, 3);
	int64_t status = sqlite3_column_int64(row, 6);

	return metric >= 0 && metric <= INT32_MAX && vs_metric_name((enum vs_metric)metric) != NULL && dimension >= 0 &&
	       dimension <= UINT32_MAX && status > 0 && status <= INT32_MAX && vs_status_name((enum vs_status)status) != NULL;
}

int vs_catalog_decode(struct vs_catalog *catalog, sqlite3_stmt *row, struct vs_catalog_entry *entry,
                      struct vs_error *error)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);
	const char *folder = (const char *)sqlite3_column_text(row, 1);
	const char *quota = (const char *)sqlite3_column_text(row, 8);
	const char *description = (const char *)sqlite3_column_text(row, 9);
	const char *metadata = (const char *)sqlite3_column_text(row, 10);
	size_t name_len = (size_t)sqlite3_column_bytes(row, 0);
	size_t folder_len = (size_t)sqlite3_column_bytes(row, 1);
	struct vs_quota most = vs_quota_none();

	if ((name == NULL || folder == NULL || quota == NULL || description == NULL || metadata == NULL) &&
	    sqlite3_errcode(catalog->sql.db) == SQLITE_NOMEM)
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", catalog->sql.path);
	if (name == NULL || !name_good(name, name_len) || folder == NULL || !vs_catalog_folder_good(folder, folder_len) ||
	    !numbers_good(row) || quota == NULL || vs_quota_parse(quota, &most, NULL) < 0 || description == NULL ||
	    metadata == NULL)
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: the row of a namespace is absurd", catalog->sql.path);
	*entry = (struct vs_catalog_entry){
		.metric = (enum vs_metric)sqlite3_column_int64(row, 2),
		.dimension = (uint32_t)sqlite3_column_int64(row, 3),
		.created_at = sqlite3_column_int64(row, 4),
		.updated_at = sqlite3_column_int64(row, 5),
		.status = (enum vs_status)sqlite3_column_int64(row, 6),
		.delete_at = sqlite3_column_int64(row, 7),
		.quota = most,
		.description = description,
		.metadata = metadata,
	};
	memcpy(entry->name, name, name_len);
	memcpy(entry->folder, folder, folder_len);
	return 0;
}

int vs_catalog_missing(const char *name, struct vs_error *error)
{
	return vs_error_set(error, VS_ENOTFOUND, "there is no namespace \"%.63s\"", name);
}

int vs_catalog_find(struct vs_catalog *catalog, const char *name, struct vs_catalog_entry *entry,
                    struct vs_error *error)
{
	sqlite3_stmt *find = catalog->statements[VS_CATALOG_NAMESPACES][FIND];
	int rc = vs_sql_bind_text(&catalog->sql, find, 1, name, strlen(name), error);

	if (rc == 0)
		rc = vs_sql_step(&catalog->sql, find, error);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return vs_catalog_missing(name, error);
	rc = vs_catalog_decode(catalog, find, entry, error);
	entry->description = entry->metadata = NULL;
	sqlite3_reset(find);
	return rc;
}

static int invent_folder(char *folder, struct vs_error *error)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return vs_error_set(error, VS_EINTERNAL, "the system gives no random numbers");
	snprintf(folder, VS_FOLDER_LEN + 1, "%016" PRIx64, random);
	return 0;
}

static int bind_texts(struct vs_catalog *catalog, sqlite3_stmt *append, const char *quota,
                      const struct vs_catalog_fresh *fresh, struct vs_error *error)
{
	int rc = vs_sql_bind_text(&catalog->sql, append, 7, quota, strlen(quota), error);

	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, append, 8, fresh->description, strlen(fresh->description), error);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, append, 9, fresh->metadata, strlen(fresh->metadata), error);
	return rc;
}

static int insert(struct vs_catalog *catalog, const struct vs_catalog_entry *entry,
                  const struct vs_catalog_fresh *fresh, struct vs_error *error)
{
	sqlite3_stmt *append = catalog->statements[VS_CATALOG_NAMESPACES][APPEND];
	char quota[VS_QUOTA_TEXT];
	int rc = vs_sql_bind_text(&catalog->sql, append, 1, entry->name, strlen(entry->name), error);

	vs_quota_format(&entry->quota, quota);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, append, 2, entry->folder, VS_FOLDER_LEN, error);
	if (rc == 0)
		rc = bind_texts(catalog, append, quota, fresh, error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(append, 3, (int)entry->metric);
	sqlite3_bind_int64(append, 4, entry->dimension);
	sqlite3_bind_int64(append, 5, entry->created_at);
	sqlite3_bind_int64(append, 6, (int)entry->status);
	return vs_sql_run(&catalog->sql, append, error);
}

int vs_catalog_append(struct vs_catalog *catalog, const struct vs_catalog_fresh *options,
                      int (*make)(void *context, const struct vs_catalog_entry *entry, struct vs_error *error),
                      void *context, struct vs_catalog_entry *entry, struct vs_error *error)
{
	const char *name = options->name;
	struct vs_catalog_entry fresh = { .metric = options->metric,
		                              .dimension = options->dimension,
		                              .created_at = vs_clock_wall_ms(),
		                              .status = VS_ACTIVE,
		                              .quota = options->quota };
	int rc = vs_catalog_check_name("name", name, error);

	fresh.updated_at = fresh.created_at;
	if (rc == 0)
		rc = invent_folder(fresh.folder, error);
	if (rc < 0)
		return rc;
	memcpy(fresh.name, name, strlen(name) + 1);
	rc = vs_catalog_begin(catalog, error);
	if (rc < 0)
		return rc;
	rc = vs_catalog_find(catalog, name, entry, NULL);
	if (rc == 0)
		rc = vs_error_set(error, VS_ECONFLICT, "there is a namespace \"%s\" already", name);
	else if (rc == VS_ENOTFOUND)
		rc = insert(catalog, &fresh, options, error);
	else
		vs_error_set(error, rc, "%s cannot be read", catalog->sql.path);
	if (rc == 0 && make != NULL && !VS_PLANTED("folder-after-commit"))
		rc = make(context, &fresh, error);
	VS_POINT("catalog-before-commit");
	rc = vs_audit_end(catalog, rc, options->event, error);
	if (rc == 0 && make != NULL && VS_PLANTED("folder-after-commit"))
		rc = make(context, &fresh, error);
	if (rc == 0)
		*entry = fresh;
	return rc;
}

int vs_catalog_each(struct vs_catalog *catalog, const char *after,
                    int (*each)(void *context, const struct vs_catalog_entry *entry, struct vs_error *error),
                    void *context, struct vs_error *error)
{
	sqlite3_stmt *statement = catalog->statements[VS_CATALOG_NAMESPACES][EACH];
	struct vs_catalog_entry entry;
	int rc = vs_sql_bind_text(&catalog->sql, statement, 1, after != NULL ? after : "", after != NULL ? strlen(after) : 0,
	                          error);

	if (rc < 0)
		return rc;
	while ((rc = vs_sql_step(&catalog->sql, statement, error)) == 1) {
		rc = vs_catalog_decode(catalog, statement, &entry, error);
		if (rc == 0)
			rc = each(context, &entry, error);
		if (rc != 0)
			break;
	}
	sqlite3_reset(statement);
	return rc;
}

/* ---- upkeep --------------------------------------------------------------------------------------------- */

int vs_catalog_check(struct vs_catalog *catalog, void (*report)(void *context, const char *problem), void *context,
                     struct vs_error *error)
{
	return vs_sql_check(&catalog->sql, report, context, error);
}

int vs_catalog_checkpoint(struct vs_catalog *catalog, bool *done, struct vs_error *error)
{
	struct vs_file lock = VS_FILE_INIT;
	char path[VS_SQL_PATH];
	size_t len = strlen(catalog->sql.path) - strlen("catalog.db");
	int rc;

	*done = false;
	if (vs_sql_wal_bytes(&catalog->sql) == 0)
		return 0;
	snprintf(path, sizeof(path), "%.*scatalog.lock", (int)len, catalog->sql.path);
	rc = vs_file_open(&lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	/* Waits for nobody: whoever has it does the same. */
	if (rc == 0)
		rc = vs_file_lock(&lock, error);
	if (rc == 0) {
		catalog->sql.busy_ms = CHECKPOINT_BUSY_MS;
		rc = vs_sql_checkpoint(&catalog->sql, error);
		catalog->sql.busy_ms = BUSY_MS;
		*done = rc == 0;
	}
	vs_file_close(&lock);
	return rc == VS_EBUSY ? 0 : rc;
}

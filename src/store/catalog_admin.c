/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator changes of a namespace's row. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "store/audit.h"
#include "store/catalog_impl.h"

enum statement { SHOW, UPDATE, REMOVE, REVOKE, VERSION, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[SHOW] = VS_CATALOG_ENTRY " WHERE name = ?1",
	[UPDATE] = "UPDATE namespace SET updated_at = ?2, status = ?3, delete_at = ?4, quota = ?5, description = ?6, "
	           "metadata = ?7 WHERE name = ?1",
	[REMOVE] = "DELETE FROM namespace WHERE name = ?1 AND folder = ?2",
	[REVOKE] = "UPDATE api_key SET revoked_at = ?2 WHERE namespace = ?1 AND revoked_at = 0",
	[VERSION] = "PRAGMA data_version",
};

static int prepare(struct vs_catalog *catalog, sqlite3_stmt ***statements, struct vs_error *error)
{
	return vs_catalog_prepare(catalog, VS_CATALOG_ADMIN, texts, STATEMENTS, statements, error);
}

int vs_catalog_version(struct vs_catalog *catalog, uint64_t *version, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = vs_sql_step(&catalog->sql, statements[VERSION], error);
	if (rc < 0)
		return rc;
	*version = (uint64_t)sqlite3_column_int64(statements[VERSION], 0) + (catalog->commits << 32);
	sqlite3_reset(statements[VERSION]);
	return 0;
}

/* Both texts into memory of the catalogue's own, which an earlier entry may point to. */
static int keep_texts(struct vs_catalog *catalog, struct vs_catalog_entry *entry, struct vs_error *error)
{
	size_t description_size = strlen(entry->description) + 1;
	size_t metadata_size = strlen(entry->metadata) + 1;
	char *kept = malloc(description_size + metadata_size);

	if (kept == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for the description of a namespace");
	memcpy(kept, entry->description, description_size);
	memcpy(kept + description_size, entry->metadata, metadata_size);
	free(catalog->texts);
	catalog->texts = kept;
	entry->description = kept;
	entry->metadata = kept + description_size;
	return 0;
}

int vs_catalog_show(struct vs_catalog *catalog, const char *name, struct vs_catalog_entry *entry,
                    struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statements[SHOW], 1, name, strlen(name), error);
	if (rc == 0)
		rc = vs_sql_step(&catalog->sql, statements[SHOW], error);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return vs_error_set(error, VS_ENOTFOUND, "there is no namespace \"%.63s\"", name);
	rc = vs_catalog_decode(catalog, statements[SHOW], entry, error);
	if (rc == 0)
		rc = keep_texts(catalog, entry, error);
	sqlite3_reset(statements[SHOW]);
	return rc;
}

static int store(struct vs_catalog *catalog, const struct vs_catalog_entry *entry, sqlite3_stmt *update,
                 struct vs_error *error)
{
	struct vs_sql *sql = &catalog->sql;
	char quota[VS_QUOTA_TEXT];
	int rc = vs_sql_bind_text(sql, update, 1, entry->name, strlen(entry->name), error);

	vs_quota_format(&entry->quota, quota);
	if (rc == 0)
		rc = vs_sql_bind_text(sql, update, 5, quota, strlen(quota), error);
	if (rc == 0)
		rc = vs_sql_bind_text(sql, update, 6, entry->description, strlen(entry->description), error);
	if (rc == 0)
		rc = vs_sql_bind_text(sql, update, 7, entry->metadata, strlen(entry->metadata), error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(update, 2, entry->updated_at);
	sqlite3_bind_int64(update, 3, (int)entry->status);
	sqlite3_bind_int64(update, 4, entry->delete_at);
	return vs_sql_run(sql, update, error);
}

/* Begins a transaction, too. */
static int begin(struct vs_catalog *catalog, sqlite3_stmt ***statements, struct vs_error *error)
{
	int rc = prepare(catalog, statements, error);

	return rc < 0 ? rc : vs_catalog_begin(catalog, error);
}

int vs_catalog_update(struct vs_catalog *catalog, const char *name,
                      int (*change)(void *context, struct vs_catalog_entry *entry, struct vs_error *error),
                      void *context, struct vs_audit_event *event, struct vs_catalog_entry *entry, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = begin(catalog, &statements, error);

	if (rc < 0)
		return rc;
	rc = vs_catalog_show(catalog, name, entry, error);
	if (rc == 0) {
		entry->updated_at = vs_clock_wall_ms();
		rc = change(context, entry, error);
	}
	if (rc == 0)
		rc = store(catalog, entry, statements[UPDATE], error);
	VS_POINT("catalog-changed");
	rc = vs_audit_end(catalog, rc, event, error);
	return rc < 0 ? rc : keep_texts(catalog, entry, error);
}

int vs_catalog_remove(struct vs_catalog *catalog, const struct vs_catalog_entry *entry, struct vs_audit_event *event,
                      struct vs_error *error)
{
	sqlite3_stmt **statements;
	bool there = false;
	int rc = begin(catalog, &statements, error);

	if (rc < 0)
		return rc;
	rc = vs_sql_bind_text(&catalog->sql, statements[REMOVE], 1, entry->name, strlen(entry->name), error);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statements[REMOVE], 2, entry->folder, VS_FOLDER_LEN, error);
	if (rc == 0)
		rc = vs_sql_run(&catalog->sql, statements[REMOVE], error);
	there = rc == 0 && sqlite3_changes(catalog->sql.db) > 0;
	/* Another namespace of that name is not theirs. */
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statements[REVOKE], 1, entry->name, strlen(entry->name), error);
	sqlite3_bind_int64(statements[REVOKE], 2, vs_clock_wall_ms());
	if (rc == 0)
		rc = vs_sql_run(&catalog->sql, statements[REVOKE], error);
	return vs_audit_end(catalog, rc, there ? event : NULL, error);
}

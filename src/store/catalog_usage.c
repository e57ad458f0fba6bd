/* SPDX-License-Identifier: Apache-2.0 */
/* The table usage: rows that counters are added to, and that outlive their namespaces. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "store/catalog_impl.h"

enum statement { ADD, EACH, EACH_OF, STATEMENTS };

#define SELECT "SELECT day, folder, name, requests, queries, upserts, deletes, bytes_in, bytes_out, vector_ms FROM usage "

static const char *const texts[STATEMENTS] = {
	[ADD] = "INSERT INTO usage (day, folder, name, requests, queries, upserts, deletes, bytes_in, bytes_out, vector_ms) "
	        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (day, folder) DO UPDATE SET "
	        "name = excluded.name, requests = requests + excluded.requests, queries = queries + excluded.queries, "
	        "upserts = upserts + excluded.upserts, deletes = deletes + excluded.deletes, "
	        "bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out, "
	        "vector_ms = vector_ms + excluded.vector_ms",
	[EACH] = SELECT "WHERE day >= ?1 AND day <= ?2 AND (?3 = '' OR name = ?3) ORDER BY day, folder",
	[EACH_OF] = SELECT "WHERE folder = ?4 AND day >= ?1 AND day <= ?2 AND (?3 = '' OR name = ?3) ORDER BY day",
};

static int add(struct vs_catalog *catalog, sqlite3_stmt *statement, const struct vs_usage_row *row,
               struct vs_error *error)
{
	int rc = vs_sql_bind_text(&catalog->sql, statement, 2, row->folder, strlen(row->folder), error);

	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statement, 3, row->name, strlen(row->name), error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, row->day);
	for (int kind = 0; kind < VS_USAGES; kind++)
		sqlite3_bind_int64(statement, 4 + kind, (int64_t)row->counts[kind]);
	return vs_sql_run(&catalog->sql, statement, error);
}

int vs_catalog_add_usage(struct vs_catalog *catalog, const struct vs_usage_row *rows, size_t count,
                         struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = vs_catalog_prepare(catalog, VS_CATALOG_USAGE, texts, STATEMENTS, &statements, error);

	if (rc == 0)
		rc = vs_catalog_begin(catalog, error);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add(catalog, statements[ADD], &rows[i], error);
	return vs_catalog_end(catalog, rc, error);
}

static void decode(sqlite3_stmt *statement, struct vs_usage_row *row)
{
	const char *folder = (const char *)sqlite3_column_text(statement, 1);
	const char *name = (const char *)sqlite3_column_text(statement, 2);

	memset(row, 0, sizeof(*row));
	row->day = (int32_t)sqlite3_column_int64(statement, 0);
	snprintf(row->folder, sizeof(row->folder), "%s", folder != NULL ? folder : "");
	snprintf(row->name, sizeof(row->name), "%s", name != NULL ? name : "");
	for (int kind = 0; kind < VS_USAGES; kind++)
		row->counts[kind] = (uint64_t)sqlite3_column_int64(statement, 3 + kind);
}

int vs_catalog_usage(struct vs_catalog *catalog, const struct vs_usage_row *from, int32_t to_day,
                     int (*each)(void *context, const struct vs_usage_row *row), void *context, struct vs_error *error)
{
	struct vs_usage_row row;
	sqlite3_stmt **statements, *statement;
	int rc = vs_catalog_prepare(catalog, VS_CATALOG_USAGE, texts, STATEMENTS, &statements, error);

	if (rc < 0)
		return rc;
	statement = statements[from->folder[0] != '\0' ? EACH_OF : EACH];
	rc = vs_sql_bind_text(&catalog->sql, statement, 3, from->name, strlen(from->name), error);
	if (rc == 0 && from->folder[0] != '\0')
		rc = vs_sql_bind_text(&catalog->sql, statement, 4, from->folder, strlen(from->folder), error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, from->day);
	sqlite3_bind_int64(statement, 2, to_day);
	while ((rc = vs_sql_step(&catalog->sql, statement, error)) == 1) {
		decode(statement, &row);
		rc = each(context, &row);
		if (rc != 0)
			break;
	}
	sqlite3_reset(statement);
	return rc;
}

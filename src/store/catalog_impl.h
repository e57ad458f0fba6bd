/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalog_impl: what the files that keep tables of catalog.db share. Private to the room. */
#ifndef VS_STORE_CATALOG_IMPL_H
#define VS_STORE_CATALOG_IMPL_H

#include "store/catalog.h"
#include "store/sql.h"

#define VS_CATALOG_STATEMENTS_MAX 24 /* of one file */

/* One per file that keeps tables there. */
enum vs_catalog_part {
	VS_CATALOG_NAMESPACES,
	VS_CATALOG_ADMIN,
	VS_CATALOG_USAGE,
	VS_CATALOG_JOBS,
	VS_CATALOG_KEYS,
	VS_CATALOG_AUDIT,
	VS_CATALOG_PARTS
};

struct vs_catalog {
	struct vs_sql sql;
	sqlite3_stmt *begin_write;
	sqlite3_stmt *commit;
	sqlite3_stmt *rollback;
	sqlite3_stmt *statements[VS_CATALOG_PARTS][VS_CATALOG_STATEMENTS_MAX];
	uint64_t commits; /* by this handle: data_version tells of those by others */
	char *texts;      /* what vs_catalog_show handed out */
};

/* The columns of a namespace that vs_catalog_decode reads. */
#define VS_CATALOG_ENTRY                                                                                               \
	"SELECT name, folder, metric, dimension, created_at, updated_at, status, delete_at, quota, description, metadata " \
	"FROM namespace"
/* Reads a row; its texts are valid until the next step. A folder's name that could lead elsewhere is a damaged catalogue. */
int vs_catalog_decode(struct vs_catalog *catalog, sqlite3_stmt *row, struct vs_catalog_entry *entry,
                      struct vs_error *error);

/* The statements of a part, prepared at its first use and kept until the catalogue is closed. */
int vs_catalog_prepare(struct vs_catalog *catalog, enum vs_catalog_part part, const char *const *texts, size_t count,
                       sqlite3_stmt ***statements, struct vs_error *error);

/* Whether text is a folder's name: VS_FOLDER_LEN hex digits, which lead nowhere else. */
bool vs_catalog_folder_good(const char *folder, size_t len);

/* What vs_catalog_begin began; a failed commit has rolled back. */
int vs_catalog_commit(struct vs_catalog *catalog, struct vs_error *error);
/* Commits after 0 and 1, else rolls back; returns rc, or why the commit failed. */
int vs_catalog_end(struct vs_catalog *catalog, int rc, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* store/catalog_impl: what the files that keep tables of catalog.db share. Private to the room. */
#ifndef VS_STORE_CATALOG_IMPL_H
#define VS_STORE_CATALOG_IMPL_H

#include "store/catalog.h"
#include "store/sql.h"

#define VS_CATALOG_STATEMENTS_MAX 24 /* of one file */

/* One per file that keeps tables there. */
enum vs_catalog_part { VS_CATALOG_NAMESPACES, VS_CATALOG_JOBS, VS_CATALOG_KEYS, VS_CATALOG_AUDIT, VS_CATALOG_PARTS };

struct vs_catalog {
	struct vs_sql sql;
	sqlite3_stmt *begin_write;
	sqlite3_stmt *commit;
	sqlite3_stmt *rollback;
	sqlite3_stmt *statements[VS_CATALOG_PARTS][VS_CATALOG_STATEMENTS_MAX];
};

/* The statements of a part, prepared at its first use and kept until the catalogue is closed. */
int vs_catalog_prepare(struct vs_catalog *catalog, enum vs_catalog_part part, const char *const *texts, size_t count,
                       sqlite3_stmt ***statements, struct vs_error *error);

/* Whether text is a folder's name: VS_FOLDER_LEN hex digits, which lead nowhere else. */
bool vs_catalog_folder_good(const char *folder, size_t len);

/* What vs_catalog_begin began; a failed commit has rolled back. */
int vs_catalog_commit(struct vs_catalog *catalog, struct vs_error *error);

#endif

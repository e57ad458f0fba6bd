/* SPDX-License-Identifier: Apache-2.0 */
/* Changes to a test's data/catalog.db behind the library's back. */
#ifndef VS_TEST_CATALOG_FIXTURE_H
#define VS_TEST_CATALOG_FIXTURE_H

#include "store_fixture.h"

#include <sqlite3.h>

static inline void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path_of("data/catalog.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

#endif

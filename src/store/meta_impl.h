/* SPDX-License-Identifier: Apache-2.0 */
/* store/meta_impl: what meta.c (handle, transactions) and meta_rows.c (rows, changes) share. */
#ifndef VS_STORE_META_IMPL_H
#define VS_STORE_META_IMPL_H

#include "store/meta.h"
#include "store/sql.h"
#include "store/text_impl.h"

enum vs_meta_statement {
	VS_META_BEGIN,
	VS_META_BEGIN_WRITE,
	VS_META_COMMIT,
	VS_META_ROLLBACK,
	VS_META_STATE,
	VS_META_SET_STATE,
	VS_META_FIND,
	VS_META_GET,
	VS_META_SCAN,
	VS_META_WALK,
	VS_META_EXPIRED,
	VS_META_NEXT_EXPIRY,
	VS_META_CHANGES,
	VS_META_FEED,
	VS_META_PUT,
	VS_META_REMOVE,
	VS_META_SET_DELETED,
	VS_META_APPEND_CHANGE,
	VS_META_TRIM,
	VS_META_PAGES,
	VS_META_FREE_PAGES,
	VS_META_PAGE_SIZE,
	VS_META_STATEMENTS
};

struct vs_meta {
	struct vs_sql sql;
	sqlite3_stmt *statements[VS_META_STATEMENTS];
	sqlite3_stmt *borrowed; /* stands on the row that was handed out last; reset by the next call */
	uint64_t trimmed;       /* of the open transaction, as */
	int64_t age;
	int64_t put_expiry;     /* the soonest of rows put in it; 0: none */
	struct vs_text text;
};

static inline void vs_meta_return_borrowed(struct vs_meta *meta)
{
	if (meta->borrowed != NULL)
		sqlite3_reset(meta->borrowed);
	meta->borrowed = NULL;
	vs_text_return_borrowed(&meta->text);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and changes of meta.db, inside a transaction that meta.c opened. */
#include "store/meta.h"

#include "base/error.h"
#include "store/meta_impl.h"

/* After a failed statement SQLite may have rolled back by itself; what follows must not run outside a transaction. */
static int enter(struct vs_meta *meta, struct vs_error *error)
{
	vs_meta_return_borrowed(meta);
	if (sqlite3_get_autocommit(meta->sql.db))
		return vs_error_set(error, VS_EINTERNAL, "%s: no transaction is open", meta->sql.path);
	return 0;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* Leaves *row pointing into the statement's current row. */
static int decode_row(struct vs_meta *meta, sqlite3_stmt *statement, struct vs_meta_row *row, struct vs_error *error)
{
	int64_t slot = sqlite3_column_int64(statement, 0);

	if (sqlite3_column_int64(statement, 2) > INT64_MAX - meta->age)
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: the version of the record in slot %lld is absurd", meta->sql.path,
		                    (long long)slot);
	*row = (struct vs_meta_row){
		.id = (const char *)sqlite3_column_text(statement, 1),
		.id_len = (size_t)sqlite3_column_bytes(statement, 1),
		.version = sqlite3_column_int64(statement, 2) + meta->age,
		.created_at = sqlite3_column_int64(statement, 3),
		.updated_at = sqlite3_column_int64(statement, 4),
		.deleted_at = sqlite3_column_int64(statement, 5),
		.metadata = (const char *)sqlite3_column_text(statement, 6),
		.metadata_len = (size_t)sqlite3_column_bytes(statement, 6),
		.expires_at = sqlite3_column_int64(statement, 7),
	};
	if ((row->id == NULL || row->metadata == NULL) && sqlite3_errcode(meta->sql.db) == SQLITE_NOMEM)
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", meta->sql.path);
	if (slot < 0 || slot >= UINT32_MAX || row->id == NULL || row->metadata == NULL)
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: the record in slot %lld cannot be read", meta->sql.path,
		                    (long long)slot);
	row->slot = (uint32_t)slot;
	return 0;
}

/* Lends the one row that the statement finds; it stays on it until the next call. */
static int lend_row(struct vs_meta *meta, sqlite3_stmt *statement, struct vs_meta_row *row, struct vs_error *error)
{
	int rc = vs_sql_step(&meta->sql, statement, error);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return vs_error_set(error, VS_ENOTFOUND, "there is no such record");
	meta->borrowed = statement;
	return decode_row(meta, statement, row, error);
}

int vs_meta_find(struct vs_meta *meta, const char *id, size_t id_len, struct vs_meta_row *row, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_FIND];
	int rc = enter(meta, error);

	if (rc == 0)
		rc = vs_sql_bind_text(&meta->sql, statement, 1, id, id_len, error);
	return rc < 0 ? rc : lend_row(meta, statement, row, error);
}

int vs_meta_get(struct vs_meta *meta, uint32_t slot, struct vs_meta_row *row, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_GET];
	int rc = enter(meta, error);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, slot);
	return lend_row(meta, statement, row, error);
}

static int each_row(struct vs_meta *meta, sqlite3_stmt *statement,
                    int (*each)(void *context, const struct vs_meta_row *row), void *context, struct vs_error *error)
{
	struct vs_meta_row row;
	int rc;

	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1) {
		rc = decode_row(meta, statement, &row, error);
		if (rc == 0)
			rc = each(context, &row);
		if (rc != 0)
			break;
	}
	sqlite3_reset(statement);
	return rc;
}

int vs_meta_scan(struct vs_meta *meta, uint32_t from, uint32_t to,
                 int (*each)(void *context, const struct vs_meta_row *row), void *context, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_SCAN];
	int rc = enter(meta, error);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, from);
	sqlite3_bind_int64(statement, 2, to);
	return each_row(meta, statement, each, context, error);
}

int vs_meta_walk(struct vs_meta *meta, const char *after, size_t after_len,
                 int (*each)(void *context, const char *id, size_t id_len, uint32_t slot), void *context,
                 struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_WALK];
	int rc = enter(meta, error);

	/* No id is empty, so "" stands before them all. */
	if (rc == 0)
		rc = vs_sql_bind_text(&meta->sql, statement, 1, after != NULL ? after : "", after != NULL ? after_len : 0,
		                      error);
	if (rc < 0)
		return rc;
	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1) {
		const char *id = (const char *)sqlite3_column_text(statement, 0);
		int64_t slot = sqlite3_column_int64(statement, 1);
		if (id == NULL || slot < 0 || slot >= UINT32_MAX)
			rc = vs_error_set(error, VS_ECORRUPT, "%s is damaged: its index of ids cannot be read", meta->sql.path);
		else
			rc = each(context, id, (size_t)sqlite3_column_bytes(statement, 0), (uint32_t)slot);
		if (rc != 0)
			break;
	}
	sqlite3_reset(statement);
	return rc;
}

int vs_meta_expired(struct vs_meta *meta, int64_t now,
                    int (*each)(void *context, uint32_t slot, int64_t expires_at), void *context, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_EXPIRED];
	int rc = enter(meta, error);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, now);
	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1) {
		int64_t slot = sqlite3_column_int64(statement, 0);
		if (slot < 0 || slot >= UINT32_MAX)
			rc = vs_error_set(error, VS_ECORRUPT, "%s is damaged: its index of expiries cannot be read", meta->sql.path);
		else
			rc = each(context, (uint32_t)slot, sqlite3_column_int64(statement, 1));
		if (rc != 0)
			break;
	}
	sqlite3_reset(statement);
	return rc;
}

int vs_meta_next_expiry(struct vs_meta *meta, int64_t now, int64_t *next, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_NEXT_EXPIRY];
	int rc = enter(meta, error);

	*next = 0;
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, now);
	rc = vs_sql_step(&meta->sql, statement, error);
	if (rc == 1)
		*next = sqlite3_column_int64(statement, 0); /* NULL reads as 0 */
	sqlite3_reset(statement);
	return rc < 0 ? rc : 0;
}

static int decode_change(struct vs_meta *meta, sqlite3_stmt *statement, struct vs_change *change,
                         struct vs_error *error)
{
	int64_t seq = sqlite3_column_int64(statement, 0);
	int64_t op = sqlite3_column_int64(statement, 1);
	int64_t slot = sqlite3_column_type(statement, 2) == SQLITE_NULL ? VS_CHANGE_NO_SLOT : sqlite3_column_int64(statement, 2);
	int64_t old_slot = sqlite3_column_type(statement, 3) == SQLITE_NULL ? -1 : sqlite3_column_int64(statement, 3);

	const char *id = (const char *)sqlite3_column_text(statement, 4);

	if (id == NULL && sqlite3_errcode(meta->sql.db) == SQLITE_NOMEM)
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", meta->sql.path);
	if (op < VS_CHANGE_UPSERT || op > VS_CHANGE_RESTORE || slot < 0 || slot > VS_CHANGE_NO_SLOT || old_slot < -1 ||
	    old_slot >= UINT32_MAX)
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: change %lld is absurd", meta->sql.path, (long long)seq);
	*change = (struct vs_change){ (uint64_t)seq, (enum vs_change_op)op, (uint32_t)slot, old_slot, id,
		                         (size_t)sqlite3_column_bytes(statement, 4) };
	return 0;
}

/* What is common to both ways of reading the log. */
static int begin_log(struct vs_meta *meta, sqlite3_stmt *statement, uint64_t after, struct vs_error *error)
{
	int rc = enter(meta, error);

	if (rc < 0)
		return rc;
	if (after < meta->trimmed)
		return vs_error_set(error, VS_ESTALE, "changes up to %llu are no longer in the log",
		                    (unsigned long long)meta->trimmed);
	sqlite3_bind_int64(statement, 1, after < INT64_MAX ? (int64_t)after : INT64_MAX);
	return 0;
}

int vs_meta_changes(struct vs_meta *meta, uint64_t after, int (*each)(void *context, const struct vs_change *change),
                    void *context, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_CHANGES];
	struct vs_change change;
	int rc = begin_log(meta, statement, after, error);

	if (rc < 0)
		return rc;
	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1) {
		rc = decode_change(meta, statement, &change, error);
		if (rc == 0)
			rc = each(context, &change);
		if (rc != 0)
			break;
	}
	sqlite3_reset(statement);
	return rc;
}

/* The columns of *row come first. */
static int decode_feed(struct vs_meta *meta, sqlite3_stmt *statement, struct vs_meta_row *row, struct vs_feed_row *feed,
                       struct vs_error *error)
{
	int64_t op = sqlite3_column_int64(statement, 9);
	bool deletion = op == VS_CHANGE_DELETE;

	*feed = (struct vs_feed_row){ (uint64_t)sqlite3_column_int64(statement, 8), (enum vs_change_op)op, NULL, NULL, 0 };
	if (deletion) {
		feed->id = (const char *)sqlite3_column_text(statement, 10);
		feed->id_len = (size_t)sqlite3_column_bytes(statement, 10);
		if (feed->id == NULL && sqlite3_errcode(meta->sql.db) == SQLITE_NOMEM)
			return vs_error_set(error, VS_ENOMEM, "%s: out of memory", meta->sql.path);
	}
	if (op < VS_CHANGE_UPSERT || op > VS_CHANGE_RESTORE || deletion != (feed->id != NULL))
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: change %llu is absurd", meta->sql.path,
		                    (unsigned long long)feed->seq);
	if (deletion || sqlite3_column_type(statement, 0) == SQLITE_NULL)
		return 0;
	feed->row = row;
	return decode_row(meta, statement, row, error);
}

int vs_meta_feed(struct vs_meta *meta, uint64_t after, int (*each)(void *context, const struct vs_feed_row *row),
                 void *context, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_FEED];
	struct vs_meta_row row;
	struct vs_feed_row feed;
	int rc = begin_log(meta, statement, after, error);

	if (rc < 0)
		return rc;
	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1) {
		rc = decode_feed(meta, statement, &row, &feed, error);
		if (rc == 0)
			rc = each(context, &feed);
		if (rc != 0)
			break;
	}
	sqlite3_reset(statement);
	return rc;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* 0, or VS_ENOTFOUND when the statement changed nothing. */
static int run_on_slot(struct vs_meta *meta, sqlite3_stmt *statement, uint32_t slot, struct vs_error *error)
{
	int rc;

	sqlite3_bind_int64(statement, 1, slot);
	rc = vs_sql_run(&meta->sql, statement, error);
	if (rc == 0 && sqlite3_changes(meta->sql.db) == 0)
		return vs_error_set(error, VS_ENOTFOUND, "there is no record in slot %u", slot);
	return rc;
}

int vs_meta_put(struct vs_meta *meta, const struct vs_meta_row *row, struct vs_error *error)
{
	sqlite3_stmt *put = meta->statements[VS_META_PUT];
	int rc = enter(meta, error);

	if (rc == 0)
		rc = vs_text_remove_id(meta, row->id, row->id_len, error);
	if (rc == 0)
		rc = vs_sql_bind_text(&meta->sql, put, 2, row->id, row->id_len, error);
	if (rc == 0)
		rc = vs_sql_bind_text(&meta->sql, put, 7, row->metadata, row->metadata_len, error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(put, 1, row->slot);
	sqlite3_bind_int64(put, 3, row->version - meta->age);
	sqlite3_bind_int64(put, 4, row->created_at);
	sqlite3_bind_int64(put, 5, row->updated_at);
	if (row->deleted_at != 0)
		sqlite3_bind_int64(put, 6, row->deleted_at);
	else
		sqlite3_bind_null(put, 6);
	if (row->expires_at != 0)
		sqlite3_bind_int64(put, 8, row->expires_at);
	else
		sqlite3_bind_null(put, 8);
	if (row->expires_at != 0 && (meta->put_expiry == 0 || row->expires_at < meta->put_expiry))
		meta->put_expiry = row->expires_at;
	rc = vs_sql_run(&meta->sql, put, error);
	return rc < 0 || row->text == NULL ? rc : vs_text_put(meta, row->slot, row->text, row->text_len, error);
}

int vs_meta_remove(struct vs_meta *meta, uint32_t slot, struct vs_error *error)
{
	int rc = enter(meta, error);

	if (rc == 0)
		rc = vs_text_remove(meta, slot, error);
	return rc < 0 ? rc : run_on_slot(meta, meta->statements[VS_META_REMOVE], slot, error);
}

int vs_meta_set_deleted(struct vs_meta *meta, uint32_t slot, int64_t deleted_at, struct vs_error *error)
{
	sqlite3_stmt *statement = meta->statements[VS_META_SET_DELETED];
	int rc = enter(meta, error);

	if (rc < 0)
		return rc;
	if (deleted_at != 0)
		sqlite3_bind_int64(statement, 2, deleted_at);
	else
		sqlite3_bind_null(statement, 2);
	return run_on_slot(meta, statement, slot, error);
}

int vs_meta_append_change(struct vs_meta *meta, const struct vs_change *change, struct vs_error *error)
{
	sqlite3_stmt *append = meta->statements[VS_META_APPEND_CHANGE];
	int rc = enter(meta, error);

	if (rc < 0)
		return rc;
	if (change->id != NULL)
		rc = vs_sql_bind_text(&meta->sql, append, 5, change->id, change->id_len, error);
	else
		sqlite3_bind_null(append, 5);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(append, 1, (int64_t)change->seq);
	sqlite3_bind_int64(append, 2, (int)change->op);
	if (change->slot != VS_CHANGE_NO_SLOT)
		sqlite3_bind_int64(append, 3, change->slot);
	else
		sqlite3_bind_null(append, 3);
	if (change->old_slot >= 0)
		sqlite3_bind_int64(append, 4, change->old_slot);
	else
		sqlite3_bind_null(append, 4);
	return vs_sql_run(&meta->sql, append, error);
}

int vs_meta_trim(struct vs_meta *meta, struct vs_meta_state *state, uint64_t upto, unsigned limit,
                 struct vs_error *error)
{
	sqlite3_stmt *trim = meta->statements[VS_META_TRIM];
	/* Sequence numbers have no gaps, so this is at most `limit` rows. */
	uint64_t bound = state->trimmed + limit;
	int rc = enter(meta, error);

	if (rc < 0)
		return rc;
	bound = upto < bound ? upto : bound;
	bound = state->seq < bound ? state->seq : bound;
	if (bound <= state->trimmed)
		return 0;
	sqlite3_bind_int64(trim, 1, (int64_t)bound);
	rc = vs_sql_run(&meta->sql, trim, error);
	if (rc == 0)
		state->trimmed = meta->trimmed = bound;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The handle on meta.db: creation, transactions, upkeep. Rows are in meta_rows.c. */
#include "store/meta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "store/meta_impl.h"

static const struct vs_sql_kind kind = { "meta.db", vs_meta_sql, 0x56534d31, 1 };

#define ROW "slot, id, version, created_at, updated_at, deleted_at, metadata, expires_at"

static const char *const texts[VS_META_STATEMENTS] = {
	[VS_META_BEGIN] = "BEGIN",
	[VS_META_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[VS_META_COMMIT] = "COMMIT",
	[VS_META_ROLLBACK] = "ROLLBACK",
	[VS_META_STATE] =
	    "SELECT generation, dimension, metric, next_slot, seq, trimmed, active, deleted, expiry, quantization,"
	    " past_version, tokenizer, texts, age FROM state WHERE id = 1",
	[VS_META_SET_STATE] =
	    "UPDATE state SET dimension = ?1, next_slot = ?2, seq = ?3, trimmed = ?4, active = ?5, deleted = ?6,"
	    " expiry = ?7, past_version = ?8, texts = ?9 WHERE id = 1",
	[VS_META_FIND] = "SELECT " ROW " FROM record WHERE id = ?1",
	[VS_META_GET] = "SELECT " ROW " FROM record WHERE slot = ?1",
	[VS_META_SCAN] = "SELECT " ROW " FROM record WHERE slot >= ?1 AND slot < ?2 ORDER BY slot",
	[VS_META_WALK] = "SELECT id, slot FROM record WHERE id > ?1 ORDER BY id",
	[VS_META_EXPIRED] = "SELECT slot, expires_at FROM record WHERE expires_at <= ?1 ORDER BY expires_at",
	[VS_META_NEXT_EXPIRY] = "SELECT min(expires_at) FROM record WHERE expires_at > ?1",
	[VS_META_CHANGES] = "SELECT seq, op, slot, old_slot, id FROM change WHERE seq > ?1 ORDER BY seq",
	[VS_META_FEED] = "SELECT r.slot, r.id, r.version, r.created_at, r.updated_at, r.deleted_at, r.metadata, r.expires_at,"
	                 " c.seq, c.op, c.id FROM change AS c LEFT JOIN record AS r ON r.slot = c.slot WHERE c.seq > ?1 ORDER BY c.seq",
	/* A slot that is taken is an error (I2), so only a conflict of ids is resolved. */
	[VS_META_PUT] = "INSERT INTO record (" ROW ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET"
	                " slot = excluded.slot, version = excluded.version, created_at = excluded.created_at,"
	                " updated_at = excluded.updated_at, deleted_at = excluded.deleted_at, metadata = excluded.metadata,"
	                " expires_at = excluded.expires_at",
	[VS_META_REMOVE] = "DELETE FROM record WHERE slot = ?1",
	[VS_META_SET_DELETED] = "UPDATE record SET deleted_at = ?2 WHERE slot = ?1",
	/* Only a deletion pays for the id: the others find it in the slot's row. */
	[VS_META_APPEND_CHANGE] = "INSERT INTO change (seq, op, slot, old_slot, id) VALUES (?1, ?2, ?3, ?4,"
	                          " CASE ?2 WHEN 2 THEN coalesce(?5, (SELECT id FROM record WHERE slot = ?3)) END)",
	[VS_META_TRIM] = "DELETE FROM change WHERE seq <= ?1",
	[VS_META_PAGES] = "PRAGMA page_count",
	[VS_META_FREE_PAGES] = "PRAGMA freelist_count",
	[VS_META_PAGE_SIZE] = "PRAGMA page_size",
};

/* ---- create, open --------------------------------------------------------------------------------------- */

static int fill(struct vs_sql *sql, const void *context, struct vs_error *error)
{
	const struct vs_meta_options *options = context;
	char text[200];
	int rc;

	snprintf(text, sizeof(text),
	         "INSERT INTO state (id, generation, dimension, metric, quantization, tokenizer, past_version, age)"
	         " VALUES (1, %" PRIu32 ", %" PRIu32 ", %d, %d, %d, %" PRId64 ", %" PRId64 ")",
	         options->generation, options->dimension, (int)options->metric, (int)options->quantization,
	         (int)options->tokenizer, options->age, options->age);
	rc = vs_sql_exec(sql, text, error);
	return rc < 0 ? rc : vs_text_create(sql, options->tokenizer, error);
}

int vs_meta_create(const char *dir, const struct vs_meta_options *options, struct vs_error *error)
{
	char path[VS_SQL_PATH];
	int rc = vs_sql_path(path, dir, "meta.db", error);

	/* Whoever makes a generation is alone with its folder, so nobody else makes this file now. */
	return rc < 0 ? rc : vs_sql_create(path, &kind, fill, options, error);
}

static int open_meta(const char *dir, bool frozen, int busy_ms, struct vs_meta **meta, struct vs_error *error)
{
	struct vs_meta *fresh;
	char path[VS_SQL_PATH];
	int rc = vs_sql_path(path, dir, "meta.db", error);

	*meta = NULL;
	if (rc < 0)
		return rc;
	fresh = calloc(1, sizeof(*fresh));
	if (fresh == NULL)
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", path);
	rc = frozen ? vs_sql_open_frozen(&fresh->sql, path, &kind, error)
	            : vs_sql_open(&fresh->sql, path, &kind, busy_ms, error);
	if (rc == 0)
		rc = vs_sql_prepare(&fresh->sql, texts, VS_META_STATEMENTS, fresh->statements, error);
	if (rc < 0) {
		vs_meta_close(fresh);
		return rc;
	}
	*meta = fresh;
	return 0;
}

int vs_meta_open(const char *dir, int busy_ms, struct vs_meta **meta, struct vs_error *error)
{
	return open_meta(dir, false, busy_ms, meta, error);
}

int vs_meta_open_frozen(const char *dir, struct vs_meta **meta, struct vs_error *error)
{
	return open_meta(dir, true, 0, meta, error);
}

void vs_meta_close(struct vs_meta *meta)
{
	if (meta == NULL)
		return;
	if (meta->sql.db != NULL)
		vs_meta_rollback(meta);
	vs_sql_finalize(meta->statements, VS_META_STATEMENTS);
	vs_text_release(&meta->text);
	vs_sql_close(&meta->sql);
	free(meta);
}

void vs_meta_set_deadline(struct vs_meta *meta, uint64_t deadline_ns)
{
	vs_sql_set_deadline(&meta->sql, deadline_ns);
}

/* ---- transactions --------------------------------------------------------------------------------------- */

static bool state_plausible(sqlite3_stmt *row)
{
	/* generation, dimension, metric and next_slot are 32-bit; then come counts. */
	for (int i = 0; i < 14; i++) {
		int64_t value = sqlite3_column_int64(row, i);

		if (value < 0 || (i < 4 && value > UINT32_MAX))
			return false;
	}
	return sqlite3_column_int64(row, 2) <= INT32_MAX &&
	       sqlite3_column_int64(row, 10) >= sqlite3_column_int64(row, 13) && /* new records are of this age */
	       vs_metric_name((enum vs_metric)sqlite3_column_int(row, 2)) != NULL &&
	       vs_quantization_name((enum vs_quantization)sqlite3_column_int(row, 9)) != NULL &&
	       vs_tokenizer_name((enum vs_tokenizer)sqlite3_column_int(row, 11)) != NULL;
}

static int read_state(struct vs_meta *meta, struct vs_meta_state *state, struct vs_error *error)
{
	sqlite3_stmt *row = meta->statements[VS_META_STATE];
	int rc = vs_sql_step(&meta->sql, row, error);

	if (rc < 0)
		return rc;
	if (rc == 0 || !state_plausible(row)) {
		sqlite3_reset(row);
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: its state row is missing or absurd", meta->sql.path);
	}
	*state = (struct vs_meta_state){
		.generation = (uint32_t)sqlite3_column_int64(row, 0),
		.dimension = (uint32_t)sqlite3_column_int64(row, 1),
		.metric = (enum vs_metric)sqlite3_column_int(row, 2),
		.next_slot = (uint32_t)sqlite3_column_int64(row, 3),
		.seq = (uint64_t)sqlite3_column_int64(row, 4),
		.trimmed = (uint64_t)sqlite3_column_int64(row, 5),
		.active = (uint64_t)sqlite3_column_int64(row, 6),
		.deleted = (uint64_t)sqlite3_column_int64(row, 7),
		.expiry = sqlite3_column_int64(row, 8),
		.quantization = (enum vs_quantization)sqlite3_column_int(row, 9),
		.past_version = sqlite3_column_int64(row, 10),
		.tokenizer = (enum vs_tokenizer)sqlite3_column_int(row, 11),
		.texts = (uint64_t)sqlite3_column_int64(row, 12),
		.age = sqlite3_column_int64(row, 13),
	};
	meta->age = state->age;
	meta->trimmed = state->trimmed;
	meta->put_expiry = 0;
	meta->text.kind = state->tokenizer;
	meta->text.count = state->texts;
	sqlite3_reset(row);
	return 0;
}

static int begin(struct vs_meta *meta, enum vs_meta_statement how, struct vs_meta_state *state, struct vs_error *error)
{
	int rc;

	vs_meta_return_borrowed(meta);
	if (!sqlite3_get_autocommit(meta->sql.db))
		return vs_error_set(error, VS_EINTERNAL, "%s: a transaction is open already", meta->sql.path);
	rc = vs_sql_run(&meta->sql, meta->statements[how], error);
	if (rc == 0)
		rc = read_state(meta, state, error); /* the first read: here the snapshot begins */
	if (rc < 0)
		vs_meta_rollback(meta);
	return rc;
}

int vs_meta_begin(struct vs_meta *meta, struct vs_meta_state *state, struct vs_error *error)
{
	return begin(meta, VS_META_BEGIN, state, error);
}

void vs_meta_end(struct vs_meta *meta)
{
	vs_meta_rollback(meta);
}

/* Takes the namespace's writer lock: waits for another writer, and for the indexer's checkpoint. */
int vs_meta_begin_write(struct vs_meta *meta, struct vs_meta_state *state, struct vs_error *error)
{
	return begin(meta, VS_META_BEGIN_WRITE, state, error);
}

/* 0 is never. */
static int64_t sooner(int64_t a, int64_t b)
{
	return b != 0 && (a == 0 || b < a) ? b : a;
}

int vs_meta_commit(struct vs_meta *meta, const struct vs_meta_state *state, struct vs_error *error)
{
	sqlite3_stmt *set = meta->statements[VS_META_SET_STATE];
	int rc;

	vs_meta_return_borrowed(meta);
	/* SQLite may have rolled back by itself after a failed statement; a commit must not pretend. */
	if (sqlite3_get_autocommit(meta->sql.db))
		return vs_error_set(error, VS_EINTERNAL, "%s: no transaction is open", meta->sql.path);
	sqlite3_bind_int64(set, 1, state->dimension);
	sqlite3_bind_int64(set, 2, state->next_slot);
	sqlite3_bind_int64(set, 3, (int64_t)state->seq);
	sqlite3_bind_int64(set, 4, (int64_t)state->trimmed);
	sqlite3_bind_int64(set, 5, (int64_t)state->active);
	sqlite3_bind_int64(set, 6, (int64_t)state->deleted);
	sqlite3_bind_int64(set, 7, sooner(state->expiry, meta->put_expiry));
	sqlite3_bind_int64(set, 8, state->past_version);
	sqlite3_bind_int64(set, 9, (int64_t)meta->text.count);
	rc = vs_sql_run(&meta->sql, set, error);
	VS_POINT("meta-before-commit");
	if (rc == 0)
		rc = vs_sql_finish(&meta->sql, meta->statements[VS_META_COMMIT], error);
	VS_POINT("meta-after-commit");
	if (rc < 0)
		vs_meta_rollback(meta);
	return rc;
}

bool vs_meta_sync_failed(const struct vs_meta *meta)
{
	return meta->sql.sync_failed;
}

void vs_meta_rollback(struct vs_meta *meta)
{
	vs_meta_return_borrowed(meta);
	if (!sqlite3_get_autocommit(meta->sql.db))
		vs_sql_finish(&meta->sql, meta->statements[VS_META_ROLLBACK], NULL);
}

/* ---- copies --------------------------------------------------------------------------------------------- */

static int renumber(struct vs_sql *sql, const void *context, struct vs_error *error)
{
	const struct vs_meta_state *as = context;
	char text[300];

	snprintf(text, sizeof(text),
	         "DELETE FROM change; UPDATE state SET generation = %" PRIu32 ", seq = %" PRIu64 ", trimmed = %" PRIu64
	         ", past_version = %" PRId64 ", age = %" PRId64 " WHERE id = 1",
	         as->generation, as->seq, as->trimmed, as->past_version, as->age);
	return vs_sql_exec(sql, text, error);
}

static int copy_meta(struct vs_meta *meta, const char *dir, const struct vs_meta_state *as, const struct vs_sql_watch *watch,
                     struct vs_error *error)
{
	char path[VS_SQL_PATH];
	int rc = vs_sql_path(path, dir, "meta.db", error);

	vs_meta_return_borrowed(meta);
	if (rc == 0 && sqlite3_get_autocommit(meta->sql.db))
		return vs_error_set(error, VS_EINTERNAL, "%s: no transaction is open", meta->sql.path);
	return rc < 0 ? rc : vs_sql_copy(&meta->sql, path, as == NULL, as != NULL ? renumber : NULL, as, watch, error);
}

int vs_meta_freeze(struct vs_meta *meta, const char *dir, int (*progress)(void *context, uint64_t done, uint64_t total),
                   void *context, struct vs_error *error)
{
	struct vs_sql_watch watch = { progress, context };

	return copy_meta(meta, dir, NULL, &watch, error);
}

int vs_meta_thaw(struct vs_meta *meta, const char *dir, const struct vs_meta_state *as,
                 int (*progress)(void *context, uint64_t done, uint64_t total), void *context, struct vs_error *error)
{
	struct vs_sql_watch watch = { progress, context };

	return copy_meta(meta, dir, as, &watch, error);
}

/* ---- upkeep --------------------------------------------------------------------------------------------- */

int vs_meta_checkpoint(struct vs_meta *meta, struct vs_error *error)
{
	vs_meta_return_borrowed(meta);
	if (!sqlite3_get_autocommit(meta->sql.db))
		return vs_error_set(error, VS_EINTERNAL, "%s: a transaction is open", meta->sql.path);
	return vs_sql_checkpoint(&meta->sql, error);
}

uint64_t vs_meta_wal_bytes(struct vs_meta *meta)
{
	return vs_sql_wal_bytes(&meta->sql);
}

uint64_t vs_meta_bytes(struct vs_meta *meta)
{
	return vs_sql_bytes(&meta->sql);
}

static int read_number(struct vs_meta *meta, enum vs_meta_statement which, uint64_t *number, struct vs_error *error)
{
	int rc = vs_sql_step(&meta->sql, meta->statements[which], error);

	if (rc < 0)
		return rc;
	*number = (uint64_t)sqlite3_column_int64(meta->statements[which], 0);
	sqlite3_reset(meta->statements[which]);
	return 0;
}

int vs_meta_used(struct vs_meta *meta, uint64_t *bytes, struct vs_error *error)
{
	uint64_t pages = 0, unused = 0, page = 0;
	int rc = vs_text_flush(meta, error);

	if (rc == 0)
		rc = read_number(meta, VS_META_PAGES, &pages, error);
	if (rc == 0)
		rc = read_number(meta, VS_META_FREE_PAGES, &unused, error);
	if (rc == 0)
		rc = read_number(meta, VS_META_PAGE_SIZE, &page, error);
	*bytes = (pages - unused) * page;
	return rc;
}

struct listener {
	void (*report)(void *context, const char *problem);
	void *context;
};

static void hear(void *context, const char *text)
{
	const struct listener *listener = context;
	char problem[256];

	snprintf(problem, sizeof(problem), "meta.db: %s", text);
	listener->report(listener->context, problem);
}

/* Each row of the statement is a text: what is wrong. */
static int check_counts(struct vs_meta *meta, const struct listener *listener, struct vs_error *error)
{
	static const char text[] =
	    "WITH r AS (SELECT count(*) AS n, count(deleted_at) AS gone, coalesce(max(slot), -1) AS top,"
	    "                  coalesce(min(slot), 0) AS bottom, min(expires_at) AS first FROM record),"
	    "     c AS (SELECT count(*) AS n, coalesce(min(seq), 0) AS low, coalesce(max(seq), 0) AS high,"
	    "                  coalesce(max(slot), -1) AS top FROM change),"
	    "     t AS (SELECT count(*) AS n, coalesce(sum(slot NOT IN (SELECT slot FROM record)), 0) AS lost FROM record_text),"
	    "     p(holds, problem) AS ("
	    "  SELECT active = r.n - r.gone, printf('state says %lld live records, there are %lld', active, r.n - r.gone)"
	    "    FROM state, r UNION ALL"
	    "  SELECT deleted = r.gone, printf('state says %lld soft-deleted records, there are %lld', deleted, r.gone)"
	    "    FROM state, r UNION ALL"
	    "  SELECT r.bottom >= 0 AND max(r.top, c.top) < next_slot,"
	    "         printf('slot %lld is used, but the next free one should be %lld', max(r.top, c.top), next_slot)"
	    "    FROM state, r, c UNION ALL"
	    "  SELECT c.n = seq - trimmed AND (c.n = 0 OR (c.low = trimmed + 1 AND c.high = seq)),"
	    "         printf('the change log should hold %lld to %lld, it holds %lld changes from %lld to %lld',"
	    "                trimmed + 1, seq, c.n, c.low, c.high) FROM state, c UNION ALL"
	    "  SELECT r.first IS NULL OR (expiry > 0 AND expiry <= r.first),"
	    "         printf('a record expires at %lld, the state says none does before %lld', r.first, expiry) FROM state, r UNION ALL"
	    "  SELECT texts = t.n, printf('state says %lld texts, there are %lld', texts, t.n) FROM state, t UNION ALL"
	    "  SELECT t.lost = 0, printf('%lld texts belong to no record', t.lost) FROM t)"
	    " SELECT problem FROM p WHERE NOT holds";
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(meta->sql.db, text, -1, &statement, NULL);

	if (rc != SQLITE_OK)
		return vs_sql_error(&meta->sql, rc, error);
	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1) {
		const char *found = (const char *)sqlite3_column_text(statement, 0);
		char problem[256];

		snprintf(problem, sizeof(problem), "meta.db: %s", found != NULL ? found : "counts disagree");
		listener->report(listener->context, problem);
	}
	sqlite3_finalize(statement);
	return rc;
}

int vs_meta_check(struct vs_meta *meta, void (*report)(void *context, const char *problem), void *context,
                  struct vs_error *error)
{
	struct listener listener = { report, context };
	struct vs_error found = { 0 };
	struct vs_meta_state state;
	bool inside = !sqlite3_get_autocommit(meta->sql.db);
	int rc = 0;

	vs_meta_return_borrowed(meta);
	if (!inside)
		rc = vs_meta_begin(meta, &state, &found);
	if (rc == 0)
		rc = vs_sql_check(&meta->sql, hear, &listener, &found);
	if (rc == 0)
		rc = check_counts(meta, &listener, &found);
	if (!inside)
		vs_meta_end(meta);
	if (rc == VS_ECORRUPT) {
		report(context, found.text);
		return 0;
	}
	if (rc < 0 && error != NULL)
		*error = found;
	return rc;
}

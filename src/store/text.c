/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as rows, and their words. Searching them: text_search.c. */
#include "store/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/meta_impl.h"

/* With external content FTS5 must be told the old text to take its words out: 'delete' does that. */
static const char *const texts[VS_TEXT_STATEMENTS] = {
	[VS_TEXT_FIND] = "SELECT body FROM record_text WHERE slot = ?1",
	[VS_TEXT_FIND_SLOT] = "SELECT slot FROM record WHERE id = ?1",
	[VS_TEXT_PUT] = "INSERT INTO record_text (slot, body) VALUES (?1, ?2)",
	[VS_TEXT_INDEX] = "INSERT INTO text_index (rowid, body) VALUES (?1, ?2)",
	[VS_TEXT_UNINDEX] =
	    "INSERT INTO text_index (text_index, rowid, body) SELECT 'delete', slot, body FROM record_text WHERE slot = ?1",
	[VS_TEXT_REMOVE] = "DELETE FROM record_text WHERE slot = ?1",
};

#define WITHOUT_DIACRITICS "unicode61 remove_diacritics 2"

int vs_text_create(struct vs_sql *sql, enum vs_tokenizer tokenizer, struct vs_error *error)
{
	char statement[200];

	snprintf(statement, sizeof(statement),
	         "CREATE VIRTUAL TABLE text_index USING fts5 (body, content='record_text', content_rowid='slot', tokenize='%s')",
	         tokenizer == VS_TOKENIZER_PORTER ? "porter " WITHOUT_DIACRITICS : WITHOUT_DIACRITICS);
	return vs_sql_exec(sql, statement, error);
}

void vs_text_release(struct vs_text *text)
{
	vs_sql_finalize(text->statements, VS_TEXT_STATEMENTS);
	sqlite3_finalize(text->search);
	if (text->tokenizer != NULL)
		text->methods.xDelete(text->tokenizer);
	free(text->lengths);
}

void vs_text_return_borrowed(struct vs_text *text)
{
	if (text->borrowed != NULL)
		sqlite3_reset(text->borrowed);
	text->borrowed = NULL;
}

int vs_text_enter(struct vs_meta *meta, struct vs_error *error)
{
	struct vs_text *text = &meta->text;

	vs_text_return_borrowed(text);
	if (sqlite3_get_autocommit(meta->sql.db))
		return vs_error_set(error, VS_EINTERNAL, "%s: no transaction is open", meta->sql.path);
	if (text->statements[0] != NULL)
		return 0;
	return vs_sql_prepare(&meta->sql, texts, VS_TEXT_STATEMENTS, text->statements, error);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

int vs_text_find(struct vs_meta *meta, uint32_t slot, const char **body, size_t *len, struct vs_error *error)
{
	struct vs_text *text = &meta->text;
	sqlite3_stmt *find;
	int rc;

	*body = NULL;
	*len = 0;
	if (text->count == 0)
		return 0;
	rc = vs_text_enter(meta, error);
	if (rc < 0)
		return rc;
	find = text->statements[VS_TEXT_FIND];
	sqlite3_bind_int64(find, 1, slot);
	rc = vs_sql_step(&meta->sql, find, error);
	if (rc <= 0)
		return rc;
	text->borrowed = find;
	*body = (const char *)sqlite3_column_text(find, 0);
	*len = (size_t)sqlite3_column_bytes(find, 0);
	if (*body != NULL)
		return 0;
	return sqlite3_errcode(meta->sql.db) == SQLITE_NOMEM
	           ? vs_error_set(error, VS_ENOMEM, "%s: out of memory", meta->sql.path)
	           : vs_error_set(error, VS_ECORRUPT, "%s is damaged: the text of slot %u cannot be read", meta->sql.path, slot);
}

int vs_text_put(struct vs_meta *meta, uint32_t slot, const char *body, size_t len, struct vs_error *error)
{
	int rc = vs_text_enter(meta, error);

	for (int which = VS_TEXT_PUT; rc == 0 && which <= VS_TEXT_INDEX; which++) {
		sqlite3_stmt *statement = meta->text.statements[which];
		sqlite3_bind_int64(statement, 1, slot);
		rc = vs_sql_bind_text(&meta->sql, statement, 2, body, len, error);
		if (rc == 0)
			rc = vs_sql_run(&meta->sql, statement, error);
	}
	if (rc == 0)
		meta->text.count++;
	return rc;
}

int vs_text_remove(struct vs_meta *meta, uint32_t slot, struct vs_error *error)
{
	struct vs_text *text = &meta->text;
	int rc;

	if (text->count == 0)
		return 0;
	rc = vs_text_enter(meta, error);
	for (int which = VS_TEXT_UNINDEX; rc == 0 && which <= VS_TEXT_REMOVE; which++) {
		sqlite3_bind_int64(text->statements[which], 1, slot);
		rc = vs_sql_run(&meta->sql, text->statements[which], error);
	}
	if (rc == 0 && sqlite3_changes(meta->sql.db) > 0)
		text->count--;
	return rc;
}

int vs_text_remove_id(struct vs_meta *meta, const char *id, size_t id_len, struct vs_error *error)
{
	sqlite3_stmt *find;
	int64_t slot;
	int rc;

	if (meta->text.count == 0)
		return 0;
	rc = vs_text_enter(meta, error);
	find = meta->text.statements[VS_TEXT_FIND_SLOT];
	if (rc == 0)
		rc = vs_sql_bind_text(&meta->sql, find, 1, id, id_len, error);
	if (rc == 0)
		rc = vs_sql_step(&meta->sql, find, error);
	if (rc <= 0)
		return rc;
	slot = sqlite3_column_int64(find, 0);
	sqlite3_reset(find);
	return vs_text_remove(meta, (uint32_t)slot, error);
}

/* FTS5 does so for any savepoint. */
int vs_text_flush(struct vs_meta *meta, struct vs_error *error)
{
	if (meta->text.statements[0] == NULL || sqlite3_txn_state(meta->sql.db, "main") != SQLITE_TXN_WRITE)
		return 0;
	return vs_sql_exec(&meta->sql, "SAVEPOINT text; RELEASE text", error);
}

/* ---- words ---------------------------------------------------------------------------------------------- */

static int find_api(struct vs_meta *meta, struct vs_error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(meta->sql.db, "SELECT fts5(?1)", -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_pointer(statement, 1, &meta->text.api, "fts5_api_ptr", NULL);
	if (rc == SQLITE_OK && sqlite3_step(statement) != SQLITE_ROW)
		rc = sqlite3_errcode(meta->sql.db);
	sqlite3_finalize(statement);
	if (rc != SQLITE_OK)
		return vs_sql_error(&meta->sql, rc, error);
	return meta->text.api != NULL ? 0 : vs_error_set(error, VS_EINTERNAL, "this SQLite has no full text search (FTS5)");
}

int vs_text_connect(struct vs_meta *meta, struct vs_error *error)
{
	static const char *arguments[] = { "unicode61", "remove_diacritics", "2" };
	struct vs_text *text = &meta->text;
	bool porter = text->kind == VS_TOKENIZER_PORTER;
	void *context = NULL;
	int rc = 0;

	if (text->api == NULL)
		rc = find_api(meta, error);
	if (rc < 0 || text->tokenizer != NULL)
		return rc;
	rc = text->api->xFindTokenizer(text->api, porter ? "porter" : "unicode61", &context, &text->methods);
	if (rc == SQLITE_OK)
		rc = text->methods.xCreate(context, porter ? arguments : arguments + 1, porter ? 3 : 2, &text->tokenizer);
	return rc == SQLITE_OK ? 0 : vs_sql_error(&meta->sql, rc, error);
}

struct hearing {
	int (*each)(void *context, const struct vs_text_token *token);
	void *context;
	int rc; /* what ended it */
};

static int on_token(void *context, int flags, const char *term, int term_len, int from, int to)
{
	const struct vs_text_token token = { term, (size_t)term_len, (uint32_t)from, (uint32_t)to };
	struct hearing *hearing = context;

	(void)flags;
	hearing->rc = hearing->each(hearing->context, &token);
	return hearing->rc == 0 ? SQLITE_OK : SQLITE_DONE;
}

int vs_text_tokenize(struct vs_meta *meta, const char *body, size_t len,
                     int (*each)(void *context, const struct vs_text_token *token), void *context,
                     struct vs_error *error)
{
	struct hearing hearing = { each, context, 0 };
	int rc = vs_text_connect(meta, error);

	if (rc < 0)
		return rc;
	rc = meta->text.methods.xTokenize(meta->text.tokenizer, &hearing, FTS5_TOKENIZE_DOCUMENT, body, (int)len, on_token);
	if (hearing.rc != 0)
		return hearing.rc;
	return rc == SQLITE_OK ? 0 : vs_sql_error(&meta->sql, rc, error);
}

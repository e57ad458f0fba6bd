/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the index of texts is what the texts make it. FTS5's own check would take the writer lock for as long as it runs;
 * this one reads: every term of every text, at its place, is summed up as a hash, once out of the texts and once out of the
 * index, and so are the lengths.
 */
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "store/meta_impl.h"

struct summing {
	struct vs_meta *meta;
	uint64_t terms, lengths; /* sums, modulo 2^64 */
	uint32_t slot;           /* the text in hand */
	uint32_t place;          /* of the next term in it */
};

static uint64_t hash_of(const char *term, size_t len, uint64_t slot, uint64_t place)
{
	return vs_hash128(term, len, slot << 32 | place).words[0];
}

static int add_term(void *context, const struct vs_text_token *token)
{
	struct summing *summing = context;

	summing->terms += hash_of(token->term, token->len, summing->slot, summing->place++);
	return 0;
}

/* Steps through a statement of two columns and more; each returns 0 or what ends it. */
static int each_row(struct vs_meta *meta, const char *text, int (*each)(struct summing *summing, sqlite3_stmt *row,
                    struct vs_error *error), struct summing *summing, struct vs_error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(meta->sql.db, text, -1, &statement, NULL);

	if (rc != SQLITE_OK)
		return vs_sql_error(&meta->sql, rc, error);
	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1) {
		rc = each(summing, statement, error);
		if (rc < 0)
			break;
	}
	sqlite3_finalize(statement);
	return rc;
}

static int sum_text(struct summing *summing, sqlite3_stmt *row, struct vs_error *error)
{
	const char *body = (const char *)sqlite3_column_text(row, 1);
	int rc;

	summing->slot = (uint32_t)sqlite3_column_int64(row, 0);
	summing->place = 0;
	if (body == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to check texts");
	rc = vs_text_tokenize(summing->meta, body, (size_t)sqlite3_column_bytes(row, 1), add_term, summing, error);
	summing->lengths += hash_of("", 0, summing->slot, summing->place);
	return rc;
}

static int sum_instance(struct summing *summing, sqlite3_stmt *row, struct vs_error *error)
{
	const char *term = (const char *)sqlite3_column_text(row, 0);

	if (term == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to check texts");
	summing->terms += hash_of(term, (size_t)sqlite3_column_bytes(row, 0), (uint64_t)sqlite3_column_int64(row, 1),
	                          (uint64_t)sqlite3_column_int64(row, 2));
	return 0;
}

static int sum_length(struct summing *summing, sqlite3_stmt *row, struct vs_error *error)
{
	(void)error;
	summing->lengths += hash_of("", 0, (uint64_t)sqlite3_column_int64(row, 0), vs_text_decode_length(row, 1));
	return 0;
}

static int sum_index(struct vs_meta *meta, struct summing *summing, struct vs_error *error)
{
	int rc = vs_sql_exec(&meta->sql, "CREATE VIRTUAL TABLE temp.text_terms USING fts5vocab (main, text_index, instance)",
	                     error);

	if (rc < 0)
		return rc;
	rc = each_row(meta, "SELECT term, doc, offset FROM temp.text_terms", sum_instance, summing, error);
	if (rc == 0)
		rc = each_row(meta, "SELECT id, sz FROM text_index_docsize", sum_length, summing, error);
	(void)vs_sql_exec(&meta->sql, "DROP TABLE temp.text_terms", NULL);
	return rc;
}

int vs_text_check(struct vs_meta *meta, bool *same, struct vs_error *error)
{
	struct summing texts = { .meta = meta }, index = { .meta = meta };
	struct vs_error why;
	int rc = vs_text_enter(meta, error);

	*same = true;
	if (rc == 0)
		rc = vs_text_connect(meta, error);
	if (rc == 0)
		rc = each_row(meta, "SELECT slot, body FROM record_text", sum_text, &texts, error);
	if (rc < 0)
		return rc;
	rc = sum_index(meta, &index, &why);
	*same = rc == 0 && index.terms == texts.terms && index.lengths == texts.lengths;
	if (rc == 0 || rc == VS_ECORRUPT)
		return 0;
	if (error != NULL)
		*error = why;
	return rc;
}

int vs_text_rebuild(struct vs_meta *meta, struct vs_error *error)
{
	int rc = vs_text_enter(meta, error);

	return rc < 0 ? rc : vs_sql_exec(&meta->sql, "INSERT INTO text_index (text_index) VALUES ('rebuild')", error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store/text_impl: what meta.c, meta_rows.c and text*.c share of a handle's full text. Private to the room. */
#ifndef VS_STORE_TEXT_IMPL_H
#define VS_STORE_TEXT_IMPL_H

#include "store/sql.h"
#include "store/text.h"
#include "store/tokenizer.h"

enum vs_text_statement {
	VS_TEXT_FIND,
	VS_TEXT_FIND_SLOT,
	VS_TEXT_PUT,
	VS_TEXT_INDEX,
	VS_TEXT_UNINDEX,
	VS_TEXT_REMOVE,
	VS_TEXT_STATEMENTS
};

/* Made when the first text is asked for or stored. */
struct vs_text {
	sqlite3_stmt *statements[VS_TEXT_STATEMENTS];
	sqlite3_stmt *search;   /* needs the scoring function; NULL until then */
	sqlite3_stmt *borrowed; /* stands on the text that was lent */
	enum vs_tokenizer kind; /* of the namespace */
	uint64_t count;         /* of texts, in the open transaction */
	fts5_api *api;          /* SQLite's own; NULL until needed */
	fts5_tokenizer methods;
	Fts5Tokenizer *tokenizer;
	struct vs_text_ranking *ranking; /* of the search that runs */
	uint16_t *lengths;      /* of texts by slot, plus 1, as far as they were asked for; 0: not known. They never change (I2) */
	uint32_t lengths_cap;
	uint32_t lengths_end; /* of all slots below they were asked for: one of 0 has no text */
};

#define VS_TEXT_LONG UINT16_MAX /* among lengths: one that has no room there */

/* What BM25 makes of texts. */
struct vs_text_size {
	uint64_t texts;
	uint64_t terms; /* in all of them; those of a long one count as VS_TEXT_LONG - 1 */
};

/* The index of a new meta.db, whose tables have been made. */
int vs_text_create(struct vs_sql *sql, enum vs_tokenizer tokenizer, struct vs_error *error);
void vs_text_release(struct vs_text *text);
void vs_text_return_borrowed(struct vs_text *text);
/* Ends what was lent, and prepares statements. VS_EINTERNAL when no transaction is open. */
int vs_text_enter(struct vs_meta *meta, struct vs_error *error);
/* Finds the interface of FTS5 and the tokenizer. */
int vs_text_connect(struct vs_meta *meta, struct vs_error *error);

/* Notes the length of a slot's text; false: there is no room, which costs time alone. */
bool vs_text_remember(struct vs_text *text, uint32_t slot, uint64_t length);
/* A length as FTS5 keeps it: one of its varints, seven bits a byte, the first ones first. */
uint64_t vs_text_decode_length(sqlite3_stmt *row, int column);
/* Inside a transaction: of the texts of these slots. */
int vs_text_measure(struct vs_meta *meta, const struct vs_bitmap *within, struct vs_text_size *size, struct vs_error *error);

/* Beside the same of the record, inside a write transaction. */
int vs_text_put(struct vs_meta *meta, uint32_t slot, const char *text, size_t len, struct vs_error *error);
int vs_text_remove(struct vs_meta *meta, uint32_t slot, struct vs_error *error);
/* What the index has put off until the commit is written now, so that its pages can be counted. */
int vs_text_flush(struct vs_meta *meta, struct vs_error *error);
int vs_text_remove_id(struct vs_meta *meta, const char *id, size_t id_len, struct vs_error *error);

#endif

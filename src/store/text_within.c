/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many texts some slots have, and how long they are in all: what BM25 over these alone needs, so that its scores tell nothing
 * of other texts. The length of a text is a row of FTS5's own, read once by each handle (I2).
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/meta_impl.h"

#define LENGTHS_STEP 65536u

bool vs_text_remember(struct vs_text *text, uint32_t slot, uint64_t length)
{
	uint32_t cap = slot / LENGTHS_STEP * LENGTHS_STEP + LENGTHS_STEP;
	uint16_t *lengths;

	if (slot >= text->lengths_cap) {
		if (cap < text->lengths_cap + text->lengths_cap / 2)
			cap = text->lengths_cap + text->lengths_cap / 2;
		lengths = realloc(text->lengths, cap * sizeof(*lengths));
		if (lengths == NULL)
			return false;
		memset(lengths + text->lengths_cap, 0, (cap - text->lengths_cap) * sizeof(*lengths));
		text->lengths = lengths;
		text->lengths_cap = cap;
	}
	text->lengths[slot] = length < VS_TEXT_LONG ? (uint16_t)(length + 1) : VS_TEXT_LONG;
	return true;
}

uint64_t vs_text_decode_length(sqlite3_stmt *row, int column)
{
	const unsigned char *bytes = sqlite3_column_blob(row, column);
	int len = sqlite3_column_bytes(row, column);
	uint64_t length = 0;

	for (int i = 0; bytes != NULL && i < len && i < 8; i++)
		length = length << 7 | (bytes[i] & 0x7f);
	return length;
}

/* Of all slots below end. */
static int learn_lengths(struct vs_meta *meta, uint32_t end, struct vs_error *error)
{
	static const char *const lengths[] = { "SELECT id, sz FROM text_index_docsize WHERE id >= ?1 AND id < ?2" };
	struct vs_text *text = &meta->text;
	sqlite3_stmt *statement = NULL;
	int rc;

	if (text->lengths_end >= end)
		return 0;
	rc = vs_sql_prepare(&meta->sql, lengths, 1, &statement, error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, text->lengths_end);
	sqlite3_bind_int64(statement, 2, end);
	while ((rc = vs_sql_step(&meta->sql, statement, error)) == 1)
		if (!vs_text_remember(text, (uint32_t)sqlite3_column_int64(statement, 0), vs_text_decode_length(statement, 1))) {
			rc = vs_error_set(error, VS_ENOMEM, "no memory for the lengths of texts");
			break;
		}
	sqlite3_finalize(statement);
	if (rc == 0)
		text->lengths_end = end;
	return rc;
}

int vs_text_measure(struct vs_meta *meta, const struct vs_bitmap *within, struct vs_text_size *size, struct vs_error *error)
{
	const struct vs_text *text = &meta->text;
	int rc = learn_lengths(meta, within->len, error);

	*size = (struct vs_text_size){ 0, 0 };
	if (rc < 0)
		return rc;
	for (uint32_t slot = vs_bitmap_next(within, 0); slot < within->len && slot < text->lengths_cap;
	     slot = vs_bitmap_next(within, slot + 1)) {
		if (text->lengths[slot] == 0)
			continue;
		size->texts++;
		size->terms += text->lengths[slot] - 1u;
	}
	return 0;
}

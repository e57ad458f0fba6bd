/* SPDX-License-Identifier: Apache-2.0 */
/* cli/csv: rows of CSV (RFC 4180) and what their columns mean. For input_csv.c and tests. */
#ifndef VS_CLI_CSV_H
#define VS_CLI_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_error;

struct vs_csv_field {
	char *text; /* NUL-terminated, its quotes resolved */
	size_t len;
	bool quoted;
};

/* Takes a row apart, in place: how many fields (at most cap are put down), or VS_EINVAL with the byte. text[len] is
 * overwritten. */
int vs_csv_split(char *text, size_t len, char delimiter, struct vs_csv_field *fields, size_t cap,
                 struct vs_error *error);

enum vs_csv_type {
	VS_CSV_AUTO, /* null, true, false, a number; what is quoted, or anything else, is text. Empty: left out */
	VS_CSV_NUMBER,
	VS_CSV_BOOLEAN, /* true, false, 1, 0, yes, no, t, f, y, n in any case */
	VS_CSV_TEXT,
	VS_CSV_JSON,     /* any JSON value */
	VS_CSV_METADATA, /* a JSON object: all metadata, or its beginning */
	VS_CSV_SKIP,
	VS_CSV_ID,
	VS_CSV_VECTOR, /* a JSON array of numbers, or with a '*' in the column's name, one number of it */
	VS_CSV_FULLTEXT, /* the record's text, for searches by words; empty without quotes: none */
	VS_CSV_EXPIRES, /* a time of RFC 3339, or milliseconds since 1970: when the record expires. Empty: never */
	VS_CSV_DELETED  /* boolean: the record is to be soft-deleted */
};

struct vs_csv_column {
	enum vs_csv_type type;
	const char *name;
	char *key;       /* own memory: the name as JSON and a colon */
	int64_t element; /* of the vector; -1: the whole of it */
};

struct vs_csv_columns {
	struct vs_csv_column *columns; /* own memory */
	size_t count;
	uint32_t elements; /* columns that are one number of the vector each */
	char *names;       /* own memory: the header */
};

/* From the header's row. spec: "NAME:TYPE,…", NULL: none; a NAME with one '*' stands for NAMEs with a number there. What
 * it does not name: id, vector (else v0, v1, …), metadata, @text and @expires_at are what they say, the rest AUTO. VS_EINVAL when a column
 * of the spec is not there, a name stands twice, or there is no vector; or no id, when one is needed. */
int vs_csv_columns_open(struct vs_csv_columns *columns, char *text, size_t len, char delimiter, const char *spec,
                        bool needs_id, struct vs_error *error);
void vs_csv_columns_close(struct vs_csv_columns *columns); /* accepts a zeroed one */

/* Whether all of text is a number as JSON writes it. */
bool vs_csv_is_number(const char *text, size_t len);

#endif

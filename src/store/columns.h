/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/columns: the folder columns/ of one generation: metadata fields as dictionary-coded columns, one code per slot,
 * so that a filter need not read every record. Derived: each file can be deleted at any time, which costs time.
 *
 * A field is named by its path, parts of two bytes of length and their bytes; it never becomes a file's name. A column
 * is written in blocks of 1,024 slots, each sealed with a checksum and never changed; the slots past the last sealed
 * block are asked of meta.db. The first 64 fields that hold scalars or arrays get a column (of those that come in one
 * block, the most frequent), up to 256 fields are remembered. A field that is remembered without a column, and one that came
 * when there was no room, never gets one, so that "no code" always means "no value".
 *
 * One writer (under indexer.lock), any number of readers without locks. Byte tables: columns_impl.h and
 * doc/file-format.md.
 */
#ifndef VS_STORE_COLUMNS_H
#define VS_STORE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_error;

#define VS_COLUMNS_BLOCK 1024       /* slots that are sealed together; a multiple of 64 */
#define VS_COLUMNS_MAX 64           /* columns */
#define VS_COLUMNS_FIELDS_MAX 256   /* fields that are remembered, those without a column too */
#define VS_COLUMNS_PATH_MAX 256     /* bytes of a path */
#define VS_COLUMNS_TEXT_MAX 255     /* bytes of a string, or of an array's JSON, that gets a code */
#define VS_COLUMNS_ENTRIES_MAX (UINT32_C(1) << 20)   /* distinct values of a column; others are asked of the row */
#define VS_COLUMNS_DICT_MAX (UINT32_C(64) << 20)     /* bytes of them */

/* Codes; VS_COLUMN_VALUE + e means entry e of the dictionary. */
enum {
	VS_COLUMN_MISSING, /* the field is missing, or the slot holds no record */
	VS_COLUMN_ASK,     /* an object, long string or array, or no room in the dictionary: ask the row */
	VS_COLUMN_VALUE,
};

/* Stored: never renumber. */
enum vs_column_kind {
	VS_COLUMN_NULL = 1,
	VS_COLUMN_BOOLEAN = 2,
	VS_COLUMN_INTEGER = 3,
	VS_COLUMN_REAL = 4,
	VS_COLUMN_TEXT = 5,
	VS_COLUMN_ARRAY = 6,
};

struct vs_column_value {
	enum vs_column_kind kind;
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct {
			const char *data;
			uint32_t len;
		} text; /* ARRAY: its JSON, from [ to ] */
	};
};

/* ---- reading -------------------------------------------------------------------------------------------- */

struct vs_columns;
struct vs_column;

/* Never fails but for VS_ENOMEM: without files there are no columns. */
int vs_columns_open(const char *dir, uint32_t generation, struct vs_columns **columns, struct vs_error *error);
void vs_columns_close(struct vs_columns *columns); /* NULL allowed */
/* Follows what the writer did since; columns found before are invalid. One fstat when nothing changed. */
void vs_columns_refresh(struct vs_columns *columns);
/* The column of a path; NULL when there is none. Valid until the next refresh. */
struct vs_column *vs_columns_find(struct vs_columns *columns, const void *path, size_t len);

/* 0 when the manifest could be read at the last refresh, else why it could not. */
int vs_columns_loaded(const struct vs_columns *columns);
/* Fields known by now, numbered from 0. *column: NULL for one without. *path is valid until the next refresh. */
uint32_t vs_columns_fields(const struct vs_columns *columns);
void vs_columns_field(struct vs_columns *columns, uint32_t field, const void **path, size_t *len,
                      struct vs_column **column);

/* Columns whose files are gone, or damaged before what is sealed in them ends. */
uint32_t vs_columns_damaged(struct vs_columns *columns);

/* Maps and verifies what was sealed below slot `to`; returns how far codes can be had: a multiple of VS_COLUMNS_BLOCK, or
 * 0. Costs about 1 ms per million new slots. */
uint32_t vs_column_load(struct vs_columns *columns, struct vs_column *column, uint32_t to);
/* The codes of a block below what load returned; NULL: all are VS_COLUMN_MISSING. Any number may stand in them. */
const uint32_t *vs_column_codes(const struct vs_column *column, uint32_t block);
/* Entries of the dictionary that codes below what load returned may name, and their bytes. */
uint32_t vs_column_entries(const struct vs_column *column);
uint32_t vs_column_dictionary(const struct vs_column *column);

struct vs_column_cursor {
	const unsigned char *at;
	const unsigned char *end;
};
/* The entries in order of their codes. False at the end, or when an entry makes no sense: there are no more then.
 * Values point into the map. */
struct vs_column_cursor vs_column_walk(const struct vs_column *column);
bool vs_column_next(struct vs_column_cursor *cursor, struct vs_column_value *value);

/* ---- writing -------------------------------------------------------------------------------------------- */

struct vs_columns_writer;

/* The caller holds indexer.lock. Goes on where another left off (after another boot: at its checkpoint); files that are
 * damaged, foreign or missing are all begun anew. */
int vs_columns_writer_open(const char *dir, uint32_t generation, struct vs_columns_writer **writer,
                           struct vs_error *error);
void vs_columns_writer_close(struct vs_columns_writer *writer); /* NULL allowed */
/* One of its files is gone: close and open again. */
bool vs_columns_writer_stale(const struct vs_columns_writer *writer);
/* The block to be filled now: slots [next, next + VS_COLUMNS_BLOCK). */
uint32_t vs_columns_writer_next(const struct vs_columns_writer *writer);

/* Fields known by now are numbered from 0; *path is valid until close. */
uint32_t vs_columns_writer_fields(const struct vs_columns_writer *writer);
void vs_columns_writer_path(const struct vs_columns_writer *writer, uint32_t field, const void **path, size_t *len);
/* A field not known yet: its number, -1 when there is no room or the path is too long, or VS_ENOMEM. */
int vs_columns_writer_add(struct vs_columns_writer *writer, const void *path, size_t len);
/* The value of a field in the slot at `place` of the block; NULL: ask the row. At most once per field and place. */
int vs_columns_writer_put(struct vs_columns_writer *writer, uint32_t field, uint32_t place,
                          const struct vs_column_value *value, struct vs_error *error);
/* Publishes the block and begins the next. After a failure: close and open again. */
int vs_columns_writer_seal(struct vs_columns_writer *writer, struct vs_error *error);
/* Syncs and moves the checkpoint: what was sealed survives a power loss. */
int vs_columns_writer_checkpoint(struct vs_columns_writer *writer, struct vs_error *error);

#endif

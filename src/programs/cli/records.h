/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/records: records out of files, whatever the format. What every format needs (ids and metadata from other files,
 * places for messages, skipping) is here; what a format is, in its input_….c.
 */
#ifndef VS_CLI_RECORDS_H
#define VS_CLI_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine/vecstore.h"
#include "programs/cli/input.h"

struct vs_json;
struct vs_records;

enum vs_records_format {
	VS_RECORDS_JSONL,
	VS_RECORDS_CSV,
	VS_RECORDS_NPY,
	VS_RECORDS_FVECS,
	VS_RECORDS_IVECS,
	VS_RECORDS_BVECS,
	VS_RECORDS_FORMATS
};

struct vs_records_options {
	enum vs_records_format format;
	struct vs_input *ids;      /* one id a line; NULL: the file's own, or row numbers. The caller's */
	struct vs_input *metadata; /* a JSON object a line, for formats that have no metadata; NULL: none. The caller's */
	const char *columns;       /* csv: see input_csv.c; NULL: columns are known by their names */
	char delimiter;            /* csv */
	bool keep_text;            /* see vs_records.text */
	uint64_t first_row;        /* number of the file's first record, where ids are row numbers */
};
#define VS_RECORDS_OPTIONS { VS_RECORDS_JSONL, NULL, NULL, NULL, ',', false, 0 }

/* How a format is read: a row of the table in records.c. */
struct vs_reader {
	const char *name;  /* for --format; "." and it is the suffix of files */
	bool by_line;      /* the number is the line; else the row, from 0 */
	bool has_ids, has_metadata; /* of their own, always */
	int (*open)(struct vs_records *records, struct vs_error *error);
	/* Reads one: 1, 0 at the end, or VS_E…. record NULL: only past it. Sets records->whole once what follows can be read
	 * whatever is wrong with this one. Gives id and metadata, if the format has them. */
	int (*next)(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
	            struct vs_error *error);
	void (*close)(struct vs_records *records);
};
extern const struct vs_reader vs_reader_jsonl, vs_reader_csv, vs_reader_npy, vs_reader_fvecs, vs_reader_ivecs,
    vs_reader_bvecs;

struct vs_records {
	const struct vs_reader *reader;
	struct vs_records_options options;
	struct vs_input input;
	struct vs_json *json;
	void *state;   /* the format's own */
	uint64_t read; /* records read, refused ones too */
	/* of the record read last: */
	bool whole;       /* it could be read to its end, so the next one can be read */
	bool deleted;     /* it is to be soft-deleted */
	const char *text; /* with keep_text: as it stands in a text file, in the arena; else NULL */
	size_t text_len;
};

/* The path's suffix, .gz put aside, or jsonl. */
enum vs_records_format vs_records_guess(const char *path);
bool vs_records_find(const char *name, enum vs_records_format *format);

int vs_records_open(struct vs_records *records, const char *path, const struct vs_records_options *options,
                    struct vs_error *error);
void vs_records_close(struct vs_records *records); /* accepts a zeroed one */

/* The next record, in memory of the arena: 1, 0 at the end, or VS_E…. record NULL: only past it, looking at as little as
 * possible (arena may be NULL). */
int vs_records_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                    struct vs_error *error);

/* One JSON line; len bytes. For vs_records_next and tests. */
int vs_records_decode(struct vs_json *json, const char *text, size_t len, struct vs_arena *arena,
                      struct vs_record_input *record, bool *deleted, struct vs_error *error);

/* Where the record (or fault) last read stands: its line, or its row in the file counted from 0. */
unsigned long vs_records_place(const struct vs_records *records);
/* "words.jsonl:17" or "words.fvecs: vector 16" into text[cap]. */
void vs_records_describe(const struct vs_records *records, unsigned long place, char *text, size_t cap);

/* For readers: keeps the text of the record in the arena, if that is asked for. */
int vs_records_keep(struct vs_records *records, struct vs_arena *arena, const char *text, size_t len,
                    struct vs_error *error);
/* A vector from len bytes of dimension numbers, each a float16 ('e'), float32 ('f'), float64 ('d'), int32 ('i') or uint8
 * ('B'), little-endian, in the arena. VS_EINVAL, with the number's place, where one does not fit float32. */
int vs_records_vector(struct vs_arena *arena, char type, const void *data, uint32_t dimension,
                      struct vs_record_input *record, struct vs_error *error);
uint32_t vs_records_number_size(char type); /* bytes */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/records: records out of files. JSON lines are {"id": …, "vector": […], "metadata": {…}}, decoded as strictly as
 * the server does; fvecs is, per record, an int32 count and as many float32, little-endian.
 */
#ifndef VS_CLI_RECORDS_H
#define VS_CLI_RECORDS_H

#include <stdbool.h>

#include "base/arena.h"
#include "engine/vecstore.h"
#include "programs/cli/input.h"

struct vs_json;

enum vs_records_format { VS_RECORDS_JSONL, VS_RECORDS_FVECS };

struct vs_records {
	enum vs_records_format format;
	struct vs_input input;
	struct vs_input *ids; /* fvecs: one id a line; NULL: row numbers. The caller's */
	unsigned long row;    /* fvecs: of the next record; the caller may set it to go on from another file */
	unsigned long first;  /* fvecs: row of the file's first record */
	struct vs_json *json;
};

int vs_records_open(struct vs_records *records, const char *path, enum vs_records_format format, struct vs_input *ids,
                    unsigned long first_row, struct vs_error *error);
void vs_records_close(struct vs_records *records); /* accepts a zeroed one */

/* The next record, in memory of the arena: 1, 0 at the end, or VS_E…. Empty lines are skipped. */
int vs_records_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                    struct vs_error *error);

/* One JSON line; len bytes. For vs_records_next and tests. */
int vs_records_decode(struct vs_json *json, const char *text, size_t len, struct vs_arena *arena,
                      struct vs_record_input *record, struct vs_error *error);

/* Where the record (or fault) last read stands: its line, or its place in the file counted from 0. */
unsigned long vs_records_place(const struct vs_records *records);
/* "words.jsonl:17" or "words.fvecs: vector 16" into text[cap]. */
void vs_records_describe(const struct vs_records *records, unsigned long place, char *text, size_t cap);

#endif

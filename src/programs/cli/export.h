/* SPDX-License-Identifier: Apache-2.0 */
/* cli/export: what the formats of `vecstore export` share. */
#ifndef VS_CLI_EXPORT_H
#define VS_CLI_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/vecstore.h"
#include "programs/cli/output.h"

struct vs_json;
struct vs_export;

struct vs_writer {
	const char *name;   /* for --format; "." and it is the suffix of files */
	bool vectors_only;  /* ids and metadata may go to files beside it */
	bool needs_patch;   /* its beginning is written last: a plain file it must be */
	/* Each writes to export->page; 0 or VS_E…. NULL allowed for begin and end. */
	int (*begin)(struct vs_export *export, struct vs_error *error);
	int (*record)(struct vs_export *export, const struct vs_record *record, struct vs_error *error);
	int (*end)(struct vs_export *export, struct vs_error *error);
};
extern const struct vs_writer vs_writer_jsonl, vs_writer_csv, vs_writer_npy, vs_writer_fvecs;

struct vs_export {
	const struct vs_writer *writer;
	struct vs_output output;
	struct vs_buf page; /* what is not yet written of output */
	uint32_t dimension;
	uint64_t records;   /* written */
	bool with_deleted;  /* mark soft-deleted ones */
	bool with_text;     /* some record has a text */
	const char *fields; /* csv: "NAME,…"; NULL: all metadata as JSON */
	struct vs_json *json;
};

/* JSON text as one line. */
void vs_export_json(struct vs_buf *out, const char *text, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/rejects: records that an import refused: the first few on standard error, all of them in a file, if one is named, as
 * JSON lines: {"place": "words.jsonl:17", "error": "…", "input": "the line itself"}.
 */
#ifndef VS_CLI_REJECTS_H
#define VS_CLI_REJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/file.h"

struct vs_rejects {
	struct vs_file file;
	bool open;
	uint64_t size;  /* of the file */
	uint64_t count; /* refused in this run */
	struct vs_buf lines;
};

/* path NULL: no file. append: behind what an earlier run has written; else the file is made anew. */
int vs_rejects_open(struct vs_rejects *rejects, const char *path, bool append, struct vs_error *error);
void vs_rejects_close(struct vs_rejects *rejects); /* accepts a zeroed one */

/* text NULL: it is no text. */
void vs_rejects_append(struct vs_rejects *rejects, const char *place, const char *why, const char *text, size_t len);
/* Writes the file as far as it is known. */
int vs_rejects_flush(struct vs_rejects *rejects, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/output: a file to write from front to back, plain or gzip, that is there whole or not at all: it is written as
 * FILE.PID.tmp, synced and renamed. Or standard output.
 */
#ifndef VS_CLI_OUTPUT_H
#define VS_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

struct vs_buf;
struct vs_error;
struct z_stream_s;

struct vs_output {
	bool open;
	struct vs_file file; /* closed: standard output */
	char *path;          /* own memory; NULL: standard output */
	uint64_t size;       /* bytes written to the file */
	struct z_stream_s *packer; /* NULL: plain */
};

/* path NULL: standard output. VS_EINVAL when it names something else than a regular file. */
int vs_output_open(struct vs_output *output, const char *path, struct vs_error *error);
int vs_output_write(struct vs_output *output, const void *data, size_t len, struct vs_error *error);
/* Writes the buffer and empties it. */
int vs_output_drain(struct vs_output *output, struct vs_buf *buf, struct vs_error *error);
/* Writes over what is there already. Only of plain files. */
int vs_output_patch(struct vs_output *output, uint64_t offset, const void *data, size_t len, struct vs_error *error);
/* All is written: the file appears at its path. */
int vs_output_commit(struct vs_output *output, struct vs_error *error);
/* Removes the file unless it was committed. Accepts a zeroed one. */
void vs_output_close(struct vs_output *output);

/* It is a plain file, which vs_output_patch needs. */
bool vs_output_is_plain(const struct vs_output *output);

#endif

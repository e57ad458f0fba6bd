/* SPDX-License-Identifier: Apache-2.0 */
/* cli/input: a file to read from front to back, plain or gzip; "-" is standard input. */
#ifndef VS_CLI_INPUT_H
#define VS_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_error;
struct gzFile_s;

struct vs_input {
	struct gzFile_s *gz;
	const char *name;    /* for messages */
	unsigned block;      /* bytes that are read at once */
	unsigned long lines; /* number of the line read last, or of the one that could not be read; of a row, its first */
	unsigned long inner; /* line ends within the row read last */
	char *data;          /* own memory: what was read and not yet handed out lies in [begin, end) */
	size_t begin, end, cap;
};

#define VS_INPUT_LINE_MAX (64u << 20) /* bytes of a line */

/* path must live as long as the input. */
int vs_input_open(struct vs_input *input, const char *path, struct vs_error *error);
void vs_input_close(struct vs_input *input); /* accepts a zeroed one */

/* The next line without its end, valid until the next call: 1, 0 at the end of the file, or VS_E…. A byte order mark
 * before the first line is left out. */
int vs_input_line(struct vs_input *input, const char **text, size_t *len, struct vs_error *error);
/* The same for a row of CSV: line ends between double quotes belong to it. The caller may change it, and put a NUL
 * after it. */
int vs_input_row(struct vs_input *input, char **text, size_t *len, struct vs_error *error);
/* Exactly len bytes: 1, 0 when the file ends just here, VS_EINVAL when it ends within. Not to be mixed with lines. */
int vs_input_read(struct vs_input *input, void *data, size_t len, struct vs_error *error);

/* Bytes of the file (before unpacking) that were read. */
uint64_t vs_input_offset(const struct vs_input *input);
/* It is gzip (known once something was read). */
bool vs_input_packed(const struct vs_input *input);
/* Bytes that the file has; 0 when that is not known. */
uint64_t vs_input_size(const char *path);

#endif

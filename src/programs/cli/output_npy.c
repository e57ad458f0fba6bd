/* SPDX-License-Identifier: Apache-2.0 */
/* npy (see input_npy.c) and fvecs (see input_vecs.c): vectors alone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "programs/cli/export.h"

#define HEADER 128 /* bytes: numpy reads from there aligned */

static void make_header(const struct vs_export *export, char *header)
{
	static const char start[] = "\x93NUMPY\x01\x00\x76"; /* version 1.0, 118 bytes follow these 10 */
	memset(header, ' ', HEADER);
	memcpy(header, start, sizeof start); /* its NUL is the length's high byte */
	int n = snprintf(header + 10, HEADER - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", %u), }",
	                 export->records, export->dimension);
	header[10 + n] = ' ';
	header[HEADER - 1] = '\n';
}

static int npy_begin(struct vs_export *export, struct vs_error *error)
{
	char header[HEADER];
	(void)error;
	make_header(export, header);
	vs_buf_append(&export->page, header, HEADER);
	return 0;
}

static int npy_record(struct vs_export *export, const struct vs_record *record, struct vs_error *error)
{
	if (record->dimension != export->dimension)
		return vs_error_set(error, VS_ECONFLICT, "the namespace was made anew with another dimension meanwhile");
	vs_buf_append(&export->page, record->vector, record->dimension * sizeof *record->vector);
	return 0;
}

static int npy_end(struct vs_export *export, struct vs_error *error)
{
	char header[HEADER];
	make_header(export, header);
	return vs_output_patch(&export->output, 0, header, HEADER, error);
}

static int fvecs_record(struct vs_export *export, const struct vs_record *record, struct vs_error *error)
{
	(void)error;
	vs_buf_append(&export->page, &record->dimension, sizeof record->dimension);
	vs_buf_append(&export->page, record->vector, record->dimension * sizeof *record->vector);
	return 0;
}

const struct vs_writer vs_writer_npy = {
	.name = "npy",
	.vectors_only = true,
	.needs_patch = true,
	.begin = npy_begin,
	.record = npy_record,
	.end = npy_end,
};
const struct vs_writer vs_writer_fvecs = { .name = "fvecs", .vectors_only = true, .record = fvecs_record };

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * npy (numpy.lib.format): an array of rows × dimension numbers, float16, float32 or float64, in C order, little-endian.
 *
 *   OFFSET   SIZE   MEANING
 *   0        6      "\x93NUMPY"
 *   6        2      version: 1.0, 2.0 or 3.0
 *   8        2, 4   length of the header (4 bytes from version 2 on)
 *   …        …      the header, a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 100), }
 *   …        …      the rows
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "programs/cli/records.h"

#define HEADER_MAX 65536

struct npy {
	uint64_t rows;
	uint32_t dimension;
	char type; /* see vs_records_vector */
	size_t row_bytes;
	unsigned char row[]; /* the one being read */
};

/* ---- the header ------------------------------------------------------------------------------------------- */

struct header {
	char descr[16];
	bool fortran_order;
	uint64_t shape[2];
	unsigned axes;
	bool has_descr, has_order, has_shape;
};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* 'text' or "text" into text[cap]; NULL when there is none, or it is longer. */
static const char *read_string(const char *p, char *text, size_t cap)
{
	const char *end = *p == '\'' || *p == '"' ? strchr(p + 1, *p) : NULL;
	if (!end || (size_t)(end - p) > cap)
		return NULL;
	memcpy(text, p + 1, (size_t)(end - p - 1));
	text[end - p - 1] = '\0';
	return end + 1;
}

/* (3, 100) */
static const char *read_shape(const char *p, struct header *header)
{
	if (*p++ != '(')
		return NULL;
	for (p = skip_blanks(p); *p != ')'; p = skip_blanks(p)) {
		uint64_t n = 0;
		if (*p < '0' || *p > '9')
			return NULL;
		for (; *p >= '0' && *p <= '9'; p++) {
			if (n > (UINT64_MAX >> 1) / 10 - 1)
				return NULL;
			n = 10 * n + (uint64_t)(*p - '0');
		}
		if (header->axes < 2)
			header->shape[header->axes] = n;
		header->axes++;
		p = skip_blanks(p + (*p == 'L')); /* Python 2 wrote 3L */
		if (*p == ',')
			p++;
		else if (*p != ')')
			return NULL;
	}
	return p + 1;
}

static const char *read_item(const char *p, struct header *header)
{
	char key[16];
	if (!(p = read_string(p, key, sizeof key)) || *(p = skip_blanks(p)) != ':')
		return NULL;
	p = skip_blanks(p + 1);
	if (strcmp(key, "descr") == 0) {
		header->has_descr = true;
		return read_string(p, header->descr, sizeof header->descr);
	}
	if (strcmp(key, "shape") == 0) {
		header->has_shape = true;
		return read_shape(p, header);
	}
	if (strcmp(key, "fortran_order") != 0)
		return NULL;
	header->has_order = true;
	header->fortran_order = strncmp(p, "True", 4) == 0;
	if (!header->fortran_order && strncmp(p, "False", 5) != 0)
		return NULL;
	return p + (header->fortran_order ? 4 : 5);
}

static bool read_header(const char *p, struct header *header)
{
	memset(header, 0, sizeof *header);
	p = skip_blanks(p);
	if (*p++ != '{')
		return false;
	for (p = skip_blanks(p); *p != '}'; p = skip_blanks(p)) {
		if (!(p = read_item(p, header)))
			return false;
		p = skip_blanks(p);
		if (*p == ',')
			p++;
		else if (*p != '}')
			return false;
	}
	return header->has_descr && header->has_order && header->has_shape;
}

/* Reads what stands before the rows; *len: how many bytes that is. */
static int load_header(struct vs_input *input, struct header *header, uint64_t *len, struct vs_error *error)
{
	unsigned char start[12];
	int rc = vs_input_read(input, start, 8, error);
	if (rc < 0)
		return rc;
	if (rc == 0 || memcmp(start, "\x93NUMPY", 6) != 0)
		return vs_error_set(error, VS_EINVAL, "it is no npy file: it does not begin with \\x93NUMPY");
	if (start[6] < 1 || start[6] > 3)
		return vs_error_set(error, VS_EINVAL, "its npy version is %d.%d; 1.0, 2.0 and 3.0 are known", start[6], start[7]);
	unsigned size = start[6] == 1 ? 2 : 4;
	rc = vs_input_read(input, start + 8, size, error);
	uint32_t header_len = (uint32_t)start[8] | (uint32_t)start[9] << 8;
	if (size == 4)
		header_len |= (uint32_t)start[10] << 16 | (uint32_t)start[11] << 24;
	if (rc > 0 && header_len > HEADER_MAX)
		return vs_error_set(error, VS_EINVAL, "its header claims to be %u bytes long", header_len);
	char *text = rc > 0 ? calloc(1, header_len + 1) : NULL;
	if (rc > 0 && !text)
		return vs_error_set(error, VS_ENOMEM, "no memory for its header");
	if (rc > 0 && header_len > 0)
		rc = vs_input_read(input, text, header_len, error);
	if (rc == 0)
		rc = vs_error_set(error, VS_EINVAL, "the file ends within its header");
	else if (rc > 0 && !read_header(text, header))
		rc = vs_error_set(error, VS_EINVAL, "its header cannot be read: %.120s", text);
	free(text);
	*len = 8 + size + header_len;
	return rc < 0 ? rc : 0;
}

static int find_type(const struct header *header, char *type, struct vs_error *error)
{
	static const struct {
		const char *descr;
		char type;
	} types[] = { { "<f2", 'e' }, { "<f4", 'f' }, { "<f8", 'd' } };
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (strcmp(header->descr, types[i].descr) == 0) {
			*type = types[i].type;
			return 0;
		}
	}
	if (header->descr[0] == '>')
		return vs_error_set(error, VS_EINVAL, "its numbers are big-endian (%s): write it with array.astype('<f4')",
		                    header->descr);
	return vs_error_set(error, VS_EINVAL, "its numbers are %s; float16, float32 and float64 ('<f2', '<f4', '<f8') are read",
	                    header->descr);
}

static int check_shape(const struct header *header, struct vs_error *error)
{
	if (header->axes != 2)
		return vs_error_set(error, VS_EINVAL, "its array has %u dimensions; vectors need 2: rows and numbers",
		                    header->axes);
	if (header->fortran_order)
		return vs_error_set(error, VS_EINVAL,
		                    "its array is in Fortran order: write it with numpy.ascontiguousarray(array)");
	if (header->shape[1] < 1 || header->shape[1] > VS_VECTOR_DIM_MAX)
		return vs_error_set(error, VS_EINVAL, "its vectors have %" PRIu64 " dimensions; 1 to %d are allowed",
		                    header->shape[1], VS_VECTOR_DIM_MAX);
	return 0;
}

/* Where the file's size is known, whether it has as many bytes as its header claims. */
static int check_size(struct vs_records *records, const struct npy *npy, uint64_t before, struct vs_error *error)
{
	uint64_t size = vs_input_packed(&records->input) ? 0 : vs_input_size(records->input.name);
	uint64_t have = size > before ? (size - before) / npy->row_bytes : 0;
	if (size == 0 || (have == npy->rows && size == before + have * npy->row_bytes))
		return 0;
	return vs_error_set(error, VS_EINVAL,
	                    "its header claims %" PRIu64 " rows of %u numbers, but the file has room for %" PRIu64
	                    " rows and %" PRIu64 " bytes",
	                    npy->rows, npy->dimension, have, size > before ? (size - before) % npy->row_bytes : 0);
}

static int npy_open(struct vs_records *records, struct vs_error *error)
{
	struct header header;
	uint64_t before = 0;
	char type = 'f';
	int rc = load_header(&records->input, &header, &before, error);
	if (rc || (rc = find_type(&header, &type, error)) || (rc = check_shape(&header, error)))
		return rc;
	uint32_t dimension = (uint32_t)header.shape[1];
	size_t row_bytes = (size_t)dimension * vs_records_number_size(type);
	struct npy *npy = records->state = malloc(sizeof *npy + row_bytes);
	if (!npy)
		return vs_error_set(error, VS_ENOMEM, "no memory for a row");
	*npy = (struct npy){ .rows = header.shape[0], .dimension = dimension, .type = type, .row_bytes = row_bytes };
	return check_size(records, npy, before, error);
}

/* ---- the rows --------------------------------------------------------------------------------------------- */

static int npy_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                    struct vs_error *error)
{
	struct npy *npy = records->state;
	bool last = records->read >= npy->rows;
	int rc = vs_input_read(&records->input, npy->row, last ? 1 : npy->row_bytes, error);
	if (rc < 0 || (last && rc == 0))
		return rc;
	if (last)
		return vs_error_set(error, VS_EINVAL, "the header claims %" PRIu64 " rows, but the file goes on", npy->rows);
	if (rc == 0)
		return vs_error_set(error, VS_EINVAL, "the file ends too early: its header claims %" PRIu64 " rows", npy->rows);
	records->whole = true;
	rc = record ? vs_records_vector(arena, npy->type, npy->row, npy->dimension, record, error) : 0;
	return rc ? rc : 1;
}

const struct vs_reader vs_reader_npy = { .name = "npy", .open = npy_open, .next = npy_next };

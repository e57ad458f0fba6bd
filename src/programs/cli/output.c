/* SPDX-License-Identifier: Apache-2.0 */
#define ZLIB_CONST
#include "programs/cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/error.h"

#define PIECE (64u << 10)

static int open_packer(struct vs_output *output, struct vs_error *error)
{
	output->packer = calloc(1, sizeof *output->packer);
	if (output->packer && deflateInit2(output->packer, 6, Z_DEFLATED, 15 + 16 /* gzip */, 8, Z_DEFAULT_STRATEGY) == Z_OK)
		return 0;
	free(output->packer);
	output->packer = NULL;
	return vs_error_set(error, VS_ENOMEM, "no memory to compress");
}

static int open_file(struct vs_output *output, struct vs_error *error)
{
	char temporary[sizeof output->file.path];
	int n = snprintf(temporary, sizeof temporary, "%s.%d.tmp", output->path, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof temporary)
		return vs_error_set(error, VS_EINVAL, "the path is too long: %.200s", output->path);
	int rc = vs_file_remove(temporary, error);
	return rc ? rc : vs_file_open(&output->file, temporary, VS_FILE_WRITE | VS_FILE_CREATE | VS_FILE_EXCLUSIVE, error);
}

int vs_output_open(struct vs_output *output, const char *path, struct vs_error *error)
{
	struct stat st;
	int rc = 0;
	*output = (struct vs_output){ .open = true, .file = VS_FILE_INIT };
	if (!path)
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		output->open = false;
		return vs_error_set(error, VS_EINVAL, "%s is no regular file: leave --output away and redirect", path);
	}
	output->path = realpath(path, NULL); /* a link stays one */
	if (!output->path)
		output->path = strdup(path);
	if (!output->path)
		rc = vs_error_set(error, VS_ENOMEM, "out of memory");
	if (!rc)
		rc = open_file(output, error);
	size_t len = strlen(path);
	if (!rc && len > 3 && strcmp(path + len - 3, ".gz") == 0)
		rc = open_packer(output, error);
	if (rc)
		vs_output_close(output);
	return rc;
}

bool vs_output_is_plain(const struct vs_output *output)
{
	return output->path && !output->packer;
}

static int put(struct vs_output *output, const void *data, size_t len, struct vs_error *error)
{
	int rc = 0;
	if (output->path)
		rc = vs_file_write(&output->file, data, len, output->size, error);
	else if (fwrite(data, 1, len, stdout) != len)
		rc = vs_error_errno(error, errno, "standard output");
	output->size += len;
	return rc;
}

static int pack(struct vs_output *output, const void *data, size_t len, int flush, struct vs_error *error)
{
	unsigned char piece[PIECE];
	z_stream *packer = output->packer;
	packer->next_in = (const unsigned char *)data;
	packer->avail_in = (unsigned)len;
	do {
		packer->next_out = piece;
		packer->avail_out = sizeof piece;
		deflate(packer, flush);
		int rc = put(output, piece, sizeof piece - packer->avail_out, error);
		if (rc)
			return rc;
	} while (packer->avail_out == 0);
	return 0;
}

int vs_output_write(struct vs_output *output, const void *data, size_t len, struct vs_error *error)
{
	const unsigned char *from = data;
	if (!output->packer)
		return len > 0 ? put(output, data, len, error) : 0;
	for (size_t n; len > 0; from += n, len -= n) {
		n = len < (1u << 30) ? len : 1u << 30;
		int rc = pack(output, from, n, Z_NO_FLUSH, error);
		if (rc)
			return rc;
	}
	return 0;
}

int vs_output_drain(struct vs_output *output, struct vs_buf *buf, struct vs_error *error)
{
	int rc = buf->failed ? vs_error_set(error, VS_ENOMEM, "out of memory")
	                     : vs_output_write(output, buf->data, buf->len, error);
	if (buf->cap <= (16u << 20)) { /* kept: the next page wants as much */
		buf->len = 0;
		return rc;
	}
	vs_buf_release(buf);
	return rc;
}

int vs_output_patch(struct vs_output *output, uint64_t offset, const void *data, size_t len, struct vs_error *error)
{
	return vs_file_write(&output->file, data, len, offset, error);
}

int vs_output_commit(struct vs_output *output, struct vs_error *error)
{
	int rc = output->packer ? pack(output, "", 0, Z_FINISH, error) : 0;
	if (rc)
		return rc;
	if (!output->path)
		return fflush(stdout) == 0 ? 0 : vs_error_errno(error, errno, "standard output");
	rc = vs_file_sync(&output->file, error);
	if (!rc)
		rc = vs_file_rename(output->file.path, output->path, error);
	if (!rc)
		vs_file_close(&output->file);
	return rc;
}

void vs_output_close(struct vs_output *output)
{
	if (!output->open)
		return;
	if (output->path && output->file.fd >= 0) {
		vs_file_remove(output->file.path, NULL);
		vs_file_close(&output->file);
	}
	if (output->packer)
		deflateEnd(output->packer);
	free(output->packer);
	free(output->path);
	output->open = false;
}

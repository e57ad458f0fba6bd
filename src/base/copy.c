/* SPDX-License-Identifier: Apache-2.0 */
#include "base/copy.h"

#include <stdlib.h>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"

#define PIECE ((size_t)1 << 20)

/* Reads len bytes of `from`, into `to` unless that is NULL. */
static int run(const struct vs_file *from, const struct vs_file *to, uint64_t len, uint32_t *crc,
               vs_copy_progress *progress, void *context, struct vs_error *error)
{
	char *piece = malloc(PIECE);
	uint32_t sum = 0;
	int rc = piece ? 0 : vs_error_set(error, VS_ENOMEM, "no memory to read %s", from->path);
	for (uint64_t at = 0; !rc && at < len;) {
		size_t n = len - at < PIECE ? (size_t)(len - at) : PIECE;
		rc = vs_file_read(from, piece, n, at, error);
		if (!rc && to)
			rc = vs_file_write(to, piece, n, at, error);
		if (!rc && progress)
			rc = progress(context, n);
		if (!rc)
			sum = vs_crc32_more(sum, piece, n);
		at += n;
	}
	free(piece);
	if (!rc && crc)
		*crc = sum;
	return rc;
}

int vs_file_copy(const char *from, const char *to, uint64_t len, uint32_t *crc, vs_copy_progress *progress, void *context,
                 struct vs_error *error)
{
	struct vs_file source = VS_FILE_INIT;
	struct vs_file copy = VS_FILE_INIT;
	int rc = vs_file_remove(to, error);
	if (!rc)
		rc = vs_file_open(&source, from, 0, error);
	if (!rc)
		rc = vs_file_open(&copy, to, VS_FILE_WRITE | VS_FILE_CREATE | VS_FILE_EXCLUSIVE, error);
	if (!rc)
		rc = run(&source, &copy, len, crc, progress, context, error);
	if (!rc)
		rc = vs_file_sync(&copy, error);
	vs_file_close(&source);
	vs_file_close(&copy);
	return rc;
}

int vs_file_checksum(const char *path, uint64_t len, uint32_t *crc, vs_copy_progress *progress, void *context,
                     struct vs_error *error)
{
	struct vs_file file;
	int rc = vs_file_open(&file, path, 0, error);
	if (rc)
		return rc;
	rc = run(&file, NULL, len, crc, progress, context, error);
	vs_file_close(&file);
	return rc;
}

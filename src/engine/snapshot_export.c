/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot as one file: a tar archive of its manifest and its files, made while it is read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/tar.h"
#include "engine/snapshot.h"

#define END_BLOCKS 2 /* of zeros */

/* What is in hand: `have` bytes of memory first (a header, the manifest, zeros), then `left` bytes of a file. */
struct vs_snapshot_reader {
	char dir[VS_GENERATION_PATH];
	struct vs_manifest manifest;
	unsigned char memory[VS_TAR_BLOCK + VS_MANIFEST_MAX + VS_TAR_BLOCK];
	size_t at, have;
	struct vs_file file;
	uint64_t offset, left;
	uint32_t crc; /* of what was read of the file */
	int which;    /* the file that comes next; FILES: the end, and one more: nothing */
};

static void put_header(struct vs_snapshot_reader *reader, const char *name, uint64_t size)
{
	reader->at = 0;
	reader->have = VS_TAR_BLOCK;
	vs_tar_encode(reader->memory, name, size, reader->manifest.created_at / 1000);
}

static uint64_t archive_bytes(const struct vs_manifest *manifest, size_t manifest_len)
{
	uint64_t bytes = VS_TAR_BLOCK + manifest_len + vs_tar_padding(manifest_len) + END_BLOCKS * VS_TAR_BLOCK;

	for (int i = 0; i < VS_MANIFEST_FILES; i++)
		if (manifest->files[i].len > 0)
			bytes += VS_TAR_BLOCK + manifest->files[i].len + vs_tar_padding(manifest->files[i].len);
	return bytes;
}

int vs_snapshot_reader_open(struct vs_namespace *ns, const char *name, const struct vs_work_options *options,
                            struct vs_snapshot_reader **out, uint64_t *bytes, struct vs_error *error)
{
	struct vs_snapshot_reader *reader = calloc(1, sizeof(*reader));
	struct vs_work work;
	size_t len;
	int rc;

	*out = NULL;
	if (reader == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to read a snapshot");
	reader->file = (struct vs_file)VS_FILE_INIT;
	vs_work_init(&work, options);
	rc = vs_snapshot_locate(ns, name, reader->dir, &reader->manifest, error);
	if (rc == 0)
		rc = vs_snapshot_sums(reader->dir, &reader->manifest, &work, 1.0, NULL, NULL, NULL, error);
	if (rc != 0) {
		free(reader);
		return rc;
	}
	len = vs_manifest_encode(&reader->manifest, (char *)reader->memory + VS_TAR_BLOCK);
	put_header(reader, VS_MANIFEST_NAME, len);
	reader->have += len + vs_tar_padding(len);
	*bytes = archive_bytes(&reader->manifest, len);
	*out = reader;
	return 0;
}

void vs_snapshot_reader_close(struct vs_snapshot_reader *reader)
{
	if (reader != NULL)
		vs_file_close(&reader->file);
	free(reader);
}

/* The file in hand is at its end: its sum is compared, and zeros fill its last block. */
static int end_file(struct vs_snapshot_reader *reader, struct vs_error *error)
{
	int which = reader->which - 1;
	size_t padding = vs_tar_padding(reader->manifest.files[which].len);

	vs_file_close(&reader->file);
	if (reader->crc != reader->manifest.files[which].crc)
		return vs_error_set(error, VS_ECORRUPT, "snapshot %s is damaged: %s does not match its checksum",
		                    reader->manifest.name, vs_manifest_names[which]);
	memset(reader->memory, 0, padding);
	reader->at = 0;
	reader->have = padding;
	return 0;
}

static int next_file(struct vs_snapshot_reader *reader, struct vs_error *error)
{
	char path[VS_GENERATION_PATH + 16];
	int which = reader->which++;

	if (which >= VS_MANIFEST_FILES) {
		memset(reader->memory, 0, END_BLOCKS * VS_TAR_BLOCK);
		reader->at = 0;
		reader->have = END_BLOCKS * VS_TAR_BLOCK;
		return 0;
	}
	if (reader->manifest.files[which].len == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", reader->dir, vs_manifest_names[which]);
	put_header(reader, vs_manifest_names[which], reader->manifest.files[which].len);
	reader->offset = 0;
	reader->left = reader->manifest.files[which].len;
	reader->crc = 0;
	return vs_file_open(&reader->file, path, 0, error);
}

static int read_file(struct vs_snapshot_reader *reader, void *data, size_t len, struct vs_error *error)
{
	int rc = vs_file_read(&reader->file, data, len, reader->offset, error);

	if (rc < 0)
		return rc;
	reader->crc = vs_crc32_more(reader->crc, data, len);
	reader->offset += len;
	reader->left -= len;
	return reader->left == 0 ? end_file(reader, error) : 0;
}

int vs_snapshot_read(struct vs_snapshot_reader *reader, void *data, size_t cap, size_t *len, struct vs_error *error)
{
	unsigned char *to = data;
	int rc = 0;

	*len = 0;
	while (rc == 0 && *len < cap) {
		size_t n = cap - *len;
		if (reader->at < reader->have) {
			n = n < reader->have - reader->at ? n : reader->have - reader->at;
			memcpy(to + *len, reader->memory + reader->at, n);
			reader->at += n;
			*len += n;
		} else if (reader->left > 0) {
			n = n < reader->left ? n : (size_t)reader->left;
			rc = read_file(reader, to + *len, n, error);
			*len += rc == 0 ? n : 0;
		} else if (reader->which > VS_MANIFEST_FILES) {
			break;
		} else {
			rc = next_file(reader, error);
		}
	}
	return rc;
}

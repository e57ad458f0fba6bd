/* SPDX-License-Identifier: Apache-2.0 */
#include "store/live.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/file.h"

#define MAGIC "vecstore live\n\0" /* 16 bytes with its closing NUL */
#define VERSION 1
#define BYTE_ORDER_MARK 0x01020304u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are used as they lie");

struct live_header {
	char magic[16];
	uint32_t version;
	uint32_t byte_order;
	uint32_t generation;
	uint32_t bits;
	uint64_t seq;
	uint8_t zero[20];
	uint32_t crc; /* of the 60 bytes before */
};

_Static_assert(sizeof(MAGIC) == 16, "magic");
_Static_assert(offsetof(struct live_header, version) == 16, "layout");
_Static_assert(offsetof(struct live_header, generation) == 24, "layout");
_Static_assert(offsetof(struct live_header, seq) == 32, "layout");
_Static_assert(offsetof(struct live_header, crc) == 60, "layout");
_Static_assert(sizeof(struct live_header) == 64, "layout");

static int path_of(char *path, size_t cap, const char *dir, struct vs_error *error)
{
	int len = snprintf(path, cap, "%s/live.bits", dir);

	if (len < 0 || (size_t)len >= cap)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	return 0;
}

static size_t words_of(uint32_t bits)
{
	return ((size_t)bits + 63) / 64;
}

static int corrupt(const struct vs_file *file, const char *why, struct vs_error *error)
{
	return vs_error_set(error, VS_ECORRUPT, "%s cannot be used: %s", file->path, why);
}

static int load_header(const struct vs_file *file, uint32_t generation, struct live_header *header,
                       struct vs_error *error)
{
	uint64_t size;
	int rc = vs_file_size(file, &size, error);

	if (rc < 0)
		return rc;
	if (size < sizeof(*header))
		return corrupt(file, "it ends within its header", error);
	rc = vs_file_read(file, header, sizeof(*header), 0, error);
	if (rc < 0)
		return rc;
	if (memcmp(header->magic, MAGIC, sizeof(header->magic)) != 0)
		return corrupt(file, "it is no liveness file", error);
	if (header->version != VERSION || header->byte_order != BYTE_ORDER_MARK)
		return corrupt(file, "another vecstore made it", error);
	if (header->crc != vs_crc32(header, offsetof(struct live_header, crc)))
		return corrupt(file, "its header's checksum is wrong", error);
	if (header->generation != generation)
		return corrupt(file, "it belongs to another generation", error);
	if (size != sizeof(*header) + words_of(header->bits) * 8 + 4)
		return corrupt(file, "its length is wrong", error);
	return 0;
}

static int load_words(const struct vs_file *file, const struct live_header *header, struct vs_bitmap *bitmap,
                      struct vs_error *error)
{
	size_t bytes = words_of(header->bits) * 8;
	uint32_t crc;
	int rc;

	if (vs_bitmap_resize(bitmap, header->bits) < 0)
		return vs_error_set(error, VS_ENOMEM, "out of memory for the liveness of %u slots", header->bits);
	if (bytes != 0) {
		rc = vs_file_read(file, bitmap->words, bytes, sizeof(*header), error);
		if (rc < 0)
			return rc;
	}
	rc = vs_file_read(file, &crc, sizeof(crc), sizeof(*header) + bytes, error);
	if (rc < 0)
		return rc;
	if (crc != vs_crc32(bitmap->words, bytes) && !VS_PLANTED("live-unchecked"))
		return corrupt(file, "its checksum is wrong", error);
	if (header->bits % 64 != 0 && bitmap->words[header->bits / 64] >> (header->bits % 64) != 0)
		return corrupt(file, "it has bits past its end", error);
	return 0;
}

int vs_live_load(const char *dir, uint32_t generation, struct vs_bitmap *bitmap, uint64_t *seq, struct vs_error *error)
{
	struct vs_file file = VS_FILE_INIT;
	struct vs_bitmap fresh = VS_BITMAP_INIT;
	struct live_header header;
	char path[sizeof(file.path)];
	int rc = path_of(path, sizeof(path), dir, error);

	if (rc == 0)
		rc = vs_file_open(&file, path, 0, error);
	if (rc < 0)
		return rc;
	rc = load_header(&file, generation, &header, error);
	if (rc == 0)
		rc = load_words(&file, &header, &fresh, error);
	vs_file_close(&file);
	if (rc < 0) {
		vs_bitmap_release(&fresh);
		return rc;
	}
	vs_bitmap_release(bitmap);
	*bitmap = fresh;
	*seq = header.seq;
	return 0;
}

int vs_live_store(const char *dir, uint32_t generation, const struct vs_bitmap *bitmap, uint64_t seq,
                  struct vs_error *error)
{
	struct live_header header = { .magic = MAGIC,
		                          .version = VERSION,
		                          .byte_order = BYTE_ORDER_MARK,
		                          .generation = generation,
		                          .bits = bitmap->len,
		                          .seq = seq };
	size_t bytes = words_of(bitmap->len) * 8;
	size_t len = sizeof(header) + bytes + 4;
	char path[sizeof(((struct vs_file *)0)->path)];
	unsigned char *data;
	uint32_t crc;
	int rc = path_of(path, sizeof(path), dir, error);

	if (rc < 0)
		return rc;
	data = malloc(len);
	if (data == NULL)
		return vs_error_set(error, VS_ENOMEM, "out of memory for the liveness of %u slots", bitmap->len);
	header.crc = vs_crc32(&header, offsetof(struct live_header, crc));
	memcpy(data, &header, sizeof(header));
	if (bytes != 0)
		memcpy(data + sizeof(header), bitmap->words, bytes);
	crc = vs_crc32(data + sizeof(header), bytes);
	memcpy(data + sizeof(header) + bytes, &crc, sizeof(crc));
	rc = vs_file_replace(path, data, len, error);
	VS_POINT("live-stored");
	free(data);
	return rc;
}

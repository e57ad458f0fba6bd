/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/error.h"
#include "base/fault.h"

#define MAGIC "vecstore vectors" /* 16 bytes, no NUL */
#define VERSION 1
#define BYTE_ORDER_MARK 0x01020304u
#define CHUNK (UINT64_C(1) << 20) /* least growth of a file that has as much, and most bytes of one write */
#define LEAST (UINT64_C(1) << 16) /* bytes of a file: there may be thousands of small ones */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian and are used as they lie");

struct vectors_header {
	char magic[16];
	uint32_t version;
	uint32_t byte_order;
	uint32_t dimension;
	uint32_t metric;
	uint32_t stride;
	uint32_t generation;
	uint32_t crc; /* of the 40 bytes before */
};

_Static_assert(sizeof(MAGIC) == 17, "magic");
_Static_assert(offsetof(struct vectors_header, version) == 16, "layout");
_Static_assert(offsetof(struct vectors_header, dimension) == 24, "layout");
_Static_assert(offsetof(struct vectors_header, stride) == 32, "layout");
_Static_assert(offsetof(struct vectors_header, generation) == 36, "layout");
_Static_assert(offsetof(struct vectors_header, crc) == 40, "layout");
_Static_assert(VS_VECTORS_HEADER % 64 == 0, "rows must lie on cache lines of a mapped file");

size_t vs_vectors_stride(uint32_t dim)
{
	return ((size_t)dim * 4 + 8 + 63) / 64 * 64;
}

static uint64_t offset_of(const struct vs_vectors *vectors, uint64_t slot)
{
	return VS_VECTORS_HEADER + slot * vectors->stride;
}

/* ---- open ----------------------------------------------------------------------------------------------- */

static int create(const struct vs_vectors *vectors, const char *path, struct vs_error *error)
{
	struct vectors_header header = { .version = VERSION,
		                             .byte_order = BYTE_ORDER_MARK,
		                             .dimension = vectors->space.dim,
		                             .metric = (uint32_t)vectors->space.metric,
		                             .stride = (uint32_t)vectors->stride,
		                             .generation = vectors->generation };
	unsigned char page[VS_VECTORS_HEADER] = { 0 };

	memcpy(header.magic, MAGIC, sizeof(header.magic));
	header.crc = vs_crc32(&header, offsetof(struct vectors_header, crc));
	memcpy(page, &header, sizeof(header));
	return vs_file_replace(path, page, sizeof(page), error);
}

static int check_header(const struct vs_vectors *vectors, struct vs_error *error)
{
	const char *path = vectors->file.path;
	struct vectors_header header;
	uint64_t size;
	int rc = vs_file_size(&vectors->file, &size, error);

	if (rc < 0)
		return rc;
	if (size < VS_VECTORS_HEADER)
		return vs_error_set(error, VS_ECORRUPT, "%s ends within its header", path);
	rc = vs_file_read(&vectors->file, &header, sizeof(header), 0, error);
	if (rc < 0)
		return rc;
	if (memcmp(header.magic, MAGIC, sizeof(header.magic)) != 0 || header.byte_order != BYTE_ORDER_MARK)
		return vs_error_set(error, VS_ECORRUPT, "%s is no vector file", path);
	if (header.version > VERSION)
		return vs_error_set(error, VS_EFORMAT, "%s was made by a newer vecstore (format %u; this one reads up to %d)",
		                    path, header.version, VERSION);
	if (header.version != VERSION || header.crc != vs_crc32(&header, offsetof(struct vectors_header, crc)))
		return vs_error_set(error, VS_ECORRUPT, "%s: its header is damaged", path);
	if (header.dimension != vectors->space.dim || header.metric != (uint32_t)vectors->space.metric ||
	    header.stride != vectors->stride || header.generation != vectors->generation)
		return vs_error_set(error, VS_ECORRUPT,
		                    "%s does not belong here: it has dimension %u, metric %u, generation %u, not %u, %u, %u",
		                    path, header.dimension, header.metric, header.generation, vectors->space.dim,
		                    (unsigned)vectors->space.metric, vectors->generation);
	return 0;
}

int vs_vectors_open(const char *dir, const struct vs_space *space, uint32_t generation, bool write, bool make,
                    struct vs_vectors *vectors, struct vs_error *error)
{
	char path[sizeof(vectors->file.path)];
	int len = snprintf(path, sizeof(path), "%s/vectors.f32", dir);
	int rc = 0;

	*vectors = (struct vs_vectors){ .file = VS_FILE_INIT, .space = *space, .generation = generation };
	if (len < 0 || (size_t)len >= sizeof(path))
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	if (space->dim == 0 || space->dim > VS_DIM_MAX)
		return vs_error_set(error, VS_EINVAL, "dimension %u is not between 1 and %d", space->dim, VS_DIM_MAX);
	vectors->stride = vs_vectors_stride(space->dim);
	if (make && !vs_file_exists(path))
		rc = create(vectors, path, error);
	if (rc == 0)
		rc = vs_file_open(&vectors->file, path, write ? VS_FILE_WRITE : 0, error);
	if (rc == 0)
		rc = check_header(vectors, error);
	if (rc < 0)
		vs_vectors_close(vectors);
	return rc;
}

void vs_vectors_close(struct vs_vectors *vectors)
{
	vs_file_unmap(vectors->map, vectors->map_len);
	vs_file_close(&vectors->file);
	free(vectors->staging);
	*vectors = (struct vs_vectors){ .file = VS_FILE_INIT };
}

/* ---- append --------------------------------------------------------------------------------------------- */

int vs_vectors_first(const struct vs_vectors *vectors, uint32_t next_slot, uint32_t *first, struct vs_error *error)
{
	uint64_t slot = next_slot;
	uint64_t size;
	int rc = vs_file_size(&vectors->file, &size, error);

	/* The factor of a row that was written is never zero; blocks that were only reserved are. */
	for (; rc == 0 && !VS_PLANTED("slot-reuse"); slot++) {
		uint64_t at = offset_of(vectors, slot) + (uint64_t)vectors->space.dim * 4;
		uint32_t factor = 0;

		if (at + sizeof(factor) > size)
			break;
		rc = vs_file_read(&vectors->file, &factor, sizeof(factor), at, error);
		if (rc == 0 && factor == 0)
			break;
	}
	if (rc < 0)
		return rc;
	if (slot > UINT32_MAX)
		return vs_error_set(error, VS_ETOOBIG, "the namespace has used all its slots: compact it");
	*first = (uint32_t)slot;
	return 0;
}

/* Twice as much until there is a chunk; then a chunk, or an eighth. */
static uint64_t advance(uint64_t size, uint64_t end)
{
	uint64_t whole = LEAST;

	if (size >= CHUNK || end > CHUNK)
		return size / 8 > CHUNK ? size / 8 : CHUNK;
	while (whole < end)
		whole *= 2;
	return whole - size;
}

/* Real blocks up to `end`, some in advance, so that a full disk shows here and never as SIGBUS in a map. */
static int grow(const struct vs_vectors *vectors, uint64_t end, struct vs_error *error)
{
	uint64_t size, more;
	int rc = vs_file_size(&vectors->file, &size, error);

	if (rc < 0 || end <= size)
		return rc;
	more = advance(size, end);
	if (more < end - size)
		more = end - size;
	more = (more + 4095) / 4096 * 4096;
	rc = vs_file_reserve(&vectors->file, size, more, error);
	/* No room for the advance: perhaps for what is needed now. */
	if (rc == VS_ENOSPC && more > end - size)
		rc = vs_file_reserve(&vectors->file, size, end - size, error);
	return rc;
}

static int stage(struct vs_vectors *vectors, struct vs_error *error)
{
	size_t cap = CHUNK / vectors->stride * vectors->stride;

	if (vectors->staging != NULL)
		return 0;
	if (cap < vectors->stride)
		cap = vectors->stride;
	vectors->staging = aligned_alloc(64, cap);
	if (vectors->staging == NULL)
		return vs_error_set(error, VS_ENOMEM, "out of memory for %zu bytes of vectors", cap);
	memset(vectors->staging, 0, cap);
	vectors->staging_cap = cap;
	return 0;
}

static void encode_row(const struct vs_vectors *vectors, const float *vector, unsigned char *row)
{
	size_t bytes = (size_t)vectors->space.dim * sizeof(float);
	float factor = vs_space_factor(&vectors->space, vector);
	uint32_t crc;

	memcpy(row, vector, bytes);
	memcpy(row + bytes, &factor, sizeof(factor));
	crc = vs_crc32(row, bytes + sizeof(factor));
	memcpy(row + bytes + sizeof(factor), &crc, sizeof(crc));
}

int vs_vectors_append(struct vs_vectors *vectors, uint32_t first, const float *const *rows, size_t count,
                      struct vs_error *error)
{
	size_t most;
	int rc;

	if (count > UINT32_MAX - first)
		return vs_error_set(error, VS_ETOOBIG, "the namespace has used all its slots: compact it");
	if (count == 0)
		return 0;
	rc = stage(vectors, error);
	if (rc == 0)
		rc = grow(vectors, offset_of(vectors, (uint64_t)first + count), error);
	VS_POINT("vectors-grown");
	most = vectors->staging_cap / vectors->stride;
	for (size_t done = 0, n; rc == 0 && done < count; done += n) {
		n = count - done < most ? count - done : most;
		for (size_t i = 0; i < n; i++)
			encode_row(vectors, rows[done + i], vectors->staging + i * vectors->stride);
		rc = vs_file_write(&vectors->file, vectors->staging, n * vectors->stride,
		                   offset_of(vectors, (uint64_t)first + done), error);
	}
	if (rc < 0)
		return rc;
	VS_POINT("vectors-written");
	if (!VS_PLANTED("append-without-sync") && !VS_PLANTED("sync-after-commit"))
		rc = vs_file_sync(&vectors->file, error); /* I1 */
	vectors->sync_failed = vectors->sync_failed || rc < 0;
	VS_POINT("vectors-synced");
	return rc;
}

int vs_vectors_copy(struct vs_vectors *vectors, uint32_t first, const struct vs_view *from, const uint32_t *slots,
                    size_t count, struct vs_error *error)
{
	size_t most;
	int rc;

	if (count == 0)
		return 0;
	if (count > UINT32_MAX - first)
		return vs_error_set(error, VS_ETOOBIG, "the namespace has used all its slots");
	rc = stage(vectors, error);
	if (rc == 0)
		rc = grow(vectors, offset_of(vectors, (uint64_t)first + count), error);
	most = vectors->staging_cap / vectors->stride;
	for (size_t done = 0, n; rc == 0 && done < count; done += n) {
		n = count - done < most ? count - done : most;
		for (size_t i = 0; i < n; i++)
			memcpy(vectors->staging + i * vectors->stride, vs_view_row(from, slots[done + i]), vectors->stride);
		rc = vs_file_write(&vectors->file, vectors->staging, n * vectors->stride,
		                   offset_of(vectors, (uint64_t)first + done), error);
	}
	return rc;
}

int vs_vectors_sync(struct vs_vectors *vectors, struct vs_error *error)
{
	int rc = vs_file_sync(&vectors->file, error);

	vectors->sync_failed = vectors->sync_failed || rc < 0;
	return rc;
}

int vs_vectors_reserve(struct vs_vectors *vectors, uint32_t count, struct vs_error *error)
{
	uint64_t end = offset_of(vectors, count);
	uint64_t size;
	int rc = vs_file_size(&vectors->file, &size, error);

	return rc < 0 || end <= size ? rc : vs_file_reserve(&vectors->file, size, end - size, error);
}

/* ---- read ----------------------------------------------------------------------------------------------- */

int vs_vectors_refresh(struct vs_vectors *vectors, uint32_t count, struct vs_error *error)
{
	uint64_t need = offset_of(vectors, count);
	uint64_t size;
	void *map;
	int rc;

	if (vectors->map != NULL && need <= vectors->map_len)
		return 0;
	rc = vs_file_size(&vectors->file, &size, error);
	if (rc < 0)
		return rc;
	if (size < need)
		return vs_error_set(error, VS_ECORRUPT, "%s ends before slot %u", vectors->file.path, count - 1);
	rc = vs_file_map(&vectors->file, (size_t)size, false, &map, error);
	if (rc < 0)
		return rc;
	vs_file_unmap(vectors->map, vectors->map_len);
	vectors->map = map;
	vectors->map_len = (size_t)size;
	return 0;
}

struct vs_view vs_vectors_view(const struct vs_vectors *vectors)
{
	struct vs_view view = { .space = &vectors->space, .stride = vectors->stride };

	if (vectors->map != NULL) {
		size_t count = (vectors->map_len - VS_VECTORS_HEADER) / vectors->stride;

		view.rows = (const unsigned char *)vectors->map + VS_VECTORS_HEADER;
		view.count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
	}
	return view;
}

bool vs_view_intact(const struct vs_view *view, uint32_t slot)
{
	const unsigned char *row = view->rows + (size_t)slot * view->stride;
	size_t bytes = ((size_t)view->space->dim + 1) * 4;
	uint32_t crc;

	memcpy(&crc, row + bytes, sizeof(crc));
	return crc == vs_crc32(row, bytes) || VS_PLANTED("row-unchecked");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/vectors: vectors.f32 of one generation. Truth: the bytes under committed slots.
 *
 *   OFFSET                 SIZE          MEANING
 *   0                      4096          header:
 *   0                      16              magic "vecstore vectors"
 *   16                     4               version, 1
 *   20                     4               byte order, 0x01020304
 *   24                     4               dimension
 *   28                     4               metric (enum vs_metric)
 *   32                     4               stride
 *   36                     4               generation
 *   40                     4               CRC-32 of the 40 bytes before; zeros follow
 *   4096 + slot * stride   dim * 4       the vector, float32
 *   …    + dim * 4         4             its factor (math/space.h)
 *   …    + dim * 4 + 4     4             CRC-32 of the dim * 4 + 4 bytes before
 * stride = dim * 4 + 8 rounded up to 64.
 *
 * I1: append writes and syncs before the caller commits. I2: bytes under a committed slot never change. Appends
 * happen under the writer lock; readers map the file read-only and take no lock.
 */
#ifndef VS_STORE_VECTORS_H
#define VS_STORE_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "math/space.h"
#include "math/view.h"

struct vs_error;

#define VS_VECTORS_HEADER 4096
/* Bytes from one row to the next. */
size_t vs_vectors_stride(uint32_t dim);

struct vs_vectors {
	struct vs_file file;
	struct vs_space space;
	uint32_t generation;
	size_t stride;
	void *map; /* NULL until the first refresh */
	size_t map_len;
	bool sync_failed;       /* an append's sync: append no more with this handle */
	unsigned char *staging; /* rows of an append, reused */
	size_t staging_cap;
};

/* Makes dir/vectors.f32 (durable), or opens the existing one and checks that it agrees: VS_ECORRUPT when it does not,
 * VS_EFORMAT when newer. Called under the writer lock when create is set. */
int vs_vectors_open(const char *dir, const struct vs_space *space, uint32_t generation, bool write, bool create,
                    struct vs_vectors *vectors, struct vs_error *error);
void vs_vectors_close(struct vs_vectors *vectors); /* accepts a zeroed one whose file is VS_FILE_INIT */

/* The slot to append at: the first at or past next_slot (of the open write transaction) that nobody has written to.
 * Call it under the writer lock, write from *first on, and let the state that is committed go on from there; slots
 * left out hold no record.
 *
 * Why (I2): a writer that was killed while it committed may have left a whole transaction in the WAL that no process
 * sees now, but that recovery finds after all of them are gone. Its slots, though not below next_slot, must
 * keep their bytes. */
int vs_vectors_first(const struct vs_vectors *vectors, uint32_t next_slot, uint32_t *first, struct vs_error *error);

/* Writes count vectors at slots first, first + 1, … and syncs them. Under the writer lock, first from
 * vs_vectors_first. rows[i] has dim finite floats. Nothing is visible until the commit; on failure the bytes
 * past next_slot are garbage that nobody reads. */
int vs_vectors_append(struct vs_vectors *vectors, uint32_t first, const float *const *rows, size_t count,
                      struct vs_error *error);

/* Writes count rows of another file of the same space at slots first, first + 1, …, byte for byte: a damaged row stays one. Not
 * synced. */
int vs_vectors_copy(struct vs_vectors *vectors, uint32_t first, const struct vs_view *from, const uint32_t *slots,
                    size_t count, struct vs_error *error);
/* Room for count rows and no more. */
int vs_vectors_reserve(struct vs_vectors *vectors, uint32_t count, struct vs_error *error);
/* Makes what was copied durable. */
int vs_vectors_sync(struct vs_vectors *vectors, struct vs_error *error);

/* Maps at least `count` rows (those of committed slots). The view is valid until the next refresh or close. */
int vs_vectors_refresh(struct vs_vectors *vectors, uint32_t count, struct vs_error *error);
struct vs_view vs_vectors_view(const struct vs_vectors *vectors);

/* False when a row's bytes do not match its CRC. slot < view->count. */
bool vs_view_intact(const struct vs_view *view, uint32_t slot);

#endif

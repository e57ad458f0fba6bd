/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/cache_file: RUN/cache.shm, the bytes of the query cache, volatile. Private to cache.c.
 *
 *   OFFSET  SIZE            MEANING
 *        0     8            magic "VECSCSH1"
 *        8     8            layout version << 32 | bytes of a unit (64)
 *       16     8            capacity: bytes of the ring, a multiple of 1 MiB
 *       24    40            zeros
 *       64     8            head: units ever given out in the ring
 *       72  4024            zeros
 *     4096  capacity / 64   table: buckets of 8 slots of 8 bytes (see cache.c); 0: free
 *        …  capacity        ring of entries; in the file only as far as it was ever written
 *
 * Head and table are mapped, and have their blocks from the start. The ring is read and written by pread and pwrite, so that
 * a full disk, a damaged one or a truncated file is a failed call and never a signal.
 *
 * Whoever has the file open holds a shared flock on it. One who can lock it exclusively is alone, and whatever the file holds
 * then comes from processes that are gone, perhaps about data that were replaced meanwhile: it is made anew.
 */
#ifndef VS_SERVICE_CACHE_FILE_H
#define VS_SERVICE_CACHE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

struct vs_error;

#define VS_CACHE_UNIT 64u
#define VS_CACHE_WAYS 8u                  /* slots of a bucket: one cache line */
#define VS_CACHE_STEP (UINT64_C(1) << 20) /* the capacity is a multiple of it */

struct vs_cache_file {
	struct vs_file file;
	void *map; /* header and table */
	size_t map_len;
	uint64_t *head;  /* in the map, as are the slots; both atomics */
	uint64_t *slots; /* buckets * VS_CACHE_WAYS */
	uint64_t buckets;
	uint64_t capacity; /* bytes of the ring */
};
#define VS_CACHE_FILE_INIT                                                                                             \
	{                                                                                                                  \
		.file = VS_FILE_INIT                                                                                           \
	}

/* Opens run_dir/cache.shm, and makes it when it is missing, foreign, or nobody has it open. With adopt, a capacity that
 * differs is taken over from the file, else the file is replaced, which the others will notice. VS_EBUSY when others were
 * busy making it; VS_ENOSPC and the like. On failure it is closed. */
int vs_cache_file_open(struct vs_cache_file *cache, const char *run_dir, uint64_t capacity, bool adopt,
                       struct vs_error *error);
void vs_cache_file_close(struct vs_cache_file *cache); /* accepts a closed one */
/* Still the file of that name, and as long as its maps. */
bool vs_cache_file_current(const struct vs_cache_file *cache);

/* len bytes at this offset of the ring; they do not go past its end. False: not there, or not stored. */
bool vs_cache_file_read(const struct vs_cache_file *cache, void *data, size_t len, uint64_t offset);
bool vs_cache_file_write(const struct vs_cache_file *cache, const void *data, size_t len, uint64_t offset);

#endif

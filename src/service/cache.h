/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/cache: answers kept in shared memory (RUN/cache.shm) for all workers. A key is any bytes, a value too; what
 * makes a value outdated is the caller's business, who keeps it in the value.
 *
 * It may forget anything at any time, and a process may be killed at any instruction (I7): there is no lock, an entry
 * proves itself (its place, a checksum of 128 bits, its whole key), and what does not is not there.
 * A handle serves one thread at a time and must not cross a fork.
 */
#ifndef VS_SERVICE_CACHE_H
#define VS_SERVICE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_cache;
struct vs_error;
struct vs_metrics;

#define VS_CACHE_ENTRY_MAX ((size_t)256 << 10) /* bytes of an entry: key, value and 32 more */

/* Touches no file yet: it is opened at the first use, and again when it was taken away. capacity in bytes, rounded down
 * to whole MiB, at least 1. Evictions are counted in metrics, which must outlive the cache. VS_ENOMEM, VS_EINVAL. */
int vs_cache_open(const char *run_dir, uint64_t capacity, struct vs_metrics *metrics, struct vs_cache **cache,
                  struct vs_error *error);
void vs_cache_close(struct vs_cache *cache); /* NULL allowed */

struct vs_bytes {
	const void *data;
	size_t len;
};

/* *value is valid until the next call on this handle. */
bool vs_cache_find(struct vs_cache *cache, struct vs_bytes key, struct vs_bytes *value);
/* What was just found was of use: it outlives entries that were not. */
void vs_cache_keep(struct vs_cache *cache);
/* Stores parts, one after the other, as the value of key, in place of an older one. What is too large or cannot be
 * written is not stored. */
void vs_cache_put(struct vs_cache *cache, struct vs_bytes key, const struct vs_bytes *parts, size_t count);

struct vs_cache_stats {
	uint64_t entries;
	uint64_t size;     /* bytes of them */
	uint64_t capacity; /* bytes they may take */
};
/* Looks at every slot (0.1 ms for 64 MiB). All zero when the file cannot be used now. */
void vs_cache_stats(struct vs_cache *cache, struct vs_cache_stats *stats);

#endif

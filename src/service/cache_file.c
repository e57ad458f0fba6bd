/* SPDX-License-Identifier: Apache-2.0 */
#include "service/cache_file.h"

#include <stdio.h>
#include <time.h>

#include "base/atomics.h"
#include "base/error.h"

#define MAGIC UINT64_C(0x3148534353434556) /* "VECSCSH1" */
#define LAYOUT (UINT64_C(1) << 32 | VS_CACHE_UNIT)
#define TABLE 4096u
#define TRIES 20 /* a millisecond each, for whoever is just making the file */

struct header {
	uint64_t magic;
	uint64_t layout;
	uint64_t capacity;
	uint64_t zeros[5];
	uint64_t head;
};

_Static_assert(offsetof(struct header, head) == 64, "head has a cache line of its own");

static uint64_t map_bytes(uint64_t capacity)
{
	return TABLE + capacity / VS_CACHE_UNIT;
}

static int map(struct vs_cache_file *cache, uint64_t capacity, struct vs_error *error)
{
	int rc = vs_file_map(&cache->file, (size_t)map_bytes(capacity), true, &cache->map, error);
	if (rc)
		return rc;
	cache->map_len = (size_t)map_bytes(capacity);
	cache->capacity = capacity;
	cache->buckets = capacity / VS_CACHE_UNIT / (VS_CACHE_WAYS * sizeof(uint64_t));
	cache->head = &((struct header *)cache->map)->head;
	cache->slots = (uint64_t *)(void *)((char *)cache->map + TABLE);
	return 0;
}

/* The file is empty, and ours alone until the shared lock takes the place of the exclusive one. */
static int make(struct vs_cache_file *cache, uint64_t capacity, struct vs_error *error)
{
	struct header header = { .magic = MAGIC, .layout = LAYOUT, .capacity = capacity };
	int rc = vs_file_reserve(&cache->file, 0, map_bytes(capacity), error);
	if (!rc)
		rc = vs_file_write(&cache->file, &header, sizeof(header), 0, error);
	if (!rc)
		rc = map(cache, capacity, error);
	return rc ? rc : vs_file_lock_shared(&cache->file, error);
}

/* The capacity of a file that others use; 0: the file is none of ours. */
static uint64_t used_capacity(const struct vs_cache_file *cache, uint64_t size)
{
	struct header header;
	if (size < sizeof(header) || vs_file_read(&cache->file, &header, sizeof(header), 0, NULL))
		return 0;
	bool ours = header.magic == MAGIC && header.layout == LAYOUT && header.capacity % VS_CACHE_STEP == 0 &&
	            header.capacity / VS_CACHE_UNIT < size;
	return ours && map_bytes(header.capacity) <= size ? header.capacity : 0;
}

/* Looks at what was opened. *done false: try again. */
static int join(struct vs_cache_file *cache, uint64_t capacity, bool adopt, bool *done, struct vs_error *error)
{
	uint64_t size;
	int rc = vs_file_lock(&cache->file, error);
	bool alone = rc == 0;
	if (rc == VS_EBUSY)
		rc = vs_file_lock_shared(&cache->file, error); /* busy again: it is being made */
	if (!rc)
		rc = vs_file_size(&cache->file, &size, error);
	if (rc || vs_file_unlinked(&cache->file))
		return rc;
	if (alone && size == 0) {
		rc = make(cache, capacity, error);
		*done = !rc;
		return rc;
	}
	uint64_t used = alone ? 0 : used_capacity(cache, size);
	if (used > 0 && (adopt || used == capacity)) {
		rc = map(cache, used, error);
		*done = !rc;
		return rc;
	}
	return vs_file_remove(cache->file.path, error);
}

int vs_cache_file_open(struct vs_cache_file *cache, const char *run_dir, uint64_t capacity, bool adopt,
                       struct vs_error *error)
{
	static const struct timespec pause = { 0, 1000000 };
	char path[sizeof(cache->file.path)];
	*cache = (struct vs_cache_file)VS_CACHE_FILE_INIT;
	if (snprintf(path, sizeof(path), "%s/cache.shm", run_dir) >= (int)sizeof(path))
		return vs_error_set(error, VS_EINVAL, "the run folder's path is too long: %s", run_dir);
	for (int i = 0; i < TRIES; i++) {
		bool done = false;
		int rc = vs_file_open(&cache->file, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
		if (!rc)
			rc = join(cache, capacity, adopt, &done, error);
		if (done)
			return 0;
		vs_cache_file_close(cache);
		if (rc && rc != VS_EBUSY)
			return rc;
		if (rc)
			nanosleep(&pause, NULL);
	}
	return vs_error_set(error, VS_EBUSY, "%s: other processes are making it", path);
}

void vs_cache_file_close(struct vs_cache_file *cache)
{
	vs_file_unmap(cache->map, cache->map_len);
	vs_file_close(&cache->file);
	*cache = (struct vs_cache_file)VS_CACHE_FILE_INIT;
}

bool vs_cache_file_current(const struct vs_cache_file *cache)
{
	uint64_t size;
	return vs_file_size(&cache->file, &size, NULL) == 0 && size >= cache->map_len && !vs_file_unlinked(&cache->file);
}

bool vs_cache_file_read(const struct vs_cache_file *cache, void *data, size_t len, uint64_t offset)
{
	return vs_file_read(&cache->file, data, len, cache->map_len + offset, NULL) == 0;
}

bool vs_cache_file_write(const struct vs_cache_file *cache, const void *data, size_t len, uint64_t offset)
{
	return vs_file_write(&cache->file, data, len, cache->map_len + offset, NULL) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "service/shared.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/atomics.h"
#include "base/error.h"
#include "base/file.h"

#define LOCK_TRIES 10000 /* a millisecond each */

struct shape {
	const char *run_dir;
	const char *stem;
	uint64_t magic;
	uint64_t layout;
	size_t size;
};

static int make_path(const struct shape *shape, const char *ending, char *path, size_t cap, struct vs_error *error)
{
	if (snprintf(path, cap, "%s/%s.%s", shape->run_dir, shape->stem, ending) < (int)cap)
		return 0;
	return vs_error_set(error, VS_EINVAL, "the run folder's path is too long: %s", shape->run_dir);
}

static int map_file(const struct shape *shape, const char *path, bool *foreign, void **address, struct vs_error *error)
{
	struct vs_file file;
	struct vs_shared_head *head;
	uint64_t size = 0;
	int rc = vs_file_open(&file, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	if (!rc)
		rc = vs_file_size(&file, &size, error);
	*foreign = !rc && size != 0 && size != shape->size;
	if (!rc && !*foreign && size == 0)
		rc = vs_file_reserve(&file, 0, shape->size, error);
	if (!rc && !*foreign)
		rc = vs_file_map(&file, shape->size, true, address, error);
	vs_file_close(&file);
	if (rc || *foreign)
		return rc;
	head = *address;
	uint64_t magic = vs_load_acquire(&head->magic);
	*foreign = magic != 0 && (magic != shape->magic || head->layout != shape->layout);
	if (*foreign) {
		vs_file_unmap(*address, shape->size);
		return 0;
	}
	/* Zeros are a good beginning; whoever finds them so puts the same header. */
	vs_store_relaxed(&head->layout, shape->layout);
	vs_store_release(&head->magic, shape->magic);
	return 0;
}

/* Waits for other processes that are starting, which takes them microseconds. */
static int take_lock(const struct shape *shape, struct vs_file *lock, struct vs_error *error)
{
	static const struct timespec pause = { 0, 1000000 };
	struct vs_error held;
	char path[sizeof(lock->path)];
	int rc = make_path(shape, "lock", path, sizeof(path), error);
	if (!rc)
		rc = vs_file_open(lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	if (rc)
		return rc;
	for (int i = 0; (rc = vs_file_lock(lock, &held)) == VS_EBUSY && i < LOCK_TRIES; i++)
		nanosleep(&pause, NULL);
	if (!rc)
		return 0;
	if (error) /* only now: who has got it after a while must not hear of that */
		*error = held;
	vs_file_close(lock);
	return rc;
}

int vs_shared_open(const char *run_dir, const char *stem, uint64_t magic, uint32_t version, size_t size, void **address,
                   struct vs_error *error)
{
	const struct shape shape = { run_dir, stem, magic, (uint64_t)version << 32 | size, size };
	char path[sizeof(((struct vs_file *)0)->path)];
	struct vs_file lock = VS_FILE_INIT;
	bool foreign = false;
	int rc = take_lock(&shape, &lock, error);
	*address = NULL;
	if (rc)
		return rc;
	rc = make_path(&shape, "shm", path, sizeof(path), error);
	if (!rc)
		rc = map_file(&shape, path, &foreign, address, error);
	if (!rc && foreign) {
		rc = vs_file_remove(path, error);
		if (!rc)
			rc = map_file(&shape, path, &foreign, address, error);
		if (!rc && foreign)
			rc = vs_error_set(error, VS_ECORRUPT, "%s: cannot be made anew", path);
	}
	vs_file_close(&lock);
	return rc;
}

void vs_shared_close(void *address, size_t size)
{
	vs_file_unmap(address, size);
}

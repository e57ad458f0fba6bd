/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vfs_fault.h"

#ifdef VS_FAULTS

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/fault.h"
#include "base/trace.h"

#define WRITE_LOCK 0 /* of the wal-index: WAL_WRITE_LOCK of SQLite's file format */

struct file {
	sqlite3_file base;
	char *path;       /* NULL: a temporary file, of which nobody learns */
	int flags;        /* of xOpen */
	int last_errno;   /* injected; 0: ask the real file */
	unsigned held;    /* locks of the wal-index held exclusively, a bit each */
	bool shared;      /* the wal-index is mapped */
	bool folder_sync; /* the next sync includes the folder's, as the real file does it */
	sqlite3_file real[]; /* of the size that the real VFS asks for */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault_vfs;
static sqlite3_io_methods fault_methods;
static _Thread_local int vfs_errno; /* of the last injected failure without a file; 0: ask the real VFS */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct file *file_of(sqlite3_file *base)
{
	return (struct file *)(void *)base;
}

/* One step: SQLITE_OK, or the code to fail with. */
static int step(struct file *file, const char *call, int code)
{
	int errnum = vs_fault_step(call, NULL);
	if (!file)
		vfs_errno = errnum;
	else if (errnum != 0) /* kept until the next failure, as the real VFS does */
		file->last_errno = errnum;
	/* The real VFS goes on after EINTR by itself. */
	if (errnum == 0 || errnum == EINTR)
		return SQLITE_OK;
	return code;
}

static bool traced(const struct file *file)
{
	return file->path && vs_trace_on();
}

/* ---- a file --------------------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *base)
{
	struct file *file = file_of(base);
	int rc = file->real->pMethods ? file->real->pMethods->xClose(file->real) : SQLITE_OK;
	if (traced(file) && file->flags & SQLITE_OPEN_DELETEONCLOSE)
		vs_trace(VS_TRACE_UNLINK, file->path, NULL, 0, NULL, 0);
	free(file->path);
	file->path = NULL;
	return rc;
}

static int file_read(sqlite3_file *base, void *data, int len, sqlite3_int64 offset)
{
	struct file *file = file_of(base);
	int rc = step(file, "xRead", SQLITE_IOERR_READ);
	return rc != SQLITE_OK ? rc : file->real->pMethods->xRead(file->real, data, len, offset);
}

static void check_lock(const struct file *file)
{
	if (file->flags & SQLITE_OPEN_MAIN_DB && file->shared && !(file->held & 1U << WRITE_LOCK))
		vs_fault_violated("a checkpoint holds the write lock");
}

static int file_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 offset)
{
	struct file *file = file_of(base);
	const char *at = data;
	int done = 0;
	check_lock(file);
	if (file->flags & SQLITE_OPEN_MAIN_DB && file->shared)
		VS_POINT("checkpoint-write");
	/* As pwrite would be called: after a short one for the rest. */
	while (done < len) {
		unsigned long want = (unsigned long)(len - done);
		int errnum = vs_fault_step("xWrite", &want);
		if (errnum == EINTR)
			continue;
		if (errnum != 0)
			file->last_errno = errnum;
		if (errnum != 0)
			return errnum == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
		int rc = file->real->pMethods->xWrite(file->real, at + done, (int)want, offset + done);
		if (rc != SQLITE_OK)
			return rc;
		if (traced(file))
			vs_trace(VS_TRACE_WRITE, file->path, NULL, (uint64_t)(offset + done), at + done, want);
		done += (int)want;
	}
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = file_of(base);
	check_lock(file);
	int rc = step(file, "xTruncate", SQLITE_IOERR_TRUNCATE);
	if (rc == SQLITE_OK)
		rc = file->real->pMethods->xTruncate(file->real, size);
	if (rc == SQLITE_OK && traced(file))
		vs_trace(VS_TRACE_TRUNCATE, file->path, NULL, (uint64_t)size, NULL, 0);
	return rc;
}

static void trace_folder(const char *path)
{
	char folder[512];
	const char *slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) >= sizeof(folder))
		return;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	vs_trace(VS_TRACE_FOLDER_SYNC, folder, NULL, 0, NULL, 0);
}

static int file_sync(sqlite3_file *base, int flags)
{
	struct file *file = file_of(base);
	int rc = step(file, "xSync", SQLITE_IOERR_FSYNC);
	if (rc == SQLITE_OK)
		rc = file->real->pMethods->xSync(file->real, flags);
	if (rc != SQLITE_OK || !traced(file))
		return rc;
	vs_trace(VS_TRACE_SYNC, file->path, NULL, 0, NULL, 0);
	if (file->folder_sync)
		trace_folder(file->path);
	file->folder_sync = false;
	return rc;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct file *file = file_of(base);
	int rc = step(file, "xFileSize", SQLITE_IOERR_FSTAT);
	return rc != SQLITE_OK ? rc : file->real->pMethods->xFileSize(file->real, size);
}

static int file_lock(sqlite3_file *base, int level)
{
	struct file *file = file_of(base);
	int rc = step(file, "xLock", SQLITE_IOERR_LOCK);
	return rc != SQLITE_OK ? rc : file->real->pMethods->xLock(file->real, level);
}

static int file_unlock(sqlite3_file *base, int level)
{
	struct file *file = file_of(base);
	return file->real->pMethods->xUnlock(file->real, level);
}

static int file_check_lock(sqlite3_file *base, int *out)
{
	struct file *file = file_of(base);
	int rc = step(file, "xCheckReservedLock", SQLITE_IOERR_CHECKRESERVEDLOCK);
	return rc != SQLITE_OK ? rc : file->real->pMethods->xCheckReservedLock(file->real, out);
}

static int file_control(sqlite3_file *base, int what, void *argument)
{
	struct file *file = file_of(base);
	if (what == SQLITE_FCNTL_LAST_ERRNO && file->last_errno != 0) {
		*(int *)argument = file->last_errno;
		return SQLITE_OK;
	}
	return file->real->pMethods->xFileControl(file->real, what, argument);
}

static int file_sector(sqlite3_file *base)
{
	struct file *file = file_of(base);
	return file->real->pMethods->xSectorSize(file->real);
}

static int file_characteristics(sqlite3_file *base)
{
	struct file *file = file_of(base);
	return file->real->pMethods->xDeviceCharacteristics(file->real);
}

static int file_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
	struct file *file = file_of(base);
	int rc = step(file, "xShmMap", SQLITE_IOERR_SHMMAP);
	if (rc != SQLITE_OK)
		return file->last_errno == ENOSPC ? SQLITE_IOERR_SHMSIZE : rc;
	file->shared = true;
	return file->real->pMethods->xShmMap(file->real, region, size, extend, out);
}

static int file_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
	struct file *file = file_of(base);
	unsigned mask = ((1U << count) - 1) << offset;
	bool lock = (flags & SQLITE_SHM_LOCK) != 0;
	int rc = lock ? step(file, "xShmLock", SQLITE_IOERR_SHMLOCK) : SQLITE_OK; /* to unlock never fails */
	if (rc == SQLITE_OK)
		rc = file->real->pMethods->xShmLock(file->real, offset, count, flags);
	if (rc == SQLITE_OK && flags & SQLITE_SHM_EXCLUSIVE)
		file->held = lock ? file->held | mask : file->held & ~mask;
	return rc;
}

static void file_shm_barrier(sqlite3_file *base)
{
	struct file *file = file_of(base);
	file->real->pMethods->xShmBarrier(file->real);
}

static int file_shm_unmap(sqlite3_file *base, int remove)
{
	struct file *file = file_of(base);
	file->shared = false;
	file->held = 0;
	return file->real->pMethods->xShmUnmap(file->real, remove);
}

static int file_fetch(sqlite3_file *base, sqlite3_int64 offset, int len, void **out)
{
	struct file *file = file_of(base);
	return file->real->pMethods->xFetch(file->real, offset, len, out);
}

static int file_unfetch(sqlite3_file *base, sqlite3_int64 offset, void *page)
{
	struct file *file = file_of(base);
	return file->real->pMethods->xUnfetch(file->real, offset, page);
}

static sqlite3_io_methods fault_methods = {
	3,
	file_close,
	file_read,
	file_write,
	file_truncate,
	file_sync,
	file_size,
	file_lock,
	file_unlock,
	file_check_lock,
	file_control,
	file_sector,
	file_characteristics,
	file_shm_map,
	file_shm_lock,
	file_shm_barrier,
	file_shm_unmap,
	file_fetch,
	file_unfetch,
};

/* ---- the file system ------------------------------------------------------------------------------------ */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out_flags)
{
	static const int synced = SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
	struct file *file = file_of(base);
	int there = 1;
	(void)vfs;
	memset(file, 0, sizeof(*file));
	if (step(NULL, "xOpen", SQLITE_CANTOPEN) != SQLITE_OK)
		return SQLITE_CANTOPEN;
	if (path && flags & SQLITE_OPEN_CREATE && vs_trace_on())
		real_vfs->xAccess(real_vfs, path, SQLITE_ACCESS_EXISTS, &there);
	int rc = real_vfs->xOpen(real_vfs, path, file->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	file->path = path ? strdup(path) : NULL;
	file->flags = flags;
	file->folder_sync = (flags & synced) != 0 && (flags & SQLITE_OPEN_CREATE) != 0;
	if (traced(file) && !there)
		vs_trace(VS_TRACE_CREATE, path, NULL, 0, NULL, 0);
	base->pMethods = &fault_methods;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	(void)vfs;
	int rc = step(NULL, "xDelete", SQLITE_IOERR_DELETE);
	if (rc == SQLITE_OK)
		rc = real_vfs->xDelete(real_vfs, path, sync_folder);
	if (rc == SQLITE_OK && vs_trace_on()) {
		vs_trace(VS_TRACE_UNLINK, path, NULL, 0, NULL, 0);
		if (sync_folder)
			trace_folder(path);
	}
	return rc;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	(void)vfs;
	int rc = step(NULL, "xAccess", SQLITE_IOERR_ACCESS);
	return rc != SQLITE_OK ? rc : real_vfs->xAccess(real_vfs, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int len, char *out)
{
	(void)vfs;
	return real_vfs->xFullPathname(real_vfs, path, len, out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *text)
{
	(void)vfs;
	return vfs_errno != 0 ? vfs_errno : real_vfs->xGetLastError(real_vfs, len, text);
}

static void vfs_register(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	/* The other calls (random numbers, time, sleep) take no notice of which VFS they are called on. */
	fault_vfs = *real_vfs;
	fault_vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
	fault_vfs.zName = "vecstore-faults";
	fault_vfs.pNext = NULL;
	fault_vfs.xOpen = vfs_open;
	fault_vfs.xDelete = vfs_delete;
	fault_vfs.xAccess = vfs_access;
	fault_vfs.xFullPathname = vfs_full_path;
	fault_vfs.xGetLastError = vfs_last_error;
	sqlite3_vfs_register(&fault_vfs, 0);
}

const char *vs_vfs_fault(void)
{
	pthread_once(&once, vfs_register);
	return fault_vfs.zName;
}

#endif

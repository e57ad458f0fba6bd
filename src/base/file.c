/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/trace.h"

#define FILE_MODE 0640
#define DIR_MODE 0750
#define CALM_MOST 63 /* questions between two looks at a map that is in memory */
#define PATH_CAP sizeof(((struct vs_file *)0)->path)

/* Before every system call: 0, or -1 with errno set when a fault is due. May halve *len. */
#ifdef VS_FAULTS
static int step(const char *call, size_t *len)
{
	unsigned long n = len ? *len : 0;
	int errnum = vs_fault_step(call, len ? &n : NULL);
	if (errnum) {
		errno = errnum;
		return -1;
	}
	if (len)
		*len = (size_t)n;
	return 0;
}
#else
static inline int step(const char *call, size_t *len)
{
	(void)call;
	(void)len;
	return 0;
}
#endif

#ifdef VS_FAULTS
#define TRACE(...) vs_trace(__VA_ARGS__)
#else
#define TRACE(...) ((void)0)
#endif

/* The call, numbered, and again while signals interrupt it. */
#define RETRY(result, call, expression)                                                                                \
	do                                                                                                                 \
		(result) = step((call), NULL) ? -1 : (expression);                                                             \
	while ((result) < 0 && errno == EINTR)

static int path_set(char *out, const char *path, const char *suffix, struct vs_error *error)
{
	size_t len = strlen(path);
	size_t more = strlen(suffix);
	if (len == 0)
		return vs_error_set(error, VS_EINVAL, "a file's path is empty");
	if (len + more >= PATH_CAP)
		return vs_error_set(error, VS_EINVAL, "%.80s...: the path is longer than %zu bytes", path, PATH_CAP - 1 - more);
	memcpy(out, path, len);
	memcpy(out + len, suffix, more + 1);
	return 0;
}

/* The folder that holds path, into out[PATH_CAP]. */
static int path_parent(char *out, const char *path, struct vs_error *error)
{
	int rc = path_set(out, path, "", error);
	if (rc)
		return rc;
	size_t len = strlen(out);
	while (len > 1 && out[len - 1] == '/')
		len--;
	while (len > 0 && out[len - 1] != '/')
		len--;
	while (len > 1 && out[len - 1] == '/')
		len--;
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return 0;
}

static int range_check(const struct vs_file *file, uint64_t offset, uint64_t len, struct vs_error *error)
{
	if (len > INT64_MAX || offset > INT64_MAX - len)
		return vs_error_set(error, VS_EINVAL, "%s: offset %llu is out of range", file->path,
		                    (unsigned long long)offset);
	return 0;
}

static int open_raw(struct vs_file *file, int flags, struct vs_error *error)
{
#ifdef VS_FAULTS
	bool fresh = (flags & O_CREAT) && vs_trace_on() && !vs_file_exists(file->path);
#endif
	RETRY(file->fd, "open", open(file->path, flags | O_CLOEXEC | O_NOCTTY, FILE_MODE));
	if (file->fd >= 0) {
#ifdef VS_FAULTS
		if (fresh)
			TRACE(VS_TRACE_CREATE, file->path, NULL, 0, NULL, 0);
		else if (flags & O_TRUNC)
			TRACE(VS_TRACE_TRUNCATE, file->path, NULL, 0, NULL, 0);
#endif
		return 0;
	}
	if (errno == EEXIST)
		return vs_error_set(error, VS_ECONFLICT, "%s: exists already", file->path);
	return vs_error_errno(error, errno, "%s: cannot be opened", file->path);
}

int vs_file_open(struct vs_file *file, const char *path, unsigned flags, struct vs_error *error)
{
	file->fd = -1;
	file->path[0] = '\0';
	int rc = path_set(file->path, path, "", error);
	if (rc)
		return rc;
	int mode = flags & VS_FILE_WRITE ? O_RDWR : O_RDONLY;
	if (flags & VS_FILE_CREATE)
		mode |= O_CREAT;
	if (flags & VS_FILE_EXCLUSIVE)
		mode |= O_EXCL;
	return open_raw(file, mode, error);
}

void vs_file_close(struct vs_file *file)
{
	/* Never again after EINTR: Linux has freed the descriptor by then. What mattered was synced before. */
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int vs_file_look(const struct vs_file *file, uint64_t *size, bool *unlinked, struct vs_error *error)
{
	struct stat st;
	int rc;
	RETRY(rc, "fstat", fstat(file->fd, &st));
	if (rc)
		return vs_error_errno(error, errno, "%s: cannot be examined", file->path);
	*size = (uint64_t)st.st_size;
	*unlinked = st.st_nlink == 0;
	return 0;
}

int vs_file_size(const struct vs_file *file, uint64_t *size, struct vs_error *error)
{
	bool unlinked;
	return vs_file_look(file, size, &unlinked, error);
}

bool vs_file_unlinked(const struct vs_file *file)
{
	struct stat st;
	return fstat(file->fd, &st) == 0 && st.st_nlink == 0;
}

/* Reads up to len bytes; *got is less only at the end of the file. */
static int read_upto(const struct vs_file *file, void *data, size_t len, uint64_t offset, size_t *got,
                     struct vs_error *error)
{
	char *at = data;
	*got = 0;
	while (*got < len) {
		size_t want = len - *got;
		ssize_t n = step("pread", &want) ? -1 : pread(file->fd, at + *got, want, (off_t)(offset + *got));
		if (n == 0)
			break;
		if (n > 0)
			*got += (size_t)n;
		else if (errno != EINTR)
			return vs_error_errno(error, errno, "%s: cannot be read", file->path);
	}
	return 0;
}

int vs_file_read(const struct vs_file *file, void *data, size_t len, uint64_t offset, struct vs_error *error)
{
	size_t got;
	int rc = range_check(file, offset, len, error);
	if (!rc)
		rc = read_upto(file, data, len, offset, &got, error);
	if (!rc && got < len)
		return vs_error_set(error, VS_ECORRUPT, "%s: ends at byte %llu, %zu bytes too early", file->path,
		                    (unsigned long long)(offset + got), len - got);
	return rc;
}

int vs_file_write(const struct vs_file *file, const void *data, size_t len, uint64_t offset, struct vs_error *error)
{
	const char *at = data;
	size_t done = 0;
	int rc = range_check(file, offset, len, error);
	if (rc)
		return rc;
	while (done < len) {
		size_t want = len - done;
		ssize_t n = step("pwrite", &want) ? -1 : pwrite(file->fd, at + done, want, (off_t)(offset + done));
		if (n >= 0) {
			TRACE(VS_TRACE_WRITE, file->path, NULL, offset + done, at + done, (size_t)n);
			done += (size_t)n;
			if (VS_PLANTED("short-write") && done < len)
				return 0;
		} else if (errno != EINTR) {
			return vs_error_errno(error, errno, "%s: cannot be written", file->path);
		}
	}
	return 0;
}

int vs_file_reserve(const struct vs_file *file, uint64_t offset, uint64_t len, struct vs_error *error)
{
	int rc = range_check(file, offset, len, error);
	if (rc || len == 0)
		return rc;
	int errnum;
	do
		errnum = step("fallocate", NULL) ? errno : posix_fallocate(file->fd, (off_t)offset, (off_t)len);
	while (errnum == EINTR);
	if (errnum)
		return vs_error_errno(error, errnum, "%s: no room for %llu more bytes", file->path, (unsigned long long)len);
	TRACE(VS_TRACE_EXTEND, file->path, NULL, offset + len, NULL, 0);
	return 0;
}

int vs_file_sync(const struct vs_file *file, struct vs_error *error)
{
	int rc;
	RETRY(rc, "fdatasync", fdatasync(file->fd));
	if (rc && VS_PLANTED("retry-sync"))
		rc = fdatasync(file->fd);
	if (rc)
		return vs_error_errno(error, errno, "%s: cannot be synced", file->path);
#ifdef VS_FAULTS
	vs_trace_sync(file->path, file->fd);
#endif
	return 0;
}

int vs_file_map(const struct vs_file *file, size_t len, bool writable, void **address, struct vs_error *error)
{
	*address = NULL;
	if (len == 0)
		return 0;
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	void *map;
	do
		map = step("mmap", NULL) ? MAP_FAILED : mmap(NULL, len, protection, MAP_SHARED, file->fd, 0);
	while (map == MAP_FAILED && errno == EINTR);
	if (map == MAP_FAILED)
		return vs_error_errno(error, errno, "%s: %zu bytes cannot be mapped", file->path, len);
#ifdef VS_FAULTS
	if (writable)
		vs_trace_mapped(file->path);
#endif
	*address = map;
	return 0;
}

void vs_file_unmap(void *address, size_t len)
{
	if (address)
		munmap(address, len);
}

int vs_file_sync_map(void *address, size_t len, struct vs_error *error)
{
	int rc;
	RETRY(rc, "msync", msync(address, len, MS_SYNC));
	if (rc)
		return vs_error_errno(error, errno, "a mapped file cannot be synced");
	return 0;
}

static uintptr_t page_of(const void *at)
{
	return (uintptr_t)at & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
}

bool vs_file_map_cold(struct vs_file_cold *cold, const void *at)
{
	unsigned char cached;
	if (cold->left > 0) {
		cold->left--;
		return false;
	}
	if (mincore((void *)page_of(at), 1, &cached) == 0 && !(cached & 1)) {
		cold->calm = 0;
		return true;
	}
	cold->left = cold->calm;
	if (cold->calm < CALM_MOST)
		cold->calm = 2 * cold->calm + 1;
	return false;
}

void vs_file_map_want(const void *at, size_t len)
{
	uintptr_t from = page_of(at);
	(void)madvise((void *)from, (uintptr_t)at + len - from, MADV_WILLNEED);
}

static int take_lock(const struct vs_file *file, int kind, struct vs_error *error)
{
	int rc;
	RETRY(rc, "flock", flock(file->fd, kind | LOCK_NB));
	if (rc == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return vs_error_set(error, VS_EBUSY, "%s: another process holds the lock", file->path);
	return vs_error_errno(error, errno, "%s: cannot be locked", file->path);
}

int vs_file_lock(const struct vs_file *file, struct vs_error *error)
{
	return take_lock(file, LOCK_EX, error);
}

int vs_file_lock_shared(const struct vs_file *file, struct vs_error *error)
{
	return take_lock(file, LOCK_SH, error);
}

static int sync_parent(const char *path, struct vs_error *error)
{
	char parent[PATH_CAP];
	int rc = path_parent(parent, path, error);
	return rc ? rc : vs_dir_sync(parent, error);
}

/* Writes data into a fresh file and syncs it, length and all. */
static int write_whole(const char *path, const void *data, size_t len, struct vs_error *error)
{
	struct vs_file file = VS_FILE_INIT;
	int rc = path_set(file.path, path, "", error);
	if (!rc)
		rc = open_raw(&file, O_WRONLY | O_CREAT | O_TRUNC, error);
	if (rc)
		return rc;
	rc = vs_file_write(&file, data, len, 0, error);
	if (!rc && !VS_PLANTED("replace-without-sync")) {
		int done;
		RETRY(done, "fsync", fsync(file.fd));
		if (done)
			rc = vs_error_errno(error, errno, "%s: cannot be synced", path);
		else
			TRACE(VS_TRACE_SYNC, path, NULL, 0, NULL, 0);
	}
	vs_file_close(&file);
	return rc;
}

int vs_file_replace(const char *path, const void *data, size_t len, struct vs_error *error)
{
	char temporary[PATH_CAP];
	int rc = path_set(temporary, path, ".tmp", error);
	if (rc)
		return rc;
	rc = write_whole(temporary, data, len, error);
	if (!rc)
		rc = vs_file_rename(temporary, path, error);
	/* When only the sync of the folder failed, it is gone already. */
	if (rc && unlink(temporary) == 0)
		TRACE(VS_TRACE_UNLINK, temporary, NULL, 0, NULL, 0);
	return rc;
}

int vs_file_load(const char *path, void *data, size_t cap, size_t *len, struct vs_error *error)
{
	struct vs_file file;
	char more;
	size_t extra = 0;
	*len = 0;
	int rc = vs_file_open(&file, path, 0, error);
	if (rc)
		return rc;
	rc = read_upto(&file, data, cap, 0, len, error);
	if (!rc && *len == cap)
		rc = read_upto(&file, &more, 1, cap, &extra, error);
	if (!rc && extra)
		rc = vs_error_set(error, VS_ECORRUPT, "%s: is longer than %zu bytes", path, cap);
	vs_file_close(&file);
	return rc;
}

int vs_file_rename(const char *from, const char *to, struct vs_error *error)
{
	int rc;
	RETRY(rc, "rename", rename(from, to));
	if (rc)
		return vs_error_errno(error, errno, "%s: cannot be renamed to %s", from, to);
	TRACE(VS_TRACE_RENAME, from, to, 0, NULL, 0);
	VS_POINT("file-renamed");
	return VS_PLANTED("rename-without-sync") ? 0 : sync_parent(to, error);
}

#ifdef VS_FAULTS
/* In images of a power loss the second name is a file of its own, with the bytes of now: they do not change any more. */
static void trace_link(const char *from, const char *to)
{
	struct vs_file file = VS_FILE_INIT;
	char piece[4096];
	ssize_t n;
	file.fd = vs_trace_on() ? open(from, O_RDONLY | O_CLOEXEC) : -1;
	if (file.fd < 0)
		return;
	TRACE(VS_TRACE_CREATE, to, NULL, 0, NULL, 0);
	for (uint64_t at = 0; (n = pread(file.fd, piece, sizeof(piece), (off_t)at)) > 0; at += (uint64_t)n)
		TRACE(VS_TRACE_WRITE, to, NULL, at, piece, (size_t)n);
	TRACE(VS_TRACE_SYNC, to, NULL, 0, NULL, 0);
	vs_file_close(&file);
}
#endif

int vs_file_link(const char *from, const char *to, struct vs_error *error)
{
	int rc;
	RETRY(rc, "link", link(from, to));
	if (rc && (errno == EXDEV || errno == EMLINK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM))
		return vs_error_set(error, VS_EMEDIA, "%s: cannot have the second name %s", from, to);
	if (rc && errno == EEXIST)
		return vs_error_set(error, VS_ECONFLICT, "%s: exists already", to);
	if (rc)
		return vs_error_errno(error, errno, "%s: cannot have the second name %s", from, to);
#ifdef VS_FAULTS
	trace_link(from, to);
#endif
	return 0;
}

int vs_file_remove(const char *path, struct vs_error *error)
{
	int rc;
	RETRY(rc, "unlink", unlink(path));
	if (rc && errno != ENOENT)
		return vs_error_errno(error, errno, "%s: cannot be removed", path);
	if (!rc)
		TRACE(VS_TRACE_UNLINK, path, NULL, 0, NULL, 0);
	return 0;
}

bool vs_file_exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

int vs_dir_create(const char *path, struct vs_error *error)
{
	struct stat st;
	int rc;
	RETRY(rc, "mkdir", mkdir(path, DIR_MODE));
	if (rc == 0) {
		TRACE(VS_TRACE_FOLDER, path, NULL, 0, NULL, 0);
		return VS_PLANTED("folder-without-sync") ? 0 : sync_parent(path, error);
	}
	if (errno == EEXIST && stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		return vs_error_set(error, VS_ECONFLICT, "%s: exists and is no folder", path);
	}
	return vs_error_errno(error, errno, "%s: the folder cannot be made", path);
}

int vs_dir_remove(const char *path, struct vs_error *error)
{
	int rc;
	RETRY(rc, "rmdir", rmdir(path));
	if (rc && errno == ENOTEMPTY)
		return vs_error_set(error, VS_EBUSY, "%s: the folder is not empty", path);
	if (rc && errno != ENOENT)
		return vs_error_errno(error, errno, "%s: the folder cannot be removed", path);
	if (!rc)
		TRACE(VS_TRACE_UNLINK, path, NULL, 0, NULL, 0);
	return 0;
}

int vs_dir_sync(const char *path, struct vs_error *error)
{
	struct vs_file dir = VS_FILE_INIT;
	int rc = path_set(dir.path, path, "", error);
	if (!rc)
		rc = open_raw(&dir, O_RDONLY | O_DIRECTORY, error);
	if (rc)
		return rc;
	int done;
	RETRY(done, "fsync", fsync(dir.fd));
	if (done)
		rc = vs_error_errno(error, errno, "%s: the folder cannot be synced", path);
	else
		TRACE(VS_TRACE_FOLDER_SYNC, path, NULL, 0, NULL, 0);
	vs_file_close(&dir);
	return rc;
}

int vs_dir_check(const char *path, struct vs_error *error)
{
	/* f_type as in statfs(2) and linux/magic.h */
	static const struct {
		uint32_t type;
		const char *name;
	} remote[] = {
		{ 0x00006969, "NFS" },  { 0x0000517b, "SMB" },  { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" },
		{ 0x01021997, "9p" },   { 0x00c36400, "Ceph" }, { 0x5346414f, "AFS" },  { 0x6b414653, "AFS" },
		{ 0x65735546, "FUSE" }, { 0x73757245, "Coda" }, { 0x0000564c, "NCP" },  { 0x0bd00bd0, "Lustre" },
		{ 0x47504653, "GPFS" },
	};
	struct statfs st;
	int rc;
	RETRY(rc, "statfs", statfs(path, &st));
	if (rc)
		return vs_error_errno(error, errno, "%s: cannot be examined", path);
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if ((uint32_t)st.f_type == remote[i].type)
			return vs_error_set(
			    error, VS_EINVAL,
			    "%s: lies on %s, where shared memory maps and locks are not dependable; choose a folder "
			    "on a local file system (ext4, xfs, btrfs, zfs, tmpfs)",
			    path, remote[i].name);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/file: the only place that calls open, pread, pwrite, fallocate, ftruncate, fdatasync, rename, unlink,
 * flock and mmap (tests/lint/io-seam checks it with nm). A build with --enable-faults numbers these calls and
 * fails the Nth as VECSTORE_FAULT says; see fault.h.
 *
 * SQLite's own files never pass through here: closing any descriptor of a file that SQLite has open would drop
 * its POSIX locks.
 */
#ifndef VS_BASE_FILE_H
#define VS_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_error;

struct vs_file {
	int fd; /* -1: closed */
	char path[256];
};

#define VS_FILE_INIT                                                                                                   \
	{                                                                                                                  \
		-1, ""                                                                                                         \
	}

enum {
	VS_FILE_WRITE = 1,     /* else read-only */
	VS_FILE_CREATE = 2,    /* make it when missing, mode 0640 */
	VS_FILE_EXCLUSIVE = 4, /* with CREATE: VS_ECONFLICT when it exists */
};

/* Opens close-on-exec. VS_ENOTFOUND when missing, VS_EREADONLY when not permitted, VS_EINVAL when the path is
 * too long for struct vs_file. On failure *file is closed. */
int vs_file_open(struct vs_file *file, const char *path, unsigned flags, struct vs_error *error);
void vs_file_close(struct vs_file *file); /* accepts a closed one */

int vs_file_size(const struct vs_file *file, uint64_t *size, struct vs_error *error);
/* True when no directory names this open file any more. */
bool vs_file_unlinked(const struct vs_file *file);
/* Both in one call. */
int vs_file_look(const struct vs_file *file, uint64_t *size, bool *unlinked, struct vs_error *error);

/* All len bytes or an error; a file that ends before is VS_ECORRUPT. EINTR is retried.
 * Offsets past INT64_MAX: VS_EINVAL. */
int vs_file_read(const struct vs_file *file, void *data, size_t len, uint64_t offset, struct vs_error *error);
int vs_file_write(const struct vs_file *file, const void *data, size_t len, uint64_t offset, struct vs_error *error);
/* Allocates real blocks for [offset, offset + len), zero where new (posix_fallocate). */
int vs_file_reserve(const struct vs_file *file, uint64_t offset, uint64_t len, struct vs_error *error);
int vs_file_sync(const struct vs_file *file, struct vs_error *error); /* fdatasync: never retry after a failure */

/* A shared map from offset 0. Unmap with vs_file_unmap. */
int vs_file_map(const struct vs_file *file, size_t len, bool writable, void **address, struct vs_error *error);
void vs_file_unmap(void *address, size_t len);                           /* NULL allowed */
int vs_file_sync_map(void *address, size_t len, struct vs_error *error); /* msync(MS_SYNC) */
/* Whether rows read all over a map come from the disk; zeros at first. A look costs a microsecond, so the more often in a row they
 * were found in memory, the longer it is taken for granted. */
struct vs_file_cold {
	unsigned calm; /* looks are so many questions apart, at most 63 */
	unsigned left; /* questions until the next */
};
/* at: one of the rows that are read next. False where nobody can tell. */
bool vs_file_map_cold(struct vs_file_cold *cold, const void *at);
/* Asks the disk for the pages of [at, at + len) of a map and does not wait: whoever touches them next finds them, or waits for
 * them alone, where a touch unasked reads far around it. Costs some microseconds. Advice: a failure is none. */
void vs_file_map_want(const void *at, size_t len);

/* A whole-file exclusive lock that dies with the process (flock). VS_EBUSY when another holds it. */
int vs_file_lock(const struct vs_file *file, struct vs_error *error);
/* A shared one, in place of what this handle holds (not in one step). VS_EBUSY when another holds it exclusively. */
int vs_file_lock_shared(const struct vs_file *file, struct vs_error *error);

/* Puts data at path by write to "<path>.tmp", fsync, rename, fsync of the folder: readers see old or new, whole. */
int vs_file_replace(const char *path, const void *data, size_t len, struct vs_error *error);
/* Reads a small file whole into data[cap]; *len is what was read. VS_ECORRUPT when it is longer than cap. */
int vs_file_load(const char *path, void *data, size_t cap, size_t *len, struct vs_error *error);
int vs_file_rename(const char *from, const char *to, struct vs_error *error); /* and syncs the folder of `to` */
/* Gives the file a second name, which must be a new one; not synced. VS_ECONFLICT when there is such a file; VS_EMEDIA when
 * the two would lie on different disks, or the disk gives no second names: copy it then. */
int vs_file_link(const char *from, const char *to, struct vs_error *error);
int vs_file_remove(const char *path, struct vs_error *error);                 /* a missing file is no error */
bool vs_file_exists(const char *path);

/* Makes one folder, mode 0750, and syncs its parent; an existing one is no error. */
int vs_dir_create(const char *path, struct vs_error *error);
int vs_dir_remove(const char *path, struct vs_error *error); /* an empty one; a missing one is no error */
int vs_dir_sync(const char *path, struct vs_error *error);
/* VS_EINVAL with a clear text when path lies on a file system where WAL and shared maps do not work (NFS, CIFS, 9p,
 * Ceph, AFS, FUSE, ...). path must exist. */
int vs_dir_check(const char *path, struct vs_error *error);

#endif

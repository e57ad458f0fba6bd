/* SPDX-License-Identifier: Apache-2.0 */
#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "base/file.h"

#define PATH_CAP sizeof(((struct vs_file *)0)->path)
#define DEPTH_MAX 4 /* folders below a folder: a generation has one, columns/ */
#define REMOVE_TRIES 10

int vs_folder_each(const char *path, int (*each)(void *context, const char *name), void *context,
                   struct vs_error *error)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	int rc = 0;
	if (!folder)
		return vs_error_errno(error, errno, "%s: the folder cannot be read", path);
	while (!rc) {
		errno = 0;
		entry = readdir(folder);
		if (!entry) {
			if (errno)
				rc = vs_error_errno(error, errno, "%s: the folder cannot be read", path);
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = each(context, entry->d_name);
	}
	closedir(folder);
	return rc;
}

struct visit {
	const char *path;
	uint64_t bytes;
	int depth;
	struct vs_error *error;
};

static int path_join(char out[PATH_CAP], const struct visit *visit, const char *name)
{
	int len = snprintf(out, PATH_CAP, "%s/%s", visit->path, name);
	if (len < 0 || (size_t)len >= PATH_CAP)
		return vs_error_set(visit->error, VS_EINVAL, "%.80s...: the path of a file in it is too long", visit->path);
	return 0;
}

/* ---- weighing --------------------------------------------------------------------------------------------- */

static int weigh(void *context, const char *name)
{
	struct visit *visit = context;
	char path[PATH_CAP];
	struct stat st;
	int rc = path_join(path, visit, name);
	if (rc)
		return rc;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : vs_error_errno(visit->error, errno, "%s: cannot be examined", path);
	visit->bytes += (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode) || visit->depth == DEPTH_MAX)
		return 0;
	struct visit inner = { path, 0, visit->depth + 1, visit->error };
	rc = vs_folder_each(path, weigh, &inner, visit->error);
	visit->bytes += inner.bytes;
	return rc;
}

int vs_folder_bytes(const char *path, uint64_t *bytes, struct vs_error *error)
{
	struct visit visit = { path, 0, 0, error };
	int rc = vs_folder_each(path, weigh, &visit, error);
	*bytes = visit.bytes;
	return rc;
}

/* ---- removing --------------------------------------------------------------------------------------------- */

static int remove_tree(const char *path, int depth, struct vs_error *error);

static int remove_entry(void *context, const char *name)
{
	struct visit *visit = context;
	char path[PATH_CAP];
	struct stat st;
	int rc = path_join(path, visit, name);
	if (rc)
		return rc;
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && visit->depth < DEPTH_MAX)
		return remove_tree(path, visit->depth + 1, visit->error);
	return vs_file_remove(path, visit->error);
}

/* Others may remove it at the same time, and then it is gone; or make a file in it, and then that goes, too. */
static int remove_tree(const char *path, int depth, struct vs_error *error)
{
	struct visit visit = { path, 0, depth, error };
	int rc;
	for (unsigned i = 0; i < REMOVE_TRIES; i++) {
		rc = vs_folder_each(path, remove_entry, &visit, error);
		if (rc)
			return rc == VS_ENOTFOUND ? 0 : rc;
		rc = vs_dir_remove(path, error);
		if (rc != VS_EBUSY)
			return rc;
	}
	return rc;
}

int vs_folder_remove(const char *path, const char *first, struct vs_error *error)
{
	struct visit visit = { path, 0, 0, error };
	char name[PATH_CAP];
	int rc = 0;
	if (!vs_file_exists(path))
		return 0;
	if (first) {
		rc = path_join(name, &visit, first);
		if (!rc)
			rc = vs_file_remove(name, error);
	}
	return rc ? rc : remove_tree(path, 0, error);
}

/* ---- room ------------------------------------------------------------------------------------------------- */

int vs_folder_room(const char *path, uint64_t *bytes, struct vs_error *error)
{
	struct statvfs st;
	if (statvfs(path, &st) != 0)
		return vs_error_errno(error, errno, "%s: its disk cannot be examined", path);
	*bytes = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

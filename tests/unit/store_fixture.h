/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store room share: a folder of their own, and damage to files in it. */
#ifndef VS_TEST_STORE_FIXTURE_H
#define VS_TEST_STORE_FIXTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nftw */
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static char folder[160];
static struct vs_error error;

static inline const char *path_of(const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static inline int folder_make(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%.120s/vecstore-store-XXXXXX", tmp != NULL ? tmp : "/tmp");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int folder_remove(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void put_bytes(const char *name, off_t offset, const void *data, size_t len)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT, 0640);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, offset), len);
	close(fd);
}

static inline void flip_byte(const char *name, off_t offset)
{
	int fd = open(path_of(name), O_RDWR);
	unsigned char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static inline off_t size_of(const char *name)
{
	struct stat st;

	return stat(path_of(name), &st) == 0 ? st.st_size : -1;
}

static inline void cut(const char *name, off_t len)
{
	assert_int_equal(truncate(path_of(name), len), 0);
}

#endif

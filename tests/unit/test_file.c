/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/file.h"

static char folder[200];
static struct vs_error error;

static const char *path_of(const char *name)
{
	static char path[400];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int setup(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%.150s/vecstore-file-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	static const char *const left[] = { "a", "b", "c", "a.tmp", "sub/a" };
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		unlink(path_of(left[i]));
	rmdir(path_of("sub"));
	return rmdir(folder);
}

static void make(struct vs_file *file, const char *name)
{
	assert_int_equal(vs_file_open(file, path_of(name), VS_FILE_WRITE | VS_FILE_CREATE, &error), 0);
}

static void opens(void **state)
{
	(void)state;
	struct vs_file file = VS_FILE_INIT;
	assert_int_equal(vs_file_open(&file, path_of("a"), 0, &error), VS_ENOTFOUND);
	assert_int_equal(file.fd, -1);
	assert_non_null(strstr(error.text, path_of("a")));
	make(&file, "a");
	vs_file_close(&file);
	vs_file_close(&file);
	assert_int_equal(file.fd, -1);
	unsigned flags = VS_FILE_WRITE | VS_FILE_CREATE | VS_FILE_EXCLUSIVE;
	assert_int_equal(vs_file_open(&file, path_of("a"), flags, &error), VS_ECONFLICT);
	struct stat st;
	assert_int_equal(stat(path_of("a"), &st), 0);
	assert_int_equal(st.st_mode & 0137, 0);

	char longer[400];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(vs_file_open(&file, longer, 0, &error), VS_EINVAL);
	assert_int_equal(vs_file_replace(longer, "", 0, &error), VS_EINVAL);
	assert_int_equal(vs_file_open(&file, "", 0, &error), VS_EINVAL);
	assert_int_equal(file.fd, -1);
}

static void reads_and_writes(void **state)
{
	(void)state;
	struct vs_file file;
	uint64_t size;
	char data[16];
	make(&file, "a");
	assert_int_equal(vs_file_write(&file, "hello", 5, 100, &error), 0);
	assert_int_equal(vs_file_size(&file, &size, &error), 0);
	assert_int_equal(size, 105);
	assert_int_equal(vs_file_read(&file, data, 5, 100, &error), 0);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(vs_file_read(&file, data, 6, 100, &error), VS_ECORRUPT);
	assert_int_equal(vs_file_read(&file, data, 1, 1000, &error), VS_ECORRUPT);
	assert_int_equal(vs_file_read(&file, data, 0, 1000, &error), 0);
	assert_int_equal(vs_file_read(&file, data, 1, UINT64_MAX, &error), VS_EINVAL);
	assert_int_equal(vs_file_write(&file, data, 2, INT64_MAX, &error), VS_EINVAL);
	assert_int_equal(vs_file_sync(&file, &error), 0);
	vs_file_close(&file);
	assert_int_equal(vs_file_open(&file, path_of("a"), 0, &error), 0);
	assert_int_equal(vs_file_write(&file, "x", 1, 0, &error), VS_EIO);
	vs_file_close(&file);
}

static void reserves_and_maps(void **state)
{
	(void)state;
	struct vs_file file;
	uint64_t size;
	void *map;
	void *reader;
	make(&file, "a");
	assert_int_equal(vs_file_write(&file, "keep", 4, 0, &error), 0);
	assert_int_equal(vs_file_reserve(&file, 0, 8192, &error), 0);
	assert_int_equal(vs_file_reserve(&file, 0, 0, &error), 0);
	assert_int_equal(vs_file_reserve(&file, UINT64_MAX, 2, &error), VS_EINVAL);
	assert_int_equal(vs_file_size(&file, &size, &error), 0);
	assert_int_equal(size, 8192);
	assert_int_equal(vs_file_map(&file, 8192, true, &map, &error), 0);
	assert_int_equal(vs_file_map(&file, 8192, false, &reader, &error), 0);
	assert_memory_equal(map, "keep\0\0\0\0", 8);
	memcpy((char *)map + 5000, "through the map", 15);
	assert_memory_equal((char *)reader + 5000, "through the map", 15);
	assert_int_equal(vs_file_sync_map(map, 8192, &error), 0);
	char data[15];
	assert_int_equal(vs_file_read(&file, data, 15, 5000, &error), 0);
	assert_memory_equal(data, "through the map", 15);
	vs_file_unmap(map, 8192);
	vs_file_unmap(reader, 8192);
	vs_file_unmap(NULL, 8192);
	assert_int_equal(vs_file_map(&file, 0, false, &map, &error), 0);
	assert_null(map);
	vs_file_close(&file);
}

/* A map of file "a", of which nothing is in memory. False: this file system keeps it there. */
static bool map_cold(struct vs_file *file, unsigned char **map, size_t len)
{
	unsigned char cached;
	assert_int_equal(posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	assert_int_equal(vs_file_map(file, len, false, (void **)map, &error), 0);
	assert_int_equal(mincore(*map, 1, &cached), 0);
	return !(cached & 1);
}

static void cold_is_seen(void **state)
{
	(void)state;
	static char data[65536];
	struct vs_file file = VS_FILE_INIT;
	struct vs_file_cold cold = { 0, 0 };
	unsigned char *map;
	memset(data, 'x', sizeof(data));
	make(&file, "a");
	assert_int_equal(vs_file_write(&file, data, sizeof(data), 0, &error), 0);
	assert_int_equal(vs_file_sync(&file, &error), 0);
	bool drops = map_cold(&file, &map, sizeof(data));
	if (drops) {
		assert_true(vs_file_map_cold(&cold, map + 100));
		assert_true(vs_file_map_cold(&cold, map + 100));
	}
	vs_file_map_want(map + 100, 4096);
	assert_int_equal(map[100] + map[4195], 2 * 'x');
	assert_false(vs_file_map_cold(&cold, map + 100));
	assert_false(vs_file_map_cold(&cold, map + 100));
	vs_file_unmap(map, sizeof(data));
	/* Found in memory twice, it is taken for granted once. */
	if (map_cold(&file, &map, sizeof(data)) && drops) {
		assert_false(vs_file_map_cold(&cold, map + 100));
		assert_true(vs_file_map_cold(&cold, map + 100));
	}
	vs_file_unmap(map, sizeof(data));
	assert_false(vs_file_map_cold(&cold, map + 100)); /* nobody can tell */
	vs_file_close(&file);
}

static void unlinked_is_seen(void **state)
{
	(void)state;
	struct vs_file file;
	make(&file, "a");
	assert_false(vs_file_unlinked(&file));
	assert_int_equal(vs_file_replace(path_of("a"), "new", 3, &error), 0);
	assert_true(vs_file_unlinked(&file));
	vs_file_close(&file);
}

static void locks(void **state)
{
	(void)state;
	struct vs_file one;
	struct vs_file two;
	make(&one, "a");
	make(&two, "a");
	assert_int_equal(vs_file_lock(&one, &error), 0);
	assert_int_equal(vs_file_lock(&two, &error), VS_EBUSY);
	vs_file_close(&one);
	assert_int_equal(vs_file_lock(&two, &error), 0);
	make(&one, "a");
	assert_int_equal(vs_file_lock_shared(&one, &error), VS_EBUSY);
	assert_int_equal(vs_file_lock_shared(&two, &error), 0);
	assert_int_equal(vs_file_lock_shared(&one, &error), 0);
	assert_int_equal(vs_file_lock(&two, &error), VS_EBUSY);
	vs_file_close(&one);
	assert_int_equal(vs_file_lock(&two, &error), 0);
	vs_file_close(&two);
}

static void replaces_and_loads(void **state)
{
	(void)state;
	char data[8];
	size_t len;
	assert_int_equal(vs_file_load(path_of("a"), data, sizeof(data), &len, &error), VS_ENOTFOUND);
	assert_int_equal(vs_file_replace(path_of("a"), "12345678", 8, &error), 0);
	assert_int_equal(vs_file_load(path_of("a"), data, sizeof(data), &len, &error), 0);
	assert_int_equal(len, 8);
	assert_memory_equal(data, "12345678", 8);
	assert_int_equal(vs_file_load(path_of("a"), data, 7, &len, &error), VS_ECORRUPT);
	assert_int_equal(vs_file_replace(path_of("a"), "123", 3, &error), 0);
	assert_int_equal(vs_file_load(path_of("a"), data, sizeof(data), &len, &error), 0);
	assert_int_equal(len, 3);
	assert_false(vs_file_exists(path_of("a.tmp")));
	assert_int_equal(vs_file_replace(path_of("none/a"), "1", 1, &error), VS_ENOTFOUND);
}

static void renames_and_removes(void **state)
{
	(void)state;
	assert_int_equal(vs_file_replace(path_of("a"), "1", 1, &error), 0);
	char from[300];
	snprintf(from, sizeof(from), "%s/a", folder);
	assert_int_equal(vs_file_rename(from, path_of("b"), &error), 0);
	assert_false(vs_file_exists(from));
	assert_true(vs_file_exists(path_of("b")));
	assert_int_equal(vs_file_rename(from, path_of("b"), &error), VS_ENOTFOUND);
	assert_int_equal(vs_file_remove(path_of("b"), &error), 0);
	assert_int_equal(vs_file_remove(path_of("b"), &error), 0);
	assert_int_equal(vs_file_remove(folder, &error), VS_EIO);
}

static void folders(void **state)
{
	(void)state;
	assert_int_equal(vs_dir_create(path_of("sub"), &error), 0);
	assert_int_equal(vs_dir_create(path_of("sub"), &error), 0);
	assert_int_equal(vs_dir_create(path_of("none/sub"), &error), VS_ENOTFOUND);
	assert_int_equal(vs_file_replace(path_of("sub/a"), "1", 1, &error), 0);
	assert_int_equal(vs_dir_create(path_of("sub/a"), &error), VS_ECONFLICT);
	assert_int_equal(vs_dir_sync(path_of("sub"), &error), 0);
	assert_int_equal(vs_dir_sync(path_of("none"), &error), VS_ENOTFOUND);
	assert_int_equal(vs_dir_check(folder, &error), 0);
	assert_int_equal(vs_dir_check(path_of("none"), &error), VS_ENOTFOUND);

	/* A path without a folder in it belongs to the working folder. */
	char back[1024];
	assert_non_null(getcwd(back, sizeof(back)));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(vs_file_replace("c", "1", 1, &error), 0);
	assert_int_equal(vs_dir_create("sub/", &error), 0);
	assert_int_equal(chdir(back), 0);
}

#ifdef VS_FAULTS

static void faults_set(const char *what)
{
	setenv("VECSTORE_FAULT", what, 1);
	vs_fault_reset();
}

static void faults_end(void)
{
	unsetenv("VECSTORE_FAULT");
	unsetenv("VECSTORE_POINT");
	vs_fault_reset();
}

static void fault_fails_one_call(void **state)
{
	(void)state;
	struct vs_file file;
	char data[8];
	make(&file, "a");
	faults_set("2:EIO");
	assert_int_equal(vs_file_write(&file, "12345678", 8, 0, &error), 0);
	assert_int_equal(vs_file_write(&file, "12345678", 8, 0, &error), VS_EIO);
	assert_int_equal(vs_file_write(&file, "12345678", 8, 0, &error), 0);
	faults_set("1:ENOSPC");
	assert_int_equal(vs_file_reserve(&file, 0, 100, &error), VS_ENOSPC);
	faults_set("1:EIO");
	assert_int_equal(vs_file_sync(&file, &error), VS_EIO);
	faults_set("1:EINTR");
	assert_int_equal(vs_file_sync(&file, &error), 0);
	faults_set("1:EINTR");
	assert_int_equal(vs_file_read(&file, data, 8, 0, &error), 0);
	faults_end();
	vs_file_close(&file);
}

static void fault_writes_short(void **state)
{
	(void)state;
	struct vs_file file;
	uint64_t size;
	make(&file, "b");
	faults_set("1:SHORT");
	assert_int_equal(vs_file_write(&file, "12345678", 8, 0, &error), VS_ENOSPC);
	faults_end();
	assert_int_equal(vs_file_size(&file, &size, &error), 0);
	assert_int_equal(size, 4);
	vs_file_close(&file);
}

/* Whichever of its calls fails, the old content or the new one is there, whole, and nothing else is left. */
static void fault_leaves_replace_whole(void **state)
{
	(void)state;
	static const char *const what[] = { "EIO", "ENOSPC", "SHORT", "EINTR" };
	for (size_t w = 0; w < 4; w++)
		for (int n = 1; n <= 8; n++) {
			char text[32];
			char data[8];
			size_t len;
			assert_int_equal(vs_file_replace(path_of("c"), "old", 3, &error), 0);
			snprintf(text, sizeof(text), "%d:%s", n, what[w]);
			faults_set(text);
			int rc = vs_file_replace(path_of("c"), "newer", 5, &error);
			faults_end();
			assert_true(rc == 0 || rc == VS_EIO || rc == VS_ENOSPC);
			assert_int_equal(vs_file_load(path_of("c"), data, sizeof(data), &len, &error), 0);
			assert_true((len == 3 && rc != 0) || len == 5);
			assert_memory_equal(data, len == 3 ? "old" : "newer", len);
			assert_false(vs_file_exists(path_of("c.tmp")));
		}
}

static void wait_for_kill(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void fault_kills(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		faults_set("1:KILL");
		vs_file_remove(path_of("none"), NULL);
		_exit(0);
	}
	wait_for_kill(child);
	child = fork();
	if (child == 0) {
		setenv("VECSTORE_POINT", "here:2", 1);
		vs_fault_reset();
		VS_POINT("here");
		VS_POINT("there");
		if (vs_file_replace(path_of("a"), "passed", 6, NULL))
			_exit(1);
		VS_POINT("here");
		_exit(0);
	}
	wait_for_kill(child);
	assert_true(vs_file_exists(path_of("a")));
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_and_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(reserves_and_maps, setup, teardown),
		cmocka_unit_test_setup_teardown(cold_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(unlinked_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(locks, setup, teardown),
		cmocka_unit_test_setup_teardown(replaces_and_loads, setup, teardown),
		cmocka_unit_test_setup_teardown(renames_and_removes, setup, teardown),
		cmocka_unit_test_setup_teardown(folders, setup, teardown),
#ifdef VS_FAULTS
		cmocka_unit_test_setup_teardown(fault_fails_one_call, setup, teardown),
		cmocka_unit_test_setup_teardown(fault_writes_short, setup, teardown),
		cmocka_unit_test_setup_teardown(fault_leaves_replace_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(fault_kills, setup, teardown),
#endif
	};
	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}

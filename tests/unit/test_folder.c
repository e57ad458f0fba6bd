/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include <pthread.h>

#include "base/folder.h"

static void make_file(const char *name, size_t bytes)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(fputc((int)(i % 251), file), (int)(i % 251));
	assert_int_equal(fclose(file), 0);
}

static void make_some(void)
{
	assert_int_equal(mkdir(path_of("g"), 0750), 0);
	assert_int_equal(mkdir(path_of("g/columns"), 0750), 0);
	make_file("g/meta.db", 5000);
	make_file("g/vectors", 20000);
	make_file("g/columns/c000", 9000);
}

static int count_name(void *context, const char *name)
{
	unsigned *seen = context;

	assert_true(name[0] != '.');
	++*seen;
	return strcmp(name, "vectors") == 0 && *seen > 3 ? 7 : 0;
}

static int stop_at_once(void *context, const char *name)
{
	(void)context;
	(void)name;
	return 7;
}

static void each_name_once(void **state)
{
	unsigned seen = 0;
	(void)state;

	make_some();
	assert_int_equal(vs_folder_each(path_of("g"), count_name, &seen, &error), 0);
	assert_int_equal(seen, 3);
	assert_int_equal(vs_folder_each(path_of("g"), stop_at_once, NULL, &error), 7);
	assert_int_equal(vs_folder_each(path_of("missing"), count_name, &seen, &error), VS_ENOTFOUND);
}

static void weighs_what_is_below(void **state)
{
	uint64_t bytes, more;
	(void)state;

	make_some();
	assert_int_equal(vs_folder_bytes(path_of("g"), &bytes, &error), 0);
	assert_true(bytes >= 34000);
	make_file("g/columns/c001", 100000);
	assert_int_equal(vs_folder_bytes(path_of("g"), &more, &error), 0);
	assert_true(more >= bytes + 100000);
	assert_int_equal(vs_folder_bytes(path_of("missing"), &bytes, &error), VS_ENOTFOUND);
}

static void goes_as_a_whole(void **state)
{
	struct stat st;
	(void)state;

	make_some();
	assert_int_equal(vs_folder_remove(path_of("g"), "meta.db", &error), 0);
	assert_int_not_equal(stat(path_of("g"), &st), 0);
	assert_int_equal(vs_folder_remove(path_of("g"), "meta.db", &error), 0); /* there is none */
	make_some();
	assert_int_equal(vs_folder_remove(path_of("g"), "missing", &error), 0);
	make_some();
	assert_int_equal(symlink("..", path_of("g/link")), 0); /* is not followed */
	make_file("stays", 1);
	assert_int_equal(vs_folder_remove(path_of("g"), NULL, &error), 0);
	assert_int_equal(stat(path_of("stays"), &st), 0);
}

struct other {
	char path[500];
	char first[520];
	char late[520];
};

/* A process that has not heard of it yet: makes a file once the removal has begun. */
static void *write_late(void *context)
{
	const struct other *other = context;
	FILE *file;

	while (access(other->first, F_OK) == 0)
		;
	file = fopen(other->late, "w");
	if (file != NULL)
		fclose(file);
	return NULL;
}

static void *remove_too(void *context)
{
	const struct other *other = context;

	return vs_folder_remove(other->path, NULL, NULL) == 0 ? context : NULL;
}

static void others_may_be_at_it(void **state)
{
	struct other other;
	(void)state;

	snprintf(other.path, sizeof(other.path), "%s", path_of("g"));
	snprintf(other.first, sizeof(other.first), "%s/meta.db", other.path);
	snprintf(other.late, sizeof(other.late), "%s/late", other.path);
	for (unsigned i = 0; i < 400; i++) {
		pthread_t thread;
		void *done;

		make_some();
		assert_int_equal(pthread_create(&thread, NULL, i % 2 ? remove_too : write_late, &other), 0);
		assert_int_equal(vs_folder_remove(other.path, "meta.db", &error), 0);
		assert_int_equal(pthread_join(thread, &done), 0);
		assert_ptr_equal(done, i % 2 ? &other : NULL);
		assert_int_not_equal(access(other.path, F_OK), 0);
	}
}

static void there_is_room(void **state)
{
	uint64_t bytes = 0;
	(void)state;

	assert_int_equal(vs_folder_room(folder, &bytes, &error), 0);
	assert_true(bytes > 0);
	assert_int_equal(vs_folder_room(path_of("missing"), &bytes, &error), VS_ENOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_name_once, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(weighs_what_is_below, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(goes_as_a_whole, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(others_may_be_at_it, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(there_is_room, folder_make, folder_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

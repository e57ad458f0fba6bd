/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include <math.h>

#include "store/vectors.h"

#define DIM 5

static struct vs_space space;
static float data[3000][DIM];
static const float *rows[3000];
static struct vs_vectors vectors;

static int setup(void **state)
{
	vs_space_init(&space, VS_COSINE, DIM);
	for (size_t i = 0; i < 3000; i++) {
		for (size_t d = 0; d < DIM; d++)
			data[i][d] = (float)((i * 31 + d * 7) % 101) - 50.0f;
		rows[i] = data[i];
	}
	vectors = (struct vs_vectors){ .file = VS_FILE_INIT };
	return folder_make(state);
}

static int teardown(void **state)
{
	vs_vectors_close(&vectors);
	vs_vectors_close(&vectors); /* again: no harm */
	return folder_remove(state);
}

static void open_new(void)
{
	assert_int_equal(vs_vectors_open(folder, &space, 3, true, true, &vectors, &error), 0);
}

static void check_rows(struct vs_vectors *reader, uint32_t slot, size_t from, size_t count)
{
	struct vs_view view;

	assert_int_equal(vs_vectors_refresh(reader, slot + (uint32_t)count, &error), 0);
	view = vs_vectors_view(reader);
	assert_true(view.count >= slot + count);
	for (size_t i = 0; i < count; i++) {
		const float *row = vs_view_row(&view, slot + (uint32_t)i);

		assert_memory_equal(row, data[from + i], sizeof(data[0]));
		assert_true(row[DIM] == vs_space_factor(&space, data[from + i]));
		assert_true(vs_view_intact(&view, slot + (uint32_t)i));
	}
}

static void comes_back(void **state)
{
	struct vs_vectors reader;
	(void)state;

	open_new();
	assert_int_equal(vectors.stride, 64);
	assert_int_equal(vs_vectors_append(&vectors, 0, rows, 10, &error), 0);
	check_rows(&vectors, 0, 0, 10);
	assert_int_equal(vs_vectors_open(folder, &space, 3, false, false, &reader, &error), 0);
	check_rows(&reader, 0, 0, 10);
	/* More than is mapped: appended by one handle, seen by the other. */
	assert_int_equal(vs_vectors_append(&vectors, 10, rows + 10, 2990, &error), 0);
	check_rows(&reader, 0, 0, 3000);
	vs_vectors_close(&reader);
	/* A writer opens what is there. */
	vs_vectors_close(&vectors);
	open_new();
	check_rows(&vectors, 0, 0, 3000);
}

static void more_than_one_write(void **state)
{
	enum { WIDE = 8000, COUNT = 80 }; /* 2.5 MiB */
	float *wide = malloc(sizeof(float) * WIDE * COUNT);
	const float *list[COUNT];
	struct vs_view view;
	(void)state;

	vs_space_init(&space, VS_DOT, WIDE);
	for (size_t i = 0; i < (size_t)WIDE * COUNT; i++)
		wide[i] = (float)(i % 1000);
	for (size_t i = 0; i < COUNT; i++)
		list[i] = wide + i * WIDE;
	open_new();
	assert_int_equal(vs_vectors_append(&vectors, 0, list, COUNT, &error), 0);
	assert_int_equal(vs_vectors_refresh(&vectors, COUNT, &error), 0);
	view = vs_vectors_view(&vectors);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_memory_equal(vs_view_row(&view, i), list[i], sizeof(float) * WIDE);
		assert_true(vs_view_row(&view, i)[WIDE] == 1.0f);
		assert_true(vs_view_intact(&view, i));
	}
	free(wide);
}

/* I2: what a writer left that never heard of its commit is passed over. */
static void first_passes_over_what_was_written(void **state)
{
	uint32_t first = 99;
	(void)state;

	open_new();
	assert_int_equal(vs_vectors_first(&vectors, 0, &first, &error), 0);
	assert_int_equal(first, 0);
	assert_int_equal(vs_vectors_append(&vectors, 0, rows, 4, &error), 0);
	assert_int_equal(vs_vectors_first(&vectors, 4, &first, &error), 0);
	assert_int_equal(first, 4);
	assert_int_equal(vs_vectors_first(&vectors, 1, &first, &error), 0);
	assert_int_equal(first, 4);
	/* Past the end of the file as well. */
	assert_int_equal(vs_vectors_first(&vectors, 4000000, &first, &error), 0);
	assert_int_equal(first, 4000000);
}

static void file_grows_in_chunks(void **state)
{
	off_t size;
	(void)state;

	open_new();
	assert_int_equal(size_of("vectors.f32"), VS_VECTORS_HEADER);
	assert_int_equal(vs_vectors_append(&vectors, 0, rows, 1, &error), 0);
	size = size_of("vectors.f32");
	assert_int_equal(size, 1 << 16); /* a small namespace takes little */
	assert_int_equal(vs_vectors_append(&vectors, 1, rows, 1, &error), 0);
	assert_int_equal(size_of("vectors.f32"), size);
	assert_int_equal(vs_vectors_append(&vectors, (uint32_t)size / 64, rows, 1, &error), 0);
	assert_int_equal(size_of("vectors.f32"), 2 * size);
	assert_int_equal(vs_vectors_append(&vectors, (1 << 20) / 64, rows, 1, &error), 0);
	size = size_of("vectors.f32");
	assert_true(size > 1 << 20);
	assert_int_equal(vs_vectors_append(&vectors, (uint32_t)(size - VS_VECTORS_HEADER) / 64, rows, 1, &error), 0);
	assert_int_equal(size_of("vectors.f32"), size + (1 << 20)); /* and from there on it goes by chunks */
	assert_int_equal(vs_vectors_append(&vectors, 2, rows, 0, &error), 0);
	assert_int_equal(vs_vectors_append(&vectors, UINT32_MAX - 1, rows, 2, &error), VS_ETOOBIG);
}

static void damage_of_a_row_shows(void **state)
{
	struct vs_view view;
	(void)state;

	open_new();
	assert_int_equal(vs_vectors_append(&vectors, 0, rows, 3, &error), 0);
	assert_int_equal(vs_vectors_refresh(&vectors, 3, &error), 0);
	view = vs_vectors_view(&vectors);
	for (off_t i = 0; i < DIM * 4 + 8; i++) {
		flip_byte("vectors.f32", VS_VECTORS_HEADER + 64 + i);
		assert_true(vs_view_intact(&view, 0));
		assert_false(vs_view_intact(&view, 1));
		assert_true(vs_view_intact(&view, 2));
		flip_byte("vectors.f32", VS_VECTORS_HEADER + 64 + i);
	}
	assert_true(vs_view_intact(&view, 1));
}

static int reopen(void)
{
	struct vs_vectors reader;
	int rc;

	error = (struct vs_error){ 0 };
	rc = vs_vectors_open(folder, &space, 3, false, false, &reader, &error);
	if (rc == 0)
		vs_vectors_close(&reader);
	else
		assert_int_equal(reader.file.fd, -1);
	assert_int_equal(error.code, rc);
	return rc;
}

static void damage_of_the_header_shows(void **state)
{
	(void)state;
	assert_int_equal(reopen(), VS_ENOTFOUND);
	open_new();
	assert_int_equal(reopen(), 0);
	for (off_t i = 0; i < 44; i++) {
		int rc;

		flip_byte("vectors.f32", i);
		rc = reopen();
		/* A higher version may be a newer vecstore's. */
		assert_int_equal(rc, i >= 16 && i < 20 ? VS_EFORMAT : VS_ECORRUPT);
		flip_byte("vectors.f32", i);
	}
	cut("vectors.f32", VS_VECTORS_HEADER - 1);
	assert_int_equal(reopen(), VS_ECORRUPT);
	cut("vectors.f32", 0);
	assert_int_equal(reopen(), VS_ECORRUPT);
}

static void must_agree(void **state)
{
	struct vs_vectors other;
	struct vs_space wrong;
	(void)state;

	open_new();
	assert_int_equal(vs_vectors_open(folder, &space, 4, false, false, &other, &error), VS_ECORRUPT);
	vs_space_init(&wrong, VS_COSINE, DIM + 1);
	assert_int_equal(vs_vectors_open(folder, &wrong, 3, false, false, &other, &error), VS_ECORRUPT);
	vs_space_init(&wrong, VS_DOT, DIM);
	assert_int_equal(vs_vectors_open(folder, &wrong, 3, true, true, &other, &error), VS_ECORRUPT);
	vs_space_init(&wrong, VS_DOT, 0);
	assert_int_equal(vs_vectors_open(folder, &wrong, 3, true, true, &other, &error), VS_EINVAL);
}

static void shortened_file_is_no_sigbus(void **state)
{
	(void)state;
	open_new();
	assert_int_equal(vs_vectors_append(&vectors, 0, rows, 100, &error), 0);
	cut("vectors.f32", VS_VECTORS_HEADER + 64 * 50);
	assert_int_equal(vs_vectors_refresh(&vectors, 100, &error), VS_ECORRUPT);
	assert_non_null(strstr(error.text, "slot 99"));
	check_rows(&vectors, 0, 0, 50);
}

static void copies_are_the_same_bytes(void **state)
{
	static const uint32_t slots[] = { 7, 3, 2999, 0, 3 };
	struct vs_vectors other;
	struct vs_view from, to;
	uint64_t size;
	(void)state;

	open_new();
	assert_int_equal(vs_vectors_append(&vectors, 0, rows, 3000, &error), 0);
	assert_int_equal(vs_file_write(&vectors.file, "x", 1, VS_VECTORS_HEADER + 3 * vectors.stride, &error), 0); /* damage */
	assert_int_equal(vs_vectors_refresh(&vectors, 3000, &error), 0);
	from = vs_vectors_view(&vectors);
	assert_false(vs_view_intact(&from, 3));
	assert_int_equal(mkdir(path_of("other"), 0750), 0);
	assert_int_equal(vs_vectors_open(path_of("other"), &space, 4, true, true, &other, &error), 0);
	assert_int_equal(vs_vectors_reserve(&other, 5, &error), 0);
	assert_int_equal(vs_file_size(&other.file, &size, &error), 0);
	assert_int_equal(size, VS_VECTORS_HEADER + 5 * other.stride); /* and no more */
	assert_int_equal(vs_vectors_copy(&other, 0, &from, slots, 5, &error), 0);
	assert_int_equal(vs_vectors_copy(&other, 5, &from, slots, 0, &error), 0);
	assert_int_equal(vs_vectors_sync(&other, &error), 0);
	assert_int_equal(vs_vectors_reserve(&other, 2, &error), 0);
	assert_int_equal(vs_vectors_refresh(&other, 5, &error), 0);
	to = vs_vectors_view(&other);
	for (uint32_t i = 0; i < 5; i++) {
		assert_memory_equal(vs_view_row(&to, i), vs_view_row(&from, slots[i]), vectors.stride);
		assert_int_equal(vs_view_intact(&to, i), slots[i] != 3);
	}
	assert_int_equal(vs_vectors_copy(&other, UINT32_MAX - 2, &from, slots, 5, &error), VS_ETOOBIG);
	vs_vectors_close(&other);
}

static void read_only_cannot_append(void **state)
{
	struct vs_vectors reader;
	(void)state;

	open_new();
	assert_int_equal(vs_vectors_open(folder, &space, 3, false, false, &reader, &error), 0);
	assert_true(vs_vectors_append(&reader, 0, rows, 1, &error) < 0);
	assert_int_equal(vs_vectors_view(&reader).count, 0);
	assert_int_equal(vs_vectors_refresh(&reader, 0, &error), 0);
	vs_vectors_close(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_one_write, setup, teardown),
		cmocka_unit_test_setup_teardown(first_passes_over_what_was_written, setup, teardown),
		cmocka_unit_test_setup_teardown(file_grows_in_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_of_a_row_shows, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_of_the_header_shows, setup, teardown),
		cmocka_unit_test_setup_teardown(must_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(shortened_file_is_no_sigbus, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_are_the_same_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only_cannot_append, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

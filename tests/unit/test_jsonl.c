/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "programs/cli/records.h"

static char path[] = "/tmp/vecstore-jsonl-XXXXXX";

static void write_file(const void *data, size_t len)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

static void open_text(struct vs_records *records, const char *text)
{
	write_file(text, strlen(text));
	struct vs_records_options options = VS_RECORDS_OPTIONS;
	assert_int_equal(vs_records_open(records, path, &options, NULL), 0);
}

static void good_lines(void **state)
{
	struct vs_records records;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_record_input input;
	(void)state;
	open_text(&records, "{\"id\":\"a\",\"vector\":[1,-2.5,3e-1]}\n\n  \t\n"
	                    "{\"id\":\"\xc3\xa9\",\"vector\":\"AACAPw==\",\"metadata\":{\"n\":1}}\r\n"
	                    "{\"metadata\":{},\"vector\":[7],\"id\":\"last\"}");
	assert_int_equal(vs_records_next(&records, &arena, &input, NULL), 1);
	assert_string_equal(input.id, "a");
	assert_int_equal(input.dimension, 3);
	assert_true(input.vector[1] == -2.5f);
	assert_null(input.metadata);
	assert_int_equal(vs_records_next(&records, &arena, &input, NULL), 1);
	assert_int_equal(vs_records_place(&records), 4);
	assert_int_equal(input.id_len, 2);
	assert_true(input.dimension == 1 && input.vector[0] == 1.0f); /* base64 of float32 */
	assert_string_equal(input.metadata, "{\"n\":1}");
	assert_int_equal(vs_records_next(&records, &arena, &input, NULL), 1);
	assert_string_equal(input.id, "last");
	assert_int_equal(vs_records_next(&records, &arena, &input, NULL), 0);
	assert_int_equal(vs_records_next(&records, &arena, &input, NULL), 0);
	vs_records_close(&records);
	vs_arena_release(&arena);
}

static void bad_lines_name_their_fault(void **state)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
		{ "{\"id\":\"a\",\"vector\":[1,2", "too early" },
		{ "{\"id\":\"a\",\"vector\":[1]} x", "record" },
		{ "[1]", "must be a JSON object" },
		{ "{\"vector\":[1]}", "id: is missing" },
		{ "{\"id\":\"a\"}", "vector: is missing" },
		{ "{\"id\":7,\"vector\":[1]}", "id: must be a string" },
		{ "{\"id\":\"a\",\"vector\":[1,\"x\"]}", "vector[1]" },
		{ "{\"id\":\"a\",\"vector\":[1e39]}", "float32" },
		{ "{\"id\":\"a\",\"vector\":[NaN]}", "" },
		{ "{\"id\":\"a\",\"vector\":[1],\"metadata\":[]}", "metadata: must be a JSON object" },
		{ "{\"id\":\"a\",\"vector\":[1],\"namespace\":\"x\"}", "namespace: unknown field" },
		{ "{\"id\":\"\xff\",\"vector\":[1]}", "UTF-8" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vs_records records;
		struct vs_arena arena = VS_ARENA_INIT;
		struct vs_record_input input;
		struct vs_error error;
		char text[256], place[200];
		snprintf(text, sizeof text, "{\"id\":\"ok\",\"vector\":[1]}\n%s\n{\"id\":\"next\",\"vector\":[1]}\n",
		         cases[i].text);
		open_text(&records, text);
		assert_int_equal(vs_records_next(&records, &arena, &input, &error), 1);
		assert_int_equal(vs_records_next(&records, &arena, &input, &error), VS_EINVAL);
		if (!strstr(error.text, cases[i].fault))
			fail_msg("'%s' does not hold '%s'", error.text, cases[i].fault);
		vs_records_describe(&records, vs_records_place(&records), place, sizeof place);
		snprintf(text, sizeof text, "%s:2", path);
		assert_string_equal(place, text);
		vs_records_close(&records);
		vs_arena_release(&arena);
	}
}

/* A line longer than every block that is read at once. */
static void long_lines(void **state)
{
	size_t len = 3u << 20;
	char *text = malloc(len + 2);
	struct vs_input input;
	const char *line;
	size_t line_len;
	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	text[len] = '\n';
	text[len + 1] = 'y';
	write_file(text, len + 2);
	assert_int_equal(vs_input_open(&input, path, NULL), 0);
	assert_int_equal(vs_input_line(&input, &line, &line_len, NULL), 1);
	assert_int_equal(line_len, len);
	assert_memory_equal(line, text, len);
	assert_int_equal(vs_input_line(&input, &line, &line_len, NULL), 1);
	assert_true(line_len == 1 && line[0] == 'y');
	assert_int_equal(vs_input_line(&input, &line, &line_len, NULL), 0);
	assert_int_equal(input.lines, 2);
	vs_input_close(&input);
	free(text);
}

static void gzip_whole_and_cut_off(void **state)
{
	struct vs_input input;
	struct vs_error error;
	const char *line;
	size_t len, size;
	char packed[65536];
	int rc;
	(void)state;
	gzFile gz = gzopen(path, "wb");
	for (int i = 0; i < 5000; i++)
		gzprintf(gz, "line %d %d\n", i, i * 7919 % 1000);
	gzclose(gz);
	assert_int_equal(vs_input_open(&input, path, NULL), 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(vs_input_line(&input, &line, &len, NULL), 1);
	assert_int_equal(vs_input_line(&input, &line, &len, NULL), 0);
	vs_input_close(&input);

	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size = fread(packed, 1, sizeof packed, file);
	fclose(file);
	write_file(packed, size / 2);
	assert_int_equal(vs_input_open(&input, path, NULL), 0);
	while ((rc = vs_input_line(&input, &line, &len, &error)) > 0)
		;
	assert_int_equal(rc, VS_EIO);
	assert_non_null(strstr(error.text, "end too early"));
	vs_input_close(&input);
}

static void fvecs(void **state)
{
	struct vs_records records;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_record_input input;
	struct vs_error error;
	struct {
		int32_t dimension;
		float values[2];
	} rows[] = { { 2, { 1, 2 } }, { 2, { 3, 4 } }, { 2, { 5, 6 } } };
	(void)state;
	write_file(rows, sizeof rows - 2); /* the last one is cut off */
	struct vs_records_options options = VS_RECORDS_OPTIONS;
	options.format = VS_RECORDS_FVECS;
	options.first_row = 10;
	assert_int_equal(vs_records_open(&records, path, &options, NULL), 0);
	assert_int_equal(vs_records_next(&records, &arena, &input, &error), 1);
	assert_string_equal(input.id, "10");
	assert_int_equal(vs_records_place(&records), 0);
	assert_int_equal(vs_records_next(&records, &arena, &input, &error), 1);
	assert_string_equal(input.id, "11");
	assert_true(input.dimension == 2 && input.vector[1] == 4.0f);
	assert_int_equal(vs_records_next(&records, &arena, &input, &error), VS_EINVAL);
	assert_int_equal(vs_records_place(&records), 2);
	vs_records_close(&records);
	rows[0].dimension = 1 << 20;
	write_file(rows, sizeof rows);
	assert_int_equal(vs_records_open(&records, path, &options, NULL), 0);
	assert_int_equal(vs_records_next(&records, &arena, &input, &error), VS_EINVAL);
	assert_non_null(strstr(error.text, "1048576 dimensions"));
	vs_records_close(&records);
	vs_arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines), cmocka_unit_test(bad_lines_name_their_fault),
		cmocka_unit_test(long_lines), cmocka_unit_test(gzip_whole_and_cut_off),
		cmocka_unit_test(fvecs),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int failed = cmocka_run_group_tests_name("jsonl", tests, NULL, NULL);
	unlink(path);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Columns: what is written is read, on all sides of a restart, another boot and damage; and never anything else. */
#include "store_fixture.h"

#include "base/checksum.h"
#include "store/columns_impl.h"

#define BLOCK VS_COLUMNS_BLOCK

/* The test's model: field f of slot s has value (s * 7 + f) % (50 + f) as a number, every 11th is missing, every 13th
 * has to be asked of the row, every 17th is a text, and every 19th an array. */
static const char *const paths[] = { "\1\0a", "\1\0b", "\1\0s\1\0x" };
static const size_t path_lens[] = { 3, 3, 6 };

static struct vs_column_value value_of(uint32_t field, uint32_t slot, char text[32])
{
	struct vs_column_value value = { .kind = VS_COLUMN_INTEGER, .integer = (slot * 7 + field) % (50 + field) };

	if (slot % 17 != 0 && slot % 19 != 0)
		return value;
	value.kind = slot % 17 == 0 ? VS_COLUMN_TEXT : VS_COLUMN_ARRAY;
	value.text.data = text;
	value.text.len = (uint32_t)snprintf(text, 32, "[\"text %u\"]", slot % 31);
	return value;
}

static void fill_block(struct vs_columns_writer *writer)
{
	uint32_t first = vs_columns_writer_next(writer);
	char text[32];

	for (uint32_t f = 0; f < 3; f++) {
		if (f == 2 && first == 0)
			continue; /* comes with the second block */
		if (vs_columns_writer_fields(writer) <= f)
			assert_int_equal(vs_columns_writer_add(writer, paths[f], path_lens[f]), f);
		for (uint32_t i = 0; i < BLOCK; i++) {
			struct vs_column_value value = value_of(f, first + i, text);
			if ((first + i) % 11 != 0)
				assert_int_equal(vs_columns_writer_put(writer, f, i, (first + i) % 13 == 0 ? NULL : &value, &error), 0);
		}
	}
	assert_int_equal(vs_columns_writer_seal(writer, &error), 0);
}

static struct vs_columns_writer *writer_open(void)
{
	struct vs_columns_writer *writer;

	assert_int_equal(vs_columns_writer_open(folder, 1, &writer, &error), 0);
	return writer;
}

static struct vs_columns *reader_open(void)
{
	struct vs_columns *columns;

	assert_int_equal(vs_columns_open(folder, 1, &columns, &error), 0);
	vs_columns_refresh(columns);
	return columns;
}

static bool same(const struct vs_column_value *a, const struct vs_column_value *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == VS_COLUMN_TEXT || a->kind == VS_COLUMN_ARRAY)
		return a->text.len == b->text.len && memcmp(a->text.data, b->text.data, a->text.len) == 0;
	return a->integer == b->integer;
}

/* Compares all that a column says up to slot `to` with the model; returns how far it says something. */
static uint32_t compare(struct vs_columns *columns, uint32_t field, uint32_t to)
{
	static struct vs_column_value values[4096];
	struct vs_column *column = vs_columns_find(columns, paths[field], path_lens[field]);
	uint32_t ready, entries;
	char text[32];

	if (column == NULL)
		return 0;
	ready = vs_column_load(columns, column, to);
	assert_true(ready <= to && ready % BLOCK == 0);
	struct vs_column_cursor cursor = vs_column_walk(column);
	for (entries = 0; vs_column_next(&cursor, &values[entries]);)
		entries++;
	assert_int_equal(entries, vs_column_entries(column));
	for (uint32_t slot = 0; slot < ready; slot++) {
		const uint32_t *codes = vs_column_codes(column, slot / BLOCK);
		uint32_t code = codes != NULL ? codes[slot % BLOCK] : VS_COLUMN_MISSING;
		struct vs_column_value value = value_of(field, slot, text);
		if (slot % 11 == 0 || (field == 2 && slot < BLOCK)) {
			assert_int_equal(code, VS_COLUMN_MISSING);
		} else if (slot % 13 == 0) {
			assert_int_equal(code, VS_COLUMN_ASK);
		} else {
			assert_true(code - VS_COLUMN_VALUE < entries);
			assert_true(same(&values[code - VS_COLUMN_VALUE], &value));
		}
	}
	return ready;
}

static void expect(uint32_t to)
{
	struct vs_columns *columns = reader_open();

	for (uint32_t field = 0; field < 3; field++)
		assert_int_equal(compare(columns, field, to), to);
	vs_columns_close(columns);
}

static void test_what_is_sealed_is_read(void **state)
{
	struct vs_columns *columns = reader_open();
	struct vs_columns_writer *writer;

	(void)state;
	assert_null(vs_columns_find(columns, paths[0], path_lens[0]));
	writer = writer_open();
	for (uint32_t blocks = 1; blocks <= 40; blocks++) {
		fill_block(writer);
		vs_columns_refresh(columns); /* a reader that goes along */
		assert_int_equal(compare(columns, 0, blocks * BLOCK), blocks * BLOCK);
		assert_int_equal(compare(columns, 2, blocks * BLOCK + 7), blocks > 1 ? blocks * BLOCK : 0);
	}
	expect(40 * BLOCK);
	assert_null(vs_columns_find(columns, "\1\0z", 3));
	vs_columns_writer_close(writer);
	vs_columns_close(columns);
	assert_int_equal(vs_columns_open(folder, 2, &columns, &error), 0); /* of another generation nothing is seen */
	vs_columns_refresh(columns);
	assert_null(vs_columns_find(columns, paths[0], path_lens[0]));
	vs_columns_close(columns);
}

static void test_another_writer_goes_on(void **state)
{
	(void)state;
	for (uint32_t blocks = 1; blocks <= 6; blocks++) {
		struct vs_columns_writer *writer = writer_open();
		assert_int_equal(vs_columns_writer_next(writer), (blocks - 1) * BLOCK);
		fill_block(writer);
		vs_columns_writer_close(writer);
	}
	expect(6 * BLOCK);
}

/* Killed between two columns: the one that is ahead keeps what was sealed. */
static void test_columns_of_different_length(void **state)
{
	struct vs_columns_writer *writer = writer_open();
	uint32_t filled = 3 * BLOCK;

	(void)state;
	for (int i = 0; i < 5; i++)
		fill_block(writer);
	vs_columns_writer_close(writer);
	put_bytes("columns/c001.codes", 64, &filled, sizeof(filled));
	writer = writer_open();
	assert_int_equal(vs_columns_writer_next(writer), 3 * BLOCK);
	for (int i = 0; i < 4; i++)
		fill_block(writer);
	vs_columns_writer_close(writer);
	expect(7 * BLOCK);
}

static void test_another_boot(void **state)
{
	struct vs_columns_writer *writer;
	struct vs_columns *columns;
	uint32_t nonsense = 0x5a5a5a5a;

	(void)state;
	setenv("VECSTORE_BOOT_ID", "one", 1);
	writer = writer_open();
	for (int i = 0; i < 3; i++)
		fill_block(writer);
	assert_int_equal(vs_columns_writer_checkpoint(writer, &error), 0);
	for (int i = 0; i < 3; i++)
		fill_block(writer);
	vs_columns_writer_close(writer);
	expect(6 * BLOCK);
	put_bytes("columns/c000.codes", 4096 + 4 * 4160 + 100, &nonsense, 4); /* was lost with the power */
	setenv("VECSTORE_BOOT_ID", "two", 1);
	columns = reader_open();
	assert_int_equal(compare(columns, 0, 6 * BLOCK), 3 * BLOCK);
	writer = writer_open();
	assert_int_equal(vs_columns_writer_next(writer), 3 * BLOCK);
	for (int i = 0; i < 4; i++)
		fill_block(writer);
	assert_int_equal(compare(columns, 1, 7 * BLOCK), 7 * BLOCK);
	vs_columns_writer_close(writer);
	vs_columns_close(columns);
	expect(7 * BLOCK);
	unsetenv("VECSTORE_BOOT_ID");
}

/* Whatever byte is wrong: readers say less, never anything else, and the next writer begins anew or goes on. */
static void test_damage(void **state)
{
	static const char *const files[] = { "columns/manifest", "columns/c000.codes", "columns/c000.dict", "columns/c002.codes" };
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct vs_columns_writer *writer = writer_open();
		struct vs_columns *columns;
		const char *file = files[round % 4];
		off_t end;
		if (vs_columns_writer_next(writer) < 3 * BLOCK)
			for (int i = 0; i < 3; i++)
				fill_block(writer);
		vs_columns_writer_close(writer);
		random = random * 6364136223846793005u + 1442695040888963407u;
		end = size_of(file);
		if (round % 20 == 19)
			cut(file, (off_t)(random >> 33) % end);
		else /* the headers more often than the rest */
			flip_byte(file, (off_t)(random >> 33) % (round % 3 == 0 || end < 200 ? (end < 200 ? end : 200) : end));
		columns = reader_open();
		for (uint32_t field = 0; field < 3; field++)
			(void)compare(columns, field, 3 * BLOCK);
		vs_columns_close(columns);
		writer = writer_open();
		while (vs_columns_writer_next(writer) < 3 * BLOCK)
			fill_block(writer);
		vs_columns_writer_close(writer);
		columns = reader_open();
		for (uint32_t field = 0; field < 3; field++)
			assert_int_equal(compare(columns, field, 3 * BLOCK), 3 * BLOCK);
		vs_columns_close(columns);
	}
}

static uint32_t get_word(const char *name, off_t at)
{
	uint32_t word;
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, &word, 4, at), 4);
	close(fd);
	return word;
}

/* Puts the checksum of [from, to) at a place. */
static void seal(const char *name, off_t from, off_t to, off_t at)
{
	static unsigned char bytes[VS_COLUMNS_HEADER + sizeof(struct vs_columns_block)];
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	uint32_t crc;

	assert_int_equal(pread(fd, bytes, (size_t)(to - from), from), to - from);
	close(fd);
	crc = vs_crc32(bytes, (size_t)(to - from));
	put_bytes(name, at, &crc, 4);
}

/* What cannot be so, under right checksums: as a version that is not this one's, or a bug, would write it. */
static void test_nonsense_that_is_sealed(void **state)
{
	enum { BLOCK_AT = VS_COLUMNS_HEADER, LAST = 4 };
	static const struct {
		const char *file;
		off_t at;
		off_t from, to, crc; /* of the innermost checksum; then that of its block or head */
		off_t outer_from, outer_to, outer_crc;
	} spoilt[] = {
		/* The head of each file: version, generation, place or count, pair, first or bytes. */
		{ "columns/manifest", 16, 0, 60, 60, 0, 0, 0 },           { "columns/manifest", 24, 0, 60, 60, 0, 0, 0 },
		{ "columns/manifest", 28, 0, 60, 60, 0, 0, 0 },           { "columns/manifest", 32, 0, 60, 60, 0, 0, 0 },
		{ "columns/manifest", 40, 0, 60, 60, 0, 0, 0 },           { "columns/c000.codes", 16, 0, 60, 60, 0, 0, 0 },
		{ "columns/c000.codes", 24, 0, 60, 60, 0, 0, 0 },         { "columns/c000.codes", 28, 0, 60, 60, 0, 0, 0 },
		{ "columns/c000.codes", 32, 0, 60, 60, 0, 0, 0 },         { "columns/c000.codes", 40, 0, 60, 60, 0, 0, 0 },
		{ "columns/c000.dict", 28, 0, 60, 60, 0, 0, 0 },          { "columns/c000.dict", 32, 0, 60, 60, 0, 0, 0 },
		{ "columns/c000.dict", 40, 0, 60, 60, 0, 0, 0 },
		/* The first field of the manifest: its length, whether it has a column. */
		{ "columns/manifest", 64, 64, 99, 44, 0, 60, 60 },        { "columns/manifest", 66, 64, 99, 44, 0, 60, 60 },
		/* The first block: number, pair, place, entries, bytes of the dictionary before and after it. */
		{ "columns/c000.codes", BLOCK_AT + 4, BLOCK_AT + 4, BLOCK_AT + 4160, BLOCK_AT, 0, 0, 0 },
		{ "columns/c000.codes", BLOCK_AT + 8, BLOCK_AT + 4, BLOCK_AT + 4160, BLOCK_AT, 0, 0, 0 },
		{ "columns/c000.codes", BLOCK_AT + 16, BLOCK_AT + 4, BLOCK_AT + 4160, BLOCK_AT, 0, 0, 0 },
		{ "columns/c000.codes", BLOCK_AT + 20, BLOCK_AT + 4, BLOCK_AT + 4160, BLOCK_AT, 0, 0, 0 },
		{ "columns/c000.codes", BLOCK_AT + 24, BLOCK_AT + 4, BLOCK_AT + 4160, BLOCK_AT, 0, 0, 0 },
		{ "columns/c000.codes", BLOCK_AT + 28, BLOCK_AT + 4, BLOCK_AT + 4160, BLOCK_AT, 0, 0, 0 },
	};
	static const uint32_t values[] = { 0, 2, 0x7fff, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < LAST * sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		size_t which = i / LAST;
		const char *file = spoilt[which].file;
		uint32_t value = values[i % LAST];
		struct vs_columns_writer *writer = writer_open();
		struct vs_columns *columns;
		while (vs_columns_writer_next(writer) < 2 * BLOCK)
			fill_block(writer);
		vs_columns_writer_close(writer);
		if (get_word(file, spoilt[which].at) == value || (value == 0 && (spoilt[which].at == 16 || spoilt[which].at == 66)))
			continue; /* an older version, a field without a column */
		put_bytes(file, spoilt[which].at, &value, spoilt[which].at == 64 || spoilt[which].at == 66 ? 2 : 4);
		seal(file, spoilt[which].from, spoilt[which].from == 64 ? size_of(file) : spoilt[which].to, spoilt[which].crc);
		if (spoilt[which].outer_crc != 0)
			seal(file, spoilt[which].outer_from, spoilt[which].outer_to, spoilt[which].outer_crc);
		columns = reader_open();
		assert_int_equal(compare(columns, 0, 2 * BLOCK), 0); /* nothing is said of it */
		(void)compare(columns, 1, 2 * BLOCK);
		vs_columns_close(columns);
		writer = writer_open();
		assert_int_equal(vs_columns_writer_next(writer), 0);
		vs_columns_writer_close(writer);
	}
}

static void test_files_that_go(void **state)
{
	static const char *const files[] = { "columns/manifest", "columns/c000.codes", "columns/c001.dict" };
	struct vs_columns *columns = reader_open();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct vs_columns_writer *writer = writer_open();
		while (vs_columns_writer_next(writer) < 3 * BLOCK)
			fill_block(writer);
		assert_false(vs_columns_writer_stale(writer));
		vs_columns_refresh(columns);
		assert_int_equal(compare(columns, 0, 2 * BLOCK), 2 * BLOCK);
		assert_int_equal(unlink(path_of(files[i])), 0);
		assert_true(vs_columns_writer_stale(writer));
		(void)compare(columns, 0, 3 * BLOCK);
		(void)compare(columns, 1, 3 * BLOCK);
		vs_columns_writer_close(writer);
		writer = writer_open();
		assert_int_equal(vs_columns_writer_next(writer), 0);
		for (int b = 0; b < 5; b++)
			fill_block(writer);
		vs_columns_refresh(columns);
		assert_int_equal(compare(columns, 0, 5 * BLOCK), 5 * BLOCK);
		assert_int_equal(compare(columns, 1, 5 * BLOCK), 5 * BLOCK);
		vs_columns_writer_close(writer);
	}
	vs_columns_close(columns);
}

static void name_of(uint32_t number, char path[8])
{
	path[0] = 4;
	path[1] = 0;
	snprintf(path + 2, 6, "f%03u", number);
}

/* 300 fields at once: those that hold a scalar in the most records get the 64 columns; what has none never gets one. */
static void test_the_most_frequent_fields(void **state)
{
	struct vs_columns_writer *writer = writer_open();
	struct vs_columns *columns;
	struct vs_column_value value = { .kind = VS_COLUMN_NULL };
	char path[8];

	(void)state;
	for (uint32_t f = 0; f < 300; f++) {
		name_of(f, path);
		assert_int_equal(vs_columns_writer_add(writer, path, 6), f < VS_COLUMNS_FIELDS_MAX ? (int)f : -1);
		for (uint32_t i = 0; f < VS_COLUMNS_FIELDS_MAX && i < (f * 37) % 251 + 1; i++)
			assert_int_equal(vs_columns_writer_put(writer, f, i, f % 10 == 0 ? NULL : &value, &error), 0);
	}
	assert_int_equal(vs_columns_writer_seal(writer, &error), 0);
	vs_columns_writer_close(writer);
	columns = reader_open();
	uint32_t stored = 0, least = UINT32_MAX, most = 0;
	for (uint32_t f = 0; f < VS_COLUMNS_FIELDS_MAX; f++) {
		uint32_t records = (f * 37) % 251 + 1;
		name_of(f, path);
		if (vs_columns_find(columns, path, 6) != NULL) {
			assert_int_not_equal(f % 10, 0); /* nothing but arrays and objects */
			stored++;
			least = records < least ? records : least;
		} else if (f % 10 != 0 && records > most) {
			most = records;
		}
	}
	assert_int_equal(stored, VS_COLUMNS_MAX);
	assert_true(least >= most);
	vs_columns_close(columns);
	writer = writer_open();
	assert_int_equal(vs_columns_writer_next(writer), BLOCK);
	assert_int_equal(vs_columns_writer_fields(writer), VS_COLUMNS_FIELDS_MAX);
	vs_columns_writer_close(writer);
}

static void test_bounds(void **state)
{
	static char text[VS_COLUMNS_PATH_MAX + 1];
	struct vs_columns_writer *writer = writer_open();
	struct vs_column_value value = { .kind = VS_COLUMN_TEXT };
	struct vs_columns *columns;
	struct vs_column *column;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(vs_columns_writer_add(writer, text, sizeof(text)), -1);
	assert_int_equal(vs_columns_writer_add(writer, paths[0], path_lens[0]), 0);
	value.text.data = text;
	for (uint32_t len = 0; len <= VS_COLUMNS_TEXT_MAX + 1; len++) {
		value.text.len = len;
		assert_int_equal(vs_columns_writer_put(writer, 0, len, &value, &error), 0);
	}
	assert_int_equal(vs_columns_writer_seal(writer, &error), 0);
	columns = reader_open();
	column = vs_columns_find(columns, paths[0], path_lens[0]);
	assert_non_null(column);
	assert_int_equal(vs_column_load(columns, column, BLOCK), BLOCK);
	assert_int_equal(vs_column_entries(column), VS_COLUMNS_TEXT_MAX + 1);
	assert_int_equal(vs_column_codes(column, 0)[VS_COLUMNS_TEXT_MAX], VS_COLUMN_VALUE + VS_COLUMNS_TEXT_MAX);
	assert_int_equal(vs_column_codes(column, 0)[VS_COLUMNS_TEXT_MAX + 1], VS_COLUMN_ASK);
	vs_columns_close(columns);
	vs_columns_writer_close(writer);
}

static void test_arrays_are_arrays(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} entries[] = { { "[]", true }, { "[1]", true }, { "", false }, { "[", false }, { "[1", false }, { "1]", false } };

	(void)state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		uint32_t bytes[2] = { (uint32_t)VS_COLUMN_ARRAY << 24 | (uint32_t)strlen(entries[i].text), 0 };
		const unsigned char *at = (const unsigned char *)bytes;
		struct vs_column_value value;
		memcpy(&bytes[1], entries[i].text, strlen(entries[i].text));
		assert_int_equal(vs_columns_entry(&at, at + sizeof(bytes), &value), entries[i].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_sealed_is_read, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_another_writer_goes_on, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_columns_of_different_length, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_another_boot, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_damage, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_nonsense_that_is_sealed, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_files_that_go, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_the_most_frequent_fields, folder_make, folder_remove),
		cmocka_unit_test_setup_teardown(test_bounds, folder_make, folder_remove),
		cmocka_unit_test(test_arrays_are_arrays),
	};

	return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}

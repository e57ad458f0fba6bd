/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of rows: what is found is what meta.db says, on all sides of a restart, another boot and damage; or nothing is. */
#include "store_fixture.h"

#include <inttypes.h>

#include "base/arena.h"
#include "store/meta.h"
#include "store/rows.h"

#define BLOCK VS_ROWS_BLOCK

static struct vs_meta *meta;
static struct vs_arena arena;
static uint64_t now = UINT64_C(1000000000000); /* the test's clock, ns */

/* The test's model: slot s holds "id s" in version s % 5 + 1, every 19th slot none, and every 7th a row too large for a
 * copy. */
static struct vs_meta_row row_of(uint32_t slot)
{
	static char id[32], metadata[4096];
	struct vs_meta_row row = { .slot = slot, .id = id, .version = slot % 5 + 1, .metadata = metadata };

	row.created_at = 1700000000000 + slot;
	row.updated_at = row.created_at + slot % 3;
	row.id_len = (size_t)snprintf(id, sizeof(id), "id %" PRIu32, slot);
	row.metadata_len =
	    (size_t)snprintf(metadata, sizeof(metadata), "{\"n\":\"%*" PRIu32 "\"}", slot % 7 == 0 ? 2000 : (int)slot % 60, slot);
	return row;
}

static bool there(uint32_t slot)
{
	return slot % 19 != 0;
}

static bool small(uint32_t slot)
{
	return slot % 7 != 0;
}

static void put_rows(uint32_t from, uint32_t to)
{
	struct vs_meta_state state;

	assert_int_equal(vs_meta_begin_write(meta, &state, &error), 0);
	for (uint32_t slot = from; slot < to; slot++) {
		struct vs_meta_row row = row_of(slot);
		if (!there(slot))
			continue;
		assert_int_equal(vs_meta_put(meta, &row, &error), 0);
		state.active++;
	}
	state.next_slot = to;
	assert_int_equal(vs_meta_commit(meta, &state, &error), 0);
}

static int meta_make(void **state)
{
	const struct vs_meta_options options = { 1, 4, VS_COSINE, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61, 0 };

	if (folder_make(state) != 0 || vs_meta_create(folder, &options, &error) < 0)
		return -1;
	return vs_meta_open(folder, 1000, &meta, &error);
}

static int meta_remove(void **state)
{
	vs_meta_close(meta);
	vs_arena_release(&arena);
	unsetenv("VECSTORE_BOOT_ID");
	return folder_remove(state);
}

static struct vs_rows_writer *writer_open(void)
{
	struct vs_rows_writer *writer;
	struct vs_meta_state state;

	assert_int_equal(vs_meta_begin(meta, &state, &error), 0);
	assert_int_equal(vs_rows_writer_open(folder, 1, state.next_slot, &writer, &error), 0);
	vs_meta_end(meta);
	return writer;
}

/* Returns how many blocks were copied. */
static int fill(struct vs_rows_writer *writer)
{
	struct vs_meta_state state;
	int filled;

	assert_int_equal(vs_meta_begin(meta, &state, &error), 0);
	filled = vs_rows_writer_fill(writer, meta, state.next_slot, 1000, &error);
	vs_meta_end(meta);
	assert_true(filled >= 0);
	return filled;
}

static void fill_and_close(int blocks)
{
	struct vs_rows_writer *writer = writer_open();
	bool worked;

	assert_int_equal(fill(writer), blocks);
	assert_int_equal(vs_rows_writer_checkpoint(writer, &worked, &error), 0);
	vs_rows_writer_close(writer);
}

static struct vs_rows *reader_open(uint32_t next_slot)
{
	struct vs_rows *rows;

	assert_int_equal(vs_rows_open(folder, 1, &rows, &error), 0);
	vs_rows_refresh(rows, next_slot, now);
	return rows;
}

/* All that is found is as the model says; returns how much is. */
static uint32_t compare(struct vs_rows *rows, uint32_t slots)
{
	uint32_t found = 0;

	for (uint32_t slot = 0; slot < slots; slot++) {
		struct vs_meta_row want = row_of(slot), row;
		struct vs_hit hit = { 0, slot };
		vs_arena_reset(&arena);
		vs_rows_prefetch(rows, &hit, 1);
		if (!vs_rows_find(rows, slot, &arena, &row))
			continue;
		found++;
		assert_true(there(slot) && small(slot));
		assert_int_equal(row.slot, slot);
		assert_int_equal(row.version, want.version);
		assert_int_equal(row.created_at, want.created_at);
		assert_int_equal(row.updated_at, want.updated_at);
		assert_int_equal(row.deleted_at, 0);
		assert_int_equal(row.id_len, want.id_len);
		assert_string_equal(row.id, want.id);
		assert_int_equal(row.metadata_len, want.metadata_len);
		assert_string_equal(row.metadata, want.metadata);
	}
	return found;
}

static uint32_t expected(uint32_t slots)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < slots; slot++)
		count += there(slot) && small(slot);
	return count;
}

static void expect_all(uint32_t slots)
{
	struct vs_rows *rows = reader_open(slots);

	assert_int_equal(compare(rows, slots + BLOCK), expected(slots));
	assert_int_equal(vs_rows_damaged(rows), 0);
	vs_rows_close(rows);
}

static void test_whole_blocks_are_copied(void **state)
{
	struct vs_rows *rows = reader_open(10 * BLOCK);

	(void)state;
	assert_int_equal(compare(rows, 10), 0); /* without files */
	assert_int_equal(vs_rows_damaged(rows), 0);
	vs_rows_close(rows);
	put_rows(0, BLOCK - 1);
	fill_and_close(0);
	expect_all(0);
	put_rows(BLOCK - 1, 2 * BLOCK + 5);
	fill_and_close(2);
	expect_all(2 * BLOCK);
	fill_and_close(0);
	put_rows(2 * BLOCK + 5, 5 * BLOCK);
	fill_and_close(3);
	expect_all(5 * BLOCK);
}

/* An open reader sees what is copied, at most a tenth of a second later, whether the files grew or were made anew. */
static void test_a_reader_follows(void **state)
{
	struct vs_rows *rows = reader_open(BLOCK);
	struct vs_rows_writer *writer;

	(void)state;
	writer = writer_open();
	for (uint32_t blocks = 1; blocks <= 30; blocks++) {
		put_rows((blocks - 1) * BLOCK, blocks * BLOCK);
		assert_int_equal(fill(writer), 1);
		now += 200000000;
		vs_rows_refresh(rows, blocks * BLOCK, now);
		assert_int_equal(compare(rows, blocks * BLOCK), expected(blocks * BLOCK));
	}
	unlink(path_of("rows.idx"));
	assert_true(vs_rows_writer_stale(writer));
	vs_rows_writer_close(writer);
	vs_rows_refresh(rows, 30 * BLOCK, now);
	assert_int_equal(compare(rows, 30 * BLOCK), expected(30 * BLOCK)); /* what is mapped stays right */
	put_rows(30 * BLOCK, 31 * BLOCK);
	fill_and_close(31);
	vs_rows_refresh(rows, 31 * BLOCK, now + 1);
	assert_int_equal(compare(rows, 31 * BLOCK), expected(30 * BLOCK)); /* looked just before */
	now += 200000000;
	vs_rows_refresh(rows, 31 * BLOCK, now);
	assert_int_equal(compare(rows, 31 * BLOCK), expected(31 * BLOCK));
	vs_rows_close(rows);
}

static void test_after_another_boot_it_goes_on_from_the_checkpoint(void **state)
{
	struct vs_rows_writer *writer;
	struct vs_rows *rows;

	(void)state;
	setenv("VECSTORE_BOOT_ID", "one", 1);
	put_rows(0, 3 * BLOCK);
	fill_and_close(3);
	put_rows(3 * BLOCK, 5 * BLOCK);
	writer = writer_open();
	assert_int_equal(fill(writer), 2);
	vs_rows_writer_close(writer);
	fill_and_close(0);
	put_rows(5 * BLOCK, 7 * BLOCK);
	writer = writer_open();
	assert_int_equal(fill(writer), 2);
	vs_rows_writer_close(writer);
	/* The power fails: some of the two blocks is lost. */
	for (off_t at = size_of("rows.dat") / 8 * 6; at < size_of("rows.dat"); at += 512)
		put_bytes("rows.dat", at, (char[64]){ 0 }, 64);
	setenv("VECSTORE_BOOT_ID", "two", 1);
	rows = reader_open(7 * BLOCK);
	assert_true(compare(rows, 7 * BLOCK) < expected(7 * BLOCK));
	vs_rows_close(rows);
	fill_and_close(2);
	expect_all(7 * BLOCK);
}

static void test_files_of_another_generation_are_not_used(void **state)
{
	struct vs_rows *rows;

	(void)state;
	put_rows(0, BLOCK);
	fill_and_close(1);
	assert_int_equal(vs_rows_open(folder, 2, &rows, &error), 0);
	vs_rows_refresh(rows, BLOCK, now);
	assert_int_equal(compare(rows, BLOCK), 0);
	vs_rows_close(rows);
}

/* An older meta.db was put back beside them: its next records will be others. */
static void test_files_of_a_later_time_are_begun_anew(void **state)
{
	struct vs_rows_writer *writer;

	(void)state;
	put_rows(0, 2 * BLOCK);
	fill_and_close(2);
	assert_int_equal(vs_rows_writer_open(folder, 1, 2 * BLOCK - 1, &writer, &error), 0);
	vs_rows_writer_close(writer);
	expect_all(0);
	fill_and_close(2);
	expect_all(2 * BLOCK);
}

/* Of two sets of files, one from each. */
static void test_files_of_two_sets_are_not_used(void **state)
{
	struct vs_rows *rows;
	char other[420];

	(void)state;
	put_rows(0, BLOCK);
	fill_and_close(1);
	snprintf(other, sizeof(other), "%s.old", path_of("rows.dat"));
	assert_int_equal(rename(path_of("rows.dat"), other), 0);
	fill_and_close(1);
	assert_int_equal(rename(other, path_of("rows.dat")), 0);
	rows = reader_open(BLOCK);
	assert_int_equal(compare(rows, BLOCK), 0);
	vs_rows_close(rows);
	fill_and_close(1);
	expect_all(BLOCK);
}

/* Bits are flipped and ends cut off anywhere: what is found is right, and the next writer makes all of it again. */
static void test_damage_is_refused_and_mended(void **state)
{
	static const char *const names[] = { "rows.idx", "rows.dat" };
	uint64_t seed = 7;
	bool worked;

	(void)state;
	put_rows(0, 2 * BLOCK);
	fill_and_close(2);
	for (unsigned i = 0; i < 100; i++) {
		const char *name = names[i % 2];
		off_t used = i % 2 == 0 ? 4096 + 2 * BLOCK * 8 : size_of(name);
		struct vs_rows_writer *writer;
		struct vs_rows *rows;
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if (i % 10 == 9)
			cut(name, (off_t)((seed >> 33) % (uint64_t)used));
		else
			for (unsigned n = 0; n <= i % 4; n++)
				flip_byte(name, (off_t)((seed >> (20 + n)) % (uint64_t)used));
		rows = reader_open(2 * BLOCK);
		assert_true(compare(rows, 2 * BLOCK) <= expected(2 * BLOCK));
		vs_rows_close(rows);
		writer = writer_open();
		(void)fill(writer);
		assert_int_equal(vs_rows_writer_checkpoint(writer, &worked, &error), 0);
		vs_rows_writer_close(writer);
		rows = reader_open(2 * BLOCK);
		/* A place that became zero reads as "ask meta.db". */
		assert_true(compare(rows, 2 * BLOCK) >= expected(2 * BLOCK) - 1);
		assert_int_equal(vs_rows_damaged(rows), 0);
		vs_rows_close(rows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole_blocks_are_copied, meta_make, meta_remove),
		cmocka_unit_test_setup_teardown(test_a_reader_follows, meta_make, meta_remove),
		cmocka_unit_test_setup_teardown(test_after_another_boot_it_goes_on_from_the_checkpoint, meta_make, meta_remove),
		cmocka_unit_test_setup_teardown(test_files_of_another_generation_are_not_used, meta_make, meta_remove),
		cmocka_unit_test_setup_teardown(test_files_of_a_later_time_are_begun_anew, meta_make, meta_remove),
		cmocka_unit_test_setup_teardown(test_files_of_two_sets_are_not_used, meta_make, meta_remove),
		cmocka_unit_test_setup_teardown(test_damage_is_refused_and_mended, meta_make, meta_remove),
	};

	return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}

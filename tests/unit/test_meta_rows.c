/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include "store/meta.h"

static struct vs_meta *meta;
static struct vs_meta_state now;
static struct vs_meta_row row;

static int setup(void **state)
{
	if (folder_make(state) != 0)
		return -1;
	struct vs_meta_options options = { 1, 0, VS_COSINE, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61, 0 };
	assert_int_equal(vs_meta_create(folder, &options, &error), 0);
	assert_int_equal(vs_meta_open(folder, 100, &meta, &error), 0);
	return vs_meta_begin_write(meta, &now, &error);
}

static int teardown(void **state)
{
	vs_meta_close(meta);
	return folder_remove(state);
}

static int put(uint32_t slot, const char *id, int64_t version, const char *metadata)
{
	struct vs_meta_row fresh = { .slot = slot,
		                         .id = id,
		                         .id_len = strlen(id),
		                         .version = version,
		                         .created_at = 1000 + version,
		                         .updated_at = 2000 + version,
		                         .metadata = metadata,
		                         .metadata_len = strlen(metadata) };

	return vs_meta_put(meta, &fresh, &error);
}

static int find(const char *id)
{
	error = (struct vs_error){ 0 };
	return vs_meta_find(meta, id, strlen(id), &row, &error);
}

static void put_and_find(void **state)
{
	(void)state;
	assert_int_equal(find("a"), VS_ENOTFOUND);
	assert_int_equal(error.code, VS_ENOTFOUND);
	assert_int_equal(put(0, "a", 1, "{\"x\":1}"), 0);
	assert_int_equal(put(1, "b", 1, "{}"), 0);
	assert_int_equal(find("a"), 0);
	assert_int_equal(row.slot, 0);
	assert_int_equal(row.id_len, 1);
	assert_memory_equal(row.id, "a", 1);
	assert_int_equal(row.version, 1);
	assert_int_equal(row.created_at, 1001);
	assert_int_equal(row.updated_at, 2001);
	assert_int_equal(row.deleted_at, 0);
	assert_int_equal(row.metadata_len, 7);
	assert_string_equal(row.metadata, "{\"x\":1}");
	assert_int_equal(vs_meta_get(meta, 1, &row, &error), 0);
	assert_memory_equal(row.id, "b", 1);
	assert_int_equal(vs_meta_get(meta, 2, &row, &error), VS_ENOTFOUND);
	/* Replaced: the id moves to its new slot, and nothing is left in the old one. */
	assert_int_equal(put(2, "a", 2, "{}"), 0);
	assert_int_equal(find("a"), 0);
	assert_int_equal(row.slot, 2);
	assert_int_equal(row.version, 2);
	assert_int_equal(vs_meta_get(meta, 0, &row, &error), VS_ENOTFOUND);
	/* In place as well. */
	assert_int_equal(put(2, "a", 3, "{}"), 0);
	assert_int_equal(vs_meta_get(meta, 2, &row, &error), 0);
	assert_int_equal(row.version, 3);
	/* I2: a slot that another id holds is not taken over. */
	assert_int_equal(put(1, "c", 1, "{}"), VS_ECONFLICT);
	assert_int_equal(put(1, "a", 4, "{}"), VS_ECONFLICT);
	assert_int_equal(vs_meta_get(meta, 1, &row, &error), 0);
	assert_memory_equal(row.id, "b", 1);
}

static void large_values(void **state)
{
	static char id[VS_ID_MAX], metadata[1 << 20];
	struct vs_meta_row fresh = { .slot = 5,
		                         .id = id,
		                         .id_len = sizeof(id),
		                         .version = 1,
		                         .metadata = metadata,
		                         .metadata_len = sizeof(metadata) };
	(void)state;

	memset(id, 'i', sizeof(id));
	memset(metadata, 'm', sizeof(metadata));
	assert_int_equal(vs_meta_put(meta, &fresh, &error), 0);
	assert_int_equal(vs_meta_find(meta, id, sizeof(id), &row, &error), 0);
	assert_int_equal(row.id_len, sizeof(id));
	assert_int_equal(row.metadata_len, sizeof(metadata));
	assert_memory_equal(row.metadata, metadata, sizeof(metadata));
	assert_int_equal(vs_meta_find(meta, id, sizeof(id) - 1, &row, &error), VS_ENOTFOUND);
	fresh.metadata_len = (size_t)1 << 32;
	assert_int_equal(vs_meta_put(meta, &fresh, &error), VS_ETOOBIG);
}

static void deletion(void **state)
{
	(void)state;
	assert_int_equal(put(0, "a", 1, "{}"), 0);
	assert_int_equal(vs_meta_set_deleted(meta, 0, 77, &error), 0);
	assert_int_equal(find("a"), 0);
	assert_int_equal(row.deleted_at, 77);
	assert_int_equal(vs_meta_set_deleted(meta, 0, 0, &error), 0);
	assert_int_equal(find("a"), 0);
	assert_int_equal(row.deleted_at, 0);
	assert_int_equal(vs_meta_set_deleted(meta, 9, 1, &error), VS_ENOTFOUND);
	/* The row that was lent does not hinder the removal. */
	assert_int_equal(vs_meta_remove(meta, 0, &error), 0);
	assert_int_equal(vs_meta_remove(meta, 0, &error), VS_ENOTFOUND);
	assert_int_equal(find("a"), VS_ENOTFOUND);
}

struct list {
	char text[200];
	size_t most;
};

static int note(void *context, const struct vs_meta_row *one)
{
	struct list *list = context;

	strncat(list->text, one->id, one->id_len);
	strcat(list->text, " ");
	return --list->most == 0 ? 42 : 0;
}

static int note_id(void *context, const char *id, size_t id_len, uint32_t slot)
{
	struct vs_meta_row row_of = { .slot = slot, .id = id, .id_len = id_len };

	return note(context, &row_of);
}

static void scan_and_walk(void **state)
{
	/* In order of bytes: upper case first, longer after shorter, non-ASCII last. */
	static const char *const ids[] = { "b", "é", "a", "B", "ab", "\xf0\x9f\x98\x80", "10", "9" };
	struct list list = { "", 99 };
	(void)state;

	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(put(i * 2, ids[i], 1, "{}"), 0);
	assert_int_equal(vs_meta_scan(meta, 2, 10, note, &list, &error), 0);
	assert_string_equal(list.text, "é a B ab ");
	list = (struct list){ "", 2 };
	assert_int_equal(vs_meta_scan(meta, 0, UINT32_MAX, note, &list, &error), 42);
	assert_string_equal(list.text, "b é ");
	list = (struct list){ "", 99 };
	assert_int_equal(vs_meta_walk(meta, NULL, 0, note_id, &list, &error), 0);
	assert_string_equal(list.text, "10 9 B a ab b é \xf0\x9f\x98\x80 ");
	list = (struct list){ "", 3 };
	assert_int_equal(vs_meta_walk(meta, "B", 1, note_id, &list, &error), 42);
	assert_string_equal(list.text, "a ab b ");
	list = (struct list){ "", 99 };
	assert_int_equal(vs_meta_walk(meta, "aa", 2, note_id, &list, &error), 0);
	assert_string_equal(list.text, "ab b é \xf0\x9f\x98\x80 ");
}

static int put_until(uint32_t slot, const char *id, int64_t expires_at)
{
	struct vs_meta_row fresh = { .slot = slot,
		                         .id = id,
		                         .id_len = strlen(id),
		                         .version = 1,
		                         .metadata = "{}",
		                         .metadata_len = 2,
		                         .expires_at = expires_at };

	return vs_meta_put(meta, &fresh, &error);
}

static int note_slot(void *context, uint32_t slot, int64_t expires_at)
{
	char *text = context;

	snprintf(text + strlen(text), 40, "%u@%lld ", slot, (long long)expires_at);
	return 0;
}

static void expiries(void **state)
{
	char text[200] = "";
	int64_t next;
	(void)state;

	assert_int_equal(put_until(0, "never", 0), 0);
	assert_int_equal(put_until(1, "late", 3000), 0);
	assert_int_equal(put_until(2, "soon", 1000), 0);
	assert_int_equal(put_until(3, "then", 2000), 0);
	assert_int_equal(vs_meta_expired(meta, 999, note_slot, text, &error), 0);
	assert_string_equal(text, "");
	assert_int_equal(vs_meta_expired(meta, 2000, note_slot, text, &error), 0);
	assert_string_equal(text, "2@1000 3@2000 ");
	assert_int_equal(vs_meta_next_expiry(meta, 1000, &next, &error), 0);
	assert_int_equal(next, 2000);
	assert_int_equal(vs_meta_next_expiry(meta, 3000, &next, &error), 0);
	assert_int_equal(next, 0);
	assert_int_equal(find("late"), 0);
	assert_int_equal(row.expires_at, 3000);
	assert_int_equal(put_until(4, "soon", 0), 0); /* for good now */
	assert_int_equal(find("soon"), 0);
	assert_int_equal(row.expires_at, 0);
	/* The commit remembers the soonest that was put, whatever its caller says. */
	now.next_slot = 5;
	assert_int_equal(vs_meta_commit(meta, &now, &error), 0);
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), 0);
	assert_int_equal(now.expiry, 1000);
	now.expiry = 2000;
	assert_int_equal(vs_meta_commit(meta, &now, &error), 0);
	assert_int_equal(vs_meta_begin_write(meta, &now, &error), 0);
	assert_int_equal(now.expiry, 2000);
}

static int note_change(void *context, const struct vs_change *change)
{
	struct list *list = context;
	char text[64];

	snprintf(text, sizeof(text), "%d:%d:%u:%d ", (int)change->seq, (int)change->op, change->slot,
	         (int)change->old_slot);
	strcat(list->text, text);
	return --list->most == 0 ? -99 : 0;
}

static int note_feed(void *context, const struct vs_feed_row *feed)
{
	struct list *list = context;
	const struct vs_meta_row *of = feed->row;

	snprintf(list->text + strlen(list->text), 40, "%d:%d:%.*s:%d ", (int)feed->seq, (int)feed->op,
	         (int)(of != NULL ? of->id_len : feed->id_len), of != NULL ? of->id : feed->id != NULL ? feed->id : "",
	         of != NULL ? (int)of->version : -1);
	return --list->most == 0 ? -99 : 0;
}

/* Changes that a compaction has brought over: some have lost their slot, deletions bring their id. */
static void feed(void **state)
{
	static const struct vs_change log[] = {
		{ 1, VS_CHANGE_UPSERT, VS_CHANGE_NO_SLOT, 5, NULL, 0 },
		{ 2, VS_CHANGE_UPSERT, 4, -1, NULL, 0 },
		{ 3, VS_CHANGE_DELETE, VS_CHANGE_NO_SLOT, -1, "gone", 4 },
		{ 4, VS_CHANGE_SOFT_DELETE, 4, -1, NULL, 0 },
		{ 5, VS_CHANGE_UPSERT, 6, -1, NULL, 0 },
	};
	struct list list = { "", 99 };
	(void)state;

	assert_int_equal(put(4, "here", 7, "{}"), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(vs_meta_append_change(meta, &log[i], &error), 0);
	now.seq = 5;
	assert_int_equal(vs_meta_changes(meta, 0, note_change, &list, &error), 0);
	assert_string_equal(list.text, "1:1:4294967295:5 2:1:4:-1 3:2:4294967295:-1 4:3:4:-1 5:1:6:-1 ");
	list = (struct list){ "", 99 };
	assert_int_equal(vs_meta_feed(meta, 0, note_feed, &list, &error), 0);
	assert_string_equal(list.text, "1:1::-1 2:1:here:7 3:2:gone:-1 4:3:here:7 5:1::-1 ");
	list = (struct list){ "", 2 };
	assert_int_equal(vs_meta_feed(meta, 2, note_feed, &list, &error), -99);
	assert_string_equal(list.text, "3:2:gone:-1 4:3:here:7 ");
	assert_int_equal(vs_meta_trim(meta, &now, 2, 99, &error), 0);
	assert_int_equal(vs_meta_feed(meta, 1, note_feed, &list, &error), VS_ESTALE);
}

static void changes(void **state)
{
	static const struct vs_change log[] = {
		{ 1, VS_CHANGE_UPSERT, 0, -1, NULL, 0 },      { 2, VS_CHANGE_UPSERT, 1, 0, NULL, 0 },
		{ 3, VS_CHANGE_SOFT_DELETE, 1, -1, NULL, 0 }, { 4, VS_CHANGE_RESTORE, 1, -1, NULL, 0 },
		{ 5, VS_CHANGE_DELETE, 1, -1, NULL, 0 },
	};
	struct list list = { "", 99 };
	(void)state;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(vs_meta_append_change(meta, &log[i], &error), 0);
	assert_int_equal(vs_meta_append_change(meta, &log[4], &error), VS_ECONFLICT); /* whose deletion? */
	assert_int_equal(put(1, "gone", 1, "{}"), 0);
	assert_int_equal(vs_meta_append_change(meta, &log[4], &error), 0);
	assert_int_equal(vs_meta_append_change(meta, &log[4], &error), VS_ECONFLICT);
	now.seq = 5;
	assert_int_equal(vs_meta_changes(meta, 0, note_change, &list, &error), 0);
	assert_string_equal(list.text, "1:1:0:-1 2:1:1:0 3:3:1:-1 4:4:1:-1 5:2:1:-1 ");
	list = (struct list){ "", 2 };
	assert_int_equal(vs_meta_changes(meta, 2, note_change, &list, &error), -99);
	assert_string_equal(list.text, "3:3:1:-1 4:4:1:-1 ");
	list = (struct list){ "", 9 };
	assert_int_equal(vs_meta_changes(meta, 5, note_change, &list, &error), 0);
	assert_int_equal(vs_meta_changes(meta, UINT64_MAX, note_change, &list, &error), 0);
	assert_string_equal(list.text, "");
	/* At most two at a time, never past upto or seq. */
	assert_int_equal(vs_meta_trim(meta, &now, 4, 2, &error), 0);
	assert_int_equal(now.trimmed, 2);
	assert_int_equal(vs_meta_changes(meta, 1, note_change, &list, &error), VS_ESTALE);
	assert_int_equal(vs_meta_changes(meta, 2, note_change, &list, &error), 0);
	assert_string_equal(list.text, "3:3:1:-1 4:4:1:-1 5:2:1:-1 ");
	assert_int_equal(vs_meta_trim(meta, &now, 3, 9, &error), 0);
	assert_int_equal(now.trimmed, 3);
	assert_int_equal(vs_meta_trim(meta, &now, 1, 9, &error), 0);
	assert_int_equal(now.trimmed, 3);
	assert_int_equal(vs_meta_trim(meta, &now, 99, 99, &error), 0);
	assert_int_equal(now.trimmed, 5);
	assert_int_equal(vs_meta_commit(meta, &now, &error), 0);
	assert_int_equal(vs_meta_begin(meta, &now, &error), 0);
	assert_int_equal(now.trimmed, 5);
	assert_int_equal(vs_meta_changes(meta, 4, note_change, &list, &error), VS_ESTALE);
	assert_int_equal(error.code, VS_ESTALE);
	assert_int_equal(vs_meta_changes(meta, 5, note_change, &list, &error), 0);
}

static void only_inside_a_transaction(void **state)
{
	struct vs_change change = { 1, VS_CHANGE_UPSERT, 0, -1, NULL, 0 };
	(void)state;

	assert_int_equal(vs_meta_begin_write(meta, &now, &error), VS_EINTERNAL);
	vs_meta_rollback(meta);
	vs_meta_rollback(meta);
	assert_int_equal(find("a"), VS_EINTERNAL);
	assert_int_equal(put(0, "a", 1, "{}"), VS_EINTERNAL);
	assert_int_equal(vs_meta_append_change(meta, &change, &error), VS_EINTERNAL);
	assert_int_equal(vs_meta_remove(meta, 0, &error), VS_EINTERNAL);
	assert_int_equal(vs_meta_trim(meta, &now, 1, 1, &error), VS_EINTERNAL);
	assert_int_equal(vs_meta_commit(meta, &now, &error), VS_EINTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(put_and_find, setup, teardown),
		cmocka_unit_test_setup_teardown(large_values, setup, teardown),
		cmocka_unit_test_setup_teardown(deletion, setup, teardown),
		cmocka_unit_test_setup_teardown(scan_and_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(expiries, setup, teardown),
		cmocka_unit_test_setup_teardown(changes, setup, teardown),
		cmocka_unit_test_setup_teardown(feed, setup, teardown),
		cmocka_unit_test_setup_teardown(only_inside_a_transaction, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

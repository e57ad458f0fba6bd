/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one writer of columns/. A block and what it adds to dictionaries are put together in memory; sealing them writes the
 * dictionary, then the block, then publishes both by `filled` (release). New fields: their files first, then
 * the manifest, then their first block. Killed anywhere, the next one goes on at the least `filled` of all columns.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "store/columns_impl.h"

struct column {
	struct vs_columns_pair pair;
	bool dirty;           /* sealed since the checkpoint */
	uint32_t values;      /* put into this block */
	struct vs_buf added;  /* entries that this block adds, as they will lie in the dictionary */
	uint32_t entries;     /* those, too */
	uint32_t *offsets;    /* of every entry in the dictionary */
	uint32_t offsets_cap;
	uint32_t *table;      /* open addressing: 1 + entry, 0: free; table_cap is a power of two or 0 */
	uint32_t table_cap;
	uint32_t codes[VS_COLUMNS_BLOCK];
};

struct vs_columns_writer {
	char folder[VS_COLUMNS_FOLDER];
	struct vs_file file; /* the manifest */
	uint32_t next;       /* block */
	uint32_t known;      /* fields in the manifest on disk; the others came with this block */
	struct vs_columns_manifest manifest;
	struct column *columns[VS_COLUMNS_FIELDS_MAX]; /* NULL: a field without */
};

static void column_free(struct column *column)
{
	if (column == NULL)
		return;
	vs_columns_pair_close(&column->pair);
	vs_buf_release(&column->added);
	free(column->offsets);
	free(column->table);
	free(column);
}

void vs_columns_writer_close(struct vs_columns_writer *writer)
{
	if (writer == NULL)
		return;
	for (uint32_t i = 0; i < VS_COLUMNS_FIELDS_MAX; i++)
		column_free(writer->columns[i]);
	vs_file_close(&writer->file);
	free(writer);
}

static int no_memory(struct vs_error *error)
{
	return vs_error_set(error, VS_ENOMEM, "no memory for the columns");
}

/* ---- dictionaries --------------------------------------------------------------------------------------- */

static uint32_t hash(const unsigned char *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

static const unsigned char *entry_bytes(const struct column *column, uint32_t entry)
{
	uint32_t offset = column->offsets[entry];

	if (offset < column->pair.dict_len)
		return column->pair.dict.map + VS_COLUMNS_HEADER + offset;
	return (const unsigned char *)column->added.data + (offset - column->pair.dict_len);
}

static size_t entry_len(const unsigned char *bytes)
{
	uint32_t head;

	memcpy(&head, bytes, sizeof(head));
	return sizeof(head) + ((size_t)(head & 0xffffff) + 3) / 4 * 4;
}

static void table_put(struct column *column, uint32_t entry)
{
	const unsigned char *bytes = entry_bytes(column, entry);
	uint32_t mask = column->table_cap - 1;
	uint32_t at = hash(bytes, entry_len(bytes)) & mask;

	while (column->table[at] != 0)
		at = (at + 1) & mask;
	column->table[at] = entry + 1;
}

/* Room for one entry more. */
static int column_reserve(struct column *column)
{
	uint32_t cap = column->table_cap > 0 ? column->table_cap * 2 : 64;
	uint32_t *table;

	if (column->entries >= column->offsets_cap) {
		uint32_t more = column->offsets_cap > 0 ? column->offsets_cap * 2 : 64;
		uint32_t *offsets = realloc(column->offsets, more * sizeof(*offsets));
		if (offsets == NULL)
			return VS_ENOMEM;
		column->offsets = offsets;
		column->offsets_cap = more;
	}
	if (column->entries + 1 <= column->table_cap / 2)
		return 0;
	table = calloc(cap, sizeof(*table));
	if (table == NULL)
		return VS_ENOMEM;
	free(column->table);
	column->table = table;
	column->table_cap = cap;
	for (uint32_t i = 0; i < column->entries; i++)
		table_put(column, i);
	return 0;
}

static size_t value_encode(const struct vs_column_value *value, unsigned char *bytes)
{
	uint32_t len = 0;
	uint32_t head;

	switch (value->kind) {
	case VS_COLUMN_NULL:
		break;
	case VS_COLUMN_BOOLEAN:
		len = 1;
		bytes[4] = value->boolean;
		break;
	case VS_COLUMN_INTEGER:
	case VS_COLUMN_REAL:
		len = 8;
		memcpy(bytes + 4, &value->integer, 8);
		break;
	case VS_COLUMN_TEXT:
	case VS_COLUMN_ARRAY:
		len = value->text.len;
		memcpy(bytes + 4, value->text.data, len);
		break;
	}
	head = (uint32_t)value->kind << 24 | len;
	memcpy(bytes, &head, sizeof(head));
	for (uint32_t i = len; i % 4 != 0; i++)
		bytes[4 + i] = 0;
	return sizeof(head) + ((size_t)len + 3) / 4 * 4;
}

/* The code of a value, which may be new. */
static int code_of(struct column *column, const struct vs_column_value *value, uint32_t *code)
{
	unsigned char bytes[4 + VS_COLUMNS_TEXT_MAX + 1];
	uint32_t at;
	size_t len;

	*code = VS_COLUMN_ASK;
	if (value == NULL || (value->kind >= VS_COLUMN_TEXT && value->text.len > VS_COLUMNS_TEXT_MAX))
		return 0;
	if (column_reserve(column) < 0)
		return VS_ENOMEM;
	len = value_encode(value, bytes);
	for (at = hash(bytes, len) & (column->table_cap - 1); column->table[at] != 0; at = (at + 1) & (column->table_cap - 1)) {
		const unsigned char *other = entry_bytes(column, column->table[at] - 1);
		if (entry_len(other) == len && memcmp(other, bytes, len) == 0) {
			*code = VS_COLUMN_VALUE + column->table[at] - 1;
			return 0;
		}
	}
	if (column->entries == VS_COLUMNS_ENTRIES_MAX ||
	    column->pair.dict_len + column->added.len + len > VS_COLUMNS_DICT_MAX)
		return 0;
	column->offsets[column->entries] = column->pair.dict_len + (uint32_t)column->added.len;
	vs_buf_append(&column->added, bytes, len);
	if (column->added.failed)
		return VS_ENOMEM;
	*code = VS_COLUMN_VALUE + column->entries;
	column->table[at] = ++column->entries;
	return 0;
}

/* ---- open ----------------------------------------------------------------------------------------------- */

/* Reads what was sealed into the table. */
static int column_load(struct column *column)
{
	const unsigned char *start = column->pair.dict.map + VS_COLUMNS_HEADER;
	const unsigned char *at = start;
	struct vs_column_value value;

	while (at < start + column->pair.dict_len) {
		uint32_t offset = (uint32_t)(at - start);
		if (!vs_columns_entry(&at, start + column->pair.dict_len, &value))
			return VS_ECORRUPT;
		if (column_reserve(column) < 0)
			return VS_ENOMEM;
		column->offsets[column->entries++] = offset;
		table_put(column, column->entries - 1);
	}
	return 0;
}

/* Takes a column up where it was left; after another boot, at its checkpoint. */
static int column_open(struct vs_columns_writer *writer, uint32_t place, struct vs_error *error)
{
	struct column *column = calloc(1, sizeof(*column));
	struct vs_columns_state *state;
	char boot[VS_BOOT_ID];
	uint32_t trusted;
	int rc;

	if (column == NULL)
		return no_memory(error);
	writer->columns[place] = column;
	column->pair.generation = writer->manifest.generation;
	column->pair.place = place;
	column->pair.pair = writer->manifest.pair;
	column->pair.first = writer->manifest.fields[place].first;
	rc = vs_columns_pair_map(writer->folder, &column->pair, true, error);
	if (rc < 0)
		return rc;
	vs_boot_id(boot);
	trusted = vs_columns_pair_trusted(&column->pair, boot);
	if (trusted / VS_COLUMNS_BLOCK < column->pair.first || !vs_columns_pair_verify(&column->pair, trusted))
		return vs_error_set(error, VS_ECORRUPT, "%s/c%03u is damaged", writer->folder, place);
	state = vs_columns_state(&column->pair);
	vs_store_release(&state->filled, trusted); /* before the boot id, which makes readers believe it */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(state->boot, boot, sizeof(state->boot));
	rc = column_load(column);
	return rc < 0 ? vs_error_set(error, rc, "%s/c%03u cannot be read", writer->folder, place) : 0;
}

static int resume(struct vs_columns_writer *writer, uint32_t generation, struct vs_error *error)
{
	uint32_t least = UINT32_MAX;
	int rc = vs_columns_manifest_load(writer->folder, generation, &writer->file, &writer->manifest, error);

	for (uint32_t i = 0; rc == 0 && i < writer->manifest.count; i++) {
		if (!writer->manifest.fields[i].stored)
			continue;
		rc = column_open(writer, i, error);
		if (rc == 0 && writer->columns[i]->pair.filled / VS_COLUMNS_BLOCK < least)
			least = writer->columns[i]->pair.filled / VS_COLUMNS_BLOCK;
	}
	/* Without a column there is nothing to go on from: how far it looked for fields is not written down. */
	if (rc == 0 && least == UINT32_MAX)
		rc = vs_error_set(error, VS_ENOTFOUND, "there are no columns");
	writer->next = least;
	writer->known = writer->manifest.count;
	return rc;
}

static int store_manifest(struct vs_columns_writer *writer, struct vs_error *error)
{
	char path[VS_COLUMNS_FOLDER + 16];
	int rc = vs_columns_manifest_store(writer->folder, &writer->manifest, error);

	if (rc < 0)
		return rc;
	writer->known = writer->manifest.count;
	vs_file_close(&writer->file);
	memcpy(path, writer->folder, strlen(writer->folder) + 1);
	memcpy(path + strlen(path), "/manifest", sizeof("/manifest"));
	return vs_file_open(&writer->file, path, 0, error);
}

/* Begins anew, with an empty manifest: readers see at once that the old files are no longer meant. */
static int begin(struct vs_columns_writer *writer, uint32_t generation, struct vs_error *error)
{
	char boot[VS_BOOT_ID];
	uint64_t random = (uint64_t)vs_clock_wall_ms() * 0x9e3779b97f4a7c15u ^ vs_clock_mono_ns();

	for (uint32_t i = 0; i < VS_COLUMNS_FIELDS_MAX; i++) {
		column_free(writer->columns[i]);
		writer->columns[i] = NULL;
	}
	vs_boot_id(boot);
	writer->manifest.generation = generation;
	writer->manifest.count = 0;
	writer->manifest.pair = random ^ (uint64_t)hash((const unsigned char *)boot, sizeof(boot)) << 17;
	writer->next = 0;
	return store_manifest(writer, error);
}

int vs_columns_writer_open(const char *dir, uint32_t generation, struct vs_columns_writer **writer,
                           struct vs_error *error)
{
	struct vs_columns_writer *opened = calloc(1, sizeof(*opened));
	int rc;

	*writer = NULL;
	if (opened == NULL)
		return no_memory(error);
	opened->file = (struct vs_file)VS_FILE_INIT;
	rc = vs_columns_folder(opened->folder, dir, error);
	if (rc == 0)
		rc = vs_dir_create(opened->folder, error);
	if (rc == 0)
		rc = resume(opened, generation, error);
	if (rc == VS_ENOTFOUND || rc == VS_ECORRUPT || rc == VS_EFORMAT)
		rc = begin(opened, generation, error);
	if (rc < 0) {
		vs_columns_writer_close(opened);
		return rc;
	}
	*writer = opened;
	return 0;
}

bool vs_columns_writer_stale(const struct vs_columns_writer *writer)
{
	if (vs_file_unlinked(&writer->file))
		return true;
	for (uint32_t i = 0; i < writer->known; i++)
		if (writer->columns[i] != NULL && !vs_columns_pair_exists(writer->folder, i))
			return true;
	return false;
}

uint32_t vs_columns_writer_next(const struct vs_columns_writer *writer)
{
	return writer->next * VS_COLUMNS_BLOCK;
}

/* ---- fields and values ---------------------------------------------------------------------------------- */

uint32_t vs_columns_writer_fields(const struct vs_columns_writer *writer)
{
	return writer->manifest.count;
}

void vs_columns_writer_path(const struct vs_columns_writer *writer, uint32_t field, const void **path, size_t *len)
{
	*path = writer->manifest.fields[field].path;
	*len = writer->manifest.fields[field].len;
}

int vs_columns_writer_add(struct vs_columns_writer *writer, const void *path, size_t len)
{
	uint32_t place = writer->manifest.count;
	struct vs_columns_field *field = &writer->manifest.fields[place];
	struct column *column;

	if (len > VS_COLUMNS_PATH_MAX || place == VS_COLUMNS_FIELDS_MAX)
		return -1;
	column = calloc(1, sizeof(*column));
	if (column == NULL)
		return VS_ENOMEM;
	writer->columns[place] = column; /* whether it stays is settled when the block is sealed */
	column->pair.generation = writer->manifest.generation;
	column->pair.place = place;
	column->pair.pair = writer->manifest.pair;
	column->pair.first = writer->next;
	column->pair.filled = writer->next * VS_COLUMNS_BLOCK;
	memcpy(field->path, path, len);
	field->len = (uint16_t)len;
	field->stored = true;
	field->first = writer->next;
	writer->manifest.count++;
	return (int)place;
}

int vs_columns_writer_put(struct vs_columns_writer *writer, uint32_t field, uint32_t place,
                          const struct vs_column_value *value, struct vs_error *error)
{
	struct column *column = writer->columns[field];

	if (column == NULL)
		return 0;
	if (code_of(column, value, &column->codes[place]) < 0)
		return no_memory(error);
	column->values += value != NULL;
	return 0;
}

/* ---- sealing -------------------------------------------------------------------------------------------- */

/* Leaves columns to the most frequent of the fields that came with this block, as far as there is room. */
static void choose(struct vs_columns_writer *writer)
{
	uint32_t room = VS_COLUMNS_MAX;

	for (uint32_t i = 0; i < writer->known; i++)
		room -= writer->columns[i] != NULL;
	for (;;) {
		uint32_t least = UINT32_MAX;
		uint32_t fresh = 0;
		for (uint32_t i = writer->known; i < writer->manifest.count; i++) {
			const struct column *column = writer->columns[i];
			if (column == NULL)
				continue;
			fresh += column->entries > 0;
			if (least == UINT32_MAX || column->entries == 0 ||
			    (writer->columns[least]->entries > 0 && column->values <= writer->columns[least]->values))
				least = i;
		}
		if (least == UINT32_MAX || (fresh <= room && writer->columns[least]->entries > 0))
			return;
		column_free(writer->columns[least]);
		writer->columns[least] = NULL;
		writer->manifest.fields[least].stored = false;
		writer->manifest.fields[least].first = 0;
	}
}

static int introduce(struct vs_columns_writer *writer, struct vs_error *error)
{
	int rc = 0;

	if (writer->known == writer->manifest.count)
		return 0;
	choose(writer);
	for (uint32_t i = writer->known; i < writer->manifest.count && rc == 0; i++) {
		if (writer->columns[i] == NULL)
			continue;
		rc = vs_columns_pair_create(writer->folder, &writer->columns[i]->pair, error);
		if (rc == 0)
			rc = vs_columns_pair_map(writer->folder, &writer->columns[i]->pair, true, error);
	}
	return rc < 0 ? rc : store_manifest(writer, error);
}

static int column_seal(struct vs_columns_writer *writer, struct column *column, struct vs_error *error)
{
	uint32_t filled = (writer->next + 1) * VS_COLUMNS_BLOCK;
	struct vs_columns_pair *pair = &column->pair;
	uint32_t dict_to = pair->dict_len + (uint32_t)column->added.len;
	struct vs_columns_block *block;
	int rc = vs_columns_pair_grow(writer->folder, pair, filled, dict_to, error);

	if (rc < 0)
		return rc;
	if (column->added.len > 0)
		memcpy(pair->dict.map + VS_COLUMNS_HEADER + pair->dict_len, column->added.data, column->added.len);
	block = vs_columns_block(pair, writer->next);
	memset(block, 0, offsetof(struct vs_columns_block, codes));
	block->number = writer->next;
	block->pair = pair->pair;
	block->place = pair->place;
	block->entries = column->entries;
	block->dict_from = pair->dict_len;
	block->dict_to = dict_to;
	block->dict_crc = vs_crc32(column->added.data, column->added.len);
	memcpy(block->codes, column->codes, sizeof(column->codes));
	block->crc = vs_crc32(&block->number, sizeof(*block) - sizeof(block->crc));
	pair->dict_len = dict_to;
	pair->entries = column->entries;
	pair->filled = filled;
	column->dirty = true;
	VS_POINT("columns-written");
	vs_store_release(&vs_columns_state(pair)->filled, filled);
	return 0;
}

int vs_columns_writer_seal(struct vs_columns_writer *writer, struct vs_error *error)
{
	int rc = introduce(writer, error);

	for (uint32_t i = 0; i < writer->manifest.count && rc == 0; i++) {
		struct column *column = writer->columns[i];
		if (column == NULL)
			continue;
		/* One that was sealed further before its writer was killed has these codes already. */
		if (column->pair.filled / VS_COLUMNS_BLOCK == writer->next)
			rc = column_seal(writer, column, error);
		vs_buf_reset(&column->added);
		memset(column->codes, 0, sizeof(column->codes));
		column->values = 0;
	}
	if (rc == 0)
		writer->next++;
	return rc;
}

int vs_columns_writer_checkpoint(struct vs_columns_writer *writer, struct vs_error *error)
{
	for (uint32_t i = 0; i < writer->known; i++) {
		struct column *column = writer->columns[i];
		int rc;
		if (column == NULL || !column->dirty)
			continue;
		rc = vs_file_sync_map(column->pair.dict.map, column->pair.dict.len, error);
		if (rc == 0)
			rc = vs_file_sync_map(column->pair.codes.map, column->pair.codes.len, error);
		if (rc < 0)
			return rc;
		vs_store_release(&vs_columns_state(&column->pair)->checkpoint, column->pair.filled);
		rc = vs_file_sync_map(column->pair.codes.map, VS_COLUMNS_HEADER, error);
		if (rc < 0)
			return rc;
		column->dirty = false;
	}
	return 0;
}

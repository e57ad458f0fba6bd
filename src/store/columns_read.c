/* SPDX-License-Identifier: Apache-2.0 */
/* Columns as readers see them: nothing in the files is trusted, and without them there are simply no columns. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/columns_impl.h"

struct vs_column {
	struct vs_columns_pair pair;
	bool mapped;
	bool damaged; /* no further than pair.filled */
};

struct vs_columns {
	char folder[VS_COLUMNS_FOLDER];
	char boot[VS_BOOT_ID];
	uint32_t generation;
	struct vs_file file; /* the manifest as it was loaded; closed: there is none */
	struct vs_columns_manifest manifest;
	int loaded; /* 0, or why it could not be */
	struct vs_column columns[VS_COLUMNS_FIELDS_MAX];
};

int vs_columns_open(const char *dir, uint32_t generation, struct vs_columns **columns, struct vs_error *error)
{
	struct vs_columns *opened = calloc(1, sizeof(*opened));
	int rc;

	*columns = NULL;
	if (opened == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for the columns");
	opened->file = (struct vs_file)VS_FILE_INIT;
	opened->generation = generation;
	vs_boot_id(opened->boot);
	rc = vs_columns_folder(opened->folder, dir, error);
	if (rc < 0) {
		free(opened);
		return rc;
	}
	*columns = opened;
	return 0;
}

static void forget(struct vs_columns *columns)
{
	for (uint32_t i = 0; i < VS_COLUMNS_FIELDS_MAX; i++) {
		vs_columns_pair_close(&columns->columns[i].pair);
		memset(&columns->columns[i], 0, sizeof(columns->columns[i]));
	}
}

void vs_columns_close(struct vs_columns *columns)
{
	if (columns == NULL)
		return;
	forget(columns);
	vs_file_close(&columns->file);
	free(columns);
}

void vs_columns_refresh(struct vs_columns *columns)
{
	uint64_t pair = columns->manifest.pair;

	if (columns->file.fd >= 0 && !vs_file_unlinked(&columns->file))
		return;
	vs_file_close(&columns->file);
	columns->loaded =
	    vs_columns_manifest_load(columns->folder, columns->generation, &columns->file, &columns->manifest, NULL);
	if (columns->manifest.pair != pair) /* another set of files, or none */
		forget(columns);
}

struct vs_column *vs_columns_find(struct vs_columns *columns, const void *path, size_t len)
{
	for (uint32_t i = 0; i < columns->manifest.count; i++) {
		const struct vs_columns_field *field = &columns->manifest.fields[i];
		if (field->len != len || memcmp(field->path, path, len) != 0)
			continue;
		if (!field->stored)
			return NULL;
		columns->columns[i].pair.generation = columns->generation;
		columns->columns[i].pair.place = i;
		columns->columns[i].pair.pair = columns->manifest.pair;
		columns->columns[i].pair.first = field->first;
		return &columns->columns[i];
	}
	return NULL;
}

int vs_columns_loaded(const struct vs_columns *columns)
{
	return columns->loaded;
}

uint32_t vs_columns_fields(const struct vs_columns *columns)
{
	return columns->manifest.count;
}

void vs_columns_field(struct vs_columns *columns, uint32_t field, const void **path, size_t *len,
                      struct vs_column **column)
{
	*path = columns->manifest.fields[field].path;
	*len = columns->manifest.fields[field].len;
	*column = vs_columns_find(columns, *path, *len);
}

/* Everything sealed up to slot `to` is mapped. */
static bool reaches(const struct vs_columns_pair *pair, uint32_t to)
{
	uint32_t blocks = to / VS_COLUMNS_BLOCK;
	size_t codes;

	if (blocks <= pair->first)
		return true;
	codes = VS_COLUMNS_HEADER + (size_t)(blocks - pair->first) * sizeof(struct vs_columns_block);
	if (codes > pair->codes.len)
		return false;
	return vs_columns_block(pair, blocks - 1)->dict_to <= pair->dict.len - VS_COLUMNS_HEADER;
}

/* Its files are gone, or others took their place: what was verified may not be what is mapped now. */
static uint32_t lose(struct vs_column *column)
{
	vs_columns_pair_close(&column->pair);
	column->mapped = false;
	column->pair.filled = column->pair.entries = column->pair.dict_len = 0;
	return 0;
}

uint32_t vs_column_load(struct vs_columns *columns, struct vs_column *column, uint32_t to)
{
	struct vs_columns_pair *pair = &column->pair;
	uint32_t trusted;

	to = to / VS_COLUMNS_BLOCK * VS_COLUMNS_BLOCK;
	if (pair->filled >= to)
		return to;
	if (column->damaged)
		return pair->filled;
	if (!column->mapped && vs_columns_pair_map(columns->folder, pair, false, NULL) < 0)
		return lose(column);
	column->mapped = true;
	trusted = vs_columns_pair_trusted(pair, columns->boot);
	if (trusted > to)
		trusted = to;
	if (!reaches(pair, trusted) && vs_columns_pair_map(columns->folder, pair, false, NULL) < 0)
		return lose(column);
	column->damaged = !vs_columns_pair_verify(pair, trusted);
	return pair->filled;
}

uint32_t vs_columns_damaged(struct vs_columns *columns)
{
	uint32_t damaged = 0;

	for (uint32_t i = 0; i < columns->manifest.count; i++) {
		const struct vs_columns_field *field = &columns->manifest.fields[i];
		struct vs_column *column = vs_columns_find(columns, field->path, field->len);
		if (column == NULL)
			continue;
		(void)vs_column_load(columns, column, UINT32_MAX);
		damaged += !column->mapped || column->damaged;
	}
	return damaged;
}

const uint32_t *vs_column_codes(const struct vs_column *column, uint32_t block)
{
	return block < column->pair.first ? NULL : vs_columns_block(&column->pair, block)->codes;
}

uint32_t vs_column_entries(const struct vs_column *column)
{
	return column->pair.entries;
}

uint32_t vs_column_dictionary(const struct vs_column *column)
{
	return column->pair.dict_len;
}

struct vs_column_cursor vs_column_walk(const struct vs_column *column)
{
	const unsigned char *start = column->pair.dict.map;

	if (start == NULL)
		return (struct vs_column_cursor){ NULL, NULL };
	start += VS_COLUMNS_HEADER;
	return (struct vs_column_cursor){ start, start + column->pair.dict_len };
}

bool vs_column_next(struct vs_column_cursor *cursor, struct vs_column_value *value)
{
	return cursor->at != cursor->end && vs_columns_entry(&cursor->at, cursor->end, value);
}

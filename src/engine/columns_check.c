/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/columns_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/columns_tree.h"
#include "engine/filter_json.h"

struct checked {
	struct vs_column *column; /* NULL: a field without */
	uint32_t filled;
	const unsigned char *dict; /* where its entries begin */
	uint32_t *offsets;         /* of each entry there */
	uint32_t entries;
	uint32_t wrong;
	char id[64]; /* of the first */
};

struct vs_columns_check {
	struct vs_columns *columns;
	struct vs_columns_tree tree;
	struct vs_arena arena; /* of one record */
	uint32_t fields;
	uint32_t damaged;
	struct checked checked[VS_COLUMNS_FIELDS_MAX];
};

/* Where each entry of the dictionary lies. */
static int entries_find(struct checked *checked)
{
	struct vs_column_cursor cursor = vs_column_walk(checked->column);
	uint32_t count = vs_column_entries(checked->column);
	struct vs_column_value value;

	checked->dict = cursor.at;
	checked->offsets = calloc((size_t)count + 1, sizeof(*checked->offsets));
	if (checked->offsets == NULL)
		return VS_ENOMEM;
	while (checked->entries < count) {
		checked->offsets[checked->entries] = (uint32_t)(cursor.at - checked->dict);
		if (!vs_column_next(&cursor, &value))
			break;
		checked->entries++;
	}
	return 0;
}

static int fields_find(struct vs_columns_check *check, const char *dir, struct vs_error *error)
{
	int rc = 0;

	check->fields = vs_columns_fields(check->columns);
	for (uint32_t i = 0; i < check->fields && rc == 0; i++) {
		struct checked *checked = &check->checked[i];
		const void *path;
		size_t len;
		vs_columns_field(check->columns, i, &path, &len, &checked->column);
		rc = vs_columns_tree_put(&check->tree, i, path, len);
		if (rc == 0 && checked->column != NULL) {
			checked->filled = vs_column_load(check->columns, checked->column, UINT32_MAX);
			rc = entries_find(checked);
		}
	}
	if (rc == VS_ECORRUPT)
		return vs_error_set(error, rc, "%s/columns/manifest: its fields make no sense", dir);
	return rc < 0 ? vs_error_set(error, rc, "no memory to check columns") : 0;
}

int vs_columns_check_open(const char *dir, uint32_t generation, uint32_t slots, struct vs_columns_check **check,
                          struct vs_error *error)
{
	struct vs_columns_check *opened = calloc(1, sizeof(*opened));
	int rc;

	*check = NULL;
	if (opened == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to check columns");
	rc = vs_columns_open(dir, generation, &opened->columns, error);
	if (rc == 0) {
		vs_columns_refresh(opened->columns);
		opened->damaged = vs_columns_damaged(opened->columns);
		if (vs_columns_loaded(opened->columns) == VS_ENOMEM)
			rc = vs_error_set(error, VS_ENOMEM, "no memory to check columns");
		else if (slots >= VS_COLUMNS_BLOCK && vs_columns_loaded(opened->columns) < 0)
			rc = vs_error_set(error, VS_ENOTFOUND, "%s/columns: there is no manifest that can be read", dir);
	}
	if (rc == 0)
		rc = fields_find(opened, dir, error);
	if (rc < 0) {
		vs_columns_check_close(opened);
		return rc;
	}
	*check = opened;
	return 0;
}

void vs_columns_check_close(struct vs_columns_check *check)
{
	if (check == NULL)
		return;
	for (uint32_t i = 0; i < check->fields; i++)
		free(check->checked[i].offsets);
	vs_columns_close(check->columns);
	vs_columns_tree_release(&check->tree);
	vs_arena_release(&check->arena);
	free(check);
}

static bool same(const struct vs_column_value *a, const struct vs_column_value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case VS_COLUMN_BOOLEAN:
		return a->boolean == b->boolean;
	case VS_COLUMN_INTEGER:
		return a->integer == b->integer;
	case VS_COLUMN_REAL:
		return memcmp(&a->real, &b->real, sizeof(a->real)) == 0;
	case VS_COLUMN_TEXT:
	case VS_COLUMN_ARRAY:
		return a->text.len == b->text.len && memcmp(a->text.data, b->text.data, a->text.len) == 0;
	default:
		return true;
	}
}

/* Whether a code says what was found. That the row is to be asked is never wrong: a dictionary may have been full. */
static bool code_right(const struct checked *checked, uint32_t code, const struct vs_filter_value *found)
{
	struct vs_column_value value;
	struct vs_column_value entry;
	struct vs_column_cursor cursor;

	if (code == VS_COLUMN_ASK)
		return true;
	if (found == NULL || code == VS_COLUMN_MISSING)
		return found != NULL && found->kind == VS_FILTER_MISSING;
	code -= VS_COLUMN_VALUE;
	if (code >= checked->entries || !vs_columns_value(found, &value))
		return false;
	cursor = vs_column_walk(checked->column);
	cursor.at = checked->dict + checked->offsets[code];
	return vs_column_next(&cursor, &entry) && same(&entry, &value);
}

int vs_columns_check_row(struct vs_columns_check *check, const struct vs_meta_row *row)
{
	uint32_t block = row->slot / VS_COLUMNS_BLOCK;
	int found;

	vs_arena_reset(&check->arena);
	found = vs_filter_json_find(row->metadata, row->metadata_len, &check->tree.nodes[0].path, check->tree.values,
	                            &check->arena);
	if (found == VS_ENOMEM)
		return VS_ENOMEM;
	for (uint32_t i = 0; i < check->fields; i++) {
		struct checked *checked = &check->checked[i];
		const uint32_t *codes;
		uint32_t code;
		if (checked->column == NULL || row->slot >= checked->filled)
			continue;
		codes = vs_column_codes(checked->column, block);
		code = codes == NULL ? VS_COLUMN_MISSING : codes[row->slot % VS_COLUMNS_BLOCK];
		if (code_right(checked, code, found == 0 ? &check->tree.values[VS_FILTER_OWN + i] : NULL))
			continue;
		if (checked->wrong++ == 0)
			snprintf(checked->id, sizeof(checked->id), "%.60s", row->id);
	}
	return 0;
}

uint32_t vs_columns_check_damaged(const struct vs_columns_check *check)
{
	return check->damaged;
}

/* The path as filters write it, as far as there is room. */
static void name_of(struct vs_columns_check *check, uint32_t field, char *name, size_t cap)
{
	const void *start;
	const unsigned char *path;
	struct vs_column *column;
	size_t len, used = 0;

	vs_columns_field(check->columns, field, &start, &len, &column);
	path = start;
	name[0] = '\0';
	for (size_t at = 0; at + VS_COLUMNS_PART <= len && used < cap;) {
		uint16_t part;
		memcpy(&part, path + at, VS_COLUMNS_PART);
		at += VS_COLUMNS_PART;
		used += (size_t)snprintf(name + used, cap - used, "%s%.*s", used > 0 ? "." : "", (int)part, (const char *)path + at);
		at += part;
	}
}

void vs_columns_check_each(struct vs_columns_check *check,
                           void (*each)(void *context, const char *field, uint32_t wrong, const char *id), void *context)
{
	char name[100];

	for (uint32_t i = 0; i < check->fields; i++) {
		if (check->checked[i].wrong == 0)
			continue;
		name_of(check, i, name, sizeof(name));
		each(context, name, check->checked[i].wrong, check->checked[i].id);
	}
}

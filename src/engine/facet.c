/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of a metadata field and how many live records have each. Where the field's column can be believed, codes are
 * counted and only its dictionary is read; slots that it does not cover, or cannot tell, are asked of their rows. Equal
 * values are those that a filter finds equal, so 2 and 2.0 are one.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/columns_fill.h"
#include "engine/columns_match.h"
#include "engine/facet.h"
#include "engine/filter_json.h"
#include "engine/namespace.h"

#define SCAN_LEAST 64 /* rows of a block that are had faster by a scan than one by one */

struct counting {
	struct vs_namespace *ns;
	const struct vs_meta_state *state;
	struct vs_filter *field; /* its one test names the field */
	const struct vs_bitmap *accept;
	const struct vs_bitmap *ask; /* rows to be asked; accept where all are */
	struct vs_facet_table table;
	struct vs_arena row; /* of the row in hand */
	struct vs_error *error;
};

/* ---- rows ----------------------------------------------------------------------------------------------- */

static int no_memory(struct vs_error *error)
{
	return vs_error_set(error, VS_ENOMEM, "no memory for the values of a field");
}

/* A record counts once for each different element. slot, count: of the one, or of all that have this array. */
static int add_elements(struct counting *counting, const struct vs_filter_value *array, uint64_t count, uint32_t slot)
{
	struct vs_filter_json json = { array->text.data + 1, array->text.data + array->text.len };
	struct vs_filter_value value;

	while (vs_filter_json_scan(&json, 0, &value)) {
		if (value.kind == VS_FILTER_STRING && value.escaped) {
			size_t bad;
			char *text = vs_arena_alloc(&counting->row, value.text.len);
			if (text == NULL)
				return VS_ENOMEM;
			value.text.len = vs_filter_json_unescape(value.text.data, value.text.len, text, &bad);
			value.text.data = text;
			value.escaped = false;
		}
		if (vs_facet_table_add(&counting->table, &value, count, slot) < 0)
			return VS_ENOMEM;
		while (json.at < json.end && *json.at != ',')
			json.at++;
		json.at += json.at < json.end;
	}
	return 0;
}

static int ask_row(void *context, const struct vs_meta_row *row)
{
	struct counting *counting = context;
	struct vs_filter_value values[VS_FILTER_OWN + VS_FILTER_FIELDS_MAX];
	int rc;

	if (!vs_bitmap_test(counting->ask, row->slot))
		return 0;
	vs_arena_reset(&counting->row);
	rc = vs_filter_json_find(row->metadata, row->metadata_len, &counting->field->path, values, &counting->row);
	if (rc == VS_ECORRUPT)
		return vs_error_set(counting->error, rc, "metadata of record '%.60s' is no JSON object", row->id);
	if (rc == 0 && values[VS_FILTER_FIELD].kind == VS_FILTER_ARRAY)
		rc = add_elements(counting, &values[VS_FILTER_FIELD], 1, row->slot);
	else if (rc == 0)
		rc = vs_facet_table_add(&counting->table, &values[VS_FILTER_FIELD], 1, row->slot);
	return rc < 0 ? no_memory(counting->error) : 0;
}

/* Asks the rows of the slots in counting->ask that lie in [from, to). */
static int ask_rows(struct counting *counting, uint32_t from, uint32_t to)
{
	struct vs_meta *meta = counting->ns->generation.meta;
	const struct vs_bitmap *ask = counting->ask;
	struct vs_meta_row row;
	int rc = 0;

	for (uint32_t slot = vs_bitmap_next(ask, from); slot < to && rc == 0; slot = vs_bitmap_next(ask, slot)) {
		uint32_t end = (slot / VS_COLUMNS_BLOCK + 1) * VS_COLUMNS_BLOCK;
		end = end < to ? end : to;
		if (vs_bitmap_count(ask, slot, end) > SCAN_LEAST) {
			rc = vs_meta_scan(meta, slot, end, ask_row, counting, counting->error);
			slot = end;
			continue;
		}
		rc = vs_meta_get(meta, slot, &row, counting->error);
		if (rc == 0)
			rc = ask_row(counting, &row);
		else if (rc == VS_ENOTFOUND)
			rc = vs_error_set(counting->error, VS_ECORRUPT, "slot %u is live but no record has it", slot);
		slot++;
	}
	return rc;
}

/* ---- columns -------------------------------------------------------------------------------------------- */

/* The field's column and how far it goes; NULL: there is none. */
static struct vs_column *find_column(struct counting *counting, uint32_t *ready)
{
	struct vs_columns *columns = counting->ns->generation.columns;
	unsigned char name[VS_COLUMNS_PATH_MAX];
	struct vs_column *column;
	size_t len = 0;

	*ready = 0;
	if (columns == NULL)
		return NULL;
	for (const struct vs_filter_path *path = counting->field->path.child; path != NULL; path = path->child)
		if (path->index >= 0 || !vs_columns_path_append(name, &len, path->name, path->name_len))
			return NULL;
	vs_columns_refresh(columns);
	column = vs_columns_find(columns, name, len);
	if (column != NULL)
		*ready = vs_column_load(columns, column, counting->state->next_slot);
	return column;
}

/* Counts the accepted slots of a block by code; those that the column cannot tell are set in *ask. */
static void count_block(const struct counting *counting, const struct vs_column *column, uint32_t block, uint32_t len,
                        uint32_t *counts, struct vs_bitmap *ask)
{
	const uint32_t *codes = vs_column_codes(column, block);
	const uint64_t *words = counting->accept->words + block * (VS_COLUMNS_BLOCK / 64);

	for (uint32_t w = 0; codes != NULL && w < VS_COLUMNS_BLOCK / 64; w++)
		for (uint64_t word = words[w]; word != 0; word &= word - 1) {
			uint32_t at = w * 64 + (uint32_t)__builtin_ctzll(word);
			if (codes[at] < len && codes[at] != VS_COLUMN_ASK)
				counts[codes[at]]++;
			else
				vs_bitmap_set(ask, block * VS_COLUMNS_BLOCK + at);
		}
}

/* Scalars of a dictionary differ from each other; what lies in its arrays may be there already. */
static int add_entry(struct counting *counting, const struct vs_column_value *value, uint32_t code, uint64_t count)
{
	struct vs_filter_value converted = vs_columns_decoded(value);

	if (converted.kind != VS_FILTER_ARRAY)
		return vs_facet_table_append(&counting->table, &converted, count);
	vs_arena_reset(&counting->row);
	/* From the other end than slots, which are fewer than 2^31. */
	return add_elements(counting, &converted, count, VS_FACET_NO_SLOT - code);
}

/* *whole: the dictionary says all that was counted. */
static int add_entries(struct counting *counting, const struct vs_column *column, uint32_t len, const uint32_t *counts,
                       bool *whole)
{
	struct vs_column_cursor cursor = vs_column_walk(column);
	struct vs_column_value value;
	uint32_t code = VS_COLUMN_VALUE;

	for (; code < len && vs_column_next(&cursor, &value); code++)
		if (counts[code] > 0 && add_entry(counting, &value, code, counts[code]) < 0)
			return no_memory(counting->error);
	for (; code < len && counts[code] == 0; code++)
		;
	*whole = code == len;
	return 0;
}

/* Counts what the column tells of slots below *ready, which becomes 0 when that is nothing after all. */
static int count_column(struct counting *counting, const struct vs_column *column, uint32_t *ready,
                        struct vs_bitmap *ask)
{
	uint32_t len = VS_COLUMN_VALUE + vs_column_entries(column);
	uint32_t *counts = calloc(len, sizeof(*counts));
	bool whole = false;
	int rc = 0;

	if (counts == NULL || vs_bitmap_resize(ask, counting->accept->len) < 0)
		rc = no_memory(counting->error);
	for (uint32_t block = 0; rc == 0 && block < *ready / VS_COLUMNS_BLOCK; block++)
		count_block(counting, column, block, len, counts, ask);
	if (rc == 0)
		rc = add_entries(counting, column, len, counts, &whole);
	free(counts);
	if (rc == 0 && !whole) {
		vs_facet_table_clear(&counting->table);
		*ready = 0;
	}
	return rc;
}

static int count_all(struct counting *counting)
{
	struct vs_bitmap ask = VS_BITMAP_INIT;
	uint32_t ready;
	struct vs_column *column = find_column(counting, &ready);
	int rc = 0;

	if (ready > 0)
		rc = count_column(counting, column, &ready, &ask);
	if (rc == 0 && ready > 0) {
		counting->ask = &ask;
		rc = ask_rows(counting, 0, ready);
	}
	counting->ask = counting->accept;
	if (rc == 0)
		rc = ask_rows(counting, ready, counting->state->next_slot);
	vs_bitmap_release(&ask);
	return rc;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

int vs_field_check(const char *text, struct vs_error *error)
{
	struct vs_filter *field;
	int rc = vs_filter_field_parse(text, "field", &field, error);

	if (rc == 0)
		vs_filter_release(field);
	return rc;
}

static int count_in(struct counting *counting, const char *filter)
{
	struct vs_generation *generation = &counting->ns->generation;
	uint64_t count;

	counting->accept = vs_generation_visible(generation);
	if (filter != NULL) {
		int rc = vs_matches_find_live(&generation->matches, generation->meta, counting->state, filter,
		                              counting->accept, &counting->accept, &count, counting->error);
		if (rc < 0)
			return rc;
	}
	return count_all(counting);
}

int vs_namespace_facet(struct vs_namespace *ns, const char *field, const char *filter, size_t limit,
                       struct vs_facet *facet, struct vs_error *error)
{
	struct vs_meta_state state;
	struct counting counting = { .ns = ns, .state = &state, .error = error };
	int rc = vs_filter_field_parse(field, "field", &counting.field, error);

	*facet = (struct vs_facet){ NULL, 0 };
	if (rc < 0)
		return rc;
	rc = vs_namespace_begin(ns, &state, error);
	if (rc == 0) {
		rc = count_in(&counting, filter);
		vs_namespace_end(ns);
	}
	if (rc == 0 && vs_facet_table_best(&counting.table, limit, &ns->arena, facet) < 0)
		rc = no_memory(error);
	vs_facet_table_release(&counting.table);
	vs_arena_release(&counting.row);
	vs_filter_release(counting.field);
	return rc;
}

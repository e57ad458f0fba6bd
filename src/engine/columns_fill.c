/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over a record's metadata finds the values of all known fields, by the code that filters use, and meets the
 * fields that are new. Paths with a number in them stay out: they may mean an array's element as well as a key.
 */
#include "engine/columns_fill.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/columns_tree.h"
#include "engine/filter_json.h"

struct vs_columns_fill {
	struct vs_columns_writer *writer;
	struct vs_columns_tree tree;
	struct vs_arena arena; /* of one record */
	uint32_t start; /* slot that the block in hand begins with */
	struct vs_error *error;
};

bool vs_columns_path_append(unsigned char *path, size_t *len, const char *name, size_t name_len)
{
	uint16_t part = (uint16_t)name_len;

	if (name_len > VS_COLUMNS_PATH_MAX || *len + VS_COLUMNS_PART + name_len > VS_COLUMNS_PATH_MAX)
		return false;
	memcpy(path + *len, &part, VS_COLUMNS_PART);
	memcpy(path + *len + VS_COLUMNS_PART, name, name_len);
	*len += VS_COLUMNS_PART + name_len;
	return true;
}

/* ---- the tree of fields --------------------------------------------------------------------------------- */

/* Could mean an array's element: what filters take for a number (filter_parse), and more. */
static bool numeric(const char *name, size_t len)
{
	return len > 0 && strspn(name, "0123456789") > 0 && (size_t)strspn(name, "0123456789") >= len;
}

/* The path of a node in columns/; the tree has no way up, so its parent's is found in the manifest. */
static const struct vs_filter_path *add(void *context, const struct vs_filter_path *parent, const char *name, size_t len,
                                        bool *no_memory)
{
	struct vs_columns_fill *fill = context;
	struct vs_columns_node *above = &fill->tree.nodes[parent->field];
	unsigned char path[VS_COLUMNS_PATH_MAX];
	const void *parent_path;
	size_t path_len = 0;
	char copy[VS_COLUMNS_PATH_MAX + 1];
	int place;

	if (above->depth == VS_COLUMNS_PARTS_MAX || len > VS_COLUMNS_PATH_MAX)
		return NULL;
	memcpy(copy, name, len);
	copy[len] = '\0';
	if (numeric(copy, len))
		return NULL;
	if (parent->field != 0) {
		vs_columns_writer_path(fill->writer, parent->field - VS_FILTER_OWN, &parent_path, &path_len);
		memcpy(path, parent_path, path_len);
	}
	if (!vs_columns_path_append(path, &path_len, name, len))
		return NULL;
	place = vs_columns_writer_add(fill->writer, path, path_len);
	if (place == VS_ENOMEM ||
	    (place >= 0 && vs_columns_tree_append(&fill->tree, above, VS_FILTER_OWN + (uint32_t)place, name, len) < 0)) {
		*no_memory = true;
		return NULL;
	}
	return place < 0 ? NULL : &fill->tree.nodes[VS_FILTER_OWN + place].path;
}

/* Puts the fields that the manifest names into the tree. */
static int nodes_load(struct vs_columns_fill *fill)
{
	uint32_t count = vs_columns_writer_fields(fill->writer);
	int rc = 0;

	for (uint32_t i = 0; i < count && rc == 0; i++) {
		const void *path;
		size_t len;
		vs_columns_writer_path(fill->writer, i, &path, &len);
		rc = vs_columns_tree_put(&fill->tree, i, path, len);
	}
	return rc;
}

int vs_columns_fill_open(const char *dir, uint32_t generation, struct vs_columns_fill **fill, struct vs_error *error)
{
	struct vs_columns_fill *opened = calloc(1, sizeof(*opened));
	int rc;

	*fill = NULL;
	if (opened == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for the columns");
	rc = vs_columns_writer_open(dir, generation, &opened->writer, error);
	if (rc == 0) {
		rc = nodes_load(opened);
		if (rc < 0)
			vs_error_set(error, rc, "%s/columns/manifest: its fields make no sense, or memory is out", dir);
	}
	if (rc < 0) {
		vs_columns_fill_close(opened);
		return rc;
	}
	*fill = opened;
	return 0;
}

void vs_columns_fill_close(struct vs_columns_fill *fill)
{
	if (fill == NULL)
		return;
	vs_columns_writer_close(fill->writer);
	vs_columns_tree_release(&fill->tree);
	vs_arena_release(&fill->arena);
	free(fill);
}

bool vs_columns_fill_stale(const struct vs_columns_fill *fill)
{
	return vs_columns_writer_stale(fill->writer);
}

/* ---- filling -------------------------------------------------------------------------------------------- */

static int fill_row(void *context, const struct vs_meta_row *row)
{
	struct vs_columns_fill *fill = context;
	const struct vs_filter_grow grow = { add, fill };
	uint32_t count;
	int found;
	int rc = 0;

	vs_arena_reset(&fill->arena);
	found = vs_filter_json_learn(row->metadata, row->metadata_len, &fill->tree.nodes[0].path, fill->tree.values,
	                             &fill->arena, &grow);
	if (found == VS_ENOMEM)
		return vs_error_set(fill->error, VS_ENOMEM, "no memory for the columns");
	count = vs_columns_writer_fields(fill->writer);
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		const struct vs_filter_value *field = &fill->tree.values[VS_FILTER_OWN + i];
		struct vs_column_value value;
		/* Metadata that cannot be read: whoever filters shall hear of it. */
		if (field->kind == VS_FILTER_MISSING && found == 0)
			continue;
		rc = vs_columns_writer_put(fill->writer, i, row->slot - fill->start,
		                           found == 0 && vs_columns_value(field, &value) ? &value : NULL, fill->error);
	}
	return rc;
}

int vs_columns_fill_run(struct vs_columns_fill *fill, struct vs_meta *meta, const struct vs_meta_state *state,
                        unsigned blocks, struct vs_error *error)
{
	unsigned done = 0;
	int rc = 0;

	fill->error = error;
	while (done < blocks) {
		fill->start = vs_columns_writer_next(fill->writer);
		if (fill->start > state->next_slot || state->next_slot - fill->start < VS_COLUMNS_BLOCK)
			break;
		rc = vs_meta_scan(meta, fill->start, fill->start + VS_COLUMNS_BLOCK, fill_row, fill, error);
		if (rc == 0)
			rc = vs_columns_writer_seal(fill->writer, error);
		if (rc < 0)
			return rc;
		done++;
	}
	return (int)done;
}

int vs_columns_fill_checkpoint(struct vs_columns_fill *fill, struct vs_error *error)
{
	return vs_columns_writer_checkpoint(fill->writer, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/columns_tree.h"

#include <string.h>

#include "base/error.h"

int vs_columns_tree_append(struct vs_columns_tree *tree, struct vs_columns_node *parent, uint32_t field, const char *name,
                           size_t len)
{
	struct vs_columns_node *node = &tree->nodes[field];
	char *copy = vs_arena_dup(&tree->names, name, len);

	if (copy == NULL)
		return VS_ENOMEM;
	*node = (struct vs_columns_node){ { copy, len, -1, field, NULL, parent->path.child }, parent->depth + 1 };
	parent->path.child = &node->path;
	tree->values[field].kind = VS_FILTER_MISSING;
	return 0;
}

int vs_columns_tree_put(struct vs_columns_tree *tree, uint32_t place, const void *start, size_t len)
{
	struct vs_columns_node *parent = &tree->nodes[0];
	const unsigned char *path = start;
	size_t at = 0;
	uint16_t part = 0;

	for (;;) {
		const struct vs_filter_path *child = parent->path.child;
		if (len - at < VS_COLUMNS_PART)
			return VS_ECORRUPT;
		memcpy(&part, path + at, VS_COLUMNS_PART);
		at += VS_COLUMNS_PART;
		if (len - at < part)
			return VS_ECORRUPT;
		if (len - at == part)
			break;
		while (child != NULL && (child->name_len != part || memcmp(child->name, path + at, part) != 0))
			child = child->next;
		if (child == NULL)
			return VS_ECORRUPT;
		parent = &tree->nodes[child->field];
		at += part;
	}
	return vs_columns_tree_append(tree, parent, VS_FILTER_OWN + place, (const char *)path + at, part);
}

void vs_columns_tree_release(struct vs_columns_tree *tree)
{
	vs_arena_release(&tree->names);
}

bool vs_columns_value(const struct vs_filter_value *found, struct vs_column_value *value)
{
	switch (found->kind) {
	case VS_FILTER_NULL:
		*value = (struct vs_column_value){ .kind = VS_COLUMN_NULL };
		return true;
	case VS_FILTER_BOOLEAN:
		*value = (struct vs_column_value){ .kind = VS_COLUMN_BOOLEAN, .boolean = found->boolean };
		return true;
	case VS_FILTER_INTEGER:
		*value = (struct vs_column_value){ .kind = VS_COLUMN_INTEGER, .integer = found->integer };
		return true;
	case VS_FILTER_REAL:
		*value = (struct vs_column_value){ .kind = VS_COLUMN_REAL, .real = found->real };
		return true;
	case VS_FILTER_STRING:
	case VS_FILTER_ARRAY:
		if (found->text.len > VS_COLUMNS_TEXT_MAX)
			return false;
		value->kind = found->kind == VS_FILTER_ARRAY ? VS_COLUMN_ARRAY : VS_COLUMN_TEXT;
		value->text.data = found->text.data;
		value->text.len = (uint32_t)found->text.len;
		return true;
	default:
		return false;
	}
}

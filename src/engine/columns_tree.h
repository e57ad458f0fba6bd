/* SPDX-License-Identifier: Apache-2.0 */
/* engine/columns_tree: the fields that have a place in columns/, as the tree of paths that walks over metadata follow. */
#ifndef VS_ENGINE_COLUMNS_TREE_H
#define VS_ENGINE_COLUMNS_TREE_H

#include "base/arena.h"
#include "engine/filter_impl.h"
#include "store/columns.h"

/* Parts of a path and bytes before each of them: how a field is named in columns/. */
#define VS_COLUMNS_PART 2
#define VS_COLUMNS_PARTS_MAX 8

enum { VS_COLUMNS_NODES = VS_FILTER_OWN + VS_COLUMNS_FIELDS_MAX };

struct vs_columns_node {
	struct vs_filter_path path;
	unsigned depth;
};

/* A field's place in the manifest is its number; in the tree it is number VS_FILTER_OWN + place. */
struct vs_columns_tree {
	struct vs_arena names;
	struct vs_columns_node nodes[VS_COLUMNS_NODES]; /* [0]: the metadata object itself */
	struct vs_filter_value values[VS_COLUMNS_NODES];
};

/* A field named `name` beneath parent: 0 or VS_ENOMEM. */
int vs_columns_tree_append(struct vs_columns_tree *tree, struct vs_columns_node *parent, uint32_t field, const char *name,
                           size_t len);
/* The field that a path of columns/ names. Its parent stands before it. VS_ECORRUPT when that makes no sense; VS_ENOMEM. */
int vs_columns_tree_put(struct vs_columns_tree *tree, uint32_t place, const void *path, size_t len);
void vs_columns_tree_release(struct vs_columns_tree *tree);

/* What a column says of a value. False: objects, long strings and long arrays have none. */
bool vs_columns_value(const struct vs_filter_value *found, struct vs_column_value *value);

#endif

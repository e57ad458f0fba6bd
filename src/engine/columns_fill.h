/* SPDX-License-Identifier: Apache-2.0 */
/* engine/columns_fill: the metadata of committed records into attribute columns. The indexer's work. */
#ifndef VS_ENGINE_COLUMNS_FILL_H
#define VS_ENGINE_COLUMNS_FILL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/columns_tree.h"
#include "store/meta.h"

struct vs_error;
struct vs_columns_fill;

/* Appends a name to a path of *len bytes with room for VS_COLUMNS_PATH_MAX; false when it does not fit. */
bool vs_columns_path_append(unsigned char *path, size_t *len, const char *name, size_t name_len);

/* Under indexer.lock. As vs_columns_writer_open. */
int vs_columns_fill_open(const char *dir, uint32_t generation, struct vs_columns_fill **fill, struct vs_error *error);
void vs_columns_fill_close(struct vs_columns_fill *fill); /* NULL allowed */
bool vs_columns_fill_stale(const struct vs_columns_fill *fill);
/* Inside a transaction with *state: fills at most `blocks` blocks of committed slots. Returns how many. */
int vs_columns_fill_run(struct vs_columns_fill *fill, struct vs_meta *meta, const struct vs_meta_state *state,
                        unsigned blocks, struct vs_error *error);
int vs_columns_fill_checkpoint(struct vs_columns_fill *fill, struct vs_error *error);

#endif

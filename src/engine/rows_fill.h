/* SPDX-License-Identifier: Apache-2.0 */
/* engine/rows_fill: the indexer's part of store/rows: when blocks are copied and when they are synced. */
#ifndef VS_ENGINE_ROWS_FILL_H
#define VS_ENGINE_ROWS_FILL_H

#include "engine/generation.h"

struct vs_rows_fill {
	struct vs_rows_writer *writer; /* NULL until there is a block to copy */
	uint64_t synced_ns;
};

/* Copies the blocks that are committed, a few per transaction, and syncs them a second after the last time. *worked:
 * something was done. The caller holds indexer.lock. A failure leaves the rest to the next call, from the files. */
int vs_rows_fill_run(struct vs_rows_fill *fill, struct vs_generation *generation, bool *worked, struct vs_error *error);
void vs_rows_fill_release(struct vs_rows_fill *fill);

#endif

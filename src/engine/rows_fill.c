/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rows_fill.h"

#include "base/clock.h"

#define BLOCKS 64 /* copied in one transaction: about 0.1 s */
#define SYNC_NS UINT64_C(1000000000)

void vs_rows_fill_release(struct vs_rows_fill *fill)
{
	vs_rows_writer_close(fill->writer);
	*fill = (struct vs_rows_fill){ NULL, 0 };
}

/* One transaction; returns how many blocks. */
static int fill_some(struct vs_rows_fill *fill, struct vs_generation *generation, struct vs_error *error)
{
	struct vs_meta_state state;
	int rc = vs_meta_begin(generation->meta, &state, error);

	if (rc < 0)
		return rc;
	if (fill->writer == NULL && state.next_slot >= VS_ROWS_BLOCK)
		rc = vs_rows_writer_open(generation->dir, state.generation, state.next_slot, &fill->writer, error);
	if (rc == 0 && fill->writer != NULL)
		rc = vs_rows_writer_fill(fill->writer, generation->meta, state.next_slot, BLOCKS, error);
	vs_meta_end(generation->meta);
	return rc;
}

int vs_rows_fill_run(struct vs_rows_fill *fill, struct vs_generation *generation, bool *worked, struct vs_error *error)
{
	int rc;

	if (fill->writer != NULL && vs_rows_writer_stale(fill->writer))
		vs_rows_fill_release(fill);
	do {
		rc = fill_some(fill, generation, error);
		*worked = *worked || rc > 0;
	} while (rc == BLOCKS);
	if (rc >= 0 && fill->writer != NULL && vs_clock_mono_ns() - fill->synced_ns >= SYNC_NS) {
		rc = vs_rows_writer_checkpoint(fill->writer, worked, error);
		fill->synced_ns = vs_clock_mono_ns();
	}
	if (rc < 0)
		vs_rows_fill_release(fill);
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sweep.h"

#include "base/clock.h"
#include "engine/write.h"

#ifndef VS_FAULTS
#define SWEEP_LIMIT 2000 /* records in one commit, so that writers do not wait long */
#else                    /* fewer than the tests have */
#define SWEEP_LIMIT 8
#endif

struct sweeping {
	uint32_t slots[SWEEP_LIMIT];
	size_t count;
};

static int note(void *context, uint32_t slot, int64_t expires_at)
{
	struct sweeping *sweeping = context;

	(void)expires_at;
	sweeping->slots[sweeping->count++] = slot;
	return sweeping->count == SWEEP_LIMIT;
}

static int sweep(struct vs_write *write, struct vs_error *error)
{
	struct sweeping sweeping = { .count = 0 };
	int rc = vs_meta_expired(write->meta, write->now, note, &sweeping, error);

	for (size_t i = 0; rc >= 0 && i < sweeping.count; i++) {
		struct vs_meta_row row;
		bool done;
		rc = vs_meta_get(write->meta, sweeping.slots[i], &row, error);
		if (rc == 0)
			rc = vs_write_remove_row(write, VS_DELETE, &row, &done, error);
	}
	if (rc >= 0)
		rc = vs_meta_next_expiry(write->meta, INT64_MIN, &write->state.expiry, error);
	return rc;
}

int vs_namespace_sweep(struct vs_namespace *ns, const struct vs_meta_state *state, bool *worked, struct vs_error *error)
{
	struct vs_write write;
	int64_t expiry;
	int rc;

	if (state->expiry == 0 || vs_clock_wall_ms() < state->expiry)
		return 0;
	if (ns->generation.current.fd < 0) /* in the making: it follows the live one, which is swept */
		return 0;
	rc = vs_write_begin(&write, ns, 0, error);
	if (rc < 0)
		return rc;
	expiry = write.state.expiry;
	rc = sweep(&write, error);
	if (rc < 0 || (write.state.seq == write.seq && write.state.expiry == expiry)) {
		vs_write_rollback(&write);
		return rc;
	}
	*worked = true;
	/* Also when only the bound has moved: what was to expire first has gone otherwise. */
	return vs_meta_commit(write.meta, &write.state, error);
}

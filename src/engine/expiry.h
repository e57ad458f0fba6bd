/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/expiry: records whose time has passed. They are hidden at once, by a bitmap of what is live and not expired, and
 * swept by the indexer later. Before the state's expiry there is nothing to do. Which records are hidden follows from the
 * snapshot and the newest expiry that has passed, so that is what caches compare.
 *
 * The wall clock decides. If it goes back, what was not swept yet may be seen again.
 */
#ifndef VS_ENGINE_EXPIRY_H
#define VS_ENGINE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "math/bitmap.h"
#include "store/meta.h"

struct vs_error;

struct vs_expiry {
	bool known;     /* what follows is of change seq, and of any time in [last, next) */
	uint64_t seq;
	int64_t now;    /* of the transaction, milliseconds since 1970; 0 while no record expires */
	int64_t last;   /* the newest expiry that has passed, of those that are there; 0: none */
	int64_t next;   /* the soonest that has not */
	struct vs_bitmap visible; /* live, and not expired; valid while last != 0 */
	uint64_t active;          /* of the state's active records, those that are expired */
	uint64_t deleted;         /* of its soft-deleted ones */
};

/* Inside a transaction with *state, at the time now; live is that of the state. */
int vs_expiry_refresh(struct vs_expiry *expiry, struct vs_meta *meta, const struct vs_meta_state *state,
                      const struct vs_bitmap *live, int64_t now, struct vs_error *error);
void vs_expiry_release(struct vs_expiry *expiry);

static inline bool vs_expiry_passed(const struct vs_meta_row *row, int64_t now)
{
	return row->expires_at != 0 && row->expires_at <= now;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/scope: the part of a namespace that a handle is confined to, as a filter (row-level tenancy). It is part of what
 * visible means (engine/generation), so that reads need not think of it; engine/write asks it of every row before and after.
 * Where it cannot be asked, a record counts as out of scope.
 */
#ifndef VS_ENGINE_SCOPE_H
#define VS_ENGINE_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/matches.h"

struct vs_scope {
	char *text;               /* the filter; NULL: all records are within */
	struct vs_filter *filter; /* NULL with a text: nothing is within */
};

/* What of a generation's visible records is within. */
struct vs_scope_view {
	bool known;     /* what follows is of change seq, and this expiry */
	uint64_t seq;
	int64_t expired;
	struct vs_bitmap visible;
	uint64_t active; /* bits in it */
};

/* The scope has this filter (NULL: none). */
bool vs_scope_is(const struct vs_scope *scope, const char *filter);
/* VS_EINVAL for what is no filter: then nothing is within. */
int vs_scope_set(struct vs_scope *scope, const char *filter, struct vs_error *error);
void vs_scope_release(struct vs_scope *scope);

/* The row is within; scope NULL: everything is. */
bool vs_scope_has(const struct vs_scope *scope, const struct vs_meta_row *row);
/* Inside a transaction with *state: brings *view up to it and to the visible records. */
int vs_scope_refresh(const struct vs_scope *scope, struct vs_matches *matches, struct vs_meta *meta,
                     const struct vs_meta_state *state, const struct vs_bitmap *visible, struct vs_scope_view *view,
                     struct vs_error *error);

#endif

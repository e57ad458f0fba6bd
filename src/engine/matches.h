/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/matches: which slots a filter accepts, as a bitmap. A slot's metadata never change, so the bitmap of a filter
 * only ever has to be continued to the slots that came since; the last few filters' bitmaps are kept. Columns say most of
 * it (engine/columns_match); slots that they do not cover or cannot tell are asked of their rows.
 */
#ifndef VS_ENGINE_MATCHES_H
#define VS_ENGINE_MATCHES_H

#include <stdint.h>

#include "math/bitmap.h"
#include "store/meta.h"

struct vs_columns;
struct vs_error;
struct vs_filter;

#define VS_MATCHES_KEPT 16

struct vs_match {
	char *text; /* the filter; NULL: unused */
	struct vs_filter *filter;
	struct vs_bitmap bitmap; /* of slots [0, bitmap.len), dead ones too */
	struct vs_bitmap live;   /* of these, the live ones as of live_seq */
	uint64_t live_count;
	uint64_t live_seq; /* the change; meaningless while live.len is 0 */
	int64_t expired;   /* the newest expiry that had passed then */
	uint64_t scope;    /* as in struct vs_matches, then */
	uint64_t used;     /* age, for eviction */
};

struct vs_matches {
	struct vs_match kept[VS_MATCHES_KEPT];
	uint64_t uses;
	struct vs_columns *columns; /* of the generation; NULL: none */
	int64_t expired; /* the newest expiry that has passed, and */
	uint64_t scope;  /* the number of the scope in force: these tell, with the change, what is visible */
};

void vs_matches_release(struct vs_matches *matches);

/* Inside a transaction with *state. *bitmap covers [0, state->next_slot) and is valid until the next call. VS_EINVAL
 * for a text that is no filter. */
int vs_matches_find(struct vs_matches *matches, struct vs_meta *meta, const struct vs_meta_state *state,
                    const char *text, const struct vs_bitmap **bitmap, struct vs_error *error);

/* The same, of the live slots alone; live: those as of state->seq and matches->expired. *count: how many. */
int vs_matches_find_live(struct vs_matches *matches, struct vs_meta *meta, const struct vs_meta_state *state,
                         const char *text, const struct vs_bitmap *live, const struct vs_bitmap **bitmap,
                         uint64_t *count, struct vs_error *error);

/* vs_filter_accepts for a row of meta.db. */
int vs_matches_row(const struct vs_filter *filter, const struct vs_meta_row *row, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/matches.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "engine/columns_match.h"
#include "engine/filter.h"

#define GET_MOST 64 /* rows of a block that are fetched one by one; more are had faster by a scan of the block */

static void match_release(struct vs_match *match)
{
	free(match->text);
	vs_filter_release(match->filter);
	vs_bitmap_release(&match->bitmap);
	vs_bitmap_release(&match->live);
	memset(match, 0, sizeof(*match));
}

void vs_matches_release(struct vs_matches *matches)
{
	for (size_t i = 0; i < VS_MATCHES_KEPT; i++)
		match_release(&matches->kept[i]);
}

int vs_matches_row(const struct vs_filter *filter, const struct vs_meta_row *row, struct vs_error *error)
{
	struct vs_filter_record record = {
		.id = row->id,
		.id_len = row->id_len,
		.version = row->version,
		.created_at = row->created_at,
		.updated_at = row->updated_at,
		.metadata = row->metadata,
		.metadata_len = row->metadata_len,
	};

	return vs_filter_accepts(filter, &record, error);
}

struct continuing {
	struct vs_match *match;
	const struct vs_bitmap *ask; /* only these slots; NULL: all */
	struct vs_error *error;
};

static int mark_row(void *context, const struct vs_meta_row *row)
{
	struct continuing *continuing = context;
	int rc;

	if (continuing->ask != NULL && !vs_bitmap_test(continuing->ask, row->slot))
		return 0;
	rc = vs_matches_row(continuing->match->filter, row, continuing->error);
	if (rc < 0)
		return rc;
	if (rc > 0)
		vs_bitmap_set(&continuing->match->bitmap, row->slot);
	return 0;
}

/* Asks the rows of the slots in continuing->ask that lie in [from, to). */
static int ask_rows(struct continuing *continuing, struct vs_meta *meta, uint32_t from, uint32_t to)
{
	const struct vs_bitmap *ask = continuing->ask;
	struct vs_meta_row row;
	int rc = 0;

	for (uint32_t slot = vs_bitmap_next(ask, from); slot < to && rc == 0; slot = vs_bitmap_next(ask, slot)) {
		uint32_t end = (slot / VS_COLUMNS_BLOCK + 1) * VS_COLUMNS_BLOCK;
		end = end < to ? end : to;
		if (vs_bitmap_count(ask, slot, end) > GET_MOST) {
			rc = vs_meta_scan(meta, slot, end, mark_row, continuing, continuing->error);
			slot = end;
			continue;
		}
		rc = vs_meta_get(meta, slot, &row, continuing->error);
		if (rc == 0)
			rc = mark_row(continuing, &row);
		else if (rc == VS_ENOTFOUND) /* the record is gone */
			rc = 0;
		slot++;
	}
	return rc;
}

/* Continues a match up to slot `to`. */
static int match_continue(struct vs_matches *matches, struct vs_match *match, struct vs_meta *meta, uint32_t to,
                          struct vs_error *error)
{
	struct continuing continuing = { match, NULL, error };
	struct vs_bitmap ask = VS_BITMAP_INIT;
	uint32_t known = match->bitmap.len;
	int64_t done = known;
	int rc = 0;

	if (vs_bitmap_resize(&match->bitmap, to) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for the matches of a filter");
	if (matches->columns != NULL && to - known >= VS_COLUMNS_BLOCK) {
		done = VS_ENOMEM;
		if (vs_bitmap_resize(&ask, to) == 0)
			done = vs_columns_match(matches->columns, match->filter, known, to, &match->bitmap, &ask);
		if (done < 0)
			rc = vs_error_set(error, VS_ENOMEM, "no memory for the matches of a filter");
	}
	if (rc == 0 && done > known) {
		continuing.ask = &ask;
		rc = ask_rows(&continuing, meta, known, (uint32_t)done);
		continuing.ask = NULL;
	}
	if (rc == 0 && done < to)
		rc = vs_meta_scan(meta, (uint32_t)done, to, mark_row, &continuing, error);
	vs_bitmap_release(&ask);
	return rc;
}

/* The kept match of this text, or the least recently used one made anew for it. */
static int match_of(struct vs_matches *matches, const char *text, struct vs_match **found, struct vs_error *error)
{
	struct vs_match *oldest = &matches->kept[0];
	struct vs_filter *filter;
	char *copy;
	int rc;

	for (size_t i = 0; i < VS_MATCHES_KEPT; i++) {
		struct vs_match *match = &matches->kept[i];
		if (match->text != NULL && strcmp(match->text, text) == 0) {
			*found = match;
			return 0;
		}
		if (match->used < oldest->used)
			oldest = match;
	}
	rc = vs_filter_parse(text, strlen(text), &filter, error);
	if (rc < 0)
		return rc;
	copy = strdup(text);
	if (copy == NULL) {
		if (!VS_PLANTED("filter-leaked"))
			vs_filter_release(filter);
		return vs_error_set(error, VS_ENOMEM, "no memory for a filter");
	}
	match_release(oldest);
	oldest->text = copy;
	oldest->filter = filter;
	*found = oldest;
	return 0;
}

/* The match of a text, continued to all slots. */
static int find(struct vs_matches *matches, struct vs_meta *meta, const struct vs_meta_state *state, const char *text,
                struct vs_match **found, struct vs_error *error)
{
	struct vs_match *match = NULL;
	int rc;

	rc = match_of(matches, text, &match, error);
	if (rc < 0)
		return rc;
	match->used = ++matches->uses;
	if (match->bitmap.len < state->next_slot) {
		rc = match_continue(matches, match, meta, state->next_slot, error);
		if (rc < 0) {
			match_release(match);
			return rc;
		}
	}
	*found = match;
	return 0;
}

int vs_matches_find(struct vs_matches *matches, struct vs_meta *meta, const struct vs_meta_state *state,
                    const char *text, const struct vs_bitmap **bitmap, struct vs_error *error)
{
	struct vs_match *match;
	int rc = find(matches, meta, state, text, &match, error);

	if (rc == 0)
		*bitmap = &match->bitmap;
	return rc;
}

int vs_matches_find_live(struct vs_matches *matches, struct vs_meta *meta, const struct vs_meta_state *state,
                         const char *text, const struct vs_bitmap *live, const struct vs_bitmap **bitmap,
                         uint64_t *count, struct vs_error *error)
{
	struct vs_match *match;
	int rc = find(matches, meta, state, text, &match, error);

	if (rc < 0)
		return rc;
	if (match->live.len != match->bitmap.len || match->live_seq != state->seq || match->expired != matches->expired ||
	    match->scope != matches->scope) {
		if (vs_bitmap_and(&match->live, &match->bitmap, live) < 0)
			return vs_error_set(error, VS_ENOMEM, "no memory for the matches of a filter");
		match->live_count = vs_bitmap_count(&match->live, 0, match->live.len);
		match->live_seq = state->seq;
		match->expired = matches->expired;
		match->scope = matches->scope;
	}
	*bitmap = &match->live;
	*count = match->live_count;
	return 0;
}

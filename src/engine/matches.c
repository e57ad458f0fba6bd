/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/matches.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/filter.h"

static void match_release(struct vs_match *match)
{
	free(match->text);
	vs_filter_release(match->filter);
	vs_bitmap_release(&match->bitmap);
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
	struct vs_error *error;
};

static int mark_row(void *context, const struct vs_meta_row *row)
{
	struct continuing *continuing = context;
	int rc = vs_matches_row(continuing->match->filter, row, continuing->error);

	if (rc < 0)
		return rc;
	if (rc > 0)
		vs_bitmap_set(&continuing->match->bitmap, row->slot);
	return 0;
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
		vs_filter_release(filter);
		return vs_error_set(error, VS_ENOMEM, "no memory for a filter");
	}
	match_release(oldest);
	oldest->text = copy;
	oldest->filter = filter;
	*found = oldest;
	return 0;
}

int vs_matches_find(struct vs_matches *matches, struct vs_meta *meta, const struct vs_meta_state *state,
                    const char *text, const struct vs_bitmap **bitmap, struct vs_error *error)
{
	struct vs_match *match = NULL;
	struct continuing continuing;
	uint32_t known;
	int rc;

	rc = match_of(matches, text, &match, error);
	if (rc < 0)
		return rc;
	match->used = ++matches->uses;
	known = match->bitmap.len;
	if (known < state->next_slot) {
		if (vs_bitmap_resize(&match->bitmap, state->next_slot) < 0)
			return vs_error_set(error, VS_ENOMEM, "no memory for the matches of a filter");
		continuing = (struct continuing){ match, error };
		rc = vs_meta_scan(meta, known, state->next_slot, mark_row, &continuing, error);
		if (rc < 0) {
			match_release(match);
			return rc;
		}
	}
	*bitmap = &match->bitmap;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records by page, in order of ids. A page goes on after the last id of the one before (keyset), so it neither skips nor
 * repeats a record that stays. Either the index of ids is walked and each slot looked up in the bitmap of what is wanted,
 * or, where that is little, the wanted are fetched and sorted.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/namespace.h"

#define WALKED_PER_FETCH 14 /* ids that are walked in the time in which a row is fetched */

struct found {
	const char *id;
	size_t id_len;
	uint32_t slot;
};

struct paging {
	struct vs_namespace *ns;
	const struct vs_page_options *options;
	const struct vs_bitmap *wanted; /* NULL: all that have a row */
	uint64_t wanted_count;
	void (*each)(void *context, const struct vs_record *record);
	void *context;
	size_t count;
	size_t bytes;
	bool more;
	struct vs_error *error;
};

#define PAGE_FULL 1

static bool is_full(const struct paging *paging)
{
	return paging->count == paging->options->limit ||
	       (paging->options->bytes != 0 && paging->bytes >= paging->options->bytes);
}

static int get(const struct paging *paging, uint32_t slot, struct vs_meta_row *row)
{
	int rc = vs_meta_get(paging->ns->generation.meta, slot, row, paging->error);

	if (rc == VS_ENOTFOUND)
		return vs_error_set(paging->error, VS_ECORRUPT, "slot %u should hold a record, and does not", slot);
	return rc;
}

static int page_slot(struct paging *paging, uint32_t slot)
{
	struct vs_record record;
	struct vs_meta_row row;
	int rc = get(paging, slot, &row);

	if (rc == 0 && vs_generation_hidden(&paging->ns->generation, &row))
		return 0;
	if (rc == 0 && is_full(paging)) {
		paging->more = true;
		return PAGE_FULL;
	}
	if (rc == 0 && paging->options->with_text)
		rc = vs_text_find(paging->ns->generation.meta, slot, &row.text, &row.text_len, paging->error);
	if (rc == 0)
		rc = vs_namespace_record(paging->ns, &row, true, paging->options->with_vector, false, &record, paging->error);
	if (rc < 0)
		return rc;
	paging->count++;
	paging->bytes += row.id_len + row.metadata_len + row.text_len + (record.vector != NULL ? record.dimension * sizeof(float) : 0);
	paging->each(paging->context, &record);
	return 0;
}

static int walk_id(void *context, const char *id, size_t id_len, uint32_t slot)
{
	struct paging *paging = context;

	(void)id;
	(void)id_len;
	if (paging->wanted != NULL && !vs_bitmap_test(paging->wanted, slot))
		return 0;
	return page_slot(paging, slot);
}

static int compare_ids(const void *a, const void *b)
{
	const struct found *first = a;
	const struct found *second = b;
	int order = memcmp(first->id, second->id, first->id_len < second->id_len ? first->id_len : second->id_len);

	return order != 0 ? order : (first->id_len > second->id_len) - (first->id_len < second->id_len);
}

/* The wanted whose ids come after the page before, in order. */
static int fetch_ids(struct paging *paging, struct found *found, size_t *count)
{
	struct found after = { paging->options->after, paging->options->after_len, 0 };
	const struct vs_bitmap *wanted = paging->wanted;

	*count = 0;
	for (uint32_t slot = vs_bitmap_next(wanted, 0); slot < wanted->len; slot = vs_bitmap_next(wanted, slot + 1)) {
		struct found *next = &found[*count];
		struct vs_meta_row row;
		int rc = get(paging, slot, &row);
		if (rc < 0)
			return rc;
		*next = (struct found){ row.id, row.id_len, slot };
		if (after.id != NULL && compare_ids(next, &after) <= 0)
			continue;
		if (*count == paging->wanted_count)
			return vs_error_set(paging->error, VS_ECORRUPT, "meta.db is damaged: it holds more live records than it says");
		next->id = vs_arena_dup(&paging->ns->arena, row.id, row.id_len);
		if (next->id == NULL)
			return vs_error_set(paging->error, VS_ENOMEM, "no memory for a page");
		++*count;
	}
	qsort(found, *count, sizeof(*found), compare_ids);
	return 0;
}

static int page_few(struct paging *paging)
{
	struct found *found = vs_arena_calloc(&paging->ns->arena, (size_t)paging->wanted_count + 1, sizeof(*found));
	size_t count;
	int rc;

	if (found == NULL)
		return vs_error_set(paging->error, VS_ENOMEM, "no memory for a page");
	rc = fetch_ids(paging, found, &count);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = walk_id(paging, found[i].id, found[i].id_len, found[i].slot);
	return rc;
}

/* Few enough that to fetch them all is less work than to walk to as many as a page holds. */
static bool are_few(const struct paging *paging, const struct vs_meta_state *state)
{
	double all = (double)(state->active + state->deleted);
	double wanted = (double)paging->wanted_count;
	double walked = wanted > (double)paging->options->limit ? (double)paging->options->limit * all / wanted : all;

	return wanted * WALKED_PER_FETCH < walked;
}

static int find_wanted(struct paging *paging, const struct vs_meta_state *state, bool *few)
{
	struct vs_generation *generation = &paging->ns->generation;
	const char *filter = paging->options->filter;
	int rc = 0;

	*few = false;
	if (paging->options->with_deleted) {
		if (filter != NULL)
			rc = vs_matches_find(&generation->matches, generation->meta, state, filter, &paging->wanted, paging->error);
		return rc;
	}
	paging->wanted = vs_generation_visible(generation);
	paging->wanted_count = vs_generation_active(generation, state);
	if (filter != NULL)
		rc = vs_matches_find_live(&generation->matches, generation->meta, state, filter, paging->wanted,
		                          &paging->wanted, &paging->wanted_count, paging->error);
	*few = are_few(paging, state);
	return rc;
}

int vs_record_page(struct vs_namespace *ns, const struct vs_page_options *options,
                   void (*each)(void *context, const struct vs_record *record), void *context, bool *more,
                   struct vs_error *error)
{
	struct paging paging = { .ns = ns, .options = options, .each = each, .context = context, .error = error };
	struct vs_meta_state state;
	bool few;
	int rc;

	*more = false;
	if (options->limit == 0)
		return vs_error_at(error, VS_EINVAL, "limit", -1, "a page has at least one record");
	rc = vs_namespace_begin(ns, &state, error);
	if (rc < 0)
		return rc;
	rc = find_wanted(&paging, &state, &few);
	if (rc == 0 && few)
		rc = page_few(&paging);
	else if (rc == 0)
		rc = vs_meta_walk(ns->generation.meta, options->after, options->after_len, walk_id, &paging, error);
	vs_namespace_end(ns);
	*more = paging.more;
	return rc == PAGE_FULL ? 0 : rc;
}

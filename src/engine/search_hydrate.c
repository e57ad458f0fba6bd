/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of candidates: those that count are chosen, and their records fetched. */
#include "engine/explain.h"
#include "engine/mmr.h"
#include "engine/search_impl.h"

uint32_t vs_search_candidates(const struct vs_query *query)
{
	uint32_t wanted = query->limit + query->offset;

	return query->diversity > 0.0f ? vs_mmr_candidates(query) : wanted;
}

float vs_search_distance(const struct search *search, const struct vs_hit *hit)
{
	bool similarity = search->state.metric == VS_COSINE || search->state.metric == VS_DOT;

	return similarity ? hit->distance : vs_space_score(search->view.space, hit->distance);
}

bool vs_search_reaches(const struct search *search, const struct vs_hit *hit)
{
	const struct vs_query *query = search->query;
	float score = vs_space_score(search->view.space, hit->distance);

	if (query->has_max_distance)
		return vs_search_distance(search, hit) <= query->max_distance;
	if (!query->has_min_score)
		return true;
	if (search->state.metric == VS_COSINE || search->state.metric == VS_DOT)
		return score >= query->min_score;
	return score <= query->min_score;
}

static bool is_left_out(const struct search *search, uint32_t slot)
{
	for (uint32_t i = 0; i < search->left_out_count; i++)
		if (search->left_out[i] == slot)
			return true;
	return false;
}

uint32_t vs_search_eligible(struct search *search)
{
	struct vs_hit *hits = search->top.hits;
	uint32_t count = 0;

	for (uint32_t i = 0; i < search->top.len; i++) {
		if (is_left_out(search, hits[i].slot))
			continue;
		if (!vs_search_reaches(search, &hits[i]))
			break;
		hits[count++] = hits[i];
	}
	return count;
}

/* The hits to answer, within bounds and past the offset: *count, which stand in top.hits at the offset. */
static int choose_hits(struct search *search, const struct vs_hit **hits, uint32_t *count, struct vs_error *error)
{
	const struct vs_query *query = search->query;
	uint32_t eligible;
	int rc = 0;

	search->candidates = search->top.len;
	eligible = vs_search_eligible(search);
	if (query->diversity > 0.0f)
		rc = vs_mmr_select(search, &eligible, error);
	search->top.len = eligible;
	*count = eligible > query->offset ? eligible - query->offset : 0;
	*hits = search->top.hits + (*count > 0 ? query->offset : 0);
	if (*count > query->limit)
		*count = query->limit;
	return rc;
}

int vs_search_record(const struct search *search, uint32_t slot, struct vs_record *record, struct vs_error *error)
{
	struct vs_namespace *ns = search->ns;
	const struct vs_rows *rows = ns->generation.rows;
	struct vs_meta_row row;
	bool copied = rows != NULL && vs_rows_find(rows, slot, &ns->arena, &row);
	int rc = copied ? 0 : vs_meta_get(ns->generation.meta, slot, &row, error);

	if (rc == VS_ENOTFOUND)
		return vs_error_set(error, VS_ECORRUPT, "slot %u is live but no record has it", slot);
	if (rc < 0)
		return rc;
	if (search->explanation != NULL)
		vs_explanation_hydrated(search->explanation, copied);
	rc = vs_namespace_record(ns, &row, search->query->with_metadata, search->query->with_vector, !copied, record, error);
	return rc < 0 || !search->query->with_text ? rc : vs_namespace_text(ns, slot, record, error);
}

void vs_search_expect(const struct search *search, const struct vs_hit *hits, uint32_t count)
{
	struct vs_generation *generation = &search->ns->generation;

	if (generation->rows == NULL)
		return;
	vs_rows_refresh(generation->rows, search->state.next_slot, search->start_ns);
	vs_rows_prefetch(generation->rows, hits, count);
}

int vs_search_hydrate(struct search *search, struct vs_results *results, struct vs_error *error)
{
	const struct vs_hit *hits;
	struct vs_result *items;
	uint32_t count;
	int rc = choose_hits(search, &hits, &count, error);

	if (rc < 0)
		return rc;
	vs_explanation_lap(search, VS_PHASE_SELECT);
	items = vs_arena_calloc(&search->ns->arena, count, sizeof(*items));
	if (items == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u results", count);
	results->items = items;
	vs_search_expect(search, hits, count);
	for (uint32_t i = 0; i < count; i++) {
		rc = vs_search_record(search, hits[i].slot, &items[i].record, error);
		if (rc < 0)
			return rc;
		items[i].score = vs_space_score(search->view.space, hits[i].distance);
		results->count++;
	}
	return 0;
}

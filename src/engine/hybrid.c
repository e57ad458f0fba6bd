/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query by vector, by words, or by both, in one snapshot. Each half finds candidates, under the filter's bitmap (I6); each
 * candidate is then scored by both, so that what one half has missed by a place is not taken for what it would never find;
 * the scores are fused; the records of the best are fetched.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/highlight.h"
#include "engine/search_impl.h"
#include "engine/words.h"

#define CANDIDATES_SHARE 10
#define CANDIDATES_LEAST 100
#define RANK_CONSTANT 60.0f
#define WORDS_NS UINT64_C(10000000000) /* for the search for words */

struct candidate {
	uint32_t slot;
	uint32_t vector_rank, text_rank; /* 0: none */
	float distance;                  /* under a vector */
	float text;                      /* 0: does not match */
	float score;
};

struct hybrid {
	struct search search; /* of the half by vector; its snapshot and filter are those of both */
	struct vs_query query; /* of that half */
	const struct vs_query *asked;
	const struct vs_text_query *text;
	bool by_vector;
	struct vs_words words;
	uint32_t wanted;     /* candidates of each half */
	struct vs_topk top;  /* of the half by words */
	struct candidate *candidates; /* in order of slots, then of scores */
	uint32_t count;
};

static int no_memory(struct vs_error *error)
{
	return vs_error_set(error, VS_ENOMEM, "no memory for candidates");
}

/* ---- what is asked -------------------------------------------------------------------------------------- */

static int check_bounds(const struct vs_query *query, struct vs_error *error)
{
	if (query->has_min_score || query->has_max_distance)
		return vs_error_at(error, VS_EINVAL, query->has_min_score ? "min_score" : "max_distance", -1,
		                   "is not for hybrid queries");
	if (query->diversity != 0.0f)
		return vs_error_at(error, VS_EINVAL, "diversity", -1, "is not for hybrid queries");
	return 0;
}

static int check(const struct vs_query *query, const struct vs_text_query *text, struct vs_error *error)
{
	int rc = query->vector != NULL || query->id != NULL ? vs_search_check(query, error)
	                                                    : vs_search_check_options(query, error);

	if (rc == 0)
		rc = check_bounds(query, error);
	if (rc < 0)
		return rc;
	if (query->vector == NULL && query->id == NULL && text->words == NULL)
		return vs_error_at(error, VS_EINVAL, "text_query", -1, "is missing, and so is a vector or an id");
	if (text->fusion != VS_FUSION_ALPHA && text->fusion != VS_FUSION_RRF)
		return vs_error_at(error, VS_EINVAL, "fusion", -1, "%d is none", (int)text->fusion);
	if (!(text->alpha >= 0.0f && text->alpha <= 1.0f))
		return vs_error_at(error, VS_EINVAL, "alpha", -1, "must be from 0 to 1");
	if (text->candidates > VS_CANDIDATES_MAX && text->candidates > query->limit + query->offset)
		return vs_error_at(error, VS_EINVAL, "candidates", -1, "%u is more than %d", text->candidates, VS_CANDIDATES_MAX);
	if (text->candidates != 0 && text->candidates < query->limit + query->offset)
		return vs_error_at(error, VS_EINVAL, "candidates", -1, "are fewer than limit and offset together");
	return vs_highlight_check(text->highlight, error);
}

static uint32_t choose_candidates(const struct vs_query *query, const struct vs_text_query *text, bool both)
{
	uint32_t wanted = query->limit + query->offset;
	uint32_t chosen = wanted * CANDIDATES_SHARE;

	if (!both)
		return wanted;
	if (text->candidates != 0)
		return text->candidates;
	chosen = chosen < CANDIDATES_LEAST ? CANDIDATES_LEAST : chosen > VS_CANDIDATES_MAX ? VS_CANDIDATES_MAX : chosen;
	return chosen < wanted ? wanted : chosen;
}

/* ---- the halves ----------------------------------------------------------------------------------------- */

/* What both need: the filter as a bitmap, and the vector. */
static int prepare(struct hybrid *hybrid, struct vs_error *error)
{
	struct search *search = &hybrid->search;
	int rc = 0;

	hybrid->by_vector = hybrid->asked->vector != NULL || hybrid->asked->id != NULL;
	hybrid->wanted = choose_candidates(hybrid->asked, hybrid->text, hybrid->by_vector && hybrid->text->words != NULL);
	hybrid->query = *hybrid->asked;
	hybrid->query.limit = hybrid->wanted;
	hybrid->query.offset = 0;
	if (hybrid->by_vector)
		rc = vs_search_prepare(search, error);
	else if (search->ns->generation.has_vectors)
		search->view = vs_vectors_view(&search->ns->generation.vectors);
	return rc < 0 ? rc : vs_search_accept(search, error);
}

static int search_vectors(struct hybrid *hybrid, struct vs_error *error)
{
	struct search *search = &hybrid->search;
	int rc = vs_search_ask(search, error);

	if (rc == 0)
		rc = vs_search_settle(&search, 1, error);
	if (rc < 0)
		return rc;
	search->top.len = vs_search_eligible(search);
	for (uint32_t i = 0; i < search->top.len; i++)
		hybrid->candidates[hybrid->count++] = (struct candidate){ .slot = search->top.hits[i].slot,
			                                                      .distance = search->top.hits[i].distance,
			                                                      .vector_rank = i + 1 };
	return 0;
}

static int compare_slots(const void *a, const void *b)
{
	const struct candidate *first = a;
	const struct candidate *second = b;

	return (first->slot > second->slot) - (first->slot < second->slot);
}

/* What is found by words becomes a candidate, unless it is one. The first `known` are in order of slots. */
static void add_found(struct hybrid *hybrid, uint32_t known)
{
	const struct search *search = &hybrid->search;
	uint32_t rank = 0;

	for (uint32_t i = 0; i < hybrid->top.len && rank < hybrid->wanted; i++) {
		const struct vs_hit *hit = &hybrid->top.hits[i];
		struct candidate key = { .slot = hit->slot };
		struct candidate *found = bsearch(&key, hybrid->candidates, known, sizeof(key), compare_slots);
		if (search->left_out_count > 0 && search->self == hit->slot)
			continue;
		if (found == NULL) {
			found = &hybrid->candidates[hybrid->count++];
			*found = (struct candidate){ .slot = hit->slot, .text = -hit->distance };
			if (hybrid->by_vector)
				found->distance = vs_space_distance(search->view.space, search->vector, search->factor,
				                                    vs_view_row(&search->view, hit->slot));
		}
		found->text_rank = ++rank;
	}
}

static int search_words(struct hybrid *hybrid, struct vs_error *error)
{
	struct search *search = &hybrid->search;
	const struct vs_generation *generation = &search->ns->generation;
	struct vs_meta *meta = generation->meta;
	struct vs_arena *arena = &search->ns->arena;
	uint32_t known = hybrid->count;
	uint32_t *slots = vs_arena_calloc(arena, known, sizeof(*slots));
	float *scores = vs_arena_calloc(arena, known, sizeof(*scores));
	struct vs_text_search words = { .expression = hybrid->words.expression,
		                            .terms = hybrid->words.terms,
		                            .accept = search->accept,
		                            .within = generation->scope != NULL ? vs_generation_visible(generation) : NULL,
		                            .slots = slots,
		                            .slot_count = known,
		                            .scores = scores,
		                            .top = &hybrid->top };
	int rc;

	if (slots == NULL || scores == NULL || vs_topk_init(&hybrid->top, hybrid->wanted + search->left_out_count) < 0)
		return no_memory(error);
	qsort(hybrid->candidates, known, sizeof(*hybrid->candidates), compare_slots);
	for (uint32_t i = 0; i < known; i++)
		slots[i] = hybrid->candidates[i].slot;
	vs_meta_set_deadline(meta, vs_clock_mono_ns() + WORDS_NS);
	rc = vs_text_search(meta, &words, error);
	vs_meta_set_deadline(meta, 0);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < known; i++)
		hybrid->candidates[i].text = scores[i];
	for (uint32_t i = 0; i < hybrid->top.len; i++)
		if (hybrid->top.hits[i].slot >= search->view.count)
			return vs_error_set(error, VS_ECORRUPT, "slot %u of a record lies past the vector file's end",
			                    hybrid->top.hits[i].slot);
	add_found(hybrid, known);
	return 0;
}

/* ---- fusion --------------------------------------------------------------------------------------------- */

static float reciprocal(uint32_t rank)
{
	return rank != 0 ? 1.0f / (RANK_CONSTANT + (float)rank) : 0.0f;
}

static void fuse_alpha(struct hybrid *hybrid)
{
	float near = INFINITY, far = -INFINITY, best = 0.0f;

	for (uint32_t i = 0; i < hybrid->count; i++) {
		near = fminf(near, hybrid->candidates[i].distance);
		far = fmaxf(far, hybrid->candidates[i].distance);
		best = fmaxf(best, hybrid->candidates[i].text);
	}
	for (uint32_t i = 0; i < hybrid->count; i++) {
		struct candidate *candidate = &hybrid->candidates[i];
		float vector = far > near ? (far - candidate->distance) / (far - near) : 1.0f;
		float text = best > 0.0f ? candidate->text / best : 0.0f;
		candidate->score = hybrid->text->alpha * vector + (1.0f - hybrid->text->alpha) * text;
	}
}

/* Higher is better here, whatever the metric. */
static void fuse(struct hybrid *hybrid)
{
	if (hybrid->by_vector && hybrid->text->words != NULL && hybrid->text->fusion == VS_FUSION_ALPHA) {
		fuse_alpha(hybrid);
		return;
	}
	for (uint32_t i = 0; i < hybrid->count; i++) {
		struct candidate *candidate = &hybrid->candidates[i];
		if (hybrid->by_vector && hybrid->text->words != NULL)
			candidate->score = reciprocal(candidate->vector_rank) + reciprocal(candidate->text_rank);
		else
			candidate->score = hybrid->by_vector ? -candidate->distance : candidate->text;
	}
}

static int compare_scores(const void *a, const void *b)
{
	const struct candidate *first = a;
	const struct candidate *second = b;

	if (first->score != second->score)
		return first->score > second->score ? -1 : 1;
	return compare_slots(a, b);
}

/* ---- results -------------------------------------------------------------------------------------------- */

static int fetch(struct hybrid *hybrid, const struct candidate *candidate, struct vs_result *result,
                 struct vs_hybrid_part *part, struct vs_error *error)
{
	struct search *search = &hybrid->search;
	struct vs_namespace *ns = search->ns;
	struct vs_id body;
	bool alone = !hybrid->by_vector || hybrid->text->words == NULL;
	int rc = vs_search_record(search, candidate->slot, &result->record, error);

	*part = (struct vs_hybrid_part){ .has_vector = hybrid->by_vector,
		                             .has_text = candidate->text > 0.0f,
		                             .text_score = candidate->text,
		                             .vector_rank = candidate->vector_rank,
		                             .text_rank = candidate->text_rank };
	if (hybrid->by_vector)
		part->vector_score = vs_space_score(search->view.space, candidate->distance);
	result->score = alone && hybrid->by_vector ? part->vector_score : candidate->score;
	if (rc < 0 || hybrid->text->highlight == NULL || !part->has_text)
		return rc;
	rc = vs_text_find(ns->generation.meta, candidate->slot, &body.data, &body.len, error);
	if (rc < 0 || body.data == NULL)
		return rc;
	return vs_highlight_make(ns->generation.meta, hybrid->text->highlight, &hybrid->words, &body, &ns->arena,
	                         &part->highlight, &part->highlight_len, error);
}

/* Asks for the records of a page of candidates, before they are fetched one by one. */
static void expect(struct hybrid *hybrid, const struct candidate *page, uint32_t count)
{
	struct vs_hit *hits = vs_arena_calloc(&hybrid->search.ns->arena, count, sizeof(*hits));

	for (uint32_t i = 0; hits != NULL && i < count; i++)
		hits[i].slot = page[i].slot;
	if (hits != NULL)
		vs_search_expect(&hybrid->search, hits, count);
}

static int answer(struct hybrid *hybrid, struct vs_results *results, const struct vs_hybrid_part **out,
                  struct vs_error *error)
{
	uint32_t offset = hybrid->asked->offset;
	uint32_t count = hybrid->count > offset ? hybrid->count - offset : 0;
	struct vs_arena *arena = &hybrid->search.ns->arena;
	const struct candidate *page = hybrid->candidates + (count > 0 ? offset : 0);
	struct vs_hybrid_part *parts;
	struct vs_result *items;
	int rc = 0;

	if (count > hybrid->asked->limit)
		count = hybrid->asked->limit;
	items = vs_arena_calloc(arena, count, sizeof(*items));
	parts = vs_arena_calloc(arena, count, sizeof(*parts));
	if (items == NULL || parts == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %u results", count);
	expect(hybrid, page, count);
	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = fetch(hybrid, &page[i], &items[i], &parts[i], error);
	results->items = items;
	results->count = rc == 0 ? count : 0;
	*out = parts;
	return rc;
}

static int run(struct hybrid *hybrid, struct vs_results *results, const struct vs_hybrid_part **parts,
               struct vs_error *error)
{
	struct vs_namespace *ns = hybrid->search.ns;
	const struct vs_text_query *text = hybrid->text;
	int rc = prepare(hybrid, error);

	if (rc == 0 && text->words != NULL)
		rc = vs_words_parse(ns->generation.meta, text->words, text->words_len, text->all, &ns->arena, &hybrid->words, error);
	if (rc < 0)
		return rc;
	hybrid->candidates = vs_arena_calloc(&ns->arena, 2 * (size_t)hybrid->wanted, sizeof(*hybrid->candidates));
	if (hybrid->candidates == NULL)
		return no_memory(error);
	if (hybrid->by_vector)
		rc = search_vectors(hybrid, error);
	if (rc == 0 && hybrid->words.expression != NULL && hybrid->search.accepted > 0)
		rc = search_words(hybrid, error);
	if (rc < 0)
		return rc;
	fuse(hybrid);
	qsort(hybrid->candidates, hybrid->count, sizeof(*hybrid->candidates), compare_scores);
	return answer(hybrid, results, parts, error);
}

int vs_namespace_search_hybrid(struct vs_namespace *ns, const struct vs_query *query, const struct vs_text_query *text,
                               struct vs_results *results, const struct vs_hybrid_part **parts, struct vs_error *error)
{
	struct hybrid hybrid = { .asked = query, .text = text };
	struct search *search = &hybrid.search;
	int rc;

	memset(results, 0, sizeof(*results));
	*parts = NULL;
	*search = (struct search){ .ns = ns, .query = &hybrid.query, .stats = &results->stats, .start_ns = vs_clock_mono_ns() };
	rc = check(query, text, error);
	if (rc == 0)
		rc = vs_namespace_begin(ns, &search->state, error);
	if (rc < 0)
		return rc;
	results->mark = vs_namespace_mark_of(ns, &search->state);
	rc = run(&hybrid, results, parts, error);
	vs_namespace_end(ns);
	vs_topk_release(&search->top);
	vs_topk_release(&hybrid.top);
	results->stats.duration_ns = vs_clock_mono_ns() - search->start_ns;
	return rc;
}

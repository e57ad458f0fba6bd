/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records like some and unlike others: a search from one vector that is made of examples. It lies as far from the average
 * of the negative ones as the average of the positive ones does, again as far on: positive + (positive - negative).
 * Under cosine each example counts by its direction alone.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/search_impl.h"

struct examples {
	const char *name; /* "positive" */
	const struct vs_example *items;
	size_t count;
	float weight; /* of their average */
};

static int check(const struct vs_recommendation *given, const struct vs_query *query, struct vs_error *error)
{
	if (query->vector != NULL || query->id != NULL)
		return vs_error_at(error, VS_EINVAL, query->vector != NULL ? "vector" : "id", -1,
		                   "a recommendation is made from positive and negative examples");
	if (given->positive_count == 0)
		return vs_error_at(error, VS_EINVAL, "positive", -1, "needs at least one example");
	if (given->positive_count > VS_EXAMPLES_MAX)
		return vs_error_at(error, VS_EINVAL, "positive", -1, "more than %d examples", VS_EXAMPLES_MAX);
	if (given->negative_count > VS_EXAMPLES_MAX - given->positive_count)
		return vs_error_at(error, VS_EINVAL, "negative", -1, "more than %d examples with the positive ones", VS_EXAMPLES_MAX);
	return vs_search_check_options(query, error);
}

/* The vector and the factor of an example; that of an id is left out of the answer. */
static int find_example(struct search *search, uint32_t *left_out, const struct vs_example *example, const char *field,
                        const float **vector, float *factor, struct vs_error *error)
{
	const struct vs_space *space = search->view.space;
	struct vs_id id = { example->id, example->id_len };
	uint32_t slot;
	int rc;

	if ((example->id == NULL) == (example->vector == NULL))
		return vs_error_at(error, VS_EINVAL, field, -1, "must be an id or a vector");
	if (example->vector != NULL) {
		rc = vs_search_check_vector(search, field, example->vector, example->dimension, error);
		if (rc < 0)
			return rc;
		*vector = example->vector;
		*factor = space != NULL && search->state.metric == VS_COSINE ? vs_space_factor(space, example->vector) : 1.0f;
		return 0;
	}
	rc = vs_search_find_row(search, field, &id, &slot, error);
	if (rc < 0)
		return rc;
	left_out[search->left_out_count++] = slot;
	*vector = vs_view_row(&search->view, slot);
	*factor = (*vector)[space->dim];
	return 0;
}

/* Adds the weighted average of examples to sum, which has the first one's dimension. */
static int add(struct search *search, uint32_t *left_out, const struct examples *examples, double *sum, uint32_t *dimension,
               struct vs_error *error)
{
	for (size_t i = 0; i < examples->count; i++) {
		char field[32];
		const float *vector = NULL;
		float factor = 1.0f;
		uint32_t given = examples->items[i].vector != NULL ? examples->items[i].dimension : search->state.dimension;
		int rc;
		snprintf(field, sizeof(field), "%s[%zu]", examples->name, i);
		rc = find_example(search, left_out, &examples->items[i], field, &vector, &factor, error);
		if (rc < 0)
			return rc;
		if (*dimension == 0)
			*dimension = given;
		if (given != *dimension) /* nothing is stored yet that says which is right */
			return vs_error_at(error, VS_EINVAL, field, -1, "%u numbers; an example before it has %u", given, *dimension);
		for (uint32_t d = 0; d < given; d++)
			sum[d] += (double)examples->weight * (double)factor * (double)vector[d] / (double)examples->count;
	}
	return 0;
}

static int check_target(const struct search *search, const float *vector, uint32_t dimension, struct vs_error *error)
{
	bool zero = true;

	for (uint32_t d = 0; d < dimension; d++) {
		if (!isfinite(vector[d]))
			return vs_error_at(error, VS_EINVAL, "positive", -1, "the examples together go beyond float32");
		zero = zero && vector[d] == 0.0f;
	}
	if (zero && search->state.metric == VS_COSINE)
		return vs_error_at(error, VS_EINVAL, "positive", -1, "the examples cancel each other out");
	return 0;
}

/* Sets search's vector, factor and left_out. */
static int aim(struct search *search, const struct vs_recommendation *given, struct vs_error *error)
{
	bool has_negative = given->negative_count > 0;
	struct examples positive = { "positive", given->positive, given->positive_count, has_negative ? 2.0f : 1.0f };
	struct examples negative = { "negative", given->negative, given->negative_count, -1.0f };
	struct vs_arena *arena = &search->ns->arena;
	double *sum = vs_arena_calloc(arena, VS_VECTOR_DIM_MAX, sizeof(*sum));
	float *vector = vs_arena_calloc(arena, VS_VECTOR_DIM_MAX, sizeof(*vector));
	uint32_t *left_out = vs_arena_calloc(arena, given->positive_count + given->negative_count, sizeof(*left_out));
	uint32_t dimension = 0;
	int rc;

	if (sum == NULL || vector == NULL || left_out == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for examples");
	rc = add(search, left_out, &positive, sum, &dimension, error);
	if (rc == 0)
		rc = add(search, left_out, &negative, sum, &dimension, error);
	if (rc < 0)
		return rc;
	for (uint32_t d = 0; d < dimension; d++)
		vector[d] = (float)sum[d];
	search->left_out = left_out;
	search->vector = vector;
	search->factor = search->view.space != NULL ? vs_space_factor(search->view.space, vector) : 0.0f;
	return check_target(search, vector, dimension, error);
}

int vs_namespace_recommend(struct vs_namespace *ns, const struct vs_recommendation *recommendation,
                           const struct vs_query *query, struct vs_results *results, struct vs_error *error)
{
	struct search search = { .ns = ns, .query = query, .stats = &results->stats, .start_ns = vs_clock_mono_ns() };
	int rc;

	memset(results, 0, sizeof(*results));
	rc = check(recommendation, query, error);
	if (rc == 0)
		rc = vs_namespace_begin(ns, &search.state, error);
	if (rc < 0)
		return rc;
	results->mark = vs_namespace_mark_of(ns, &search.state);
	if (ns->generation.has_vectors)
		search.view = vs_vectors_view(&ns->generation.vectors);
	rc = aim(&search, recommendation, error);
	if (rc == 0)
		rc = vs_search_run(&search, results, error);
	vs_namespace_end(ns);
	vs_topk_release(&search.top);
	results->stats.duration_ns = vs_clock_mono_ns() - search.start_ns;
	return rc;
}

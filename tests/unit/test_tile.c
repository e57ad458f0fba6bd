/* SPDX-License-Identifier: Apache-2.0 */
/* Every set's tiles of every width, against sums in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "math/tile.h"

static uint64_t seed = 5;

static float noise(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(int32_t)(seed >> 32) / 2147483648.0f;
}

struct tile {
	struct vs_tile_rows rows;
	float *data;  /* of the rows, one after another, ending where the memory ends */
	float *panel;
	float *least;
	float *scores;
};

static void *aligned(size_t floats)
{
	void *memory = aligned_alloc(VS_TILE_ALIGN, (floats * sizeof(float) / VS_TILE_ALIGN + 1) * VS_TILE_ALIGN);

	assert_non_null(memory);
	return memory;
}

static void tile_init(struct tile *tile, const struct vs_tile_set *set, unsigned width, size_t dim)
{
	tile->data = malloc(set->rows * dim * sizeof(float) + 1);
	assert_non_null(tile->data);
	tile->panel = aligned(width * dim);
	tile->least = aligned(width);
	tile->scores = aligned((size_t)width * set->rows);
	for (size_t i = 0; i < set->rows * dim; i++)
		tile->data[i] = noise();
	for (size_t i = 0; i < width * dim; i++)
		tile->panel[i] = noise();
	for (unsigned r = 0; r < set->rows; r++) {
		tile->rows.at[r] = tile->data + r * dim;
		tile->rows.scale[r] = 1.0f + noise();
		tile->rows.shift[r] = noise();
	}
	for (unsigned i = 0; i < width; i++)
		tile->least[i] = INFINITY;
}

static void tile_release(struct tile *tile)
{
	free(tile->data);
	free(tile->panel);
	free(tile->least);
	free(tile->scores);
}

static void scores_are_right(const struct tile *tile, const struct vs_tile_set *set, unsigned width, size_t dim)
{
	for (unsigned r = 0; r < set->rows; r++)
		for (unsigned i = 0; i < width; i++) {
			double sum = 0, size = 1;
			for (size_t d = 0; d < dim; d++) {
				double product = (double)tile->rows.at[r][d] * (double)tile->panel[d * width + i];
				sum += product;
				size += fabs(product);
			}
			sum = sum * (double)tile->rows.scale[r] + (double)tile->rows.shift[r];
			if (!(fabs((double)tile->scores[r * width + i] - sum) <= 2 * size * 6e-8 * (double)(dim + 3)))
				fail_msg("%s, width %u, dim %zu: %g, not %g", set->name, width, dim,
				         (double)tile->scores[r * width + i], sum);
		}
}

/* One score that reaches its least, or is no number, and all that do not. */
static void it_tells_what_is_not_below(struct tile *tile, const struct vs_tile_set *set, vs_tile_fn *run,
                                       unsigned width, size_t dim)
{
	unsigned r = set->rows - 1, i = width - 1;
	float kept = tile->rows.scale[r];

	assert_false(run(&tile->rows, tile->panel, tile->least, dim, tile->scores));
	tile->least[i] = tile->scores[r * width + i];
	assert_true(run(&tile->rows, tile->panel, tile->least, dim, tile->scores));
	tile->least[i] = INFINITY;
	tile->rows.scale[r] = NAN;
	assert_true(run(&tile->rows, tile->panel, tile->least, dim, tile->scores));
	tile->rows.scale[r] = kept;
	assert_false(run(&tile->rows, tile->panel, tile->least, dim, tile->scores));
}

static void every_set_and_width(void **state)
{
	static const size_t dims[] = { 1, 2, 3, 16, 33, 100, 768 };
	const struct vs_tile_set *list[3];
	size_t count = vs_tile_list(list);

	(void)state;
	assert_true(count >= 1 && count <= 3);
	for (size_t s = 0; s < count; s++)
		for (unsigned v = 0; v < 3; v++)
			for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
				unsigned width = (v + 1) * list[s]->lanes;
				struct tile tile;
				assert_true(width <= VS_TILE_WIDTH_MAX && list[s]->rows <= VS_TILE_ROWS_MAX);
				tile_init(&tile, list[s], width, dims[d]);
				it_tells_what_is_not_below(&tile, list[s], list[s]->run[v], width, dims[d]);
				scores_are_right(&tile, list[s], width, dims[d]);
				tile_release(&tile);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_set_and_width),
	};

	return cmocka_run_group_tests_name("tile", tests, NULL, NULL);
}

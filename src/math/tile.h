/* SPDX-License-Identifier: Apache-2.0 */
/*
 * math/tile: many queries beside a few rows at once, the inner loop of a matrix product. A row's numbers are loaded
 * once for a whole panel of queries, and no sum has to be added up across lanes. So a pair costs a fraction of what
 * the kernels of math/kernels take, but sums are in another order: callers use it to leave out what is too far, and
 * compare the rest by the kernels.
 *
 * Queries lie in panels, as wide as up to three vectors of the machine: number d of all queries of a panel, then
 * number d + 1. Places past the last query hold zeros.
 */
#ifndef VS_MATH_TILE_H
#define VS_MATH_TILE_H

#include <stdbool.h>
#include <stddef.h>

#define VS_TILE_ROWS_MAX 8   /* rows of a call */
#define VS_TILE_WIDTH_MAX 48 /* queries of a panel */
#define VS_TILE_ALIGN 64     /* bytes, of panels and least */

/* What a call compares: score = dot(row, query) * scale + shift, per row. */
struct vs_tile_rows {
	const float *at[VS_TILE_ROWS_MAX]; /* exactly as many as the set takes; the last one may be repeated */
	float scale[VS_TILE_ROWS_MAX];
	float shift[VS_TILE_ROWS_MAX];
};

/* Writes scores[row * width + query]; true when one is not below its query's least (or is NaN). */
typedef bool vs_tile_fn(const struct vs_tile_rows *rows, const float *panel, const float *least, size_t dim,
                        float *scores);

struct vs_tile_set {
	const char *name;
	unsigned lanes; /* floats of a vector */
	unsigned rows;  /* that a call takes */
	vs_tile_fn *run[3]; /* for panels of one, two and three vectors */
};

/* The set that goes with vs_kernels_get(). Never NULL. */
const struct vs_tile_set *vs_tile_get(void);
/* The sets this CPU can run, for tests. Returns how many, at most three. */
size_t vs_tile_list(const struct vs_tile_set *list[3]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "math/tile.h"

#include <string.h>

#include "math/kernels.h"

#define EACH(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); i++)

/*
 * The loop, for a vector of `lanes` floats, in the compiler's own vector types: `rows` x `vectors` sums stay in
 * registers, and each number of a row is spread over a vector and multiplied with all queries of the panel.
 */
#define TILE(name, attributes, lanes, rows_, vectors)                                                                  \
	attributes static bool name(const struct vs_tile_rows *rows, const float *panel, const float *least, size_t dim,   \
	                            float *scores)                                                                         \
	{                                                                                                                  \
		typedef float floats __attribute__((vector_size((lanes) * 4), may_alias));                                     \
		typedef int ints __attribute__((vector_size((lanes) * 4)));                                                    \
		const floats *from = (const floats *)(const void *)panel;                                                      \
		const floats *bound = (const floats *)(const void *)least;                                                     \
		floats *to = (floats *)(void *)scores;                                                                         \
		floats sums[rows_][vectors];                                                                                   \
		ints below = ~(ints){ 0 };                                                                                     \
		int all = -1;                                                                                                  \
		EACH(r, rows_)                                                                                                 \
		EACH(v, vectors)                                                                                               \
		sums[r][v] = (floats){ 0 };                                                                                    \
		for (size_t d = 0; d < dim; d++, from += (vectors))                                                            \
			EACH(r, rows_)                                                                                             \
			EACH(v, vectors)                                                                                           \
			sums[r][v] += rows->at[r][d] * from[v];                                                                    \
		EACH(r, rows_)                                                                                                 \
		EACH(v, vectors)                                                                                               \
		{                                                                                                              \
			floats score = sums[r][v] * rows->scale[r] + rows->shift[r];                                               \
			to[r * (vectors) + v] = score;                                                                             \
			below &= score < bound[v];                                                                                 \
		}                                                                                                              \
		for (int i = 0; i < (lanes); i++)                                                                              \
			all &= below[i];                                                                                           \
		return all == 0;                                                                                               \
	}

TILE(small1, , 4, 4, 1)
TILE(small2, , 4, 4, 2)
TILE(small3, , 4, 4, 3)

/* What every machine of the architecture has: SSE2, NEON. */
static const struct vs_tile_set small = { "small", 4, 4, { small1, small2, small3 } };

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2,fma")))
TILE(avx2_1, AVX2, 8, 4, 1)
TILE(avx2_2, AVX2, 8, 4, 2)
TILE(avx2_3, AVX2, 8, 4, 3)

static const struct vs_tile_set avx2 = { "avx2", 8, 4, { avx2_1, avx2_2, avx2_3 } };

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
TILE(avx512_1, AVX512, 16, 8, 1)
TILE(avx512_2, AVX512, 16, 8, 2)
TILE(avx512_3, AVX512, 16, 8, 3)

static const struct vs_tile_set avx512 = { "avx512", 16, 8, { avx512_1, avx512_2, avx512_3 } };

#endif

static const struct vs_tile_set *set_of(const struct vs_kernels *kernels)
{
#if defined(__x86_64__)
	if (strncmp(kernels->name, "avx512", 6) == 0)
		return &avx512;
	if (strcmp(kernels->name, "avx2") == 0)
		return &avx2;
#else
	(void)kernels;
#endif
	return &small;
}

const struct vs_tile_set *vs_tile_get(void)
{
	return set_of(vs_kernels_get());
}

size_t vs_tile_list(const struct vs_tile_set *list[3])
{
	const struct vs_kernels *const *kernels;
	size_t kernel_count = vs_kernels_list(&kernels);
	size_t count = 0;

	for (size_t i = 0; i < kernel_count; i++) {
		const struct vs_tile_set *set = set_of(kernels[i]);
		if (count == 0 || list[count - 1] != set)
			list[count++] = set;
	}
	return count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/tiles: what a pair of row and query costs by the kernels of the single scan, by math/tile in
 * index/scan_batch, and by OpenBLAS' sgemm (the product alone: what is needed is not even picked out of it). See
 * bench/README.md.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "index/scan.h"
#include "index/scan_batch.h"

enum { TOP = 10, QUERIES_MAX = 1000, ROUNDS = 5, SINGLES = 4 };

#define SGEMM_ROWS 256 /* of a tile; 64 to 1,024 make no difference */

static const uint32_t counts[] = { 1, 2, 3, 4, 8, 16, 48, 100, 1000 };

struct bench {
	struct vs_space space;
	struct vs_view view;
	struct vs_bitmap accept;
	unsigned char *rows;
	float *vectors; /* of the queries */
	float *product;
	struct vs_topk tops[QUERIES_MAX];
	struct vs_scan_query queries[QUERIES_MAX];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *memory(size_t bytes)
{
	void *got = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (got == NULL) {
		fputs("tiles: out of memory\n", stderr);
		exit(1);
	}
	return got;
}

/* Words in order of frequency are no random sample, but each is near some others, as in any real set. */
static void load(struct bench *bench, const char *path, uint32_t rows)
{
	FILE *file = fopen(path, "rb");
	int32_t dim;

	if (file == NULL || fread(&dim, sizeof(dim), 1, file) != 1 || dim < 1 || dim > VS_DIM_MAX) {
		fprintf(stderr, "tiles: %s is no fvecs file\n", path);
		exit(1);
	}
	rewind(file);
	vs_space_init(&bench->space, VS_COSINE, (uint32_t)dim);
	bench->view = (struct vs_view){ &bench->space, NULL, ((size_t)dim * 4 + 8 + 63) / 64 * 64, rows };
	bench->rows = memory(bench->view.stride * rows);
	bench->view.rows = bench->rows;
	bench->vectors = memory(sizeof(float) * QUERIES_MAX * (size_t)dim);
	bench->product = memory(sizeof(float) * QUERIES_MAX * SGEMM_ROWS);
	if (vs_bitmap_resize(&bench->accept, rows) < 0)
		exit(1);
	for (uint32_t i = 0; i < rows + QUERIES_MAX; i++) {
		bool row = i >= QUERIES_MAX;
		float *to = row ? (float *)(void *)(bench->rows + (i - QUERIES_MAX) * bench->view.stride)
		                : bench->vectors + (size_t)i * (size_t)dim;
		if (fread(&dim, sizeof(dim), 1, file) != 1 || fread(to, sizeof(float), (size_t)dim, file) != (size_t)dim) {
			fputs("tiles: the file ends too early\n", stderr);
			exit(1);
		}
		if (row) {
			to[dim] = vs_space_factor(&bench->space, to);
			vs_bitmap_set(&bench->accept, i - QUERIES_MAX);
		}
	}
	fclose(file);
	for (uint32_t i = 0; i < QUERIES_MAX; i++) {
		const float *vector = bench->vectors + (size_t)i * (size_t)dim;
		if (vs_topk_init(&bench->tops[i], TOP) < 0)
			exit(1);
		bench->queries[i] = (struct vs_scan_query){ vector, vs_space_factor(&bench->space, vector), &bench->tops[i] };
	}
}

static double by_kernels(struct bench *bench, uint32_t count)
{
	uint32_t some = count < SINGLES ? count : SINGLES;
	double start = now();

	for (uint32_t i = 0; i < some; i++) {
		const struct vs_scan_query *query = &bench->queries[i];
		vs_topk_reset(query->top);
		vs_scan_search(&bench->view, query->vector, query->factor, &bench->accept, 0, bench->view.count, query->top);
	}
	return (now() - start) / some;
}

static double by_tiles(struct bench *bench, uint32_t count)
{
	struct vs_scan scan = { &bench->view, &bench->accept, 0, bench->view.count, bench->queries, count, 1 };
	double start = now();
	uint32_t scanned;

	for (uint32_t i = 0; i < count; i++)
		vs_topk_reset(bench->queries[i].top);
	if (vs_scan_batch(&scan, &scanned, NULL) < 0)
		exit(1);
	return (now() - start) / count;
}

static double by_sgemm(struct bench *bench, uint32_t count)
{
	int dim = (int)bench->space.dim, queries = (int)count;
	double start = now();

	for (uint32_t slot = 0; slot < bench->view.count; slot += SGEMM_ROWS) {
		uint32_t rest = bench->view.count - slot;
		int rows = (int)(rest < SGEMM_ROWS ? rest : SGEMM_ROWS);
		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, queries, dim, 1.0f, vs_view_row(&bench->view, slot),
		            (int)(bench->view.stride / sizeof(float)), bench->vectors, dim, 0.0f, bench->product, queries);
	}
	return (now() - start) / count;
}

static void keep_least(double *least, double value, double pairs)
{
	if (*least == 0 || value / pairs < *least)
		*least = value / pairs;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	uint32_t rows = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000;

	if (argc < 2 || rows == 0) {
		fputs("usage: tiles FILE.fvecs [ROWS]\n", stderr);
		return 2;
	}
	load(&bench, argv[1], rows);
	openblas_set_num_threads(1);
	printf("%u rows, %u-d, cosine; vecstore %s, OpenBLAS %s; ns of processor time a pair, best of %d\n\n", rows,
	       bench.space.dim, bench.space.kernels->name, openblas_get_corename(), ROUNDS);
	printf("| queries | one by one | tiles | sgemm alone |\n| ---: | ---: | ---: | ---: |\n");
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		double least[3] = { 0, 0, 0 };
		for (int r = 0; r < ROUNDS; r++) {
			keep_least(&least[0], by_kernels(&bench, counts[c]), rows);
			keep_least(&least[1], by_tiles(&bench, counts[c]), rows);
			keep_least(&least[2], by_sgemm(&bench, counts[c]), rows);
		}
		printf("| %u | %.1f | %.2f | %.2f |\n", counts[c], least[0] * 1e9, least[1] * 1e9, least[2] * 1e9);
	}
	return 0;
}

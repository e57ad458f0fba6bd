/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "shared.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_die(const char *what, const char *text)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, text);
	exit(1);
}

void bench_need(int rc, const char *what, const struct vs_error *error)
{
	if (rc < 0)
		bench_die(what, error->text);
}

double bench_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(const double *values, uint32_t count)
{
	double sorted[BENCH_ROUNDS_MAX];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), order);
	return sorted[count / 2];
}

/* ---- command line --------------------------------------------------------------------------------------- */

void bench_usage(const char *usage)
{
	fprintf(stderr, "usage: %s\n", usage);
	exit(2);
}

void bench_options(int argc, char **argv, const char *usage, const struct bench_option *options, const char **file)
{
	for (int i = 1; i < argc; i++) {
		const struct bench_option *option = options;
		while (option->name != NULL && strcmp(option->name, argv[i]) != 0)
			option++;
		if (option->name == NULL && argv[i][0] != '-' && *file == NULL)
			*file = argv[i];
		else if (option->name != NULL && option->flag != NULL)
			*option->flag = true;
		else if (option->name == NULL || ++i == argc)
			bench_usage(usage);
		else if (option->number != NULL)
			*option->number = (uint32_t)strtoul(argv[i], NULL, 10);
		else
			*option->text = argv[i];
	}
	if (*file == NULL)
		bench_usage(usage);
}

/* ---- vectors -------------------------------------------------------------------------------------------- */

void bench_load(const char *path, size_t rows, size_t queries, struct bench_vectors *vectors)
{
	FILE *file = fopen(path, "rb");
	size_t total, row, step, kept, taken = 0, held = 0;
	int32_t dim;

	if (file == NULL || fread(&dim, sizeof(dim), 1, file) != 1 || dim < 1 || dim > VS_VECTOR_DIM_MAX)
		bench_die(path, "no fvecs file");
	fseek(file, 0, SEEK_END);
	vectors->dim = (uint32_t)dim;
	row = sizeof(dim) + vectors->dim * sizeof(float);
	total = (size_t)ftell(file) / row;
	rewind(file);
	if (total <= queries)
		bench_die(path, "too few vectors");
	vectors->count = total - queries;
	if (rows != 0 && rows < vectors->count)
		vectors->count = rows;
	total = vectors->count + queries;
	step = total / queries;
	kept = rows == BENCH_QUERIES_ONLY ? 0 : vectors->count;
	vectors->rows = malloc((kept + queries) * vectors->dim * sizeof(float));
	if (vectors->rows == NULL)
		bench_die(path, "out of memory");
	vectors->queries = vectors->rows + kept * vectors->dim;
	for (size_t i = 0; i < total; i++) {
		bool query = i % step == step / 2 && held < queries;
		float *to = query ? vectors->queries + held++ * vectors->dim : vectors->rows + taken++ * vectors->dim;
		if (!query && kept == 0)
			fseek(file, (long)row, SEEK_CUR);
		else if (fread(&dim, sizeof(dim), 1, file) != 1 || fread(to, sizeof(float), vectors->dim, file) != vectors->dim)
			bench_die(path, "ends too early");
	}
	fclose(file);
}

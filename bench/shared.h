/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/shared: what the benchmarks in C share: clocks, the command line, and the vectors of a file, of which some are held
 * out as queries. Each ends the program with a message when it cannot do what it is for.
 */
#ifndef VS_BENCH_SHARED_H
#define VS_BENCH_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "engine/vecstore.h"

#define BENCH_ROUNDS_MAX 99 /* values that bench_median takes */

_Noreturn void bench_die(const char *what, const char *text);
/* rc < 0: ends with the error's text. */
void bench_need(int rc, const char *what, const struct vs_error *error);

double bench_seconds(clockid_t clock);
double bench_median(const double *values, uint32_t count);

/* ---- command line --------------------------------------------------------------------------------------- */

/* "--rows N", "--data DIR" or "--load-only": one of the three pointers says which. The last has no name. */
struct bench_option {
	const char *name;
	uint32_t *number;
	const char **text;
	bool *flag;
};

_Noreturn void bench_usage(const char *usage);
/* What follows no option is the file, of which there must be one. */
void bench_options(int argc, char **argv, const char *usage, const struct bench_option *options, const char **file);

/* ---- vectors -------------------------------------------------------------------------------------------- */

struct bench_vectors {
	uint32_t dim;
	size_t count;
	float *rows; /* count; to be freed by the caller, with the queries behind them */
	float *queries;
};

#define BENCH_QUERIES_ONLY SIZE_MAX

/* Of an fvecs file. Every so-manieth vector is held out, `queries` in all; of the others the first `rows` are taken, all of
 * them when it is 0, and none when it is BENCH_QUERIES_ONLY (count: how many there are). */
void bench_load(const char *path, size_t rows, size_t queries, struct bench_vectors *vectors);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/batch: queries in batches beside the same queries one at a time, exact and through the graph, in turn within
 * each round; every answer of a batch is compared with the single one. See bench/README.md.
 *
 * The folder given by --data is filled and indexed when it is empty, and used as it is otherwise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared.h"

enum { TOP = 10, UPSERT = 1000, HELD_OUT = 1000, EXACT_MOST = 16 };

static const uint32_t sizes[] = { 1, 10, 100, 1000 };
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

struct bench {
	const char *file;
	const char *data;
	uint32_t rows; /* 0: all but the queries */
	uint32_t rounds;
	uint32_t ef;
	enum vs_metric metric;
	struct bench_vectors vectors;
	struct vs_store *store;
	struct vs_namespace *ns;
	size_t differences;
	size_t exactly; /* answers of batches by exact scan, where the single query walked */
};

/* What a single query answered. */
struct answer {
	enum vs_path path;
	size_t count;
	char ids[TOP][16];
	float scores[TOP];
};

struct times {
	double single[BENCH_ROUNDS_MAX]; /* s a query */
	double batch[BENCH_ROUNDS_MAX];
};

/* ---- data ----------------------------------------------------------------------------------------------- */

static void import(struct bench *bench)
{
	static char ids[UPSERT][16];
	struct vs_record_input records[UPSERT];
	struct vs_upsert_result result;
	struct vs_error error;

	for (size_t done = 0, n; done < bench->vectors.count; done += n) {
		n = bench->vectors.count - done < UPSERT ? bench->vectors.count - done : UPSERT;
		for (size_t i = 0; i < n; i++) {
			snprintf(ids[i], sizeof(ids[i]), "w%zu", done + i);
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = strlen(ids[i]),
				                                   .vector = bench->vectors.rows + (done + i) * bench->vectors.dim,
				                                   .dimension = bench->vectors.dim };
		}
		bench_need(vs_namespace_upsert(bench->ns, records, n, NULL, &result, &error), "import", &error);
	}
}

static void open_data(struct bench *bench)
{
	struct vs_namespace_options options = { VS_CREATE, bench->metric, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_namespace_stats stats;
	struct vs_error error;
	bool worked = true;

	bench_need(vs_store_open(bench->data, VS_CREATE, &bench->store, &error), "open", &error);
	bench_need(vs_namespace_open(bench->store, "default", &options, &bench->ns, &error), "open", &error);
	bench_need(vs_namespace_stats(bench->ns, &stats, &error), "open", &error);
	if (stats.total == 0)
		import(bench);
	while (worked)
		bench_need(vs_namespace_index(bench->ns, NULL, &worked, &error), "index", &error);
}

/* ---- queries -------------------------------------------------------------------------------------------- */

static struct vs_query query_of(const struct bench *bench, uint32_t number, bool exact)
{
	struct vs_query query = VS_QUERY;

	query.vector = bench->vectors.queries + (size_t)(number % HELD_OUT) * bench->vectors.dim;
	query.dimension = bench->vectors.dim;
	query.limit = TOP;
	query.ef = bench->ef;
	query.exact = exact;
	query.with_metadata = false;
	query.threads = 1;
	return query;
}

static double ask_single(struct bench *bench, uint32_t number, bool exact, struct answer *answer)
{
	struct vs_query query = query_of(bench, number, exact);
	double start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct vs_results results;
	struct vs_error error;

	bench_need(vs_namespace_search(bench->ns, &query, &results, &error), "query", &error);
	start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	answer->path = results.stats.path;
	answer->count = results.count;
	for (size_t i = 0; i < results.count; i++) {
		snprintf(answer->ids[i], sizeof(answer->ids[i]), "%s", results.items[i].record.id);
		answer->scores[i] = results.items[i].score;
	}
	return start;
}

static double ask_batch(struct bench *bench, uint32_t first, uint32_t size, bool exact, const struct answer *answers,
                        uint32_t answered)
{
	static struct vs_query queries[HELD_OUT];
	static struct vs_results results[HELD_OUT];
	struct vs_error error;
	double start;

	for (uint32_t i = 0; i < size; i++)
		queries[i] = query_of(bench, first + i, exact);
	start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
	bench_need(vs_namespace_search_batch(bench->ns, queries, size, results, &error), "batch", &error);
	start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	for (uint32_t i = 0; i < size && first + i < answered; i++) {
		const struct answer *answer = &answers[first + i];
		bool same = results[i].count == answer->count || results[i].stats.path != answer->path;
		bench->exactly += results[i].stats.path != answer->path;
		for (size_t r = 0; same && results[i].stats.path == answer->path && r < answer->count; r++)
			same = strcmp(results[i].items[r].record.id, answer->ids[r]) == 0 &&
			       memcmp(&results[i].items[r].score, &answer->scores[r], sizeof(float)) == 0;
		bench->differences += !same;
	}
	return start;
}

/* Some queries alone, then all of them (the same first) in batches of a size. Exact ones are few: each takes long. */
static void round_of(struct bench *bench, uint32_t size, bool exact, uint32_t round, struct times *times)
{
	static struct answer answers[HELD_OUT];
	uint32_t alone = exact ? EXACT_MOST : HELD_OUT;
	uint32_t total = exact && size < EXACT_MOST ? (EXACT_MOST + size - 1) / size * size : size;
	double single = 0, batch = 0;

	if (!exact)
		total = HELD_OUT;
	for (uint32_t i = 0; i < alone; i++)
		single += ask_single(bench, i, exact, &answers[i]);
	for (uint32_t i = 0; i < total; i += size)
		batch += ask_batch(bench, i, size, exact, answers, alone);
	times->single[round] = single / alone;
	times->batch[round] = batch / total;
}

static void threads_gain(struct bench *bench, unsigned threads)
{
	double best[2] = { 1e9, 1e9 };
	struct vs_results results;
	struct vs_error error;

	for (uint32_t i = 0; i < 40; i++) {
		struct vs_query query = query_of(bench, i / 2, true);
		double start = bench_seconds(CLOCK_MONOTONIC);
		query.threads = i % 2 ? threads : 1;
		bench_need(vs_namespace_search(bench->ns, &query, &results, &error), "query", &error);
		start = bench_seconds(CLOCK_MONOTONIC) - start;
		if (start < best[i % 2])
			best[i % 2] = start;
	}
	printf("One exact query: %.2f ms by one thread, %.2f ms by %u (wall clock, best of 20): %.2f times as fast.\n",
	       best[0] * 1e3, best[1] * 1e3, threads, best[0] / best[1]);
}

/* ---- table ---------------------------------------------------------------------------------------------- */

static void print_table(const struct bench *bench, struct times times[2][SIZES])
{
	double ratios[BENCH_ROUNDS_MAX];

	printf("%zu vectors, %u-d, %s, %s; top %d, ef %u; one thread, processor time; median of %u interleaved rounds\n\n",
	       bench->vectors.count, bench->vectors.dim, vs_metric_name(bench->metric), vs_simd(), TOP, bench->ef, bench->rounds);
	printf("| | batch | single, queries/s | in batches | ratio |\n| --- | ---: | ---: | ---: | ---: |\n");
	for (int graph = 0; graph < 2; graph++)
		for (size_t s = 0; s < SIZES; s++) {
			const struct times *t = &times[graph][s];
			for (uint32_t r = 0; r < bench->rounds; r++)
				ratios[r] = t->single[r] / t->batch[r];
			printf("| %s | %u | %.0f | %.0f | %.2f |\n", graph ? "graph" : "exact", sizes[s],
			       1 / bench_median(t->single, bench->rounds), 1 / bench_median(t->batch, bench->rounds),
			       bench_median(ratios, bench->rounds));
		}
	printf("\n%zu answers of batches differ from the single ones; %zu were exact where the single query walked.\n",
	       bench->differences, bench->exactly);
}

int main(int argc, char **argv)
{
	static struct times times[2][SIZES];
	static const char usage[] = "batch FILE.fvecs --data DIR [--rows N] [--rounds N] [--ef N] [--metric NAME]\n"
	                            "             [--threads N]";
	struct bench bench = { .rounds = 5, .ef = 160 };
	const char *metric = "cosine";
	uint32_t threads = 2;
	const struct bench_option options[] = {
		{ "--data", .text = &bench.data },    { "--rows", .number = &bench.rows }, { "--rounds", .number = &bench.rounds },
		{ "--ef", .number = &bench.ef },      { "--metric", .text = &metric },     { "--threads", .number = &threads },
		{ .name = NULL },
	};

	bench_options(argc, argv, usage, options, &bench.file);
	if (bench.data == NULL || bench.rounds == 0 || bench.rounds > BENCH_ROUNDS_MAX || threads == 0 ||
	    !vs_metric_find(metric, &bench.metric))
		bench_usage(usage);
	bench_load(bench.file, bench.rows, HELD_OUT, &bench.vectors);
	open_data(&bench);
	for (uint32_t r = 0; r < bench.rounds; r++)
		for (int graph = 0; graph < 2; graph++)
			for (size_t s = 0; s < SIZES; s++)
				round_of(&bench, sizes[s], graph == 0, r, &times[graph][s]);
	print_table(&bench, times);
	threads_gain(&bench, threads);
	vs_namespace_close(bench.ns);
	vs_store_close(bench.store);
	free(bench.vectors.rows);
	return bench.differences > 0;
}

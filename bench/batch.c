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

#include "engine/vecstore.h"

enum { TOP = 10, UPSERT = 1000, ROUNDS_MAX = 99, HELD_OUT = 1000, EXACT_MOST = 16 };

static const uint32_t sizes[] = { 1, 10, 100, 1000 };
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

struct bench {
	const char *file;
	const char *data;
	uint32_t rows; /* 0: all but the queries */
	uint32_t rounds;
	uint32_t ef;
	enum vs_metric metric;
	uint32_t dim;
	size_t count;
	float *vectors; /* count rows, then those of the queries */
	float *query_vectors;
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
	double single[ROUNDS_MAX]; /* s a query */
	double batch[ROUNDS_MAX];
};

static void die(const char *what, const char *text)
{
	fprintf(stderr, "batch: %s: %s\n", what, text);
	exit(1);
}

static void need(int rc, const char *what, const struct vs_error *error)
{
	if (rc < 0)
		die(what, error->text);
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- data ----------------------------------------------------------------------------------------------- */

static void load(struct bench *bench)
{
	FILE *file = fopen(bench->file, "rb");
	size_t total, row, step, taken = 0, held = 0;
	int32_t dim;
	long size;

	if (file == NULL || fread(&dim, sizeof(dim), 1, file) != 1 || dim < 1 || dim > VS_VECTOR_DIM_MAX)
		die(bench->file, "no fvecs file");
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	bench->dim = (uint32_t)dim;
	row = sizeof(dim) + bench->dim * sizeof(float);
	total = (size_t)size / row;
	if (total <= HELD_OUT)
		die(bench->file, "too few vectors");
	bench->count = total - HELD_OUT;
	if (bench->rows != 0 && bench->rows < bench->count)
		bench->count = bench->rows;
	total = bench->count + HELD_OUT;
	step = total / HELD_OUT; /* every step-th is held out */
	bench->vectors = malloc(total * bench->dim * sizeof(float));
	if (bench->vectors == NULL)
		die(bench->file, "out of memory");
	bench->query_vectors = bench->vectors + bench->count * bench->dim;
	for (size_t i = 0; i < total; i++) {
		bool query = i % step == step / 2 && held < HELD_OUT;
		float *to = query ? bench->query_vectors + held++ * bench->dim : bench->vectors + taken++ * bench->dim;
		if (fread(&dim, sizeof(dim), 1, file) != 1 || fread(to, sizeof(float), bench->dim, file) != bench->dim)
			die(bench->file, "ends too early");
	}
	fclose(file);
}

static void import(struct bench *bench)
{
	static char ids[UPSERT][16];
	struct vs_record_input records[UPSERT];
	struct vs_upsert_result result;
	struct vs_error error;

	for (size_t done = 0, n; done < bench->count; done += n) {
		n = bench->count - done < UPSERT ? bench->count - done : UPSERT;
		for (size_t i = 0; i < n; i++) {
			snprintf(ids[i], sizeof(ids[i]), "w%zu", done + i);
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = strlen(ids[i]),
				                                   .vector = bench->vectors + (done + i) * bench->dim,
				                                   .dimension = bench->dim };
		}
		need(vs_namespace_upsert(bench->ns, records, n, NULL, &result, &error), "import", &error);
	}
}

static void open_data(struct bench *bench)
{
	struct vs_namespace_options options = { VS_CREATE, bench->metric, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_namespace_stats stats;
	struct vs_error error;
	bool worked = true;

	need(vs_store_open(bench->data, VS_CREATE, &bench->store, &error), "open", &error);
	need(vs_namespace_open(bench->store, "default", &options, &bench->ns, &error), "open", &error);
	need(vs_namespace_stats(bench->ns, &stats, &error), "open", &error);
	if (stats.total == 0)
		import(bench);
	while (worked)
		need(vs_namespace_index(bench->ns, NULL, &worked, &error), "index", &error);
}

/* ---- queries -------------------------------------------------------------------------------------------- */

static struct vs_query query_of(const struct bench *bench, uint32_t number, bool exact)
{
	struct vs_query query = VS_QUERY;

	query.vector = bench->query_vectors + (size_t)(number % HELD_OUT) * bench->dim;
	query.dimension = bench->dim;
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
	double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct vs_results results;
	struct vs_error error;

	need(vs_namespace_search(bench->ns, &query, &results, &error), "query", &error);
	start = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
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
	start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	need(vs_namespace_search_batch(bench->ns, queries, size, results, &error), "batch", &error);
	start = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
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
		double start = seconds(CLOCK_MONOTONIC);
		query.threads = i % 2 ? threads : 1;
		need(vs_namespace_search(bench->ns, &query, &results, &error), "query", &error);
		start = seconds(CLOCK_MONOTONIC) - start;
		if (start < best[i % 2])
			best[i % 2] = start;
	}
	printf("One exact query: %.2f ms by one thread, %.2f ms by %u (wall clock, best of 20): %.2f times as fast.\n",
	       best[0] * 1e3, best[1] * 1e3, threads, best[0] / best[1]);
}

/* ---- table ---------------------------------------------------------------------------------------------- */

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, uint32_t count)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), order);
	return sorted[count / 2];
}

static void print_table(const struct bench *bench, struct times times[2][SIZES])
{
	double ratios[ROUNDS_MAX];

	printf("%zu vectors, %u-d, %s, %s; top %d, ef %u; one thread, processor time; median of %u interleaved rounds\n\n",
	       bench->count, bench->dim, vs_metric_name(bench->metric), vs_simd(), TOP, bench->ef, bench->rounds);
	printf("| | batch | single, queries/s | in batches | ratio |\n| --- | ---: | ---: | ---: | ---: |\n");
	for (int graph = 0; graph < 2; graph++)
		for (size_t s = 0; s < SIZES; s++) {
			const struct times *t = &times[graph][s];
			for (uint32_t r = 0; r < bench->rounds; r++)
				ratios[r] = t->single[r] / t->batch[r];
			printf("| %s | %u | %.0f | %.0f | %.2f |\n", graph ? "graph" : "exact", sizes[s],
			       1 / median(t->single, bench->rounds), 1 / median(t->batch, bench->rounds),
			       median(ratios, bench->rounds));
		}
	printf("\n%zu answers of batches differ from the single ones; %zu were exact where the single query walked.\n",
	       bench->differences, bench->exactly);
}

static void usage(void)
{
	fprintf(stderr, "usage: batch FILE.fvecs --data DIR [--rows N] [--rounds N] [--ef N] [--metric NAME]\n"
	                "             [--threads N]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static struct times times[2][SIZES];
	struct bench bench = { .rounds = 5, .ef = 160, .metric = VS_COSINE };
	unsigned threads = 2;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		uint32_t number = value != NULL ? (uint32_t)strtoul(value, NULL, 10) : 0;
		if (argv[i][0] != '-' && bench.file == NULL)
			bench.file = argv[i];
		else if (value == NULL)
			usage();
		else if (strcmp(argv[i], "--data") == 0)
			bench.data = argv[++i];
		else if (strcmp(argv[i], "--rows") == 0 && ++i)
			bench.rows = number;
		else if (strcmp(argv[i], "--rounds") == 0 && ++i)
			bench.rounds = number;
		else if (strcmp(argv[i], "--ef") == 0 && ++i)
			bench.ef = number;
		else if (strcmp(argv[i], "--threads") == 0 && ++i)
			threads = number;
		else if (strcmp(argv[i], "--metric") != 0 || !vs_metric_find(argv[++i], &bench.metric))
			usage();
	}
	if (bench.file == NULL || bench.data == NULL || bench.rounds == 0 || bench.rounds > ROUNDS_MAX || threads == 0)
		usage();
	load(&bench);
	open_data(&bench);
	for (uint32_t r = 0; r < bench.rounds; r++)
		for (int graph = 0; graph < 2; graph++)
			for (size_t s = 0; s < SIZES; s++)
				round_of(&bench, sizes[s], graph == 0, r, &times[graph][s]);
	print_table(&bench, times);
	threads_gain(&bench, threads);
	vs_namespace_close(bench.ns);
	vs_store_close(bench.store);
	free(bench.vectors);
	return bench.differences > 0;
}

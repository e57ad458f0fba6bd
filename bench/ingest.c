/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/ingest: durable ingest while one client queries and the indexer links, each in a process of its own. Prints what each
 * does alone and what all do together: vectors stored a second, queries a second, recall@10 of these queries against exact
 * answers of the same moment, and how long the unlinked tail became. See bench/README.md.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/vecstore.h"

enum { TOP = 10, EXACT_TOP = 100, BATCH_MAX = 10000, QUERIES = 1000, NICE = 5 /* of vecstore-indexer */, SAMPLES = 200000 };

/* What the processes tell each other. */
struct shared {
	volatile int stop;      /* the reader, the indexer: end */
	volatile int measuring; /* the reader: count */
	volatile uint32_t asked;
	volatile uint32_t hits, wanted; /* of the queries that were compared with exact answers */
	volatile double asking;         /* seconds within queries */
	volatile double tail;           /* sum over queries */
	volatile uint32_t tail_most;
	volatile uint32_t samples;
	float took[SAMPLES]; /* milliseconds */
};

struct bench {
	const char *data;
	uint32_t dim;
	uint32_t rows; /* to store; QUERIES follow */
	float *vectors;
	uint32_t base; /* stored and linked before */
	uint32_t batch;
	uint32_t ef;
	uint32_t exact_every;
	uint32_t tail_most; /* 0: no bound */
	unsigned threads;
	int nice;
	struct vs_store *store;
	struct vs_namespace *ns;
	struct shared *shared;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void must(int rc, const struct vs_error *error)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "ingest: %s\n", error->text);
	exit(1);
}

static void read_file(struct bench *bench, const char *path, uint32_t rows)
{
	FILE *file = fopen(path, "rb");
	int32_t dim = 0;
	size_t count;

	if (file == NULL || fread(&dim, sizeof(dim), 1, file) != 1 || dim < 1 || dim > VS_VECTOR_DIM_MAX ||
	    fseek(file, 0, SEEK_END) != 0) {
		fprintf(stderr, "ingest: %s is no fvecs file\n", path);
		exit(1);
	}
	bench->dim = (uint32_t)dim;
	count = (size_t)ftell(file) / (((size_t)dim + 1) * sizeof(float));
	bench->rows = count > QUERIES ? (uint32_t)count - QUERIES : 0;
	if (rows > 0 && rows < bench->rows)
		bench->rows = rows;
	count = (size_t)bench->rows + QUERIES;
	bench->vectors = malloc(count * bench->dim * sizeof(float));
	rewind(file);
	for (size_t i = 0; i < count; i++)
		if (fread(&dim, sizeof(dim), 1, file) != 1 ||
		    fread(bench->vectors + i * bench->dim, sizeof(float), bench->dim, file) != bench->dim) {
			fprintf(stderr, "ingest: %s is cut short\n", path);
			exit(1);
		}
	fclose(file);
}

static void open_store(struct bench *bench)
{
	struct vs_namespace_options options = { VS_CREATE, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_error error;

	must(vs_store_open(bench->data, VS_CREATE, &bench->store, &error), &error);
	must(vs_namespace_open(bench->store, "default", &options, &bench->ns, &error), &error);
}

static void close_store(struct bench *bench)
{
	vs_namespace_close(bench->ns);
	vs_store_close(bench->store);
}

/* ---- the writer ----------------------------------------------------------------------------------------- */

/* Rows [from, to) in durable batches; seconds. Waits as `vecstore import` does. */
static double write_rows(struct bench *bench, uint32_t from, uint32_t to)
{
	static struct vs_record_input records[BATCH_MAX];
	static char ids[BATCH_MAX][12];
	struct vs_upsert_result result;
	struct vs_error error;
	double start = now();
	int rc;

	vs_store_set_tail(bench->store, bench->tail_most);
	for (uint32_t done = from, n; done < to; done += n) {
		n = to - done < bench->batch ? to - done : bench->batch;
		for (uint32_t i = 0; i < n; i++) {
			int len = snprintf(ids[i], sizeof(ids[i]), "%u", done + i);
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = (size_t)len,
				                                   .vector = bench->vectors + (size_t)(done + i) * bench->dim,
				                                   .dimension = bench->dim };
		}
		while ((rc = vs_namespace_upsert(bench->ns, records, n, NULL, &result, &error)) == VS_ETAIL)
			nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
		must(rc, &error);
	}
	return now() - start;
}

/* ---- the indexer ---------------------------------------------------------------------------------------- */

static void index_some(struct bench *bench)
{
	struct vs_index_options options = VS_INDEX_OPTIONS;
	struct vs_error error;
	bool worked = true;

	options.threads = bench->threads;
	while (worked && !bench->shared->stop)
		must(vs_namespace_index(bench->ns, &options, &worked, &error), &error);
}

static void index_on(struct bench *bench)
{
	setpriority(PRIO_PROCESS, 0, bench->nice);
	while (!bench->shared->stop) {
		index_some(bench);
		nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	}
}

/* ---- the reader ----------------------------------------------------------------------------------------- */

static void ask(struct bench *bench, uint32_t number, bool exact, struct vs_results *results)
{
	struct vs_query query = VS_QUERY;
	struct vs_error error;

	query.vector = bench->vectors + (size_t)(bench->rows + number) * bench->dim;
	query.dimension = bench->dim;
	query.limit = exact ? EXACT_TOP : TOP;
	query.ef = bench->ef;
	query.exact = exact;
	must(vs_namespace_search(bench->ns, &query, results, &error), &error);
}

/* The exact answer comes a moment later: what was stored meanwhile has a greater number, and is left out. */
static void compare(struct bench *bench, uint32_t number, const uint32_t *found, uint32_t stored)
{
	struct vs_results results;
	uint32_t place = 0;

	ask(bench, number, true, &results);
	for (size_t i = 0; i < results.count && place < TOP; i++) {
		uint32_t id = (uint32_t)strtoul(results.items[i].record.id, NULL, 10);
		if (id >= stored)
			continue;
		place++;
		for (uint32_t k = 0; k < TOP; k++)
			bench->shared->hits += found[k] == id;
	}
	bench->shared->wanted += place;
}

static void ask_on(struct bench *bench)
{
	struct shared *shared = bench->shared;
	struct vs_results results;
	uint32_t found[TOP];

	for (uint32_t i = 0; !shared->stop; i++) {
		double start = now();
		double took;
		uint64_t stored;
		ask(bench, i % QUERIES, false, &results);
		took = now() - start;
		if (!shared->measuring)
			continue;
		shared->asked++;
		shared->asking += took;
		shared->tail += results.stats.unlinked;
		if (results.stats.unlinked > shared->tail_most)
			shared->tail_most = results.stats.unlinked;
		if (shared->samples < SAMPLES)
			shared->took[shared->samples++] = (float)(took * 1e3);
		stored = results.stats.total_candidates;
		for (size_t k = 0; k < TOP; k++)
			found[k] = k < results.count ? (uint32_t)strtoul(results.items[k].record.id, NULL, 10) : UINT32_MAX;
		if (bench->exact_every > 0 && i % bench->exact_every == 0)
			compare(bench, i % QUERIES, found, (uint32_t)stored);
	}
}

/* ---- together ------------------------------------------------------------------------------------------- */

static pid_t start(struct bench *bench, void (*work)(struct bench *bench))
{
	pid_t child = fork();

	if (child < 0)
		exit(1);
	if (child > 0)
		return child;
	open_store(bench);
	work(bench);
	close_store(bench);
	_exit(0);
}

static void await(pid_t child)
{
	int status;

	if (child > 0 && (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0))
		exit(1);
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void print_line(struct bench *bench, const char *name, double stored, double seconds)
{
	struct shared *shared = bench->shared;
	uint32_t n = shared->samples;

	printf("| %s |", name);
	if (stored > 0)
		printf(" %.0f |", stored / seconds);
	else
		printf(" – |");
	if (n == 0) {
		puts(" – | – | – | – | – |");
		return;
	}
	qsort(shared->took, n, sizeof(shared->took[0]), by_size);
	printf(" %.0f | %.2f | %.2f | %.4f | %.0f / %u |\n", shared->asked / shared->asking, (double)shared->took[n / 2],
	       (double)shared->took[n / 100 * 99], shared->wanted > 0 ? (double)shared->hits / shared->wanted : 0.0,
	       shared->tail / shared->asked, shared->tail_most);
	fflush(stdout);
}

enum { WRITING = 1, READING = 2, LINKING = 4 };

/* Rows [from, to), or a few seconds without writing. */
static void measure(struct bench *bench, const char *name, int what, uint32_t from, uint32_t to)
{
	pid_t reader = 0, indexer = 0;
	double seconds;

	memset(bench->shared, 0, sizeof(*bench->shared));
	if (what & LINKING)
		indexer = start(bench, index_on);
	if (what & READING)
		reader = start(bench, ask_on);
	nanosleep(&(struct timespec){ 0, 300000000 }, NULL);
	open_store(bench);
	bench->shared->measuring = 1;
	seconds = what & WRITING ? write_rows(bench, from, to) : (double)sleep(3);
	bench->shared->measuring = 0;
	bench->shared->stop = 1;
	close_store(bench);
	await(reader);
	await(indexer);
	print_line(bench, name, what & WRITING ? to - from : 0, seconds);
}

static void link_rest(struct bench *bench)
{
	double begin = now();
	struct vs_namespace_stats stats;
	struct vs_error error;

	bench->shared->stop = 0;
	open_store(bench);
	must(vs_namespace_stats(bench->ns, &stats, &error), &error);
	index_some(bench);
	fprintf(stderr, "ingest: %u slots linked in %.1f s\n", stats.unindexed, now() - begin);
	close_store(bench);
}

static int usage(void)
{
	fputs("usage: ingest FILE.fvecs EMPTY-FOLDER [--rows N] [--base N] [--batch N] [--ef N] [--exact-every N]\n"
	      "              [--max-unindexed N] [--threads N] [--nice N] [--only]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rows", 1, NULL, 'r' }, { "base", 1, NULL, 'b' },          { "batch", 1, NULL, 'n' },   { "ef", 1, NULL, 'e' },
		{ "exact-every", 1, NULL, 'x' }, { "max-unindexed", 1, NULL, 'm' }, { "threads", 1, NULL, 't' },
		{ "nice", 1, NULL, 'p' },
		{ "only", 0, NULL, 'o' }, { NULL, 0, NULL, 0 },
	};
	struct bench bench = { .base = 100000, .batch = 1000, .ef = 160, .exact_every = 20, .nice = NICE };
	uint32_t rows = 0, third;
	bool only = false;

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		uint32_t number = optarg ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
		switch (c) {
		case 'r': rows = number; break;
		case 'b': bench.base = number; break;
		case 'n': bench.batch = number; break;
		case 'e': bench.ef = number; break;
		case 'x': bench.exact_every = number; break;
		case 'm': bench.tail_most = number; break;
		case 't': bench.threads = number; break;
		case 'p': bench.nice = (int)number; break;
		case 'o': only = true; break;
		default: return usage();
		}
	}
	if (argc - optind != 2 || bench.batch < 1 || bench.batch > BATCH_MAX)
		return usage();
	bench.data = argv[optind + 1];
	bench.shared = mmap(NULL, sizeof(*bench.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	read_file(&bench, argv[optind], rows);
	if (bench.base + 3 * bench.batch > bench.rows)
		return usage();
	open_store(&bench);
	write_rows(&bench, 0, bench.base);
	close_store(&bench);
	link_rest(&bench);
	printf("%u vectors of %u dimensions linked before; batches of %u, ef %u\n\n", bench.base, bench.dim, bench.batch,
	       bench.ef);
	puts("| what runs | vectors/s | queries/s | median ms | p99 ms | recall@10 | tail: mean / most |\n"
	     "| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
	third = (bench.rows - bench.base) / 3;
	if (!only) {
		measure(&bench, "one reader", READING, 0, 0);
		measure(&bench, "one writer", WRITING, bench.base, bench.base + third);
		link_rest(&bench);
		measure(&bench, "writer and reader", WRITING | READING, bench.base + third, bench.base + 2 * third);
		link_rest(&bench);
	} else {
		third = 0;
	}
	measure(&bench, "writer, reader and indexer", WRITING | READING | LINKING, bench.base + 2 * third, bench.rows);
	link_rest(&bench);
	measure(&bench, "one reader, all linked", READING, 0, 0);
	free(bench.vectors);
	return 0;
}

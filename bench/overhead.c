/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/overhead: what vs_namespace_search costs beyond the graph search within it. See bench/README.md for what is measured
 * and how.
 *
 * Wants a folder that bench/filtered filled with as many queries held out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/vecstore.h"
#include "index/graph.h"
#include "store/live.h"
#include "store/vectors.h"

enum { TOP = 10, BLOCK = 500, ROUNDS_MAX = 99 };

/* Ways to ask; each is compared with the one before all others, the graph alone. */
enum { GRAPH, NO_ROWS, IDS, METADATA, WAYS };
static const char *const names[WAYS] = { "graph alone", "all but the rows", "ids", "ids and metadata" };

struct bench {
	const char *file;
	const char *data;
	const char *ns_name;
	uint32_t queries;
	uint32_t rounds;
	uint32_t ef;
	uint32_t only; /* this way and no comparison, for profilers; WAYS: all */
	uint32_t dim;
	float *vectors; /* of the queries */
	struct vs_store *store;
	struct vs_namespace *ns;
	struct vs_vectors file_vectors;
	struct vs_view view;
	struct vs_graph *graph;
	struct vs_graph_scratch *scratch;
	struct vs_bitmap live;
	struct vs_topk top;
};

static void die(const char *what, const char *text)
{
	fprintf(stderr, "overhead: %s: %s\n", what, text);
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

/* The rows that bench/filtered held out. */
static void load(struct bench *bench)
{
	FILE *file = fopen(bench->file, "rb");
	size_t row, total, step;
	int32_t dim;

	if (file == NULL || fread(&dim, sizeof(dim), 1, file) != 1 || dim < 1 || dim > VS_VECTOR_DIM_MAX)
		die(bench->file, "no fvecs file");
	fseek(file, 0, SEEK_END);
	bench->dim = (uint32_t)dim;
	row = sizeof(dim) + bench->dim * sizeof(float);
	total = (size_t)ftell(file) / row;
	step = total / bench->queries;
	bench->vectors = malloc(bench->queries * (row - sizeof(dim)));
	if (step == 0 || bench->vectors == NULL)
		die(bench->file, "too few vectors, or too many for the memory");
	for (size_t i = 0; i < bench->queries; i++) {
		fseek(file, (long)((i * step + step / 2) * row + sizeof(dim)), SEEK_SET);
		if (fread(bench->vectors + i * bench->dim, sizeof(float), bench->dim, file) != bench->dim)
			die(bench->file, "ends too early");
	}
	fclose(file);
}

static void open_store(struct bench *bench)
{
	struct vs_error error;

	need(vs_store_open(bench->data, 0, &bench->store, &error), "open", &error);
	need(vs_namespace_open(bench->store, bench->ns_name, NULL, &bench->ns, &error), "open", &error);
}

/* The same files without the engine. */
static void open_graph(struct bench *bench)
{
	const char *dir = vs_namespace_folder(bench->ns);
	struct vs_namespace_stats stats;
	struct vs_space space;
	struct vs_error error;
	uint64_t seq;

	need(vs_namespace_stats(bench->ns, &stats, &error), "open", &error);
	vs_space_init(&space, stats.metric, stats.dimension);
	need(vs_vectors_open(dir, &space, 1, false, false, &bench->file_vectors, &error), "open", &error);
	need(vs_vectors_refresh(&bench->file_vectors, stats.slots, &error), "open", &error);
	bench->view = vs_vectors_view(&bench->file_vectors);
	need(vs_graph_open(dir, &bench->file_vectors.space, 1, &bench->graph, &error), "open", &error);
	need(vs_graph_scratch_init(&bench->scratch, &error), "open", &error);
	need(vs_live_load(dir, 1, &bench->live, &seq, &error), "open", &error);
	if (stats.dimension != bench->dim || vs_topk_init(&bench->top, TOP) < 0)
		die("open", "another dimension");
}

static void ask_graph(struct bench *bench, const float *vector)
{
	struct vs_graph_query query = { .vector = vector,
		                            .factor = vs_space_factor(bench->view.space, vector),
		                            .ef = bench->ef,
		                            .below = vs_graph_linked(bench->graph),
		                            .accept = &bench->live,
		                            .way = VS_GRAPH_WALK };
	struct vs_graph_stats stats = { 0 };
	struct vs_error error;

	vs_topk_reset(&bench->top);
	need(vs_graph_search(bench->graph, &bench->view, &query, bench->scratch, &bench->top, &stats, &error), "graph", &error);
}

static void ask(struct bench *bench, const float *vector, int way)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	if (way == GRAPH) {
		ask_graph(bench, vector);
		return;
	}
	query.vector = vector;
	query.dimension = bench->dim;
	query.limit = TOP;
	query.ef = bench->ef;
	query.with_metadata = way == METADATA;
	query.has_min_score = way == NO_ROWS; /* which none reaches */
	query.min_score = 2;
	need(vs_namespace_search(bench->ns, &query, &results, &error), "query", &error);
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

/* All ways in turn per block of queries, each beginning with another one, so that none has its pages and lines fetched
 * by the others. Seconds of processor time are added to times[way]. */
static void round_of(struct bench *bench, uint32_t round, double times[WAYS])
{
	for (uint32_t from = 0; from < bench->queries; from += BLOCK) {
		uint32_t to = bench->queries - from < BLOCK ? bench->queries : from + BLOCK;
		for (int i = 0; i < WAYS; i++) {
			int way = (int)((uint32_t)i + round + from / BLOCK) % WAYS;
			double start = seconds(CLOCK_THREAD_CPUTIME_ID);
			if (bench->only != WAYS && way != (int)bench->only)
				continue;
			for (uint32_t q = from; q < to; q++)
				ask(bench, bench->vectors + (size_t)q * bench->dim, way);
			times[way] += seconds(CLOCK_THREAD_CPUTIME_ID) - start;
		}
	}
}

static void print_table(struct bench *bench)
{
	static double microseconds[WAYS][ROUNDS_MAX], beyond[WAYS][ROUNDS_MAX];

	for (uint32_t r = 0; r < bench->rounds; r++) {
		double times[WAYS] = { 0 };
		round_of(bench, r, times);
		for (int way = 0; way < WAYS; way++) {
			microseconds[way][r] = times[way] * 1e6 / bench->queries;
			beyond[way][r] = microseconds[way][r] - microseconds[GRAPH][r];
		}
	}
	printf("%u vectors, %u-d; %u queries, top %d, ef %u; processor time of one thread, median of %u rounds\n\n",
	       vs_graph_linked(bench->graph), bench->dim, bench->queries, TOP, bench->ef, bench->rounds);
	printf("| asked for | µs a query | beyond the graph |\n| --- | ---: | ---: |\n");
	for (int way = 0; way < WAYS; way++)
		printf("| %s | %.1f | %.1f |\n", names[way], median(microseconds[way], bench->rounds),
		       median(beyond[way], bench->rounds));
}

static void usage(void)
{
	fprintf(stderr, "usage: overhead FILE.fvecs --data DIR [--namespace NAME] [--queries N] [--rounds N] [--ef N]\n"
	                "                [--only 0..3]\n");
	exit(2);
}

static void parse(struct bench *bench, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		uint32_t number = value != NULL ? (uint32_t)strtoul(value, NULL, 10) : 0;
		if (argv[i][0] != '-' && bench->file == NULL)
			bench->file = argv[i];
		else if (value == NULL)
			usage();
		else if (strcmp(argv[i], "--data") == 0)
			bench->data = argv[++i];
		else if (strcmp(argv[i], "--namespace") == 0)
			bench->ns_name = argv[++i];
		else if (strcmp(argv[i], "--queries") == 0 && ++i)
			bench->queries = number;
		else if (strcmp(argv[i], "--rounds") == 0 && ++i)
			bench->rounds = number;
		else if (strcmp(argv[i], "--ef") == 0 && ++i)
			bench->ef = number;
		else if (strcmp(argv[i], "--only") == 0 && ++i)
			bench->only = number;
		else
			usage();
	}
	if (bench->file == NULL || bench->data == NULL || bench->queries == 0 || bench->rounds == 0 ||
	    bench->rounds > ROUNDS_MAX)
		usage();
}

int main(int argc, char **argv)
{
	static struct bench bench = { .queries = 10000, .rounds = 5, .ef = 160, .only = WAYS, .ns_name = "default" };

	parse(&bench, argc, argv);
	load(&bench);
	open_store(&bench);
	open_graph(&bench);
	print_table(&bench);
	vs_graph_close(bench.graph);
	vs_graph_scratch_release(bench.scratch);
	vs_vectors_close(&bench.file_vectors);
	vs_bitmap_release(&bench.live);
	vs_topk_release(&bench.top);
	vs_namespace_close(bench.ns);
	vs_store_close(bench.store);
	free(bench.vectors);
	return 0;
}

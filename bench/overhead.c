/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/overhead: what vs_namespace_search costs beyond the graph search within it. See bench/README.md for what is measured
 * and how.
 *
 * Wants a folder that bench/filtered filled with as many queries held out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "index/graph.h"
#include "store/live.h"
#include "store/vectors.h"
#include "shared.h"

enum { TOP = 10, BLOCK = 500 };

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
	struct bench_vectors vectors; /* the queries alone: those that bench/filtered held out */
	struct vs_store *store;
	struct vs_namespace *ns;
	struct vs_vectors file_vectors;
	struct vs_view view;
	struct vs_graph *graph;
	struct vs_graph_scratch *scratch;
	struct vs_bitmap live;
	struct vs_topk top;
};

static void open_store(struct bench *bench)
{
	struct vs_error error;

	bench_need(vs_store_open(bench->data, 0, &bench->store, &error), "open", &error);
	bench_need(vs_namespace_open(bench->store, bench->ns_name, NULL, &bench->ns, &error), "open", &error);
}

/* The same files without the engine. */
static void open_graph(struct bench *bench)
{
	const char *dir = vs_namespace_folder(bench->ns);
	struct vs_namespace_stats stats;
	struct vs_space space;
	struct vs_error error;
	uint64_t seq;

	bench_need(vs_namespace_stats(bench->ns, &stats, &error), "open", &error);
	vs_space_init(&space, stats.metric, stats.dimension);
	bench_need(vs_vectors_open(dir, &space, 1, false, false, &bench->file_vectors, &error), "open", &error);
	bench_need(vs_vectors_refresh(&bench->file_vectors, stats.slots, &error), "open", &error);
	bench->view = vs_vectors_view(&bench->file_vectors);
	bench_need(vs_graph_open(dir, &bench->file_vectors.space, 1, &bench->graph, &error), "open", &error);
	bench_need(vs_graph_scratch_init(&bench->scratch, &error), "open", &error);
	bench_need(vs_live_load(dir, 1, &bench->live, &seq, &error), "open", &error);
	if (stats.dimension != bench->vectors.dim || vs_topk_init(&bench->top, TOP) < 0)
		bench_die("open", "another dimension");
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
	bench_need(vs_graph_search(bench->graph, &bench->view, &query, bench->scratch, &bench->top, &stats, &error), "graph", &error);
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
	query.dimension = bench->vectors.dim;
	query.limit = TOP;
	query.ef = bench->ef;
	query.with_metadata = way == METADATA;
	query.has_min_score = way == NO_ROWS; /* which none reaches */
	query.min_score = 2;
	bench_need(vs_namespace_search(bench->ns, &query, &results, &error), "query", &error);
}

/* ---- table ---------------------------------------------------------------------------------------------- */

/* All ways in turn per block of queries, each beginning with another one, so that none has its pages and lines fetched
 * by the others. Seconds of processor time are added to times[way]. */
static void round_of(struct bench *bench, uint32_t round, double times[WAYS])
{
	for (uint32_t from = 0; from < bench->queries; from += BLOCK) {
		uint32_t to = bench->queries - from < BLOCK ? bench->queries : from + BLOCK;
		for (int i = 0; i < WAYS; i++) {
			int way = (int)((uint32_t)i + round + from / BLOCK) % WAYS;
			double start = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
			if (bench->only != WAYS && way != (int)bench->only)
				continue;
			for (uint32_t q = from; q < to; q++)
				ask(bench, bench->vectors.queries + (size_t)q * bench->vectors.dim, way);
			times[way] += bench_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
		}
	}
}

static void print_table(struct bench *bench)
{
	static double microseconds[WAYS][BENCH_ROUNDS_MAX], beyond[WAYS][BENCH_ROUNDS_MAX];

	for (uint32_t r = 0; r < bench->rounds; r++) {
		double times[WAYS] = { 0 };
		round_of(bench, r, times);
		for (int way = 0; way < WAYS; way++) {
			microseconds[way][r] = times[way] * 1e6 / bench->queries;
			beyond[way][r] = microseconds[way][r] - microseconds[GRAPH][r];
		}
	}
	printf("%u vectors, %u-d; %u queries, top %d, ef %u; processor time of one thread, median of %u rounds\n\n",
	       vs_graph_linked(bench->graph), bench->vectors.dim, bench->queries, TOP, bench->ef, bench->rounds);
	printf("| asked for | µs a query | beyond the graph |\n| --- | ---: | ---: |\n");
	for (int way = 0; way < WAYS; way++)
		printf("| %s | %.1f | %.1f |\n", names[way], bench_median(microseconds[way], bench->rounds),
		       bench_median(beyond[way], bench->rounds));
}

int main(int argc, char **argv)
{
	static struct bench bench = { .queries = 10000, .rounds = 5, .ef = 160, .only = WAYS, .ns_name = "default" };
	static const char usage[] = "overhead FILE.fvecs --data DIR [--namespace NAME] [--queries N] [--rounds N] [--ef N]\n"
	                            "                [--only 0..3]";
	static const struct bench_option options[] = {
		{ "--data", .text = &bench.data },         { "--namespace", .text = &bench.ns_name },
		{ "--queries", .number = &bench.queries }, { "--rounds", .number = &bench.rounds },
		{ "--ef", .number = &bench.ef },           { "--only", .number = &bench.only },
		{ .name = NULL },
	};

	bench_options(argc, argv, usage, options, &bench.file);
	if (bench.data == NULL || bench.queries == 0 || bench.rounds == 0 || bench.rounds > BENCH_ROUNDS_MAX)
		bench_usage(usage);
	bench_load(bench.file, BENCH_QUERIES_ONLY, bench.queries, &bench.vectors);
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
	free(bench.vectors.rows);
	return 0;
}

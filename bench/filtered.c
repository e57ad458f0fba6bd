/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/filtered: queries under filters that pass 50 %, 10 %, 1 % and 0.1 % of the records, beside the same queries
 * without a filter. See bench/README.md for what is measured and how.
 *
 * The folder given by --data is filled and indexed when it is empty, and used as it is otherwise.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shared.h"

enum { TOP = 10, BATCH = 1000, SHARES = 1000 };

/* "r" is a whole number below 1000, the same for everyone who counts it. The last one depends on the vector's place in
 * the file, as attributes do that have to do with the content: words stand in order of their frequency. */
static const struct setting {
	const char *name;
	const char *filter;
} settings[] = {
	{ "none", NULL },
	{ "50 %", "r < 500" },
	{ "10 %", "r < 100" },
	{ "1 %", "r < 10" },
	{ "0.1 %", "r < 1" },
	{ "10 %, two tests", "r < 200 AND half = true" },
	{ "10 %, by place", "part = 9" },
};
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

struct bench {
	const char *file;
	const char *data;
	uint32_t rows; /* 0: all but the queries */
	uint32_t queries;
	uint32_t rounds;
	uint32_t threads;
	uint32_t ef; /* 0: the least of a list that finds 0.95 without a filter */
	struct bench_vectors vectors;
	struct vs_store *store;
	struct vs_namespace *ns;
};

struct outcome {
	double seconds[BENCH_ROUNDS_MAX];
	double recall;
	uint64_t matches;
	uint32_t shorts; /* answers with fewer than TOP although there are more matches */
	uint64_t walked;
	uint64_t distances;
	double first;     /* first use of the filter in a process, s */
	double first_row; /* the same without columns */
};

/* A well-mixed function of x (splitmix64). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* ---- data ----------------------------------------------------------------------------------------------- */

static void import(struct bench *bench)
{
	static char ids[BATCH][16], metadata[BATCH][128];
	struct vs_record_input records[BATCH];
	struct vs_upsert_result result;
	struct vs_error error;

	for (size_t done = 0, n; done < bench->vectors.count; done += n) {
		n = bench->vectors.count - done < BATCH ? bench->vectors.count - done : BATCH;
		for (size_t i = 0; i < n; i++) {
			size_t number = done + i;
			uint64_t random = mix(number);
			snprintf(ids[i], sizeof(ids[i]), "w%zu", number);
			snprintf(metadata[i], sizeof(metadata[i]),
			         "{\"kind\": \"word\", \"r\": %u, \"half\": %s, \"part\": %zu, \"source\": {\"row\": %zu}}",
			         (unsigned)(random % SHARES), random >> 40 & 1 ? "true" : "false", number * 10 / bench->vectors.count, number);
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = strlen(ids[i]),
				                                   .vector = bench->vectors.rows + number * bench->vectors.dim,
				                                   .dimension = bench->vectors.dim,
				                                   .metadata = metadata[i],
				                                   .metadata_len = strlen(metadata[i]) };
		}
		bench_need(vs_namespace_upsert(bench->ns, records, n, NULL, &result, &error), "import", &error);
	}
}

static void open_data(struct bench *bench)
{
	struct vs_namespace_options options = { VS_CREATE, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_error error;

	bench_need(vs_store_open(bench->data, VS_CREATE, &bench->store, &error), "open", &error);
	bench_need(vs_namespace_open(bench->store, "default", &options, &bench->ns, &error), "open", &error);
}

static void close_data(struct bench *bench)
{
	vs_namespace_close(bench->ns);
	vs_store_close(bench->store);
}

static double index_all(struct bench *bench)
{
	struct vs_index_options options = VS_INDEX_OPTIONS;
	struct vs_error error;
	double start = bench_seconds(CLOCK_MONOTONIC);
	bool worked = true;

	options.threads = bench->threads;
	while (worked)
		bench_need(vs_namespace_index(bench->ns, &options, &worked, &error), "index", &error);
	return bench_seconds(CLOCK_MONOTONIC) - start;
}

/* ---- queries -------------------------------------------------------------------------------------------- */

static struct vs_results ask(struct bench *bench, uint32_t number, const char *filter, uint32_t ef, bool exact)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	query.vector = bench->vectors.queries + (size_t)number * bench->vectors.dim;
	query.dimension = bench->vectors.dim;
	query.limit = TOP;
	query.ef = ef;
	query.exact = exact;
	query.filter = filter;
	query.with_metadata = false;
	bench_need(vs_namespace_search(bench->ns, &query, &results, &error), "query", &error);
	return results;
}

static uint32_t number_of(const struct vs_result *result)
{
	return (uint32_t)strtoul(result->record.id + 1, NULL, 10);
}

/* TOP numbers a query, UINT32_MAX past the last. */
static uint32_t *truth_of(struct bench *bench, const char *filter)
{
	uint32_t *truth = malloc((size_t)bench->queries * TOP * sizeof(*truth));

	if (truth == NULL)
		bench_die("truth", "out of memory");
	memset(truth, 0xff, (size_t)bench->queries * TOP * sizeof(*truth));
	for (uint32_t q = 0; q < bench->queries; q++) {
		struct vs_results results = ask(bench, q, filter, 0, true);
		for (size_t i = 0; i < results.count; i++)
			truth[q * TOP + i] = number_of(&results.items[i]);
	}
	return truth;
}

static void round_of(struct bench *bench, const struct setting *setting, const uint32_t *truth, uint32_t ef,
                     uint32_t round, struct outcome *outcome)
{
	uint64_t good = 0, wanted = 0;

	outcome->seconds[round] = 0;
	outcome->shorts = 0;
	outcome->walked = outcome->distances = 0;
	for (uint32_t q = 0; q < bench->queries; q++) {
		double start = bench_seconds(CLOCK_THREAD_CPUTIME_ID);
		struct vs_results results = ask(bench, q, setting->filter, ef, false);
		size_t least = results.stats.filtered_count < TOP ? (size_t)results.stats.filtered_count : TOP;
		outcome->seconds[round] += bench_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
		outcome->matches = results.stats.filtered_count;
		outcome->shorts += results.count < least;
		outcome->walked += results.stats.path == VS_PATH_GRAPH;
		outcome->distances += results.stats.distances;
		wanted += least;
		for (size_t i = 0; i < results.count; i++)
			for (size_t t = 0; t < TOP; t++)
				good += truth[q * TOP + t] == number_of(&results.items[i]);
	}
	outcome->recall = wanted > 0 ? (double)good / (double)wanted : 1;
}

static uint32_t choose_ef(struct bench *bench, const uint32_t *truth)
{
	static const uint32_t list[] = { 40, 60, 80, 100, 120, 150, 200, 250, 300, 400, 600, 800 };
	struct outcome outcome;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		round_of(bench, &settings[0], truth, list[i], 0, &outcome);
		if (outcome.recall >= 0.95)
			return list[i];
	}
	return 1000;
}

/* ---- first use ------------------------------------------------------------------------------------------ */

static double first_use(struct bench *bench, const struct setting *setting)
{
	double without, with;

	close_data(bench);
	open_data(bench);
	(void)ask(bench, 0, NULL, 0, false); /* opens the maps */
	without = bench_seconds(CLOCK_MONOTONIC);
	(void)ask(bench, 0, NULL, 0, false);
	with = bench_seconds(CLOCK_MONOTONIC);
	without = with - without;
	(void)ask(bench, 0, setting->filter, 0, false);
	return bench_seconds(CLOCK_MONOTONIC) - with - without;
}

/* Takes the columns away. */
static void drop_columns(struct bench *bench)
{
	char folder[512], path[1024];
	const struct dirent *entry;
	DIR *dir;

	snprintf(folder, sizeof(folder), "%s/columns", vs_namespace_folder(bench->ns));
	dir = opendir(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
}

/* ---- table ---------------------------------------------------------------------------------------------- */

static void print_table(const struct bench *bench, const struct outcome *outcomes, uint32_t ef)
{
	printf("%zu vectors, %u-d, cosine; %u queries, top %d, one thread, ef %u; median of %u interleaved rounds\n\n",
	       bench->vectors.count, bench->vectors.dim, bench->queries, TOP, ef, bench->rounds);
	printf("| filter passes | matches | path | q/s | of unfiltered | recall | distances | short answers | first use ms, "
	       "columns | rows |\n| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
	for (int s = 0; s < SETTINGS; s++) {
		const struct outcome *outcome = &outcomes[s];
		double ratios[BENCH_ROUNDS_MAX], queries = bench->queries;
		for (uint32_t r = 0; r < bench->rounds; r++)
			ratios[r] = outcomes[0].seconds[r] / outcome->seconds[r];
		printf("| %s | %llu | %s | %.0f | %.2f | %.4f | %.0f | %u |", settings[s].name,
		       (unsigned long long)outcome->matches, outcome->walked > 0 ? "graph" : "scan",
		       queries / bench_median(outcome->seconds, bench->rounds), bench_median(ratios, bench->rounds), outcome->recall,
		       (double)outcome->distances / queries, outcome->shorts);
		if (settings[s].filter != NULL)
			printf(" %.1f | %.0f |\n", outcome->first * 1e3, outcome->first_row * 1e3);
		else
			printf(" | |\n");
	}
}

int main(int argc, char **argv)
{
	static struct outcome outcomes[SETTINGS];
	static const char usage[] = "filtered FILE.fvecs --data DIR [--rows N] [--queries N] [--rounds N] [--threads N] [--ef N]\n"
	                            "                [--load-only]";
	struct bench bench = { .queries = 1000, .rounds = 5 };
	bool load_only = false;
	const struct bench_option options[] = {
		{ "--data", .text = &bench.data },         { "--rows", .number = &bench.rows },
		{ "--queries", .number = &bench.queries }, { "--rounds", .number = &bench.rounds },
		{ "--threads", .number = &bench.threads }, { "--ef", .number = &bench.ef },
		{ "--load-only", .flag = &load_only },     { .name = NULL },
	};
	struct vs_namespace_stats stats;
	struct vs_error error;
	uint32_t *truths[SETTINGS];

	bench_options(argc, argv, usage, options, &bench.file);
	if (bench.data == NULL || bench.queries == 0 || bench.rounds == 0 || bench.rounds > BENCH_ROUNDS_MAX)
		bench_usage(usage);
	bench_load(bench.file, bench.rows, bench.queries, &bench.vectors);
	open_data(&bench);
	bench_need(vs_namespace_stats(bench.ns, &stats, &error), "open", &error);
	if (stats.total == 0)
		import(&bench);
	fprintf(stderr, "indexed in %.1f s\n", index_all(&bench));
	if (load_only)
		return close_data(&bench), 0;
	for (int s = 0; s < SETTINGS; s++)
		truths[s] = truth_of(&bench, settings[s].filter);
	if (bench.ef == 0)
		bench.ef = choose_ef(&bench, truths[0]);
	for (uint32_t r = 0; r < bench.rounds; r++)
		for (int s = 0; s < SETTINGS; s++)
			round_of(&bench, &settings[s], truths[s], bench.ef, r, &outcomes[s]);
	for (int s = 1; s < SETTINGS; s++)
		outcomes[s].first = first_use(&bench, &settings[s]);
	drop_columns(&bench);
	for (int s = 1; s < SETTINGS; s++)
		outcomes[s].first_row = first_use(&bench, &settings[s]);
	fprintf(stderr, "columns made again in %.2f s\n", index_all(&bench));
	print_table(&bench, outcomes, bench.ef);
	for (int s = 0; s < SETTINGS; s++)
		free(truths[s]);
	close_data(&bench);
	free(bench.vectors.rows);
	return 0;
}

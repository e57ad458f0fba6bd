/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/hybrid: queries by vector, by words and by both, in turn within each round, in one process. Texts are the lines of a
 * file (bench/make-texts); a text's vector is the sum of pseudo-random vectors of its words, so that texts with common words are
 * near each other, as with a real embedding. Queries are words of texts that are not stored. See bench/README.md.
 *
 * The folder given by --data is filled and indexed when it is empty, and used as it is otherwise.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shared.h"

enum { DIM = 128, TOP = 10, BATCH = 1000, QUERIES = 200, LINE = 1 << 20 };

static const unsigned lengths[] = { 1, 3, 8 }; /* words of a query */
enum { LENGTHS = sizeof(lengths) / sizeof(lengths[0]) };

enum way { VECTOR, WORDS, BOTH, BOTH_RRF, BOTH_HIGHLIGHT, WAYS };
static const char *const names[WAYS] = { "vector", "words", "both, alpha", "both, rrf", "both, highlights" };

struct query {
	char words[512];
	float vector[DIM];
};

struct bench {
	const char *file;
	const char *data;
	uint32_t rows; /* 0: all but the queries */
	uint32_t rounds;
	clockid_t clock;
	struct query queries[LENGTHS][QUERIES];
	struct vs_store *store;
	struct vs_namespace *ns;
};

/* ---- texts ---------------------------------------------------------------------------------------------- */

static void add_word(const char *word, size_t len, float *vector)
{
	uint64_t state = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		state = (state ^ (uint64_t)tolower((unsigned char)word[i])) * UINT64_C(1099511628211);
	for (unsigned d = 0; d < DIM; d++) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		/* Short words are mostly those that all texts have. */
		vector[d] += ((float)(state >> 40) / (float)(1 << 24) - 0.5f) * (float)len * (float)len;
	}
}

static void embed(const char *text, float *vector)
{
	memset(vector, 0, DIM * sizeof(*vector));
	vector[0] = 1e-6f;
	for (const char *word = text; *word != '\0';) {
		size_t len = strcspn(word, " ");
		add_word(word, len, vector);
		word += len + (word[len] == ' ');
	}
}

/* `count` words of the text, from its middle; false: it has too few. */
static bool take_words(const char *text, unsigned count, struct query *query)
{
	const char *from = text + strlen(text) / 3;
	const char *to;

	from += strcspn(from, " ");
	from += *from == ' ';
	to = from;
	for (unsigned i = 0; i < count; i++) {
		to += strspn(to, " ");
		if (*to == '\0')
			return false;
		to += strcspn(to, " ");
	}
	snprintf(query->words, sizeof(query->words), "%.*s", (int)(to - from), from);
	embed(query->words, query->vector);
	return true;
}

/* The next line; NULL at the end. */
static char *read_line(FILE *file, char *line)
{
	if (fgets(line, LINE, file) == NULL)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static FILE *open_texts(const struct bench *bench)
{
	FILE *file = fopen(bench->file, "r");

	if (file == NULL)
		bench_die(bench->file, "cannot be read");
	return file;
}

/* The first texts of the file are asked by, and not stored. */
static void make_queries(struct bench *bench, FILE *file, char *line)
{
	size_t have[LENGTHS] = { 0 }, full = 0;

	while (full < LENGTHS && read_line(file, line) != NULL)
		for (unsigned i = 0; i < LENGTHS; i++)
			if (have[i] < QUERIES && take_words(line, lengths[i], &bench->queries[i][have[i]]))
				full += ++have[i] == QUERIES;
	if (full < LENGTHS)
		bench_die(bench->file, "has too few texts");
}

/* ---- store ---------------------------------------------------------------------------------------------- */

static void store_batch(struct bench *bench, struct vs_record_input *records, size_t count)
{
	struct vs_upsert_result result;
	struct vs_error error;

	bench_need(vs_namespace_upsert(bench->ns, records, count, NULL, &result, &error), "upsert", &error);
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)records[i].text);
}

static void fill(struct bench *bench, FILE *file, char *line)
{
	static struct vs_record_input records[BATCH];
	static float vectors[BATCH][DIM];
	static char ids[BATCH][24];
	double began = bench_seconds(CLOCK_MONOTONIC);
	size_t total = 0, count = 0;

	while ((bench->rows == 0 || total < bench->rows) && read_line(file, line) != NULL) {
		records[count] = (struct vs_record_input){ .id = ids[count], .vector = vectors[count], .dimension = DIM };
		records[count].id_len = (size_t)snprintf(ids[count], sizeof(ids[count]), "%zu", total);
		records[count].text = strdup(line);
		records[count].text_len = strlen(line);
		embed(line, vectors[count]);
		total++;
		if (++count == BATCH) {
			store_batch(bench, records, count);
			count = 0;
		}
	}
	store_batch(bench, records, count);
	fprintf(stderr, "stored %zu texts in %.1f s\n", total, bench_seconds(CLOCK_MONOTONIC) - began);
}

static void open_all(struct bench *bench)
{
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	struct vs_namespace_stats stats;
	char *line = malloc(LINE);
	FILE *file = open_texts(bench);
	struct vs_error error;

	options.flags = VS_CREATE;
	bench_need(vs_store_open(bench->data, VS_CREATE, &bench->store, &error), bench->data, &error);
	bench_need(vs_namespace_open(bench->store, "texts", &options, &bench->ns, &error), bench->data, &error);
	bench_need(vs_namespace_stats(bench->ns, &stats, &error), "stats", &error);
	make_queries(bench, file, line);
	if (stats.total == 0)
		fill(bench, file, line);
	bench_need(vs_namespace_index(bench->ns, NULL, NULL, &error), "index", &error);
	fclose(file);
	free(line);
}

/* ---- asking --------------------------------------------------------------------------------------------- */

static double ask(struct bench *bench, enum way way, const struct query *asked)
{
	static const struct vs_highlight marks = VS_HIGHLIGHT;
	struct vs_text_query text = VS_TEXT_QUERY;
	const struct vs_hybrid_part *parts;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	double began = bench_seconds(bench->clock);
	int rc;

	query.limit = TOP;
	if (way != WORDS) {
		query.vector = asked->vector;
		query.dimension = DIM;
	}
	text.words = asked->words;
	text.words_len = strlen(asked->words);
	text.fusion = way == BOTH_RRF ? VS_FUSION_RRF : VS_FUSION_ALPHA;
	text.highlight = way == BOTH_HIGHLIGHT ? &marks : NULL;
	rc = way == VECTOR ? vs_namespace_search(bench->ns, &query, &results, &error)
	                   : vs_namespace_search_hybrid(bench->ns, &query, &text, &results, &parts, &error);
	bench_need(rc, asked->words, &error);
	return bench_seconds(bench->clock) - began;
}

static int compare(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void measure(struct bench *bench, unsigned length)
{
	static double times[WAYS][QUERIES];
	static double medians[WAYS][BENCH_ROUNDS_MAX], means[WAYS][BENCH_ROUNDS_MAX], lasts[WAYS][BENCH_ROUNDS_MAX];
	double slower;

	for (unsigned round = 0; round < bench->rounds + 1; round++) { /* the first warms up */
		for (size_t i = 0; i < QUERIES; i++)
			for (int way = 0; way < WAYS; way++)
				times[way][i] = ask(bench, way, &bench->queries[length][i]);
		for (int way = 0; way < WAYS && round > 0; way++) {
			double sum = 0.0;
			for (size_t i = 0; i < QUERIES; i++)
				sum += times[way][i];
			means[way][round - 1] = sum / QUERIES;
			medians[way][round - 1] = median(times[way], QUERIES);
			lasts[way][round - 1] = times[way][QUERIES * 99 / 100];
		}
	}
	for (int way = 0; way < WAYS; way++)
		median(means[way], bench->rounds);
	slower = fmax(means[VECTOR][bench->rounds / 2], means[WORDS][bench->rounds / 2]);
	for (int way = 0; way < WAYS; way++)
		printf("| %u | %s | %.3f | %.3f | %.3f | %.2f |\n", lengths[length], names[way],
		       means[way][bench->rounds / 2] * 1e3, median(medians[way], bench->rounds) * 1e3,
		       median(lasts[way], bench->rounds) * 1e3, means[way][bench->rounds / 2] / slower);
}

int main(int argc, char **argv)
{
	static const char usage[] = "hybrid TEXTS --data DIR [--rows N] [--rounds N] [--cpu-time]";
	static struct bench bench = { .rounds = 5 };
	bool cpu_time = false;
	const struct bench_option options[] = {
		{ "--data", .text = &bench.data },     { "--rows", .number = &bench.rows }, { "--rounds", .number = &bench.rounds },
		{ "--cpu-time", .flag = &cpu_time },   { .name = NULL },
	};

	bench_options(argc, argv, usage, options, &bench.file);
	if (bench.data == NULL || bench.rounds == 0 || bench.rounds > BENCH_ROUNDS_MAX)
		bench_usage(usage);
	bench.clock = cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
	open_all(&bench);
	printf("| words | query by | mean ms | median ms | 99 %% ms | of the slower half |\n| --- | --- | --- | --- | --- | --- |\n");
	for (unsigned length = 0; length < LENGTHS; length++)
		measure(&bench, length);
	vs_namespace_close(bench.ns);
	vs_store_close(bench.store);
	return 0;
}

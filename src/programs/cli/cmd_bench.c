/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore bench: asks for the neighbours of stored vectors, drawn at random, first exactly, then through the graph
 * with one pool size after another; one thread. The record asked with is left out of its own answer. A result counts as
 * found when it is no farther than the exact answer's last, so that ties are not counted as misses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"

#define PAGE 1000
#define SIZES_MAX 32

struct sample {
	char *id;
	size_t id_len;
	float *vector;
	float last;     /* score of the exact answer's last result */
	uint32_t found; /* results of the exact answer */
};

struct bench {
	struct vs_namespace *ns;
	struct vs_namespace_stats stats;
	uint32_t limit;
	struct sample *samples;
	size_t count, wanted;
	uint64_t seen, random;
	bool failed; /* memory ran out */
	char after[VS_RECORD_ID_MAX + 1];
	size_t after_len;
	uint64_t *times; /* ns, one per sample */
};

/* ---- the queries ------------------------------------------------------------------------------------------ */

/* xorshift64* (Vigna, 2016): the same queries each time. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static void release_sample(struct sample *sample)
{
	free(sample->id);
	free(sample->vector);
	memset(sample, 0, sizeof *sample);
}

/* Reservoir sampling (Vitter, 1985, algorithm R): each record is drawn with the same chance. */
static void draw(void *context, const struct vs_record *record)
{
	struct bench *bench = context;
	size_t place = bench->count;
	memcpy(bench->after, record->id, record->id_len);
	bench->after_len = record->id_len;
	bench->seen++;
	if (bench->count == bench->wanted)
		place = (size_t)(next_random(&bench->random) % bench->seen);
	if (place >= bench->wanted || bench->failed)
		return;
	struct sample *sample = &bench->samples[place];
	size_t bytes = record->dimension * sizeof(float);
	release_sample(sample);
	sample->id = malloc(record->id_len);
	sample->vector = malloc(bytes);
	bench->count += place == bench->count;
	if (!sample->id || !sample->vector) {
		bench->failed = true;
		return;
	}
	memcpy(sample->id, record->id, record->id_len);
	memcpy(sample->vector, record->vector, bytes);
	sample->id_len = record->id_len;
}

static int draw_samples(struct bench *bench, struct vs_error *error)
{
	bool more = true;
	while (more) {
		struct vs_page_options options = { .limit = PAGE, .with_vector = true };
		char after[sizeof bench->after];
		memcpy(after, bench->after, bench->after_len);
		options.after = bench->after_len ? after : NULL;
		options.after_len = bench->after_len;
		int rc = vs_record_page(bench->ns, &options, draw, bench, &more, error);
		if (rc)
			return rc;
		if (bench->failed)
			return vs_error_set(error, VS_ENOMEM, "out of memory");
	}
	if (bench->count == 0)
		return vs_error_set(error, VS_ENOTFOUND, "the namespace is empty");
	return 0;
}

/* ---- measuring -------------------------------------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static bool is_self(const struct sample *sample, const struct vs_record *record)
{
	return record->id_len == sample->id_len && memcmp(record->id, sample->id, sample->id_len) == 0;
}

/* Notes the exact answer, or counts how much of it came back. */
static uint32_t judge(const struct bench *bench, struct sample *sample, const struct vs_results *results, bool exact)
{
	bool higher = bench->stats.metric == VS_COSINE || bench->stats.metric == VS_DOT;
	uint32_t taken = 0, good = 0;
	for (size_t i = 0; i < results->count && taken < bench->limit; i++) {
		float score = results->items[i].score;
		if (is_self(sample, &results->items[i].record))
			continue;
		taken++;
		good += higher ? score >= sample->last : score <= sample->last;
		if (exact)
			sample->last = score;
	}
	if (exact)
		sample->found = good = taken;
	return good > sample->found ? sample->found : good;
}

/* One row of the table: ef 0 stands for the exact search. */
static int measure(struct bench *bench, uint32_t ef, struct vs_error *error)
{
	uint64_t good = 0, all = 0, sum = 0;
	for (size_t i = 0; i < bench->count; i++) {
		struct sample *sample = &bench->samples[i];
		struct vs_query query = VS_QUERY;
		struct vs_results results;
		query.vector = sample->vector;
		query.dimension = bench->stats.dimension;
		query.limit = bench->limit + 1; /* itself */
		query.ef = ef;
		query.exact = ef == 0;
		query.with_metadata = false;
		uint64_t begin = vs_clock_mono_ns();
		int rc = vs_namespace_search(bench->ns, &query, &results, error);
		if (rc)
			return rc;
		bench->times[i] = vs_clock_mono_ns() - begin;
		sum += bench->times[i];
		good += judge(bench, sample, &results, ef == 0);
		all += sample->found;
	}
	qsort(bench->times, bench->count, sizeof *bench->times, compare_times);
	if (ef)
		printf("%6u", ef);
	else
		printf("%6s", "exact");
	printf("  %9.4f  %10.0f  %8.3f  %8.3f\n", all ? (double)good / (double)all : 1.0,
	       (double)bench->count * 1e9 / (double)sum, (double)bench->times[bench->count / 2] / 1e6,
	       (double)bench->times[bench->count * 99 / 100] / 1e6);
	fflush(stdout);
	return 0;
}

/* "10,20,40" to numbers; returns how many, 0 when it is none. */
static size_t read_sizes(const char *text, uint32_t *sizes)
{
	size_t n = 0;
	for (;;) {
		char *end;
		unsigned long value = strtoul(text, &end, 10);
		if (end == text || *text < '0' || *text > '9' || value < 1 || value > 10000 || n == SIZES_MAX)
			return 0;
		sizes[n++] = (uint32_t)value;
		if (!*end)
			return n;
		if (*end != ',')
			return 0;
		text = end + 1;
	}
}

static int run(struct bench *bench, const struct vs_args *args, const uint32_t *sizes, size_t size_count,
               struct vs_error *error)
{
	int rc = vs_namespace_stats(bench->ns, &bench->stats, error);
	if (!rc)
		rc = draw_samples(bench, error);
	if (rc)
		return rc;
	const struct vs_namespace_stats *stats = &bench->stats;
	char recall[24];
	snprintf(recall, sizeof recall, "recall@%u", bench->limit);
	printf("namespace %s: %llu records, %u dimensions, %s, %u of %u slots indexed; %zu queries, one thread, %s\n",
	       vs_args_text(args, VS_FLAG_NAMESPACE), (unsigned long long)stats->active, stats->dimension,
	       vs_metric_name(stats->metric), stats->slots - stats->unindexed, stats->slots, bench->count, vs_simd());
	printf("%6s  %9s  %10s  %8s  %8s\n", "ef", recall, "queries/s", "p50 ms", "p99 ms");
	rc = measure(bench, 0, error);
	for (size_t i = 0; !rc && i < size_count; i++)
		rc = measure(bench, sizes[i], error);
	return rc;
}

int vs_command_bench(struct vs_args *args)
{
	struct vs_error error;
	struct vs_store *store = NULL;
	struct bench bench = { .random = UINT64_C(88172645463325252) };
	uint32_t sizes[SIZES_MAX];
	size_t size_count = read_sizes(vs_args_text(args, VS_FLAG_EF_SWEEP), sizes);
	if (size_count == 0) {
		fputs("vecstore: --ef takes numbers from 1 to 10000, with commas between them\n", stderr);
		return 2;
	}
	bench.wanted = (size_t)vs_args_count(args, VS_FLAG_QUERIES);
	bench.limit = (uint32_t)vs_args_count(args, VS_FLAG_LIMIT);
	if (bench.limit > 9999)
		bench.limit = 9999; /* one more is asked for */
	bench.samples = calloc(bench.wanted, sizeof *bench.samples);
	bench.times = calloc(bench.wanted, sizeof *bench.times);
	int rc = bench.samples && bench.times ? 0 : vs_error_set(&error, VS_ENOMEM, "out of memory");
	if (!rc)
		rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, &error);
	if (!rc)
		rc = vs_namespace_open(store, vs_args_text(args, VS_FLAG_NAMESPACE), NULL, &bench.ns, &error);
	if (!rc)
		rc = run(&bench, args, sizes, size_count, &error);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	for (size_t i = 0; bench.samples && i < bench.count; i++)
		release_sample(&bench.samples[i]);
	free(bench.samples);
	free(bench.times);
	vs_namespace_close(bench.ns);
	vs_store_close(store);
	return rc ? 1 : 0;
}

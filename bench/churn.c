/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/churn: what updates do to recall, and what compaction does. Stores a third of the vectors of FILE, indexes, gives
 * half of the records, at random, other vectors, indexes again; compacts; beside it a store made afresh with the same content.
 * Prints durable ingest, recall@10 and time per query of all four, and how long writers waited for the compaction. See
 * bench/README.md.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/vecstore.h"

enum { TOP = 10, BATCH = 1000, QUERIES = 1000 };

struct bench {
	const char *data; /* its folder */
	uint32_t dim;
	uint32_t rows;     /* records */
	float *vectors;    /* rows, rows / 2 for the updates, QUERIES */
	uint32_t *content; /* which vector each record has now */
	uint32_t *order;   /* records in the order in which they are written */
	struct vs_store *store;
	struct vs_namespace *ns;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double cpu_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void must(int rc, const struct vs_error *error)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "churn: %s\n", error->text);
	exit(1);
}

static const float *vector_at(const struct bench *bench, size_t i)
{
	return bench->vectors + i * bench->dim;
}

static void read_file(struct bench *bench, const char *path)
{
	FILE *file = fopen(path, "rb");
	int32_t dim;
	long size;
	size_t count;

	if (file == NULL || fread(&dim, sizeof(dim), 1, file) != 1 || dim < 1 || dim > VS_VECTOR_DIM_MAX ||
	    fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
		fprintf(stderr, "churn: %s is no fvecs file\n", path);
		exit(1);
	}
	bench->dim = (uint32_t)dim;
	count = (size_t)size / (((size_t)dim + 1) * sizeof(float));
	bench->rows = count > QUERIES + BATCH ? (uint32_t)((count - QUERIES) / 3 & ~1u) : 0;
	count = bench->rows + bench->rows / 2 + QUERIES;
	bench->vectors = malloc(count * bench->dim * sizeof(float));
	bench->content = malloc(bench->rows * sizeof(*bench->content));
	bench->order = malloc(bench->rows * sizeof(*bench->order));
	rewind(file);
	for (size_t i = 0; bench->rows > 0 && i < count; i++)
		if (fread(&dim, sizeof(dim), 1, file) != 1 ||
		    fread(bench->vectors + i * bench->dim, sizeof(float), bench->dim, file) != bench->dim)
			bench->rows = 0;
	fclose(file);
	if (bench->rows == 0) {
		fprintf(stderr, "churn: %s holds too few vectors\n", path);
		exit(1);
	}
	for (uint32_t i = 0; i < bench->rows; i++)
		bench->content[i] = bench->order[i] = i;
}

static void open_store(struct bench *bench, const char *data)
{
	struct vs_namespace_options options = { VS_CREATE, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_error error;

	bench->data = data;
	must(vs_store_open(data, VS_CREATE, &bench->store, &error), &error);
	must(vs_namespace_open(bench->store, "default", &options, &bench->ns, &error), &error);
}

static void close_store(struct bench *bench)
{
	vs_namespace_close(bench->ns);
	vs_store_close(bench->store);
}

/* Writes the first `count` records of the order, in durable batches. Seconds. */
static double write_records(struct bench *bench, uint32_t count)
{
	static struct vs_record_input records[BATCH];
	static char ids[BATCH][16];
	struct vs_upsert_result result;
	struct vs_error error;
	double start = now();

	for (uint32_t done = 0, n; done < count; done += n) {
		n = count - done < BATCH ? count - done : BATCH;
		for (uint32_t i = 0; i < n; i++) {
			uint32_t record = bench->order[done + i];
			int len = snprintf(ids[i], sizeof(ids[i]), "%u", record);
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = (size_t)len,
				                                   .vector = vector_at(bench, bench->content[record]),
				                                   .dimension = bench->dim };
		}
		must(vs_namespace_upsert(bench->ns, records, n, NULL, &result, &error), &error);
	}
	return now() - start;
}

static void index_all(struct bench *bench)
{
	struct vs_error error;
	bool worked = true;

	while (worked)
		must(vs_namespace_index(bench->ns, NULL, &worked, &error), &error);
}

/* Another writer, which updates a record every millisecond while the namespace is compacted. */
struct writer {
	struct bench *bench;
	pthread_t thread;
	bool started;
	bool stop; /* atomic */
	double longest[2]; /* the longest write, and the second */
	double sum;
	unsigned writes;
};

static void *write_on(void *context)
{
	struct writer *writer = context;
	struct bench own = *writer->bench;
	struct vs_namespace_options options = { 0, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_error error;

	must(vs_store_open(own.data, 0, &own.store, &error), &error);
	must(vs_namespace_open(own.store, "default", &options, &own.ns, &error), &error);
	while (!__atomic_load_n(&writer->stop, __ATOMIC_RELAXED)) {
		struct timespec pause = { 0, 1000000 };
		double seconds;
		own.order = writer->bench->order + writer->writes++ % own.rows; /* the same content again */
		seconds = write_records(&own, 1);
		writer->sum += seconds;
		if (seconds > writer->longest[0]) {
			writer->longest[1] = writer->longest[0];
			writer->longest[0] = seconds;
		} else if (seconds > writer->longest[1]) {
			writer->longest[1] = seconds;
		}
		nanosleep(&pause, NULL);
	}
	close_store(&own);
	return NULL;
}

static int start_writer(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	struct writer *writer = context;

	(void)phase;
	(void)done;
	(void)total;
	if (!writer->started)
		writer->started = pthread_create(&writer->thread, NULL, write_on, writer) == 0;
	return 0;
}

static void compact(struct bench *bench)
{
	struct writer writer = { .bench = bench };
	struct vs_compact_options options = { 0, start_writer, &writer };
	struct vs_compact_result result;
	struct vs_error error;
	double start = now();

	must(vs_namespace_compact(bench->ns, &options, &result, &error), &error);
	start = now() - start;
	__atomic_store_n(&writer.stop, true, __ATOMIC_RELAXED);
	if (writer.started)
		pthread_join(writer.thread, NULL);
	printf("\ncompacted in %.1f s: %llu slots, %.1f MB; beside it %u writes took %.1f ms in the mean, the longest two %.0f and %.0f ms\n\n",
	       start, (unsigned long long)result.removed_count, (double)result.freed_bytes / 1e6, writer.writes,
	       writer.sum / writer.writes * 1e3, writer.longest[0] * 1e3, writer.longest[1] * 1e3);
	index_all(bench);
}

static void ask(struct bench *bench, uint32_t number, uint32_t ef, char ids[TOP][16])
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	query.vector = vector_at(bench, bench->rows + bench->rows / 2 + number);
	query.dimension = bench->dim;
	query.limit = TOP;
	query.ef = ef;
	query.exact = ef == 0;
	must(vs_namespace_search(bench->ns, &query, &results, &error), &error);
	for (uint32_t i = 0; i < TOP; i++)
		snprintf(ids[i], sizeof(ids[i]), "%s", results.items[i].record.id);
}

static void measure(struct bench *bench, const char *name)
{
	static char exact[QUERIES][TOP][16], found[TOP][16];

	for (uint32_t q = 0; q < QUERIES; q++)
		ask(bench, q, 0, exact[q]);
	for (uint32_t ef = 100; ef <= 200; ef += 50) {
		uint32_t hits = 0;
		double seconds = 0;
		for (uint32_t q = 0; q < QUERIES; q++) {
			double start = cpu_now();
			ask(bench, q, ef, found);
			seconds += cpu_now() - start;
			for (uint32_t i = 0; i < TOP * TOP; i++)
				hits += strcmp(exact[q][i / TOP], found[i % TOP]) == 0;
		}
		printf("| %s | %u | %.4f | %.0f |\n", name, ef, (double)hits / (QUERIES * TOP), seconds / QUERIES * 1e6);
	}
}

static void shuffle(uint32_t *items, uint32_t count)
{
	srand(1);
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t j = (uint32_t)rand() % (i + 1), item = items[i];
		items[i] = items[j];
		items[j] = item;
	}
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	double seconds;

	if (argc != 4 || argv[1][0] == '-') {
		fputs("usage: churn FILE.fvecs EMPTY-FOLDER ANOTHER-EMPTY-FOLDER\n", stderr);
		return 2;
	}
	read_file(&bench, argv[1]);
	open_store(&bench, argv[2]);
	seconds = write_records(&bench, bench.rows);
	printf("%u records of %u-d; durable ingest in batches of %d: %.0f vectors/s\n\n", bench.rows, bench.dim, BATCH,
	       bench.rows / seconds);
	puts("| store | ef | recall@10 | µs of CPU a query |\n| --- | ---: | ---: | ---: |");
	index_all(&bench);
	measure(&bench, "before");
	shuffle(bench.order, bench.rows);
	for (uint32_t i = 0; i < bench.rows / 2; i++)
		bench.content[bench.order[i]] = bench.rows + i;
	write_records(&bench, bench.rows / 2);
	index_all(&bench);
	measure(&bench, "half of the records updated");
	compact(&bench);
	puts("| store | ef | recall@10 | µs of CPU a query |\n| --- | ---: | ---: | ---: |");
	measure(&bench, "compacted");
	close_store(&bench);
	for (uint32_t i = 0; i < bench.rows; i++)
		bench.order[i] = i;
	open_store(&bench, argv[3]);
	write_records(&bench, bench.rows);
	index_all(&bench);
	measure(&bench, "the same content, made afresh");
	close_store(&bench);
	free(bench.vectors);
	free(bench.content);
	free(bench.order);
	return 0;
}

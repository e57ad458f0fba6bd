/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/pages: what a page of records costs wherever it begins, and what counting values over all records costs. See
 * bench/README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/vecstore.h"

enum { PAGE = 1000, PARTS = 10, ROUNDS = 11 };

static struct vs_namespace *ns;

static void check(int rc, const struct vs_error *error)
{
	if (rc == 0)
		return;
	fprintf(stderr, "pages: %s\n", error->text);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

/* ---- pages ---- */

struct reading {
	char after[VS_RECORD_ID_MAX];
	size_t after_len;
	size_t count;
};

static void read_one(void *context, const struct vs_record *record)
{
	struct reading *reading = context;
	memcpy(reading->after, record->id, record->id_len);
	reading->after_len = record->id_len;
	reading->count++;
}

/* Reads all pages in order; each page's time into times. Returns how many there were. */
static size_t read_all(double *times, size_t cap, size_t *records)
{
	struct reading reading = { .after_len = 0 };
	struct vs_page_options options = { .limit = PAGE };
	struct vs_error error;
	bool more = true;
	size_t pages = 0;
	while (more && pages < cap) {
		double begun = now_ms();
		check(vs_record_page(ns, &options, read_one, &reading, &more, &error), &error);
		times[pages++] = now_ms() - begun;
		options.after = reading.after;
		options.after_len = reading.after_len;
	}
	*records = reading.count;
	return pages;
}

static void measure_pages(uint64_t total)
{
	size_t cap = (size_t)(total / PAGE) + 2, pages = 0, records = 0;
	double *times = calloc(cap, sizeof(*times));
	if (!times)
		exit(1);
	(void)read_all(times, cap, &records); /* so that all is in memory */
	pages = read_all(times, cap, &records);
	printf("| %zu records in pages of %d | ms a page, median |\n| --- | ---: |\n", records, PAGE);
	for (size_t part = 0; part < PARTS; part++) {
		size_t from = part * pages / PARTS, to = (part + 1) * pages / PARTS;
		if (to > from)
			printf("| tenth %zu | %.2f |\n", part + 1, median(times + from, to - from));
	}
	free(times);
}

/* ---- facets ---- */

static void measure_facet(const char *field, const char *filter)
{
	double times[ROUNDS];
	struct vs_facet facet;
	struct vs_error error;
	for (int i = 0; i < ROUNDS; i++) {
		double begun = now_ms();
		check(vs_namespace_facet(ns, field, filter, 100, &facet, &error), &error);
		times[i] = now_ms() - begun;
	}
	double first = times[0];
	printf("| `%s`%s%s%s | %zu | %.1f | %.1f |\n", field, filter ? " where `" : "", filter ? filter : "", filter ? "`" : "",
	       facet.count, first, median(times, ROUNDS));
}

int main(int argc, char **argv)
{
	struct vs_namespace_stats stats;
	struct vs_store *store;
	struct vs_error error;
	if (argc < 2 || argv[1][0] == '-') {
		fputs("usage: pages DATA [FIELD [FILTER]]…\n\n"
		      "Reads all records of namespace default in the data folder DATA page by page, and counts the values of each FIELD\n"
		      "(under the FILTER behind it; '' for none). Nothing is written.\n",
		      argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	check(vs_store_open(argv[1], 0, &store, &error), &error);
	check(vs_namespace_open(store, "default", NULL, &ns, &error), &error);
	check(vs_namespace_stats(ns, &stats, &error), &error);
	measure_pages(stats.active);
	printf("\n| field | values told | first, ms | median of %d, ms |\n| --- | ---: | ---: | ---: |\n", ROUNDS);
	for (int i = 2; i < argc; i += 2)
		measure_facet(argv[i], i + 1 < argc && argv[i + 1][0] ? argv[i + 1] : NULL);
	vs_namespace_close(ns);
	vs_store_close(store);
	return 0;
}

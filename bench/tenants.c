/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/tenants: what it costs to admit a request, and to ask a small namespace that is not open. See bench/README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/folder.h"
#include "service/admit.h"
#include "service/handles.h"
#include "service/tenants.h"

enum { NAMESPACES = 300, DIMENSION = 100, RECORDS = 100, ADMISSIONS = 200000, WRITES = 300 };

static char dir[64];
static char data[80];

static void check(int rc, const struct vs_error *error)
{
	if (rc == 0)
		return;
	fprintf(stderr, "tenants: %s\n", error->text);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void name_of(unsigned i, char name[16])
{
	snprintf(name, 16, "n%u", i % 100000);
}

static void fill(void)
{
	struct vs_store *store;
	struct vs_error error;
	float *vectors = calloc((size_t)RECORDS * DIMENSION, sizeof(*vectors));
	struct vs_record_input *records = calloc(RECORDS, sizeof(*records));
	char(*ids)[16] = calloc(RECORDS, sizeof(*ids));
	if (!vectors || !records || !ids)
		exit(1);
	for (size_t i = 0; i < (size_t)RECORDS * DIMENSION; i++)
		vectors[i] = (float)(rand() % 1000) - 499.5f;
	for (unsigned i = 0; i < RECORDS; i++) {
		name_of(i, ids[i]);
		records[i] = (struct vs_record_input){
			.id = ids[i], .id_len = strlen(ids[i]), .vector = vectors + (size_t)i * DIMENSION, .dimension = DIMENSION
		};
	}
	check(vs_store_open(data, VS_CREATE, &store, &error), &error);
	for (unsigned i = 0; i < NAMESPACES; i++) {
		struct vs_upsert_result result;
		struct vs_namespace *ns;
		char name[16];
		name_of(i, name);
		check(vs_store_create(store, name, NULL, NULL, &error), &error);
		check(vs_namespace_open(store, name, NULL, &ns, &error), &error);
		check(vs_namespace_upsert(ns, records, RECORDS, NULL, &result, &error), &error);
		vs_namespace_close(ns);
	}
	vs_store_close(store);
	free(ids);
	free(records);
	free(vectors);
}

/* ---- admission -------------------------------------------------------------------------------------------- */

static void set_quota(struct vs_store *store, const char *name, const char *text)
{
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_quota quota = vs_quota_none();
	struct vs_error error;
	check(vs_quota_parse(text, &quota, &error), &error);
	change.quota = &quota;
	check(vs_store_change(store, name, &change, &error), &error);
}

/* Microseconds for finding the open namespace, its status and quotas as they are now, a place, and a request of its rate. */
static void admission(struct vs_handles *handles, const char *quota)
{
	struct vs_request request = { .body_len = 100 };
	struct vs_call call = { .request = &request, .operation = &vs_operations[VS_OPERATION_QUERY] };
	struct vs_namespace *ns;
	struct vs_store *store;
	struct vs_error error;
	check(vs_tenants_open(dir, &call.tenants, &error), &error);
	check(vs_handles_store(handles, &store, &error), &error);
	set_quota(store, "n0", quota);
	double start = now();
	for (unsigned i = 0; i < ADMISSIONS; i++) {
		check(vs_handles_find(handles, "n0", &ns, &error), &error);
		check(vs_admit_enter(&call, ns, "n0", &error), &error);
		vs_admit_leave(&call, 1000);
	}
	printf("| admission, %s | %.2f us |\n", quota, (now() - start) / ADMISSIONS * 1e6);
	vs_tenants_close(call.tenants);
}

/* ---- a namespace that is not open ------------------------------------------------------------------------- */

static void cold(struct vs_handles *handles)
{
	static double times[NAMESPACES];
	float vector[DIMENSION] = { 1.0f };
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_namespace *ns;
	struct vs_error error;
	char name[16];
	query.vector = vector;
	query.dimension = DIMENSION;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < NAMESPACES; i++) {
			double start = now();
			name_of(i, name);
			check(vs_handles_find(handles, name, &ns, &error), &error);
			check(vs_namespace_search(ns, &query, &results, &error), &error);
			times[i] = now() - start;
		}
		qsort(times, NAMESPACES, sizeof(times[0]), compare);
		printf("| first query of a namespace of %d records, %s | %.2f ms, p99 %.2f ms |\n", RECORDS,
		       round == 0 ? "nothing open yet" : "another gives way", times[NAMESPACES / 2] * 1e3,
		       times[NAMESPACES * 99 / 100] * 1e3);
	}
}

/* ---- a write ---------------------------------------------------------------------------------------------- */

/* Quota or none in turn, so that a busy disk slows both alike. */
static void writes(struct vs_handles *handles)
{
	static double times[2][WRITES];
	float vector[DIMENSION] = { 1.0f };
	struct vs_record_input record = { .id = "x", .id_len = 1, .vector = vector, .dimension = DIMENSION };
	struct vs_upsert_result result;
	struct vs_namespace *ns[2];
	struct vs_store *store;
	struct vs_error error;
	check(vs_handles_store(handles, &store, &error), &error);
	set_quota(store, "n2", "max_vectors=1000000,max_storage_bytes=1000000000,max_dimension=8192");
	check(vs_namespace_open(store, "n1", NULL, &ns[0], &error), &error);
	check(vs_namespace_open(store, "n2", NULL, &ns[1], &error), &error);
	for (unsigned i = 0; i < 2 * WRITES; i++) {
		double start = now();
		check(vs_namespace_upsert(ns[i % 2], &record, 1, NULL, &result, &error), &error);
		times[i % 2][i / 2] = now() - start;
	}
	for (unsigned i = 0; i < 2; i++) {
		qsort(times[i], WRITES, sizeof(times[i][0]), compare);
		printf("| durable upsert, %s | %.0f us |\n", i == 0 ? "no quota" : "three quotas of size", times[i][WRITES / 2] * 1e6);
		vs_namespace_close(ns[i]);
	}
}

int main(void)
{
	struct vs_namespace_options fresh = VS_NAMESPACE_OPTIONS;
	struct vs_handles handles;
	struct vs_error error;
	const char *where = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/vecstore-bench-XXXXXX", where && *where ? where : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	snprintf(data, sizeof(data), "%s/data", dir);
	fill();
	check(vs_handles_init(&handles, data, &fresh, &error), &error);
	puts("| what | median |\n| --- | --- |");
	cold(&handles);
	admission(&handles, "max_vectors=0");
	admission(&handles, "max_requests_per_second=1000000,max_concurrent_queries=16");
	writes(&handles);
	vs_handles_release(&handles);
	return vs_folder_remove(dir, NULL, &error) ? 1 : 0;
}

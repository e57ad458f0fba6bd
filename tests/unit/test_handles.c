/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with handles of their own on one namespace: a writer, the indexer with its threads, and readers beside them. */
#include <pthread.h>

#include "base/atomics.h"
#include "engine_fixture.h"

#define DIM 8
#define RECORDS 3200
#define READERS 2

struct thread {
	pthread_t thread;
	const struct fixture *fixture;
	bool *stop;
	uint64_t rounds;
	char fault[200];
};

/* A store of the thread's own, as another process would have it. */
static bool open_own(struct thread *thread, struct fixture *own)
{
	struct vs_error error;

	*own = *thread->fixture;
	if (vs_store_open(own->data, 0, &own->store, &error) == 0 &&
	    vs_namespace_open(own->store, "default", NULL, &own->ns, &error) == 0)
		return true;
	snprintf(thread->fault, sizeof(thread->fault), "%.190s", error.text);
	return false;
}

static void *index_on(void *context)
{
	static const struct vs_index_options options = { 2, NULL, NULL, 0 };
	struct thread *thread = context;
	struct vs_error error;
	struct fixture own;
	bool worked = true;

	if (!open_own(thread, &own))
		return NULL;
	while (worked || !vs_load_acquire(thread->stop)) {
		if (vs_namespace_index(own.ns, &options, &worked, &error) != 0) {
			snprintf(thread->fault, sizeof(thread->fault), "%.190s", error.text);
			break;
		}
		thread->rounds++;
	}
	fixture_close(&own);
	return NULL;
}

/* I6, whatever is linked and filled by now: ten of the even ones, whose number is right. */
static void ask(struct thread *thread, struct fixture *own)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	float vector[DIM];
	uint64_t seed = thread->rounds;

	for (uint32_t i = 0; i < DIM; i++)
		vector[i] = noise(&seed);
	query.vector = vector;
	query.dimension = DIM;
	query.filter = thread->rounds % 2 == 0 ? "even = true AND n >= 0" : NULL;
	if (vs_namespace_search(own->ns, &query, &results, &error) != 0)
		snprintf(thread->fault, sizeof(thread->fault), "%.190s", error.text);
	else if (results.count != 10)
		snprintf(thread->fault, sizeof(thread->fault), "%zu results", results.count);
	for (size_t i = 0; query.filter != NULL && thread->fault[0] == '\0' && i < results.count; i++)
		if (strstr(results.items[i].record.metadata, "\"even\": true") == NULL)
			snprintf(thread->fault, sizeof(thread->fault), "%s", results.items[i].record.metadata);
}

static void *read_on(void *context)
{
	struct thread *thread = context;
	struct fixture own;

	if (!open_own(thread, &own))
		return NULL;
	while (!vs_load_acquire(thread->stop) && thread->fault[0] == '\0') {
		ask(thread, &own);
		thread->rounds++;
	}
	fixture_close(&own);
	return NULL;
}

static void test_handles_beside_each_other(void **state)
{
	struct thread threads[1 + READERS];
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;
	bool stop = false;

	put_many(fixture, 0, 100, DIM);
	for (uint32_t i = 0; i < 1 + READERS; i++) {
		threads[i] = (struct thread){ .fixture = fixture, .stop = &stop };
		assert_int_equal(pthread_create(&threads[i].thread, NULL, i == 0 ? index_on : read_on, &threads[i]), 0);
	}
	for (uint32_t number = 100; number < RECORDS; number += 100) {
		put_many(fixture, number, 100, DIM);
		put_many(fixture, number - 50, 20, DIM); /* again: dead slots */
	}
	vs_store_release(&stop, true);
	for (uint32_t i = 0; i < 1 + READERS; i++) {
		assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
		assert_string_equal(threads[i].fault, "");
		assert_true(threads[i].rounds > 0);
	}
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.active, RECORDS);
	assert_int_equal(stats.unindexed, 0);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handles_beside_each_other, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A data folder per test, and short ways to write into it. */
#ifndef VS_TESTS_ENGINE_FIXTURE_H
#define VS_TESTS_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "engine/vecstore.h"

struct fixture {
	char data[64];
	struct vs_store *store;
	struct vs_namespace *ns;
};

/* Asserts rc == 0 and says why not. */
#define assert_ok(rc, error)                                            \
	do {                                                                \
		int rc_ = (rc);                                                 \
		if (rc_ != 0)                                                   \
			print_error("%s: %s\n", vs_error_word(rc_), (error).text);  \
		assert_int_equal(rc_, 0);                                       \
	} while (0)

static inline void fixture_open(struct fixture *fixture, enum vs_metric metric)
{
	struct vs_namespace_options options = { VS_CREATE, metric, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
	struct vs_error error;

	assert_ok(vs_store_open(fixture->data, VS_CREATE, &fixture->store, &error), error);
	assert_ok(vs_namespace_open(fixture->store, "default", &options, &fixture->ns, &error), error);
}

static inline void fixture_close(struct fixture *fixture)
{
	vs_namespace_close(fixture->ns);
	vs_store_close(fixture->store);
}

static inline int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->data, "/tmp/vecstore-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->data));
	*state = fixture;
	fixture_open(fixture, VS_COSINE);
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	fixture_close(fixture);
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture->data);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static inline int put(struct fixture *fixture, const char *id, const float *vector, uint32_t dimension,
                      const char *metadata, struct vs_error *error)
{
	struct vs_upsert_result result;
	struct vs_record_input record = {
		.id = id,
		.id_len = strlen(id),
		.vector = vector,
		.dimension = dimension,
		.metadata = metadata,
		.metadata_len = metadata != NULL ? strlen(metadata) : 0,
	};

	return vs_namespace_upsert(fixture->ns, &record, 1, NULL, &result, error);
}

static inline size_t drop(struct fixture *fixture, enum vs_removal kind, const char *id)
{
	struct vs_id which = { id, strlen(id) };
	struct vs_error error;
	size_t done;

	assert_ok(vs_namespace_remove(fixture->ns, kind, &which, 1, &done, &error), error);
	return done;
}

/* Pseudo-random numbers in [-1, 1], the same in every run. */
static inline float noise(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (float)(int32_t)(*seed >> 32) / 2147483648.0f;
}

/* count records "r0", "r1", … of clustered vectors with metadata {"n":i,"even":bool}, in batches. */
static inline void put_many(struct fixture *fixture, uint32_t first, uint32_t count, uint32_t dimension)
{
	enum { BATCH = 500 };
	float *vectors = malloc(sizeof(float) * BATCH * dimension);
	static char ids[BATCH][16], metadata[BATCH][64];
	struct vs_record_input records[BATCH];
	struct vs_upsert_result result;
	struct vs_error error;

	for (uint32_t done = 0; done < count;) {
		uint32_t n = count - done < BATCH ? count - done : BATCH;
		for (uint32_t i = 0; i < n; i++) {
			uint32_t number = first + done + i;
			uint64_t center = number % 50 + 1, seed = number + 1000;
			for (uint32_t d = 0; d < dimension; d++)
				vectors[i * dimension + d] = noise(&center) + 0.5f * noise(&seed);
			snprintf(ids[i], sizeof(ids[i]), "r%u", number);
			snprintf(metadata[i], sizeof(metadata[i]), "{\"n\": %u, \"even\": %s}", number,
			         number % 2 == 0 ? "true" : "false");
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = strlen(ids[i]),
				                                   .vector = vectors + i * dimension,
				                                   .dimension = dimension,
				                                   .metadata = metadata[i],
				                                   .metadata_len = strlen(metadata[i]) };
		}
		assert_ok(vs_namespace_upsert(fixture->ns, records, n, NULL, &result, &error), error);
		done += n;
	}
	free(vectors);
}

/* Changes the catalogue behind the library's back. */
static inline void change_catalog(const struct fixture *fixture, const char *sql)
{
	char path[128];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/catalog.db", fixture->data);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Until nothing is left to do. */
static inline void index_all(struct fixture *fixture)
{
	struct vs_error error;
	bool worked = true;

	while (worked)
		assert_ok(vs_namespace_index(fixture->ns, NULL, &worked, &error), error);
}

static inline void report_finding(void *context, const char *finding)
{
	(void)context;
	print_message("check: %s\n", finding);
}

static inline struct vs_check_result check(struct fixture *fixture)
{
	struct vs_check_result result;
	struct vs_error error;

	assert_ok(vs_namespace_check(fixture->ns, report_finding, NULL, &result, &error), error);
	return result;
}

#endif

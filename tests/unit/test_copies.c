/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of rows under load: while others write, remove, restore and index, what a query gets from them is bit for bit what
 * meta.db says in the same snapshot. */
#include "engine_fixture.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/namespace.h"

#define DIM 8
#define IDS 4000
#define MIN_ROUNDS 30
#define SECONDS 2

static uint32_t pick(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static void vector_of(uint64_t seed, float vector[DIM])
{
	for (uint32_t d = 0; d < DIM; d++)
		vector[d] = noise(&seed);
}

/* One process that changes records at random; it never ends by itself. */
static void write_on(struct fixture *fixture, uint64_t seed)
{
	char id[16], metadata[80];
	float vector[DIM];

	fixture_open(fixture, VS_COSINE);
	for (uint32_t i = 0;; i++) {
		struct vs_id which = { id, (size_t)snprintf(id, sizeof(id), "r%u", pick(&seed, IDS)) };
		struct vs_error error;
		size_t done;
		snprintf(metadata, sizeof(metadata), "{\"writer\": %d, \"i\": %u, \"pad\": \"%.*s\"}", (int)getpid(), i,
		         (int)pick(&seed, 30), "..............................");
		vector_of(seed, vector);
		if (pick(&seed, 2) == 0)
			(void)put(fixture, id, vector, DIM, metadata, &error);
		else
			(void)vs_namespace_remove(fixture->ns, (enum vs_removal)pick(&seed, 3), &which, 1, &done, &error);
	}
}

static void index_on(struct fixture *fixture)
{
	fixture_open(fixture, VS_COSINE);
	for (;;) {
		(void)vs_namespace_index(fixture->ns, NULL, NULL, NULL);
		usleep(1000);
	}
}

static pid_t child_of(struct fixture *fixture, uint64_t seed)
{
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (seed != 0)
			write_on(fixture, seed);
		else
			index_on(fixture);
		_exit(0);
	}
	assert_true(child > 0);
	return child;
}

static void expect_same(const struct vs_meta_row *copy, const struct vs_meta_row *row)
{
	assert_int_equal(row->deleted_at, 0);
	assert_int_equal(copy->id_len, row->id_len);
	assert_memory_equal(copy->id, row->id, row->id_len + 1);
	assert_int_equal(copy->metadata_len, row->metadata_len);
	assert_memory_equal(copy->metadata, row->metadata, row->metadata_len + 1);
	assert_int_equal(copy->version, row->version);
	assert_int_equal(copy->created_at, row->created_at);
	assert_int_equal(copy->updated_at, row->updated_at);
}

/* Every live slot of one snapshot; returns how many have a copy. */
static uint32_t compare(struct vs_namespace *ns)
{
	struct vs_meta_state state;
	struct vs_error error;
	uint32_t copies = 0;

	assert_ok(vs_namespace_begin(ns, &state, &error), error);
	vs_rows_refresh(ns->generation.rows, state.next_slot, vs_clock_mono_ns());
	for (uint32_t slot = 0; slot < state.next_slot; slot++) {
		struct vs_meta_row copy, row;
		if (!vs_bitmap_test(&ns->generation.live, slot) ||
		    !vs_rows_find(ns->generation.rows, slot, &ns->arena, &copy))
			continue;
		assert_ok(vs_meta_get(ns->generation.meta, slot, &row, &error), error);
		expect_same(&copy, &row);
		copies++;
	}
	vs_namespace_end(ns);
	return copies;
}

/* What a query returns is one record: its metadata name its writer's commit, and its vector belongs to it. */
static void query(struct vs_namespace *ns, uint64_t seed)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	float vector[DIM];

	vector_of(seed, vector);
	query.vector = vector;
	query.dimension = DIM;
	query.limit = 100;
	query.with_vector = true;
	assert_ok(vs_namespace_search(ns, &query, &results, &error), error);
	assert_int_equal(results.count, results.stats.total_candidates < 100 ? results.stats.total_candidates : 100);
	for (size_t i = 0; i < results.count; i++) {
		const struct vs_record *record = &results.items[i].record;
		assert_int_equal(strlen(record->id), record->id_len);
		assert_int_equal(strlen(record->metadata), record->metadata_len);
		assert_true(record->metadata[0] == '{' && record->metadata[record->metadata_len - 1] == '}');
		assert_int_equal(record->deleted_at, 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(record->id, results.items[j].record.id);
	}
}

static void copies_are_the_rows(void **state)
{
	struct fixture *fixture = *state;
	uint64_t end = vs_clock_mono_ns() + SECONDS * UINT64_C(1000000000);
	uint32_t most = 0, rounds = 0;
	pid_t children[3];

	put_many(fixture, 0, IDS, DIM);
	fixture_close(fixture);
	for (uint64_t i = 0; i < 3; i++)
		children[i] = child_of(fixture, i);
	fixture_open(fixture, VS_COSINE);
	for (; rounds < MIN_ROUNDS || vs_clock_mono_ns() < end; rounds++) {
		uint32_t copies = compare(fixture->ns);
		most = copies > most ? copies : most;
		query(fixture->ns, rounds);
	}
	for (unsigned i = 0; i < 3; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	assert_true(most > IDS / 4);
	index_all(fixture);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

/* What is past the last full block, and what is too large for a copy, comes from meta.db in the same answer. */
static void what_has_no_copy_is_asked_of_the_row(void **state)
{
	struct fixture *fixture = *state;
	static char large[4000];
	float vector[DIM];
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	unsigned seen = 0;

	memset(large, ' ', sizeof(large) - 1);
	large[0] = '{';
	large[sizeof(large) - 2] = '}';
	put_many(fixture, 0, 1000, DIM);
	vector_of(1, vector);
	assert_ok(put(fixture, "large", vector, DIM, large, &error), error);
	put_many(fixture, 1000, 1022, DIM);
	assert_ok(put(fixture, "small", vector, DIM, "{\"a\": 1}", &error), error);
	put_many(fixture, 2022, 30, DIM);
	assert_ok(put(fixture, "late", vector, DIM, NULL, &error), error);
	index_all(fixture);
	query.vector = vector;
	query.dimension = DIM;
	query.limit = 3;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct vs_record *record = &results.items[i].record;
		seen |= strcmp(record->id, "large") == 0 && record->metadata_len == strlen(large) ? 1 : 0;
		seen |= strcmp(record->id, "small") == 0 && strcmp(record->metadata, "{\"a\": 1}") == 0 ? 2 : 0;
		seen |= strcmp(record->id, "late") == 0 && strcmp(record->metadata, "{}") == 0 ? 4 : 0;
	}
	assert_int_equal(seen, 7);
	query.with_metadata = false;
	query.offset = 1;
	query.limit = 2;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 2);
	assert_string_equal(results.items[0].record.metadata, "");
}

/* A copy whose row is not live any more is not offered, and one that comes back is. */
static void liveness_is_not_the_copies_business(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	float vector[DIM];

	vector_of(1, vector);
	assert_ok(put(fixture, "it", vector, DIM, "{\"v\": 1}", &error), error);
	put_many(fixture, 0, 3000, DIM);
	index_all(fixture);
	query.vector = vector;
	query.dimension = DIM;
	query.limit = 1;
	for (unsigned i = 0; i < 3; i++) {
		assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
		assert_int_equal(strcmp(results.items[0].record.id, "it") == 0, i != 1);
		drop(fixture, i == 0 ? VS_SOFT_DELETE : VS_RESTORE, "it");
	}
	assert_ok(put(fixture, "it", vector, DIM, "{\"v\": 2}", &error), error);
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_string_equal(results.items[0].record.metadata, "{\"v\": 2}");
	assert_int_equal(results.items[0].record.version, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(copies_are_the_rows, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_has_no_copy_is_asked_of_the_row, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(liveness_is_not_the_copies_business, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The indexer's work, the files it derives, and what check says when they are wrong. */
#include "engine_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIM 16

static void path_of(struct fixture *fixture, const char *name, char path[512])
{
	snprintf(path, 512, "%s/%s", vs_namespace_folder(fixture->ns), name);
}

static void reopen(struct fixture *fixture)
{
	fixture_close(fixture);
	fixture_open(fixture, VS_COSINE);
}

static size_t query_count(struct fixture *fixture, enum vs_path *path)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;

	query.id = "r77";
	query.id_len = 3;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	*path = results.stats.path;
	return results.count;
}

static void all_is_derived_then_nothing_is_left_to_do(void **state)
{
	static const char *const files[] = { "graph.hnsw", "graph.up", "codes.i8", "live.bits", "rows.idx", "rows.dat" };
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;
	struct stat info;
	char path[512];
	bool worked;

	put_many(fixture, 0, 3000, DIM);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.unindexed, 3000);
	index_all(fixture);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.indexed, 3000);
	assert_int_equal(stats.unindexed, 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(fixture, files[i], path);
		assert_int_equal(stat(path, &info), 0);
	}
	path_of(fixture, "meta.db-wal", path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, 0); /* copied back */
	assert_ok(vs_namespace_index(fixture->ns, NULL, &worked, &error), error);
	assert_false(worked);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

/* Where more namespaces have news than can be open, each is opened again and again: that must come to an end. */
static void a_fresh_handle_finds_nothing_left_to_do(void **state)
{
	struct fixture *fixture = *state;
	struct vs_error error;
	bool worked;

	for (uint32_t count = 100; count <= 3000; count += 2900) {
		put_many(fixture, 0, count, DIM);
		index_all(fixture);
		reopen(fixture);
		assert_ok(vs_namespace_index(fixture->ns, NULL, &worked, &error), error);
		assert_false(worked);
	}
	drop(fixture, VS_DELETE, "r7");
	reopen(fixture);
	assert_ok(vs_namespace_index(fixture->ns, NULL, &worked, &error), error);
	assert_true(worked);
}

static void a_small_namespace_needs_no_graph(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;
	struct stat info;
	char path[512];

	put_many(fixture, 0, 300, DIM);
	index_all(fixture);
	path_of(fixture, "graph.hnsw", path);
	assert_int_not_equal(stat(path, &info), 0);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.unindexed, 0);
}

static void there_is_one_indexer(void **state)
{
	struct fixture *fixture = *state;
	struct fixture other = *fixture;
	struct vs_error error;

	put_many(fixture, 0, 10, DIM);
	index_all(fixture);
	fixture_open(&other, VS_COSINE);
	assert_int_equal(vs_namespace_index(other.ns, NULL, NULL, &error), VS_EBUSY);
	vs_namespace_close(fixture->ns);
	fixture->ns = NULL;
	assert_ok(vs_namespace_index(other.ns, NULL, NULL, &error), error);
	fixture_close(&other);
}

static void each_derived_file_can_go(void **state)
{
	static const char *const files[] = { "graph.hnsw", "graph.up", "codes.i8", "live.bits", "rows.idx", "rows.dat" };
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;
	enum vs_path path;
	struct stat info;
	char name[512];

	put_many(fixture, 0, 3000, DIM);
	index_all(fixture);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(fixture, files[i], name);
		assert_int_equal(unlink(name), 0);
		assert_int_equal(query_count(fixture, &path), 10);
		reopen(fixture);
		assert_int_equal(query_count(fixture, &path), 10);
		index_all(fixture);
		assert_int_equal(stat(name, &info), 0);
		assert_int_equal(query_count(fixture, &path), 10);
		assert_int_equal(path, VS_PATH_GRAPH);
		assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
		assert_int_equal(stats.unindexed, 0);
		assert_int_equal(check(fixture).problems, 0);
	}
}

static void a_soft_deleted_record_comes_back_after_linking(void **state)
{
	struct fixture *fixture = *state;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_record record;
	struct vs_error error;
	float vector[DIM];
	enum vs_path path;

	put_many(fixture, 0, 3000, DIM);
	assert_ok(vs_record_get(fixture->ns, "r1500", 5, true, &record, &error), error);
	memcpy(vector, record.vector, sizeof(vector));
	drop(fixture, VS_SOFT_DELETE, "r1500");
	index_all(fixture);
	drop(fixture, VS_RESTORE, "r1500");
	query.vector = vector;
	query.dimension = DIM;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.stats.path, VS_PATH_GRAPH);
	assert_string_equal(results.items[0].record.id, "r1500");
	assert_int_equal(query_count(fixture, &path), 10);
}

static void a_killed_indexer_is_followed_by_another(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_stats stats;
	struct vs_error error;

	put_many(fixture, 0, 6000, DIM);
	for (unsigned round = 0; round < 8; round++) {
		int status;
		fixture_close(fixture);
		pid_t child = fork();
		if (child == 0) {
			struct vs_namespace_options options = { 0, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 };
			if (vs_store_open(fixture->data, 0, &fixture->store, &error) != 0 ||
			    vs_namespace_open(fixture->store, "default", &options, &fixture->ns, &error) != 0)
				_exit(1);
			for (;;)
				(void)vs_namespace_index(fixture->ns, NULL, NULL, NULL);
		}
		usleep(20000 + round * 15000);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		fixture_open(fixture, VS_COSINE);
	}
	index_all(fixture);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.unindexed, 0);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

static void check_finds_a_flipped_bit_in_a_vector(void **state)
{
	struct fixture *fixture = *state;
	struct vs_check_result result;
	char path[512];
	char byte;
	int fd;

	put_many(fixture, 0, 10, DIM);
	path_of(fixture, "vectors.f32", path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, 4096 + 3 * 128 + 5), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, 4096 + 3 * 128 + 5), 1);
	close(fd);
	result = check(fixture);
	assert_int_equal(result.problems, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_derived_then_nothing_is_left_to_do, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_fresh_handle_finds_nothing_left_to_do, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_small_namespace_needs_no_graph, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(there_is_one_indexer, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(each_derived_file_can_go, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_soft_deleted_record_comes_back_after_linking, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_killed_indexer_is_followed_by_another, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(check_finds_a_flipped_bit_in_a_vector, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("upkeep", tests, NULL, NULL);
}

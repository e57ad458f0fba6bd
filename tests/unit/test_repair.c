/* SPDX-License-Identifier: Apache-2.0 */
/* What check finds in files whose checksums are right, vs_namespace_repair, and the bound of the tail. */
#include "engine_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"

#define DIM 16
#define COUNT 3000

static int open_file(struct fixture *fixture, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", vs_namespace_folder(fixture->ns), name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct vs_check_result repair(struct fixture *fixture)
{
	struct vs_repair_options options = VS_REPAIR_OPTIONS;
	struct vs_check_result result;
	struct vs_error error;

	options.report = report_finding;
	options.threads = 2;
	assert_ok(vs_namespace_repair(fixture->ns, &options, &result, &error), error);
	return result;
}

/* wrong: problems that a repair takes away. */
static void assert_mended(struct fixture *fixture, unsigned wrong)
{
	struct vs_check_result result = check(fixture);

	assert_int_equal(result.problems, wrong);
	assert_true(wrong > 0 || result.repairs > 0);
	result = repair(fixture);
	assert_int_equal(result.problems, 0);
	assert_int_equal(result.repairs, 0);
	assert_true(result.mended > 0);
	assert_int_equal(check(fixture).problems, 0);
	assert_int_equal(check(fixture).repairs, 0);
}

static void setup(void **state, struct fixture **fixture)
{
	*fixture = *state;
	put_many(*fixture, 0, COUNT, DIM);
	index_all(*fixture);
	assert_int_equal(check(*fixture).repairs, 0);
}

/* Another code, under a right checksum: what nobody but check would see. */
static void a_wrong_code_of_a_column(void **state)
{
	struct fixture *fixture;
	uint32_t block[4160 / 4];
	int fd;

	setup(state, &fixture);
	fd = open_file(fixture, "columns/c000.codes");
	assert_int_equal(pread(fd, block, sizeof(block), 4096), sizeof(block));
	block[16 + 100] = block[16 + 101];
	block[0] = vs_crc32(block + 1, sizeof(block) - 4);
	assert_int_equal(pwrite(fd, block, sizeof(block), 4096), sizeof(block));
	close(fd);
	assert_mended(fixture, 1);
}

static void a_wrong_bit_of_liveness(void **state)
{
	enum { WORDS = (COUNT + 63) / 64 };
	struct fixture *fixture;
	uint64_t words[WORDS];
	uint32_t crc;
	int fd;

	setup(state, &fixture);
	fd = open_file(fixture, "live.bits");
	assert_int_equal(pread(fd, words, sizeof(words), 64), sizeof(words));
	words[3] ^= 16;
	crc = vs_crc32(words, sizeof(words));
	assert_int_equal(pwrite(fd, words, sizeof(words), 64), sizeof(words));
	assert_int_equal(pwrite(fd, &crc, 4, 64 + sizeof(words)), 4);
	close(fd);
	assert_mended(fixture, 1);
}

/* In bounds, and each like any other: only walks show it. */
static void links_that_lead_anywhere(void **state)
{
	struct fixture *fixture;
	uint32_t list[32];
	uint64_t seed = 3;
	int fd;

	setup(state, &fixture);
	fd = open_file(fixture, "graph.hnsw");
	for (uint32_t slot = 0; slot < COUNT; slot++) {
		for (unsigned i = 0; i < 32; i++) {
			(void)noise(&seed);
			list[i] = 1 + (uint32_t)(seed >> 40) % COUNT;
			list[i] += list[i] == slot + 1 && slot + 1 < COUNT;
			list[i] -= list[i] == slot + 1;
		}
		assert_int_equal(pwrite(fd, list, sizeof(list), 4096 + (off_t)slot * 128), sizeof(list));
	}
	close(fd);
	assert_mended(fixture, 0);
}

/* Headers that say that 500 slots more are linked and coded than there are. */
static void setup_claiming(void **state, struct fixture **fixture)
{
	uint32_t number = COUNT + 500;
	int fd;

	setup(state, fixture);
	fixture_close(*fixture);
	fixture_open(*fixture, VS_COSINE);
	fd = open_file(*fixture, "codes.i8");
	assert_int_equal(pwrite(fd, &number, 4, 64), 4);
	close(fd);
	fd = open_file(*fixture, "graph.hnsw");
	assert_int_equal(pwrite(fd, &number, 4, 72), 4);
	close(fd);
}

static void more_linked_than_there_is(void **state)
{
	struct fixture *fixture;
	struct vs_namespace_stats stats;
	struct vs_error error;

	setup_claiming(state, &fixture);
	assert_mended(fixture, 0);
	put_many(fixture, COUNT, 100, DIM);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.unindexed, 100);
}

static void assert_found(struct fixture *fixture, const char *id)
{
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_error error;
	struct vs_record record;
	float vector[DIM];

	assert_ok(vs_record_get(fixture->ns, id, strlen(id), true, &record, &error), error);
	memcpy(vector, record.vector, sizeof(vector));
	query.vector = vector;
	query.dimension = DIM;
	query.limit = 1;
	assert_ok(vs_namespace_search(fixture->ns, &query, &results, &error), error);
	assert_int_equal(results.count, 1);
	assert_string_equal(results.items[0].record.id, id);
}

/* What is stored in slots that pass for linked: before the indexer has seen to it, while it is to, and after it. */
static void what_a_claim_would_hide_is_found(void **state)
{
	struct vs_namespace *other;
	struct fixture *fixture;
	struct vs_error error;

	setup_claiming(state, &fixture);
	put_many(fixture, COUNT, 100, DIM);
	assert_found(fixture, "r3050");
	assert_found(fixture, "r3050"); /* by a handle that has seen the claim */
	assert_ok(vs_namespace_open(fixture->store, "default", NULL, &other, &error), error);
	while (vs_namespace_index(other, NULL, NULL, &error) == 0 && check(fixture).repairs > 0)
		assert_found(fixture, "r3099");
	assert_found(fixture, "r3050");
	vs_namespace_close(other);
	put_many(fixture, COUNT + 100, 100, DIM);
	assert_found(fixture, "r3150");
	index_all(fixture);
	assert_found(fixture, "r3150");
	assert_int_equal(check(fixture).repairs, 0);
}

static void a_truncated_file(void **state)
{
	static const char *const files[] = { "graph.hnsw", "graph.up", "codes.i8", "live.bits", "columns/manifest" };
	struct fixture *fixture;

	setup(state, &fixture);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd;
		fixture_close(fixture);
		fixture_open(fixture, VS_COSINE);
		fd = open_file(fixture, files[i]);
		assert_int_equal(ftruncate(fd, i < 3 ? 5000 : 40), 0);
		close(fd);
		assert_mended(fixture, 0);
	}
}

static int stop(void *context, uint32_t done, uint32_t slots)
{
	assert_true(done <= slots);
	++*(int *)context;
	return 5;
}

static void it_can_be_stopped(void **state)
{
	struct vs_repair_options options = VS_REPAIR_OPTIONS;
	struct fixture *fixture;
	struct vs_check_result result;
	struct vs_error error;
	int calls = 0;

	setup(state, &fixture);
	options.progress = stop;
	options.context = &calls;
	assert_int_equal(vs_namespace_repair(fixture->ns, &options, &result, &error), 5);
	assert_int_equal(calls, 1);
	assert_int_equal(check(fixture).problems, 0);
}

/* Another process (here: another handle) is the indexer, and works when it is waited for. */
struct other {
	struct fixture indexer;
	int calls;
};

static int index_there(void *context, uint32_t done, uint32_t slots)
{
	struct other *other = context;

	assert_true(done <= slots);
	index_all(&other->indexer);
	return ++other->calls > 10 ? 5 : 0;
}

static void beside_an_indexer(void **state)
{
	static const struct {
		const char *file;
		long at;
	} spoilt[] = { { "graph.hnsw", 4096 + 128 * 7 + 4 }, { "live.bits", 70 }, { "columns/manifest", 70 }, { "rows.idx", 30 } };
	struct vs_repair_options options = VS_REPAIR_OPTIONS;
	struct vs_check_result result;
	struct vs_error error;
	struct fixture *fixture;
	struct other other = { .calls = 0 };

	setup(state, &fixture);
	fixture_close(fixture);
	options.progress = index_there;
	options.context = &other;
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		int fd;
		fixture_open(fixture, VS_COSINE);
		fd = open_file(fixture, spoilt[i].file);
		assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, spoilt[i].at), 4);
		close(fd);
		other.indexer = *fixture;
		fixture_open(&other.indexer, VS_COSINE);
		put_many(&other.indexer, 0, 1, DIM);
		index_all(&other.indexer);
		other.calls = 0;
		assert_ok(vs_namespace_repair(fixture->ns, &options, &result, &error), error);
		assert_int_equal(result.problems, 0);
		assert_int_equal(result.repairs, 0);
		assert_int_equal(check(fixture).repairs, 0);
		fixture_close(&other.indexer);
		fixture_close(fixture);
	}
	fixture_open(fixture, VS_COSINE);
}

/* ---- the tail ------------------------------------------------------------------------------------------- */

static void a_long_tail_holds_writers_back(void **state)
{
	static const float vector[DIM] = { 1.0f };
	struct fixture *fixture = *state;
	struct fixture indexer = *fixture;
	struct vs_tail tail;
	struct vs_error error;

	put_many(fixture, 0, COUNT, DIM);
	assert_ok(vs_namespace_tail(fixture->ns, &tail, &error), error);
	assert_int_equal(tail.slots, COUNT);
	assert_int_equal(tail.most, 0);
	assert_false(tail.indexer);
	vs_store_set_tail(fixture->store, VS_TAIL_AUTO);
	assert_ok(put(fixture, "a", vector, DIM, NULL, &error), error);
	assert_ok(vs_namespace_tail(fixture->ns, &tail, &error), error);
	assert_int_equal(tail.most, (256 << 20) / 128);
	vs_store_set_tail(fixture->store, 2500);
	assert_int_equal(put(fixture, "b", vector, DIM, NULL, &error), VS_ETAIL);
	assert_non_null(strstr(error.text, "no indexer is at work"));
	assert_int_equal(vs_error_http(VS_ETAIL), 503);
	fixture_open(&indexer, VS_COSINE);
	index_all(&indexer);
	assert_ok(put(fixture, "b", vector, DIM, NULL, &error), error);
	put_many(fixture, 0, 2500, DIM);
	assert_int_equal(put(fixture, "c", vector, DIM, NULL, &error), VS_ETAIL);
	assert_null(strstr(error.text, "no indexer is at work"));
	assert_ok(vs_namespace_tail(fixture->ns, &tail, &error), error);
	assert_true(tail.indexer);
	assert_int_equal(drop(fixture, VS_DELETE, "a"), 1); /* makes it no longer */
	fixture_close(&indexer);
}

static void a_small_namespace_has_no_tail(void **state)
{
	struct fixture *fixture = *state;

	vs_store_set_tail(fixture->store, 1);
	put_many(fixture, 0, 1900, DIM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_wrong_code_of_a_column, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_wrong_bit_of_liveness, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(links_that_lead_anywhere, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(more_linked_than_there_is, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_a_claim_would_hide_is_found, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_truncated_file, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(it_can_be_stopped, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(beside_an_indexer, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_long_tail_holds_writers_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_small_namespace_has_no_tail, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("repair", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Shared answers: never a wrong or torn one, whatever happens to the file and to the processes that write it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "service/cache.h"
#include "service/cache_file.h"
#include "service/metrics.h"

#define MIB ((uint64_t)1 << 20)
#define MS UINT64_C(1000000)

struct state {
	char dir[64];
	char path[80];
	struct vs_metrics *metrics;
	struct vs_cache *cache;
};

static int set_up(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	*state = s;
	if (!s)
		return -1;
	strcpy(s->dir, "/tmp/vecstore-cache-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->path, sizeof(s->path), "%s/cache.shm", s->dir);
	return vs_metrics_open(NULL, &s->metrics, NULL) || vs_cache_open(s->dir, MIB, s->metrics, &s->cache, NULL);
}

static int tear_down(void **state)
{
	struct state *s = *state;
	vs_cache_close(s->cache);
	vs_metrics_close(s->metrics);
	unlink(s->path);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

static struct vs_cache *open_other(struct state *s, uint64_t capacity)
{
	struct vs_cache *cache;
	assert_int_equal(vs_cache_open(s->dir, capacity, s->metrics, &cache, NULL), 0);
	return cache;
}

static struct vs_bytes bytes(const char *text)
{
	return (struct vs_bytes){ text, strlen(text) };
}

static void put(struct vs_cache *cache, const char *key, const char *value)
{
	struct vs_bytes part = bytes(value);
	vs_cache_put(cache, bytes(key), &part, 1);
}

static bool has(struct vs_cache *cache, const char *key, const char *value)
{
	struct vs_bytes found;
	if (!vs_cache_find(cache, bytes(key), &found))
		return false;
	assert_int_equal(found.len, strlen(value));
	assert_memory_equal(found.data, value, found.len);
	return true;
}

static struct vs_cache_stats stats_of(struct vs_cache *cache)
{
	struct vs_cache_stats stats;
	vs_cache_stats(cache, &stats);
	return stats;
}

/* ---- what it does --------------------------------------------------------------------------------------- */

static void test_finds_what_was_put(void **state)
{
	struct state *s = *state;
	struct vs_cache *other = open_other(s, MIB);
	assert_false(has(s->cache, "a", ""));
	put(s->cache, "a", "one");
	put(s->cache, "b", "");
	assert_true(has(s->cache, "a", "one"));
	assert_true(has(other, "a", "one"));
	assert_true(has(other, "b", ""));
	assert_false(has(other, "", ""));
	put(other, "a", "two");
	assert_true(has(s->cache, "a", "two"));
	struct vs_bytes parts[3] = { bytes("1"), { NULL, 0 }, bytes("23") };
	vs_cache_put(s->cache, bytes(""), parts, 3);
	assert_true(has(other, "", "123"));
	struct vs_cache_stats stats = stats_of(s->cache);
	assert_int_equal(stats.entries, 3);
	assert_int_equal(stats.size, 3 * VS_CACHE_UNIT);
	assert_int_equal(stats.capacity, MIB);
	assert_int_equal(vs_metrics_get(s->metrics, VS_COUNT_CACHE_EVICTIONS), 0);
	vs_cache_close(other);
	assert_true(has(s->cache, "a", "two"));
}

static void test_entries_have_a_largest_size(void **state)
{
	struct state *s = *state;
	size_t most = VS_CACHE_ENTRY_MAX - 32 - 1;
	char *large = malloc(most + 1);
	struct vs_bytes found;
	assert_non_null(large);
	memset(large, 'x', most + 1);
	struct vs_bytes part = { large, most + 1 };
	vs_cache_put(s->cache, bytes("k"), &part, 1);
	assert_false(vs_cache_find(s->cache, bytes("k"), &found));
	for (int i = 0; i < 20; i++) { /* more than the ring has room for, across its end */
		char key[2] = { (char)('a' + i), '\0' };
		part.len = most;
		vs_cache_put(s->cache, bytes(key), &part, 1);
		assert_true(vs_cache_find(s->cache, bytes(key), &found));
		assert_int_equal(found.len, most);
		assert_memory_equal(found.data, large, most);
	}
	assert_false(vs_cache_find(s->cache, (struct vs_bytes){ large, 2 * VS_CACHE_ENTRY_MAX }, &found)); /* not even looked at */
	assert_true(stats_of(s->cache).entries >= 2);
	free(large);
}

static void test_is_bounded_and_keeps_what_is_used(void **state)
{
	struct state *s = *state;
	enum { COUNT = 5000 };
	char key[16];
	char value[1000];
	struct vs_bytes found;
	struct stat st;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	put(s->cache, "hot", "still here");
	for (int i = 0; i < COUNT; i++) {
		snprintf(key, sizeof(key), "%d", i);
		put(s->cache, key, value);
		assert_true(has(s->cache, key, value));
		if (i % 100 == 0) {
			assert_true(has(s->cache, "hot", "still here"));
			vs_cache_keep(s->cache);
		}
	}
	assert_true(has(s->cache, "hot", "still here"));
	assert_false(vs_cache_find(s->cache, bytes("0"), &found));
	struct vs_cache_stats stats = stats_of(s->cache);
	assert_true(stats.size <= MIB && stats.size > MIB * 9 / 10);
	assert_true(stats.entries > 900 && stats.entries < 1000);
	uint64_t evicted = vs_metrics_get(s->metrics, VS_COUNT_CACHE_EVICTIONS);
	assert_in_range(evicted + stats.entries, COUNT + 1 - 10, COUNT + 1); /* a few shared bucket and tag */
	assert_int_equal(stat(s->path, &st), 0);
	assert_true((uint64_t)st.st_size <= 4096 + MIB / 64 + MIB);
}

static void test_unused_room_costs_nothing(void **state)
{
	struct state *s = *state;
	struct stat st;
	struct vs_cache *large = open_other(s, 4096 * MIB);
	put(large, "a", "one");
	assert_true(has(large, "a", "one"));
	assert_int_equal(stat(s->path, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 < 66 * MIB);
	vs_cache_close(large);
}

/* ---- the file ------------------------------------------------------------------------------------------- */

static void test_does_without_a_folder(void **state)
{
	struct state *s = *state;
	struct vs_cache *cache;
	assert_int_equal(vs_cache_open("/nonexistent/folder", MIB, s->metrics, &cache, NULL), 0);
	put(cache, "a", "one");
	assert_false(has(cache, "a", "one"));
	assert_int_equal(stats_of(cache).capacity, 0);
	vs_cache_close(cache);
	assert_int_equal(vs_cache_open(s->dir, MIB - 1, s->metrics, &cache, NULL), VS_EINVAL);
	assert_null(cache);
}

static void test_what_processes_before_left_is_not_used(void **state)
{
	struct state *s = *state;
	put(s->cache, "a", "one");
	vs_cache_close(s->cache);
	s->cache = open_other(s, MIB);
	assert_false(has(s->cache, "a", "one"));
	put(s->cache, "a", "two");
	assert_true(has(s->cache, "a", "two"));
}

static void test_another_capacity_takes_over(void **state)
{
	struct state *s = *state;
	put(s->cache, "a", "one");
	struct vs_cache *larger = open_other(s, 3 * MIB);
	assert_false(has(larger, "a", "one"));
	put(larger, "a", "two");
	assert_true(has(s->cache, "a", "two")); /* it has noticed, and follows */
	assert_int_equal(stats_of(s->cache).capacity, 3 * MIB);
	assert_true(has(larger, "a", "two"));
	vs_cache_close(larger);
	assert_true(has(s->cache, "a", "two"));
}

static void test_a_removed_file_is_replaced(void **state)
{
	struct state *s = *state;
	struct vs_cache *other = open_other(s, MIB);
	put(s->cache, "a", "one");
	assert_true(has(other, "a", "one"));
	assert_int_equal(unlink(s->path), 0);
	assert_false(has(s->cache, "a", "one"));
	put(s->cache, "a", "two");
	assert_true(has(other, "a", "two"));
	vs_cache_close(other);
}

static void test_a_foreign_file_is_replaced(void **state)
{
	struct state *s = *state;
	for (size_t size = 5; size <= 50000; size *= 10000) {
		FILE *file = fopen(s->path, "w");
		assert_non_null(file);
		for (size_t n = 0; n < size; n++)
			fputc('x', file);
		fclose(file);
		assert_false(has(s->cache, "a", "one"));
		put(s->cache, "a", "one");
		assert_true(has(s->cache, "a", "one"));
	}
	/* The header of a file in use is damaged: who comes next makes another, and the others follow. */
	int fd = open(s->path, O_WRONLY);
	assert_int_equal(pwrite(fd, "garbage", 7, 0), 7);
	close(fd);
	struct vs_cache *other = open_other(s, MIB);
	put(other, "a", "two");
	assert_true(has(other, "a", "two"));
	assert_true(has(s->cache, "a", "two"));
	vs_cache_close(other);
}

static void test_a_truncated_file_is_a_miss(void **state)
{
	struct state *s = *state;
	put(s->cache, "a", "one");
	assert_int_equal(truncate(s->path, 4096 + (off_t)(MIB / 64)), 0); /* the ring is gone */
	assert_false(has(s->cache, "a", "one"));
	put(s->cache, "b", "one");
	assert_true(has(s->cache, "b", "one"));
	assert_int_equal(truncate(s->path, 100), 0);
	assert_false(has(s->cache, "b", "one"));
	put(s->cache, "b", "two");
	assert_true(has(s->cache, "b", "two"));
}

/* Each byte of an entry, its slot and head, changed: the right value or none. */
static void test_damage_is_a_miss(void **state)
{
	struct state *s = *state;
	static const char value[] = "a value of some length, so that it takes more than one unit of the ring";
	size_t missed = 0;
	size_t entry = 0;
	put(s->cache, "before", "something");
	put(s->cache, "key", value);
	int fd = open(s->path, O_RDWR);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 64; at < st.st_size; at++) {
		unsigned char byte;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		if (at >= 72 && byte == 0 && at < 4096 + (off_t)(MIB / 64))
			continue;
		for (unsigned bit = 0; bit < 8; bit++) {
			unsigned char other = (unsigned char)(byte ^ 1u << bit);
			assert_int_equal(pwrite(fd, &other, 1, at), 1);
			missed += !has(s->cache, "key", value);
			assert_true(stats_of(s->cache).size <= MIB || at < 72);
			assert_int_equal(pwrite(fd, &byte, 1, at), 1);
			entry++;
		}
		if (!has(s->cache, "key", value)) /* stats has freed the slot, which looked outdated */
			put(s->cache, "key", value);
		assert_int_equal(fstat(fd, &st), 0);
		if (st.st_size > 4096 + (off_t)(MIB / 64) + 4096)
			break;
	}
	assert_true(missed > 8 * sizeof(value) && missed < entry);
	close(fd);
}

/* ---- many at once --------------------------------------------------------------------------------------- */

/* The only value that a key may have, of some length up to 20 KiB, and different at every byte from those of other keys. */
static struct vs_bytes value_of(uint32_t key, char *memory)
{
	struct vs_hash hash = vs_hash128(&key, sizeof(key), 1);
	size_t len = hash.words[0] % (key % 8 == 0 ? 20000 : 600);
	for (size_t i = 0; i < len; i += sizeof(hash.words[1])) {
		hash.words[1] = hash.words[1] * UINT64_C(6364136223846793005) + 1442695040888963407u;
		memcpy(memory + i, &hash.words[1], sizeof(hash.words[1]));
	}
	return (struct vs_bytes){ memory, len };
}

#define VALUE_MAX 20008

struct tally {
	uint64_t hits;
	uint64_t misses;
	uint64_t wrong;
};

/* Asks as a worker does: what is not there is made and put. */
static void work(struct vs_cache *cache, struct tally *tally, uint64_t *random)
{
	char memory[VALUE_MAX];
	struct vs_bytes found;
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	uint32_t number = (uint32_t)(*random >> 33) % 3000;
	if (number > 1000) /* some are asked for more often */
		number %= 100;
	struct vs_bytes key = { &number, sizeof(number) };
	struct vs_bytes value = value_of(number, memory);
	if (!vs_cache_find(cache, key, &found)) {
		vs_cache_put(cache, key, &value, 1);
		vs_add_relaxed(&tally->misses, 1);
		return;
	}
	if (found.len != value.len || memcmp(found.data, value.data, value.len) != 0)
		vs_add_relaxed(&tally->wrong, 1);
	vs_cache_keep(cache);
	vs_add_relaxed(&tally->hits, 1);
}

struct crew {
	struct state *state;
	struct tally tally;
	uint64_t until;
};

static void *thread_main(void *context)
{
	struct crew *crew = context;
	struct vs_cache *cache = open_other(crew->state, MIB);
	uint64_t random = (uint64_t)(uintptr_t)&cache;
	while (vs_clock_mono_ns() < crew->until)
		work(cache, &crew->tally, &random);
	vs_cache_close(cache);
	return NULL;
}

static void test_threads(void **state)
{
	struct crew crew = { .state = *state, .until = vs_clock_mono_ns() + 700 * MS };
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &crew), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crew.tally.wrong, 0);
	assert_true(crew.tally.hits > 1000 && crew.tally.misses > 1000);
}

static pid_t start_worker(struct state *s, struct tally *tally)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct vs_cache *cache = NULL;
	uint64_t random = (uint64_t)getpid() << 32;
	if (vs_cache_open(s->dir, MIB, s->metrics, &cache, NULL))
		_exit(1);
	for (;;)
		work(cache, tally, &random);
}

/* Workers die, or sleep while the ring comes round, at any instruction; the file disappears now and then. */
static void test_killed_and_sleeping_writers(void **state)
{
	struct state *s = *state;
	enum { WORKERS = 6, ROUNDS = 300 };
	pid_t workers[WORKERS];
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(tally != MAP_FAILED);
	put(s->cache, "a", "one"); /* the file stays in use */
	for (int i = 0; i < WORKERS; i++)
		workers[i] = start_worker(s, tally);
	srand(1);
	for (int i = 0; i < ROUNDS; i++) {
		struct timespec pause = { 0, rand() % 8000000 };
		pid_t *worker = &workers[rand() % WORKERS];
		nanosleep(&pause, NULL);
		if (i % 3 == 0) {
			kill(*worker, SIGSTOP);
			nanosleep(&pause, NULL);
			kill(*worker, SIGCONT);
			continue;
		}
		kill(*worker, SIGKILL);
		assert_int_equal(waitpid(*worker, NULL, 0), *worker);
		if (i % 50 == 0)
			unlink(s->path);
		*worker = start_worker(s, tally);
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
	assert_int_equal(vs_load_relaxed(&tally->wrong), 0);
	assert_true(vs_load_relaxed(&tally->hits) > 1000 && vs_load_relaxed(&tally->misses) > 1000);
	/* Nothing stayed behind: every key can be put and found. */
	for (uint32_t number = 0; number < 3000; number++) {
		char memory[VALUE_MAX];
		struct vs_bytes key = { &number, sizeof(number) };
		struct vs_bytes value = value_of(number, memory);
		struct vs_bytes found;
		vs_cache_put(s->cache, key, &value, 1);
		assert_true(vs_cache_find(s->cache, key, &found));
		assert_int_equal(found.len, value.len);
		assert_memory_equal(found.data, value.data, value.len);
	}
	munmap(tally, sizeof(*tally));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_finds_what_was_put, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_entries_have_a_largest_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_is_bounded_and_keeps_what_is_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unused_room_costs_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_does_without_a_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_processes_before_left_is_not_used, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_capacity_takes_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_removed_file_is_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_foreign_file_is_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_truncated_file_is_a_miss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage_is_a_miss, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed_and_sleeping_writers, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

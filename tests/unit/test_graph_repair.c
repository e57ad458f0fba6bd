/* SPDX-License-Identifier: Apache-2.0 */
/* I3 and I4: a graph survives kills, power losses, missing files and garbage. */
#include "index/graph.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/file.h"
#include "graph_fixture.h"

enum { COUNT = 6000, DIM = 32 };

static void boot(const char *id)
{
	assert_int_equal(setenv("VECSTORE_BOOT_ID", id, 1), 0);
}

static void graph_good(struct fixture *f, const struct vs_graph *graph)
{
	struct vs_graph_summary summary;

	assert_int_equal(vs_graph_linked(graph), f->view.count);
	assert_int_equal(vs_graph_check(graph, &f->view, &f->present, &summary, NULL), 0);
	assert_int_equal(summary.bad_entries, 0);
	assert_int_equal(summary.bad_codes, 0);
	assert_true(summary.unreachable <= f->view.count / 1000);
	assert_true(fixture_recall(f, graph, 200, 100) >= 0.95);
}

/* In a child that is killed after `microseconds` of linking. */
static void link_killed(struct fixture *f, unsigned microseconds)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct vs_graph_options options = VS_GRAPH_OPTIONS;
		struct vs_graph *graph;
		if (vs_graph_open_writer(f->dir, &f->space, 1, &options, &graph, NULL) != 0 ||
		    vs_graph_link(graph, &f->view, f->view.count, &f->present, 2, NULL, NULL, NULL) != 0)
			_exit(1);
		_exit(0);
	}
	usleep(microseconds);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

static void test_kill_and_reopen(void **state)
{
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	boot("one");
	fixture_init(&f, VS_COSINE, DIM, COUNT);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t before;
		link_killed(&f, 20000 + 13000 * i);
		graph = fixture_writer(&f);
		before = vs_graph_linked(graph);
		(void)fixture_recall(&f, graph, 50, 5);
		vs_graph_close(graph);
		graph = fixture_writer(&f);
		assert_int_equal(vs_graph_linked(graph), before);
		vs_graph_close(graph);
	}
	graph = fixture_writer(&f);
	fixture_link(&f, graph, COUNT);
	graph_good(&f, graph);
	vs_graph_close(graph);
	fixture_release(&f);
}

/* Zeroes or replaces bytes of a file. */
static void file_damage(struct fixture *f, const char *name, off_t offset, size_t len, int value)
{
	unsigned char bytes[4096];
	char path[256];
	int fd;

	assert_true(len <= sizeof(bytes));
	memset(bytes, value, len);
	fixture_path(f, name, path);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, offset), len);
	close(fd);
}

/* Damage for certain: a byte that is written might be what was there. */
static void file_flip(struct fixture *f, const char *name, off_t offset)
{
	unsigned char byte;
	char path[256];
	int fd;

	fixture_path(f, name, path);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	close(fd);
	file_damage(f, name, offset, 1, byte ^ 0x5a);
}

static void test_power_loss(void **state)
{
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	boot("one");
	fixture_init(&f, VS_COSINE, DIM, COUNT);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, COUNT / 2);
	assert_int_equal(vs_graph_checkpoint(graph, NULL), 0);
	fixture_link(&f, graph, COUNT);
	vs_graph_close(graph);

	/* What lay past the checkpoint was never written; some sectors before it are lost as well. */
	boot("two");
	file_damage(&f, "graph.hnsw", 4096 + COUNT / 2 * 128 + 512 * 40, 4096, 0);
	file_damage(&f, "graph.hnsw", 4096 + 512 * 20, 512, 0);
	file_damage(&f, "graph.hnsw", 4096 + 512 * 90, 512, 0xff);
	file_damage(&f, "graph.up", 4096 + 512, 512, 0);
	file_damage(&f, "graph.up", 4096 + 2048, 512, 0xee);
	file_damage(&f, "codes.i8", 4096 + 512 * 7, 512, 0);
	file_damage(&f, "codes.i8", 4096 + 512 * 9, 512, 0xff);

	graph = fixture_reader(&f);
	assert_int_equal(vs_graph_linked(graph), COUNT / 2);
	vs_graph_close(graph);
	graph = fixture_writer(&f);
	assert_int_equal(vs_graph_linked(graph), COUNT / 2);
	fixture_link(&f, graph, COUNT);
	graph_good(&f, graph);
	vs_graph_close(graph);

	/* Taken over into this boot: nothing is to do again. */
	graph = fixture_writer(&f);
	assert_int_equal(vs_graph_linked(graph), COUNT);
	vs_graph_close(graph);
	fixture_release(&f);
}

static void test_files_removed(void **state)
{
	static const char *const names[] = { "graph.hnsw", "graph.up", "codes.i8" };
	struct vs_graph *graph;
	struct fixture f;
	char path[256];

	(void)state;
	boot("one");
	fixture_init(&f, VS_EUCLIDEAN, DIM, 2000);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 2000);
	vs_graph_close(graph);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fixture_path(&f, names[i], path);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(vs_graph_open(f.dir, &f.space, 1, &graph, NULL), VS_ENOTFOUND);
		graph = fixture_writer(&f);
		assert_int_equal(vs_graph_linked(graph), 0); /* nothing is promised before it is made again */
		fixture_link(&f, graph, 2000);
		graph_good(&f, graph);
		vs_graph_close(graph);
	}
	fixture_release(&f);
}

static void test_headers_damaged(void **state)
{
	static const char *const names[] = { "graph.hnsw", "graph.up", "codes.i8" };
	struct vs_graph *graph;
	struct fixture f;
	char path[256];

	(void)state;
	boot("one");
	fixture_init(&f, VS_EUCLIDEAN, DIM, 1000);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 1000);
	vs_graph_close(graph);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (off_t offset = 0; offset < 64; offset += 7) {
			file_flip(&f, names[i], offset);
			assert_int_equal(vs_graph_open(f.dir, &f.space, 1, &graph, NULL), VS_ECORRUPT);
			vs_graph_close(fixture_writer(&f));
			vs_graph_close(fixture_reader(&f));
		}
		fixture_path(&f, names[i], path);
		assert_int_equal(truncate(path, 100), 0);
		assert_int_equal(vs_graph_open(f.dir, &f.space, 1, &graph, NULL), VS_ECORRUPT);
		graph = fixture_writer(&f);
		fixture_link(&f, graph, 1000);
		graph_good(&f, graph);
		vs_graph_close(graph);
	}
	fixture_release(&f);
}

/* Whatever lies in the files past the headers: no crash, no hang, and the writer makes a usable graph of it. */
static void test_garbage(void **state)
{
	static const char *const names[] = { "graph.hnsw", "graph.up", "codes.i8" };
	struct vs_graph_summary summary;
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	boot("one");
	fixture_init(&f, VS_COSINE, DIM, 1500);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 1500);
	assert_int_equal(vs_graph_checkpoint(graph, NULL), 0);
	vs_graph_close(graph);
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < 40; i++) {
			const char *name = names[i % 3];
			uint32_t at = (uint32_t)((fixture_uniform(&f) + 0.5f) * 190000.0f);
			int value = (int)((fixture_uniform(&f) + 0.5f) * 255.0f);
			/* Every fourth hits the part of the header that changes. */
			off_t offset = i % 4 == 3 ? 64 + at % 128 : 4096 + at;
			file_damage(&f, name, offset, 1 + at % 8, value);
		}
		graph = fixture_reader(&f);
		assert_int_equal(vs_graph_refresh(graph, NULL), 0);
		(void)fixture_recall(&f, graph, 60, 10);
		assert_int_equal(vs_graph_check(graph, &f.view, &f.present, &summary, NULL), 0);
		vs_graph_close(graph);
		boot(round % 2 == 0 ? "one" : "two");
		if (round % 6 != 5)
			continue;
		graph = fixture_writer(&f);
		fixture_link(&f, graph, 1500);
		assert_int_equal(vs_graph_linked(graph), 1500);
		vs_graph_close(graph);
	}
	fixture_release(&f);
}

/* The files have room for more slots than there are rows: an id of such a slot is bad to check and repair alike. */
static void test_id_past_the_rows(void **state)
{
	struct vs_graph_summary summary;
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	boot("one");
	fixture_init(&f, VS_EUCLIDEAN, DIM, 1000);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 1000);
	assert_int_equal(vs_graph_checkpoint(graph, NULL), 0);
	vs_graph_close(graph);
	file_damage(&f, "graph.hnsw", 4096 + 5 * 128, 1, 0xea); /* the first entry of slot 5 is 1002 */
	file_damage(&f, "graph.hnsw", 4096 + 5 * 128 + 1, 1, 0x03);
	graph = fixture_reader(&f);
	assert_int_equal(vs_graph_check(graph, &f.view, &f.present, &summary, NULL), 0);
	assert_int_equal(summary.bad_entries, 1);
	vs_graph_close(graph);
	assert_int_equal(vs_graph_mend(f.dir, NULL), 0);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 1000);
	graph_good(&f, graph);
	vs_graph_close(graph);
	fixture_release(&f);
}

/* A header that claims slots which there are not: what was checkpointed counts, or nothing. */
static void test_claims_too_much(void **state)
{
	struct vs_graph *graph;
	struct fixture f;

	(void)state;
	boot("one");
	fixture_init(&f, VS_EUCLIDEAN, DIM, 1000);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 700);
	assert_int_equal(vs_graph_checkpoint(graph, NULL), 0);
	fixture_link(&f, graph, 1000);
	vs_graph_rewind(graph, 1000);
	assert_int_equal(vs_graph_linked(graph), 700); /* since it is to be mended */
	fixture_link(&f, graph, 1000);
	graph_good(&f, graph);
	vs_graph_rewind(graph, 900);
	assert_int_equal(vs_graph_linked(graph), 700);
	fixture_link(&f, graph, 1000);
	graph_good(&f, graph);
	vs_graph_rewind(graph, 600);
	assert_int_equal(vs_graph_linked(graph), 0);
	fixture_link(&f, graph, 1000);
	graph_good(&f, graph);
	vs_graph_close(graph);
	fixture_release(&f);
}

/* Files cut off in the middle count only as far as they go. */
static void test_truncated(void **state)
{
	static const char *const names[] = { "graph.hnsw", "graph.up", "codes.i8" };
	struct vs_graph *graph;
	struct fixture f;
	char path[256];

	(void)state;
	boot("one");
	fixture_init(&f, VS_DOT, DIM, 1500);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 1500);
	vs_graph_close(graph);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fixture_path(&f, names[i], path);
		assert_int_equal(truncate(path, 4096 + 64 * 300 + 17), 0);
		graph = fixture_reader(&f);
		(void)fixture_recall(&f, graph, 50, 10);
		vs_graph_close(graph);
		boot("two");
		graph = fixture_writer(&f);
		fixture_link(&f, graph, 1500);
		graph_good(&f, graph);
		assert_int_equal(vs_graph_checkpoint(graph, NULL), 0);
		vs_graph_close(graph);
	}
	fixture_release(&f);
}

/* A writer that has the graph open is asked to mend it, and does: lists of garbage in bounds and out of it, records, codes. */
static void test_mended_on_request(void **state)
{
	struct vs_graph_summary summary;
	struct vs_graph *graph;
	struct vs_graph *reader;
	struct fixture f;

	(void)state;
	boot("one");
	fixture_init(&f, VS_COSINE, DIM, COUNT);
	assert_int_equal(vs_graph_mend(f.dir, NULL), VS_ENOTFOUND);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, COUNT);
	assert_int_equal(vs_graph_checkpoint(graph, NULL), 0);
	file_damage(&f, "graph.hnsw", 4096 + 128 * 10, 400, 0xee);
	file_damage(&f, "graph.hnsw", 4096 + 128 * 100, 400, 0);
	file_damage(&f, "graph.up", 4096 + 80 * 3, 100, 0x01);
	file_damage(&f, "codes.i8", 4096 + 64 * 50, 500, 3);
	reader = fixture_reader(&f);
	assert_int_equal(vs_graph_check(reader, &f.view, &f.present, &summary, NULL), 0);
	assert_true(summary.damaged > 5 && summary.bad_entries > 50 && summary.bad_codes > 5);
	assert_false(summary.mending);
	assert_int_equal(vs_graph_mend(f.dir, NULL), 0);
	assert_int_equal(vs_graph_refresh(graph, NULL), 0);
	assert_true(vs_graph_mending(graph));
	fixture_link(&f, graph, COUNT);
	assert_false(vs_graph_mending(graph));
	graph_good(&f, reader);
	assert_int_equal(vs_graph_check(reader, &f.view, &f.present, &summary, NULL), 0);
	assert_int_equal(summary.damaged, 0);
	assert_true(summary.arrived >= summary.walks * 9 / 10);
	vs_graph_close(reader);
	vs_graph_close(graph);
	fixture_release(&f);
}

/* Files that cannot be opened are removed, those that can be are not. */
static void test_unusable_files_removed(void **state)
{
	struct vs_graph *graph;
	struct fixture f;
	char path[256];

	(void)state;
	boot("one");
	fixture_init(&f, VS_COSINE, DIM, 1500);
	graph = fixture_writer(&f);
	fixture_link(&f, graph, 1500);
	vs_graph_close(graph);
	assert_int_equal(vs_graph_remove(f.dir, &f.space, 1, false, NULL), 0);
	graph = fixture_reader(&f);
	vs_graph_close(graph);
	file_damage(&f, "codes.i8", 3, 1, 0);
	assert_int_equal(vs_graph_remove(f.dir, &f.space, 1, false, NULL), 0);
	fixture_path(&f, "codes.i8", path);
	assert_false(vs_file_exists(path));
	fixture_path(&f, "graph.hnsw", path);
	assert_true(vs_file_exists(path));
	assert_int_equal(vs_graph_remove(f.dir, &f.space, 1, true, NULL), 0);
	assert_false(vs_file_exists(path));
	fixture_path(&f, "graph.up", path);
	assert_false(vs_file_exists(path));
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_and_reopen), cmocka_unit_test(test_power_loss), cmocka_unit_test(test_files_removed),
		cmocka_unit_test(test_headers_damaged), cmocka_unit_test(test_garbage),    cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_id_past_the_rows), cmocka_unit_test(test_claims_too_much),
		cmocka_unit_test(test_mended_on_request), cmocka_unit_test(test_unusable_files_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

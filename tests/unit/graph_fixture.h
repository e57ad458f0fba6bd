/* SPDX-License-Identifier: Apache-2.0 */
/* Clustered vectors in memory, a graph's folder, and recall against the exact scan: for the tests of the graph. */
#ifndef VS_TESTS_GRAPH_FIXTURE_H
#define VS_TESTS_GRAPH_FIXTURE_H

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "index/graph.h"
#include "index/scan.h"

#define TOP 10

struct fixture {
	char dir[128];
	struct vs_space space;
	struct vs_view view;
	struct vs_bitmap present;
	unsigned char *rows;
	uint32_t random;
	enum vs_graph_way way; /* that fixture_recall searches by */
};

static inline float fixture_uniform(struct fixture *f)
{
	f->random = f->random * UINT32_C(1664525) + UINT32_C(1013904223);
	return (float)(f->random >> 8) / (float)(1 << 24) - 0.5f;
}

/* A point near one of 64 centres, so that neighbours mean something. */
static inline void fixture_point(struct fixture *f, float *vector)
{
	struct fixture centre = { .random = 7919 };
	uint32_t which;

	(void)fixture_uniform(f);
	which = f->random >> 16 & 63;
	centre.random += which * UINT32_C(2654435761);
	for (uint32_t i = 0; i < f->space.dim; i++)
		vector[i] = fixture_uniform(&centre) + 0.7f * fixture_uniform(f);
}

static inline void fixture_init(struct fixture *f, enum vs_metric metric, uint32_t dim, uint32_t count)
{
	const char *tmp = getenv("TMPDIR");

	memset(f, 0, sizeof(*f));
	f->random = 12345;
	vs_space_init(&f->space, metric, dim);
	f->view.space = &f->space;
	f->view.stride = (dim * sizeof(float) + 8 + 63) / 64 * 64;
	f->view.count = count;
	f->rows = aligned_alloc(64, f->view.stride * (count + 1));
	assert_non_null(f->rows);
	memset(f->rows, 0, f->view.stride * (count + 1));
	f->view.rows = f->rows;
	assert_int_equal(vs_bitmap_resize(&f->present, count), 0);
	for (uint32_t slot = 0; slot < count; slot++) {
		float *row = (float *)(void *)(f->rows + slot * f->view.stride);
		fixture_point(f, row);
		row[dim] = vs_space_factor(&f->space, row);
		vs_bitmap_set(&f->present, slot);
	}
	snprintf(f->dir, sizeof(f->dir), "%s/vs-graph-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
}

/* Overwrites a vector with a copy of another. */
static inline void fixture_copy(struct fixture *f, uint32_t to, uint32_t from)
{
	memcpy(f->rows + to * f->view.stride, f->rows + from * f->view.stride, f->view.stride);
}

static inline void fixture_path(const struct fixture *f, const char *name, char path[256])
{
	snprintf(path, 256, "%s/%s", f->dir, name);
}

static inline void fixture_release(struct fixture *f)
{
	DIR *dir = opendir(f->dir);
	char path[256];

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		snprintf(path, sizeof(path), "%.127s/%.120s", f->dir, entry->d_name);
		(void)unlink(path);
	}
	closedir(dir);
	rmdir(f->dir);
	vs_bitmap_release(&f->present);
	free(f->rows);
}

static inline struct vs_graph *fixture_writer(struct fixture *f)
{
	struct vs_graph_options options = VS_GRAPH_OPTIONS;
	struct vs_error error = { .text = "" };
	struct vs_graph *graph;
	int code = vs_graph_open_writer(f->dir, &f->space, 1, &options, &graph, &error);

	if (code != 0)
		fail_msg("%s", error.text);
	return graph;
}

static inline struct vs_graph *fixture_reader(struct fixture *f)
{
	struct vs_error error = { .text = "" };
	struct vs_graph *graph;
	int code = vs_graph_open(f->dir, &f->space, 1, &graph, &error);

	if (code != 0)
		fail_msg("%s", error.text);
	return graph;
}

static inline void fixture_link(struct fixture *f, struct vs_graph *graph, uint32_t end)
{
	struct vs_error error = { .text = "" };
	int code = vs_graph_link(graph, &f->view, end, &f->present, 2, NULL, NULL, &error);

	if (code != 0)
		fail_msg("%s", error.text);
}

/* Part of the TOP nearest present slots below linked, by distance, that the graph finds, over `queries` new points. */
static inline double fixture_recall(struct fixture *f, const struct vs_graph *graph, uint32_t ef, uint32_t queries)
{
	uint32_t linked = vs_graph_linked(graph);
	struct vs_graph_stats stats = { 0 };
	struct vs_graph_scratch *scratch;
	struct vs_topk exact;
	struct vs_topk found;
	uint32_t saved = f->random;
	uint32_t good = 0;
	uint32_t all = 0;
	float vector[1024];

	assert_int_equal(vs_topk_init(&exact, TOP), 0);
	assert_int_equal(vs_topk_init(&found, TOP), 0);
	assert_int_equal(vs_graph_scratch_init(&scratch, NULL), 0);
	f->random = 987654321;
	for (uint32_t q = 0; q < queries; q++) {
		struct vs_graph_query query = { vector, 0, ef, linked, &f->present, f->way, 32 };
		fixture_point(f, vector);
		query.factor = vs_space_factor(&f->space, vector);
		vs_topk_reset(&exact);
		vs_topk_reset(&found);
		vs_scan_search(&f->view, vector, query.factor, &f->present, 0, linked, &exact);
		assert_int_equal(vs_graph_search(graph, &f->view, &query, scratch, &found, &stats, NULL), 0);
		all += exact.len;
		for (uint32_t i = 0; i < found.len; i++) {
			assert_true(found.hits[i].slot < linked);
			assert_true(vs_bitmap_test(&f->present, found.hits[i].slot));
			good += found.hits[i].distance <= exact.hits[exact.len - 1].distance;
		}
	}
	f->random = saved;
	vs_topk_release(&exact);
	vs_topk_release(&found);
	vs_graph_scratch_release(scratch);
	return all == 0 ? 1.0 : (double)good / all;
}

#endif

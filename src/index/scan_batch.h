/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/scan_batch: exact search of many queries in one pass over the rows, by several threads if wanted. Each
 * query's answer is bit for bit that of vs_scan_search: what belongs in and its distance are decided by
 * vs_space_distance alone, and ties by the slot, so neither the order nor the company of rows and queries matters.
 */
#ifndef VS_INDEX_SCAN_BATCH_H
#define VS_INDEX_SCAN_BATCH_H

#include "math/bitmap.h"
#include "math/topk.h"
#include "math/view.h"

struct vs_error;

#define VS_SCAN_THREADS_MAX 16

/* Many queries together are compared in a fraction of the time that each would take. */
static inline bool vs_scan_has_tiles(enum vs_metric metric)
{
	return metric == VS_COSINE || metric == VS_DOT || metric == VS_EUCLIDEAN;
}

struct vs_scan_query {
	const float *vector;
	float factor;        /* vs_space_factor of vector */
	struct vs_topk *top; /* not reset before */
};

struct vs_scan {
	const struct vs_view *view;
	const struct vs_bitmap *accept;
	uint32_t from, to;                   /* as vs_scan_search */
	const struct vs_scan_query *queries; /* different tops */
	uint32_t count;
	unsigned threads; /* at most; 1: the caller alone. Fewer run when they cannot be started */
};

/* Offers every slot in [from, to) that is in accept to every top. *scanned: how many slots these were. VS_ENOMEM, and
 * the tops are as they were. */
int vs_scan_batch(const struct vs_scan *scan, uint32_t *scanned, struct vs_error *error);

#endif

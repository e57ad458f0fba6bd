/* SPDX-License-Identifier: Apache-2.0 */
#include "math/metric.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	bool indexed;
} metric_table[] = {
	[VS_COSINE] = { "cosine", true },
	[VS_EUCLIDEAN] = { "euclidean", true },
	[VS_DOT] = { "dot", true },
	[VS_MANHATTAN] = { "manhattan", true },
	[VS_HAMMING] = { "hamming", false },
	[VS_JACCARD] = { "jaccard", false },
	[VS_CHEBYSHEV] = { "chebyshev", false },
	[VS_CANBERRA] = { "canberra", false },
	[VS_BRAYCURTIS] = { "braycurtis", false },
};

#define METRIC_COUNT (sizeof(metric_table) / sizeof(metric_table[0]))

const char *vs_metric_name(enum vs_metric metric)
{
	return (size_t)metric < METRIC_COUNT ? metric_table[metric].name : NULL;
}

bool vs_metric_find(const char *name, enum vs_metric *metric)
{
	for (size_t i = VS_COSINE; i < METRIC_COUNT; i++)
		if (strcmp(metric_table[i].name, name) == 0) {
			*metric = (enum vs_metric)i;
			return true;
		}
	return false;
}

bool vs_metric_indexed(enum vs_metric metric)
{
	return (size_t)metric < METRIC_COUNT && metric_table[metric].indexed;
}

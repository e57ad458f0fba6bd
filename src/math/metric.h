/* SPDX-License-Identifier: Apache-2.0 */
/* math/metric: the distances by name. Public: installed beneath vecstore.h. */
#ifndef VS_MATH_METRIC_H
#define VS_MATH_METRIC_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values are stored in files: never renumber. */
enum vs_metric {
	VS_COSINE = 1,    /* score: cosine similarity, higher is nearer */
	VS_EUCLIDEAN = 2, /* score: distance, as all below but dot */
	VS_DOT = 3,       /* score: dot product, higher is nearer */
	VS_MANHATTAN = 4,
	VS_HAMMING = 5, /* number of coordinates that differ */
	VS_JACCARD = 6, /* 1 - |A and B| / |A or B| over the sets of non-zero coordinates; 0 for two empty sets */
	VS_CHEBYSHEV = 7,
	VS_CANBERRA = 8,
	VS_BRAYCURTIS = 9,
};

const char *vs_metric_name(enum vs_metric metric);             /* "cosine", …; NULL when unknown */
bool vs_metric_find(const char *name, enum vs_metric *metric); /* false when unknown */
bool vs_metric_indexed(enum vs_metric metric);                 /* has a graph; else exact scan only */

#ifdef __cplusplus
}
#endif
#endif

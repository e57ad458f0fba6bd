/* SPDX-License-Identifier: Apache-2.0 */
/* index/scan: exact search, row after row. The answer every other path is measured against. */
#ifndef VS_INDEX_SCAN_H
#define VS_INDEX_SCAN_H

#include "math/bitmap.h"
#include "math/topk.h"
#include "math/view.h"

/* Offers every slot in [from, to) that is in accept to *top. to <= view->count. Returns how many distances were
 * computed. query_factor: vs_space_factor of the query. */
uint32_t vs_scan_search(const struct vs_view *view, const float *query, float query_factor,
                        const struct vs_bitmap *accept, uint32_t from, uint32_t to, struct vs_topk *top);

#endif

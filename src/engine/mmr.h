/* SPDX-License-Identifier: Apache-2.0 */
/* engine/mmr: results that are near, and unlike each other: maximal marginal relevance. Private to the room. */
#ifndef VS_ENGINE_MMR_H
#define VS_ENGINE_MMR_H

#include "engine/search_impl.h"

/* How many of the nearest are chosen from. */
uint32_t vs_mmr_candidates(const struct vs_query *query);

/* Of the first *count hits of top, those that query->diversity prefers come to the front, in the order in which they are
 * chosen; *count becomes how many, at most limit + offset. The same hits give the same choice. VS_ENOMEM. */
int vs_mmr_select(struct search *search, uint32_t *count, struct vs_error *error);

#endif

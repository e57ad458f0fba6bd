/* SPDX-License-Identifier: Apache-2.0 */
/* engine/plan: how candidates of a query are found. Private to the room. */
#ifndef VS_ENGINE_PLAN_H
#define VS_ENGINE_PLAN_H

#include "engine/search_impl.h"

/* After accept: search->plan, and stats->unlinked. */
void vs_search_plan(struct search *search);

#endif

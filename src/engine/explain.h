/* SPDX-License-Identifier: Apache-2.0 */
/* engine/explain: what a search notes of itself when somebody wants to know. Private to the room. */
#ifndef VS_ENGINE_EXPLAIN_H
#define VS_ENGINE_EXPLAIN_H

#include "engine/search_impl.h"

/* Ends a phase; what it took is added to it. Does nothing unless search->explanation is set. */
void vs_explanation_lap(struct search *search, enum vs_phase phase);
void vs_explanation_planned(struct vs_explanation *explanation, const struct search *search);
void vs_explanation_walked(struct vs_explanation *explanation, const struct vs_graph_stats *stats);
void vs_explanation_hydrated(struct vs_explanation *explanation, bool copied);

#endif

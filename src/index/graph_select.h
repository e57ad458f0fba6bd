/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_select: which links a node keeps, and changing its list while others read it. Private to this room. */
#ifndef VS_INDEX_GRAPH_SELECT_H
#define VS_INDEX_GRAPH_SELECT_H

#include "index/graph_impl.h"

#define VS_LOCK_STRIPES 16384

/* Guards changes of lists, striped by id. Held for one list at a time; waits only for another thread's list. */
struct vs_node_locks {
	unsigned char stripes[VS_LOCK_STRIPES];
};

struct vs_candidates {
	const uint64_t *items; /* as in a pool: sorted, of `salt` */
	uint32_t count;
	uint32_t salt;
	uint32_t level;
	uint32_t self; /* id of the node itself, which is left out */
	float twin;    /* distance of the node to itself: what is no farther is a copy of it */
};

/* Chooses up to max ids, nearest first, leaving out those that lie clearly nearer to a chosen one than to the node
 * (Malkov and Yashunin, algorithm 4, relaxed as in Vamana). Copies of the node take at most half of the places while there are others. pair: a walk
 * whose query it sets. Returns how many. */
uint32_t vs_graph_select(struct vs_walk *pair, const struct vs_candidates *candidates, uint32_t max, uint32_t *chosen);

/* Makes chosen the list of id; entries that it has already stay as far as there is room. */
void vs_graph_list_set(struct vs_walk *walk, struct vs_node_locks *locks, uint32_t level, uint32_t id,
                       const uint32_t *chosen, uint32_t count);
/* Adds `other` to the list of id, choosing anew when it is full. walk and pair: their queries are set. */
void vs_graph_list_add(struct vs_walk *walk, struct vs_walk *pair, struct vs_node_locks *locks, uint32_t level,
                       uint32_t id, uint32_t other);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/compact: a new generation without dead slots, made beside the live one. Private to compact*.c.
 *
 * The old generation is read in short transactions, so that no writer and no checkpoint waits. `touched` holds the old
 * slots that may have changed since they were looked at: by the change log, or all of them. Looking at a slot brings the new
 * generation to what the old one says now, whatever it said before; so it does no harm to look twice, or to see in one
 * transaction more than the log told in another.
 *
 * Nothing in the new folder counts before CURRENT names it: a compaction that ends early leaves a folder to remove (I7).
 */
#ifndef VS_ENGINE_COMPACT_H
#define VS_ENGINE_COMPACT_H

#include "engine/namespace.h"

#define VS_COMPACT_NONE UINT32_MAX

struct vs_compaction {
	struct vs_namespace *ns;    /* whose generation is the old one */
	struct vs_namespace *fresh; /* on the new one, whose indexer it is; NULL before it is made */
	const struct vs_compact_options *options;
	char name[VS_GENERATION_NAME]; /* of the new one */
	char dir[VS_GENERATION_PATH];
	struct vs_meta_state state; /* of the new one */
	uint32_t *slots;            /* the new slot of each old one, or NONE */
	uint32_t known;             /* how many */
	struct vs_bitmap touched;   /* old slots to look at */
	uint64_t seq;               /* older changes are in, or touched */
	uint64_t carried;           /* older ones are in the new change log, but for those that were trimmed */
	struct vs_bitmap present;   /* new slots with a record */
	uint32_t *batch;            /* old slots whose vectors go to the next new slots */
	size_t batch_count;
};

/* Takes compact.lock, which the caller closes, and removes generations that CURRENT does not name: whoever makes one holds it.
 * VS_EBUSY while another does; what the options' progress says to stop with. */
int vs_compact_lock(const struct vs_namespace *ns, const struct vs_compact_options *options, struct vs_file *lock,
                    struct vs_error *error);
/* Removes one that nobody can find any more, as far as that goes. */
void vs_compact_discard(const char *dir);
/* After CURRENT was moved: removes the generation that ns has open still, and opens the new one. */
int vs_compact_settle(struct vs_namespace *ns, struct vs_error *error);
/* As the indexer will: columns, copies of rows, graph, liveness, WAL. */
int vs_compact_link(struct vs_namespace *fresh, const struct vs_index_options *options, struct vs_error *error);

/* Makes the new generation, empty. `old` is the state of an open transaction. */
int vs_compact_make(struct vs_compaction *compaction, const struct vs_meta_state *old, struct vs_error *error);
void vs_compact_release(struct vs_compaction *compaction);

/* Brings over all records, in the order of the old slots that is given (NULL: by number). */
int vs_compact_copy(struct vs_compaction *compaction, const uint32_t *order, uint32_t count, struct vs_error *error);
/* Brings over what has changed since; *changes tells how much that was. */
int vs_compact_follow(struct vs_compaction *compaction, uint64_t *changes, struct vs_error *error);
/* The same under the old generation's writer lock, if it is at most `most`; else *done becomes false. */
int vs_compact_follow_last(struct vs_compaction *compaction, const struct vs_meta_state *old, uint64_t most, bool *done,
                           struct vs_error *error);

/* 0, or what the callback says to stop with. */
int vs_compact_progress(const struct vs_compaction *compaction, enum vs_compact_phase phase, uint64_t done,
                        uint64_t total);

#endif

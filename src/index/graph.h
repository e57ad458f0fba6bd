/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph: a hierarchical navigable small world graph (Malkov and Yashunin, 2016) in mapped files, walked on
 * int8 codes where the metric has them, re-scored with the float32 rows. Derived: all of it can be deleted at any time.
 *
 * Files in the generation's folder (byte tables in graph_file.h and doc/file-format.md):
 *   graph.hnsw  header, then level-0 lists: 2 * M entries of uint32 at slot * stride
 *   graph.up    header, then records of upper levels: slot, level, the record one level down, M entries (of records)
 *   codes.i8    header, then int8 code rows at slot * stride
 *   graph.lock  locked (flock) by the one process that may link
 * An entry is 1 + a slot (or record); 0 is empty, so freshly allocated blocks are empty lists. A slot's highest
 * level comes from a hash of the slot, so it need not be stored and a rebuilt graph has the same levels.
 *
 * I3: a node's code and own lists are complete before a link to it is published (release store); entries are
 * aligned atomics and bounds-checked on every read, and a record's level is compared. Any mix of old and new sectors is
 * a searchable graph.
 * I4: the header holds the checkpoint (slots below it were linked and synced) and the boot id. The same boot id means
 * that the page cache survived: go on from `linked`. Another boot id: go on from the checkpoint, and link again
 * every slot below it whose list is empty or invalid.
 *
 * One writer (graph.lock), any number of readers without locks. Lock order: graph.lock, then node locks (private
 * memory of the writer, striped by slot).
 */
#ifndef VS_INDEX_GRAPH_H
#define VS_INDEX_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/bitmap.h"
#include "math/topk.h"
#include "math/view.h"

struct vs_error;
struct vs_graph;
struct vs_graph_scratch;

#define VS_GRAPH_M 16
#define VS_GRAPH_EF_CONSTRUCTION 200

struct vs_graph_options {
	uint32_t m;               /* links per node and upper level; level 0 has twice as many */
	uint32_t ef_construction; /* candidates kept while linking */
};
#define VS_GRAPH_OPTIONS { VS_GRAPH_M, VS_GRAPH_EF_CONSTRUCTION }

struct vs_graph_stats { /* of one search; added to */
	uint32_t visited;   /* nodes whose lists were read */
	uint32_t distances; /* code distances and re-scored rows */
	uint32_t offered;   /* accepted of the pool, at most vs_graph_enough */
	uint32_t rescored;  /* rows among the distances that replaced those of codes */
	uint32_t levels;    /* above the lowest, descended through */
	uint32_t gave_up;   /* walks over accepted nodes that did not fill their pool */
};

/* For reading. VS_ENOTFOUND when there is no graph, VS_ECORRUPT when a header does not agree with space and
 * generation (the caller then searches exactly until the indexer has made a new one). */
int vs_graph_open(const char *dir, const struct vs_space *space, uint32_t generation, struct vs_graph **graph,
                  struct vs_error *error);
/* For linking: takes graph.lock (VS_EBUSY when another process holds it), makes missing or unusable files anew, and
 * repairs as I4 says when the boot id differs. */
int vs_graph_open_writer(const char *dir, const struct vs_space *space, uint32_t generation,
                         const struct vs_graph_options *options, struct vs_graph **graph, struct vs_error *error);
void vs_graph_close(struct vs_graph *graph); /* NULL allowed; a writer's graph.lock is released */

/* Slots below it are in the graph (or were dead when it passed them). Acquire: call before a search, and search the rest
 * exactly. */
uint32_t vs_graph_linked(const struct vs_graph *graph);

/* A number that another graph, made in this one's place, does not have. */
uint64_t vs_graph_identity(const struct vs_graph *graph);

/* The writer has linked more than is mapped: refresh before a search. Needs no call to the system. */
bool vs_graph_grew(const struct vs_graph *graph);

/* Maps what the writer has added since. VS_ESTALE when another file took the place of one of the graph's files, or
 * one of them is gone: close and open again. Cheap (an fstat each) when nothing changed. */
int vs_graph_refresh(struct vs_graph *graph, struct vs_error *error);

/* Links every slot in [linked, end) that is in present, with `threads` threads, and raises linked as it goes.
 * view->count >= end. progress (NULL allowed) is called now and then from the calling thread with the new `linked`;
 * non-zero stops early, cleanly, and is returned. Files grow by posix_fallocate first: VS_ENOSPC leaves the graph
 * as it was. */
int vs_graph_link(struct vs_graph *graph, const struct vs_view *view, uint32_t end, const struct vs_bitmap *present,
                  unsigned threads, int (*progress)(void *context, uint32_t linked), void *context,
                  struct vs_error *error);

/* Syncs the files and moves the checkpoint up to linked. */
int vs_graph_checkpoint(struct vs_graph *graph, struct vs_error *error);

/* How a query finds slots. */
enum vs_graph_way {
	VS_GRAPH_WALK,     /* through all nodes; the accepted of the pool are offered */
	VS_GRAPH_ACCEPTED, /* over accepted nodes, looking through others: the pool holds accepted ones alone; should it not
	                    * fill, they are all compared */
	VS_GRAPH_SCAN,     /* compares the codes of all accepted */
};

struct vs_graph_query {
	const float *vector;
	float factor;                   /* vs_space_factor of vector */
	uint32_t ef;                    /* size of the pool, >= wanted results */
	uint32_t below;                 /* only slots below it are offered: the linked mark read before */
	const struct vs_bitmap *accept; /* only slots in it are offered; all are walked through */
	enum vs_graph_way way;
	uint32_t rescore; /* so many of the pool are compared by their float32 rows; 0: the distances of their codes count */
};

/* Accepted of the pool that make its answer believable, and that are enough to compare by rows for so many results. */
static inline uint32_t vs_graph_enough(uint32_t wanted)
{
	return wanted < 16 ? 32 : 2 * wanted;
}

/* Walks the graph with a pool of ef and offers the accepted of the pool to *top (not reset before). */
int vs_graph_search(const struct vs_graph *graph, const struct vs_view *view, const struct vs_graph_query *query,
                    struct vs_graph_scratch *scratch, struct vs_topk *top, struct vs_graph_stats *stats,
                    struct vs_error *error);

/* Memory of one searching thread, grown as needed. */
int vs_graph_scratch_init(struct vs_graph_scratch **scratch, struct vs_error *error);
void vs_graph_scratch_release(struct vs_graph_scratch *scratch); /* NULL allowed */

struct vs_graph_summary {
	uint32_t linked;
	uint32_t checkpoint;
	uint32_t nodes;       /* slots with a list */
	uint32_t reachable;   /* of present slots below linked, from the entry point over level 0 */
	uint32_t unreachable; /* the others */
	uint32_t damaged;     /* present slots whose list is empty or invalid, or that miss a level */
	uint32_t bad_entries; /* of lists and records: out of range, or of the wrong level */
	uint32_t bad_codes;   /* code rows that differ from what their vector encodes to */
	uint32_t walks;       /* of a sample of present slots, each to its own vector */
	uint32_t arrived;     /* of these, such that found it, or one as near */
	uint32_t claimed;     /* what the header says is linked; `linked` is at most present->len */
	bool mending;         /* its writer has yet to repair it (I4) */
	uint64_t bytes;       /* of all the files */
};
/* Looks at every list and code; present: slots that have a record, of those there are. For `vecstore check`. */
int vs_graph_check(const struct vs_graph *graph, const struct vs_view *view, const struct vs_bitmap *present,
                   struct vs_graph_summary *summary, struct vs_error *error);

/* All slots below count, in the order of a breadth-first walk over level 0: stored so, the codes and lists of a node's
 * neighbours mostly lie on the same few pages. slots has room for count. */
int vs_graph_order(const struct vs_graph *graph, uint32_t count, uint32_t *slots, struct vs_error *error);

/* ---- mending ---- */

/* Asks the writer of the graph in dir, the running one or the next, to repair it as after a power loss (I4): codes from their
 * vectors, records, and every list that is empty, invalid or out of reach. Readers go on, those that open it from now on
 * with what is below the checkpoint. Nothing waits: vs_graph_mending tells. VS_ENOTFOUND when there is no graph. */
int vs_graph_mend(const char *dir, struct vs_error *error);
/* The writer has yet to repair it. */
bool vs_graph_mending(const struct vs_graph *graph);
/* For the writer, when the header says that more is linked than the `slots` there are: winds it back to its checkpoint, or to
 * nothing when that is beyond them, too; the writer shall repair it. */
void vs_graph_rewind(struct vs_graph *graph, uint32_t slots);
/* Removes those of the graph's files that vs_graph_open cannot use; with all, lists and records in any case. A writer that has
 * them open makes them anew. */
int vs_graph_remove(const char *dir, const struct vs_space *space, uint32_t generation, bool all,
                    struct vs_error *error);

/* ---- copies ---- */

/* Copies the graph in `from`, which its writer may be changing, to the folder `to`: its files then belong to `generation`, hold
 * what was linked up to the checkpoint before, and ask to be mended (I4). Every slot that the copy names was committed when this
 * returns. VS_ENOTFOUND when there is no graph; on failure nothing of it is left. progress: see base/copy.h. */
int vs_graph_copy(const char *from, const char *to, uint32_t generation,
                  int (*progress)(void *context, uint64_t bytes), void *context, struct vs_error *error);

/* Bytes of the files on disk. */
uint64_t vs_graph_bytes(const struct vs_graph *graph);

#endif

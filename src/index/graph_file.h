/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_file: the bytes of graph.hnsw, graph.up and codes.i8. Private to this room.
 *
 * All three are little-endian and start with a page that begins with the same 64 bytes, which never change:
 *   OFFSET  SIZE  MEANING
 *   0       16    magic: "vecstore graph", "vecstore upper" or "vecstore codes", zero-padded
 *   16      4     format version, 1
 *   20      4     byte-order mark, 0x01020304
 *   24      4     dimension
 *   28      4     metric (math/metric.h)
 *   32      4     generation
 *   36      4     M (0 in codes.i8)
 *   40      4     ef_construction (0 in codes.i8)
 *   44      4     stride: bytes of a list, record or code row
 *   48      8     pair: a number that graph.hnsw and the graph.up made with it share (0 in codes.i8)
 *   56      4     0
 *   60      4     CRC-32 of bytes 0 to 59
 *
 * graph.hnsw goes on with what changes (atomics, written by the one writer):
 *   64      8     entry point: its level << 32 | 1 + (slot at level 0, record above); 0: empty graph
 *   72      4     linked: slots below it are in the graph
 *   76      4     records in use in graph.up
 *   128     8     entry point at the checkpoint
 *   136     4     checkpoint: slots below it were linked and synced
 *   140     4     records in use at the checkpoint
 *   144     40    boot id under which it was written last, zero-padded text
 *   4096    …     level-0 lists: 2 * M entries of uint32 at 4096 + slot * stride; an entry is 1 + slot, 0 ends the list
 *
 * graph.up:
 *   4096    …     records at 4096 + record * stride:
 *                   0   4      slot
 *                   4   4      level, 1 and up (0: never used)
 *                   8   4      1 + the record of the slot one level down; 0 at level 1
 *                   12  4      0
 *                   16  M * 4  entries: 1 + record, 0 ends the list
 *
 * codes.i8:
 *   64      4     coded: slots below it have their code
 *   4096    …     code rows (math/int8.h) at 4096 + slot * stride
 */
#ifndef VS_INDEX_GRAPH_FILE_H
#define VS_INDEX_GRAPH_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

struct vs_error;

#define VS_GRAPH_HEADER 4096
#define VS_GRAPH_VERSION 1
#define VS_GRAPH_BYTE_ORDER 0x01020304u
#define VS_GRAPH_BOOT 40

struct vs_graph_head {
	char magic[16];
	uint32_t version;
	uint32_t byte_order;
	uint32_t dim;
	uint32_t metric;
	uint32_t generation;
	uint32_t m;
	uint32_t ef_construction;
	uint32_t stride;
	uint64_t pair;
	uint32_t zero;
	uint32_t crc;
};
_Static_assert(sizeof(struct vs_graph_head) == 64, "header layout");
_Static_assert(offsetof(struct vs_graph_head, stride) == 44, "header layout");
_Static_assert(offsetof(struct vs_graph_head, pair) == 48, "header layout");
_Static_assert(offsetof(struct vs_graph_head, crc) == 60, "header layout");

/* What follows the head in graph.hnsw. Hot for readers, then the checkpoint on a cache line of its own. */
struct vs_graph_state {
	uint64_t entry;
	uint32_t linked;
	uint32_t records;
	uint64_t zero[6];
	uint64_t checkpoint_entry;
	uint32_t checkpoint;
	uint32_t checkpoint_records;
	char boot[VS_GRAPH_BOOT];
};
_Static_assert(sizeof(struct vs_graph_head) + offsetof(struct vs_graph_state, linked) == 72, "state layout");
_Static_assert(sizeof(struct vs_graph_head) + offsetof(struct vs_graph_state, checkpoint_entry) == 128, "state layout");
_Static_assert(sizeof(struct vs_graph_head) + offsetof(struct vs_graph_state, checkpoint) == 136, "state layout");
_Static_assert(sizeof(struct vs_graph_head) + offsetof(struct vs_graph_state, boot) == 144, "state layout");
_Static_assert(sizeof(struct vs_graph_head) + sizeof(struct vs_graph_state) <= VS_GRAPH_HEADER, "state layout");

struct vs_graph_record {
	uint32_t slot;
	uint32_t level;
	uint32_t down;
	uint32_t zero;
	uint32_t entries[];
};
_Static_assert(sizeof(struct vs_graph_record) == 16, "record layout");

struct vs_graph_file {
	struct vs_file file;
	unsigned char *map; /* NULL until mapped; then the file as long as it was at that time */
	size_t len;
};
#define VS_GRAPH_FILE_INIT { VS_FILE_INIT, NULL, 0 }

/* Fills what graph.hnsw (or graph.up, codes.i8) must start with. */
void vs_graph_head_seal(struct vs_graph_head *head, const char *magic);

/* Opens dir/name, compares its header with *head (magic, dim, metric, generation) and maps it; stride and, where
 * head has 0, M, ef_construction and pair are then copied to *head. VS_ENOTFOUND, VS_ECORRUPT, VS_EFORMAT. */
int vs_graph_file_open(struct vs_graph_file *file, const char *dir, const char *name, bool write,
                       struct vs_graph_head *head, struct vs_error *error);
/* Puts an empty file with *head (sealed) and `state` bytes after it at dir/name, in place of any other. */
int vs_graph_file_create(const char *dir, const char *name, const struct vs_graph_head *head, const void *state,
                         size_t state_len, struct vs_error *error);
void vs_graph_file_close(struct vs_graph_file *file);

/* Rows of `stride` bytes that are mapped. */
uint32_t vs_graph_file_rows(const struct vs_graph_file *file, size_t stride);
/* Maps what the file has grown to. VS_ESTALE when no folder names it any more. */
int vs_graph_file_refresh(struct vs_graph_file *file, bool write, struct vs_error *error);
/* Room for `rows` rows, in chunks; the map may move. On failure the old map stays. */
int vs_graph_file_grow(struct vs_graph_file *file, uint32_t rows, size_t stride, struct vs_error *error);

/* This boot of this machine, zero-padded: VECSTORE_BOOT_ID when set (for tests), else the kernel's. */
void vs_graph_boot_id(char boot[VS_GRAPH_BOOT]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/rows: copies of the rows of meta.db by slot, rows.idx and rows.dat of one generation, so that the k best of a query
 * are looked up by a load and a copy each and not by a walk down SQLite's tree. Derived: both can be deleted at any time.
 *
 * While a slot is live, its row says the same: only deleted_at changes in place. So a copy is right in every snapshot
 * in which its slot is live (I2), and knows nothing of whether it is. A copy is believed only if its checksum holds and
 * it names the slot, so it is either what the row says or refused, whatever crash or damage left of the files (as I3);
 * then, and past the last full block of 1,024 slots, and for rows over VS_ROW_BYTES_MAX, meta.db is asked.
 *
 * rows.idx:
 *   OFFSET  SIZE  MEANING
 *   0       16    magic "vecstore places", NUL
 *   16      4     format version, 1
 *   20      4     byte-order mark, 0x01020304
 *   24      4     generation
 *   28      4     zero
 *   32      8     pair: a random number that both files share
 *   40      20    zeros
 *   60      4     CRC-32 of bytes 0 to 59
 *   64      4     filled: slots below it were copied
 *   72      8     end of the last row in rows.dat
 *   128     4     checkpoint: what of them was synced
 *   136     8     end of the last row at the checkpoint
 *   144     40    boot id under which it was written last, zero-padded text
 *   4096    …     per slot 8 bytes: where its row begins in rows.dat; 0: ask meta.db
 *
 * rows.dat: the first 64 bytes as in rows.idx, with magic "vecstore rows"; from 4096 on rows, each at a multiple of 8:
 *   0       4     CRC-32 of what follows, up to the last NUL
 *   4       4     slot
 *   8       8     version
 *   16      8     created_at
 *   24      8     updated_at
 *   32      8     expires_at, 0: never
 *   40      4     bytes of the id
 *   44      4     bytes of the metadata
 *   48      …     id, NUL, metadata, NUL
 *
 * One writer (under indexer.lock), any number of readers without locks.
 */
#ifndef VS_STORE_ROWS_H
#define VS_STORE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "math/topk.h"
#include "store/meta.h"

struct vs_arena;
struct vs_error;

#define VS_ROWS_BLOCK 1024    /* slots that are copied together */
#define VS_ROW_BYTES_MAX 1024 /* of a copy; what is larger is asked of meta.db */

/* ---- reading -------------------------------------------------------------------------------------------- */

struct vs_rows;

/* Never fails but for VS_ENOMEM: without files there are no copies. */
int vs_rows_open(const char *dir, uint32_t generation, struct vs_rows **rows, struct vs_error *error);
void vs_rows_close(struct vs_rows *rows); /* NULL allowed */
/* Maps what was copied since, if slots below next_slot could be there by now that are not mapped; looks for new files at most
 * once in a second. now_ns: of the monotonic clock. */
void vs_rows_refresh(struct vs_rows *rows, uint32_t next_slot, uint64_t now_ns);
/* Asks the processor, and the disk where it must, for the rows of these hits, which are looked up next. */
void vs_rows_prefetch(struct vs_rows *rows, const struct vs_hit *hits, uint32_t count);
/* The row of a slot that is live in the snapshot in hand; strings lie in the arena. False: ask meta.db. */
bool vs_rows_find(const struct vs_rows *rows, uint32_t slot, struct vs_arena *arena, struct vs_meta_row *row);
/* Slots that have a place in what is mapped, but no row there that could be believed. */
uint32_t vs_rows_damaged(const struct vs_rows *rows);

/* ---- writing -------------------------------------------------------------------------------------------- */

struct vs_rows_writer;

/* The caller holds indexer.lock. Goes on where another left off (after another boot: at its checkpoint). Verifies all that was
 * copied; files that are damaged, foreign, missing, or of a later time than next_slot (somebody put back an older meta.db)
 * are begun anew. */
int vs_rows_writer_open(const char *dir, uint32_t generation, uint32_t next_slot, struct vs_rows_writer **writer,
                        struct vs_error *error);
void vs_rows_writer_close(struct vs_rows_writer *writer); /* NULL allowed */
/* One of its files is gone: close and open again. */
bool vs_rows_writer_stale(const struct vs_rows_writer *writer);
/* Inside a transaction: copies the whole blocks below next_slot, at most `blocks` of them; returns how many, or an error,
 * after which the writer must be closed. */
int vs_rows_writer_fill(struct vs_rows_writer *writer, struct vs_meta *meta, uint32_t next_slot, unsigned blocks,
                        struct vs_error *error);
/* Syncs and moves the checkpoint: what was copied survives a power loss. *worked is set when there was something to sync. */
int vs_rows_writer_checkpoint(struct vs_rows_writer *writer, bool *worked, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/meta: meta.db of one generation: ids, metadata, versions, changes. Truth.
 *
 * The commit here is the moment a record exists (I1: its vector's bytes were synced before). The write transaction is
 * the namespace's writer lock: BEGIN IMMEDIATE, waiting up to the busy limit, freed by the kernel when its
 * process dies (I7). WAL, synchronous=FULL, wal_autocheckpoint=0, no checkpoint on close: only the indexer
 * checkpoints (vs_meta_checkpoint), because a checkpoint beside a commit is unsafe in SQLite 3.40.
 *
 * One handle serves one thread at a time and must not cross a fork. Rows that are handed out point into SQLite's
 * memory and are valid until the next call on the same handle.
 */
#ifndef VS_STORE_META_H
#define VS_STORE_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/metric.h"
#include "math/quantization.h"
#include "store/tokenizer.h"

struct vs_meta;
struct vs_error;

#define VS_ID_MAX 512 /* bytes */

/* A restore begins another age: its versions are greater than any from before, whatever id they were of. */
#define VS_META_AGE (INT64_C(1) << 32) /* as long as that */

struct vs_meta_state {
	uint32_t generation;
	uint32_t dimension; /* 0 until fixed */
	enum vs_metric metric;
	enum vs_quantization quantization;
	uint32_t next_slot; /* slots below are committed */
	uint64_t seq;       /* newest change */
	uint64_t trimmed;   /* changes up to this one are gone from the log */
	uint64_t active;    /* records not soft-deleted */
	uint64_t deleted;   /* soft-deleted records */
	int64_t expiry;     /* no record expires before, milliseconds since 1970; 0: none expires */
	int64_t past_version; /* the greatest version of a record that is gone; age at least */
	int64_t age;        /* versions of records are greater; it stays as long as the generation */
	enum vs_tokenizer tokenizer;
	uint64_t texts;     /* records that have a text, soft-deleted ones too; counted by vs_meta_put and vs_meta_remove */
};

struct vs_meta_row {
	uint32_t slot;
	const char *id; /* not NUL-terminated for callers: use id_len */
	size_t id_len;
	int64_t version;
	int64_t created_at;
	int64_t updated_at;
	int64_t deleted_at; /* 0: live */
	const char *metadata;
	size_t metadata_len;
	int64_t expires_at; /* 0: never */
	const char *text;   /* for vs_meta_put: NULL: none. Rows that are lent do not have it: vs_text_find gets it */
	size_t text_len;
};

/* Values are stored: never renumber. */
enum vs_change_op { VS_CHANGE_UPSERT = 1, VS_CHANGE_DELETE = 2, VS_CHANGE_SOFT_DELETE = 3, VS_CHANGE_RESTORE = 4 };

struct vs_change {
	uint64_t seq;
	enum vs_change_op op;
	uint32_t slot;    /* VS_CHANGE_NO_SLOT: none any more, a compaction left it behind */
	int64_t old_slot; /* -1: none */
	const char *id;   /* of a deletion: whose; NULL when appended: of the slot's row. Else NULL */
	size_t id_len;
};
#define VS_CHANGE_NO_SLOT UINT32_MAX

/* What stays as it is in a generation, but for a dimension of 0. */
struct vs_meta_options {
	uint32_t generation;
	uint32_t dimension; /* 0: the first record fixes it */
	enum vs_metric metric;
	enum vs_quantization quantization;
	enum vs_tokenizer tokenizer;
	int64_t age;
};

/* Makes dir/meta.db with its state row. VS_ECONFLICT when it exists. Durable when it returns. */
int vs_meta_create(const char *dir, const struct vs_meta_options *options, struct vs_error *error);

/* busy_ms: how long a writer waits for another (VS_EBUSY after). VS_EFORMAT for a newer user_version, VS_ECORRUPT
 * when it is no meta.db, VS_ENOTFOUND when missing. */
int vs_meta_open(const char *dir, int busy_ms, struct vs_meta **meta, struct vs_error *error);
/* A copy that vs_meta_freeze has made, for reading alone; whoever made it. */
int vs_meta_open_frozen(const char *dir, struct vs_meta **meta, struct vs_error *error);
void vs_meta_close(struct vs_meta *meta); /* rolls back what is open; NULL allowed */

/* A read transaction: everything until vs_meta_end is one snapshot, and *state is that snapshot's. */
int vs_meta_begin(struct vs_meta *meta, struct vs_meta_state *state, struct vs_error *error);
void vs_meta_end(struct vs_meta *meta);

/* The write transaction. Between them the caller changes *state and hands it to commit, which stores it (with an expiry
 * that is not past that of any row put); a failed commit has rolled back. Commit is durable (fsync of the WAL) when it returns 0. */
int vs_meta_begin_write(struct vs_meta *meta, struct vs_meta_state *state, struct vs_error *error);
int vs_meta_commit(struct vs_meta *meta, const struct vs_meta_state *state, struct vs_error *error);
void vs_meta_rollback(struct vs_meta *meta);

/* A sync failed on this handle: the system may have dropped what was to be written, and the next sync would not say so.
 * Nothing more may be written by it: close it, and open another. */
bool vs_meta_sync_failed(const struct vs_meta *meta);

/* Inside either transaction. VS_ENOTFOUND when there is none (soft-deleted rows are found: see deleted_at). */
int vs_meta_find(struct vs_meta *meta, const char *id, size_t id_len, struct vs_meta_row *row, struct vs_error *error);
int vs_meta_get(struct vs_meta *meta, uint32_t slot, struct vs_meta_row *row, struct vs_error *error);

/* Rows with from <= slot < to in slot order. each returns non-zero to stop; that value is returned. */
int vs_meta_scan(struct vs_meta *meta, uint32_t from, uint32_t to,
                 int (*each)(void *context, const struct vs_meta_row *row), void *context, struct vs_error *error);
/* Ids after `after` (all when NULL) and their slots, in order of id's bytes; read from the index alone, about 0.15 µs each.
 * As vs_meta_scan; each may call vs_meta_get. */
int vs_meta_walk(struct vs_meta *meta, const char *after, size_t after_len,
                 int (*each)(void *context, const char *id, size_t id_len, uint32_t slot), void *context,
                 struct vs_error *error);
/* Slots of rows with expires_at <= now, soonest first; read from an index alone. As vs_meta_scan. */
int vs_meta_expired(struct vs_meta *meta, int64_t now,
                    int (*each)(void *context, uint32_t slot, int64_t expires_at), void *context, struct vs_error *error);
/* The soonest expires_at > now; 0 when there is none. */
int vs_meta_next_expiry(struct vs_meta *meta, int64_t now, int64_t *next, struct vs_error *error);
/* Changes with seq > after, in order. VS_ESTALE when the log was trimmed past `after`. As vs_meta_scan. */
int vs_meta_changes(struct vs_meta *meta, uint64_t after, int (*each)(void *context, const struct vs_change *change),
                    void *context, struct vs_error *error);

/* A change as those see it who know ids, not slots. */
struct vs_feed_row {
	uint64_t seq;
	enum vs_change_op op;
	const struct vs_meta_row *row; /* the slot's; NULL: a deletion, or superseded: a later change tells what became of it */
	const char *id;                /* of a deletion: whose; else NULL */
	size_t id_len;
};
/* As vs_meta_changes. */
int vs_meta_feed(struct vs_meta *meta, uint64_t after, int (*each)(void *context, const struct vs_feed_row *row),
                 void *context, struct vs_error *error);

/* Inside the write transaction. put inserts, or replaces the row of the same id (whatever its slot) and its text;
 * VS_ECONFLICT when another id has the slot (I2). remove and set_deleted: VS_ENOTFOUND when the slot has no row. */
int vs_meta_put(struct vs_meta *meta, const struct vs_meta_row *row, struct vs_error *error);
int vs_meta_remove(struct vs_meta *meta, uint32_t slot, struct vs_error *error);
int vs_meta_set_deleted(struct vs_meta *meta, uint32_t slot, int64_t deleted_at /* 0: restore */,
                        struct vs_error *error);
/* A deletion without an id is appended before its row is removed: the change keeps the row's (VS_ECONFLICT when there is
 * none). */
int vs_meta_append_change(struct vs_meta *meta, const struct vs_change *change, struct vs_error *error);
/* Drops changes with seq <= upto, at most `limit` of them, and sets state->trimmed. */
int vs_meta_trim(struct vs_meta *meta, struct vs_meta_state *state, uint64_t upto, unsigned limit,
                 struct vs_error *error);

/* Inside a transaction, while others go on: dir/meta.db becomes a copy of what it sees, durable when it returns. freeze: one
 * that never changes. thaw: one to write to, with the numbers of *as for generation, seq, trimmed, past_version and age, and an empty
 * change log (so as->trimmed is as->seq). VS_ECONFLICT when there is a meta.db. progress (NULL allowed) as for struct vs_sql_watch. */
int vs_meta_freeze(struct vs_meta *meta, const char *dir, int (*progress)(void *context, uint64_t done, uint64_t total),
                   void *context, struct vs_error *error);
int vs_meta_thaw(struct vs_meta *meta, const char *dir, const struct vs_meta_state *as,
                 int (*progress)(void *context, uint64_t done, uint64_t total), void *context, struct vs_error *error);
/* Copies the WAL back and empties it (TRUNCATE: takes the write lock, waits for readers up to the busy limit; a
 * reader that stays longer is VS_EBUSY, harmless). Only the process that holds the graph lock may call it. */
int vs_meta_checkpoint(struct vs_meta *meta, struct vs_error *error);
/* Inside a transaction: bytes of the pages that hold something, those of its own changes among them. */
int vs_meta_used(struct vs_meta *meta, uint64_t *bytes, struct vs_error *error);
/* Bytes of the WAL, once something was read: 0 when all that is committed was copied back. */
uint64_t vs_meta_wal_bytes(struct vs_meta *meta);
/* Bytes of meta.db and its WAL. */
uint64_t vs_meta_bytes(struct vs_meta *meta);
/* PRAGMA quick_check and the counts against the state row; each problem is reported, 0 when it could look. */
int vs_meta_check(struct vs_meta *meta, void (*report)(void *context, const char *problem), void *context,
                  struct vs_error *error);

/* Makes every running and later call on this handle fail with VS_EBUSY once the monotonic clock passes deadline_ns;
 * 0: none. */
void vs_meta_set_deadline(struct vs_meta *meta, uint64_t deadline_ns);

#endif

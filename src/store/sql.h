/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/sql: SQLite with the settings of this house. Private to the room.
 *
 * Every connection: no mutex (one thread at a time), private cache, WAL, synchronous=FULL, no automatic checkpoint and
 * none on close; -wal and -shm stay. Statements are prepared once per handle. Only bound parameters carry data.
 */
#ifndef VS_STORE_SQL_H
#define VS_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

struct vs_error;

#define VS_SQL_PATH 256

/* The schemas in sql/, made into C by the build. */
extern const char vs_catalog_sql[];
extern const char vs_meta_sql[];

/* What a database file must be. */
struct vs_sql_kind {
	const char *name;   /* as messages call it: "meta.db" */
	const char *schema; /* sets application_id and user_version, too */
	int application_id;
	int version; /* newest user_version this code reads */
};

/* Must not move in memory while open: SQLite holds its address. */
struct vs_sql {
	sqlite3 *db; /* NULL: closed */
	char path[VS_SQL_PATH];
	int busy_ms;            /* how long a lock is waited for */
	uint64_t busy_since_ns; /* when the wait now running began */
	uint64_t deadline_ns;   /* monotonic; 0: none */
	bool checkpointing;
	bool sync_failed; /* what was written may be lost, whatever a later sync says */
};

/* Joins dir and name; VS_EINVAL when that is too long for path[VS_SQL_PATH]. */
int vs_sql_path(char *path, const char *dir, const char *name, struct vs_error *error);

/* Makes the database at path, whole and durable, or not at all: builds it under the name "<path>.new" and renames it.
 * fill adds the first rows (NULL: none) inside the creating transaction. VS_ECONFLICT when path exists. The caller sees
 * to it that nobody else makes the same path at the same time. */
int vs_sql_create(const char *path, const struct vs_sql_kind *kind,
                  int (*fill)(struct vs_sql *sql, const void *context, struct vs_error *error), const void *context,
                  struct vs_error *error);

/* Who looks on while long work is done: progress hears now and then how much of it is; what it returns but 0 ends it, and is
 * returned. progress NULL: nobody. */
struct vs_sql_watch {
	int (*progress)(void *context, uint64_t done, uint64_t total);
	void *context;
};

/* Makes the database at path of what `from`, which has a transaction open, sees in it: whole and durable, or not at all, as
 * vs_sql_create. frozen: not in WAL mode, for vs_sql_open_frozen. fill may change it, in a transaction. */
int vs_sql_copy(struct vs_sql *from, const char *path, bool frozen,
                int (*fill)(struct vs_sql *sql, const void *context, struct vs_error *error), const void *context,
                const struct vs_sql_watch *watch, struct vs_error *error);

/* Opens an existing database and checks that it is of this kind; what can be seen in it then is durable, too. VS_ENOTFOUND,
 * VS_EREADONLY, VS_ECORRUPT (no such file of ours), VS_EFORMAT (newer). On failure *sql is closed. */
int vs_sql_open(struct vs_sql *sql, const char *path, const struct vs_sql_kind *kind, int busy_ms,
                struct vs_error *error);
/* Opens a database that never changes, for reading, and makes nothing beside it: a frozen copy, of whatever origin. Errors as
 * above. */
int vs_sql_open_frozen(struct vs_sql *sql, const char *path, const struct vs_sql_kind *kind, struct vs_error *error);
/* All statements must be finalized before. Accepts a closed one. */
void vs_sql_close(struct vs_sql *sql);

/* Prepares count statements. VS_ECORRUPT when the tables are not as the schema says. On failure all are finalized. */
int vs_sql_prepare(struct vs_sql *sql, const char *const *texts, size_t count, sqlite3_stmt **statements,
                   struct vs_error *error);
void vs_sql_finalize(sqlite3_stmt **statements, size_t count);

/* 1: a row is there; 0: done, and the statement was reset; negative: failed, and it was reset. */
int vs_sql_step(struct vs_sql *sql, sqlite3_stmt *statement, struct vs_error *error);
/* Runs a statement that gives no rows to its end. */
int vs_sql_run(struct vs_sql *sql, sqlite3_stmt *statement, struct vs_error *error);
/* Runs SQL text of one or more statements. */
int vs_sql_exec(struct vs_sql *sql, const char *text, struct vs_error *error);
/* Binds text that stays valid until the statement was reset. */
int vs_sql_bind_text(struct vs_sql *sql, sqlite3_stmt *statement, int index, const char *text, size_t len,
                     struct vs_error *error);
/* Ends a transaction by a prepared COMMIT or ROLLBACK that no deadline may stop half-way. */
int vs_sql_finish(struct vs_sql *sql, sqlite3_stmt *statement, struct vs_error *error);

/* WAL back into the database, and emptied. Never while a commit runs: see the comment in sql.c. */
int vs_sql_checkpoint(struct vs_sql *sql, struct vs_error *error);
/* PRAGMA quick_check; each problem is reported, 0 when it could look. */
int vs_sql_check(struct vs_sql *sql, void (*report)(void *context, const char *problem), void *context,
                 struct vs_error *error);
/* Bytes of the WAL. */
uint64_t vs_sql_wal_bytes(struct vs_sql *sql);
/* Bytes of the database and its WAL. */
uint64_t vs_sql_bytes(struct vs_sql *sql);
void vs_sql_set_deadline(struct vs_sql *sql, uint64_t deadline_ns);
/* It has passed. */
bool vs_sql_is_late(const struct vs_sql *sql);

/* From a failed call's SQLite code to ours. */
int vs_sql_error(struct vs_sql *sql, int code, struct vs_error *error);

#endif

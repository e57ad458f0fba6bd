/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/file.h"
#include "store/vfs_fault.h"

/* ---- errors --------------------------------------------------------------------------------------------- */

/* SQLite reports a failed system call only as "I/O error" or "unable to open": what to do about it is in errno, which
 * it keeps per file, and per connection for those that did not open. 0 when it kept none. */
static int errno_of(sqlite3 *db, int code)
{
	static const int which[] = { SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER };
	int errnum = 0;

	for (size_t i = 0; i < 2 && (code & 0xff) == SQLITE_IOERR && errnum == 0; i++) {
		sqlite3_file *file = NULL;

		/* A journal in memory has no such method. */
		if (sqlite3_file_control(db, "main", which[i], &file) == SQLITE_OK && file != NULL && file->pMethods != NULL &&
		    file->pMethods->xFileControl != NULL)
			file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &errnum);
	}
	return errnum != 0 ? errnum : sqlite3_system_errno(db);
}

static int code_from_errno(int errnum, int code)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return VS_ENOSPC;
	case EACCES:
	case EPERM:
	case EROFS:
		return VS_EREADONLY;
	case ENOMEM:
		return VS_ENOMEM;
	case ENOENT:
	case ENOTDIR:
		return (code & 0xff) == SQLITE_CANTOPEN ? VS_ENOTFOUND : VS_EIO;
	case EISDIR:
		return VS_ECORRUPT;
	default:
		return VS_EIO;
	}
}

static int code_from_sqlite(sqlite3 *db, int code)
{
	if (code == SQLITE_IOERR_NOMEM)
		return VS_ENOMEM;
	if (code == SQLITE_IOERR_CORRUPTFS)
		return VS_ECORRUPT;
	if (code == SQLITE_IOERR_SHMSIZE) /* the -shm could not grow; its errno is lost */
		return VS_ENOSPC;
	if (code == SQLITE_READONLY_DBMOVED)
		return VS_ESTALE;
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_INTERRUPT:
		return VS_EBUSY;
	case SQLITE_FULL:
		return VS_ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return VS_EREADONLY;
	/* The statements are all fixed and were tried: what SQLite says against one of them lies in the file. */
	case SQLITE_ERROR:
	case SQLITE_SCHEMA:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return VS_ECORRUPT;
	case SQLITE_NOMEM:
		return VS_ENOMEM;
	case SQLITE_CONSTRAINT:
		return VS_ECONFLICT;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return code_from_errno(errno_of(db, code), code);
	default:
		return VS_EINTERNAL;
	}
}

int vs_sql_error(struct vs_sql *sql, int code, struct vs_error *error)
{
	const char *path = sql->path;
	/* Without a handle: sqlite3_open_v2 found no memory for one. */
	int ours = sql->db != NULL ? code_from_sqlite(sql->db, code) : VS_ENOMEM;

	if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
		sql->sync_failed = true;
	switch (ours) {
	case VS_EBUSY:
		if ((code & 0xff) == SQLITE_INTERRUPT)
			return vs_error_set(error, VS_EBUSY, "%s: the time limit has passed", path);
		return vs_error_set(error, VS_EBUSY, "%s is in use by another process; try again", path);
	case VS_ENOSPC:
		return vs_error_set(error, VS_ENOSPC, "%s: no space left on the disk", path);
	case VS_EREADONLY:
		return vs_error_set(error, VS_EREADONLY,
		                    "%s cannot be written: check the permissions of it and its folder, "
		                    "and that the disk is not mounted read-only",
		                    path);
	case VS_ENOTFOUND:
		return vs_error_set(error, VS_ENOTFOUND, "%s does not exist", path);
	case VS_ECORRUPT:
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: %s", path, sqlite3_errmsg(sql->db));
	case VS_ENOMEM:
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", path);
	case VS_ESTALE:
		return vs_error_set(error, VS_ESTALE, "%s was moved or deleted while it was open", path);
	case VS_EIO:
		return vs_error_set(error, VS_EIO, "%s: %s (%s)", path, sqlite3_errmsg(sql->db),
		                    strerror(errno_of(sql->db, code)));
	default:
		return vs_error_set(error, ours, "%s: %s", path, sqlite3_errmsg(sql->db));
	}
}

/* ---- waiting -------------------------------------------------------------------------------------------- */

bool vs_sql_is_late(const struct vs_sql *sql)
{
	return sql->deadline_ns != 0 && vs_clock_mono_ns() >= sql->deadline_ns;
}

/* Called by SQLite while another process holds the lock that is wanted. Short naps, because sqlite3_busy_timeout's
 * reach 100 ms, and a lock that a dead process left should be taken over at once. */
static int on_busy(void *context, int times)
{
	static const int naps_ms[] = { 1, 1, 2, 5, 5, 10 };
	const int last = (int)(sizeof(naps_ms) / sizeof(naps_ms[0])) - 1;
	struct vs_sql *sql = context;
	uint64_t now = vs_clock_mono_ns();

	if (times == 0)
		sql->busy_since_ns = now;
	if (now - sql->busy_since_ns >= (uint64_t)sql->busy_ms * 1000000 || vs_sql_is_late(sql)) {
		/* A checkpoint that does not get the write lock would go on as a passive one, beside a commit: exactly
		 * what is unsafe in SQLite 3.40. Interrupted, it copies nothing. */
		if (sql->checkpointing)
			sqlite3_interrupt(sql->db);
		return 0;
	}
	nanosleep(&(struct timespec){ 0, naps_ms[times < last ? times : last] * 1000000L }, NULL);
	return 1;
}

static int on_progress(void *context)
{
	const struct vs_sql *sql = context;

	return vs_sql_is_late(sql);
}

void vs_sql_set_deadline(struct vs_sql *sql, uint64_t deadline_ns)
{
	sql->deadline_ns = deadline_ns;
	sqlite3_progress_handler(sql->db, deadline_ns != 0 ? 1000 : 0, deadline_ns != 0 ? on_progress : NULL, sql);
}

/* ---- statements ----------------------------------------------------------------------------------------- */

int vs_sql_prepare(struct vs_sql *sql, const char *const *texts, size_t count, sqlite3_stmt **statements,
                   struct vs_error *error)
{
	memset(statements, 0, count * sizeof(*statements));
	for (size_t i = 0; i < count; i++) {
		int rc = sqlite3_prepare_v3(sql->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL);
		if (rc == SQLITE_OK)
			continue;
		if (rc == SQLITE_ERROR)
			rc = vs_error_set(error, VS_ECORRUPT, "%s does not have the tables it must have: %s", sql->path,
			                  sqlite3_errmsg(sql->db));
		else
			rc = vs_sql_error(sql, rc, error);
		vs_sql_finalize(statements, count);
		return rc;
	}
	return 0;
}

void vs_sql_finalize(sqlite3_stmt **statements, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sqlite3_finalize(statements[i]);
		statements[i] = NULL;
	}
}

int vs_sql_step(struct vs_sql *sql, sqlite3_stmt *statement, struct vs_error *error)
{
	int rc;

	/* The progress handler is asked only every thousand steps, which a short statement never reaches. */
	if (vs_sql_is_late(sql)) {
		sqlite3_reset(statement);
		return vs_error_set(error, VS_EBUSY, "%s: the time limit has passed", sql->path);
	}
	rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		return 1;
	rc = rc == SQLITE_DONE ? 0 : vs_sql_error(sql, rc, error);
	sqlite3_reset(statement);
	return rc;
}

int vs_sql_run(struct vs_sql *sql, sqlite3_stmt *statement, struct vs_error *error)
{
	int rc;

	do
		rc = vs_sql_step(sql, statement, error);
	while (rc > 0);
	return rc;
}

int vs_sql_finish(struct vs_sql *sql, sqlite3_stmt *statement, struct vs_error *error)
{
	uint64_t deadline_ns = sql->deadline_ns;
	int rc;

	sql->deadline_ns = 0;
	rc = vs_sql_run(sql, statement, error);
	sql->deadline_ns = deadline_ns;
	return rc;
}

int vs_sql_exec(struct vs_sql *sql, const char *text, struct vs_error *error)
{
	int rc = sqlite3_exec(sql->db, text, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : vs_sql_error(sql, rc, error);
}

int vs_sql_bind_text(struct vs_sql *sql, sqlite3_stmt *statement, int index, const char *text, size_t len,
                     struct vs_error *error)
{
	int rc = sqlite3_bind_text64(statement, index, text, len, SQLITE_STATIC, SQLITE_UTF8);

	if (rc == SQLITE_TOOBIG)
		return vs_error_set(error, VS_ETOOBIG, "%zu bytes of text are more than a record can hold", len);
	return rc == SQLITE_OK ? 0 : vs_sql_error(sql, rc, error);
}

/* ---- upkeep --------------------------------------------------------------------------------------------- */

int vs_sql_checkpoint(struct vs_sql *sql, struct vs_error *error)
{
	int rc;

	sql->checkpointing = true;
	rc = sqlite3_wal_checkpoint_v2(sql->db, "main",
	                               VS_PLANTED("passive-checkpoint") ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE,
	                               NULL, NULL);
	sql->checkpointing = false;
	if (rc == SQLITE_INTERRUPT)
		return vs_error_set(error, VS_EBUSY, "%s is in use by others, so its log was not copied back; try again",
		                    sql->path);
	return rc == SQLITE_OK ? 0 : vs_sql_error(sql, rc, error);
}

/* Through SQLite's own descriptors: another one, when closed, would drop its locks. */
static uint64_t file_bytes(struct vs_sql *sql, int which)
{
	sqlite3_file *file = NULL;
	sqlite3_int64 size = 0;

	if (sqlite3_file_control(sql->db, "main", which, &file) == SQLITE_OK && file != NULL && file->pMethods != NULL &&
	    file->pMethods->xFileSize(file, &size) == SQLITE_OK && size > 0)
		return (uint64_t)size;
	return 0;
}

uint64_t vs_sql_wal_bytes(struct vs_sql *sql)
{
	return file_bytes(sql, SQLITE_FCNTL_JOURNAL_POINTER);
}

uint64_t vs_sql_bytes(struct vs_sql *sql)
{
	return file_bytes(sql, SQLITE_FCNTL_FILE_POINTER) + vs_sql_wal_bytes(sql);
}

static bool has_ending(const char *text, const char *ending)
{
	size_t len = strlen(text);

	return len >= strlen(ending) && strcmp(text + len - strlen(ending), ending) == 0;
}

/* A row of the check is a problem, or a heading of SQLite's and a problem in each line. */
static void report_lines(const char *text, void (*report)(void *context, const char *problem), void *context)
{
	char line[256];

	for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)(len < sizeof(line) ? len : sizeof(line)), text);
		if (len > 0 && strncmp(line, "*** in database", 15) != 0)
			report(context, line);
	}
}

int vs_sql_check(struct vs_sql *sql, void (*report)(void *context, const char *problem), void *context,
                 struct vs_error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(sql->db, "PRAGMA quick_check(100)", -1, &statement, NULL);

	if (rc != SQLITE_OK)
		return vs_sql_error(sql, rc, error);
	while ((rc = vs_sql_step(sql, statement, error)) == 1) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);
		if (text == NULL || strcmp(text, "ok") == 0)
			continue;
		/* What SQLite 3.40 makes of a page that found no memory (SQLITE_NOMEM). */
		if (strstr(text, "error code=7\n") != NULL || has_ending(text, "error code=7")) {
			rc = vs_error_set(error, VS_ENOMEM, "%s: out of memory", sql->path);
			break;
		}
		report_lines(text, report, context);
	}
	sqlite3_finalize(statement);
	return rc;
}

/* ---- open and create ------------------------------------------------------------------------------------ */

int vs_sql_path(char *path, const char *dir, const char *name, struct vs_error *error)
{
	int len = snprintf(path, VS_SQL_PATH, "%s/%s", dir, name);

	/* Room for ".new" and SQLite's own suffixes. */
	if (len < 0 || len >= VS_SQL_PATH - 16)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	return 0;
}

/* Against what a hostile or damaged file could make SQLite do; far above what the code asks for. */
static void set_limits(sqlite3 *db)
{
	static const struct {
		int what, most;
	} limits[] = {
		{ SQLITE_LIMIT_LENGTH, 8 << 20 },     { SQLITE_LIMIT_SQL_LENGTH, 64 << 10 },
		{ SQLITE_LIMIT_COLUMN, 64 },          { SQLITE_LIMIT_EXPR_DEPTH, 32 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 8 },  { SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 64 }, { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 16 },    { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 64 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 },
	};
	static const struct {
		int what, value;
	} switches[] = {
		{ SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 }, { SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },   { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },      { SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		sqlite3_limit(db, limits[i].what, limits[i].most);
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		sqlite3_db_config(db, switches[i].what, switches[i].value, (int *)NULL);
}

static int connect_to(struct vs_sql *sql, const char *path, bool write, int busy_ms, struct vs_error *error)
{
	const int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
	                  SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
	int rc;

	*sql = (struct vs_sql){ .busy_ms = busy_ms };
	/* Debian's SQLite reads a name that starts with "file:" as a URI. */
	rc = snprintf(sql->path, sizeof(sql->path), "%s%s", strncmp(path, "file:", 5) == 0 ? "./" : "", path);
	if (rc < 0 || (size_t)rc >= sizeof(sql->path))
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	rc = sqlite3_open_v2(sql->path, &sql->db, flags, VS_VFS);
	if (rc != SQLITE_OK)
		return vs_sql_error(sql, rc, error);
	sqlite3_busy_handler(sql->db, on_busy, sql);
	set_limits(sql->db);
	if (write && sqlite3_db_readonly(sql->db, "main") == 1)
		return vs_sql_error(sql, SQLITE_READONLY, error);
	return 0;
}

static int read_number(struct vs_sql *sql, const char *text, int64_t *value, struct vs_error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(sql->db, text, -1, &statement, NULL);

	if (rc != SQLITE_OK)
		return vs_sql_error(sql, rc, error);
	*value = 0;
	rc = vs_sql_step(sql, statement, error);
	if (rc == 1)
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return rc < 0 ? rc : 0;
}

static int check_kind(struct vs_sql *sql, const struct vs_sql_kind *kind, struct vs_error *error)
{
	int64_t application_id, version;
	int rc = read_number(sql, "PRAGMA application_id", &application_id, error);

	if (rc == 0)
		rc = read_number(sql, "PRAGMA user_version", &version, error);
	if (rc < 0)
		return rc;
	if (application_id != kind->application_id)
		return vs_error_set(error, VS_ECORRUPT, "%s is not a %s of vecstore", sql->path, kind->name);
	if (version > kind->version)
		return vs_error_set(error, VS_EFORMAT, "%s was made by a newer vecstore (format %lld; this one reads up to %d)",
		                    sql->path, (long long)version, kind->version);
	if (version < 1)
		return vs_error_set(error, VS_ECORRUPT, "%s has no format number", sql->path);
	return 0;
}

/* The mode is stored in the file since its creation; a copy that somebody's tool has made may have lost it. */
static int ensure_wal(struct vs_sql *sql, struct vs_error *error)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(sql->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
	bool wal = false;

	if (rc != SQLITE_OK)
		return vs_sql_error(sql, rc, error);
	rc = vs_sql_step(sql, statement, error);
	if (rc == 1)
		wal = strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
	sqlite3_finalize(statement);
	if (rc < 0)
		return rc;
	return wal ? 0
	           : vs_error_set(error, VS_EREADONLY, "%s: write-ahead logging does not work on this file system",
	                          sql->path);
}

/* A writer that was killed between writing its commit and syncing it leaves a commit that nobody sees until all are gone.
 * Then recovery finds it, but a power loss may still take it back. It is made durable before anybody builds on it. An
 * empty log holds no such commit. */
static int sync_recovered(struct vs_sql *sql, struct vs_error *error)
{
	sqlite3_file *wal = NULL;
	sqlite3_int64 size = 0;
	int rc = sqlite3_file_control(sql->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);

	if (rc != SQLITE_OK || wal == NULL || wal->pMethods == NULL || VS_PLANTED("recovered-without-sync"))
		return rc == SQLITE_OK ? 0 : vs_sql_error(sql, rc, error);
	rc = wal->pMethods->xFileSize(wal, &size);
	if (rc == SQLITE_OK && size > 0)
		rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	return rc == SQLITE_OK ? 0 : vs_sql_error(sql, rc, error);
}

int vs_sql_open(struct vs_sql *sql, const char *path, const struct vs_sql_kind *kind, int busy_ms,
                struct vs_error *error)
{
	int persist = 1;
	int rc = connect_to(sql, path, true, busy_ms, error);

	if (rc == 0) {
		sqlite3_file_control(sql->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
		rc = check_kind(sql, kind, error);
	}
	if (rc == 0)
		rc = ensure_wal(sql, error);
	if (rc == 0)
		rc = vs_sql_exec(sql, VS_PLANTED("wal-without-sync") ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL",
		                 error);
	if (rc == 0)
		rc = vs_sql_exec(sql,
		                 "PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;"
		                 "PRAGMA mmap_size = 0; PRAGMA cache_size = -1024; PRAGMA journal_size_limit = 67108864;"
		                 "PRAGMA cell_size_check = ON",
		                 error);
	if (rc == 0)
		rc = sync_recovered(sql, error);
	if (rc < 0)
		vs_sql_close(sql);
	return rc;
}

/* The header says whether it wants a WAL: SQLite would make one, in a folder where nothing may be made. */
static int check_frozen(const char *path, struct vs_error *error)
{
	enum { WRITE_VERSION = 18 }; /* byte of the header: 1, or 2 for WAL */
	struct vs_file file;
	unsigned char version = 0;
	int rc = vs_file_open(&file, path, 0, error);

	if (rc < 0)
		return rc;
	rc = vs_file_read(&file, &version, 1, WRITE_VERSION, error);
	vs_file_close(&file);
	if (rc == 0 && version != 1)
		return vs_error_set(error, VS_ECORRUPT, "%s is not the frozen copy of a database", path);
	return rc;
}

int vs_sql_open_frozen(struct vs_sql *sql, const char *path, const struct vs_sql_kind *kind, struct vs_error *error)
{
	int rc = check_frozen(path, error);

	sql->db = NULL;
	if (rc < 0)
		return rc;
	rc = connect_to(sql, path, false, 0, error);
	if (rc == 0)
		rc = check_kind(sql, kind, error);
	if (rc == 0)
		rc = vs_sql_exec(sql,
		                 "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
		                 "PRAGMA cache_size = -1024; PRAGMA cell_size_check = ON",
		                 error);
	if (rc < 0)
		vs_sql_close(sql);
	return rc;
}

void vs_sql_close(struct vs_sql *sql)
{
	sqlite3_close(sql->db);
	sql->db = NULL;
}

static int remove_all(const char *path, const char *const *suffixes, struct vs_error *error)
{
	char name[VS_SQL_PATH + 32];
	int rc = 0;

	for (; *suffixes != NULL && rc == 0; suffixes++) {
		snprintf(name, sizeof(name), "%s%s", path, *suffixes);
		rc = vs_file_remove(name, error);
	}
	return rc;
}

/* What a new database is made of: the schema and first rows, or another database. */
struct making {
	const struct vs_sql_kind *kind; /* of a new one; NULL: a copy */
	struct vs_sql *from;            /* what is copied, in a transaction */
	bool frozen;
	int (*fill)(struct vs_sql *sql, const void *context, struct vs_error *error);
	const void *context;
	const struct vs_sql_watch *watch;
};

/* All pages of the transaction that `from` has open: none of them changes meanwhile, so the copy is never begun again. */
static int copy_pages(struct vs_sql *sql, const struct making *making, struct vs_error *error)
{
	const struct vs_sql_watch *watch = making->watch;
	sqlite3_backup *backup = sqlite3_backup_init(sql->db, "main", making->from->db, "main");
	int stop = 0;
	int rc;

	if (backup == NULL)
		return vs_sql_error(sql, sqlite3_errcode(sql->db), error);
	do {
		rc = sqlite3_backup_step(backup, 256);
		if (rc == SQLITE_OK && watch->progress != NULL)
			stop = watch->progress(watch->context, (uint64_t)(sqlite3_backup_pagecount(backup) - sqlite3_backup_remaining(backup)),
			                       (uint64_t)sqlite3_backup_pagecount(backup));
	} while (rc == SQLITE_OK && stop == 0);
	sqlite3_backup_finish(backup);
	if (stop != 0)
		return stop;
	/* The fault may be of either: what could not be read has no text in the copy's handle. */
	return rc == SQLITE_DONE ? 0 : vs_sql_error(sqlite3_errcode(sql->db) == SQLITE_OK ? making->from : sql, rc, error);
}

/* The copy comes with the mark of WAL mode; it is taken away with a WAL that nobody else sees, and that goes with it. */
static int build_copy(struct vs_sql *sql, const struct making *making, struct vs_error *error)
{
	int64_t version;
	int rc = vs_sql_exec(sql, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL",
	                     error);

	if (rc == 0)
		rc = copy_pages(sql, making, error);
	if (rc == 0)
		rc = read_number(sql, "PRAGMA user_version", &version, error); /* sees the mark */
	if (rc == 0)
		rc = vs_sql_exec(sql, "PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE", error);
	if (rc == 0 && making->fill != NULL)
		rc = making->fill(sql, making->context, error);
	if (rc == 0)
		rc = vs_sql_exec(sql, "COMMIT", error);
	return rc;
}

/* The mark of WAL mode goes into the header through the rollback journal, and nothing reads after it: so no -wal
 * comes into being under the temporary name, and the one file is the whole database. The journal is in memory because a
 * crash before the rename leaves a file that nobody looks at. */
static int build(struct vs_sql *sql, const struct making *making, struct vs_error *error)
{
	int rc;

	if (making->kind == NULL) {
		rc = build_copy(sql, making, error);
		return rc != 0 || making->frozen ? rc : vs_sql_exec(sql, "PRAGMA journal_mode = WAL", error);
	}
	rc = vs_sql_exec(sql, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE", error);
	if (rc == 0)
		rc = vs_sql_exec(sql, making->kind->schema, error);
	if (rc == 0 && making->fill != NULL)
		rc = making->fill(sql, making->context, error);
	if (rc == 0)
		rc = vs_sql_exec(sql, "COMMIT; PRAGMA journal_mode = WAL", error);
	return rc;
}

static int make(const char *path, const struct making *making, struct vs_error *error)
{
	/* Left by a creation that was killed; or, with the final name, by a database that somebody removed: its log
	 * would be played into the new one. */
	static const char *const leftovers[] = { ".new",     ".new-journal", ".new-wal", ".new-shm",
		                                     "-journal", "-wal",         "-shm",     NULL };
	static const char *const failed[] = { ".new", ".new-journal", ".new-wal", ".new-shm", NULL };
	char fresh[VS_SQL_PATH];
	struct vs_file file = VS_FILE_INIT;
	struct vs_sql sql = { 0 };
	int rc;

	if (vs_file_exists(path))
		return vs_error_set(error, VS_ECONFLICT, "%s exists already", path);
	rc = snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (rc < 0 || (size_t)rc >= sizeof(fresh))
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	rc = remove_all(path, leftovers, error);
	if (rc < 0)
		return rc;
	/* Made by us and not by SQLite, for the mode 0640, which its -wal and -shm inherit. */
	rc = vs_file_open(&file, fresh, VS_FILE_WRITE | VS_FILE_CREATE | VS_FILE_EXCLUSIVE, error);
	if (rc < 0)
		return rc;
	vs_file_close(&file);
	rc = connect_to(&sql, fresh, true, 0, error);
	if (rc == 0)
		rc = build(&sql, making, error);
	vs_sql_close(&sql);
	if (rc == 0)
		rc = vs_file_rename(fresh, path, error);
	if (rc != 0)
		remove_all(path, failed, NULL);
	return rc;
}

int vs_sql_create(const char *path, const struct vs_sql_kind *kind,
                  int (*fill)(struct vs_sql *sql, const void *context, struct vs_error *error), const void *context,
                  struct vs_error *error)
{
	struct making making = { .kind = kind, .fill = fill, .context = context };

	return make(path, &making, error);
}

int vs_sql_copy(struct vs_sql *from, const char *path, bool frozen,
                int (*fill)(struct vs_sql *sql, const void *context, struct vs_error *error), const void *context,
                const struct vs_sql_watch *watch, struct vs_error *error)
{
	struct making making = { .from = from, .frozen = frozen, .fill = fill, .context = context, .watch = watch };

	return make(path, &making, error);
}

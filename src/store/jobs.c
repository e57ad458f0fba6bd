/* SPDX-License-Identifier: Apache-2.0 */
#include "store/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "store/audit.h"
#include "store/catalog_impl.h"

#define IS_OBJECT(text) "CASE WHEN json_valid(" text ") THEN json_type(" text ") = 'object' ELSE 0 END"
#define COLUMNS                                                                                                       \
	"SELECT id, kind, namespace, folder, arguments, state, progress, message, result, code, error, cancel, attempts, "   \
	"created_at, started_at, finished_at, " IS_OBJECT("arguments") " AND (result = '' OR " IS_OBJECT("result") ") FROM job "

/* Numbers in the texts: 0 queued, 1 running, above: finished. */
_Static_assert(VS_JOB_QUEUED == 0 && VS_JOB_RUNNING == 1 && VS_JOB_SUCCEEDED == 2 && VS_JOB_CANCELLED == 4,
               "the states as the statements below know them");
#define FREE "state = 0 AND NOT EXISTS (SELECT 1 FROM job AS r WHERE r.state = 1 AND r.folder = job.folder)"

enum statement {
	CHECK, COUNT_QUEUED, APPEND, FIND, EACH, EACH_OF, WAITING, CANCEL, GIVE_UP, FAIL_AGAIN, REQUEUE, CANCEL_DEAD,
	RUNNING, NEXT, TAKE, PROGRESS, CANCELLED, FINISH, DROP_OLD, DROP_MANY, RETURN, ALL, STATEMENTS
};

static const char *const texts[STATEMENTS] = {
	[CHECK] = "SELECT " IS_OBJECT("?1"),
	[COUNT_QUEUED] = "SELECT count(*) FROM job WHERE state = 0 AND folder = ?1",
	[APPEND] = "INSERT INTO job (kind, namespace, folder, arguments, state, created_at) VALUES (?1, ?2, ?3, ?4, 0, ?5)",
	[FIND] = COLUMNS "WHERE id = ?1",
	[EACH] = COLUMNS "WHERE id < ?1 AND (?2 < 0 OR state = ?2) ORDER BY id DESC LIMIT ?3",
	[EACH_OF] = COLUMNS "WHERE namespace = ?4 AND folder = (SELECT folder FROM namespace WHERE name = ?4) AND id < ?1 "
	            "AND (?2 < 0 OR state = ?2) ORDER BY id DESC LIMIT ?3",
	[WAITING] = "SELECT count(DISTINCT folder) FROM job WHERE " FREE,
	[CANCEL] = "UPDATE job SET cancel = 1 WHERE id = ?1 AND state = 1",
	[GIVE_UP] = "UPDATE job SET cancel = 1, state = 4, finished_at = ?2 WHERE id = ?1 AND state = 0",
	[FAIL_AGAIN] = "UPDATE job SET state = 3, code = ?2, error = ?3, finished_at = ?4 WHERE state = 1 AND attempts >= ?1",
	[REQUEUE] = "UPDATE job SET state = 0, message = 'begins again' WHERE state = 1",
	[CANCEL_DEAD] = "UPDATE job SET state = 4, finished_at = ?1 WHERE state = 1 AND cancel = 1",
	[RUNNING] = "SELECT count(*) FROM job WHERE state = 1",
	[NEXT] = COLUMNS "WHERE (?1 IS NULL OR folder = ?1) AND " FREE " ORDER BY id LIMIT 1",
	[TAKE] = "UPDATE job SET state = 1, attempts = attempts + 1, started_at = ?2, message = '' WHERE id = ?1",
	[PROGRESS] = "UPDATE job SET progress = max(progress, ?2), message = ?3 WHERE id = ?1 AND state = 1",
	[CANCELLED] = "SELECT cancel FROM job WHERE id = ?1",
	[FINISH] = "UPDATE job SET state = ?2, progress = CASE ?2 WHEN 2 THEN 1 ELSE progress END, message = '', result = ?3, "
	           "code = ?4, error = ?5, finished_at = ?6 WHERE id = ?1 AND state = 1",
	[DROP_OLD] = "DELETE FROM job WHERE finished_at > 0 AND finished_at < ?1",
	[DROP_MANY] = "DELETE FROM job WHERE state > 1 AND namespace = ?1 AND id <= (SELECT id FROM job WHERE state > 1 AND "
	              "namespace = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
	[RETURN] = "UPDATE job SET state = 0, attempts = attempts - 1, message = '' WHERE id = ?1 AND state = 1",
	[ALL] = COLUMNS "ORDER BY id",
};

const char *vs_job_state_name(enum vs_job_state state)
{
	static const char *const names[VS_JOB_STATES] = {
		[VS_JOB_QUEUED] = "queued", [VS_JOB_RUNNING] = "running",     [VS_JOB_SUCCEEDED] = "succeeded",
		[VS_JOB_FAILED] = "failed", [VS_JOB_CANCELLED] = "cancelled",
	};

	return (unsigned)state < VS_JOB_STATES ? names[state] : NULL;
}

bool vs_job_is_finished(const struct vs_job *job)
{
	return job->state != VS_JOB_QUEUED && job->state != VS_JOB_RUNNING;
}

static int prepare(struct vs_catalog *catalog, sqlite3_stmt ***statements, struct vs_error *error)
{
	return vs_catalog_prepare(catalog, VS_CATALOG_JOBS, texts, STATEMENTS, statements, error);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

/* False when the text is missing or does not fit. */
static bool copy_text(sqlite3_stmt *statement, int column, char *to, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);
	size_t len = (size_t)sqlite3_column_bytes(statement, column);

	if (text == NULL || len >= size || strlen(text) != len)
		return false;
	memcpy(to, text, len + 1);
	return true;
}

static bool copy_texts(sqlite3_stmt *statement, struct vs_job *job)
{
	return copy_text(statement, 1, job->kind, sizeof(job->kind)) &&
	       copy_text(statement, 2, job->name, sizeof(job->name)) &&
	       copy_text(statement, 3, job->folder, sizeof(job->folder)) &&
	       copy_text(statement, 4, job->arguments, sizeof(job->arguments)) &&
	       copy_text(statement, 7, job->message, sizeof(job->message)) &&
	       copy_text(statement, 8, job->result, sizeof(job->result)) &&
	       copy_text(statement, 10, job->error, sizeof(job->error));
}

static bool is_sane(sqlite3_stmt *statement, const struct vs_job *job)
{
	int64_t state = sqlite3_column_int64(statement, 5);
	int64_t attempts = sqlite3_column_int64(statement, 12);

	return job->id > 0 && job->kind[0] != '\0' && vs_catalog_check_name("name", job->name, NULL) == 0 &&
	       vs_catalog_folder_good(job->folder, strlen(job->folder)) && state >= 0 && state < VS_JOB_STATES &&
	       job->progress >= 0 && job->progress <= 1 && attempts >= 0 && attempts <= INT32_MAX &&
	       sqlite3_column_int64(statement, 16) == 1;
}

static int decode(struct vs_catalog *catalog, sqlite3_stmt *statement, struct vs_job *job, struct vs_error *error)
{
	bool whole;

	*job = (struct vs_job){ .id = sqlite3_column_int64(statement, 0) };
	job->progress = sqlite3_column_double(statement, 6);
	whole = copy_texts(statement, job);
	if (!whole && sqlite3_errcode(catalog->sql.db) == SQLITE_NOMEM)
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", catalog->sql.path);
	if (!whole || !is_sane(statement, job))
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: the row of job %" PRId64 " is absurd", catalog->sql.path,
		                    job->id);
	job->state = (enum vs_job_state)sqlite3_column_int64(statement, 5);
	job->code = sqlite3_column_int(statement, 9);
	job->cancel = sqlite3_column_int64(statement, 11) != 0;
	job->attempts = (uint32_t)sqlite3_column_int64(statement, 12);
	job->created_at = sqlite3_column_int64(statement, 13);
	job->started_at = sqlite3_column_int64(statement, 14);
	job->finished_at = sqlite3_column_int64(statement, 15);
	return 0;
}

/* The row of a statement that gives one: 1, 0 or negative. */
static int fetch(struct vs_catalog *catalog, sqlite3_stmt *statement, struct vs_job *job, struct vs_error *error)
{
	int rc = vs_sql_step(&catalog->sql, statement, error);

	if (rc != 1)
		return rc;
	rc = decode(catalog, statement, job, error);
	sqlite3_reset(statement);
	return rc == 0 ? 1 : rc;
}

static int fetch_number(struct vs_catalog *catalog, sqlite3_stmt *statement, int64_t *number, struct vs_error *error)
{
	int rc = vs_sql_step(&catalog->sql, statement, error);

	*number = rc == 1 ? sqlite3_column_int64(statement, 0) : 0;
	if (rc == 1)
		sqlite3_reset(statement);
	return rc;
}

static int bind_text(struct vs_catalog *catalog, sqlite3_stmt *statement, int index, const char *text,
                     struct vs_error *error)
{
	return vs_sql_bind_text(&catalog->sql, statement, index, text, strlen(text), error);
}

/* Begins a transaction, too. */
static int begin(struct vs_catalog *catalog, sqlite3_stmt ***statements, struct vs_error *error)
{
	int rc = prepare(catalog, statements, error);

	return rc < 0 ? rc : vs_catalog_begin(catalog, error);
}

/* ---- for everybody -------------------------------------------------------------------------------------- */

static int insert(struct vs_catalog *catalog, sqlite3_stmt **statements, struct vs_job *job, struct vs_error *error)
{
	sqlite3_stmt *append = statements[APPEND];
	int64_t is_object = 0, queued = 0;
	int rc = bind_text(catalog, statements[CHECK], 1, job->arguments, error);

	if (rc == 0)
		rc = fetch_number(catalog, statements[CHECK], &is_object, error);
	if (rc == 1 && !is_object)
		return vs_error_at(error, VS_EINVAL, "arguments", -1, "are no JSON object");
	if (rc >= 0)
		rc = bind_text(catalog, statements[COUNT_QUEUED], 1, job->folder, error);
	if (rc == 0)
		rc = fetch_number(catalog, statements[COUNT_QUEUED], &queued, error);
	if (rc == 1 && queued >= VS_JOBS_WAITING)
		return vs_error_set(error, VS_EBUSY, "%d jobs of namespace %s wait already", VS_JOBS_WAITING, job->name);
	if (rc >= 0)
		rc = bind_text(catalog, append, 1, job->kind, error);
	if (rc == 0)
		rc = bind_text(catalog, append, 2, job->name, error);
	if (rc == 0)
		rc = bind_text(catalog, append, 3, job->folder, error);
	if (rc == 0)
		rc = bind_text(catalog, append, 4, job->arguments, error);
	if (rc < 0)
		return rc;
	job->created_at = vs_clock_wall_ms();
	sqlite3_bind_int64(append, 5, job->created_at);
	rc = vs_sql_run(&catalog->sql, append, error);
	job->id = sqlite3_last_insert_rowid(catalog->sql.db);
	return rc;
}

int vs_jobs_append(struct vs_catalog *catalog, struct vs_audit_event *event, struct vs_job *job, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = begin(catalog, &statements, error);

	if (rc < 0)
		return rc;
	return vs_audit_end(catalog, insert(catalog, statements, job, error), event, error);
}

int vs_jobs_find(struct vs_catalog *catalog, int64_t id, struct vs_job *job, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statements[FIND], 1, id);
	rc = fetch(catalog, statements[FIND], job, error);
	if (rc == 0)
		return vs_error_set(error, VS_ENOTFOUND, "there is no job %" PRId64, id);
	return rc == 1 ? 0 : rc;
}

int vs_jobs_each(struct vs_catalog *catalog, const struct vs_job_page *page,
                 void (*each)(void *context, const struct vs_job *job), void *context, bool *more,
                 struct vs_error *error)
{
	sqlite3_stmt **statements;
	sqlite3_stmt *statement;
	struct vs_job job;
	size_t count = 0;
	int rc = prepare(catalog, &statements, error);

	*more = false;
	if (rc < 0)
		return rc;
	statement = statements[page->name != NULL ? EACH_OF : EACH];
	if (page->name != NULL)
		rc = bind_text(catalog, statement, 4, page->name, error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, page->before > 0 ? page->before : INT64_MAX);
	sqlite3_bind_int64(statement, 2, page->state);
	sqlite3_bind_int64(statement, 3, (int64_t)page->limit + 1);
	while (!*more && (rc = vs_sql_step(&catalog->sql, statement, error)) == 1) {
		if (count++ == page->limit) {
			*more = true;
			rc = 0;
		} else if ((rc = decode(catalog, statement, &job, error)) == 0) {
			each(context, &job);
		} else {
			break;
		}
	}
	sqlite3_reset(statement);
	return rc;
}

int vs_jobs_waiting(struct vs_catalog *catalog, uint32_t *count, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int64_t number = 0;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = fetch_number(catalog, statements[WAITING], &number, error);
	*count = (uint32_t)number;
	return rc < 0 ? rc : 0;
}

int vs_jobs_cancel(struct vs_catalog *catalog, int64_t id, struct vs_audit_event *event, struct vs_job *job,
                   struct vs_error *error)
{
	sqlite3_stmt **statements;
	int changed = 0;
	int rc = begin(catalog, &statements, error);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statements[CANCEL], 1, id);
	sqlite3_bind_int64(statements[GIVE_UP], 1, id);
	sqlite3_bind_int64(statements[GIVE_UP], 2, vs_clock_wall_ms());
	rc = vs_sql_run(&catalog->sql, statements[CANCEL], error);
	changed = sqlite3_changes(catalog->sql.db);
	if (rc == 0)
		rc = vs_sql_run(&catalog->sql, statements[GIVE_UP], error);
	changed += sqlite3_changes(catalog->sql.db);
	if (rc == 0)
		rc = vs_jobs_find(catalog, id, job, error);
	return vs_audit_end(catalog, rc, changed > 0 ? event : NULL, error);
}

/* ---- for whoever holds jobs.lock ------------------------------------------------------------------------ */

int vs_jobs_lock(struct vs_catalog *catalog, struct vs_file *lock, struct vs_error *error)
{
	char path[VS_SQL_PATH];
	size_t len = strlen(catalog->sql.path) - strlen("catalog.db");
	int rc;

	snprintf(path, sizeof(path), "%.*sjobs.lock", (int)len, catalog->sql.path);
	rc = vs_file_open(lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	if (rc == 0)
		rc = vs_file_lock(lock, error);
	if (rc < 0)
		vs_file_close(lock);
	return rc == VS_EBUSY ? vs_error_set(error, rc, "another process works off the jobs") : rc;
}

static int recover(struct vs_catalog *catalog, sqlite3_stmt **statements, struct vs_error *error)
{
	int64_t now = vs_clock_wall_ms();
	int rc;

	sqlite3_bind_int64(statements[CANCEL_DEAD], 1, now);
	sqlite3_bind_int64(statements[FAIL_AGAIN], 1, VS_JOB_ATTEMPTS);
	sqlite3_bind_int64(statements[FAIL_AGAIN], 2, VS_EINTERNAL);
	rc = bind_text(catalog, statements[FAIL_AGAIN], 3, "every process that began it has died; its log says why", error);
	sqlite3_bind_int64(statements[FAIL_AGAIN], 4, now);
	if (rc == 0)
		rc = vs_sql_run(&catalog->sql, statements[CANCEL_DEAD], error);
	if (rc == 0)
		rc = vs_sql_run(&catalog->sql, statements[FAIL_AGAIN], error);
	return rc == 0 ? vs_sql_run(&catalog->sql, statements[REQUEUE], error) : rc;
}

int vs_jobs_recover(struct vs_catalog *catalog, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int64_t running = 0;
	int rc = prepare(catalog, &statements, error);

	/* Mostly there is nothing to do, and then nothing is written. */
	if (rc == 0)
		rc = fetch_number(catalog, statements[RUNNING], &running, error);
	if (rc < 0 || running == 0)
		return rc < 0 ? rc : 0;
	rc = vs_catalog_begin(catalog, error);
	return rc < 0 ? rc : vs_catalog_end(catalog, recover(catalog, statements, error), error);
}

static int take(struct vs_catalog *catalog, sqlite3_stmt **statements, const char *folder, struct vs_job *job,
                struct vs_error *error)
{
	int rc = 0;

	sqlite3_bind_null(statements[NEXT], 1);
	if (folder != NULL)
		rc = bind_text(catalog, statements[NEXT], 1, folder, error);
	if (rc == 0)
		rc = fetch(catalog, statements[NEXT], job, error);
	if (rc != 1)
		return rc;
	job->state = VS_JOB_RUNNING;
	job->attempts++;
	job->started_at = vs_clock_wall_ms();
	sqlite3_bind_int64(statements[TAKE], 1, job->id);
	sqlite3_bind_int64(statements[TAKE], 2, job->started_at);
	rc = vs_sql_run(&catalog->sql, statements[TAKE], error);
	return rc < 0 ? rc : 1;
}

int vs_jobs_take(struct vs_catalog *catalog, const char *folder, struct vs_job *job, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = begin(catalog, &statements, error);

	return rc < 0 ? rc : vs_catalog_end(catalog, take(catalog, statements, folder, job, error), error);
}

int vs_jobs_progress(struct vs_catalog *catalog, int64_t id, double progress, const char *message,
                     struct vs_error *error)
{
	sqlite3_stmt **statements;
	int busy_ms = catalog->sql.busy_ms;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = bind_text(catalog, statements[PROGRESS], 3, message, error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statements[PROGRESS], 1, id);
	sqlite3_bind_double(statements[PROGRESS], 2, progress);
	catalog->sql.busy_ms = 0;
	rc = vs_sql_run(&catalog->sql, statements[PROGRESS], error);
	catalog->sql.busy_ms = busy_ms;
	return rc < 0 && catalog->sql.sync_failed ? rc : 0;
}

int vs_jobs_cancelled(struct vs_catalog *catalog, int64_t id, bool *cancelled, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int64_t wish = 0;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0) {
		sqlite3_bind_int64(statements[CANCELLED], 1, id);
		rc = fetch_number(catalog, statements[CANCELLED], &wish, error);
	}
	*cancelled = wish != 0;
	return rc < 0 ? rc : 0;
}

static int drop(struct vs_catalog *catalog, sqlite3_stmt **statements, const char *name, struct vs_error *error)
{
	int rc = bind_text(catalog, statements[DROP_MANY], 1, name, error);

	sqlite3_bind_int64(statements[DROP_MANY], 2, VS_JOBS_KEPT);
	sqlite3_bind_int64(statements[DROP_OLD], 1, vs_clock_wall_ms() - VS_JOBS_KEPT_MS);
	if (rc == 0)
		rc = vs_sql_run(&catalog->sql, statements[DROP_MANY], error);
	return rc == 0 ? vs_sql_run(&catalog->sql, statements[DROP_OLD], error) : rc;
}

static int finish(struct vs_catalog *catalog, sqlite3_stmt **statements, const struct vs_job *job,
                  struct vs_error *error)
{
	sqlite3_stmt *statement = statements[FINISH];
	int rc = bind_text(catalog, statement, 3, job->result, error);

	if (rc == 0)
		rc = bind_text(catalog, statement, 5, job->error, error);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statement, 1, job->id);
	sqlite3_bind_int64(statement, 2, (int)job->state);
	sqlite3_bind_int64(statement, 4, job->code);
	sqlite3_bind_int64(statement, 6, vs_clock_wall_ms());
	rc = vs_sql_run(&catalog->sql, statement, error);
	return rc == 0 ? drop(catalog, statements, job->name, error) : rc;
}

int vs_jobs_finish(struct vs_catalog *catalog, const struct vs_job *job, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = begin(catalog, &statements, error);

	return rc < 0 ? rc : vs_catalog_end(catalog, finish(catalog, statements, job, error), error);
}

int vs_jobs_return(struct vs_catalog *catalog, int64_t id, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(statements[RETURN], 1, id);
	return vs_sql_run(&catalog->sql, statements[RETURN], error);
}

/* ---- check ---------------------------------------------------------------------------------------------- */

int vs_jobs_check(struct vs_catalog *catalog, void (*report)(void *context, const char *problem), void *context,
                  struct vs_error *error)
{
	sqlite3_stmt **statements;
	struct vs_job job;
	struct vs_error why;
	int rc = prepare(catalog, &statements, error);

	if (rc < 0)
		return rc;
	while ((rc = vs_sql_step(&catalog->sql, statements[ALL], error)) == 1) {
		rc = decode(catalog, statements[ALL], &job, &why);
		if (rc == VS_ECORRUPT) {
			report(context, strstr(why.text, "the row of job"));
		} else if (rc < 0) {
			if (error != NULL)
				*error = why;
			break;
		}
	}
	sqlite3_reset(statements[ALL]);
	return rc;
}

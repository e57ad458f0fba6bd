/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs: queued, worked off, watched. The catalogue says what there is to do and what came of it; what a job does to a namespace
 * is durable by itself. A process that is killed between the two leaves a row that says "running": whoever next gets jobs.lock
 * queues it again, and its function, begun anew, finds the work done or what is left of it.
 *
 * Lock order: jobs.lock, writer of catalog.db (for a moment; never while a job works), then what the job's function takes. Its
 * progress, written while it may hold some of that, waits for no lock.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/jobs.h"

#define LOOK_NS UINT64_C(100000000)   /* between two looks for a wish to cancel */
#define WRITE_NS UINT64_C(1000000000) /* between two writes of progress: each is a commit */
#define AGAIN_MS 200 /* before a job that found its namespace taken tries again */

static const struct {
	const char *kind;
	int (*function)(struct vs_job_run *run, struct vs_error *error);
} kinds[] = {
#define VS_JOB(name, function, summary) { name, function },
#include "engine/jobs.tbl"
#undef VS_JOB
};

struct vs_job_worker {
	struct vs_file lock;
};

/* ---- for everybody -------------------------------------------------------------------------------------- */

static int find_kind(const char *kind, size_t *index, struct vs_error *error)
{
	for (*index = 0; *index < sizeof(kinds) / sizeof(kinds[0]); (*index)++)
		if (strcmp(kinds[*index].kind, kind) == 0)
			return 0;
	return vs_error_at(error, VS_EINVAL, "kind", -1, "\"%.40s\" is no kind of job", kind);
}

int vs_job_create(struct vs_store *store, const char *kind, const char *name, const char *arguments,
                  struct vs_audit_event *event, struct vs_job *job, struct vs_error *error)
{
	struct vs_catalog_entry entry;
	size_t index;
	size_t len = arguments != NULL ? strlen(arguments) : 0;
	int rc = find_kind(kind, &index, error);

	*job = (struct vs_job){ .arguments = "{}" };
	if (rc == 0 && len > VS_JOB_JSON_MAX)
		rc = vs_error_at(error, VS_ETOOBIG, "arguments", -1, "are longer than %d bytes", VS_JOB_JSON_MAX);
	if (rc == 0)
		rc = vs_catalog_find(store->catalog, name, &entry, error);
	if (rc < 0)
		return rc;
	if (arguments != NULL)
		memcpy(job->arguments, arguments, len + 1);
	snprintf(job->kind, sizeof(job->kind), "%s", kind);
	_Static_assert(sizeof(job->name) == sizeof(entry.name), "names have one size");
	_Static_assert(sizeof(job->folder) == sizeof(entry.folder), "folders have one size");
	memcpy(job->name, entry.name, sizeof(job->name));
	memcpy(job->folder, entry.folder, sizeof(job->folder));
	return vs_jobs_append(store->catalog, event, job, error);
}

int vs_job_get(struct vs_store *store, int64_t id, struct vs_job *job, struct vs_error *error)
{
	return vs_jobs_find(store->catalog, id, job, error);
}

int vs_job_page(struct vs_store *store, const struct vs_job_page *page,
                void (*each)(void *context, const struct vs_job *job), void *context, bool *more,
                struct vs_error *error)
{
	return vs_jobs_each(store->catalog, page, each, context, more, error);
}

int vs_job_cancel(struct vs_store *store, int64_t id, struct vs_audit_event *event, struct vs_job *job, struct vs_error *error)
{
	return vs_jobs_cancel(store->catalog, id, event, job, error);
}

/* ---- for whoever works them off ------------------------------------------------------------------------- */

int vs_job_worker_open(struct vs_store *store, struct vs_job_worker **out, struct vs_error *error)
{
	struct vs_job_worker *worker = calloc(1, sizeof(*worker));
	int rc;

	*out = NULL;
	if (worker == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to work off jobs");
	worker->lock.fd = -1;
	rc = vs_jobs_lock(store->catalog, &worker->lock, error);
	if (rc == 0)
		rc = vs_jobs_recover(store->catalog, error);
	if (rc < 0) {
		vs_job_worker_close(worker);
		return rc;
	}
	*out = worker;
	return 0;
}

void vs_job_worker_close(struct vs_job_worker *worker)
{
	if (worker == NULL)
		return;
	vs_file_close(&worker->lock);
	free(worker);
}

int vs_job_waiting(struct vs_store *store, uint32_t *count, struct vs_error *error)
{
	return vs_jobs_waiting(store->catalog, count, error);
}

static bool is_stopping(const struct vs_job_options *options)
{
	return options->stopping != NULL && options->stopping(options->context);
}

int vs_job_stopped(struct vs_job_run *run)
{
	uint64_t now = vs_clock_mono_ns();

	if (!run->cancelled && now - run->looked_at >= LOOK_NS) {
		run->looked_at = now;
		(void)vs_jobs_cancelled(run->store->catalog, run->job->id, &run->cancelled, NULL);
	}
	return run->failed < 0 || run->cancelled || is_stopping(run->options) ? 1 : 0;
}

int vs_job_progress(struct vs_job_run *run, double share, const char *message)
{
	uint64_t now = vs_clock_mono_ns();

	if (run->failed == 0 && (run->written_at == 0 || now - run->written_at >= WRITE_NS)) {
		run->written_at = now;
		run->failed = vs_jobs_progress(run->store->catalog, run->job->id, share < 0 ? 0 : share > 1 ? 1 : share, message,
		                               run->error);
		VS_POINT("job-progress");
	}
	return vs_job_stopped(run);
}

void vs_job_result(struct vs_job_run *run, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(run->job->result, sizeof(run->job->result), format, arguments);
	va_end(arguments);
}

/* The namespace that was meant, or VS_ENOTFOUND. */
static int open_namespace(struct vs_job_run *run, struct vs_error *error)
{
	int rc = vs_namespace_open(run->store, run->job->name, NULL, &run->ns, error);

	if (rc == 0 && strcmp(run->ns->entry.folder, run->job->folder) != 0)
		rc = VS_ENOTFOUND;
	if (rc == VS_ENOTFOUND)
		return vs_error_set(error, rc, "namespace %s is gone", run->job->name);
	return rc;
}

static int call(struct vs_job_run *run, struct vs_error *error)
{
	size_t index;
	int rc = find_kind(run->job->kind, &index, error);

	if (rc == 0)
		rc = open_namespace(run, error);
	if (rc == 0)
		rc = kinds[index].function(run, error);
	vs_namespace_close(run->ns);
	run->ns = NULL;
	return rc;
}

/* Until it is done: what holds the namespace up now ends some time. */
static int call_again(struct vs_job_run *run, struct vs_error *error)
{
	int rc = vs_job_stopped(run);

	while (rc == 0) {
		rc = call(run, error);
		if (rc != VS_EBUSY && rc != VS_ESTALE)
			break;
		rc = vs_job_progress(run, 0, VS_JOB_WAITS);
		nanosleep(&(struct timespec){ 0, AGAIN_MS * 1000000L }, NULL);
	}
	return rc;
}

int vs_job_run(struct vs_store *store, const struct vs_job_options *options, struct vs_job *job, struct vs_error *error)
{
	struct vs_job_run run = { .store = store, .threads = options->threads, .job = job, .options = options, .error = error };
	struct vs_catalog_entry entry;
	struct vs_error why = { .code = VS_OK };
	int rc = options->name != NULL ? vs_catalog_find(store->catalog, options->name, &entry, error) : 0;

	if (rc == 0)
		rc = vs_jobs_take(store->catalog, options->name != NULL ? entry.folder : NULL, job, error);
	if (rc != 1)
		return rc;
	VS_POINT("job-taken");
	run.arguments = job->arguments;
	rc = call_again(&run, &why);
	if (run.failed < 0)
		return run.failed;
	if (rc > 0) {
		job->state = run.cancelled ? VS_JOB_CANCELLED : VS_JOB_QUEUED;
	} else {
		job->state = rc == 0 ? VS_JOB_SUCCEEDED : VS_JOB_FAILED;
		job->code = rc;
	}
	if (rc != 0)
		job->result[0] = '\0';
	if (rc < 0)
		snprintf(job->error, sizeof(job->error), "%s", why.text);
	VS_POINT("job-done");
	rc = job->state == VS_JOB_QUEUED ? vs_jobs_return(store->catalog, job->id, error)
	                                 : vs_jobs_finish(store->catalog, job, error);
	return rc < 0 ? rc : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of jobs, and what makes a request one. */
#include "service/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "service/audit.h"
#include "service/handles.h"
#include "service/json_out.h"

#define MS UINT64_C(1000000)
#define NAP_FIRST (10 * MS) /* between two looks at a job that is waited for */
#define NAP_LAST (200 * MS)
#define VACANT (300 * MS) /* nobody working off jobs for so long: no indexer, not one that is being started again */
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000

static void put_text(struct vs_buf *out, const char *name, const char *text)
{
	vs_buf_printf(out, ",\"%s\":", name);
	vs_json_text(out, text, strlen(text));
}

static void put_time(struct vs_buf *out, const char *name, int64_t wall_ms)
{
	if (wall_ms == 0)
		return;
	vs_buf_printf(out, ",\"%s\":", name);
	vs_json_time(out, wall_ms);
}

/* What is not known yet is left out. */
static void put_job(struct vs_call *call, const struct vs_job *job)
{
	struct vs_buf *out = &call->response->body;
	vs_buf_printf(out, "{\"id\":%" PRId64, job->id);
	put_text(out, "kind", job->kind);
	put_text(out, "namespace", job->name);
	put_text(out, "state", vs_job_state_name(job->state));
	vs_buf_puts(out, ",\"progress\":");
	vs_json_float(out, (float)job->progress);
	put_text(out, "message", job->message);
	vs_buf_printf(out, ",\"arguments\":%s,\"attempts\":%" PRIu32 ",\"cancel_requested\":", job->arguments, job->attempts);
	vs_json_bool(out, job->cancel);
	put_time(out, "created_at", job->created_at);
	put_time(out, "started_at", job->started_at);
	put_time(out, "finished_at", job->finished_at);
	if (job->result[0])
		vs_buf_printf(out, ",\"result\":%s", job->result);
	if (job->state == VS_JOB_FAILED) {
		vs_buf_puts(out, ",\"error\":");
		vs_json_fault(out, job->error, vs_call_handles(call)->data);
		put_text(out, "code", vs_error_word(job->code));
	}
	vs_buf_putc(out, '}');
}

/* ---- a request that is a job ------------------------------------------------------------------------------ */

static bool stopping(void *context)
{
	const struct vs_request *request = context;
	return request->stopping && request->stopping();
}

/* Jobs of the namespace, up to this one. */
static int work_off(struct vs_call *call, struct vs_store *store, const struct vs_job *job, struct vs_error *error)
{
	struct vs_request request = *call->request;
	struct vs_job_options options = { 0, stopping, &request, job->name };
	struct vs_job done = { .id = 0 };
	int rc = 1;
	while (rc == 1 && done.id != job->id && !stopping(&request))
		rc = vs_job_run(store, &options, &done, error);
	return rc < 0 ? rc : 0;
}

/* While nobody works off jobs. *vacant_at: since when, 0: somebody does. */
static int stand_in(struct vs_call *call, struct vs_store *store, const struct vs_job *job, uint64_t *vacant_at,
                    struct vs_error *error)
{
	struct vs_job_worker *worker;
	uint64_t now = vs_clock_mono_ns();
	int rc = vs_job_worker_open(store, &worker, error);
	if (rc) {
		*vacant_at = 0;
		return rc == VS_EBUSY ? 0 : rc;
	}
	if (*vacant_at == 0)
		*vacant_at = now;
	if (now - *vacant_at >= VACANT)
		rc = work_off(call, store, job, error);
	vs_job_worker_close(worker);
	return rc;
}

static int wait_for(struct vs_call *call, struct vs_store *store, unsigned long seconds, struct vs_job *job,
                    struct vs_error *error)
{
	struct vs_request request = *call->request;
	uint64_t until = vs_clock_mono_ns() + seconds * 1000 * MS;
	uint64_t nap = NAP_FIRST;
	uint64_t vacant_at = 0;
	int rc = 0;
	while (!rc && !vs_job_is_finished(job) && !stopping(&request) && vs_clock_mono_ns() < until) {
		nanosleep(&(struct timespec){ 0, (long)nap }, NULL);
		nap = nap * 2 < NAP_LAST ? nap * 2 : NAP_LAST;
		rc = stand_in(call, store, job, &vacant_at, error);
		if (!rc)
			rc = vs_job_get(store, job->id, job, error);
	}
	return rc;
}

static void put_accepted(struct vs_call *call, const struct vs_job *job)
{
	struct vs_response *response = call->response;
	response->status = 202;
	snprintf(response->location, sizeof(response->location), "/v1/jobs/%" PRId64 "?namespace=%s", job->id, job->name);
	put_job(call, job);
	vs_buf_putc(&response->body, '\n');
}

int vs_call_job(struct vs_call *call, const char *kind, const char *name, const char *arguments, struct vs_error *error)
{
	unsigned long seconds = VS_WAIT_DEFAULT;
	struct vs_store *store;
	struct vs_job job;
	char action[96];
	struct vs_audit_event event = vs_audit_event_of(call, action);
	int rc = vs_target_number(&call->target, "wait", 0, VS_WAIT_MAX, &seconds, error);
	if (!rc)
		rc = vs_call_store(call, &store, error);
	if (!rc)
		rc = vs_job_create(store, kind, name, arguments, &event, &job, error);
	if (rc)
		return rc;
	vs_audit_recorded(call, &event);
	rc = wait_for(call, store, seconds, &job, error);
	if (rc)
		return rc;
	if (job.state == VS_JOB_FAILED)
		return vs_error_set(error, job.code, "%s", job.error);
	if (job.state == VS_JOB_CANCELLED)
		return vs_error_set(error, VS_ECONFLICT, "job %" PRId64 " was cancelled", job.id);
	if (vs_job_is_finished(&job))
		vs_buf_printf(&call->response->body, "%s\n", job.result);
	else
		put_accepted(call, &job);
	return 0;
}

/* ---- jobs ------------------------------------------------------------------------------------------------- */

static int decode_state(const struct vs_call *call, int *state, struct vs_error *error)
{
	const struct vs_text *text = vs_target_param(&call->target, "state");
	if (!text)
		return 0;
	for (*state = 0; *state < VS_JOB_STATES; (*state)++)
		if (strcmp(vs_job_state_name((enum vs_job_state)*state), text->data) == 0)
			return 0;
	return vs_error_at(error, VS_EINVAL, "state", -1, "must be queued, running, succeeded, failed or cancelled");
}

/* The whole number that text is; false for what no id can be. */
static bool decode_id(const struct vs_text *text, int64_t *id)
{
	*id = 0;
	if (text->len == 0 || text->len > 18 || strspn(text->data, "0123456789") != text->len)
		return false;
	for (size_t i = 0; i < text->len; i++)
		*id = *id * 10 + (text->data[i] - '0');
	return *id > 0;
}

struct page {
	struct vs_call *call;
	int64_t last;
};

static void put_one(void *context, const struct vs_job *job)
{
	struct page *page = context;
	if (page->last > 0)
		vs_buf_putc(&page->call->response->body, ',');
	page->last = job->id;
	put_job(page->call, job);
}

int vs_handle_jobs(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", "state", "limit", "cursor", NULL };
	const struct vs_text *cursor = vs_target_param(&call->target, "cursor");
	struct vs_buf *out = &call->response->body;
	struct page page = { call, 0 };
	struct vs_job_page options = { NULL, -1, 0, 0 };
	unsigned long limit = PAGE_DEFAULT;
	struct vs_store *store;
	bool more;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_target_number(&call->target, "limit", 1, PAGE_MAX, &limit, error);
	if (!rc)
		rc = decode_state(call, &options.state, error);
	if (!rc && cursor && !decode_id(cursor, &options.before))
		rc = vs_error_at(error, VS_EINVAL, "cursor", -1, "is not the next_cursor of an earlier page");
	options.limit = limit;
	if (!rc)
		rc = vs_call_allow(call, NULL, &options.name, error);
	if (!rc)
		rc = vs_call_store(call, &store, error);
	vs_buf_puts(out, "{\"jobs\":[");
	if (!rc)
		rc = vs_job_page(store, &options, put_one, &page, &more, error);
	if (rc)
		return rc;
	if (more)
		vs_buf_printf(out, "],\"next_cursor\":\"%" PRId64 "\"}\n", page.last);
	else
		vs_buf_puts(out, "],\"next_cursor\":null}\n");
	return 0;
}

static void take_one(void *context, const struct vs_job *job)
{
	*(struct vs_job *)context = *job;
}

/* The job of the path, if it is the namespace's: by a page of one, so that one rule says which jobs are. */
static int find_job(struct vs_call *call, struct vs_store **store, struct vs_job *job, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	struct vs_job_page page = { NULL, -1, 0, 1 };
	int64_t id = 0;
	bool more;
	job->id = 0;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc && !decode_id(&call->id, &id))
		rc = vs_error_at(error, VS_EINVAL, "id", -1, "of a job is a whole number");
	if (!rc)
		rc = vs_call_allow(call, NULL, &page.name, error);
	if (!rc)
		rc = vs_call_store(call, store, error);
	page.before = id + 1;
	if (!rc)
		rc = vs_job_page(*store, &page, take_one, job, &more, error);
	if (!rc && job->id != id) /* another namespace's is told like none */
		return vs_error_set(error, VS_ENOTFOUND, "there is no job %" PRId64 " of this namespace", id);
	return rc;
}

static int answer(struct vs_call *call, const struct vs_job *job)
{
	put_job(call, job);
	vs_buf_putc(&call->response->body, '\n');
	return 0;
}

int vs_handle_job(struct vs_call *call, struct vs_error *error)
{
	struct vs_store *store;
	struct vs_job job;
	int rc = find_job(call, &store, &job, error);
	return rc ? rc : answer(call, &job);
}

int vs_handle_job_cancel(struct vs_call *call, struct vs_error *error)
{
	struct vs_store *store;
	struct vs_job job;
	char action[96];
	int rc = find_job(call, &store, &job, error);
	struct vs_audit_event event = vs_audit_event_of(call, action);
	if (!rc)
		rc = vs_job_cancel(store, job.id, &event, &job, error);
	vs_audit_recorded(call, &event);
	if (!rc && (job.state == VS_JOB_SUCCEEDED || job.state == VS_JOB_FAILED))
		rc = vs_error_set(error, VS_ECONFLICT, "job %" PRId64 " has %s already", job.id, vs_job_state_name(job.state));
	return rc ? rc : answer(call, &job);
}

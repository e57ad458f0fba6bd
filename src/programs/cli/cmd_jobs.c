/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore jobs: what the server does in the background, listed, shown, cancelled, watched; whether a server runs or not. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/interrupt.h"
#include "programs/cli/local.h"
#include "programs/cli/progress.h"

#define LOOK_NS 100000000L /* between two looks at a job that is watched */

static void on_job(void *context, const struct vs_job *job)
{
	char created[VS_CLOCK_TEXT];
	(void)context;
	vs_clock_format(job->created_at, created);
	printf("%-6" PRId64 " %-16s %-16s %-9s %3d%%  %s%s%s\n", job->id, job->kind, job->name,
	       vs_job_state_name(job->state), (int)(job->progress * 100), created, job->error[0] ? "  " : "", job->error);
}

static int list(struct vs_args *args, struct vs_store *store, int64_t id, struct vs_error *error)
{
	const char *state = vs_args_text(args, VS_FLAG_JOB_STATE);
	struct vs_job_page page = { vs_args_text(args, VS_FLAG_ONLY_NAMESPACE), -1, 0,
		                        (size_t)vs_args_count(args, VS_FLAG_LIMIT) };
	bool more;
	(void)id;
	for (int i = 0; state && i < VS_JOB_STATES; i++)
		if (strcmp(state, vs_job_state_name((enum vs_job_state)i)) == 0)
			page.state = i;
	int rc = vs_job_page(store, &page, on_job, NULL, &more, error);
	if (!rc && more)
		printf("and older ones: --limit N lists more\n");
	return rc;
}

static void show_time(const char *name, int64_t wall_ms)
{
	char text[VS_CLOCK_TEXT];
	if (wall_ms == 0)
		return;
	vs_clock_format(wall_ms, text);
	printf("%-10s %s\n", name, text);
}

static int show(struct vs_args *args, struct vs_store *store, int64_t id, struct vs_error *error)
{
	struct vs_job job;
	(void)args;
	int rc = vs_job_get(store, id, &job, error);
	if (rc)
		return rc;
	printf("%-10s %" PRId64 "\n%-10s %s\n%-10s %s\n%-10s %s\n%-10s %s%s\n%-10s %d%%\n%-10s %" PRIu32 "\n", "job", job.id, "kind",
	       job.kind, "namespace", job.name, "arguments", job.arguments, "state", vs_job_state_name(job.state),
	       job.state == VS_JOB_RUNNING && job.cancel ? ", to be cancelled" : "", "progress", (int)(job.progress * 100),
	       "attempts", job.attempts);
	if (job.message[0])
		printf("%-10s %s\n", "message", job.message);
	if (job.result[0])
		printf("%-10s %s\n", "result", job.result);
	if (job.error[0])
		printf("%-10s %s (%s)\n", "error", job.error, vs_error_word(job.code));
	show_time("created", job.created_at);
	show_time("started", job.started_at);
	show_time("finished", job.finished_at);
	return 0;
}

static int cancel(struct vs_args *args, struct vs_store *store, int64_t id, struct vs_error *error)
{
	struct vs_job job;
	char actor[32], object[24];
	struct vs_audit_event event = vs_local_event("jobs cancel", actor);
	(void)args;
	int rc = vs_job_get(store, id, &job, error);
	snprintf(object, sizeof object, "%" PRId64, id);
	event.ns = job.name;
	event.object = object;
	if (!rc)
		rc = vs_job_cancel(store, id, &event, &job, error);
	if (rc)
		return rc;
	if (job.state == VS_JOB_SUCCEEDED || job.state == VS_JOB_FAILED)
		return vs_error_set(error, VS_ECONFLICT, "job %" PRId64 " has %s already", id, vs_job_state_name(job.state));
	printf("job %" PRId64 ": %s\n", id, job.state == VS_JOB_RUNNING ? "will stop soon" : "cancelled");
	return 0;
}

static int watch(struct vs_args *args, struct vs_store *store, int64_t id, struct vs_error *error)
{
	struct vs_progress progress;
	struct vs_job job;
	(void)args;
	vs_interrupt_catch();
	vs_progress_begin(&progress, 0);
	int rc = vs_job_get(store, id, &job, error);
	while (!rc && !vs_job_is_finished(&job) && !vs_interrupted) {
		vs_progress_share(&progress, job.progress, job.message[0] ? job.message : vs_job_state_name(job.state));
		nanosleep(&(struct timespec){ 0, LOOK_NS }, NULL);
		rc = vs_job_get(store, id, &job, error);
	}
	vs_progress_end(&progress);
	if (rc)
		return rc;
	if (!vs_job_is_finished(&job))
		return vs_error_set(error, VS_EBUSY, "job %" PRId64 " goes on", id);
	if (job.state == VS_JOB_FAILED)
		return vs_error_set(error, job.code, "job %" PRId64 " has failed: %.250s", id, job.error);
	printf("job %" PRId64 ": %s%s%s\n", id, vs_job_state_name(job.state), job.result[0] ? ": " : "", job.result);
	return job.state == VS_JOB_CANCELLED ? 1 : 0;
}

static const struct verb {
	const char *name;
	bool with_id;
	int (*run)(struct vs_args *args, struct vs_store *store, int64_t id, struct vs_error *error);
} verbs[] = {
	{ "list", false, list },
	{ "show", true, show },
	{ "cancel", true, cancel },
	{ "watch", true, watch },
};

/* What was asked for; NULL after telling what is wrong with it. */
static const struct verb *decode(const struct vs_args *args, int64_t *id)
{
	const char *name = args->operand_count > 0 ? args->operands[0] : "list";
	const char *number = args->operand_count > 1 ? args->operands[1] : NULL;
	*id = 0;
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		char *end = NULL;
		if (strcmp(verbs[i].name, name) != 0)
			continue;
		if (verbs[i].with_id != (number != NULL)) {
			fprintf(stderr, "vecstore: jobs %s takes %s\n", name, verbs[i].with_id ? "the id of a job" : "no id");
			return NULL;
		}
		*id = number ? strtoll(number, &end, 10) : 0;
		if (number && (*end || *number < '0' || *number > '9')) {
			fprintf(stderr, "vecstore: '%s' is no id of a job\n", number);
			return NULL;
		}
		return &verbs[i];
	}
	fprintf(stderr, "vecstore: jobs can list, show, cancel or watch, not '%s'\n", name);
	return NULL;
}

int vs_command_jobs(struct vs_args *args)
{
	struct vs_error error;
	struct vs_store *store = NULL;
	int64_t id;
	const struct verb *verb = decode(args, &id);
	if (!verb)
		return 2;
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, &error);
	if (!rc)
		rc = verb->run(args, store, id, &error);
	vs_store_close(store);
	if (rc < 0)
		fprintf(stderr, "vecstore: %s\n", error.text);
	return rc ? 1 : 0;
}

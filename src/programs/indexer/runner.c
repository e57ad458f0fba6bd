/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/indexer/runner.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/vecstore.h"

#define RUNNER_THREADS 2
#define SOON UINT64_C(200000000)   /* ns: somebody else works off the jobs, or a thread is about to end */
#define RETRY UINT64_C(2000000000) /* ns after a failure of the catalogue */

struct slot {
	struct vs_runner *runner;
	pthread_t thread;
	bool started;  /* and not joined */
	uint32_t done; /* atomic: the thread has ended */
	int rc;        /* the thread's, while it runs */
};

struct vs_runner {
	const struct vs_keeper_settings *settings;
	const volatile sig_atomic_t *stop;
	struct vs_job_worker *worker; /* NULL: another process works off the jobs */
	uint32_t forget;              /* atomic */
	bool failed;                  /* a job may say "running" that is not */
	uint64_t retry_at;
	struct slot slots[RUNNER_THREADS];
};

int vs_runner_open(const struct vs_keeper_settings *settings, const volatile sig_atomic_t *stop,
                   struct vs_runner **runner, struct vs_error *error)
{
	*runner = calloc(1, sizeof **runner);
	if (!*runner)
		return vs_error_set(error, VS_ENOMEM, "out of memory");
	(*runner)->settings = settings;
	(*runner)->stop = stop;
	for (unsigned i = 0; i < RUNNER_THREADS; i++)
		(*runner)->slots[i].runner = *runner;
	return 0;
}

/* ---- a thread --------------------------------------------------------------------------------------------- */

static bool stopping(void *context)
{
	struct vs_runner *runner = context;
	return *runner->stop || vs_load_acquire(&runner->forget);
}

static void tell(const struct vs_job *job)
{
	const char *state = job->state == VS_JOB_QUEUED ? "put back, to begin again" : vs_job_state_name(job->state);
	vs_log(job->state == VS_JOB_FAILED ? VS_LOG_ERROR : VS_LOG_INFO, "job %" PRId64 ", %s of namespace %s: %s%s%s", job->id,
	       job->kind, job->name, state, job->error[0] || job->result[0] ? ": " : "",
	       job->error[0] ? job->error : job->result);
}

/* Jobs, until none can begin. */
static void *run(void *context)
{
	struct slot *slot = context;
	struct vs_runner *runner = slot->runner;
	struct vs_job_options options = { runner->settings->threads, stopping, runner, NULL };
	struct vs_store *store = NULL;
	struct vs_error error;
	struct vs_job job;
	int rc = vs_store_open(runner->settings->data, 0, &store, &error);
	if (rc >= 0)
		vs_store_set_quota(store, &runner->settings->quota);
	while (rc >= 0 && !stopping(runner)) {
		rc = vs_job_run(store, &options, &job, &error);
		if (rc <= 0)
			break;
		tell(&job);
	}
	vs_store_close(store);
	if (rc < 0)
		vs_log(VS_LOG_ERROR, "jobs: %s", error.text);
	slot->rc = rc;
	vs_store_release(&slot->done, 1);
	return NULL;
}

/* ---- the keeper's side ------------------------------------------------------------------------------------ */

static void join(struct slot *slot)
{
	if (!slot->started)
		return;
	pthread_join(slot->thread, NULL);
	slot->started = false;
	if (slot->rc < 0)
		slot->runner->failed = true;
}

void vs_runner_forget(struct vs_runner *runner)
{
	vs_store_release(&runner->forget, 1);
	for (unsigned i = 0; i < RUNNER_THREADS; i++)
		join(&runner->slots[i]);
	vs_job_worker_close(runner->worker);
	runner->worker = NULL;
	runner->failed = false;
	vs_store_release(&runner->forget, 0);
}

void vs_runner_close(struct vs_runner *runner)
{
	if (!runner)
		return;
	vs_runner_forget(runner);
	free(runner);
}

/* How many threads have work. */
static unsigned count_busy(struct vs_runner *runner)
{
	unsigned busy = 0;
	for (unsigned i = 0; i < RUNNER_THREADS; i++) {
		struct slot *slot = &runner->slots[i];
		if (slot->started && vs_load_acquire(&slot->done))
			join(slot);
		busy += slot->started;
	}
	return busy;
}

static void begin(struct vs_runner *runner, uint32_t count)
{
	for (unsigned i = 0; i < RUNNER_THREADS && count > 0; i++) {
		struct slot *slot = &runner->slots[i];
		if (slot->started)
			continue;
		slot->done = 0;
		slot->started = pthread_create(&slot->thread, NULL, run, slot) == 0;
		count--;
	}
}

uint64_t vs_runner_offer(struct vs_runner *runner, struct vs_store *store)
{
	struct vs_error error;
	uint32_t waiting = 0;
	uint64_t now = vs_clock_mono_ns();
	unsigned busy = count_busy(runner);
	if (*runner->stop)
		return 0;
	if (runner->failed) { /* what says "running" is queued again once nothing runs */
		if (busy > 0)
			return now + SOON;
		vs_runner_forget(runner);
		runner->retry_at = now + RETRY;
	}
	if (now < runner->retry_at)
		return runner->retry_at;
	int rc = runner->worker ? 0 : vs_job_worker_open(store, &runner->worker, &error);
	if (!rc)
		rc = vs_job_waiting(store, &waiting, &error);
	if (rc == VS_EBUSY)
		return now + SOON;
	if (rc) {
		vs_log(VS_LOG_ERROR, "jobs: %s", error.text);
		runner->retry_at = now + RETRY;
		return runner->retry_at;
	}
	begin(runner, waiting);
	/* A thread that finds nothing more may be about to end, unaware of what has come since. */
	return waiting > 0 && busy > 0 ? now + SOON : 0;
}

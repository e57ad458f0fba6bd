/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/jobs: work that outlasts a request, as rows of catalog.db.
 *
 *   queued -> running -> succeeded, failed or cancelled;  queued -> cancelled;  running -> queued
 *
 * Whoever works jobs off holds DATA/jobs.lock (flock) all the while. It dies with the process: who gets it knows that rows
 * that say "running" are nobody's, and need not guess whether some process still lives.
 */
#ifndef VS_STORE_JOBS_H
#define VS_STORE_JOBS_H

#include "base/file.h"
#include "store/catalog.h"
#include "store/job.h"

#ifndef VS_FAULTS
#define VS_JOBS_KEPT 1000 /* finished ones of a namespace */
#define VS_JOBS_WAITING 100 /* queued ones of a namespace */
#else /* as many as the tests have */
#define VS_JOBS_KEPT 20
#define VS_JOBS_WAITING 10
#endif
#define VS_JOBS_KEPT_MS (INT64_C(7) * 24 * 3600 * 1000)
#define VS_JOB_ATTEMPTS 3

/* Adds a queued job on a namespace, with an event of the audit trail (NULL: none). job->kind, name, folder and arguments are
 * given, the rest is filled in. VS_EINVAL unless the arguments are a JSON object; VS_EBUSY when VS_JOBS_WAITING of the
 * namespace wait already. */
int vs_jobs_append(struct vs_catalog *catalog, struct vs_audit_event *event, struct vs_job *job, struct vs_error *error);
/* VS_ENOTFOUND when there is none (any more). */
int vs_jobs_find(struct vs_catalog *catalog, int64_t id, struct vs_job *job, struct vs_error *error);

/* Newest first, in one transaction. *more: there are more after the last. */
int vs_jobs_each(struct vs_catalog *catalog, const struct vs_job_page *page,
                 void (*each)(void *context, const struct vs_job *job), void *context, bool *more,
                 struct vs_error *error);
/* How many could be taken now: one per namespace that has a queued job and no running one. */
int vs_jobs_waiting(struct vs_catalog *catalog, uint32_t *count, struct vs_error *error);

/* A queued one becomes cancelled at once, of a running one it is wished, with the event (NULL: none); a finished one stays as it
 * is, without. */
int vs_jobs_cancel(struct vs_catalog *catalog, int64_t id, struct vs_audit_event *event, struct vs_job *job,
                   struct vs_error *error);

/* ---- for whoever holds jobs.lock ---- */

/* VS_EBUSY when another does. */
int vs_jobs_lock(struct vs_catalog *catalog, struct vs_file *lock, struct vs_error *error);
/* Rows of dead processes: they go back to the queue, or fail after VS_JOB_ATTEMPTS. Before anything is taken. */
int vs_jobs_recover(struct vs_catalog *catalog, struct vs_error *error);
/* The oldest queued job whose namespace has none running becomes running: 1 and *job, 0 when there is none. folder NULL: of
 * any namespace. */
int vs_jobs_take(struct vs_catalog *catalog, const char *folder, struct vs_job *job, struct vs_error *error);
/* How far a running one is. Waits for nobody, so that it may be called under any lock; what cannot be written now is left
 * out. Fails only when a sync has failed: then the handle is not to be trusted any more. */
int vs_jobs_progress(struct vs_catalog *catalog, int64_t id, double progress, const char *message,
                     struct vs_error *error);
/* Whether somebody wishes that it stops. Only reads. */
int vs_jobs_cancelled(struct vs_catalog *catalog, int64_t id, bool *cancelled, struct vs_error *error);
/* What came of a running one: job->state, with result, or code and error. Drops finished jobs that are too old or too many. */
int vs_jobs_finish(struct vs_catalog *catalog, const struct vs_job *job, struct vs_error *error);
/* Back to the queue, as if it had not been begun: the process is to end. */
int vs_jobs_return(struct vs_catalog *catalog, int64_t id, struct vs_error *error);

/* Each row that cannot be as it is, is reported. */
int vs_jobs_check(struct vs_catalog *catalog, void (*report)(void *context, const char *problem), void *context,
                  struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* engine/jobs: what the functions of jobs.tbl get, and how they tell how far they are. Private to the room. */
#ifndef VS_ENGINE_JOBS_H
#define VS_ENGINE_JOBS_H

#include "engine/namespace.h"
#include "store/jobs.h"

#define VS_JOB_WAITS "waiting: the namespace is in use"

/* A job in hand. */
struct vs_job_run {
	struct vs_store *store;
	struct vs_namespace *ns; /* the job's, opened for it; the one that was meant, not another of its name */
	const char *arguments;   /* a JSON object, checked to be one */
	unsigned threads;        /* 0: one per core */
	struct vs_job *job;
	const struct vs_job_options *options;
	uint64_t looked_at;  /* when cancel was last looked for, ns */
	uint64_t written_at; /* when progress was last written, ns; 0: never */
	bool cancelled;
	int failed; /* negative: a sync of the catalogue has failed */
	struct vs_error *error; /* why */
};

/* Cheap enough for every few milliseconds, under any lock. share: done, 0 to 1. Non-zero: stop soon, cleanly, and return it. */
int vs_job_progress(struct vs_job_run *run, double share, const char *message);
/* The same, where nothing is to be written: under a lock that others wait for. */
int vs_job_stopped(struct vs_job_run *run);
/* What a successful job answers: a JSON object of at most VS_JOB_JSON_MAX bytes. */
void vs_job_result(struct vs_job_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Functions of jobs.tbl: 0, a negative code, or what vs_job_progress said to stop with. VS_EBUSY and VS_ESTALE: they are
 * called again a moment later. */
#define VS_JOB(name, function, summary) int function(struct vs_job_run *run, struct vs_error *error);
#include "engine/jobs.tbl"
#undef VS_JOB

#endif

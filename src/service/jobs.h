/* SPDX-License-Identifier: Apache-2.0 */
/* service/jobs: requests that are answered by a job. */
#ifndef VS_SERVICE_JOBS_H
#define VS_SERVICE_JOBS_H

#include "service/call.h"

#define VS_WAIT_DEFAULT 10 /* seconds that such a request waits for its job */
#define VS_WAIT_MAX 60

/*
 * Queues a job on a namespace, waits for it as long as the parameter `wait` says, and answers: its result, when it has
 * succeeded; its error; or 202 with the job, whose Location is sent, when it is not done. The worker serves nobody else
 * meanwhile. When nobody works off jobs (no indexer runs), it does the job itself, however long that takes, unless `wait` is 0.
 */
int vs_call_job(struct vs_call *call, const char *kind, const char *name, const char *arguments, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A compaction as a job. Begun again after one that was killed, it removes what that has left (engine/compact). */
#include <inttypes.h>

#include "engine/jobs.h"

/* Where each phase begins and ends, in shares of the time that a large namespace takes; and what it is called. */
static const struct {
	double from, to;
	const char *name;
} phases[] = {
	[VS_COMPACT_WAIT] = { 0.0, 0.0, VS_JOB_WAITS },
	[VS_COMPACT_COPY] = { 0.0, 0.1, "copying" },
	[VS_COMPACT_LINK] = { 0.1, 0.98, "linking" },
	[VS_COMPACT_FOLLOW] = { 0.98, 1.0, "following" },
};

double vs_compact_share(enum vs_compact_phase phase, uint64_t done, uint64_t total, const char **name)
{
	double part = total > 0 ? (double)done / (double)total : 1.0;

	*name = phases[phase].name;
	return phases[phase].from + part * (phases[phase].to - phases[phase].from);
}

static int on_progress(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	struct vs_job_run *run = context;
	const char *name;
	double share = vs_compact_share(phase, done, total, &name);

	/* At the end under the writer lock of the namespace. */
	return phase == VS_COMPACT_FOLLOW ? vs_job_stopped(run) : vs_job_progress(run, share, name);
}

int vs_job_compact(struct vs_job_run *run, struct vs_error *error)
{
	struct vs_compact_options options = { run->threads, on_progress, run };
	struct vs_compact_result result;
	int rc = vs_namespace_compact(run->ns, &options, &result, error);

	if (rc == 0)
		vs_job_result(run, "{\"removed_count\":%" PRIu64 ",\"freed_bytes\":%" PRIu64 "}", result.removed_count,
		              result.freed_bytes);
	return rc;
}

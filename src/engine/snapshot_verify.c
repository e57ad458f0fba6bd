/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore snapshot verify: every byte with the manifest's sums, then records and vectors with each other. */
#include "engine/check.h"
#include "engine/snapshot.h"

#define SUMS 0.3 /* share of the work that comparing takes */

struct hearing {
	void (*report)(void *context, const char *finding);
	void *context;
	struct vs_work *work;
};

static void hear(void *context, const char *finding)
{
	const struct hearing *hearing = context;

	if (hearing->report != NULL)
		hearing->report(hearing->context, finding);
}

static int on_progress(void *context, uint32_t done, uint32_t slots)
{
	const struct hearing *hearing = context;

	return vs_work_at(hearing->work, done, slots);
}

/* What is derived is judged by its sums alone: a graph is mended when it is restored, the rest is made anew. */
static int check_records(const struct vs_namespace *ns, const char *dir, struct hearing *hearing, uint64_t *problems,
                         struct vs_error *error)
{
	struct vs_check_run run = { .report = hear, .progress = on_progress, .context = hearing, .truth_only = true };
	struct vs_namespace *frozen = NULL;
	struct vs_error found;
	int rc = vs_work_phase(hearing->work, 1.0, 1, "checking");

	if (rc == 0)
		rc = vs_snapshot_open(ns, dir, &frozen, &found);
	if (rc == 0)
		rc = vs_check_run(frozen, &run, &found);
	vs_namespace_close(frozen);
	*problems += run.result.problems;
	if (rc == VS_ECORRUPT || rc == VS_EFORMAT) {
		hear(hearing, found.text);
		++*problems;
		return 0;
	}
	if (rc < 0 && error != NULL)
		*error = found;
	return rc;
}

int vs_snapshot_verify(struct vs_namespace *ns, const char *name, const struct vs_work_options *options,
                       void (*report)(void *context, const char *finding), uint64_t *problems, struct vs_error *error)
{
	struct vs_manifest manifest;
	struct vs_error found;
	struct vs_work work;
	struct hearing hearing = { report, options != NULL ? options->context : NULL, &work };
	char dir[VS_GENERATION_PATH];
	int rc = vs_snapshot_locate(ns, name, dir, &manifest, &found);

	*problems = 0;
	vs_work_init(&work, options);
	if (rc == VS_ECORRUPT) {
		hear(&hearing, found.text);
		++*problems;
		return 0;
	}
	if (rc < 0) {
		if (error != NULL)
			*error = found;
		return rc;
	}
	rc = vs_snapshot_sums(dir, &manifest, &work, SUMS, hear, &hearing, problems, error);
	/* Bytes that are not those that were written say nothing of what was. */
	return rc == 0 && *problems == 0 ? check_records(ns, dir, &hearing, problems, error) : rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots, restores and clones as jobs. One that is begun again may have been done already, by a process that was killed before
 * it could say so: what it was to make is there then, and younger than the job. A restore in the place of the records must
 * not be done twice, since others have written meanwhile: it names the generation that it means to replace.
 *
 * Arguments: "snapshot": {"name"?}; "restore": {"snapshot", "into"} or {"snapshot", "generation"}; "clone": {"to"}.
 */
#include <inttypes.h>
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "engine/jobs.h"
#include "engine/json.h"
#include "engine/snapshot.h"

struct arguments {
	struct vs_json *json;
	struct json_object *object;
};

/* Does the work with the job's arguments, parsed. */
static int with_arguments(struct vs_job_run *run,
                          int (*work)(struct vs_job_run *run, const struct arguments *arguments, struct vs_error *error),
                          struct vs_error *error)
{
	struct arguments arguments = { vs_json_open(), NULL };
	int rc;

	if (arguments.json == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for a job");
	rc = vs_json_parse(arguments.json, run->arguments, strlen(run->arguments), "arguments", &arguments.object, error);
	if (rc == 0)
		rc = work(run, &arguments, error);
	json_object_put(arguments.object);
	vs_json_close(arguments.json);
	return rc;
}

/* NULL when it is not there. Valid while the work is done. */
static const char *text_of(const struct arguments *arguments, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(arguments->object, name, &value) && json_object_is_type(value, json_type_string)
	           ? json_object_get_string(value)
	           : NULL;
}

static int64_t number_of(const struct arguments *arguments, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(arguments->object, name, &value) ? json_object_get_int64(value) : 0;
}

static int on_progress(void *context, double share, const char *doing)
{
	return vs_job_progress(context, share, doing);
}

/* ---- a snapshot ----------------------------------------------------------------------------------------- */

static int snapshot(struct vs_job_run *run, const struct arguments *arguments, struct vs_error *error)
{
	const char *name = text_of(arguments, "name");
	struct vs_work_options options = { run->threads, on_progress, run };
	char own[VS_SNAPSHOT_NAME_MAX + 1];
	char text[VS_SNAPSHOT_JSON];
	struct vs_snapshot made;
	int rc = 0;

	if (name == NULL) { /* the same at each attempt */
		rc = vs_snapshot_invent(run->job->created_at, own, error);
		name = own;
	}
	if (rc == 0)
		rc = vs_snapshot_create(run->ns, name, &options, &made, error);
	if (rc == VS_ECONFLICT && run->job->attempts > 1 && vs_snapshot_find(run->ns, name, &made, NULL) == 0 &&
	    made.created_at >= run->job->created_at)
		rc = 0;
	if (rc == 0) {
		vs_snapshot_json(&made, text);
		vs_job_result(run, "{\"success\":true,\"path\":\"/v1/snapshots/%s\",%s", made.name, text + 1);
	}
	return rc;
}

int vs_job_snapshot(struct vs_job_run *run, struct vs_error *error)
{
	return with_arguments(run, snapshot, error);
}

/* ---- a new namespace ------------------------------------------------------------------------------------ */

/* It was made by an attempt before this one. */
static int made_before(struct vs_job_run *run, const char *name, uint64_t *records, struct vs_error *error)
{
	struct vs_namespace_stats stats = { .total = 0 };
	struct vs_namespace *made;
	int rc = vs_namespace_open(run->store, name, NULL, &made, error);

	if (rc < 0)
		return rc;
	if (run->job->attempts < 2 || made->entry.created_at < run->job->created_at)
		rc = vs_error_set(error, VS_ECONFLICT, "there is a namespace \"%s\" already", name);
	else
		rc = vs_namespace_stats(made, &stats, error);
	vs_namespace_close(made);
	*records = stats.total;
	return rc;
}

static int clone(struct vs_job_run *run, const struct arguments *arguments, struct vs_error *error)
{
	const char *to = text_of(arguments, "to");
	struct vs_work_options options = { run->threads, on_progress, run };
	uint64_t records;
	int rc;

	if (to == NULL)
		return vs_error_at(error, VS_EINVAL, "to", -1, "is missing");
	rc = vs_namespace_clone(run->ns, to, &options, &records, error);
	if (rc == VS_ECONFLICT)
		rc = made_before(run, to, &records, error);
	if (rc == 0)
		vs_job_result(run, "{\"success\":true,\"namespace\":\"%s\",\"vectors_cloned\":%" PRIu64 "}", to, records);
	return rc;
}

int vs_job_clone(struct vs_job_run *run, struct vs_error *error)
{
	return with_arguments(run, clone, error);
}

/* ---- a restore ------------------------------------------------------------------------------------------ */

/* Whether an attempt before this one may have come to its end. */
static int check_generation(struct vs_job_run *run, int64_t generation, struct vs_error *error)
{
	struct vs_namespace_stats stats;
	int rc = run->job->attempts > 1 ? vs_namespace_stats(run->ns, &stats, error) : 0;

	if (rc < 0 || run->job->attempts < 2 || stats.generation == generation)
		return rc;
	return vs_error_set(error, VS_ECONFLICT,
	                    "the process that restored was killed, and since then the namespace was restored or compacted: see whether it "
	                    "holds what it shall, and restore again if not");
}

static int restore(struct vs_job_run *run, const struct arguments *arguments, struct vs_error *error)
{
	struct vs_work_options options = { run->threads, on_progress, run };
	const char *name = text_of(arguments, "snapshot");
	const char *into = text_of(arguments, "into");
	uint64_t records;
	int rc = 0;

	if (name == NULL)
		return vs_error_at(error, VS_EINVAL, "snapshot", -1, "is missing");
	if (into == NULL)
		rc = check_generation(run, number_of(arguments, "generation"), error);
	if (rc == 0)
		rc = vs_snapshot_restore(run->ns, name, into, &options, &records, error);
	if (rc == VS_ECONFLICT && into != NULL && run->job->attempts > 1)
		rc = made_before(run, into, &records, error);
	if (rc == 0)
		vs_job_result(run, "{\"success\":true,\"namespace\":\"%s\",\"vectors_restored\":%" PRIu64 "}",
		              into != NULL ? into : run->job->name, records);
	return rc;
}

int vs_job_restore(struct vs_job_run *run, struct vs_error *error)
{
	return with_arguments(run, restore, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore snapshot and vecstore clone, whether a server runs or not. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/input.h"
#include "programs/cli/interrupt.h"
#include "programs/cli/local.h"
#include "programs/cli/output.h"
#include "programs/cli/progress.h"

#define PIECE ((size_t)1 << 20)

struct work {
	struct vs_store *store;
	struct vs_namespace *ns;
	struct vs_args *args;
	const char *name, *file; /* of the operands; NULL: not given */
	struct vs_work_options options;
	struct vs_progress progress;
	struct vs_error error;
};

static int on_progress(void *context, double share, const char *doing)
{
	struct work *work = context;
	vs_progress_share(&work->progress, share, doing);
	return vs_interrupted != 0;
}

static const char *namespace_name(const struct work *work)
{
	return vs_args_text(work->args, VS_FLAG_NAMESPACE);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void print_made(struct work *work, const struct vs_snapshot *snapshot, const char *done)
{
	vs_progress_end(&work->progress);
	printf("%s: %s %s, %" PRIu64 " record%s, %" PRIu64 " bytes, in %.1f s\n", namespace_name(work), done, snapshot->name,
	       snapshot->records, plural(snapshot->records), snapshot->bytes, vs_progress_seconds(&work->progress));
}

/* ---- actions -------------------------------------------------------------------------------------------- */

static int create(struct work *work)
{
	struct vs_snapshot snapshot;
	int rc = vs_snapshot_create(work->ns, work->name, &work->options, &snapshot, &work->error);
	if (!rc)
		print_made(work, &snapshot, "snapshot");
	return rc;
}

static int print_one(void *context, const struct vs_snapshot *snapshot)
{
	char time[VS_CLOCK_TEXT];
	(void)context;
	if (snapshot->damaged) {
		printf("%-24s damaged: its manifest cannot be read\n", snapshot->name);
		return 0;
	}
	vs_clock_format(snapshot->created_at, time);
	printf("%-24s %s %12" PRIu64 " record%s %14" PRIu64 " bytes  seq %" PRIu64 "%s\n", snapshot->name, time, snapshot->records,
	       plural(snapshot->records), snapshot->bytes, snapshot->seq, snapshot->indexed ? "" : "  (no graph)");
	return 0;
}

static int list(struct work *work)
{
	return vs_snapshot_each(work->ns, print_one, NULL, &work->error);
}

static void print_finding(void *context, const char *finding)
{
	struct work *work = context;
	vs_progress_end(&work->progress);
	printf("%s: %s: %s\n", namespace_name(work), work->name, finding);
}

static int verify(struct work *work)
{
	uint64_t problems;
	int rc = vs_snapshot_verify(work->ns, work->name, &work->options, print_finding, &problems, &work->error);
	if (rc)
		return rc;
	vs_progress_end(&work->progress);
	if (problems)
		return vs_error_set(&work->error, VS_ECORRUPT, "snapshot %s is damaged: %" PRIu64 " problem%s", work->name, problems,
		                    plural(problems));
	printf("%s: snapshot %s is sound\n", namespace_name(work), work->name);
	return 0;
}

static void print_records(struct work *work, const char *name, const char *done, uint64_t records)
{
	vs_progress_end(&work->progress);
	printf("%s: %s %" PRIu64 " record%s in %.1f s\n", name, done, records, plural(records),
	       vs_progress_seconds(&work->progress));
}

static int restore(struct work *work)
{
	const char *into = vs_args_text(work->args, VS_FLAG_INTO);
	uint64_t records;
	int rc = vs_snapshot_restore(work->ns, work->name, into, &work->options, &records, &work->error);
	if (!rc)
		print_records(work, into ? into : namespace_name(work), "restored", records);
	return rc;
}

static int delete_one(struct work *work)
{
	int rc = vs_snapshot_remove(work->ns, work->name, &work->error);
	if (!rc)
		printf("%s: removed snapshot %s\n", namespace_name(work), work->name);
	return rc;
}

/* ---- files ---------------------------------------------------------------------------------------------- */

static int write_all(struct work *work, struct vs_snapshot_reader *reader, struct vs_output *output, uint64_t bytes)
{
	char *piece = malloc(PIECE);
	uint64_t done = 0;
	size_t len = 1;
	int rc = piece ? 0 : vs_error_set(&work->error, VS_ENOMEM, "out of memory");
	while (!rc && len > 0) {
		rc = vs_snapshot_read(reader, piece, PIECE, &len, &work->error);
		if (!rc)
			rc = vs_output_write(output, piece, len, &work->error);
		done += len;
		if (!rc)
			rc = on_progress(work, (double)done / (double)bytes, "writing");
	}
	free(piece);
	return rc ? rc : vs_output_commit(output, &work->error);
}

static int export_one(struct work *work)
{
	const char *path = work->file && strcmp(work->file, "-") != 0 ? work->file : NULL;
	struct vs_snapshot_reader *reader;
	struct vs_output output = { .open = false };
	uint64_t bytes;
	if (!path && isatty(STDOUT_FILENO))
		return vs_error_set(&work->error, VS_EINVAL, "name a file, or redirect: a terminal cannot show a snapshot");
	int rc = vs_snapshot_reader_open(work->ns, work->name, &work->options, &reader, &bytes, &work->error);
	if (rc)
		return rc;
	rc = vs_output_open(&output, path, &work->error);
	if (!rc)
		rc = write_all(work, reader, &output, bytes);
	vs_output_close(&output);
	vs_snapshot_reader_close(reader);
	vs_progress_end(&work->progress);
	if (!rc && path)
		printf("%s: wrote snapshot %s to %s, %" PRIu64 " bytes\n", namespace_name(work), work->name, path, bytes);
	return rc;
}

static int read_input(void *source, void *data, size_t cap, size_t *len, struct vs_error *error)
{
	int rc = vs_input_read(source, data, cap, error);
	*len = rc == 1 ? cap : 0;
	return rc < 0 ? rc : 0;
}

static int import_one(struct work *work)
{
	struct vs_input input = { .gz = NULL };
	struct vs_snapshot snapshot;
	int rc = vs_input_open(&input, work->name, &work->error);
	if (!rc)
		rc = vs_snapshot_import(work->ns, work->file, read_input, &input, &work->options, &snapshot, &work->error);
	vs_input_close(&input);
	if (!rc)
		print_made(work, &snapshot, "took in snapshot");
	return rc;
}

/* ---- the commands --------------------------------------------------------------------------------------- */

/* `name` and `file`: the least and most operands after the action. */
static const struct action {
	const char *name;
	int least, most;
	const char *event; /* what the audit trail calls it; NULL: it only reads */
	bool create;       /* the namespace is made when it is missing */
	int (*run)(struct work *work);
} actions[] = {
	{ "create", 0, 1, "snapshot create", false, create },
	{ "list", 0, 0, NULL, false, list },
	{ "verify", 1, 1, NULL, false, verify },
	{ "restore", 1, 1, "snapshot restore", false, restore },
	{ "delete", 1, 1, "snapshot delete", false, delete_one },
	{ "export", 1, 2, NULL, false, export_one },
	{ "import", 1, 2, "snapshot import", true, import_one },
};

static const struct action *find_action(const struct vs_args *args, struct vs_error *error)
{
	const char *name = args->operands[0];
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		int count = args->operand_count - 1;
		if (count >= actions[i].least && count <= actions[i].most)
			return &actions[i];
		vs_error_set(error, VS_EINVAL, "vecstore snapshot %s takes %s; see: vecstore snapshot --help", name,
		             count < actions[i].least ? "a name" : "fewer arguments");
		return NULL;
	}
	vs_error_set(error, VS_EINVAL, "snapshot has no action '%s'; see: vecstore snapshot --help", name);
	return NULL;
}

static void begin(struct work *work, struct vs_args *args)
{
	*work = (struct work){ .args = args };
	work->options = (struct vs_work_options){ 0, on_progress, work };
	vs_interrupt_catch();
	vs_progress_begin(&work->progress, 0);
}

/* make: the event of what needs it, when it is missing; else NULL. */
static int open_namespace(struct work *work, const char *name, const struct vs_audit_event *make)
{
	struct vs_quota quota;
	int rc = vs_local_quota(work->args, &quota, &work->error);
	if (!rc)
		rc = vs_store_open(vs_args_text(work->args, VS_FLAG_DATA), 0, &work->store, &work->error);
	if (!rc)
		vs_store_set_quota(work->store, &quota);
	if (!rc && make)
		rc = vs_local_make(work->store, NULL, make, &work->error);
	return rc ? rc : vs_namespace_open(work->store, name, NULL, &work->ns, &work->error);
}

static int run_recorded(struct work *work, const struct vs_audit_event *event, int (*run)(struct work *work))
{
	int rc = vs_local_begin(work->store, event, &work->error);
	if (rc)
		return rc;
	rc = run(work);
	vs_local_end(work->store, event, rc);
	return rc;
}

static int end(struct work *work, int rc)
{
	vs_progress_end(&work->progress);
	vs_namespace_close(work->ns);
	vs_store_close(work->store);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", rc > 0 ? "stopped; nothing has changed" : work->error.text);
	return rc ? 1 : 0;
}

int vs_command_snapshot(struct vs_args *args)
{
	char actor[32], object[160];
	struct work work;
	begin(&work, args);
	const struct action *action = find_action(args, &work.error);
	if (!action) {
		fprintf(stderr, "vecstore: %s\n", work.error.text);
		return 2;
	}
	work.name = args->operand_count > 1 ? args->operands[1] : NULL;
	work.file = args->operand_count > 2 ? args->operands[2] : NULL;
	struct vs_audit_event event = vs_local_event(action->event, actor);
	const char *into = vs_args_text(args, VS_FLAG_INTO);
	event.ns = namespace_name(&work);
	event.object = action->run == import_one ? work.file : work.name;
	if (action->run == restore && into) {
		snprintf(object, sizeof object, "%.63s into %.63s", work.name, into);
		event.object = object;
	}
	int rc = open_namespace(&work, event.ns, action->create ? &event : NULL);
	if (!rc)
		rc = action->event ? run_recorded(&work, &event, action->run) : action->run(&work);
	return end(&work, rc);
}

static int clone(struct work *work)
{
	const char *to = work->args->operands[1];
	uint64_t records;
	int rc = vs_namespace_clone(work->ns, to, &work->options, &records, &work->error);
	if (!rc)
		print_records(work, to, "cloned", records);
	return rc;
}

int vs_command_clone(struct vs_args *args)
{
	char actor[32];
	struct work work;
	begin(&work, args);
	struct vs_audit_event event = vs_local_event("clone", actor);
	event.ns = args->operands[0];
	event.object = args->operands[1];
	int rc = open_namespace(&work, event.ns, NULL);
	return end(&work, rc ? rc : run_recorded(&work, &event, clone));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore check: every namespace, or one, compared with itself while others read and write; --repair mends it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/local.h"
#include "programs/cli/progress.h"

struct check {
	struct vs_store *store;
	const char *only; /* NULL: all */
	bool repair;
	const char *name; /* being checked; NULL: the catalogue */
	uint64_t namespaces, records;
	struct vs_check_result sum;
	struct vs_progress progress;
	uint32_t slots; /* that the bar stands for; 0: there is none */
};

static void end_bar(struct check *check)
{
	if (check->slots > 0)
		vs_progress_end(&check->progress);
	check->slots = 0;
}

static void report(void *context, const char *finding)
{
	struct check *check = context;
	end_bar(check);
	if (check->name)
		printf("%s: ", check->name);
	printf("%s\n", finding);
	fflush(stdout);
}

static int progress(void *context, uint32_t done, uint32_t slots)
{
	struct check *check = context;
	if (check->slots != slots) {
		end_bar(check);
		check->slots = slots;
		vs_progress_begin(&check->progress, slots);
	}
	vs_progress_update(&check->progress, done, done);
	return 0;
}

static void add(struct check *check, const struct vs_check_result *result)
{
	check->sum.problems += result->problems;
	check->sum.repairs += result->repairs;
	check->sum.mended += result->mended;
}

static int examine(struct check *check, struct vs_namespace *ns, struct vs_check_result *result, struct vs_error *error)
{
	struct vs_repair_options options = { .report = report, .progress = progress, .context = check };
	int rc = check->repair ? vs_namespace_repair(ns, &options, result, error)
	                       : vs_namespace_check(ns, report, check, result, error);
	end_bar(check);
	return rc;
}

/* What cannot even be opened is a problem, and no reason to leave out the others. */
static void check_namespace(struct check *check)
{
	struct vs_error error;
	struct vs_namespace *ns = NULL;
	struct vs_namespace_stats stats;
	struct vs_check_result result = { .problems = 0 };
	int rc = vs_namespace_open(check->store, check->name, NULL, &ns, &error);
	if (!rc)
		rc = examine(check, ns, &result, &error);
	if (!rc)
		rc = vs_namespace_stats(ns, &stats, &error);
	if (rc) {
		report(check, error.text);
		check->sum.problems++;
	} else {
		check->records += stats.total;
	}
	check->namespaces++;
	add(check, &result);
	vs_namespace_close(ns);
}

static int each(void *context, const struct vs_namespace_info *info)
{
	struct check *check = context;
	if (info->status == VS_DELETING || (check->only && strcmp(check->only, info->name) != 0))
		return 0;
	check->name = info->name;
	check_namespace(check);
	return 0;
}

static int check_store(struct check *check, struct vs_error *error)
{
	struct vs_store_check_options options = { check->repair, report, check };
	struct vs_check_result result;
	int rc = vs_store_check(check->store, &options, &result, error);
	add(check, &result);
	return rc;
}

static void print_sum(const struct check *check)
{
	printf("%llu namespace%s, %llu records: %llu problems, ", (unsigned long long)check->namespaces,
	       check->namespaces == 1 ? "" : "s", (unsigned long long)check->records,
	       (unsigned long long)check->sum.problems);
	if (check->repair)
		printf("%llu mended, ", (unsigned long long)check->sum.mended);
	printf("%llu repairs pending\n", (unsigned long long)check->sum.repairs);
	if (check->repair && check->sum.problems > 0)
		fputs("what was stored is damaged, and nothing here can tell what it was: take it from a backup, or store or delete "
		      "the records named above\n", stdout);
}

static int check_all(struct check *check, struct vs_error *error)
{
	int rc = check->only ? 0 : check_store(check, error);
	return rc ? rc : vs_store_each(check->store, NULL, each, check, error);
}

/* A trail that is damaged itself keeps nothing from being mended. */
static int repair_all(struct check *check, struct vs_error *error)
{
	char actor[32];
	struct vs_audit_event event = vs_local_event("check --repair", actor);
	event.ns = check->only;
	bool recorded = vs_local_begin(check->store, &event, error) == 0;
	if (!recorded)
		fprintf(stderr, "vecstore: goes on without the audit trail: %s\n", error->text);
	int rc = check_all(check, error);
	if (recorded)
		vs_local_end(check->store, &event, rc);
	return rc;
}

int vs_command_check(struct vs_args *args)
{
	struct vs_error error;
	struct check check = { .only = vs_args_text(args, VS_FLAG_ONLY_NAMESPACE),
		                   .repair = vs_args_switch(args, VS_FLAG_REPAIR) };
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &check.store, &error);
	if (!rc)
		rc = check.repair ? repair_all(&check, &error) : check_all(&check, &error);
	vs_store_close(check.store);
	if (!rc && check.only && check.namespaces == 0)
		rc = vs_error_set(&error, VS_ENOTFOUND, "there is no namespace %s", check.only);
	if (rc) {
		fprintf(stderr, "vecstore: %s\n", error.text);
		return 1;
	}
	print_sum(&check);
	return check.sum.problems > 0 || (check.repair && check.sum.repairs > 0) ? 1 : 0;
}

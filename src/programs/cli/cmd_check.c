/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore check: every namespace, or one, compared with itself while others read and write. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"

struct check {
	struct vs_store *store;
	const char *only; /* NULL: all */
	const char *name; /* being checked */
	uint64_t namespaces, records, problems, repairs;
};

static void report(void *context, const char *finding)
{
	const struct check *check = context;
	printf("%s: %s\n", check->name, finding);
}

/* What cannot even be opened is a problem, and no reason to leave out the others. */
static void check_namespace(struct check *check)
{
	struct vs_error error;
	struct vs_namespace *ns = NULL;
	struct vs_namespace_stats stats;
	struct vs_check_result result = { 0, 0 };
	int rc = vs_namespace_open(check->store, check->name, NULL, &ns, &error);
	if (!rc)
		rc = vs_namespace_check(ns, report, check, &result, &error);
	if (!rc)
		rc = vs_namespace_stats(ns, &stats, &error);
	if (rc) {
		report(check, error.text);
		check->problems++;
	} else {
		check->records += stats.total;
	}
	check->namespaces++;
	check->problems += result.problems;
	check->repairs += result.repairs;
	vs_namespace_close(ns);
}

static int each(void *context, const struct vs_namespace_info *info)
{
	struct check *check = context;
	if (check->only && strcmp(check->only, info->name) != 0)
		return 0;
	check->name = info->name;
	check_namespace(check);
	return 0;
}

int vs_command_check(struct vs_args *args)
{
	struct vs_error error;
	struct check check = { .only = vs_args_text(args, VS_FLAG_ONLY_NAMESPACE) };
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &check.store, &error);
	if (!rc)
		rc = vs_store_each(check.store, each, &check, &error);
	vs_store_close(check.store);
	if (!rc && check.only && check.namespaces == 0)
		rc = vs_error_set(&error, VS_ENOTFOUND, "there is no namespace %s", check.only);
	if (rc) {
		fprintf(stderr, "vecstore: %s\n", error.text);
		return 1;
	}
	printf("%llu namespace%s, %llu records: %llu problems, %llu repairs pending\n",
	       (unsigned long long)check.namespaces, check.namespaces == 1 ? "" : "s", (unsigned long long)check.records,
	       (unsigned long long)check.problems, (unsigned long long)check.repairs);
	return check.problems > 0 ? 1 : 0;
}

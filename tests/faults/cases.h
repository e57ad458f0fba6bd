/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation that changes something, with what is there before it: for steps (R2) and memory (R8). */
#ifndef VS_TESTS_FAULTS_CASES_H
#define VS_TESTS_FAULTS_CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "work.h"

#define BEFORE_MAX 6

struct fault_case {
	const char *name;
	const char *ns;
	unsigned dim;
	bool cold;  /* opening counts, too */
	unsigned heavy; /* of so many steps one, with one fault, is enough for every day; 0: each with several */
	struct work_op before[BEFORE_MAX];
	struct work_op op;
};

static const struct fault_case cases[] = {
	{ "create", "default", 6, true, 0, { { 0 } }, { WORK_UPSERT, 0, 1, 1 } },
	{ "open", "default", 6, true, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_UPSERT, 20, 1, 0 } },
	{ "upsert", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_UPSERT, 20, 1, 0 } },
	{ "batch", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_UPSERT, 10, 60, 2 } },
	{ "grow", "default", 256, false, 0, { { WORK_UPSERT, 0, 960, 0 } }, { WORK_UPSERT, 955, 10, 2 } },
	{ "delete", "default", 6, false, 0, { { WORK_UPSERT, 0, 600, 0 } }, { WORK_DELETE, 100, 200, 0 } },
	{ "delete-where", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 }, { WORK_SOFT_DELETE, 8, 4, 0 } },
	  { WORK_DELETE_WHERE, 5, 10, 0 } },
	{ "soft-delete", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 } }, { WORK_SOFT_DELETE, 5, 10, 0 } },
	{ "restore", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 }, { WORK_SOFT_DELETE, 0, 12, 0 } },
	  { WORK_RESTORE, 5, 10, 0 } },
	{ "patch", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_PATCH, 3, 1, 9 } },
	{ "patch-many", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 } }, { WORK_PATCH, 5, 30, 9 } },
	{ "execute", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 }, { WORK_SOFT_DELETE, 4, 9, 0 } },
	  { WORK_EXECUTE, 2, 50, 3 } },
	{ "execute-first", "default", 6, true, 0, { { 0 } }, { WORK_EXECUTE, 0, 8, 3 } },
	{ "expire", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_EXPIRE, 5, 30, 2 } },
	{ "sweep", "default", 6, false, 0,
	  { { WORK_UPSERT, 0, 40, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_EXPIRE, 10, 20, 2 }, { WORK_UPSERT, 12, 2, 3 } },
	  { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "upkeep", "default", 6, false, 0,
	  { { WORK_UPSERT, 0, 40, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_UPSERT, 20, 40, 3 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "trim", "default", 6, false, 1, { { WORK_UPSERT, 0, 1300, 0 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "link", "default", 4, false, 1, { { WORK_UPSERT, 0, 2000, 0 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "link-tail", "default", 4, false, 1,
	  { { WORK_UPSERT, 0, 2000, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_UPSERT, 1990, 20, 1 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "compact", "default", 6, false, 0,
	  { { WORK_UPSERT, 0, 40, 0 }, { WORK_UPSERT, 10, 15, 1 }, { WORK_DELETE, 20, 10, 0 }, { WORK_SOFT_DELETE, 3, 4, 0 } },
	  { WORK_COMPACT, 0, 0, 0 } },
	{ "compact-expired", "default", 6, false, 0,
	  { { WORK_UPSERT, 0, 40, 0 }, { WORK_EXPIRE, 10, 20, 2 }, { WORK_UPSERT, 12, 2, 3 }, { WORK_PATCH, 0, 5, 9 } },
	  { WORK_COMPACT, 0, 0, 0 } },
	{ "compact-graph", "default", 4, false, 4,
	  { { WORK_UPSERT, 0, 2000, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_UPSERT, 1990, 100, 1 }, { WORK_SOFT_DELETE, 3, 4, 0 } },
	  { WORK_COMPACT, 0, 0, 0 } },
	{ "scoped", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 } }, { WORK_SCOPED, 5, 20, 0 } },
	{ "keys", "default", 6, false, 0, { { WORK_UPSERT, 0, 4, 0 }, { WORK_KEYS, 0, 0, 0 } }, { WORK_KEYS, 0, 0, 0 } },
	{ "job", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 }, { WORK_UPSERT, 10, 15, 1 } }, { WORK_JOB, 0, 0, 0 } },
	{ "repair", "default", 4, false, 1,
	  { { WORK_UPSERT, 0, 2000, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_SPOIL, 0, 0, 0 } }, { WORK_REPAIR, 0, 0, 0 } },
	{ "snapshot", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 }, { WORK_SOFT_DELETE, 3, 4, 0 } },
	  { WORK_SNAPSHOT, 0, WORK_RECORDS, 0 } },
	{ "snapshot-graph", "default", 4, false, 1, { { WORK_UPSERT, 0, 2000, 0 }, { WORK_INDEX, 0, 0, 0 } },
	  { WORK_SNAPSHOT, 0, WORK_RECORDS, 0 } },
	{ "go-back", "default", 6, false, 0,
	  { { WORK_UPSERT, 0, 40, 0 }, { WORK_SOFT_DELETE, 3, 4, 0 }, { WORK_SNAPSHOT, 0, WORK_RECORDS, 0 }, { WORK_UPSERT, 30, 20, 1 },
	    { WORK_DELETE, 5, 3, 0 } },
	  { WORK_GO_BACK, 0, WORK_RECORDS, 0 } },
	{ "go-back-graph", "default", 4, false, 4,
	  { { WORK_UPSERT, 0, 2000, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_SNAPSHOT, 0, WORK_RECORDS, 0 }, { WORK_UPSERT, 1990, 100, 1 } },
	  { WORK_GO_BACK, 0, WORK_RECORDS, 0 } },
	{ "clone", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, 0 }, { WORK_UPSERT, 10, 15, 1 }, { WORK_SOFT_DELETE, 3, 4, 0 } },
	  { WORK_CLONE, 0, 0, 0 } },
	{ "text-first", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_UPSERT, 10, 20, WORK_TEXT } },
	{ "text", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, WORK_TEXT } }, { WORK_UPSERT, 20, 30, WORK_TEXT + 1 } },
	{ "text-patch", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, WORK_TEXT } }, { WORK_PATCH, 3, 8, 9 } },
	{ "text-delete", "default", 6, false, 0, { { WORK_UPSERT, 0, 40, WORK_TEXT } }, { WORK_DELETE, 5, 20, 0 } },
	{ "text-compact", "default", 6, false, 4,
	  { { WORK_UPSERT, 0, 40, WORK_TEXT }, { WORK_UPSERT, 10, 15, 1 }, { WORK_DELETE, 20, 10, 0 }, { WORK_SOFT_DELETE, 3, 4, 0 } },
	  { WORK_COMPACT, 0, 0, 0 } },
	{ "bound", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_BOUND, 0, 0, 0 } },
	{ "bounded", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 }, { WORK_BOUND, 0, 0, 0 } }, { WORK_UPSERT, 10, 60, 2 } },
	{ "filled", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_FILL, 20, 10, 2 } },
	{ "aside", "default", 6, false, 0, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_SIDE, 0, 0, 0 } },
	{ "namespace", "other", 6, true, 0, { { 0 } }, { WORK_UPSERT, 0, 1, 0 } },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

struct case_before {
	const struct fault_case *of;
	const char *data;
};

static int make_before(void *context)
{
	const struct case_before *before = context;
	const struct fault_case *of = before->of;
	struct vs_error error;
	struct work work;
	int rc;

	if (of->before[0].kind == WORK_NONE && strcmp(of->ns, "default") == 0)
		return 0;
	rc = work_open(&work, before->data, "default", of->dim, &error);
	for (unsigned i = 0; rc == 0 && i < BEFORE_MAX; i++)
		rc = work_perform(&work, &of->before[i], &error);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", of->name, error.text);
	work_close(&work);
	return rc == 0 ? 0 : 2;
}

/* Makes what is there before, by a process of its own. */
static inline void cases_prepare(const struct fault_case *of, const char *data)
{
	struct case_before before = { of, data };

	if (work_child(make_before, &before) != 0)
		exit(2);
}

/* All cases, or the one that the command line names; run tells how many findings it has. The exit status. */
static inline int cases_run(const char *program, int argc, char **argv, bool first_only,
                            unsigned long (*run)(const struct fault_case *of, const char *folder))
{
	unsigned long findings = 0;
	char folder[64];
	time_t start = time(NULL);

	work_folder(folder);
	for (size_t i = 0; i < CASES && !(first_only && findings > 0); i++)
		if (argc < 2 || strcmp(argv[1], cases[i].name) == 0)
			findings += run(&cases[i], folder);
	work_remove(folder);
	printf("%s: %lu findings in %ld s\n", program, findings, (long)(time(NULL) - start));
	return findings > 0;
}

#endif

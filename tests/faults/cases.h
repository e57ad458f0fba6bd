/* SPDX-License-Identifier: Apache-2.0 */
/* Each operation that changes something, with what is there before it: for steps (R2) and memory (R8). */
#ifndef VS_TESTS_FAULTS_CASES_H
#define VS_TESTS_FAULTS_CASES_H

#include "work.h"

#define BEFORE_MAX 6

struct fault_case {
	const char *name;
	const char *ns;
	unsigned dim;
	bool cold;  /* opening counts, too */
	bool heavy; /* one fault per step is enough for every day */
	struct work_op before[BEFORE_MAX];
	struct work_op op;
};

static const struct fault_case cases[] = {
	{ "create", "default", 6, true, false, { { 0 } }, { WORK_UPSERT, 0, 1, 1 } },
	{ "open", "default", 6, true, false, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_UPSERT, 20, 1, 0 } },
	{ "upsert", "default", 6, false, false, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_UPSERT, 20, 1, 0 } },
	{ "batch", "default", 6, false, false, { { WORK_UPSERT, 0, 20, 0 } }, { WORK_UPSERT, 10, 60, 2 } },
	{ "grow", "default", 256, false, false, { { WORK_UPSERT, 0, 960, 0 } }, { WORK_UPSERT, 955, 10, 2 } },
	{ "delete", "default", 6, false, false, { { WORK_UPSERT, 0, 600, 0 } }, { WORK_DELETE, 100, 200, 0 } },
	{ "delete-where", "default", 6, false, false, { { WORK_UPSERT, 0, 40, 0 }, { WORK_SOFT_DELETE, 8, 4, 0 } },
	  { WORK_DELETE_WHERE, 5, 10, 0 } },
	{ "soft-delete", "default", 6, false, false, { { WORK_UPSERT, 0, 40, 0 } }, { WORK_SOFT_DELETE, 5, 10, 0 } },
	{ "restore", "default", 6, false, false, { { WORK_UPSERT, 0, 40, 0 }, { WORK_SOFT_DELETE, 0, 12, 0 } },
	  { WORK_RESTORE, 5, 10, 0 } },
	{ "upkeep", "default", 6, false, false,
	  { { WORK_UPSERT, 0, 40, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_UPSERT, 20, 40, 3 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "trim", "default", 6, false, true, { { WORK_UPSERT, 0, 1300, 0 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "link", "default", 4, false, true, { { WORK_UPSERT, 0, 2000, 0 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "link-tail", "default", 4, false, true,
	  { { WORK_UPSERT, 0, 2000, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_UPSERT, 1990, 20, 1 } }, { WORK_INDEX_HERE, 0, 0, 0 } },
	{ "repair", "default", 4, false, true,
	  { { WORK_UPSERT, 0, 2000, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_SPOIL, 0, 0, 0 } }, { WORK_REPAIR, 0, 0, 0 } },
	{ "namespace", "other", 6, true, false, { { 0 } }, { WORK_UPSERT, 0, 1, 0 } },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

#endif

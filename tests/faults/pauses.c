/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers beside a writer that stands still at a named point: one that was there before, and one that comes now. Both must see
 * the records before the operation or those after it, as the point says, exactly, and find what they must.
 *
 *   pauses [POINT]           VECSTORE_FAULT_FIRST=1: end at the first finding
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "work.h"

#define BEFORE_MAX 4

struct pause_case {
	const char *point; /* NAME[:N] */
	bool committed;    /* what the operation does is to be seen at the point */
	unsigned dim;
	struct work_op before[BEFORE_MAX];
	struct work_op op;
};

#define FEW { WORK_UPSERT, 0, 40, 0 }
#define MANY { WORK_UPSERT, 0, 2000, 0 }, { WORK_DELETE, 50, 30, 0 }
#define LINKED MANY, { WORK_INDEX, 0, 0, 0 }
#define UPSERT { WORK_UPSERT, 20, 60, 1 }
#define INDEX { WORK_INDEX, 0, 0, 0 }

static const struct pause_case cases[] = {
	{ "vectors-grown", false, 256, { { WORK_UPSERT, 0, 960, 0 } }, { WORK_UPSERT, 955, 100, 2 } },
	{ "vectors-written", false, 6, { FEW }, UPSERT },
	{ "vectors-synced", false, 6, { FEW }, UPSERT },
	{ "vectors-synced", false, 4, { LINKED }, UPSERT },
	{ "meta-before-commit", false, 6, { FEW }, UPSERT },
	{ "meta-before-commit", false, 6, { FEW }, { WORK_DELETE, 3, 20, 0 } },
	{ "meta-after-commit", true, 6, { FEW }, UPSERT },
	{ "meta-after-commit", true, 4, { LINKED }, { WORK_SOFT_DELETE, 3, 200, 0 } },
	{ "columns-written", true, 4, { MANY }, INDEX },
	{ "columns-written:3", true, 4, { MANY }, INDEX },
	{ "graph-grown", true, 4, { MANY }, INDEX },
	{ "graph-publish:2", true, 4, { MANY }, INDEX },
	{ "graph-publish:1500", true, 4, { MANY }, INDEX },
	{ "graph-level", true, 4, { MANY }, INDEX },
	{ "graph-level:40", true, 4, { MANY }, INDEX },
	{ "graph-linked", true, 4, { MANY }, INDEX },
	{ "graph-linked:20", true, 4, { MANY }, INDEX },
	{ "graph-grown", true, 256, { LINKED, { WORK_UPSERT, 1990, 600, 3 } }, INDEX },
	{ "graph-publish:5", true, 4, { LINKED, { WORK_UPSERT, 1990, 60, 3 } }, INDEX },
	{ "graph-checkpoint", true, 4, { MANY }, INDEX },
	{ "file-renamed", true, 4, { MANY }, INDEX },
	{ "file-renamed:2", true, 4, { MANY }, INDEX },
	{ "file-renamed:4", true, 4, { MANY }, INDEX },
	{ "live-stored", true, 4, { MANY }, INDEX },
	{ "checkpoint-write", true, 6, { FEW }, INDEX },
	{ "checkpoint-write:5", true, 4, { MANY }, INDEX },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

struct run {
	const struct pause_case *of;
	char data[96];
	int go[2]; /* the writer waits for it */
	struct work_model models[2];
	char *why; /* shared */
};

static int prepare(void *context)
{
	const struct run *run = context;
	struct vs_error error = { .code = 0 };
	struct work work;
	int rc = work_open(&work, run->data, "default", run->of->dim, &error);

	for (size_t i = 0; rc == 0 && i < BEFORE_MAX; i++)
		rc = work_perform(&work, &run->of->before[i], &error);
	work_close(&work);
	return rc == 0 ? 0 : 2;
}

static pid_t writer(const struct run *run)
{
	pid_t child;
	char byte;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		struct vs_error error = { .code = 0 };
		struct work work;
		int rc;
		alarm(60);
		if (read(run->go[0], &byte, 1) != 1)
			_exit(2);
		setenv("VECSTORE_PAUSE", run->of->point, 1);
		rc = work_open(&work, run->data, "default", run->of->dim, &error);
		work_fault(NULL); /* opening does not count */
		if (rc == 0)
			rc = work_perform(&work, &run->of->op, &error);
		work_close(&work);
		_exit(rc == 0 ? 0 : 1);
	}
	return child;
}

/* What this handle sees is what the model says, and is found. */
static bool sees(struct work *work, const struct work_model *model, const char *who, char *why)
{
	char what[WORK_WHY] = "";

	if (work_compare(work, model, what) == 1 && work_answers(work, model, what) && work_walks(work, what))
		return true;
	snprintf(why, WORK_WHY, "%s: %.300s", who, what);
	return false;
}

static bool fresh_sees(const struct run *run, const struct work_model *model, const char *who)
{
	struct vs_error error;
	struct work work;
	bool good;

	if (work_open(&work, run->data, "default", run->of->dim, &error) != 0) {
		snprintf(run->why, WORK_WHY, "%s: it cannot be opened: %.300s", who, error.text);
		return false;
	}
	good = sees(&work, model, who, run->why);
	work_close(&work);
	return good;
}

/* 0: stands still; else the finding. */
static bool stands(const struct run *run, pid_t child)
{
	int status;

	if (waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status))
		return true;
	snprintf(run->why, WORK_WHY, "the writer did not come there: status %x", (unsigned)status);
	return false;
}

static bool ends(const struct run *run, pid_t child)
{
	int status;

	kill(child, SIGCONT);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	snprintf(run->why, WORK_WHY, "the writer went on and failed: status %x", (unsigned)status);
	return false;
}

/* Forks the writer before it opens anything: no handle crosses a fork. */
static int watch(void *context)
{
	struct run *run = context;
	const struct work_model *now = &run->models[run->of->committed];
	struct vs_error error;
	struct work early;
	pid_t child;
	bool good;

	if (pipe(run->go) != 0)
		return 2;
	child = writer(run);
	if (work_open(&early, run->data, "default", run->of->dim, &error) != 0)
		return 2;
	good = sees(&early, &run->models[0], "before", run->why);
	if (write(run->go[1], "1", 1) != 1)
		return 2;
	good = good && stands(run, child);
	good = good && sees(&early, now, "who was there before", run->why) && fresh_sees(run, now, "who comes now");
	good = good && ends(run, child);
	good = good && sees(&early, &run->models[1], "afterwards", run->why);
	work_close(&early);
	kill(child, SIGKILL);
	return good ? 0 : 3;
}

static unsigned long run_lane(unsigned number, unsigned lanes, void *context)
{
	const char *const *words = context; /* folder, the only point or NULL */
	bool first_only = work_setting("VECSTORE_FAULT_FIRST", 0) != 0;
	struct run *run = calloc(1, sizeof(*run));
	unsigned long findings = 0;

	snprintf(run->data, sizeof(run->data), "%s/%u", words[0], number);
	run->why = mmap(NULL, WORK_WHY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = number; i < CASES && !(first_only && findings > 0); i += lanes) {
		int status;
		run->of = &cases[i];
		if (words[1] != NULL && strcmp(words[1], run->of->point) != 0)
			continue;
		memset(run->models, 0, sizeof(run->models));
		for (size_t k = 0; k < BEFORE_MAX; k++)
			work_apply(&run->models[0], &run->of->before[k]);
		run->models[1] = run->models[0];
		work_apply(&run->models[1], &run->of->op);
		run->why[0] = '\0';
		if (work_child(prepare, run) != 0)
			exit(2);
		status = work_child(watch, run);
		if (status != 0) {
			printf("pauses: %s: %s (%d)\n", run->of->point, run->why, status);
			findings++;
		}
		work_remove(run->data);
	}
	free(run);
	return findings;
}

int main(int argc, char **argv)
{
	char folder[64];
	const char *words[2] = { folder, argc > 1 ? argv[1] : NULL };
	time_t start = time(NULL);
	unsigned long findings;

	work_folder(folder);
	findings = work_lanes(run_lane, words);
	work_remove(folder);
	printf("pauses: %zu places, %lu findings in %ld s\n", CASES, findings, (long)(time(NULL) - start));
	return findings > 0;
}

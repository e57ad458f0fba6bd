/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I2 of doc/architecture.md: a writer that is killed in its commit may leave a whole transaction in the WAL that nobody
 * sees as long as another process has the namespace open, and that appears once all of them are gone. A second writer comes
 * between, and is killed too, before it commits. At each step of the first one: its record, if it appears, must have its
 * own vector.
 *
 *   rivals                   VECSTORE_FAULT_FIRST=1: end at the first finding
 */
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

#define DIM 6

static const struct work_op before = { WORK_UPSERT, 0, 20, 0 };
static const struct work_op firsts = { WORK_UPSERT, 30, 2, 0 };
static const struct work_op seconds = { WORK_UPSERT, 40, 2, 1 };

struct run {
	const char *data;
	const struct work_op *op;
	char fault[32];
	const char *point;
};

static int write_one(void *context)
{
	const struct run *run = context;
	struct vs_error error;
	struct work work;

	if (work_open(&work, run->data, "default", DIM, &error) != 0)
		return 2;
	if (run->point != NULL)
		setenv("VECSTORE_POINT", run->point, 1);
	work_fault(run->fault[0] != '\0' ? run->fault : NULL);
	if (work_perform(&work, run->op, &error) != 0)
		return 2;
	work_close(&work);
	return 0;
}

/* A process that has the namespace open until it is killed. */
static pid_t bystander(const char *data)
{
	int ready[2];
	char byte;
	pid_t child;

	if (pipe(ready) != 0)
		exit(2);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		struct vs_namespace_stats stats;
		struct vs_error error;
		struct work work;
		if (work_open(&work, data, "default", DIM, &error) != 0 || vs_namespace_stats(work.ns, &stats, &error) != 0)
			_exit(2);
		if (write(ready[1], "1", 1) == 1)
			pause();
		_exit(2);
	}
	close(ready[1]);
	if (child < 0 || read(ready[0], &byte, 1) != 1)
		exit(2);
	close(ready[0]);
	return child;
}

struct expected {
	const char *data;
	struct work_model models[2]; /* without and with the first one's records */
	char *why;
};

static int verify(void *context)
{
	const struct expected *expected = context;

	return work_verify(expected->data, "default", DIM, expected->models, 2, expected->why) ? 0 : 3;
}

int main(void)
{
	struct expected *expected = calloc(1, sizeof(*expected));
	bool first_only = work_setting("VECSTORE_FAULT_FIRST", 0) != 0;
	unsigned findings = 0;
	unsigned steps = 0;
	char folder[64];
	char data[80];
	time_t start = time(NULL);

	work_folder(folder);
	snprintf(data, sizeof(data), "%s/data", folder);
	expected->data = data;
	expected->why = mmap(NULL, WORK_WHY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	work_apply(&expected->models[0], &before);
	work_apply(&expected->models[1], &before);
	work_apply(&expected->models[1], &firsts);
	for (bool more = true; more && !(first_only && findings > 0);) {
		struct run run = { data, &before, "", NULL };
		pid_t other;
		if (work_child(write_one, &run) != 0)
			exit(2);
		other = bystander(data);
		run.op = &firsts;
		snprintf(run.fault, sizeof(run.fault), "%u:KILL", ++steps);
		more = work_child(write_one, &run) == -SIGKILL;
		run = (struct run){ data, &seconds, "", "vectors-synced" };
		if (work_child(write_one, &run) != -SIGKILL)
			exit(2);
		kill(other, SIGKILL);
		waitpid(other, NULL, 0);
		expected->why[0] = '\0';
		if (work_child(verify, expected) != 0) {
			printf("rivals: killed at step %u: %s\n", steps, expected->why);
			findings++;
		}
		work_remove(data);
	}
	work_remove(folder);
	free(expected);
	printf("rivals: %u steps, %u findings in %ld s\n", steps, findings, (long)(time(NULL) - start));
	return findings > 0;
}

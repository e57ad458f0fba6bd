/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I5 of doc/architecture.md: compactions one after the other, beside two writers that update records and a reader that
 * counts them. Nothing acknowledged is lost, whichever moment CURRENT moves at, and no answer is short.
 *
 *   beside                   VECSTORE_FAULT_ROUNDS=N: so many compactions (CI: 40)
 *                            VECSTORE_FAULT_FIRST=1: end at the first finding
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
#define WRITERS 2
#define EACH 150 /* records of a writer */

#define WRITES_MAX 1000000000 /* no version is greater */

static struct shared {
	volatile bool stop;
	struct work_model models[WRITERS]; /* what each was acknowledged */
	unsigned long writes[WRITERS];
	unsigned long reads;
	char why[WRITERS + 1][WORK_WHY];
} * shared;

static const char *folder_of_data;

static int write_on(unsigned number, struct work *work)
{
	struct vs_error error;

	for (unsigned i = 1; !shared->stop; i++) {
		/* Those of the first half are never deleted: their versions count every write for ever. */
		unsigned half = i % 2 * (EACH / 2);
		struct work_op op = { WORK_UPSERT, number * EACH + half + i / 2 % (EACH / 2), 1, i };
		if (i % 11 == 0)
			op.kind = half > 0 && i % 3 == 0 ? WORK_DELETE : WORK_SOFT_DELETE;
		if (work_perform(work, &op, &error) != 0) {
			snprintf(shared->why[number], WORK_WHY, "a write failed: %s: %s", vs_error_word(error.code), error.text);
			return 3;
		}
		work_apply(&shared->models[number], &op);
		shared->writes[number]++;
	}
	return 0;
}

static void count(void *context, const struct vs_record *record)
{
	unsigned *seen = context;

	(void)record;
	++*seen;
}

/* Every record of a snapshot is there once, as its own counts say. */
static int read_on(struct work *work)
{
	struct vs_page_options page = { .limit = WORK_RECORDS, .with_vector = true, .with_deleted = true };
	struct vs_namespace_stats stats;
	struct vs_error error;
	uint64_t before = 0;

	while (!shared->stop) {
		unsigned seen = 0;
		bool more;
		if (vs_record_page(work->ns, &page, count, &seen, &more, &error) != 0 ||
		    vs_namespace_stats(work->ns, &stats, &error) != 0) {
			snprintf(shared->why[WRITERS], WORK_WHY, "a read failed: %s: %s", vs_error_word(error.code), error.text);
			return 3;
		}
		if (stats.seq < before) {
			snprintf(shared->why[WRITERS], WORK_WHY, "changes went back from %lu to %lu", (unsigned long)before,
			         (unsigned long)stats.seq);
			return 3;
		}
		before = stats.seq;
		shared->reads++;
	}
	return 0;
}

static int go_on(unsigned number)
{
	struct vs_error error;
	struct work work;
	int status;

	if (work_open(&work, folder_of_data, "default", DIM, &error) != 0)
		return 2;
	status = number < WRITERS ? write_on(number, &work) : read_on(&work);
	work_close(&work);
	return status;
}

static int prepare(void *context)
{
	static const struct work_op first = { WORK_UPSERT, 0, WRITERS * EACH, 0 };
	struct vs_error error;
	struct work work;
	int rc = work_open(&work, folder_of_data, "default", DIM, &error);

	(void)context;
	if (rc == 0)
		rc = work_perform(&work, &first, &error);
	work_close(&work);
	return rc == 0 ? 0 : 2;
}

static int compact_often(void *context)
{
	static const struct work_op compact = { WORK_COMPACT, 0, 0, 0 };
	unsigned long rounds = work_setting("VECSTORE_FAULT_ROUNDS", 40 / WORK_THIN);
	struct vs_error error;
	struct work work;
	int rc = work_open(&work, folder_of_data, "default", DIM, &error);

	(void)context;
	for (unsigned long i = 0; rc == 0 && i < rounds; i++) {
		unsigned long before = shared->writes[0] + shared->writes[1];
		rc = work_perform(&work, &compact, &error);
		while (shared->writes[0] + shared->writes[1] < before + 20 && shared->why[0][0] == '\0' && shared->why[1][0] == '\0')
			usleep(200);
	}
	if (rc != 0)
		fprintf(stderr, "beside: %s\n", error.text);
	work_close(&work);
	return rc == 0 ? 0 : 3;
}

static int verify(void *context)
{
	struct work_model *both = calloc(1, sizeof(*both));
	bool good;

	for (unsigned i = 0; i < WRITERS * EACH; i++)
		both->records[i] = shared->models[i / EACH].records[i];
	both->past_most = WRITES_MAX;
	good = work_verify(folder_of_data, "default", DIM, both, 1, context);
	free(both);
	return good ? 0 : 3;
}

int main(void)
{
	static const struct work_op first = { WORK_UPSERT, 0, WRITERS * EACH, 0 };
	time_t start = time(NULL);
	pid_t children[WRITERS + 1];
	char folder[64];
	char data[80];
	char *why;
	unsigned findings = 0;
	int status;

	work_folder(folder);
	snprintf(data, sizeof(data), "%s/data", folder);
	folder_of_data = data;
	shared = mmap(NULL, sizeof(*shared) + WORK_WHY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	why = (char *)(shared + 1);
	for (unsigned i = 0; i < WRITERS; i++) {
		work_apply(&shared->models[i], &first);
		shared->models[i].past_most = WRITES_MAX; /* others delete, too */
	}
	if (work_child(prepare, NULL) != 0)
		exit(2);
	for (unsigned i = 0; i <= WRITERS; i++)
		if ((children[i] = fork()) == 0)
			_exit(go_on(i));
	findings += work_child(compact_often, NULL) != 0;
	shared->stop = true;
	for (unsigned i = 0; i <= WRITERS; i++) {
		waitpid(children[i], &status, 0);
		if (status != 0) {
			printf("beside: process %u: %s\n", i, shared->why[i][0] != '\0' ? shared->why[i] : "it died");
			findings++;
		}
	}
	if (work_child(verify, why) != 0) {
		printf("beside: %s\n", why);
		findings++;
	}
	work_remove(folder);
	printf("beside: %lu writes, %lu reads, %u findings in %ld s\n", shared->writes[0] + shared->writes[1], shared->reads,
	       findings, (long)(time(NULL) - start));
	return findings > 0;
}

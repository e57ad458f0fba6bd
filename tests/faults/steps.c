/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R2 of doc/reliability.md: each call that changes something, with a fault at each of its steps: no crash, no hang, no
 * false acknowledgement, all or nothing, and afterwards everything works again.
 *
 *   steps [CASE]             VECSTORE_FAULT_SOAK=1: every fault at every step
 *                            VECSTORE_FAULT_FIRST=1: end at the first finding
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "cases.h"
#include "work.h"

#define FOLLOWING (WORK_RECORDS - 2) /* the record that the process with the fault writes afterwards */
#define STEPS_MAX 1024

/* The first two at every step, the others in turn, unless soaking; at a heavy case's steps all in turn. Each write
 * is a short one, too. */
static const char *const faults[] = { "EIO", "KILL", "ENOSPC", "SHORT", "EINTR", "EIO+", "ENOSPC+", "EROFS", "EROFS+" };
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

/* What the process with the fault tells. */
struct told {
	int rc;
	unsigned long calls;
	char hit[32];
	char why[WORK_WHY];
	char names[STEPS_MAX][8]; /* of the calls, when nothing fails */
};

static struct told *told; /* shared with the children of this lane */
static bool soak;
static bool first_only;

struct run {
	const struct fault_case *of;
	const char *data;
	const char *fault;
	bool interrupted; /* EINTR: nothing may come of it */
	bool failing;     /* EIO */
	int code;         /* what the user must be told; 0: depends */
};

static int complain(const char *what, const struct vs_error *error)
{
	snprintf(told->why, sizeof(told->why), "%s: %s: %s", what, vs_error_word(error->code), error->text);
	return 3;
}

static bool is_sync(const char *call)
{
	return strcmp(call, "fdatasync") == 0 || strcmp(call, "fsync") == 0 || strcmp(call, "xSync") == 0;
}

/* Goes on with the handle that met the fault. After a failed sync it may refuse to write until it is opened again. */
static int follow(struct work *work, const struct run *run, struct vs_error *error)
{
	static const struct work_op following = { WORK_UPSERT, FOLLOWING, 1, 9 };
	int rc = work->ns != NULL ? work_perform(work, &following, error) : VS_ESTALE;

	if (rc == 0 && run->failing && is_sync(told->hit) && !run->of->cold && run->of->op.kind == WORK_UPSERT)
		return complain("the handle goes on writing after a failed sync", error);
	if (rc == VS_EREADONLY && !is_sync(told->hit))
		return complain("the handle refuses to write although no sync failed", error);
	if (rc == VS_EREADONLY || work->ns == NULL) {
		work_close(work);
		if (work_open(work, run->data, run->of->ns, run->of->dim, error) != 0)
			return complain("it cannot be opened again", error);
		rc = work_perform(work, &following, error);
	}
	if (rc != 0)
		return complain("no write after the fault", error);
	if (run->of->op.kind == WORK_INDEX_HERE && work_perform(work, &run->of->op, error) != 0)
		return complain("no indexing after the fault", error);
	return 0;
}

static int run_case(void *context)
{
	const struct run *run = context;
	const struct fault_case *of = run->of;
	struct vs_error error = { .code = 0 };
	struct work work = { .ns = NULL };
	int rc = of->cold ? 0 : work_open(&work, run->data, of->ns, of->dim, &error);

	if (rc != 0)
		return complain("it cannot be opened", &error);
	work_fault(run->fault);
	if (of->cold)
		rc = work_open(&work, run->data, of->ns, of->dim, &error);
	if (rc == 0)
		rc = work_perform(&work, &of->op, &error);
	told->calls = vs_fault_calls();
	told->rc = rc;
	snprintf(told->hit, sizeof(told->hit), "%s", vs_fault_hit());
	for (unsigned long i = 1; run->fault[0] == '0' && i < STEPS_MAX; i++)
		snprintf(told->names[i], sizeof(told->names[i]), "%.7s", vs_fault_call(i));
	work_fault(NULL);
	if (rc != 0 && (error.text[0] == '\0' || error.code != rc))
		return complain("an error without words", &error);
	/* Where something is written. What fails to be read is an I/O error. */
	if (rc != 0 && run->code != 0 && rc != run->code && strcmp(told->hit, "xRead") != 0)
		return complain("another error than the fault's", &error);
	if (rc != 0 && run->interrupted)
		return complain("an interrupted call is not tried again", &error);
	if (rc == 0 && run->failing && is_sync(told->hit))
		return complain("acknowledged although a sync failed", &error);
	rc = follow(&work, run, &error);
	work_close(&work);
	return rc;
}

/* ---- one step ------------------------------------------------------------------------------------------- */

struct expected {
	const struct fault_case *of;
	const char *data;
	struct work_model models[2]; /* before and after */
	bool either;
};

/* What was killed or failed is repeated. */
static bool do_again(const struct expected *expected)
{
	struct vs_error error;
	struct work work;
	int rc = work_open(&work, expected->data, expected->of->ns, expected->of->dim, &error);

	if (rc == 0)
		rc = work_again(&work, &expected->of->op, &error);
	if (rc != 0)
		snprintf(told->why, sizeof(told->why), "it cannot be done again: %.300s", error.text);
	work_close(&work);
	return rc == 0;
}

static int verify_case(void *context)
{
	const struct expected *expected = context;
	unsigned from = expected->either ? 0 : 1;

	enum work_kind kind = expected->of->op.kind;

	if ((kind == WORK_REPAIR || kind == WORK_SNAPSHOT || kind == WORK_CLONE) && !do_again(expected))
		return 3;

	return work_verify(expected->data, expected->of->ns, expected->of->dim, expected->models + from, 2 - from, told->why)
	           ? 0
	           : 3;
}

struct lane {
	const struct fault_case *of;
	char template[80];
	char data[80];
	struct expected expected;
	unsigned long steps;
	unsigned long runs;
	unsigned long findings;
};

static void finding(struct lane *lane, const char *fault, int status)
{
	if (told->why[0] == '\0')
		snprintf(told->why, sizeof(told->why), status < 0 ? "signal %d" : "status %d", status < 0 ? -status : status);
	printf("steps: %s, %s (%s): %s\n", lane->of->name, fault, told->hit, told->why);
	lane->findings++;
}

static int code_of(const char *fault)
{
	if (strncmp(fault, "ENOSPC", 6) == 0 || strcmp(fault, "SHORT") == 0)
		return VS_ENOSPC;
	return strncmp(fault, "EROFS", 5) == 0 ? VS_EREADONLY : 0;
}

/* One run; false when the call has fewer steps. */
static bool run_step(struct lane *lane, unsigned long step, const char *what)
{
	static const struct work_op following = { WORK_UPSERT, FOLLOWING, 1, 9 };
	struct expected *expected = &lane->expected;
	bool sticky = what[strlen(what) - 1] == '+';
	char fault[32];
	struct run run = { lane->of, lane->data, fault, strcmp(what, "EINTR") == 0, strncmp(what, "EIO", 3) == 0, code_of(what) };
	bool killed;
	int status;

	snprintf(fault, sizeof(fault), "%lu%s:%.*s", step, sticky ? "+" : "", (int)(strlen(what) - sticky), what);
	memset(told, 0, offsetof(struct told, names));
	work_remove(lane->data);
	work_copy(lane->template, lane->data);
	status = work_child(run_case, &run);
	killed = status == -SIGKILL && strcmp(what, "KILL") == 0;
	if (status == 0 && (step == 0 || told->calls < step))
		return false;
	lane->runs++;
	if (status != 0 && !killed) {
		finding(lane, fault, status);
		return true;
	}
	expected->either = killed || told->rc != 0;
	memset(expected->models, 0, sizeof(expected->models));
	for (unsigned i = 0; i < BEFORE_MAX; i++)
		work_apply(&expected->models[0], &lane->of->before[i]);
	expected->models[1] = expected->models[0];
	work_apply(&expected->models[1], &lane->of->op);
	for (unsigned i = 0; i < 2 && !killed; i++)
		work_apply(&expected->models[i], &following);
	status = work_child(verify_case, expected);
	if (status != 0)
		finding(lane, fault, status);
	return true;
}

static bool is_write(unsigned long step)
{
	return step < STEPS_MAX && (strcmp(told->names[step], "pwrite") == 0 || strcmp(told->names[step], "xWrite") == 0);
}

/* In a row of reads one is as good as the other, for every day. */
static bool worth_while(unsigned long step)
{
	if (soak || step < 3 || step + 1 >= STEPS_MAX || step % 16 == 0)
		return true;
	if (WORK_THIN > 1 && step % 4 != 0)
		return false;
	return strcmp(told->names[step], "xRead") != 0 || strcmp(told->names[step - 1], "xRead") != 0 ||
	       strcmp(told->names[step + 1], "xRead") != 0;
}

static bool is_turn(const struct lane *lane, unsigned long step, unsigned lanes, size_t fault)
{
	if (soak)
		return true;
	if (lane->of->heavy > 0)
		return step / lanes % FAULTS == fault;
	if (fault < 2 || step / lanes % (FAULTS - 2) == fault - 2)
		return true;
	return strcmp(faults[fault], "SHORT") == 0 && is_write(step);
}

static unsigned long run_lane(unsigned lane_number, unsigned lanes, void *context)
{
	struct lane *lane = context;
	size_t length = strlen(lane->data);
	bool more = true;

	snprintf(lane->data + length, sizeof(lane->data) - length, "/%u", lane_number);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	(void)run_step(lane, 0, "EIO");
	for (unsigned long step = lane_number + 1; more; step += lanes) {
		if (!worth_while(step) || (!soak && lane->of->heavy > 1 && step / lanes % lane->of->heavy != 0))
			continue;
		for (size_t i = 0; more && i < FAULTS; i++)
			if (is_turn(lane, step, lanes, i) && !(first_only && lane->findings > 0))
				more = run_step(lane, step, faults[i]);
		lane->steps += more;
		if (first_only && lane->findings > 0)
			break;
	}
	work_remove(lane->data);
	printf("steps: %s, lane %u: %lu steps, %lu runs, %lu findings\n", lane->of->name, lane_number, lane->steps, lane->runs,
	       lane->findings);
	return lane->findings;
}

/* ---- a case --------------------------------------------------------------------------------------------- */

static unsigned long run_all(const struct fault_case *of, const char *folder)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	unsigned long findings;

	lane->of = of;
	lane->expected.of = of;
	lane->expected.data = lane->data;
	snprintf(lane->template, sizeof(lane->template), "%s/template", folder);
	snprintf(lane->data, sizeof(lane->data), "%s", folder);
	cases_prepare(of, lane->template);
	findings = work_lanes(run_lane, lane);
	work_remove(lane->template);
	free(lane);
	return findings;
}

int main(int argc, char **argv)
{
	soak = work_setting("VECSTORE_FAULT_SOAK", 0) != 0;
	first_only = work_setting("VECSTORE_FAULT_FIRST", 0) != 0;
	return cases_run("steps", argc, argv, first_only, run_all);
}

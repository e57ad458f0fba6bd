/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R3 of doc/reliability.md: after a power loss at any moment every acknowledged write is there, and what was in hand is
 * there wholly or not at all. A process works and its every change of a file is traced; from the trace come images of what
 * the disk may hold, and each is opened as after a boot.
 *
 *   power [WORKLOAD]         VECSTORE_FAULT_IMAGES=N: images per workload (CI: 3000 and 200)
 *                            VECSTORE_FAULT_SEED=N: others; VECSTORE_FAULT_FIRST=1: end at the first finding
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>

#include "base/trace.h"
#include "image.h"
#include "work.h"

#define OPS_MAX 48

struct workload {
	const char *name;
	unsigned dim;
	unsigned images;
	unsigned from; /* losses before this operation is done are left to the other workloads */
	int kill;      /* the process is killed at each step of this operation, and another one goes on; -1: it is not */
	struct work_op ops[OPS_MAX];
};

static const struct workload workloads[] = {
	{ "records", 6, 2000, 0, -1,
	  { { WORK_UPSERT, 0, 1, 0 },        { WORK_UPSERT, 1, 1, 0 },      { WORK_UPSERT, 2, 30, 0 },
	    { WORK_UPSERT, 0, 1, 1 },        { WORK_DELETE, 1, 1, 0 },      { WORK_SOFT_DELETE, 5, 5, 0 },
	    { WORK_RESTORE, 6, 2, 0 },       { WORK_INDEX, 0, 0, 0 },       { WORK_UPSERT, 20, 30, 2 },
	    { WORK_DELETE_WHERE, 10, 5, 0 }, { WORK_UPSERT, 60, 1, 0 },     { WORK_UPSERT, 61, 1, 0 },
	    { WORK_INDEX, 0, 0, 0 },         { WORK_UPSERT, 0, 100, 3 },    { WORK_UPSERT, 7, 1, 4 },
	    { WORK_UPSERT, 7, 1, 5 },        { WORK_DELETE, 7, 1, 0 },      { WORK_UPSERT, 7, 1, 6 },
	    { WORK_INDEX, 0, 0, 0 },         { WORK_SOFT_DELETE, 0, 3, 0 }, { WORK_UPSERT, 1, 1, 7 },
	    { WORK_UPSERT, 100, 5, 0 },      { WORK_DELETE, 90, 30, 0 },    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 200, 1, 0 },      { WORK_UPSERT, 201, 1, 0 },    { WORK_UPSERT, 202, 1, 0 } } },
	{ "changes", 6, 1200, 0, -1,
	  { { WORK_EXECUTE, 0, 40, 1 },  { WORK_PATCH, 8, 1, 5 },     { WORK_UPSERT, 30, 20, 2 },  { WORK_PATCH, 30, 10, 6 },
	    { WORK_EXPIRE, 35, 10, 3 },  { WORK_INDEX, 0, 0, 0 },     { WORK_EXECUTE, 20, 40, 7 }, { WORK_PATCH, 40, 1, 8 },
	    { WORK_EXPIRE, 100, 12, 4 }, { WORK_UPSERT, 105, 2, 5 },  { WORK_INDEX, 0, 0, 0 },     { WORK_PATCH, 105, 2, 9 },
	    { WORK_EXECUTE, 0, 12, 2 },  { WORK_PATCH, 105, 1, 10 } } },
	{ "graph", 4, 200, 2, -1,
	  { { WORK_UPSERT, 0, 1000, 0 },
	    { WORK_UPSERT, 1000, 1000, 0 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 100, 60, 1 },
	    { WORK_DELETE, 0, 40, 0 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 2000, 100, 0 },
	    { WORK_SOFT_DELETE, 500, 20, 0 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 2100, 1, 0 } } },
	{ "compact", 6, 1000, 1, -1,
	  { { WORK_UPSERT, 0, 30, 0 },      { WORK_UPSERT, 10, 15, 1 },    { WORK_DELETE, 0, 3, 0 },
	    { WORK_COMPACT, 0, 0, 0 },      { WORK_UPSERT, 5, 1, 2 },      { WORK_UPSERT, 40, 2, 0 },
	    { WORK_SOFT_DELETE, 7, 2, 0 },  { WORK_INDEX, 0, 0, 0 },       { WORK_UPSERT, 41, 10, 3 },
	    { WORK_COMPACT, 0, 0, 0 },      { WORK_RESTORE, 7, 1, 0 },     { WORK_DELETE, 20, 5, 0 },
	    { WORK_INDEX, 0, 0, 0 },        { WORK_COMPACT, 0, 0, 0 },     { WORK_UPSERT, 60, 1, 0 } } },
	{ "aside", 6, 300, 1, -1,
	  { { WORK_UPSERT, 0, 10, 0 }, { WORK_SIDE, 0, 0, 0 }, { WORK_UPSERT, 10, 1, 0 }, { WORK_BOUND, 0, 0, 0 },
	    { WORK_UPSERT, 11, 1, 0 }, { WORK_SIDE, 0, 0, 0 }, { WORK_UPSERT, 12, 1, 0 } } },
	{ "killed-compact", 6, 12, 3, 3,
	  { { WORK_UPSERT, 0, 20, 0 },
	    { WORK_UPSERT, 5, 3, 1 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_COMPACT, 0, 0, 0 },
	    { WORK_UPSERT, 30, 1, 0 },
	    { WORK_DELETE, 0, 2, 0 },
	    { WORK_COMPACT, 0, 0, 0 },
	    { WORK_UPSERT, 31, 1, 0 } } },
	{ "killed-create", 6, 12, 0, 0,
	  { { WORK_UPSERT, 0, 1, 0 }, { WORK_UPSERT, 1, 2, 0 }, { WORK_INDEX, 0, 0, 0 }, { WORK_UPSERT, 4, 1, 0 } } },
	{ "killed-upsert", 6, 60, 3, 3,
	  { { WORK_UPSERT, 0, 20, 0 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 5, 1, 1 },
	    { WORK_UPSERT, 20, 2, 0 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 30, 1, 0 },
	    { WORK_DELETE, 0, 2, 0 } } },
	{ "killed-removal", 6, 60, 3, 3,
	  { { WORK_UPSERT, 0, 20, 0 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 5, 1, 1 },
	    { WORK_SOFT_DELETE, 8, 1, 0 },
	    { WORK_INDEX, 0, 0, 0 },
	    { WORK_UPSERT, 30, 1, 0 } } },
};
#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

struct run {
	const struct workload *of;
	char data[80];
	char trace[80];
	unsigned long images;
	unsigned long seed;
	unsigned step; /* at which it is killed; 0: never */
	bool first_only;
};

/* What the other one sees of the operation in which the first was killed. */
static void mark_killed(struct work *work, const struct run *run)
{
	struct work_model *model = calloc(1, sizeof(*model));
	char why[WORK_WHY];

	for (int i = 0; i <= run->of->kill; i++)
		work_apply(model, &run->of->ops[i]);
	vs_trace(VS_TRACE_MARK, work_compare(work, model, why) == 1 ? "seen" : "unseen", NULL, 0, NULL, 0);
	free(model);
}

static int work_through(const struct run *run, int from)
{
	struct vs_error error;
	struct work work;
	char fault[32];

	snprintf(fault, sizeof(fault), "%u:KILL", run->step);
	setenv("VECSTORE_FAULT_TRACE", run->trace, 1);
	setenv("VECSTORE_BOOT_ID", "before", 1);
	vs_trace_reset();
	/* Making the namespace belongs to the first operation. */
	if (from == 0 && run->of->kill == 0) {
		vs_trace(VS_TRACE_MARK, "begin", NULL, 0, NULL, 0);
		work_fault(fault);
	}
	if (work_open(&work, run->data, "default", run->of->dim, &error) != 0) {
		fprintf(stderr, "power: %s\n", error.text);
		return 2;
	}
	if (from > 0)
		mark_killed(&work, run);
	for (int i = from; i < OPS_MAX && run->of->ops[i].kind != WORK_NONE; i++) {
		if (i > 0 || run->of->kill != 0)
			vs_trace(VS_TRACE_MARK, "begin", NULL, 0, NULL, 0);
		if (i > 0 && i == run->of->kill)
			work_fault(fault);
		if (work_perform(&work, &run->of->ops[i], &error) != 0) {
			fprintf(stderr, "power: %s\n", error.text);
			return 2;
		}
		if (i == run->of->kill)
			return 0; /* it has fewer steps */
		vs_trace(VS_TRACE_MARK, "done", NULL, 0, NULL, 0);
	}
	work_close(&work);
	return 0;
}

static int work_first(void *context)
{
	return work_through(context, 0);
}

static int work_on(void *context)
{
	const struct run *run = context;

	return work_through(run, run->of->kill + 1);
}

struct image {
	const struct workload *of;
	const char *data;
	unsigned done;
	unsigned begun;
	bool killed; /* in operation of->kill, which is never done */
	bool seen;   /* by the process that went on */
	char *why;   /* shared with the child */
};

/* The operations below `end`; the one that was killed only `with` it. */
static void model_make(struct work_model *model, const struct image *image, unsigned end, bool with)
{
	for (unsigned i = 0; i < end; i++)
		if (with || !image->killed || i != (unsigned)image->of->kill)
			work_apply(model, &image->of->ops[i]);
}

/* What may be there: how many models. */
static unsigned models_make(struct work_model models[3], const struct image *image)
{
	unsigned kill = (unsigned)image->of->kill;

	if (!image->killed) {
		model_make(&models[0], image, image->done, true);
		model_make(&models[1], image, image->begun, true);
		return image->begun > image->done ? 2 : 1;
	}
	/* An acknowledgement after it settles whether it has happened. */
	if (image->done > kill) {
		model_make(&models[0], image, image->done + 1, image->seen);
		model_make(&models[1], image, image->begun, image->seen);
		return image->begun > image->done + 1 ? 2 : 1;
	}
	model_make(&models[0], image, kill, false);
	model_make(&models[1], image, kill + 1, true);
	model_make(&models[2], image, image->begun, image->seen);
	return image->begun > kill + 1 ? 3 : 2;
}

static int verify_image(void *context)
{
	const struct image *image = context;
	struct work_model *models = calloc(3, sizeof(*models));
	unsigned count = models_make(models, image);
	bool good;

	setenv("VECSTORE_BOOT_ID", "after", 1);
	good = work_verify(image->data, "default", image->of->dim, models, count, image->why);
	free(models);
	return good ? 0 : 3;
}

static bool try_image(const struct run *run, struct trace *trace, const char *data, unsigned long number, char *why)
{
	struct image image = { run->of, data, trace_marks(trace, 'd'), trace_marks(trace, 'b'), false, false, why };
	int status;

	image.killed = run->of->kill >= 0 && image.begun > (unsigned)run->of->kill;
	image.seen = trace_marks(trace, 's') > 0;

	why[0] = '\0';
	trace_image(trace, run->seed * 1000003 + number, data);
	status = work_child(verify_image, &image);
	work_remove(data);
	if (status == 0)
		return true;
	if (why[0] == '\0')
		snprintf(why, WORK_WHY, status < 0 ? "signal %d" : "status %d", status < 0 ? -status : status);
	return false;
}

static unsigned long run_lane(unsigned lane, unsigned lanes, void *context)
{
	const struct run *run = context;
	struct trace *trace = trace_load(run->trace, run->data);
	char *why = mmap(NULL, WORK_WHY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long findings = 0;
	unsigned long tried = 0;
	size_t events;
	size_t first = 0;
	char data[96];

	if (trace == NULL)
		exit(2);
	events = trace_length(trace);
	snprintf(data, sizeof(data), "%s-%u", run->data, lane);
	/* After a kill: since the other one has looked. */
	while (trace_marks(trace, 'd') < run->of->from ||
	       (run->of->kill >= 0 && trace_marks(trace, 's') + trace_marks(trace, 'u') == 0))
		trace_advance(trace, ++first);
	for (unsigned long i = lane; i < run->images; i += lanes) {
		size_t cut = first + (size_t)((double)i / (double)run->images * (double)(events - first + 1));
		trace_advance(trace, cut);
		tried++;
		if (try_image(run, trace, data, i, why))
			continue;
		printf("power: %s, step %u, event %zu of %zu, image %lu: %s\n", run->of->name, run->step, cut, events, i, why);
		findings++;
		if (run->first_only)
			break;
	}
	if (run->step == 0)
		printf("power: %s, lane %u: %zu events, %lu images, %lu findings\n", run->of->name, lane, events, tried, findings);
	trace_free(trace);
	return findings;
}

static unsigned long run_once(struct run *run)
{
	unsigned long findings;

	if (work_child(work_first, run) != 0)
		exit(2);
	findings = work_lanes(run_lane, run);
	work_remove(run->data);
	unlink(run->trace);
	return findings;
}

static unsigned long run_killed(struct run *run)
{
	unsigned long findings = 0;
	int status;

	do {
		run->step++;
		status = work_child(work_first, run);
		if (status == -SIGKILL) {
			if (work_child(work_on, run) != 0)
				exit(2);
			findings += work_lanes(run_lane, run);
		}
		work_remove(run->data);
		unlink(run->trace);
	} while (status == -SIGKILL && !(run->first_only && findings > 0));
	printf("power: %s: killed at %u steps, %lu images each, %lu findings\n", run->of->name, run->step - 1, run->images,
	       findings);
	if (status != 0 && status != -SIGKILL)
		exit(2);
	return findings;
}

int main(int argc, char **argv)
{
	unsigned long findings = 0;
	char folder[64];
	time_t start = time(NULL);

	work_folder(folder);
	for (size_t i = 0; i < WORKLOADS; i++) {
		struct run run = { .of = &workloads[i], .seed = work_setting("VECSTORE_FAULT_SEED", 1) };
		if (argc > 1 && strcmp(argv[1], workloads[i].name) != 0)
			continue;
		run.images = work_setting("VECSTORE_FAULT_IMAGES", workloads[i].images / WORK_THIN);
		run.first_only = work_setting("VECSTORE_FAULT_FIRST", 0) != 0;
		snprintf(run.data, sizeof(run.data), "%s/data", folder);
		snprintf(run.trace, sizeof(run.trace), "%s/trace", folder);
		findings += workloads[i].kill < 0 ? run_once(&run) : run_killed(&run);
	}
	work_remove(folder);
	printf("power: %lu findings in %ld s\n", findings, (long)(time(NULL) - start));
	return findings > 0;
}

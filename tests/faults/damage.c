/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of R6 of doc/reliability.md: bits flipped, ends cut off and bodies overwritten, in every file. No signal, no hang;
 * damaged vectors are reported; what is derived changes no exact answer and is mended by a repair, which every second time is
 * killed at some step before.
 *
 *   damage [FILE]            VECSTORE_FAULT_DAMAGES=N: per file (CI: 40); VECSTORE_FAULT_SEED=N: others;
 *                            VECSTORE_FAULT_FIRST=1: end at the first finding
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

#define DIM 4
#define RECORDS 2100

enum truth { DERIVED, VECTORS, DATABASE };

static const struct {
	const char *name;
	enum truth truth;
	size_t stride; /* of what lies behind 4096 bytes and is used for RECORDS; 0: all of the file is */
} files[] = {
	{ "live.bits", DERIVED, 0 },
	{ "graph.hnsw", DERIVED, 128 },
	{ "graph.up", DERIVED, 8 }, /* one slot in 16 has a record, of 80 bytes, or more */
	{ "codes.i8", DERIVED, 64 },
	{ "columns/manifest", DERIVED, 0 },
	{ "columns/c000.codes", DERIVED, 5 },
	{ "columns/c002.dict", DERIVED, 1 },
	{ "rows.idx", DERIVED, 8 },
	{ "rows.dat", DERIVED, 100 }, /* a row has more, but for its text */
	{ "vectors.f32", VECTORS, 64 },
	{ "meta.db", DATABASE, 0 },
	{ "meta.db-wal", DATABASE, 0 },
};
#define FILES (sizeof(files) / sizeof(files[0]))

struct run {
	char template[80];
	char data[80];
	size_t file;
	uint64_t seed;
	struct work_model model;
	char *why;
};

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static const struct work_op ops[] = { { WORK_UPSERT, 0, 1000, 0 }, { WORK_UPSERT, 1000, 1000, 0 },
	                                  { WORK_DELETE, 50, 20, 0 },   { WORK_INDEX, 0, 0, 0 },
	                                  { WORK_UPSERT, 2000, 100, 0 } };
#define OPS (sizeof(ops) / sizeof(ops[0]))

static int make_template(void *context)
{
	struct run *run = context;
	struct vs_error error;
	struct work work;

	if (work_open(&work, run->template, "default", DIM, &error) != 0)
		return 2;
	for (size_t i = 0; i < OPS; i++)
		if (work_perform(&work, &ops[i], &error) != 0)
			return 2;
	work_close(&work);
	return 0;
}

/* DATA/ns/<folder>/g000001/NAME */
static void file_path(const char *data, const char *name, char path[256])
{
	char ns[128];
	DIR *dir;
	struct dirent *entry;

	snprintf(ns, sizeof(ns), "%s/ns", data);
	dir = opendir(ns);
	while (dir != NULL && (entry = readdir(dir)) != NULL && entry->d_name[0] == '.')
		;
	if (dir == NULL || entry == NULL)
		exit(2);
	snprintf(path, 256, "%s/%.32s/g000001/%s", ns, entry->d_name, name);
	closedir(dir);
}

/* What lies past the rows is never looked at, so damage is done where something is. */
static size_t used_of(const struct run *run, size_t size)
{
	size_t used = files[run->file].stride != 0 ? 4096 + RECORDS * files[run->file].stride : size;

	return used < size ? used : size;
}

static void damage_file(const struct run *run, uint64_t *seed)
{
	char path[256];
	struct stat st;
	int fd;
	size_t used;

	file_path(run->data, files[run->file].name, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		exit(2);
	used = used_of(run, (size_t)st.st_size);
	switch (random_next(seed) % 8) {
	case 0:
		if (ftruncate(fd, (off_t)(random_next(seed) % (used + 1))) != 0)
			exit(2);
		break;
	case 1:
		/* A body of garbage behind an intact header. */
		for (size_t at = 4096; at < used; at += 4) {
			uint32_t word = (uint32_t)random_next(seed);
			if (pwrite(fd, &word, 4, (off_t)at) != 4)
				exit(2);
		}
		break;
	default:
		for (unsigned flips = 0; flips < 1 + random_next(seed) % 8; flips++) {
			off_t at = (off_t)(random_next(seed) % (used > 0 ? used : 1));
			unsigned char byte;
			if (pread(fd, &byte, 1, at) != 1)
				continue;
			byte ^= (unsigned char)(1U << random_next(seed) % 8);
			if (pwrite(fd, &byte, 1, at) != 1)
				exit(2);
		}
	}
	close(fd);
}

static void ignore(void *context, const char *finding)
{
	(void)context;
	(void)finding;
}

static void read_all(void *context, const struct vs_record *record)
{
	(void)context;
	(void)record;
}

/* Everything may fail with an error, as long as it does not crash. */
static bool use_all(struct run *run, struct work *work, bool *reported)
{
	struct work_op index = { WORK_INDEX, 0, 0, 0 };
	struct vs_page_options page = { .limit = WORK_RECORDS, .with_vector = true, .with_deleted = true };
	struct vs_check_result result = { .problems = 0 };
	struct vs_error error;
	bool more;
	int rc;

	(void)vs_record_page(work->ns, &page, read_all, NULL, &more, &error);
	rc = vs_namespace_check(work->ns, ignore, NULL, &result, &error);
	*reported = rc != 0 || result.problems > 0;
	if (files[run->file].truth != DERIVED)
		(void)work_answers(work, &run->model, run->why);
	(void)work_perform(work, &index, &error);
	return true;
}

static int repair(struct work *work, struct vs_check_result *result, char *why)
{
	struct vs_repair_options options = VS_REPAIR_OPTIONS;
	struct vs_error error;
	int rc;

	options.threads = 1;
	rc = vs_namespace_repair(work->ns, &options, result, &error);
	if (rc != 0)
		snprintf(why, WORK_WHY, "it cannot be repaired: %s", error.text);
	return rc;
}

/* Killed at a step, before the repair that counts. */
static int repair_killed(void *context)
{
	struct run *run = context;
	struct vs_check_result result;
	struct vs_error error;
	struct work work;
	char fault[32];

	setenv("VECSTORE_BOOT_ID", "the same", 1);
	if (work_open(&work, run->data, "default", DIM, &error) != 0)
		return 3;
	snprintf(fault, sizeof(fault), "%u:KILL", 1 + (unsigned)(run->seed % 160));
	work_fault(fault);
	return repair(&work, &result, run->why) != 0 ? 3 : 0;
}

/* Exact answers are right before the repair, all is after it. Garbage for links may cost recall until then. */
static int look_derived(struct run *run)
{
	struct vs_check_result result;
	struct vs_error error;
	struct work work;
	bool good;

	if (work_open(&work, run->data, "default", DIM, &error) != 0)
		return snprintf(run->why, WORK_WHY, "it cannot be opened: %s", error.text), 3;
	good = work_answers(&work, &run->model, run->why) || strncmp(run->why, "recall", 6) == 0;
	work_close(&work);
	if (!good)
		return 3;
	run->why[0] = '\0';
	if (work_open(&work, run->data, "default", DIM, &error) != 0 || repair(&work, &result, run->why) != 0)
		return 3;
	if (result.problems != 0 || result.repairs != 0)
		snprintf(run->why, WORK_WHY, "a repair leaves %d problems and %d repairs", (int)result.problems,
		         (int)result.repairs);
	good = run->why[0] == '\0' && work_answers(&work, &run->model, run->why);
	work_close(&work);
	return good && work_verify(run->data, "default", DIM, &run->model, 1, run->why) ? 0 : 3;
}

static int look(void *context)
{
	struct run *run = context;
	enum truth truth = files[run->file].truth;
	struct vs_error error;
	struct work work;
	char ignored[WORK_WHY];
	bool reported = false;

	setenv("VECSTORE_BOOT_ID", "the same", 1);
	if (truth == DERIVED)
		return look_derived(run);
	if (work_open(&work, run->data, "default", DIM, &error) != 0)
		return 0;
	(void)use_all(run, &work, &reported);
	work_close(&work);
	run->why[0] = '\0';
	if (truth == DATABASE || reported || work_verify(run->data, "default", DIM, &run->model, 1, ignored))
		return 0;
	snprintf(run->why, WORK_WHY, "not reported: %.300s", ignored);
	return 3;
}

/* One damage, and what comes of it. */
static int try(struct run *run, unsigned long i)
{
	uint64_t seed = (work_setting("VECSTORE_FAULT_SEED", 1) * 1000003 + i) * FILES + run->file;
	int status = 0;

	(void)random_next(&seed);
	work_copy(run->template, run->data);
	damage_file(run, &seed);
	run->why[0] = '\0';
	run->seed = random_next(&seed);
	if (files[run->file].truth == DERIVED && i % 2 == 1)
		status = work_child(repair_killed, run);
	if (status == 0 || status == -SIGKILL)
		status = work_child(look, run);
	work_remove(run->data);
	return status;
}

static unsigned long run_lane(unsigned lane, unsigned lanes, void *context)
{
	struct run *run = context;
	unsigned long damages = work_setting("VECSTORE_FAULT_DAMAGES", 40 / WORK_THIN);
	bool first_only = work_setting("VECSTORE_FAULT_FIRST", 0) != 0;
	unsigned long findings = 0;
	size_t length = strlen(run->data);

	snprintf(run->data + length, sizeof(run->data) - length, "/%u", lane);
	run->why = mmap(NULL, WORK_WHY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned long i = lane; i < damages && !(first_only && findings > 0); i += lanes) {
		int status = try(run, i);
		if (status == 0)
			continue;
		if (status < 0)
			snprintf(run->why, WORK_WHY, "signal %d", -status);
		printf("damage: %s, %lu: %s\n", files[run->file].name, i, run->why);
		findings++;
	}
	return findings;
}

int main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	unsigned long findings = 0;
	char folder[64];
	time_t start = time(NULL);

	work_folder(folder);
	snprintf(run->template, sizeof(run->template), "%s/template", folder);
	setenv("VECSTORE_BOOT_ID", "the same", 1);
	if (work_child(make_template, run) != 0)
		exit(2);
	for (size_t i = 0; i < OPS; i++)
		work_apply(&run->model, &ops[i]);
	for (size_t i = 0; i < FILES; i++) {
		unsigned long before = findings;
		if (argc > 1 && strcmp(argv[1], files[i].name) != 0)
			continue;
		run->file = i;
		snprintf(run->data, sizeof(run->data), "%s", folder);
		findings += work_lanes(run_lane, run);
		printf("damage: %s: %lu findings\n", files[i].name, findings - before);
	}
	work_remove(folder);
	free(run);
	printf("damage: %lu findings in %ld s\n", findings, (long)(time(NULL) - start));
	return findings > 0;
}

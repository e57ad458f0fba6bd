/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R8 of doc/reliability.md: each call that changes something, with each of its allocations failing, SQLite's and json-c's
 * too: no crash, no leak, no false acknowledgement, all or nothing, and the same handle goes on working.
 *
 *   memory [CASE]            VECSTORE_FAULT_SOAK=1: each allocation, by itself and with all after it; all is verified
 *                            VECSTORE_FAULT_FIRST=1: end at the first finding
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_do_recoverable_leak_check() 0
#endif

#include <openssl/err.h>

#include "allocation.h"
#include "cases.h"
#include "store/keys.h"
#include "work.h"

#define FOLLOWING (WORK_RECORDS - 2) /* the record that the handle writes afterwards */
#define VERIFY_EACH 16               /* of so many runs one is verified thoroughly */

/* What the process with the failure tells. */
struct told {
	unsigned long calls;
	int rc;
	char why[WORK_WHY];
};

struct lane {
	const struct fault_case *of;
	char template[80];
	char data[80];
	struct told *told; /* shared with the children of this lane */
	struct work_model models[2]; /* after what is acknowledged: before the operation and with it */
	unsigned long at;
	bool on;
	unsigned long runs;
	unsigned long findings;
};

static bool soak;
static bool first_only;

__attribute__((format(printf, 2, 3)))
static int complain(struct lane *lane, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(lane->told->why, sizeof(lane->told->why), format, arguments);
	va_end(arguments);
	return 3;
}

/* The operation with the failure, then a write and, after indexing, more of it, by the same handle. */
static int operate(struct lane *lane, struct work *work)
{
	static const struct work_op following = { WORK_UPSERT, FOLLOWING, 1, 9 };
	const struct fault_case *of = lane->of;
	struct vs_error error = { .code = 0 };
	int rc = of->cold ? 0 : work_open(work, lane->data, of->ns, of->dim, &error);

	if (rc != 0)
		return complain(lane, "it cannot be opened: %s", error.text);
	allocation_fail(lane->at, lane->on);
	if (of->cold)
		rc = work_open(work, lane->data, of->ns, of->dim, &error);
	if (rc == 0)
		rc = work_perform(work, &of->op, &error);
	lane->told->calls = allocation_calls();
	lane->told->rc = rc;
	allocation_fail(0, false);
	if (rc != 0 && (rc != VS_ENOMEM || error.code != rc || error.text[0] == '\0'))
		return complain(lane, "no clear error: %d, %s: %s", rc, vs_error_word(error.code), error.text);
	if (work->ns == NULL && work_open(work, lane->data, of->ns, of->dim, &error) != 0)
		return complain(lane, "it cannot be opened again: %s", error.text);
	if (work_perform(work, &following, &error) != 0)
		return complain(lane, "no write afterwards: %s", error.text);
	if (of->op.kind == WORK_INDEX_HERE && work_perform(work, &of->op, &error) != 0)
		return complain(lane, "no indexing afterwards: %s", error.text);
	return 0;
}

static bool as_it_must_be(struct lane *lane, struct work *work)
{
	int same = 0;

	for (unsigned i = lane->told->rc == 0; same == 0 && i < 2; i++)
		same = work_compare(work, &lane->models[i], lane->told->why);
	return same == 1;
}

/* A repair that failed leaves damage, which the next one mends. */
static int repair_again(struct lane *lane)
{
	const struct fault_case *of = lane->of;
	struct vs_error error;
	struct work work;
	int rc;

	if (of->op.kind != WORK_REPAIR || lane->told->rc == 0)
		return 0;
	rc = work_open(&work, lane->data, of->ns, of->dim, &error);
	if (rc == 0)
		rc = work_perform(&work, &of->op, &error);
	work_close(&work);
	return rc == 0 ? 0 : complain(lane, "no repair after it: %s", error.text);
}

static int run_case(void *context)
{
	struct lane *lane = context;
	const struct fault_case *of = lane->of;
	long blocks = allocation_blocks();
	struct work work = { .ns = NULL };
	struct vs_error error;
	int rc = operate(lane, &work);

	if (rc == 0 && !as_it_must_be(lane, &work))
		rc = 3;
	work_close(&work);
	if (rc == 0 && (allocation_blocks() != blocks || __lsan_do_recoverable_leak_check() != 0))
		rc = complain(lane, "%ld blocks were not freed", allocation_blocks() - blocks);
	if (rc == 0 && work_open(&work, lane->data, of->ns, of->dim, &error) != 0)
		rc = complain(lane, "it cannot be opened by others: %s", error.text);
	if (rc == 0 && !as_it_must_be(lane, &work))
		rc = 3;
	work_close(&work);
	if (rc == 0)
		rc = repair_again(lane);
	if (rc == 0 && (soak || lane->runs % VERIFY_EACH == 0)) {
		unsigned from = lane->told->rc == 0;
		rc = work_verify(lane->data, of->ns, of->dim, lane->models + from, 2 - from, lane->told->why) ? 0 : 3;
	}
	return rc;
}

/* One run; false when the operation has fewer allocations. */
static bool run_at(struct lane *lane, unsigned long at, bool on)
{
	bool past;
	int status;

	memset(lane->told, 0, sizeof(*lane->told));
	lane->at = at;
	lane->on = on;
	work_remove(lane->data);
	work_copy(lane->template, lane->data);
	/* The first one is here: what SQLite keeps for good is then there, and is no leak of the others. */
	status = at == 0 ? run_case(lane) : work_child(run_case, lane);
	/* Who complained has come to the end of the operation, unlike who was killed. */
	past = at > 0 && lane->told->calls < at && (status == 0 || lane->told->why[0] != '\0');
	if (status == 0) {
		lane->runs += !past;
		return !past;
	}
	lane->runs++;
	if (lane->told->why[0] == '\0')
		(void)complain(lane, status < 0 ? "signal %d" : "status %d", status < 0 ? -status : status);
	printf("memory: %s, allocation %lu%s: %s\n", lane->of->name, at, on ? "+" : "", lane->told->why);
	lane->findings++;
	return !past;
}

static unsigned long run_lane(unsigned number, unsigned lanes, void *context)
{
	static const struct work_op following = { WORK_UPSERT, FOLLOWING, 1, 9 };
	struct lane *lane = context;
	size_t length = strlen(lane->data);
	bool more = true;

	snprintf(lane->data + length, sizeof(lane->data) - length, "/%u", number);
	lane->told = mmap(NULL, sizeof(*lane->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < BEFORE_MAX; i++)
		work_apply(&lane->models[0], &lane->of->before[i]);
	lane->models[1] = lane->models[0];
	work_apply(&lane->models[1], &lane->of->op);
	for (unsigned i = 0; i < 2; i++)
		work_apply(&lane->models[i], &following);
	(void)run_at(lane, 0, false);
	for (unsigned long at = 1, turn = 0; more && !(first_only && lane->findings > 0); at = allocation_next(at, soak)) {
		if (turn++ % lanes != number)
			continue;
		more = run_at(lane, at, false);
		if (more && (soak || turn / lanes % 4 == 0))
			(void)run_at(lane, at, true);
		if (lane->of->heavy && !soak)
			at += at / 32;
	}
	work_remove(lane->data);
	printf("memory: %s, lane %u: %lu runs, %lu findings\n", lane->of->name, number, lane->runs, lane->findings);
	return lane->findings;
}

static unsigned long run_all(const struct fault_case *of, const char *folder)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	unsigned long findings;

	lane->of = of;
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
	unsigned char hash[VS_KEY_HASH];

	/* libcrypto makes itself ready once, and keeps what that takes; its queue of errors, too. */
	(void)vs_key_hash("", 0, hash, NULL);
	(void)ERR_get_error();
	soak = work_setting("VECSTORE_FAULT_SOAK", 0) != 0;
	first_only = work_setting("VECSTORE_FAULT_FIRST", 0) != 0;
	return cases_run("memory", argc, argv, first_only, run_all);
}

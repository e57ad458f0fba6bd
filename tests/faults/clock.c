/* SPDX-License-Identifier: Apache-2.0 */
/* A wall clock that jumps back by an hour, and ahead by a day: times stay in order, counting goes on, and nothing waits. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "work.h"

static unsigned findings;

static void expect(bool good, const char *what)
{
	if (good)
		return;
	printf("clock: %s\n", what);
	findings++;
}

static void jump(const char *ms)
{
	setenv("VECSTORE_CLOCK_MS", ms, 1);
	work_fault(NULL);
}

static void perform(struct work *work, enum work_kind kind, unsigned salt)
{
	struct work_op op = { kind, 0, 10, salt };
	struct vs_error error;

	if (work_perform(work, &op, &error) != 0) {
		printf("clock: %s\n", error.text);
		findings++;
	}
}

static struct vs_record look(struct work *work)
{
	struct vs_record record = { 0 };
	struct vs_error error;

	if (vs_record_get(work->ns, "r0003", 5, false, &record, &error) != 0)
		expect(false, error.text);
	expect(record.updated_at >= record.created_at, "a record was updated before it was created");
	return record;
}

int main(void)
{
	static const char *const jumps[] = { "-3600000", "86400000", "-86400000", "0" };
	struct vs_namespace_stats stats;
	struct vs_error error;
	char folder[64];
	struct work work;
	uint64_t start = vs_clock_mono_ns();
	struct vs_record first;

	work_folder(folder);
	if (work_open(&work, folder, "default", 6, &error) != 0)
		return 2;
	perform(&work, WORK_UPSERT, 0);
	first = look(&work);
	for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct vs_record record;
		jump(jumps[i]);
		perform(&work, WORK_UPSERT, i + 1);
		perform(&work, WORK_INDEX, 0);
		record = look(&work);
		expect(record.version == (int64_t)i + 2, "versions do not count on");
		expect(record.created_at == first.created_at, "another time of creation");
		perform(&work, WORK_SOFT_DELETE, 0);
		expect(look(&work).deleted_at != 0, "not deleted");
		perform(&work, WORK_RESTORE, 0);
	}
	if (vs_namespace_stats(work.ns, &stats, &error) != 0)
		expect(false, error.text);
	expect(stats.seq == 10 + 10 * 3 * sizeof(jumps) / sizeof(jumps[0]), "changes do not count on");
	expect(vs_clock_mono_ns() - start < UINT64_C(30000000000), "something waited for the clock");
	work_close(&work);
	work_remove(folder);
	printf("clock: %u findings in %d s\n", findings, (int)((vs_clock_mono_ns() - start) / 1000000000));
	return findings > 0;
}

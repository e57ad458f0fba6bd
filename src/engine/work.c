/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/work.h"

static int tell(const struct vs_work *work)
{
	double part = work->total > 0 ? (double)work->done / (double)work->total : 1.0;

	if (work->options->progress == NULL)
		return 0;
	return work->options->progress(work->options->context, work->from + (part < 1.0 ? part : 1.0) * (work->to - work->from),
	                               work->doing);
}

void vs_work_init(struct vs_work *work, const struct vs_work_options *options)
{
	static const struct vs_work_options defaults = VS_WORK_OPTIONS;

	*work = (struct vs_work){ .options = options != NULL ? options : &defaults };
}

int vs_work_phase(struct vs_work *work, double to, uint64_t total, const char *doing)
{
	work->from = work->to;
	work->to = to;
	work->done = 0;
	work->total = total > 0 ? total : 1;
	work->doing = doing;
	return tell(work);
}

int vs_work_add(void *context, uint64_t done)
{
	struct vs_work *work = context;

	work->done += done;
	return tell(work);
}

int vs_work_at(void *context, uint64_t done, uint64_t total)
{
	struct vs_work *work = context;

	work->done = done;
	work->total = total > 0 ? total : 1;
	return tell(work);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* engine/work: how far long work is, told in shares of the whole. */
#ifndef VS_ENGINE_WORK_H
#define VS_ENGINE_WORK_H

#include "engine/vecstore.h"

struct vs_work {
	const struct vs_work_options *options;
	double from, to; /* the shares between which the phase in hand lies */
	uint64_t done, total;
	const char *doing;
};

/* options NULL: nobody looks on. */
void vs_work_init(struct vs_work *work, const struct vs_work_options *options);
/* The next phase: it ends at the share `to`, and has `total` to do. Returns what the callback says, as all of these. */
int vs_work_phase(struct vs_work *work, double to, uint64_t total, const char *doing);
int vs_work_add(void *work, uint64_t done);                 /* so much more of the phase: struct vs_work * */
int vs_work_at(void *work, uint64_t done, uint64_t total);  /* so much of it in all */

#endif

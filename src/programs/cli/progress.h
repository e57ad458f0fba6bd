/* SPDX-License-Identifier: Apache-2.0 */
/* cli/progress: a bar on standard error while a terminal looks on, otherwise a line every ten seconds. */
#ifndef VS_CLI_PROGRESS_H
#define VS_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct vs_progress {
	bool shown;     /* standard error is a terminal */
	uint64_t begun; /* vs_clock_mono_ns */
	uint64_t drawn; /* last time */
	uint64_t total; /* bytes, or whatever is counted; 0: not known */
};

void vs_progress_begin(struct vs_progress *progress, uint64_t total);
/* Cheap: draws at most ten times a second. done: of the total. */
void vs_progress_update(struct vs_progress *progress, uint64_t done, uint64_t records);
/* The same line, while something else has to come first: what, and how many are in front. */
void vs_progress_wait(struct vs_progress *progress, const char *what, uint64_t left);
/* The same bar, for a terminal alone, where no records are counted: share is 0 to 1. */
void vs_progress_share(struct vs_progress *progress, double share, const char *what);
/* Takes the bar away. */
void vs_progress_end(struct vs_progress *progress);
double vs_progress_seconds(const struct vs_progress *progress); /* since the beginning */

#endif

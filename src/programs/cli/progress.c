/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define INTERVAL UINT64_C(100000000)      /* ns, of the bar */
#define LINES_EVERY UINT64_C(10000000000) /* ns, where there is no terminal */
#define BAR 24                       /* columns */

void vs_progress_begin(struct vs_progress *progress, uint64_t total)
{
	progress->shown = isatty(STDERR_FILENO) == 1;
	progress->begun = vs_clock_mono_ns();
	progress->drawn = progress->shown ? 0 : progress->begun;
	progress->total = total;
}

double vs_progress_seconds(const struct vs_progress *progress)
{
	return (double)(vs_clock_mono_ns() - progress->begun) / 1e9;
}

/* False when the last time was a moment ago. */
static bool is_due(struct vs_progress *progress)
{
	uint64_t now = vs_clock_mono_ns();
	if (now - progress->drawn < (progress->shown ? INTERVAL : LINES_EVERY))
		return false;
	progress->drawn = now;
	return true;
}

static void draw(const struct vs_progress *progress, double share, const char *what)
{
	double seconds = vs_progress_seconds(progress);
	if (share > 1)
		share = 1;
	char bar[BAR + 1];
	for (int i = 0; i < BAR; i++)
		bar[i] = i < (int)(share * BAR) ? '#' : '.';
	bar[BAR] = '\0';
	fprintf(stderr, "\r%3d%% [%s] %s", (int)(share * 100), bar, what);
	if (share > 0.01)
		fprintf(stderr, ", %.0f s left", seconds / share - seconds);
	fputs("\033[K", stderr);
}

/* A line now and then, for logs. */
static void print_line(const struct vs_progress *progress, double share, const char *what)
{
	fprintf(stderr, "vecstore: %s", what);
	if (share > 1)
		share = 1;
	if (progress->total > 0)
		fprintf(stderr, ", %d %%", (int)(share * 100));
	if (share > 0.01)
		fprintf(stderr, ", %.0f s left", vs_progress_seconds(progress) * (1 / share - 1));
	fputc('\n', stderr);
}

void vs_progress_update(struct vs_progress *progress, uint64_t done, uint64_t records)
{
	char what[64];
	if (!is_due(progress))
		return;
	double seconds = vs_progress_seconds(progress);
	double rate = seconds > 0 ? (double)records / seconds : 0;
	double share = progress->total > 0 ? (double)done / (double)progress->total : 0;
	snprintf(what, sizeof what, "%llu records, %.0f/s", (unsigned long long)records, rate);
	if (!progress->shown)
		print_line(progress, share, what);
	else if (progress->total == 0)
		fprintf(stderr, "\r%s\033[K", what);
	else
		draw(progress, share, what);
}

void vs_progress_share(struct vs_progress *progress, double share, const char *what)
{
	if (progress->shown && is_due(progress))
		draw(progress, share, what);
}

void vs_progress_wait(struct vs_progress *progress, const char *what, uint64_t left)
{
	uint64_t now = vs_clock_mono_ns();
	if (!progress->shown || now - progress->drawn < INTERVAL)
		return;
	progress->drawn = now;
	fprintf(stderr, "\r%s: %llu to go\033[K", what, (unsigned long long)left);
}

void vs_progress_end(struct vs_progress *progress)
{
	if (progress->shown && progress->drawn > 0)
		fputs("\r\033[K", stderr);
	progress->drawn = 0;
}

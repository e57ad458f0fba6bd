/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/fault.h"

#include <stdio.h>
#include <time.h>

int64_t vs_clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + vs_fault_clock_ms();
}

uint64_t vs_clock_mono_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void vs_clock_format(int64_t wall_ms, char *text)
{
	int64_t ms = wall_ms % 1000;
	time_t seconds = (time_t)(wall_ms / 1000);
	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t used = strftime(text, VS_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + used, VS_CLOCK_TEXT - used, ".%03dZ", (int)ms);
}

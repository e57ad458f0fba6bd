/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/cpu.h"

#include <sched.h>
#include <stddef.h>
#include <stdio.h>

#include "base/file.h"

unsigned vs_cpu_free_of(const char *loadavg, unsigned cores)
{
	unsigned running;

	if (sscanf(loadavg, "%*f %*f %*f %u/%*u", &running) != 1)
		return 1;
	running -= running > 0; /* the caller */
	return running < cores ? cores - running : 1;
}

unsigned vs_cpu_free(void)
{
	char text[128];
	size_t len = 0;
	cpu_set_t cores;

	if (sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) < 2)
		return 1;
	if (vs_file_load("/proc/loadavg", text, sizeof(text) - 1, &len, NULL) != 0)
		return 1;
	text[len] = '\0';
	return vs_cpu_free_of(text, (unsigned)CPU_COUNT(&cores));
}

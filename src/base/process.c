/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/file.h"

#define ROOM_KEPT 64 /* descriptors for all else */
#define ROOM_LEAST 4u

/* 0: there is none. */
static uint64_t identify(pid_t pid)
{
	char path[64];
	char stat[1024];
	size_t len;
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (vs_file_load(path, stat, sizeof(stat) - 1, &len, NULL))
		return 0;
	stat[len] = '\0';
	const char *field = strrchr(stat, ')'); /* field 2; the start time is field 22 */
	for (int i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	if (!field)
		return 0;
	return (uint64_t)pid << 32 | (uint32_t)strtoull(field, NULL, 10);
}

uint64_t vs_process_self(void)
{
	return identify(getpid());
}

bool vs_process_lives(uint64_t process)
{
	return process != 0 && identify((pid_t)(process >> 32)) == process;
}

unsigned vs_process_room(unsigned descriptors, unsigned most)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < ROOM_KEPT)
		return ROOM_LEAST;
	rlim_t room = (limit.rlim_cur - ROOM_KEPT) / descriptors;
	return room < ROOM_LEAST ? ROOM_LEAST : room > most ? most : (unsigned)room;
}

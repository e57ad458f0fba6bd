/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process: who a process is, in one word: its id and its start time, so that a reused id does not look like the old
 * owner of what lies in shared memory (I7); and how much it may open.
 */
#ifndef VS_BASE_PROCESS_H
#define VS_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

uint64_t vs_process_self(void); /* 0: /proc does not tell */
bool vs_process_lives(uint64_t process); /* 0 never does */

/* How many things of so many descriptors each the process may have open, beside all else: at least 4, at most `most`. */
unsigned vs_process_room(unsigned descriptors, unsigned most);

#endif

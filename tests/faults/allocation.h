/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes malloc's place in the whole process, so in SQLite, json-c and zlib too, and fails where it is told to.
 */
#ifndef VS_TESTS_FAULTS_ALLOCATION_H
#define VS_TESTS_FAULTS_ALLOCATION_H

#include <stdbool.h>

/* From now on the Nth allocation fails (1-based; 0: none), with `on` all after it, too. Counts from zero. */
void allocation_fail(unsigned long at, bool on);
unsigned long allocation_calls(void);
/* Blocks that were allocated and not freed. Always 0 beside a sanitizer, which tells of leaks by itself. */
long allocation_blocks(void);
/* Which allocation to let fail after this one: the next; of thousands, which are much alike, ever fewer, unless soaking. */
unsigned long allocation_next(unsigned long at, bool soak);

#endif

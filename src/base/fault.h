/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fault: faults on purpose, in builds configured with --enable-faults; nothing otherwise.
 *
 *   VECSTORE_FAULT=N:WHAT   at the Nth call (1-based) of base/file, or of SQLite by store/vfs_fault, do WHAT: EIO, ENOSPC, EROFS,
 *                           SHORT (half the bytes, then ENOSPC), EINTR, or KILL (SIGKILL to itself). With N+:WHAT (EIO,
 *                           ENOSPC and EROFS only) every call from the Nth on fails.
 *   VECSTORE_POINT=NAME[:N] SIGKILL to itself at the Nth (default first) pass of VS_POINT("NAME")
 *   VECSTORE_PAUSE=NAME[:N] SIGSTOP to itself there; it goes on at SIGCONT
 *   VECSTORE_CLOCK_MS=N     the wall clock is N milliseconds late (N < 0) or early
 *   VECSTORE_PLANT=NAME     be wrong on purpose where VS_PLANTED("NAME") stands: tests/faults must notice
 */
#ifndef VS_BASE_FAULT_H
#define VS_BASE_FAULT_H

#ifdef VS_FAULTS
#include <stdbool.h>

/* Counts one call; returns 0 or the errno to fail with. *len is halved for SHORT.
 * len NULL: a call that moves no bytes. call is a static string. */
int vs_fault_step(const char *call, unsigned long *len);
void vs_fault_point(const char *name);
bool vs_fault_planted(const char *name);
/* Reads the variables again and counts from zero: for tests, while no other thread is in base/file. */
void vs_fault_reset(void);
/* Since then: calls counted, and the call that was hit ("" while none was). */
unsigned long vs_fault_calls(void);
const char *vs_fault_hit(void);
/* The name of a call since then, 1-based; "" when it was not counted, or is too long ago. */
const char *vs_fault_call(unsigned long number);
/* A rule that only a watcher of all calls can see was broken: says so and aborts. */
_Noreturn void vs_fault_violated(const char *rule);
long vs_fault_clock_ms(void);
#define VS_POINT(name) vs_fault_point(name)
#define VS_PLANTED(name) vs_fault_planted(name)
#else
#define VS_POINT(name) ((void)0)
#define VS_PLANTED(name) 0
#define vs_fault_clock_ms() 0
#endif

#endif

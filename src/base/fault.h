/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fault: faults on purpose, in builds configured with --enable-faults; nothing otherwise.
 *
 *   VECSTORE_FAULT=N:WHAT   at the Nth call of base/file (1-based) do WHAT: EIO, ENOSPC, SHORT (half the bytes,
 *                           then ENOSPC), EINTR, or KILL (SIGKILL to itself)
 *   VECSTORE_POINT=NAME[:N] SIGKILL to itself at the Nth (default first) pass of VS_POINT("NAME")
 */
#ifndef VS_BASE_FAULT_H
#define VS_BASE_FAULT_H

#ifdef VS_FAULTS
/* Counts one call; returns 0 or the errno to fail with. *len is halved for SHORT.
 * len NULL: a call that moves no bytes. */
int vs_fault_step(const char *call, unsigned long *len);
void vs_fault_point(const char *name);
/* Reads both variables again and counts from zero: for tests, while no other thread is in base/file. */
void vs_fault_reset(void);
#define VS_POINT(name) vs_fault_point(name)
#else
#define VS_POINT(name) ((void)0)
#endif

#endif

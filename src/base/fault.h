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
/* Counts one call; returns 0 or the errno to fail with. *len is halved for SHORT. */
int vs_fault_step(const char *call, unsigned long *len);
void vs_fault_point(const char *name);
#define VS_POINT(name) vs_fault_point(name)
#else
#define VS_POINT(name) ((void)0)
#endif

#endif

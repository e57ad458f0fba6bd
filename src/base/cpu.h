/* SPDX-License-Identifier: Apache-2.0 */
/* base/cpu: how many cores are there for the asking. */
#ifndef VS_BASE_CPU_H
#define VS_BASE_CPU_H

/* Cores that this process may use and that nobody uses now, the caller's own counted as free: at least 1. Takes some 10
 * microseconds, and is out of date as soon as it is known. */
unsigned vs_cpu_free(void);

/* The same of a line of /proc/loadavg ("0.20 0.18 0.12 3/80 11206": three run now), for `cores` of them. A line that
 * is not such a one: 1. */
unsigned vs_cpu_free_of(const char *loadavg, unsigned cores);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock: wall time for records, monotonic time for durations. A wall clock may jump; durations may not. */
#ifndef VS_BASE_CLOCK_H
#define VS_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t vs_clock_wall_ms(void);  /* milliseconds since 1970-01-01 UTC */
uint64_t vs_clock_mono_ns(void); /* nanoseconds since an arbitrary point */

#define VS_CLOCK_TEXT 32
/* "2026-01-31T12:00:00.123Z" (RFC 3339) into text[VS_CLOCK_TEXT]. */
void vs_clock_format(int64_t wall_ms, char *text);
/* The other way, with any offset (+02:00) and any number of digits after the second, of which three count. False when text
 * is no time of RFC 3339 from 1970 to 9999. */
bool vs_clock_parse(const char *text, size_t len, int64_t *wall_ms);

#endif

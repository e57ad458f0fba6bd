/* SPDX-License-Identifier: Apache-2.0 */
/* engine/filter_date: dates of ISO 8601 as points in time. */
#ifndef VS_ENGINE_FILTER_DATE_H
#define VS_ENGINE_FILTER_DATE_H

#include "engine/filter_impl.h"

#define VS_FILTER_DATE_FORM "write it like 2024-05-01, 2024-05-01T10:00:00Z or 2024-05-01T10:00:00.250+02:00"

/*
 * Reads the whole text as a date: YYYY-MM-DD, then perhaps 'T' (or 't', or one blank), hh:mm, perhaps :ss, with these
 * perhaps '.' or ',' and 1 to 9 digits, and then perhaps 'Z' (or 'z'), ±hh:mm, ±hhmm or ±hh. Without a zone it is UTC, without
 * a time midnight. Second 60 is the next minute's first, as in POSIX. These are the extended forms of ISO 8601 that RFC 3339
 * takes up, and its most usual neighbours. Days that are in no calendar are no dates. False: value is unchanged.
 */
bool vs_filter_date_read(const char *text, size_t len, struct vs_filter_value *value);
/* From milliseconds since 1970. */
struct vs_filter_value vs_filter_date_from_ms(int64_t ms);

#endif

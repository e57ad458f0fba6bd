/* SPDX-License-Identifier: Apache-2.0 */
/* cli/when: times as people write them. */
#ifndef VS_CLI_WHEN_H
#define VS_CLI_WHEN_H

#include <stdint.h>

struct vs_error;

/* "90s", "15m", "12h", "30d": milliseconds, up to 100 years. VS_EINVAL, which names the flag. */
int vs_when_span(const char *flag, const char *text, int64_t *span_ms, struct vs_error *error);
/* The same from now on, or a time of RFC 3339, and to come: milliseconds since 1970. text NULL: 0. */
int vs_when_parse(const char *flag, const char *text, int64_t *wall_ms, struct vs_error *error);

#endif

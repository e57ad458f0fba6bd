/* SPDX-License-Identifier: Apache-2.0 */
/* service/lifetime: when a record expires. */
#ifndef VS_SERVICE_LIFETIME_H
#define VS_SERVICE_LIFETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_error;
struct vs_fields;

#define VS_TTL_MAX INT64_C(3155760000) /* seconds: 100 years */

/* From ttl_seconds (from now on) or expires_at (a time of RFC 3339, or milliseconds since 1970), milliseconds since 1970; 0
 * when neither is there. VS_EINVAL when both are, or one makes no sense. */
int vs_lifetime_decode(const struct vs_fields *fields, int64_t *expires_at, struct vs_error *error);
/* The same of an expires_at that is plain text, as in CSV. */
bool vs_lifetime_parse(const char *text, size_t len, int64_t *expires_at);

#endif

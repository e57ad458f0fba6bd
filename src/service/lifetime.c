/* SPDX-License-Identifier: Apache-2.0 */
#include "service/lifetime.h"

#include <json-c/json_object.h>

#include "base/clock.h"
#include "service/json_in.h"

#define LEAST_MS INT64_C(100000000000)  /* 1973: what is less are seconds, given by mistake */
#define MOST_MS INT64_C(253402300799999) /* the end of 9999 */

static int decode_time(const struct vs_fields *fields, bool *present, int64_t *expires_at, struct vs_error *error)
{
	struct json_object *found = json_object_object_get(fields->object, "expires_at");
	struct vs_text text = { NULL, 0 };
	if (json_object_is_type(found, json_type_string)) {
		*present = true;
		int rc = vs_fields_text(fields, "expires_at", &text, error);
		if (rc)
			return rc;
		if (vs_clock_parse(text.data, text.len, expires_at) && *expires_at > 0)
			return 0;
	} else {
		int rc = vs_fields_integer(fields, "expires_at", LEAST_MS, MOST_MS, present, expires_at, NULL);
		if (!rc)
			return 0;
	}
	return vs_fields_fault(fields, "expires_at",
	                       "must be a time such as \"2026-01-31T12:00:00Z\", or milliseconds since 1970", error);
}

bool vs_lifetime_parse(const char *text, size_t len, int64_t *expires_at)
{
	int64_t ms = 0;
	size_t i = 0;
	while (i < len && text[i] >= '0' && text[i] <= '9' && ms <= MOST_MS)
		ms = 10 * ms + (text[i++] - '0');
	if (i < len)
		return vs_clock_parse(text, len, expires_at) && *expires_at > 0;
	*expires_at = ms;
	return ms >= LEAST_MS && ms <= MOST_MS;
}

int vs_lifetime_decode(const struct vs_fields *fields, int64_t *expires_at, struct vs_error *error)
{
	bool has_time = false, has_ttl = false;
	int64_t seconds = 0;
	*expires_at = 0;
	int rc = decode_time(fields, &has_time, expires_at, error);
	if (!rc)
		rc = vs_fields_integer(fields, "ttl_seconds", 1, VS_TTL_MAX, &has_ttl, &seconds, error);
	if (!rc && has_time && has_ttl)
		rc = vs_fields_fault(fields, "ttl_seconds", "cannot be given together with expires_at", error);
	if (!rc && has_ttl)
		*expires_at = vs_clock_wall_ms() + seconds * 1000;
	return rc;
}

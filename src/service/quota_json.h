/* SPDX-License-Identifier: Apache-2.0 */
/* service/quota_json: quotas as JSON, of a namespace or (of_key) of a key, which cannot have all. Private to the room. */
#ifndef VS_SERVICE_QUOTA_JSON_H
#define VS_SERVICE_QUOTA_JSON_H

#include <stdbool.h>

#include "store/policy.h"

struct vs_buf;
struct vs_call;
struct vs_error;
struct vs_fields;

/* The object called quota or quotas, if there is one. What it does not name is VS_QUOTA_KEEP, null VS_QUOTA_DEFAULT. */
int vs_quota_decode(const struct vs_fields *fields, bool of_key, struct vs_quota *quota, struct vs_error *error);
/* A body of quotas alone: their fields, or such an object. */
int vs_quota_decode_body(struct vs_call *call, bool of_key, struct vs_quota *quota, struct vs_error *error);

/* As a field called quota: null where it has none of its own. */
void vs_quota_encode(struct vs_buf *out, const struct vs_quota *quota, bool of_key);

#endif

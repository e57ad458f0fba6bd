/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/condition: If-Match and If-None-Match (RFC 9110, 13.1) as conditions on a record's version. A record's ETag is
 * its version in quotes.
 */
#ifndef VS_SERVICE_CONDITION_H
#define VS_SERVICE_CONDITION_H

#include "service/call.h"

struct vs_fields;

/* Sets the record's ETag. */
void vs_condition_tag(struct vs_call *call, int64_t version);

/* What a write is subject to, as in struct vs_record_input: by the headers (If-Match with one tag or *, If-None-Match with
 * *), or the field if_version of the body (fields NULL: there is none), where 0 means that there must be no record. 0 when
 * neither is there. VS_EINVAL when there is more than one, or it makes no sense. */
int vs_condition_decode(const struct vs_call *call, const struct vs_fields *fields, int64_t *if_version,
                        struct vs_error *error);
/* The field alone, for one of many records. */
int vs_condition_field(const struct vs_fields *fields, int64_t *if_version, struct vs_error *error);
/* VS_EINVAL when a header stands where it cannot mean one record. */
int vs_condition_refuse(const struct vs_call *call, struct vs_error *error);

/* Of a record that is read: VS_EVERSION when If-Match does not hold. *unchanged: If-None-Match names this version. */
int vs_condition_read(const struct vs_call *call, int64_t version, bool *unchanged, struct vs_error *error);

#endif

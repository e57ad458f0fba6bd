/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/admit: may this request ask this namespace, now, for so much? Status, quotas of rate and of what one request may
 * hold, the key's own before the namespace's; quotas of size are the engine's. Asked before the work.
 */
#ifndef VS_SERVICE_ADMIT_H
#define VS_SERVICE_ADMIT_H

#include <stddef.h>
#include <stdint.h>

#include "service/call.h"

/* What becomes of the call's own requests: kept in struct vs_call. A call asks several times, and is counted once. VS_ESUSPENDED, VS_EFROZEN,
 * VS_ENOTFOUND (it waits to be deleted), VS_ERATE (the response's retry_after is set then). */
int vs_admit_enter(struct vs_call *call, struct vs_namespace *ns, const char *name, struct vs_error *error);
/* The answer has been sent: bytes_out of it; the request's place is free. */
void vs_admit_leave(struct vs_call *call, size_t bytes_out);

/* VS_EQUOTA with the field when it is more than the quota of this kind that binds. ns NULL: there are no quotas. */
int vs_admit_number(const struct vs_namespace *ns, enum vs_quota_kind kind, const char *field, uint64_t number,
                    struct vs_error *error);

#endif

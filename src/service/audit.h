/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/audit: calls that the audit trail (store/audit) has to tell of: what administrators changed, and what was denied.
 *
 * Denials come from outside, and must cost neither a commit each nor the disk: each process records DENIALS_AT_ONCE of them
 * as they come, and one more every DENIAL_SECONDS; those in between are counted, and recorded as one event with their number.
 * A process that is killed loses that number, and no more.
 */
#ifndef VS_SERVICE_AUDIT_H
#define VS_SERVICE_AUDIT_H

#include <stdint.h>

#include "service/call.h"
#include "store/audit.h"

#define VS_AUDIT_DENIALS_AT_ONCE 10
#define VS_AUDIT_DENIAL_SECONDS 10

/* Of one process. Zeros: as at first. */
struct vs_audit_gate {
	uint64_t full_ns; /* monotonic: when all of DENIALS_AT_ONCE may be recorded again */
	int64_t held;     /* denials that were counted only */
	int64_t since;    /* of the first of them, milliseconds since 1970 */
};

/* An event as JSON. */
void vs_audit_encode(struct vs_buf *out, const struct vs_audit_event *event);
/* The event that a call is, without its result; strings live as long as the call. action[96] is its memory. */
struct vs_audit_event vs_audit_event_of(const struct vs_call *call, char *action);
/* The event, if it was recorded (its seq tells), was the call's own: it is not recorded again. */
void vs_audit_recorded(struct vs_call *call, const struct vs_audit_event *event);
/* The event, if it was recorded, goes before the call's own. */
void vs_audit_begun(struct vs_call *call, const struct vs_audit_event *event);
/* Records that work on files begins, which no commit of the catalogue can hold. It is not to begin when this fails. */
int vs_audit_begin(struct vs_call *call, struct vs_error *error);
/* A part of the call failed, and the rest went on. */
static inline void vs_audit_refused(struct vs_call *call, const struct vs_error *error)
{
	if (error->code == VS_EPERM)
		call->refused = "outside its filter";
}
/* Once the call was answered with rc: records it where it has to be, and leaves the line for the program's log in
 * response->audit. */
void vs_audit_call(struct vs_call *call, int rc);
/* Records what is held, if time has come; at the end of the process (last), in any case. */
void vs_audit_flush(struct vs_auth *auth, struct vs_audit_gate *gate, bool last);

#endif

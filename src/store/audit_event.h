/* SPDX-License-Identifier: Apache-2.0 */
/* store/audit_event: a row of the audit trail. This header is public: it is installed beneath vecstore.h. */
#ifndef VS_STORE_AUDIT_EVENT_H
#define VS_STORE_AUDIT_EVENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VS_AUDIT_HASH 32 /* bytes of SHA-256 */

/* Strings: NULL is "". Longer ones than VS_AUDIT_TEXT_MAX bytes are cut. */
#define VS_AUDIT_TEXT_MAX 512
struct vs_audit_event {
	int64_t seq;        /* given when it is recorded; 0: it was not */
	int64_t at;         /* milliseconds since 1970; given then, when 0 */
	/* "key:…", "token:…", "user:…", "local:0" (the command line, of that user), "anonymous"; "vecstore" itself. */
	const char *actor;
	const char *action; /* "POST /admin/keys", "key create" */
	const char *ns;
	const char *object; /* what was acted on, besides: a key's id, a record's */
	const char *origin; /* the peer's address */
	/* "ok", or the word of an error code; "begun": its result follows, unless it was killed; "stopped" by a signal. */
	const char *result;
	/* Of a denial, more exactly than its answer says; of quotas, what was set (vs_quota_format_change); or how it came to what was done. */
	const char *reason;
	const char *request_id;
	int64_t count; /* of denials that this one stands for; 1 otherwise */
	unsigned char hash[VS_AUDIT_HASH]; /* given when it is recorded */
};

#ifdef __cplusplus
}
#endif
#endif

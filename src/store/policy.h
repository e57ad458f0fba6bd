/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/policy: what the administrator lets a namespace or a key do: status and quotas. This header is public: it is
 * installed beneath vecstore.h.
 */
#ifndef VS_STORE_POLICY_H
#define VS_STORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_error;

#ifdef __cplusplus
extern "C" {
#endif

/* Values are stored: never renumber. */
enum vs_status {
	VS_ACTIVE = 1,
	VS_READ_ONLY = 2,        /* writes are refused, to everybody */
	VS_SUSPENDED = 3,        /* only an administrator may ask; the library itself refuses nothing */
	VS_PENDING_DELETION = 4, /* until a time, and then deleted; nobody may write */
	VS_DELETING = 5,         /* its files are being removed: there is no way back */
};
const char *vs_status_name(enum vs_status status); /* "read_only"; NULL: there is none. Static string. */
bool vs_status_find(const char *name, enum vs_status *status);

enum vs_quota_kind {
#define VS_QUOTA(id, name, others, most, of_key, what) VS_QUOTA_##id,
#include "quota.tbl"
#undef VS_QUOTA
	VS_QUOTAS
};
#define VS_QUOTA_DEFAULT (-1)
#define VS_QUOTA_KEEP (-2)

struct vs_quota {
	int64_t most[VS_QUOTAS]; /* 0: no bound; VS_QUOTA_DEFAULT: a namespace's is the store's, a key's the namespace's */
};

/* All of them VS_QUOTA_DEFAULT. */
struct vs_quota vs_quota_none(void);
/* All of them VS_QUOTA_KEEP: a change of nothing. */
struct vs_quota vs_quota_keep(void);
/* Takes over from the change (NULL: nothing) what is not VS_QUOTA_KEEP. */
void vs_quota_merge(struct vs_quota *quota, const struct vs_quota *change);
/* VS_EINVAL with its name unless each can be set, or kept: for a key, when of_key. */
int vs_quota_check(const struct vs_quota *quota, bool of_key, struct vs_error *error);
const char *vs_quota_name(enum vs_quota_kind kind); /* "max_vectors". Static string. */
bool vs_quota_find(const char *name, size_t len, enum vs_quota_kind *kind); /* by any of its names */
int64_t vs_quota_limit(enum vs_quota_kind kind); /* the greatest bound that can be set */
bool vs_quota_of_key(enum vs_quota_kind kind); /* whether a key can have one of its own */
/* What bounds in the end: 0: nothing does. */
int64_t vs_quota_most(const struct vs_quota *quota, const struct vs_quota *defaults, enum vs_quota_kind kind);

/* "max_vectors=1000,max_batch_size=default" into *quota, which keeps what is not named. VS_EINVAL says what is wrong. */
int vs_quota_parse(const char *text, struct vs_quota *quota, struct vs_error *error);
#define VS_QUOTA_TEXT 400 /* bytes that any takes as text */
/* What is not the default, in the same form. */
void vs_quota_format(const struct vs_quota *quota, char text[VS_QUOTA_TEXT]);
/* What a change (NULL: none) sets, in the same form, and text; NULL: it sets nothing. */
const char *vs_quota_format_change(const struct vs_quota *change, char text[VS_QUOTA_TEXT]);

#ifdef __cplusplus
}
#endif
#endif

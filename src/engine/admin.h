/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/admin: namespaces as administrators see them: made, listed, bounded, deleted, billed. Part of vecstore.h, which
 * includes it, and installed beneath it.
 */
#ifndef VS_ENGINE_ADMIN_H
#define VS_ENGINE_ADMIN_H

#include <stdint.h>

#include "math/metric.h"
#include "store/audit_event.h"
#include "store/policy.h"
#include "store/usage.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vs_error;
struct vs_namespace;
struct vs_namespace_options;
struct vs_store;

/* Quotas of namespaces that have none of their own. As at first: none of any kind. */
void vs_store_set_quota(struct vs_store *store, const struct vs_quota *quota);

struct vs_namespace_info {
	char name[64];
	char folder[17];
	enum vs_metric metric;
	uint32_t dimension; /* as it was made; 0: the first record fixes it */
	int64_t created_at; /* milliseconds since 1970, as the next two */
	int64_t updated_at; /* of what stands here, not of records */
	enum vs_status status;
	int64_t delete_at; /* 0: never */
	struct vs_quota quota; /* its own */
	const char *description;
	const char *metadata; /* a JSON object */
};
/* Calls each per namespace in order of names, or for those after a name (NULL: all); a non-zero return stops and is
 * returned. Texts are valid during the call. */
int vs_store_each(struct vs_store *store, const char *after, int (*each)(void *context, const struct vs_namespace_info *info),
                  void *context, struct vs_error *error);
/* Texts are valid until the next call on the store. VS_ENOTFOUND. */
int vs_store_find(struct vs_store *store, const char *name, struct vs_namespace_info *info, struct vs_error *error);

/* ---- making, changing, deleting ---------------------------------------------------------------------------- */

#define VS_DESCRIPTION_MAX 1024          /* bytes */
#define VS_NAMESPACE_METADATA_MAX (64 << 10)
struct vs_namespace_change {
	const char *description; /* NULL: stays */
	const char *metadata;    /* a JSON object; NULL: stays */
	const struct vs_quota *quota; /* NULL: stays; so does a kind that is VS_QUOTA_KEEP */
	enum vs_status status;   /* 0: stays */
	int64_t delete_at;       /* with VS_PENDING_DELETION: from when on vs_store_reap deletes it */
	struct vs_audit_event *event; /* goes to the audit trail in the same commit: both are there or neither; NULL: none does */
};
#define VS_NAMESPACE_CHANGE { NULL, NULL, NULL, 0, 0, NULL }

/* Makes a namespace. change (NULL allowed): its description, metadata and quota, and the event. VS_ECONFLICT when the name is
 * taken, be it by one that waits to be deleted; VS_EINVAL with the field. */
int vs_store_create(struct vs_store *store, const char *name, const struct vs_namespace_options *options,
                    const struct vs_namespace_change *change, struct vs_error *error);
/* Changes what stands in the catalogue. Once it has returned, no write that the status or the quotas of size forbid is
 * acknowledged any more by any process. A quota below what is there is allowed: nothing goes away, and nothing more
 * comes. VS_ECONFLICT for a namespace whose files are being removed. When it fails by VS_EBUSY or VS_EIO, the change may be
 * made (and recorded), but not be heeded everywhere yet: try again. */
int vs_store_change(struct vs_store *store, const char *name, const struct vs_namespace_change *change,
                    struct vs_error *error);
/* Removes the namespaces whose time to be deleted has come, rows and files; killed, the next call goes on. Each is an event of
 * the audit trail. *removed (NULL allowed): how many. One that fails is passed over and told in *error when all others are
 * done. */
int vs_store_reap(struct vs_store *store, unsigned *removed, struct vs_error *error);

/* ---- the audit trail ---------------------------------------------------------------------------------------- */

/* Records an event in a commit of its own: of what is no change of the catalogue. Durable when it returns 0. Work on files is
 * recorded twice, with the result "begun" before it and with what came of it after it: so none is done without an event. */
int vs_store_record(struct vs_store *store, struct vs_audit_event *event, struct vs_error *error);

/* ---- usage ------------------------------------------------------------------------------------------------ */

/* Adds what was counted to what stands in the catalogue for the same day and folder, in one commit. */
int vs_store_add_usage(struct vs_store *store, const struct vs_usage_row *rows, size_t count, struct vs_error *error);
/* Calls each, in order of days, for rows of from->day to to_day whose name and folder are from's, where those are not "". A
 * non-zero return stops and is returned. */
int vs_store_usage(struct vs_store *store, const struct vs_usage_row *from, int32_t to_day,
                   int (*each)(void *context, const struct vs_usage_row *row), void *context, struct vs_error *error);

/* ---- one that is open -------------------------------------------------------------------------------------- */

/* The status and the quotas as they are now, which costs some microseconds. VS_ESTALE when the namespace has been deleted:
 * the handle is of no use any more. */
int vs_namespace_refresh(struct vs_namespace *ns, struct vs_error *error);
enum vs_status vs_namespace_status(const struct vs_namespace *ns); /* as of the last refresh or write */
/* From now on the handle is asked with a key that has quotas of its own (NULL: with none): each that is not VS_QUOTA_DEFAULT holds
 * in the place of the namespace's. *quota must be one that a key can have (vs_quota_check). */
void vs_namespace_set_key_quota(struct vs_namespace *ns, const struct vs_quota *quota);
/* The quota that binds, as of then: the key's, else the namespace's own, else the store's; 0: none. */
uint64_t vs_namespace_most(const struct vs_namespace *ns, enum vs_quota_kind kind);
/* Whose that is, for texts: "key", or "namespace". Static string. */
const char *vs_namespace_most_of(const struct vs_namespace *ns, enum vs_quota_kind kind);
/* A number that no other namespace has, now or later. */
uint64_t vs_namespace_number(const struct vs_namespace *ns);

struct vs_use {
	uint64_t vectors;       /* as VS_QUOTA_VECTORS counts them */
	uint64_t storage_bytes; /* as VS_QUOTA_STORAGE counts them */
	uint32_t dimension;     /* 0: not fixed yet */
};
/* What quotas of size are compared with, now. */
int vs_namespace_use(struct vs_namespace *ns, struct vs_use *use, struct vs_error *error);

#ifdef __cplusplus
}
#endif
#endif

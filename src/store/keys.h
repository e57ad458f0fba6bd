/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/keys: API keys (catalog.db, truth). A secret is 256 random bits, shown once; what is kept is its SHA-256, which says
 * nothing of it. A key that was revoked keeps its row: its secret stays known as revoked, and a folder that had a key
 * never again counts as one without.
 */
#ifndef VS_STORE_KEYS_H
#define VS_STORE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/catalog.h"
#include "store/policy.h"

struct vs_audit_event;

enum vs_role {
#define VS_ROLE(id, value, name) VS_ROLE_##id = value,
#include "store/roles.tbl"
#undef VS_ROLE
};

const char *vs_role_name(enum vs_role role); /* NULL when there is none such. Static string. */
bool vs_role_find(const char *name, enum vs_role *role);
/* "reader, writer, …" Static string. */
const char *vs_role_names(void);

#define VS_KEY_SECRET "vsk_"   /* how a secret begins; 64 hex digits follow */
#define VS_KEY_SECRET_LEN 68
#define VS_KEY_PREFIX_LEN 12   /* of a secret's characters, those that are shown later, too */
#define VS_KEY_ID_LEN 16       /* hex digits */
#define VS_KEY_HASH 32         /* bytes of SHA-256 */
#define VS_KEY_NAME_MAX 128    /* bytes */
#define VS_KEY_FILTER_MAX 4096 /* bytes */

/* What a key, a token or a user of the web server may do, and where. */
struct vs_grant {
	enum vs_role role;
	char ns[VS_NAME_MAX + 1]; /* the only namespace; "": all of them, for VS_ROLE_ADMIN and VS_ROLE_METRICS alone */
	char filter[VS_KEY_FILTER_MAX + 1]; /* the records that it may see and write; "": all. For VS_ROLE_READER and VS_ROLE_WRITER alone */
};
/* VS_EINVAL, naming the field, unless it is as said there. Whether the filter is one is the engine's to tell. */
int vs_grant_check(const struct vs_grant *grant, struct vs_error *error);

struct vs_key {
	char id[VS_KEY_ID_LEN + 1];
	char prefix[VS_KEY_PREFIX_LEN + 1];
	char name[VS_KEY_NAME_MAX + 1]; /* a person's note; "": none */
	struct vs_grant grant;
	struct vs_quota quota; /* that hold in the place of the namespace's; all default for VS_ROLE_METRICS, which asks none */
	int64_t created_at; /* milliseconds since 1970 */
	int64_t expires_at; /* 0: never */
	int64_t revoked_at; /* 0: not */
	char replaced_by[VS_KEY_ID_LEN + 1]; /* by rotation; "": not */
};

/* SHA-256 of a secret as a client sends it. VS_ENOMEM. */
int vs_key_hash(const char *secret, size_t len, unsigned char hash[VS_KEY_HASH], struct vs_error *error);

/* Makes a key with the grant, quota, name and expires_at of *key, fills in the rest (VS_QUOTA_DEFAULT for VS_QUOTA_KEEP, too), and
 * writes its secret with a NUL. The event is recorded in the same commit, as in all that follows, with the key's id as its
 * object. */
int vs_keys_append(struct vs_catalog *catalog, struct vs_key *key, char secret[VS_KEY_SECRET_LEN + 1],
                   struct vs_audit_event *event, struct vs_error *error);
/* From now on the key is worth nothing, wherever it is shown. VS_ENOTFOUND; one that was revoked before stays so, and it is no
 * error. */
int vs_keys_revoke(struct vs_catalog *catalog, const char *id, struct vs_audit_event *event, struct vs_error *error);
/* Another key with the grant, quota and name of this one, and expires_at (0: never), while this one is good for overlap_ms more, at
 * most. VS_ENOTFOUND; VS_ECONFLICT when this one is no longer good. */
int vs_keys_rotate(struct vs_catalog *catalog, const char *id, int64_t overlap_ms, int64_t expires_at, struct vs_key *key,
                   char secret[VS_KEY_SECRET_LEN + 1], struct vs_audit_event *event, struct vs_error *error);
/* Merges the change into the key's quotas; *key is the key with them. VS_EINVAL with the field; VS_ENOTFOUND; VS_ECONFLICT when it
 * is no longer good. */
int vs_keys_set_quota(struct vs_catalog *catalog, const char *id, const struct vs_quota *change, struct vs_key *key,
                      struct vs_audit_event *event, struct vs_error *error);

/* By its secret's hash, or its id, whatever has become of it. VS_ENOTFOUND. */
int vs_keys_find(struct vs_catalog *catalog, const unsigned char hash[VS_KEY_HASH], struct vs_key *key,
                 struct vs_error *error);
int vs_keys_get(struct vs_catalog *catalog, const char *id, struct vs_key *key, struct vs_error *error);
/* All of them, oldest first; a non-zero return stops and is returned. each must not call the catalogue. */
int vs_keys_each(struct vs_catalog *catalog, int (*each)(void *context, const struct vs_key *key), void *context,
                 struct vs_error *error);
/* There is or was a key. */
int vs_keys_any(struct vs_catalog *catalog, bool *any, struct vs_error *error);

#endif

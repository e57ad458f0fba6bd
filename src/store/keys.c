/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keys.h"

#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "store/audit.h"
#include "store/catalog_impl.h"

#define COLUMNS                                                                                                        \
	"SELECT id, hash, prefix, name, namespace, role, filter, created_at, expires_at, revoked_at, replaced_by, quota "  \
	"FROM api_key"

enum statement { FIND, GET, EACH, ANY, APPEND, REVOKE, REPLACE, BOUND, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[FIND] = COLUMNS " WHERE hash = ?1",
	[GET] = COLUMNS " WHERE id = ?1",
	[EACH] = COLUMNS " ORDER BY number",
	[ANY] = "SELECT EXISTS (SELECT 1 FROM api_key)",
	[APPEND] = "INSERT INTO api_key (id, hash, prefix, name, namespace, role, filter, created_at, expires_at, revoked_at, "
	           "replaced_by, quota) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, '', ?10)",
	[REVOKE] = "UPDATE api_key SET revoked_at = ?2 WHERE id = ?1 AND revoked_at = 0",
	[REPLACE] = "UPDATE api_key SET expires_at = ?2, replaced_by = ?3 WHERE id = ?1",
	[BOUND] = "UPDATE api_key SET quota = ?2 WHERE id = ?1",
};

/* ---- roles ---------------------------------------------------------------------------------------------- */

static const struct {
	enum vs_role role;
	const char *name;
} roles[] = {
#define VS_ROLE(id, value, name) { VS_ROLE_##id, name },
#include "store/roles.tbl"
#undef VS_ROLE
};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

const char *vs_role_name(enum vs_role role)
{
	for (size_t i = 0; i < ROLES; i++)
		if (roles[i].role == role)
			return roles[i].name;
	return NULL;
}

bool vs_role_find(const char *name, enum vs_role *role)
{
	for (size_t i = 0; i < ROLES; i++) {
		if (strcmp(roles[i].name, name) == 0) {
			*role = roles[i].role;
			return true;
		}
	}
	return false;
}

const char *vs_role_names(void)
{
	static const char *const names = ""
#define VS_ROLE(id, value, name) ", " name
#include "store/roles.tbl"
#undef VS_ROLE
	    ;

	return names + 2;
}

int vs_grant_check(const struct vs_grant *grant, struct vs_error *error)
{
	bool everywhere = grant->role == VS_ROLE_ADMIN || grant->role == VS_ROLE_METRICS;
	bool filtered = grant->role == VS_ROLE_READER || grant->role == VS_ROLE_WRITER;

	if (vs_role_name(grant->role) == NULL)
		return vs_error_at(error, VS_EINVAL, "role", -1, "must be one of %s", vs_role_names());
	if (everywhere && grant->ns[0] != '\0')
		return vs_error_at(error, VS_EINVAL, "namespace", -1, "the role %s is for all namespaces",
		                   vs_role_name(grant->role));
	if (!everywhere && grant->ns[0] == '\0')
		return vs_error_at(error, VS_EINVAL, "namespace", -1, "is missing: the role %s is for one",
		                   vs_role_name(grant->role));
	if (!everywhere && vs_catalog_check_name("namespace", grant->ns, error) < 0)
		return VS_EINVAL;
	if (grant->filter[0] != '\0' && !filtered)
		return vs_error_at(error, VS_EINVAL, "filter", -1, "goes with the roles reader and writer alone");
	return 0;
}

static int check_quota(const struct vs_key *key, struct vs_error *error)
{
	int rc = vs_quota_check(&key->quota, true, error);

	for (int kind = 0; rc == 0 && kind < VS_QUOTAS; kind++)
		if (key->grant.role == VS_ROLE_METRICS && key->quota.most[kind] != VS_QUOTA_DEFAULT)
			return vs_error_at(error, VS_EINVAL, "quota", -1, "does not go with the role metrics, which asks no namespace");
	return rc;
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

int vs_key_hash(const char *secret, size_t len, unsigned char hash[VS_KEY_HASH], struct vs_error *error)
{
	if (SHA256((const unsigned char *)secret, len, hash) != NULL)
		return 0;
	ERR_clear_error(); /* libcrypto notes its faults, and keeps the notes */
	return vs_error_set(error, VS_ENOMEM, "no memory for a hash");
}

static int prepare(struct vs_catalog *catalog, sqlite3_stmt ***statements, struct vs_error *error)
{
	return vs_catalog_prepare(catalog, VS_CATALOG_KEYS, texts, STATEMENTS, statements, error);
}

/* Copies a column of text, NUL and all; false when it does not fit or holds a NUL. */
static bool copy_text(sqlite3_stmt *row, int column, char *text, size_t size)
{
	const char *found = (const char *)sqlite3_column_text(row, column);
	size_t len = (size_t)sqlite3_column_bytes(row, column);

	if (found == NULL || len >= size || memchr(found, '\0', len) != NULL)
		return false;
	memcpy(text, found, len + 1);
	return true;
}

/* A row that grants what no key can is a damaged catalogue, and grants nothing. */
static int decode(struct vs_catalog *catalog, sqlite3_stmt *row, struct vs_key *key, struct vs_error *error)
{
	int64_t role = sqlite3_column_int64(row, 5);
	char quota[VS_QUOTA_TEXT];
	bool good;

	*key = (struct vs_key){ .created_at = sqlite3_column_int64(row, 7),
		                    .expires_at = sqlite3_column_int64(row, 8),
		                    .revoked_at = sqlite3_column_int64(row, 9),
		                    .quota = vs_quota_none() };
	key->grant.role = role > 0 && role < 100 ? (enum vs_role)role : (enum vs_role)0;
	good = copy_text(row, 0, key->id, sizeof(key->id)) && copy_text(row, 2, key->prefix, sizeof(key->prefix)) &&
	       copy_text(row, 3, key->name, sizeof(key->name)) && copy_text(row, 4, key->grant.ns, sizeof(key->grant.ns)) &&
	       copy_text(row, 6, key->grant.filter, sizeof(key->grant.filter)) &&
	       copy_text(row, 10, key->replaced_by, sizeof(key->replaced_by)) && copy_text(row, 11, quota, sizeof(quota));
	if (!good && sqlite3_errcode(catalog->sql.db) == SQLITE_NOMEM)
		return vs_error_set(error, VS_ENOMEM, "%s: out of memory", catalog->sql.path);
	if (!good || vs_grant_check(&key->grant, NULL) < 0 || vs_quota_parse(quota, &key->quota, NULL) < 0 ||
	    check_quota(key, NULL) < 0)
		return vs_error_set(error, VS_ECORRUPT, "%s is damaged: the row of a key is absurd", catalog->sql.path);
	return 0;
}

static int fetch(struct vs_catalog *catalog, sqlite3_stmt *statement, struct vs_key *key, struct vs_error *error)
{
	int rc = vs_sql_step(&catalog->sql, statement, error);

	if (rc == 0)
		return vs_error_set(error, VS_ENOTFOUND, "there is no such key");
	if (rc > 0)
		rc = decode(catalog, statement, key, error);
	sqlite3_reset(statement);
	return rc;
}

int vs_keys_find(struct vs_catalog *catalog, const unsigned char hash[VS_KEY_HASH], struct vs_key *key,
                 struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	if (rc < 0)
		return rc;
	sqlite3_bind_blob(statements[FIND], 1, hash, VS_KEY_HASH, SQLITE_STATIC);
	rc = vs_sql_step(&catalog->sql, statements[FIND], error);
	if (rc == 0)
		return vs_error_set(error, VS_ENOTFOUND, "there is no such key");
	if (rc > 0 && (sqlite3_column_bytes(statements[FIND], 1) != VS_KEY_HASH ||
	               CRYPTO_memcmp(sqlite3_column_blob(statements[FIND], 1), hash, VS_KEY_HASH) != 0))
		rc = vs_error_set(error, VS_ECORRUPT, "%s is damaged: the index of keys errs", catalog->sql.path);
	if (rc > 0)
		rc = decode(catalog, statements[FIND], key, error);
	sqlite3_reset(statements[FIND]);
	return rc;
}

int vs_keys_get(struct vs_catalog *catalog, const char *id, struct vs_key *key, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statements[GET], 1, id, strlen(id), error);
	return rc < 0 ? rc : fetch(catalog, statements[GET], key, error);
}

int vs_keys_each(struct vs_catalog *catalog, int (*each)(void *context, const struct vs_key *key), void *context,
                 struct vs_error *error)
{
	sqlite3_stmt **statements;
	struct vs_key key;
	int rc = prepare(catalog, &statements, error);

	if (rc < 0)
		return rc;
	while ((rc = vs_sql_step(&catalog->sql, statements[EACH], error)) == 1) {
		rc = decode(catalog, statements[EACH], &key, error);
		if (rc == 0)
			rc = each(context, &key);
		if (rc != 0)
			break;
	}
	sqlite3_reset(statements[EACH]);
	return rc;
}

int vs_keys_any(struct vs_catalog *catalog, bool *any, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	*any = true;
	if (rc < 0)
		return rc;
	rc = vs_sql_step(&catalog->sql, statements[ANY], error);
	if (rc > 0)
		*any = sqlite3_column_int64(statements[ANY], 0) != 0;
	sqlite3_reset(statements[ANY]);
	return rc < 0 ? rc : 0;
}

/* ---- changes -------------------------------------------------------------------------------------------- */

/* len bytes from the system's generator, in hex. */
static int invent(char *text, size_t len, struct vs_error *error)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[32];

	if (getrandom(bytes, len, 0) != (ssize_t)len)
		return vs_error_set(error, VS_EINTERNAL, "the system gives no random numbers");
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * len] = '\0';
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return 0;
}

static int make(struct vs_key *key, char secret[VS_KEY_SECRET_LEN + 1], struct vs_error *error)
{
	int rc = invent(key->id, VS_KEY_ID_LEN / 2, error);

	memcpy(secret, VS_KEY_SECRET, sizeof(VS_KEY_SECRET));
	if (rc == 0)
		rc = invent(secret + strlen(VS_KEY_SECRET), 32, error);
	memcpy(key->prefix, secret, VS_KEY_PREFIX_LEN);
	key->prefix[VS_KEY_PREFIX_LEN] = '\0';
	key->created_at = vs_clock_wall_ms();
	key->revoked_at = 0;
	key->replaced_by[0] = '\0';
	return rc;
}

static int insert(struct vs_catalog *catalog, sqlite3_stmt *append, const struct vs_key *key, const char *secret,
                  struct vs_error *error)
{
	const char *const values[] = { key->prefix, key->name, key->grant.ns };
	unsigned char hash[VS_KEY_HASH];
	char quota[VS_QUOTA_TEXT];
	int rc = vs_sql_bind_text(&catalog->sql, append, 1, key->id, VS_KEY_ID_LEN, error);

	vs_quota_format(&key->quota, quota);
	if (rc == 0)
		rc = vs_key_hash(secret, VS_KEY_SECRET_LEN, hash, error);
	sqlite3_bind_blob(append, 2, hash, VS_KEY_HASH, SQLITE_STATIC);
	for (int i = 0; rc == 0 && i < 3; i++)
		rc = vs_sql_bind_text(&catalog->sql, append, 3 + i, values[i], strlen(values[i]), error);
	sqlite3_bind_int64(append, 6, (int)key->grant.role);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, append, 7, key->grant.filter, strlen(key->grant.filter), error);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, append, 10, quota, strlen(quota), error);
	sqlite3_bind_int64(append, 8, key->created_at);
	sqlite3_bind_int64(append, 9, key->expires_at);
	return rc < 0 ? rc : vs_sql_run(&catalog->sql, append, error);
}

/* Records the event, whose object is the key, and ends the transaction. */
static int finish(struct vs_catalog *catalog, int rc, const char *id, struct vs_audit_event *event,
                  struct vs_error *error)
{
	event->object = id;
	if (rc == 0)
		rc = vs_audit_put(catalog, VS_AUDIT_DONE, event, error);
	VS_POINT("key-before-commit");
	return vs_catalog_end(catalog, rc, error);
}

int vs_keys_append(struct vs_catalog *catalog, struct vs_key *key, char secret[VS_KEY_SECRET_LEN + 1],
                   struct vs_audit_event *event, struct vs_error *error)
{
	struct vs_quota quota = vs_quota_none();
	sqlite3_stmt **statements;
	int rc = vs_grant_check(&key->grant, error);

	vs_quota_merge(&quota, &key->quota);
	key->quota = quota;
	if (rc == 0)
		rc = check_quota(key, error);
	if (rc == 0)
		rc = make(key, secret, error);
	if (rc == 0)
		rc = prepare(catalog, &statements, error);
	if (rc == 0)
		rc = vs_catalog_begin(catalog, error);
	if (rc < 0)
		return rc;
	rc = insert(catalog, statements[APPEND], key, secret, error);
	return finish(catalog, rc, key->id, event, error);
}

int vs_keys_revoke(struct vs_catalog *catalog, const char *id, struct vs_audit_event *event, struct vs_error *error)
{
	sqlite3_stmt **statements;
	struct vs_key key;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = vs_catalog_begin(catalog, error);
	if (rc < 0)
		return rc;
	rc = vs_keys_get(catalog, id, &key, error);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statements[REVOKE], 1, id, strlen(id), error);
	sqlite3_bind_int64(statements[REVOKE], 2, vs_clock_wall_ms());
	if (rc == 0)
		rc = vs_sql_run(&catalog->sql, statements[REVOKE], error);
	return finish(catalog, rc, id, event, error);
}

/* VS_ECONFLICT unless it is good now. */
static int check_good(const struct vs_key *key, struct vs_error *error)
{
	if (key->revoked_at != 0)
		return vs_error_set(error, VS_ECONFLICT, "the key was revoked: make a new one");
	if (key->expires_at != 0 && key->expires_at <= vs_clock_wall_ms())
		return vs_error_set(error, VS_ECONFLICT, "the key was only good until now: make a new one");
	return 0;
}

static int replace(struct vs_catalog *catalog, sqlite3_stmt **statements, const struct vs_key *old, int64_t until,
                   const struct vs_key *key, const char *secret, struct vs_error *error)
{
	sqlite3_stmt *statement = statements[REPLACE];
	int rc = insert(catalog, statements[APPEND], key, secret, error);

	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statement, 1, old->id, VS_KEY_ID_LEN, error);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statement, 3, key->id, VS_KEY_ID_LEN, error);
	sqlite3_bind_int64(statement, 2, old->expires_at != 0 && old->expires_at < until ? old->expires_at : until);
	return rc < 0 ? rc : vs_sql_run(&catalog->sql, statement, error);
}

int vs_keys_rotate(struct vs_catalog *catalog, const char *id, int64_t overlap_ms, int64_t expires_at, struct vs_key *key,
                   char secret[VS_KEY_SECRET_LEN + 1], struct vs_audit_event *event, struct vs_error *error)
{
	int64_t now = vs_clock_wall_ms();
	sqlite3_stmt **statements;
	struct vs_key old;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = vs_catalog_begin(catalog, error);
	if (rc < 0)
		return rc;
	rc = vs_keys_get(catalog, id, &old, error);
	if (rc == 0)
		rc = check_good(&old, error);
	if (rc == 0 && old.replaced_by[0] != '\0')
		rc = vs_error_set(error, VS_ECONFLICT, "the key was rotated before: make a new one");
	if (rc == 0) {
		*key = old;
		key->expires_at = expires_at;
		rc = make(key, secret, error);
	}
	if (rc == 0)
		rc = replace(catalog, statements, &old, now + overlap_ms, key, secret, error);
	return finish(catalog, rc, id, event, error);
}

static int store_quota(struct vs_catalog *catalog, sqlite3_stmt *statement, const struct vs_key *key, struct vs_error *error)
{
	char quota[VS_QUOTA_TEXT];
	int rc = vs_sql_bind_text(&catalog->sql, statement, 1, key->id, VS_KEY_ID_LEN, error);

	vs_quota_format(&key->quota, quota);
	if (rc == 0)
		rc = vs_sql_bind_text(&catalog->sql, statement, 2, quota, strlen(quota), error);
	return rc < 0 ? rc : vs_sql_run(&catalog->sql, statement, error);
}

int vs_keys_set_quota(struct vs_catalog *catalog, const char *id, const struct vs_quota *change, struct vs_key *key,
                      struct vs_audit_event *event, struct vs_error *error)
{
	sqlite3_stmt **statements;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = vs_catalog_begin(catalog, error);
	if (rc < 0)
		return rc;
	rc = vs_keys_get(catalog, id, key, error);
	if (rc == 0)
		rc = check_good(key, error);
	if (rc == 0) {
		vs_quota_merge(&key->quota, change);
		rc = check_quota(key, error);
	}
	if (rc == 0)
		rc = store_quota(catalog, statements[BOUND], key, error);
	return finish(catalog, rc, id, event, error);
}

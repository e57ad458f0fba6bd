/* SPDX-License-Identifier: Apache-2.0 */
#include "service/auth.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/json.h"
#include "service/service.h"
#include "service/users.h"

#define KEPT 256 /* credentials; a power of two */
#define TOKEN UINT64_MAX /* the look of a token, which no look at the catalogue can change */

static const char bad_credential[] = "the credential is not valid";

/* What was found of a credential. */
struct kept {
	unsigned char hash[VS_KEY_HASH]; /* SHA-256 of it */
	uint64_t look;                   /* the number of the look at the catalogue that it comes from, or TOKEN; 0: free */
	int64_t expires_at;              /* milliseconds since 1970; 0: never */
	bool revoked;
	char actor[VS_ACTOR_MAX];
	struct vs_grant grant;
	uint64_t key;          /* its id as a number; 0: it is none */
	struct vs_quota quota; /* of the key */
};

struct vs_auth {
	char *data;
	bool insecure;
	struct vs_users *users; /* NULL: the web server's are nobody here */
	struct vs_jwt *jwt;     /* NULL: no token is taken */
	struct vs_json *json;
	struct vs_catalog *catalog; /* NULL: to be opened */
	bool looked;                /* version and any_key are known */
	uint64_t version;           /* of the catalogue */
	bool any_key;
	uint64_t look;    /* one more whenever the catalogue has changed */
	struct kept *kept; /* KEPT places, each for the hashes that lead there */
};

/* ---- callers without a credential ----------------------------------------------------------------------- */

/* "unix": a peer on a Unix socket, which file permissions let in. */
static bool is_loopback(const char *text)
{
	struct in_addr four;
	struct in6_addr six;
	if (!text)
		return false;
	if (strcmp(text, "unix") == 0)
		return true;
	if (inet_pton(AF_INET, text, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, text, &six) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return six.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&six);
}

/* "127.0.0.1:8080", "[::1]", "localhost": not a name that somebody else's DNS answers for. */
static bool is_literal_host(const char *host)
{
	char name[64];
	struct in6_addr address;
	bool bracket = host[0] == '[';
	size_t len = strcspn(host + bracket, bracket ? "]" : ":");
	if (len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, host + bracket, len);
	name[len] = '\0';
	if (bracket)
		return inet_pton(AF_INET6, name, &address) == 1;
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &address) == 1;
}

/* A browser sends it for a page of another site than this one. */
static bool is_foreign_origin(const struct vs_request *request)
{
	const char *origin = request->origin;
	if (!origin)
		return false;
	if (strncasecmp(origin, "http://", 7) == 0)
		origin += 7;
	else if (strncasecmp(origin, "https://", 8) == 0)
		origin += 8;
	else
		return true;
	return !request->host || strcasecmp(origin, request->host) != 0;
}

/* The same, where any name that leads here is suspect. */
static bool is_foreign_page(const struct vs_request *request)
{
	return request->origin && (is_foreign_origin(request) || !is_literal_host(request->host));
}

/* ---- rights --------------------------------------------------------------------------------------------- */

static unsigned rights_of(const struct vs_grant *grant)
{
	unsigned whole = grant->filter[0] == '\0' ? VS_RIGHT_WHOLE : 0;
	switch (grant->role) {
	case VS_ROLE_READER:
		return VS_RIGHT_READ | whole;
	case VS_ROLE_WRITER:
		return VS_RIGHT_READ | VS_RIGHT_WRITE | whole;
	case VS_ROLE_NAMESPACE_ADMIN:
		return VS_RIGHT_READ | VS_RIGHT_WRITE | VS_RIGHT_MANAGE | whole;
	case VS_ROLE_METRICS:
		return VS_RIGHT_METRICS;
	case VS_ROLE_ADMIN:
		return VS_RIGHT_READ | VS_RIGHT_WRITE | VS_RIGHT_METRICS | VS_RIGHT_ADMIN | VS_RIGHT_MANAGE | VS_RIGHT_WHOLE;
	}
	return VS_RIGHT_NONE;
}

static void deny(struct vs_principal *principal, const char *denial, const char *reason)
{
	principal->rights = VS_RIGHT_NONE;
	principal->denial = denial;
	principal->reason = reason;
}

/* Found, whether good now or not. */
static void admit(const struct kept *kept, struct vs_principal *principal)
{
	memcpy(principal->actor, kept->actor, sizeof(principal->actor));
	if (kept->revoked) {
		deny(principal, bad_credential, "revoked");
		return;
	}
	if (kept->expires_at != 0 && kept->expires_at <= vs_clock_wall_ms()) {
		deny(principal, bad_credential, "expired");
		return;
	}
	principal->rights = rights_of(&kept->grant);
	principal->ns = kept->grant.ns[0] ? kept->grant.ns : NULL;
	principal->filter = kept->grant.filter[0] ? kept->grant.filter : NULL;
	principal->key = kept->key;
	principal->quota = kept->key ? &kept->quota : NULL;
}

static void find_anonymous(const struct vs_auth *auth, const struct vs_request *request, struct vs_principal *principal)
{
	if (auth->any_key || auth->jwt || auth->users) {
		deny(principal, "a key is needed", "no credential");
	} else if (!auth->insecure && !is_loopback(request->remote_addr)) {
		deny(principal, "while no key exists, only requests from this machine (loopback) are served", "not from loopback");
	} else if (!auth->insecure && is_foreign_page(request)) {
		deny(principal, "the Origin header names another site, and no key was given", "foreign page");
	} else {
		static const struct vs_grant everything = { .role = VS_ROLE_ADMIN };
		principal->rights = rights_of(&everything);
		principal->anonymous = true;
		strcpy(principal->actor, "anonymous");
	}
}

/* ---- the catalogue -------------------------------------------------------------------------------------- */

void vs_auth_reset(struct vs_auth *auth)
{
	vs_catalog_close(auth->catalog);
	auth->catalog = NULL;
	auth->looked = false;
}

/* A folder that is missing or unfit is not the caller's fault. */
static int fail(struct vs_auth *auth, int rc, struct vs_error *error)
{
	vs_auth_reset(auth);
	return vs_error_http(rc) < 500 ? (error->code = VS_EINTERNAL) : rc;
}

/* Forgets what the catalogue said when it has changed since. */
static int look(struct vs_auth *auth, struct vs_error *error)
{
	uint64_t version = 0;
	int rc = auth->catalog ? 0 : vs_catalog_open(auth->data, true, &auth->catalog, error);
	if (!rc)
		rc = vs_catalog_version(auth->catalog, &version, error);
	if (rc)
		return fail(auth, rc, error);
	if (auth->looked && auth->version == version)
		return 0;
	/* The version was read first: what is read now is as new as it, or newer. */
	rc = vs_keys_any(auth->catalog, &auth->any_key, error);
	if (rc)
		return fail(auth, rc, error);
	auth->version = version;
	auth->looked = true;
	auth->look++;
	return 0;
}

int vs_auth_catalog(struct vs_auth *auth, struct vs_catalog **catalog, struct vs_error *error)
{
	int rc = look(auth, error);
	*catalog = auth->catalog;
	return rc;
}

/* ---- credentials ---------------------------------------------------------------------------------------- */

static struct kept *place_of(struct vs_auth *auth, const unsigned char hash[VS_KEY_HASH])
{
	return &auth->kept[(hash[0] | (unsigned)hash[1] << 8) & (KEPT - 1)];
}

static int find_key(struct vs_auth *auth, const char *secret, size_t len, struct vs_principal *principal,
                    struct vs_error *error)
{
	unsigned char hash[VS_KEY_HASH];
	struct vs_key key;
	int rc = look(auth, error);
	if (rc)
		return rc;
	rc = vs_key_hash(secret, len, hash, error);
	if (rc)
		return rc;
	struct kept *kept = place_of(auth, hash);
	if (kept->look == auth->look && CRYPTO_memcmp(kept->hash, hash, sizeof(hash)) == 0) {
		admit(kept, principal);
		return 0;
	}
	rc = vs_keys_find(auth->catalog, hash, &key, error);
	if (rc == VS_ENOTFOUND) {
		deny(principal, bad_credential, "unknown key");
		return 0;
	}
	if (rc)
		return fail(auth, rc, error);
	*kept = (struct kept){ .look = auth->look,
		                   .expires_at = key.expires_at,
		                   .revoked = key.revoked_at != 0,
		                   .grant = key.grant,
		                   .key = strtoull(key.id, NULL, 16),
		                   .quota = key.quota };
	memcpy(kept->hash, hash, sizeof(hash));
	snprintf(kept->actor, sizeof(kept->actor), "key:%s", key.id);
	admit(kept, principal);
	return 0;
}

static int find_token(struct vs_auth *auth, const char *token, size_t len, struct vs_principal *principal,
                      struct vs_error *error)
{
	unsigned char hash[VS_KEY_HASH];
	struct vs_jwt_claims claims;
	const char *reason;
	int rc = vs_key_hash(token, len, hash, error);
	if (rc)
		return rc;
	struct kept *kept = place_of(auth, hash);
	if (kept->look == TOKEN && CRYPTO_memcmp(kept->hash, hash, sizeof(hash)) == 0) {
		admit(kept, principal);
		return 0;
	}
	if (!vs_jwt_verify(auth->jwt, auth->json, token, len, vs_clock_wall_ms(), &claims, &reason)) {
		deny(principal, bad_credential, reason);
		return 0;
	}
	*kept = (struct kept){ .look = TOKEN, .expires_at = claims.expires_at, .grant = claims.grant };
	memcpy(kept->hash, hash, sizeof(hash));
	snprintf(kept->actor, sizeof(kept->actor), "token:%s", claims.subject);
	admit(kept, principal);
	return 0;
}

/* The web server has let them in; a page of another site must not ride on that. */
static void find_user(const struct vs_auth *auth, const struct vs_request *request, struct vs_principal *principal)
{
	const struct vs_grant *grant = vs_users_find(auth->users, request->remote_user);
	snprintf(principal->actor, sizeof(principal->actor), "user:%s", request->remote_user);
	if (!grant) {
		deny(principal, "this user is nobody here", "unknown user");
	} else if (is_foreign_origin(request)) {
		deny(principal, "the Origin header names another site, and no key was given", "foreign page");
	} else {
		principal->rights = rights_of(grant);
		principal->ns = grant->ns[0] ? grant->ns : NULL;
		principal->filter = grant->filter[0] ? grant->filter : NULL;
	}
}

/* What follows "Bearer " (RFC 6750, in any case); NULL: it is another scheme, such as the web server's own. */
static const char *bearer_of(const char *authorization)
{
	if (!authorization || strncasecmp(authorization, "bearer", 6) != 0 || authorization[6] != ' ')
		return NULL;
	return authorization + 6 + strspn(authorization + 6, " ");
}

int vs_auth_find(struct vs_auth *auth, const struct vs_request *request, struct vs_principal *principal,
                 struct vs_error *error)
{
	const char *key = request->api_key;
	const char *bearer = bearer_of(request->authorization);
	*principal = (struct vs_principal){ .rights = VS_RIGHT_NONE };
	if (key && bearer && strcmp(key, bearer) != 0) {
		deny(principal, "two different credentials were given", "two credentials");
		return 0;
	}
	if (key || bearer) {
		const char *credential = key ? key : bearer;
		size_t len = strlen(credential);
		if (!key && auth->jwt && strchr(bearer, '.'))
			return find_token(auth, bearer, len, principal, error);
		return find_key(auth, credential, len, principal, error);
	}
	if (auth->users && request->remote_user && *request->remote_user) {
		find_user(auth, request, principal);
		return 0;
	}
	int rc = look(auth, error);
	if (!rc)
		find_anonymous(auth, request, principal);
	return rc;
}

int vs_auth_check(const struct vs_principal *principal, enum vs_right right, struct vs_error *error)
{
	if (right == VS_RIGHT_NONE || (principal->rights & (unsigned)right) == (unsigned)right)
		return 0;
	if (principal->rights == VS_RIGHT_NONE)
		return vs_error_set(error, VS_EAUTH, "%s", principal->denial ? principal->denial : "a key is needed");
	return vs_error_set(error, VS_EPERM, "the credential does not allow this");
}

/* ---- open and close ------------------------------------------------------------------------------------- */

int vs_auth_open(const struct vs_auth_options *options, struct vs_auth **auth, struct vs_error *error)
{
	struct vs_auth *fresh = calloc(1, sizeof(*fresh));
	*auth = fresh;
	if (fresh) {
		fresh->data = strdup(options->data);
		fresh->kept = calloc(KEPT, sizeof(*fresh->kept));
		fresh->insecure = options->insecure;
	}
	if (fresh && options->jwt.keys)
		fresh->json = vs_json_open();
	int rc = 0;
	if (!fresh || !fresh->data || !fresh->kept || (options->jwt.keys && !fresh->json))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for the service");
	if (!rc && options->jwt.keys)
		rc = vs_jwt_open(&options->jwt, &fresh->jwt, error);
	if (!rc && options->users)
		rc = vs_users_open(options->users, &fresh->users, error);
	if (rc) {
		vs_auth_close(fresh);
		*auth = NULL;
	}
	return rc;
}

void vs_auth_close(struct vs_auth *auth)
{
	if (!auth)
		return;
	vs_catalog_close(auth->catalog);
	vs_users_close(auth->users);
	vs_jwt_close(auth->jwt);
	vs_json_close(auth->json);
	free(auth->data);
	free(auth->kept);
	free(auth);
}

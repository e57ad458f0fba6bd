/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/jwt: JSON Web Tokens (RFC 7519) as credentials, signed with HS256, RS256 or ES256 (RFC 7518).
 *
 * The key decides the algorithm, not the token: a token names its key (kid), and its alg must be the one that this key is
 * for. A token is at most VS_JWT_MAX bytes of canonical base64url; its header holds alg, kid and typ and nothing else; no
 * name may stand in it twice. It must have sub, exp and role, and may have nbf, iat, iss, aud, namespace and filter; what
 * else it claims says nothing here. libjwt checks HMACs and signs, libcrypto checks signatures; neither does more.
 *
 * Keys come from a folder of files named KID.ALG, such as main.hs256 (the secret's bytes, at least 32), idp.rs256 or
 * edge.es256 (the public key as PEM); or from a JWK set (RFC 7517), of which keys for other purposes are passed over. RSA
 * keys have at least 2,048 bits, EC keys lie on P-256.
 */
#ifndef VS_SERVICE_JWT_H
#define VS_SERVICE_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/keys.h"

struct vs_error;
struct vs_jwt;
struct vs_json;

#define VS_JWT_MAX 4096       /* bytes of a token */
#define VS_JWT_KEYS_MAX 64
#define VS_JWT_KID_MAX 128    /* bytes */
#define VS_JWT_SUBJECT_MAX 80 /* bytes of sub that are kept */
#define VS_JWT_SECRET_MIN 32  /* bytes */
#define VS_JWT_LEEWAY 60      /* seconds by which other clocks may be ahead: for nbf and iat, not for exp */

struct vs_jwt_options {
	const char *keys;     /* a folder or a file */
	const char *issuer;   /* that iss must be; NULL: it is not looked at */
	const char *audience; /* that aud must be or hold; NULL: it is not looked at */
};

/* VS_EINVAL, naming the file, for what is no usable key, and when there is none. */
int vs_jwt_open(const struct vs_jwt_options *options, struct vs_jwt **jwt, struct vs_error *error);
void vs_jwt_close(struct vs_jwt *jwt); /* NULL allowed */

struct vs_jwt_claims {
	struct vs_grant grant;
	char subject[VS_JWT_SUBJECT_MAX + 1];
	int64_t expires_at; /* milliseconds since 1970 */
};
/* True when the token is good at now (milliseconds since 1970); else *reason says why not, for the audit trail. Static
 * string. */
bool vs_jwt_verify(struct vs_jwt *jwt, struct vs_json *json, const char *token, size_t len, int64_t now,
                   struct vs_jwt_claims *claims, const char **reason);

/* Signs a token; key is a file named KID.ALG as above, but with the private key. For the command line. out[VS_JWT_MAX + 1]. */
int vs_jwt_sign(const char *key, const struct vs_jwt_claims *claims, const struct vs_jwt_options *options, int64_t now,
                char *out, struct vs_error *error);

#endif

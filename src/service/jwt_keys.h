/* SPDX-License-Identifier: Apache-2.0 */
/* service/jwt_keys: keys that tokens are signed with, from files. Private to service/jwt. */
#ifndef VS_SERVICE_JWT_KEYS_H
#define VS_SERVICE_JWT_KEYS_H

#include <jwt.h>
#include <openssl/evp.h>

#include "service/jwt.h"

#define VS_JWT_KEY_BYTES 8192 /* of a file of one key, or a key's PEM */

struct vs_jwt_key {
	char kid[VS_JWT_KID_MAX + 1];
	jwt_alg_t alg; /* the only one that it is for */
	unsigned char *bytes; /* the secret, or the key as PEM; owned */
	size_t len;
	EVP_PKEY *pkey; /* the same, as libcrypto reads it; NULL: a secret. Owned */
};

struct vs_jwt_keys {
	struct vs_jwt_key items[VS_JWT_KEYS_MAX];
	size_t count;
};

/* "HS256", …; JWT_ALG_NONE when it is none that is taken here. */
jwt_alg_t vs_jwt_alg_find(const char *name);
const char *vs_jwt_alg_name(jwt_alg_t alg);

/* From a folder or a JWK set, see service/jwt. */
int vs_jwt_keys_load(struct vs_jwt_keys *keys, const char *path, struct vs_error *error);
void vs_jwt_keys_release(struct vs_jwt_keys *keys);
/* NULL: there is none. */
const struct vs_jwt_key *vs_jwt_keys_find(const struct vs_jwt_keys *keys, const char *kid);

/* One file named KID.ALG; with sign, of a key that can sign. */
int vs_jwt_key_load(struct vs_jwt_key *key, const char *path, bool sign, struct vs_error *error);
void vs_jwt_key_release(struct vs_jwt_key *key);

#endif

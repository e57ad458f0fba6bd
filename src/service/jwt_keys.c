/* SPDX-License-Identifier: Apache-2.0 */
#include "service/jwt_keys.h"

#include <json-c/json_object.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "base/file.h"
#include "base/folder.h"
#include "engine/json.h"
#include "service/base64.h"

#define SET_BYTES (256 << 10) /* of a JWK set */
#define RSA_BITS 2048

/* ---- algorithms ----------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	jwt_alg_t alg;
} algs[] = { { "HS256", JWT_ALG_HS256 }, { "RS256", JWT_ALG_RS256 }, { "ES256", JWT_ALG_ES256 } };
#define ALGS (sizeof(algs) / sizeof(algs[0]))

jwt_alg_t vs_jwt_alg_find(const char *name)
{
	for (size_t i = 0; i < ALGS; i++)
		if (strcmp(algs[i].name, name) == 0)
			return algs[i].alg;
	return JWT_ALG_NONE;
}

const char *vs_jwt_alg_name(jwt_alg_t alg)
{
	for (size_t i = 0; i < ALGS; i++)
		if (algs[i].alg == alg)
			return algs[i].name;
	return NULL;
}

/* ---- one key -------------------------------------------------------------------------------------------- */

void vs_jwt_key_release(struct vs_jwt_key *key)
{
	if (key->bytes)
		OPENSSL_cleanse(key->bytes, key->len);
	free(key->bytes);
	EVP_PKEY_free(key->pkey);
	*key = (struct vs_jwt_key){ .alg = JWT_ALG_NONE };
}

/* The key is of the kind and size that its algorithm asks for. */
static bool suits(const EVP_PKEY *pkey, jwt_alg_t alg)
{
	char group[32] = "";
	if (alg == JWT_ALG_RS256)
		return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS;
	return EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
	       strcmp(group, "prime256v1") == 0;
}

static bool read_pem(struct vs_jwt_key *key, bool sign)
{
	BIO *bio = BIO_new_mem_buf(key->bytes, (int)key->len);
	if (bio)
		key->pkey = sign ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *)"");
	bool good = key->pkey && suits(key->pkey, key->alg);
	BIO_free(bio);
	if (!good)
		ERR_clear_error(); /* libcrypto notes its faults, and keeps the notes */
	return good;
}

static int check_key(struct vs_jwt_key *key, const char *path, bool sign, struct vs_error *error)
{
	if (key->alg == JWT_ALG_HS256 && key->len < VS_JWT_SECRET_MIN)
		return vs_error_set(error, VS_EINVAL, "%s: a secret of HS256 has at least %d bytes", path, VS_JWT_SECRET_MIN);
	if (key->alg == JWT_ALG_HS256 || read_pem(key, sign))
		return 0;
	return vs_error_set(error, VS_EINVAL, "%s: is no %s key in PEM for %s (%s)", path, sign ? "private" : "public",
	                    vs_jwt_alg_name(key->alg), key->alg == JWT_ALG_RS256 ? "RSA of 2,048 bits or more" : "EC on P-256");
}

/* KID.ALG */
static bool split_name(const char *path, struct vs_jwt_key *key)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	if (!dot || dot == name || (size_t)(dot - name) > VS_JWT_KID_MAX)
		return false;
	for (size_t i = 0; i < ALGS && key->alg == JWT_ALG_NONE; i++)
		if (strcasecmp(dot + 1, algs[i].name) == 0)
			key->alg = algs[i].alg;
	memcpy(key->kid, name, (size_t)(dot - name));
	return key->alg != JWT_ALG_NONE;
}

int vs_jwt_key_load(struct vs_jwt_key *key, const char *path, bool sign, struct vs_error *error)
{
	*key = (struct vs_jwt_key){ .alg = JWT_ALG_NONE };
	if (!split_name(path, key))
		return vs_error_set(error, VS_EINVAL, "%s: a key's file is called KID.hs256, KID.rs256 or KID.es256", path);
	key->bytes = calloc(1, VS_JWT_KEY_BYTES + 1);
	if (!key->bytes)
		return vs_error_set(error, VS_ENOMEM, "no memory for a key");
	int rc = vs_file_load(path, key->bytes, VS_JWT_KEY_BYTES, &key->len, error);
	if (rc == VS_ECORRUPT)
		rc = vs_error_set(error, VS_EINVAL, "%s: is too long for a key", path);
	if (!rc)
		rc = check_key(key, path, sign, error);
	if (rc)
		vs_jwt_key_release(key);
	return rc;
}

/* ---- many ----------------------------------------------------------------------------------------------- */

const struct vs_jwt_key *vs_jwt_keys_find(const struct vs_jwt_keys *keys, const char *kid)
{
	for (size_t i = 0; i < keys->count; i++)
		if (strcmp(keys->items[i].kid, kid) == 0)
			return &keys->items[i];
	return NULL;
}

void vs_jwt_keys_release(struct vs_jwt_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		vs_jwt_key_release(&keys->items[i]);
	keys->count = 0;
}

/* Takes the key. */
static int add(struct vs_jwt_keys *keys, struct vs_jwt_key *key, const char *path, struct vs_error *error)
{
	int rc = 0;
	if (vs_jwt_keys_find(keys, key->kid))
		rc = vs_error_set(error, VS_EINVAL, "%s: there are two keys called %s", path, key->kid);
	else if (keys->count == VS_JWT_KEYS_MAX)
		rc = vs_error_set(error, VS_EINVAL, "%s: there are more than %d keys", path, VS_JWT_KEYS_MAX);
	if (rc)
		vs_jwt_key_release(key);
	else
		keys->items[keys->count++] = *key;
	return rc;
}

struct listing {
	struct vs_jwt_keys *keys;
	const char *folder;
	struct vs_error *error;
};

static int add_file(void *context, const char *name)
{
	struct listing *listing = context;
	struct vs_jwt_key key;
	char path[256];
	if (name[0] == '.')
		return 0;
	int n = snprintf(path, sizeof(path), "%s/%s", listing->folder, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return vs_error_set(listing->error, VS_EINVAL, "%s: the path is too long", listing->folder);
	int rc = vs_jwt_key_load(&key, path, false, listing->error);
	return rc ? rc : add(listing->keys, &key, path, listing->error);
}

/* ---- JWK sets ------------------------------------------------------------------------------------------- */

static const char *text_of(struct json_object *jwk, const char *name)
{
	struct json_object *found = json_object_object_get(jwk, name);
	return json_object_is_type(found, json_type_string) ? json_object_get_string(found) : "";
}

/* The bytes of a base64url member; 0: there are none. */
static size_t bytes_of(struct json_object *jwk, const char *name, unsigned char *bytes, size_t size)
{
	const char *text = text_of(jwk, name);
	size_t len = strlen(text);
	int64_t got = len <= size ? vs_base64_decode(text, len, bytes) : -1;
	return got > 0 ? (size_t)got : 0;
}

static bool push_rsa(struct json_object *jwk, OSSL_PARAM_BLD *build, BIGNUM **n, BIGNUM **e)
{
	unsigned char bytes[2048];
	size_t len = bytes_of(jwk, "n", bytes, sizeof(bytes));
	*n = len > 0 ? BN_bin2bn(bytes, (int)len, NULL) : NULL;
	len = bytes_of(jwk, "e", bytes, sizeof(bytes));
	*e = len > 0 ? BN_bin2bn(bytes, (int)len, NULL) : NULL;
	return *n && *e && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, *n) == 1 &&
	       OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, *e) == 1;
}

/* point: 65 bytes, which must live as long as build. */
static bool push_ec(struct json_object *jwk, OSSL_PARAM_BLD *build, unsigned char *point)
{
	unsigned char x[64], y[64];
	if (bytes_of(jwk, "x", x, sizeof(x)) != 32 || bytes_of(jwk, "y", y, sizeof(y)) != 32)
		return false;
	point[0] = 4; /* uncompressed */
	memcpy(point + 1, x, 32);
	memcpy(point + 33, y, 32);
	return OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	       OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 65) == 1;
}

static EVP_PKEY *make_key(struct json_object *jwk, jwt_alg_t alg)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, alg == JWT_ALG_RS256 ? "RSA" : "EC", NULL);
	unsigned char point[65];
	BIGNUM *n = NULL, *e = NULL;
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;
	if (build && context && (alg == JWT_ALG_RS256 ? push_rsa(jwk, build, &n, &e) : push_ec(jwk, build, point)))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(context);
	BN_free(n);
	BN_free(e);
	return pkey;
}

static bool put_pem(struct vs_jwt_key *key, EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = bio && PEM_write_bio_PUBKEY(bio, pkey) == 1 ? BIO_read(bio, key->bytes, VS_JWT_KEY_BYTES) : 0;
	key->len = len > 0 ? (size_t)len : 0;
	BIO_free(bio);
	return key->len > 0;
}

/* Which algorithm a key is for, by its own word or its kind; JWT_ALG_NONE: it is for something else. */
static jwt_alg_t alg_of(struct json_object *jwk)
{
	const char *kty = text_of(jwk, "kty");
	const char *given = text_of(jwk, "alg");
	jwt_alg_t alg = JWT_ALG_NONE;
	if (strcmp(kty, "RSA") == 0)
		alg = JWT_ALG_RS256;
	else if (strcmp(kty, "EC") == 0 && strcmp(text_of(jwk, "crv"), "P-256") == 0)
		alg = JWT_ALG_ES256;
	else if (strcmp(kty, "oct") == 0 && *given)
		alg = JWT_ALG_HS256;
	if (strcmp(text_of(jwk, "use"), "enc") == 0 || (*given && vs_jwt_alg_find(given) != alg))
		return JWT_ALG_NONE;
	return alg;
}

static int add_jwk(struct vs_jwt_keys *keys, struct json_object *jwk, const char *path, struct vs_error *error)
{
	struct vs_jwt_key key = { .alg = json_object_is_type(jwk, json_type_object) ? alg_of(jwk) : JWT_ALG_NONE };
	const char *kid = key.alg != JWT_ALG_NONE ? text_of(jwk, "kid") : "";
	bool good = false;
	if (!*kid)
		return 0;
	if (strlen(kid) > VS_JWT_KID_MAX)
		return vs_error_set(error, VS_EINVAL, "%s: a kid is longer than %d bytes", path, VS_JWT_KID_MAX);
	strcpy(key.kid, kid);
	key.bytes = calloc(1, VS_JWT_KEY_BYTES + 1);
	if (!key.bytes)
		return vs_error_set(error, VS_ENOMEM, "no memory for a key");
	if (key.alg == JWT_ALG_HS256) {
		key.len = bytes_of(jwk, "k", key.bytes, VS_JWT_KEY_BYTES);
		good = key.len > 0;
	} else {
		EVP_PKEY *pkey = make_key(jwk, key.alg);
		good = pkey && put_pem(&key, pkey);
		EVP_PKEY_free(pkey);
	}
	int rc = good ? check_key(&key, path, false, error)
	              : vs_error_set(error, VS_EINVAL, "%s: the key %s is none of its kind", path, kid);
	if (rc) {
		vs_jwt_key_release(&key);
		return rc;
	}
	return add(keys, &key, path, error);
}

static int load_set(struct vs_jwt_keys *keys, const char *path, struct vs_error *error)
{
	char *text = malloc(SET_BYTES);
	struct vs_json *json = vs_json_open();
	struct json_object *set = NULL, *array = NULL;
	size_t len = 0;
	int rc = text && json ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for keys");
	if (!rc)
		rc = vs_file_load(path, text, SET_BYTES, &len, error);
	if (!rc)
		rc = vs_json_parse(json, text, len, path, &set, error);
	if (!rc && (!json_object_object_get_ex(set, "keys", &array) || !json_object_is_type(array, json_type_array)))
		rc = vs_error_set(error, VS_EINVAL, "%s: is no JWK set: it has no keys", path);
	for (size_t i = 0; !rc && i < json_object_array_length(array); i++)
		rc = add_jwk(keys, json_object_array_get_idx(array, i), path, error);
	json_object_put(set);
	vs_json_close(json);
	free(text);
	return rc;
}

int vs_jwt_keys_load(struct vs_jwt_keys *keys, const char *path, struct vs_error *error)
{
	struct listing listing = { keys, path, error };
	struct stat st;
	keys->count = 0;
	int rc = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? vs_folder_each(path, add_file, &listing, error)
	                                                      : load_set(keys, path, error);
	if (!rc && keys->count == 0)
		rc = vs_error_set(error, VS_EINVAL, "%s: holds no key for HS256, RS256 or ES256", path);
	if (rc)
		vs_jwt_keys_release(keys);
	return rc;
}

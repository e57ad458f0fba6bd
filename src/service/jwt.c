/* SPDX-License-Identifier: Apache-2.0 */
#include "service/jwt.h"

#include <inttypes.h>
#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/json.h"
#include "engine/vecstore.h"
#include "service/base64.h"
#include "service/json_out.h"
#include "service/jwt_keys.h"

#define SECONDS_MAX INT64_C(253402300799) /* the end of 9999 */

struct vs_jwt {
	struct vs_jwt_keys keys;
	char *issuer;   /* NULL: any */
	char *audience; /* NULL: any */
};

int vs_jwt_open(const struct vs_jwt_options *options, struct vs_jwt **jwt, struct vs_error *error)
{
	struct vs_jwt *fresh = calloc(1, sizeof(*fresh));
	*jwt = NULL;
	if (!fresh)
		return vs_error_set(error, VS_ENOMEM, "no memory for keys");
	int rc = vs_jwt_keys_load(&fresh->keys, options->keys, error);
	if (!rc && ((options->issuer && !(fresh->issuer = strdup(options->issuer))) ||
	            (options->audience && !(fresh->audience = strdup(options->audience)))))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for keys");
	if (rc) {
		vs_jwt_close(fresh);
		return rc;
	}
	*jwt = fresh;
	return 0;
}

void vs_jwt_close(struct vs_jwt *jwt)
{
	if (!jwt)
		return;
	vs_jwt_keys_release(&jwt->keys);
	free(jwt->issuer);
	free(jwt->audience);
	free(jwt);
}

/* ---- parts ---------------------------------------------------------------------------------------------- */

/* base64url without padding, in the one way that its bytes can be written. */
static bool is_canonical(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return len > 0;
}

/* A part as a JSON object; NULL: it is none, or no name in it is safe to believe (one stands twice). */
static struct json_object *parse_part(struct vs_json *json, const char *text, size_t len)
{
	char bytes[VS_JWT_MAX];
	struct json_object *object = NULL;
	int64_t got = is_canonical(text, len) ? vs_base64_decode(text, len, bytes) : -1;
	if (got <= 0 || vs_json_parse(json, bytes, (size_t)got, "token", &object, NULL))
		return NULL;
	return object;
}

/* The text of a member; NULL: it is missing or no text without NUL. */
static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *found = json_object_object_get(object, name);
	if (!json_object_is_type(found, json_type_string))
		return NULL;
	const char *text = json_object_get_string(found);
	return strlen(text) == (size_t)json_object_get_string_len(found) ? text : NULL;
}

static bool has(struct json_object *object, const char *name)
{
	return json_object_object_get_ex(object, name, NULL);
}

/* The key that the header names, if all else in it is as it must be; else NULL. */
static const struct vs_jwt_key *find_key(const struct vs_jwt *jwt, struct json_object *header, const char **reason)
{
	const char *alg = text_of(header, "alg");
	const char *kid = text_of(header, "kid");
	const char *typ = text_of(header, "typ");
	json_object_object_foreach(header, name, value)
	{
		(void)value;
		if (strcmp(name, "alg") != 0 && strcmp(name, "kid") != 0 && strcmp(name, "typ") != 0) {
			*reason = "token: unknown member of the header";
			return NULL;
		}
	}
	if (has(header, "typ") && (!typ || (strcasecmp(typ, "JWT") != 0 && strcasecmp(typ, "at+jwt") != 0))) {
		*reason = "token: another type";
		return NULL;
	}
	const struct vs_jwt_key *key = kid ? vs_jwt_keys_find(&jwt->keys, kid) : NULL;
	if (!key) {
		*reason = "token: unknown key";
		return NULL;
	}
	if (!alg || strcmp(alg, vs_jwt_alg_name(key->alg)) != 0) {
		*reason = "token: not the algorithm of its key";
		return NULL;
	}
	return key;
}

/* ---- signatures ----------------------------------------------------------------------------------------- */

#define HALF 32 /* bytes of r, and of s */
#define DER_MAX 80

/* How long a signature is, in base64url. */
static bool fits(jwt_alg_t alg, size_t len)
{
	return alg == JWT_ALG_HS256 ? len == 43 : alg == JWT_ALG_ES256 ? len == 86 : len >= 342;
}

/* HMAC. libjwt follows the token's header, of which nothing is left to choose. */
static bool is_sealed(const struct vs_jwt_key *key, const char *token, size_t len)
{
	char copy[VS_JWT_MAX + 1];
	jwt_t *decoded = NULL;
	memcpy(copy, token, len);
	copy[len] = '\0';
	bool good = key->len > 0 && jwt_decode(&decoded, copy, key->bytes, (int)key->len) == 0 && decoded &&
	            jwt_get_alg(decoded) == key->alg;
	jwt_free(decoded);
	return good;
}

/* r and s side by side, as ES256 has them (RFC 7518, 3.4), become a sequence in DER; its length, 0: there is no memory. */
static size_t encode_halves(const unsigned char *raw, unsigned char der[DER_MAX])
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, HALF, NULL);
	BIGNUM *s = BN_bin2bn(raw + HALF, HALF, NULL);
	int len = 0;
	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* the pair's now */
		len = i2d_ECDSA_SIG(pair, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return len > 0 ? (size_t)len : 0;
}

/* By a public key, which was read once: libjwt would read its PEM for each token, which takes five to ten times as long. */
static bool is_signed(const struct vs_jwt_key *key, const char *text, size_t len, const unsigned char *signature,
                      size_t signature_len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char der[DER_MAX];
	if (key->alg == JWT_ALG_ES256) {
		signature_len = encode_halves(signature, der);
		signature = der;
	}
	bool good = context && signature_len > 0 && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
	            EVP_DigestVerify(context, signature, signature_len, (const unsigned char *)text, len) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* signature: behind the token's second dot. */
static bool check_signature(const struct vs_jwt *jwt, struct json_object *header, const char *token, size_t len,
                            const char *signature, const char **reason)
{
	size_t signature_len = len - (size_t)(signature - token);
	unsigned char bytes[VS_JWT_MAX];
	const struct vs_jwt_key *key = find_key(jwt, header, reason);
	if (!key)
		return false;
	*reason = "token: not signed by its key";
	int64_t got = is_canonical(signature, signature_len) && fits(key->alg, signature_len)
	                  ? vs_base64_decode(signature, signature_len, bytes)
	                  : -1;
	if (got <= 0)
		return false;
	bool good = key->alg == JWT_ALG_HS256 ? is_sealed(key, token, len)
	                                      : is_signed(key, token, (size_t)(signature - 1 - token), bytes, (size_t)got);
	if (!good)
		ERR_clear_error(); /* libcrypto notes its faults, and keeps the notes */
	return good;
}

/* ---- claims --------------------------------------------------------------------------------------------- */

/* A NumericDate of whole seconds. *seconds is left alone when it is missing. */
static bool read_date(struct json_object *payload, const char *name, int64_t *seconds)
{
	struct json_object *found;
	if (!json_object_object_get_ex(payload, name, &found))
		return true;
	if (!json_object_is_type(found, json_type_int))
		return false;
	*seconds = json_object_get_int64(found);
	return *seconds >= 0 && *seconds <= SECONDS_MAX;
}

static const char *check_dates(struct json_object *payload, int64_t now, struct vs_jwt_claims *claims)
{
	int64_t exp = -1, nbf = 0, iat = 0;
	int64_t seconds = now / 1000;
	if (!read_date(payload, "exp", &exp) || !read_date(payload, "nbf", &nbf) || !read_date(payload, "iat", &iat))
		return "token: a date is none";
	if (exp < 0)
		return "token: it never expires";
	if (exp <= seconds)
		return "expired";
	if (nbf > seconds + VS_JWT_LEEWAY || iat > seconds + VS_JWT_LEEWAY)
		return "token: not yet valid";
	if (exp <= nbf)
		return "token: it ends before it begins";
	claims->expires_at = exp * 1000;
	return NULL;
}

static bool is_for(struct json_object *payload, const char *audience)
{
	struct json_object *found = json_object_object_get(payload, "aud");
	const char *one = text_of(payload, "aud");
	if (one)
		return strcmp(one, audience) == 0;
	if (!json_object_is_type(found, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(found); i++) {
		struct json_object *item = json_object_array_get_idx(found, i);
		if (json_object_is_type(item, json_type_string) && strcmp(json_object_get_string(item), audience) == 0 &&
		    (size_t)json_object_get_string_len(item) == strlen(audience))
			return true;
	}
	return false;
}

/* A text claim into text[size]; false: it is there, and cannot be. */
static bool copy_claim(struct json_object *payload, const char *name, char *text, size_t size)
{
	const char *found = text_of(payload, name);
	if (!has(payload, name))
		return true;
	if (!found || !*found || strlen(found) >= size)
		return false;
	strcpy(text, found);
	return true;
}

static const char *check_grant(struct json_object *payload, struct vs_jwt_claims *claims)
{
	const char *role = text_of(payload, "role");
	struct vs_grant *grant = &claims->grant;
	if (!role || !vs_role_find(role, &grant->role))
		return "token: no role";
	if (!copy_claim(payload, "namespace", grant->ns, sizeof(grant->ns)) ||
	    !copy_claim(payload, "filter", grant->filter, sizeof(grant->filter)) || vs_grant_check(grant, NULL) ||
	    (grant->filter[0] && vs_filter_check(grant->filter, NULL)))
		return "token: what it grants makes no sense";
	if (!has(payload, "sub") || !copy_claim(payload, "sub", claims->subject, sizeof(claims->subject)))
		return "token: no subject, or a long one";
	return NULL;
}

static const char *check_claims(const struct vs_jwt *jwt, struct json_object *payload, int64_t now,
                                struct vs_jwt_claims *claims)
{
	const char *issuer = text_of(payload, "iss");
	const char *reason = check_dates(payload, now, claims);
	if (!reason && jwt->issuer && (!issuer || strcmp(issuer, jwt->issuer) != 0))
		reason = "token: another issuer";
	if (!reason && jwt->audience && !is_for(payload, jwt->audience))
		reason = "token: another audience";
	return reason ? reason : check_grant(payload, claims);
}

/* ---- a token -------------------------------------------------------------------------------------------- */

bool vs_jwt_verify(struct vs_jwt *jwt, struct vs_json *json, const char *token, size_t len, int64_t now,
                   struct vs_jwt_claims *claims, const char **reason)
{
	const char *first = len <= VS_JWT_MAX ? memchr(token, '.', len) : NULL;
	const char *second = first ? memchr(first + 1, '.', len - (size_t)(first + 1 - token)) : NULL;
	memset(claims, 0, sizeof(*claims));
	*reason = len <= VS_JWT_MAX ? "token: malformed" : "token: too long";
	if (!second)
		return false;
	struct json_object *header = parse_part(json, token, (size_t)(first - token));
	struct json_object *payload = header ? parse_part(json, first + 1, (size_t)(second - first - 1)) : NULL;
	bool good = payload && check_signature(jwt, header, token, len, second + 1, reason);
	if (good) {
		*reason = check_claims(jwt, payload, now, claims);
		good = *reason == NULL;
	}
	json_object_put(header);
	json_object_put(payload);
	return good;
}

/* ---- minting -------------------------------------------------------------------------------------------- */

static void put_claim(struct vs_buf *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	vs_buf_printf(out, ",\"%s\":", name);
	vs_json_text(out, text, strlen(text));
}

static bool sign(const struct vs_jwt_key *key, const char *claims, char *out)
{
	jwt_t *token = NULL;
	char *text = NULL;
	bool good = jwt_new(&token) == 0 && jwt_add_header(token, "kid", key->kid) == 0 && jwt_add_header(token, "typ", "JWT") == 0 &&
	            jwt_add_grants_json(token, claims) == 0 && jwt_set_alg(token, key->alg, key->bytes, (int)key->len) == 0 &&
	            (text = jwt_encode_str(token)) != NULL && strlen(text) <= VS_JWT_MAX;
	if (good)
		strcpy(out, text);
	free(text);
	jwt_free(token);
	return good;
}

int vs_jwt_sign(const char *path, const struct vs_jwt_claims *claims, const struct vs_jwt_options *options, int64_t now,
                char *out, struct vs_error *error)
{
	struct vs_buf text = VS_BUF_INIT;
	struct vs_jwt_key key;
	int rc = vs_jwt_key_load(&key, path, true, error);
	if (rc)
		return rc;
	vs_buf_printf(&text, "{\"iat\":%" PRId64 ",\"exp\":%" PRId64, now / 1000, claims->expires_at / 1000);
	put_claim(&text, "sub", claims->subject);
	put_claim(&text, "role", vs_role_name(claims->grant.role));
	put_claim(&text, "namespace", claims->grant.ns);
	put_claim(&text, "filter", claims->grant.filter);
	put_claim(&text, "iss", options->issuer);
	put_claim(&text, "aud", options->audience);
	vs_buf_putc(&text, '}');
	if (text.failed)
		rc = vs_error_set(error, VS_ENOMEM, "no memory for a token");
	else if (!sign(&key, text.data, out))
		rc = vs_error_set(error, VS_EINVAL, "the token would be longer than %d bytes, or %s cannot sign", VS_JWT_MAX, path);
	vs_buf_release(&text);
	vs_jwt_key_release(&key);
	return rc;
}

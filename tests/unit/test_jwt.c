/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R10 of doc/reliability.md: 100,000 forged, stale and malformed tokens, of which none is taken; and good ones, which are.
 * Each forgery is signed as well as its forger could.
 */
#include "service_fixture.h"

#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "engine/json.h"
#include "service/base64.h"
#include "service/jwt.h"

#define MUTANTS 100000
#define NOW INT64_C(1800000000000) /* milliseconds */

static char folder[64];
static struct vs_jwt *jwt;
static struct vs_json *json;
static unsigned char secret[48];
static EVP_PKEY *rsa, *ec;
static unsigned long tried;

/* ---- keys ------------------------------------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
	static char path[160];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *data, size_t len)
{
	FILE *file = fopen(path_of(name), "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	fclose(file);
}

static void write_pem(const char *name, EVP_PKEY *key, bool private)
{
	FILE *file = fopen(path_of(name), "wb");
	assert_non_null(file);
	assert_int_equal(private ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) : PEM_write_PUBKEY(file, key), 1);
	fclose(file);
}

static int open_jwt(const char *name, const char *issuer, const char *audience, struct vs_error *error)
{
	struct vs_jwt_options options = { path_of(name), issuer, audience };
	vs_jwt_close(jwt);
	return vs_jwt_open(&options, &jwt, error);
}

static int make_keys(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/vecstore-jwt-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (unsigned char)(i * 37 + 11);
	rsa = EVP_RSA_gen(2048);
	ec = EVP_EC_gen("P-256");
	json = vs_json_open();
	mkdir(path_of("keys"), 0700);
	mkdir(path_of("private"), 0700);
	write_file("keys/main.hs256", secret, sizeof(secret));
	write_pem("keys/web.rs256", rsa, false);
	write_pem("keys/edge.es256", ec, false);
	write_pem("private/web.rs256", rsa, true);
	write_pem("private/edge.es256", ec, true);
	return 0;
}

static int remove_keys(void **state)
{
	(void)state;
	vs_jwt_close(jwt);
	vs_json_close(json);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- tokens ----------------------------------------------------------------------------------------------- */

/* Signed by HMAC with any key; len of the digest's bytes are used. */
static const char *sign_hmac(const char *header, const char *payload, const EVP_MD *digest, const void *key, size_t key_len)
{
	static char token[16384];
	unsigned char mac[64];
	unsigned mac_len = 0;
	size_t len = vs_base64_encode(header, strlen(header), token);
	token[len++] = '.';
	len += vs_base64_encode(payload, strlen(payload), token + len);
	assert_non_null(HMAC(digest, key, (int)key_len, (unsigned char *)token, len, mac, &mac_len));
	token[len++] = '.';
	vs_base64_encode(mac, mac_len, token + len);
	return token;
}

static const char *sign(const char *header, const char *payload)
{
	return sign_hmac(header, payload, EVP_sha256(), secret, sizeof(secret));
}

/* r and s of a signature in DER, side by side. */
static void split_halves(const unsigned char *der, size_t len, unsigned char raw[64])
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
	assert_non_null(pair);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32), 32);
	ECDSA_SIG_free(pair);
}

/* Signed by a private key; which: 1 for RS256, 2 for ES256. */
static const char *sign_pkey(const char *payload, int which)
{
	static const char *const headers[] = { "", "{\"alg\":\"RS256\",\"kid\":\"web\"}",
		                                   "{\"alg\":\"ES256\",\"kid\":\"edge\"}" };
	static char token[16384];
	unsigned char bytes[512], raw[64];
	size_t signature_len = sizeof(bytes);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t len = vs_base64_encode(headers[which], strlen(headers[which]), token);
	token[len++] = '.';
	len += vs_base64_encode(payload, strlen(payload), token + len);
	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, which == 1 ? rsa : ec), 1);
	assert_int_equal(EVP_DigestSign(context, bytes, &signature_len, (unsigned char *)token, len), 1);
	EVP_MD_CTX_free(context);
	token[len++] = '.';
	if (which == 2)
		split_halves(bytes, signature_len, raw);
	vs_base64_encode(which == 2 ? raw : bytes, which == 2 ? sizeof(raw) : signature_len, token + len);
	return token;
}

static bool verify(const char *token, struct vs_jwt_claims *claims, const char **reason)
{
	return vs_jwt_verify(jwt, json, token, strlen(token), NOW, claims, reason);
}

static void refused(const char *token, const char *why)
{
	struct vs_jwt_claims claims;
	const char *reason = NULL;
	tried++;
	if (verify(token, &claims, &reason))
		fail_msg("taken: %s", token);
	if (!reason || !strstr(reason, why))
		fail_msg("refused for '%s', not '%s': %s", reason ? reason : "", why, token);
}

#define HEADER "{\"alg\":\"HS256\",\"kid\":\"main\",\"typ\":\"JWT\"}"
#define REST "\"sub\":\"bob\",\"role\":\"reader\",\"namespace\":\"films\""
#define PAYLOAD "{\"exp\":1800000100," REST "}"

static char good[3][VS_JWT_MAX + 1];

static void mint_good(void)
{
	static const char *const keys[] = { "keys/main.hs256", "private/web.rs256", "private/edge.es256" };
	struct vs_jwt_claims claims = { .grant = { .role = VS_ROLE_WRITER }, .expires_at = NOW + 60000, .subject = "bob" };
	struct vs_jwt_options options = { .keys = NULL };
	struct vs_error error;
	strcpy(claims.grant.ns, "films");
	strcpy(claims.grant.filter, "a = 1");
	assert_int_equal(open_jwt("keys", NULL, NULL, &error), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vs_jwt_sign(path_of(keys[i]), &claims, &options, NOW, good[i], &error), 0);
}

static void test_good_tokens(void **state)
{
	static const char *const payloads[] = {
		PAYLOAD,
		"{\"exp\":1800000001," REST "}",
		"{\"exp\":1800000100,\"nbf\":1800000060,\"iat\":1800000060," REST "}",
		"{\"exp\":253402300799,\"other\":{\"deep\":[1,2,{}]}," REST "}",
		"{\"exp\":1800000100,\"iss\":\"me\",\"aud\":[\"x\",\"you\"]," REST "}",
	};
	struct vs_jwt_claims claims;
	struct vs_error error;
	const char *reason;
	(void)state;
	mint_good();
	for (int i = 0; i < 3; i++) {
		assert_true(verify(good[i], &claims, &reason));
		assert_int_equal(claims.grant.role, VS_ROLE_WRITER);
		assert_string_equal(claims.grant.ns, "films");
		assert_string_equal(claims.grant.filter, "a = 1");
		assert_string_equal(claims.subject, "bob");
		assert_true(claims.expires_at == NOW + 60000);
		assert_false(vs_jwt_verify(jwt, json, good[i], strlen(good[i]), NOW + 60000, &claims, &reason));
		assert_string_equal(reason, "expired");
	}
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		assert_true(verify(sign(HEADER, payloads[i]), &claims, &reason));
	assert_true(verify(sign("{\"kid\":\"main\",\"alg\":\"HS256\"}", PAYLOAD), &claims, &reason));
	assert_int_equal(open_jwt("keys", "me", "you", &error), 0);
	assert_true(verify(sign(HEADER, payloads[4]), &claims, &reason));
	refused(sign(HEADER, PAYLOAD), "issuer");
	refused(sign(HEADER, "{\"exp\":1800000100,\"iss\":\"me\"," REST "}"), "audience");
	refused(sign(HEADER, "{\"exp\":1800000100,\"iss\":\"me\",\"aud\":[\"You\",2]," REST "}"), "audience");
	refused(sign(HEADER, "{\"exp\":1800000100,\"iss\":[\"me\"],\"aud\":\"you\"," REST "}"), "issuer");
	assert_true(verify(sign(HEADER, "{\"exp\":1800000100,\"iss\":\"me\",\"aud\":\"you\"," REST "}"), &claims, &reason));
}

/* Signed with the right key, and wrong. */
static void test_claims_that_make_no_sense(void **state)
{
	static const struct {
		const char *payload, *why;
	} cases[] = {
		{ "{" REST "}", "never expires" },
		{ "{\"exp\":null," REST "}", "date" },
		{ "{\"exp\":1800000000," REST "}", "expired" },
		{ "{\"exp\":0," REST "}", "expired" },
		{ "{\"exp\":-1," REST "}", "date" },
		{ "{\"exp\":\"1800000100\"," REST "}", "date" },
		{ "{\"exp\":1800000100.5," REST "}", "date" },
		{ "{\"exp\":1e300," REST "}", "date" },
		{ "{\"exp\":9223372036854775807," REST "}", "date" },
		{ "{\"exp\":18446744073709551616," REST "}", "signed" }, /* libjwt reads none so large */
		{ "{\"exp\":[1800000100]," REST "}", "date" },
		{ "{\"exp\":1800000100,\"nbf\":1800000061," REST "}", "not yet" },
		{ "{\"exp\":1800000100,\"iat\":1800000061," REST "}", "not yet" },
		{ "{\"exp\":1800000100,\"nbf\":\"0\"," REST "}", "date" },
		{ "{\"exp\":1800000050,\"nbf\":1800000050," REST "}", "ends before" },
		{ "{\"exp\":1800000100,\"exp\":1800000100," REST "}", "malformed" },
		{ "{\"exp\":1800000100,\"role\":\"admin\"," REST "}", "malformed" },
		{ "{\"exp\":1800000100,\"r\\u006fle\":\"admin\"," REST "}", "malformed" },
		{ "{\"exp\":1800000100,\"x\":{\"a\":1,\"a\":2}," REST "}", "malformed" },
		{ "{\"exp\":1800000100," REST "} ", "" },
		{ "{\"exp\":1800000100," REST "}x", "malformed" },
		{ "[{\"exp\":1800000100," REST "}]", "malformed" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\"}", "no role" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":\"root\"}", "no role" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":[\"admin\"]}", "no role" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":\"admin\\u0000\"}", "signed" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":\"reader\"}", "no sense" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":\"reader\",\"namespace\":\"../x\"}", "no sense" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":\"reader\",\"namespace\":\"films\\u0000\"}", "signed" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":\"reader\",\"namespace\":[\"films\"]}", "no sense" },
		{ "{\"exp\":1800000100,\"sub\":\"bob\",\"role\":\"admin\",\"namespace\":\"films\"}", "no sense" },
		{ "{\"exp\":1800000100,\"filter\":\"a =\"," REST "}", "no sense" },
		{ "{\"exp\":1800000100,\"filter\":\"\"," REST "}", "no sense" },
		{ "{\"exp\":1800000100,\"filter\":{\"a\":1}," REST "}", "no sense" },
		{ "{\"exp\":1800000100,\"filter\":null," REST "}", "no sense" },
		{ "{\"exp\":1800000100,\"role\":\"reader\",\"namespace\":\"films\"}", "subject" },
		{ "{\"exp\":1800000100,\"sub\":\"\",\"role\":\"reader\",\"namespace\":\"films\"}", "subject" },
		{ "{\"exp\":1800000100,\"sub\":7,\"role\":\"reader\",\"namespace\":\"films\"}", "subject" },
	};
	struct vs_jwt_claims claims;
	const char *reason;
	(void)state;
	mint_good();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (*cases[i].why)
			refused(sign(HEADER, cases[i].payload), cases[i].why);
		else
			assert_true(verify(sign(HEADER, cases[i].payload), &claims, &reason));
		for (int which = 1; which <= 2; which++) {
			const char *token = sign_pkey(cases[i].payload, which);
			if (*cases[i].why)
				refused(token, strcmp(cases[i].why, "signed") == 0 ? "" : cases[i].why); /* libjwt's limits are none here */
			else
				assert_true(verify(token, &claims, &reason));
		}
	}
}

/* The public key's PEM as the secret of HMAC, no key at all, keys of other names, other algorithms. */
static void test_headers_that_trick(void **state)
{
	static const char *const kids[] = { "\"\"", "\"Main\"", "\"main \"", "\"main\\u0000\"", "\"../keys/main\"", "\"/dev/null\"",
		                                "\"main.hs256\"", "[\"main\"]", "0", "null", "{}", "\"' OR 1=1\"", "\"*\"" };
	static const char *const algs[] = { "none", "None", "NONE", "nOnE", "HS384", "HS512", "hs256", "RS256", "ES256", "", "HS256 " };
	static const char *const extras[] = { "\"jku\":\"http://x\"", "\"jwk\":{}", "\"crit\":[\"exp\"]", "\"x5u\":\"x\"", "\"b64\":false",
		                                  "\"typ\":\"JWS\"", "\"typ\":1", "\"alg\":\"HS256\"", "\"kid\":\"main\"" };
	static const EVP_MD *(*const digests[])(void) = { EVP_sha256, EVP_sha384, EVP_sha512 };
	static char pem[4096];
	char header[300];
	(void)state;
	mint_good();
	for (int which = 0; which < 2; which++) {
		FILE *file = fopen(path_of(which ? "keys/edge.es256" : "keys/web.rs256"), "rb");
		size_t len = fread(pem, 1, sizeof(pem), file);
		fclose(file);
		for (int d = 0; d < 3; d++) {
			static const char *const names[] = { "HS256", "HS384", "HS512" };
			snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", names[d], which ? "edge" : "web");
			refused(sign_hmac(header, PAYLOAD, digests[d](), pem, len), "algorithm");
			refused(sign_hmac(header, PAYLOAD, digests[d](), "", 0), "algorithm");
		}
	}
	for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":%s}", kids[i]);
		refused(sign(header, PAYLOAD), "unknown key");
		refused(sign_hmac(header, PAYLOAD, EVP_sha256(), "", 0), "unknown key");
	}
	refused(sign("{\"alg\":\"HS256\"}", PAYLOAD), "unknown key");
	refused(sign("{\"kid\":\"main\"}", PAYLOAD), "algorithm");
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"main\"}", algs[i]);
		const char *token = sign(header, PAYLOAD);
		refused(token, "algorithm");
		char bare[1000];
		snprintf(bare, sizeof(bare), "%.*s.", (int)(strrchr(token, '.') - token), token);
		refused(bare, "algorithm"); /* no signature */
		bare[strlen(bare) - 1] = '\0';
		refused(bare, "malformed");
	}
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
		snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":\"main\",%s}", extras[i]);
		refused(sign(header, PAYLOAD), i < 5 ? "unknown member" : i < 7 ? "type" : "malformed");
	}
	refused(sign_hmac(HEADER, PAYLOAD, EVP_sha256(), "", 0), "signed");
	refused(sign_hmac(HEADER, PAYLOAD, EVP_sha512(), secret, sizeof(secret)), "signed");
	refused("", "malformed");
	refused("..", "malformed");
	refused("a.b.c", "malformed");
}

static uint32_t pick(uint32_t bound)
{
	static uint64_t seed = 42;
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % bound;
}

/* One to three changes: a byte put in another's place, in, or out; the ends cut; two tokens' parts mixed. */
static void mutate(char *text, size_t size, const char *from, const char *other)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \t\n%{\"\x80";
	snprintf(text, size, "%.4096s", from);
	for (uint32_t n = 1 + pick(3); n > 0; n--) {
		size_t len = strlen(text);
		size_t at = len > 0 ? pick((uint32_t)len) : 0;
		char byte = alphabet[pick(sizeof(alphabet) - 1)];
		switch (len > 0 ? pick(8) : 1) {
		case 0:
			memmove(text + at, text + at + 1, len - at);
			break;
		case 1:
			if (len + 2 < size) {
				memmove(text + at + 1, text + at, len - at + 1);
				text[at] = byte;
			}
			break;
		case 2:
			text[at] = '\0';
			break;
		case 3:
			snprintf(text, size, "%.*s%.2000s", (int)(strrchr(from, '.') - from), from, strrchr(other, '.'));
			break;
		case 4:
			snprintf(text, size, "%.*s%.2000s", (int)(strchr(from, '.') - from), from, strchr(other, '.'));
			break;
		default:
			text[at] = byte;
		}
	}
}

static void test_mutants(void **state)
{
	char text[VS_JWT_MAX + 100];
	struct vs_jwt_claims claims;
	const char *reason;
	(void)state;
	mint_good();
	while (tried < MUTANTS) {
		/* RSA and ECDSA take their time: one in twenty. */
		uint32_t which = pick(20) == 0 ? 1 + pick(2) : 0;
		mutate(text, sizeof(text), good[which], good[pick(3)]);
		if (strcmp(text, good[0]) == 0 || strcmp(text, good[1]) == 0 || strcmp(text, good[2]) == 0)
			continue;
		refused(text, "");
	}
	for (int i = 0; i < 3; i++)
		assert_true(verify(good[i], &claims, &reason));
	/* Too long, however good. */
	static char payload[8192];
	snprintf(payload, sizeof(payload), "{\"exp\":1800000100,\"x\":\"%04000d\"," REST "}", 0);
	refused(sign(HEADER, payload), "too long");
}

/* ---- libjwt ----------------------------------------------------------------------------------------------- */

static bool libjwt_takes(const char *token, const char *name)
{
	unsigned char pem[4096];
	jwt_t *decoded = NULL;
	FILE *file = fopen(path_of(name), "rb");
	size_t len = fread(pem, 1, sizeof(pem) - 1, file);
	fclose(file);
	pem[len] = '\0';
	bool taken = jwt_decode(&decoded, token, pem, (int)len) == 0;
	jwt_free(decoded);
	return taken;
}

static void same(const char *token, int which)
{
	struct vs_jwt_claims claims;
	const char *reason;
	bool theirs = libjwt_takes(token, which == 1 ? "keys/web.rs256" : "keys/edge.es256");
	if (verify(token, &claims, &reason) != theirs)
		fail_msg("libjwt %s: %s", theirs ? "takes" : "refuses", token);
}

/* The bytes of a signature changed: those of another token, one of its bits, and pairs that are out of bounds or mirrored. */
static void test_signatures_are_what_libjwt_takes(void **state)
{
	unsigned char raw[512], other[512], changed[512];
	char token[VS_JWT_MAX + 1];
	(void)state;
	mint_good();
	for (int which = 1; which <= 2; which++) {
		strcpy(token, good[which]);
		char *signature = strrchr(token, '.') + 1;
		int64_t len = vs_base64_decode(signature, strlen(signature), raw);
		const char *foreign = strrchr(sign_pkey(PAYLOAD, which), '.') + 1;
		assert_int_equal(vs_base64_decode(foreign, strlen(foreign), other), len);
		assert_int_equal(len, which == 1 ? 256 : 64);
		same(token, which);
		for (unsigned n = 0; n < 200; n++) {
			memcpy(changed, n == 0 ? other : raw, (size_t)len);
			if (n > 0)
				changed[pick((uint32_t)len)] ^= (unsigned char)(1u << pick(8));
			vs_base64_encode(changed, (size_t)len, signature);
			same(token, which);
		}
		for (unsigned n = 0; n < 16; n++) { /* halves: as they are, 0, all bits, of the other */
			for (unsigned half = 0; half < 2; half++) {
				unsigned how = half == 0 ? n % 4 : n / 4;
				unsigned char *at = changed + half * (size_t)len / 2;
				memcpy(at, (how == 3 ? other : raw) + half * (size_t)len / 2, (size_t)len / 2);
				if (how == 1 || how == 2)
					memset(at, how == 1 ? 0 : 255, (size_t)len / 2);
			}
			vs_base64_encode(changed, (size_t)len, signature);
			same(token, which);
		}
	}
	EC_GROUP *curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *s = BN_bin2bn(raw + 32, 32, NULL), *mirrored = BN_new();
	assert_int_equal(BN_sub(mirrored, EC_GROUP_get0_order(curve), s), 1);
	memcpy(changed, raw, 32);
	assert_int_equal(BN_bn2binpad(mirrored, changed + 32, 32), 32);
	vs_base64_encode(changed, 64, strrchr(token, '.') + 1);
	same(token, 2);
	EC_GROUP_free(curve);
	BN_free(mirrored);
	BN_free(s);
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static size_t put_number(char *out, EVP_PKEY *key, const char *name, int size)
{
	unsigned char bytes[512];
	BIGNUM *number = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
	int len = size ? size : BN_num_bytes(number);
	assert_int_equal(BN_bn2binpad(number, bytes, len), len);
	BN_free(number);
	return vs_base64_encode(bytes, (size_t)len, out);
}

static void test_jwk_sets(void **state)
{
	static char set[8192];
	char n[700], e[20], x[60], y[60], k[100];
	struct vs_jwt_claims claims;
	struct vs_error error;
	const char *reason;
	(void)state;
	mint_good();
	put_number(n, rsa, OSSL_PKEY_PARAM_RSA_N, 0);
	put_number(e, rsa, OSSL_PKEY_PARAM_RSA_E, 0);
	put_number(x, ec, OSSL_PKEY_PARAM_EC_PUB_X, 32);
	put_number(y, ec, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
	vs_base64_encode(secret, sizeof(secret), k);
	snprintf(set, sizeof(set),
	         "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"web\",\"n\":\"%s\",\"e\":\"%s\",\"use\":\"sig\"},"
	         "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"kid\":\"edge\",\"x\":\"%s\",\"y\":\"%s\"},"
	         "{\"kty\":\"RSA\",\"kid\":\"enc\",\"use\":\"enc\",\"n\":\"AQ\",\"e\":\"AQ\"},{\"kty\":\"OKP\",\"kid\":\"ed\"},"
	         "{\"kty\":\"RSA\",\"kid\":\"long\",\"alg\":\"RS512\"},{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"main\",\"k\":\"%s\"}]}",
	         n, e, x, y, k);
	write_file("set.json", set, strlen(set));
	assert_int_equal(open_jwt("set.json", NULL, NULL, &error), 0);
	for (int i = 0; i < 3; i++)
		assert_true(verify(good[i], &claims, &reason));
}

static void test_files_that_are_refused(void **state)
{
	static const struct {
		const char *set, *why;
	} sets[] = {
		{ "", "set.json" },
		{ "{}", "no JWK set" },
		{ "{\"keys\":[]}", "holds no key" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}", "holds no key" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":\"AAAA\"}]}", "at least 32" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":\"\"}]}", "none of its kind" },
		{ "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", "2,048" },
		{ "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AQAB\",\"y\":\"AQAB\"}]}", "none of its kind" },
		{ "{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},"
		  "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"a\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
		  "two keys" },
	};
	static const struct {
		const char *name, *data, *why;
	} files[] = {
		{ "bad/x.hs256", "short", "at least 32" }, { "bad/x.hs512", "0123456789012345678901234567890123", "is called" },
		{ "bad/hs256", "x", "is called" },        { "bad/x.rs256", "no pem", "no public key" },
		{ "bad/x.es256", "", "no public key" },
	};
	struct vs_error error;
	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		write_file("set.json", sets[i].set, strlen(sets[i].set));
		assert_true(open_jwt("set.json", NULL, NULL, &error) < 0);
		assert_non_null(strstr(error.text, sets[i].why));
	}
	mkdir(path_of("bad"), 0700);
	assert_int_equal(open_jwt("bad", NULL, NULL, &error), VS_EINVAL);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		write_file(files[i].name, files[i].data, strlen(files[i].data));
		assert_int_equal(open_jwt("bad", NULL, NULL, &error), VS_EINVAL);
		assert_non_null(strstr(error.text, files[i].why));
		remove(path_of(files[i].name));
	}
	/* Keys of the wrong kind, a private one, and none. */
	write_pem("bad/x.es256", rsa, false);
	assert_int_equal(open_jwt("bad", NULL, NULL, &error), VS_EINVAL);
	remove(path_of("bad/x.es256"));
	write_pem("bad/x.rs256", rsa, true);
	assert_int_equal(open_jwt("bad", NULL, NULL, &error), VS_EINVAL);
	assert_int_equal(open_jwt("missing", NULL, NULL, &error), VS_ENOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_tokens),      cmocka_unit_test(test_claims_that_make_no_sense),
		cmocka_unit_test(test_headers_that_trick), cmocka_unit_test(test_signatures_are_what_libjwt_takes),
		cmocka_unit_test(test_mutants),
		cmocka_unit_test(test_jwk_sets),         cmocka_unit_test(test_files_that_are_refused),
	};
	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* bench/auth: what it costs to find out who asks, by kind of credential, and to admit a request. See bench/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/error.h"
#include "service/admit.h"
#include "service/auth.h"
#include "service/handles.h"
#include "service/service.h"
#include "service/tenants.h"
#include "store/audit.h"

enum { ROUNDS = 7, KEYS = 1000 };

static char folder[] = "/tmp/vecstore-bench-auth-XXXXXX";
static struct vs_catalog *catalog; /* as another process would have it */
static struct vs_auth *auth;
static struct vs_handles handles;
static struct vs_tenants *tenants;
static char secrets[KEYS][VS_KEY_SECRET_LEN + 1];
static char tokens[3][VS_JWT_MAX + 10]; /* with "Bearer " */
static struct vs_audit_event event = { .actor = "bench", .action = "bench" };

static void need(int rc, const struct vs_error *error)
{
	if (rc == 0)
		return;
	fprintf(stderr, "auth: %s\n", error->text);
	exit(1);
}

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_key(const char *name, EVP_PKEY *key, bool private)
{
	FILE *file = fopen(path_of(name), "w");
	if (!file)
		exit(1);
	if (!key)
		fputs("0123456789abcdef0123456789abcdef", file);
	else if (private)
		PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	else
		PEM_write_PUBKEY(file, key);
	fclose(file);
}

static void make_token(int which, const char *key, struct vs_error *error)
{
	struct vs_jwt_claims claims = { .grant = { .role = VS_ROLE_READER, .ns = "films" }, .subject = "bench" };
	claims.expires_at = vs_clock_wall_ms() + 3600000;
	strcpy(tokens[which], "Bearer ");
	need(vs_jwt_sign(path_of(key), &claims, &(struct vs_jwt_options){ .keys = NULL }, vs_clock_wall_ms(), tokens[which] + 7, error), error);
}

/* The namespace that is asked for, with quotas of rate and of requests at once. */
static void make_namespace(const char *data, struct vs_error *error)
{
	static const struct vs_namespace_options fresh = VS_NAMESPACE_OPTIONS;
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_quota quota = vs_quota_none();
	struct vs_store *store;
	change.quota = &quota;
	need(vs_quota_parse("max_requests_per_second=1000000,max_concurrent_queries=16", &quota, error), error);
	need(vs_handles_init(&handles, data, &fresh, error), error);
	need(vs_handles_store(&handles, &store, error), error);
	need(vs_store_create(store, "films", NULL, &change, error), error);
	need(vs_tenants_open(folder, &tenants, error), error);
}

static void set_up(void)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *ec = EVP_EC_gen("P-256");
	struct vs_error error = { .code = 0 };
	char keys[128], data[128];
	if (!mkdtemp(folder) || mkdir(path_of("keys"), 0700))
		exit(1);
	write_key("keys/a.hs256", NULL, false);
	write_key("keys/b.rs256", rsa, false);
	write_key("keys/c.es256", ec, false);
	write_key("b.rs256", rsa, true);
	write_key("c.es256", ec, true);
	make_token(0, "keys/a.hs256", &error);
	make_token(1, "b.rs256", &error);
	make_token(2, "c.es256", &error);
	strcpy(data, path_of("data"));
	strcpy(keys, path_of("keys"));
	need(vs_catalog_open(data, true, &catalog, &error), &error);
	for (int i = 0; i < KEYS; i++) {
		struct vs_key key = { .grant = { .role = VS_ROLE_READER, .ns = "films" }, .quota = vs_quota_none() };
		need(vs_keys_append(catalog, &key, secrets[i], &event, &error), &error);
	}
	const struct vs_auth_options options = { .data = data, .jwt = { .keys = keys } };
	need(vs_auth_open(&options, &auth, &error), &error);
	make_namespace(data, &error);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
}

/* ---- kinds of credentials --------------------------------------------------------------------------------- */

static void one_key(struct vs_request *request, unsigned n)
{
	(void)n;
	request->api_key = secrets[0];
}

static void many_keys(struct vs_request *request, unsigned n)
{
	request->api_key = secrets[n % KEYS];
}

static void unknown_key(struct vs_request *request, unsigned n)
{
	(void)n;
	request->api_key = "vsk_0000000000000000000000000000000000000000000000000000000000000000";
}

static void token_hs(struct vs_request *request, unsigned n)
{
	(void)n;
	request->authorization = tokens[0];
}

static void token_rs(struct vs_request *request, unsigned n)
{
	(void)n;
	request->authorization = tokens[1];
}

static void token_es(struct vs_request *request, unsigned n)
{
	(void)n;
	request->authorization = tokens[2];
}

/* None of its kind is kept: what a first request with it costs. */
static void fresh(void)
{
	char data[128], keys[128];
	struct vs_error error;
	vs_auth_close(auth);
	strcpy(data, path_of("data"));
	strcpy(keys, path_of("keys"));
	const struct vs_auth_options options = { .data = data, .jwt = { .keys = keys } };
	need(vs_auth_open(&options, &auth, &error), &error);
}

static void commit(void)
{
	struct vs_error error;
	need(vs_audit_append(catalog, VS_AUDIT_DONE, &event, &error), &error);
}

static const struct {
	const char *name;
	void (*fill)(struct vs_request *request, unsigned n);
	void (*before)(void); /* each, not timed; NULL: nothing */
	bool admitted; /* and then to the namespace */
	unsigned count;
} kinds[] = {
	{ "key", one_key, NULL, false, 20000 },
	{ "key, and admission", one_key, NULL, true, 20000 },
	{ "one of 1,000 keys in turn", many_keys, NULL, false, 20000 },
	{ "one of 1,000 keys in turn, and admission", many_keys, NULL, true, 20000 },
	{ "key, after another process has changed the catalogue", one_key, commit, false, 200 },
	{ "the same, and admission", one_key, commit, true, 200 },
	{ "unknown key", unknown_key, NULL, false, 20000 },
	{ "token seen before (RS256)", token_rs, NULL, false, 20000 },
	{ "token seen before, and admission", token_rs, NULL, true, 20000 },
	{ "new token, HS256", token_hs, fresh, false, 50 },
	{ "new token, RS256 (2,048 bits)", token_rs, fresh, false, 50 },
	{ "new token, ES256", token_es, fresh, false, 50 },
};

/* From who asks to the last thing that is done for a request but for the request itself. */
static void admit(struct vs_request *request, const struct vs_principal *principal)
{
	struct vs_call call = {
		.request = request, .principal = *principal, .operation = &vs_operations[VS_OPERATION_QUERY], .tenants = tenants
	};
	struct vs_namespace *ns;
	struct vs_error error;
	need(vs_auth_check(principal, VS_RIGHT_READ, &error), &error);
	need(vs_handles_find(&handles, "films", &ns, &error), &error);
	need(vs_admit_enter(&call, ns, "films", &error), &error);
	vs_admit_leave(&call, 1000);
}

static double measure(size_t kind)
{
	struct vs_principal principal;
	struct vs_error error;
	uint64_t spent = 0;
	for (unsigned n = 0; n < kinds[kind].count; n++) {
		struct vs_request request = { .remote_addr = "127.0.0.1" };
		kinds[kind].fill(&request, n);
		if (kinds[kind].before)
			kinds[kind].before();
		uint64_t start = vs_clock_mono_ns();
		need(vs_auth_find(auth, &request, &principal, &error), &error);
		if (kinds[kind].admitted)
			admit(&request, &principal);
		spent += vs_clock_mono_ns() - start;
		if ((principal.rights == VS_RIGHT_NONE) != (kinds[kind].fill == unknown_key))
			exit(1);
	}
	return (double)spent / kinds[kind].count / 1000;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

int main(void)
{
	set_up();
	printf("| credential | µs a request |\n| --- | --- |\n");
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		double rounds[ROUNDS];
		for (int round = 0; round < ROUNDS; round++)
			rounds[round] = measure(kind);
		qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
		printf("| %s | %.1f |\n", kinds[kind].name, rounds[ROUNDS / 2]);
	}
	vs_tenants_close(tenants);
	vs_handles_release(&handles);
	vs_auth_close(auth);
	vs_catalog_close(catalog);
	char command[128];
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	return system(command) != 0;
}

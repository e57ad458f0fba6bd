/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation, asked with every kind of credential, in its own namespace, in another one and in one that does not
 * exist: what comes of it stands in one table, apart from the code. An operation that is not in it fails the test.
 */
#include "service_fixture.h"

#include <ctype.h>

#include "base/clock.h"
#include "service/jwt.h"
#include "service/route.h"
#include "store/audit.h"
#include "store/keys.h"

/* Who may: r reader, w writer, n namespace_admin, a admin, m metrics; R and W reader and writer with a filter; * everybody. */
static const struct {
	const char *who;
	bool spaced; /* it is about a namespace */
	const char *body;
} rules[VS_OPERATIONS] = {
	[VS_OPERATION_UPSERT] = { "wWna", true, "{\"id\":\"new\",\"vector\":[1,2],\"metadata\":{\"t\":1}}" },
	[VS_OPERATION_BATCH_UPSERT] = { "wWna", true, "{\"records\":[{\"id\":\"new\",\"vector\":[1,2],\"metadata\":{\"t\":1}}]}" },
	[VS_OPERATION_BATCH_EXECUTE] = { "wWna", true, "{\"operations\":[{\"op\":\"delete\",\"id\":\"gone\"}]}" },
	[VS_OPERATION_QUERY] = { "rRwWna", true, "{\"vector\":[1,2]}" },
	[VS_OPERATION_HYBRID_QUERY] = { "rRwWna", true, "{\"text_query\":\"word\"}" },
	[VS_OPERATION_BATCH_QUERY] = { "rRwWna", true, "{\"queries\":[{\"vector\":[1,2]}]}" },
	[VS_OPERATION_QUERY_EXPLAIN] = { "rRwWna", true, "{\"vector\":[1,2]}" },
	[VS_OPERATION_QUERY_ESTIMATE] = { "rRwWna", true, "{\"vector\":[1,2]}" },
	[VS_OPERATION_RECOMMEND] = { "rRwWna", true, "{\"positive\":[[1,2]]}" },
	[VS_OPERATION_DELETE] = { "wWna", true, "{\"id\":\"gone\"}" },
	[VS_OPERATION_DELETE_ID] = { "wWna", true, NULL },
	[VS_OPERATION_SOFT_DELETE] = { "wWna", true, "{\"id\":\"gone\"}" },
	[VS_OPERATION_SOFT_DELETE_ID] = { "wWna", true, NULL },
	[VS_OPERATION_RESTORE] = { "wWna", true, "{\"id\":\"gone\"}" },
	[VS_OPERATION_RESTORE_ID] = { "wWna", true, NULL },
	[VS_OPERATION_RECORD] = { "rRwWna", true, NULL },
	[VS_OPERATION_PATCH] = { "wWna", true, "{}" },
	[VS_OPERATION_RECORDS] = { "rRwWna", true, NULL },
	[VS_OPERATION_COUNT] = { "rRwWna", true, "{}" },
	[VS_OPERATION_FACET] = { "rRwWna", true, "{\"field\":\"t\"}" },
	[VS_OPERATION_COMPACT] = { "na", true, NULL },
	[VS_OPERATION_CHANGES] = { "rwna", true, NULL },
	[VS_OPERATION_JOBS] = { "rwna", true, NULL },
	[VS_OPERATION_JOB] = { "rwna", true, NULL },
	[VS_OPERATION_JOB_CANCEL] = { "na", true, NULL },
	[VS_OPERATION_STATS] = { "rwna", true, NULL },
	[VS_OPERATION_SNAPSHOT_CREATE] = { "na", true, "{\"name\":\"kept\"}" },
	[VS_OPERATION_SNAPSHOTS] = { "rwna", true, NULL },
	[VS_OPERATION_SNAPSHOT] = { "na", true, NULL },
	[VS_OPERATION_SNAPSHOT_UPLOAD] = { "na", true, NULL },
	[VS_OPERATION_SNAPSHOT_DELETE] = { "na", true, NULL },
	[VS_OPERATION_SNAPSHOT_VERIFY] = { "na", true, NULL },
	[VS_OPERATION_SNAPSHOT_RESTORE] = { "na", true, NULL },
	[VS_OPERATION_NAMESPACE_CLONE] = { "a", false, "{\"to\":\"copy\"}" },
	[VS_OPERATION_NAMESPACE_CREATE] = { "a", false, "{\"name\":\"fresh\"}" },
	[VS_OPERATION_NAMESPACES] = { "a", false, NULL },
	[VS_OPERATION_NAMESPACE] = { "a", false, NULL },
	[VS_OPERATION_NAMESPACE_CHANGE] = { "a", false, "{\"description\":\"x\"}" },
	[VS_OPERATION_NAMESPACE_DELETE] = { "a", false, NULL },
	[VS_OPERATION_NAMESPACE_QUOTA] = { "a", false, "{\"max_vectors\":5}" },
	[VS_OPERATION_NAMESPACE_STATUS] = { "a", false, "{\"status\":\"active\"}" },
	[VS_OPERATION_NAMESPACE_STATS] = { "a", false, NULL },
	[VS_OPERATION_ADMIN_STATS] = { "a", false, NULL },
	[VS_OPERATION_USAGE] = { "a", false, NULL },
	[VS_OPERATION_KEY_CREATE] = { "a", false, "{\"role\":\"admin\"}" },
	[VS_OPERATION_KEYS] = { "a", false, NULL },
	[VS_OPERATION_KEY_REVOKE] = { "a", false, NULL },
	[VS_OPERATION_KEY_QUOTA] = { "a", false, "{\"max_batch_size\":5}" },
	[VS_OPERATION_KEY_ROTATE] = { "a", false, NULL },
	[VS_OPERATION_AUDIT] = { "a", false, NULL },
	[VS_OPERATION_HEALTH] = { "*", false, NULL },
	[VS_OPERATION_READY] = { "*", false, NULL },
	[VS_OPERATION_METRICS] = { "am", false, NULL },
	[VS_OPERATION_OPENAPI] = { "*", false, NULL },
};

/* The letter of rules, and what it is a key of, or a token, or a user of the web server. '-' and on: credentials that are
 * none. */
enum kind { KEY, TOKEN, USER };
static struct credential {
	char letter;
	enum vs_role role;
	const char *filter;
	char secret[VS_JWT_MAX + 1]; /* or the user's name */
	enum kind kind;
} credentials[] = {
	{ 'r', VS_ROLE_READER, "", "", KEY },
	{ 'R', VS_ROLE_READER, "t = 1", "", KEY },
	{ 'w', VS_ROLE_WRITER, "", "", KEY },
	{ 'W', VS_ROLE_WRITER, "t = 1", "", KEY },
	{ 'n', VS_ROLE_NAMESPACE_ADMIN, "", "", KEY },
	{ 'a', VS_ROLE_ADMIN, "", "", KEY },
	{ 'm', VS_ROLE_METRICS, "", "", KEY },
	{ '-', (enum vs_role)0, "", "", KEY }, /* no credential */
	{ '?', (enum vs_role)0, "", "vsk_0123", KEY }, /* unknown */
	{ 'x', VS_ROLE_ADMIN, "", "", KEY }, /* expired */
	{ 'v', VS_ROLE_ADMIN, "", "", KEY }, /* revoked */
	{ 'r', VS_ROLE_READER, "", "", TOKEN },
	{ 'R', VS_ROLE_READER, "t = 1", "", TOKEN },
	{ 'w', VS_ROLE_WRITER, "", "", TOKEN },
	{ 'W', VS_ROLE_WRITER, "t = 1", "", TOKEN },
	{ 'n', VS_ROLE_NAMESPACE_ADMIN, "", "", TOKEN },
	{ 'a', VS_ROLE_ADMIN, "", "", TOKEN },
	{ 'm', VS_ROLE_METRICS, "", "", TOKEN },
	{ '?', (enum vs_role)0, "", "eyJhbGciOiJub25lIn0.e30.", TOKEN },
	{ 'x', VS_ROLE_ADMIN, "", "", TOKEN },
	{ 'r', VS_ROLE_READER, "", "reader", USER },
	{ 'R', VS_ROLE_READER, "t = 1", "filtered reader", USER },
	{ 'w', VS_ROLE_WRITER, "", "writer", USER },
	{ 'W', VS_ROLE_WRITER, "t = 1", "CN=Filtered Writer,O=x", USER },
	{ 'n', VS_ROLE_NAMESPACE_ADMIN, "", "owner", USER },
	{ 'a', VS_ROLE_ADMIN, "", "root", USER },
	{ 'm', VS_ROLE_METRICS, "", "prometheus", USER },
	{ '?', (enum vs_role)0, "", "mallory", USER },
};
#define CREDENTIALS (sizeof(credentials) / sizeof(credentials[0]))

static const char *const spaces[] = { "mine", "else", "none" };

static const char *space_of(enum vs_role role)
{
	return role == VS_ROLE_ADMIN || role == VS_ROLE_METRICS ? "" : spaces[0];
}

/* A service that takes tokens and the web server's users, too. */
static void trust(struct state *s)
{
	char key[160], users[160];
	snprintf(key, sizeof(key), "%s/k.hs256", s->dir);
	snprintf(users, sizeof(users), "%s/users", s->dir);
	FILE *file = fopen(key, "w");
	fputs("0123456789abcdef0123456789abcdef", file);
	fclose(file);
	file = fopen(users, "w");
	fputs("# who is who\n\n", file);
	for (size_t i = 0; i < CREDENTIALS; i++) {
		struct credential *c = &credentials[i];
		struct vs_jwt_claims claims = { .grant = { .role = c->role }, .subject = "someone" };
		strcpy(claims.grant.ns, space_of(c->role));
		strcpy(claims.grant.filter, c->filter);
		claims.expires_at = vs_clock_wall_ms() + (c->letter == 'x' ? -1000 : 100000);
		if (c->kind == TOKEN && c->role != 0)
			assert_int_equal(vs_jwt_sign(key, &claims, &(struct vs_jwt_options){ .keys = NULL }, 0, c->secret, NULL), 0);
		if (c->kind == USER && c->role != 0)
			fprintf(file, "  \"%s\" %s\t%s  %s\r\n", c->secret, vs_role_name(c->role), space_of(c->role), c->filter);
	}
	fclose(file);
	vs_service_close(s->service);
	mkdir(strcat(strcpy(key, s->dir), "/keys"), 0700);
	char old[160];
	snprintf(old, sizeof(old), "%s/k.hs256", s->dir);
	assert_int_equal(rename(old, strcat(key, "/k.hs256")), 0);
	*strrchr(key, '/') = '\0';
	struct vs_service_options options = {
		.data = s->data, .run_dir = s->dir, .cache_bytes = 2 << 20, .users = users, .jwt_keys = key, .fresh = VS_NAMESPACE_OPTIONS
	};
	assert_int_equal(vs_service_open(&options, &s->service, NULL), 0);
}

static int set_up_keys(void **state)
{
	struct vs_audit_event event = { .actor = "test" };
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	struct vs_catalog *catalog;
	struct vs_store *store;
	if (set_up(state))
		return -1;
	struct state *s = *state;
	options.flags = VS_CREATE;
	assert_int_equal(vs_store_open(s->data, VS_CREATE, &store, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct vs_namespace *ns;
		float vector[] = { 1, 2 };
		struct vs_record_input record = { .id = "there", .id_len = 5, .vector = vector, .dimension = 2,
			                              .metadata = "{\"t\":1}", .metadata_len = 7 };
		struct vs_upsert_result result;
		assert_int_equal(vs_namespace_open(store, spaces[i], &options, &ns, NULL), 0);
		assert_int_equal(vs_namespace_upsert(ns, &record, 1, NULL, &result, NULL), 0);
		vs_namespace_close(ns);
	}
	vs_store_close(store);
	trust(s);
	assert_int_equal(vs_catalog_open(s->data, true, &catalog, NULL), 0);
	for (size_t i = 0; i < CREDENTIALS; i++) {
		struct credential *c = &credentials[i];
		struct vs_key key = { .grant = { .role = c->role },
			                  .quota = vs_quota_none(),
			                  .expires_at = c->letter == 'x' ? vs_clock_wall_ms() - 1 : 0 };
		if (c->role == 0 || c->kind != KEY)
			continue;
		strcpy(key.grant.filter, c->filter);
		strcpy(key.grant.ns, space_of(c->role));
		assert_int_equal(vs_keys_append(catalog, &key, c->secret, &event, NULL), 0);
		if (c->letter == 'v')
			assert_int_equal(vs_keys_revoke(catalog, key.id, &event, NULL), 0);
	}
	vs_catalog_close(catalog);
	return 0;
}

static int reset_request(void **state)
{
	struct state *s = *state;
	s->request = (struct vs_request){ .remote_addr = "127.0.0.1" };
	return 0;
}

/* The path with an id that no record and no key has. */
static const char *target_of(const struct vs_operation *operation)
{
	static char target[128];
	const char *id = strncmp(operation->path, "/admin", 6) == 0 ? "0123456789abcdef" : "gone";
	const char *hole = strchr(operation->path, '{');
	if (!hole)
		return operation->path;
	if (hole[1] == 'n')
		id = "gone";
	snprintf(target, sizeof(target), "%.*s%s%s", (int)(hole - operation->path), operation->path,
	         strncmp(operation->path, "/v1/jobs", 8) == 0 ? "77" : id, strchr(hole, '}') + 1);
	return target;
}

static int status_of(struct state *s, unsigned row, const struct credential *credential, const char *ns)
{
	const struct vs_operation *operation = &vs_operations[row];
	static char bearer[VS_JWT_MAX + 10];
	snprintf(bearer, sizeof(bearer), "Bearer %s", credential->secret);
	s->request.api_key = credential->kind == KEY && credential->secret[0] ? credential->secret : NULL;
	s->request.authorization = credential->kind == TOKEN ? bearer : NULL;
	s->request.remote_user = credential->kind == USER ? credential->secret : NULL;
	s->request.ns = ns;
	if (row == VS_OPERATION_SNAPSHOT_UPLOAD)
		ask_bytes(s, operation->method, target_of(operation), "application/x-tar", "no archive", 10);
	else
		ask(s, operation->method, target_of(operation), rules[row].body);
	return s->response.status;
}

/* The answer without what is the request's own: its id, the time, the name it asked for. */
static void plain_answer(struct state *s, const char *ns, char *text, size_t size)
{
	snprintf(text, size, "%d %s", s->response.status, s->response.body.data);
	char *id = strstr(text, ",\"request_id\"");
	assert_non_null(id);
	*id = '\0';
	for (char *name = strstr(text, ns); name; name = strstr(name + 1, ns))
		memset(name, '*', strlen(ns));
}

static void check(struct state *s, unsigned row, const struct credential *credential)
{
	const char *who = rules[row].who;
	bool open = strcmp(who, "*") == 0;
	bool known = isalpha((unsigned char)credential->letter) && credential->letter != 'x' && credential->letter != 'v';
	bool may = open || (known && strchr(who, credential->letter));
	bool bound = may && !open && rules[row].spaced && credential->letter != 'a';
	char other[2000], missing[2000];
	int status = status_of(s, row, credential, rules[row].spaced ? spaces[0] : NULL);
	int expected = may ? 200 : known ? 403 : 401;
	/* There is no record "gone" and no key of that id; what is made is there the second time; a snapshot that is uploaded is
	 * one; and an uninstalled server has no openapi.json. */
	bool fits = status == expected ||
	            (may && (status == 404 || status == 409 || row == VS_OPERATION_SNAPSHOT_UPLOAD || row == VS_OPERATION_OPENAPI));
	if (!fits)
		fail_msg("%s %s as %c: %d %s", vs_operations[row].method, vs_operations[row].path, credential->letter, status,
		         s->response.body.data);
	if (!may)
		assert_non_null(strstr(s->response.body.data, known ? "\"code\":\"forbidden\"" : "\"code\":\"unauthenticated\""));
	if (!bound)
		return;
	assert_int_equal(status_of(s, row, credential, spaces[1]), 404);
	plain_answer(s, spaces[1], other, sizeof(other));
	assert_int_equal(status_of(s, row, credential, spaces[2]), 404);
	plain_answer(s, spaces[2], missing, sizeof(missing));
	assert_string_equal(other, missing);
	if (!strstr(other, "there is no "))
		fail_msg("%s %s: %s", vs_operations[row].method, vs_operations[row].path, other);
}

static void test_every_operation_and_credential(void **state)
{
	struct state *s = *state;
	for (unsigned row = 0; row < VS_OPERATIONS; row++) {
		if (!rules[row].who)
			fail_msg("%s %s is not in the table", vs_operations[row].method, vs_operations[row].path);
		for (size_t i = 0; i < CREDENTIALS; i++)
			check(s, row, &credentials[i]);
	}
}

/* A credential's own namespace needs no naming; the body, the parameter and the header all count. */
static void test_ways_to_name_a_namespace(void **state)
{
	struct state *s = *state;
	s->request.api_key = credentials[0].secret;
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,2]}"), "there");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,2],\"namespace\":\"mine\"}"), "there");
	assert_answer(s, 404, post(s, "/v1/query", "{\"vector\":[1,2],\"namespace\":\"else\"}"), "no namespace");
	assert_answer(s, 404, post(s, "/v1/query?namespace=else", "{\"vector\":[1,2]}"), "no namespace");
	assert_answer(s, 404, post(s, "/v1/query?namespace=default", "{\"vector\":[1,2]}"), "no namespace");
	assert_answer(s, 400, post(s, "/v1/query?namespace=%2e%2e", "{\"vector\":[1,2]}"), "a-z");
	s->request.ns = "else";
	assert_answer(s, 404, post(s, "/v1/query", "{\"vector\":[1,2]}"), "no namespace");
	/* What the cache holds for one is not another's. */
	s->request.ns = NULL;
	s->request.api_key = credentials[5].secret;
	assert_answer(s, 404, post(s, "/v1/query", "{\"id\":\"there\"}"), "id");
	s->request.ns = "else";
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,2]}"), "there");
}

/* What is made of a snapshot besides its own namespace is another one, which is for administrators. */
static void test_snapshots_stay_in_their_namespace(void **state)
{
	struct state *s = *state;
	s->request.api_key = credentials[4].secret; /* of the namespace's administrator */
	assert_answer(s, 200, post(s, "/v1/snapshots", "{\"name\":\"own\"}"), "\"own\"");
	assert_answer(s, 200, post(s, "/v1/snapshots/own/verify", NULL), "\"sound\":true");
	assert_answer(s, 403, post(s, "/v1/snapshots/own/restore", "{\"into\":\"fresh\"}"), "\"forbidden\"");
	assert_non_null(strstr(s->response.audit, "object own into fresh: denied, another namespace"));
	assert_answer(s, 403, post(s, "/v1/snapshots/own/restore", "{\"into\":\"else\"}"), "\"forbidden\"");
	assert_answer(s, 403, post(s, "/v1/snapshots/own/restore", "{\"into\":\"mine\"}"), "\"forbidden\"");
	assert_answer(s, 403, post(s, "/admin/namespaces/mine/clone", "{\"to\":\"fresh\"}"), "\"forbidden\"");
	assert_answer(s, 200, post(s, "/v1/snapshots/own/restore", NULL), "\"vectors_restored\"");
	assert_answer(s, 404, post(s, "/v1/snapshots/own/restore?namespace=else", NULL), "no namespace");
	/* Frozen, it keeps them. */
	s->request.api_key = credentials[5].secret;
	ask(s, "PUT", "/admin/namespaces/mine/status", "{\"status\":\"read_only\"}");
	s->request.api_key = credentials[4].secret;
	assert_answer(s, 403, ask(s, "DELETE", "/v1/snapshots/own", NULL), "read-only");
	s->request.api_key = credentials[5].secret;
	assert_answer(s, 200, ask(s, "DELETE", "/v1/snapshots/own?namespace=mine", NULL), "true");
	ask(s, "PUT", "/admin/namespaces/mine/status", "{\"status\":\"active\"}");
}

/* The cache is shared, and the log is read by those who serve many: neither tells a tenant, or of one. */
static void test_nothing_of_others_by_the_way(void **state)
{
	struct state *s = *state;
	s->request.api_key = credentials[0].secret;
	ask(s, "GET", "/v1/stats", NULL);
	assert_non_null(strstr(s->response.body.data, "\"storage_bytes\""));
	assert_null(strstr(s->response.body.data, "cache_stats"));
	ask(s, "DELETE", "/v1/delete/whose-id?namespace=mine", NULL);
	assert_int_equal(s->response.status, 403);
	assert_string_equal(s->response.route, "/v1/delete/{id}");
	assert_non_null(strstr(s->response.audit, "DELETE /v1/delete/{id}"));
	assert_null(strstr(s->response.audit, "whose-id"));
	s->request.api_key = credentials[5].secret;
	assert_answer(s, 200, ask(s, "GET", "/v1/stats?namespace=mine", NULL), "\"cache_stats\":{\"hits\"");
	assert_answer(s, 200, ask(s, "GET", "/admin/audit?limit=1000", NULL), "\"object\":\"whose-id\"");
}

static void test_headers(void **state)
{
	struct state *s = *state;
	char bearer[VS_JWT_MAX + 10];
	snprintf(bearer, sizeof(bearer), "bEARER  %s", credentials[0].secret);
	s->request.ns = NULL;
	s->request.authorization = bearer;
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "mine");
	s->request.api_key = credentials[0].secret;
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "mine");
	s->request.api_key = credentials[2].secret; /* two that differ */
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "two different");
	s->request.authorization = "Basic dXNlcjpwYXNz"; /* the web server's own */
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "mine");
	s->request.api_key = NULL;
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "a key is needed");
	s->request.authorization = "Bearer";
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "a key is needed");
	s->request.authorization = NULL;
	s->request.api_key = "";
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "not valid");
}

/* Answers tell the three apart from nothing; the audit trail does. */
static void test_why_a_key_is_refused_is_told_to_the_trail_alone(void **state)
{
	struct state *s = *state;
	const char *reasons[] = { "unknown key", "expired", "revoked" };
	char texts[3][300];
	for (int i = 0; i < 3; i++) {
		s->request.api_key = credentials[8 + i].secret;
		ask(s, "GET", "/v1/stats", NULL);
		plain_answer(s, "default", texts[i], sizeof(texts[i]));
		assert_string_equal(texts[i], texts[0]);
	}
	s->request.api_key = credentials[5].secret;
	ask(s, "GET", "/admin/audit?since=2026-01-01T00:00:00Z&limit=1000", NULL);
	for (int i = 0; i < 3; i++)
		assert_non_null(strstr(s->response.body.data, reasons[i]));
	assert_null(strstr(s->response.body.data, "vsk_"));
}

/* A login of the web server goes with every request of a browser, whatever page makes it. */
static void test_users_and_foreign_pages(void **state)
{
	struct state *s = *state;
	s->request.remote_user = "root";
	s->request.host = "db.example.org";
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "default");
	s->request.origin = "https://db.example.org";
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "default");
	s->request.origin = "https://evil.example.org";
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "another site");
	s->request.origin = "null";
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "another site");
	s->request.origin = NULL;
	/* A credential of one's own goes before. */
	s->request.api_key = credentials[0].secret;
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "mine");
	s->request.api_key = "vsk_none";
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "not valid");
	/* What is no login is none. */
	s->request.api_key = NULL;
	s->request.remote_user = "";
	assert_answer(s, 401, ask(s, "GET", "/v1/stats", NULL), "a key is needed");
}

static void test_files_of_users(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "names no user" },
		{ "# nobody\n", "names no user" },
		{ "bob\n", ":1: a role is missing" },
		{ "bob admin\nalice root\n", ":2: a role is missing" },
		{ "bob reader\n", ":1: namespace" },
		{ "bob admin films\n", ":1: namespace" },
		{ "bob reader films a =\n", ":1: filter" },
		{ "\"bob reader films\n", "quotes" },
		{ "\"\" reader films\n", "empty" },
		{ "alice admin\n* reader films\n\"alice\" reader films\n", ":3: there is a line for this name already" },
		{ "* reader films\nalice admin\n* reader songs\n", ":3: there is a line for this name already" },
	};
	struct state *s = *state;
	char path[160];
	snprintf(path, sizeof(path), "%s/bad", s->dir);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vs_service_options options = { .data = s->data, .users = path, .fresh = VS_NAMESPACE_OPTIONS };
		struct vs_service *service;
		struct vs_error error;
		FILE *file = fopen(path, "w");
		fputs(bad[i].text, file);
		fclose(file);
		assert_int_equal(vs_service_open(&options, &service, &error), VS_EINVAL);
		if (!strstr(error.text, bad[i].why))
			fail_msg("%s", error.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First, while denials are still told one by one. */
		cmocka_unit_test_setup(test_nothing_of_others_by_the_way, reset_request),
		cmocka_unit_test_setup(test_why_a_key_is_refused_is_told_to_the_trail_alone, reset_request),
		cmocka_unit_test_setup(test_snapshots_stay_in_their_namespace, reset_request),
		cmocka_unit_test_setup(test_every_operation_and_credential, reset_request),
		cmocka_unit_test_setup(test_ways_to_name_a_namespace, reset_request),
		cmocka_unit_test_setup(test_headers, reset_request),
		cmocka_unit_test_setup(test_users_and_foreign_pages, reset_request),
		cmocka_unit_test_setup(test_files_of_users, reset_request),
	};
	return cmocka_run_group_tests(tests, set_up_keys, tear_down);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The record surface of the service: conditions, patches, pages, counts, facets, expiry, many operations at once. */
#include "service_fixture.h"

static void put_some(struct state *s)
{
	assert_answer(s, 200,
	              post(s, "/v1/batch-upsert",
	                   "{\"records\":[{\"id\":\"a\",\"vector\":[1,0],\"metadata\":{\"n\":1,\"o\":{\"x\":1,\"y\":[2]}}},"
	                   "{\"id\":\"b\",\"vector\":[0,1],\"metadata\":{\"n\":2,\"t\":[\"u\",\"v\",\"u\"]}},"
	                   "{\"id\":\"c\",\"vector\":[1,1],\"metadata\":{\"n\":2.0}}]}"),
	              "{\"inserted\":3,\"updated\":0,\"errors\":[]}");
}

static const char *ask_if(struct state *s, const char *method, const char *target, const char *match, const char *none,
                          const char *body)
{
	const char *answer;
	s->request.if_match = match;
	s->request.if_none_match = none;
	answer = ask(s, method, target, body);
	s->request.if_match = s->request.if_none_match = NULL;
	return answer;
}

static void test_conditional_gets(void **state)
{
	struct state *s = *state;
	put_some(s);
	assert_answer(s, 200, ask_if(s, "GET", "/v1/records/a", NULL, "\"2\"", NULL), "\"version\":1");
	static const char *const same[] = { "\"1\"", "W/\"1\"", " \"7\" , \"1\"", "*", "\"x\",W/\"1\"" };
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_answer(s, 304, ask_if(s, "GET", "/v1/records/a", NULL, same[i], NULL), "");
		assert_int_equal(s->response.body.len, 0);
		assert_string_equal(s->response.etag, "\"1\"");
	}
	assert_answer(s, 200, ask_if(s, "GET", "/v1/records/a", NULL, "1", NULL), "\"version\":1");
	assert_answer(s, 200, ask_if(s, "GET", "/v1/records/a", "\"1\"", NULL, NULL), "\"version\":1");
	assert_answer(s, 412, ask_if(s, "GET", "/v1/records/a", "\"2\"", NULL, NULL), "version_mismatch");
	assert_answer(s, 404, ask_if(s, "GET", "/v1/records/z", NULL, "*", NULL), "not_found");
	post(s, "/v1/soft-delete/a", NULL);
	assert_answer(s, 200, ask_if(s, "GET", "/v1/records/a", NULL, "\"1\"", NULL), "deleted_at");
}

static void test_conditional_writes(void **state)
{
	struct state *s = *state;
	static const char upsert[] = "{\"id\":\"a\",\"vector\":[1,0]}";
	assert_answer(s, 412, ask_if(s, "POST", "/v1/upsert", "*", NULL, upsert), "version_mismatch");
	assert_answer(s, 200, ask_if(s, "POST", "/v1/upsert", NULL, "*", upsert), "\"version\":1");
	assert_answer(s, 412, ask_if(s, "POST", "/v1/upsert", NULL, "*", upsert), "version_mismatch");
	assert_answer(s, 200, ask_if(s, "POST", "/v1/upsert", "\"1\"", NULL, upsert), "\"version\":2");
	assert_answer(s, 412, ask_if(s, "POST", "/v1/upsert", "\"1\"", NULL, upsert), "has version 2, not 1");
	assert_answer(s, 412, ask_if(s, "POST", "/v1/upsert", "W/\"2\"", NULL, upsert), "version_mismatch");
	assert_answer(s, 412, ask_if(s, "POST", "/v1/upsert", "\"x\"", NULL, upsert), "version_mismatch");
	static const char *const bad[] = { "", "2", "\"2", "\"1\", \"2\"", "**" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_answer(s, 400, ask_if(s, "POST", "/v1/upsert", bad[i], NULL, upsert), "\"field\":\"If-Match\"");
	assert_answer(s, 400, ask_if(s, "POST", "/v1/upsert", NULL, "\"2\"", upsert), "\"field\":\"If-None-Match\"");
	assert_answer(s, 400, ask_if(s, "POST", "/v1/upsert", "*", "*", upsert), "\"field\":\"if_version\"");
	assert_answer(s, 400,
	              ask_if(s, "POST", "/v1/upsert", "*", NULL, "{\"id\":\"a\",\"vector\":[1,0],\"if_version\":2}"),
	              "only one of");
	assert_answer(s, 412, post(s, "/v1/upsert", "{\"id\":\"a\",\"vector\":[1,0],\"if_version\":0}"), "version_mismatch");
	assert_answer(s, 200, post(s, "/v1/upsert", "{\"id\":\"a\",\"vector\":[1,0],\"if_version\":2}"), "\"version\":3");
	static const char *const bad_version[] = { "-1", "1.5", "\"3\"", "true", "[]", "9223372036854775808" };
	for (size_t i = 0; i < sizeof(bad_version) / sizeof(bad_version[0]); i++) {
		char body[100];
		snprintf(body, sizeof(body), "{\"id\":\"a\",\"vector\":[1,0],\"if_version\":%s}", bad_version[i]);
		assert_answer(s, 400, post(s, "/v1/upsert", body), "\"field\":\"if_version\"");
	}
	assert_answer(s, 412, ask_if(s, "DELETE", "/v1/delete/a", "\"1\"", NULL, NULL), "version_mismatch");
	assert_answer(s, 412, post(s, "/v1/soft-delete", "{\"id\":\"a\",\"if_version\":1}"), "version_mismatch");
	assert_answer(s, 400, post(s, "/v1/delete", "{\"ids\":[\"a\"],\"if_version\":3}"), "\"field\":\"if_version\"");
	assert_answer(s, 400, ask_if(s, "POST", "/v1/delete", "\"3\"", NULL, "{\"filter\":\"n = 1\"}"),
	              "\"field\":\"If-Match\"");
	assert_answer(s, 200, ask_if(s, "DELETE", "/v1/delete/a", "\"3\"", NULL, NULL), "\"deleted\":true");
	assert_answer(s, 412, post(s, "/v1/delete", "{\"id\":\"a\",\"if_version\":3}"), "version_mismatch");
}

static void test_conditions_in_batches(void **state)
{
	struct state *s = *state;
	put_some(s);
	assert_answer(s, 412,
	              post(s, "/v1/batch-upsert",
	                   "{\"records\":[{\"id\":\"n\",\"vector\":[1,0]},{\"id\":\"a\",\"vector\":[1,0],\"if_version\":4}]}"),
	              "\"field\":\"records[1].if_version\"");
	assert_answer(s, 404, ask(s, "GET", "/v1/records/n", NULL), "not_found");
	assert_answer(s, 200,
	              post(s, "/v1/batch-upsert",
	                   "{\"atomic\":false,\"records\":[{\"id\":\"n\",\"vector\":[1,0],\"if_version\":0},"
	                   "{\"id\":\"a\",\"vector\":[1,0],\"if_version\":4},{\"id\":\"b\",\"vector\":[1,0],\"if_version\":1}]}"),
	              "{\"inserted\":1,\"updated\":1,\"errors\":[{\"index\":1,\"id\":\"a\",\"error\":\"records[1].if_version: ");
	assert_non_null(strstr(s->response.body.data, "\"code\":\"version_mismatch\""));
	assert_answer(s, 412, post(s, "/v1/batch-upsert", "{\"records\":[{\"id\":\"a\",\"vector\":[1,0],\"if_version\":4}]}"),
	              "\"field\":\"records[0].if_version\"");
	assert_answer(s, 400, ask_if(s, "POST", "/v1/batch-upsert", "*", NULL, "{\"records\":[]}"),
	              "\"field\":\"If-Match\"");
}

static void test_patches(void **state)
{
	struct state *s = *state;
	assert_answer(s, 404, ask(s, "PATCH", "/v1/records/a", "{}"), "\"field\":\"id\"");
	put_some(s);
	assert_answer(s, 200, ask(s, "PATCH", "/v1/records/a", "{\"n\":null,\"o\":{\"y\":3},\"new\":\"w\"}"),
	              "{\"id\":\"a\",\"metadata\":{\"o\":{\"x\":1,\"y\":3},\"new\":\"w\"},\"version\":2,");
	assert_string_equal(s->response.etag, "\"2\"");
	assert_answer(s, 200, ask(s, "PATCH", "/v1/records/a?include_vector=1", "{\"metadata\":{\"metadata\":1},\"if_version\":2}"),
	              "{\"id\":\"a\",\"vector\":[1,0],\"metadata\":{\"o\":{\"x\":1,\"y\":3},\"new\":\"w\",\"metadata\":1},\"version\":3,");
	assert_answer(s, 412, ask_if(s, "PATCH", "/v1/records/a", "\"2\"", NULL, "{}"), "version_mismatch");
	assert_answer(s, 200, ask_if(s, "PATCH", "/v1/records/a", "\"3\"", NULL, "{}"), "\"version\":4");
	static const char body[] = "{\"n\":5}";
	assert_answer(s, 200,
	              ask_bytes(s, "PATCH", "/v1/records/a", "application/merge-patch+json", body, strlen(body)), "\"n\":5");
	assert_answer(s, 415, ask_bytes(s, "POST", "/v1/upsert", "application/merge-patch+json", body, strlen(body)), "");
	assert_answer(s, 415, ask_bytes(s, "PATCH", "/v1/records/a", "text/plain", body, strlen(body)), "");
	assert_answer(s, 400, ask(s, "PATCH", "/v1/records/a", "[]"), "\"field\":\"body\"");
	assert_answer(s, 400, ask(s, "PATCH", "/v1/records/a", "{\"n\":NaN}"), "\"field\":\"body\"");
	assert_answer(s, 400, ask(s, "PATCH", "/v1/records/a", "{\"metadata\":3}"), "\"field\":\"metadata\"");
	assert_answer(s, 400, ask(s, "PATCH", "/v1/records/a", "{\"metadata\":null}"), "\"field\":\"metadata\"");
	assert_answer(s, 400, ask(s, "PATCH", "/v1/records/a", "{\"metadata\":{},\"vector\":[1,0]}"), "\"field\":\"vector\"");
	assert_answer(s, 400, ask(s, "PATCH", "/v1/records/a?x=1", "{}"), "\"field\":\"x\"");
	assert_answer(s, 200, ask(s, "GET", "/v1/records/a", NULL), "\"version\":5");
}

static void test_projections(void **state)
{
	struct state *s = *state;
	put_some(s);
	assert_answer(s, 200, ask(s, "GET", "/v1/records/a?fields=o.y,none", NULL), "\"metadata\":{\"o\":{\"y\":[2]}},");
	assert_answer(s, 200, ask(s, "GET", "/v1/records?fields=n&include_vector=1&limit=2", NULL),
	              "{\"records\":[{\"id\":\"a\",\"vector\":[1,0],\"metadata\":{\"n\":1},");
	assert_non_null(strstr(s->response.body.data, "{\"id\":\"b\",\"vector\":[0,1],\"metadata\":{\"n\":2},"));
	assert_null(strstr(s->response.body.data, "\"next_cursor\":null"));
	assert_answer(s, 400, ask(s, "GET", "/v1/records?fields=", NULL), "\"field\":\"fields\",\"position\":0");
	assert_answer(s, 400, ask(s, "GET", "/v1/records/a?fields=a..b", NULL), "\"field\":\"fields\",\"position\":2");
}

static void test_cursors(void **state)
{
	struct state *s = *state;
	static const char *const bad[] = { "", "x", "AQ", "AWE%3D%3D%3D", "AmE", "AWEA", "!!", "AYA" };
	put_some(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char target[64];
		snprintf(target, sizeof(target), "/v1/records?cursor=%s", bad[i]);
		assert_answer(s, 400, ask(s, "GET", target, NULL), "\"field\":\"cursor\"");
	}
	assert_answer(s, 200, ask(s, "GET", "/v1/records?limit=1&cursor=AWE", NULL), "{\"records\":[{\"id\":\"b\"");
	assert_non_null(strstr(s->response.body.data, "\"next_cursor\":\"AWI\"}"));
	assert_answer(s, 200, ask(s, "GET", "/v1/records?limit=1&cursor=AWI", NULL), "\"next_cursor\":null}");
	assert_answer(s, 400, ask(s, "GET", "/v1/records?limit=0", NULL), "\"field\":\"limit\"");
	assert_answer(s, 400, ask(s, "GET", "/v1/records?limit=1001", NULL), "\"field\":\"limit\"");
}

static void test_counts_and_facets(void **state)
{
	struct state *s = *state;
	assert_answer(s, 200, post(s, "/v1/count", "{}"), "{\"count\":0}");
	assert_answer(s, 200, post(s, "/v1/facet", "{\"field\":\"n\"}"), "{\"values\":[]}");
	assert_answer(s, 400, post(s, "/v1/facet", "{\"field\":\"@id\"}"), "\"field\":\"field\"");
	put_some(s);
	post(s, "/v1/upsert", "{\"id\":\"d\",\"vector\":[1,1],\"metadata\":{\"n\":-0.5,\"t\":\"\\u0007\\\"\",\"f\":true}}");
	assert_answer(s, 200, post(s, "/v1/count", "{}"), "{\"count\":4}");
	assert_answer(s, 200, post(s, "/v1/count", "{\"filter\":\"n >= 2\"}"), "{\"count\":2}");
	assert_answer(s, 200, post(s, "/v1/facet", "{\"field\":\"n\"}"),
	              "{\"values\":[{\"value\":2,\"count\":2},{\"value\":-0.5,\"count\":1},{\"value\":1,\"count\":1}]}");
	assert_answer(s, 200, post(s, "/v1/facet", "{\"field\":\"n\",\"limit\":1,\"filter\":\"n < 2\"}"),
	              "{\"values\":[{\"value\":-0.5,\"count\":1}]}");
	assert_answer(s, 200, post(s, "/v1/facet", "{\"field\":\"t\"}"),
	              "{\"values\":[{\"value\":\"\\u0007\\\"\",\"count\":1},{\"value\":\"u\",\"count\":1},"
	              "{\"value\":\"v\",\"count\":1}]}");
	assert_answer(s, 200, post(s, "/v1/facet", "{\"field\":\"o.x\"}"), "{\"values\":[{\"value\":1,\"count\":1}]}");
	static const char *const bad[][2] = {
		{ "{\"filter\":\"n >\"}", "filter" }, { "{\"filter\":3}", "filter" },   { "{\"limit\":3}", "limit" },
		{ "{\"namespace\":3}", "namespace" }, { "[]", "body" },               { "", "body" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char field[40];
		snprintf(field, sizeof(field), "\"field\":\"%s\"", bad[i][1]);
		assert_answer(s, 400, post(s, "/v1/count", bad[i][0]), field);
	}
	static const char *const bad_facets[][2] = {
		{ "{}", "field" },
		{ "{\"field\":null}", "field" },
		{ "{\"field\":1}", "field" },
		{ "{\"field\":\"\"}", "field" },
		{ "{\"field\":\"a\",\"limit\":0}", "limit" },
		{ "{\"field\":\"a\",\"limit\":10001}", "limit" },
		{ "{\"field\":\"a\",\"limit\":\"1\"}", "limit" },
		{ "{\"field\":\"a\",\"filter\":\"x\"}", "filter" },
		{ "{\"field\":\"a\",\"fields\":[]}", "fields" },
	};
	for (size_t i = 0; i < sizeof(bad_facets) / sizeof(bad_facets[0]); i++) {
		char field[40];
		snprintf(field, sizeof(field), "\"field\":\"%s\"", bad_facets[i][1]);
		assert_answer(s, 400, post(s, "/v1/facet", bad_facets[i][0]), field);
	}
}

static void test_expiry(void **state)
{
	struct state *s = *state;
	static const char *const bad[][2] = {
		{ "\"ttl_seconds\":0", "ttl_seconds" },
		{ "\"ttl_seconds\":-1", "ttl_seconds" },
		{ "\"ttl_seconds\":1.5", "ttl_seconds" },
		{ "\"ttl_seconds\":\"60\"", "ttl_seconds" },
		{ "\"ttl_seconds\":3155760001", "ttl_seconds" },
		{ "\"ttl_seconds\":60,\"expires_at\":\"2030-01-01T00:00:00Z\"", "ttl_seconds" },
		{ "\"expires_at\":\"tomorrow\"", "expires_at" },
		{ "\"expires_at\":\"2030-02-30T00:00:00Z\"", "expires_at" },
		{ "\"expires_at\":\"1970-01-01T00:00:00Z\"", "expires_at" },
		{ "\"expires_at\":1893456000", "expires_at" }, /* seconds */
		{ "\"expires_at\":253402300800000", "expires_at" },
		{ "\"expires_at\":true", "expires_at" },
		{ "\"expires_at\":[]", "expires_at" },
	};
	char body[200], field[60];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(body, sizeof(body), "{\"id\":\"a\",\"vector\":[1,0],%s}", bad[i][0]);
		snprintf(field, sizeof(field), "\"field\":\"%s\"", bad[i][1]);
		assert_answer(s, 400, post(s, "/v1/upsert", body), field);
		snprintf(body, sizeof(body), "{\"records\":[{\"id\":\"a\",\"vector\":[1,0],%s}]}", bad[i][0]);
		snprintf(field, sizeof(field), "\"field\":\"records[0].%s\"", bad[i][1]);
		assert_answer(s, 400, post(s, "/v1/batch-upsert", body), field);
	}
	put_some(s);
	assert_answer(s, 200, post(s, "/v1/upsert", "{\"id\":\"d\",\"vector\":[1,0],\"expires_at\":\"2099-12-31T23:00:00-01:00\"}"),
	              "\"version\":1");
	assert_answer(s, 200, ask(s, "GET", "/v1/records/d", NULL), "\"expires_at\":\"2100-01-01T00:00:00.000Z\"}");
	assert_answer(s, 200, ask(s, "PATCH", "/v1/records/d", "{\"n\":1}"), "\"expires_at\":\"2100-01-01T00:00:00.000Z\"}");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0]}"), "\"total_candidates\":4,");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0]}"), "\"cache_hit\":true");
	assert_answer(s, 200, post(s, "/v1/upsert", "{\"id\":\"a\",\"vector\":[1,0],\"expires_at\":100000000000}"), "\"version\":2");
	assert_answer(s, 404, ask(s, "GET", "/v1/records/a", NULL), "not_found");
	assert_answer(s, 404, ask(s, "PATCH", "/v1/records/a", "{}"), "not_found");
	assert_answer(s, 200, ask(s, "DELETE", "/v1/delete/a", NULL), "{\"found\":false,\"deleted\":false}");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0]}"), "\"total_candidates\":3,");
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "\"total_vectors\":3,\"active_vectors\":3,");
	assert_answer(s, 200, post(s, "/v1/upsert", "{\"id\":\"b\",\"vector\":[1,0],\"ttl_seconds\":1}"), "\"version\":2");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0],\"limit\":9}"), "\"total_candidates\":3,");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0],\"limit\":9}"), "\"cache_hit\":true");
	usleep(1100000);
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0],\"limit\":9}"), "\"total_candidates\":2,");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0],\"limit\":9}"), "\"cache_hit\":true");
}

static void test_many_operations(void **state)
{
	struct state *s = *state;
	assert_answer(s, 200, post(s, "/v1/batch-execute", "{\"operations\":[]}"),
	              "{\"succeeded\":0,\"failed\":0,\"errors\":[],\"duration_ms\":");
	put_some(s);
	assert_answer(s, 200,
	              post(s, "/v1/batch-execute",
	                   "{\"operations\":[{\"op\":\"upsert\",\"id\":\"d\",\"vector\":[1,0],\"metadata\":{\"n\":4},\"ttl_seconds\":60},"
	                   "{\"op\":\"update_metadata\",\"id\":\"d\",\"metadata\":{\"m\":1},\"if_version\":1},"
	                   "{\"op\":\"delete\",\"id\":\"a\"},{\"op\":\"delete\",\"id\":\"none\"},"
	                   "{\"op\":\"soft_delete\",\"id\":\"b\"},{\"op\":\"restore\",\"id\":\"b\"}]}"),
	              "{\"succeeded\":6,\"failed\":0,\"errors\":[],\"duration_ms\":");
	assert_answer(s, 200, ask(s, "GET", "/v1/records/d", NULL), "\"metadata\":{\"n\":4,\"m\":1},\"version\":2");
	assert_answer(s, 404, ask(s, "GET", "/v1/records/a", NULL), "");
	static const struct {
		const char *op;
		int status;
		const char *field;
	} bad[] = {
		{ "3", 400, "operations[1]" },
		{ "{}", 400, "operations[1].op" },
		{ "{\"op\":3}", 400, "operations[1].op" },
		{ "{\"op\":\"drop\",\"id\":\"b\"}", 400, "operations[1].op" },
		{ "{\"op\":\"delete\"}", 400, "operations[1].id" },
		{ "{\"op\":\"delete\",\"id\":3}", 400, "operations[1].id" },
		{ "{\"op\":\"delete\",\"id\":\"\"}", 400, "operations[1].id" },
		{ "{\"op\":\"delete\",\"id\":\"b\",\"metadata\":{}}", 400, "operations[1].metadata" },
		{ "{\"op\":\"restore\",\"id\":\"b\",\"if_version\":\"1\"}", 400, "operations[1].if_version" },
		{ "{\"op\":\"upsert\",\"id\":\"b\"}", 400, "operations[1].vector" },
		{ "{\"op\":\"upsert\",\"id\":\"b\",\"vector\":[1,0,0]}", 400, "operations[1].vector" },
		{ "{\"op\":\"upsert\",\"id\":\"b\",\"vector\":[0,0]}", 400, "operations[1].vector" },
		{ "{\"op\":\"upsert\",\"id\":\"b\",\"vector\":[1,0],\"ttl_seconds\":0}", 400, "operations[1].ttl_seconds" },
		{ "{\"op\":\"update_metadata\",\"id\":\"b\"}", 400, "operations[1].metadata" },
		{ "{\"op\":\"update_metadata\",\"id\":\"b\",\"metadata\":[]}", 400, "operations[1].metadata" },
		{ "{\"op\":\"update_metadata\",\"id\":\"none\",\"metadata\":{}}", 404, "operations[1].id" },
		{ "{\"op\":\"delete\",\"id\":\"b\",\"if_version\":9}", 412, "operations[1].if_version" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char body[300], field[80];
		snprintf(body, sizeof(body), "{\"operations\":[{\"op\":\"delete\",\"id\":\"c\"},%s]}", bad[i].op);
		snprintf(field, sizeof(field), "\"field\":\"%s\"", bad[i].field);
		assert_answer(s, bad[i].status, post(s, "/v1/batch-execute", body), field);
	}
	assert_answer(s, 200, ask(s, "GET", "/v1/records/c", NULL), "\"version\":1");
	assert_answer(s, 400, post(s, "/v1/batch-execute", "{}"), "\"field\":\"operations\"");
	assert_answer(s, 400, post(s, "/v1/batch-execute", "{\"operations\":{}}"), "\"field\":\"operations\"");
	assert_answer(s, 400, post(s, "/v1/batch-execute", "{\"operations\":[],\"atomic\":1}"), "\"field\":\"atomic\"");
	assert_answer(s, 200,
	              post(s, "/v1/batch-execute",
	                   "{\"atomic\":false,\"operations\":[{\"op\":\"delete\",\"id\":\"c\"},{\"op\":\"drop\",\"id\":\"x\"},"
	                   "{\"op\":\"update_metadata\",\"id\":\"none\",\"metadata\":{}}]}"),
	              "{\"succeeded\":1,\"failed\":2,\"errors\":[{\"index\":1,\"operation\":\"drop\",\"id\":\"x\",\"error\":\"operations[1].op: ");
	assert_non_null(strstr(s->response.body.data, "{\"index\":2,\"operation\":\"update_metadata\",\"id\":\"none\",\"error\":"));
	assert_answer(s, 404, ask(s, "GET", "/v1/records/c", NULL), "");
	assert_answer(s, 200, post(s, "/v1/batch-execute", "{\"atomic\":false,\"operations\":[3]}"),
	              "{\"succeeded\":0,\"failed\":1,\"errors\":[{\"index\":0,\"error\":");
}

/* The whole answer, piece after piece. */
static char *all_lines(struct state *s, const char *target, unsigned *pieces)
{
	struct vs_request request = s->request;
	struct vs_buf all = VS_BUF_INIT;
	request.method = "GET";
	request.target = target;
	request.accept = "text/html, Application/X-NDJSON;q=0.9";
	request.arena = &s->arena;
	vs_service_handle(s->service, &request, &s->response);
	*pieces = 0;
	do {
		vs_buf_append(&all, s->response.body.data, s->response.body.len);
		++*pieces;
	} while (vs_service_more(&s->response));
	vs_arena_reset(&s->arena);
	return all.data;
}

static void test_lines(void **state)
{
	struct state *s = *state;
	struct vs_buf body = VS_BUF_INIT;
	unsigned pieces, lines = 0;
	char *all = all_lines(s, "/v1/records", &pieces);
	assert_string_equal(all, "{\"next_cursor\":null}\n");
	assert_string_equal(s->response.content_type, NDJSON);
	free(all);
	put_some(s);
	all = all_lines(s, "/v1/records?fields=n&filter=n%3E1", &pieces);
	assert_int_equal(strncmp(all, "{\"id\":\"b\",\"metadata\":{\"n\":2},", 29), 0);
	assert_non_null(strstr(all, "}\n{\"id\":\"c\",\"metadata\":{\"n\":2.0},"));
	assert_non_null(strstr(all, "}\n{\"next_cursor\":null}\n"));
	assert_int_equal(pieces, 1);
	free(all);
	all = all_lines(s, "/v1/records?limit=2", &pieces);
	assert_non_null(strstr(all, "}\n{\"next_cursor\":\"AWI\"}\n"));
	free(all);
	vs_buf_puts(&body, "{\"records\":[");
	for (unsigned i = 0; i < 2500; i++)
		vs_buf_printf(&body, "%s{\"id\":\"r%04u\",\"vector\":[1,%u]}", i > 0 ? "," : "", i, i);
	vs_buf_puts(&body, "]}");
	assert_answer(s, 200, post(s, "/v1/batch-upsert", body.data), "\"inserted\":2500");
	all = all_lines(s, "/v1/records", &pieces);
	for (const char *p = all; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 2504);
	assert_int_equal(pieces, 3);
	free(all);
	all = all_lines(s, "/v1/records?limit=1500&cursor=AWM", &pieces);
	assert_non_null(strstr(all, "{\"id\":\"r1499\","));
	assert_null(strstr(all, "{\"id\":\"r1500\","));
	assert_non_null(strstr(all, "}\n{\"next_cursor\":\"AXIxNDk5\"}\n"));
	free(all);
	all = all_lines(s, "/v1/records?limit=0", &pieces);
	assert_int_equal(s->response.status, 400);
	assert_string_equal(s->response.content_type, JSON);
	free(all);
	vs_buf_release(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_conditional_gets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_conditional_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_conditions_in_batches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_patches, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_projections, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cursors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counts_and_facets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_expiry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_operations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lines, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

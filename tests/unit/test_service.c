/* SPDX-License-Identifier: Apache-2.0 */
/* The service from request to response, over a real data folder, without a transport. */
#include "service_fixture.h"

#include <glob.h>

#include "base/fault.h"
#include "base/file.h"

static void put_some(struct state *s)
{
	assert_answer(s, 200,
	              post(s, "/v1/batch-upsert",
	                   "{\"records\":[{\"id\":\"a\",\"vector\":[1,0],\"metadata\":{\"n\":1}},"
	                   "{\"id\":\"b/c\",\"vector\":[0,1],\"metadata\":{\"n\":2}},"
	                   "{\"id\":\"\xc3\xa9\",\"vector\":[1,1]}]}"),
	              "{\"inserted\":3,\"updated\":0,\"errors\":[]}");
}

static void test_empty_default_namespace(void **state)
{
	struct state *s = *state;
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,2]}"),
	              "{\"results\":[],\"stats\":{\"total_candidates\":0");
	assert_answer(s, 404, post(s, "/v1/query", "{\"id\":\"a\"}"), "\"code\":\"not_found\"");
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "\"total_vectors\":0,\"active_vectors\":0");
	assert_answer(s, 200, ask(s, "GET", "/v1/records", NULL), "{\"records\":[],\"next_cursor\":null}");
	assert_answer(s, 404, ask(s, "GET", "/v1/records/a", NULL), "not_found");
	assert_answer(s, 200, ask(s, "DELETE", "/v1/delete/a", NULL), "{\"found\":false,\"deleted\":false}");
	assert_answer(s, 200, post(s, "/v1/delete", "{\"filter\":\"n = 1\"}"), "{\"deleted\":0}");
	assert_answer(s, 200, post(s, "/v1/batch-upsert", "{\"records\":[]}"),
	              "{\"inserted\":0,\"updated\":0,\"errors\":[]}");
	assert_answer(s, 200, ask(s, "GET", "/ready", NULL), "{\"status\":\"ready\"}");
	assert_answer(s, 200, ask(s, "GET", "/health", NULL), "{\"status\":\"ok\",\"timestamp\":\"20");
	assert_answer(s, 404, post(s, "/v1/query", "{\"vector\":[1,2],\"namespace\":\"other\"}"), "not_found");
	assert_answer(s, 404, post(s, "/v1/upsert?namespace=other", "{\"id\":\"a\",\"vector\":[1]}"), "not_found");
	assert_answer(s, 400, post(s, "/v1/query", "{\"vector\":[1,2],\"namespace\":\"../x\"}"), "invalid_argument");
}

static void test_upsert_and_get(void **state)
{
	struct state *s = *state;
	const char *body = "{\"id\":\"x/\xc3\xa9\",\"vector\":[0.1,-2.5],\"metadata\":{\"k\":[1.50,null]}}";
	assert_answer(s, 200, post(s, "/v1/upsert", body), "{\"success\":true,\"id\":\"x/\xc3\xa9\",\"version\":1}");
	assert_answer(s, 200, post(s, "/v1/upsert", body), "\"version\":2}");
	assert_answer(s, 200, ask(s, "GET", "/v1/records/x%2F%c3%a9?include_vector=true", NULL),
	              "\"vector\":[0.1,-2.5],\"metadata\":{\"k\":[1.50,null]},\"version\":2,\"created_at\":\"20");
	assert_string_equal(s->response.etag, "\"2\"");
	assert_int_equal(strlen(s->response.request_id), 32);
	assert_answer(s, 200, post(s, "/v1/upsert", "{\"id\":\"b\",\"vector\":\"AACAPwAAAMA=\"}"), "\"version\":1");
	assert_answer(s, 200, ask(s, "GET", "/v1/records/b?include_vector=1", NULL), "\"vector\":[1,-2],\"metadata\":{}");
	assert_answer(s, 200, ask(s, "GET", "/ready", NULL), "ready");
}

static void test_repeated_queries(void **state)
{
	struct state *s = *state;
	const char *query = "{\"vector\":[1,0],\"limit\":1,\"filter\":\"n <= 2\"}";
	char first[512];
	assert_answer(s, 200, post(s, "/v1/query", query), "\"results\":[],"); /* there is no namespace yet */
	assert_answer(s, 200, post(s, "/v1/query", query), "\"cache_hit\":false}}");
	put_some(s);
	assert_answer(s, 200, post(s, "/v1/query", query), "{\"results\":[{\"id\":\"a\"");
	assert_answer(s, 200, s->response.body.data, "\"total_candidates\":3,\"filtered_count\":2,\"duration_ms\":");
	assert_answer(s, 200, s->response.body.data, ",\"cache_hit\":false}}\n");
	snprintf(first, sizeof(first), "%s", s->response.body.data);
	*strstr(first, "duration_ms") = '\0';
	assert_answer(s, 200, post(s, "/v1/query", query), first);
	assert_answer(s, 200, s->response.body.data, "\"total_candidates\":3,\"filtered_count\":2,\"duration_ms\":");
	assert_answer(s, 200, s->response.body.data, ",\"cache_hit\":true}}\n");
	/* Another request, if only by a byte. */
	assert_answer(s, 200, post(s, "/v1/query?namespace=default", query), "\"cache_hit\":false}}");
	assert_answer(s, 200, post(s, "/v1/query?namespace=default", query), "\"cache_hit\":true}}");
	assert_answer(s, 400, post(s, "/v1/query?limit=3", query), "limit");
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "\"cache_stats\":{\"hits\":2,\"misses\":5,\"evictions\":0,");
	assert_answer(s, 200, s->response.body.data, "\"capacity_bytes\":2097152,\"entries\":2}}\n");
	assert_answer(s, 200, ask(s, "GET", "/metrics", NULL), "\nvecstore_cache_hits_total 2\n");
	assert_answer(s, 200, s->response.body.data, "\nvecstore_queries_total 6\n");
	assert_answer(s, 200, s->response.body.data, "\nvecstore_query_results_count_count 6\n");
	assert_answer(s, 200, s->response.body.data, "\nvecstore_cache_size_bytes ");
	/* Any change, also one that changes nothing in this answer. */
	static const struct {
		const char *method, *target, *body;
	} changes[] = {
		{ "POST", "/v1/upsert", "{\"id\":\"far\",\"vector\":[-1,0]}" },
		{ "POST", "/v1/soft-delete/far", NULL },
		{ "POST", "/v1/restore/far", NULL },
		{ "DELETE", "/v1/delete/far", NULL },
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		assert_answer(s, 200, ask(s, changes[i].method, changes[i].target, changes[i].body), "true");
		assert_answer(s, 200, post(s, "/v1/query", query), "\"cache_hit\":false}}");
		assert_answer(s, 200, post(s, "/v1/query", query), "\"cache_hit\":true}}");
	}
	assert_answer(s, 404, post(s, "/v1/query", "{\"id\":\"none\"}"), "not_found");
	assert_answer(s, 404, post(s, "/v1/query", "{\"id\":\"none\"}"), "not_found");
}

static void test_queries_without_a_cache(void **state)
{
	struct state *s = *state;
	struct vs_service_options options = { .data = s->data, .run_dir = s->dir, .fresh = VS_NAMESPACE_OPTIONS };
	vs_service_close(s->service);
	assert_int_equal(vs_service_open(&options, &s->service, NULL), 0);
	put_some(s);
	for (int i = 0; i < 3; i++)
		assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0]}"), "\"cache_hit\":false}}");
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "\"cache_stats\":{\"hits\":0,\"misses\":0,");
	assert_answer(s, 200, s->response.body.data, "\"capacity_bytes\":0,\"entries\":0}}\n");
}

static void test_queries(void **state)
{
	struct state *s = *state;
	static const float raw[2] = { 1.0f, 0.5f };
	put_some(s);
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0],\"limit\":1}"),
	              "{\"results\":[{\"id\":\"a\",\"score\":1,\"metadata\":{\"n\":1}}],\"stats\":{\"total_candidates\":3,"
	              "\"filtered_count\":3,\"duration_ms\":");
	assert_answer(s, 200, post(s, "/v1/query", "{\"id\":\"a\",\"limit\":1,\"include_metadata\":false}"),
	              "[{\"id\":\"\xc3\xa9\",\"score\":0.70710");
	assert_answer(s, 200, post(s, "/v1/query", "{\"vector\":[1,0],\"filter\":\"n >= 2\",\"include_vector\":true}"),
	              "[{\"id\":\"b/c\",\"score\":0,\"metadata\":{\"n\":2},\"vector\":[0,1]}]");
	assert_answer(s, 200,
	              ask_bytes(s, "POST", "/v1/query?limit=1&filter=n+%3E%3D+2&include_metadata=false",
	                        "application/octet-stream", raw, sizeof(raw)),
	              "[{\"id\":\"b/c\",\"score\":0.4472136}]");
	assert_answer(s, 200,
	              post(s, "/v1/query", "{\"vector\":[1,0],\"min_score\":0.9,\"exact\":true,\"ef\":10,\"offset\":0}"),
	              "\"results\":[{\"id\":\"a\",");
	assert_answer(s, 200, ask(s, "GET", "/metrics", NULL), "\nvecstore_queries_total 5\n");
	assert_answer(s, 200, ask(s, "GET", "/metrics", NULL), "\nvecstore_vectors_total{namespace=\"default\"} 3\n");
}

static void test_removal(void **state)
{
	struct state *s = *state;
	put_some(s);
	assert_answer(s, 200, post(s, "/v1/soft-delete/b%2Fc", NULL), "{\"found\":true,\"marked_deleted\":true}");
	assert_answer(s, 200, post(s, "/v1/soft-delete", "{\"id\":\"b/c\"}"), "{\"found\":true,\"marked_deleted\":false}");
	assert_answer(s, 200, ask(s, "GET", "/v1/records/b%2Fc", NULL), "\"deleted_at\":\"20");
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "\"active_vectors\":2,\"deleted_vectors\":1");
	assert_answer(s, 200, post(s, "/v1/restore", "{\"id\":\"b/c\"}"), "{\"found\":true,\"restored\":true}");
	assert_answer(s, 200, post(s, "/v1/restore/b%2Fc", NULL), "{\"found\":true,\"restored\":false}");
	assert_answer(s, 200, post(s, "/v1/restore", "{\"id\":\"nobody\"}"), "{\"found\":false,\"restored\":false}");
	assert_answer(s, 200, ask(s, "DELETE", "/v1/delete/b%2Fc", NULL), "{\"found\":true,\"deleted\":true}");
	assert_answer(s, 200, ask(s, "DELETE", "/v1/delete/b%2Fc", NULL), "{\"found\":false,\"deleted\":false}");
	assert_answer(s, 200, post(s, "/v1/delete", "{\"ids\":[\"a\",\"nobody\"]}"), "{\"found\":1,\"deleted\":1}");
	assert_answer(s, 200,
	              post(s, "/v1/batch-upsert",
	                   "{\"records\":[{\"id\":\"a\",\"vector\":[1,0],\"metadata\":{\"n\":1}},"
	                   "{\"id\":\"b\",\"vector\":[1,0],\"metadata\":{\"n\":2}}]}"),
	              "{\"inserted\":2,\"updated\":0");
	assert_answer(s, 200, post(s, "/v1/delete", "{\"filter\":\"n IN [1, 2]\"}"), "{\"deleted\":2}");
	assert_answer(s, 400, post(s, "/v1/delete", "{}"), "exactly one of id, ids and filter");
	assert_answer(s, 400, post(s, "/v1/delete", "{\"id\":\"a\",\"ids\":[]}"), "exactly one");
	assert_answer(s, 400, post(s, "/v1/soft-delete", "{\"filter\":\"n = 1\"}"), "\"field\":\"filter\"");
	assert_answer(s, 400, post(s, "/v1/delete", "{\"ids\":[\"a\",3]}"), "\"field\":\"ids\",\"position\":1");
	assert_answer(s, 400, post(s, "/v1/delete", "{\"filter\":\"n = 'x\"}"), "\"field\":\"filter\",\"position\":");
	assert_answer(s, 200, post(s, "/v1/restore/a", "{\"namespace\":\"default\"}"), "\"found\":");
	assert_answer(s, 400, post(s, "/v1/restore/a", "{\"id\":\"b\"}"), "\"field\":\"id\"");
}

static void test_atomic_batch(void **state)
{
	struct state *s = *state;
	assert_answer(s, 400,
	              post(s, "/v1/batch-upsert",
	                   "{\"records\":[{\"id\":\"a\",\"vector\":[1,0]},{\"id\":\"b\",\"vector\":[1,1e39]}]}"),
	              "\"field\":\"records[1].vector\",\"position\":1,\"request_id\":\"");
	assert_answer(s, 400,
	              post(s, "/v1/batch-upsert",
	                   "{\"records\":[{\"id\":\"a\",\"vector\":[1,0]},{\"id\":\"b\",\"vector\":[1,0,0]}]}"),
	              "\"field\":\"records[1].vector\"");
	assert_answer(s, 400, post(s, "/v1/batch-upsert", "{\"records\":[{\"id\":\"\",\"vector\":[1,0]}]}"),
	              "\"field\":\"records[0].id\"");
	assert_answer(s, 400, post(s, "/v1/batch-upsert", "{\"records\":[{\"id\":\"a\",\"vector\":[1,0]},7]}"),
	              "\"field\":\"records[1]\"");
	assert_answer(s, 400, post(s, "/v1/batch-upsert", "{\"records\":[{\"id\":\"a\",\"vektor\":[1,0]}]}"),
	              "\"field\":\"records[0].vektor\"");
	assert_answer(s, 400, post(s, "/v1/batch-upsert", "{}"), "\"field\":\"records\"");
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "\"total_vectors\":0");
}

static void test_batch_that_is_not_atomic(void **state)
{
	struct state *s = *state;
	assert_answer(
	    s, 200,
	    post(s, "/v1/batch-upsert",
	         "{\"atomic\":false,\"records\":[{\"id\":\"a\",\"vector\":[1,0]},{\"id\":\"b\",\"vector\":[1,null]},"
	         "{\"id\":\"c\",\"vector\":[0,0]},{\"id\":\"d\",\"vector\":[0,1]},3]}"),
	    "{\"inserted\":2,\"updated\":0,\"errors\":[{\"index\":1,\"id\":\"b\",\"error\":\"");
	const char *body = s->response.body.data;
	assert_non_null(strstr(body, "{\"index\":2,\"id\":\"c\",\"error\":\"records[2].vector: "));
	assert_non_null(strstr(body, "\"field\":\"records[2].vector\""));
	assert_non_null(strstr(body, "{\"index\":4,\"error\":\"records[4]"));
	assert_answer(s, 200,
	              post(s, "/v1/batch-upsert", "{\"atomic\":false,\"records\":[{\"id\":\"a\",\"vector\":[0,0]}]}"),
	              "\"field\":\"records[0].vector\"");
}

static const char *post_lines(struct state *s, const char *target, const char *body)
{
	return ask_bytes(s, "POST", target, NDJSON, body, strlen(body));
}

static void test_ndjson(void **state)
{
	struct state *s = *state;
	assert_answer(
	    s, 200,
	    post_lines(s, "/v1/batch-upsert",
	               "{\"id\":\"a\",\"vector\":[1,0],\"metadata\":{\"n\":1}}\n\n{\"id\":\"b\",\"vector\":[0,1]}\r\n \n"),
	    "{\"inserted\":2,\"updated\":0,\"errors\":[]}");
	assert_answer(s, 200, ask(s, "GET", "/v1/records/a", NULL), "\"metadata\":{\"n\":1}");
	assert_answer(
	    s, 400, post_lines(s, "/v1/batch-upsert", "{\"id\":\"c\",\"vector\":[1,0]}\n\n{\"id\":\"d\",\"vector\":[1,0]"),
	    "\"field\":\"line 3\",\"position\":");
	assert_answer(
	    s, 400, post_lines(s, "/v1/batch-upsert", "\n{\"id\":\"c\",\"vector\":[1,0]}\n{\"id\":\"d\",\"vector\":[0,0]}"),
	    "\"field\":\"line 3.vector\"");
	assert_answer(s, 404, ask(s, "GET", "/v1/records/c", NULL), "not_found");
	assert_answer(
	    s, 200,
	    post_lines(
	        s, "/v1/batch-upsert?atomic=false",
	        "{\"id\":\"c\",\"vector\":[1,0]}\nx\n{\"id\":\"d\",\"vector\":[1]}\n{\"id\":\"a\",\"vector\":[1,0]}"),
	    "{\"inserted\":1,\"updated\":1,\"errors\":[{\"index\":1,\"error\":\"line 2");
	assert_non_null(strstr(s->response.body.data, "{\"index\":2,\"id\":\"d\",\"error\":\"line 3.vector"));
	assert_answer(s, 400, post_lines(s, "/v1/batch-upsert?atomic=maybe", "{}"), "\"field\":\"atomic\"");
	assert_answer(s, 400, post_lines(s, "/v1/batch-upsert", ""), "empty");
}

static void test_too_many_records(void **state)
{
	struct state *s = *state;
	static const char line[] = "{\"id\":\"a\",\"vector\":[1]}\n";
	char *body = malloc((VS_BATCH_MAX + 1) * sizeof(line) + 100);
	assert_non_null(body);
	size_t len = (size_t)sprintf(body, "{\"records\":[");
	for (int i = 0; i <= VS_BATCH_MAX; i++)
		len += (size_t)sprintf(body + len, "%s0", i ? "," : "");
	strcpy(body + len, "]}");
	assert_answer(s, 413, post(s, "/v1/batch-upsert", body), "\"field\":\"records\"");
	len = 0;
	for (int i = 0; i <= VS_BATCH_MAX; i++)
		len += (size_t)sprintf(body + len, "%s", line);
	assert_answer(s, 413, post_lines(s, "/v1/batch-upsert", body), "\"field\":\"records\"");
	free(body);
}

static void test_pages(void **state)
{
	struct state *s = *state;
	char target[200];
	put_some(s);
	assert_answer(s, 200, ask(s, "GET", "/v1/records?limit=2", NULL), "\"next_cursor\":\"");
	const char *cursor = strstr(s->response.body.data, "\"next_cursor\":\"") + 15;
	snprintf(target, sizeof(target), "/v1/records?limit=2&cursor=%.*s", (int)strcspn(cursor, "\""), cursor);
	assert_answer(s, 200, ask(s, "GET", target, NULL), "{\"records\":[{\"id\":\"\xc3\xa9\"");
	assert_non_null(strstr(s->response.body.data, "\"next_cursor\":null}"));
	assert_answer(s, 200, ask(s, "GET", "/v1/records?filter=n%3D2&include_vector=true", NULL),
	              "{\"records\":[{\"id\":\"b/c\",\"vector\":[0,1],");
	static const char *const bad[] = { "cursor=x",   "cursor=", "cursor=AmE", "cursor=AQ",    "limit=0",
		                               "limit=1001", "limit=x", "nix=1",      "filter=n+%3D", "include_vector=2" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(target, sizeof(target), "/v1/records?%s", bad[i]);
		assert_answer(s, 400, ask(s, "GET", target, NULL), "\"field\":\"");
	}
}

static void test_a_page_of_large_records_ends_early(void **state)
{
	struct state *s = *state;
	const size_t large = 900000;
	char *body = malloc(large + 200);
	char target[1000];
	const char *cursor = "";
	unsigned pages = 0;
	assert_non_null(body);
	for (unsigned i = 0; i < 12; i++) {
		size_t len = (size_t)sprintf(body, "{\"id\":\"r%02u\",\"vector\":[1],\"metadata\":{\"x\":\"", i);
		memset(body + len, 'x', large);
		strcpy(body + len + large, "\"}}");
		assert_answer(s, 200, post(s, "/v1/upsert", body), "\"version\":1");
	}
	free(body);
	snprintf(target, sizeof(target), "/v1/records");
	for (unsigned records = 0; cursor; pages++) {
		const char *answer = ask(s, "GET", target, NULL);
		assert_int_equal(s->response.status, 200);
		for (const char *p = answer; (p = strstr(p, "{\"id\":\"r")) != NULL; p++, records++)
			assert_int_equal(strtoul(p + 8, NULL, 10), records);
		cursor = strstr(answer, "\"next_cursor\":\"");
		if (cursor)
			snprintf(target, sizeof(target), "/v1/records?cursor=%.*s", (int)strcspn(cursor + 15, "\""), cursor + 15);
		else
			assert_int_equal(records, 12);
	}
	assert_int_equal(pages, 2);
}

static void test_bad_requests(void **state)
{
	struct state *s = *state;
	assert_answer(s, 404, ask(s, "GET", "/nowhere", NULL), "\"code\":\"not_found\",\"request_id\":\"");
	assert_answer(s, 405, ask(s, "PUT", "/v1/query", NULL), "method_not_allowed");
	assert_string_equal(s->response.allow, "POST");
	assert_answer(s, 400, ask(s, "GET", "/v1/records/%00", NULL), "%00");
	assert_answer(s, 400, post(s, "/v1/query", NULL), "empty");
	assert_answer(s, 415, ask_bytes(s, "POST", "/v1/query", "text/plain", "{}", 2), "unsupported_media");
	assert_answer(s, 415, ask_bytes(s, "POST", "/v1/upsert", NDJSON, "{}", 2), "unsupported_media");
	assert_answer(s, 200, ask_bytes(s, "POST", "/v1/query", "Application/JSON; charset=utf-8", "{\"vector\":[1]}", 14),
	              "[]");
	assert_answer(s, 400, post(s, "/v1/query", "{\"vector\":[1],\"k\":3}"), "\"field\":\"k\"");
	assert_answer(s, 400, post(s, "/v1/query", "{\"vector\":[1],\"id\":\"a\"}"), "either a vector or an id");
	assert_answer(s, 400, post(s, "/v1/query", "{}"), "either a vector or an id");
	assert_answer(s, 400, post(s, "/v1/query", "{\"vector\":[1],\"limit\":0}"), "\"field\":\"limit\"");
	assert_answer(s, 400, post(s, "/v1/query", "{\"vector\":[1],\"limit\":9000,\"offset\":2000}"),
	              "\"field\":\"offset\"");
	assert_answer(s, 400, post(s, "/v1/query", "{\"vector\":[1],\"filter\":\"a = 'b\"}"),
	              "\"field\":\"filter\",\"position\":");
	assert_answer(s, 400, post(s, "/v1/query", "{\"vector\":[1]"), "\"field\":\"body\",\"position\":13");
	assert_answer(s, 400, ask_bytes(s, "POST", "/v1/query", "application/octet-stream", "abc", 3),
	              "\"field\":\"vector\"");
	assert_answer(s, 400, post(s, "/v1/upsert", "{\"vector\":[1]}"), "\"field\":\"id\"");
	assert_answer(s, 400, post(s, "/v1/upsert", "{\"id\":7,\"vector\":[1]}"), "\"field\":\"id\"");
	assert_answer(s, 400, post(s, "/v1/upsert", "{\"id\":\"a\"}"), "\"field\":\"vector\"");
	assert_answer(s, 400, post(s, "/v1/upsert", "{\"id\":\"a\",\"vector\":[0,0]}"), "\"field\":\"vector\"");
	assert_answer(s, 400, post(s, "/v1/upsert", "{\"id\":\"a\",\"vector\":[1],\"metadata\":[]}"),
	              "\"field\":\"metadata\"");
	assert_answer(s, 200, ask(s, "GET", "/v1/stats", NULL), "\"total_vectors\":0");
	assert_answer(s, 400, ask(s, "GET", "/health?x=1", NULL), "\"field\":\"x\"");
}

static void test_body_over_the_limit(void **state)
{
	struct state *s = *state;
	assert_answer(s, 413, ask_bytes(s, "POST", "/v1/upsert", JSON, "", VS_BODY_MAX + 1u), "\"field\":\"body\"");
}

static int status_from(struct state *s, const char *address, const char *origin, const char *host)
{
	s->request.remote_addr = address;
	s->request.origin = origin;
	s->request.host = host;
	ask(s, "GET", "/v1/stats", NULL);
	return s->response.status;
}

static void test_who_may(void **state)
{
	struct state *s = *state;
	static const char *const here[] = { "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "unix" };
	static const char *const elsewhere[] = { NULL,         "",      "10.0.0.1",        "128.0.0.1",
		                                     "::2",        "::",    "::ffff:10.0.0.1", "localhost",
		                                     "127.0.0.1 ", "127.1", "0.0.0.0" };
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		assert_int_equal(status_from(s, here[i], NULL, NULL), 200);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		assert_int_equal(status_from(s, elsewhere[i], NULL, NULL), 401);
	assert_answer(s, 200, ask(s, "GET", "/health", NULL), "ok");
	assert_answer(s, 401, ask(s, "GET", "/metrics", NULL), "unauthenticated");
	assert_int_equal(status_from(s, "127.0.0.1", "http://127.0.0.1:8080", "127.0.0.1:8080"), 200);
	assert_int_equal(status_from(s, "::1", "https://[::1]:8443", "[::1]:8443"), 200);
	assert_int_equal(status_from(s, "127.0.0.1", "http://LOCALHOST", "localhost"), 200);
	assert_int_equal(status_from(s, "127.0.0.1", "http://evil.example", "127.0.0.1:8080"), 401);
	assert_int_equal(status_from(s, "127.0.0.1", "http://evil.example", "evil.example"), 401); /* rebound name */
	assert_int_equal(status_from(s, "127.0.0.1", "null", "127.0.0.1"), 401);
	vs_service_close(s->service);
	struct vs_service_options options = { .data = s->data, .insecure = true, .fresh = VS_NAMESPACE_OPTIONS };
	assert_int_equal(vs_service_open(&options, &s->service, NULL), 0);
	assert_int_equal(status_from(s, "10.0.0.1", "http://evil.example", "x"), 200);
}

static void test_unusable_data_folder_and_recovery(void **state)
{
	struct state *s = *state;
	FILE *file = fopen(s->data, "w"); /* a file where the folder should be */
	assert_non_null(file);
	fclose(file);
	(void)ask(s, "GET", "/v1/stats", NULL);
	assert_true(s->response.status >= 500);
	assert_true(s->response.error.code != 0);
	assert_answer(s, 503, ask(s, "GET", "/ready", NULL), "{\"status\":\"not_ready\",\"error\":\"");
	assert_int_equal(s->response.retry_after, 1);
	assert_answer(s, 200, ask(s, "GET", "/health", NULL), "ok");
	/* Without the catalogue nobody can tell who asks. */
	assert_answer(s, 500, ask(s, "GET", "/metrics", NULL), "internal");
	assert_int_equal(unlink(s->data), 0);
	put_some(s);
	assert_int_equal(s->response.error.code, 0);
}

static void test_a_lost_truth_file_is_not_an_empty_namespace(void **state)
{
	struct state *s = *state;
	static const char *const victims[] = { "vectors.f32", "meta.db", "../CURRENT" };
	char pattern[160];
	for (size_t i = 0; i < sizeof(victims) / sizeof(victims[0]); i++) {
		glob_t found;
		put_some(s);
		vs_service_close(s->service);
		snprintf(pattern, sizeof(pattern), "%s/ns/*/g000001/%s", s->data, victims[i]);
		assert_int_equal(glob(pattern, 0, NULL, &found), 0);
		assert_int_equal(unlink(found.gl_pathv[0]), 0);
		globfree(&found);
		open_service(s);
		assert_answer(s, 500, post(s, "/v1/query", "{\"vector\":[1,2]}"), "\"code\":\"corrupt\"");
		vs_service_close(s->service);
		assert_int_equal(nftw(s->data, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
		open_service(s);
	}
}

#ifdef VS_FAULTS
/* Whatever fails in a write: the answer says so, and the next write works, on the same service. */
static void test_a_fault_costs_one_request(void **state)
{
	struct state *s = *state;
	static const char *const body = "{\"id\":\"a\",\"vector\":[1,0]}";
	unsigned failed = 0;
	post(s, "/v1/upsert", body);
	for (unsigned n = 1; n <= 40; n++) {
		char fault[16];
		snprintf(fault, sizeof(fault), "%u:EIO", n);
		setenv("VECSTORE_FAULT", fault, 1);
		vs_fault_reset();
		(void)post(s, "/v1/upsert", body);
		unsetenv("VECSTORE_FAULT");
		vs_fault_reset();
		assert_true(s->response.status == 200 || s->response.status == 500);
		failed += s->response.status == 500;
		assert_answer(s, 200, post(s, "/v1/upsert", body), "\"success\":true");
	}
	assert_true(failed > 5);
}
#endif

static void test_openapi(void **state)
{
	struct state *s = *state;
	char path[96];
	setenv("VECSTORE_SHARE", s->dir, 1);
	assert_answer(s, 500, ask(s, "GET", "/openapi.json", NULL), "not installed");
	snprintf(path, sizeof(path), "%s/openapi.json", s->dir);
	assert_int_equal(vs_file_replace(path, "{\"openapi\":1}", 13, NULL), 0);
	assert_answer(s, 200, ask(s, "GET", "/openapi.json", NULL), "{\"openapi\":1}");
	assert_int_equal(s->response.body.len, 13);
	unsetenv("VECSTORE_SHARE");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty_default_namespace),
		TEST(test_upsert_and_get),
		TEST(test_queries),
		TEST(test_repeated_queries),
		TEST(test_queries_without_a_cache),
		TEST(test_removal),
		TEST(test_atomic_batch),
		TEST(test_batch_that_is_not_atomic),
		TEST(test_ndjson),
		TEST(test_too_many_records),
		TEST(test_pages),
		TEST(test_bad_requests),
		TEST(test_body_over_the_limit),
		TEST(test_who_may),
		TEST(test_a_lost_truth_file_is_not_an_empty_namespace),
		TEST(test_openapi),
#ifdef VS_FAULTS
		TEST(test_a_fault_costs_one_request),
#endif
		TEST(test_a_page_of_large_records_ends_early),
		TEST(test_unusable_data_folder_and_recovery),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

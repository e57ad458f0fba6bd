/* SPDX-License-Identifier: Apache-2.0 */
/* batch-query from request to response, without a transport. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "service/service.h"

struct state {
	char dir[64];
	struct vs_service *service;
	struct vs_arena arena;
	struct vs_response response;
};

static const char *post_as(struct state *s, const char *target, const char *type, const char *body, size_t len)
{
	struct vs_request request = { .method = "POST",
		                          .target = target,
		                          .content_type = type,
		                          .remote_addr = "127.0.0.1",
		                          .body = body,
		                          .body_len = len,
		                          .arena = &s->arena };
	vs_service_handle(s->service, &request, &s->response);
	vs_arena_reset(&s->arena);
	assert_non_null(s->response.body.data);
	return s->response.body.data;
}

static const char *post(struct state *s, const char *target, const char *body)
{
	return post_as(s, target, "application/json", body, strlen(body));
}

#define assert_answer(s, expected_status, answer, part)                                                                \
	do {                                                                                                               \
		const char *answer_ = (answer);                                                                                \
		if ((s)->response.status != (expected_status) || !strstr(answer_, (part)))                                     \
			fail_msg("%d %s", (s)->response.status, answer_);                                                          \
	} while (0)

static int set_up(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct vs_service_options options = { .data = s->dir, .fresh = VS_NAMESPACE_OPTIONS };
	*state = s;
	strcpy(s->dir, "/tmp/vecstore-batch-XXXXXX");
	return mkdtemp(s->dir) ? vs_service_open(&options, &s->service, NULL) : -1;
}

static int tear_down(void **state)
{
	struct state *s = *state;
	char command[128];
	vs_service_close(s->service);
	vs_arena_release(&s->arena);
	vs_buf_release(&s->response.body);
	snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
	free(s);
	return system(command);
}

static void put_some(struct state *s)
{
	assert_answer(s, 200,
	              post(s, "/v1/batch-upsert",
	                   "{\"records\":[{\"id\":\"a\",\"vector\":[1,0],\"metadata\":{\"n\":1}},"
	                   "{\"id\":\"b\",\"vector\":[0,1],\"metadata\":{\"n\":2}},{\"id\":\"c\",\"vector\":[1,1]}]}"),
	              "\"inserted\":3");
}

static void answers_stand_in_the_order_of_the_queries(void **state)
{
	struct state *s = *state;
	put_some(s);
	assert_answer(s, 200,
	              post(s, "/v1/batch-query",
	                   "{\"queries\":[{\"vector\":[1,0],\"limit\":1},"
	                   "{\"id\":\"a\",\"limit\":1,\"include_metadata\":false,\"exact\":true},"
	                   "{\"vector\":\"AACAPwAAAAA=\",\"filter\":\"n >= 2\",\"include_vector\":true,\"ef\":20},"
	                   "{\"vector\":[1,0],\"limit\":2,\"offset\":1,\"min_score\":0.5}]}"),
	              "{\"results\":[{\"results\":[{\"id\":\"a\",\"score\":1,\"metadata\":{\"n\":1}}],"
	              "\"stats\":{\"total_candidates\":3,\"filtered_count\":3,\"duration_ms\":");
	const char *body = s->response.body.data;
	const char *second = strstr(body, "{\"results\":[{\"id\":\"c\",\"score\":0.70710");
	assert_non_null(second);
	const char *third = strstr(second, "{\"results\":[{\"id\":\"b\",\"score\":0,\"metadata\":{\"n\":2},\"vector\":[0,1]}],"
	                                   "\"stats\":{\"total_candidates\":3,\"filtered_count\":1,\"duration_ms\":");
	assert_non_null(third);
	assert_non_null(strstr(third, "{\"results\":[{\"id\":\"c\""));
	const char *end = ",\"cache_hit\":false}}]}\n";
	assert_string_equal(body + strlen(body) - strlen(end), end);
}

static void nothing_asked_and_nothing_there(void **state)
{
	struct state *s = *state;
	assert_answer(s, 200, post(s, "/v1/batch-query", "{\"queries\":[]}"), "{\"results\":[]}\n");
	assert_answer(s, 200, post(s, "/v1/batch-query", "{\"queries\":[{\"vector\":[1,2]},{\"vector\":[1]}]}"),
	              "{\"results\":[{\"results\":[],\"stats\":{\"total_candidates\":0,");
	assert_answer(s, 404, post(s, "/v1/batch-query", "{\"queries\":[{\"vector\":[1,2]},{\"id\":\"a\"}]}"),
	              "\"field\":\"queries[1].id\"");
	assert_answer(s, 400, post(s, "/v1/batch-query", "{\"queries\":[{\"vector\":[1],\"filter\":\"n = 'x\"}]}"),
	              "\"error\":\"queries[0].filter, position 4: ");
	put_some(s);
	assert_answer(s, 200, post(s, "/v1/batch-query", "{\"queries\":[]}"), "{\"results\":[]}\n");
	assert_answer(s, 404, post(s, "/v1/batch-query", "{\"queries\":[],\"namespace\":\"other\"}"), "not_found");
}

static void one_namespace_is_asked(void **state)
{
	static const struct {
		int status;
		const char *target, *body, *part;
	} cases[] = {
		{ 200, "", "{\"queries\":[{\"id\":\"a\"}],\"namespace\":\"default\"}", "\"id\":\"c\"" },
		{ 200, "?namespace=default", "{\"queries\":[{\"id\":\"a\",\"namespace\":\"default\"},{\"id\":\"a\"}]}", "\"c\"" },
		{ 200, "?namespace=other", "{\"queries\":[{\"id\":\"a\",\"namespace\":\"default\"}]}", "\"id\":\"c\"" },
		{ 404, "", "{\"queries\":[{\"id\":\"a\",\"namespace\":\"other\"},{\"id\":\"a\",\"namespace\":\"other\"}]}", "other" },
		{ 400, "", "{\"queries\":[{\"id\":\"a\"},{\"id\":\"a\",\"namespace\":\"other\"}]}", "queries[1].namespace" },
		{ 400, "", "{\"queries\":[{\"id\":\"a\",\"namespace\":\"other\"},{\"id\":\"a\"}]}", "queries[1].namespace" },
		{ 400, "", "{\"queries\":[{\"id\":\"a\",\"namespace\":\"b\"}],\"namespace\":\"c\"}", "queries[0].namespace" },
		{ 400, "", "{\"queries\":[{\"id\":\"a\",\"namespace\":3}]}", "queries[0].namespace" },
		{ 400, "", "{\"queries\":[{\"id\":\"a\"}],\"namespace\":\"../x\"}", "invalid_argument" },
	};
	struct state *s = *state;
	put_some(s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char target[64];
		snprintf(target, sizeof(target), "/v1/batch-query%s", cases[i].target);
		assert_answer(s, cases[i].status, post(s, target, cases[i].body), cases[i].part);
	}
}

/* Each field of a query in each wrong type, first after good queries, then where the array cannot be split. */
static void wrong_types_are_named(void **state)
{
	static const char *const texts[] = { "id", "filter", "namespace" };
	static const char *const numbers[] = { "limit", "offset", "ef" };
	static const char *const bools[] = { "exact", "include_vector", "include_metadata" };
	static const char *const vectors[] = { "vector" };
	static const char *const scores[] = { "min_score" };
	static const char *const unknown[] = { "top_k", "Limit" };
	static const char *const no_text[] = { "1", "true", "[]", "{}" };
	static const char *const no_number[] = { "\"1\"", "true", "[]", "{}", "-1", "1.5", "100001", "18446744073709551617" };
	static const char *const no_bool[] = { "1", "\"true\"", "[]", "{}", "0" };
	static const char *const no_vector[] = { "1", "true", "{}", "[]", "\"\"", "\"!\"", "[1,\"2\"]", "[1,null]", "[1,1e39]" };
	static const char *const no_score[] = { "\"1\"", "true", "[]", "{}", "1e39" };
	static const struct {
		const char *const *fields, *const *values;
		size_t field_count, value_count;
	} groups[] = {
		{ texts, no_text, 3, 4 },
		{ numbers, no_number, 3, 8 },
		{ bools, no_bool, 3, 5 },
		{ vectors, no_vector, 1, 9 },
		{ scores, no_score, 1, 5 },
		{ unknown, no_text, 2, 4 },
	};
	struct state *s = *state;
	char body[256], field[64];
	put_some(s);
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (size_t f = 0; f < groups[g].field_count; f++)
			for (size_t v = 0; v < groups[g].value_count; v++)
				for (int whole = 0; whole < 2; whole++) {
					const char *name = groups[g].fields[f];
					bool own = strcmp(name, "vector") == 0 || strcmp(name, "id") == 0;
					snprintf(body, sizeof(body), "{\"%s\":[{\"id\":\"a\"},{%s\"%s\":%s}]}",
					         whole ? "\\u0071ueries" : "queries", own ? "" : "\"vector\":[1,0],", name, groups[g].values[v]);
					snprintf(field, sizeof(field), "\"field\":\"queries[1].%s\"", name);
					assert_answer(s, 400, post(s, "/v1/batch-query", body), field);
				}
}

static void faults_stop_all_of_it(void **state)
{
	static const struct {
		int status;
		const char *body, *part;
	} cases[] = {
		{ 400, "{}", "\"field\":\"queries\"" },
		{ 400, "{\"queries\":null}", "\"field\":\"queries\"" },
		{ 400, "{\"queries\":{}}", "\"field\":\"queries\"" },
		{ 400, "{\"queries\":\"a\"}", "\"field\":\"queries\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\"},7]}", "\"field\":\"queries[1]\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\"},null]}", "\"field\":\"queries[1]\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\"},[]]}", "\"field\":\"queries[1]\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\"}],\"limit\":3}", "\"field\":\"limit\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\"},]}", "\"field\":\"body\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\"}", "\"field\":\"body\"" },
		{ 400, "{\"queries\":[{}]}", "\"field\":\"queries[0].vector\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\",\"vector\":[1,0]}]}", "\"field\":\"queries[0].vector\"" },
		{ 400, "{\"queries\":[{\"id\":\"\"}]}", "\"field\":\"queries[0].id\"" },
		{ 400, "{\"queries\":[{\"vector\":[1,0]},{\"vector\":[1,0,0]}]}", "\"field\":\"queries[1].vector\"" },
		{ 400, "{\"queries\":[{\"vector\":[0,0]}]}", "\"field\":\"queries[0].vector\"" },
		{ 400, "{\"queries\":[{\"vector\":[1,1e39]}]}", "\"field\":\"queries[0].vector\",\"position\":1" },
		{ 400, "{\"queries\":[{\"id\":\"a\",\"limit\":9000,\"offset\":9000}]}", "\"field\":\"queries[0].offset\"" },
		{ 400, "{\"queries\":[{\"id\":\"a\"},{\"id\":\"a\",\"filter\":\"n >\"}]}",
		  "\"error\":\"queries[1].filter, position 3: " },
		{ 404, "{\"queries\":[{\"id\":\"a\"},{\"id\":\"none\"}]}", "\"field\":\"queries[1].id\"" },
	};
	struct state *s = *state;
	put_some(s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_answer(s, cases[i].status, post(s, "/v1/batch-query", cases[i].body), cases[i].part);
	assert_answer(s, 400, post(s, "/v1/batch-query?limit=3", "{\"queries\":[]}"), "\"field\":\"limit\"");
	assert_answer(s, 400, post(s, "/v1/batch-query", ""), "\"field\":\"body\"");
	assert_answer(s, 415, post_as(s, "/v1/batch-query", "application/octet-stream", "abcd", 4), "unsupported_media");
	assert_answer(s, 415, post_as(s, "/v1/batch-query", "application/x-ndjson", "{}\n", 3), "unsupported_media");
}

static void batches_are_bounded(void **state)
{
	struct state *s = *state;
	struct vs_buf body = VS_BUF_INIT;
	put_some(s);
	for (size_t count = 1000; count <= 1001; count++) {
		vs_buf_reset(&body);
		vs_buf_puts(&body, "{\"queries\":[");
		for (size_t i = 0; i < count; i++)
			vs_buf_puts(&body, i > 0 ? ",{\"id\":\"a\",\"limit\":100}" : "{\"id\":\"a\",\"limit\":100}");
		vs_buf_puts(&body, "]}");
		assert_answer(s, count == 1000 ? 200 : 413, post(s, "/v1/batch-query", body.data),
		              count == 1000 ? "{\"results\":[{\"results\":[{" : "\"field\":\"queries\"");
	}
	assert_answer(s, 413,
	              post(s, "/v1/batch-query",
	                   "{\"queries\":[{\"id\":\"a\",\"limit\":10000},{\"id\":\"a\",\"limit\":10000},"
	                   "{\"id\":\"a\",\"limit\":10000},{\"id\":\"a\",\"limit\":10000},{\"id\":\"a\",\"limit\":10000},"
	                   "{\"id\":\"a\",\"limit\":10000},{\"id\":\"a\",\"limit\":10000},{\"id\":\"a\",\"limit\":10000},"
	                   "{\"id\":\"a\",\"limit\":10000},{\"id\":\"a\",\"limit\":10000},{\"id\":\"a\",\"limit\":1}]}"),
	              "\"field\":\"queries\"");
	vs_buf_release(&body);
}

static void queries_are_counted(void **state)
{
	struct state *s = *state;
	struct vs_request request = { .method = "GET", .target = "/metrics", .remote_addr = "127.0.0.1", .arena = &s->arena };
	put_some(s);
	assert_answer(s, 200, post(s, "/v1/batch-query", "{\"queries\":[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}]}"), "");
	assert_answer(s, 400, post(s, "/v1/batch-query", "{\"queries\":[{\"id\":\"a\"},{}]}"), "");
	vs_service_handle(s->service, &request, &s->response);
	assert_answer(s, 200, s->response.body.data, "\nvecstore_queries_total 3\n");
	assert_answer(s, 200, s->response.body.data, "\nvecstore_query_errors_total 1\n");
	assert_answer(s, 200, s->response.body.data, "\nvecstore_query_results_count_count 3\n");
	assert_answer(s, 200, s->response.body.data, "route=\"/v1/batch-query\",code=\"200\"} 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_stand_in_the_order_of_the_queries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_asked_and_nothing_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_namespace_is_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_types_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(faults_stop_all_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(batches_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(queries_are_counted, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("batch_query", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The request target is decoded once, and routes are found in operations.tbl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "service/route.h"
#include "service/target.h"

struct state {
	struct vs_arena arena;
	struct vs_target target;
	struct vs_error error;
};

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct state));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	struct state *s = *state;
	vs_arena_release(&s->arena);
	free(s);
	return 0;
}

static int decode(struct state *s, const char *text)
{
	return vs_target_decode(&s->target, text, &s->arena, &s->error);
}

static void test_path_is_split_before_it_is_decoded(void **state)
{
	struct state *s = *state;
	assert_int_equal(decode(s, "/v1/records/a%2Fb%20%c3%A9+..?x"), 0);
	assert_int_equal(s->target.segment_count, 3);
	assert_string_equal(s->target.segments[2].data, "a/b \xc3\xa9+..");
	assert_int_equal(s->target.segments[2].len, 9);
	assert_int_equal(decode(s, "/%2541"), 0);
	assert_string_equal(s->target.segments[0].data, "%41"); /* once */
	assert_int_equal(decode(s, "//v1/../."), 0);
	assert_int_equal(s->target.segment_count, 4);
	assert_string_equal(s->target.segments[2].data, "..");
}

static void test_query_string(void **state)
{
	struct state *s = *state;
	unsigned long number = 7;
	bool flag = false;
	static const char *const names[] = { "limit", "filter", "exact", "e", NULL };
	assert_int_equal(decode(s, "/p?filter=a+%3D%201%26&&limit=12&exact=true&e"), 0);
	assert_int_equal(s->target.param_count, 4);
	assert_string_equal(vs_target_param(&s->target, "filter")->data, "a = 1&");
	assert_string_equal(vs_target_param(&s->target, "e")->data, "");
	assert_null(vs_target_param(&s->target, "x"));
	assert_int_equal(vs_target_number(&s->target, "limit", 1, 100, &number, &s->error), 0);
	assert_int_equal(number, 12);
	assert_int_equal(vs_target_bool(&s->target, "exact", &flag, &s->error), 0);
	assert_true(flag);
	assert_int_equal(vs_target_number(&s->target, "limit", 1, 11, &number, &s->error), VS_EINVAL);
	assert_string_equal(s->error.field, "limit");
	assert_int_equal(vs_target_number(&s->target, "e", 0, 11, &number, &s->error), VS_EINVAL);
	assert_int_equal(vs_target_bool(&s->target, "limit", &flag, &s->error), VS_EINVAL);
	assert_int_equal(vs_target_check(&s->target, names, &s->error), 0);
	assert_int_equal(vs_target_check(&s->target, names + 1, &s->error), VS_EINVAL);
	assert_string_equal(s->error.field, "limit");
}

static void test_bad_targets(void **state)
{
	struct state *s = *state;
	static const struct {
		const char *text;
		int code;
		int64_t position;
	} bad[] = {
		{ "", VS_EINVAL, 0 },      { "x", VS_EINVAL, 0 },           { "*", VS_EINVAL, 0 },
		{ "/a%00", VS_EINVAL, 2 }, { "/a%", VS_EINVAL, 2 },         { "/a%4", VS_EINVAL, 2 },
		{ "/a%4g", VS_EINVAL, 2 }, { "/a%/b", VS_EINVAL, 2 },       { "/a?b=%zz", VS_EINVAL, 5 },
		{ "/a\nb", VS_EINVAL, 2 }, { "/a?b=1&b=2", VS_EINVAL, -1 }, { "/1/2/3/4/5/6/7/8/9", VS_ENOTFOUND, -1 },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(decode(s, bad[i].text), bad[i].code);
		if (bad[i].position >= 0)
			assert_int_equal(s->error.position, bad[i].position);
	}
	assert_int_equal(decode(s, "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p"), 0);
	assert_int_equal(decode(s, "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"), VS_EINVAL);
}

static void test_longest_target(void **state)
{
	struct state *s = *state;
	char *text = malloc(VS_TARGET_LEN_MAX + 2);
	assert_non_null(text);
	memset(text, 'a', VS_TARGET_LEN_MAX + 1);
	text[0] = '/';
	text[VS_TARGET_LEN_MAX] = '\0';
	assert_int_equal(decode(s, text), 0);
	text[VS_TARGET_LEN_MAX] = 'a';
	text[VS_TARGET_LEN_MAX + 1] = '\0';
	assert_int_equal(decode(s, text), VS_ETOOBIG);
	free(text);
}

static int route(struct state *s, const char *method, const char *text, const struct vs_operation **operation,
                 struct vs_text *id, const char **allow)
{
	assert_int_equal(decode(s, text), 0);
	return vs_route_find(&s->target, method, &s->arena, operation, id, allow, &s->error);
}

static void test_routes(void **state)
{
	struct state *s = *state;
	const struct vs_operation *operation;
	struct vs_text id;
	const char *allow;
	assert_int_equal(route(s, "DELETE", "/v1/delete/a%2Fb", &operation, &id, &allow), 0);
	assert_ptr_equal(operation, &vs_operations[VS_OPERATION_DELETE_ID]);
	assert_string_equal(id.data, "a/b");
	assert_int_equal(route(s, "POST", "/v1/delete", &operation, &id, &allow), 0);
	assert_ptr_equal(operation, &vs_operations[VS_OPERATION_DELETE]);
	assert_null(id.data);
	assert_int_equal(route(s, "HEAD", "/health", &operation, &id, &allow), 0);
	assert_ptr_equal(operation, &vs_operations[VS_OPERATION_HEALTH]);
	assert_int_equal(route(s, "GET", "/v1/records/", &operation, &id, &allow), 0);
	assert_int_equal(id.len, 0);
	assert_int_equal(route(s, "GET", "/v1/upsert", &operation, &id, &allow), VS_EMETHOD);
	assert_string_equal(allow, "POST");
	assert_null(operation);
	assert_int_equal(route(s, "POST", "/v1/records", &operation, &id, &allow), VS_EMETHOD);
	assert_string_equal(allow, "GET, HEAD");
	assert_int_equal(route(s, "get", "/health", &operation, &id, &allow), VS_EMETHOD);
	static const char *const unknown[] = { "/",           "/v1",         "/v1/upsert/x",
		                                   "/v1/upsert/", "//v1/upsert", "/v1%2Fupsert",
		                                   "/v1/upserts", "/v1/upser",   "/v1/records/a/b",
		                                   "/V1/upsert" };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(route(s, "POST", unknown[i], &operation, &id, &allow), VS_ENOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_path_is_split_before_it_is_decoded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_query_string, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_targets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_longest_target, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_routes, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

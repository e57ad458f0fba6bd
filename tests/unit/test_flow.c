/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a request is: the same by its variables and by its first bytes, whatever way these come in; and no more than is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "programs/fcgi/flow.h"

#define SEED 7
#define BEGIN 1
#define PARAMS 4
#define STDIN 5

struct bytes {
	unsigned char data[32768];
	size_t len;
};

static void put(struct bytes *to, const void *data, size_t len)
{
	assert_true(len <= sizeof(to->data) - to->len);
	memcpy(to->data + to->len, data, len);
	to->len += len;
}

static void put_record(struct bytes *to, int type, const void *content, size_t len, unsigned char padding)
{
	const unsigned char head[8] = { 1, (unsigned char)type, 0, 1, (unsigned char)(len >> 8), (unsigned char)len, padding, 0 };
	const unsigned char zeros[255] = { 0 };
	put(to, head, sizeof(head));
	put(to, content, len);
	put(to, zeros, padding);
}

static void put_length(struct bytes *to, size_t len, bool wide)
{
	const unsigned char four[4] = { 128, 0, (unsigned char)(len >> 8), (unsigned char)len };
	const unsigned char one = (unsigned char)len;
	if (wide || len > 127)
		put(to, four, 4);
	else
		put(to, &one, 1);
}

/* The stream of the variables. */
static void put_pairs(struct bytes *to, char *const *variables, bool wide)
{
	for (; *variables; variables++) {
		const char *is = strchr(*variables, '=');
		size_t name = (size_t)(is - *variables);
		put_length(to, name, wide);
		put_length(to, strlen(is + 1), wide);
		put(to, *variables, name);
		put(to, is + 1, strlen(is + 1));
	}
}

/* A request as a web server sends it, its stream in records of `step` bytes. */
static void put_request(struct bytes *to, char *const *variables, size_t step, bool wide)
{
	struct bytes pairs = { .len = 0 };
	put_pairs(&pairs, variables, wide);
	to->len = 0;
	put_record(to, BEGIN, "\0\1\0\0\0\0\0\0", 8, 0);
	for (size_t at = 0; at < pairs.len; at += step)
		put_record(to, PARAMS, pairs.data + at, pairs.len - at < step ? pairs.len - at : step, (unsigned char)(at % 256));
	put_record(to, PARAMS, "", 0, 0);
	put_record(to, STDIN, "{}", 2, 6);
	put_record(to, STDIN, "", 0, 0);
}

/* Of the first len bytes, in a block of their own, so that a sanitizer sees a look beyond them. */
static uint64_t flow_of(const struct bytes *from, size_t len)
{
	unsigned char *copy = malloc(len + 1);
	assert_non_null(copy);
	memcpy(copy, from->data, len);
	uint64_t flow = vs_flow_of_records(copy, len, SEED);
	free(copy);
	return flow;
}

static char *many[] = { "REQUEST_METHOD=POST", "REQUEST_URI=/v1/query?limit=3&namespace=n1", "HTTP_X_API_KEY=secret",
	                    "HTTP_USER_AGENT=a=b", "HTTP_X=", NULL };

static void same_either_way(void **state)
{
	uint64_t want = vs_flow_of_variables(many, SEED);
	struct bytes request;
	(void)state;
	assert_int_not_equal(want, vs_flow_of_variables(many, SEED + 1));
	for (size_t step = 1; step < 200; step += step < 20 ? 1 : 50) {
		put_request(&request, many, step, false);
		assert_int_equal(flow_of(&request, request.len), want);
		put_request(&request, many, step, true);
		assert_int_equal(flow_of(&request, request.len), want);
	}
}

static void nothing_before_all_is_there(void **state)
{
	struct bytes request;
	(void)state;
	put_request(&request, many, 50, false);
	size_t whole = request.len - 8 - 16 - 8; /* the head of the empty record, and all that comes before */
	for (size_t len = 0; len <= request.len; len++)
		assert_int_equal(flow_of(&request, len) != 0, len >= whole + 8);
}

static void damage_is_no_flow(void **state)
{
	static const char *const streams[] = { "\1", "\4\1A=", "\x84\0\0", "\xff\xff\xff\xff\1", "\1\xff\xff\xff\xff" "A", "\1\2Ab" };
	struct bytes request;
	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		request.len = 0;
		put_record(&request, PARAMS, streams[i], strlen(streams[i]), 0);
		put_record(&request, PARAMS, "", 0, 0);
		assert_int_equal(flow_of(&request, request.len), 0);
	}
	put_request(&request, many, 50, false);
	request.data[16] = 2; /* no version that we know */
	assert_int_equal(flow_of(&request, request.len), 0);
}

#define FLOW(...) vs_flow_of_variables((char *[]){ __VA_ARGS__, NULL }, SEED)

static void tenants_differ(void **state)
{
	const uint64_t nobody = FLOW("REQUEST_URI=/v1/query");
	const uint64_t flows[] = {
		nobody,
		FLOW("HTTP_X_API_KEY=a"),
		FLOW("HTTP_X_API_KEY=b"),
		FLOW("HTTP_AUTHORIZATION=a"),
		FLOW("REMOTE_USER=a"),
		FLOW("HTTP_X_NAMESPACE=a"),
		FLOW("HTTP_X_API_KEY=a", "HTTP_X_NAMESPACE=a"),
		FLOW("HTTP_X_API_KEY=a", "REQUEST_URI=/v1/query?namespace=b"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(flows[i], flows[j]);
	assert_int_not_equal(nobody, 0);
	assert_int_equal(nobody, vs_flow_of_variables(NULL, SEED));
	assert_int_equal(nobody, FLOW("HTTP_X_API_KEY=", "HTTP_X_NAMESPACE=", "NAMESPACE=a", "WITHOUT"));
}

static void a_namespace_is_found(void **state)
{
	const uint64_t want = FLOW("HTTP_X_NAMESPACE=n-1_x");
	const uint64_t nobody = FLOW("A=b");
	(void)state;
	assert_int_equal(want, FLOW("REQUEST_URI=/v1/query?namespace=n-1_x"));
	assert_int_equal(want, FLOW("REQUEST_URI=/v1/query?namespace=n-1_x&limit=1"));
	assert_int_equal(want, FLOW("REQUEST_URI=/v1/query?a&=&namespace=n-1_x"));
	assert_int_equal(nobody, FLOW("REQUEST_URI=/v1/query?namespace="));
	assert_int_equal(nobody, FLOW("REQUEST_URI=/v1/query?xnamespace=n-1_x"));
	assert_int_equal(nobody, FLOW("REQUEST_URI=/v1/namespace=n-1_x"));
	/* What can be spelled in many ways would be a flow for each. */
	assert_int_equal(nobody, FLOW("REQUEST_URI=/v1/query?namespace=n%2D1_x"));
	assert_int_equal(nobody, FLOW("HTTP_X_NAMESPACE=N-1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_either_way),   cmocka_unit_test(nothing_before_all_is_there),
		cmocka_unit_test(damage_is_no_flow), cmocka_unit_test(tenants_differ),
		cmocka_unit_test(a_namespace_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A service over a data folder of its own, and short ways to ask it. */
#ifndef VS_TESTS_SERVICE_FIXTURE_H
#define VS_TESTS_SERVICE_FIXTURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <ftw.h>

#include "service/service.h"

#define JSON "application/json"
#define NDJSON "application/x-ndjson"

struct state {
	char dir[64];
	char data[80];
	struct vs_service *service;
	struct vs_arena arena;
	struct vs_request request; /* what ask() starts from */
	struct vs_response response;
};

static inline void open_service(struct state *s)
{
	struct vs_service_options options = {
		.data = s->data, .run_dir = s->dir, .cache_bytes = (2 << 20) + 5, .fresh = VS_NAMESPACE_OPTIONS
	};
	assert_int_equal(vs_service_open(&options, &s->service, NULL), 0);
}

static inline int set_up(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	*state = s;
	if (!s)
		return -1;
	strcpy(s->dir, "/tmp/vecstore-service-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->data, sizeof(s->data), "%s/data", s->dir);
	s->request.remote_addr = "127.0.0.1";
	open_service(s);
	return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline int tear_down(void **state)
{
	struct state *s = *state;
	vs_service_close(s->service);
	vs_arena_release(&s->arena);
	vs_buf_release(&s->response.body);
	int rc = nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(s);
	return rc;
}

static inline const char *ask_bytes(struct state *s, const char *method, const char *target, const char *type,
                             const void *body, size_t len)
{
	struct vs_request request = s->request;
	request.method = method;
	request.target = target;
	request.content_type = type;
	request.body = body;
	request.body_len = len;
	request.arena = &s->arena;
	vs_service_handle(s->service, &request, &s->response);
	vs_arena_reset(&s->arena);
	assert_non_null(s->response.body.data);
	return s->response.body.data;
}

static inline const char *ask(struct state *s, const char *method, const char *target, const char *body)
{
	return ask_bytes(s, method, target, body ? JSON : NULL, body, body ? strlen(body) : 0);
}

static inline const char *post(struct state *s, const char *target, const char *body)
{
	return ask(s, "POST", target, body);
}

#define assert_answer(s, expected_status, answer, part)                                                                \
	do {                                                                                                               \
		const char *answer_ = (answer);                                                                                \
		if ((s)->response.status != (expected_status) || !strstr(answer_, (part)))                                     \
			fail_msg("%d %s", (s)->response.status, answer_);                                                          \
	} while (0)

#endif

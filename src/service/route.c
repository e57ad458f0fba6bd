/* SPDX-License-Identifier: Apache-2.0 */
#include "service/route.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "service/call.h"

const struct vs_operation vs_operations[VS_OPERATIONS] = {
#define VS_OPERATION(id, method, path, right, handler, summary) { method, path, right, handler },
#include "service/operations.tbl"
#undef VS_OPERATION
};

static bool matches(const struct vs_operation *operation, const struct vs_target *target, struct vs_text *id)
{
	const char *pattern = operation->path;
	*id = (struct vs_text){ NULL, 0 };
	for (size_t i = 0; i < target->segment_count; i++) {
		const struct vs_text *segment = &target->segments[i];
		if (*pattern != '/')
			return false;
		pattern++;
		size_t len = strcspn(pattern, "/");
		if (*pattern == '{')
			*id = *segment;
		else if (len != segment->len || memcmp(pattern, segment->data, len) != 0)
			return false;
		pattern += len;
	}
	return *pattern == '\0';
}

static bool has_method(const struct vs_operation *operation, const char *method)
{
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	return strcmp(operation->method, method) == 0;
}

static const char *list_methods(const struct vs_target *target, struct vs_arena *arena)
{
	char list[64] = "";
	struct vs_text id;
	for (size_t i = 0; i < VS_OPERATIONS; i++) {
		if (!matches(&vs_operations[i], target, &id))
			continue;
		if (list[0])
			strcat(list, ", ");
		strcat(list, vs_operations[i].method);
		if (strcmp(vs_operations[i].method, "GET") == 0)
			strcat(list, ", HEAD");
	}
	return vs_arena_dup(arena, list, strlen(list));
}

int vs_route_find(const struct vs_target *target, const char *method, struct vs_arena *arena,
                  const struct vs_operation **operation, struct vs_text *id, const char **allow,
                  struct vs_error *error)
{
	bool path_found = false;
	*operation = NULL;
	*allow = NULL;
	for (size_t i = 0; i < VS_OPERATIONS; i++) {
		if (!matches(&vs_operations[i], target, id))
			continue;
		path_found = true;
		if (has_method(&vs_operations[i], method)) {
			*operation = &vs_operations[i];
			return 0;
		}
	}
	*id = (struct vs_text){ NULL, 0 };
	if (!path_found)
		return vs_error_set(error, VS_ENOTFOUND, "no such path; /openapi.json lists those there are");
	*allow = list_methods(target, arena);
	return vs_error_set(error, VS_EMETHOD, "this path takes %s", *allow ? *allow : "another method");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* service/route: from method and path to a row of operations.tbl. */
#ifndef VS_SERVICE_ROUTE_H
#define VS_SERVICE_ROUTE_H

#include "service/auth.h"
#include "service/target.h"

struct vs_arena;
struct vs_call;
struct vs_error;

enum vs_operation_number {
#define VS_OPERATION(id, method, path, right, handler, summary) VS_OPERATION_##id,
#include "service/operations.tbl"
#undef VS_OPERATION
	VS_OPERATIONS /* how many; also the row of requests that match none */
};

struct vs_operation {
	const char *method;
	const char *path;
	enum vs_right right;
	int (*handler)(struct vs_call *call, struct vs_error *error);
};

/* The rows of operations.tbl, in order. */
extern const struct vs_operation vs_operations[VS_OPERATIONS];

/* *id: what stands for {id} or {name}, else { NULL, 0 }. HEAD is GET. VS_ENOTFOUND when no row has the path; VS_EMETHOD when none
 * has it with this method, and *allow then lists those that have ("GET, HEAD"), in arena. */
int vs_route_find(const struct vs_target *target, const char *method, struct vs_arena *arena,
                  const struct vs_operation **operation, struct vs_text *id, const char **allow,
                  struct vs_error *error);

#endif

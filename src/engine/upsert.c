/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/write.h"

int vs_namespace_upsert(struct vs_namespace *ns, const struct vs_record_input *records, size_t count,
                        const struct vs_upsert_options *options, struct vs_upsert_result *result,
                        struct vs_error *error)
{
	static const struct vs_upsert_options defaults = VS_UPSERT_OPTIONS;
	struct vs_execute_result done;
	struct vs_op *ops;
	int rc;

	memset(result, 0, sizeof(*result));
	vs_arena_reset(&ns->arena);
	ops = vs_arena_calloc(&ns->arena, count, sizeof(*ops));
	if (ops == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu records", count);
	for (size_t i = 0; i < count; i++)
		ops[i] = (struct vs_op){ VS_OP_UPSERT, records[i] };
	rc = vs_write_execute(ns, count > 1 ? "records" : NULL, ops, count, options != NULL ? options : &defaults, &done, error);
	result->inserted = done.inserted;
	result->updated = done.updated;
	result->failed = done.failed;
	result->version = done.version;
	return rc;
}

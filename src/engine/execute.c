/* SPDX-License-Identifier: Apache-2.0 */
/* Many operations of any kind in one transaction: all are checked first, then done in order. */
#include <string.h>

#include "engine/write.h"

struct execution {
	const char *list;
	const struct vs_op *ops;
	size_t count;
	bool *refused; /* of each: by a check */
	size_t slots;  /* new ones, at most */
	const struct vs_upsert_options *options;
	struct vs_execute_result *result;
	size_t failed; /* by checks */
};

/* Ends an atomic call; is reported in another. */
static int refuse(const struct execution *execution, size_t index, const struct vs_error *why, bool dry,
                  struct vs_error *error)
{
	const struct vs_upsert_options *options = execution->options;

	if (options->atomic || !vs_write_refused(why->code)) {
		if (error != NULL)
			*error = *why;
		return why->code;
	}
	if (!dry && options->on_error != NULL)
		options->on_error(options->context, index, why);
	return 0;
}

static int check(struct vs_namespace *ns, struct vs_place *place, const struct vs_op *op, struct vs_error *error)
{
	const struct vs_record_input *record = &op->record;
	int rc;

	if (op->kind == VS_OP_NONE)
		return 0;
	if (op->kind == VS_OP_UPSERT)
		return vs_write_check(ns, place, record, error);
	if (op->kind < VS_OP_NONE || op->kind > VS_OP_UPDATE_METADATA)
		return vs_error_at(error, VS_EINVAL, vs_place_field(place, "op"), -1, "%d is no operation", (int)op->kind);
	rc = vs_namespace_check_id(vs_place_field(place, "id"), record->id, record->id_len, error);
	if (rc == 0 && op->kind == VS_OP_UPDATE_METADATA && record->metadata == NULL)
		rc = vs_error_at(error, VS_EINVAL, vs_place_field(place, "metadata"), -1, "is missing");
	return rc < 0 ? rc : vs_write_check_metadata(ns, place, record, error);
}

static int check_all(struct vs_namespace *ns, struct execution *execution, struct vs_error *error)
{
	for (size_t i = 0; i < execution->count; i++) {
		const struct vs_op *op = &execution->ops[i];
		struct vs_place place = { .list = execution->list, .index = i };
		struct vs_error why;
		int rc = check(ns, &place, op, &why);

		execution->slots += op->kind == VS_OP_UPSERT || op->kind == VS_OP_UPDATE_METADATA;
		if (rc == 0)
			continue;
		execution->refused[i] = true;
		execution->failed++;
		rc = refuse(execution, i, &why, false, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int do_removal(struct vs_write *write, struct vs_place *place, const struct vs_op *op,
                      struct vs_execute_result *result, struct vs_error *error)
{
	const struct vs_id id = { op->record.id, op->record.id_len };
	enum vs_removal kind = op->kind == VS_OP_DELETE ? VS_DELETE : op->kind == VS_OP_RESTORE ? VS_RESTORE : VS_SOFT_DELETE;
	bool found, done;
	int rc = vs_write_remove(write, place, kind, &id, op->record.if_version, &found, &done, error);

	if (rc == 0 && done)
		++*(kind == VS_DELETE ? &result->deleted : kind == VS_RESTORE ? &result->restored : &result->hidden);
	return rc;
}

static int do_op(struct vs_write *write, struct vs_place *place, const struct vs_op *op, struct vs_execute_result *result,
                 struct vs_error *error)
{
	struct vs_write_done done = { result->inserted, result->updated, result->version };
	int rc;

	switch (op->kind) {
	case VS_OP_UPSERT:
		rc = vs_write_put(write, place, &op->record, &done, error);
		result->inserted = done.inserted;
		result->updated = done.updated;
		result->version = done.version;
		return rc;
	case VS_OP_UPDATE_METADATA:
		rc = vs_write_patch(write, place, &op->record, NULL, error);
		result->patched += rc == 0;
		return rc;
	default:
		return do_removal(write, place, op, result, error);
	}
}

static int do_all(struct vs_write *write, void *context, struct vs_error *error)
{
	struct execution *execution = context;
	struct vs_execute_result result = { .failed = execution->failed };

	for (size_t i = 0; i < execution->count; i++) {
		const struct vs_op *op = &execution->ops[i];
		struct vs_place place = { .list = execution->list, .index = i };
		struct vs_error why;
		int rc;

		if (op->kind == VS_OP_NONE || execution->refused[i])
			continue;
		rc = do_op(write, &place, op, &result, &why);
		result.succeeded += rc == 0;
		result.failed += rc < 0;
		if (rc < 0)
			rc = refuse(execution, i, &why, write->dry, error);
		if (rc < 0)
			return rc;
	}
	*execution->result = result;
	return 0;
}

int vs_write_execute(struct vs_namespace *ns, const char *list, const struct vs_op *ops, size_t count,
                     const struct vs_upsert_options *options, struct vs_execute_result *result, struct vs_error *error)
{
	struct execution execution = { .list = list, .ops = ops, .count = count, .options = options, .result = result };
	int rc;

	memset(result, 0, sizeof(*result));
	execution.refused = vs_arena_calloc(&ns->arena, count, sizeof(*execution.refused));
	if (execution.refused == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu operations", count);
	rc = check_all(ns, &execution, error);
	if (rc == 0 && execution.failed == count) {
		result->failed = count;
		return 0;
	}
	if (rc == 0)
		rc = vs_write_run(ns, execution.slots, do_all, &execution, error);
	if (rc < 0)
		memset(result, 0, sizeof(*result));
	return rc;
}

int vs_namespace_execute(struct vs_namespace *ns, const struct vs_op *ops, size_t count,
                         const struct vs_upsert_options *options, struct vs_execute_result *result,
                         struct vs_error *error)
{
	static const struct vs_upsert_options defaults = VS_UPSERT_OPTIONS;

	vs_arena_reset(&ns->arena);
	return vs_write_execute(ns, "operations", ops, count, options != NULL ? options : &defaults, result, error);
}

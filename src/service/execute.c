/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of batch-execute: operations of any kind, in order, in one commit. */
#include <inttypes.h>
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "service/admit.h"
#include "service/audit.h"
#include "service/condition.h"
#include "service/handles.h"
#include "service/json_in.h"
#include "service/json_out.h"
#include "service/record_in.h"

struct execution {
	struct vs_call *call;
	bool atomic;
	struct vs_text ns;
	struct json_object *array; /* of the body */
	struct vs_op *ops;
	size_t count;
	size_t refused; /* by decoding */
	size_t failures;
	struct vs_buf failed; /* members of "errors" */
};

static const struct {
	const char *name;
	enum vs_op_kind kind;
} operations[] = {
	{ "upsert", VS_OP_UPSERT },   { "delete", VS_OP_DELETE },
	{ "soft_delete", VS_OP_SOFT_DELETE }, { "restore", VS_OP_RESTORE },
	{ "update_metadata", VS_OP_UPDATE_METADATA },
};

static int decode_kind(const struct vs_fields *fields, enum vs_op_kind *kind, struct vs_error *error)
{
	struct vs_text name = { NULL, 0 };
	int rc = vs_fields_text(fields, "op", &name, error);
	if (!rc && !name.data)
		rc = vs_fields_missing(fields, "op", error);
	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(operations[i].name, name.data) == 0) {
			*kind = operations[i].kind;
			return 0;
		}
	return vs_fields_fault(fields, "op", "must be upsert, delete, soft_delete, restore or update_metadata", error);
}

/* Those that name a record and, with `patch`, change its metadata. */
static int decode_by_id(const struct vs_fields *fields, bool patch, struct vs_record_input *record,
                        struct vs_error *error)
{
	static const char *const known[] = { "op", "id", "if_version", NULL };
	static const char *const known_patch[] = { "op", "id", "if_version", "metadata", NULL };
	struct vs_text id = { NULL, 0 };
	struct vs_text metadata = { NULL, 0 };
	int rc = vs_fields_check(fields, patch ? known_patch : known, error);
	if (!rc)
		rc = vs_fields_text(fields, "id", &id, error);
	if (!rc && !id.data)
		rc = vs_fields_missing(fields, "id", error);
	if (!rc && patch)
		rc = vs_fields_object(fields, "metadata", &metadata, error);
	if (!rc && patch && !metadata.data)
		rc = vs_fields_missing(fields, "metadata", error);
	if (!rc)
		rc = vs_condition_field(fields, &record->if_version, error);
	record->id = id.data;
	record->id_len = id.len;
	record->metadata = metadata.data;
	record->metadata_len = metadata.len;
	return rc;
}

static int decode_op(const struct vs_fields *fields, struct vs_arena *arena, struct vs_op *op, struct vs_error *error)
{
	enum vs_op_kind kind = VS_OP_NONE;
	int rc = decode_kind(fields, &kind, error);
	if (!rc && kind == VS_OP_UPSERT)
		rc = vs_record_decode(fields, "op", arena, &op->record, error);
	else if (!rc)
		rc = decode_by_id(fields, kind == VS_OP_UPDATE_METADATA, &op->record, error);
	op->kind = rc ? VS_OP_NONE : kind;
	return rc;
}

/* A text member of the operation as it was given, for telling which one failed. */
static void put_given(struct execution *execution, size_t index, const char *member, const char *name)
{
	struct json_object *op = json_object_array_get_idx(execution->array, index);
	struct json_object *given = json_object_is_type(op, json_type_object) ? json_object_object_get(op, member) : NULL;
	if (!json_object_is_type(given, json_type_string))
		return;
	vs_buf_printf(&execution->failed, "\"%s\":", name);
	vs_json_text(&execution->failed, json_object_get_string(given), (size_t)json_object_get_string_len(given));
	vs_buf_putc(&execution->failed, ',');
}

static void put_failure(void *context, size_t index, const struct vs_error *error)
{
	struct execution *execution = context;
	vs_audit_refused(execution->call, error);
	vs_buf_printf(&execution->failed, "%s{\"index\":%zu,", execution->failures++ ? "," : "", index);
	put_given(execution, index, "op", "operation");
	put_given(execution, index, "id", "id");
	vs_json_error(&execution->failed, error, vs_call_handles(execution->call)->data);
	vs_buf_putc(&execution->failed, '}');
}

static int decode_ops(struct execution *execution, struct vs_error *error)
{
	struct vs_arena *arena = execution->call->request->arena;
	for (size_t i = 0; i < execution->count; i++) {
		struct json_object *object = json_object_array_get_idx(execution->array, i);
		struct vs_error why = { .position = -1 };
		char prefix[40];
		int rc;
		snprintf(prefix, sizeof(prefix), "operations[%zu].", i);
		struct vs_fields fields = { object, prefix };
		if (json_object_is_type(object, json_type_object)) {
			rc = decode_op(&fields, arena, &execution->ops[i], &why);
		} else {
			prefix[strlen(prefix) - 1] = '\0';
			rc = vs_error_at(&why, VS_EINVAL, prefix, -1, "must be a JSON object");
		}
		if (!rc)
			continue;
		if (execution->atomic || rc != VS_EINVAL) {
			*error = why;
			return rc;
		}
		execution->refused++;
		put_failure(execution, i, &why);
	}
	return 0;
}

static int decode(struct execution *execution, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	static const char *const known[] = { "operations", "atomic", "namespace", NULL };
	struct vs_call *call = execution->call;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_condition_refuse(call, error);
	if (!rc)
		rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (rc || (rc = vs_fields_check(&fields, known, error)) ||
	    (rc = vs_fields_bool(&fields, "atomic", &execution->atomic, error)) ||
	    (rc = vs_fields_text(&fields, "namespace", &execution->ns, error)) ||
	    (rc = vs_fields_array(&fields, "operations", &execution->array, error)))
		return rc;
	if (!execution->array)
		return vs_fields_missing(&fields, "operations", error);
	execution->count = json_object_array_length(execution->array);
	if (execution->count > VS_BATCH_MAX)
		return vs_error_at(error, VS_ETOOBIG, "operations", -1, "more than %d operations in one request", VS_BATCH_MAX);
	execution->ops = vs_arena_calloc(call->request->arena, execution->count, sizeof(*execution->ops));
	if (!execution->ops)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu operations", execution->count);
	return decode_ops(execution, error);
}

static int execute(struct execution *execution, struct vs_execute_result *result, struct vs_error *error)
{
	struct vs_upsert_options options = { execution->atomic, put_failure, execution };
	struct vs_namespace *ns = NULL;
	bool any = execution->count > execution->refused;
	int rc = vs_call_namespace(execution->call, &execution->ns, any, &ns, error);
	if (!rc)
		rc = vs_admit_number(ns, VS_QUOTA_BATCH, "operations", execution->count, error);
	if (!rc && any)
		rc = vs_namespace_execute(ns, execution->ops, execution->count, &options, result, error);
	result->failed += execution->refused;
	return rc;
}

int vs_handle_batch_execute(struct vs_call *call, struct vs_error *error)
{
	uint64_t start = vs_clock_mono_ns();
	struct execution execution = { .call = call, .atomic = true };
	struct vs_execute_result result = { 0 };
	struct vs_buf *out = &call->response->body;
	int rc = decode(&execution, error);
	if (!rc)
		rc = execute(&execution, &result, error);
	if (!rc && execution.failed.failed)
		rc = vs_error_set(error, VS_ENOMEM, "done, but no memory for the list of errors");
	if (!rc) {
		vs_call_count(call, VS_COUNT_UPSERTS, result.inserted + result.updated + result.patched);
		vs_call_count(call, VS_COUNT_DELETES, result.deleted + result.hidden);
		vs_buf_printf(out, "{\"succeeded\":%zu,\"failed\":%zu,\"errors\":[", result.succeeded, result.failed);
		vs_buf_append(out, execution.failed.data, execution.failed.len);
		vs_buf_printf(out, "],\"duration_ms\":%.3f}\n", (double)(vs_clock_mono_ns() - start) * 1e-6);
	}
	vs_buf_release(&execution.failed);
	return rc;
}

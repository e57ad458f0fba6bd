/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of one record by id. */
#include "service/condition.h"
#include "service/shape.h"

static int get_record(struct vs_call *call, bool with_vector, struct vs_record *record, struct vs_error *error)
{
	struct vs_namespace *ns = NULL;
	int rc = vs_call_namespace(call, NULL, false, &ns, error);
	if (!rc && !ns)
		rc = vs_error_at(error, VS_ENOTFOUND, "id", -1, "no record has this id");
	return rc ? rc : vs_record_get(ns, call->id.data, call->id.len, with_vector, record, error);
}

int vs_handle_record(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", "include_vector", "fields", NULL };
	struct vs_shape shape = VS_SHAPE_INIT;
	struct vs_record record;
	bool with_vector = false;
	bool unchanged = false;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_target_bool(&call->target, "include_vector", &with_vector, error);
	if (!rc)
		rc = vs_shape_decode(call, &shape, error);
	if (!rc)
		rc = get_record(call, with_vector, &record, error);
	if (!rc)
		rc = vs_condition_read(call, record.version, &unchanged, error);
	if (rc)
		return rc;
	vs_condition_tag(call, record.version);
	/* Hiding a record leaves its version as it was. */
	if (unchanged && record.deleted_at == 0) {
		call->response->status = 304;
		return 0;
	}
	rc = vs_shape_put(&call->response->body, &shape, &record, error);
	vs_shape_release(&shape);
	vs_buf_putc(&call->response->body, '\n');
	return rc;
}

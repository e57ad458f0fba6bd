/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of patch: a merge patch of a record's metadata, by itself or as the member `metadata` of the body. */
#include <json-c/json_object.h>

#include "service/condition.h"
#include "service/json_in.h"
#include "service/json_out.h"

/* A body with a member `metadata` holds the patch there; any other is the patch. */
static int decode_body(struct vs_call *call, struct vs_patch *patch, struct vs_text *ns, struct vs_error *error)
{
	static const char *const known[] = { "metadata", "namespace", "if_version", NULL };
	struct vs_fields fields = { call->body, "" };
	struct vs_text metadata = { NULL, 0 };
	bool whole = !json_object_object_get_ex(call->body, "metadata", NULL);
	int rc = whole ? vs_json_object_text(call->body, "body", &metadata, error) : vs_fields_check(&fields, known, error);
	if (!rc && !whole)
		rc = vs_fields_object(&fields, "metadata", &metadata, error);
	if (!rc && !metadata.data)
		rc = vs_fields_missing(&fields, "metadata", error);
	if (!rc && !whole)
		rc = vs_fields_text(&fields, "namespace", ns, error);
	if (!rc)
		rc = vs_condition_decode(call, whole ? NULL : &fields, &patch->if_version, error);
	patch->metadata = metadata.data;
	patch->metadata_len = metadata.len;
	return rc;
}

static int decode(struct vs_call *call, struct vs_patch *patch, struct vs_text *ns, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", "include_vector", NULL };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_target_bool(&call->target, "include_vector", &patch->with_vector, error);
	if (!rc)
		rc = vs_call_json(call, error);
	if (!rc)
		rc = decode_body(call, patch, ns, error);
	patch->id = call->id.data;
	patch->id_len = call->id.len;
	return rc;
}

int vs_handle_patch(struct vs_call *call, struct vs_error *error)
{
	struct vs_patch patch = { 0 };
	struct vs_text name = { NULL, 0 };
	struct vs_namespace *ns = NULL;
	struct vs_record record;
	int rc = decode(call, &patch, &name, error);
	if (!rc)
		rc = vs_call_namespace(call, &name, false, &ns, error);
	if (!rc && !ns)
		rc = vs_error_at(error, VS_ENOTFOUND, "id", -1, "no record has this id");
	if (!rc)
		rc = vs_record_patch(ns, &patch, &record, error);
	if (rc)
		return rc;
	vs_call_count(call, VS_COUNT_UPSERTS, 1);
	vs_condition_tag(call, record.version);
	vs_json_record(&call->response->body, &record);
	vs_buf_putc(&call->response->body, '\n');
	return 0;
}

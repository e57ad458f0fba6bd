/* SPDX-License-Identifier: Apache-2.0 */
#include "service/shape.h"

#include "service/json_out.h"

int vs_shape_decode(const struct vs_call *call, struct vs_shape *shape, struct vs_error *error)
{
	const struct vs_text *fields = vs_target_param(&call->target, "fields");
	if (!fields)
		return 0;
	return vs_projection_parse(fields->data, fields->len, call->request->arena, &shape->fields, error);
}

void vs_shape_release(struct vs_shape *shape)
{
	vs_buf_release(&shape->metadata);
}

int vs_shape_put(struct vs_buf *out, struct vs_shape *shape, const struct vs_record *record, struct vs_error *error)
{
	struct vs_record shown = *record;
	if (shape->fields) {
		vs_buf_reset(&shape->metadata);
		int rc = vs_projection_apply(shape->fields, record->metadata, record->metadata_len, &shape->metadata, error);
		if (rc)
			return rc;
		shown.metadata = shape->metadata.data;
		shown.metadata_len = shape->metadata.len;
	}
	vs_json_record(out, &shown);
	return 0;
}

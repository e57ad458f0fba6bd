/* SPDX-License-Identifier: Apache-2.0 */
/* service/shape: what is answered of a record: all of its metadata, or some fields of them. */
#ifndef VS_SERVICE_SHAPE_H
#define VS_SERVICE_SHAPE_H

#include "engine/project.h"
#include "service/call.h"

struct vs_shape {
	const struct vs_projection *fields; /* NULL: all metadata */
	struct vs_buf metadata;             /* of the record in hand */
};
#define VS_SHAPE_INIT { NULL, VS_BUF_INIT }

/* From the parameter `fields`; lives in the request's arena. */
int vs_shape_decode(const struct vs_call *call, struct vs_shape *shape, struct vs_error *error);
void vs_shape_release(struct vs_shape *shape);
/* As vs_json_record. */
int vs_shape_put(struct vs_buf *out, struct vs_shape *shape, const struct vs_record *record, struct vs_error *error);

#endif

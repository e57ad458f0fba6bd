/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/compact: within the request, for as long as it takes. */
#include <inttypes.h>

#include "service/call.h"
#include "service/json_in.h"
#include "service/json_out.h"

static int decode(struct vs_call *call, struct vs_text *ns, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	static const char *const known[] = { "namespace", NULL };
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || call->request->body_len == 0)
		return rc;
	rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (!rc)
		rc = vs_fields_check(&fields, known, error);
	if (!rc)
		rc = vs_fields_text(&fields, "namespace", ns, error);
	return rc;
}

int vs_handle_compact(struct vs_call *call, struct vs_error *error)
{
	struct vs_compact_result result = { 0, 0 };
	struct vs_text name = { NULL, 0 };
	struct vs_namespace *ns = NULL;
	int rc = decode(call, &name, error);
	if (!rc)
		rc = vs_call_namespace(call, &name, false, &ns, error);
	if (!rc && ns)
		rc = vs_namespace_compact(ns, NULL, &result, error);
	if (rc)
		return rc;
	vs_buf_printf(&call->response->body, "{\"removed_count\":%" PRIu64 ",\"freed_bytes\":%" PRIu64 "}\n",
	              result.removed_count, result.freed_bytes);
	return 0;
}

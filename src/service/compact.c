/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/compact: within the request, for as long as it takes, or until the program is to end. */
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

static int on_progress(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	const struct vs_request *request = context;
	(void)phase;
	(void)done;
	(void)total;
	return request->stopping && request->stopping() ? 1 : 0;
}

int vs_handle_compact(struct vs_call *call, struct vs_error *error)
{
	struct vs_request request = *call->request;
	struct vs_compact_options options = { 0, on_progress, &request };
	struct vs_compact_result result = { 0, 0 };
	struct vs_text name = { NULL, 0 };
	struct vs_namespace *ns = NULL;
	int rc = decode(call, &name, error);
	if (!rc)
		rc = vs_call_namespace(call, &name, false, &ns, error);
	if (!rc && ns)
		rc = vs_namespace_compact(ns, &options, &result, error);
	if (rc > 0)
		return vs_error_set(error, VS_EBUSY, "the server ends, so the compaction was stopped; nothing has changed");
	if (rc)
		return rc;
	vs_buf_printf(&call->response->body, "{\"removed_count\":%" PRIu64 ",\"freed_bytes\":%" PRIu64 "}\n",
	              result.removed_count, result.freed_bytes);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/compact: a job. */
#include "service/jobs.h"
#include "service/json_in.h"

static int decode(struct vs_call *call, struct vs_text *ns, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", "wait", NULL };
	static const char *const known[] = { "namespace", NULL };
	struct vs_fields fields;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_fields(call, known, &fields, error);
	return rc ? rc : vs_fields_text(&fields, "namespace", ns, error);
}

int vs_handle_compact(struct vs_call *call, struct vs_error *error)
{
	struct vs_text name = { NULL, 0 };
	struct vs_namespace *ns = NULL;
	int rc = decode(call, &name, error);
	if (!rc)
		rc = vs_call_namespace(call, &name, false, &ns, error);
	if (rc)
		return rc;
	if (ns)
		return vs_call_job(call, "compact", vs_call_namespace_name(call, &name), NULL, error);
	vs_buf_puts(&call->response->body, "{\"removed_count\":0,\"freed_bytes\":0}\n"); /* `default` before its first record */
	return 0;
}

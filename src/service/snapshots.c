/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of snapshots, but for those as files, and of clones. What makes something is a job. */
#include "service/snapshots.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "service/audit.h"
#include "service/json_in.h"
#include "service/jobs.h"
#include "service/json_out.h"

static const char *const namespace_parameter[] = { "namespace", NULL };
static const char *const job_parameters[] = { "wait", "namespace", NULL };

/* ---- what they share ------------------------------------------------------------------------------------ */

static int on_progress(void *context, double share, const char *doing)
{
	const struct vs_request *request = context;
	(void)share;
	(void)doing;
	return request->stopping && request->stopping() ? 1 : 0;
}

struct vs_work_options vs_call_work(const struct vs_call *call)
{
	/* The callback only reads it. */
	return (struct vs_work_options){ 0, on_progress, (void *)(uintptr_t)call->request };
}

int vs_call_worked(int rc, struct vs_error *error)
{
	if (rc > 0)
		return vs_error_set(error, VS_EBUSY, "the server ends, so the work was stopped; nothing has changed");
	return rc;
}

/* A body of the field `name` (NULL: none) and of the namespace, which may both be missing; then so may the body. */
static int decode(struct vs_call *call, const char *name, struct vs_text *value, struct vs_text *ns, struct vs_error *error)
{
	const char *known[] = { "namespace", name, NULL };
	struct vs_fields fields;
	int rc = vs_target_check(&call->target, name ? job_parameters : namespace_parameter, error);
	if (!rc)
		rc = vs_call_fields(call, known, &fields, error);
	if (!rc)
		rc = vs_fields_text(&fields, "namespace", ns, error);
	if (!rc && name)
		rc = vs_fields_text(&fields, name, value, error);
	return rc;
}

/* The namespace; `default` without records has no snapshots. */
static int find_namespace(struct vs_call *call, const struct vs_text *name, struct vs_namespace **ns, struct vs_error *error)
{
	int rc = vs_call_namespace(call, name, false, ns, error);
	if (!rc && !*ns)
		rc = vs_error_set(error, VS_ENOTFOUND, "nothing was ever stored in namespace " VS_DEFAULT_NAMESPACE);
	return rc;
}

/* ---- handlers ------------------------------------------------------------------------------------------- */

int vs_handle_snapshot_create(struct vs_call *call, struct vs_error *error)
{
	struct vs_text name = { NULL, 0 }, of = { NULL, 0 };
	struct vs_namespace *ns;
	char arguments[128] = "{}";
	int rc = decode(call, "name", &name, &of, error);
	if (!rc && name.data)
		rc = vs_snapshot_check_name(name.data, error);
	if (!rc)
		rc = vs_call_namespace(call, &of, true, &ns, error);
	if (!rc && name.data)
		snprintf(arguments, sizeof(arguments), "{\"name\":\"%s\"}", name.data);
	call->object = name.data;
	if (!rc)
		rc = vs_call_job(call, "snapshot", vs_call_namespace_name(call, &of), arguments, error);
	if (!rc)
		vs_metrics_add(call->metrics, VS_COUNT_SNAPSHOTS, 1);
	return rc;
}

struct listing {
	struct vs_buf *out;
	bool any;
};

static int put_one(void *context, const struct vs_snapshot *snapshot)
{
	struct listing *listing = context;
	char text[VS_SNAPSHOT_JSON];
	vs_snapshot_json(snapshot, text);
	vs_buf_puts(listing->out, listing->any ? "," : "");
	vs_buf_puts(listing->out, text);
	listing->any = true;
	return 0;
}

int vs_handle_snapshots(struct vs_call *call, struct vs_error *error)
{
	struct listing listing = { &call->response->body, false };
	struct vs_namespace *ns = NULL;
	int rc = vs_target_check(&call->target, namespace_parameter, error);
	if (!rc)
		rc = vs_call_namespace(call, NULL, false, &ns, error);
	vs_buf_puts(listing.out, "{\"snapshots\":[");
	if (!rc && ns)
		rc = vs_snapshot_each(ns, put_one, &listing, error);
	vs_buf_puts(listing.out, "]}\n");
	return rc;
}

/* What an administrator has frozen, those whom that is to hold cannot take away. */
static int check_frozen(const struct vs_call *call, const struct vs_namespace *ns, struct vs_error *error)
{
	if (vs_namespace_status(ns) != VS_READ_ONLY || vs_auth_check(&call->principal, VS_RIGHT_ADMIN, NULL) == 0)
		return 0;
	return vs_error_set(error, VS_EFROZEN, "the namespace is read-only, and so are its snapshots");
}

int vs_handle_snapshot_delete(struct vs_call *call, struct vs_error *error)
{
	struct vs_namespace *ns;
	int rc = vs_target_check(&call->target, namespace_parameter, error);
	if (!rc)
		rc = find_namespace(call, NULL, &ns, error);
	if (!rc)
		rc = check_frozen(call, ns, error);
	if (!rc)
		rc = vs_audit_begin(call, error);
	if (!rc)
		rc = vs_snapshot_remove(ns, call->id.data, error);
	if (!rc)
		vs_buf_puts(&call->response->body, "{\"success\":true}\n");
	return rc;
}

struct findings {
	struct vs_call *call;
	bool any;
};

static void put_finding(void *context, const char *finding)
{
	struct findings *findings = context;
	struct vs_buf *out = &findings->call->response->body;
	vs_buf_puts(out, findings->any ? "," : "");
	vs_json_text(out, finding, strlen(finding));
	findings->any = true;
}

static int on_findings_progress(void *context, double share, const char *doing)
{
	const struct findings *findings = context;
	return on_progress((void *)(uintptr_t)findings->call->request, share, doing);
}

int vs_handle_snapshot_verify(struct vs_call *call, struct vs_error *error)
{
	struct findings findings = { call, false };
	struct vs_work_options work = { 0, on_findings_progress, &findings };
	struct vs_text of = { NULL, 0 };
	struct vs_namespace *ns;
	uint64_t problems;
	int rc = decode(call, NULL, NULL, &of, error);
	if (!rc)
		rc = find_namespace(call, &of, &ns, error);
	vs_buf_puts(&call->response->body, "{\"findings\":[");
	if (!rc)
		rc = vs_call_worked(vs_snapshot_verify(ns, call->id.data, &work, put_finding, &problems, error), error);
	if (!rc)
		vs_buf_printf(&call->response->body, "],\"problems\":%" PRIu64 ",\"sound\":%s}\n", problems,
		              problems == 0 ? "true" : "false");
	return rc;
}

/* What is made of it is another namespace, and that an administrator's alone to make. */
static int check_into(struct vs_call *call, struct vs_error *error)
{
	int rc = vs_auth_check(&call->principal, VS_RIGHT_ADMIN, error);
	if (rc)
		call->refused = "another namespace";
	return rc;
}

/* For the audit trail. */
static int name_both(struct vs_call *call, const struct vs_text *into, struct vs_error *error)
{
	char text[2 * 64 + 8];
	int len = snprintf(text, sizeof(text), "%.63s into %.63s", call->id.data, into->data);
	call->object = vs_arena_dup(call->request->arena, text, (size_t)len);
	return call->object ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a name");
}

int vs_handle_snapshot_restore(struct vs_call *call, struct vs_error *error)
{
	struct vs_text into = { NULL, 0 }, of = { NULL, 0 };
	struct vs_namespace *ns;
	struct vs_namespace_stats stats;
	struct vs_snapshot snapshot;
	char arguments[256];
	int rc = decode(call, "into", &into, &of, error);
	if (!rc && into.data)
		rc = vs_namespace_check_name("into", into.data, error);
	if (!rc && into.data)
		rc = name_both(call, &into, error);
	if (!rc && into.data)
		rc = check_into(call, error);
	if (!rc)
		rc = find_namespace(call, &of, &ns, error);
	if (!rc)
		rc = vs_snapshot_find(ns, call->id.data, &snapshot, error);
	if (!rc && !into.data)
		rc = vs_namespace_stats(ns, &stats, error);
	if (rc)
		return rc;
	if (into.data)
		snprintf(arguments, sizeof(arguments), "{\"snapshot\":\"%s\",\"into\":\"%s\"}", call->id.data, into.data);
	else
		snprintf(arguments, sizeof(arguments), "{\"snapshot\":\"%s\",\"generation\":%" PRIu32 "}", call->id.data,
		         stats.generation);
	return vs_call_job(call, "restore", vs_call_namespace_name(call, &of), arguments, error);
}

static int decode_clone(struct vs_call *call, struct vs_text *to, struct vs_error *error)
{
	static const char *const parameters[] = { "wait", NULL };
	static const char *const known[] = { "to", NULL };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (!rc)
		rc = vs_fields_check(&fields, known, error);
	if (!rc)
		rc = vs_fields_text(&fields, "to", to, error);
	if (!rc && !to->data)
		rc = vs_fields_missing(&fields, "to", error);
	return rc ? rc : vs_namespace_check_name("to", to->data, error);
}

int vs_handle_namespace_clone(struct vs_call *call, struct vs_error *error)
{
	struct vs_text to = { NULL, 0 };
	struct vs_namespace *ns;
	char arguments[128];
	int rc = decode_clone(call, &to, error);
	if (!rc)
		rc = vs_namespace_check_name("name", call->id.data, error);
	if (!rc)
		rc = find_namespace(call, &call->id, &ns, error);
	if (rc)
		return rc;
	call->object = to.data;
	snprintf(arguments, sizeof(arguments), "{\"to\":\"%s\"}", to.data);
	return vs_call_job(call, "clone", call->id.data, arguments, error);
}

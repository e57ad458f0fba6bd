/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of snapshots, but for those as files, and of clones: within the request, for as long as it takes, or until the
 * program is to end. */
#include "service/snapshots.h"

#include <inttypes.h>
#include <string.h>

#include "service/json_in.h"
#include "service/json_out.h"

static const char *const namespace_parameter[] = { "namespace", NULL };

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

void vs_snapshot_put(struct vs_buf *out, const struct vs_snapshot *snapshot)
{
	vs_buf_printf(out, "\"name\":\"%s\"", snapshot->name);
	if (snapshot->damaged) {
		vs_buf_puts(out, ",\"damaged\":true");
		return;
	}
	vs_buf_puts(out, ",\"created_at\":");
	vs_json_time(out, snapshot->created_at);
	vs_buf_printf(out,
	              ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"dimension\":%" PRIu32
	              ",\"metric\":\"%s\",\"quantization\":\"%s\",\"indexed\":%s",
	              snapshot->records, snapshot->bytes, snapshot->seq, snapshot->dimension, vs_metric_name(snapshot->metric),
	              vs_quantization_name(snapshot->quantization), snapshot->indexed ? "true" : "false");
}

void vs_snapshot_answer(struct vs_call *call, const struct vs_snapshot *snapshot)
{
	struct vs_buf *out = &call->response->body;
	vs_buf_printf(out, "{\"success\":true,\"path\":\"/v1/snapshots/%s\",", snapshot->name);
	vs_snapshot_put(out, snapshot);
	vs_buf_puts(out, "}\n");
}

/* A body of the field `name` (NULL: none) and of the namespace, which may both be missing; then so may the body. */
static int decode(struct vs_call *call, const char *name, struct vs_text *value, struct vs_text *ns, struct vs_error *error)
{
	const char *known[] = { "namespace", name, NULL };
	int rc = vs_target_check(&call->target, namespace_parameter, error);
	if (rc || call->request->body_len == 0)
		return rc;
	rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (!rc)
		rc = vs_fields_check(&fields, known, error);
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
	struct vs_work_options work = vs_call_work(call);
	struct vs_text name = { NULL, 0 }, of = { NULL, 0 };
	struct vs_namespace *ns;
	struct vs_snapshot snapshot;
	int rc = decode(call, "name", &name, &of, error);
	if (!rc)
		rc = vs_call_namespace(call, &of, true, &ns, error);
	if (!rc)
		rc = vs_call_worked(vs_snapshot_create(ns, name.data, &work, &snapshot, error), error);
	if (rc)
		return rc;
	vs_metrics_add(call->metrics, VS_COUNT_SNAPSHOTS, 1);
	vs_snapshot_answer(call, &snapshot);
	return 0;
}

struct listing {
	struct vs_buf *out;
	bool any;
};

static int put_one(void *context, const struct vs_snapshot *snapshot)
{
	struct listing *listing = context;
	vs_buf_puts(listing->out, listing->any ? ",{" : "{");
	vs_snapshot_put(listing->out, snapshot);
	vs_buf_putc(listing->out, '}');
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

int vs_handle_snapshot_delete(struct vs_call *call, struct vs_error *error)
{
	struct vs_namespace *ns;
	int rc = vs_target_check(&call->target, namespace_parameter, error);
	if (!rc)
		rc = find_namespace(call, NULL, &ns, error);
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

int vs_handle_snapshot_restore(struct vs_call *call, struct vs_error *error)
{
	struct vs_work_options work = vs_call_work(call);
	struct vs_text into = { NULL, 0 }, of = { NULL, 0 };
	struct vs_namespace *ns;
	uint64_t records;
	int rc = decode(call, "into", &into, &of, error);
	if (!rc)
		rc = find_namespace(call, &of, &ns, error);
	if (!rc)
		rc = vs_call_worked(vs_snapshot_restore(ns, call->id.data, into.data, &work, &records, error), error);
	if (rc)
		return rc;
	vs_buf_puts(&call->response->body, "{\"success\":true,\"namespace\":");
	const char *name = into.data ? into.data : vs_call_namespace_name(call, &of);
	vs_json_text(&call->response->body, name, strlen(name));
	vs_buf_printf(&call->response->body, ",\"vectors_restored\":%" PRIu64 "}\n", records);
	return 0;
}

static int decode_clone(struct vs_call *call, struct vs_text *to, struct vs_error *error)
{
	static const char *const known[] = { "to", NULL };
	int rc = vs_target_check(&call->target, namespace_parameter + 1, error);
	if (!rc)
		rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (!rc)
		rc = vs_fields_check(&fields, known, error);
	if (!rc)
		rc = vs_fields_text(&fields, "to", to, error);
	return rc || to->data ? rc : vs_fields_missing(&fields, "to", error);
}

int vs_handle_namespace_clone(struct vs_call *call, struct vs_error *error)
{
	struct vs_work_options work = vs_call_work(call);
	struct vs_text to = { NULL, 0 };
	struct vs_namespace *ns;
	uint64_t records;
	int rc = decode_clone(call, &to, error);
	if (!rc)
		rc = find_namespace(call, &call->id, &ns, error);
	if (!rc)
		rc = vs_call_worked(vs_namespace_clone(ns, to.data, &work, &records, error), error);
	if (!rc)
		vs_buf_printf(&call->response->body, "{\"success\":true,\"namespace\":\"%s\",\"vectors_cloned\":%" PRIu64 "}\n", to.data,
		              records);
	return rc;
}

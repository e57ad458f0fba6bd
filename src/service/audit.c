/* SPDX-License-Identifier: Apache-2.0 */
#include "service/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "service/json_in.h"
#include "service/json_out.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000

/* ---- the gate ------------------------------------------------------------------------------------------- */

/* A denial may be recorded now, and is counted as recorded then. */
static bool pass(struct vs_audit_gate *gate)
{
	const uint64_t each_ns = VS_AUDIT_DENIAL_SECONDS * UINT64_C(1000000000);
	uint64_t now = vs_clock_mono_ns();
	uint64_t full = gate->full_ns > now ? gate->full_ns : now;
	if (full - now > (VS_AUDIT_DENIALS_AT_ONCE - 1) * each_ns)
		return false;
	gate->full_ns = full + each_ns;
	return true;
}

static int append(struct vs_auth *auth, enum vs_audit_chain chain, struct vs_audit_event *event, struct vs_error *error)
{
	struct vs_catalog *catalog;
	int rc = vs_auth_catalog(auth, &catalog, error);
	if (!rc)
		rc = vs_audit_append(catalog, chain, event, error);
	if (rc)
		vs_auth_reset(auth);
	return rc;
}

void vs_audit_flush(struct vs_auth *auth, struct vs_audit_gate *gate, bool last)
{
	struct vs_error error;
	struct vs_audit_event event = { .action = "requests", .result = "denied", .reason = "more than are recorded one by one" };
	if (gate->held == 0 || (!last && !pass(gate)))
		return;
	event.at = gate->since;
	event.count = gate->held;
	gate->held = 0;
	(void)append(auth, VS_AUDIT_DENIED, &event, &error);
}

/* ---- events --------------------------------------------------------------------------------------------- */

struct vs_audit_event vs_audit_event_of(const struct vs_call *call, char *action)
{
	bool about_namespace = strncmp(call->operation->path, "/admin/namespaces/{", 19) == 0;
	snprintf(action, 96, "%.8s %.80s", call->operation->method, call->operation->path);
	return (struct vs_audit_event){
		.actor = call->principal.actor,
		.action = action,
		.ns = about_namespace ? call->id.data : call->ns,
		.object = (call->object || about_namespace) ? call->object : call->id.data,
		.origin = call->request->peer,
		.result = "ok",
		.request_id = call->response->request_id,
	};
}

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

/* What a log makes of control characters is its own matter (base/log). The id of a record is its tenant's: it stands in the
 * trail alone. */
static void write_line(const struct vs_call *call, const struct vs_audit_event *event, char line[VS_AUDIT_LINE])
{
	bool about_record = call->operation->right == VS_RIGHT_READ || call->operation->right == VS_RIGHT_WRITE;
	char hash[17];
	for (int i = 0; i < 8; i++)
		snprintf(hash + 2 * i, 3, "%02x", event->hash[i]);
	snprintf(line, VS_AUDIT_LINE,
	         "audit %" PRId64 " %s: %s by %.80s from %.46s, namespace %.63s, object %.64s: %s%s%s", event->seq, hash,
	         event->action, or_dash(event->actor), or_dash(event->origin), or_dash(event->ns),
	         about_record ? "-" : or_dash(event->object), event->result, event->reason ? ", " : "",
	         event->reason ? event->reason : "");
}

void vs_audit_recorded(struct vs_call *call, const struct vs_audit_event *event)
{
	if (event->seq == 0)
		return;
	call->recorded = true;
	write_line(call, event, call->response->audit);
}

void vs_audit_begun(struct vs_call *call, const struct vs_audit_event *event)
{
	if (event->seq != 0)
		write_line(call, event, call->response->begun);
}

int vs_audit_begin(struct vs_call *call, struct vs_error *error)
{
	char action[96];
	struct vs_audit_event event = vs_audit_event_of(call, action);
	event.result = "begun";
	int rc = append(call->auth, VS_AUDIT_DONE, &event, error);
	if (!rc)
		vs_audit_begun(call, &event);
	return rc;
}

static const char *reason_of(const struct vs_call *call, int rc)
{
	if (call->refused)
		return call->refused;
	if (rc != VS_EPERM)
		return call->principal.reason;
	return vs_auth_check(&call->principal, call->operation->right, NULL) ? "not with this role" : "outside its filter";
}

static bool is_change(const struct vs_operation *operation)
{
	return strcmp(operation->method, "GET") != 0 && (operation->right & (VS_RIGHT_ADMIN | VS_RIGHT_MANAGE)) != 0;
}

static void record(struct vs_call *call, enum vs_audit_chain chain, struct vs_audit_event *event)
{
	struct vs_response *response = call->response;
	struct vs_error why = { .position = -1 };
	if (!append(call->auth, chain, event, &why))
		write_line(call, event, response->audit);
	else
		snprintf(response->audit, sizeof(response->audit), "audit: %s by %.80s could not be recorded: %.200s", event->action,
		         or_dash(event->actor), why.text);
}

void vs_audit_call(struct vs_call *call, int rc)
{
	bool denied = rc == VS_EAUTH || rc == VS_EPERM || call->refused;
	char action[96];
	if (!call->operation)
		return;
	if (denied)
		vs_metrics_add(call->metrics, VS_COUNT_DENIED, 1);
	if (!denied && (!is_change(call->operation) || call->recorded))
		return;
	struct vs_audit_event event = vs_audit_event_of(call, action);
	if (!denied) {
		event.result = rc ? vs_error_word(rc) : "ok";
		record(call, VS_AUDIT_DONE, &event);
		return;
	}
	event.result = "denied";
	event.reason = reason_of(call, rc);
	if (pass(call->gate)) {
		record(call, VS_AUDIT_DENIED, &event);
		return;
	}
	if (call->gate->held++ == 0)
		call->gate->since = vs_clock_wall_ms();
}

/* ---- GET /admin/audit ----------------------------------------------------------------------------------- */

struct page {
	struct vs_buf *out;
	size_t count;
	size_t most;
	bool more;
	int64_t last;
};

static void put_text(struct vs_buf *out, const char *name, const char *text)
{
	if (!*text)
		return;
	vs_buf_printf(out, ",\"%s\":", name);
	vs_json_text(out, text, strlen(text));
}

void vs_audit_encode(struct vs_buf *out, const struct vs_audit_event *event)
{
	vs_buf_printf(out, "{\"seq\":%" PRId64 ",\"at\":", event->seq);
	vs_json_time(out, event->at);
	put_text(out, "actor", event->actor);
	put_text(out, "action", event->action);
	put_text(out, "namespace", event->ns);
	put_text(out, "object", event->object);
	put_text(out, "origin", event->origin);
	put_text(out, "result", event->result);
	put_text(out, "reason", event->reason);
	put_text(out, "request_id", event->request_id);
	vs_buf_printf(out, ",\"count\":%" PRId64 ",\"hash\":\"", event->count);
	for (int i = 0; i < VS_AUDIT_HASH; i++)
		vs_buf_printf(out, "%02x", event->hash[i]);
	vs_buf_puts(out, "\"}");
}

static int put_event(void *context, const struct vs_audit_event *event)
{
	struct page *page = context;
	if (page->count == page->most) {
		page->more = true;
		return 1;
	}
	if (page->count++ > 0)
		vs_buf_putc(page->out, ',');
	vs_audit_encode(page->out, event);
	page->last = event->seq;
	return 0;
}

static int decode(const struct vs_call *call, struct vs_audit_query *query, struct vs_error *error)
{
	static const char *const parameters[] = { "since", "namespace", "actor", "limit", "cursor", NULL };
	const struct vs_target *target = &call->target;
	const struct vs_text *since = vs_target_param(target, "since");
	const struct vs_text *ns = vs_target_param(target, "namespace");
	const struct vs_text *actor = vs_target_param(target, "actor");
	unsigned long limit = PAGE_DEFAULT, after = 0;
	int rc = vs_target_check(target, parameters, error);
	if (!rc)
		rc = vs_target_number(target, "limit", 1, PAGE_MAX, &limit, error);
	if (!rc)
		rc = vs_target_number(target, "cursor", 0, INT64_MAX, &after, error);
	if (!rc && since && !vs_clock_parse(since->data, since->len, &query->since))
		rc = vs_error_at(error, VS_EINVAL, "since", -1, "must be a time such as 2026-01-31T12:00:00Z");
	if (!rc && ns)
		rc = vs_catalog_check_name("namespace", ns->data, error);
	if (!rc && actor && (actor->len == 0 || actor->len > VS_AUDIT_TEXT_MAX))
		rc = vs_error_at(error, VS_EINVAL, "actor", -1, "has 1 to %d bytes", VS_AUDIT_TEXT_MAX);
	query->after = (int64_t)after;
	query->limit = (unsigned)limit + 1;
	query->ns = ns ? ns->data : NULL;
	query->actor = actor ? actor->data : NULL;
	return rc;
}

int vs_handle_audit(struct vs_call *call, struct vs_error *error)
{
	struct vs_audit_query query = { .after = 0 };
	struct vs_buf *out = &call->response->body;
	struct page page = { .out = out };
	struct vs_catalog *catalog;
	int rc = decode(call, &query, error);
	if (!rc)
		rc = vs_auth_catalog(call->auth, &catalog, error);
	if (rc)
		return rc;
	page.most = query.limit - 1;
	vs_buf_puts(out, "{\"events\":[");
	rc = vs_audit_each(catalog, &query, put_event, &page, error);
	if (rc < 0)
		return rc;
	vs_buf_puts(out, "],\"next_cursor\":");
	if (page.more)
		vs_buf_printf(out, "\"%" PRId64 "\"}\n", page.last);
	else
		vs_buf_puts(out, "null}\n");
	return 0;
}

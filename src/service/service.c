/* SPDX-License-Identifier: Apache-2.0 */
#include "service/service.h"

#include <json-c/json_object.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/clock.h"
#include "service/admit.h"
#include "service/audit.h"
#include "service/cache.h"
#include "service/call.h"
#include "service/handles.h"
#include "service/json_in.h"
#include "service/json_out.h"
#include "service/json_vectors.h"
#include "service/split.h"
#include "service/stream.h"
#include "service/tenants.h"
#include "store/catalog.h"

struct vs_service {
	struct vs_auth *auth;
	struct vs_audit_gate gate;
	int64_t grace_ms;
	struct vs_handles handles;
	struct vs_metrics *metrics;
	struct vs_cache *cache; /* NULL: off */
	struct vs_tenants *tenants;
	struct vs_json *json;
};

int vs_service_open(const struct vs_service_options *options, struct vs_service **service, struct vs_error *error)
{
	struct vs_service *s = calloc(1, sizeof(*s));
	*service = NULL;
	if (error)
		*error = (struct vs_error){ .position = -1 };
	if (!s)
		return vs_error_set(error, VS_ENOMEM, "no memory for the service");
	const struct vs_auth_options who = { .data = options->data,
		                                 .insecure = options->insecure,
		                                 .users = options->users,
		                                 .jwt = { options->jwt_keys, options->jwt_issuer, options->jwt_audience } };
	int rc = vs_handles_init(&s->handles, options->data, &options->fresh, error);
	if (!rc)
		rc = vs_auth_open(&who, &s->auth, error);
	s->handles.tail_most = options->tail_most;
	s->handles.quota = options->quota;
	s->grace_ms = options->grace_ms;
	if (!rc && !(s->json = vs_json_open()))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for the service");
	/* Figures are worth less than answers: a run folder that fails leaves them private. */
	if (!rc && vs_metrics_open(options->run_dir, &s->metrics, error) && vs_metrics_open(NULL, &s->metrics, NULL))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for the service");
	if (!rc && vs_tenants_open(options->run_dir, &s->tenants, error) && vs_tenants_open(NULL, &s->tenants, NULL))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for the service");
	if (!rc)
		vs_tenants_join(s->tenants);
	if (!rc && options->run_dir && options->cache_bytes > 0)
		rc = vs_cache_open(options->run_dir, options->cache_bytes, s->metrics, &s->cache, error);
	if (rc) {
		vs_service_close(s);
		return rc;
	}
	*service = s;
	return 0;
}

void vs_service_close(struct vs_service *service)
{
	if (!service)
		return;
	if (service->handles.store)
		(void)vs_tenants_flush(service->tenants, service->handles.store, NULL);
	if (service->auth)
		vs_audit_flush(service->auth, &service->gate, true);
	vs_auth_close(service->auth);
	vs_handles_release(&service->handles);
	vs_cache_close(service->cache);
	vs_tenants_close(service->tenants);
	vs_metrics_close(service->metrics);
	vs_json_close(service->json);
	free(service);
}

void vs_service_stall(struct vs_service *service, bool stalled)
{
	vs_tenants_stall(service->tenants, stalled);
}

bool vs_service_may_stall(const struct vs_service *service)
{
	return vs_tenants_may_stall(service->tenants);
}

void vs_service_set_flow(struct vs_service *service, uint64_t flow)
{
	vs_tenants_set_flow(service->tenants, flow, vs_clock_mono_ns());
}

bool vs_service_flow_at_work(const struct vs_service *service, uint64_t flow)
{
	return vs_tenants_flow_at_work(service->tenants, flow, vs_clock_mono_ns());
}

bool vs_service_flows_meet(const struct vs_service *service)
{
	return vs_tenants_flows_meet(service->tenants, vs_clock_mono_ns());
}

/* ---- what handlers ask for ------------------------------------------------------------------------------ */

enum vs_media vs_call_media(const struct vs_call *call)
{
	static const struct {
		const char *name;
		enum vs_media media;
	} known[] = {
		{ "application/json", VS_MEDIA_JSON },           { "application/x-ndjson", VS_MEDIA_NDJSON },
		{ "application/ndjson", VS_MEDIA_NDJSON },       { "application/jsonl", VS_MEDIA_NDJSON },
		{ "application/octet-stream", VS_MEDIA_OCTETS }, { "application/merge-patch+json", VS_MEDIA_PATCH },
		{ "application/x-tar", VS_MEDIA_TAR },
	};
	const char *type = call->request->content_type;
	if (!type || !*type)
		return VS_MEDIA_NONE;
	size_t len = strcspn(type, "; \t");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len && strncasecmp(type, known[i].name, len) == 0)
			return known[i].media;
	return VS_MEDIA_OTHER;
}

int vs_call_check_json(const struct vs_call *call, struct vs_error *error)
{
	enum vs_media media = vs_call_media(call);
	bool patch = media == VS_MEDIA_PATCH && strcmp(call->operation->method, "PATCH") == 0;
	if (media != VS_MEDIA_JSON && media != VS_MEDIA_NONE && !patch)
		return vs_error_set(error, VS_EMEDIA, "the body must be sent as Content-Type: application/json");
	if (call->request->body_len == 0)
		return vs_error_at(error, VS_EINVAL, "body", -1, "is empty; a JSON object is expected");
	return 0;
}

int vs_call_json(struct vs_call *call, struct vs_error *error)
{
	int rc = vs_call_check_json(call, error);
	if (rc)
		return rc;
	json_object_put(call->body);
	return vs_json_parse_vectors(call->json, call->request->body, call->request->body_len, "body", &call->body, error);
}

int vs_call_fields(struct vs_call *call, const char *const *known, struct vs_fields *fields, struct vs_error *error)
{
	*fields = (struct vs_fields){ NULL, "" };
	if (call->request->body_len == 0)
		return 0;
	int rc = vs_call_json(call, error);
	fields->object = call->body;
	return rc ? rc : vs_fields_check(fields, known, error);
}

int vs_call_frame(struct vs_call *call, const struct vs_split *split, struct vs_error *error)
{
	const struct vs_request *request = call->request;
	size_t after = request->body_len - split->to;
	char *frame = vs_arena_alloc(request->arena, split->from + 2 + after);
	if (!frame)
		return vs_error_set(error, VS_ENOMEM, "no memory for a body of %zu bytes", request->body_len);
	memcpy(frame, split->text, split->from);
	memcpy(frame + split->from, "[]", 2);
	memcpy(frame + split->from + 2, split->text + split->to, after);
	json_object_put(call->body);
	return vs_json_parse(call->json, frame, split->from + 2 + after, "body", &call->body, error);
}

const char *vs_call_namespace_name(const struct vs_call *call, const struct vs_text *ns)
{
	const struct vs_text *param = vs_target_param(&call->target, "namespace");
	if (ns && ns->data)
		return ns->data;
	if (param)
		return param->data;
	if (call->request->ns)
		return call->request->ns;
	return call->principal.ns ? call->principal.ns : VS_DEFAULT_NAMESPACE;
}

static bool may_use(const struct vs_call *call, const char *name)
{
	return !call->principal.ns || strcmp(call->principal.ns, name) == 0;
}

int vs_call_allow(struct vs_call *call, const struct vs_text *ns, const char **name, struct vs_error *error)
{
	*name = call->ns = vs_call_namespace_name(call, ns);
	int rc = vs_catalog_check_name("namespace", *name, error);
	if (rc || may_use(call, *name))
		return rc;
	call->refused = "another namespace";
	return vs_catalog_missing(*name, error);
}

int vs_call_store(struct vs_call *call, struct vs_store **store, struct vs_error *error)
{
	return vs_handles_store(&call->service->handles, store, error);
}

/* Nobody has asked for it by its name: that it is there now is an event besides that of the call. */
static int make_default(struct vs_call *call, struct vs_namespace **out, struct vs_error *error)
{
	char action[96];
	struct vs_audit_event event = vs_audit_event_of(call, action);
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_handles *handles = &call->service->handles;
	struct vs_store *store;
	event.object = NULL;
	event.reason = "made on first use";
	change.event = &event;
	int rc = vs_handles_store(handles, &store, error);
	if (!rc)
		rc = vs_store_create(store, VS_DEFAULT_NAMESPACE, &handles->fresh, &change, error);
	vs_audit_begun(call, &event);
	/* Another process was faster. */
	return !rc || rc == VS_ECONFLICT ? vs_handles_find(handles, VS_DEFAULT_NAMESPACE, out, error) : rc;
}

int vs_call_namespace(struct vs_call *call, const struct vs_text *ns, bool create, struct vs_namespace **out,
                      struct vs_error *error)
{
	struct vs_error why;
	const char *name;
	*out = NULL;
	int rc = vs_call_allow(call, ns, &name, error);
	if (rc)
		return rc;
	bool is_default = strcmp(name, VS_DEFAULT_NAMESPACE) == 0;
	rc = vs_handles_find(&call->service->handles, name, out, &why);
	if (rc == VS_ENOTFOUND && is_default && create)
		rc = make_default(call, out, &why);
	if (rc == VS_ENOTFOUND && is_default && !create)
		return 0;
	if (!rc)
		rc = vs_namespace_set_scope(*out, call->principal.filter, &why);
	if (!rc)
		rc = vs_admit_enter(call, *out, name, &why);
	if (!rc)
		return 0;
	*out = NULL;
	*error = why;
	return rc;
}

int vs_call_admit(struct vs_call *call, const struct vs_text *ns, struct vs_error *error)
{
	struct vs_namespace *found;
	struct vs_error why;
	const char *name = vs_call_namespace_name(call, ns);
	/* What is wrong with the name is told in its turn, after what is wrong with the body. */
	if (!may_use(call, name) || vs_handles_find(&call->service->handles, name, &found, &why))
		return 0;
	int rc = vs_admit_enter(call, found, name, error);
	return rc ? rc : vs_namespace_admit(found, error);
}

const struct vs_namespace_options *vs_call_fresh(const struct vs_call *call)
{
	return &call->service->handles.fresh;
}

struct vs_handles *vs_call_handles(const struct vs_call *call)
{
	return &call->service->handles;
}

int64_t vs_call_grace(const struct vs_call *call)
{
	return call->service->grace_ms;
}

void vs_call_count(struct vs_call *call, enum vs_counter counter, uint64_t n)
{
	vs_metrics_add(call->metrics, counter, n);
	if (counter == VS_COUNT_QUERIES)
		vs_tenant_count(call->tenant, VS_USAGE_QUERIES, n);
	else if (counter == VS_COUNT_UPSERTS)
		vs_tenant_count(call->tenant, VS_USAGE_UPSERTS, n);
	else if (counter == VS_COUNT_DELETES)
		vs_tenant_count(call->tenant, VS_USAGE_DELETES, n);
}

/* ---- one request ---------------------------------------------------------------------------------------- */

/* 128 random bits in hex, so that no two requests of any two processes share one. */
static void make_request_id(char *text)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[16];
	size_t done = 0;
	while (done < sizeof(bytes)) {
		ssize_t got = getrandom(bytes + done, sizeof(bytes) - done, 0);
		done += got > 0 ? (size_t)got : 0;
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[32] = '\0';
}

static void begin(struct vs_response *response)
{
	struct vs_buf body = response->body;
	memset(response, 0, sizeof(*response));
	response->body = body;
	response->status = 200;
	response->content_type = "application/json";
	response->route = "-";
	make_request_id(response->request_id);
	vs_buf_reset(&response->body);
}

static void put_error(const struct vs_service *service, struct vs_response *response, const struct vs_error *error)
{
	response->error = *error;
	response->status = vs_error_http(error->code);
	response->content_type = "application/json";
	response->etag[0] = '\0';
	response->location[0] = '\0';
	vs_stream_drop(response);
	response->retry_after = response->status == 503 ? 1 : 0;
	vs_buf_reset(&response->body);
	vs_buf_putc(&response->body, '{');
	vs_json_error(&response->body, error, service->handles.data);
	vs_buf_printf(&response->body, ",\"request_id\":\"%s\"}\n", response->request_id);
}

static int run(struct vs_call *call, struct vs_error *error)
{
	int rc = call->operation->handler(call, error);
	if (vs_call_may_retry(call, rc)) {
		vs_handles_reset(&call->service->handles);
		vs_buf_reset(&call->response->body);
		*error = (struct vs_error){ .position = -1 };
		call->ns = call->object = NULL; /* of the body, which is parsed anew */
		call->retried = true;
		rc = call->operation->handler(call, error);
	}
	/* After a failed read, write or sync nothing that was open is trusted, and may refuse to write: open it again. */
	if (rc == VS_EIO || rc == VS_EREADONLY)
		vs_handles_reset(&call->service->handles);
	if (rc == 0 && call->response->body.failed)
		rc = vs_error_set(error, VS_ENOMEM, "no memory for the answer");
	return rc;
}

/* What could be a name, wherever it stands: also one that another goes before. */
static int check_names(const struct vs_call *call, struct vs_error *error)
{
	const struct vs_text *param = vs_target_param(&call->target, "namespace");
	int rc = param ? vs_catalog_check_name("namespace", param->data, error) : 0;
	return !rc && call->request->ns ? vs_catalog_check_name("X-Namespace", call->request->ns, error) : rc;
}

static int dispatch(struct vs_call *call, struct vs_error *error)
{
	const struct vs_request *request = call->request;
	int rc = vs_target_decode(&call->target, request->target, request->arena, error);
	if (!rc)
		rc = vs_route_find(&call->target, request->method, request->arena, &call->operation, &call->id,
		                   &call->response->allow, error);
	if (!rc)
		call->response->route = call->operation->path;
	/* Who asks for what is open to everybody is found out only where that matters: see vs_handle_ready. */
	if (!rc && call->operation->right != VS_RIGHT_NONE)
		rc = vs_auth_find(call->auth, request, &call->principal, error);
	if (!rc)
		rc = vs_auth_check(&call->principal, call->operation->right, error);
	if (!rc && request->body_len > VS_BODY_MAX)
		rc = vs_error_at(error, VS_ETOOBIG, "body", -1, "is larger than %u MiB", VS_BODY_MAX >> 20);
	if (!rc && call->operation->right != VS_RIGHT_NONE)
		rc = check_names(call, error);
	if (!rc)
		rc = run(call, error);
	return rc;
}

static double seconds_since(uint64_t start)
{
	return (double)(vs_clock_mono_ns() - start) * 1e-9;
}

void vs_service_handle(struct vs_service *service, const struct vs_request *request, struct vs_response *response)
{
	uint64_t start = vs_clock_mono_ns();
	struct vs_error error = { .position = -1 };
	struct vs_call call = {
		.service = service,
		.request = request,
		.response = response,
		.json = service->json,
		.metrics = service->metrics,
		.cache = service->cache,
		.auth = service->auth,
		.gate = &service->gate,
		.tenants = service->tenants,
	};
	begin(response);
	vs_metrics_begin(service->metrics);
	vs_audit_flush(service->auth, &service->gate, false);
	int rc = dispatch(&call, &error);
	if (rc) {
		error.code = rc;
		put_error(service, response, &error);
		if (response->status == 429)
			response->retry_after = call.retry_after;
	}
	vs_audit_call(&call, rc);
	if (!response->stream)
		vs_admit_leave(&call, response->body.len);
	else
		vs_tenant_count(call.tenant, VS_USAGE_BYTES_OUT, response->body.len);
	json_object_put(call.body);
	unsigned row = call.operation ? (unsigned)(call.operation - vs_operations) : VS_OPERATIONS;
	vs_metrics_request(service->metrics, row, response->status, seconds_since(start));
	vs_metrics_end(service->metrics);
}

void vs_service_refuse(struct vs_service *service, const struct vs_request *request, const struct vs_error *error,
                       struct vs_response *response)
{
	struct vs_target target;
	const struct vs_operation *operation = NULL;
	struct vs_text id;
	const char *allow;
	begin(response);
	put_error(service, response, error);
	if (vs_target_decode(&target, request->target, request->arena, NULL) == 0)
		(void)vs_route_find(&target, request->method, request->arena, &operation, &id, &allow, NULL);
	if (operation)
		response->route = operation->path;
	unsigned row = operation ? (unsigned)(operation - vs_operations) : VS_OPERATIONS;
	vs_metrics_request(service->metrics, row, response->status, 0.0);
}

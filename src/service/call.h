/* SPDX-License-Identifier: Apache-2.0 */
/* service/call: one request on its way through the room, and what its handlers share. Private to the room. */
#ifndef VS_SERVICE_CALL_H
#define VS_SERVICE_CALL_H

#include "engine/vecstore.h"
#include "service/auth.h"
#include "service/metrics.h"
#include "service/route.h"
#include "service/service.h"
#include "service/target.h"

struct json_object;
struct vs_fields;
struct vs_json;
struct vs_audit_gate;
struct vs_cache;
struct vs_split;
struct vs_handles;
struct vs_tenant;
struct vs_tenants;

#define VS_DEFAULT_NAMESPACE "default"

struct vs_call {
	struct vs_service *service;
	const struct vs_request *request;
	struct vs_response *response;
	const struct vs_operation *operation; /* NULL while no route was found */
	struct vs_target target;
	struct vs_text id; /* the {id} or {name} of the path; data NULL when the route has none */
	struct vs_auth *auth;
	struct vs_principal principal;
	const char *ns;      /* the namespace that was asked for, once it was; NULL: none yet */
	const char *object;  /* what is acted on there, for the audit trail; NULL: the id of the path, if that is no namespace's */
	const char *refused; /* why something was withheld, for the audit trail, though the answer may not say so; NULL: nothing was */
	bool recorded;       /* the handler has told the audit trail itself */
	struct vs_audit_gate *gate;
	struct json_object *body; /* released after the call; strings taken from it live until then */
	struct vs_json *json;
	struct vs_metrics *metrics;
	struct vs_cache *cache; /* NULL: off */
	bool retried; /* the handler's second and last try */
	struct vs_tenants *tenants;
	/* Of service/admit: */
	uint64_t admitted; /* the number of the namespace that was asked last; 0: none */
	struct vs_tenant *tenant; /* NULL: it is not counted there, or was refused: */
	struct vs_error refusal;
	int retry_after; /* seconds; 0: nothing to say */
};

/* A file was replaced, or looks wrong through maps that may be old: a handler that returns such a code is called once
 * more, with fresh handles, unless what it was to change is changed and recorded. */
static inline bool vs_call_may_retry(const struct vs_call *call, int rc)
{
	return !call->retried && !call->recorded && (rc == VS_ESTALE || rc == VS_ECORRUPT);
}

/* Handlers of operations.tbl. They write response->body, and return 0 or the code of *error, which is never NULL. */
#define VS_OPERATION(id, method, path, right, handler, summary) \
	int handler(struct vs_call *call, struct vs_error *error);
#include "service/operations.tbl"
#undef VS_OPERATION

/* ---- what the body is ---- */

enum vs_media { VS_MEDIA_NONE, VS_MEDIA_JSON, VS_MEDIA_NDJSON, VS_MEDIA_OCTETS, VS_MEDIA_PATCH, VS_MEDIA_TAR, VS_MEDIA_OTHER };
enum vs_media vs_call_media(const struct vs_call *call);
/* VS_EMEDIA unless the body is called JSON, VS_EINVAL when it is empty. */
int vs_call_check_json(const struct vs_call *call, struct vs_error *error);
/* Checks so, and parses the body as one JSON object into call->body: VS_EMEDIA, VS_EINVAL with the position. */
int vs_call_json(struct vs_call *call, struct vs_error *error);

/* The fields of a body that may be missing, and then all of them are: VS_EINVAL for one that is not in known (ended by NULL). */
int vs_call_fields(struct vs_call *call, const char *const *known, struct vs_fields *fields, struct vs_error *error);

/* The body without the elements of the array that was found in it, parsed into call->body. */
int vs_call_frame(struct vs_call *call, const struct vs_split *split, struct vs_error *error);

/* Counts for /metrics and, where it is one of these, for the namespace's usage. */
void vs_call_count(struct vs_call *call, enum vs_counter counter, uint64_t n);

/* ---- handles ---- */

/* The store, kept open from request to request. */
int vs_call_store(struct vs_call *call, struct vs_store **store, struct vs_error *error);

/* The namespace that the body (ns, NULL: not there), the query string or the header names, else the principal's own, else
 * `default`; kept open from request to request, and confined to what the principal may see. One that the principal may not use
 * is VS_ENOTFOUND, as if there were none. With create, `default` is made when missing; without, it begins empty:
 * 0 with *out NULL. The one place where it is settled whether this caller may ask it now: see service/admit. */
int vs_call_namespace(struct vs_call *call, const struct vs_text *ns, bool create, struct vs_namespace **out,
                      struct vs_error *error);
/* Its name, if it is one and the principal may use it: else VS_EINVAL or VS_ENOTFOUND, as above. Whatever is about a namespace
 * begins with this or the above. */
int vs_call_allow(struct vs_call *call, const struct vs_text *ns, const char **name, struct vs_error *error);
/* The same without asking, for what comes after. */
const char *vs_call_namespace_name(const struct vs_call *call, const struct vs_text *ns);
/* As vs_call_namespace would refuse for status and quotas; VS_ETAIL when the namespace so named takes no vectors now: asked before
 * the work of decoding them. What is wrong with the name is told later, by vs_call_namespace. */
int vs_call_admit(struct vs_call *call, const struct vs_text *ns, struct vs_error *error);
/* What new namespaces get. */
const struct vs_namespace_options *vs_call_fresh(const struct vs_call *call);
/* For handlers of administration, which no status and no quota keeps out. */
struct vs_handles *vs_call_handles(const struct vs_call *call);
int64_t vs_call_grace(const struct vs_call *call); /* milliseconds until what was deleted goes */

#endif

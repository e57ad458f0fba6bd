/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of API keys. A secret is told once, by the answer that makes it. */
#include <string.h>

#include "base/clock.h"
#include "service/audit.h"
#include "service/json_in.h"
#include "service/json_out.h"
#include "service/keys.h"
#include "service/lifetime.h"
#include "service/quota_json.h"

#define OVERLAP_DEFAULT 86400u /* seconds */
#define OVERLAP_MAX 2592000u   /* 30 days */

const char *vs_key_state(const struct vs_key *key)
{
	if (key->revoked_at != 0)
		return "revoked";
	if (key->expires_at != 0 && key->expires_at <= vs_clock_wall_ms())
		return "expired";
	return key->replaced_by[0] ? "replaced" : "active";
}

static void put_text(struct vs_buf *out, const char *name, const char *text)
{
	vs_buf_printf(out, ",\"%s\":", name);
	if (*text)
		vs_json_text(out, text, strlen(text));
	else
		vs_buf_puts(out, "null");
}

static void put_time(struct vs_buf *out, const char *name, int64_t time)
{
	vs_buf_printf(out, ",\"%s\":", name);
	if (time != 0)
		vs_json_time(out, time);
	else
		vs_buf_puts(out, "null");
}

void vs_key_encode(struct vs_buf *out, const struct vs_key *key, const char *secret)
{
	vs_buf_printf(out, "{\"id\":\"%s\"", key->id);
	if (secret)
		vs_buf_printf(out, ",\"key\":\"%s\"", secret);
	put_text(out, "prefix", key->prefix);
	put_text(out, "name", key->name);
	put_text(out, "namespace", key->grant.ns);
	put_text(out, "role", vs_role_name(key->grant.role));
	put_text(out, "filter", key->grant.filter);
	vs_buf_putc(out, ',');
	vs_quota_encode(out, &key->quota, true);
	put_text(out, "state", vs_key_state(key));
	put_time(out, "created_at", key->created_at);
	put_time(out, "expires_at", key->expires_at);
	put_time(out, "revoked_at", key->revoked_at);
	put_text(out, "replaced_by", key->replaced_by);
	vs_buf_putc(out, '}');
}

/* ---- POST /admin/keys ----------------------------------------------------------------------------------- */

static int copy_field(const struct vs_fields *fields, const char *name, char *to, size_t size, struct vs_error *error)
{
	struct vs_text text = { NULL, 0 };
	int rc = vs_fields_text(fields, name, &text, error);
	if (rc || !text.data)
		return rc;
	if (text.len >= size)
		return vs_error_at(error, VS_EINVAL, name, -1, "is longer than %zu bytes", size - 1);
	if (text.len == 0)
		return vs_fields_fault(fields, name, "is empty", error);
	memcpy(to, text.data, text.len + 1);
	return 0;
}

static int decode_filter(const struct vs_fields *fields, struct vs_grant *grant, struct vs_error *error)
{
	struct vs_text text = { NULL, 0 };
	int rc = vs_fields_filter(fields, "filter", &text, error);
	if (rc || !text.data)
		return rc;
	if (text.len >= sizeof(grant->filter))
		return vs_error_at(error, VS_EINVAL, "filter", -1, "is longer than %d bytes", VS_KEY_FILTER_MAX);
	memcpy(grant->filter, text.data, text.len + 1);
	return vs_filter_check(text.data, error);
}

static int decode_key(struct vs_call *call, struct vs_key *key, struct vs_error *error)
{
	static const char *const known[] = { "name",        "namespace", "role",   "filter", "expires_at",
		                                 "ttl_seconds", "quota",     "quotas", NULL };
	struct vs_text role = { NULL, 0 };
	int rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (rc || (rc = vs_fields_check(&fields, known, error)) ||
	    (rc = copy_field(&fields, "name", key->name, sizeof(key->name), error)) ||
	    (rc = copy_field(&fields, "namespace", key->grant.ns, sizeof(key->grant.ns), error)) ||
	    (rc = vs_fields_text(&fields, "role", &role, error)) || (rc = decode_filter(&fields, &key->grant, error)) ||
	    (rc = vs_lifetime_decode(&fields, &key->expires_at, error)) ||
	    (rc = vs_quota_decode(&fields, true, &key->quota, error)))
		return rc;
	if (!role.data)
		return vs_fields_missing(&fields, "role", error);
	if (!vs_role_find(role.data, &key->grant.role))
		return vs_error_at(error, VS_EINVAL, "role", -1, "must be one of %s", vs_role_names());
	return vs_grant_check(&key->grant, error);
}

static int check_no_parameters(const struct vs_call *call, struct vs_error *error)
{
	static const char *const none[] = { NULL };
	return vs_target_check(&call->target, none, error);
}

/* Nothing but the key's id, in the path. */
static int check_target(const struct vs_call *call, struct vs_error *error)
{
	int rc = check_no_parameters(call, error);
	if (rc || (call->id.len == VS_KEY_ID_LEN && strspn(call->id.data, "0123456789abcdef") == VS_KEY_ID_LEN))
		return rc;
	return vs_error_at(error, VS_EINVAL, "id", -1, "of a key is %d hex digits", VS_KEY_ID_LEN);
}

/* Ends a call that has changed a key. secret NULL: it was told before. */
static int answer(struct vs_call *call, int rc, const struct vs_audit_event *event, const struct vs_key *key,
                  const char *secret)
{
	if (rc)
		return rc;
	vs_audit_recorded(call, event);
	vs_key_encode(&call->response->body, key, secret);
	vs_buf_putc(&call->response->body, '\n');
	return 0;
}

int vs_handle_key_create(struct vs_call *call, struct vs_error *error)
{
	struct vs_key key = { .expires_at = 0 };
	char secret[VS_KEY_SECRET_LEN + 1], action[96], quota[VS_QUOTA_TEXT];
	struct vs_catalog *catalog;
	int rc = check_no_parameters(call, error);
	if (!rc)
		rc = decode_key(call, &key, error);
	/* Who was let in without a credential will not be, once there is a key. */
	if (!rc && call->principal.anonymous && key.grant.role != VS_ROLE_ADMIN)
		rc = vs_error_at(error, VS_ECONFLICT, "role", -1,
		                 "the first key must be an administrator's: from then on every request needs one");
	if (!rc)
		rc = vs_auth_catalog(call->auth, &catalog, error);
	if (rc)
		return rc;
	struct vs_audit_event event = vs_audit_event_of(call, action);
	event.ns = key.grant.ns;
	event.reason = vs_quota_format_change(&key.quota, quota);
	rc = vs_keys_append(catalog, &key, secret, &event, error);
	return answer(call, rc, &event, &key, secret);
}

/* ---- change, rotate and revoke -------------------------------------------------------------------------- */

static int decode_rotation(struct vs_call *call, uint32_t *overlap, int64_t *expires_at, struct vs_error *error)
{
	static const char *const known[] = { "overlap_seconds", "expires_at", "ttl_seconds", NULL };
	struct vs_fields fields;
	int rc = check_target(call, error);
	if (!rc)
		rc = vs_call_fields(call, known, &fields, error);
	if (!rc)
		rc = vs_fields_number(&fields, "overlap_seconds", 0, OVERLAP_MAX, overlap, error);
	return rc ? rc : vs_lifetime_decode(&fields, expires_at, error);
}

int vs_handle_key_rotate(struct vs_call *call, struct vs_error *error)
{
	char secret[VS_KEY_SECRET_LEN + 1], action[96];
	uint32_t overlap = OVERLAP_DEFAULT;
	struct vs_catalog *catalog;
	int64_t expires_at = 0;
	struct vs_key key;
	int rc = decode_rotation(call, &overlap, &expires_at, error);
	if (!rc)
		rc = vs_auth_catalog(call->auth, &catalog, error);
	if (rc)
		return rc;
	struct vs_audit_event event = vs_audit_event_of(call, action);
	rc = vs_keys_rotate(catalog, call->id.data, (int64_t)overlap * 1000, expires_at, &key, secret, &event, error);
	return answer(call, rc, &event, &key, secret);
}

int vs_handle_key_quota(struct vs_call *call, struct vs_error *error)
{
	struct vs_catalog *catalog;
	struct vs_quota change;
	struct vs_key key;
	char action[96], quota[VS_QUOTA_TEXT];
	int rc = check_target(call, error);
	if (!rc)
		rc = vs_quota_decode_body(call, true, &change, error);
	if (!rc)
		rc = vs_auth_catalog(call->auth, &catalog, error);
	if (rc)
		return rc;
	struct vs_audit_event event = vs_audit_event_of(call, action);
	event.reason = vs_quota_format_change(&change, quota);
	rc = vs_keys_set_quota(catalog, call->id.data, &change, &key, &event, error);
	return answer(call, rc, &event, &key, NULL);
}

int vs_handle_key_revoke(struct vs_call *call, struct vs_error *error)
{
	struct vs_catalog *catalog;
	struct vs_key key;
	char action[96];
	int rc = check_target(call, error);
	if (!rc)
		rc = vs_auth_catalog(call->auth, &catalog, error);
	if (rc)
		return rc;
	struct vs_audit_event event = vs_audit_event_of(call, action);
	rc = vs_keys_revoke(catalog, call->id.data, &event, error);
	if (!rc)
		rc = vs_keys_get(catalog, call->id.data, &key, error);
	return answer(call, rc, &event, &key, NULL);
}

/* ---- GET /admin/keys ------------------------------------------------------------------------------------ */

struct listing {
	struct vs_buf *out;
	const struct vs_text *ns; /* NULL: all */
	size_t count;
};

static int put_listed(void *context, const struct vs_key *key)
{
	struct listing *listing = context;
	if (listing->ns && strcmp(listing->ns->data, key->grant.ns) != 0)
		return 0;
	if (listing->count++ > 0)
		vs_buf_putc(listing->out, ',');
	vs_key_encode(listing->out, key, NULL);
	return 0;
}

int vs_handle_keys(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	struct vs_buf *out = &call->response->body;
	struct listing listing = { out, vs_target_param(&call->target, "namespace"), 0 };
	struct vs_catalog *catalog;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc && listing.ns)
		rc = vs_catalog_check_name("namespace", listing.ns->data, error);
	if (!rc)
		rc = vs_auth_catalog(call->auth, &catalog, error);
	vs_buf_puts(out, "{\"keys\":[");
	if (!rc)
		rc = vs_keys_each(catalog, put_listed, &listing, error);
	vs_buf_puts(out, "]}\n");
	return rc;
}

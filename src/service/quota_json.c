/* SPDX-License-Identifier: Apache-2.0 */
#include "service/quota_json.h"

#include <inttypes.h>
#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <string.h>

#include "base/buf.h"
#include "service/call.h"
#include "service/json_in.h"

struct decoding {
	bool of_key;
	bool given[VS_QUOTAS];
	struct vs_quota *quota;
};

/* null is the default; it gives way to the same quota by another name. */
static int decode_kind(const struct vs_fields *fields, const char *name, struct decoding *decoding, struct vs_error *error)
{
	enum vs_quota_kind kind;
	bool present;
	int64_t value = VS_QUOTA_DEFAULT;
	if (!vs_quota_find(name, strlen(name), &kind))
		return vs_fields_fault(fields, name, "is no quota", error);
	if (decoding->of_key && !vs_quota_of_key(kind))
		return vs_fields_fault(fields, name, "bounds a namespace, not a key", error);
	int rc = vs_fields_integer(fields, name, 0, vs_quota_limit(kind), &present, &value, error);
	if (!rc && present && decoding->given[kind])
		return vs_fields_fault(fields, name, "says again, by another name, what stands there already", error);
	if (!rc && (present || !decoding->given[kind]))
		decoding->quota->most[kind] = value;
	decoding->given[kind] |= present;
	return rc;
}

static bool is_wrapper(const char *name)
{
	return strcmp(name, "quota") == 0 || strcmp(name, "quotas") == 0;
}

/* All fields of the object but those called quota and quotas. */
static int decode_kinds(const struct vs_fields *fields, struct decoding *decoding, struct vs_error *error)
{
	int rc = 0;
	json_object_object_foreach(fields->object, name, value) {
		(void)value;
		if (!rc && !is_wrapper(name))
			rc = decode_kind(fields, name, decoding, error);
	}
	return rc;
}

static int decode_named(const struct vs_fields *fields, struct decoding *decoding, struct vs_error *error)
{
	struct json_object *quota = json_object_object_get(fields->object, "quota");
	struct json_object *quotas = json_object_object_get(fields->object, "quotas");
	struct vs_fields inner = { quota ? quota : quotas, quota ? "quota." : "quotas." };
	const char *name = quota ? "quota" : "quotas";
	if (quota && quotas)
		return vs_fields_fault(fields, "quotas", "stands beside quota", error);
	if (!inner.object)
		return 0;
	if (!json_object_is_type(inner.object, json_type_object))
		return vs_fields_fault(fields, name, "must be a JSON object", error);
	return decode_kinds(&inner, decoding, error);
}

int vs_quota_decode(const struct vs_fields *fields, bool of_key, struct vs_quota *quota, struct vs_error *error)
{
	struct decoding decoding = { .of_key = of_key, .quota = quota };
	*quota = vs_quota_keep();
	return decode_named(fields, &decoding, error);
}

int vs_quota_decode_body(struct vs_call *call, bool of_key, struct vs_quota *quota, struct vs_error *error)
{
	struct decoding decoding = { .of_key = of_key, .quota = quota };
	int rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	*quota = vs_quota_keep();
	if (!rc)
		rc = decode_named(&fields, &decoding, error);
	return rc ? rc : decode_kinds(&fields, &decoding, error);
}

void vs_quota_encode(struct vs_buf *out, const struct vs_quota *quota, bool of_key)
{
	const char *before = "\"quota\":{";
	for (int kind = 0; kind < VS_QUOTAS; kind++) {
		if (of_key && !vs_quota_of_key((enum vs_quota_kind)kind))
			continue;
		vs_buf_printf(out, "%s\"%s\":", before, vs_quota_name((enum vs_quota_kind)kind));
		if (quota->most[kind] == VS_QUOTA_DEFAULT)
			vs_buf_puts(out, "null");
		else
			vs_buf_printf(out, "%" PRId64, quota->most[kind]);
		before = ",";
	}
	vs_buf_putc(out, '}');
}

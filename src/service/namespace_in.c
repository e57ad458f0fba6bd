/* SPDX-License-Identifier: Apache-2.0 */
#include "service/namespace_in.h"

#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <stdio.h>
#include <string.h>

#include "service/json_in.h"

/* ---- quotas ---------------------------------------------------------------------------------------------- */

/* null is the server's default; it gives way to the same quota by another name. */
static int decode_kind(const struct vs_fields *fields, const char *name, bool given[VS_QUOTAS], struct vs_quota *quota,
                       struct vs_error *error)
{
	enum vs_quota_kind kind;
	bool present;
	int64_t value = VS_QUOTA_DEFAULT;
	if (!vs_quota_find(name, strlen(name), &kind))
		return vs_fields_fault(fields, name, "is no quota", error);
	int rc = vs_fields_integer(fields, name, 0, vs_quota_limit(kind), &present, &value, error);
	if (!rc && present && given[kind])
		return vs_fields_fault(fields, name, "says again, by another name, what stands there already", error);
	if (!rc && (present || !given[kind]))
		quota->most[kind] = value;
	given[kind] |= present;
	return rc;
}

static struct vs_quota keep_all(void)
{
	struct vs_quota quota;
	for (int kind = 0; kind < VS_QUOTAS; kind++)
		quota.most[kind] = VS_QUOTA_KEEP;
	return quota;
}

static bool is_wrapper(const char *name)
{
	return strcmp(name, "quota") == 0 || strcmp(name, "quotas") == 0;
}

/* All fields of the object but those called quota and quotas. */
static int decode_kinds(const struct vs_fields *fields, bool given[VS_QUOTAS], struct vs_setup *setup,
                        struct vs_error *error)
{
	int rc = 0;
	json_object_object_foreach(fields->object, name, value) {
		(void)value;
		if (!rc && !is_wrapper(name))
			rc = decode_kind(fields, name, given, &setup->quota, error);
	}
	return rc;
}

/* The object called quota or quotas, if there is one. */
static int decode_named(const struct vs_fields *fields, bool given[VS_QUOTAS], struct vs_setup *setup,
                        struct vs_error *error)
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
	return decode_kinds(&inner, given, setup, error);
}

int vs_setup_decode_quota(struct vs_call *call, struct vs_setup *setup, struct vs_error *error)
{
	bool given[VS_QUOTAS] = { false };
	int rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	setup->quota = keep_all();
	setup->change.quota = &setup->quota;
	if (!rc)
		rc = decode_named(&fields, given, setup, error);
	return rc ? rc : decode_kinds(&fields, given, setup, error);
}

/* ---- the rest -------------------------------------------------------------------------------------------- */

static int decode_texts(const struct vs_fields *fields, struct vs_setup *setup, struct vs_error *error)
{
	struct vs_text description = { NULL, 0 };
	struct vs_text metadata = { NULL, 0 };
	int rc = vs_fields_text(fields, "description", &description, error);
	if (!rc)
		rc = vs_fields_object(fields, "metadata", &metadata, error);
	setup->change.description = description.data;
	setup->change.metadata = metadata.data;
	return rc;
}

static int decode_options(const struct vs_fields *fields, struct vs_namespace_options *options, struct vs_error *error)
{
	struct vs_text metric = { NULL, 0 };
	struct vs_text quantization = { NULL, 0 };
	struct vs_text tokenizer = { NULL, 0 };
	int rc = vs_fields_number(fields, "dimension", 1, VS_VECTOR_DIM_MAX, &options->dimension, error);
	if (!rc)
		rc = vs_fields_text(fields, "metric", &metric, error);
	if (!rc && metric.data && !vs_metric_find(metric.data, &options->metric))
		rc = vs_fields_fault(fields, "metric", "is no metric, such as cosine or euclidean", error);
	if (!rc)
		rc = vs_fields_text(fields, "quantization", &quantization, error);
	if (!rc && quantization.data && !vs_quantization_find(quantization.data, &options->quantization))
		rc = vs_fields_fault(fields, "quantization", "must be int8 or none", error);
	if (!rc)
		rc = vs_fields_text(fields, "tokenizer", &tokenizer, error);
	if (!rc && tokenizer.data && !vs_tokenizer_find(tokenizer.data, &options->tokenizer))
		rc = vs_fields_fault(fields, "tokenizer", "must be unicode61 or porter", error);
	return rc;
}

int vs_setup_decode(struct vs_call *call, struct vs_setup *setup, struct vs_error *error)
{
	static const char *const known[] = { "name",     "description", "dimension", "metric", "quantization",
		                                 "tokenizer", "metadata",   "quota",     "quotas", NULL };
	int rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (rc || (rc = vs_fields_check(&fields, known, error)) || (rc = vs_fields_text(&fields, "name", &setup->name, error)))
		return rc;
	if (!setup->name.data)
		return vs_fields_missing(&fields, "name", error);
	if ((rc = decode_options(&fields, &setup->options, error)) || (rc = decode_texts(&fields, setup, error)))
		return rc;
	setup->quota = keep_all();
	setup->change.quota = &setup->quota;
	return decode_named(&fields, (bool[VS_QUOTAS]){ false }, setup, error);
}

int vs_setup_decode_change(struct vs_call *call, struct vs_setup *setup, struct vs_error *error)
{
	static const char *const known[] = { "description", "metadata", NULL };
	int rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (!rc)
		rc = vs_fields_check(&fields, known, error);
	return rc ? rc : decode_texts(&fields, setup, error);
}

int vs_setup_decode_status(struct vs_call *call, struct vs_setup *setup, struct vs_error *error)
{
	static const char *const known[] = { "status", NULL };
	struct vs_text status = { NULL, 0 };
	int rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (rc || (rc = vs_fields_check(&fields, known, error)) || (rc = vs_fields_text(&fields, "status", &status, error)))
		return rc;
	if (!status.data)
		return vs_fields_missing(&fields, "status", error);
	if (!vs_status_find(status.data, &setup->change.status) || setup->change.status == VS_DELETING)
		return vs_fields_fault(&fields, "status", "must be active, read_only, suspended or pending_deletion", error);
	return 0;
}

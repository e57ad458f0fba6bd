/* SPDX-License-Identifier: Apache-2.0 */
#include "service/namespace_in.h"

#include "service/json_in.h"
#include "service/quota_json.h"

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
	setup->change.quota = &setup->quota;
	return vs_quota_decode(&fields, false, &setup->quota, error);
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

int vs_setup_decode_quota(struct vs_call *call, struct vs_setup *setup, struct vs_error *error)
{
	setup->change.quota = &setup->quota;
	return vs_quota_decode_body(call, false, &setup->quota, error);
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

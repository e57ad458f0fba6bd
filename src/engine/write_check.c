/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked of a record before the writer lock is taken. */
#include <json-c/json_object.h>

#include "engine/json.h"
#include "engine/write.h"

#define EXPIRES_MAX INT64_C(253402300799999) /* the last of 9999 */

static int check_vector(struct vs_place *place, enum vs_metric metric, const struct vs_record_input *record,
                        struct vs_error *error)
{
	const char *field = vs_place_field(place, "vector");

	if (record->vector == NULL || record->dimension == 0)
		return vs_error_at(error, VS_EINVAL, field, -1, "a vector has at least one number");
	if (record->dimension > VS_VECTOR_DIM_MAX)
		return vs_error_at(error, VS_EINVAL, field, -1, "%u numbers; a vector has at most %d", record->dimension,
		                   VS_VECTOR_DIM_MAX);
	return vs_namespace_check_vector(metric, field, record->vector, record->dimension, error);
}

int vs_write_check_metadata(struct vs_namespace *ns, struct vs_place *place, const struct vs_record_input *record,
                            struct vs_error *error)
{
	const char *text = record->metadata;
	size_t len = record->metadata_len;
	struct json_object *object;
	int rc;

	if (record->if_version < VS_IF_PRESENT)
		return vs_error_at(error, VS_EINVAL, vs_place_field(place, "if_version"), -1, "no version is negative");
	if (record->expires_at < 0 || record->expires_at > EXPIRES_MAX)
		return vs_error_at(error, VS_EINVAL, vs_place_field(place, "expires_at"), -1,
		                   "is no time from 1970 to 9999 in milliseconds");
	if (text == NULL)
		return 0;
	if (len > VS_RECORD_METADATA_MAX)
		return vs_error_at(error, VS_ETOOBIG, vs_place_field(place, "metadata"), -1, "%zu bytes; at most %d are allowed",
		                   len, VS_RECORD_METADATA_MAX);
	if (ns->json == NULL)
		ns->json = vs_json_open();
	if (ns->json == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to check metadata");
	rc = vs_json_parse(ns->json, text, len, vs_place_field(place, "metadata"), &object, error);
	if (rc == 0)
		json_object_put(object);
	return rc;
}

int vs_write_check(struct vs_namespace *ns, struct vs_place *place, const struct vs_record_input *record,
                   struct vs_error *error)
{
	int rc = vs_namespace_check_id(vs_place_field(place, "id"), record->id, record->id_len, error);

	if (rc == 0)
		rc = check_vector(place, ns->entry.metric, record, error);
	if (rc == 0)
		rc = vs_write_check_metadata(ns, place, record, error);
	if (rc == 0 && record->text != NULL)
		rc = vs_namespace_check_text(vs_place_field(place, "text"), record->text, record->text_len, error);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "service/record_in.h"

#include "service/condition.h"
#include "service/json_in.h"
#include "service/lifetime.h"

int vs_record_decode(const struct vs_fields *fields, const char *more, struct vs_arena *arena,
                     struct vs_record_input *record, struct vs_error *error)
{
	const char *known[] = { "id", "vector", "metadata", "if_version", "expires_at", "ttl_seconds", "text", more, NULL };
	struct vs_text id = { NULL, 0 };
	struct vs_text metadata;
	struct vs_text text = { NULL, 0 };
	int rc = vs_fields_check(fields, known, error);
	if (!rc)
		rc = vs_fields_text(fields, "id", &id, error);
	if (!rc && !id.data)
		rc = vs_fields_missing(fields, "id", error);
	if (!rc)
		rc = vs_fields_vector(fields, "vector", arena, &record->vector, &record->dimension, error);
	if (!rc && !record->vector)
		rc = vs_fields_missing(fields, "vector", error);
	if (!rc)
		rc = vs_fields_object(fields, "metadata", &metadata, error);
	if (!rc)
		rc = vs_condition_field(fields, &record->if_version, error);
	if (!rc)
		rc = vs_fields_text(fields, "text", &text, error);
	if (!rc)
		rc = vs_lifetime_decode(fields, &record->expires_at, error);
	if (rc)
		return rc;
	record->id = id.data;
	record->id_len = id.len;
	record->metadata = metadata.data;
	record->metadata_len = metadata.len;
	record->text = text.data;
	record->text_len = text.len;
	return 0;
}

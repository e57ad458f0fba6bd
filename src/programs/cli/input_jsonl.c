/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines: {"id": …, "vector": […], "metadata": {…}, "deleted": true}, decoded as strictly as the server does. The
 * last two may be missing. Empty lines are skipped.
 */
#include <json-c/json_object.h>
#include <string.h>

#include "base/error.h"
#include "programs/cli/records.h"
#include "service/json_in.h"

static int copy_text(struct vs_arena *arena, const struct vs_text *text, const char **data, size_t *len,
                     struct vs_error *error)
{
	*data = NULL;
	*len = text->len;
	if (text->data && !(*data = vs_arena_dup(arena, text->data, text->len)))
		return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	return 0;
}

int vs_records_decode(struct json_tokener *json, const char *text, size_t len, struct vs_arena *arena,
                      struct vs_record_input *record, bool *deleted, struct vs_error *error)
{
	static const char *const names[] = { "id", "vector", "metadata", "deleted", NULL };
	struct vs_fields fields = { NULL, "" };
	struct vs_text id = { NULL, 0 };
	struct vs_text metadata = { NULL, 0 };
	memset(record, 0, sizeof *record);
	*deleted = false;
	int rc = vs_json_parse(json, text, len, "record", &fields.object, error);
	if (rc)
		return rc;
	rc = vs_fields_check(&fields, names, error);
	if (!rc)
		rc = vs_fields_text(&fields, "id", &id, error);
	if (!rc && !id.data)
		rc = vs_fields_missing(&fields, "id", error);
	if (!rc)
		rc = vs_fields_vector(&fields, "vector", arena, &record->vector, &record->dimension, error);
	if (!rc && !record->vector)
		rc = vs_fields_missing(&fields, "vector", error);
	if (!rc)
		rc = vs_fields_object(&fields, "metadata", &metadata, error);
	if (!rc)
		rc = vs_fields_bool(&fields, "deleted", deleted, error);
	/* Copied, so that the decoded object, many times as large, need not wait for the commit. */
	if (!rc)
		rc = copy_text(arena, &id, &record->id, &record->id_len, error);
	if (!rc)
		rc = copy_text(arena, &metadata, &record->metadata, &record->metadata_len, error);
	json_object_put(fields.object);
	return rc;
}

static bool is_blank(const char *text, size_t len)
{
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return len == 0;
}

static int jsonl_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                      struct vs_error *error)
{
	const char *text;
	size_t len;
	for (;;) {
		int rc = vs_input_line(&records->input, &text, &len, error);
		if (rc <= 0)
			return rc;
		if (is_blank(text, len))
			continue;
		records->whole = true;
		rc = vs_records_keep(records, arena, text, len, error);
		if (!rc && record)
			rc = vs_records_decode(records->json, text, len, arena, record, &records->deleted, error);
		return rc ? rc : 1;
	}
}

const struct vs_reader vs_reader_jsonl = {
	.name = "jsonl",
	.by_line = true,
	.has_ids = true,
	.has_metadata = true,
	.next = jsonl_next,
};

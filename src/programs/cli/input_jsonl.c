/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines: {"id": …, "vector": […], "metadata": {…}, "text": …, "expires_at": …, "deleted": true}, decoded as strictly as
 * the server does. The last four may be missing. Empty lines are skipped. No ttl_seconds: read again, the same file must be the same.
 */
#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "programs/cli/json_raw.h"
#include "programs/cli/records.h"
#include "service/json_in.h"
#include "service/json_vectors.h"
#include "service/lifetime.h"

static int copy_text(struct vs_arena *arena, const struct vs_text *text, const char **data, size_t *len,
                     struct vs_error *error)
{
	*data = NULL;
	*len = text->len;
	if (text->data && !(*data = vs_arena_dup(arena, text->data, text->len)))
		return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	return 0;
}

/* Depth is bounded by the parser. */
static bool holds_infinity(struct json_object *value)
{
	if (json_object_is_type(value, json_type_double))
		return !isfinite(json_object_get_double(value));
	if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			if (holds_infinity(json_object_array_get_idx(value, i)))
				return true;
	} else if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member)
		{
			(void)key;
			if (holds_infinity(member))
				return true;
		}
	}
	return false;
}

/* Metadata as they stand in the line, blanks put aside, so that they keep each digit of each number. */
static int copy_metadata(const struct vs_fields *fields, const char *line, size_t line_len, struct vs_arena *arena,
                         struct vs_record_input *record, struct vs_error *error)
{
	struct json_object *found = NULL;
	struct vs_text text = { NULL, 0 };
	json_object_object_get_ex(fields->object, "metadata", &found);
	/* A name may be written with escapes; and what is no object is refused with words. */
	if (!json_object_is_type(found, json_type_object) ||
	    !vs_json_member(line, line_len, "\"metadata\"", &text.data, &text.len)) {
		int rc = vs_fields_object(fields, "metadata", &text, error);
		if (rc || !text.data)
			return rc;
	}
	if (holds_infinity(found))
		return vs_error_at(error, VS_EINVAL, "metadata", -1, "holds a number beyond float64");
	char *copy = vs_arena_alloc(arena, text.len + 1);
	if (!copy)
		return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	record->metadata_len = vs_json_compact(copy, text.data, text.len);
	copy[record->metadata_len] = '\0';
	record->metadata = copy;
	return 0;
}

int vs_records_decode(struct vs_json *json, const char *text, size_t len, struct vs_arena *arena,
                      struct vs_record_input *record, bool *deleted, struct vs_error *error)
{
	static const char *const names[] = { "id", "vector", "metadata", "text", "expires_at", "deleted", NULL };
	struct vs_fields fields = { NULL, "" };
	struct vs_text id = { NULL, 0 }, body = { NULL, 0 };
	memset(record, 0, sizeof *record);
	*deleted = false;
	int rc = vs_json_parse_vectors(json, text, len, "record", &fields.object, error);
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
		rc = copy_metadata(&fields, text, len, arena, record, error);
	if (!rc)
		rc = vs_fields_text(&fields, "text", &body, error);
	if (!rc)
		rc = vs_lifetime_decode(&fields, &record->expires_at, error);
	if (!rc)
		rc = vs_fields_bool(&fields, "deleted", deleted, error);
	/* Copied, so that the decoded object, many times as large, need not wait for the commit. */
	if (!rc)
		rc = copy_text(arena, &id, &record->id, &record->id_len, error);
	if (!rc)
		rc = copy_text(arena, &body, &record->text, &record->text_len, error);
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

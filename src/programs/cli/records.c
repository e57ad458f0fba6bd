/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/records.h"

#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "service/json_in.h"

int vs_records_open(struct vs_records *records, const char *path, enum vs_records_format format, struct vs_input *ids,
                    unsigned long first_row, struct vs_error *error)
{
	memset(records, 0, sizeof *records);
	records->format = format;
	records->ids = ids;
	records->row = records->first = first_row;
	records->json = vs_json_open();
	if (!records->json)
		return vs_error_set(error, VS_ENOMEM, "no memory for a JSON decoder");
	int rc = vs_input_open(&records->input, path, error);
	if (rc)
		vs_records_close(records);
	return rc;
}

void vs_records_close(struct vs_records *records)
{
	vs_input_close(&records->input);
	vs_json_close(records->json);
	memset(records, 0, sizeof *records);
}

static int copy_text(struct vs_arena *arena, const struct vs_text *text, const char **data, size_t *len,
                     struct vs_error *error)
{
	*data = NULL;
	*len = text->len;
	if (text->data && !(*data = vs_arena_dup(arena, text->data, text->len)))
		return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	return 0;
}

int vs_records_decode(struct vs_json *json, const char *text, size_t len, struct vs_arena *arena,
                      struct vs_record_input *record, struct vs_error *error)
{
	static const char *const names[] = { "id", "vector", "metadata", NULL };
	struct vs_fields fields = { NULL, "" };
	struct vs_text id = { NULL, 0 };
	struct vs_text metadata = { NULL, 0 };
	memset(record, 0, sizeof *record);
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

static int next_line(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
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
		rc = vs_records_decode(records->json, text, len, arena, record, error);
		return rc ? rc : 1;
	}
}

static int next_id(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                   struct vs_error *error)
{
	const char *text;
	size_t len;
	char number[24];
	if (records->ids) {
		int rc = vs_input_line(records->ids, &text, &len, error);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return vs_error_set(error, VS_EINVAL, "%s has no id for it", records->ids->name);
	} else {
		len = (size_t)snprintf(number, sizeof number, "%lu", records->row);
		text = number;
	}
	record->id = vs_arena_dup(arena, text, len);
	record->id_len = len;
	return record->id ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a record");
}

static int next_fvec(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                     struct vs_error *error)
{
	uint32_t dimension = 0;
	memset(record, 0, sizeof *record);
	int rc = vs_input_read(&records->input, &dimension, sizeof dimension, error);
	if (rc == 0)
		return 0;
	records->row++; /* from now on a fault is this record's */
	if (rc < 0)
		return rc;
	if (dimension == 0 || dimension > VS_VECTOR_DIM_MAX)
		return vs_error_set(error, VS_EINVAL, "it claims %u dimensions, which no vector has: is the file fvecs?",
		                    dimension);
	float *vector = vs_arena_alloc(arena, dimension * sizeof *vector);
	if (!vector)
		return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	rc = vs_input_read(&records->input, vector, dimension * sizeof *vector, error);
	if (rc == 0)
		return vs_error_set(error, VS_EINVAL, "the file ends too early");
	if (rc < 0)
		return rc;
	record->vector = vector;
	record->dimension = dimension;
	records->row--;
	rc = next_id(records, arena, record, error);
	records->row++;
	return rc ? rc : 1;
}

int vs_records_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                    struct vs_error *error)
{
	if (records->format == VS_RECORDS_FVECS)
		return next_fvec(records, arena, record, error);
	return next_line(records, arena, record, error);
}

unsigned long vs_records_place(const struct vs_records *records)
{
	if (records->format == VS_RECORDS_JSONL)
		return records->input.lines;
	return records->row > records->first ? records->row - records->first - 1 : 0;
}

void vs_records_describe(const struct vs_records *records, unsigned long place, char *text, size_t cap)
{
	const char *format = records->format == VS_RECORDS_JSONL ? "%s:%lu" : "%s: vector %lu";
	snprintf(text, cap, format, records->input.name, place);
}

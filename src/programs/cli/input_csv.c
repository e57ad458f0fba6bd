/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV (RFC 4180) with a header row. Empty rows are skipped. csv.h says what the columns may be.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <json-c/json_object.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/json.h"
#include "programs/cli/csv.h"
#include "programs/cli/records.h"
#include "service/json_out.h"
#include "service/lifetime.h"

struct csv {
	struct vs_csv_columns columns;
	struct vs_csv_field *fields; /* of the row being read */
	struct vs_buf metadata;      /* of the row being read */
	float *numbers;              /* of a vector in one column */
};

static int csv_open(struct vs_records *records, struct vs_error *error)
{
	char *text;
	size_t len;
	int rc = vs_input_row(&records->input, &text, &len, error);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return vs_error_set(error, VS_EINVAL, "the file is empty: a header row is missing");
	if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
		return vs_error_set(error, VS_EINVAL, "the file is UTF-16: save it as UTF-8");
	if (vs_utf8_check(text, len) >= 0)
		return vs_error_at(error, VS_EINVAL, "header", vs_utf8_check(text, len), "is not valid UTF-8");
	if (memchr(text, '\0', len))
		return vs_error_set(error, VS_EINVAL, "a NUL byte is not CSV");
	struct csv *csv = records->state = calloc(1, sizeof *csv);
	if (!csv)
		return vs_error_set(error, VS_ENOMEM, "no memory for columns");
	rc = vs_csv_columns_open(&csv->columns, text, len, records->options.delimiter, records->options.columns,
	                         !records->options.ids, error);
	if (rc)
		return rc;
	csv->fields = calloc(csv->columns.count, sizeof *csv->fields);
	csv->numbers = malloc(VS_VECTOR_DIM_MAX * sizeof *csv->numbers);
	return csv->fields && csv->numbers ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for columns");
}

static void csv_close(struct vs_records *records)
{
	struct csv *csv = records->state;
	if (!csv)
		return;
	vs_csv_columns_close(&csv->columns);
	vs_buf_release(&csv->metadata);
	free(csv->fields);
	free(csv->numbers);
}

/* ---- vectors ---------------------------------------------------------------------------------------------- */

/* The number at the start of text, whose end is *end: NULL, or what is wrong. */
static const char *read_number(const char *text, float *value, const char **end)
{
	size_t len = strspn(text, "+-.0123456789eE");
	char *stop;
	*value = strtof(text, &stop);
	*end = stop;
	if (len == 0 || stop != text + len)
		return "is not a number";
	return isfinite(*value) ? NULL : "is beyond the range of float32";
}

/* [0.1, 0.2, …] */
static int read_array(struct csv *csv, const struct vs_csv_column *column, const struct vs_csv_field *field,
                      uint32_t *dimension, struct vs_error *error)
{
	const char *p = field->text + strspn(field->text, " \t");
	uint32_t n = 0;
	if (*p++ != '[')
		return vs_error_at(error, VS_EINVAL, column->name, -1, "must be a JSON array of numbers: [0.1, 0.2]");
	for (;; p++) {
		p += strspn(p, " \t\r\n");
		if (n == VS_VECTOR_DIM_MAX)
			return vs_error_at(error, VS_EINVAL, column->name, -1, "must have 1 to %d dimensions", VS_VECTOR_DIM_MAX);
		const char *why = read_number(p, &csv->numbers[n], &p);
		if (why)
			return vs_error_at(error, VS_EINVAL, column->name, n, "%s", why);
		n++;
		p += strspn(p, " \t\r\n");
		if (*p == ']')
			break;
		if (*p != ',')
			return vs_error_at(error, VS_EINVAL, column->name, n - 1, "a comma or ] is missing after it");
	}
	p++;
	p += strspn(p, " \t\r\n");
	if (p != field->text + field->len)
		return vs_error_at(error, VS_EINVAL, column->name, -1, "something follows the ]");
	*dimension = n;
	return 0;
}

static int read_element(struct csv *csv, const struct vs_csv_column *column, const struct vs_csv_field *field,
                        struct vs_error *error)
{
	const char *end;
	const char *why = read_number(field->text, &csv->numbers[column->element], &end);
	if (!why && end != field->text + field->len)
		why = "is not a number";
	return why ? vs_error_at(error, VS_EINVAL, column->name, -1, "'%.40s' %s", field->text, why) : 0;
}

/* ---- metadata --------------------------------------------------------------------------------------------- */

/* The words by which boolean values are known. */
static bool read_boolean(const char *text, bool *value)
{
	static const char *const words[] = { "false", "true", "0", "1", "no", "yes", "f", "t", "n", "y" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2 == 1;
			return true;
		}
	}
	return false;
}

/* Whether the field is one JSON value (an object, where that is asked for): wrapped as the only member of an object, so
 * that it cannot bring others along. */
static int check_json(struct vs_records *records, const struct vs_csv_column *column, const struct vs_csv_field *field,
                      struct vs_error *error)
{
	struct vs_buf text = VS_BUF_INIT;
	struct json_object *object = NULL, *value = NULL;
	struct vs_error fault;
	vs_buf_puts(&text, "{\"\":");
	vs_buf_append(&text, field->text, field->len);
	vs_buf_putc(&text, '}');
	int rc = text.failed ? vs_error_set(&fault, VS_ENOMEM, "out of memory")
	                     : vs_json_parse(records->json, text.data, text.len, "", &object, &fault);
	if (rc) {
		vs_error_at(error, rc, column->name, -1, "is not JSON: %s", fault.text);
	} else {
		json_object_object_get_ex(object, "", &value);
		if (json_object_object_length(object) != 1)
			rc = vs_error_at(error, VS_EINVAL, column->name, -1, "is not one JSON value");
		else if (column->type == VS_CSV_METADATA && !json_object_is_type(value, json_type_object))
			rc = vs_error_at(error, VS_EINVAL, column->name, -1, "must be a JSON object");
	}
	json_object_put(object);
	vs_buf_release(&text);
	return rc;
}

static void put_member(struct vs_buf *out, const struct vs_csv_column *column, const char *json, size_t len)
{
	if (out->len > 1)
		vs_buf_putc(out, ',');
	vs_buf_puts(out, column->key);
	vs_buf_append(out, json, len);
}

static int put_text(struct vs_buf *out, const struct vs_csv_column *column, const struct vs_csv_field *field,
                    struct vs_error *error)
{
	int64_t bad = vs_utf8_check(field->text, field->len);
	if (bad >= 0)
		return vs_error_at(error, VS_EINVAL, column->name, bad, "is not valid UTF-8");
	put_member(out, column, "", 0);
	vs_json_text(out, field->text, field->len);
	return 0;
}

/* What stands between the braces. */
static int put_members(struct vs_records *records, struct vs_buf *out, const struct vs_csv_column *column,
                       const struct vs_csv_field *field, struct vs_error *error)
{
	int rc = check_json(records, column, field, error);
	if (rc)
		return rc;
	const char *from = strchr(field->text, '{') + 1, *to = strrchr(field->text, '}');
	from += strspn(from, " \t\r\n");
	if (from < to && out->len > 1)
		vs_buf_putc(out, ',');
	if (from < to)
		vs_buf_append(out, from, (size_t)(to - from));
	return 0;
}

static int put_metadata(struct vs_records *records, const struct vs_csv_column *column,
                        const struct vs_csv_field *field, struct vs_error *error)
{
	struct vs_buf *out = &((struct csv *)records->state)->metadata;
	bool is_number = vs_csv_is_number(field->text, field->len), on;
	int rc;
	if (field->len == 0 && (!field->quoted || column->type != VS_CSV_AUTO) && column->type != VS_CSV_TEXT)
		return 0;
	switch (column->type) {
	case VS_CSV_NUMBER:
		if (!is_number)
			return vs_error_at(error, VS_EINVAL, column->name, -1, "'%.40s' is not a number", field->text);
		put_member(out, column, field->text, field->len);
		return 0;
	case VS_CSV_BOOLEAN:
		if (!read_boolean(field->text, &on))
			return vs_error_at(error, VS_EINVAL, column->name, -1, "'%.40s' is neither true nor false", field->text);
		put_member(out, column, on ? "true" : "false", on ? 4 : 5);
		return 0;
	case VS_CSV_JSON:
		rc = check_json(records, column, field, error);
		if (!rc)
			put_member(out, column, field->text, field->len);
		return rc;
	case VS_CSV_METADATA:
		return put_members(records, out, column, field, error);
	case VS_CSV_AUTO:
		if (!field->quoted && (is_number || strcmp(field->text, "true") == 0 || strcmp(field->text, "false") == 0 ||
		                       strcmp(field->text, "null") == 0)) {
			put_member(out, column, field->text, field->len);
			return 0;
		}
		/* fall through */
	default:
		return put_text(out, column, field, error);
	}
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static int decode_field(struct vs_records *records, struct vs_arena *arena, size_t i, struct vs_record_input *record,
                        struct vs_error *error)
{
	struct csv *csv = records->state;
	const struct vs_csv_column *column = &csv->columns.columns[i];
	const struct vs_csv_field *field = &csv->fields[i];
	switch (column->type) {
	case VS_CSV_SKIP:
		return 0;
	case VS_CSV_ID:
		record->id = vs_arena_dup(arena, field->text, field->len);
		record->id_len = field->len;
		return record->id ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a record");
	case VS_CSV_VECTOR:
		return column->element >= 0 ? read_element(csv, column, field, error)
		                            : read_array(csv, column, field, &record->dimension, error);
	case VS_CSV_FULLTEXT:
		if (field->len == 0 && !field->quoted)
			return 0;
		record->text = vs_arena_dup(arena, field->text, field->len);
		record->text_len = field->len;
		return record->text ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a record");
	case VS_CSV_EXPIRES:
		return field->len == 0 || vs_lifetime_parse(field->text, field->len, &record->expires_at)
		           ? 0
		           : vs_error_at(error, VS_EINVAL, column->name, -1,
		                         "'%.40s' is neither a time such as 2026-01-31T12:00:00Z nor milliseconds since 1970", field->text);
	case VS_CSV_DELETED:
		return field->len == 0 || read_boolean(field->text, &records->deleted)
		           ? 0
		           : vs_error_at(error, VS_EINVAL, column->name, -1, "'%.40s' is neither true nor false", field->text);
	default:
		return put_metadata(records, column, field, error);
	}
}

static int decode_row(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                      struct vs_error *error)
{
	struct csv *csv = records->state;
	vs_buf_reset(&csv->metadata);
	vs_buf_putc(&csv->metadata, '{');
	record->dimension = csv->columns.elements;
	for (size_t i = 0; i < csv->columns.count; i++) {
		int rc = decode_field(records, arena, i, record, error);
		if (rc)
			return rc;
	}
	vs_buf_putc(&csv->metadata, '}');
	float *vector = vs_arena_alloc(arena, record->dimension * sizeof *vector);
	if (csv->metadata.len > 2) {
		record->metadata = vs_arena_dup(arena, csv->metadata.data, csv->metadata.len);
		record->metadata_len = csv->metadata.len;
	}
	if (csv->metadata.failed || !vector || (csv->metadata.len > 2 && !record->metadata))
		return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	memcpy(vector, csv->numbers, record->dimension * sizeof *vector);
	record->vector = vector;
	return 0;
}

static int csv_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                    struct vs_error *error)
{
	struct csv *csv = records->state;
	char *text;
	size_t len;
	int rc;
	do {
		rc = vs_input_row(&records->input, &text, &len, error);
		if (rc <= 0)
			return rc;
	} while (len == 0);
	records->whole = true;
	if (!record)
		return 1;
	rc = vs_records_keep(records, arena, text, len, error);
	if (rc)
		return rc;
	if (memchr(text, '\0', len))
		return vs_error_set(error, VS_EINVAL, "a NUL byte is not CSV");
	rc = vs_csv_split(text, len, records->options.delimiter, csv->fields, csv->columns.count, error);
	if (rc < 0)
		return rc;
	if ((size_t)rc != csv->columns.count)
		return vs_error_set(error, VS_EINVAL, "it has %d fields, but the header has %zu", rc, csv->columns.count);
	rc = decode_row(records, arena, record, error);
	return rc ? rc : 1;
}

const struct vs_reader vs_reader_csv = {
	.name = "csv",
	.by_line = true,
	.has_metadata = true,
	.open = csv_open,
	.next = csv_next,
	.close = csv_close,
};

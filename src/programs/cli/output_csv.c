/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CSV (RFC 4180): id, vector as a JSON array, metadata as one JSON object or the fields asked for, a column each, the record's
 * text, where any has one, and when it expires. Text is quoted, numbers, true, false and null are not, what is missing is empty; so
 * import can tell them apart.
 */
#include <json-c/json_object.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/json.h"
#include "programs/cli/export.h"
#include "programs/cli/json_raw.h"
#include "service/json_out.h"

static int put_quoted(struct vs_buf *out, const char *text, size_t len, struct vs_error *error)
{
	if (memchr(text, '\0', len))
		return vs_error_set(error, VS_EINVAL, "a text holds a NUL character, which CSV cannot: use jsonl");
	vs_buf_putc(out, '"');
	for (const char *quote; (quote = memchr(text, '"', len)) != NULL;) {
		size_t n = (size_t)(quote - text) + 1;
		vs_buf_append(out, text, n);
		vs_buf_putc(out, '"');
		text += n;
		len -= n;
	}
	vs_buf_append(out, text, len);
	vs_buf_putc(out, '"');
	return 0;
}

/* The text that a JSON string stands for. */
static int put_string(struct vs_export *export, const char *json, size_t len, struct vs_error *error)
{
	struct vs_buf wrapped = VS_BUF_INIT;
	struct json_object *object = NULL, *value = NULL;
	vs_buf_puts(&wrapped, "{\"\":");
	vs_buf_append(&wrapped, json, len);
	vs_buf_putc(&wrapped, '}');
	int rc = wrapped.failed ? vs_error_set(error, VS_ENOMEM, "out of memory")
	                        : vs_json_parse(export->json, wrapped.data, wrapped.len, "metadata", &object, error);
	if (!rc) {
		json_object_object_get_ex(object, "", &value);
		rc = put_quoted(&export->page, json_object_get_string(value), (size_t)json_object_get_string_len(value), error);
	}
	json_object_put(object);
	vs_buf_release(&wrapped);
	return rc;
}

static int put_json(struct vs_buf *out, const char *json, size_t len, struct vs_error *error)
{
	struct vs_buf text = VS_BUF_INIT;
	vs_export_json(&text, json, len);
	int rc = text.failed ? vs_error_set(error, VS_ENOMEM, "out of memory") : put_quoted(out, text.data, text.len, error);
	vs_buf_release(&text);
	return rc;
}

static int put_value(struct vs_export *export, const char *json, size_t len, struct vs_error *error)
{
	if (*json == '"')
		return put_string(export, json, len, error);
	if (*json == '[' || *json == '{')
		return put_json(&export->page, json, len, error);
	vs_buf_append(&export->page, json, len);
	return 0;
}

/* Calls each with the name of each field: 0 or its VS_E…. */
static int each_field(struct vs_export *export, const struct vs_record *record,
                      int (*each)(struct vs_export *, const struct vs_record *, const char *, size_t, struct vs_error *),
                      struct vs_error *error)
{
	int rc = 0;
	for (const char *name = export->fields; !rc && name; name = strchr(name, ',') ? strchr(name, ',') + 1 : NULL) {
		vs_buf_putc(&export->page, ',');
		rc = each(export, record, name, strcspn(name, ","), error);
	}
	return rc;
}

static int put_name(struct vs_export *export, const struct vs_record *record, const char *name, size_t len,
                    struct vs_error *error)
{
	(void)record;
	return put_quoted(&export->page, name, len, error);
}

static int put_field(struct vs_export *export, const struct vs_record *record, const char *name, size_t len,
                     struct vs_error *error)
{
	struct vs_buf key = VS_BUF_INIT;
	const char *value;
	size_t value_len;
	int rc = 0;
	vs_json_text(&key, name, len);
	if (!key.failed && vs_json_member(record->metadata, record->metadata_len, key.data, &value, &value_len))
		rc = put_value(export, value, value_len, error);
	vs_buf_release(&key);
	return rc;
}

static int begin(struct vs_export *export, struct vs_error *error)
{
	int rc = 0;
	vs_buf_puts(&export->page, "id,vector");
	if (export->fields)
		rc = each_field(export, NULL, put_name, error);
	else
		vs_buf_puts(&export->page, ",metadata");
	if (export->with_text)
		vs_buf_puts(&export->page, ",@text");
	vs_buf_puts(&export->page, ",@expires_at");
	vs_buf_puts(&export->page, export->with_deleted ? ",deleted\r\n" : "\r\n");
	return rc;
}

static int write_record(struct vs_export *export, const struct vs_record *record, struct vs_error *error)
{
	struct vs_buf *out = &export->page;
	int rc = put_quoted(out, record->id, record->id_len, error);
	vs_buf_puts(out, ",\"");
	vs_json_vector(out, record->vector, record->dimension);
	vs_buf_putc(out, '"');
	if (!rc && export->fields) {
		rc = each_field(export, record, put_field, error);
	} else if (!rc) {
		vs_buf_putc(out, ',');
		rc = put_json(out, record->metadata, record->metadata_len, error);
	}
	if (export->with_text)
		vs_buf_putc(out, ',');
	if (!rc && export->with_text && record->text)
		rc = put_quoted(out, record->text, record->text_len, error);
	vs_buf_putc(out, ',');
	if (record->expires_at) {
		char time[VS_CLOCK_TEXT];
		vs_clock_format(record->expires_at, time);
		vs_buf_puts(out, time);
	}
	if (export->with_deleted)
		vs_buf_puts(out, record->deleted_at ? ",true" : ",false");
	vs_buf_puts(out, "\r\n");
	return rc;
}

const struct vs_writer vs_writer_csv = { .name = "csv", .begin = begin, .record = write_record };

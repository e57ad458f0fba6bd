/* SPDX-License-Identifier: Apache-2.0 */
#include "service/json_out.h"

#include <inttypes.h>
#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/vecstore.h"

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static void put_escape(struct vs_buf *out, unsigned char c)
{
	if (c == '"' || c == '\\') {
		char pair[2] = { '\\', (char)c };
		vs_buf_append(out, pair, 2);
	} else if (c == '\n') {
		vs_buf_append(out, "\\n", 2);
	} else {
		vs_buf_printf(out, "\\u%04x", c);
	}
}

/* Valid UTF-8. */
static void put_valid(struct vs_buf *out, const char *text, size_t len)
{
	size_t from = 0;
	for (size_t i = 0; i < len; i++) {
		if (is_plain((unsigned char)text[i]))
			continue;
		vs_buf_append(out, text + from, i - from);
		put_escape(out, (unsigned char)text[i]);
		from = i + 1;
	}
	vs_buf_append(out, text + from, len - from);
}

void vs_json_text(struct vs_buf *out, const char *text, size_t len)
{
	int64_t bad;
	vs_buf_putc(out, '"');
	while (len > 0 && (bad = vs_utf8_check(text, len)) >= 0) {
		put_valid(out, text, (size_t)bad);
		vs_buf_append(out, "\xef\xbf\xbd", 3);
		text += bad + 1;
		len -= (size_t)bad + 1;
	}
	put_valid(out, text, len);
	vs_buf_putc(out, '"');
}

static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
	                             1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18 };

/* True when every decimal number near candidate reads as value: one rounding (to double) more cannot matter. */
static bool reads_back(double candidate, float value)
{
	return (float)(candidate * (1.0 - 0x1p-52)) == value && (float)(candidate * (1.0 + 0x1p-52)) == value;
}

/* digits * 10^-scale, the point put in, ending zeros left out. */
static void put_decimal(struct vs_buf *out, uint64_t digits, unsigned scale)
{
	char text[32];
	size_t at = sizeof(text);
	while (scale > 0 && digits % 10 == 0) {
		digits /= 10;
		scale--;
	}
	bool point = scale > 0;
	while (digits > 0 || scale > 0 || at == sizeof(text)) {
		text[--at] = (char)('0' + digits % 10);
		digits /= 10;
		if (scale > 0 && --scale == 0)
			text[--at] = '.';
	}
	if (point && text[at] == '.')
		text[--at] = '0';
	vs_buf_append(out, text + at, sizeof(text) - at);
}

/* Sizes that are rare in vectors: as the C library writes them. */
static void put_slow(struct vs_buf *out, float value)
{
	char text[32];
	for (int digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, (double)value);
		/* Readers may round to double first. */
		if (strtof(text, NULL) == value && (float)strtod(text, NULL) == value)
			break;
	}
	vs_buf_puts(out, text);
}

void vs_json_float(struct vs_buf *out, float value)
{
	double size = fabs((double)value);
	if (size == 0.0) {
		vs_buf_puts(out, signbit(value) ? "-0.0" : "0");
		return;
	}
	if (!(size >= 1e-6 && size < 1e8)) {
		put_slow(out, value);
		return;
	}
	/* First the digits that most people's data has, then up to the 9 that always suffice. */
	unsigned whole = 0; /* digits before the point, less zeros after it */
	int lead = 0;
	while (size >= powers[whole])
		whole++;
	if (whole == 0)
		while (size * powers[-lead + 1] < 1.0)
			lead--;
	for (int digits = 6; digits <= 9; digits++) {
		int scale = digits - (int)whole - lead;
		if (scale < 0)
			scale = 0;
		double scaled = rint(size * powers[scale]);
		if (!reads_back(scaled / powers[scale], fabsf(value)))
			continue;
		if (value < 0.0f)
			vs_buf_putc(out, '-');
		put_decimal(out, (uint64_t)scaled, (unsigned)scale);
		return;
	}
	put_slow(out, value);
}

void vs_json_vector(struct vs_buf *out, const float *vector, uint32_t dimension)
{
	vs_buf_putc(out, '[');
	for (uint32_t i = 0; i < dimension; i++) {
		if (i > 0)
			vs_buf_putc(out, ',');
		vs_json_float(out, vector[i]);
	}
	vs_buf_putc(out, ']');
}

void vs_json_time(struct vs_buf *out, int64_t wall_ms)
{
	char text[VS_CLOCK_TEXT];
	vs_clock_format(wall_ms, text);
	vs_buf_putc(out, '"');
	vs_buf_puts(out, text);
	vs_buf_putc(out, '"');
}

void vs_json_bool(struct vs_buf *out, bool value)
{
	vs_buf_puts(out, value ? "true" : "false");
}

static void put_members(struct vs_buf *out, struct json_object *object)
{
	bool first = true;
	json_object_object_foreach(object, key, member)
	{
		if (!first)
			vs_buf_putc(out, ',');
		first = false;
		vs_json_text(out, key, strlen(key));
		vs_buf_putc(out, ':');
		vs_json_value(out, member);
	}
}

/* json-c's own way of writing takes no notice of failed allocations. Depth is bounded by the parser. */
void vs_json_value(struct vs_buf *out, struct json_object *value)
{
	const char *number;
	switch (json_object_get_type(value)) {
	case json_type_object:
		vs_buf_putc(out, '{');
		put_members(out, value);
		vs_buf_putc(out, '}');
		break;
	case json_type_array:
		vs_buf_putc(out, '[');
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			if (i > 0)
				vs_buf_putc(out, ',');
			vs_json_value(out, json_object_array_get_idx(value, i));
		}
		vs_buf_putc(out, ']');
		break;
	case json_type_string:
		vs_json_text(out, json_object_get_string(value), (size_t)json_object_get_string_len(value));
		break;
	case json_type_int:
		if (json_object_get_int64(value) < 0)
			vs_buf_printf(out, "%" PRId64, json_object_get_int64(value));
		else
			vs_buf_printf(out, "%" PRIu64, json_object_get_uint64(value));
		break;
	case json_type_double:
		number = json_object_get_userdata(value); /* json_object_new_double_s keeps its text there */
		vs_buf_puts(out, number ? number : "null");
		break;
	case json_type_boolean:
		vs_json_bool(out, json_object_get_boolean(value));
		break;
	default:
		vs_buf_puts(out, "null");
	}
}

/* Its members, without braces; metadata when they are there. */
static void put_record(struct vs_buf *out, const struct vs_record *record)
{
	vs_buf_puts(out, "\"id\":");
	vs_json_text(out, record->id, record->id_len);
	if (record->vector) {
		vs_buf_puts(out, ",\"vector\":");
		vs_json_vector(out, record->vector, record->dimension);
	}
	if (record->metadata_len > 0) {
		vs_buf_puts(out, ",\"metadata\":");
		vs_buf_append(out, record->metadata, record->metadata_len);
	}
	if (record->text) {
		vs_buf_puts(out, ",\"text\":");
		vs_json_text(out, record->text, record->text_len);
	}
	vs_buf_printf(out, ",\"version\":%" PRId64 ",\"created_at\":", record->version);
	vs_json_time(out, record->created_at);
	vs_buf_puts(out, ",\"updated_at\":");
	vs_json_time(out, record->updated_at);
	if (record->deleted_at) {
		vs_buf_puts(out, ",\"deleted_at\":");
		vs_json_time(out, record->deleted_at);
	}
	if (record->expires_at) {
		vs_buf_puts(out, ",\"expires_at\":");
		vs_json_time(out, record->expires_at);
	}
}

void vs_json_record(struct vs_buf *out, const struct vs_record *record)
{
	vs_buf_putc(out, '{');
	put_record(out, record);
	vs_buf_putc(out, '}');
}

void vs_json_change(struct vs_buf *out, const struct vs_record_change *change)
{
	vs_buf_printf(out, "{\"seq\":%" PRIu64 ",\"op\":\"%s\",", change->seq, change->op);
	if (change->record.version) {
		put_record(out, &change->record);
	} else {
		vs_buf_puts(out, "\"id\":");
		vs_json_text(out, change->record.id, change->record.id_len);
	}
	vs_buf_putc(out, '}');
}

void vs_json_fault(struct vs_buf *out, const char *text, const char *folder)
{
	char told[sizeof(((struct vs_error *)0)->text)];
	size_t len = strlen(folder);
	size_t n = 0;
	for (const char *at = text; *at && n + 1 < sizeof(told);) {
		bool begins = at == text || strchr(" '\"(", at[-1]);
		if (len > 0 && begins && strncmp(at, folder, len) == 0 && at[len] == '/')
			at += len + 1;
		else
			told[n++] = *at++;
	}
	vs_json_text(out, told, n);
}

void vs_json_error(struct vs_buf *out, const struct vs_error *error, const char *folder)
{
	vs_buf_puts(out, "\"error\":");
	vs_json_fault(out, error->text, folder);
	vs_buf_puts(out, ",\"code\":");
	vs_json_text(out, vs_error_word(error->code), strlen(vs_error_word(error->code)));
	if (error->field[0]) {
		vs_buf_puts(out, ",\"field\":");
		vs_json_text(out, error->field, strlen(error->field));
	}
	if (error->position >= 0)
		vs_buf_printf(out, ",\"position\":%" PRId64, error->position);
}

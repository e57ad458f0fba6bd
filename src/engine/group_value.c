/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/group_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/filter_json.h"

#define TEXT_MAX 1024 /* bytes of a string that makes a group */

int vs_group_value_find(const struct vs_filter *field, const struct vs_record *record, struct vs_arena *arena,
                        struct vs_filter_value *value, struct vs_error *error)
{
	struct vs_filter_value values[VS_FILTER_OWN + VS_FILTER_FIELDS_MAX];
	int rc = vs_filter_json_find(record->metadata, record->metadata_len, &field->path, values, arena);

	if (rc == VS_ENOMEM)
		return vs_error_set(error, rc, "no memory for a value");
	if (rc < 0)
		return vs_error_set(error, rc, "metadata of record '%.60s' is no JSON object", record->id);
	*value = values[VS_FILTER_FIELD];
	switch (value->kind) {
	case VS_FILTER_BOOLEAN:
	case VS_FILTER_INTEGER:
		return 1;
	case VS_FILTER_REAL:
		return isfinite(value->real);
	case VS_FILTER_STRING:
		return value->text.len <= TEXT_MAX;
	default:
		return 0;
	}
}

static void put_text(struct vs_buf *out, const char *text, size_t len)
{
	vs_buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20)
			vs_buf_printf(out, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			vs_buf_printf(out, "\\%c", c);
		else
			vs_buf_putc(out, text[i]);
	}
	vs_buf_putc(out, '"');
}

/* In the fewest digits that read back as the same double. */
static void put_real(struct vs_buf *out, double real)
{
	char text[32];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	vs_buf_puts(out, text);
}

void vs_group_value_put(struct vs_buf *out, const struct vs_filter_value *value)
{
	if (value->kind == VS_FILTER_BOOLEAN)
		vs_buf_puts(out, value->boolean ? "true" : "false");
	else if (value->kind == VS_FILTER_INTEGER)
		vs_buf_printf(out, "%" PRId64, value->integer);
	else if (value->kind == VS_FILTER_REAL)
		put_real(out, value->real);
	else
		put_text(out, value->text.data, value->text.len);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines, as `vecstore import` reads them. */
#include "programs/cli/export.h"
#include "programs/cli/json_raw.h"
#include "service/json_out.h"

void vs_export_json(struct vs_buf *out, const char *text, size_t len)
{
	char *at = vs_buf_reserve(out, len);
	if (!at)
		return;
	out->len += vs_json_compact(at, text, len);
	out->data[out->len] = '\0';
}

static int write_record(struct vs_export *export, const struct vs_record *record, struct vs_error *error)
{
	struct vs_buf *out = &export->page;
	(void)error;
	vs_buf_puts(out, "{\"id\":");
	vs_json_text(out, record->id, record->id_len);
	vs_buf_puts(out, ",\"vector\":");
	vs_json_vector(out, record->vector, record->dimension);
	vs_buf_puts(out, ",\"metadata\":");
	vs_export_json(out, record->metadata, record->metadata_len);
	if (record->text) {
		vs_buf_puts(out, ",\"text\":");
		vs_json_text(out, record->text, record->text_len);
	}
	if (record->expires_at) {
		vs_buf_puts(out, ",\"expires_at\":");
		vs_json_time(out, record->expires_at);
	}
	vs_buf_puts(out, record->deleted_at ? ",\"deleted\":true}\n" : "}\n");
	return 0;
}

const struct vs_writer vs_writer_jsonl = { .name = "jsonl", .record = write_record };

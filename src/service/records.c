/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of records: one by id, or a page of them in order of ids. */
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "engine/project.h"
#include "service/base64.h"
#include "service/condition.h"
#include "service/json_out.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define PAGE_BYTES (8u << 20) /* of ids, metadata and vectors, past which a page ends early */
#define CURSOR_VERSION 1      /* first byte of a cursor; the last id of the page follows */

/* What is answered of a record besides its vector. */
struct shape {
	const struct vs_projection *fields; /* NULL: all metadata */
	struct vs_buf metadata;             /* of the record in hand */
};

static int decode_fields(const struct vs_call *call, struct shape *shape, struct vs_error *error)
{
	const struct vs_text *fields = vs_target_param(&call->target, "fields");
	if (!fields)
		return 0;
	return vs_projection_parse(fields->data, fields->len, call->request->arena, &shape->fields, error);
}

static int put_record(struct vs_buf *out, struct shape *shape, const struct vs_record *record, struct vs_error *error)
{
	struct vs_record shown = *record;
	if (shape->fields) {
		vs_buf_reset(&shape->metadata);
		int rc = vs_projection_apply(shape->fields, record->metadata, record->metadata_len, &shape->metadata, error);
		if (rc)
			return rc;
		shown.metadata = shape->metadata.data;
		shown.metadata_len = shape->metadata.len;
	}
	vs_json_record(out, &shown);
	return 0;
}

static int get_record(struct vs_call *call, bool with_vector, struct vs_record *record, struct vs_error *error)
{
	struct vs_namespace *ns = NULL;
	int rc = vs_call_namespace(call, NULL, false, &ns, error);
	if (!rc && !ns)
		rc = vs_error_at(error, VS_ENOTFOUND, "id", -1, "no record has this id");
	return rc ? rc : vs_record_get(ns, call->id.data, call->id.len, with_vector, record, error);
}

int vs_handle_record(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", "include_vector", "fields", NULL };
	struct shape shape = { NULL, VS_BUF_INIT };
	struct vs_record record;
	bool with_vector = false;
	bool unchanged = false;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_target_bool(&call->target, "include_vector", &with_vector, error);
	if (!rc)
		rc = decode_fields(call, &shape, error);
	if (!rc)
		rc = get_record(call, with_vector, &record, error);
	if (!rc)
		rc = vs_condition_read(call, record.version, &unchanged, error);
	if (rc)
		return rc;
	vs_condition_tag(call, record.version);
	/* Hiding a record leaves its version as it was. */
	if (unchanged && record.deleted_at == 0) {
		call->response->status = 304;
		return 0;
	}
	rc = put_record(&call->response->body, &shape, &record, error);
	vs_buf_release(&shape.metadata);
	vs_buf_putc(&call->response->body, '\n');
	return rc;
}

static int decode_cursor(const struct vs_call *call, struct vs_page_options *options, struct vs_error *error)
{
	const struct vs_text *cursor = vs_target_param(&call->target, "cursor");
	if (!cursor)
		return 0;
	char *bytes = vs_arena_alloc(call->request->arena, cursor->len + 1);
	if (!bytes)
		return vs_error_set(error, VS_ENOMEM, "no memory for the cursor");
	int64_t len = vs_base64_decode(cursor->data, cursor->len, bytes);
	if (len < 2 || len > 1 + VS_RECORD_ID_MAX || bytes[0] != CURSOR_VERSION ||
	    vs_utf8_check(bytes + 1, (size_t)len - 1) >= 0 || memchr(bytes, '\0', (size_t)len))
		return vs_error_at(error, VS_EINVAL, "cursor", -1, "is not the next_cursor of an earlier page");
	bytes[len] = '\0';
	options->after = bytes + 1;
	options->after_len = (size_t)len - 1;
	return 0;
}

static int decode_page(const struct vs_call *call, struct vs_page_options *options, struct shape *shape,
                       struct vs_error *error)
{
	static const char *const parameters[] = { "namespace",      "filter",          "limit", "cursor",
		                                      "include_vector", "include_deleted", "fields", NULL };
	const struct vs_text *filter = vs_target_param(&call->target, "filter");
	unsigned long limit = PAGE_DEFAULT;
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || (rc = vs_target_number(&call->target, "limit", 1, PAGE_MAX, &limit, error)) ||
	    (rc = vs_target_bool(&call->target, "include_vector", &options->with_vector, error)) ||
	    (rc = vs_target_bool(&call->target, "include_deleted", &options->with_deleted, error)) ||
	    (rc = decode_fields(call, shape, error)) || (rc = decode_cursor(call, options, error)))
		return rc;
	options->bytes = PAGE_BYTES;
	options->limit = limit;
	options->filter = filter ? filter->data : NULL;
	return filter ? vs_filter_check(filter->data, error) : 0;
}

struct page {
	struct vs_buf *out;
	struct shape shape;
	char last[VS_RECORD_ID_MAX + 1]; /* the version byte and the newest record's id */
	size_t last_len;
	size_t count;
	int rc;
	struct vs_error *error;
};

static void on_record(void *context, const struct vs_record *record)
{
	struct page *page = context;
	if (page->rc)
		return;
	if (page->count++ > 0)
		vs_buf_putc(page->out, ',');
	page->rc = put_record(page->out, &page->shape, record, page->error);
	if (record->id_len < sizeof(page->last)) {
		memcpy(page->last + 1, record->id, record->id_len);
		page->last_len = record->id_len + 1;
	}
}

int vs_handle_records(struct vs_call *call, struct vs_error *error)
{
	struct vs_page_options options = { 0 };
	struct page page = { .out = &call->response->body, .last = { CURSOR_VERSION }, .error = error };
	char cursor[VS_BASE64_LEN(sizeof(page.last)) + 1];
	struct vs_namespace *ns = NULL;
	bool more = false;
	int rc = decode_page(call, &options, &page.shape, error);
	if (!rc)
		rc = vs_call_namespace(call, NULL, false, &ns, error);
	vs_buf_puts(page.out, "{\"records\":[");
	if (!rc && ns)
		rc = vs_record_page(ns, &options, on_record, &page, &more, error);
	vs_buf_release(&page.shape.metadata);
	if (rc || page.rc)
		return rc ? rc : page.rc;
	vs_buf_puts(page.out, "],\"next_cursor\":");
	if (more) {
		size_t len = vs_base64_encode(page.last, page.last_len, cursor);
		vs_json_text(page.out, cursor, len);
	} else {
		vs_buf_puts(page.out, "null");
	}
	vs_buf_puts(page.out, "}\n");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of records: one by id, or a page of them in order of ids. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "service/base64.h"
#include "service/condition.h"
#include "service/json_out.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define PAGE_BYTES (8u << 20) /* a page that has grown past it ends early */
#define CURSOR_VERSION 1      /* first byte of a cursor; the last id of the page follows */

int vs_handle_record(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", "include_vector", NULL };
	struct vs_record record;
	struct vs_namespace *ns = NULL;
	bool with_vector = false;
	bool unchanged = false;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_target_bool(&call->target, "include_vector", &with_vector, error);
	if (!rc)
		rc = vs_call_namespace(call, NULL, false, &ns, error);
	if (!rc && ns)
		rc = vs_record_get(ns, call->id.data, call->id.len, with_vector, &record, error);
	else if (!rc)
		rc = vs_error_at(error, VS_ENOTFOUND, "id", -1, "no record has this id");
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
	vs_json_record(&call->response->body, &record);
	vs_buf_putc(&call->response->body, '\n');
	return 0;
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

static int decode_page(const struct vs_call *call, struct vs_page_options *options, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace",      "filter",          "limit", "cursor",
		                                      "include_vector", "include_deleted", NULL };
	const struct vs_text *filter = vs_target_param(&call->target, "filter");
	unsigned long limit = PAGE_DEFAULT;
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || (rc = vs_target_number(&call->target, "limit", 1, PAGE_MAX, &limit, error)) ||
	    (rc = vs_target_bool(&call->target, "include_vector", &options->with_vector, error)) ||
	    (rc = vs_target_bool(&call->target, "include_deleted", &options->with_deleted, error)) ||
	    (rc = decode_cursor(call, options, error)))
		return rc;
	options->limit = limit;
	options->filter = filter ? filter->data : NULL;
	return filter ? vs_filter_check(filter->data, error) : 0;
}

struct page {
	struct vs_buf *out;
	char last[VS_RECORD_ID_MAX + 1]; /* the version byte and the newest record's id */
	size_t last_len;
	size_t count;
	bool full; /* there was no room for the rest: the next page begins with it */
};

static void on_record(void *context, const struct vs_record *record)
{
	struct page *page = context;
	page->full = page->full || page->out->len > PAGE_BYTES;
	if (page->full)
		return;
	if (page->count++ > 0)
		vs_buf_putc(page->out, ',');
	vs_json_record(page->out, record);
	if (record->id_len < sizeof(page->last)) {
		memcpy(page->last + 1, record->id, record->id_len);
		page->last_len = record->id_len + 1;
	}
}

int vs_handle_records(struct vs_call *call, struct vs_error *error)
{
	struct vs_page_options options = { 0 };
	struct page page = { .out = &call->response->body, .last = { CURSOR_VERSION } };
	char cursor[VS_BASE64_LEN(sizeof(page.last)) + 1];
	struct vs_namespace *ns = NULL;
	bool more = false;
	int rc = decode_page(call, &options, error);
	if (!rc)
		rc = vs_call_namespace(call, NULL, false, &ns, error);
	vs_buf_puts(page.out, "{\"records\":[");
	if (!rc && ns)
		rc = vs_record_page(ns, &options, on_record, &page, &more, error);
	if (rc)
		return rc;
	vs_buf_puts(page.out, "],\"next_cursor\":");
	if (more || page.full) {
		size_t len = vs_base64_encode(page.last, page.last_len, cursor);
		vs_json_text(page.out, cursor, len);
	} else {
		vs_buf_puts(page.out, "null");
	}
	vs_buf_puts(page.out, "}\n");
	return 0;
}

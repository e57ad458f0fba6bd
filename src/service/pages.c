/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handler of many records: a page as JSON, or all of them as NDJSON. That goes out piece by piece, each a page of its own:
 * memory is bounded, and no transaction waits for a slow reader.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strcasestr */
#endif
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "service/base64.h"
#include "service/json_out.h"
#include "service/shape.h"
#include "service/stream.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define PAGE_BYTES (8u << 20)  /* of ids, metadata and vectors, past which a page ends early */
#define PIECE_BYTES (1u << 20) /* the same of a piece of NDJSON */
#define CURSOR_VERSION 1       /* first byte of a cursor; the last id of the page follows */

struct page {
	struct vs_page_options options;
	struct vs_shape shape;
	struct vs_buf *out;
	bool lines;         /* NDJSON */
	unsigned long left; /* of the records asked for */
	char last[VS_RECORD_ID_MAX + 1]; /* the version byte and the newest record's id */
	size_t last_len;
	size_t count;
	int rc;
	struct vs_error *error;
};

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

static int decode_page(const struct vs_call *call, struct page *page, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace",      "filter",          "limit",        "cursor",
		                                      "include_vector", "include_deleted", "include_text", "fields", NULL };
	const struct vs_text *filter = vs_target_param(&call->target, "filter");
	struct vs_page_options *options = &page->options;
	int rc = vs_target_check(&call->target, parameters, error);
	page->left = page->lines ? UINT32_MAX : PAGE_DEFAULT;
	if (rc || (rc = vs_target_number(&call->target, "limit", 1, page->lines ? UINT32_MAX : PAGE_MAX, &page->left, error)) ||
	    (rc = vs_target_bool(&call->target, "include_vector", &options->with_vector, error)) ||
	    (rc = vs_target_bool(&call->target, "include_deleted", &options->with_deleted, error)) ||
	    (rc = vs_target_bool(&call->target, "include_text", &options->with_text, error)) ||
	    (rc = vs_shape_decode(call, &page->shape, error)) || (rc = decode_cursor(call, options, error)))
		return rc;
	options->bytes = page->lines ? PIECE_BYTES : PAGE_BYTES;
	options->filter = filter ? filter->data : NULL;
	return filter ? vs_filter_check(filter->data, error) : 0;
}

static void on_record(void *context, const struct vs_record *record)
{
	struct page *page = context;
	if (page->rc)
		return;
	if (page->count++ > 0 && !page->lines)
		vs_buf_putc(page->out, ',');
	page->rc = vs_shape_put(page->out, &page->shape, record, page->error);
	if (page->lines)
		vs_buf_putc(page->out, '\n');
	if (record->id_len < sizeof(page->last)) {
		memcpy(page->last + 1, record->id, record->id_len);
		page->last_len = record->id_len + 1;
	}
}

/* Up to PAGE_MAX records. */
static int put_page(struct vs_call *call, struct page *page, bool *more, struct vs_error *error)
{
	struct vs_namespace *ns = NULL;
	int rc = vs_call_namespace(call, NULL, false, &ns, error);
	*more = false;
	page->error = error;
	page->count = 0;
	page->rc = 0;
	page->options.limit = page->left < PAGE_MAX ? page->left : PAGE_MAX;
	if (!rc && ns)
		rc = vs_record_page(ns, &page->options, on_record, page, more, error);
	page->left -= page->count;
	vs_shape_release(&page->shape);
	return rc ? rc : page->rc;
}

static void put_cursor(struct page *page, bool more)
{
	char cursor[VS_BASE64_LEN(sizeof(page->last)) + 1];
	vs_buf_puts(page->out, "\"next_cursor\":");
	if (more) {
		size_t len = vs_base64_encode(page->last, page->last_len, cursor);
		vs_json_text(page->out, cursor, len);
	} else {
		vs_buf_puts(page->out, "null");
	}
	vs_buf_puts(page->out, "}\n");
}

static int put_piece(struct vs_call *call, void *state, bool *more, struct vs_error *error)
{
	struct page *page = state;
	int rc = put_page(call, page, more, error);
	if (rc)
		return rc;
	page->options.after = page->last + 1;
	page->options.after_len = page->last_len - 1;
	if (*more && page->left > 0)
		return 0;
	/* The last line tells a reader that this is the end, and not just where the connection broke. */
	vs_buf_putc(page->out, '{');
	put_cursor(page, *more);
	*more = false;
	return 0;
}

static bool wants_lines(const char *accept)
{
	static const char *const names[] = { "application/x-ndjson", "application/ndjson", "application/jsonl" };
	for (size_t i = 0; accept && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasestr(accept, names[i]))
			return true;
	return false;
}

int vs_handle_records(struct vs_call *call, struct vs_error *error)
{
	struct page *page = vs_arena_calloc(call->request->arena, 1, sizeof(*page));
	bool more;
	if (!page)
		return vs_error_set(error, VS_ENOMEM, "no memory for a page");
	page->out = &call->response->body;
	page->lines = wants_lines(call->request->accept);
	page->last[0] = CURSOR_VERSION;
	int rc = decode_page(call, page, error);
	if (!rc && page->lines)
		return vs_stream_begin(call, "application/x-ndjson", put_piece, NULL, page, error);
	vs_buf_puts(page->out, "{\"records\":[");
	if (!rc)
		rc = put_page(call, page, &more, error);
	if (rc)
		return rc;
	vs_buf_puts(page->out, "],");
	put_cursor(page, more);
	return 0;
}

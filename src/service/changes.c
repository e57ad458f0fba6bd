/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handler of changes: a page of the feed. It answers at once, also when there is nothing new: a request that waited would
 * keep one of few workers from all others.
 */
#include <inttypes.h>
#include <limits.h>

#include "service/call.h"
#include "service/json_out.h"

#define PAGE_DEFAULT 1000
#define PAGE_BYTES (8u << 20) /* of ids, metadata, vectors and texts, past which a page ends early */

struct page {
	struct vs_buf *out;
	bool any;
};

static void on_change(void *context, const struct vs_record_change *change)
{
	struct page *page = context;
	if (page->any)
		vs_buf_putc(page->out, ',');
	page->any = true;
	vs_json_change(page->out, change);
}

static int decode(struct vs_call *call, struct vs_changes_options *options, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", "since", "limit", "include_metadata", "include_vector",
		                                      "include_text", NULL };
	unsigned long since = ULONG_MAX, limit = PAGE_DEFAULT;
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || (rc = vs_target_number(&call->target, "since", 0, INT64_MAX, &since, error)) ||
	    (rc = vs_target_number(&call->target, "limit", 1, VS_CHANGES_MAX, &limit, error)) ||
	    (rc = vs_target_bool(&call->target, "include_metadata", &options->with_metadata, error)) ||
	    (rc = vs_target_bool(&call->target, "include_vector", &options->with_vector, error)) ||
	    (rc = vs_target_bool(&call->target, "include_text", &options->with_text, error)))
		return rc;
	options->since = since == ULONG_MAX ? VS_CHANGES_NEWEST : since;
	options->limit = limit;
	options->bytes = PAGE_BYTES;
	return 0;
}

int vs_handle_changes(struct vs_call *call, struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	struct page page = { out, false };
	struct vs_changes_options options = { 0 };
	struct vs_changes_page told = { 0, 1, 0 };
	struct vs_namespace *ns = NULL;
	int rc = decode(call, &options, error);
	if (!rc)
		rc = vs_call_namespace(call, NULL, false, &ns, error);
	vs_buf_puts(out, "{\"changes\":[");
	if (!rc && ns)
		rc = vs_namespace_changes(ns, &options, on_change, &page, &told, error);
	else if (!rc && options.since != VS_CHANGES_NEWEST && options.since > 0)
		rc = vs_error_at(error, VS_EGONE, "since", -1, "the namespace is empty and new: go on from 0");
	if (rc)
		return rc;
	vs_buf_printf(out, "],\"next_since\":%" PRIu64 ",\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64 "}\n",
	              told.next_since, told.first_seq, told.last_seq);
	return 0;
}

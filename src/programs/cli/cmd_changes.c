/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore changes: the change feed, a line of JSON per change, and at the end where to go on from. */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "service/json_out.h"

#define PAGE_BYTES (8u << 20) /* of ids, metadata and vectors, past which a page ends early */

struct printing {
	struct vs_buf page;
	uint64_t count;
};

static void on_change(void *context, const struct vs_record_change *change)
{
	struct printing *printing = context;
	vs_json_change(&printing->page, change);
	vs_buf_putc(&printing->page, '\n');
	printing->count++;
}

/* No transaction is open: who reads may be slow. */
static int print_page(struct printing *printing, struct vs_error *error)
{
	struct vs_buf *page = &printing->page;
	if (page->failed)
		return vs_error_set(error, VS_ENOMEM, "out of memory");
	if ((page->len > 0 && fwrite(page->data, 1, page->len, stdout) != page->len) || fflush(stdout) != 0)
		return vs_error_set(error, VS_EIO, "standard output could not be written");
	vs_buf_reset(page);
	return 0;
}

/* Page by page, until nothing is newer or there are enough. */
static int print_changes(struct vs_namespace *ns, struct vs_changes_options *options, uint64_t most,
                         struct printing *printing, struct vs_error *error)
{
	struct vs_changes_page page;
	bool more;
	do {
		uint64_t left = most - printing->count;
		options->limit = left < VS_CHANGES_MAX ? (size_t)left : VS_CHANGES_MAX;
		int rc = vs_namespace_changes(ns, options, on_change, printing, &page, error);
		if (!rc)
			rc = print_page(printing, error);
		if (rc)
			return rc;
		more = page.next_since != options->since && options->since != VS_CHANGES_NEWEST;
		options->since = page.next_since;
	} while (more && printing->count < most);
	vs_buf_printf(&printing->page, "{\"next_since\":%" PRIu64 "}\n", page.next_since);
	return print_page(printing, error);
}

int vs_command_changes(struct vs_args *args)
{
	struct printing printing = { VS_BUF_INIT, 0 };
	struct vs_changes_options options = { VS_CHANGES_NEWEST, 0, vs_args_switch(args, VS_FLAG_INCLUDE_METADATA),
		                                  vs_args_switch(args, VS_FLAG_INCLUDE_VECTOR),
		                                  vs_args_switch(args, VS_FLAG_INCLUDE_TEXT), PAGE_BYTES };
	struct vs_store *store = NULL;
	struct vs_namespace *ns = NULL;
	struct vs_error error;
	uint64_t most = UINT64_MAX;
	if (vs_args_text(args, VS_FLAG_SINCE))
		options.since = (uint64_t)vs_args_count(args, VS_FLAG_SINCE);
	if (vs_args_text(args, VS_FLAG_CHANGES_LIMIT))
		most = (uint64_t)vs_args_count(args, VS_FLAG_CHANGES_LIMIT);
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, &error);
	if (!rc)
		rc = vs_namespace_open(store, vs_args_text(args, VS_FLAG_NAMESPACE), NULL, &ns, &error);
	if (!rc)
		rc = print_changes(ns, &options, most, &printing, &error);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	vs_namespace_close(ns);
	vs_store_close(store);
	vs_buf_release(&printing.page);
	return rc ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore audit: prints the audit trail. Whether it is whole, vecstore check tells. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/utf8.h"
#include "programs/cli/args.h"
#include "programs/cli/when.h"
#include "service/audit.h"

#define PAGE 1000 /* events that are read in one go, so that no writer waits for a slow terminal */

struct printing {
	const struct vs_args *args;
	struct vs_buf *out; /* the page */
	int64_t last;
};

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

/* The control characters at text, U+0080 to U+009F among them, which are two bytes. */
static size_t controls(const unsigned char *text, size_t len)
{
	if (*text < 0x20 || *text == 0x7f)
		return 1;
	return len > 1 && text[0] == 0xc2 && text[1] < 0xa0 ? 2 : 0;
}

/* What others have sent reaches no terminal as a control character, and begins no line of its own. */
static void clean(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		int64_t bad = vs_utf8_check(text + i, len - i);
		size_t end = bad < 0 ? len : i + (size_t)bad;
		for (size_t count; i < end; i += count > 0 ? count : 1) {
			count = controls((const unsigned char *)text + i, end - i);
			memset(text + i, '?', count);
		}
		if (i < len)
			text[i++] = '?';
	}
}

static int put_event(void *context, const struct vs_audit_event *event)
{
	struct printing *printing = context;
	char at[VS_CLOCK_TEXT], count[32] = "";
	printing->last = event->seq;
	if (vs_args_switch(printing->args, VS_FLAG_JSON)) {
		vs_audit_encode(printing->out, event);
		vs_buf_putc(printing->out, '\n');
		return 0;
	}
	size_t from = printing->out->len;
	vs_clock_format(event->at, at);
	if (event->count > 1)
		snprintf(count, sizeof count, " (%" PRId64 " times)", event->count);
	vs_buf_printf(printing->out, "%" PRId64 "  %s  %s  %s  %s  %s  %s  %s%s%s%s", event->seq, at, or_dash(event->actor),
	              or_dash(event->origin), event->action, or_dash(event->ns), or_dash(event->object), event->result,
	              *event->reason ? ": " : "", event->reason, count);
	if (!printing->out->failed)
		clean(printing->out->data + from, printing->out->len - from);
	vs_buf_putc(printing->out, '\n');
	return 0;
}

static int print_all(struct vs_catalog *catalog, const struct vs_args *args, struct vs_audit_query *query,
                     struct vs_error *error)
{
	struct vs_buf page = VS_BUF_INIT;
	struct printing printing = { args, &page, 0 };
	int rc;
	do {
		query->after = printing.last;
		rc = vs_audit_each(catalog, query, put_event, &printing, error);
		if (!rc && page.failed)
			rc = vs_error_set(error, VS_ENOMEM, "out of memory");
		if (!rc)
			fwrite(page.data, 1, page.len, stdout);
		vs_buf_reset(&page);
	} while (!rc && printing.last > query->after);
	vs_buf_release(&page);
	return rc;
}

/* A span means: so long ago. */
static int decode_since(const char *text, int64_t *since, struct vs_error *error)
{
	if (!text || vs_clock_parse(text, strlen(text), since))
		return 0;
	int rc = vs_when_span("since", text, since, error);
	*since = vs_clock_wall_ms() - *since;
	return rc;
}

int vs_command_audit(struct vs_args *args)
{
	struct vs_audit_query query = { .ns = vs_args_text(args, VS_FLAG_ONLY_NAMESPACE),
		                            .actor = vs_args_text(args, VS_FLAG_ACTOR),
		                            .limit = PAGE };
	struct vs_catalog *catalog = NULL;
	struct vs_error error;
	int rc = decode_since(vs_args_text(args, VS_FLAG_AUDIT_SINCE), &query.since, &error);
	if (!rc)
		rc = vs_catalog_open(vs_args_text(args, VS_FLAG_DATA), false, &catalog, &error);
	if (!rc)
		rc = print_all(catalog, args, &query, &error);
	vs_catalog_close(catalog);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	return rc ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/highlight.h"

#include "base/arena.h"
#include "base/buf.h"
#include "store/text.h"

int vs_highlight_check(const struct vs_highlight *highlight, struct vs_error *error)
{
	if (highlight == NULL)
		return 0;
	if (highlight->before == NULL || highlight->after == NULL)
		return vs_error_at(error, VS_EINVAL, "highlight", -1, "needs marks to put around words");
	if (highlight->words < 1 || highlight->words > VS_HIGHLIGHT_WORDS_MAX)
		return vs_error_at(error, VS_EINVAL, "highlight.words", -1, "%u is not between 1 and %d", highlight->words,
		                   VS_HIGHLIGHT_WORDS_MAX);
	return 0;
}

static void put_html(struct vs_buf *out, char c)
{
	switch (c) {
	case '&':
		vs_buf_puts(out, "&amp;");
		break;
	case '<':
		vs_buf_puts(out, "&lt;");
		break;
	case '>':
		vs_buf_puts(out, "&gt;");
		break;
	case '"':
		vs_buf_puts(out, "&quot;");
		break;
	case '\'':
		vs_buf_puts(out, "&#39;");
		break;
	default:
		vs_buf_putc(out, c);
	}
}

/* The store marks by bytes that no text has, so nothing in a text can pass for a mark. */
static void put_passage(struct vs_buf *out, const struct vs_highlight *highlight, const struct vs_buf *raw)
{
	for (size_t i = 0; i < raw->len; i++) {
		unsigned char c = (unsigned char)raw->data[i];
		if (c == VS_TEXT_MARK_BEFORE)
			vs_buf_puts(out, highlight->before);
		else if (c == VS_TEXT_MARK_AFTER)
			vs_buf_puts(out, highlight->after);
		else if (highlight->html)
			put_html(out, raw->data[i]);
		else
			vs_buf_putc(out, raw->data[i]);
	}
}

int vs_highlight_make(struct vs_meta *meta, const struct vs_highlight *highlight, const char *expression, uint32_t slot,
                      struct vs_arena *arena, const char **passage, size_t *len, struct vs_error *error)
{
	struct vs_buf raw = VS_BUF_INIT, out = VS_BUF_INIT;
	int rc = vs_text_snippet(meta, expression, slot, highlight->words, &raw, error);

	*passage = NULL;
	if (rc == 0 && raw.len > 0) {
		put_passage(&out, highlight, &raw);
		*len = out.len;
		*passage = raw.failed || out.failed ? NULL : vs_arena_dup(arena, out.data, out.len);
	}
	if (rc == 0 && (raw.failed || (raw.len > 0 && *passage == NULL)))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for a passage");
	vs_buf_release(&raw);
	vs_buf_release(&out);
	return rc;
}

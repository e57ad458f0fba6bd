/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/highlight.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/text.h"

struct token {
	uint32_t from, to; /* bytes of the text */
	uint32_t at, len;  /* of its term in terms */
	uint16_t word;     /* that is found here, from 1; 0: none */
	bool goes_on;      /* the next token belongs to the same find */
};

struct passage {
	const char *text;
	size_t text_len;
	struct token *tokens;
	uint32_t count, cap;
	uint32_t from, to; /* tokens that are shown */
	struct vs_buf terms;
	struct vs_buf out;
};

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

/* ---- what is found -------------------------------------------------------------------------------------- */

#define REACHED 1

static int add_token(void *context, const struct vs_text_token *token)
{
	struct passage *passage = context;

	if (passage->count == passage->cap) {
		uint32_t cap = passage->cap > 0 ? 2 * passage->cap : 64;
		struct token *tokens = realloc(passage->tokens, cap * sizeof(*tokens));
		if (tokens == NULL)
			return VS_ENOMEM;
		passage->tokens = tokens;
		passage->cap = cap;
	}
	passage->tokens[passage->count++] = (struct token){ .from = token->from,
		                                                .to = token->to,
		                                                .at = (uint32_t)passage->terms.len,
		                                                .len = (uint32_t)token->len };
	vs_buf_append(&passage->terms, token->term, token->len);
	return passage->count == VS_HIGHLIGHT_REACH ? REACHED : 0;
}

/* Tokens from `at` on that the word is; 0: it does not stand there. */
static uint32_t match(const struct passage *passage, uint32_t at, const struct vs_word *word)
{
	const char *term = word->terms, *end = word->terms + word->len;
	uint32_t count = 0;

	for (; term < end; count++) {
		const char *space = memchr(term, ' ', (size_t)(end - term));
		size_t len = (size_t)(space - term);
		const struct token *token = &passage->tokens[at + count];
		bool longer = word->prefix && space + 1 == end;
		if (at + count == passage->count || (longer ? token->len < len : token->len != len) ||
		    memcmp(passage->terms.data + token->at, term, len) != 0)
			return 0;
		term = space + 1;
	}
	return count;
}

/* The longest word at each place that no find covers yet. */
static void find_words(struct passage *passage, const struct vs_words *words)
{
	for (uint32_t at = 0, best; at < passage->count; at += best > 0 ? best : 1) {
		uint16_t word = 0;
		best = 0;
		for (uint32_t i = 0; i < words->terms; i++) {
			uint32_t count = match(passage, at, &words->words[i]);
			if (count > best) {
				best = count;
				word = (uint16_t)(i + 1);
			}
		}
		for (uint32_t i = 0; i < best; i++) {
			passage->tokens[at + i].word = word;
			passage->tokens[at + i].goes_on = i + 1 < best;
		}
	}
}

/* ---- the passage ---------------------------------------------------------------------------------------- */

/* Chooses the window of `size` tokens that holds most different words, then most finds, and puts these into its middle. False:
 * there is nothing to show. */
static bool choose(struct passage *passage, uint32_t size)
{
	uint32_t seen[VS_TEXT_WORDS_MAX + 1] = { 0 };
	uint32_t different = 0, finds = 0, best = 0, start = 0, first, last;

	for (uint32_t i = 0; i < passage->count; i++) {
		uint16_t in = passage->tokens[i].word;
		uint16_t out = i >= size ? passage->tokens[i - size].word : 0;
		different += in != 0 && seen[in]++ == 0;
		different -= out != 0 && --seen[out] == 0;
		finds += (in != 0);
		finds -= (out != 0);
		if (different * (VS_HIGHLIGHT_WORDS_MAX + 1) + finds > best) {
			best = different * (VS_HIGHLIGHT_WORDS_MAX + 1) + finds;
			start = i + 1 > size ? i + 1 - size : 0;
		}
	}
	if (best == 0)
		return false;
	for (first = start; passage->tokens[first].word == 0;)
		first++;
	last = start + size < passage->count ? start + size - 1 : passage->count - 1;
	while (passage->tokens[last].word == 0)
		last--;
	size = size < passage->count ? size : passage->count;
	start = size - (last - first + 1);
	start = first > start / 2 ? first - start / 2 : 0;
	passage->from = start < passage->count - size ? start : passage->count - size;
	passage->to = passage->from + size;
	return true;
}

static void put_text(struct passage *passage, size_t from, size_t to, bool html)
{
	for (size_t i = from; i < to; i++) {
		static const char special[] = "&<>\"'";
		static const char *const references[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };
		const char *found = html ? strchr(special, passage->text[i]) : NULL;
		if (found != NULL)
			vs_buf_puts(&passage->out, references[found - special]);
		else
			vs_buf_putc(&passage->out, passage->text[i]);
	}
}

static void put_passage(struct passage *passage, const struct vs_highlight *highlight, bool whole)
{
	const struct token *tokens = passage->tokens;
	size_t at = passage->from > 0 ? tokens[passage->from].from : 0;

	if (passage->from > 0)
		vs_buf_puts(&passage->out, "…");
	for (uint32_t i = passage->from; i < passage->to; i++) {
		uint32_t end = i;
		if (tokens[i].word == 0)
			continue;
		while (tokens[end].goes_on && end + 1 < passage->to)
			end++;
		put_text(passage, at, tokens[i].from, highlight->html);
		vs_buf_puts(&passage->out, highlight->before);
		put_text(passage, tokens[i].from, tokens[end].to, highlight->html);
		vs_buf_puts(&passage->out, highlight->after);
		at = tokens[end].to;
		i = end;
	}
	whole = whole && passage->to == passage->count;
	put_text(passage, at, whole ? passage->text_len : tokens[passage->to - 1].to, highlight->html);
	if (!whole)
		vs_buf_puts(&passage->out, "…");
}

int vs_highlight_make(struct vs_meta *meta, const struct vs_highlight *highlight, const struct vs_words *words,
                      const struct vs_id *text, struct vs_arena *arena, const char **out, size_t *len,
                      struct vs_error *error)
{
	struct passage passage = { .text = text->data, .text_len = text->len };
	int rc = vs_text_tokenize(meta, text->data, text->len, add_token, &passage, error);

	*out = NULL;
	*len = 0;
	if (rc == VS_ENOMEM || passage.terms.failed)
		rc = vs_error_set(error, VS_ENOMEM, "no memory for a passage");
	if (rc >= 0)
		find_words(&passage, words);
	if (rc >= 0 && choose(&passage, highlight->words)) {
		put_passage(&passage, highlight, rc != REACHED);
		*len = passage.out.len;
		*out = passage.out.failed ? NULL : vs_arena_dup(arena, passage.out.data, passage.out.len);
		rc = *out != NULL ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a passage");
	}
	free(passage.tokens);
	vs_buf_release(&passage.terms);
	vs_buf_release(&passage.out);
	return rc < 0 ? rc : 0;
}

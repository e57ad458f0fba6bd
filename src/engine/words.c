/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/words.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "store/text.h"

_Static_assert(VS_TEXT_WORDS_MAX <= VS_TEXT_TERMS_MAX, "each word may be a term");

enum part { REQUIRED, OPTIONAL, FORBIDDEN };

/* A word or phrase as it was written, without its sign and quotes. */
struct term {
	enum part part;
	bool prefix;
	const char *text; /* borrowed */
	size_t len;
	const char *tokens; /* what the tokenizer makes of it, each followed by a space */
	size_t tokens_len;
};

struct parser {
	struct vs_meta *meta;
	struct vs_arena *arena;
	bool all;
	struct term terms[VS_TEXT_WORDS_MAX];
	uint32_t count;
	uint32_t words; /* in all terms */
	struct vs_buf tokens; /* of the term in hand */
	uint32_t token_count;
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next term's text from *at on, which moves past it. False: there is none. */
static bool next_term(const struct parser *parser, const char *text, size_t len, size_t *at, struct term *term)
{
	size_t from = *at, to;

	while (from < len && is_space(text[from]))
		from++;
	if (from == len)
		return false;
	*term = (struct term){ .part = parser->all ? REQUIRED : OPTIONAL };
	if ((text[from] == '+' || text[from] == '-') && from + 1 < len && !is_space(text[from + 1])) {
		term->part = text[from] == '+' ? REQUIRED : FORBIDDEN;
		from++;
	}
	if (text[from] == '"') {
		from++;
		const char *quote = memchr(text + from, '"', len - from);
		to = quote != NULL ? (size_t)(quote - text) : len;
		*at = quote != NULL ? to + 1 : len;
		term->prefix = *at < len && text[*at] == '*';
		*at += term->prefix;
	} else {
		for (to = from; to < len && !is_space(text[to]); to++)
			;
		*at = to;
		term->prefix = text[to - 1] == '*';
	}
	term->text = text + from;
	term->len = to - from;
	return true;
}

static int add_token(void *context, const struct vs_text_token *token)
{
	struct parser *parser = context;

	vs_buf_append(&parser->tokens, token->term, token->len);
	vs_buf_putc(&parser->tokens, ' ');
	return ++parser->token_count > VS_TEXT_WORDS_MAX ? VS_ETOOBIG : 0;
}

static bool is_known(const struct parser *parser, const struct term *term)
{
	for (uint32_t i = 0; i < parser->count; i++) {
		const struct term *known = &parser->terms[i];
		if (known->part == term->part && known->prefix == term->prefix && known->tokens_len == term->tokens_len &&
		    memcmp(known->tokens, term->tokens, term->tokens_len) == 0)
			return true;
	}
	return false;
}

static int too_many(struct vs_error *error)
{
	return vs_error_at(error, VS_EINVAL, "text_query", -1, "holds more than %d different words", VS_TEXT_WORDS_MAX);
}

/* What has no words, or was there before, is left out. */
static int take_term(struct parser *parser, struct term *term, struct vs_error *error)
{
	int rc;

	vs_buf_reset(&parser->tokens);
	parser->token_count = 0;
	rc = vs_text_tokenize(parser->meta, term->text, term->len, add_token, parser, error);
	if (rc == VS_ETOOBIG)
		return too_many(error);
	if (rc == 0 && parser->tokens.failed)
		rc = vs_error_set(error, VS_ENOMEM, "no memory for words");
	if (rc < 0 || parser->token_count == 0)
		return rc;
	term->tokens = parser->tokens.data;
	term->tokens_len = parser->tokens.len;
	if (is_known(parser, term))
		return 0;
	if (parser->token_count > VS_TEXT_WORDS_MAX - parser->words)
		return too_many(error);
	term->tokens = vs_arena_dup(parser->arena, parser->tokens.data, parser->tokens.len);
	if (term->tokens == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for words");
	parser->words += parser->token_count;
	parser->terms[parser->count++] = *term;
	return 0;
}

/* ---- the expression ------------------------------------------------------------------------------------- */

static void put_term(struct vs_buf *out, const struct term *term)
{
	vs_buf_putc(out, '"');
	for (size_t i = 0; i < term->len; i++) {
		if (term->text[i] == '"')
			vs_buf_putc(out, '"');
		vs_buf_putc(out, term->text[i]);
	}
	vs_buf_puts(out, term->prefix ? "\" *" : "\"");
}

/* The terms of a part with the operator between them, and into words (NULL: not there); how many. */
static uint32_t put_part(const struct parser *parser, enum part part, const char *operator, struct vs_word *words,
                         struct vs_buf *out)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < parser->count; i++) {
		if (parser->terms[i].part != part)
			continue;
		if (count > 0)
			vs_buf_puts(out, operator);
		put_term(out, &parser->terms[i]);
		if (words != NULL)
			words[count] = (struct vs_word){ parser->terms[i].tokens, parser->terms[i].tokens_len, parser->terms[i].prefix };
		count++;
	}
	return count;
}

static const struct term *first_of(const struct parser *parser, enum part part)
{
	for (uint32_t i = 0; i < parser->count; i++)
		if (parser->terms[i].part == part)
			return &parser->terms[i];
	return NULL;
}

/* Optional terms beside required ones only add to the score: the first required one among them makes them true. */
static void put_wanted(const struct parser *parser, struct vs_words *words, struct vs_buf *out)
{
	const struct term *required = first_of(parser, REQUIRED);
	const struct term *optional = first_of(parser, OPTIONAL);

	vs_buf_putc(out, '(');
	words->terms = put_part(parser, REQUIRED, " AND ", words->words, out);
	if (required != NULL && optional != NULL)
		vs_buf_puts(out, " AND (");
	words->terms += put_part(parser, OPTIONAL, " OR ", words->words + words->terms, out);
	if (required != NULL && optional != NULL) {
		vs_buf_puts(out, " OR ");
		put_term(out, required);
		vs_buf_putc(out, ')');
	}
	vs_buf_putc(out, ')');
}

static int put_expression(const struct parser *parser, struct vs_words *words, struct vs_error *error)
{
	struct vs_buf out = VS_BUF_INIT;

	if (first_of(parser, REQUIRED) == NULL && first_of(parser, OPTIONAL) == NULL)
		return 0;
	put_wanted(parser, words, &out);
	if (first_of(parser, FORBIDDEN) != NULL) {
		vs_buf_puts(&out, " NOT (");
		put_part(parser, FORBIDDEN, " OR ", NULL, &out);
		vs_buf_putc(&out, ')');
	}
	if (!out.failed)
		words->expression = vs_arena_dup(parser->arena, out.data, out.len);
	vs_buf_release(&out);
	return words->expression != NULL ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for words");
}

static int check(const char *text, size_t len, struct vs_error *error)
{
	int64_t bad;

	if (len > VS_TEXT_QUERY_MAX)
		return vs_error_at(error, VS_EINVAL, "text_query", -1, "%zu bytes; at most %d are allowed", len, VS_TEXT_QUERY_MAX);
	bad = vs_utf8_check(text, len);
	if (bad >= 0)
		return vs_error_at(error, VS_EINVAL, "text_query", bad, "no valid UTF-8");
	if (memchr(text, '\0', len) != NULL)
		return vs_error_at(error, VS_EINVAL, "text_query", -1, "words hold no NUL character");
	return 0;
}

int vs_words_parse(struct vs_meta *meta, const char *text, size_t len, bool all, struct vs_arena *arena,
                   struct vs_words *words, struct vs_error *error)
{
	struct parser *parser = vs_arena_calloc(arena, 1, sizeof(*parser));
	struct term term;
	size_t at = 0;
	int rc = check(text, len, error);

	words->expression = NULL;
	words->terms = 0;
	if (rc < 0)
		return rc;
	if (parser == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for words");
	parser->meta = meta;
	parser->arena = arena;
	parser->all = all;
	while (rc == 0 && next_term(parser, text, len, &at, &term))
		rc = take_term(parser, &term, error);
	vs_buf_release(&parser->tokens);
	return rc < 0 ? rc : put_expression(parser, words, error);
}

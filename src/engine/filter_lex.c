/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/filter_lex.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/filter_build.h"
#include "engine/filter_json.h"

#define CLIP 32 /* bytes of the user's text that a message shows */

static const char no_memory[] = "out of memory while reading the filter";

int vs_filter_lex_init(struct vs_filter_lexer *lexer, const char *text, size_t len, struct vs_arena *arena,
                       struct vs_error *error)
{
	if (len > VS_FILTER_TEXT_MAX)
		return vs_error_at(error, VS_EINVAL, "filter", VS_FILTER_TEXT_MAX,
		                   "the filter has %zu bytes, at most %d are allowed", len, VS_FILTER_TEXT_MAX);
	int64_t bad = vs_utf8_check(text, len);
	if (bad >= 0)
		return vs_error_at(error, VS_EINVAL, "filter", bad, "the text is not valid UTF-8 here");
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	if (nul != NULL)
		return vs_error_at(error, VS_EINVAL, "filter", nul - text,
		                   "a NUL byte is not allowed: write \\u0000 in a string");
	lexer->text = vs_arena_dup(arena, text, len);
	if (lexer->text == NULL)
		return vs_error_set(error, VS_ENOMEM, no_memory);
	lexer->len = len;
	lexer->at = 0;
	lexer->arena = arena;
	return 0;
}

int vs_filter_lex_clip(const struct vs_filter_lexer *lexer, size_t from, size_t to)
{
	size_t end = to - from > CLIP ? from + CLIP : to;
	while (end < to && end > from && ((unsigned char)lexer->text[end] & 0xc0) == 0x80)
		end--;
	return (int)(end - from);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
	return is_name_start(c) || is_digit(c) || c == '-';
}

static size_t name_end(const struct vs_filter_lexer *lexer, size_t at)
{
	while (is_name(lexer->text[at]))
		at++;
	return at;
}

static enum vs_filter_word find_word(const char *name, size_t len)
{
	static const struct {
		const char *text;
		enum vs_filter_word word;
	} words[] = {
		{ "AND", VS_WORD_AND },           { "OR", VS_WORD_OR },
		{ "NOT", VS_WORD_NOT },           { "IN", VS_WORD_IN },
		{ "CONTAINS", VS_WORD_CONTAINS }, { "STARTSWITH", VS_WORD_STARTSWITH },
		{ "BETWEEN", VS_WORD_BETWEEN },   { "IS", VS_WORD_IS },
		{ "NULL", VS_WORD_NULL },         { "TRUE", VS_WORD_TRUE },
		{ "FALSE", VS_WORD_FALSE },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].text) == len && strncasecmp(words[i].text, name, len) == 0)
			return words[i].word;
	return VS_WORD_NONE;
}

static int lex_name(struct vs_filter_lexer *lexer, struct vs_filter_token *token)
{
	lexer->at = token->end = name_end(lexer, token->start);
	token->kind = VS_TOKEN_NAME;
	token->name = lexer->text + token->start;
	token->name_len = token->end - token->start;
	token->word = find_word(token->name, token->name_len);
	return 0;
}

static int lex_quoted_name(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error)
{
	const char *close = strchr(lexer->text + token->start + 1, '`');
	if (close == NULL)
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)token->start,
		                   "the field name that begins here has no closing backtick (`)");
	token->kind = VS_TOKEN_NAME;
	token->name = lexer->text + token->start + 1;
	token->name_len = (size_t)(close - token->name);
	lexer->at = token->end = (size_t)(close - lexer->text) + 1;
	return 0;
}

static int lex_own(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error)
{
	lexer->at = token->end = name_end(lexer, token->start + 1);
	size_t len = token->end - token->start;
	token->kind = VS_TOKEN_OWN;
	token->own = vs_filter_own_find(lexer->text + token->start, len);
	if (token->own != VS_FILTER_OWN)
		return 0;
	return vs_error_at(error, VS_EINVAL, "filter", (int64_t)token->start,
	                   "'%.*s' is no field of a record: there are @id, @version, @created_at and @updated_at "
	                   "(metadata fields are named without @)",
	                   vs_filter_lex_clip(lexer, token->start, token->end), lexer->text + token->start);
}

static int lex_string(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error)
{
	const char *text = lexer->text;
	char quote = text[token->start];
	size_t at = token->start + 1;
	bool escaped = false;
	while (at < lexer->len && text[at] != quote) {
		if (text[at] == '\\') {
			escaped = true;
			at++;
		}
		at++;
	}
	if (at >= lexer->len)
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)token->start,
		                   "the string that begins here has no closing %s", quote == '"' ? "\"" : "'");
	token->kind = VS_TOKEN_LITERAL;
	token->value.kind = VS_FILTER_STRING;
	token->value.text.data = text + token->start + 1;
	token->value.text.len = at - token->start - 1;
	lexer->at = token->end = at + 1;
	if (!escaped)
		return 0;
	char *out = vs_arena_alloc(lexer->arena, token->value.text.len);
	if (out == NULL)
		return vs_error_set(error, VS_ENOMEM, no_memory);
	size_t bad;
	token->value.text.len = vs_filter_json_unescape(token->value.text.data, token->value.text.len, out, &bad);
	token->value.text.data = out;
	if (bad != SIZE_MAX)
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)(token->start + 1 + bad),
		                   "unknown escape: use \\\\ \\' \\\" \\n \\r \\t \\b \\f \\/ or \\uXXXX "
		                   "(surrogates in pairs), and \\\\ for a backslash");
	return 0;
}

static int lex_number(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error)
{
	size_t start = token->start + (lexer->text[token->start] == '+');
	const char *end = vs_filter_json_number(lexer->text + start, lexer->text + lexer->len, &token->value);
	size_t stop = end != NULL ? (size_t)(end - lexer->text) : start;
	if (end == NULL || is_name(*end) || *end == '.') {
		while (is_name(lexer->text[stop]) || lexer->text[stop] == '.' || lexer->text[stop] == '+')
			stop++;
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)token->start,
		                   "'%.*s' is no number: write it like 17, -0.5 or 1e6 (text needs quotes)",
		                   vs_filter_lex_clip(lexer, token->start, stop), lexer->text + token->start);
	}
	if (token->value.kind == VS_FILTER_REAL && isinf(token->value.real))
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)token->start,
		                   "the number '%.*s' is too large: at most about 1.8e308",
		                   vs_filter_lex_clip(lexer, token->start, stop), lexer->text + token->start);
	token->kind = VS_TOKEN_LITERAL;
	lexer->at = token->end = stop;
	return 0;
}

static bool lex_operator(struct vs_filter_lexer *lexer, struct vs_filter_token *token)
{
	static const struct {
		const char *text;
		enum vs_filter_op op;
	} operators[] = {
		{ "!=", VS_FILTER_NE }, { "<>", VS_FILTER_NE }, { "<=", VS_FILTER_LE }, { ">=", VS_FILTER_GE },
		{ "==", VS_FILTER_EQ }, { "=", VS_FILTER_EQ },  { "<", VS_FILTER_LT },  { ">", VS_FILTER_GT },
	};
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t len = strlen(operators[i].text);
		if (strncmp(lexer->text + token->start, operators[i].text, len) != 0)
			continue;
		token->kind = VS_TOKEN_OPERATOR;
		token->op = operators[i].op;
		lexer->at = token->end = token->start + len;
		return true;
	}
	return false;
}

static int refuse(const struct vs_filter_lexer *lexer, size_t at, struct vs_error *error)
{
	unsigned char c = (unsigned char)lexer->text[at];
	const char *hint = c == '&' ? ": write AND" : c == '|' ? ": write OR" : c == '!' ? ": write != or NOT" : "";
	if (c < 0x20 || c == 0x7f)
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)at, "unexpected control character 0x%02x", c);
	return vs_error_at(error, VS_EINVAL, "filter", (int64_t)at, "unexpected '%c'%s", c, hint);
}

static void begin(struct vs_filter_lexer *lexer, struct vs_filter_token *token)
{
	*token = (struct vs_filter_token){ .kind = VS_TOKEN_END };
	token->start = token->end = lexer->at;
}

int vs_filter_lex_next(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error)
{
	while (is_space(lexer->text[lexer->at]))
		lexer->at++;
	begin(lexer, token);
	char c = lexer->text[lexer->at];
	if (lexer->at == lexer->len)
		return 0;
	if (is_name_start(c))
		return lex_name(lexer, token);
	if (is_digit(c) || c == '-' || c == '+')
		return lex_number(lexer, token, error);
	if (c == '\'' || c == '"')
		return lex_string(lexer, token, error);
	if (c == '`')
		return lex_quoted_name(lexer, token, error);
	if (c == '@')
		return lex_own(lexer, token, error);
	if (lex_operator(lexer, token))
		return 0;
	if (strchr("()[],.", c) == NULL)
		return refuse(lexer, lexer->at, error);
	token->kind = VS_TOKEN_MARK;
	token->mark = c;
	token->end = ++lexer->at;
	return 0;
}

bool vs_filter_lex_has_part(const struct vs_filter_lexer *lexer)
{
	return lexer->text[lexer->at] == '.';
}

int vs_filter_lex_part(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error)
{
	lexer->at++;
	begin(lexer, token);
	char c = lexer->text[lexer->at];
	if (c == '`')
		return lex_quoted_name(lexer, token, error);
	if (is_name_start(c)) {
		lex_name(lexer, token);
		token->word = VS_WORD_NONE;
		return 0;
	}
	if (!is_digit(c))
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)lexer->at,
		                   "expected a name or an array index after '.' (other keys in backticks: `…`)");
	struct vs_filter_value index = { .kind = VS_FILTER_MISSING };
	size_t end = name_end(lexer, lexer->at);
	const char *stop = vs_filter_json_number(lexer->text + lexer->at, lexer->text + end, &index);
	if (stop != lexer->text + end || index.kind != VS_FILTER_INTEGER)
		return vs_error_at(error, VS_EINVAL, "filter", (int64_t)lexer->at,
		                   "'%.*s' is no array index; a key that begins with a digit goes in backticks: `…`",
		                   vs_filter_lex_clip(lexer, lexer->at, end), lexer->text + lexer->at);
	return lex_name(lexer, token);
}

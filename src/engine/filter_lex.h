/* SPDX-License-Identifier: Apache-2.0 */
/* engine/filter_lex: a filter's text as tokens. */
#ifndef VS_ENGINE_FILTER_LEX_H
#define VS_ENGINE_FILTER_LEX_H

#include "engine/filter_impl.h"

struct vs_error;

enum vs_filter_token_kind {
	VS_TOKEN_END,
	VS_TOKEN_NAME,     /* bare or in backticks: name; word tells whether a bare one is a keyword */
	VS_TOKEN_OWN,      /* '@id' …: own */
	VS_TOKEN_LITERAL,  /* string or number: value */
	VS_TOKEN_OPERATOR, /* '=' …: op */
	VS_TOKEN_MARK,     /* one of ( ) [ ] , . : mark */
};

enum vs_filter_word {
	VS_WORD_NONE,
	VS_WORD_AND,
	VS_WORD_OR,
	VS_WORD_NOT,
	VS_WORD_IN,
	VS_WORD_CONTAINS,
	VS_WORD_STARTSWITH,
	VS_WORD_BETWEEN,
	VS_WORD_IS,
	VS_WORD_NULL,
	VS_WORD_TRUE,
	VS_WORD_FALSE,
};

struct vs_filter_token {
	enum vs_filter_token_kind kind;
	enum vs_filter_word word;
	enum vs_filter_op op;
	enum vs_filter_own own;
	char mark;
	size_t start; /* bytes of the text, [start, end) */
	size_t end;
	const char *name; /* without backticks, in the lexer's text */
	size_t name_len;
	struct vs_filter_value value;
};

struct vs_filter_lexer {
	const char *text; /* NUL-terminated copy in the arena */
	size_t len;
	size_t at;
	struct vs_arena *arena;
};

/* Copies the text into the arena and checks its length and UTF-8. */
int vs_filter_lex_init(struct vs_filter_lexer *lexer, const char *text, size_t len, struct vs_arena *arena,
                       struct vs_error *error);
int vs_filter_lex_next(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error);

/* After a NAME: true when a '.' and another part follow at once. lex_part then reads that part. */
bool vs_filter_lex_has_part(const struct vs_filter_lexer *lexer);
int vs_filter_lex_part(struct vs_filter_lexer *lexer, struct vs_filter_token *token, struct vs_error *error);

/* Bytes of text[from, to) that fit a message: at most 32, cut between characters. */
int vs_filter_lex_clip(const struct vs_filter_lexer *lexer, size_t from, size_t to);

#endif

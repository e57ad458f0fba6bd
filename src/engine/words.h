/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/words: what a user writes to search texts, as an expression of FTS5.
 *
 *   word      may be there: the more words, and the rarer they are, the better the score; one of them must be there
 *   "a b"     the same of words side by side, in this order
 *   word*     the same of all words that begin so
 *   +word     must be there (of a phrase, too); with `all`, so must every word without a sign
 *   -word     must not be there (of a phrase, too)
 *
 * Everything else means nothing by itself: AND, OR and NEAR are words, brackets and colons are not part of any. A sign counts
 * at the beginning of a word, a quote without a partner reaches to the end. What the tokenizer takes apart ("don't") is a phrase.
 * A query whose words are all forbidden, or that has none, finds nothing.
 */
#ifndef VS_ENGINE_WORDS_H
#define VS_ENGINE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/vecstore.h"

struct vs_arena;
struct vs_meta;

struct vs_word {
	const char *terms; /* as the tokenizer makes them, a space after each; in the arena */
	size_t len;
	bool prefix; /* the last one goes on */
};

struct vs_words {
	const char *expression; /* in the arena; NULL: nothing can be found */
	uint32_t terms;         /* its first phrases, which count for the score */
	struct vs_word words[VS_TEXT_WORDS_MAX]; /* of these */
};

/* Inside a transaction of meta, whose tokenizer is used. VS_EINVAL, field "text_query", for what is no UTF-8, holds NUL, is
 * longer than VS_TEXT_QUERY_MAX or has more than VS_TEXT_WORDS_MAX different words. */
int vs_words_parse(struct vs_meta *meta, const char *text, size_t len, bool all, struct vs_arena *arena,
                   struct vs_words *words, struct vs_error *error);

#endif

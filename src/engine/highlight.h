/* SPDX-License-Identifier: Apache-2.0 */
/* engine/highlight: passages of texts around what was found. */
#ifndef VS_ENGINE_HIGHLIGHT_H
#define VS_ENGINE_HIGHLIGHT_H

#include "engine/vecstore.h"
#include "engine/words.h"

int vs_highlight_check(const struct vs_highlight *highlight, struct vs_error *error);

/* The passage of the text that holds most of the words, each marked, into the arena, NUL-terminated; *passage NULL when none of
 * them stands in what is looked at, the first VS_HIGHLIGHT_REACH words of the text. "…" where it was cut. Inside a
 * transaction of meta, whose tokenizer is used. */
#define VS_HIGHLIGHT_REACH 20000
int vs_highlight_make(struct vs_meta *meta, const struct vs_highlight *highlight, const struct vs_words *words,
                      const struct vs_id *text, struct vs_arena *arena, const char **passage, size_t *len,
                      struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* engine/highlight: passages of texts around what was found. */
#ifndef VS_ENGINE_HIGHLIGHT_H
#define VS_ENGINE_HIGHLIGHT_H

#include "engine/vecstore.h"

struct vs_arena;
struct vs_meta;

int vs_highlight_check(const struct vs_highlight *highlight, struct vs_error *error);
/* The passage of a slot's text into the arena, NUL-terminated; *passage NULL when the expression does not match it. */
int vs_highlight_make(struct vs_meta *meta, const struct vs_highlight *highlight, const char *expression, uint32_t slot,
                      struct vs_arena *arena, const char **passage, size_t *len, struct vs_error *error);

#endif

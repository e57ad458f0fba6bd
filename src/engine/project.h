/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/project: some fields of metadata. A list such as `rank,origin.language`: dots lead into nested objects,
 * backticks hold a name with dots or commas in it. What is not there is left out.
 */
#ifndef VS_ENGINE_PROJECT_H
#define VS_ENGINE_PROJECT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

struct vs_error;
struct vs_projection;

#define VS_PROJECTION_FIELDS_MAX 256
#define VS_PROJECTION_DEPTH_MAX 32

/* Lives in arena, and so do the names. VS_EINVAL with field "fields" and the byte position. */
int vs_projection_parse(const char *text, size_t len, struct vs_arena *arena, const struct vs_projection **projection,
                        struct vs_error *error);
/* Appends the object with these fields of metadata (NUL-terminated at len) alone, each as it was written, in their order
 * there. VS_ECORRUPT when metadata is no JSON object, VS_ENOMEM. */
int vs_projection_apply(const struct vs_projection *projection, const char *metadata, size_t len, struct vs_buf *out,
                        struct vs_error *error);

#endif

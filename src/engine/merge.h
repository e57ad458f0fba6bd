/* SPDX-License-Identifier: Apache-2.0 */
/* engine/merge: JSON merge patch (RFC 7396) on text: what a patch does not touch stays as it was written, to the byte. */
#ifndef VS_ENGINE_MERGE_H
#define VS_ENGINE_MERGE_H

#include <stddef.h>

#include "base/buf.h"

struct vs_error;

/* Appends to *out the object target with the object patch merged into it: a null removes, objects merge, all else
 * replaces. Both are valid JSON, a NUL behind them, no name twice in an object. VS_ECORRUPT when target is no JSON
 * object, VS_EINVAL when patch is none, VS_ENOMEM. */
int vs_json_merge(const char *target, size_t target_len, const char *patch, size_t patch_len, struct vs_buf *out,
                  struct vs_error *error);

#endif

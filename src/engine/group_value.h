/* SPDX-License-Identifier: Apache-2.0 */
/* engine/group_value: what records are grouped by, and filters that name it. Private to the room. */
#ifndef VS_ENGINE_GROUP_VALUE_H
#define VS_ENGINE_GROUP_VALUE_H

#include "base/buf.h"
#include "engine/filter_impl.h"
#include "engine/vecstore.h"

/* 1 and the field's value in a record, which may point into the record or into arena; 0 when it makes no group: missing,
 * null, an array or object, a string too long, a number beyond a double. VS_ENOMEM, VS_ECORRUPT. */
int vs_group_value_find(const struct vs_filter *field, const struct vs_record *record, struct vs_arena *arena,
                        struct vs_filter_value *value, struct vs_error *error);

/* The value as a literal, which JSON and filters read alike. */
void vs_group_value_put(struct vs_buf *out, const struct vs_filter_value *value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* engine/columns_match: a filter asked of attribute columns instead of records. */
#ifndef VS_ENGINE_COLUMNS_MATCH_H
#define VS_ENGINE_COLUMNS_MATCH_H

#include "engine/filter_impl.h"
#include "math/bitmap.h"
#include "store/columns.h"

/* Looks at slots [from, to), as far as columns go and are worth it: returns where it stopped, >= from, or VS_ENOMEM. Of
 * the slots looked at, those that the filter accepts are set in *yes, and those that the columns cannot tell in *ask
 * (of to bits each); the others are not accepted. Slots that hold no record may be set in either. */
int64_t vs_columns_match(struct vs_columns *columns, const struct vs_filter *filter, uint32_t from, uint32_t to,
                         struct vs_bitmap *yes, struct vs_bitmap *ask);

/* What a dictionary's entry is to filters; a text is borrowed. */
struct vs_filter_value vs_columns_decoded(const struct vs_column_value *value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* engine/facet: a table of values and their counts. Private to engine/facet and engine/facet_table. */
#ifndef VS_ENGINE_FACET_H
#define VS_ENGINE_FACET_H

#include "base/arena.h"
#include "base/buf.h"
#include "engine/filter_impl.h"
#include "engine/vecstore.h"

#define VS_FACET_NO_SLOT UINT32_MAX

struct vs_facet_table {
	struct vs_arena arena; /* texts of vs_facet_table_add */
	struct vs_buf entries; /* in order of their coming */
	uint32_t *slots;       /* 1 + number of an entry; open addressing */
	size_t cap;            /* of slots: a power of two; 0 while all entries are known to differ */
	size_t count;
};

/* Adds a value that differs from all others of its kind that are added so; a text is borrowed until the table is released.
 * VS_ENOMEM. */
int vs_facet_table_append(struct vs_facet_table *table, const struct vs_filter_value *value, uint64_t count);

/* Adds to a value's count; what is no scalar does not count. slot: of the record, which counts once per value (or another
 * number for the records that are alike); VS_FACET_NO_SLOT: several records. VS_ENOMEM. */
int vs_facet_table_add(struct vs_facet_table *table, const struct vs_filter_value *value, uint64_t count, uint32_t slot);
/* The `limit` most frequent, ties in order of values, in arena. VS_ENOMEM. */
int vs_facet_table_best(const struct vs_facet_table *table, size_t limit, struct vs_arena *arena, struct vs_facet *facet);
void vs_facet_table_clear(struct vs_facet_table *table);
void vs_facet_table_release(struct vs_facet_table *table); /* accepts a zeroed one */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/facet.h"

struct entry {
	struct vs_filter_value value; /* normalised */
	uint64_t hash; /* once the table has slots */
	uint64_t count;
	uint32_t slot; /* of the record that counted last */
};

static struct entry *entries_of(const struct vs_facet_table *table)
{
	return (struct entry *)(void *)table->entries.data;
}

/* Integral numbers as integers, so that what filters find equal has equal bytes. */
static struct vs_filter_value normalise(const struct vs_filter_value *value)
{
	struct vs_filter_value normal = *value;

	if (value->kind != VS_FILTER_REAL || !(value->real >= -0x1p63 && value->real < 0x1p63) ||
	    (double)(int64_t)value->real != value->real)
		return normal;
	normal.kind = VS_FILTER_INTEGER;
	normal.integer = (int64_t)value->real;
	return normal;
}

static uint64_t hash_of(const struct vs_filter_value *value)
{
	switch (value->kind) {
	case VS_FILTER_BOOLEAN:
		return vs_hash128(&value->boolean, sizeof(value->boolean), (uint64_t)value->kind).words[0];
	case VS_FILTER_INTEGER:
		return vs_hash128(&value->integer, sizeof(value->integer), (uint64_t)value->kind).words[0];
	case VS_FILTER_REAL:
		return vs_hash128(&value->real, sizeof(value->real), (uint64_t)value->kind).words[0];
	case VS_FILTER_STRING:
		return vs_hash128(value->text.data, value->text.len, (uint64_t)value->kind).words[0];
	default:
		return (uint64_t)value->kind;
	}
}

/* Room for more; the first time all that came before gets its hash. */
static int grow(struct vs_facet_table *table)
{
	size_t cap = table->cap == 0 ? 64 : table->cap;
	uint32_t *slots;

	while (cap < table->count * 4)
		cap *= 2;
	slots = calloc(cap, sizeof(*slots));
	if (slots == NULL)
		return VS_ENOMEM;
	for (size_t i = 0; table->cap == 0 && i < table->count; i++)
		entries_of(table)[i].hash = hash_of(&entries_of(table)[i].value);
	for (size_t i = 0; i < table->count; i++) {
		size_t at = entries_of(table)[i].hash & (cap - 1);
		while (slots[at] != 0)
			at = (at + 1) & (cap - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(table->slots);
	table->slots = slots;
	table->cap = cap;
	return 0;
}

/* The place of the value, or the free one where it belongs. */
static uint32_t *find(const struct vs_facet_table *table, const struct vs_filter_value *value, uint64_t hash)
{
	size_t at = hash & (table->cap - 1);

	for (; table->slots[at] != 0; at = (at + 1) & (table->cap - 1)) {
		const struct entry *entry = &entries_of(table)[table->slots[at] - 1];
		if (entry->hash == hash && entry->value.kind == value->kind && vs_filter_value_order(&entry->value, value) == 0)
			break;
	}
	return &table->slots[at];
}

static int append(struct vs_facet_table *table, const struct entry *entry)
{
	vs_buf_append(&table->entries, entry, sizeof(*entry));
	if (table->entries.failed)
		return VS_ENOMEM;
	table->count++;
	return 0;
}

int vs_facet_table_append(struct vs_facet_table *table, const struct vs_filter_value *value, uint64_t count)
{
	struct vs_filter_value normal = normalise(value);
	struct entry entry = { .value = normal, .count = count, .slot = VS_FACET_NO_SLOT };

	/* Another entry may be the integer that this is. */
	if (table->cap > 0 || normal.kind != value->kind)
		return vs_facet_table_add(table, value, count, VS_FACET_NO_SLOT);
	return append(table, &entry);
}

static int append_copy(struct vs_facet_table *table, const struct vs_filter_value *value, uint64_t hash, uint32_t *place)
{
	struct entry entry = { .value = *value, .hash = hash, .slot = VS_FACET_NO_SLOT };

	if (value->kind == VS_FILTER_STRING) {
		entry.value.text.data = vs_arena_dup(&table->arena, value->text.data, value->text.len);
		if (entry.value.text.data == NULL)
			return VS_ENOMEM;
	}
	if (append(table, &entry) < 0)
		return VS_ENOMEM;
	*place = (uint32_t)table->count;
	return 0;
}

int vs_facet_table_add(struct vs_facet_table *table, const struct vs_filter_value *value, uint64_t count, uint32_t slot)
{
	struct vs_filter_value normal = normalise(value);
	struct entry *entry;
	uint32_t *place;
	uint64_t hash;

	if (value->kind < VS_FILTER_NULL || value->kind > VS_FILTER_STRING)
		return 0;
	if (table->count * 2 >= table->cap && grow(table) < 0) /* at most half full */
		return VS_ENOMEM;
	hash = hash_of(&normal);
	place = find(table, &normal, hash);
	if (*place == 0 && append_copy(table, &normal, hash, place) < 0)
		return VS_ENOMEM;
	entry = &entries_of(table)[*place - 1];
	if (slot != VS_FACET_NO_SLOT && entry->slot == slot)
		return 0;
	entry->slot = slot;
	entry->count += count;
	return 0;
}

/* ---- the best ------------------------------------------------------------------------------------------- */

/* Negative when a comes before b in the answer. */
static int compare(const struct entry *a, const struct entry *b)
{
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return vs_filter_value_order(&a->value, &b->value);
}

static int compare_pointers(const void *a, const void *b)
{
	return compare(*(const struct entry *const *)a, *(const struct entry *const *)b);
}

/* A heap whose first is the last of the answer. */
static void sink(const struct entry **heap, size_t count, size_t at)
{
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		const struct entry *moved = heap[at];
		if (child + 1 < count && compare(heap[child], heap[child + 1]) < 0)
			child++;
		if (compare(moved, heap[child]) >= 0)
			return;
		heap[at] = heap[child];
		heap[child] = moved;
	}
}

static struct vs_facet_value value_of(const struct entry *entry)
{
	const struct vs_filter_value *from = &entry->value;
	struct vs_facet_value value = { .count = entry->count };

	switch (from->kind) {
	case VS_FILTER_BOOLEAN:
		value.kind = VS_FACET_BOOLEAN;
		value.boolean = from->boolean;
		break;
	case VS_FILTER_INTEGER:
		value.kind = VS_FACET_INTEGER;
		value.integer = from->integer;
		break;
	case VS_FILTER_REAL:
		value.kind = VS_FACET_REAL;
		value.real = from->real;
		break;
	case VS_FILTER_STRING:
		value.kind = VS_FACET_TEXT;
		value.text = from->text.data;
		value.text_len = from->text.len;
		break;
	default:
		value.kind = VS_FACET_NULL;
	}
	return value;
}

int vs_facet_table_best(const struct vs_facet_table *table, size_t limit, struct vs_arena *arena, struct vs_facet *facet)
{
	size_t count = table->count < limit ? table->count : limit;
	const struct entry **best = vs_arena_calloc(arena, count, sizeof(*best));
	struct vs_facet_value *values = vs_arena_calloc(arena, count, sizeof(*values));

	if (best == NULL || values == NULL)
		return VS_ENOMEM;
	for (size_t i = 0; i < count; i++)
		best[i] = &entries_of(table)[i];
	for (size_t i = count; i-- > 0;)
		sink(best, count, i);
	for (size_t i = count; count > 0 && i < table->count; i++) {
		if (compare(&entries_of(table)[i], best[0]) >= 0)
			continue;
		best[0] = &entries_of(table)[i];
		sink(best, count, 0);
	}
	if (count > 0)
		qsort(best, count, sizeof(*best), compare_pointers);
	for (size_t i = 0; i < count; i++) {
		values[i] = value_of(best[i]);
		if (values[i].kind == VS_FACET_TEXT) {
			values[i].text = vs_arena_dup(arena, values[i].text, values[i].text_len);
			if (values[i].text == NULL)
				return VS_ENOMEM;
		}
	}
	*facet = (struct vs_facet){ values, count };
	return 0;
}

void vs_facet_table_clear(struct vs_facet_table *table)
{
	if (table->cap > 0)
		memset(table->slots, 0, table->cap * sizeof(*table->slots));
	table->entries.len = 0;
	table->count = 0;
}

void vs_facet_table_release(struct vs_facet_table *table)
{
	vs_arena_release(&table->arena);
	vs_buf_release(&table->entries);
	free(table->slots);
	memset(table, 0, sizeof(*table));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "math/bitmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Every word that was allocated is 0 past len, so growing within cap needs no clearing. */

static size_t words_of(uint32_t bits)
{
	return ((size_t)bits + 63) / 64;
}

static int reserve(struct vs_bitmap *bitmap, uint32_t len)
{
	uint64_t bits = (uint64_t)bitmap->cap + bitmap->cap / 2;
	if (bits < len)
		bits = len;
	bits = (bits + 63) / 64 * 64;
	uint64_t *words = realloc(bitmap->words, (size_t)(bits / 8));
	if (!words)
		return VS_ENOMEM;
	size_t had = words_of(bitmap->cap);
	memset(words + had, 0, ((size_t)(bits / 64) - had) * sizeof(*words));
	bitmap->words = words;
	bitmap->cap = bits > UINT32_MAX ? UINT32_MAX : (uint32_t)bits;
	return 0;
}

int vs_bitmap_resize(struct vs_bitmap *bitmap, uint32_t len)
{
	if (len > bitmap->cap) {
		int rc = reserve(bitmap, len);
		if (rc)
			return rc;
	}
	if (len < bitmap->len) {
		size_t keep = words_of(len);
		memset(bitmap->words + keep, 0, (words_of(bitmap->len) - keep) * sizeof(*bitmap->words));
		if (len & 63)
			bitmap->words[keep - 1] &= (UINT64_C(1) << (len & 63)) - 1;
	}
	bitmap->len = len;
	return 0;
}

void vs_bitmap_release(struct vs_bitmap *bitmap)
{
	free(bitmap->words);
	*bitmap = (struct vs_bitmap)VS_BITMAP_INIT;
}

void vs_bitmap_clear_all(struct vs_bitmap *bitmap)
{
	if (bitmap->len)
		memset(bitmap->words, 0, words_of(bitmap->len) * sizeof(*bitmap->words));
}

uint32_t vs_bitmap_count(const struct vs_bitmap *bitmap, uint32_t from, uint32_t to)
{
	if (to > bitmap->len)
		to = bitmap->len;
	if (from >= to)
		return 0;
	size_t first = from >> 6;
	size_t last = (to - 1) >> 6;
	uint64_t head = ~UINT64_C(0) << (from & 63);
	uint64_t tail = ~UINT64_C(0) >> (63 - ((to - 1) & 63));
	if (first == last)
		return (uint32_t)__builtin_popcountll(bitmap->words[first] & head & tail);
	uint32_t count = (uint32_t)__builtin_popcountll(bitmap->words[first] & head);
	for (size_t i = first + 1; i < last; i++)
		count += (uint32_t)__builtin_popcountll(bitmap->words[i]);
	return count + (uint32_t)__builtin_popcountll(bitmap->words[last] & tail);
}

uint32_t vs_bitmap_next(const struct vs_bitmap *bitmap, uint32_t from)
{
	if (from >= bitmap->len)
		return bitmap->len;
	size_t i = from >> 6;
	size_t end = words_of(bitmap->len);
	uint64_t word = bitmap->words[i] & (~UINT64_C(0) << (from & 63));
	while (!word) {
		if (++i == end)
			return bitmap->len;
		word = bitmap->words[i];
	}
	return (uint32_t)(i * 64 + (size_t)__builtin_ctzll(word));
}

int vs_bitmap_and(struct vs_bitmap *out, const struct vs_bitmap *a, const struct vs_bitmap *b)
{
	size_t both = words_of(a->len < b->len ? a->len : b->len);
	int rc = vs_bitmap_resize(out, a->len);
	if (rc)
		return rc;
	for (size_t i = 0; i < both; i++)
		out->words[i] = a->words[i] & b->words[i];
	for (size_t i = both; i < words_of(out->len); i++)
		out->words[i] = 0;
	return 0;
}

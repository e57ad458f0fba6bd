/* SPDX-License-Identifier: Apache-2.0 */
/* math/bitmap: a set of slots. Bits past len read as 0 and are 0 in the last word. */
#ifndef VS_MATH_BITMAP_H
#define VS_MATH_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_bitmap {
	uint64_t *words;
	uint32_t len; /* bits */
	uint32_t cap; /* bits that words has room for */
};

#define VS_BITMAP_INIT                                                                                                 \
	{                                                                                                                  \
		0                                                                                                              \
	}

/* Grows (new bits 0) or shrinks to len bits: 0 or VS_ENOMEM, unchanged then. */
int vs_bitmap_resize(struct vs_bitmap *bitmap, uint32_t len);
void vs_bitmap_release(struct vs_bitmap *bitmap);
void vs_bitmap_clear_all(struct vs_bitmap *bitmap);

static inline bool vs_bitmap_test(const struct vs_bitmap *bitmap, uint32_t i)
{
	return i < bitmap->len && (bitmap->words[i >> 6] >> (i & 63) & 1);
}

static inline void vs_bitmap_set(struct vs_bitmap *bitmap, uint32_t i)
{
	bitmap->words[i >> 6] |= UINT64_C(1) << (i & 63);
}

static inline void vs_bitmap_clear(struct vs_bitmap *bitmap, uint32_t i)
{
	bitmap->words[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

/* Bits set in [from, to). */
uint32_t vs_bitmap_count(const struct vs_bitmap *bitmap, uint32_t from, uint32_t to);
/* First bit set at or after from; bitmap->len when none. */
uint32_t vs_bitmap_next(const struct vs_bitmap *bitmap, uint32_t from);
/* out = a AND b, of a's length; out may be a. 0 or VS_ENOMEM. */
int vs_bitmap_and(struct vs_bitmap *out, const struct vs_bitmap *a, const struct vs_bitmap *b);

#endif

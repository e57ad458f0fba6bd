/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>

#define C1 UINT64_C(0x87c37b91114253d5)
#define C2 UINT64_C(0x4cf5ad432745937f)

static inline uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline uint64_t scramble(uint64_t k, uint64_t by, int turn, uint64_t then)
{
	return rotate(k * by, turn) * then;
}

static inline uint64_t finish(uint64_t k)
{
	k = (k ^ k >> 33) * UINT64_C(0xff51afd7ed558ccd);
	k = (k ^ k >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return k ^ k >> 33;
}

struct vs_hash vs_hash128(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *at = data;
	uint64_t a = seed;
	uint64_t b = seed;
	uint64_t k[2];
	size_t left = len;
	for (; left >= sizeof(k); left -= sizeof(k), at += sizeof(k)) {
		memcpy(k, at, sizeof(k));
		a = (rotate(a ^ scramble(k[0], C1, 31, C2), 27) + b) * 5 + 0x52dce729;
		b = (rotate(b ^ scramble(k[1], C2, 33, C1), 31) + a) * 5 + 0x38495ab5;
	}
	memset(k, 0, sizeof(k));
	if (left > 0)
		memcpy(k, at, left);
	b ^= scramble(k[1], C2, 33, C1);
	a ^= scramble(k[0], C1, 31, C2);
	a ^= len;
	b ^= len;
	a += b;
	b += a;
	a = finish(a);
	b = finish(b);
	a += b;
	b += a;
	return (struct vs_hash){ { a, b } };
}

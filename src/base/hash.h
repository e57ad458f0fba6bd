/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/hash: 128 bits of what a string of bytes is, for tables and for noticing damage; not against forgery. MurmurHash3
 * x64 128 by Austin Appleby (public domain), about 4 bytes a nanosecond.
 */
#ifndef VS_BASE_HASH_H
#define VS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct vs_hash {
	uint64_t words[2];
};

struct vs_hash vs_hash128(const void *data, size_t len, uint64_t seed);

#endif

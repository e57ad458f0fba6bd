/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

/* Bytes of the valid character at p, of which at most `left` may be read; 0 when there is none. */
static size_t character_len(const unsigned char *p, size_t left)
{
	size_t len;
	unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		len = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		len = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (len > left)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (p[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

/* The first place at or after i where not each of 16 bytes is ASCII: most text is, and passes fast. */
static size_t skip_ascii(const unsigned char *p, size_t i, size_t len)
{
	for (; len - i >= 16; i += 16) {
		uint64_t words[2];
		memcpy(words, p + i, sizeof(words));
		if (((words[0] | words[1]) & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	return i;
}

int64_t vs_utf8_check(const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; (i = skip_ascii(p, i, len)) < len;) {
		size_t n = character_len(p + i, len - i);
		if (n == 0)
			return (int64_t)i;
		i += n;
	}
	return -1;
}

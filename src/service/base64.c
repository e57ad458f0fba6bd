/* SPDX-License-Identifier: Apache-2.0 */
#include "service/base64.h"

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

int64_t vs_base64_decode(const char *text, size_t len, void *out)
{
	unsigned char *to = out;
	uint32_t bits = 0;
	if (len % 4 == 0)
		for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
			len--;
	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int value = value_of(text[i]);
		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 0)
			*to++ = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	/* Bits after the last byte must be zero, so that one text stands for one value. */
	if ((len % 4 == 2 && (bits & 15)) || (len % 4 == 3 && (bits & 3)))
		return -1;
	return to - (unsigned char *)out;
}

size_t vs_base64_encode(const void *data, size_t len, char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *from = data;
	size_t n = 0;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)from[i] << 16;
		if (left > 1)
			bits |= (uint32_t)from[i + 1] << 8;
		if (left > 2)
			bits |= from[i + 2];
		for (size_t c = 0; c < (left > 2 ? 4 : left + 1); c++)
			out[n++] = alphabet[bits >> (18 - 6 * c) & 63];
	}
	out[n] = '\0';
	return n;
}

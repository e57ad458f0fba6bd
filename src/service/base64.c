/* SPDX-License-Identifier: Apache-2.0 */
#include "service/base64.h"

/* 1 + the value of a character; 0: it is none of the alphabets. A table, since no branch predictor foresees base64. */
static const uint8_t values[256] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10,
	['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19,
	['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37,
	['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46,
	['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55,
	['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63,
	['/'] = 64, ['_'] = 64,
};

int64_t vs_base64_decode(const char *text, size_t len, void *out)
{
	const unsigned char *from = (const unsigned char *)text;
	unsigned char *to = out;
	uint32_t bits = 0;
	if (len % 4 == 0)
		for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
			len--;
	if (len % 4 == 1)
		return -1;
	for (; len >= 4; len -= 4, from += 4, to += 3) {
		uint32_t a = values[from[0]], b = values[from[1]], c = values[from[2]], d = values[from[3]];
		if (a == 0 || b == 0 || c == 0 || d == 0)
			return -1;
		bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
		to[0] = (unsigned char)(bits >> 16);
		to[1] = (unsigned char)(bits >> 8);
		to[2] = (unsigned char)bits;
	}
	for (size_t i = 0; i < len; i++) {
		if (values[from[i]] == 0)
			return -1;
		bits = bits << 6 | (values[from[i]] - 1U);
		if (i > 0)
			*to++ = (unsigned char)(bits >> (6 - 2 * i));
	}
	/* Bits after the last byte must be zero, so that one text stands for one value. */
	if ((len == 2 && (bits & 15)) || (len == 3 && (bits & 3)))
		return -1;
	return to - (unsigned char *)out;
}

size_t vs_base64_encode(const void *data, size_t len, char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *from = data;
	size_t n = 0;
	for (; len >= 3; len -= 3, from += 3, n += 4) {
		uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
		out[n] = alphabet[bits >> 18];
		out[n + 1] = alphabet[bits >> 12 & 63];
		out[n + 2] = alphabet[bits >> 6 & 63];
		out[n + 3] = alphabet[bits & 63];
	}
	if (len > 0) {
		uint32_t bits = (uint32_t)from[0] << 16 | (len > 1 ? (uint32_t)from[1] << 8 : 0);
		for (size_t c = 0; c <= len; c++)
			out[n++] = alphabet[bits >> (18 - 6 * c) & 63];
	}
	out[n] = '\0';
	return n;
}

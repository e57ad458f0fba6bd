/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tar.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Offsets of the fields of a ustar header, and their sizes. */
enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, TIME = 136, SUM = 148, TYPE = 156, MAGIC = 257, OWNER = 265 };
enum { SIZE_LEN = 12, SUM_LEN = 8 };

#define OCTAL_MOST ((UINT64_C(1) << 33) - 1) /* eleven digits */

/* The sum of all bytes, those of the sum itself taken as blanks. */
static unsigned sum_of(const unsigned char *block)
{
	unsigned sum = 0;
	for (int i = 0; i < VS_TAR_BLOCK; i++)
		sum += i >= SUM && i < SUM + SUM_LEN ? ' ' : block[i];
	return sum;
}

static void put_octal(unsigned char *to, int len, uint64_t value)
{
	to[len - 1] = '\0';
	for (int i = len - 2; i >= 0; i--, value >>= 3)
		to[i] = (unsigned char)('0' + (value & 7));
}

static void put_size(unsigned char *to, uint64_t size)
{
	if (size <= OCTAL_MOST) {
		put_octal(to, SIZE_LEN, size);
		return;
	}
	memset(to, 0, SIZE_LEN);
	to[0] = 0x80;
	for (int i = SIZE_LEN - 1; size > 0; i--, size >>= 8)
		to[i] = (unsigned char)size;
}

void vs_tar_encode(unsigned char block[VS_TAR_BLOCK], const char *name, uint64_t size, int64_t time)
{
	memset(block, 0, VS_TAR_BLOCK);
	memcpy(block + NAME, name, strnlen(name, VS_TAR_NAME - 1));
	put_octal(block + MODE, 8, 0640);
	put_octal(block + UID, 8, 0);
	put_octal(block + GID, 8, 0);
	put_size(block + SIZE, size);
	put_octal(block + TIME, 12, time > 0 ? (uint64_t)time : 0);
	block[TYPE] = '0';
	memcpy(block + MAGIC, "ustar\00000", 8);
	put_octal(block + SUM, SUM_LEN - 1, sum_of(block));
	block[SUM + SUM_LEN - 1] = ' ';
}

/* Digits, then blanks or NULs. */
static int get_octal(const unsigned char *from, int len, uint64_t *value)
{
	int i = 0;
	*value = 0;
	for (; i < len && from[i] >= '0' && from[i] <= '7'; i++)
		*value = *value << 3 | (uint64_t)(from[i] - '0');
	if (i == 0)
		return -1;
	for (; i < len; i++)
		if (from[i] != '\0' && from[i] != ' ')
			return -1;
	return 0;
}

static int get_size(const unsigned char *from, uint64_t *size)
{
	if (from[0] != 0x80)
		return get_octal(from, SIZE_LEN, size);
	*size = 0;
	for (int i = 1; i < SIZE_LEN; i++) {
		if (*size >> 55)
			return -1;
		*size = *size << 8 | from[i];
	}
	return 0;
}

static int bad(struct vs_error *error, const char *what)
{
	return vs_error_set(error, VS_ECORRUPT, "the archive %s", what);
}

int vs_tar_decode(const unsigned char block[VS_TAR_BLOCK], char name[VS_TAR_NAME], uint64_t *size, struct vs_error *error)
{
	static const unsigned char zeros[VS_TAR_BLOCK];
	uint64_t sum;
	name[0] = '\0';
	*size = 0;
	if (memcmp(block, zeros, VS_TAR_BLOCK) == 0)
		return 0;
	if (memcmp(block + MAGIC, "ustar", 5) != 0)
		return bad(error, "is no tar file");
	if (get_octal(block + SUM, SUM_LEN, &sum) || sum != sum_of(block))
		return bad(error, "has a header that does not match its checksum");
	if (block[TYPE] != '0' && block[TYPE] != '\0')
		return bad(error, "holds something else than plain files");
	if (get_size(block + SIZE, size))
		return bad(error, "holds a file of an impossible size");
	if (block[NAME] == '\0' || !memchr(block + NAME, '\0', VS_TAR_NAME))
		return bad(error, "holds a file whose name is empty or too long");
	strcpy(name, (const char *)block + NAME);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/tar: the headers of a tar archive of plain files (POSIX.1-1988 ustar; sizes of 8 GiB and more in base 256, as GNU tar and
 * BSD tar write and read them). Only what vs_tar_encode writes is read: no links, no folders, no paths.
 *
 *   header of 512 bytes, the file's bytes, zeros up to a multiple of 512; again for each file; 1024 zeros
 */
#ifndef VS_BASE_TAR_H
#define VS_BASE_TAR_H

#include <stddef.h>
#include <stdint.h>

struct vs_error;

#define VS_TAR_BLOCK 512
#define VS_TAR_NAME 100

/* name: less than VS_TAR_NAME bytes. time: seconds since 1970. */
void vs_tar_encode(unsigned char block[VS_TAR_BLOCK], const char *name, uint64_t size, int64_t time);

/* VS_ECORRUPT, with what is wrong, unless the block is the header of a plain file. At the archive's end (a block of zeros)
 * name becomes "". */
int vs_tar_decode(const unsigned char block[VS_TAR_BLOCK], char name[VS_TAR_NAME], uint64_t *size, struct vs_error *error);

/* Zeros that follow so many bytes. */
static inline size_t vs_tar_padding(uint64_t size)
{
	return (size_t)(-size % VS_TAR_BLOCK);
}

#endif

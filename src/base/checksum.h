/* SPDX-License-Identifier: Apache-2.0 */
/* base/checksum: CRC-32 (IEEE 802.3, zlib's) of what is stored. */
#ifndef VS_BASE_CHECKSUM_H
#define VS_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t vs_crc32(const void *data, size_t len);
/* The same of bytes that go on after those whose sum is crc; 0 before the first. */
uint32_t vs_crc32_more(uint32_t crc, const void *data, size_t len);

#endif

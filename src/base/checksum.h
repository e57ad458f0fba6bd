/* SPDX-License-Identifier: Apache-2.0 */
/* base/checksum: CRC-32 (IEEE 802.3, zlib's) of what is stored. */
#ifndef VS_BASE_CHECKSUM_H
#define VS_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t vs_crc32(const void *data, size_t len);

#endif

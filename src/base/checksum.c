/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"

#include <zlib.h>

uint32_t vs_crc32(const void *data, size_t len)
{
	return (uint32_t)crc32_z(0, data, len);
}

uint32_t vs_crc32_more(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)crc32_z(crc, data, len);
}

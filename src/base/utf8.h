/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8: is it UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF)? */
#ifndef VS_BASE_UTF8_H
#define VS_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* -1 when all len bytes are; else the offset of the first byte that starts no valid character. */
int64_t vs_utf8_check(const void *data, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* service/base64: RFC 4648. Decoding takes both alphabets, padding or none; encoding writes the URL-safe one unpadded. */
#ifndef VS_SERVICE_BASE64_H
#define VS_SERVICE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#define VS_BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)

/* Into out, which has room for 3 bytes per 4 characters (len bytes do). How many bytes, or -1 when text is no base64. */
int64_t vs_base64_decode(const char *text, size_t len, void *out);
/* Into out[VS_BASE64_LEN(len) + 1], NUL-terminated; returns the length. */
size_t vs_base64_encode(const void *data, size_t len, char *out);

#endif

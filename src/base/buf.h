/* SPDX-License-Identifier: Apache-2.0 */
/* base/buf: a byte string that grows. A failed growth is remembered, so callers check once, at the end. */
#ifndef VS_BASE_BUF_H
#define VS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct vs_buf {
	char *data; /* NUL-terminated whenever not NULL */
	size_t len;
	size_t cap;
	bool failed; /* memory ran out at some append; contents are a prefix */
};

#define VS_BUF_INIT                                                                                                    \
	{                                                                                                                  \
		0                                                                                                              \
	}

void vs_buf_append(struct vs_buf *buf, const void *data, size_t len);
void vs_buf_puts(struct vs_buf *buf, const char *text);
void vs_buf_putc(struct vs_buf *buf, char c);
void vs_buf_printf(struct vs_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for len more bytes, zeroed; returns the write position or NULL. The caller then adds to buf->len. */
char *vs_buf_reserve(struct vs_buf *buf, size_t len);

/* Empties and keeps the memory (up to 1 MiB of it). */
void vs_buf_reset(struct vs_buf *buf);
void vs_buf_release(struct vs_buf *buf);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN ((size_t)256)
#define CAP_KEEP ((size_t)1 << 20)

/* Room for len more bytes and the NUL after them. */
static bool grow(struct vs_buf *buf, size_t len)
{
	if (buf->failed)
		return false;
	if (buf->data && buf->cap - buf->len > len)
		return true;
	if (len >= SIZE_MAX / 4 - buf->len) {
		buf->failed = true;
		return false;
	}
	size_t cap = buf->cap < CAP_MIN ? CAP_MIN : buf->cap;
	while (cap - buf->len <= len)
		cap *= 2;
	char *data = realloc(buf->data, cap);
	if (!data) {
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->cap = cap;
	data[buf->len] = '\0';
	return true;
}

void vs_buf_append(struct vs_buf *buf, const void *data, size_t len)
{
	if (!grow(buf, len))
		return;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void vs_buf_puts(struct vs_buf *buf, const char *text)
{
	vs_buf_append(buf, text, strlen(text));
}

void vs_buf_putc(struct vs_buf *buf, char c)
{
	vs_buf_append(buf, &c, 1);
}

void vs_buf_printf(struct vs_buf *buf, const char *format, ...)
{
	if (!grow(buf, 0))
		return;
	va_list args;
	va_start(args, format);
	size_t room = buf->cap - buf->len;
	int n = vsnprintf(buf->data + buf->len, room, format, args);
	va_end(args);
	if (n >= 0 && (size_t)n >= room) {
		buf->data[buf->len] = '\0';
		if (!grow(buf, (size_t)n))
			return;
		va_start(args, format);
		n = vsnprintf(buf->data + buf->len, buf->cap - buf->len, format, args);
		va_end(args);
	}
	if (n < 0) {
		buf->data[buf->len] = '\0';
		buf->failed = true;
		return;
	}
	buf->len += (size_t)n;
}

char *vs_buf_reserve(struct vs_buf *buf, size_t len)
{
	if (!grow(buf, len))
		return NULL;
	/* Zeroed, so that data stays NUL-terminated however much of it the caller uses. */
	memset(buf->data + buf->len, 0, len + 1);
	return buf->data + buf->len;
}

void vs_buf_reset(struct vs_buf *buf)
{
	if (buf->cap > CAP_KEEP) {
		vs_buf_release(buf);
		return;
	}
	buf->len = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

void vs_buf_release(struct vs_buf *buf)
{
	free(buf->data);
	*buf = (struct vs_buf)VS_BUF_INIT;
}

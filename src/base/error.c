/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int code;
	int http;
	const char *word;
} error_table[] = {
#define VS_ERROR(name, value, word, http, grpc) { name, http, word },
#include "base/error.tbl"
#undef VS_ERROR
};

const char *vs_error_word(int code)
{
	if (code == VS_OK)
		return "ok";
	for (size_t i = 0; i < sizeof(error_table) / sizeof(error_table[0]); i++)
		if (error_table[i].code == code)
			return error_table[i].word;
	return vs_error_word(VS_EINTERNAL);
}

int vs_error_http(int code)
{
	if (code == VS_OK)
		return 200;
	for (size_t i = 0; i < sizeof(error_table) / sizeof(error_table[0]); i++)
		if (error_table[i].code == code)
			return error_table[i].http;
	return vs_error_http(VS_EINTERNAL);
}

/* Cuts an unfinished UTF-8 sequence off the end of a text that did not fit: texts go into JSON answers. */
static void trim_utf8(char *text, size_t len)
{
	size_t start = len;
	while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (len - (start - 1) < need)
		text[start - 1] = '\0';
}

/* Writes at text[used…size); returns the new length of text. */
__attribute__((format(printf, 4, 0))) static size_t put_text(char *text, size_t size, size_t used, const char *format,
                                                             va_list args)
{
	int n = vsnprintf(text + used, size - used, format, args);
	if (n < 0) {
		text[used] = '\0';
		return used;
	}
	if ((size_t)n < size - used)
		return used + (size_t)n;
	trim_utf8(text, size - 1);
	return strlen(text);
}

__attribute__((format(printf, 4, 5))) static size_t print_text(char *text, size_t size, size_t used, const char *format,
                                                               ...)
{
	va_list args;
	va_start(args, format);
	used = put_text(text, size, used, format, args);
	va_end(args);
	return used;
}

static void start(struct vs_error *error, int code)
{
	error->code = code;
	error->position = -1;
	error->field[0] = '\0';
	error->text[0] = '\0';
}

int vs_error_set(struct vs_error *error, int code, const char *format, ...)
{
	if (!error)
		return code;
	start(error, code);
	va_list args;
	va_start(args, format);
	put_text(error->text, sizeof(error->text), 0, format, args);
	va_end(args);
	return code;
}

int vs_error_at(struct vs_error *error, int code, const char *field, int64_t position, const char *format, ...)
{
	if (!error)
		return code;
	start(error, code);
	error->position = position < 0 ? -1 : position;
	print_text(error->field, sizeof(error->field), 0, "%s", field ? field : "");
	size_t used = 0;
	if (error->field[0])
		used = print_text(error->text, sizeof(error->text), used, "%s", error->field);
	if (position >= 0)
		used = print_text(error->text, sizeof(error->text), used, "%sposition %lld", used ? ", " : "",
		                  (long long)position);
	if (used)
		used = print_text(error->text, sizeof(error->text), used, ": ");
	va_list args;
	va_start(args, format);
	put_text(error->text, sizeof(error->text), used, format, args);
	va_end(args);
	return code;
}

static int code_of(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EFBIG: /* a limit of the process, or of the file system */
	case EDQUOT:
		return VS_ENOSPC;
	case EROFS:
	case EACCES:
	case EPERM:
		return VS_EREADONLY;
	case ENOENT:
		return VS_ENOTFOUND;
	case ENOMEM:
		return VS_ENOMEM;
	default:
		return VS_EIO;
	}
}

int vs_error_errno(struct vs_error *error, int errnum, const char *format, ...)
{
	int code = code_of(errnum);
	if (!error)
		return code;
	start(error, code);
	va_list args;
	va_start(args, format);
	size_t used = put_text(error->text, sizeof(error->text), 0, format, args);
	va_end(args);
	/* strerror has a buffer per thread in the C libraries that we build on (glibc 2.32, musl). */
	print_text(error->text, sizeof(error->text), used, ": %s", strerror(errnum));
	return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/error: what went wrong, in a form that a program can act on and a user can read.
 *
 * Functions return 0 or a negative VS_E… code. Their last argument is a struct vs_error, which is filled
 * once, where the fault is seen, and only when the function fails. It may be NULL. This header is public:
 * it is installed beneath vecstore.h.
 */
#ifndef VS_BASE_ERROR_H
#define VS_BASE_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vs_code {
	VS_OK = 0,
#define VS_ERROR(name, value, word, http, grpc) name = value,
#include "error.tbl"
#undef VS_ERROR
};

struct vs_error {
	int code;         /* VS_OK or VS_E… */
	int64_t position; /* byte offset (0-based) or element index of the fault in its field; -1: none */
	char field[64];   /* which input, e.g. "filter" or "records[3].vector"; "" when none */
	char text[320];   /* one sentence a user can act on; names field and position itself */
};

/* Fills *error (NULL allowed) and returns code, so that "return vs_error_set(…)" reads well. */
int vs_error_set(struct vs_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with the field and position (-1: none) of the fault; both are also put before the text, as
 * "field, position N: text". */
int vs_error_at(struct vs_error *error, int code, const char *field, int64_t position, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* From an errno value: ENOSPC and EDQUOT become VS_ENOSPC, EROFS, EACCES and EPERM VS_EREADONLY, ENOENT
 * VS_ENOTFOUND, ENOMEM VS_ENOMEM, the rest VS_EIO. The text is "<what>: <strerror>". */
int vs_error_errno(struct vs_error *error, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The table's columns for a code. VS_OK is "ok" and 200; unknown codes read as VS_EINTERNAL. Static strings. */
const char *vs_error_word(int code);
int vs_error_http(int code);

#ifdef __cplusplus
}
#endif
#endif

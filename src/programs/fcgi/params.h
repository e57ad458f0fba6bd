/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi/params: a request's variables in the first bytes of its FastCGI connection, before libfcgi reads these. FastCGI 1.0, 3.3
 * and 3.4: the contents of the records of type PARAMS, one after another, are pairs of length, length, name, value; an empty record
 * ends them.
 */
#ifndef VS_FCGI_PARAMS_H
#define VS_FCGI_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

struct vs_variable {
	const char *name; /* no NUL ends it, nor the value */
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* Whether no byte more is needed, because the last of the variables is there, or what is there are no records. */
bool vs_params_have_ended(const unsigned char *bytes, size_t len);
/* Calls back for each variable. Bytes are moved. False when not all are there, or they are damaged: some were told then. */
bool vs_params_each(unsigned char *bytes, size_t len, void (*each)(void *context, const struct vs_variable *variable),
                    void *context);

#endif

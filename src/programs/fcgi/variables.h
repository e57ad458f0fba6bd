/* SPDX-License-Identifier: Apache-2.0 */
/* fcgi/variables: a look at a request's variables before libfcgi reads them. */
#ifndef VS_FCGI_VARIABLES_H
#define VS_FCGI_VARIABLES_H

#include <stdbool.h>

/* True when no variable of the FastCGI request that begins at fd, a Unix socket, holds a NUL character; takes nothing from it.
 * Waits for the last variable as long as the socket's time limit says. False, too, when that does not come, or not within
 * 128 KiB. */
bool vs_variables_are_text(int fd);

#endif

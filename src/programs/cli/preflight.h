/* SPDX-License-Identifier: Apache-2.0 */
/* cli/preflight: whether a data folder can be served. */
#ifndef VS_CLI_PREFLIGHT_H
#define VS_CLI_PREFLIGHT_H

#include <stdbool.h>

struct vs_error;

/* Makes the folder when it is missing, opens everything in it, and writes and removes a file, all in a child
 * process: no SQLite handle ever lives in the supervisor. VS_EFORMAT (made by a newer vecstore), VS_EREADONLY,
 * VS_ENOSPC, … closed: VS_EAUTH unless there is a key. */
int vs_preflight(const char *data, bool closed, struct vs_error *error);

#endif

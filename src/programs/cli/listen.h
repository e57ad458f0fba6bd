/* SPDX-License-Identifier: Apache-2.0 */
/* cli/listen: the Unix socket that workers inherit, and whether a TCP port is free. */
#ifndef VS_CLI_LISTEN_H
#define VS_CLI_LISTEN_H

#include <stdbool.h>

struct vs_address;
struct vs_error;

/* Binds and listens at path with mode 0660, close-on-exec; returns the descriptor. A socket that is left over from
 * a dead server is replaced. VS_EINVAL when the path is too long or names something else, VS_EBUSY when another
 * program serves it. */
int vs_listen_unix(const char *path, struct vs_error *error);

/* 0 when the address can be listened on, VS_EBUSY when something else does, VS_EINVAL when it never can be. */
int vs_listen_try(const struct vs_address *address, struct vs_error *error);

/* True when somebody accepts at the address. */
bool vs_listen_answers(const struct vs_address *address);

#endif

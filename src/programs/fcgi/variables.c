/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfcgi gives variables as C strings, and so cuts them off at a NUL. In a header no web server lets one through; but lighttpd's
 * name of a client certificate may hold one, and "alice\0.example.org" must not be alice here (REMOTE_USER).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/fcgi/variables.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "programs/fcgi/params.h"

/* Less than what fits into a Unix socket, or its writer would wait for us to take what we wait to see the end of. (One that sends
 * hundreds of tiny pieces still does, until the socket's time limit. Web servers send all variables at once.) */
#define LOOK_MAX ((size_t)128 << 10)

static void look(void *context, const struct vs_variable *variable)
{
	bool *text = context;
	*text = *text && !memchr(variable->name, '\0', variable->name_len) && !memchr(variable->value, '\0', variable->value_len);
}

bool vs_variables_are_text(int fd)
{
	static const int start = 0, off = -1;
	static unsigned char bytes[LOOK_MAX];
	size_t seen = 0;
	ssize_t got = 1;
	bool text = true;
	/* From here on each peek goes on where the last one ended, and waits for more. */
	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)))
		return false;
	while (got > 0 && seen < sizeof(bytes) && !vs_params_have_ended(bytes, seen)) {
		got = recv(fd, bytes + seen, sizeof(bytes) - seen, MSG_PEEK);
		seen += got > 0 ? (size_t)got : 0;
	}
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
	return vs_params_each(bytes, seen, look, &text) && text;
}

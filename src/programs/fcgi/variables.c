/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfcgi gives variables as C strings, and so cuts them off at a NUL. In a header no web server lets one through; but lighttpd's
 * name of a client certificate may hold one, and "alice\0.example.org" must not be alice here (REMOTE_USER).
 *
 * The stream (FastCGI 1.0, 3.3 and 3.4): records with a head of eight bytes; the contents of those of type PARAMS, one after
 * another, are pairs of length, length, name, value, and an empty one ends them. A length is one byte, or four with the highest bit
 * set.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/fcgi/variables.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define PARAMS 4 /* FCGI_PARAMS of the FastCGI specification */
#define HEAD 8
/* Less than what fits into a Unix socket, or its writer would wait for us to take what we wait to see the end of. (One that sends
 * hundreds of tiny pieces still does, until the socket's time limit. Web servers send all variables at once.) */
#define LOOK_MAX ((size_t)128 << 10)

enum part { NAME_LENGTH, VALUE_LENGTH, TEXT };

struct look {
	unsigned char head[HEAD];
	size_t head_len;
	unsigned content, padding; /* what is still to come of the record */
	enum part part;
	unsigned more; /* bytes of the length in hand that are still to come */
	uint32_t length;
	uint64_t text; /* bytes of name and value: at first their lengths, then what is still to come */
	bool nul;
	bool ended;
};

static void take_length(struct look *look, unsigned char c)
{
	if (look->more > 0) {
		look->length = look->length << 8 | c;
		look->more--;
	} else {
		look->length = c & 0x7f;
		look->more = c & 0x80 ? 3 : 0;
	}
	if (look->more > 0)
		return;
	look->text += look->length;
	if (look->part == NAME_LENGTH)
		look->part = VALUE_LENGTH;
	else
		look->part = look->text > 0 ? TEXT : NAME_LENGTH;
}

static void take_param(struct look *look, unsigned char c)
{
	if (look->part != TEXT) {
		take_length(look, c);
		return;
	}
	look->nul = look->nul || c == '\0';
	if (--look->text == 0)
		look->part = NAME_LENGTH;
}

static void take_head(struct look *look, unsigned char c)
{
	look->head[look->head_len++] = c;
	if (look->head_len < HEAD)
		return;
	look->content = (unsigned)look->head[4] << 8 | look->head[5];
	look->padding = look->head[6];
	look->ended = look->head[1] == PARAMS && look->content == 0;
}

static void take(struct look *look, unsigned char c)
{
	if (look->head_len < HEAD) {
		take_head(look, c);
	} else if (look->content > 0) {
		look->content--;
		if (look->head[1] == PARAMS)
			take_param(look, c);
	} else {
		look->padding--;
	}
	if (look->head_len == HEAD && look->content + look->padding == 0)
		look->head_len = 0;
}

bool vs_variables_are_text(int fd)
{
	static const int start = 0, off = -1;
	unsigned char data[4096];
	struct look look = { .ended = false };
	size_t seen = 0;
	/* From here on each peek goes on where the last one ended, and waits for more. */
	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)))
		return false;
	while (!look.ended && seen < LOOK_MAX) {
		ssize_t got = recv(fd, data, sizeof(data), MSG_PEEK);
		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got && !look.ended; i++)
			take(&look, data[i]);
		seen += (size_t)got;
	}
	setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
	return look.ended && !look.nul;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/fcgi/params.h"

#include <string.h>

/* FastCGI specification 1.0, 3.3: version, type, request id (2), length of content (2), of padding, reserved */
#define VERSION 1
#define HEADER 8u
#define PARAMS 4

enum found { PARAM, OTHER, LAST, CUT, DAMAGED };

/* The record at *at, which moves to its content, and *next behind its padding. */
static enum found find_record(const unsigned char *bytes, size_t len, size_t *at, size_t *content, size_t *next)
{
	const unsigned char *head = bytes + *at;
	if (len > *at && head[0] != VERSION)
		return DAMAGED;
	if (len - *at < HEADER)
		return CUT;
	*content = (size_t)head[4] << 8 | head[5];
	if (head[1] == PARAMS && *content == 0)
		return LAST;
	*at += HEADER;
	if (len - *at < *content + head[6])
		return CUT;
	*next = *at + *content + head[6];
	return head[1] == PARAMS ? PARAM : OTHER;
}

bool vs_params_have_ended(const unsigned char *bytes, size_t len)
{
	size_t content, next = 0;
	enum found found;
	do {
		size_t at = next;
		found = find_record(bytes, len, &at, &content, &next);
	} while (found == PARAM || found == OTHER);
	return found != CUT;
}

/* Moves the content of the stream PARAMS to the front: *params bytes. False when its end is not there. */
static bool join_params(unsigned char *bytes, size_t len, size_t *params)
{
	size_t content, next = 0;
	*params = 0;
	for (;;) {
		size_t at = next;
		enum found found = find_record(bytes, len, &at, &content, &next);
		if (found != PARAM && found != OTHER)
			return found == LAST;
		if (found == OTHER)
			continue;
		memmove(bytes + *params, bytes + at, content);
		*params += content;
	}
}

/* 3.4: one byte below 128, or four bytes, of which the first bit is set. */
static bool read_length(const unsigned char **at, const unsigned char *end, size_t *len)
{
	size_t left = (size_t)(end - *at);
	if (left < 1 || ((*at)[0] >= 128 && left < 4))
		return false;
	const unsigned char *from = *at;
	bool wide = from[0] >= 128;
	*len = wide ? (size_t)(from[0] & 127) << 24 | (size_t)from[1] << 16 | (size_t)from[2] << 8 | from[3] : from[0];
	*at += wide ? 4 : 1;
	return true;
}

bool vs_params_each(unsigned char *bytes, size_t len, void (*each)(void *context, const struct vs_variable *variable),
                    void *context)
{
	size_t params;
	if (!join_params(bytes, len, &params))
		return false;
	const unsigned char *end = bytes + params;
	for (const unsigned char *at = bytes; at < end;) {
		struct vs_variable variable;
		if (!read_length(&at, end, &variable.name_len) || !read_length(&at, end, &variable.value_len) ||
		    variable.name_len > (size_t)(end - at) || variable.value_len > (size_t)(end - at) - variable.name_len)
			return false;
		variable.name = (const char *)at;
		variable.value = variable.name + variable.name_len;
		each(context, &variable);
		at += variable.name_len + variable.value_len;
	}
	return true;
}

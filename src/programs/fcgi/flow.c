/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/fcgi/flow.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"

/* FastCGI specification 1.0, 3.3: version, type, request id (2), length of content (2), of padding, reserved */
#define VERSION 1
#define HEADER 8u
#define PARAMS 4

struct text {
	const char *data;
	size_t len;
};

/* ---- what tells the tenant ---------------------------------------------------------------------------------- */

static bool equals(struct text text, const char *to)
{
	return text.len == strlen(to) && memcmp(text.data, to, text.len) == 0;
}

/* Nothing in it needs to be decoded, so that it is spelled in one way alone. */
static bool is_plain(struct text name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	for (size_t i = 0; i < name.len; i++)
		if (!memchr(plain, name.data[i], sizeof(plain) - 1))
			return false;
	return true;
}

/* The value of namespace= in a target; empty: there is none. */
static struct text find_namespace(struct text target)
{
	static const char name[] = "namespace=";
	const size_t skip = sizeof(name) - 1;
	const char *end = target.data + target.len;
	const char *at = memchr(target.data, '?', target.len);
	while (at && (size_t)(end - at) > skip) {
		const char *field = at + 1;
		const char *next = memchr(field, '&', (size_t)(end - field));
		size_t len = (size_t)((next ? next : end) - field);
		if (len >= skip && memcmp(field, name, skip) == 0)
			return (struct text){ field + skip, len - skip };
		at = next;
	}
	return (struct text){ "", 0 };
}

/* What one variable adds; the order of variables makes no difference. */
static uint64_t hash_variable(struct text name, struct text value, uint64_t seed)
{
	static const char *const names[] = { "HTTP_X_NAMESPACE", "HTTP_X_API_KEY", "HTTP_AUTHORIZATION", "REMOTE_USER" };
	const size_t count = sizeof(names) / sizeof(names[0]);
	size_t kind = 0;
	if (equals(name, "REQUEST_URI")) /* another way to say what the first of them says */
		value = find_namespace(value);
	else
		while (kind < count && !equals(name, names[kind]))
			kind++;
	if (kind == count || value.len == 0 || (kind == 0 && !is_plain(value)))
		return 0;
	return vs_hash128(value.data, value.len, seed + kind).words[0];
}

static uint64_t finish(uint64_t sum)
{
	return sum != 0 ? sum : 1;
}

uint64_t vs_flow_of_variables(char *const *variables, uint64_t seed)
{
	uint64_t sum = 0;
	for (; variables && *variables; variables++) {
		const char *is = strchr(*variables, '=');
		if (is)
			sum ^= hash_variable((struct text){ *variables, (size_t)(is - *variables) }, (struct text){ is + 1, strlen(is + 1) },
			                     seed);
	}
	return finish(sum);
}

/* ---- records ------------------------------------------------------------------------------------------------ */

/* Moves the content of the stream PARAMS to the front: *params bytes. False when its end is not there. */
static bool join_params(unsigned char *bytes, size_t len, size_t *params)
{
	size_t at = 0;
	*params = 0;
	while (len - at >= HEADER && bytes[at] == VERSION) {
		const unsigned char *head = bytes + at;
		size_t content = (size_t)head[4] << 8 | head[5];
		size_t padding = head[6];
		bool wanted = head[1] == PARAMS;
		if (wanted && content == 0)
			return true;
		at += HEADER;
		if (content + padding > len - at)
			return false;
		if (wanted) {
			memmove(bytes + *params, bytes + at, content);
			*params += content;
		}
		at += content + padding;
	}
	return false;
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

uint64_t vs_flow_of_records(unsigned char *bytes, size_t len, uint64_t seed)
{
	size_t params;
	uint64_t sum = 0;
	if (!join_params(bytes, len, &params))
		return 0;
	const unsigned char *end = bytes + params;
	for (const unsigned char *at = bytes; at < end;) {
		struct text name;
		struct text value;
		if (!read_length(&at, end, &name.len) || !read_length(&at, end, &value.len) || name.len > (size_t)(end - at) ||
		    value.len > (size_t)(end - at) - name.len)
			return 0;
		name.data = (const char *)at;
		value.data = name.data + name.len;
		sum ^= hash_variable(name, value, seed);
		at += name.len + value.len;
	}
	return finish(sum);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/fcgi/flow.h"

#include <stdbool.h>
#include <string.h>

#include "base/hash.h"
#include "programs/fcgi/params.h"

struct text {
	const char *data;
	size_t len;
};

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

struct hashing {
	uint64_t sum;
	uint64_t seed;
};

static void add(void *context, const struct vs_variable *variable)
{
	struct hashing *hashing = context;
	hashing->sum ^= hash_variable((struct text){ variable->name, variable->name_len },
	                              (struct text){ variable->value, variable->value_len }, hashing->seed);
}

uint64_t vs_flow_of_records(unsigned char *bytes, size_t len, uint64_t seed)
{
	struct hashing hashing = { 0, seed };
	return vs_params_each(bytes, len, add, &hashing) ? finish(hashing.sum) : 0;
}

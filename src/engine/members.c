/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/members.h"

#include "base/error.h"

static char peek(struct vs_filter_json *json)
{
	while (json->at < json->end && (*json->at == ' ' || *json->at == '\n' || *json->at == '\t' || *json->at == '\r'))
		json->at++;
	return json->at < json->end ? *json->at : '\0';
}

static bool take(struct vs_filter_json *json, char c)
{
	if (peek(json) != c)
		return false;
	json->at++;
	return true;
}

static bool read_value(struct vs_filter_json *json, struct vs_span *span, struct vs_filter_value *value)
{
	(void)peek(json);
	span->data = json->at;
	if (!vs_filter_json_scan(json, 0, value))
		return false;
	span->len = (size_t)(json->at - span->data);
	return true;
}

int vs_members_next(struct vs_members *members, struct vs_arena *arena, struct vs_member *member)
{
	struct vs_filter_json *json = &members->json;
	struct vs_filter_value value;
	bool first = !members->begun;
	size_t bad;

	if (first && !take(json, '{'))
		return VS_EINVAL;
	members->begun = true;
	if (take(json, '}'))
		return 0;
	if (!first && !take(json, ','))
		return VS_EINVAL;
	if (peek(json) != '"' || !read_value(json, &member->raw, &value))
		return VS_EINVAL;
	member->name = (struct vs_span){ value.text.data, value.text.len };
	if (value.escaped) {
		char *name = vs_arena_alloc(arena, value.text.len);
		if (name == NULL)
			return VS_ENOMEM;
		member->name.len = vs_filter_json_unescape(value.text.data, value.text.len, name, &bad);
		member->name.data = name;
	}
	if (!take(json, ':') || !read_value(json, &member->value, &value))
		return VS_EINVAL;
	member->kind = value.kind;
	return 1;
}

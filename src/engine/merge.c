/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/filter_json.h"

struct span {
	const char *data;
	size_t len;
};

struct member {
	struct span raw; /* the name as it stands, with its quotes */
	struct span name;
	struct span value;
	enum vs_filter_kind kind;
	bool used;
};

struct merge {
	struct vs_arena arena;
	struct vs_buf *out;
};

/* Reads the members of one object. */
struct reader {
	struct vs_filter_json json;
	bool begun;
};

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

static bool read_value(struct vs_filter_json *json, struct span *span, struct vs_filter_value *value)
{
	(void)peek(json);
	span->data = json->at;
	if (!vs_filter_json_scan(json, 0, value))
		return false;
	span->len = (size_t)(json->at - span->data);
	return true;
}

/* 1 and the next member, 0 at the object's end, negative when it is no JSON or memory is out. */
static int next_member(struct merge *merge, struct reader *reader, struct member *member)
{
	struct vs_filter_json *json = &reader->json;
	struct vs_filter_value value;
	size_t bad;

	if (!reader->begun && !take(json, '{'))
		return VS_EINVAL;
	if (take(json, '}'))
		return 0;
	if (reader->begun && !take(json, ','))
		return VS_EINVAL;
	reader->begun = true;
	if (peek(json) != '"' || !read_value(json, &member->raw, &value))
		return VS_EINVAL;
	member->name = (struct span){ value.text.data, value.text.len };
	if (value.escaped) {
		char *name = vs_arena_alloc(&merge->arena, value.text.len);
		if (name == NULL)
			return VS_ENOMEM;
		member->name.len = vs_filter_json_unescape(value.text.data, value.text.len, name, &bad);
		member->name.data = name;
	}
	if (!take(json, ':') || !read_value(json, &member->value, &value))
		return VS_EINVAL;
	member->kind = value.kind;
	member->used = false;
	return 1;
}

static int compare_names(const struct member *a, const struct member *b)
{
	size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = memcmp(a->name.data, b->name.data, len);

	return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static int compare_members(const void *a, const void *b)
{
	return compare_names(*(struct member *const *)a, *(struct member *const *)b);
}

/* The members of a patch, in their order and by name. */
struct patch {
	struct member *members;
	struct member **sorted;
	size_t count;
};

static int read_patch(struct merge *merge, struct span text, struct patch *patch)
{
	struct reader reader = { { text.data, text.data + text.len }, false };
	struct vs_buf members = VS_BUF_INIT;
	struct member member;
	int rc;

	while ((rc = next_member(merge, &reader, &member)) == 1)
		vs_buf_append(&members, &member, sizeof(member));
	if (rc == 0 && members.failed)
		rc = VS_ENOMEM;
	patch->count = members.len / sizeof(member);
	patch->members = vs_arena_calloc(&merge->arena, patch->count, sizeof(member));
	patch->sorted = vs_arena_calloc(&merge->arena, patch->count, sizeof(*patch->sorted));
	if (rc == 0 && (patch->members == NULL || patch->sorted == NULL))
		rc = VS_ENOMEM;
	if (rc == 0 && patch->count > 0) {
		memcpy(patch->members, members.data, members.len);
		for (size_t i = 0; i < patch->count; i++)
			patch->sorted[i] = &patch->members[i];
		qsort(patch->sorted, patch->count, sizeof(*patch->sorted), compare_members);
	}
	vs_buf_release(&members);
	return rc;
}

static struct member *find(const struct patch *patch, const struct member *wanted)
{
	struct member **found = NULL;

	if (patch->count > 0)
		found = bsearch(&wanted, patch->sorted, patch->count, sizeof(*patch->sorted), compare_members);
	return found != NULL ? *found : NULL;
}

static int merge_objects(struct merge *merge, const struct span *target, struct span text);

static void put_name(struct merge *merge, struct span raw, bool *first)
{
	if (!*first)
		vs_buf_putc(merge->out, ',');
	*first = false;
	vs_buf_append(merge->out, raw.data, raw.len);
	vs_buf_putc(merge->out, ':');
}

/* What the patch makes of the value that stood there; target NULL: none did. */
static int put_patched(struct merge *merge, struct span raw, const struct member *target, const struct member *patch,
                       bool *first)
{
	if (patch->kind == VS_FILTER_NULL)
		return 0;
	put_name(merge, raw, first);
	if (patch->kind == VS_FILTER_OBJECT)
		return merge_objects(merge, target != NULL && target->kind == VS_FILTER_OBJECT ? &target->value : NULL,
		                     patch->value);
	vs_buf_append(merge->out, patch->value.data, patch->value.len);
	return 0;
}

static int put_target(struct merge *merge, struct span text, const struct patch *patch, bool *first)
{
	struct reader reader = { { text.data, text.data + text.len }, false };
	struct member member;
	int rc;

	while ((rc = next_member(merge, &reader, &member)) == 1) {
		struct member *change = find(patch, &member);
		if (change != NULL) {
			change->used = true;
			rc = put_patched(merge, member.raw, &member, change, first);
			if (rc < 0)
				return rc;
			continue;
		}
		put_name(merge, member.raw, first);
		vs_buf_append(merge->out, member.value.data, member.value.len);
	}
	return rc == VS_EINVAL ? VS_ECORRUPT : rc;
}

/* Recursion is bounded by the depth of JSON that is accepted. */
static int merge_objects(struct merge *merge, const struct span *target, struct span text)
{
	struct patch patch;
	bool first = true;
	int rc = read_patch(merge, text, &patch);

	if (rc < 0)
		return rc;
	vs_buf_putc(merge->out, '{');
	if (target != NULL)
		rc = put_target(merge, *target, &patch, &first);
	for (size_t i = 0; rc == 0 && i < patch.count; i++)
		if (!patch.members[i].used)
			rc = put_patched(merge, patch.members[i].raw, NULL, &patch.members[i], &first);
	vs_buf_putc(merge->out, '}');
	return rc;
}

int vs_json_merge(const char *target, size_t target_len, const char *patch, size_t patch_len, struct vs_buf *out,
                  struct vs_error *error)
{
	struct merge merge = { .arena = VS_ARENA_INIT, .out = out };
	struct span whole = { target, target_len };
	int rc = merge_objects(&merge, &whole, (struct span){ patch, patch_len });

	vs_arena_release(&merge.arena);
	if (rc == 0 && out->failed)
		rc = VS_ENOMEM;
	if (rc == VS_ENOMEM)
		return vs_error_set(error, rc, "no memory for metadata");
	if (rc == VS_EINVAL)
		return vs_error_at(error, rc, "metadata", -1, "is no JSON object");
	if (rc < 0)
		return vs_error_set(error, rc, "the stored metadata of a record are no JSON object");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/members.h"

struct change {
	struct vs_member member;
	bool used;
};

struct merge {
	struct vs_arena arena;
	struct vs_buf *out;
};

static int compare_names(const struct vs_member *a, const struct vs_member *b)
{
	size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = memcmp(a->name.data, b->name.data, len);

	return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static int compare_changes(const void *a, const void *b)
{
	const struct change *const *first = a;
	const struct change *const *second = b;

	return compare_names(&(*first)->member, &(*second)->member);
}

/* The members of a patch, in their order and by name. */
struct patch {
	struct change *changes;
	struct change **sorted;
	size_t count;
};

static int read_patch(struct merge *merge, struct vs_span text, struct patch *patch)
{
	struct vs_members reader = vs_members_of(text);
	struct vs_buf changes = VS_BUF_INIT;
	struct change change = { .used = false };
	int rc;

	while ((rc = vs_members_next(&reader, &merge->arena, &change.member)) == 1)
		vs_buf_append(&changes, &change, sizeof(change));
	if (rc == 0 && changes.failed)
		rc = VS_ENOMEM;
	patch->count = changes.len / sizeof(change);
	patch->changes = vs_arena_calloc(&merge->arena, patch->count, sizeof(change));
	patch->sorted = vs_arena_calloc(&merge->arena, patch->count, sizeof(*patch->sorted));
	if (rc == 0 && (patch->changes == NULL || patch->sorted == NULL))
		rc = VS_ENOMEM;
	if (rc == 0 && patch->count > 0) {
		memcpy(patch->changes, changes.data, changes.len);
		for (size_t i = 0; i < patch->count; i++)
			patch->sorted[i] = &patch->changes[i];
		qsort(patch->sorted, patch->count, sizeof(*patch->sorted), compare_changes);
	}
	vs_buf_release(&changes);
	return rc;
}

static struct change *find(const struct patch *patch, const struct vs_member *wanted)
{
	struct change key = { *wanted, false };
	const struct change *at = &key;
	struct change **found = NULL;

	if (patch->count > 0)
		found = bsearch(&at, patch->sorted, patch->count, sizeof(*patch->sorted), compare_changes);
	return found != NULL ? *found : NULL;
}

static int merge_objects(struct merge *merge, const struct vs_span *target, struct vs_span text);

static void put_name(struct merge *merge, struct vs_span raw, bool *first)
{
	if (!*first)
		vs_buf_putc(merge->out, ',');
	*first = false;
	vs_buf_append(merge->out, raw.data, raw.len);
	vs_buf_putc(merge->out, ':');
}

/* What the patch makes of the value that stood there; target NULL: none did. */
static int put_patched(struct merge *merge, struct vs_span raw, const struct vs_member *target,
                       const struct vs_member *patch, bool *first)
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

static int put_target(struct merge *merge, struct vs_span text, const struct patch *patch, bool *first)
{
	struct vs_members reader = vs_members_of(text);
	struct vs_member member;
	int rc;

	while ((rc = vs_members_next(&reader, &merge->arena, &member)) == 1) {
		struct change *change = find(patch, &member);
		if (change != NULL) {
			change->used = true;
			rc = put_patched(merge, member.raw, &member, &change->member, first);
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
static int merge_objects(struct merge *merge, const struct vs_span *target, struct vs_span text)
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
		if (!patch.changes[i].used)
			rc = put_patched(merge, patch.changes[i].member.raw, NULL, &patch.changes[i].member, &first);
	vs_buf_putc(merge->out, '}');
	return rc;
}

int vs_json_merge(const char *target, size_t target_len, const char *patch, size_t patch_len, struct vs_buf *out,
                  struct vs_error *error)
{
	struct merge merge = { .arena = VS_ARENA_INIT, .out = out };
	struct vs_span whole = { target, target_len };
	int rc = merge_objects(&merge, &whole, (struct vs_span){ patch, patch_len });

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

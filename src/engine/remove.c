/* SPDX-License-Identifier: Apache-2.0 */
/* Delete, soft delete and restore: liveness changes, slots stay. */
#include <stdio.h>

#include "engine/write.h"

static int check_ids(const struct vs_id *ids, size_t count, struct vs_error *error)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		char field[32] = "id";
		if (count > 1)
			snprintf(field, sizeof(field), "ids[%zu]", i);
		rc = vs_namespace_check_id(field, ids[i].data, ids[i].len, error);
	}
	return rc;
}

struct removal {
	enum vs_removal kind;
	const struct vs_id *ids;
	size_t count;
	int64_t if_version;
	struct vs_removed removed;
};

static int remove_ids(struct vs_write *write, void *context, struct vs_error *error)
{
	struct removal *removal = context;
	struct vs_place place = { .list = NULL };
	int rc = 0;

	removal->removed = (struct vs_removed){ 0, 0 };
	for (size_t i = 0; rc == 0 && i < removal->count; i++) {
		bool found, done;
		rc = vs_write_remove(write, &place, removal->kind, &removal->ids[i], removal->if_version, &found, &done, error);
		removal->removed.found += found;
		removal->removed.done += done;
	}
	return rc;
}

int vs_namespace_remove_if(struct vs_namespace *ns, enum vs_removal kind, const struct vs_id *ids, size_t count,
                           int64_t if_version, struct vs_removed *removed, struct vs_error *error)
{
	struct removal removal = { .kind = kind, .ids = ids, .count = count, .if_version = if_version };
	int rc = check_ids(ids, count, error);

	*removed = (struct vs_removed){ 0, 0 };
	vs_arena_reset(&ns->arena);
	if (rc == 0)
		rc = vs_write_run(ns, 0, remove_ids, &removal, error);
	if (rc == 0)
		*removed = removal.removed;
	return rc;
}

int vs_namespace_remove(struct vs_namespace *ns, enum vs_removal kind, const struct vs_id *ids, size_t count,
                        size_t *done, struct vs_error *error)
{
	struct vs_removed removed;
	int rc = vs_namespace_remove_if(ns, kind, ids, count, 0, &removed, error);

	*done = removed.done;
	return rc;
}

/* The accepted live slots, under the writer lock. */
static int remove_matches(struct vs_write *write, const char *filter, size_t *done, struct vs_error *error)
{
	struct vs_generation *generation = &write->ns->generation;
	const struct vs_bitmap *matches, *visible;
	int rc = vs_generation_refresh_live(generation, &write->state, error);

	if (rc == 0)
		rc = vs_generation_refresh_visible(generation, &write->state, write->now, error);
	if (rc == 0)
		rc = vs_matches_find(&generation->matches, generation->meta, &write->state, filter, &matches, error);
	if (rc < 0)
		return rc;
	visible = vs_generation_visible(generation);
	for (uint32_t slot = vs_bitmap_next(matches, 0); rc == 0 && slot < matches->len; slot = vs_bitmap_next(matches, slot + 1)) {
		struct vs_meta_row row;
		bool removed = false;
		if (!vs_bitmap_test(visible, slot))
			continue;
		rc = vs_meta_get(write->meta, slot, &row, error);
		if (rc == 0)
			rc = vs_write_remove_row(write, VS_DELETE, &row, &removed, error);
		*done += removed;
	}
	return rc;
}

int vs_namespace_remove_where(struct vs_namespace *ns, const char *filter, size_t *done, struct vs_error *error)
{
	const struct vs_bitmap *matches;
	struct vs_meta_state state;
	struct vs_write write;
	size_t removed = 0;
	int rc;

	*done = 0;
	/* Most of the filter's work is done before other writers have to wait. */
	rc = vs_namespace_begin(ns, &state, error);
	if (rc < 0)
		return rc;
	rc = vs_matches_find(&ns->generation.matches, ns->generation.meta, &state, filter, &matches, error);
	vs_namespace_end(ns);
	if (rc == 0)
		rc = vs_write_begin_allowed(&write, ns, 0, error);
	if (rc < 0)
		return rc;
	rc = remove_matches(&write, filter, &removed, error);
	if (rc == 0)
		rc = vs_write_commit(&write, error);
	else
		vs_write_rollback(&write);
	if (rc == 0)
		*done = removed;
	return rc;
}

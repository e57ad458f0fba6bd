/* SPDX-License-Identifier: Apache-2.0 */
/* Delete, soft delete and restore: liveness changes, slots stay. */
#include <stdio.h>

#include "base/clock.h"
#include "engine/namespace.h"

struct removal {
	struct vs_meta *meta;
	struct vs_meta_state *state;
	enum vs_removal kind;
	int64_t now;
	size_t done;
};

/* Applies the kind to one row, if it applies. */
static int remove_row(struct removal *removal, uint32_t slot, bool deleted, struct vs_error *error)
{
	struct vs_meta_state *state = removal->state;
	struct vs_change change = { .slot = slot, .old_slot = -1 };
	int rc;

	switch (removal->kind) {
	case VS_DELETE:
		rc = vs_meta_remove(removal->meta, slot, error);
		change.op = VS_CHANGE_DELETE;
		*(deleted ? &state->deleted : &state->active) -= 1;
		break;
	case VS_SOFT_DELETE:
		if (deleted)
			return 0;
		rc = vs_meta_set_deleted(removal->meta, slot, removal->now, error);
		change.op = VS_CHANGE_SOFT_DELETE;
		state->active--;
		state->deleted++;
		break;
	case VS_RESTORE:
		if (!deleted)
			return 0;
		rc = vs_meta_set_deleted(removal->meta, slot, 0, error);
		change.op = VS_CHANGE_RESTORE;
		state->deleted--;
		state->active++;
		break;
	default:
		return vs_error_set(error, VS_EINVAL, "%d is no kind of removal", (int)removal->kind);
	}
	if (rc < 0)
		return rc;
	removal->done++;
	change.seq = ++state->seq;
	return vs_meta_append_change(removal->meta, &change, error);
}

/* Ends the write transaction: with a commit if all went well and there is something to keep. */
static int finish(struct removal *removal, int rc, size_t *done, struct vs_error *error)
{
	*done = 0;
	if (rc < 0 || removal->done == 0) {
		vs_meta_rollback(removal->meta);
		return rc;
	}
	rc = vs_meta_commit(removal->meta, removal->state, error);
	if (rc == 0)
		*done = removal->done;
	return rc;
}

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

int vs_namespace_remove(struct vs_namespace *ns, enum vs_removal kind, const struct vs_id *ids, size_t count,
                        size_t *done, struct vs_error *error)
{
	struct vs_meta_state state;
	struct removal removal = { .state = &state, .kind = kind, .now = vs_clock_wall_ms() };
	int rc;

	*done = 0;
	rc = check_ids(ids, count, error);
	if (rc == 0)
		rc = vs_namespace_begin_write(ns, &state, error);
	if (rc < 0)
		return rc;
	removal.meta = ns->generation.meta;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct vs_meta_row row;
		rc = vs_meta_find(removal.meta, ids[i].data, ids[i].len, &row, error);
		if (rc == 0)
			rc = remove_row(&removal, row.slot, row.deleted_at != 0, error);
		else if (rc == VS_ENOTFOUND)
			rc = 0;
	}
	return finish(&removal, rc, done, error);
}

/* The accepted live slots, under the writer lock. */
static int remove_matches(struct vs_generation *generation, struct removal *removal, const char *filter,
                          struct vs_error *error)
{
	const struct vs_bitmap *matches;
	int rc = vs_generation_refresh_live(generation, removal->state, error);

	if (rc == 0)
		rc = vs_matches_find(&generation->matches, generation->meta, removal->state, filter, &matches, error);
	if (rc < 0)
		return rc;
	for (uint32_t slot = vs_bitmap_next(matches, 0); rc == 0 && slot < matches->len; slot = vs_bitmap_next(matches, slot + 1))
		if (vs_bitmap_test(&generation->live, slot))
			rc = remove_row(removal, slot, false, error);
	return rc;
}

int vs_namespace_remove_where(struct vs_namespace *ns, const char *filter, size_t *done, struct vs_error *error)
{
	const struct vs_bitmap *matches;
	struct vs_meta_state state;
	struct removal removal = { .state = &state, .kind = VS_DELETE };
	int rc;

	*done = 0;
	/* Most of the filter's work is done before other writers have to wait. */
	rc = vs_namespace_begin(ns, &state, error);
	if (rc < 0)
		return rc;
	rc = vs_matches_find(&ns->generation.matches, ns->generation.meta, &state, filter, &matches, error);
	vs_namespace_end(ns);
	if (rc < 0)
		return rc;
	rc = vs_namespace_begin_write(ns, &state, error);
	if (rc < 0)
		return rc;
	removal.meta = ns->generation.meta;
	rc = remove_matches(&ns->generation, &removal, filter, error);
	return finish(&removal, rc, done, error);
}

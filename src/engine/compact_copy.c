/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing records from the old generation to the new one: all of them, then what changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "engine/compact.h"

#define BATCH 4096         /* slots looked at in one transaction */
#define BATCHES_IN_WAL 16  /* then the new generation's WAL is copied back */

static int no_memory(struct vs_error *error)
{
	return vs_error_set(error, VS_ENOMEM, "no memory to compact");
}

/* Room in slots and touched for what has come. */
static int know_slots(struct vs_compaction *compaction, uint32_t count, struct vs_error *error)
{
	uint32_t *slots;

	if (count <= compaction->known)
		return 0;
	slots = realloc(compaction->slots, (size_t)count * sizeof(*slots));
	if (slots == NULL)
		return no_memory(error);
	compaction->slots = slots;
	if (vs_bitmap_resize(&compaction->touched, count) < 0)
		return no_memory(error);
	for (uint32_t slot = compaction->known; slot < count; slot++)
		slots[slot] = VS_COMPACT_NONE;
	compaction->known = count;
	return 0;
}

/* ---- make ----------------------------------------------------------------------------------------------- */

int vs_compact_make(struct vs_compaction *compaction, const struct vs_meta_state *old, struct vs_error *error)
{
	struct vs_namespace *ns = compaction->ns;
	struct vs_namespace *fresh = calloc(1, sizeof(*fresh));
	struct vs_meta_options options = { old->generation + 1, old->dimension, old->metric, old->quantization,
		                           old->tokenizer, old->age };
	uint64_t records = old->active + old->deleted;
	int rc;

	compaction->batch = malloc(BATCH * sizeof(*compaction->batch));
	if (fresh == NULL || compaction->batch == NULL) {
		free(fresh);
		return no_memory(error);
	}
	fresh->store = ns->store;
	fresh->entry = ns->entry;
	memcpy(fresh->folder, ns->folder, sizeof(fresh->folder));
	rc = vs_dir_create(compaction->dir, error);
	if (rc == 0)
		rc = vs_meta_create(compaction->dir, &options, error);
	if (rc == 0)
		rc = vs_generation_open_named(ns->folder, compaction->name, &fresh->generation, error);
	if (rc < 0) {
		free(fresh);
		return rc;
	}
	compaction->fresh = fresh;
	/* Change numbers go on. */
	compaction->seq = old->seq;
	compaction->carried = old->trimmed;
	compaction->state = *old;
	compaction->state.generation = old->generation + 1;
	compaction->state.next_slot = 0;
	if (old->dimension == 0 || records == 0)
		return 0;
	rc = vs_generation_open_vectors(&fresh->generation, &compaction->state, true, error);
	if (rc == 0 && records < UINT32_MAX)
		rc = vs_vectors_reserve(&fresh->generation.vectors, (uint32_t)records, error);
	return rc;
}

void vs_compact_release(struct vs_compaction *compaction)
{
	vs_namespace_close(compaction->fresh);
	compaction->fresh = NULL;
	free(compaction->slots);
	free(compaction->batch);
	vs_bitmap_release(&compaction->touched);
	vs_bitmap_release(&compaction->present);
}

/* ---- one slot ------------------------------------------------------------------------------------------- */

/* A record's first look: it gets the next slot. A row of the same id, which the record has left, moves. */
static int put_row(struct vs_compaction *compaction, const struct vs_meta_row *row, struct vs_error *error)
{
	struct vs_generation *fresh = &compaction->fresh->generation;
	struct vs_meta_row copy = *row;
	uint32_t slot = compaction->state.next_slot;
	int rc;

	copy.slot = slot;
	rc = vs_text_find(compaction->ns->generation.meta, row->slot, &copy.text, &copy.text_len, error);
	if (rc < 0)
		return rc;
	rc = vs_meta_put(fresh->meta, &copy, error);
	if (rc < 0)
		return rc;
	if (vs_bitmap_resize(&fresh->live, slot + 1) < 0 || vs_bitmap_resize(&compaction->present, slot + 1) < 0)
		return no_memory(error);
	vs_bitmap_set(&compaction->present, slot);
	if (row->deleted_at == 0)
		vs_bitmap_set(&fresh->live, slot);
	compaction->slots[row->slot] = slot;
	compaction->batch[compaction->batch_count++] = row->slot;
	compaction->state.next_slot++;
	return 0;
}

/* Of a record that is there already only the soft deletion can have changed (I2): a new expiry takes a new slot. */
static int compare_row(struct vs_compaction *compaction, const struct vs_meta_row *row, uint32_t slot,
                       struct vs_error *error)
{
	struct vs_generation *fresh = &compaction->fresh->generation;
	struct vs_meta_row have;
	int rc = vs_meta_get(fresh->meta, slot, &have, error);

	if (rc < 0)
		return rc == VS_ENOTFOUND ? vs_error_set(error, VS_EINTERNAL, "compaction has lost slot %u", row->slot) : rc;
	if (have.deleted_at == row->deleted_at)
		return 0;
	rc = vs_meta_set_deleted(fresh->meta, slot, row->deleted_at, error);
	if (rc < 0)
		return rc;
	if (row->deleted_at == 0)
		vs_bitmap_set(&fresh->live, slot);
	else
		vs_bitmap_clear(&fresh->live, slot);
	return 0;
}

static int remove_row(struct vs_compaction *compaction, uint32_t slot, struct vs_error *error)
{
	struct vs_generation *fresh = &compaction->fresh->generation;
	int rc;

	if (slot == VS_COMPACT_NONE || !vs_bitmap_test(&compaction->present, slot))
		return 0;
	rc = vs_meta_remove(fresh->meta, slot, error);
	if (rc < 0 && rc != VS_ENOTFOUND) /* its id may have another slot by now */
		return rc;
	vs_bitmap_clear(&compaction->present, slot);
	vs_bitmap_clear(&fresh->live, slot);
	return 0;
}

static int look_at(struct vs_compaction *compaction, uint32_t slot, struct vs_error *error)
{
	struct vs_meta_row row;
	int rc = vs_meta_get(compaction->ns->generation.meta, slot, &row, error);

	if (rc == VS_ENOTFOUND)
		return remove_row(compaction, compaction->slots[slot], error);
	if (rc < 0)
		return rc;
	if (compaction->slots[slot] == VS_COMPACT_NONE)
		return put_row(compaction, &row, error);
	return compare_row(compaction, &row, compaction->slots[slot], error);
}

/* ---- many ----------------------------------------------------------------------------------------------- */

/* The vectors of the batch. They are synced later: nothing counts before CURRENT is moved. */
static int copy_vectors(struct vs_compaction *compaction, struct vs_error *error)
{
	struct vs_generation *old = &compaction->ns->generation;
	struct vs_generation *fresh = &compaction->fresh->generation;
	struct vs_view view;
	uint32_t first = compaction->state.next_slot - (uint32_t)compaction->batch_count;
	int rc = 0;

	if (compaction->batch_count == 0)
		return 0;
	if (!old->has_vectors)
		return vs_error_set(error, VS_ECORRUPT, "%s: records without a vector file", old->dir);
	if (!fresh->has_vectors) { /* there was no record when it was made */
		struct vs_meta_state empty = compaction->state;
		empty.next_slot = 0;
		rc = vs_generation_open_vectors(fresh, &empty, true, error);
	}
	view = vs_vectors_view(&old->vectors);
	for (size_t i = 0; rc == 0 && i < compaction->batch_count; i++)
		if (compaction->batch[i] >= view.count)
			rc = vs_error_set(error, VS_ECORRUPT, "%s ends before slot %u of a record", old->vectors.file.path,
			                  compaction->batch[i]);
	if (rc == 0)
		rc = vs_vectors_copy(&fresh->vectors, first, &view, compaction->batch, compaction->batch_count, error);
	compaction->batch_count = 0;
	return rc;
}

/* Looks at slots inside an open transaction of the old generation, whose state is *old, and commits to the new one. */
static int look_at_all(struct vs_compaction *compaction, const struct vs_meta_state *old, const uint32_t *slots,
                       size_t count, struct vs_error *error)
{
	struct vs_generation *fresh = &compaction->fresh->generation;
	struct vs_meta_state before;
	int rc = vs_meta_begin_write(fresh->meta, &before, error);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = look_at(compaction, slots[i], error);
		if (rc == 0 && compaction->batch_count == BATCH)
			rc = copy_vectors(compaction, error);
	}
	if (rc == 0)
		rc = copy_vectors(compaction, error);
	if (rc < 0) {
		vs_meta_rollback(fresh->meta);
		return rc;
	}
	compaction->state.dimension = old->dimension;
	compaction->state.expiry = old->expiry;
	compaction->state.past_version = old->past_version;
	compaction->state.active = old->active;
	compaction->state.deleted = old->deleted;
	compaction->state.seq = compaction->seq;
	rc = vs_meta_commit(fresh->meta, &compaction->state, error);
	fresh->live_seq = compaction->seq;
	fresh->live_known = true;
	return rc;
}

/* The next slots of a sequence: those of order, or those that are touched. */
struct walk {
	const uint32_t *order; /* NULL: touched ones */
	uint32_t at;
	uint32_t end;
};

static size_t walk_take(struct vs_compaction *compaction, struct walk *walk, uint32_t slots[BATCH])
{
	size_t count = 0;

	if (walk->order != NULL) {
		while (count < BATCH && walk->at < walk->end)
			slots[count++] = walk->order[walk->at++];
		return count;
	}
	while (count < BATCH && (walk->at = vs_bitmap_next(&compaction->touched, walk->at)) < walk->end) {
		vs_bitmap_clear(&compaction->touched, walk->at);
		slots[count++] = walk->at++;
	}
	return count;
}

static int look_through(struct vs_compaction *compaction, struct walk *walk, enum vs_compact_phase phase,
                        struct vs_error *error)
{
	uint32_t *slots = malloc(BATCH * sizeof(*slots));
	size_t count;
	unsigned batches = 0;
	int rc = slots != NULL ? 0 : no_memory(error);

	while (rc == 0 && (count = walk_take(compaction, walk, slots)) > 0) {
		struct vs_meta_state old;
		rc = vs_generation_begin(&compaction->ns->generation, &old, error);
		if (rc < 0)
			break;
		rc = look_at_all(compaction, &old, slots, count, error);
		vs_generation_end(&compaction->ns->generation);
		VS_POINT("compact-copied");
		if (rc == 0 && ++batches % BATCHES_IN_WAL == 0)
			rc = vs_meta_checkpoint(compaction->fresh->generation.meta, error);
		if (rc == 0)
			rc = vs_compact_progress(compaction, phase, walk->at, walk->end);
	}
	free(slots);
	if (rc == 0 && compaction->fresh->generation.has_vectors && !VS_PLANTED("compact-unsynced"))
		rc = vs_vectors_sync(&compaction->fresh->generation.vectors, error);
	return rc;
}

/* ---- the change log ------------------------------------------------------------------------------------- */

/*
 * Who follows the changes must not notice. A change takes its slot's new number; a slot that was never brought over was dead
 * when it was looked at, which is after all changes that are carried: so is it for good, and its change superseded.
 */
struct carrying {
	struct vs_compaction *compaction;
	unsigned left; /* in this batch */
	struct vs_error *error;
};

static uint32_t new_slot(const struct vs_compaction *compaction, uint32_t slot)
{
	return slot < compaction->known ? compaction->slots[slot] : VS_CHANGE_NO_SLOT;
}

static int carry_change(void *context, const struct vs_change *change)
{
	struct carrying *carrying = context;
	struct vs_compaction *compaction = carrying->compaction;
	struct vs_change copy = *change;
	int rc;

	if (carrying->left-- == 0 || change->seq > compaction->seq)
		return 1;
	if (!VS_PLANTED("change-unmapped"))
		copy.slot = new_slot(compaction, change->slot);
	if (change->old_slot >= 0 && (copy.old_slot = new_slot(compaction, (uint32_t)change->old_slot)) == VS_CHANGE_NO_SLOT)
		copy.old_slot = -1;
	rc = vs_meta_append_change(compaction->fresh->generation.meta, &copy, carrying->error);
	if (rc == 0)
		compaction->carried = change->seq;
	return rc;
}

/* The next batch, inside an open transaction of the old generation, whose state is *old. What was trimmed there meanwhile
 * goes here, too: the log has no gaps. */
static int carry_batch(struct vs_compaction *compaction, const struct vs_meta_state *old, struct vs_error *error)
{
	struct vs_meta *meta = compaction->fresh->generation.meta;
	struct carrying carrying = { compaction, BATCH, error };
	struct vs_meta_state before;
	int rc = vs_meta_begin_write(meta, &before, error);

	if (rc < 0)
		return rc;
	if (old->trimmed > compaction->carried) {
		rc = vs_meta_trim(meta, &compaction->state, old->trimmed, UINT32_MAX, error);
		compaction->carried = compaction->state.trimmed;
	}
	if (rc == 0 && compaction->carried < compaction->seq)
		rc = vs_meta_changes(compaction->ns->generation.meta, compaction->carried, carry_change, &carrying, error);
	if (rc == 0 && compaction->carried < compaction->seq) /* it came to the end */
		rc = vs_error_set(error, VS_ECORRUPT, "%s/meta.db is damaged: its change log ends early", compaction->ns->generation.dir);
	if (rc >= 0)
		return vs_meta_commit(meta, &compaction->state, error);
	vs_meta_rollback(meta);
	return rc;
}

/* All that is in. */
static int carry_changes(struct vs_compaction *compaction, struct vs_error *error)
{
	unsigned batches = 0;
	int rc = 0;

	while (rc == 0 && compaction->carried < compaction->seq) {
		struct vs_meta_state old;
		rc = vs_generation_begin(&compaction->ns->generation, &old, error);
		if (rc < 0)
			return rc;
		rc = carry_batch(compaction, &old, error);
		vs_generation_end(&compaction->ns->generation);
		VS_POINT("compact-carried");
		if (rc == 0 && ++batches % BATCHES_IN_WAL == 0)
			rc = vs_meta_checkpoint(compaction->fresh->generation.meta, error);
		if (rc == 0)
			rc = vs_compact_progress(compaction, VS_COMPACT_FOLLOW, compaction->carried, compaction->seq);
	}
	return rc;
}

/* ---- all records ---------------------------------------------------------------------------------------- */

int vs_compact_copy(struct vs_compaction *compaction, const uint32_t *order, uint32_t count, struct vs_error *error)
{
	struct walk walk = { order, 0, count };
	int rc = know_slots(compaction, count, error);

	if (rc == 0 && order == NULL)
		for (uint32_t slot = 0; slot < count; slot++)
			vs_bitmap_set(&compaction->touched, slot);
	if (rc == 0)
		rc = look_through(compaction, &walk, VS_COMPACT_COPY, error);
	return rc == 0 ? carry_changes(compaction, error) : rc;
}

/* ---- following ------------------------------------------------------------------------------------------ */

static int touch(void *context, const struct vs_change *change)
{
	struct vs_compaction *compaction = context;

	if (change->slot >= compaction->known || change->old_slot >= (int64_t)compaction->known)
		return VS_ECORRUPT;
	vs_bitmap_set(&compaction->touched, change->slot);
	if (change->old_slot >= 0)
		vs_bitmap_set(&compaction->touched, (uint32_t)change->old_slot);
	return 0;
}

/* Inside a transaction of the old generation. */
static int touch_changed(struct vs_compaction *compaction, const struct vs_meta_state *old, struct vs_error *error)
{
	int rc = know_slots(compaction, old->next_slot, error);

	if (rc < 0)
		return rc;
	rc = vs_meta_changes(compaction->ns->generation.meta, compaction->seq, touch, compaction, error);
	/* The log was trimmed past where this stands. */
	for (uint32_t slot = 0; rc == VS_ESTALE && slot < old->next_slot; slot++)
		vs_bitmap_set(&compaction->touched, slot);
	if (rc == VS_ECORRUPT)
		return vs_error_set(error, rc, "%s/meta.db is damaged: a change names a slot past the last",
		                    compaction->ns->generation.dir);
	if (rc < 0 && rc != VS_ESTALE)
		return rc;
	compaction->seq = old->seq;
	return 0;
}

int vs_compact_follow(struct vs_compaction *compaction, uint64_t *changes, struct vs_error *error)
{
	struct walk walk = { NULL, 0, 0 };
	struct vs_meta_state old;
	int rc = vs_generation_begin(&compaction->ns->generation, &old, error);

	*changes = 0;
	if (rc < 0)
		return rc;
	*changes = old.seq - compaction->seq;
	rc = touch_changed(compaction, &old, error);
	vs_generation_end(&compaction->ns->generation);
	walk.end = compaction->known;
	if (rc == 0)
		rc = look_through(compaction, &walk, VS_COMPACT_FOLLOW, error);
	return rc == 0 ? carry_changes(compaction, error) : rc;
}

int vs_compact_follow_last(struct vs_compaction *compaction, const struct vs_meta_state *old, uint64_t most, bool *done,
                           struct vs_error *error)
{
	uint32_t *slots;
	size_t count = 0;
	int rc;

	*done = old->seq - compaction->seq <= most;
	if (!*done)
		return 0;
	rc = vs_generation_open_vectors(&compaction->ns->generation, old, false, error);
	if (rc == 0)
		rc = touch_changed(compaction, old, error);
	if (rc < 0)
		return rc;
	slots = malloc((vs_bitmap_count(&compaction->touched, 0, compaction->known) + 1) * sizeof(*slots));
	if (slots == NULL)
		return no_memory(error);
	for (uint32_t at = 0; (at = vs_bitmap_next(&compaction->touched, at)) < compaction->known; at++)
		slots[count++] = at;
	rc = look_at_all(compaction, old, slots, count, error);
	free(slots);
	while (rc == 0 && compaction->carried < compaction->seq)
		rc = carry_batch(compaction, old, error);
	if (rc == 0 && compaction->fresh->generation.has_vectors && !VS_PLANTED("compact-unsynced"))
		rc = vs_vectors_sync(&compaction->fresh->generation.vectors, error);
	return rc;
}

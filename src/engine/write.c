/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/merge.h"

const char *vs_place_field(struct vs_place *place, const char *field)
{
	if (place->list == NULL)
		snprintf(place->text, sizeof(place->text), "%s", field);
	else
		snprintf(place->text, sizeof(place->text), "%s[%zu].%s", place->list, place->index, field);
	return place->text;
}

bool vs_write_refused(int code)
{
	return code == VS_EINVAL || code == VS_ETOOBIG || code == VS_ENOTFOUND || code == VS_EVERSION ||
	       code == VS_EPERM || code == VS_EQUOTA;
}

int vs_write_begin(struct vs_write *write, struct vs_namespace *ns, size_t cap, struct vs_error *error)
{
	int rc;

	*write = (struct vs_write){ .ns = ns, .cap = cap };
	write->vectors = vs_arena_calloc(&ns->arena, cap, sizeof(*write->vectors));
	if (write->vectors == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu records", cap);
	rc = vs_namespace_begin_write(ns, &write->state, error);
	if (rc < 0)
		return rc;
	write->meta = ns->generation.meta;
	write->seq = write->state.seq;
	write->now = vs_clock_wall_ms();
	return 0;
}

/* ---- conditions ----------------------------------------------------------------------------------------- */

/* row NULL: there is no record with this id. */
static int check_version(struct vs_place *place, int64_t if_version, const struct vs_meta_row *row,
                         struct vs_error *error)
{
	if (if_version == 0 || (row == NULL && if_version == VS_IF_MISSING) ||
	    (row != NULL && (if_version == VS_IF_PRESENT || if_version == row->version)))
		return 0;
	const char *field = vs_place_field(place, "if_version");
	if (row == NULL)
		return vs_error_at(error, VS_EVERSION, field, -1, "there is no record with this id");
	if (if_version == VS_IF_MISSING)
		return vs_error_at(error, VS_EVERSION, field, -1, "there is a record with this id, of version %" PRId64,
		                   row->version);
	return vs_error_at(error, VS_EVERSION, field, -1, "the record has version %" PRId64 ", not %" PRId64, row->version,
	                   if_version);
}

static bool is_within(const struct vs_write *write, const struct vs_meta_row *row)
{
	return vs_scope_has(write->ns->generation.scope, row);
}

/* *found: the record with this id; NULL: there is none for this caller, or (row->slot is its slot then, and row->expires_at not
 * 0) it has expired. *hidden: there is one, out of scope. */
static int find(struct vs_write *write, const char *id, size_t id_len, struct vs_meta_row *row,
                struct vs_meta_row **found, bool *hidden, struct vs_error *error)
{
	struct vs_error why;
	int rc = vs_meta_find(write->meta, id, id_len, row, &why);
	bool there = rc == 0 && !vs_expiry_passed(row, write->now);

	*hidden = there && !is_within(write, row);
	*found = there && !*hidden ? row : NULL;
	if (rc == 0)
		return 0;
	*row = (struct vs_meta_row){ 0 };
	if (rc == VS_ENOTFOUND)
		return 0;
	if (error != NULL)
		*error = why;
	return rc;
}

static int out_of_scope(struct vs_place *place, const char *field, struct vs_error *error)
{
	return vs_error_at(error, VS_EPERM, vs_place_field(place, field), -1,
	                   "the credential's filter does not let this record be written");
}

/* Of a record that was made at created_at: the clock may go back. */
static int64_t write_time(const struct vs_write *write, int64_t created_at)
{
	return write->now > created_at || VS_PLANTED("clock-believed") ? write->now : created_at;
}

/* ---- put ------------------------------------------------------------------------------------------------ */

/* The slot for one more vector. */
static int place_vector(struct vs_write *write, const float *vector, uint32_t *slot, struct vs_error *error)
{
	struct vs_generation *generation = &write->ns->generation;
	int rc = 0;

	if (write->count == write->cap)
		return vs_error_set(error, VS_EINTERNAL, "more slots than were asked for");
	if (!write->placed) {
		write->first = write->state.next_slot;
		if (!write->dry)
			rc = vs_generation_open_vectors(generation, &write->state, true, error);
		if (rc == 0 && !write->dry)
			rc = vs_vectors_first(&generation->vectors, write->state.next_slot, &write->first, error);
		if (rc < 0)
			return rc;
		write->placed = true;
	}
	if (write->count >= UINT32_MAX - write->first)
		return vs_error_set(error, VS_ENOSPC, "the namespace has used all its slots: compact it");
	*slot = write->first + (uint32_t)write->count;
	write->vectors[write->count++] = vector;
	return 0;
}

static int append_change(struct vs_write *write, enum vs_change_op op, uint32_t slot, int64_t old_slot,
                         struct vs_error *error)
{
	struct vs_change change = { write->state.seq + 1, op, slot, old_slot, NULL, 0 };
	int rc = vs_meta_append_change(write->meta, &change, error);

	if (rc == 0)
		write->state.seq++;
	return rc;
}

/* Puts row, which has all but its slot; old_slot -1: the id is new. */
static int put_row(struct vs_write *write, struct vs_meta_row *row, int64_t old_slot, const float *vector,
                   struct vs_error *error)
{
	int rc = place_vector(write, vector, &row->slot, error);

	if (rc == 0)
		rc = vs_meta_put(write->meta, row, error);
	return rc == 0 ? append_change(write, VS_CHANGE_UPSERT, row->slot, old_slot, error) : rc;
}

static int check_dimension(const struct vs_write *write, struct vs_place *place, uint32_t dimension,
                           struct vs_error *error)
{
	if (write->state.dimension == 0 || dimension == write->state.dimension)
		return vs_write_admit_dimension(write, place, dimension, error);
	return vs_error_at(error, VS_EINVAL, vs_place_field(place, "vector"), -1,
	                   "%u numbers; this namespace has dimension %u", dimension, write->state.dimension);
}

/* The greatest version that a record has had which is gone, the expired one (if expired->expires_at is not 0) among them: a
 * tag of it must not fit one that is stored under its id later. */
static int64_t past_version(const struct vs_write *write, const struct vs_meta_row *expired)
{
	int64_t past = write->state.past_version;

	return expired->expires_at != 0 && expired->version > past ? expired->version : past;
}

int vs_write_put(struct vs_write *write, struct vs_place *place, const struct vs_record_input *record,
                 struct vs_write_done *done, struct vs_error *error)
{
	struct vs_meta_row row = { 0 };
	struct vs_meta_row *found = NULL;
	struct vs_meta_row old;
	int64_t old_slot = -1;
	bool hidden = false;
	bool removed;
	int rc = check_dimension(write, place, record->dimension, error);

	if (rc == 0)
		rc = find(write, record->id, record->id_len, &row, &found, &hidden, error);
	if (rc == 0 && hidden)
		return out_of_scope(place, "id", error);
	if (rc == 0)
		rc = check_version(place, record->if_version, found, error);
	if (rc == 0 && found == NULL && row.expires_at == 0)
		rc = vs_write_admit_record(write, place, error);
	if (rc < 0)
		return rc;
	old = row;
	if (found == NULL)
		row = (struct vs_meta_row){ .version = past_version(write, &old), .created_at = write->now };
	row.id = record->id;
	row.id_len = record->id_len;
	row.version++;
	row.updated_at = write_time(write, row.created_at);
	row.deleted_at = 0;
	row.expires_at = record->expires_at;
	row.metadata = record->metadata != NULL ? record->metadata : "{}";
	row.metadata_len = record->metadata != NULL ? record->metadata_len : 2;
	row.text = record->text;
	row.text_len = record->text_len;
	if (!is_within(write, &row))
		return out_of_scope(place, "metadata", error);
	if (found == NULL && old.expires_at != 0)
		rc = vs_write_remove_row(write, VS_DELETE, &old, &removed, error);
	if (rc < 0)
		return rc;
	if (write->state.dimension == 0)
		write->state.dimension = record->dimension;
	if (found != NULL) {
		old_slot = old.slot;
		write->state.deleted -= old.deleted_at != 0;
		write->state.active -= old.deleted_at == 0;
	}
	done->updated += found != NULL;
	done->inserted += found == NULL;
	done->version = row.version;
	write->state.active++;
	return put_row(write, &row, old_slot, record->vector, error);
}

/* ---- patch ---------------------------------------------------------------------------------------------- */

/* The vector of a slot of this transaction or of a committed one, which must be whole: it gets a fresh checksum. */
static int find_vector(struct vs_write *write, uint32_t slot, const float **vector, struct vs_error *error)
{
	struct vs_generation *generation = &write->ns->generation;
	struct vs_view view;
	int rc;

	if (slot >= write->first && slot - write->first < write->count) {
		*vector = write->vectors[slot - write->first];
		return 0;
	}
	rc = vs_generation_open_vectors(generation, &write->state, false, error);
	if (rc < 0)
		return rc;
	if (!generation->has_vectors)
		return vs_error_set(error, VS_ECORRUPT, "a record without a vector file");
	view = vs_vectors_view(&generation->vectors);
	if (slot >= view.count || !vs_view_intact(&view, slot))
		return vs_error_set(error, VS_ECORRUPT, "vectors.f32: slot %u of a record does not match its checksum", slot);
	*vector = vs_view_row(&view, slot);
	return 0;
}

static int merge_metadata(struct vs_write *write, struct vs_place *place, const struct vs_record_input *patch,
                          struct vs_meta_row *row, struct vs_error *error)
{
	struct vs_buf merged = VS_BUF_INIT;
	int rc = vs_json_merge(row->metadata, row->metadata_len, patch->metadata, patch->metadata_len, &merged, error);

	if (rc == 0 && merged.len > VS_RECORD_METADATA_MAX)
		rc = vs_error_at(error, VS_ETOOBIG, vs_place_field(place, "metadata"), -1,
		                 "%zu bytes when merged; at most %d are allowed", merged.len, VS_RECORD_METADATA_MAX);
	if (rc == 0) {
		row->metadata = vs_arena_dup(&write->ns->arena, merged.data, merged.len);
		row->metadata_len = merged.len;
		if (row->metadata == NULL)
			rc = vs_error_set(error, VS_ENOMEM, "no memory for metadata");
	}
	vs_buf_release(&merged);
	return rc;
}

/* Of the record in row's slot, into row. */
static int keep_text(struct vs_write *write, struct vs_meta_row *row, struct vs_error *error)
{
	int rc = vs_text_find(write->meta, row->slot, &row->text, &row->text_len, error);

	if (rc < 0 || row->text == NULL)
		return rc;
	row->text = vs_arena_dup(&write->ns->arena, row->text, row->text_len);
	return row->text != NULL ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a text");
}

int vs_write_patch(struct vs_write *write, struct vs_place *place, const struct vs_record_input *record,
                   struct vs_meta_row *row, struct vs_error *error)
{
	struct vs_meta_row patched = { 0 };
	struct vs_meta_row *found = NULL;
	const float *vector = NULL;
	uint32_t old_slot;
	bool hidden;
	int rc = find(write, record->id, record->id_len, &patched, &found, &hidden, error);

	if (rc == 0 && (found == NULL || found->deleted_at != 0))
		return vs_error_at(error, VS_ENOTFOUND, vs_place_field(place, "id"), -1, "there is no live record with this id");
	if (rc == 0)
		rc = check_version(place, record->if_version, found, error);
	old_slot = patched.slot;
	if (rc == 0)
		rc = find_vector(write, old_slot, &vector, error);
	if (rc == 0)
		rc = merge_metadata(write, place, record, &patched, error);
	if (rc == 0)
		rc = keep_text(write, &patched, error);
	if (rc < 0)
		return rc;
	patched.id = record->id;
	patched.id_len = record->id_len;
	patched.version++;
	patched.updated_at = write_time(write, patched.created_at);
	if (!is_within(write, &patched))
		return out_of_scope(place, "metadata", error);
	rc = put_row(write, &patched, old_slot, vector, error);
	if (row != NULL)
		*row = patched;
	return rc;
}

/* ---- remove --------------------------------------------------------------------------------------------- */

int vs_write_remove_row(struct vs_write *write, enum vs_removal kind, const struct vs_meta_row *row, bool *done,
                        struct vs_error *error)
{
	static const enum vs_change_op ops[] = {
		[VS_DELETE] = VS_CHANGE_DELETE,
		[VS_SOFT_DELETE] = VS_CHANGE_SOFT_DELETE,
		[VS_RESTORE] = VS_CHANGE_RESTORE,
	};
	struct vs_meta_state *state = &write->state;
	uint32_t slot = row->slot;
	bool deleted = row->deleted_at != 0;
	int rc;

	*done = false;
	if (kind > VS_RESTORE)
		return vs_error_set(error, VS_EINVAL, "%d is no kind of removal", (int)kind);
	*done = kind == VS_DELETE || deleted == (kind == VS_RESTORE);
	if (!*done)
		return 0;
	/* A tag of this record must not fit one that is stored under its id later. */
	if (kind == VS_DELETE && row->version > state->past_version)
		state->past_version = row->version;
	/* The change comes first: a deletion's takes the id from the row. */
	rc = append_change(write, ops[kind], slot, -1, error);
	if (rc == 0)
		rc = kind == VS_DELETE ? vs_meta_remove(write->meta, slot, error)
		                       : vs_meta_set_deleted(write->meta, slot, kind == VS_RESTORE ? 0 : write->now, error);
	*(deleted ? &state->deleted : &state->active) -= 1;
	state->deleted += kind == VS_SOFT_DELETE;
	state->active += kind == VS_RESTORE;
	return rc;
}

int vs_write_remove(struct vs_write *write, struct vs_place *place, enum vs_removal kind, const struct vs_id *id,
                    int64_t if_version, bool *found, bool *done, struct vs_error *error)
{
	struct vs_meta_row row = { 0 };
	struct vs_meta_row *there = NULL;
	bool hidden;
	int rc = find(write, id->data, id->len, &row, &there, &hidden, error);

	*done = false;
	*found = there != NULL;
	if (rc == 0)
		rc = check_version(place, if_version, there, error);
	if (rc < 0 || there == NULL)
		return rc;
	return vs_write_remove_row(write, kind, &row, done, error);
}

/* ---- end ------------------------------------------------------------------------------------------------ */

static int append_vectors(struct vs_write *write, struct vs_error *error)
{
	int rc;

	if (write->count == 0)
		return 0;
	rc = vs_vectors_append(&write->ns->generation.vectors, write->first, write->vectors, write->count, error); /* I1 */
	if (rc < 0 && !VS_PLANTED("half-a-batch"))
		return rc;
	write->state.next_slot = write->first + (uint32_t)write->count;
	return 0;
}

int vs_write_commit(struct vs_write *write, struct vs_error *error)
{
	int rc = 0;

	if (write->state.seq == write->seq) {
		vs_write_rollback(write);
		return 0;
	}
	rc = vs_write_admit_bytes(write, error);
	if (rc == 0)
		rc = append_vectors(write, error);
	if (rc < 0) {
		vs_write_rollback(write);
		return rc;
	}
	rc = vs_meta_commit(write->meta, &write->state, error);
	if (rc == 0 && write->count > 0 && VS_PLANTED("sync-after-commit"))
		return vs_file_sync(&write->ns->generation.vectors.file, error);
	return VS_PLANTED("commit-unheeded") ? 0 : rc;
}

void vs_write_rollback(struct vs_write *write)
{
	vs_meta_rollback(write->meta);
}

/* The dimension is settled in a commit of its own: vectors.f32 is made after it and so never disagrees with meta.db,
 * whenever this process dies. The transaction begins again; on failure there is none. */
static int settle_dimension(struct vs_write *write,
                            int (*changes)(struct vs_write *write, void *context, struct vs_error *error),
                            void *context, struct vs_error *error)
{
	struct vs_namespace *ns = write->ns;
	size_t cap = write->cap;
	uint32_t dimension;
	int rc;

	write->dry = true;
	rc = changes(write, context, error);
	dimension = write->state.dimension;
	vs_write_rollback(write);
	if (rc == 0)
		rc = vs_write_begin_allowed(write, ns, cap, error);
	if (rc < 0 || dimension == 0 || write->state.dimension != 0)
		return rc;
	write->state.dimension = dimension;
	rc = vs_meta_commit(write->meta, &write->state, error);
	return rc < 0 ? rc : vs_write_begin_allowed(write, ns, cap, error);
}

int vs_write_run(struct vs_namespace *ns, size_t cap,
                 int (*changes)(struct vs_write *write, void *context, struct vs_error *error), void *context,
                 struct vs_error *error)
{
	struct vs_write write;
	int rc = cap > 0 ? vs_namespace_admit(ns, error) : 0;

	if (rc == 0)
		rc = vs_write_begin_allowed(&write, ns, cap, error);
	if (rc == 0 && write.state.dimension == 0)
		rc = settle_dimension(&write, changes, context, error);
	if (rc < 0)
		return rc;
	rc = changes(&write, context, error);
	if (rc == 0)
		return vs_write_commit(&write, error);
	vs_write_rollback(&write);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upsert: check everything first, take the writer lock, append and sync the vectors (I1), put the rows, commit. An
 * update is a new slot plus a dead old one (I2).
 */
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/json.h"
#include "engine/namespace.h"

/* Where record i's field stands in the caller's input: "vector", or "records[3].vector" in a batch. */
struct place {
	size_t index;
	bool batch;
	char text[64];
};

static const char *place_of(struct place *place, const char *field)
{
	if (place->batch)
		snprintf(place->text, sizeof(place->text), "records[%zu].%s", place->index, field);
	else
		snprintf(place->text, sizeof(place->text), "%s", field);
	return place->text;
}

static int check_vector(struct place *place, enum vs_metric metric, const struct vs_record_input *record,
                        struct vs_error *error)
{
	const char *field = place_of(place, "vector");

	if (record->vector == NULL || record->dimension == 0)
		return vs_error_at(error, VS_EINVAL, field, -1, "a vector has at least one number");
	if (record->dimension > VS_VECTOR_DIM_MAX)
		return vs_error_at(error, VS_EINVAL, field, -1, "%u numbers; a vector has at most %d", record->dimension,
		                   VS_VECTOR_DIM_MAX);
	return vs_namespace_check_vector(metric, field, record->vector, record->dimension, error);
}

static int check_metadata(struct vs_namespace *ns, struct place *place, const char *text, size_t len,
                          struct vs_error *error)
{
	struct json_object *object;
	int rc;

	if (text == NULL)
		return 0;
	if (len > VS_RECORD_METADATA_MAX)
		return vs_error_at(error, VS_ETOOBIG, place_of(place, "metadata"), -1, "%zu bytes; at most %d are allowed", len,
		                   VS_RECORD_METADATA_MAX);
	if (ns->json == NULL)
		ns->json = vs_json_open();
	if (ns->json == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to check metadata");
	rc = vs_json_parse(ns->json, text, len, place_of(place, "metadata"), &object, error);
	if (rc == 0)
		json_object_put(object);
	return rc;
}

static int check_record(struct vs_namespace *ns, struct place *place, const struct vs_record_input *record,
                        struct vs_error *error)
{
	int rc = vs_namespace_check_id(place_of(place, "id"), record->id, record->id_len, error);

	if (rc == 0)
		rc = check_vector(place, ns->entry.metric, record, error);
	if (rc == 0)
		rc = check_metadata(ns, place, record->metadata, record->metadata_len, error);
	return rc;
}

/* What one call works on. Only records that passed the checks are in it. */
struct batch {
	const struct vs_record_input **records;
	const float **vectors;
	size_t *indexes; /* of each, in the caller's array */
	size_t count;
	const struct vs_upsert_options *options;
	struct vs_upsert_result *result;
	bool many; /* errors name records[i] */
};

/* A refused record: ends an atomic batch, is reported in another. */
static int refuse(struct batch *batch, size_t index, const struct vs_error *why, struct vs_error *error)
{
	if (batch->options->atomic || why->code == VS_ENOMEM) {
		if (error != NULL)
			*error = *why;
		return why->code;
	}
	batch->result->failed++;
	if (batch->options->on_error != NULL)
		batch->options->on_error(batch->options->context, index, why);
	return 0;
}

static int check_all(struct vs_namespace *ns, const struct vs_record_input *records, size_t count, struct batch *batch,
                     struct vs_error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct place place = { .index = i, .batch = batch->many };
		struct vs_error why;
		int rc = check_record(ns, &place, &records[i], &why);

		if (rc == 0) {
			batch->records[batch->count] = &records[i];
			batch->vectors[batch->count] = records[i].vector;
			batch->indexes[batch->count++] = i;
			continue;
		}
		rc = refuse(batch, i, &why, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Under the writer lock, which settles what the dimension is. */
static int check_dimensions(struct batch *batch, const struct vs_meta_state *state, struct vs_error *error)
{
	size_t kept = 0;

	for (size_t i = 0; i < batch->count; i++) {
		struct place place = { .index = batch->indexes[i], .batch = batch->many };
		uint32_t dimension = batch->records[i]->dimension;
		struct vs_error why;
		int rc;

		if (dimension == state->dimension) {
			batch->records[kept] = batch->records[i];
			batch->vectors[kept] = batch->vectors[i];
			batch->indexes[kept++] = batch->indexes[i];
			continue;
		}
		vs_error_at(&why, VS_EINVAL, place_of(&place, "vector"), -1, "%u numbers; this namespace has dimension %u",
		            dimension, state->dimension);
		rc = refuse(batch, batch->indexes[i], &why, error);
		if (rc < 0)
			return rc;
	}
	batch->count = kept;
	return 0;
}

/* The first record of a namespace settles the dimension, in a commit of its own: vectors.f32 is made after it and so never
 * disagrees with meta.db, whenever this process dies. The write transaction has begun, and begins again; on failure there
 * is none. */
static int fix_dimension(struct vs_namespace *ns, struct batch *batch, struct vs_meta_state *state, struct vs_error *error)
{
	int rc;

	state->dimension = batch->records[0]->dimension;
	rc = check_dimensions(batch, state, error);
	if (rc < 0) {
		vs_meta_rollback(ns->generation.meta);
		return rc;
	}
	rc = vs_meta_commit(ns->generation.meta, state, error);
	if (rc == 0)
		rc = vs_namespace_begin_write(ns, state, error);
	return rc;
}

/* Puts the row of one record whose vector lies synced at slot. */
static int put_record(struct vs_meta *meta, struct vs_meta_state *state, const struct vs_record_input *record,
                      uint32_t slot, int64_t now, struct vs_upsert_result *result, struct vs_error *error)
{
	struct vs_meta_row row;
	struct vs_change change = { .op = VS_CHANGE_UPSERT, .slot = slot, .old_slot = -1 };
	int rc = vs_meta_find(meta, record->id, record->id_len, &row, error);

	if (rc < 0 && rc != VS_ENOTFOUND)
		return rc;
	if (rc == 0) {
		change.old_slot = row.slot;
		result->updated++;
		if (row.deleted_at != 0) {
			state->deleted--;
			state->active++;
		}
		row.version++;
	} else {
		result->inserted++;
		state->active++;
		row.version = 1;
		row.created_at = now;
	}
	row.slot = slot;
	row.id = record->id;
	row.id_len = record->id_len;
	row.updated_at = now > row.created_at || VS_PLANTED("clock-believed") ? now : row.created_at; /* the clock may go back */
	row.deleted_at = 0;
	row.metadata = record->metadata != NULL ? record->metadata : "{}";
	row.metadata_len = record->metadata != NULL ? record->metadata_len : 2;
	result->version = row.version;
	rc = vs_meta_put(meta, &row, error);
	if (rc < 0)
		return rc;
	change.seq = ++state->seq;
	return vs_meta_append_change(meta, &change, error);
}

/* The write transaction has begun. Leaves it open. */
static int store_batch(struct vs_generation *generation, struct batch *batch, struct vs_meta_state *state,
                       struct vs_error *error)
{
	int64_t now = vs_clock_wall_ms();
	uint32_t first = 0;
	int rc = check_dimensions(batch, state, error);

	if (rc < 0 || batch->count == 0)
		return rc;
	rc = vs_generation_open_vectors(generation, state, true, error);
	if (rc == 0)
		rc = vs_vectors_first(&generation->vectors, state->next_slot, &first, error);
	if (rc == 0)
		rc = vs_vectors_append(&generation->vectors, first, batch->vectors, batch->count, error); /* I1 */
	for (size_t i = 0; rc == 0 && i < batch->count; i++)
		rc = put_record(generation->meta, state, batch->records[i], first + (uint32_t)i, now, batch->result, error);
	if (rc == 0)
		state->next_slot = first + (uint32_t)batch->count;
	return rc < 0 && VS_PLANTED("half-a-batch") ? 0 : rc;
}

int vs_namespace_upsert(struct vs_namespace *ns, const struct vs_record_input *records, size_t count,
                        const struct vs_upsert_options *options, struct vs_upsert_result *result,
                        struct vs_error *error)
{
	static const struct vs_upsert_options defaults = VS_UPSERT_OPTIONS;
	struct vs_meta_state state;
	struct batch batch = { .options = options != NULL ? options : &defaults, .result = result, .many = count > 1 };
	int rc;

	memset(result, 0, sizeof(*result));
	vs_arena_reset(&ns->arena);
	rc = vs_namespace_admit(ns, error);
	if (rc < 0)
		return rc;
	batch.records = vs_arena_calloc(&ns->arena, count, sizeof(*batch.records));
	batch.vectors = vs_arena_calloc(&ns->arena, count, sizeof(*batch.vectors));
	batch.indexes = vs_arena_calloc(&ns->arena, count, sizeof(*batch.indexes));
	if (batch.records == NULL || batch.vectors == NULL || batch.indexes == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu records", count);
	rc = check_all(ns, records, count, &batch, error);
	if (rc < 0 || batch.count == 0)
		return rc;
	rc = vs_namespace_begin_write(ns, &state, error);
	if (rc == 0 && state.dimension == 0)
		rc = fix_dimension(ns, &batch, &state, error);
	if (rc < 0)
		return rc;
	rc = store_batch(&ns->generation, &batch, &state, error);
	if (rc < 0 || batch.count == 0) {
		vs_meta_rollback(ns->generation.meta);
		return rc;
	}
	rc = vs_meta_commit(ns->generation.meta, &state, error);
	if (rc == 0 && VS_PLANTED("sync-after-commit"))
		return vs_file_sync(&ns->generation.vectors.file, error);
	if (VS_PLANTED("commit-unheeded"))
		return 0;
	return rc;
}

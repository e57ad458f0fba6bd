/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a snapshot from outside: each is checked as when it is stored, and put at a new slot. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/json.h"
#include "engine/snapshot_import.h"
#include "engine/write.h"
#include "store/text.h"

#define MADE ".made"
#define BATCH 2000                     /* records in one commit */
#define NUMBER_MOST (INT64_C(1) << 53) /* of versions and changes */
#define TIME_MOST INT64_C(253402300799999)

struct records {
	struct vs_import *import;
	struct vs_namespace *frozen, *made;
	struct vs_meta_state state; /* of the made one */
	struct vs_view view;        /* of the upload */
	const float *vectors[BATCH];
	size_t count;  /* in hand: rows are put, vectors are not */
	uint32_t next; /* slot of the upload that was not looked at */
};

static bool numbers_good(const struct vs_meta_row *row, int64_t age)
{
	return row->version > age && row->version <= NUMBER_MOST && row->created_at >= 0 && row->created_at <= TIME_MOST &&
	       row->updated_at >= 0 && row->updated_at <= TIME_MOST && row->deleted_at >= 0 && row->deleted_at <= TIME_MOST;
}

/* Of a row with its text. */
static int check_row(struct records *records, const struct vs_meta_row *row)
{
	struct vs_error *error = records->import->error;
	struct vs_place place = { .list = "records", .index = row->slot };
	struct vs_record_input input = {
		.id = row->id,
		.id_len = row->id_len,
		.metadata = row->metadata,
		.metadata_len = row->metadata_len,
		.text = row->text,
		.text_len = row->text_len,
		.dimension = records->state.dimension,
		.expires_at = row->expires_at,
	};

	/* A tree whose pages stand in it twice would never end. */
	if (row->slot < records->next)
		return vs_error_set(error, VS_ECORRUPT, "slot %u stands twice in the snapshot's meta.db", row->slot);
	if (row->slot >= records->view.count || !vs_view_intact(&records->view, row->slot))
		return vs_error_set(error, VS_ECORRUPT, "the vector in slot %u of the snapshot is missing or damaged", row->slot);
	if (!numbers_good(row, records->state.age))
		return vs_error_set(error, VS_ECORRUPT, "the record in slot %u of the snapshot has an absurd version or time", row->slot);
	input.vector = vs_view_row(&records->view, row->slot);
	return vs_write_check(records->made, &place, &input, error);
}

static int put_row(void *context, const struct vs_meta_row *row)
{
	struct records *records = context;
	struct vs_meta_row copy = *row;
	int rc = vs_text_find(records->frozen->generation.meta, row->slot, &copy.text, &copy.text_len, records->import->error);

	if (rc == 0)
		rc = check_row(records, &copy);
	if (rc < 0)
		return rc;
	copy.slot = records->state.next_slot + (uint32_t)records->count;
	rc = vs_meta_put(records->made->generation.meta, &copy, records->import->error);
	if (rc < 0)
		return rc;
	records->vectors[records->count++] = vs_view_row(&records->view, row->slot);
	*(row->deleted_at == 0 ? &records->state.active : &records->state.deleted) += 1;
	records->next = row->slot + 1;
	return records->count == BATCH;
}

/* One commit; I1: vectors are synced before. */
static int put_batch(struct records *records, bool *more)
{
	struct vs_generation *made = &records->made->generation;
	struct vs_error *error = records->import->error;
	struct vs_meta_state before;
	int rc = vs_meta_begin_write(made->meta, &before, error);

	if (rc < 0)
		return rc;
	records->count = 0;
	rc = vs_meta_scan(records->frozen->generation.meta, records->next, UINT32_MAX, put_row, records, error);
	*more = rc == 1;
	if (rc >= 0)
		rc = vs_vectors_append(&made->vectors, records->state.next_slot, records->vectors, records->count, error);
	if (rc < 0) {
		vs_meta_rollback(made->meta);
		return rc;
	}
	records->state.next_slot += (uint32_t)records->count;
	return vs_meta_commit(made->meta, &records->state, error);
}

/* Both sides of the copy are open, and the source stands in a transaction. */
static int put_all(struct records *records, double end)
{
	struct vs_import *import = records->import;
	bool more = true;
	int rc = vs_work_phase(import->work, end, 1, "storing");

	while (rc == 0 && more) {
		rc = put_batch(records, &more);
		if (rc == 0)
			rc = vs_work_at(import->work, records->next, import->manifest.state.next_slot);
	}
	return rc;
}

static int copy_records(struct records *records, double end)
{
	struct vs_import *import = records->import;
	struct vs_generation *from = &records->frozen->generation;
	struct vs_meta_state state;
	int rc = vs_meta_begin(from->meta, &state, import->error);

	if (rc < 0)
		return rc;
	if (state.metric != import->manifest.state.metric || state.dimension != import->manifest.state.dimension ||
	    state.generation != import->manifest.state.generation || state.next_slot != import->manifest.state.next_slot ||
	    state.quantization != import->manifest.state.quantization || state.seq > NUMBER_MOST ||
	    state.past_version > NUMBER_MOST || state.age > NUMBER_MOST)
		rc = vs_error_set(import->error, VS_ECORRUPT, "the snapshot's manifest speaks of another meta.db");
	if (rc == 0)
		rc = vs_generation_open_vectors(from, &state, false, import->error);
	if (rc == 0 && from->has_vectors)
		records->view = vs_vectors_view(&from->vectors);
	records->state.seq = records->state.trimmed = state.seq;
	records->state.past_version = state.past_version;
	if (rc == 0 && state.dimension > 0)
		rc = vs_generation_open_vectors(&records->made->generation, &records->state, true, import->error);
	if (rc == 0 && state.next_slot > 0)
		rc = put_all(records, end);
	vs_meta_end(from->meta);
	/* An id that stood there twice, in spite of its index, has replaced itself. */
	return rc == 0 ? vs_snapshot_check_meta(records->made->generation.meta, import->error) : rc;
}

/* An empty generation of the same kind, under the lock. */
static int make(struct vs_import *import, struct records *records, const struct vs_meta_state *truth)
{
	const struct vs_meta_state *state = &import->manifest.state;
	struct vs_meta_options options = { 1, state->dimension, state->metric, state->quantization, truth->tokenizer, truth->age };
	struct vs_namespace *made = calloc(1, sizeof(*made));
	char dir[VS_GENERATION_PATH];
	int rc;

	if (made == NULL)
		return vs_error_set(import->error, VS_ENOMEM, "no memory to take a snapshot");
	made->store = import->snapshots.ns->store;
	made->entry.metric = state->metric;
	made->entry.dimension = state->dimension;
	memcpy(made->folder, import->snapshots.dir, sizeof(made->folder));
	rc = vs_snapshot_path(dir, made->folder, MADE, import->error);
	if (rc == 0)
		rc = vs_dir_create(dir, import->error);
	if (rc == 0)
		rc = vs_meta_create(dir, &options, import->error);
	if (rc == 0)
		rc = vs_generation_open_named(made->folder, MADE, &made->generation, import->error);
	if (rc < 0) {
		free(made);
		return rc;
	}
	records->made = made;
	records->state = (struct vs_meta_state){ .generation = 1,
		                                     .dimension = state->dimension,
		                                     .metric = state->metric,
		                                     .quantization = state->quantization,
		                                     .tokenizer = truth->tokenizer,
		                                     .age = truth->age };
	return 0;
}

int vs_import_records(struct vs_import *import, double end, struct vs_namespace **made)
{
	struct records records = { .import = import };
	struct vs_meta_state state;
	int rc = vs_snapshot_open(import->snapshots.ns, import->upload, &records.frozen, import->error);

	/* Its pages are a tree: then reading it ends. */
	if (rc == 0)
		rc = vs_snapshot_check_meta(records.frozen->generation.meta, import->error);
	if (rc == 0)
		rc = vs_meta_begin(records.frozen->generation.meta, &state, import->error);
	if (rc == 0) {
		vs_meta_end(records.frozen->generation.meta);
		rc = make(import, &records, &state);
	}
	if (rc == 0)
		rc = copy_records(&records, end);
	vs_namespace_close(records.frozen);
	if (rc == 0)
		*made = records.made;
	else
		vs_namespace_close(records.made);
	return rc;
}

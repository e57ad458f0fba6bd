/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/namespace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folder.h"
#include "base/utf8.h"
#include "engine/json.h"

int vs_namespace_path(const struct vs_store *store, const char *folder, char path[VS_GENERATION_PATH],
                      struct vs_error *error)
{
	int n = snprintf(path, VS_GENERATION_PATH, "%s/ns/%s", store->path, folder);

	if (n < 0 || n >= VS_GENERATION_PATH)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long: %s", store->path);
	return 0;
}

/* The row of the namespace, made when missing and asked for. Two processes may try at once: one of them wins. */
static int find_entry(struct vs_namespace *ns, const char *name, const struct vs_namespace_options *options,
                      struct vs_error *error)
{
	struct vs_store *store = ns->store;
	int rc = vs_catalog_version(store->catalog, &ns->entry_version, error);

	if (rc == 0)
		rc = vs_catalog_find(store->catalog, name, &ns->entry, error);
	if (rc == 0 && ns->entry.status == VS_DELETING)
		return vs_error_set(error, VS_ENOTFOUND, "namespace %s is being deleted", ns->entry.name);
	if (rc != VS_ENOTFOUND || (options->flags & VS_CREATE) == 0)
		return rc;
	rc = vs_store_create(store, name, options, NULL, error);
	if (rc == 0 || rc == VS_ECONFLICT)
		rc = vs_catalog_find(store->catalog, name, &ns->entry, error);
	return rc;
}

int vs_namespace_open(struct vs_store *store, const char *name, const struct vs_namespace_options *options,
                      struct vs_namespace **out, struct vs_error *error)
{
	static const struct vs_namespace_options defaults = VS_NAMESPACE_OPTIONS;
	struct vs_namespace *ns;
	int rc;

	*out = NULL;
	rc = vs_catalog_check_name("namespace", name, error);
	if (rc < 0)
		return rc;
	ns = calloc(1, sizeof(*ns));
	if (ns == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to open a namespace");
	ns->store = store;
	ns->key_quota = vs_quota_none();
	rc = find_entry(ns, name, options != NULL ? options : &defaults, error);
	if (rc == 0)
		rc = vs_namespace_path(store, ns->entry.folder, ns->folder, error);
	if (rc == 0)
		rc = vs_generation_open(ns->folder, &ns->generation, error);
	if (rc < 0) {
		free(ns);
		return rc;
	}
	*out = ns;
	return 0;
}

void vs_namespace_close(struct vs_namespace *ns)
{
	if (ns == NULL)
		return;
	vs_upkeep_release(ns->upkeep);
	vs_generation_close(&ns->generation);
	vs_scope_release(&ns->scope);
	vs_arena_release(&ns->arena);
	vs_json_close(ns->json);
	free(ns);
}

const char *vs_namespace_folder(const struct vs_namespace *ns)
{
	return ns->generation.dir;
}

int vs_namespace_follow(struct vs_namespace *ns, struct vs_error *error)
{
	struct vs_generation generation;
	int rc;

	if (!vs_generation_moved(&ns->generation))
		return 0;
	rc = vs_generation_open(ns->folder, &generation, error);
	if (rc < 0)
		return rc;
	vs_upkeep_release(ns->upkeep);
	ns->upkeep = NULL;
	generation.scope = ns->generation.scope;
	generation.matches.scope = ns->generation.matches.scope;
	vs_generation_close(&ns->generation);
	ns->generation = generation;
	return 0;
}

int vs_namespace_set_scope(struct vs_namespace *ns, const char *filter, struct vs_error *error)
{
	int rc;

	if (vs_scope_is(&ns->scope, filter))
		return 0;
	ns->generation.scope = NULL;
	rc = vs_scope_set(&ns->scope, filter, error);
	if (rc == 0 && filter != NULL)
		ns->generation.scope = &ns->scope;
	ns->generation.matches.scope++;
	ns->generation.scoped.known = false;
	return rc;
}

int vs_namespace_begin(struct vs_namespace *ns, struct vs_meta_state *state, struct vs_error *error)
{
	int rc;

	vs_arena_reset(&ns->arena);
	do {
		rc = vs_namespace_follow(ns, error);
		if (rc < 0)
			return rc;
		rc = vs_generation_begin(&ns->generation, state, error);
	} while (rc < 0 && vs_generation_moved(&ns->generation)); /* and its files are gone */
	return rc;
}

void vs_namespace_end(struct vs_namespace *ns)
{
	vs_generation_end(&ns->generation);
}

/* A folder is a random number of 16 hex digits, a generation's number only grows, seq counts the changes. The
 * dimension is settled in a commit of its own. What is expired follows from these and the newest expiry that has passed. */
struct vs_mark vs_namespace_mark_of(const struct vs_namespace *ns, const struct vs_meta_state *state)
{
	const struct vs_graph *graph = ns->generation.graph;

	return (struct vs_mark){ {
	    strtoull(ns->entry.folder, NULL, 16),
	    (uint64_t)state->generation << 32 | state->dimension,
	    state->seq,
	    graph != NULL ? vs_graph_identity(graph) : 0,
	    (uint64_t)ns->generation.expiry.last,
	} };
}

int vs_namespace_mark(struct vs_namespace *ns, struct vs_mark *mark, struct vs_error *error)
{
	struct vs_meta_state state;
	int rc = vs_namespace_begin(ns, &state, error);

	if (rc < 0)
		return rc;
	*mark = vs_namespace_mark_of(ns, &state);
	vs_namespace_end(ns);
	return 0;
}

int vs_namespace_begin_write(struct vs_namespace *ns, struct vs_meta_state *state, struct vs_error *error)
{
	int rc;

	do {
		rc = vs_namespace_follow(ns, error);
		if (rc == 0)
			rc = vs_generation_begin_write(&ns->generation, state, error);
	} while (rc == VS_ESTALE); /* I5: CURRENT moved while we waited for the lock */
	return rc;
}

int vs_namespace_check_id(const char *field, const char *id, size_t len, struct vs_error *error)
{
	if (id == NULL || len == 0)
		return vs_error_at(error, VS_EINVAL, field, -1, "an id has at least one byte");
	if (len > VS_RECORD_ID_MAX)
		return vs_error_at(error, VS_EINVAL, field, -1, "%zu bytes; an id has at most %d", len, VS_RECORD_ID_MAX);
	int64_t bad = vs_utf8_check(id, len);
	if (bad >= 0)
		return vs_error_at(error, VS_EINVAL, field, bad, "no valid UTF-8");
	if (memchr(id, '\0', len) != NULL)
		return vs_error_at(error, VS_EINVAL, field, -1, "an id holds no NUL character");
	return 0;
}

int vs_namespace_check_text(const char *field, const char *text, size_t len, struct vs_error *error)
{
	int64_t bad;

	if (len > VS_RECORD_TEXT_MAX)
		return vs_error_at(error, VS_ETOOBIG, field, -1, "%zu bytes; at most %d are allowed", len, VS_RECORD_TEXT_MAX);
	bad = vs_utf8_check(text, len);
	if (bad >= 0)
		return vs_error_at(error, VS_EINVAL, field, bad, "no valid UTF-8");
	if (memchr(text, '\0', len) != NULL)
		return vs_error_at(error, VS_EINVAL, field, -1, "a text holds no NUL character");
	return 0;
}

int vs_namespace_check_vector(enum vs_metric metric, const char *field, const float *vector, uint32_t dimension,
                              struct vs_error *error)
{
	bool zero = true;

	for (uint32_t i = 0; i < dimension; i++) {
		if (!isfinite(vector[i]))
			return vs_error_at(error, VS_EINVAL, field, i, "not a finite number");
		zero = zero && vector[i] == 0.0f;
	}
	if (zero && metric == VS_COSINE)
		return vs_error_at(error, VS_EINVAL, field, -1, "a zero vector has no direction, which the cosine metric needs");
	return 0;
}

int vs_namespace_record(struct vs_namespace *ns, const struct vs_meta_row *row, bool with_metadata, bool with_vector,
                        bool copy, struct vs_record *record, struct vs_error *error)
{
	const struct vs_generation *generation = &ns->generation;
	struct vs_view view;

	*record = (struct vs_record){
		.id = row->id,
		.id_len = row->id_len,
		.metadata = with_metadata ? row->metadata : "",
		.metadata_len = with_metadata ? row->metadata_len : 0,
		.version = row->version,
		.created_at = row->created_at,
		.updated_at = row->updated_at,
		.deleted_at = row->deleted_at,
		.expires_at = row->expires_at,
		.text = row->text,
		.text_len = row->text_len,
	};
	if (copy) {
		record->id = vs_arena_dup(&ns->arena, row->id, row->id_len);
		record->metadata = vs_arena_dup(&ns->arena, record->metadata, record->metadata_len);
		if (row->text != NULL)
			record->text = vs_arena_dup(&ns->arena, row->text, row->text_len);
		if (record->id == NULL || record->metadata == NULL || (row->text != NULL && record->text == NULL))
			return vs_error_set(error, VS_ENOMEM, "no memory for a record");
	}
	if (!generation->has_vectors)
		return vs_error_set(error, VS_ECORRUPT, "a record without a vector file");
	view = vs_vectors_view(&generation->vectors);
	if (row->slot >= view.count)
		return vs_error_set(error, VS_ECORRUPT, "slot %u of a record lies past the vector file's end", row->slot);
	record->dimension = view.space->dim;
	if (with_vector)
		record->vector = vs_view_row(&view, row->slot);
	return 0;
}

int vs_namespace_text(struct vs_namespace *ns, uint32_t slot, struct vs_record *record, struct vs_error *error)
{
	const char *text;
	int rc = vs_text_find(ns->generation.meta, slot, &text, &record->text_len, error);

	record->text = NULL;
	if (rc < 0 || text == NULL)
		return rc;
	record->text = vs_arena_dup(&ns->arena, text, record->text_len);
	return record->text != NULL ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a text");
}

static int read_stats(struct vs_namespace *ns, struct vs_namespace_stats *stats, struct vs_error *error)
{
	struct vs_generation *generation = &ns->generation;
	struct vs_meta_state state;
	int rc = vs_namespace_begin(ns, &state, error);

	if (rc < 0)
		return rc;
	*stats = (struct vs_namespace_stats){
		.active = vs_generation_active(generation, &state),
		.deleted = state.deleted - generation->expiry.deleted,
		.dimension = state.dimension,
		.metric = state.metric,
		.quantization = state.quantization,
		.tokenizer = state.tokenizer,
		.texts = state.texts,
		.slots = state.next_slot,
		.generation = state.generation,
		.seq = state.seq,
	};
	stats->total = stats->active + stats->deleted;
	if (generation->graph != NULL) {
		uint32_t linked = vs_graph_linked(generation->graph);
		stats->indexed = linked < state.next_slot ? linked : state.next_slot;
	}
	if (state.next_slot >= VS_GRAPH_MIN_SLOTS && vs_metric_indexed(state.metric))
		stats->unindexed = state.next_slot - stats->indexed;
	rc = vs_folder_bytes(generation->dir, &stats->storage_bytes, error);
	vs_namespace_end(ns);
	return rc;
}

int vs_namespace_stats(struct vs_namespace *ns, struct vs_namespace_stats *stats, struct vs_error *error)
{
	int rc;

	do /* a compaction may take the folder away while its bytes are counted */
		rc = read_stats(ns, stats, error);
	while (rc == VS_ENOTFOUND && vs_generation_moved(&ns->generation));
	return rc;
}

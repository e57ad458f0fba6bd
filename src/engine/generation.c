/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/generation.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "store/live.h"

#define BUSY_MS 5000 /* how long a writer waits for another */
#define GRAPH_LOOK_NS UINT64_C(20000000) /* between two looks whether the graph's files are still the same */

static int generation_path(char *path, const char *folder, const char *name, struct vs_error *error)
{
	int n = snprintf(path, VS_GENERATION_PATH, "%s/%s", folder, name);

	if (n < 0 || n >= VS_GENERATION_PATH)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long: %s", folder);
	return 0;
}

int vs_generation_name(uint32_t number, char name[VS_GENERATION_NAME], struct vs_error *error)
{
	if (number == 0 || number > VS_GENERATION_LAST)
		return vs_error_set(error, VS_ETOOBIG, "a namespace has at most %d generations", VS_GENERATION_LAST);
	snprintf(name, VS_GENERATION_NAME, "g%06u", number % (VS_GENERATION_LAST + 1));
	return 0;
}

bool vs_generation_is_name(const char *name)
{
	return name[0] == 'g' && strlen(name) == 7 && strspn(name + 1, "0123456789") == 6;
}

int vs_generation_current(const char *folder, struct vs_file *current, char name[VS_GENERATION_NAME],
                          struct vs_error *error)
{
	char path[VS_GENERATION_PATH];
	char text[VS_GENERATION_NAME + 1] = "";
	int rc = generation_path(path, folder, "CURRENT", error);

	if (rc == 0)
		rc = vs_file_open(current, path, 0, error);
	if (rc == 0)
		rc = vs_file_read(current, text, VS_GENERATION_NAME, 0, error);
	if (rc < 0)
		return rc;
	if (text[VS_GENERATION_NAME - 1] != '\n')
		return vs_error_set(error, VS_ECORRUPT, "%s names no generation", path);
	text[VS_GENERATION_NAME - 1] = '\0';
	if (!vs_generation_is_name(text))
		return vs_error_set(error, VS_ECORRUPT, "%s names no generation", path);
	memcpy(name, text, VS_GENERATION_NAME);
	return 0;
}

int vs_generation_switch(const char *folder, const char *name, struct vs_error *error)
{
	char path[VS_GENERATION_PATH];
	char text[VS_GENERATION_NAME + 1];
	int rc = generation_path(path, folder, "CURRENT", error);

	if (rc < 0)
		return rc;
	snprintf(text, sizeof(text), "%s\n", name);
	return vs_file_replace(path, text, VS_GENERATION_NAME, error);
}

int vs_generation_create(const char *folder, const struct vs_meta_options *options, struct vs_error *error)
{
	char path[VS_GENERATION_PATH];
	int rc;

	rc = vs_dir_create(folder, error);
	if (rc == 0)
		rc = generation_path(path, folder, "g000001", error);
	if (rc == 0)
		rc = vs_dir_create(path, error);
	if (rc == 0)
		rc = vs_meta_create(path, options, error);
	if (rc == 0)
		rc = vs_generation_switch(folder, "g000001", error);
	return rc;
}

/* A truth file that the catalogue or meta.db speaks of is missing: that is damage, not an unknown name. */
static int missing_is_damage(int rc, struct vs_error *error)
{
	if (rc != VS_ENOTFOUND)
		return rc;
	if (error != NULL)
		error->code = VS_ECORRUPT;
	return VS_ECORRUPT;
}

static void generation_init(struct vs_generation *generation)
{
	memset(generation, 0, sizeof(*generation));
	generation->current.fd = -1;
	generation->vectors.file.fd = -1;
}

int vs_generation_open_named(const char *folder, const char *name, struct vs_generation *generation,
                             struct vs_error *error)
{
	int rc;

	generation_init(generation);
	rc = generation_path(generation->dir, folder, name, error);
	if (rc == 0)
		rc = vs_meta_open(generation->dir, BUSY_MS, &generation->meta, error);
	if (rc < 0)
		vs_generation_close(generation);
	return rc;
}

int vs_generation_open_frozen(const char *dir, struct vs_generation *generation, struct vs_error *error)
{
	int rc;

	generation_init(generation);
	if (snprintf(generation->dir, sizeof(generation->dir), "%s", dir) >= (int)sizeof(generation->dir))
		rc = vs_error_set(error, VS_EINVAL, "the path of the data folder is too long: %s", dir);
	else
		rc = vs_meta_open_frozen(dir, &generation->meta, error);
	if (rc < 0)
		vs_generation_close(generation);
	return missing_is_damage(rc, error);
}

/* VS_ESTALE: CURRENT has moved meanwhile, so that the folder may be gone. */
static int open_current(const char *folder, bool durable, struct vs_generation *generation, struct vs_error *error)
{
	struct vs_file current = VS_FILE_INIT;
	char name[VS_GENERATION_NAME];
	int rc = vs_generation_current(folder, &current, name, error);

	/* Whoever moved CURRENT may have been killed before this sync: it must not go back once something was written to
	 * the generation that it names. */
	if (rc == 0 && durable && !VS_PLANTED("current-unsynced"))
		rc = vs_dir_sync(folder, error);
	if (rc == 0)
		rc = vs_generation_open_named(folder, name, generation, error);
	if (current.fd >= 0 && vs_file_unlinked(&current)) {
		if (rc == 0)
			vs_generation_close(generation);
		rc = VS_ESTALE;
	}
	if (rc < 0) {
		vs_file_close(&current);
		return rc;
	}
	generation->current = current;
	return 0;
}

static int open_live(const char *folder, bool durable, struct vs_generation *generation, struct vs_error *error)
{
	int rc;

	do {
		generation_init(generation);
		rc = open_current(folder, durable, generation, error);
	} while (rc == VS_ESTALE);
	return missing_is_damage(rc, error);
}

int vs_generation_open(const char *folder, struct vs_generation *generation, struct vs_error *error)
{
	return open_live(folder, true, generation, error);
}

int vs_generation_look(const char *folder, struct vs_generation *generation, struct vs_error *error)
{
	return open_live(folder, false, generation, error);
}

void vs_generation_close(struct vs_generation *generation)
{
	vs_graph_close(generation->graph);
	vs_graph_scratch_release(generation->scratch);
	if (generation->has_vectors)
		vs_vectors_close(&generation->vectors);
	vs_meta_close(generation->meta);
	vs_bitmap_release(&generation->live);
	vs_expiry_release(&generation->expiry);
	vs_matches_release(&generation->matches);
	vs_bitmap_release(&generation->scoped.visible);
	vs_columns_close(generation->columns);
	vs_rows_close(generation->rows);
	/* One of zeros has no file. */
	if (generation->dir[0] != '\0')
		vs_file_close(&generation->current);
	generation_init(generation);
}

bool vs_generation_moved(const struct vs_generation *generation)
{
	return vs_file_unlinked(&generation->current);
}

int vs_generation_open_vectors(struct vs_generation *generation, const struct vs_meta_state *state, bool create,
                               struct vs_error *error)
{
	struct vs_space space;
	int rc;

	if (state->dimension == 0 || (state->next_slot == 0 && !create && !generation->has_vectors))
		return 0;
	if (!generation->has_vectors) {
		vs_space_init(&space, state->metric, state->dimension);
		if (state->quantization == VS_QUANTIZATION_NONE)
			space.quantization = VS_QUANTIZATION_NONE;
		/* Once there were records, a missing file is damage and no reason to make an empty one. */
		rc = vs_vectors_open(generation->dir, &space, state->generation, true, create && state->next_slot == 0,
		                     &generation->vectors, error);
		if (rc < 0)
			return missing_is_damage(rc, error);
		generation->has_vectors = true;
	}
	return vs_vectors_refresh(&generation->vectors, state->next_slot, error);
}

static int mark_live(void *context, const struct vs_meta_row *row)
{
	if (row->deleted_at == 0)
		vs_bitmap_set(context, row->slot);
	return 0;
}

static int apply_change(void *context, const struct vs_change *change)
{
	struct vs_bitmap *live = context;

	if (change->slot >= live->len || change->old_slot >= (int64_t)live->len)
		return VS_ECORRUPT;
	if (change->op == VS_CHANGE_UPSERT || change->op == VS_CHANGE_RESTORE)
		vs_bitmap_set(live, change->slot);
	else
		vs_bitmap_clear(live, change->slot);
	if (change->old_slot >= 0)
		vs_bitmap_clear(live, (uint32_t)change->old_slot);
	return 0;
}

/* Liveness from the rows themselves: always right, and slow for many records. */
static int scan_live(struct vs_generation *generation, const struct vs_meta_state *state, struct vs_error *error)
{
	int rc;

	generation->live_known = false;
	generation->live_stored = 0;
	if (vs_bitmap_resize(&generation->live, state->next_slot) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for the liveness of %u slots", state->next_slot);
	vs_bitmap_clear_all(&generation->live);
	rc = vs_meta_scan(generation->meta, 0, state->next_slot, mark_live, &generation->live, error);
	if (rc < 0)
		return rc;
	generation->live_seq = state->seq;
	generation->live_known = true;
	return 0;
}

int vs_generation_refresh_live(struct vs_generation *generation, const struct vs_meta_state *state,
                               struct vs_error *error)
{
	int rc;

	if (generation->live_known && generation->live_seq == state->seq)
		return 0;
	if (!generation->live_known) {
		if (vs_live_load(generation->dir, state->generation, &generation->live, &generation->live_seq, NULL) < 0)
			return scan_live(generation, state, error);
		generation->live_stored = generation->live_seq;
	}
	generation->live_known = false;
	if (generation->live_seq > state->seq || generation->live_seq < state->trimmed ||
	    generation->live.len > state->next_slot)
		return scan_live(generation, state, error);
	if (vs_bitmap_resize(&generation->live, state->next_slot) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for the liveness of %u slots", state->next_slot);
	rc = vs_meta_changes(generation->meta, generation->live_seq, apply_change, &generation->live, error);
	if (rc == VS_ECORRUPT || (rc < 0 && VS_PLANTED("scan-after-failure")))
		return scan_live(generation, state, error);
	if (rc < 0) /* SQLite may have ended the transaction */
		return rc;
	generation->live_seq = state->seq;
	generation->live_known = true;
	return 0;
}

int vs_generation_refresh_visible(struct vs_generation *generation, const struct vs_meta_state *state, int64_t now,
                                  struct vs_error *error)
{
	struct vs_scope *scope = generation->scope;
	int rc = vs_expiry_refresh(&generation->expiry, generation->meta, state, &generation->live, now, error);

	generation->matches.expired = generation->expiry.last;
	if (rc < 0 || scope == NULL)
		return rc;
	generation->scope = NULL; /* for what is visible without it */
	rc = vs_scope_refresh(scope, &generation->matches, generation->meta, state, vs_generation_visible(generation),
	                      &generation->scoped, error);
	generation->scope = scope;
	return rc;
}

/* A graph that is missing or damaged costs time, not answers: the exact scan takes over until the indexer has mended
 * it. For the same reason what is mapped may still be used for a while after its files were deleted or replaced. */
/* How many slots the graph's header says are linked. */
static uint32_t claim(const struct vs_generation *generation)
{
	return generation->graph != NULL ? vs_graph_linked(generation->graph) : 0;
}

/* claimed: that, from before *state was read. A header that claims slots beyond all that there are is damaged and
 * would hide what gets them next: there is no graph until the indexer has wound it back. */
static void refresh_graph(struct vs_generation *generation, const struct vs_meta_state *state, uint32_t claimed)
{
	uint64_t now = vs_clock_mono_ns();
	bool look = generation->graph != NULL &&
	            (now - generation->graph_looked_ns >= GRAPH_LOOK_NS || vs_graph_grew(generation->graph));

	if (look && vs_graph_refresh(generation->graph, NULL) < 0) {
		vs_graph_close(generation->graph);
		generation->graph = NULL;
	}
	if (look || generation->graph == NULL)
		generation->graph_looked_ns = now;
	if (generation->graph == NULL && generation->has_vectors && state->next_slot >= VS_GRAPH_MIN_SLOTS &&
	    vs_metric_indexed(state->metric) &&
	    vs_graph_open(generation->dir, &generation->vectors.space, state->generation, &generation->graph, NULL) == 0)
		claimed = vs_graph_linked(generation->graph);
	if (generation->graph != NULL && claimed > state->next_slot) {
		vs_graph_close(generation->graph);
		generation->graph = NULL;
	}
}

int vs_generation_begin(struct vs_generation *generation, struct vs_meta_state *state, struct vs_error *error)
{
	uint32_t claimed = claim(generation);
	int rc = vs_meta_begin(generation->meta, state, error);

	if (rc < 0)
		return rc;
	if (generation->columns == NULL && vs_columns_open(generation->dir, state->generation, &generation->columns, NULL) == 0)
		generation->matches.columns = generation->columns;
	rc = vs_generation_open_vectors(generation, state, false, error);
	if (rc == 0)
		rc = vs_generation_refresh_live(generation, state, error);
	if (rc == 0)
		rc = vs_generation_refresh_visible(generation, state, state->expiry != 0 ? vs_clock_wall_ms() : 0, error);
	if (rc < 0) {
		vs_meta_end(generation->meta);
		return rc;
	}
	refresh_graph(generation, state, claimed);
	if (generation->rows == NULL)
		(void)vs_rows_open(generation->dir, state->generation, &generation->rows, NULL);
	return 0;
}

int vs_generation_peek(struct vs_generation *generation, struct vs_meta_state *state, struct vs_error *error)
{
	uint32_t claimed = claim(generation);
	int rc = vs_meta_begin(generation->meta, state, error);

	if (rc < 0)
		return rc;
	if (!generation->has_vectors)
		rc = vs_generation_open_vectors(generation, state, false, error);
	if (rc == 0)
		refresh_graph(generation, state, claimed);
	vs_meta_end(generation->meta);
	return rc;
}

void vs_generation_end(struct vs_generation *generation)
{
	vs_meta_end(generation->meta);
}

int vs_generation_begin_write(struct vs_generation *generation, struct vs_meta_state *state, struct vs_error *error)
{
	int rc;

	if ((vs_meta_sync_failed(generation->meta) || (generation->has_vectors && generation->vectors.sync_failed)) &&
	    !VS_PLANTED("sync-forgotten"))
		return vs_error_set(error, VS_EREADONLY, "%s could not be synced before; open it again to write", generation->dir);
	rc = vs_meta_begin_write(generation->meta, state, error);
	if (rc < 0)
		return rc;
	if (vs_generation_moved(generation)) {
		vs_meta_rollback(generation->meta);
		return vs_error_set(error, VS_ESTALE, "another generation took this one's place");
	}
	return 0;
}

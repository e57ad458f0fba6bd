/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compaction: copy the records to a new generation, link its graph, follow what was written meanwhile until little is left,
 * take the writer lock, follow that, sync, move CURRENT (I5), remove the old folder.
 *
 * compact.lock in the namespace's folder (flock) is held all the while: whoever holds it may make and remove generations
 * that CURRENT does not name. Lock order: compact.lock, the new generation's indexer.lock and graph.lock, the old one's
 * writer lock, the new one's. The old one's indexer goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/folder.h"
#include "engine/compact.h"
#include "store/live.h"

#define LOCK_TRIES 50              /* of 20 ms: tidying may hold the lock for a moment */
#define SPARE (UINT64_C(4) << 20)  /* bytes that must be left over */
#define FEW_CHANGES 1000           /* left for the end, in which writers wait: about 20 ms */
#define MANY_CHANGES 5000          /* more than that at the end, and it is put off */
#define ROUNDS_MAX 100
#define LAST_TRIES 20

int vs_compact_progress(const struct vs_compaction *compaction, enum vs_compact_phase phase, uint64_t done,
                        uint64_t total)
{
	const struct vs_compact_options *options = compaction->options;

	return options->progress != NULL ? options->progress(options->context, phase, done, total) : 0;
}

/* ---- the lock, and what was left behind ------------------------------------------------------------------- */

/* options NULL: at once or not at all. */
static int take_lock(const struct vs_namespace *ns, const struct vs_compact_options *options, struct vs_file *lock,
                     struct vs_error *error)
{
	unsigned tries = options != NULL ? LOCK_TRIES : 1;
	char path[VS_GENERATION_PATH + 16];
	int rc;

	snprintf(path, sizeof(path), "%s/compact.lock", ns->folder);
	rc = vs_file_open(lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	if (rc < 0)
		return rc;
	while ((rc = vs_file_lock(lock, error)) == VS_EBUSY && --tries > 0) {
		nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
		rc = options->progress != NULL ? options->progress(options->context, VS_COMPACT_WAIT, 0, 1) : 0;
		if (rc != 0)
			break;
	}
	if (rc != 0)
		vs_file_close(lock);
	return rc == VS_EBUSY ? vs_error_set(error, rc, "namespace %s is being compacted already", ns->entry.name) : rc;
}

struct sweep {
	const struct vs_namespace *ns;
	const char *current; /* the name that stays */
	bool found;
	bool remove;
};

/* meta.db goes first: without it nobody who read CURRENT a moment ago opens what is left. A process that has not followed yet
 * may still put a file into the folder while it is emptied: what cannot go stays until the next time. */
void vs_compact_discard(const char *dir)
{
	(void)vs_folder_remove(dir, "meta.db", NULL);
	VS_POINT("compact-removed");
}

static int sweep_one(void *context, const char *name)
{
	struct sweep *sweep = context;
	char dir[VS_GENERATION_PATH + 16];

	if (!vs_generation_is_name(name) || strcmp(name, sweep->current) == 0)
		return 0;
	sweep->found = true;
	if (!sweep->remove)
		return 1;
	snprintf(dir, sizeof(dir), "%s/%s", sweep->ns->folder, name);
	vs_compact_discard(dir);
	return 0;
}

/* Under compact.lock. CURRENT is synced first: what it named before may go only when it cannot come back. */
static int sweep(const struct vs_namespace *ns, struct vs_error *error)
{
	struct vs_file current = VS_FILE_INIT;
	char name[VS_GENERATION_NAME];
	struct sweep sweep = { .ns = ns, .current = name };
	int rc = vs_generation_current(ns->folder, &current, name, error);

	vs_file_close(&current);
	if (rc == 0)
		rc = vs_folder_each(ns->folder, sweep_one, &sweep, error);
	if (rc < 0 || !sweep.found)
		return rc < 0 ? rc : 0;
	rc = vs_dir_sync(ns->folder, error);
	sweep.remove = true;
	return rc == 0 ? vs_folder_each(ns->folder, sweep_one, &sweep, error) : rc;
}

int vs_compact_lock(const struct vs_namespace *ns, const struct vs_compact_options *options, struct vs_file *lock,
                    struct vs_error *error)
{
	int rc = take_lock(ns, options, lock, error);

	if (rc == 0 && (rc = sweep(ns, error)) < 0)
		vs_file_close(lock);
	return rc;
}

bool vs_compact_taken(const struct vs_namespace *ns)
{
	char path[VS_GENERATION_PATH + 16];
	struct vs_file lock = VS_FILE_INIT;
	bool taken = false;

	snprintf(path, sizeof(path), "%s/compact.lock", ns->folder);
	if (vs_file_exists(path) && vs_file_open(&lock, path, VS_FILE_WRITE, NULL) == 0) {
		taken = vs_file_lock(&lock, NULL) == VS_EBUSY;
		vs_file_close(&lock);
	}
	return taken;
}

void vs_compact_tidy(struct vs_namespace *ns)
{
	const char *slash = strrchr(ns->generation.dir, '/');
	struct sweep look = { .ns = ns, .current = slash != NULL ? slash + 1 : "" };
	struct vs_file lock = VS_FILE_INIT;

	/* A generation in the making has nothing to tidy. */
	if (ns->generation.current.fd < 0 || vs_folder_each(ns->folder, sweep_one, &look, NULL) != 1)
		return;
	if (take_lock(ns, NULL, &lock, NULL) < 0)
		return;
	(void)sweep(ns, NULL);
	vs_file_close(&lock);
}

/* ---- phases ----------------------------------------------------------------------------------------------- */

/* Both lie beside each other for a while. */
static int check_room(const struct vs_namespace *ns, const struct vs_meta_state *old, struct vs_error *error)
{
	uint64_t records = old->active + old->deleted;
	uint64_t bytes;
	uint64_t need;
	uint64_t room;
	int rc = vs_folder_bytes(ns->generation.dir, &bytes, error);

	if (rc == 0)
		rc = vs_folder_room(ns->folder, &room, error);
	if (rc < 0)
		return rc;
	need = SPARE + (uint64_t)((double)bytes * (double)records / (double)old->next_slot);
	if (room >= need)
		return 0;
	return vs_error_set(error, VS_ENOSPC, "compacting needs %llu MB beside what is there, and the disk has %llu MB left",
	                    (unsigned long long)(need >> 20), (unsigned long long)(room >> 20));
}

static int link_progress(void *context, uint32_t linked, uint32_t slots)
{
	return vs_compact_progress(context, VS_COMPACT_LINK, linked, slots);
}

int vs_compact_link(struct vs_namespace *fresh, const struct vs_index_options *options, struct vs_error *error)
{
	bool worked = true;
	int rc = 0;

	while (rc == 0 && worked)
		rc = vs_namespace_index(fresh, options, &worked, error);
	return rc;
}

static int link_fresh(struct vs_compaction *compaction, struct vs_error *error)
{
	struct vs_index_options options = { compaction->options->threads, link_progress, compaction, UINT64_MAX };

	return vs_compact_link(compaction->fresh, &options, error);
}

/* Rounds, until little is left. While each has less to do than the one before, its slots are linked, too; when writers are
 * faster than that, the rest is left to the indexer. */
static int follow(struct vs_compaction *compaction, struct vs_error *error)
{
	uint64_t before = UINT64_MAX;
	uint64_t changes;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		int rc = vs_compact_follow(compaction, &changes, error);
		if (rc != 0 || changes <= FEW_CHANGES)
			return rc;
		if (changes < before / 2)
			rc = link_fresh(compaction, error);
		if (rc != 0)
			return rc;
		before = changes;
	}
	return 0;
}

/* Under the old generation's writer lock: the new one is complete and durable when this returns. */
static int complete(struct vs_compaction *compaction, const struct vs_meta_state *old, struct vs_error *error)
{
	const struct vs_namespace *fresh = compaction->fresh;

	if (vs_bitmap_count(&fresh->generation.live, 0, compaction->state.next_slot) != old->active ||
	    vs_bitmap_count(&compaction->present, 0, compaction->state.next_slot) != old->active + old->deleted)
		return vs_error_set(error, VS_EINTERNAL, "%s: the records do not add up, so nothing was changed", compaction->dir);
	return vs_live_store(compaction->dir, compaction->state.generation, &fresh->generation.live,
	                     fresh->generation.live_seq, error);
}

/* *done stays false when too much was written while the lock was waited for. */
static int try_switch(struct vs_compaction *compaction, uint64_t most, struct vs_meta_state *old, bool *done,
                      struct vs_error *error)
{
	struct vs_generation *generation = &compaction->ns->generation;
	int rc = vs_generation_begin_write(generation, old, error);

	if (rc < 0)
		return rc;
	rc = vs_compact_follow_last(compaction, old, most, done, error);
	if (rc == 0 && *done) {
		if (VS_PLANTED("compact-unlocked")) {
			vs_meta_rollback(generation->meta);
			nanosleep(&(struct timespec){ 0, 10000000 }, NULL); /* who waits for the lock naps */
		}
		rc = complete(compaction, old, error);
		VS_POINT("compact-complete");
		if (rc == 0)
			rc = vs_generation_switch(compaction->ns->folder, compaction->name, error); /* I5 */
		VS_POINT("compact-switched");
	}
	vs_meta_rollback(generation->meta); /* nothing was changed in it */
	return rc;
}

static int switch_over(struct vs_compaction *compaction, struct vs_meta_state *old, struct vs_error *error)
{
	bool done = false;

	for (unsigned i = 1; !done; i++) {
		int rc = follow(compaction, error);
		if (rc != 0)
			return rc;
		rc = try_switch(compaction, i < LAST_TRIES ? MANY_CHANGES : UINT64_MAX, old, &done, error);
		/* Busy writers may keep the lock from us for long. */
		if (rc < 0 && (rc != VS_EBUSY || done || i >= LAST_TRIES))
			return rc;
	}
	return 0;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

/* In the order of the old graph, if there is one: the new one is walked faster then. */
static int copy(struct vs_compaction *compaction, uint32_t count, struct vs_error *error)
{
	const struct vs_graph *graph = compaction->ns->generation.graph;
	uint32_t *order = NULL;
	int rc = 0;

	if (graph != NULL) {
		order = malloc((size_t)count * sizeof(*order));
		rc = order == NULL ? vs_error_set(error, VS_ENOMEM, "no memory to compact") : vs_graph_order(graph, count, order, error);
	}
	if (rc == 0)
		rc = vs_compact_copy(compaction, order, count, error);
	free(order);
	return rc;
}

static int build(struct vs_compaction *compaction, struct vs_meta_state *old, struct vs_error *error)
{
	int rc = vs_compact_make(compaction, old, error);

	if (rc == 0)
		rc = vs_compact_progress(compaction, VS_COMPACT_COPY, 0, old->next_slot);
	if (rc == 0)
		rc = copy(compaction, old->next_slot, error);
	if (rc == 0)
		rc = link_fresh(compaction, error);
	if (rc == 0)
		rc = switch_over(compaction, old, error);
	return rc;
}

int vs_compact_settle(struct vs_namespace *ns, struct vs_error *error)
{
	struct vs_meta_state state;
	int rc;

	vs_compact_discard(ns->generation.dir);
	rc = vs_namespace_begin(ns, &state, error); /* follows, and so lets go of them, too */
	if (rc == 0)
		vs_namespace_end(ns);
	return rc;
}

/* The new generation is live. The old one goes; processes that have its files open keep them until they look at CURRENT. */
static int settle(struct vs_compaction *compaction, const struct vs_meta_state *old, struct vs_compact_result *result,
                  struct vs_error *error)
{
	struct vs_namespace *ns = compaction->ns;
	uint64_t before;
	uint64_t after;

	result->removed_count = old->next_slot - compaction->state.next_slot;
	if (vs_folder_bytes(ns->generation.dir, &before, NULL) == 0 &&
	    vs_folder_bytes(compaction->dir, &after, NULL) == 0 && before > after)
		result->freed_bytes = before - after;
	return vs_compact_settle(ns, error);
}

static int compact(struct vs_compaction *compaction, struct vs_compact_result *result, struct vs_error *error)
{
	struct vs_namespace *ns = compaction->ns;
	struct vs_meta_state old;
	int rc = vs_namespace_begin(ns, &old, error);

	if (rc < 0)
		return rc;
	vs_namespace_end(ns);
	if (old.next_slot == old.active + old.deleted)
		return 0;
	rc = check_room(ns, &old, error);
	if (rc == 0)
		rc = vs_generation_name(old.generation + 1, compaction->name, error);
	if (rc < 0)
		return rc;
	snprintf(compaction->dir, sizeof(compaction->dir), "%.*s/%s", VS_GENERATION_PATH - 16, ns->folder, compaction->name);
	rc = build(compaction, &old, error);
	vs_compact_release(compaction); /* with it the part of the new one's indexer, for whoever follows */
	if (rc == 0)
		return settle(compaction, &old, result, error);
	/* When only the sync after the rename failed, CURRENT names the new one all the same. */
	if (!vs_generation_moved(&ns->generation))
		vs_compact_discard(compaction->dir);
	return rc;
}

int vs_namespace_compact(struct vs_namespace *ns, const struct vs_compact_options *options,
                         struct vs_compact_result *result, struct vs_error *error)
{
	static const struct vs_compact_options defaults = VS_COMPACT_OPTIONS;
	struct vs_compaction compaction = { .ns = ns, .options = options != NULL ? options : &defaults };
	struct vs_file lock = VS_FILE_INIT;
	int rc;

	*result = (struct vs_compact_result){ 0, 0 };
	rc = vs_compact_lock(ns, compaction.options, &lock, error);
	if (rc != 0)
		return rc;
	rc = compact(&compaction, result, error);
	vs_file_close(&lock);
	return rc;
}

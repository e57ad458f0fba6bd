/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new generation of what a snapshot, or another namespace, holds: meta.db as one transaction sees it, the vectors of all slots
 * at the same slots, and the graph, which is mended as after a power loss. Nothing in it counts before something names it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/folder.h"
#include "engine/compact.h"
#include "engine/snapshot.h"
#include "store/live.h"

#define BATCH 4096                /* rows copied at once */
#define SPARE (UINT64_C(4) << 20) /* bytes that must be left over */

/* Shares of the work that phases take when a graph comes along. */
enum { GRAPH = 20, META = 40, VECTORS = 50 };

static double share(double from, double end, int percent)
{
	return from + (end - from) * percent / 100.0;
}

static int check_room(const struct vs_namespace *source, const char *folder, struct vs_error *error)
{
	uint64_t need, room;
	int rc = vs_folder_bytes(source->generation.dir, &need, error);

	if (rc == 0)
		rc = vs_folder_room(folder, &room, error);
	need += SPARE;
	if (rc < 0 || room >= need)
		return rc;
	return vs_error_set(error, VS_ENOSPC, "this needs %llu MB beside what is there, and the disk has %llu MB left",
	                    (unsigned long long)(need >> 20), (unsigned long long)(room >> 20));
}

/* Opens what lies in folder/name as a namespace like the source: for whoever makes it. */
static int open_fresh(const struct vs_namespace *source, const char *folder, const char *name, struct vs_namespace **fresh,
                      struct vs_error *error)
{
	struct vs_namespace *ns = calloc(1, sizeof(*ns));
	int rc;

	if (ns == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for a new generation");
	ns->store = source->store;
	ns->entry = source->entry;
	snprintf(ns->folder, sizeof(ns->folder), "%s", folder);
	rc = vs_generation_open_named(folder, name, &ns->generation, error);
	if (rc < 0)
		free(ns);
	else
		*fresh = ns;
	return rc;
}

/* Rows byte for byte, those of dead slots too: the graph goes through them. Synced. */
static int copy_vectors(struct vs_namespace *source, struct vs_namespace *fresh, const struct vs_meta_state *state,
                        struct vs_work *work, struct vs_error *error)
{
	struct vs_meta_state empty = *state;
	struct vs_view view = vs_vectors_view(&source->generation.vectors);
	struct vs_vectors *to = &fresh->generation.vectors;
	uint32_t slots[BATCH];
	int rc;

	empty.next_slot = 0;
	rc = vs_generation_open_vectors(&fresh->generation, &empty, true, error);
	if (rc == 0)
		rc = vs_vectors_reserve(to, state->next_slot, error);
	for (uint32_t done = 0, n; rc == 0 && done < state->next_slot; done += n) {
		n = state->next_slot - done < BATCH ? state->next_slot - done : BATCH;
		for (uint32_t i = 0; i < n; i++)
			slots[i] = done + i;
		rc = vs_vectors_copy(to, done, &view, slots, n, error);
		if (rc == 0)
			rc = vs_work_at(work, done + n, state->next_slot);
	}
	return rc == 0 ? vs_vectors_sync(to, error) : rc;
}

/* Inside a transaction of the source, whose state is *state; *as is that of the new one. */
static int build_truth(struct vs_namespace *source, const char *folder, const char *name, const struct vs_meta_state *state,
                       struct vs_meta_state *as, struct vs_work *work, double from, double end, struct vs_namespace **fresh,
                       struct vs_error *error)
{
	struct vs_meta_state numbers = *state;
	char dir[VS_GENERATION_PATH];
	int rc = vs_snapshot_path(dir, folder, name, error);

	numbers.generation = as->generation;
	numbers.trimmed = numbers.seq = state->seq > as->seq ? state->seq : as->seq;
	if (numbers.age < as->age)
		numbers.age = as->age;
	if (numbers.past_version < as->past_version)
		numbers.past_version = as->past_version;
	if (rc == 0)
		rc = vs_generation_open_vectors(&source->generation, state, false, error);
	if (rc == 0)
		rc = vs_work_phase(work, share(from, end, META), 1, "copying");
	if (rc == 0)
		rc = vs_meta_thaw(source->generation.meta, dir, &numbers, vs_work_at, work, error);
	if (rc == 0)
		rc = open_fresh(source, folder, name, fresh, error);
	*as = numbers;
	if (rc != 0 || state->dimension == 0 || state->next_slot == 0)
		return rc;
	rc = vs_work_phase(work, share(from, end, VECTORS), 1, "copying");
	return rc == 0 ? copy_vectors(source, *fresh, as, work, error) : rc;
}

static int build_files(struct vs_namespace *source, const char *folder, const char *name, struct vs_meta_state *as,
                       struct vs_work *work, double from, double end, struct vs_namespace **fresh, struct vs_error *error)
{
	struct vs_generation *generation = &source->generation;
	struct vs_meta_state state;
	char dir[VS_GENERATION_PATH];
	uint64_t bytes = 1;
	int rc = vs_snapshot_path(dir, folder, name, error);

	if (rc == 0)
		rc = vs_dir_create(dir, error);
	(void)vs_folder_bytes(generation->dir, &bytes, NULL);
	if (rc == 0)
		rc = vs_work_phase(work, share(from, end, GRAPH), bytes / 2, "copying");
	if (rc != 0)
		return rc;
	/* Before the transaction, so that its slots are all committed in it. Without a graph one is made. */
	rc = vs_graph_copy(generation->dir, dir, as->generation, vs_work_add, work, error);
	if (rc == VS_ENOTFOUND || rc == VS_ECORRUPT || rc == VS_EFORMAT)
		rc = 0;
	if (rc == 0)
		rc = vs_meta_begin(generation->meta, &state, error);
	if (rc != 0)
		return rc;
	if (vs_generation_moved(generation))
		rc = vs_error_set(error, VS_ESTALE, "another generation took the source's place");
	else
		rc = build_truth(source, folder, name, &state, as, work, from, end, fresh, error);
	vs_meta_end(generation->meta);
	return rc;
}

struct findings {
	uint64_t count;
	char first[200];
};

static void note_finding(void *context, const char *problem)
{
	struct findings *findings = context;

	if (findings->count++ == 0)
		snprintf(findings->first, sizeof(findings->first), "%s", problem);
}

int vs_snapshot_check_meta(struct vs_meta *meta, struct vs_error *error)
{
	struct findings findings = { 0 };
	int rc = vs_meta_check(meta, note_finding, &findings, error);

	if (rc == 0 && findings.count > 0)
		return vs_error_set(error, VS_ECORRUPT, "the snapshot does not add up: %s", findings.first);
	return rc;
}

static int link_progress(void *context, uint32_t linked, uint32_t slots)
{
	return vs_work_at(context, linked, slots);
}

int vs_snapshot_build(struct vs_namespace *source, const char *folder, const char *name, struct vs_meta_state *as,
                      struct vs_work *work, struct vs_namespace **fresh, struct vs_error *error)
{
	struct vs_index_options linking = { work->options->threads, link_progress, work, 0 };
	double from = work->to;
	int rc = check_room(source, folder, error);

	*fresh = NULL;
	if (rc == 0)
		rc = build_files(source, folder, name, as, work, from, 1.0, fresh, error);
	VS_POINT("restore-copied");
	if (rc == 0)
		rc = vs_snapshot_check_meta((*fresh)->generation.meta, error);
	if (rc == 0)
		rc = vs_work_phase(work, 1.0, as->next_slot, "linking");
	if (rc == 0)
		rc = vs_compact_link(*fresh, &linking, error);
	VS_POINT("restore-linked");
	if (rc != 0) {
		vs_namespace_close(*fresh);
		*fresh = NULL;
	}
	return rc;
}

int vs_snapshot_settle(struct vs_namespace *fresh, uint64_t seq, struct vs_meta_state *state, struct vs_error *error)
{
	struct vs_generation *generation = &fresh->generation;
	int rc = vs_generation_begin(generation, state, error);

	if (rc < 0)
		return rc;
	vs_generation_end(generation);
	rc = vs_meta_begin_write(generation->meta, state, error);
	if (rc < 0)
		return rc;
	/* Nobody has seen the changes that are in its log (records that expired). */
	rc = vs_meta_trim(generation->meta, state, state->seq, UINT32_MAX, error);
	if (rc < 0) {
		vs_meta_rollback(generation->meta);
		return rc;
	}
	state->seq = state->trimmed = state->seq > seq ? state->seq : seq;
	rc = vs_meta_commit(generation->meta, state, error);
	if (rc == 0)
		rc = vs_live_store(generation->dir, state->generation, &generation->live, state->seq, error);
	return rc;
}

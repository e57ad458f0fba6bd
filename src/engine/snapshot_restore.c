/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restoring: the sums of a snapshot are compared, a generation is made of it beside the live one and linked, and CURRENT is
 * moved to it under the live one's writer lock (I5), as a compaction does. What is acknowledged after that is in it; a writer that
 * waited for the lock finds the new one. Cloning does the same from a live namespace to one that is made for it (birth.c).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "engine/birth.h"
#include "engine/compact.h"
#include "engine/snapshot.h"

#define SUMS 0.15 /* share of the work that comparing takes */

int vs_snapshot_open(const struct vs_namespace *like, const char *dir, struct vs_namespace **out, struct vs_error *error)
{
	struct vs_namespace *frozen = calloc(1, sizeof(*frozen));
	int rc;

	if (frozen == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to open a snapshot");
	frozen->store = like->store;
	frozen->entry = like->entry;
	snprintf(frozen->folder, sizeof(frozen->folder), "%s", dir);
	rc = vs_generation_open_frozen(dir, &frozen->generation, error);
	if (rc < 0)
		free(frozen);
	else
		*out = frozen;
	return rc;
}

/* The manifest and meta.db speak of the same; and it is one that this namespace can hold. */
static int check_fit(struct vs_namespace *ns, struct vs_namespace *frozen, const struct vs_manifest *manifest,
                     bool same, struct vs_error *error)
{
	const struct vs_meta_state *said = &manifest->state;
	struct vs_meta_state state;
	struct vs_use use;
	int rc = vs_meta_begin(frozen->generation.meta, &state, error);

	if (rc < 0)
		return rc;
	vs_meta_end(frozen->generation.meta);
	if (state.generation != said->generation || state.seq != said->seq || state.next_slot != said->next_slot ||
	    state.active != said->active || state.deleted != said->deleted || state.dimension != said->dimension ||
	    state.metric != said->metric || state.quantization != said->quantization)
		return vs_error_set(error, VS_ECORRUPT, "snapshot %s is damaged: its manifest speaks of another meta.db",
		                    manifest->name);
	if (!same)
		return 0;
	rc = vs_snapshot_use(frozen->generation.meta, &use, error);
	if (rc == 0)
		rc = vs_namespace_admit_whole(ns, &use, error);
	if (rc < 0)
		return rc;
	if (state.metric != ns->entry.metric)
		return vs_error_set(error, VS_ECONFLICT, "the snapshot has the metric %s, namespace %s has %s: restore it into a new one",
		                    vs_metric_name(state.metric), ns->entry.name, vs_metric_name(ns->entry.metric));
	if (ns->entry.dimension != 0 && state.dimension != 0 && state.dimension != ns->entry.dimension)
		return vs_error_set(error, VS_ECONFLICT,
		                    "the snapshot has vectors of %u numbers, namespace %s is made for %u: restore it into a new one",
		                    state.dimension, ns->entry.name, ns->entry.dimension);
	return 0;
}

/* I5: nobody writes to the old generation between the settling of seq and the change. */
static int switch_over(struct vs_namespace *ns, struct vs_namespace *fresh, const char *name, uint64_t *records,
                       struct vs_error *error)
{
	struct vs_meta_state old, state;
	struct vs_use use = { .vectors = 0 };
	int rc = vs_generation_begin_write(&ns->generation, &old, error);

	if (rc < 0)
		return rc;
	rc = vs_snapshot_settle(fresh, old.seq + 1, &state, error);
	if (rc == 0)
		rc = vs_snapshot_use(fresh->generation.meta, &use, error);
	if (rc == 0)
		rc = vs_namespace_admit_whole(ns, &use, error);
	VS_POINT("restore-complete");
	if (rc == 0)
		rc = vs_generation_switch(ns->folder, name, error);
	VS_POINT("restore-switched");
	vs_meta_rollback(ns->generation.meta); /* nothing was changed in it */
	*records = use.vectors;
	return rc;
}

/* Under compact.lock. */
static int replace(struct vs_namespace *ns, struct vs_namespace *frozen, struct vs_work *work, uint64_t *records,
                   struct vs_error *error)
{
	struct vs_namespace *fresh = NULL;
	struct vs_meta_state old, as;
	char name[VS_GENERATION_NAME];
	char dir[VS_GENERATION_PATH];
	int rc = vs_namespace_begin(ns, &old, error);

	if (rc < 0)
		return rc;
	vs_namespace_end(ns);
	as = (struct vs_meta_state){ .generation = old.generation + 1, .seq = old.seq };
	as.past_version = as.age = old.age + VS_META_AGE;
	rc = vs_generation_name(as.generation, name, error);
	if (rc == 0)
		rc = vs_snapshot_path(dir, ns->folder, name, error);
	if (rc < 0)
		return rc;
	rc = vs_snapshot_build(frozen, ns->folder, name, &as, work, &fresh, error);
	if (rc == 0)
		rc = switch_over(ns, fresh, name, records, error);
	vs_namespace_close(fresh); /* with it the part of its indexer, for whoever follows */
	/* When only the sync after the rename failed, CURRENT names the new one all the same. */
	if (rc != 0 && !vs_generation_moved(&ns->generation)) {
		vs_compact_discard(dir);
		return rc;
	}
	return rc == 0 ? vs_compact_settle(ns, error) : rc;
}

static int replace_locked(struct vs_namespace *ns, struct vs_namespace *frozen, struct vs_work *work, uint64_t *records,
                          struct vs_error *error)
{
	static const struct vs_compact_options waiting = VS_COMPACT_OPTIONS;
	struct vs_file lock = VS_FILE_INIT;
	int rc = vs_compact_lock(ns, &waiting, &lock, error);

	if (rc < 0)
		return rc;
	rc = replace(ns, frozen, work, records, error);
	vs_file_close(&lock);
	return rc;
}

static int restore(struct vs_namespace *ns, const char *name, const char *into, struct vs_work *work, uint64_t *records,
                   struct vs_error *error)
{
	struct vs_namespace *frozen = NULL;
	struct vs_manifest manifest;
	char dir[VS_GENERATION_PATH];
	int rc = vs_snapshot_locate(ns, name, dir, &manifest, error);

	if (rc == 0)
		rc = vs_snapshot_sums(dir, &manifest, work, SUMS, NULL, NULL, NULL, error);
	if (rc == 0)
		rc = vs_snapshot_open(ns, dir, &frozen, error);
	if (rc == 0)
		rc = check_fit(ns, frozen, &manifest, into == NULL, error);
	if (rc == 0 && into != NULL)
		rc = vs_birth(frozen, into, work, records, error);
	else if (rc == 0)
		rc = replace_locked(ns, frozen, work, records, error);
	vs_namespace_close(frozen);
	return rc;
}

int vs_snapshot_restore(struct vs_namespace *ns, const char *name, const char *into, const struct vs_work_options *options,
                        uint64_t *records, struct vs_error *error)
{
	struct vs_snapshots snapshots;
	struct vs_work work;
	uint64_t count = 0;
	int rc = vs_manifest_check_name(name, error);

	vs_work_init(&work, options);
	if (rc == 0 && into != NULL)
		rc = vs_birth_check(ns->store, "into", into, error);
	if (rc == 0)
		rc = vs_snapshots_begin(&snapshots, ns, error);
	if (rc < 0)
		return rc;
	rc = restore(ns, name, into, &work, &count, error);
	vs_snapshots_end(&snapshots);
	if (records != NULL)
		*records = count;
	return rc;
}

int vs_namespace_clone(struct vs_namespace *ns, const char *to, const struct vs_work_options *options, uint64_t *records,
                       struct vs_error *error)
{
	struct vs_work work;
	uint64_t count = 0;
	int rc = vs_birth_check(ns->store, "to", to, error);

	if (rc < 0)
		return rc;
	do { /* again when a compaction has put another generation in the source's place */
		vs_work_init(&work, options);
		rc = vs_namespace_follow(ns, error);
		if (rc < 0)
			return rc;
		rc = vs_birth(ns, to, &work, &count, error);
	} while (rc < 0 && vs_generation_moved(&ns->generation));
	if (records != NULL)
		*records = count;
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots as folders: where they lie, which there are, making and removing one. */
#include "engine/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/folder.h"

#define LOCK_TRIES 50 /* of 20 ms */
#define GONE ".gone"

/* ---- where ---------------------------------------------------------------------------------------------- */

int vs_snapshot_path(char path[VS_GENERATION_PATH], const char *dir, const char *name, struct vs_error *error)
{
	int len = snprintf(path, VS_GENERATION_PATH, "%s/%s", dir, name);

	if (len < 0 || len >= VS_GENERATION_PATH - 16)
		return vs_error_set(error, VS_EINVAL, "the path of the data folder, or the name, is too long: %.80s", name);
	return 0;
}

static int folder_of(const struct vs_namespace *ns, char dir[VS_GENERATION_PATH], struct vs_error *error)
{
	char all[VS_GENERATION_PATH];
	int rc = vs_snapshot_path(all, ns->store->path, "snapshots", error);

	return rc == 0 ? vs_snapshot_path(dir, all, ns->entry.folder, error) : rc;
}

int vs_snapshot_locate(const struct vs_namespace *ns, const char *name, char path[VS_GENERATION_PATH],
                       struct vs_manifest *manifest, struct vs_error *error)
{
	char dir[VS_GENERATION_PATH];
	int rc = vs_manifest_check_name(name, error);

	if (rc == 0)
		rc = folder_of(ns, dir, error);
	if (rc == 0)
		rc = vs_snapshot_path(path, dir, name, error);
	if (rc < 0)
		return rc;
	if (!vs_file_exists(path))
		return vs_error_set(error, VS_ENOTFOUND, "namespace %s has no snapshot %s", ns->entry.name, name);
	rc = vs_manifest_load(path, manifest, error);
	return rc == VS_ENOTFOUND ? vs_error_set(error, VS_ECORRUPT, "snapshot %s has no manifest", name) : rc;
}

/* ---- the lock, and what was left behind ----------------------------------------------------------------- */

static int remove_leftover(void *context, const char *name)
{
	const struct vs_snapshots *snapshots = context;
	char path[VS_GENERATION_PATH];

	/* What cannot go stays until the next time. */
	if (name[0] == '.' && strcmp(name, ".lock") != 0 && vs_snapshot_path(path, snapshots->dir, name, NULL) == 0)
		(void)vs_folder_remove(path, VS_MANIFEST_NAME, NULL);
	return 0;
}

void vs_snapshots_clear(struct vs_snapshots *snapshots)
{
	(void)vs_folder_each(snapshots->dir, remove_leftover, snapshots, NULL);
}

int vs_snapshots_begin(struct vs_snapshots *snapshots, struct vs_namespace *ns, struct vs_error *error)
{
	char path[VS_GENERATION_PATH];
	int tries = LOCK_TRIES;
	int rc;

	*snapshots = (struct vs_snapshots){ .ns = ns, .lock = VS_FILE_INIT };
	rc = vs_snapshot_path(path, ns->store->path, "snapshots", error);
	if (rc == 0)
		rc = folder_of(ns, snapshots->dir, error);
	if (rc == 0)
		rc = vs_dir_create(path, error);
	if (rc == 0)
		rc = vs_dir_create(snapshots->dir, error);
	if (rc == 0)
		rc = vs_snapshot_path(path, snapshots->dir, ".lock", error);
	if (rc == 0)
		rc = vs_file_open(&snapshots->lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	if (rc < 0)
		return rc;
	while ((rc = vs_file_lock(&snapshots->lock, error)) == VS_EBUSY && --tries > 0)
		nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	if (rc == 0)
		rc = vs_folder_each(snapshots->dir, remove_leftover, snapshots, error);
	if (rc < 0)
		vs_snapshots_end(snapshots);
	return rc == VS_EBUSY ? vs_error_set(error, rc, "snapshots of namespace %s are being worked on; try again", ns->entry.name)
	                      : rc;
}

int vs_snapshots_destroy(const struct vs_store *store, const char *folder, struct vs_error *error)
{
	char all[VS_GENERATION_PATH];
	char dir[VS_GENERATION_PATH];
	int rc = vs_snapshot_path(all, store->path, "snapshots", error);

	if (rc == 0)
		rc = vs_snapshot_path(dir, all, folder, error);
	if (rc < 0 || !vs_file_exists(dir))
		return rc;
	rc = vs_folder_remove(dir, NULL, error);
	return rc == 0 ? vs_dir_sync(all, error) : rc;
}

struct sweep {
	char dir[VS_GENERATION_PATH]; /* DATA/snapshots, then that of a namespace */
	bool remove;
	void (*each)(void *context, const char *path);
	void *context;
	struct vs_error *error;
};

static int sweep_one(void *context, const char *name)
{
	const struct sweep *sweep = context;
	char path[VS_GENERATION_PATH];
	int rc = 0;

	if (name[0] != '.' || strcmp(name, ".lock") == 0 || vs_snapshot_path(path, sweep->dir, name, NULL) < 0)
		return 0;
	if (sweep->remove)
		rc = vs_folder_remove(path, VS_MANIFEST_NAME, sweep->error);
	if (rc == 0)
		sweep->each(sweep->context, strstr(path, "/snapshots/") + 1);
	return rc;
}

/* The folder of a namespace, unless somebody works in it. */
static int sweep_namespace(void *context, const char *name)
{
	const struct sweep *all = context;
	struct sweep sweep = *all;
	struct vs_file lock = VS_FILE_INIT;
	char path[VS_GENERATION_PATH];
	int rc = vs_snapshot_path(sweep.dir, all->dir, name, all->error);

	if (rc == 0)
		rc = vs_snapshot_path(path, sweep.dir, ".lock", all->error);
	if (rc < 0 || !vs_file_exists(path))
		return rc;
	rc = vs_file_open(&lock, path, VS_FILE_WRITE, all->error);
	if (rc == 0)
		rc = vs_file_lock(&lock, all->error);
	if (rc == 0)
		rc = vs_folder_each(sweep.dir, sweep_one, &sweep, all->error);
	vs_file_close(&lock);
	return rc == VS_EBUSY ? 0 : rc;
}

int vs_snapshot_leftovers(const struct vs_store *store, bool remove, void (*each)(void *context, const char *path),
                          void *context, struct vs_error *error)
{
	struct sweep sweep = { .remove = remove, .each = each, .context = context, .error = error };
	int rc = vs_snapshot_path(sweep.dir, store->path, "snapshots", error);

	return rc < 0 || !vs_file_exists(sweep.dir) ? rc : vs_folder_each(sweep.dir, sweep_namespace, &sweep, error);
}

void vs_snapshots_end(struct vs_snapshots *snapshots)
{
	vs_file_close(&snapshots->lock);
}

/* ---- how much they may be ------------------------------------------------------------------------------- */

int vs_snapshot_use(struct vs_meta *meta, struct vs_use *use, struct vs_error *error)
{
	struct vs_meta_state state;
	int rc = vs_meta_begin(meta, &state, error);

	if (rc < 0)
		return rc;
	rc = vs_namespace_measure(meta, &state, use, error);
	vs_meta_end(meta);
	return rc;
}

struct keeping {
	const char *dir;
	uint64_t bytes;
};

/* One whose manifest cannot be read counts with all that lies there. */
static int add_kept(void *context, const char *name)
{
	struct keeping *keeping = context;
	struct vs_manifest manifest;
	char path[VS_GENERATION_PATH];
	uint64_t bytes = 0;

	if (vs_manifest_check_name(name, NULL) < 0 || vs_snapshot_path(path, keeping->dir, name, NULL) < 0)
		return 0;
	if (vs_manifest_load(path, &manifest, NULL) == 0)
		bytes = manifest.files[VS_MANIFEST_META].len + manifest.files[VS_MANIFEST_VECTORS].len;
	else
		(void)vs_folder_bytes(path, &bytes, NULL);
	keeping->bytes += bytes;
	return 0;
}

int vs_snapshots_admit(const struct vs_snapshots *snapshots, struct vs_namespace *source, struct vs_error *error)
{
	struct keeping keeping = { snapshots->dir, 0 };
	struct vs_use use;
	int rc = vs_snapshot_use(source->generation.meta, &use, error);

	if (rc == 0)
		rc = vs_folder_each(snapshots->dir, add_kept, &keeping, error);
	return rc == 0 ? vs_namespace_admit_snapshot(snapshots->ns, keeping.bytes, use.storage_bytes, error) : rc;
}

/* ---- which there are ------------------------------------------------------------------------------------ */

void vs_snapshot_describe(const struct vs_manifest *manifest, struct vs_snapshot *snapshot)
{
	const struct vs_meta_state *state = &manifest->state;

	*snapshot = (struct vs_snapshot){
		.created_at = manifest->created_at,
		.records = state->active + state->deleted,
		.bytes = vs_manifest_bytes(manifest),
		.seq = state->seq,
		.dimension = state->dimension,
		.metric = state->metric,
		.quantization = state->quantization,
		.indexed = manifest->files[VS_MANIFEST_LISTS].len > 0,
	};
	_Static_assert(sizeof(snapshot->name) == sizeof(manifest->name), "names have one size");
	memcpy(snapshot->name, manifest->name, sizeof(snapshot->name));
}

int vs_snapshot_check_name(const char *name, struct vs_error *error)
{
	return vs_manifest_check_name(name, error);
}

void vs_snapshot_json(const struct vs_snapshot *snapshot, char text[VS_SNAPSHOT_JSON])
{
	char time[VS_CLOCK_TEXT];

	if (snapshot->damaged) {
		snprintf(text, VS_SNAPSHOT_JSON, "{\"name\":\"%s\",\"damaged\":true}", snapshot->name);
		return;
	}
	vs_clock_format(snapshot->created_at, time);
	snprintf(text, VS_SNAPSHOT_JSON,
	         "{\"name\":\"%s\",\"created_at\":\"%s\",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seq\":%" PRIu64
	         ",\"dimension\":%" PRIu32 ",\"metric\":\"%s\",\"quantization\":\"%s\",\"indexed\":%s}",
	         snapshot->name, time, snapshot->records, snapshot->bytes, snapshot->seq, snapshot->dimension,
	         vs_metric_name(snapshot->metric), vs_quantization_name(snapshot->quantization),
	         snapshot->indexed ? "true" : "false");
}

int vs_snapshot_find(struct vs_namespace *ns, const char *name, struct vs_snapshot *snapshot, struct vs_error *error)
{
	struct vs_manifest manifest;
	char path[VS_GENERATION_PATH];
	int rc = vs_snapshot_locate(ns, name, path, &manifest, error);

	if (rc == 0)
		vs_snapshot_describe(&manifest, snapshot);
	return rc;
}

struct listing {
	char (*names)[VS_SNAPSHOT_NAME_MAX + 1];
	size_t count, cap;
	struct vs_error *error;
};

static int note_name(void *context, const char *name)
{
	struct listing *listing = context;

	if (vs_manifest_check_name(name, NULL) < 0)
		return 0;
	if (listing->count == listing->cap) {
		size_t cap = listing->cap > 0 ? 2 * listing->cap : 16;
		void *more = realloc(listing->names, cap * sizeof(*listing->names));
		if (more == NULL)
			return vs_error_set(listing->error, VS_ENOMEM, "no memory to list snapshots");
		listing->names = more;
		listing->cap = cap;
	}
	strcpy(listing->names[listing->count++], name);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

int vs_snapshot_each(struct vs_namespace *ns, int (*each)(void *context, const struct vs_snapshot *snapshot), void *context,
                     struct vs_error *error)
{
	struct listing listing = { .error = error };
	char dir[VS_GENERATION_PATH];
	int rc = folder_of(ns, dir, error);

	if (rc == 0 && vs_file_exists(dir))
		rc = vs_folder_each(dir, note_name, &listing, error);
	if (rc == 0 && listing.count > 0)
		qsort(listing.names, listing.count, sizeof(*listing.names), compare_names);
	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		struct vs_snapshot snapshot;
		rc = vs_snapshot_find(ns, listing.names[i], &snapshot, error);
		if (rc == VS_ENOTFOUND) { /* removed meanwhile */
			rc = 0;
			continue;
		}
		if (rc == VS_ECORRUPT || rc == VS_EFORMAT) {
			snapshot = (struct vs_snapshot){ .metric = VS_COSINE, .quantization = VS_QUANTIZATION_INT8, .damaged = true };
			strcpy(snapshot.name, listing.names[i]);
			rc = 0;
		}
		if (rc == 0)
			rc = each(context, &snapshot);
	}
	free(listing.names);
	return rc;
}

/* ---- making and removing -------------------------------------------------------------------------------- */

/* "20261125-213045-123", in UTC. */
int vs_snapshot_invent(int64_t wall_ms, char name[VS_SNAPSHOT_NAME_MAX + 1], struct vs_error *error)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char stem[32];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(stem, sizeof(stem), "%Y%m%d-%H%M%S", &tm) == 0)
		return vs_error_set(error, VS_EINTERNAL, "the clock cannot be read");
	snprintf(name, VS_SNAPSHOT_NAME_MAX + 1, "%s-%03d", stem, (int)(wall_ms % 1000));
	return 0;
}

/* Of what the namespace holds now. Begins again when a compaction has put another generation in its place. */
static int capture(struct vs_snapshots *snapshots, struct vs_manifest *manifest, struct vs_work *work, struct vs_error *error)
{
	struct vs_namespace *ns = snapshots->ns;
	int rc;

	do {
		rc = vs_namespace_follow(ns, error);
		if (rc < 0)
			return rc;
		rc = vs_snapshot_capture(snapshots, ns, manifest, work, 1.0, error);
	} while (rc < 0 && vs_generation_moved(&ns->generation));
	return rc;
}

int vs_snapshot_create(struct vs_namespace *ns, const char *name, const struct vs_work_options *options,
                       struct vs_snapshot *snapshot, struct vs_error *error)
{
	struct vs_manifest manifest = { .created_at = vs_clock_wall_ms() };
	struct vs_snapshots snapshots;
	struct vs_work work;
	int rc = name != NULL ? vs_manifest_check_name(name, error) : 0;

	vs_work_init(&work, options);
	if (rc == 0)
		rc = vs_snapshots_begin(&snapshots, ns, error);
	if (rc < 0)
		return rc;
	if (name != NULL)
		strcpy(manifest.name, name);
	else
		rc = vs_snapshot_invent(manifest.created_at, manifest.name, error);
	if (rc == 0)
		rc = capture(&snapshots, &manifest, &work, error);
	vs_snapshots_end(&snapshots);
	if (rc == 0)
		vs_snapshot_describe(&manifest, snapshot);
	return rc;
}

/* Renamed first, so that it is there whole or not at all. */
static int remove_folder(const struct vs_snapshots *snapshots, const char *name, struct vs_error *error)
{
	char path[VS_GENERATION_PATH];
	char gone[VS_GENERATION_PATH];
	int rc = vs_snapshot_path(path, snapshots->dir, name, error);

	if (rc == 0)
		rc = vs_snapshot_path(gone, snapshots->dir, GONE, error);
	if (rc < 0)
		return rc;
	if (!vs_file_exists(path))
		return vs_error_set(error, VS_ENOTFOUND, "namespace %s has no snapshot %s", snapshots->ns->entry.name, name);
	rc = vs_folder_remove(gone, NULL, error);
	if (rc == 0)
		rc = vs_file_rename(path, gone, error);
	VS_POINT("snapshot-gone");
	if (rc == 0)
		(void)vs_folder_remove(gone, NULL, NULL); /* what cannot go is a leftover */
	return rc;
}

int vs_snapshot_remove(struct vs_namespace *ns, const char *name, struct vs_error *error)
{
	struct vs_snapshots snapshots;
	int rc = vs_manifest_check_name(name, error);

	if (rc == 0)
		rc = vs_snapshots_begin(&snapshots, ns, error);
	if (rc < 0)
		return rc;
	rc = remove_folder(&snapshots, name, error);
	vs_snapshots_end(&snapshots);
	return rc;
}

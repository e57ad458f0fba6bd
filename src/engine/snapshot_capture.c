/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a snapshot, and comparing one with its sums. The graph is copied first and meta.db after it, so that all slots of the
 * copied graph are committed in the copied meta.db. Writers wait for nothing; the WAL is not copied back while meta.db is read.
 */
#include <stdio.h>
#include <string.h>

#include "base/copy.h"
#include "base/fault.h"
#include "base/folder.h"
#include "engine/snapshot.h"

#define FRESH ".new"

/* Shares of the work that a large namespace's phases take. */
enum { GRAPH = 30, META = 70, VECTORS = 75 };

static double share(const struct vs_work *work, double end, int percent)
{
	return work->to + (end - work->to) * percent / 100.0;
}

/* Where it cannot be had, the snapshot does without. */
static int capture_graph(struct vs_namespace *source, const char *dir, uint32_t generation, struct vs_work *work,
                         struct vs_error *error)
{
	int rc = vs_graph_copy(source->generation.dir, dir, generation, vs_work_add, work, error);

	return rc == VS_ENOTFOUND || rc == VS_ECORRUPT || rc == VS_EFORMAT ? 0 : rc;
}

/* A second name; else a copy of what is committed. */
static int capture_vectors(struct vs_namespace *source, const char *dir, uint64_t len, struct vs_work *work,
                           struct vs_error *error)
{
	const char *from = source->generation.vectors.file.path;
	char path[VS_GENERATION_PATH + 16];
	struct vs_error why;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir, vs_manifest_names[VS_MANIFEST_VECTORS]);
	rc = vs_file_link(from, path, &why);
	if (rc == VS_EMEDIA)
		return vs_file_copy(from, path, len, NULL, vs_work_add, work, error);
	if (rc < 0 && error != NULL)
		*error = why;
	return rc;
}

/* Inside a transaction of the source, whose state is manifest->state. */
static int capture_truth(struct vs_namespace *source, const char *dir, struct vs_manifest *manifest, struct vs_work *work,
                         double meta_end, double end, struct vs_error *error)
{
	struct vs_generation *generation = &source->generation;
	const struct vs_meta_state *state = &manifest->state;
	uint64_t len;
	int rc = vs_generation_open_vectors(generation, state, false, error);

	if (rc == 0)
		rc = vs_work_phase(work, meta_end, 1, "copying");
	if (rc == 0)
		rc = vs_meta_freeze(generation->meta, dir, vs_work_at, work, error);
	if (rc != 0 || state->next_slot == 0)
		return rc;
	len = VS_VECTORS_HEADER + (uint64_t)state->next_slot * generation->vectors.stride;
	manifest->files[VS_MANIFEST_VECTORS].len = len;
	rc = vs_work_phase(work, end, len, "copying");
	return rc == 0 ? capture_vectors(source, dir, len, work, error) : rc;
}

static int capture_files(struct vs_namespace *source, const char *dir, struct vs_manifest *manifest, struct vs_work *work,
                         double end, struct vs_error *error)
{
	struct vs_generation *generation = &source->generation;
	double meta_end = share(work, end, META), vectors_end = share(work, end, VECTORS);
	uint64_t bytes = 1;
	int rc = vs_meta_begin(generation->meta, &manifest->state, error);

	if (rc < 0)
		return rc;
	vs_meta_end(generation->meta);
	(void)vs_folder_bytes(generation->dir, &bytes, NULL);
	rc = vs_work_phase(work, share(work, end, GRAPH), bytes / 2, "copying");
	if (rc == 0)
		rc = capture_graph(source, dir, manifest->state.generation, work, error);
	if (rc == 0)
		rc = vs_meta_begin(generation->meta, &manifest->state, error);
	if (rc != 0)
		return rc;
	/* What another generation has acknowledged would be missing. */
	if (vs_generation_moved(generation))
		rc = vs_error_set(error, VS_ESTALE, "another generation took this one's place");
	else
		rc = capture_truth(source, dir, manifest, work, meta_end, vectors_end, error);
	vs_meta_end(generation->meta);
	return rc;
}

static int file_len(const char *path, uint64_t *len, struct vs_error *error)
{
	struct vs_file file;
	int rc = vs_file_open(&file, path, 0, error);

	if (rc < 0)
		return rc;
	rc = vs_file_size(&file, len, error);
	vs_file_close(&file);
	return rc;
}

/* Lengths of the files that are there, but that of vectors.f32, which is known; then all sums. */
static int sum_up(const char *dir, struct vs_manifest *manifest, struct vs_work *work, double end, struct vs_error *error)
{
	char path[VS_GENERATION_PATH + 16];
	int rc = 0;

	for (int i = 0; rc == 0 && i < VS_MANIFEST_FILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, vs_manifest_names[i]);
		if (i != VS_MANIFEST_VECTORS && vs_file_exists(path))
			rc = file_len(path, &manifest->files[i].len, error);
	}
	if (rc == 0)
		rc = vs_work_phase(work, end, vs_manifest_bytes(manifest), "summing up");
	for (int i = 0; rc == 0 && i < VS_MANIFEST_FILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, vs_manifest_names[i]);
		if (manifest->files[i].len > 0)
			rc = vs_file_checksum(path, manifest->files[i].len, &manifest->files[i].crc, vs_work_add, work, error);
	}
	return rc;
}

static int fill(const char *dir, struct vs_namespace *source, struct vs_manifest *manifest, struct vs_work *work, double end,
                struct vs_error *error)
{
	int rc = vs_dir_create(dir, error);

	if (rc == 0)
		rc = capture_files(source, dir, manifest, work, end, error);
	VS_POINT("snapshot-captured");
	if (rc == 0)
		rc = sum_up(dir, manifest, work, end, error);
	/* With this the names of all files are on the disk. */
	return rc == 0 ? vs_manifest_store(dir, manifest, error) : rc;
}

int vs_snapshot_capture(struct vs_snapshots *snapshots, struct vs_namespace *source, struct vs_manifest *manifest,
                        struct vs_work *work, double end, struct vs_error *error)
{
	char dir[VS_GENERATION_PATH];
	char path[VS_GENERATION_PATH];
	int rc = vs_snapshot_path(path, snapshots->dir, manifest->name, error);

	if (rc == 0)
		rc = vs_snapshot_path(dir, snapshots->dir, FRESH, error);
	if (rc < 0)
		return rc;
	if (vs_file_exists(path))
		return vs_error_set(error, VS_ECONFLICT, "namespace %s has a snapshot %s already", snapshots->ns->entry.name,
		                    manifest->name);
	rc = vs_snapshots_admit(snapshots, source, error);
	if (rc < 0)
		return rc;
	memset(manifest->files, 0, sizeof(manifest->files));
	rc = fill(dir, source, manifest, work, end, error);
	VS_POINT("snapshot-complete");
	if (rc == 0)
		rc = vs_file_rename(dir, path, error);
	VS_POINT("snapshot-renamed");
	if (rc != 0)
		(void)vs_folder_remove(dir, VS_MANIFEST_NAME, NULL);
	return rc;
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

/* VS_ECORRUPT when the file is not what the manifest says. Files may go on after their length: vectors.f32 does. */
static int compare_sum(const char *dir, const struct vs_manifest *manifest, int which, struct vs_work *work,
                       struct vs_error *error)
{
	char path[VS_GENERATION_PATH + 16];
	uint64_t size;
	uint32_t crc;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir, vs_manifest_names[which]);
	rc = file_len(path, &size, error);
	if (rc == VS_ENOTFOUND)
		return vs_error_set(error, VS_ECORRUPT, "%s is missing", vs_manifest_names[which]);
	if (rc == 0 && (which == VS_MANIFEST_VECTORS ? size < manifest->files[which].len : size != manifest->files[which].len))
		return vs_error_set(error, VS_ECORRUPT, "%s has %llu bytes, not %llu", vs_manifest_names[which],
		                    (unsigned long long)size, (unsigned long long)manifest->files[which].len);
	if (rc == 0)
		rc = vs_file_checksum(path, manifest->files[which].len, &crc, vs_work_add, work, error);
	if (rc == 0 && crc != manifest->files[which].crc)
		return vs_error_set(error, VS_ECORRUPT, "%s does not match its checksum", vs_manifest_names[which]);
	return rc;
}

int vs_snapshot_sums(const char *dir, const struct vs_manifest *manifest, struct vs_work *work, double end,
                     void (*report)(void *context, const char *finding), void *context, uint64_t *problems,
                     struct vs_error *error)
{
	struct vs_error found;
	int rc = vs_work_phase(work, end, vs_manifest_bytes(manifest), "comparing");

	for (int i = 0; rc == 0 && i < VS_MANIFEST_FILES; i++) {
		if (manifest->files[i].len == 0)
			continue;
		rc = compare_sum(dir, manifest, i, work, &found);
		if (rc == VS_ECORRUPT && report != NULL) {
			report(context, found.text);
			++*problems;
			rc = 0;
		} else if (rc == VS_ECORRUPT) {
			return vs_error_set(error, rc, "snapshot %s is damaged: %s", manifest->name, found.text);
		} else if (rc < 0 && error != NULL) {
			*error = found;
		}
	}
	return rc;
}

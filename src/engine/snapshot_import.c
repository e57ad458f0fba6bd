/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a snapshot from outside, which may be forged. Its archive is only read as what vs_snapshot_read writes; of its files
 * meta.db and vectors.f32 are kept for a while, meta.db is opened for reading as hostile (store/sql: defensive, no triggers, no
 * views, limits), and each record is checked as when it is stored and put into a generation of our own making, of which the
 * snapshot is then taken. Nothing of the file's own bytes but that stays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folder.h"
#include "engine/snapshot_import.h"

#define UPLOAD ".upload"
#define PIECE ((size_t)1 << 20)
#define SPARE (UINT64_C(4) << 20) /* bytes that must be left over */
#define CAPTURE_FROM 0.8          /* share of the work up to the end of the records */

/* ---- the archive ---------------------------------------------------------------------------------------- */

static int wrong(struct vs_import *import, const char *what)
{
	return vs_error_set(import->error, VS_ECORRUPT, "the archive %s", what);
}

static int take(struct vs_import *import, void *data, size_t len)
{
	unsigned char *to = data;

	while (len > 0) {
		size_t got = 0;
		int rc = import->read(import->source, to, len, &got, import->error);
		if (rc != 0)
			return rc;
		if (got == 0 || got > len)
			return wrong(import, "ends too early");
		to += got;
		len -= got;
	}
	return 0;
}

static int take_padding(struct vs_import *import, uint64_t size)
{
	unsigned char zeros[VS_TAR_BLOCK];

	return take(import, zeros, vs_tar_padding(size));
}

/* The header of the file that must come now. */
static int take_header(struct vs_import *import, const char *name, uint64_t *size)
{
	unsigned char block[VS_TAR_BLOCK];
	char found[VS_TAR_NAME];
	int rc = take(import, block, sizeof(block));

	if (rc == 0)
		rc = vs_tar_decode(block, found, size, import->error);
	if (rc == 0 && strcmp(found, name) != 0)
		return vs_error_set(import->error, VS_ECORRUPT, "the archive does not hold %s where a snapshot has it", name);
	return rc;
}

static int take_manifest(struct vs_import *import)
{
	char text[VS_MANIFEST_MAX];
	uint64_t size;
	int rc = take_header(import, VS_MANIFEST_NAME, &size);

	if (rc == 0 && size > sizeof(text))
		rc = wrong(import, "has a manifest that is too long");
	if (rc == 0)
		rc = take(import, text, (size_t)size);
	if (rc == 0)
		rc = take_padding(import, size);
	return rc == 0 ? vs_manifest_decode(text, (size_t)size, &import->manifest, import->error) : rc;
}

/* to NULL: read past. */
static int take_bytes(struct vs_import *import, const struct vs_file *to, uint64_t len, uint32_t *crc)
{
	char *piece = malloc(PIECE);
	int rc = piece != NULL ? 0 : vs_error_set(import->error, VS_ENOMEM, "no memory to take a snapshot");

	*crc = 0;
	for (uint64_t at = 0; rc == 0 && at < len;) {
		size_t n = len - at < PIECE ? (size_t)(len - at) : PIECE;
		rc = take(import, piece, n);
		if (rc == 0)
			*crc = vs_crc32_more(*crc, piece, n);
		if (rc == 0 && to != NULL)
			rc = vs_file_write(to, piece, n, at, import->error);
		if (rc == 0)
			rc = vs_work_add(import->work, n);
		at += n;
	}
	free(piece);
	return rc;
}

static int take_file(struct vs_import *import, int which)
{
	const char *name = vs_manifest_names[which];
	bool keep = which == VS_MANIFEST_META || which == VS_MANIFEST_VECTORS;
	struct vs_file file = VS_FILE_INIT;
	char path[VS_GENERATION_PATH + 16];
	uint64_t size;
	uint32_t crc;
	int rc = take_header(import, name, &size);

	if (rc == 0 && size != import->manifest.files[which].len)
		rc = vs_error_set(import->error, VS_ECORRUPT, "the archive's %s is not as long as its manifest says", name);
	snprintf(path, sizeof(path), "%s/%s", import->upload, name);
	if (rc == 0 && keep)
		rc = vs_file_open(&file, path, VS_FILE_WRITE | VS_FILE_CREATE | VS_FILE_EXCLUSIVE, import->error);
	if (rc == 0)
		rc = take_bytes(import, keep ? &file : NULL, size, &crc);
	vs_file_close(&file);
	if (rc == 0 && crc != import->manifest.files[which].crc)
		rc = vs_error_set(import->error, VS_ECORRUPT, "the archive's %s does not match its checksum", name);
	return rc == 0 ? take_padding(import, size) : rc;
}

/* The upload, and the records anew. */
static int check_room(struct vs_import *import)
{
	uint64_t need = 2 * (import->manifest.files[VS_MANIFEST_META].len + import->manifest.files[VS_MANIFEST_VECTORS].len);
	uint64_t room;
	int rc = vs_folder_room(import->snapshots.dir, &room, import->error);

	if (rc < 0 || room >= need + SPARE)
		return rc;
	return vs_error_set(import->error, VS_ENOSPC, "taking this snapshot needs %llu MB, and the disk has %llu MB left",
	                    (unsigned long long)((need + SPARE) >> 20), (unsigned long long)(room >> 20));
}

static int unpack(struct vs_import *import)
{
	unsigned char block[VS_TAR_BLOCK];
	char name[VS_TAR_NAME];
	uint64_t size;
	int rc = check_room(import);

	if (rc == 0)
		rc = vs_dir_create(import->upload, import->error);
	if (rc == 0)
		rc = vs_work_phase(import->work, 0.3, vs_manifest_bytes(&import->manifest), "receiving");
	for (int i = 0; rc == 0 && i < VS_MANIFEST_FILES; i++)
		if (import->manifest.files[i].len > 0)
			rc = take_file(import, i);
	if (rc == 0)
		rc = take(import, block, sizeof(block));
	if (rc == 0)
		rc = vs_tar_decode(block, name, &size, import->error);
	return rc == 0 && name[0] != '\0' ? wrong(import, "holds more files than a snapshot has") : rc;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static int capture(struct vs_import *import, struct vs_namespace *made, struct vs_snapshot *snapshot)
{
	struct vs_manifest manifest = { .created_at = import->manifest.created_at };
	int rc;

	strcpy(manifest.name, import->name);
	rc = vs_snapshot_capture(&import->snapshots, made, &manifest, import->work, 1.0, import->error);
	if (rc == 0)
		vs_snapshot_describe(&manifest, snapshot);
	return rc;
}

static int run(struct vs_import *import, const char *name, struct vs_snapshot *snapshot)
{
	struct vs_namespace *made = NULL;
	char path[VS_GENERATION_PATH];
	int rc = take_manifest(import);

	if (rc == 0)
		strcpy(import->name, name != NULL ? name : import->manifest.name);
	if (rc == 0)
		rc = vs_snapshot_path(path, import->snapshots.dir, import->name, import->error);
	if (rc == 0)
		rc = vs_snapshot_path(import->upload, import->snapshots.dir, UPLOAD, import->error);
	if (rc == 0 && vs_file_exists(path))
		rc = vs_error_set(import->error, VS_ECONFLICT, "there is a snapshot %s already", import->name);
	if (rc == 0)
		rc = unpack(import);
	if (rc == 0)
		rc = vs_import_records(import, CAPTURE_FROM, &made);
	if (rc == 0)
		rc = capture(import, made, snapshot);
	vs_namespace_close(made);
	return rc;
}

int vs_snapshot_import(struct vs_namespace *ns, const char *name,
                       int (*read)(void *source, void *data, size_t cap, size_t *len, struct vs_error *error), void *source,
                       const struct vs_work_options *options, struct vs_snapshot *snapshot, struct vs_error *error)
{
	struct vs_work work;
	struct vs_import import = { .read = read, .source = source, .work = &work, .error = error };
	int rc = name != NULL ? vs_manifest_check_name(name, error) : 0;

	vs_work_init(&work, options);
	if (rc == 0)
		rc = vs_snapshots_begin(&import.snapshots, ns, error);
	if (rc < 0)
		return rc;
	rc = run(&import, name, snapshot);
	vs_snapshots_clear(&import.snapshots);
	vs_snapshots_end(&import.snapshots);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* engine/snapshot_import: what is shared of a snapshot that comes from outside. Private to snapshot_import.c and import_records.c. */
#ifndef VS_ENGINE_SNAPSHOT_IMPORT_H
#define VS_ENGINE_SNAPSHOT_IMPORT_H

#include "base/checksum.h"
#include "base/tar.h"
#include "engine/snapshot.h"

struct vs_import {
	struct vs_snapshots snapshots;
	int (*read)(void *source, void *data, size_t cap, size_t *len, struct vs_error *error);
	void *source;
	struct vs_manifest manifest;     /* as it came */
	char name[VS_SNAPSHOT_NAME_MAX + 1]; /* that it shall have */
	char upload[VS_GENERATION_PATH]; /* where its files lie */
	struct vs_work *work;
	struct vs_error *error; /* NULL allowed */
};

/* Puts the records of the upload into a new generation, *made, beside it. */
int vs_import_records(struct vs_import *import, double end, struct vs_namespace **made);

#endif

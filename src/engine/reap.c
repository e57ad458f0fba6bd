/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting namespaces whose time has come. First the row says that there is no way back, then the files go, CURRENT before
 * all others, then the row: whoever is killed leaves a row, by which the next one goes on.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/folder.h"
#include "engine/namespace.h"
#include "engine/snapshot.h"
#include "store/audit_event.h"

#define AT_ONCE 64 /* deleted by one call; the next goes on */

struct due {
	int64_t now;
	struct vs_catalog_entry entries[AT_ONCE];
	unsigned count;
};

static bool is_due(const struct vs_catalog_entry *entry, int64_t now)
{
	return entry->status == VS_DELETING || (entry->status == VS_PENDING_DELETION && entry->delete_at <= now);
}

static int note(void *context, const struct vs_catalog_entry *entry, struct vs_error *error)
{
	struct due *due = context;

	(void)error;
	if (is_due(entry, due->now))
		due->entries[due->count++] = *entry;
	return due->count == AT_ONCE;
}

/* It may have been called back meanwhile: VS_ECONFLICT then. */
static int doom(void *context, struct vs_catalog_entry *entry, struct vs_error *error)
{
	const struct vs_catalog_entry *due = context;

	if (!is_due(entry, vs_clock_wall_ms()) || strcmp(entry->folder, due->folder) != 0)
		return vs_error_set(error, VS_ECONFLICT, "namespace %s is not to be deleted any more", entry->name);
	entry->status = VS_DELETING;
	return 0;
}

/* The folder must not come back when its row is gone. */
static int sync_parent(const struct vs_store *store, struct vs_error *error)
{
	char path[VS_GENERATION_PATH];
	int rc = vs_namespace_path(store, "", path, error);

	return rc < 0 ? rc : vs_dir_sync(path, error);
}

static int reap(struct vs_store *store, struct vs_catalog_entry *due, struct vs_error *error)
{
	/* Nobody's doing now: who wished it, the event of the deletion says. */
	struct vs_audit_event event = { .actor = "vecstore", .action = "namespace removal", .ns = due->name, .result = "ok" };
	struct vs_catalog_entry entry;
	char path[VS_GENERATION_PATH];
	int rc = vs_namespace_path(store, due->folder, path, error);

	if (rc == 0 && due->status != VS_DELETING)
		rc = vs_catalog_update(store->catalog, due->name, doom, due, NULL, &entry, error);
	VS_POINT("reap-doomed");
	if (rc == 0)
		rc = vs_folder_remove(path, "CURRENT", error);
	if (rc == 0)
		rc = sync_parent(store, error);
	if (rc == 0)
		rc = vs_snapshots_destroy(store, due->folder, error);
	VS_POINT("reap-removed");
	if (rc == 0)
		rc = vs_catalog_remove(store->catalog, due, &event, error);
	return rc;
}

int vs_store_reap(struct vs_store *store, unsigned *removed, struct vs_error *error)
{
	struct due due = { .now = vs_clock_wall_ms() };
	struct vs_error why;
	unsigned done = 0;
	int failed = 0;
	int rc = vs_catalog_each(store->catalog, NULL, note, &due, error);

	for (unsigned i = 0; rc >= 0 && i < due.count; i++) {
		int one = reap(store, &due.entries[i], &why);
		done += one == 0;
		if (one < 0 && one != VS_ECONFLICT && one != VS_ENOTFOUND && failed == 0) {
			failed = one;
			if (error != NULL)
				*error = why;
		}
	}
	if (removed != NULL)
		*removed = done;
	return rc < 0 ? rc : failed;
}

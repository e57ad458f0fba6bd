/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders that nothing names: generations beside the live one, namespaces without a row, unfinished snapshots. Creation,
 * compaction and the like leave them when they are killed. Each is removed only by who holds the lock under which it could be in
 * the making.
 */
#include <stdio.h>
#include <string.h>

#include "base/folder.h"
#include "engine/birth.h"
#include "engine/check.h"
#include "store/audit.h"
#include "engine/snapshot.h"
#include "store/jobs.h"

/* ---- generations ---------------------------------------------------------------------------------------- */

struct leftovers {
	const char *live; /* "gNNNNNN" */
	void (*each)(void *context, const char *name);
	void *context;
};

static int see_generation(void *context, const char *name)
{
	struct leftovers *leftovers = context;

	if (name[0] != 'g' || strlen(name) != 7 || strspn(name + 1, "0123456789") != 6 || strcmp(name, leftovers->live) == 0)
		return 0;
	leftovers->each(leftovers->context, name);
	return 0;
}

int vs_check_leftovers(struct vs_namespace *ns, void (*each)(void *context, const char *name), void *context,
                       struct vs_error *error)
{
	struct leftovers leftovers = { strrchr(ns->generation.dir, '/') + 1, each, context };

	if (vs_generation_moved(&ns->generation) || vs_upkeep_taken(ns) || vs_compact_taken(ns))
		return 0;
	return vs_folder_each(ns->folder, see_generation, &leftovers, error);
}

/* ---- namespaces ----------------------------------------------------------------------------------------- */

struct folders {
	struct vs_store *store;
	const struct vs_store_check_options *options;
	struct vs_check_result *result;
	bool locked; /* no namespace can be in the making */
	bool unnamed;
	unsigned doomed; /* namespaces that are half deleted */
	bool known; /* the folder in hand has a row */
	const char *folder;
	struct vs_error *error;
};

static void say(struct folders *folders, const char *text)
{
	if (folders->options->report != NULL)
		folders->options->report(folders->options->context, text);
}

static void catalog_problem(void *context, const char *problem)
{
	struct folders *folders = context;
	char text[300];

	folders->result->problems++;
	snprintf(text, sizeof(text), "catalog.db: %s", problem);
	say(folders, text);
}

static int compare_entry(void *context, const struct vs_catalog_entry *entry, struct vs_error *error)
{
	struct folders *folders = context;

	(void)error;
	folders->known = folders->known || strcmp(entry->folder, folders->folder) == 0;
	return 0;
}

/* Slots that were ever given out in a folder without a row: 0 for what a killed creation leaves. */
static uint32_t slots_in(const char *path)
{
	struct vs_generation generation;
	struct vs_meta_state state = { .next_slot = 1 }; /* what cannot be read may hold something */
	char current[VS_GENERATION_PATH + 16];

	snprintf(current, sizeof(current), "%s/CURRENT", path);
	if (!vs_file_exists(current))
		return 0;
	if (vs_generation_open(path, &generation, NULL) < 0)
		return 1;
	if (vs_meta_begin(generation.meta, &state, NULL) == 0)
		vs_meta_end(generation.meta);
	vs_generation_close(&generation);
	return state.next_slot;
}

/* A folder without a row, under the catalogue's writer lock. Data are never removed for want of a name. */
static int judge_folder(struct folders *folders, const char *name, struct vs_error *error)
{
	char path[VS_GENERATION_PATH];
	char text[300];
	int rc = 0;

	if (snprintf(path, sizeof(path), "%s/ns/%s", folders->store->path, name) >= (int)sizeof(path))
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is too long");
	if (vs_birth_going_on(path))
		return 0;
	if (!vs_birth_ended(path) && slots_in(path) > 0) {
		folders->result->problems++;
		snprintf(text, sizeof(text), "ns/%s: holds records, but no namespace has this folder: restore the catalog.db that "
		                             "names it, or remove it", name);
		say(folders, text);
		return 0;
	}
	if (folders->options->repair) {
		rc = vs_folder_remove(path, NULL, error);
		folders->result->mended += rc == 0;
	} else {
		folders->result->repairs++;
	}
	snprintf(text, sizeof(text), "ns/%s: is empty or unfinished, and no namespace has this folder", name);
	say(folders, text);
	return rc;
}

static int see_doomed(void *context, const struct vs_catalog_entry *entry, struct vs_error *error)
{
	struct folders *folders = context;
	char text[300];

	(void)error;
	if (entry->status != VS_DELETING)
		return 0;
	folders->doomed++;
	snprintf(text, sizeof(text), "namespace %s: is being deleted, which the indexer goes on with", entry->name);
	say(folders, text);
	return 0;
}

/* Deletions that were cut off. */
static int finish_deletions(struct folders *folders, struct vs_error *error)
{
	unsigned removed = 0;
	int rc = vs_catalog_each(folders->store->catalog, NULL, see_doomed, folders, error);

	if (rc == 0 && folders->doomed > 0 && folders->options->repair)
		rc = vs_store_reap(folders->store, &removed, error);
	folders->result->mended += folders->options->repair ? folders->doomed : 0;
	folders->result->repairs += folders->options->repair ? 0 : folders->doomed;
	return rc;
}

static int see_folder(void *context, const char *name)
{
	struct folders *folders = context;
	struct vs_error *error = folders->error;
	int rc;

	if (!vs_birth_is_making(name) &&
	    (strlen(name) != VS_FOLDER_LEN || strspn(name, "0123456789abcdef") != VS_FOLDER_LEN))
		return 0;
	folders->folder = name;
	folders->known = false;
	rc = vs_catalog_each(folders->store->catalog, NULL, compare_entry, folders, error);
	if (rc != 0 || folders->known)
		return rc;
	folders->unnamed = true;
	return folders->locked ? judge_folder(folders, name, error) : 0;
}

static void unfinished(void *context, const char *path)
{
	struct folders *folders = context;
	char text[300];

	*(folders->options->repair ? &folders->result->mended : &folders->result->repairs) += 1;
	snprintf(text, sizeof(text), "%s: is an unfinished snapshot, and nobody works on it", path);
	say(folders, text);
}

int vs_store_check(struct vs_store *store, const struct vs_store_check_options *options, struct vs_check_result *result,
                   struct vs_error *error)
{
	struct folders folders = { .store = store, .options = options, .result = result, .error = error };
	char path[VS_GENERATION_PATH];
	int rc;

	*result = (struct vs_check_result){ 0 };
	snprintf(path, sizeof(path), "%.*s/ns", (int)sizeof(path) - 4, store->path);
	rc = vs_catalog_check(store->catalog, catalog_problem, &folders, error);
	if (rc == 0)
		rc = vs_audit_check(store->catalog, catalog_problem, &folders, error);
	if (rc == 0)
		rc = vs_snapshot_leftovers(store, options->repair, unfinished, &folders, error);
	if (rc == 0)
		rc = finish_deletions(&folders, error);
	if (rc == 0)
		rc = vs_jobs_check(store->catalog, catalog_problem, &folders, error);
	if (rc == 0)
		rc = vs_folder_each(path, see_folder, &folders, error);
	if (rc < 0 || !folders.unnamed)
		return rc;
	/* A namespace may have been in the making: look again when none can be. */
	rc = vs_catalog_begin(store->catalog, error);
	if (rc < 0)
		return rc;
	folders.locked = true;
	rc = vs_folder_each(path, see_folder, &folders, error);
	vs_catalog_rollback(store->catalog);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new namespace that has records from the start. Its folder is made under a name that no namespace has, DATA/ns/new-<16 hex
 * digits>, filled, and renamed to that of its row in the catalogue inside the transaction that adds the row. Until that has
 * committed, the folder holds a file `unborn`, which its maker has locked: with it, and neither a row nor a maker, the folder
 * is a leftover, whatever lies in it, and `vecstore check --repair` removes it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/fault.h"
#include "base/folder.h"
#include "engine/birth.h"
#include "engine/snapshot.h"

#define GENERATION "g000001"
#define PREFIX "new-"

struct birth {
	const struct vs_store *store;
	char folder[VS_GENERATION_PATH];
	struct vs_file mark; /* `unborn`, locked */
	bool named;          /* the folder has the name of a row that may have committed */
};

static int mark_path(char path[VS_GENERATION_PATH], const char *folder, struct vs_error *error)
{
	return vs_snapshot_path(path, folder, "unborn", error);
}

bool vs_birth_is_making(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && strlen(name) == strlen(PREFIX) + VS_FOLDER_LEN;
}

bool vs_birth_ended(const char *folder)
{
	struct vs_file mark = VS_FILE_INIT;
	char path[VS_GENERATION_PATH];
	bool ended = false;

	if (mark_path(path, folder, NULL) < 0 || !vs_file_exists(path))
		return false;
	if (vs_file_open(&mark, path, VS_FILE_WRITE, NULL) == 0)
		ended = vs_file_lock(&mark, NULL) == 0;
	vs_file_close(&mark);
	return ended;
}

bool vs_birth_going_on(const char *folder)
{
	char path[VS_GENERATION_PATH];

	return mark_path(path, folder, NULL) == 0 && vs_file_exists(path) && !vs_birth_ended(folder);
}

void vs_birth_forget(const char *folder)
{
	char path[VS_GENERATION_PATH];

	if (mark_path(path, folder, NULL) == 0 && vs_file_exists(path))
		(void)vs_file_remove(path, NULL);
}

int vs_birth_check(struct vs_store *store, const char *field, const char *name, struct vs_error *error)
{
	struct vs_catalog_entry entry;
	struct vs_error why;
	int rc;

	if (vs_catalog_check_name(field, name, error) < 0)
		return VS_EINVAL;
	rc = vs_catalog_find(store->catalog, name, &entry, &why);
	if (rc == 0)
		return vs_error_at(error, VS_ECONFLICT, field, -1, "there is a namespace \"%s\" already", name);
	if (rc != VS_ENOTFOUND && error != NULL)
		*error = why;
	return rc == VS_ENOTFOUND ? 0 : rc;
}

static int make_folder(struct birth *birth, struct vs_error *error)
{
	char all[VS_GENERATION_PATH];
	char name[sizeof(PREFIX) + VS_FOLDER_LEN];
	char path[VS_GENERATION_PATH];
	uint64_t random;
	int rc = vs_snapshot_path(all, birth->store->path, "ns", error);

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return vs_error_set(error, VS_EINTERNAL, "the system gives no random numbers");
	snprintf(name, sizeof(name), PREFIX "%016" PRIx64, random);
	if (rc == 0)
		rc = vs_snapshot_path(birth->folder, all, name, error);
	if (rc == 0)
		rc = mark_path(path, birth->folder, error);
	if (rc == 0)
		rc = vs_dir_create(birth->folder, error);
	if (rc == 0)
		rc = vs_file_open(&birth->mark, path, VS_FILE_WRITE | VS_FILE_CREATE | VS_FILE_EXCLUSIVE, error);
	if (rc == 0)
		rc = vs_file_lock(&birth->mark, error);
	/* The mark must not be lost where what it speaks of is not. */
	return rc == 0 ? vs_dir_sync(birth->folder, error) : rc;
}

/* Alone with the catalogue, as is whoever looks for leftovers: there is no mark yet, or one that is not locked. */
static int begin(struct birth *birth, struct vs_error *error)
{
	int rc = vs_catalog_begin(birth->store->catalog, error);

	if (rc < 0)
		return rc;
	rc = make_folder(birth, error);
	vs_catalog_rollback(birth->store->catalog);
	return rc;
}

/* Inside the catalogue's transaction. */
static int adopt(void *context, const struct vs_catalog_entry *entry, struct vs_error *error)
{
	struct birth *birth = context;
	char all[VS_GENERATION_PATH];
	char folder[VS_GENERATION_PATH];
	int rc = vs_snapshot_path(all, birth->store->path, "ns", error);

	if (rc == 0)
		rc = vs_snapshot_path(folder, all, entry->folder, error);
	if (rc < 0)
		return rc;
	birth->named = true;
	rc = vs_file_rename(birth->folder, folder, error);
	memcpy(birth->folder, folder, sizeof(folder));
	VS_POINT("birth-named");
	return rc == 0 ? vs_generation_switch(folder, GENERATION, error) : rc;
}

static int fill(struct birth *birth, struct vs_namespace *source, struct vs_work *work, struct vs_meta_state *state,
                struct vs_use *use, struct vs_error *error)
{
	struct vs_meta_state as = { .generation = 1 };
	struct vs_namespace *fresh = NULL;
	int rc = vs_snapshot_build(source, birth->folder, GENERATION, &as, work, &fresh, error);

	if (rc == 0)
		rc = vs_snapshot_settle(fresh, as.seq, state, error);
	if (rc == 0)
		rc = vs_snapshot_use(fresh->generation.meta, use, error);
	vs_namespace_close(fresh);
	return rc;
}

int vs_birth(struct vs_namespace *source, const char *name, struct vs_work *work, uint64_t *records, struct vs_error *error)
{
	struct birth birth = { .store = source->store, .mark = VS_FILE_INIT };
	struct vs_catalog_fresh row = { .name = name, .quota = vs_quota_none(), .description = "", .metadata = "{}" };
	struct vs_catalog_entry entry;
	struct vs_meta_state state;
	struct vs_use use;
	int rc = begin(&birth, error);

	if (rc == 0)
		rc = fill(&birth, source, work, &state, &use, error);
	VS_POINT("birth-filled");
	if (rc == 0)
		rc = vs_store_admit_whole(source->store, &use, error);
	if (rc == 0) {
		row.metric = state.metric;
		row.dimension = state.dimension;
		rc = vs_catalog_append(source->store->catalog, &row, adopt, &birth, &entry, error);
	}
	VS_POINT("birth-born");
	if (rc == 0) {
		*records = use.vectors;
		vs_birth_forget(birth.folder);
	} else if (!birth.named) {
		(void)vs_folder_remove(birth.folder, NULL, NULL);
	}
	vs_file_close(&birth.mark);
	return rc;
}

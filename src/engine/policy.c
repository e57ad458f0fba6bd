/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the administrator allows, held to in every process: a write looks at the catalogue while it has the writer lock, and
 * who changes something there takes that lock once afterwards (vs_store_change). So a write is either over before the
 * change is acknowledged, or knows of it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "engine/write.h"

int vs_namespace_refresh(struct vs_namespace *ns, struct vs_error *error)
{
	struct vs_catalog *catalog = ns->store->catalog;
	struct vs_catalog_entry entry;
	uint64_t version;
	int rc = vs_catalog_version(catalog, &version, error);

	if (rc < 0 || version == ns->entry_version)
		return rc;
	rc = vs_catalog_find(catalog, ns->entry.name, &entry, error);
	if (rc == VS_ENOTFOUND || (rc == 0 && strcmp(entry.folder, ns->entry.folder) != 0))
		return vs_error_set(error, VS_ESTALE, "namespace %s has been deleted", ns->entry.name);
	if (rc < 0)
		return rc;
	ns->entry = entry;
	ns->entry_version = version;
	return 0;
}

enum vs_status vs_namespace_status(const struct vs_namespace *ns)
{
	return ns->entry.status;
}

void vs_namespace_set_key_quota(struct vs_namespace *ns, const struct vs_quota *quota)
{
	ns->key_quota = quota != NULL ? *quota : vs_quota_none();
}

static bool is_of_key(const struct vs_namespace *ns, enum vs_quota_kind kind)
{
	return ns->key_quota.most[kind] != VS_QUOTA_DEFAULT;
}

uint64_t vs_namespace_most(const struct vs_namespace *ns, enum vs_quota_kind kind)
{
	const struct vs_quota *own = is_of_key(ns, kind) ? &ns->key_quota : &ns->entry.quota;

	return (uint64_t)vs_quota_most(own, &ns->store->quota, kind);
}

const char *vs_namespace_most_of(const struct vs_namespace *ns, enum vs_quota_kind kind)
{
	return is_of_key(ns, kind) ? "key" : "namespace";
}

uint64_t vs_namespace_number(const struct vs_namespace *ns)
{
	return strtoull(ns->entry.folder, NULL, 16);
}

void vs_store_set_quota(struct vs_store *store, const struct vs_quota *quota)
{
	store->quota = *quota;
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

/* Inside a transaction. slots: used, those to be appended among them. */
static int measure(struct vs_meta *meta, const struct vs_meta_state *state, uint64_t slots, uint64_t *bytes,
                   struct vs_error *error)
{
	int rc = vs_meta_used(meta, bytes, error);

	*bytes += state->dimension != 0 ? slots * vs_vectors_stride(state->dimension) : 0;
	return rc;
}

int vs_namespace_measure(struct vs_meta *meta, const struct vs_meta_state *state, struct vs_use *use, struct vs_error *error)
{
	use->vectors = state->active + state->deleted;
	use->dimension = state->dimension;
	return measure(meta, state, state->next_slot, &use->storage_bytes, error);
}

int vs_namespace_use(struct vs_namespace *ns, struct vs_use *use, struct vs_error *error)
{
	struct vs_meta_state state;
	int rc = vs_namespace_begin(ns, &state, error);

	if (rc < 0)
		return rc;
	rc = vs_namespace_measure(ns->generation.meta, &state, use, error);
	vs_namespace_end(ns);
	return rc;
}

int vs_store_use(struct vs_store *store, const struct vs_namespace_info *info, struct vs_use *use, struct vs_error *error)
{
	struct vs_generation generation;
	struct vs_meta_state state;
	char folder[VS_GENERATION_PATH];
	bool moved;
	int rc = vs_namespace_path(store, info->folder, folder, error);

	if (rc < 0)
		return rc;
	do {
		rc = vs_generation_look(folder, &generation, error);
		if (rc < 0)
			return rc;
		rc = vs_meta_begin(generation.meta, &state, error);
		if (rc == 0) {
			rc = vs_namespace_measure(generation.meta, &state, use, error);
			vs_meta_end(generation.meta);
		}
		moved = vs_generation_moved(&generation);
		vs_generation_close(&generation);
	} while (rc < 0 && moved); /* and its files are gone */
	return rc;
}

/* ---- writes --------------------------------------------------------------------------------------------- */

static int check_status(const struct vs_namespace *ns, struct vs_error *error)
{
	switch (ns->entry.status) {
	case VS_READ_ONLY:
		return vs_error_set(error, VS_EFROZEN, "namespace %s is read-only", ns->entry.name);
	case VS_PENDING_DELETION:
	case VS_DELETING:
		return vs_error_set(error, VS_EFROZEN, "namespace %s is to be deleted", ns->entry.name);
	default:
		return 0;
	}
}

static int admit_whole(const struct vs_quota *quota, const struct vs_store *store, const struct vs_use *use,
                       struct vs_error *error)
{
	uint64_t vectors = (uint64_t)vs_quota_most(quota, &store->quota, VS_QUOTA_VECTORS);
	uint64_t bytes = (uint64_t)vs_quota_most(quota, &store->quota, VS_QUOTA_STORAGE);
	uint64_t numbers = (uint64_t)vs_quota_most(quota, &store->quota, VS_QUOTA_DIMENSION);

	if (vectors != 0 && use->vectors > vectors)
		return vs_error_set(error, VS_EQUOTA, "there are %llu records; the namespace may have %llu (max_vectors)",
		                    (unsigned long long)use->vectors, (unsigned long long)vectors);
	if (bytes != 0 && use->storage_bytes > bytes)
		return vs_error_set(error, VS_EQUOTA,
		                    "there are %llu bytes of records and vectors; the namespace may have %llu (max_storage_bytes)",
		                    (unsigned long long)use->storage_bytes, (unsigned long long)bytes);
	if (numbers != 0 && use->dimension > numbers)
		return vs_error_set(error, VS_EQUOTA, "vectors have %u numbers; those of the namespace may have %llu (max_dimension)",
		                    use->dimension, (unsigned long long)numbers);
	return 0;
}

int vs_namespace_admit_whole(struct vs_namespace *ns, const struct vs_use *use, struct vs_error *error)
{
	int rc = vs_namespace_refresh(ns, error);

	if (rc == 0)
		rc = check_status(ns, error);
	return rc == 0 ? admit_whole(&ns->entry.quota, ns->store, use, error) : rc;
}

int vs_store_admit_whole(const struct vs_store *store, const struct vs_use *use, struct vs_error *error)
{
	struct vs_quota none = vs_quota_none();

	return admit_whole(&none, store, use, error);
}

int vs_namespace_admit_snapshot(struct vs_namespace *ns, uint64_t kept, uint64_t bytes, struct vs_error *error)
{
	int rc = vs_namespace_refresh(ns, error);
	uint64_t most = rc == 0 ? vs_namespace_most(ns, VS_QUOTA_SNAPSHOTS) : 0;

	if (rc == 0 && most == 0)
		most = vs_namespace_most(ns, VS_QUOTA_STORAGE);
	if (most == 0 || kept + bytes <= most)
		return rc;
	return vs_error_set(error, VS_EQUOTA,
	                    "the namespace's snapshots have %llu bytes of records and vectors, and this one %llu; together they "
	                    "may have %llu (max_snapshot_bytes, or else max_storage_bytes)",
	                    (unsigned long long)kept, (unsigned long long)bytes, (unsigned long long)most);
}

int vs_write_begin_allowed(struct vs_write *write, struct vs_namespace *ns, size_t cap, struct vs_error *error)
{
	int rc = vs_write_begin(write, ns, cap, error);

	if (rc < 0)
		return rc;
	rc = vs_namespace_refresh(ns, error);
	if (rc == 0)
		rc = check_status(ns, error);
	if (rc < 0)
		vs_write_rollback(write);
	return rc;
}

int vs_write_admit_record(const struct vs_write *write, struct vs_place *place, struct vs_error *error)
{
	uint64_t most = vs_namespace_most(write->ns, VS_QUOTA_VECTORS);
	uint64_t there = write->state.active + write->state.deleted;

	if (most == 0 || there < most || (there == most && VS_PLANTED("quota-passed")))
		return 0;
	return vs_error_at(error, VS_EQUOTA, vs_place_field(place, "id"), -1,
	                   "the namespace may have %llu records (max_vectors), and has them", (unsigned long long)most);
}

int vs_write_admit_dimension(const struct vs_write *write, struct vs_place *place, uint32_t dimension,
                             struct vs_error *error)
{
	uint64_t most = vs_namespace_most(write->ns, VS_QUOTA_DIMENSION);

	if (most == 0 || dimension <= most)
		return 0;
	return vs_error_at(error, VS_EQUOTA, vs_place_field(place, "vector"), -1,
	                   "%u numbers; the %s may have %llu (max_dimension)", dimension,
	                   vs_namespace_most_of(write->ns, VS_QUOTA_DIMENSION), (unsigned long long)most);
}

int vs_write_admit_bytes(const struct vs_write *write, struct vs_error *error)
{
	uint64_t most = vs_namespace_most(write->ns, VS_QUOTA_STORAGE);
	uint64_t bytes;
	int rc;

	if (most == 0 || write->count == 0)
		return 0;
	rc = measure(write->meta, &write->state, (uint64_t)write->first + write->count, &bytes, error);
	if (rc < 0 || bytes <= most)
		return rc;
	return vs_error_set(error, VS_EQUOTA,
	                    "the namespace would have %llu bytes of records and vectors; it may have %llu (max_storage_bytes)",
	                    (unsigned long long)bytes, (unsigned long long)most);
}

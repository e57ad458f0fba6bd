/* SPDX-License-Identifier: Apache-2.0 */
/* A merge patch of one record's metadata. */
#include "engine/write.h"

struct patching {
	struct vs_record_input input;
	struct vs_meta_row row; /* what was stored */
};

static int patch_record(struct vs_write *write, void *context, struct vs_error *error)
{
	struct patching *patching = context;
	struct vs_place place = { .list = NULL };

	return vs_write_patch(write, &place, &patching->input, &patching->row, error);
}

/* Its slot is not mapped yet, and keeps its bytes (I2), whatever happens after the commit. */
static int read_back(struct vs_namespace *ns, const struct vs_meta_row *row, bool with_vector, struct vs_record *record,
                     struct vs_error *error)
{
	int rc = vs_vectors_refresh(&ns->generation.vectors, row->slot + 1, error);

	return rc < 0 ? rc : vs_namespace_record(ns, row, true, with_vector, true, record, error);
}

int vs_record_patch(struct vs_namespace *ns, const struct vs_patch *patch, struct vs_record *record,
                    struct vs_error *error)
{
	struct patching patching = { .input = { .id = patch->id,
		                                    .id_len = patch->id_len,
		                                    .metadata = patch->metadata,
		                                    .metadata_len = patch->metadata_len,
		                                    .if_version = patch->if_version } };
	struct vs_place place = { .list = NULL };
	int rc = vs_namespace_check_id("id", patch->id, patch->id_len, error);

	if (rc == 0 && patch->metadata == NULL)
		rc = vs_error_at(error, VS_EINVAL, "metadata", -1, "is missing");
	if (rc == 0)
		rc = vs_write_check_metadata(ns, &place, &patching.input, error);
	vs_arena_reset(&ns->arena);
	if (rc == 0)
		rc = vs_write_run(ns, 1, patch_record, &patching, error);
	if (rc < 0 || record == NULL)
		return rc;
	return read_back(ns, &patching.row, patch->with_vector, record, error);
}

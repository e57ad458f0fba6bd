/* SPDX-License-Identifier: Apache-2.0 */
/* How many live records a filter accepts. */
#include "engine/namespace.h"

int vs_namespace_count(struct vs_namespace *ns, const char *filter, uint64_t *count, struct vs_error *error)
{
	struct vs_generation *generation = &ns->generation;
	const struct vs_bitmap *accepted;
	struct vs_meta_state state;
	int rc = vs_namespace_begin(ns, &state, error);

	*count = 0;
	if (rc < 0)
		return rc;
	*count = vs_generation_active(generation, &state);
	if (filter != NULL)
		rc = vs_matches_find_live(&generation->matches, generation->meta, &state, filter,
		                          vs_generation_visible(generation), &accepted, count, error);
	vs_namespace_end(ns);
	return rc;
}

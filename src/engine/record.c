/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/filter.h"
#include "engine/namespace.h"

int vs_record_get(struct vs_namespace *ns, const char *id, size_t id_len, bool with_vector, struct vs_record *record,
                  struct vs_error *error)
{
	struct vs_meta_state state;
	struct vs_meta_row row;
	int rc = vs_namespace_check_id("id", id, id_len, error);

	if (rc == 0)
		rc = vs_namespace_begin(ns, &state, error);
	if (rc < 0)
		return rc;
	rc = vs_meta_find(ns->generation.meta, id, id_len, &row, error);
	if (rc == 0 && vs_generation_hidden(&ns->generation, &row))
		rc = vs_error_set(error, VS_ENOTFOUND, "there is no such record");
	if (rc == 0)
		rc = vs_namespace_record(ns, &row, true, with_vector, true, record, error);
	if (rc == 0)
		rc = vs_namespace_text(ns, row.slot, record, error);
	vs_namespace_end(ns);
	return rc;
}

int vs_filter_check(const char *text, struct vs_error *error)
{
	struct vs_filter *filter;
	int rc = vs_filter_parse(text, strlen(text), &filter, error);

	if (rc == 0)
		vs_filter_release(filter);
	return rc;
}

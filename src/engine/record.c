/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/filter.h"
#include "engine/namespace.h"

#include <string.h>

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
	if (rc == 0)
		rc = vs_namespace_record(ns, &row, true, with_vector, true, record, error);
	vs_namespace_end(ns);
	return rc;
}

struct paging {
	struct vs_namespace *ns;
	const struct vs_page_options *options;
	const struct vs_filter *filter; /* NULL: all */
	void (*each)(void *context, const struct vs_record *record);
	void *context;
	size_t count;
	bool more;
	struct vs_error *error;
};

#define PAGE_FULL 1

static int page_row(void *context, const struct vs_meta_row *row)
{
	struct paging *paging = context;
	struct vs_record record;
	int rc;

	if (row->deleted_at != 0 && !paging->options->with_deleted)
		return 0;
	if (paging->filter != NULL) {
		rc = vs_matches_row(paging->filter, row, paging->error);
		if (rc <= 0)
			return rc;
	}
	if (paging->count == paging->options->limit) {
		paging->more = true;
		return PAGE_FULL;
	}
	rc = vs_namespace_record(paging->ns, row, true, paging->options->with_vector, false, &record, paging->error);
	if (rc < 0)
		return rc;
	paging->count++;
	paging->each(paging->context, &record);
	return 0;
}

int vs_record_page(struct vs_namespace *ns, const struct vs_page_options *options,
                   void (*each)(void *context, const struct vs_record *record), void *context, bool *more,
                   struct vs_error *error)
{
	struct paging paging = { .ns = ns, .options = options, .each = each, .context = context, .error = error };
	struct vs_filter *filter = NULL;
	struct vs_meta_state state;
	int rc;

	if (options->filter != NULL) {
		rc = vs_filter_parse(options->filter, strlen(options->filter), &filter, error);
		if (rc < 0)
			return rc;
	}
	paging.filter = filter;
	rc = vs_namespace_begin(ns, &state, error);
	if (rc == 0) {
		rc = vs_meta_page(ns->generation.meta, options->after, options->after_len, page_row, &paging, error);
		vs_namespace_end(ns);
	}
	vs_filter_release(filter);
	*more = paging.more;
	return rc == PAGE_FULL ? 0 : rc;
}

int vs_filter_check(const char *text, struct vs_error *error)
{
	struct vs_filter *filter;
	int rc = vs_filter_parse(text, strlen(text), &filter, error);

	if (rc == 0)
		vs_filter_release(filter);
	return rc;
}

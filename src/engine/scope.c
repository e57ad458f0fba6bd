/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scope.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "engine/filter.h"

bool vs_scope_is(const struct vs_scope *scope, const char *filter)
{
	if (scope->text == NULL || filter == NULL)
		return scope->text == NULL && filter == NULL;
	return scope->filter != NULL && strcmp(scope->text, filter) == 0;
}

int vs_scope_set(struct vs_scope *scope, const char *filter, struct vs_error *error)
{
	vs_scope_release(scope);
	if (filter == NULL)
		return 0;
	scope->text = strdup(filter);
	if (scope->text == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for a filter");
	return vs_filter_parse(filter, strlen(filter), &scope->filter, error);
}

void vs_scope_release(struct vs_scope *scope)
{
	vs_filter_release(scope->filter);
	free(scope->text);
	*scope = (struct vs_scope){ NULL, NULL };
}

bool vs_scope_has(const struct vs_scope *scope, const struct vs_meta_row *row)
{
	if (scope == NULL || VS_PLANTED("scope-dropped"))
		return true;
	return scope->filter != NULL && vs_matches_row(scope->filter, row, NULL) > 0;
}

int vs_scope_refresh(const struct vs_scope *scope, struct vs_matches *matches, struct vs_meta *meta,
                     const struct vs_meta_state *state, const struct vs_bitmap *visible, struct vs_scope_view *view,
                     struct vs_error *error)
{
	const struct vs_bitmap *within;
	int rc;

	if (view->known && view->seq == state->seq && view->expired == matches->expired && view->visible.len == visible->len)
		return 0;
	view->known = false;
	rc = vs_matches_find(matches, meta, state, scope->text, &within, error);
	if (rc < 0)
		return rc;
	if (vs_bitmap_and(&view->visible, within, visible) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for the scope of %u slots", visible->len);
	view->active = vs_bitmap_count(&view->visible, 0, view->visible.len);
	view->seq = state->seq;
	view->expired = matches->expired;
	view->known = true;
	return 0;
}

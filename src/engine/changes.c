/* SPDX-License-Identifier: Apache-2.0 */
/* The change log as a feed of ids. */
#include <inttypes.h>

#include "engine/namespace.h"
#include "store/text.h"

#define LOOKED_MAX 100000 /* changes looked at for one page; many may be superseded */
#define PAGE_FULL 1

struct feeding {
	struct vs_namespace *ns;
	const struct vs_changes_options *options;
	void (*each)(void *context, const struct vs_record_change *change);
	void *context;
	uint64_t next_since;
	size_t told;
	size_t looked;
	size_t bytes;
	struct vs_error *error;
};

static const char *op_name(enum vs_change_op op)
{
	switch (op) {
	case VS_CHANGE_DELETE:
		return "delete";
	case VS_CHANGE_SOFT_DELETE:
		return "soft_delete";
	case VS_CHANGE_RESTORE:
		return "restore";
	case VS_CHANGE_UPSERT:
	default:
		return "upsert";
	}
}

static int feed_row(void *context, const struct vs_feed_row *row)
{
	struct feeding *feeding = context;
	const struct vs_changes_options *options = feeding->options;
	struct vs_record_change change = { row->seq, op_name(row->op), { .id = row->id, .id_len = row->id_len, .metadata = "" } };
	struct vs_record *record = &change.record;
	struct vs_meta_row whole;
	int rc = 0;

	if (feeding->told == options->limit || feeding->looked == LOOKED_MAX ||
	    (options->bytes != 0 && feeding->bytes >= options->bytes))
		return PAGE_FULL;
	if (row->row != NULL) {
		whole = *row->row;
		if (options->with_text)
			rc = vs_text_find(feeding->ns->generation.meta, whole.slot, &whole.text, &whole.text_len, feeding->error);
		if (rc == 0)
			rc = vs_namespace_record(feeding->ns, &whole, options->with_metadata, options->with_vector, false, record,
			                         feeding->error);
	}
	if (rc < 0)
		return rc;
	feeding->looked++;
	feeding->next_since = row->seq;
	if (record->id == NULL) /* superseded */
		return 0;
	feeding->told++;
	feeding->bytes += record->id_len + record->metadata_len + record->text_len + (record->vector != NULL ? record->dimension * sizeof(float) : 0);
	feeding->each(feeding->context, &change);
	return 0;
}

static int check_since(const struct vs_meta_state *state, uint64_t since, struct vs_error *error)
{
	if (since < state->trimmed)
		return vs_error_at(error, VS_EGONE, "since", -1,
		                   "the oldest change that is kept is %" PRIu64 ": ask without since, list the records, and go on from "
		                   "next_since",
		                   state->trimmed + 1);
	if (since > state->seq)
		return vs_error_at(error, VS_EGONE, "since", -1,
		                   "the newest change is %" PRIu64 ", so this number is not of this namespace as it is now: ask without "
		                   "since, list the records, and go on from next_since",
		                   state->seq);
	return 0;
}

int vs_namespace_changes(struct vs_namespace *ns, const struct vs_changes_options *options,
                         void (*each)(void *context, const struct vs_record_change *change), void *context,
                         struct vs_changes_page *page, struct vs_error *error)
{
	struct feeding feeding = { .ns = ns, .options = options, .each = each, .context = context, .error = error };
	struct vs_meta_state state;
	int rc;

	*page = (struct vs_changes_page){ 0, 0, 0 };
	if (ns->generation.scope != NULL) /* of what was deleted, nobody can tell whether it was within */
		return vs_error_set(error, VS_EPERM, "the feed of changes cannot be narrowed by a filter");
	if (options->limit == 0 || options->limit > VS_CHANGES_MAX)
		return vs_error_at(error, VS_EINVAL, "limit", -1, "must be 1 to %d", VS_CHANGES_MAX);
	rc = vs_namespace_begin(ns, &state, error);
	if (rc < 0)
		return rc;
	feeding.next_since = options->since == VS_CHANGES_NEWEST ? state.seq : options->since;
	rc = check_since(&state, feeding.next_since, error);
	if (rc == 0)
		rc = vs_meta_feed(ns->generation.meta, feeding.next_since, feed_row, &feeding, error);
	vs_namespace_end(ns);
	*page = (struct vs_changes_page){ feeding.next_since, state.trimmed + 1, state.seq };
	return rc == PAGE_FULL ? 0 : rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* qsort_r */
#endif
#include "programs/cli/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/namespace.h"

#define BUSY_TRIES 12 /* each waits five seconds in the engine */

int vs_batch_init(struct vs_batch *batch, size_t cap, struct vs_error *error)
{
	*batch = (struct vs_batch){ .cap = cap };
	batch->inputs = calloc(cap + 1, sizeof *batch->inputs); /* one more: the next is read before the batch is stored */
	batch->items = calloc(cap + 1, sizeof *batch->items);
	batch->order = calloc(cap + 1, sizeof *batch->order);
	if (batch->inputs && batch->items && batch->order)
		return 0;
	vs_batch_release(batch);
	return vs_error_set(error, VS_ENOMEM, "no memory for a batch of %zu records", cap);
}

void vs_batch_release(struct vs_batch *batch)
{
	vs_arena_release(&batch->arena);
	free(batch->inputs);
	free(batch->items);
	free(batch->order);
	memset(batch, 0, sizeof *batch);
}

static void empty(struct vs_batch *batch)
{
	batch->count = 0;
	vs_arena_reset(&batch->arena);
}

/* ---- which of them count ---------------------------------------------------------------------------------- */

static int compare_ids(const void *left, const void *right, void *context)
{
	const struct vs_record_input *inputs = context;
	size_t l = *(const size_t *)left, r = *(const size_t *)right;
	size_t l_len = inputs[l].id_len, r_len = inputs[r].id_len;
	int order = memcmp(inputs[l].id, inputs[r].id, l_len < r_len ? l_len : r_len);
	if (order == 0)
		order = (l_len > r_len) - (l_len < r_len);
	return order ? order : (l > r) - (l < r);
}

static bool same_id(const struct vs_record_input *a, const struct vs_record_input *b)
{
	return a->id_len == b->id_len && memcmp(a->id, b->id, a->id_len) == 0;
}

static void keep(struct vs_batch *batch, size_t to, size_t from)
{
	batch->inputs[to] = batch->inputs[from];
	batch->items[to] = batch->items[from];
}

static int compare_places(const void *left, const void *right)
{
	size_t l = *(const size_t *)left, r = *(const size_t *)right;
	return (l > r) - (l < r);
}

/* Leaves of each id only the last record, which is the one that would win. How many went. */
static uint64_t drop_earlier(struct vs_batch *batch)
{
	size_t kept = 0, count = batch->count;
	for (size_t i = 0; i < count; i++)
		batch->order[i] = i;
	qsort_r(batch->order, count, sizeof *batch->order, compare_ids, batch->inputs);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || !same_id(&batch->inputs[batch->order[i]], &batch->inputs[batch->order[i + 1]]))
			batch->order[kept++] = batch->order[i];
	if (kept == count)
		return 0;
	qsort(batch->order, kept, sizeof *batch->order, compare_places);
	for (size_t i = 0; i < kept; i++)
		keep(batch, i, batch->order[i]);
	batch->count = kept;
	return count - kept;
}

static bool is_same(const struct vs_record *stored, const struct vs_record_input *input, bool deleted)
{
	const char *metadata = input->metadata ? input->metadata : "{}";
	size_t len = input->metadata ? input->metadata_len : 2;
	bool same_text = input->text ? stored->text && stored->text_len == input->text_len &&
	                                   memcmp(stored->text, input->text, input->text_len) == 0
	                             : !stored->text;
	return (stored->deleted_at != 0) == deleted && stored->expires_at == input->expires_at && stored->dimension == input->dimension &&
	       memcmp(stored->vector, input->vector, input->dimension * sizeof(float)) == 0 && stored->metadata_len == len &&
	       memcmp(stored->metadata, metadata, len) == 0 && same_text;
}

/* Drops what options->skip says is stored already. */
static int drop_known(struct vs_batch *batch, struct vs_namespace *ns, enum vs_batch_skip skip, uint64_t *skipped,
                      struct vs_error *error)
{
	size_t kept = 0;
	for (size_t i = 0; i < batch->count; i++) {
		const struct vs_record_input *input = &batch->inputs[i];
		struct vs_record record;
		struct vs_error found;
		bool exact = skip == VS_BATCH_SKIP_SAME;
		int rc = vs_record_get(ns, input->id, input->id_len, exact, &record, &found);
		if (rc && rc != VS_ENOTFOUND && rc != VS_EINVAL) { /* a bad id is refused with its place, by the upsert */
			*error = found;
			return rc;
		}
		if (rc == 0 && (!exact || is_same(&record, input, batch->items[i].deleted)))
			++*skipped;
		else
			keep(batch, kept++, i);
	}
	batch->count = kept;
	return 0;
}

/* ---- storing them ----------------------------------------------------------------------------------------- */

struct refusals {
	struct vs_arena *arena;
	struct refusal {
		struct refusal *next;
		size_t index;
		struct vs_error error;
	} *first, **last;
	bool failed;
};

static void on_error(void *context, size_t index, const struct vs_error *error)
{
	struct refusals *refusals = context;
	struct refusal *refusal = vs_arena_alloc(refusals->arena, sizeof *refusal);
	refusals->failed = refusals->failed || !refusal;
	if (!refusal)
		return;
	*refusal = (struct refusal){ NULL, index, *error };
	*refusals->last = refusal;
	refusals->last = &refusal->next;
}

/* "records[17].vector, position 3: …" without its beginning, which counts in the batch. */
static void strip(struct vs_error *error)
{
	size_t index, len = strlen(error->text);
	int n = 0;
	if (sscanf(error->text, "records[%zu].%n", &index, &n) == 1 && n > 0)
		memmove(error->text, error->text + n, len - (size_t)n + 1);
}

static int upsert(struct vs_batch *batch, struct vs_namespace *ns, size_t count, const struct vs_batch_options *how,
                  struct refusals *refusals, struct vs_batch_result *result, struct vs_error *error)
{
	struct vs_upsert_options options = { refusals == NULL, on_error, refusals };
	struct vs_upsert_result done = { 0 };
	int rc = VS_EBUSY;
	if (count == 0)
		return 0;
	for (int i = 0; rc == VS_EBUSY && i < BUSY_TRIES;) {
		if (refusals)
			refusals->last = &refusals->first;
		rc = vs_namespace_upsert(ns, batch->inputs, count, &options, &done, error);
		if (rc == VS_EBUSY)
			i++;
		else if (rc == VS_ETAIL && how->on_tail && (rc = how->on_tail(how->context, error)) == 0)
			rc = VS_EBUSY; /* now there is room */
	}
	if (refusals)
		*refusals->last = NULL;
	if (rc == 0 && refusals && refusals->failed)
		rc = vs_error_set(error, VS_ENOMEM, "no memory for what is refused");
	result->inserted += rc ? 0 : done.inserted;
	result->updated += rc ? 0 : done.updated;
	return rc;
}

/* Of a record; a quota that no single one breaks names no field. */
static bool is_refusal(int rc, const struct vs_error *error)
{
	return rc == VS_EINVAL || rc == VS_ETOOBIG || (rc == VS_EQUOTA && error->field[0] != '\0');
}

/* Commits the batch. When a record in it is refused, those before it are stored all the same. */
static int store_until(struct vs_batch *batch, struct vs_namespace *ns, const struct vs_batch_options *options,
                       size_t *stored, struct vs_batch_result *result, struct vs_error *error)
{
	size_t bad = 0;
	int rc = upsert(batch, ns, batch->count, options, NULL, result, error);
	*stored = rc ? 0 : batch->count;
	if (!is_refusal(rc, error))
		return rc;
	if (sscanf(error->field, "records[%zu]", &bad) != 1 && batch->count != 1)
		return rc;
	struct vs_error refused = *error;
	int again = upsert(batch, ns, bad, options, NULL, result, error);
	if (again)
		return again;
	*stored = bad;
	*error = refused;
	return rc;
}

/* Soft-deletes what is to be so, of the first count. */
static int remove_deleted(struct vs_batch *batch, struct vs_namespace *ns, size_t count, struct vs_error *error)
{
	size_t n = 0, done;
	int rc = VS_EBUSY;
	struct vs_id *ids = vs_arena_alloc(&batch->arena, count * sizeof *ids);
	for (size_t i = 0; ids && i < count; i++)
		if (batch->items[i].deleted)
			ids[n++] = (struct vs_id){ batch->inputs[i].id, batch->inputs[i].id_len };
	if (!ids)
		return vs_error_set(error, VS_ENOMEM, "no memory for ids");
	for (int i = 0; rc == VS_EBUSY && i < BUSY_TRIES; i++)
		rc = vs_namespace_remove(ns, VS_SOFT_DELETE, ids, n, &done, error);
	return rc;
}

static bool has_deleted(const struct vs_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->items[i].deleted)
			return true;
	return false;
}

static void refuse(const struct vs_batch_options *options, const struct vs_batch_item *item, struct vs_error *error,
                   struct vs_batch_result *result)
{
	strip(error);
	result->refused++;
	if (options->on_refused)
		options->on_refused(options->context, item, error);
}

/* Ids that are refused stay in the list of what is soft-deleted; they are in no store. */
static int store_good(struct vs_batch *batch, struct vs_namespace *ns, const struct vs_batch_options *options,
                      struct vs_batch_result *result, struct vs_error *error)
{
	struct refusals refusals = { .arena = &batch->arena };
	int rc = upsert(batch, ns, batch->count, options, &refusals, result, error);
	for (struct refusal *r = rc ? NULL : refusals.first; r; r = r->next) {
		batch->items[r->index].deleted = false;
		refuse(options, &batch->items[r->index], &r->error, result);
	}
	return rc;
}

int vs_batch_store(struct vs_batch *batch, struct vs_namespace *ns, const struct vs_batch_options *options,
                   struct vs_batch_result *result, struct vs_error *error)
{
	bool deleted = has_deleted(batch);
	size_t stored = 0;
	int rc = 0;
	if (options->skip != VS_BATCH_SKIP_NONE || deleted)
		result->skipped += drop_earlier(batch);
	if (options->skip != VS_BATCH_SKIP_NONE)
		rc = drop_known(batch, ns, options->skip, &result->skipped, error);
	if (rc)
		return rc;
	if (options->stop) {
		rc = store_until(batch, ns, options, &stored, result, error);
		if (rc && is_refusal(rc, error) && stored < batch->count)
			refuse(options, &batch->items[stored], error, result);
	} else {
		rc = store_good(batch, ns, options, result, error);
		stored = rc ? 0 : batch->count;
	}
	struct vs_error fault;
	int removed = deleted && stored > 0 ? remove_deleted(batch, ns, stored, &fault) : 0;
	if (removed && !rc)
		*error = fault;
	empty(batch);
	return rc ? rc : removed;
}

/* ---- trying them ------------------------------------------------------------------------------------------ */

static int check(const struct vs_record_input *input, enum vs_metric metric, uint32_t *dimension,
                 struct vs_error *error)
{
	int rc = vs_namespace_check_id("id", input->id, input->id_len, error);
	if (rc || (rc = vs_namespace_check_vector(metric, "vector", input->vector, input->dimension, error)))
		return rc;
	if (input->metadata_len > VS_RECORD_METADATA_MAX)
		return vs_error_at(error, VS_ETOOBIG, "metadata", -1, "%zu bytes; at most %d are allowed", input->metadata_len,
		                   VS_RECORD_METADATA_MAX);
	if (input->text && (rc = vs_namespace_check_text("text", input->text, input->text_len, error)))
		return rc;
	if (*dimension == 0)
		*dimension = input->dimension;
	if (*dimension == input->dimension)
		return 0;
	return vs_error_at(error, VS_EINVAL, "vector", -1, "%u numbers; this namespace has dimension %u", input->dimension,
	                   *dimension);
}

int vs_batch_try(struct vs_batch *batch, enum vs_metric metric, uint32_t *dimension,
                 const struct vs_batch_options *options, struct vs_batch_result *result, struct vs_error *error)
{
	for (size_t i = 0; i < batch->count; i++) {
		int rc = check(&batch->inputs[i], metric, dimension, error);
		result->inserted += rc == 0;
		if (rc)
			refuse(options, &batch->items[i], error, result);
		if (rc && options->stop) {
			empty(batch);
			return rc;
		}
	}
	empty(batch);
	return 0;
}

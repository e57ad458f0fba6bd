/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upsert: check everything first, take the writer lock, put the rows, append and sync the vectors (I1), commit. An
 * update is a new slot plus a dead old one (I2).
 */
#include <string.h>

#include "engine/write.h"

/* What one call works on. Only records that passed the checks are in it. */
struct batch {
	const struct vs_record_input *input;
	size_t *indexes; /* in input */
	size_t count;
	const struct vs_upsert_options *options;
	struct vs_upsert_result *result;
	const char *list; /* NULL: a single record */
};

/* A refused record: ends an atomic batch, is reported in another. */
static int refuse(struct batch *batch, size_t index, const struct vs_error *why, bool dry, struct vs_error *error)
{
	if (batch->options->atomic || !vs_write_refused(why->code)) {
		if (error != NULL)
			*error = *why;
		return why->code;
	}
	if (dry)
		return 0;
	batch->result->failed++;
	if (batch->options->on_error != NULL)
		batch->options->on_error(batch->options->context, index, why);
	return 0;
}

static int check_all(struct vs_namespace *ns, size_t count, struct batch *batch, struct vs_error *error)
{
	for (size_t i = 0; i < count; i++) {
		struct vs_place place = { .list = batch->list, .index = i };
		struct vs_error why;
		int rc = vs_write_check(ns, &place, &batch->input[i], &why);

		if (rc == 0) {
			batch->indexes[batch->count++] = i;
			continue;
		}
		rc = refuse(batch, i, &why, false, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int put_all(struct vs_write *write, void *context, struct vs_error *error)
{
	struct vs_write_done done = { 0 };
	struct batch *batch = context;

	for (size_t i = 0; i < batch->count; i++) {
		size_t index = batch->indexes[i];
		struct vs_place place = { .list = batch->list, .index = index };
		struct vs_error why;
		int rc = vs_write_put(write, &place, &batch->input[index], &done, &why);

		if (rc < 0)
			rc = refuse(batch, index, &why, write->dry, error);
		if (rc < 0)
			return rc;
	}
	batch->result->inserted = done.inserted;
	batch->result->updated = done.updated;
	batch->result->version = done.version;
	return 0;
}

int vs_namespace_upsert(struct vs_namespace *ns, const struct vs_record_input *records, size_t count,
                        const struct vs_upsert_options *options, struct vs_upsert_result *result,
                        struct vs_error *error)
{
	static const struct vs_upsert_options defaults = VS_UPSERT_OPTIONS;
	struct batch batch = { .input = records,
		                   .options = options != NULL ? options : &defaults,
		                   .result = result,
		                   .list = count > 1 ? "records" : NULL };
	int rc;

	memset(result, 0, sizeof(*result));
	vs_arena_reset(&ns->arena);
	batch.indexes = vs_arena_calloc(&ns->arena, count, sizeof(*batch.indexes));
	if (batch.indexes == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu records", count);
	rc = check_all(ns, count, &batch, error);
	if (rc == 0 && batch.count > 0)
		rc = vs_write_run(ns, batch.count, put_all, &batch, error);
	return rc;
}

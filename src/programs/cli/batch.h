/* SPDX-License-Identifier: Apache-2.0 */
/* cli/batch: records that are stored in one durable commit. */
#ifndef VS_CLI_BATCH_H
#define VS_CLI_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "engine/vecstore.h"

struct vs_batch_item {
	unsigned long place; /* see vs_records_place */
	bool deleted;        /* to be soft-deleted */
	const char *text;    /* NULL, or as it stands in the file */
	size_t text_len;
};

struct vs_batch {
	struct vs_arena arena;          /* of all that the records point to */
	struct vs_record_input *inputs; /* own memory, as the next two */
	struct vs_batch_item *items;    /* of each input */
	size_t *order;                  /* scratch */
	size_t count, cap;
};

int vs_batch_init(struct vs_batch *batch, size_t cap, struct vs_error *error);
void vs_batch_release(struct vs_batch *batch); /* accepts a zeroed one */

enum vs_batch_skip {
	VS_BATCH_SKIP_NONE,
	VS_BATCH_SKIP_EXISTING, /* whose id is stored */
	VS_BATCH_SKIP_SAME      /* that are stored just so */
};

struct vs_batch_options {
	enum vs_batch_skip skip;
	bool stop; /* at the first record that is refused, those before it being stored; else the good ones are stored */
	/* Of a record that is refused, after the commit of the others. */
	void (*on_refused)(void *context, const struct vs_batch_item *item, const struct vs_error *error);
	/* While too many vectors wait to be linked (VS_ETAIL): returns 0 to try again, or what ends it. NULL: it is not tried. */
	int (*on_tail)(void *context, struct vs_error *error);
	void *context;
};

struct vs_batch_result {
	uint64_t inserted, updated, skipped, refused;
};

/* Stores the batch, as one commit and another for what is soft-deleted, and empties it. Its counts are added to
 * *result. With stop: VS_EINVAL or VS_ETOOBIG of the refused record, which on_refused has heard of, too. */
int vs_batch_store(struct vs_batch *batch, struct vs_namespace *ns, const struct vs_batch_options *options,
                   struct vs_batch_result *result, struct vs_error *error);
/* Stores nothing, but checks each record as the namespace would: metric, and *dimension, which the first one fixes where it
 * is 0. Empties the batch. */
int vs_batch_try(struct vs_batch *batch, enum vs_metric metric, uint32_t *dimension,
                 const struct vs_batch_options *options, struct vs_batch_result *result, struct vs_error *error);

#endif

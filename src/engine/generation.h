/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/generation: the open files of a namespace's live generation, and one consistent sight of them.
 *
 * CURRENT in the namespace's folder names the live generation ("g000001\n"). It is replaced by rename while the
 * old generation's writer lock is held (I5), so whoever holds that file open sees a link count of zero once it
 * has moved on, and opens the new one.
 */
#ifndef VS_ENGINE_GENERATION_H
#define VS_ENGINE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "engine/expiry.h"
#include "engine/matches.h"
#include "engine/scope.h"
#include "index/graph.h"
#include "math/bitmap.h"
#include "store/columns.h"
#include "store/meta.h"
#include "store/rows.h"
#include "store/vectors.h"

struct vs_error;

#define VS_GENERATION_PATH 224
#define VS_GENERATION_NAME 8 /* "g000001" */
#define VS_GENERATION_LAST 999999
#define VS_GRAPH_MIN_SLOTS 2000 /* below, an exact scan is as fast as a walk */

struct vs_generation {
	char dir[VS_GENERATION_PATH];
	struct vs_file current; /* CURRENT as it was when this generation was opened */
	struct vs_meta *meta;
	bool has_vectors;          /* the dimension is fixed and vectors.f32 is open */
	struct vs_vectors vectors; /* valid when has_vectors */
	struct vs_graph *graph;    /* for reading; NULL: none, or not usable now */
	uint64_t graph_looked_ns;  /* when its files were looked at last */
	struct vs_graph_scratch *scratch;
	struct vs_bitmap live; /* slots of live records as of change live_seq */
	uint64_t live_seq;
	uint64_t live_stored; /* the change that live.bits was of when it was read; 0: nothing of use was in it */
	bool live_known;
	struct vs_expiry expiry;
	struct vs_columns *columns; /* NULL until the first transaction */
	struct vs_rows *rows;       /* so */
	struct vs_matches matches;
	struct vs_scope *scope; /* borrowed of the namespace, which sets it; NULL: all records are within */
	struct vs_scope_view scoped;
};

/* Makes folder/g000001 with an empty meta.db (options: of generation 1), then folder/CURRENT. Durable when it returns. */
int vs_generation_create(const char *folder, const struct vs_meta_options *options, struct vs_error *error);

/* The name of a generation's folder; VS_ETOOBIG past the last. */
int vs_generation_name(uint32_t number, char name[VS_GENERATION_NAME], struct vs_error *error);
bool vs_generation_is_name(const char *name);
/* Opens folder/CURRENT, which the caller closes, and reads what it names. */
int vs_generation_current(const char *folder, struct vs_file *current, char name[VS_GENERATION_NAME],
                          struct vs_error *error);
/* Makes CURRENT name another generation, whose files are synced. Under compact.lock and the writer lock of the old one
 * (I5). When it fails, vs_generation_moved of the old one tells whether only the sync of the folder did. */
int vs_generation_switch(const char *folder, const char *name, struct vs_error *error);

/* Opens the generation that folder/CURRENT names. On failure *generation is closed. */
int vs_generation_open(const char *folder, struct vs_generation *generation, struct vs_error *error);
/* So, for numbers alone: what it shows may not be durable yet, and nothing may be built on it. */
int vs_generation_look(const char *folder, struct vs_generation *generation, struct vs_error *error);
/* One that nothing names yet: for whoever makes it. It never counts as moved. */
int vs_generation_open_named(const char *folder, const char *name, struct vs_generation *generation,
                             struct vs_error *error);
/* A snapshot's folder, for reading alone. It never counts as moved. */
int vs_generation_open_frozen(const char *dir, struct vs_generation *generation, struct vs_error *error);
void vs_generation_close(struct vs_generation *generation); /* accepts a zeroed or closed one */
/* CURRENT names another one by now. */
bool vs_generation_moved(const struct vs_generation *generation);

/* Begins a read transaction and brings maps, liveness and graph up to it. Until vs_generation_end (or the end of the
 * write transaction) vectors, live and state are one snapshot. */
int vs_generation_begin(struct vs_generation *generation, struct vs_meta_state *state, struct vs_error *error);
void vs_generation_end(struct vs_generation *generation);
/* The state of now and the graph as far as it is, but nothing else: for who reads no records. */
int vs_generation_peek(struct vs_generation *generation, struct vs_meta_state *state, struct vs_error *error);

/* Takes the writer lock (waits up to five seconds for another writer) and rechecks CURRENT (I5): VS_ESTALE when it has moved.
 * VS_EREADONLY after a failed sync, until the generation is opened again.
 * Ends by vs_meta_commit or vs_meta_rollback. */
int vs_generation_begin_write(struct vs_generation *generation, struct vs_meta_state *state, struct vs_error *error);

/* Inside a transaction: opens vectors.f32 for the dimension that *state has, making it when create is set, and maps all
 * committed rows. */
int vs_generation_open_vectors(struct vs_generation *generation, const struct vs_meta_state *state, bool create,
                               struct vs_error *error);
/* Inside a transaction: hides what has expired by now, milliseconds since 1970, and what is out of scope. Liveness was brought
 * up to *state. */
int vs_generation_refresh_visible(struct vs_generation *generation, const struct vs_meta_state *state, int64_t now,
                                 struct vs_error *error);
/* The records that are there for users, as of the last refresh: live, not expired, within the scope. */
static inline const struct vs_bitmap *vs_generation_visible(const struct vs_generation *generation)
{
	if (generation->scope != NULL)
		return &generation->scoped.visible;
	return generation->expiry.last != 0 ? &generation->expiry.visible : &generation->live;
}
static inline uint64_t vs_generation_active(const struct vs_generation *generation, const struct vs_meta_state *state)
{
	return generation->scope != NULL ? generation->scoped.active : state->active - generation->expiry.active;
}
/* The record is not there for users, soft-deleted or not: it has expired, or is out of scope. */
static inline bool vs_generation_hidden(const struct vs_generation *generation, const struct vs_meta_row *row)
{
	return vs_expiry_passed(row, generation->expiry.now) || !vs_scope_has(generation->scope, row);
}

/* Inside a transaction: brings the liveness bitmap up to *state. */
int vs_generation_refresh_live(struct vs_generation *generation, const struct vs_meta_state *state,
                               struct vs_error *error);

#endif

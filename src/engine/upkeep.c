/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the indexer does for a namespace: link committed slots, write the liveness file and trim the change log behind it,
 * copy the WAL back. All of it is derived or repeatable: killed at any instruction, the next one goes on (I7).
 *
 * indexer.lock in the generation's folder (flock) is held by the one process in this role; it alone checkpoints the WAL
 * and opens the graph for writing. Lock order: indexer.lock, meta.db's writer lock, graph.lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/birth.h"
#include "engine/columns_fill.h"
#include "engine/namespace.h"
#include "engine/rows_fill.h"
#include "engine/sweep.h"
#include "store/live.h"

#define CHECKPOINT_BUSY_MS 100     /* how long a WAL checkpoint may hold writers up, waiting for readers */
#define CHECKPOINT_CHANGES 5000    /* changes after which the WAL is copied back at once */
#define LIVE_CHANGES 5000          /* changes after which live.bits is written at once */
#define SETTLE_NS UINT64_C(1000000000) /* else, this long after the last time */
#ifndef VS_FAULTS
#define CHANGES_KEPT 100000        /* of the change log, behind live.bits, unless another number is asked for */
#define TRIM_LIMIT 20000           /* rows dropped per transaction, so that writers do not wait long */
#else                              /* as many as the tests have */
#define CHANGES_KEPT 1000
#define TRIM_LIMIT 200
#endif
#define BATCH_SLOTS 20000          /* linked between two looks at the clock and the commits */
#define COLUMN_BLOCKS 64           /* filled in one transaction: about 0.1 s */
#define THREADS_MAX 64

struct vs_upkeep {
	struct vs_file lock;
	struct vs_meta *meta;     /* own connection: its checkpoints wait less than writers do */
	struct vs_graph *writer;  /* NULL until the namespace is large enough */
	struct vs_bitmap present; /* slots that have a record, or had one when last seen */
	uint64_t live_seq;        /* of the live.bits on disk */
	uint64_t live_at;         /* when it was written, ns */
	uint64_t wal_seq;         /* newest change when the WAL was last copied back */
	uint64_t wal_at;
	uint64_t graph_at; /* when the graph was last synced */
	bool graph_dirty;
	struct vs_columns_fill *fill; /* NULL until there is a block to fill */
	uint64_t columns_at;          /* when columns were last synced */
	bool columns_dirty;
	struct vs_rows_fill rows;
};

void vs_upkeep_release(struct vs_upkeep *upkeep)
{
	if (upkeep == NULL)
		return;
	vs_graph_close(upkeep->writer);
	vs_columns_fill_close(upkeep->fill);
	vs_rows_fill_release(&upkeep->rows);
	vs_meta_close(upkeep->meta);
	vs_bitmap_release(&upkeep->present);
	vs_file_close(&upkeep->lock);
	free(upkeep);
}

static void lock_path(const struct vs_namespace *ns, char path[VS_GENERATION_PATH + 16])
{
	snprintf(path, VS_GENERATION_PATH + 16, "%s/indexer.lock", ns->generation.dir);
}

bool vs_upkeep_taken(const struct vs_namespace *ns)
{
	struct vs_file lock = VS_FILE_INIT;
	char path[VS_GENERATION_PATH + 16];
	bool taken = ns->upkeep != NULL;

	lock_path(ns, path);
	/* For a moment this keeps an indexer that starts from having the lock; it tries again. */
	if (!taken && vs_file_open(&lock, path, 0, NULL) == 0)
		taken = vs_file_lock_shared(&lock, NULL) == VS_EBUSY;
	vs_file_close(&lock);
	return taken;
}

int vs_upkeep_open(struct vs_namespace *ns, struct vs_error *error)
{
	char path[VS_GENERATION_PATH + 16];
	struct vs_upkeep *upkeep;
	int rc;

	if (ns->upkeep != NULL)
		return 0;
	upkeep = calloc(1, sizeof(*upkeep));
	if (upkeep == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for the upkeep of a namespace");
	upkeep->lock.fd = -1;
	lock_path(ns, path);
	rc = vs_file_open(&upkeep->lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	if (rc == 0)
		rc = vs_file_lock(&upkeep->lock, error);
	if (rc == 0)
		rc = vs_meta_open(ns->generation.dir, CHECKPOINT_BUSY_MS, &upkeep->meta, error);
	if (rc < 0) {
		vs_upkeep_release(upkeep);
		return rc;
	}
	upkeep->live_seq = ns->generation.live_stored;
	ns->upkeep = upkeep;
	vs_compact_tidy(ns);
	if (ns->generation.current.fd >= 0)
		vs_birth_forget(ns->folder);
	return 0;
}

static int mark_present(void *context, const struct vs_meta_row *row)
{
	vs_bitmap_set(context, row->slot);
	return 0;
}

/* Which of the slots that came since have a record, soft-deleted ones too: they may come back. Inside the transaction. */
static int refresh_present(struct vs_namespace *ns, const struct vs_meta_state *state, struct vs_error *error)
{
	struct vs_bitmap *present = &ns->upkeep->present;
	uint32_t known = present->len;
	int rc;

	if (known >= state->next_slot)
		return 0;
	if (vs_bitmap_resize(present, state->next_slot) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for the liveness of %u slots", state->next_slot);
	rc = vs_meta_scan(ns->generation.meta, known, state->next_slot, mark_present, present, error);
	/* What was not seen must not pass for known: these slots would never be linked. */
	if (rc < 0 && !VS_PLANTED("present-forgotten"))
		(void)vs_bitmap_resize(present, known);
	return rc;
}

/* Opens the graph for writing; again, when one of its files was taken away. */
static int open_writer(struct vs_namespace *ns, const struct vs_meta_state *state, struct vs_error *error)
{
	static const struct vs_graph_options options = VS_GRAPH_OPTIONS;
	struct vs_upkeep *upkeep = ns->upkeep;

	if (upkeep->writer != NULL && vs_graph_refresh(upkeep->writer, NULL) < 0) {
		vs_graph_close(upkeep->writer);
		upkeep->writer = NULL;
	}
	if (upkeep->writer != NULL)
		return 0;
	return vs_graph_open_writer(ns->generation.dir, &ns->generation.vectors.space, state->generation, &options,
	                            &upkeep->writer, error);
}

struct linking {
	const struct vs_index_options *options;
	uint32_t slots;
};

static int link_progress(void *context, uint32_t linked)
{
	const struct linking *linking = context;

	if (linking->options->progress == NULL)
		return 0;
	return linking->options->progress(linking->options->context, linked, linking->slots);
}

static unsigned thread_count(const struct vs_index_options *options)
{
	long cores = options->threads != 0 ? (long)options->threads : sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 1;
	return cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;
}

static int sync_graph(struct vs_upkeep *upkeep, struct vs_error *error)
{
	int rc = vs_graph_checkpoint(upkeep->writer, error);

	if (rc == 0) {
		upkeep->graph_dirty = false;
		upkeep->graph_at = vs_clock_mono_ns();
	}
	return rc;
}

/* Links what is committed. No transaction is open: the maps and the present bitmap of the snapshot stay valid. */
static int link_tail(struct vs_namespace *ns, const struct vs_meta_state *state, const struct vs_index_options *options,
                     bool *worked, struct vs_error *error)
{
	struct vs_upkeep *upkeep = ns->upkeep;
	struct linking linking = { options, state->next_slot };
	struct vs_view view;
	int rc;

	if (!ns->generation.has_vectors || !vs_metric_indexed(state->metric) || state->next_slot < VS_GRAPH_MIN_SLOTS)
		return 0;
	rc = open_writer(ns, state, error);
	if (rc < 0)
		return rc;
	view = vs_vectors_view(&ns->generation.vectors);
	/* Nobody else links, so its header is damaged: what came then would never be linked. */
	if (vs_graph_linked(upkeep->writer) > state->next_slot)
		vs_graph_rewind(upkeep->writer, state->next_slot);
	while (rc == 0 && (vs_graph_mending(upkeep->writer) || vs_graph_linked(upkeep->writer) < state->next_slot) &&
	       !vs_generation_moved(&ns->generation)) {
		uint32_t linked = vs_graph_linked(upkeep->writer);
		uint32_t end = state->next_slot - linked > BATCH_SLOTS ? linked + BATCH_SLOTS : state->next_slot;
		rc = vs_graph_link(upkeep->writer, &view, end, &upkeep->present, thread_count(options), link_progress, &linking,
		                   error);
		upkeep->graph_dirty = true;
		*worked = true;
	}
	if (rc == 0 && upkeep->graph_dirty && (!*worked || vs_clock_mono_ns() - upkeep->graph_at > SETTLE_NS)) {
		rc = sync_graph(upkeep, error);
		*worked = true;
	}
	return rc;
}

static int sync_columns(struct vs_upkeep *upkeep, bool *worked, struct vs_error *error)
{
	int rc;

	if (!upkeep->columns_dirty || vs_clock_mono_ns() - upkeep->columns_at < SETTLE_NS)
		return 0;
	rc = vs_columns_fill_checkpoint(upkeep->fill, error);
	if (rc < 0)
		return rc;
	upkeep->columns_dirty = false;
	upkeep->columns_at = vs_clock_mono_ns();
	*worked = true;
	return 0;
}

/* Fills columns with the whole blocks that are committed, a few per transaction. A failure leaves them to the next call,
 * from the files. */
static int fill_columns(struct vs_namespace *ns, bool *worked, struct vs_error *error)
{
	struct vs_upkeep *upkeep = ns->upkeep;
	int filled;
	int rc;

	if (upkeep->fill != NULL && vs_columns_fill_stale(upkeep->fill)) {
		vs_columns_fill_close(upkeep->fill);
		upkeep->fill = NULL;
	}
	do {
		struct vs_meta_state state;
		filled = 0;
		rc = vs_meta_begin(ns->generation.meta, &state, error);
		if (rc < 0)
			return rc;
		if (upkeep->fill == NULL && state.next_slot >= VS_COLUMNS_BLOCK)
			rc = vs_columns_fill_open(ns->generation.dir, state.generation, &upkeep->fill, error);
		if (rc == 0 && upkeep->fill != NULL)
			rc = filled = vs_columns_fill_run(upkeep->fill, ns->generation.meta, &state, COLUMN_BLOCKS, error);
		vs_meta_end(ns->generation.meta);
		if (filled > 0)
			upkeep->columns_dirty = *worked = true;
	} while (filled == COLUMN_BLOCKS);
	if (rc >= 0 && upkeep->fill != NULL)
		rc = sync_columns(upkeep, worked, error);
	if (rc < 0) {
		vs_columns_fill_close(upkeep->fill);
		upkeep->fill = NULL;
		upkeep->columns_dirty = false;
	}
	return rc < 0 ? rc : 0;
}

/* From the rows: what was taken away may have been wrong, and with it what was read from it. */
static int scan_live(struct vs_namespace *ns, struct vs_meta_state *state, struct vs_error *error)
{
	struct vs_generation *generation = &ns->generation;
	int rc = vs_meta_begin(generation->meta, state, error);

	if (rc < 0)
		return rc;
	generation->live_known = false;
	rc = vs_generation_refresh_live(generation, state, error);
	vs_meta_end(generation->meta);
	return rc;
}

/* Is there enough of the log beyond what is to be kept, up to live.bits? */
static bool trim_due(const struct vs_upkeep *upkeep, const struct vs_meta_state *state, uint64_t kept)
{
	uint64_t there = upkeep->live_seq > state->trimmed ? upkeep->live_seq - state->trimmed : 0;

	return there >= kept && there - kept >= TRIM_LIMIT;
}

static uint64_t changes_kept(const struct vs_index_options *options)
{
	return options != NULL && options->changes_kept != 0 ? options->changes_kept : CHANGES_KEPT;
}

/* Writes live.bits, if enough has changed, then drops the change log far behind it. */
static int store_live(struct vs_namespace *ns, struct vs_meta_state *state, uint64_t kept, bool *worked,
                      struct vs_error *error)
{
	struct vs_generation *generation = &ns->generation;
	struct vs_upkeep *upkeep = ns->upkeep;
	uint64_t behind = state->seq - upkeep->live_seq;
	char path[VS_GENERATION_PATH + 16];
	bool missing;
	int rc;

	snprintf(path, sizeof(path), "%s/live.bits", generation->dir);
	missing = state->seq > 0 && !vs_file_exists(path);
	if (!missing && (behind == 0 || (behind < LIVE_CHANGES && vs_clock_mono_ns() - upkeep->live_at < SETTLE_NS)))
		return 0;
	rc = missing ? scan_live(ns, state, error) : 0;
	if (rc == 0)
		rc = vs_live_store(generation->dir, state->generation, &generation->live, generation->live_seq, error);
	if (rc < 0)
		return rc;
	upkeep->live_seq = generation->live_seq;
	upkeep->live_at = vs_clock_mono_ns();
	*worked = true;
	if (!trim_due(upkeep, state, kept))
		return 0;
	rc = vs_generation_begin_write(generation, state, error);
	if (rc < 0)
		return rc;
	rc = vs_meta_trim(generation->meta, state, upkeep->live_seq - kept, TRIM_LIMIT, error);
	if (rc < 0) {
		vs_meta_rollback(generation->meta);
		return rc;
	}
	return vs_meta_commit(generation->meta, state, error);
}

/* Copies the WAL back. A reader that is in the way only postpones it. An empty one is left alone: to truncate it again would be
 * news to whoever watches the file, so that of more namespaces than can be open each would be opened again and again. */
static int checkpoint_wal(struct vs_namespace *ns, const struct vs_meta_state *state, bool *worked, struct vs_error *error)
{
	struct vs_upkeep *upkeep = ns->upkeep;
	uint64_t behind = state->seq - upkeep->wal_seq;
	int rc;

	if (behind == 0 || (behind < CHECKPOINT_CHANGES && vs_clock_mono_ns() - upkeep->wal_at < SETTLE_NS))
		return 0;
	if (vs_meta_wal_bytes(ns->generation.meta) == 0) {
		upkeep->wal_seq = state->seq;
		return 0;
	}
	rc = vs_meta_checkpoint(upkeep->meta, error);
	upkeep->wal_at = vs_clock_mono_ns();
	if (rc == VS_EBUSY)
		return 0;
	if (rc == 0) {
		upkeep->wal_seq = state->seq;
		*worked = true;
	}
	return rc;
}

int vs_namespace_index(struct vs_namespace *ns, const struct vs_index_options *options, bool *worked,
                       struct vs_error *error)
{
	static const struct vs_index_options defaults = VS_INDEX_OPTIONS;
	struct vs_meta_state state;
	struct vs_error late; /* of what is only told when all else is done */
	bool any = false;
	int copies = 0;
	int rc;

	if (worked != NULL)
		*worked = false;
	rc = vs_namespace_begin(ns, &state, error);
	if (rc < 0)
		return rc;
	rc = vs_upkeep_open(ns, error);
	if (rc == 0)
		rc = refresh_present(ns, &state, error);
	vs_namespace_end(ns);
	if (rc == 0)
		rc = vs_namespace_sweep(ns, &state, &any, error);
	if (rc == 0 && ns->upkeep == NULL) /* its transaction has followed CURRENT to another generation */
		rc = vs_error_set(error, VS_ESTALE, "namespace %s has another generation now", ns->entry.name);
	if (rc == 0)
		copies = fill_columns(ns, &any, &late);
	if (rc == 0 && copies == 0)
		copies = vs_rows_fill_run(&ns->upkeep->rows, &ns->generation, &any, &late);
	if (rc == 0)
		rc = link_tail(ns, &state, options != NULL ? options : &defaults, &any, error);
	if (rc == 0)
		rc = store_live(ns, &state, changes_kept(options), &any, error);
	if (rc == 0)
		rc = checkpoint_wal(ns, &state, &any, error);
	if ((rc < 0 || copies < 0) && vs_generation_moved(&ns->generation))
		rc = vs_error_set(error, VS_ESTALE, "namespace %s has another generation now", ns->entry.name);
	/* After a fault nothing that was open is trusted: the next call opens it again, and repairs. */
	if (rc < 0 && rc != VS_EBUSY && !VS_PLANTED("present-forgotten")) {
		vs_upkeep_release(ns->upkeep);
		ns->upkeep = NULL;
	}
	if (worked != NULL)
		*worked = any;
	if (rc == 0 && copies < 0) {
		if (error != NULL)
			*error = late;
		return copies;
	}
	return rc;
}

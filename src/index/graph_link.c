/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_link: putting slots into the graph, with several threads.
 *
 * Threads take batches of slots in order. `linked` is the lowest slot that some thread may still be working on, so all
 * below it are in; a killed process leaves some slots above it linked already, and linking those again is harmless.
 * Files have grown before the threads start, so maps do not move under them.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "index/graph_impl.h"
#include "index/graph_pool.h"
#include "index/graph_select.h"

#define BATCH 64
#define ALONE 1024 /* slots at the start of a graph that one thread links: a crowd would not see each other */
#define THREADS_MAX 256
#define START_TRIES 4096 /* slots looked at for another start */

struct linker;

struct worker {
	struct linker *linker;
	struct vs_graph_scratch *scratch; /* of the walk */
	struct vs_graph_scratch *pair;    /* of comparisons between neighbours */
	pthread_t thread;
	bool started;
	uint32_t at; /* first slot of the batch in hand; UINT32_MAX: none. Under linker->queue */
};

struct linker {
	struct vs_graph *graph;
	const struct vs_view *view;
	const struct vs_bitmap *set;    /* slots to link */
	const struct vs_bitmap *topped; /* slots that have their upper levels already; NULL: none */
	bool raise;                     /* raise linked (not while repairing what is below it) */
	int (*progress)(void *context, uint32_t linked);
	void *context;

	pthread_mutex_t queue; /* cursor, stop and the workers' at; held for a moment */
	uint32_t cursor;
	uint32_t end;
	int stop; /* what progress returned */

	pthread_mutex_t entry; /* changes of the entry point; waits for another node's whole linking, which is rare */
	struct vs_node_locks locks;
	struct worker *workers;
	unsigned count;
};

/* A node on its way in. */
struct node {
	uint32_t slot;
	uint32_t level;                          /* its highest */
	uint32_t ids[VS_GRAPH_LEVEL_MAX + 1];    /* its id at each level */
	uint32_t counts[VS_GRAPH_LEVEL_MAX + 1]; /* links chosen at each level */
	uint32_t chosen[VS_GRAPH_LEVEL_MAX + 1][2 * VS_GRAPH_M_MAX];
};

/* Takes records for the upper levels; they are invisible until linked to. */
static void node_init(struct linker *linker, struct node *node, uint32_t slot)
{
	struct vs_graph *graph = linker->graph;
	uint32_t first;

	node->slot = slot;
	node->level = vs_graph_level(graph, slot);
	if (linker->topped != NULL && vs_bitmap_test(linker->topped, slot))
		node->level = 0;
	memset(node->counts, 0, sizeof(node->counts));
	node->ids[0] = slot;
	if (node->level == 0)
		return;
	first = vs_add_relaxed(&vs_graph_state(graph)->records, node->level);
	for (uint32_t level = 1; level <= node->level; level++) {
		struct vs_graph_record *record = vs_graph_record(graph, first + level - 1);
		memset(record, 0, graph->record_stride);
		vs_store_relaxed(&record->slot, slot);
		vs_store_relaxed(&record->down, level == 1 ? 0 : first + level - 1);
		vs_store_release(&record->level, level);
		node->ids[level] = first + level - 1;
	}
}

/* A node that is linked again may be where the way down ends, with no links to go on by: then any that has links will do. */
static uint32_t start_beside(const struct vs_walk *walk, uint32_t slot)
{
	if (vs_load_relaxed(vs_graph_list(walk->graph, slot)) != 0)
		return slot;
	for (uint32_t i = 1; i < walk->slots && i < START_TRIES; i++) {
		uint32_t other = i <= slot ? slot - i : i;
		if (vs_load_relaxed(vs_graph_list(walk->graph, other)) != 0)
			return other;
	}
	return slot;
}

/* Finds the links of each level up to `top`, from the entry point `id` there. */
static void node_find(struct vs_walk *walk, struct vs_walk *pair, struct node *node, uint32_t top, uint32_t id)
{
	const struct vs_graph *graph = walk->graph;
	uint32_t start = vs_walk_slot(walk, top, id); /* where level 0 begins when the way down is damaged */
	struct vs_candidates found = { NULL, 0, walk->salt, 0, 0, vs_walk_distance(walk, node->slot) };
	uint32_t level = top;

	if (top > node->level) {
		level = node->level;
		vs_walk_descend(walk, top, level, &id);
	}
	for (;; level--) {
		if (level == 0 && id >= walk->slots)
			id = start;
		if (level == 0 && id == node->slot)
			id = start_beside(walk, id);
		vs_walk_start(walk, level, id);
		vs_walk_layer(walk, level, graph->ef_construction);
		found.items = walk->scratch->pool;
		found.count = walk->len;
		found.level = level;
		found.self = node->ids[level];
		/* At level 0 three quarters of the list; the rest is left to those that come later. */
		node->counts[level] =
		    vs_graph_select(pair, &found, level == 0 ? graph->m + graph->m / 2 : graph->m, node->chosen[level]);
		if (level == 0)
			return;
		id = UINT32_MAX;
		if (walk->len > 0) {
			const struct vs_graph_record *best = vs_graph_record(graph, vs_pool_id(walk->scratch->pool[0], walk->salt));
			start = vs_load_relaxed(&best->slot);
			id = level == 1 ? start : vs_load_relaxed(&best->down) - 1;
		}
	}
}

/* I3: all lists of the node are complete before the first link to it. */
static void node_publish(struct vs_walk *walk, struct vs_walk *pair, struct vs_node_locks *locks,
                         const struct node *node)
{
	for (uint32_t level = 0; level <= node->level; level++)
		vs_graph_list_set(walk, locks, level, node->ids[level], node->chosen[level], node->counts[level]);
	for (uint32_t i = 0; i < node->counts[0]; i++) {
		__builtin_prefetch(vs_graph_list(walk->graph, node->chosen[0][i]), 1);
		__builtin_prefetch(vs_graph_list(walk->graph, node->chosen[0][i]) + 16, 1);
	}
	VS_POINT("graph-publish");
	for (uint32_t level = 0; level <= node->level; level++) {
		for (uint32_t i = 0; i < node->counts[level]; i++)
			vs_graph_list_add(walk, pair, locks, level, node->chosen[level][i], node->ids[level]);
		if (node->level > 0)
			VS_POINT("graph-level");
	}
}

static uint64_t node_entry(const struct node *node)
{
	return (uint64_t)node->level << 32 | (node->ids[node->level] + 1);
}

static void node_link(struct worker *worker, uint32_t slot)
{
	struct linker *linker = worker->linker;
	struct vs_graph *graph = linker->graph;
	struct vs_graph_state *state = vs_graph_state(graph);
	struct vs_walk walk;
	struct vs_walk pair;
	struct node node;
	uint32_t top;
	uint32_t id;
	bool higher;

	node_init(linker, &node, slot);
	vs_walk_init(&walk, graph, linker->view, worker->scratch);
	walk.salt = vs_graph_hash(slot) >> 1;
	vs_walk_init(&pair, graph, linker->view, worker->pair);
	vs_walk_query_slot(&walk, slot);

	higher = !vs_walk_entry(&walk, vs_load_acquire(&state->entry), &top, &id) || node.level > top;
	if (higher)
		pthread_mutex_lock(&linker->entry);
	if (vs_walk_entry(&walk, vs_load_acquire(&state->entry), &top, &id)) {
		node_find(&walk, &pair, &node, top, id);
		node_publish(&walk, &pair, &linker->locks, &node);
		higher = higher && node.level <= top ? (pthread_mutex_unlock(&linker->entry), false) : higher;
	}
	if (higher) {
		vs_store_release(&state->entry, node_entry(&node));
		pthread_mutex_unlock(&linker->entry);
	}
}

/* ---- batches -------------------------------------------------------------------------------------------- */

/* Under queue: tells readers how far all threads have come. */
static bool linked_raise(struct linker *linker)
{
	struct vs_graph_state *state = vs_graph_state(linker->graph);
	uint32_t low = linker->cursor < linker->end ? linker->cursor : linker->end;

	for (unsigned i = 0; i < linker->count; i++)
		if (linker->workers[i].at < low)
			low = linker->workers[i].at;
	if (VS_PLANTED("linked-early"))
		low = linker->end;
	if (!linker->raise || low <= vs_load_relaxed(&state->linked))
		return false;
	if (linker->graph->code_stride > 0)
		vs_store_release(vs_graph_coded(linker->graph), low);
	vs_store_release(&state->linked, low);
	return true;
}

/* The next batch; false when there is none. */
static bool batch_take(struct worker *worker, uint32_t *from, uint32_t *to)
{
	struct linker *linker = worker->linker;
	bool more;
	bool raised;

	pthread_mutex_lock(&linker->queue);
	more = linker->stop == 0 && linker->cursor < linker->end;
	worker->at = UINT32_MAX;
	if (more) {
		*from = linker->cursor;
		*to = linker->end - *from < BATCH ? linker->end : *from + BATCH;
		linker->cursor = *to;
		worker->at = *from;
	}
	raised = linked_raise(linker);
	pthread_mutex_unlock(&linker->queue);
	if (raised)
		VS_POINT("graph-linked");
	return more;
}

static void progress_call(struct linker *linker)
{
	int stop;

	if (linker->progress == NULL)
		return;
	stop = linker->progress(linker->context, vs_graph_linked(linker->graph));
	if (stop == 0)
		return;
	pthread_mutex_lock(&linker->queue);
	linker->stop = stop;
	pthread_mutex_unlock(&linker->queue);
}

static void *worker_run(void *data)
{
	struct worker *worker = data;
	struct linker *linker = worker->linker;
	uint32_t from;
	uint32_t to;

	while (batch_take(worker, &from, &to)) {
		for (uint32_t slot = vs_bitmap_next(linker->set, from); slot < to; slot = vs_bitmap_next(linker->set, slot + 1))
			node_link(worker, slot);
		if (worker == linker->workers)
			progress_call(linker);
	}
	return NULL;
}

static int workers_init(struct linker *linker, struct vs_error *error)
{
	const struct vs_graph *graph = linker->graph;
	uint32_t slots = vs_graph_slots(graph);
	uint32_t records = vs_graph_records(graph);
	int code = 0;

	linker->workers = calloc(linker->count, sizeof(*linker->workers));
	if (linker->workers == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for linking threads");
	for (unsigned i = 0; code == 0 && i < linker->count; i++) {
		struct worker *worker = &linker->workers[i];
		worker->linker = linker;
		worker->at = UINT32_MAX;
		code = vs_graph_scratch_init(&worker->scratch, error);
		if (code == 0)
			code = vs_graph_scratch_init(&worker->pair, error);
		if (code == 0)
			code = vs_walk_reserve(worker->scratch, &graph->space, slots > records ? slots : records,
			                       graph->ef_construction, error);
		if (code == 0)
			code = vs_walk_reserve(worker->pair, &graph->space, 0, 1, error);
	}
	return code;
}

static void workers_release(struct linker *linker)
{
	for (unsigned i = 0; linker->workers != NULL && i < linker->count; i++) {
		vs_graph_scratch_release(linker->workers[i].scratch);
		vs_graph_scratch_release(linker->workers[i].pair);
	}
	free(linker->workers);
	linker->workers = NULL;
}

/* Links the slots of the set in [from, end) with up to `threads` threads; the calling one is the first of them. */
static int range_link(struct linker *linker, uint32_t from, uint32_t end, unsigned threads, struct vs_error *error)
{
	unsigned most = (end - from) / BATCH + 1;
	int code;

	linker->cursor = from;
	linker->end = end;
	linker->count = threads < most ? threads : most;
	code = workers_init(linker, error);
	if (code == 0) {
		/* A thread that cannot be had is done without. */
		for (unsigned i = 1; i < linker->count; i++)
			linker->workers[i].started =
			    pthread_create(&linker->workers[i].thread, NULL, worker_run, &linker->workers[i]) == 0;
		(void)worker_run(&linker->workers[0]);
		for (unsigned i = 1; i < linker->count; i++)
			if (linker->workers[i].started)
				(void)pthread_join(linker->workers[i].thread, NULL);
		pthread_mutex_lock(&linker->queue);
		(void)linked_raise(linker);
		pthread_mutex_unlock(&linker->queue);
		code = linker->stop;
	}
	workers_release(linker);
	return code;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

/* Makes room for `slots` slots and for the upper levels of those of the set in [from, to). */
static int files_grow(struct linker *linker, uint32_t slots, uint32_t from, uint32_t to, struct vs_error *error)
{
	struct vs_graph *graph = linker->graph;
	uint64_t records = vs_load_relaxed(&vs_graph_state(graph)->records);
	int code = vs_graph_file_grow(&graph->lists, slots, graph->list_stride, error);

	if (code == 0 && graph->code_stride > 0)
		code = vs_graph_file_grow(&graph->codes, slots, graph->code_stride, error);
	if (code != 0)
		return code;
	for (uint32_t slot = vs_bitmap_next(linker->set, from); slot < to; slot = vs_bitmap_next(linker->set, slot + 1))
		records += vs_graph_level(graph, slot);
	if (records > VS_GRAPH_SLOTS_MAX)
		return vs_error_set(error, VS_ETOOBIG, "%s is full", graph->upper.file.path);
	return vs_graph_file_grow(&graph->upper, (uint32_t)records, graph->record_stride, error);
}

/* Before threads link: what a writer left that was killed may be linked to already, and must not change while others compare
 * with it. */
static void codes_encode(const struct linker *linker, uint32_t from, uint32_t to)
{
	const struct vs_graph *graph = linker->graph;

	if (graph->code_stride == 0)
		return;
	for (uint32_t slot = vs_bitmap_next(linker->set, from); slot < to; slot = vs_bitmap_next(linker->set, slot + 1))
		vs_int8_encode(&graph->space, vs_view_row(linker->view, slot), vs_graph_code(graph, slot));
}

/* I4: links again what another boot left damaged, then takes the files over into this boot. */
static int damage_mend(struct linker *linker, const struct vs_bitmap *present, unsigned threads, struct vs_error *error)
{
	struct vs_graph *graph = linker->graph;
	struct vs_graph_damage damage = { VS_BITMAP_INIT, VS_BITMAP_INIT };
	uint32_t linked = vs_load_relaxed(&vs_graph_state(graph)->linked);
	uint32_t slots = vs_graph_bound(graph, linker->view);
	int code = vs_graph_damage_find(graph, present, linked, slots, &damage, error);

	if (code == 0) {
		vs_graph_lists_clean(graph, present, linked, slots);
		linker->set = &damage.lists;
		linker->topped = &damage.records;
		linker->raise = false;
		code = files_grow(linker, linked, 0, linked, error);
	}
	if (code == 0)
		codes_encode(linker, 0, linked);
	if (code == 0)
		code = range_link(linker, 0, linked, threads, error);
	if (code == 0) {
		vs_graph_boot_id(vs_graph_state(graph)->boot);
		graph->other_boot = false;
	}
	vs_bitmap_release(&damage.lists);
	vs_bitmap_release(&damage.records);
	return code;
}

static int tail_link(struct linker *linker, const struct vs_bitmap *present, uint32_t end, unsigned threads,
                     struct vs_error *error)
{
	uint32_t linked = vs_load_relaxed(&vs_graph_state(linker->graph)->linked);
	int code;

	if (linked >= end)
		return 0;
	linker->set = present;
	linker->topped = NULL;
	linker->raise = true;
	code = files_grow(linker, end, linked, end, error);
	VS_POINT("graph-grown");
	if (code == 0)
		codes_encode(linker, linked, end);
	if (code == 0 && linked < ALONE) {
		uint32_t first = end < ALONE ? end : ALONE;
		code = range_link(linker, linked, first, 1, error);
		linked = first;
	}
	if (code == 0 && linked < end)
		code = range_link(linker, linked, end, threads, error);
	return code;
}

static int link_arguments(const struct vs_graph *graph, const struct vs_view *view, uint32_t end,
                          struct vs_error *error)
{
	if (!graph->writer)
		return vs_error_set(error, VS_EINVAL, "the graph was opened for reading");
	if (graph->broken)
		return vs_error_set(error, VS_EIO, "%s could not be synced before; open it again", graph->lists.file.path);
	if (end > view->count)
		return vs_error_set(error, VS_EINVAL, "only %u of %u vectors are mapped", view->count, end);
	if (end > VS_GRAPH_SLOTS_MAX)
		return vs_error_set(error, VS_ETOOBIG, "a graph holds at most %u slots", VS_GRAPH_SLOTS_MAX);
	return 0;
}

int vs_graph_link(struct vs_graph *graph, const struct vs_view *view, uint32_t end, const struct vs_bitmap *present,
                  unsigned threads, int (*progress)(void *context, uint32_t linked), void *context,
                  struct vs_error *error)
{
	struct linker *linker;
	int code = link_arguments(graph, view, end, error);

	if (code == 0)
		code = vs_graph_refresh(graph, error);
	if (code == 0)
		code = vs_graph_restore(graph, view, error);
	if (code != 0)
		return code;
	linker = calloc(1, sizeof(*linker));
	if (linker == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for linking");
	linker->graph = graph;
	linker->view = view;
	linker->progress = progress;
	linker->context = context;
	pthread_mutex_init(&linker->queue, NULL);
	pthread_mutex_init(&linker->entry, NULL);
	if (threads == 0)
		threads = 1;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	if (graph->other_boot)
		code = damage_mend(linker, present, threads, error);
	if (code == 0)
		code = tail_link(linker, present, end, threads, error);
	pthread_mutex_destroy(&linker->queue);
	pthread_mutex_destroy(&linker->entry);
	free(linker);
	return code;
}

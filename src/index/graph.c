/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph: opening, closing, following and checkpointing a graph. */
#include "index/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "index/graph_impl.h"

#define LISTS_NAME "graph.hnsw"
#define UPPER_NAME "graph.up"
#define CODES_NAME "codes.i8"
#define LOCK_NAME "graph.lock"
#define LISTS_MAGIC "vecstore graph"
#define UPPER_MAGIC "vecstore upper"
#define CODES_MAGIC "vecstore codes"

uint32_t vs_graph_slots(const struct vs_graph *graph)
{
	uint32_t slots = vs_graph_file_rows(&graph->lists, graph->list_stride);

	if (graph->code_stride > 0) {
		uint32_t codes = vs_graph_file_rows(&graph->codes, graph->code_stride);
		if (codes < slots)
			slots = codes;
	}
	return slots < VS_GRAPH_SLOTS_MAX ? slots : VS_GRAPH_SLOTS_MAX;
}

uint32_t vs_graph_records(const struct vs_graph *graph)
{
	uint32_t records = vs_graph_file_rows(&graph->upper, graph->record_stride);

	return records < VS_GRAPH_SLOTS_MAX ? records : VS_GRAPH_SLOTS_MAX;
}

uint32_t vs_graph_level(const struct vs_graph *graph, uint32_t slot)
{
	uint32_t hash = vs_graph_hash(slot ^ UINT32_C(0x5bd1e995));
	uint32_t level = 0;

	for (uint32_t limit = UINT32_MAX / graph->m; hash < limit && level < VS_GRAPH_LEVEL_MAX; limit /= graph->m)
		level++;
	return level;
}

static size_t list_stride(uint32_t m)
{
	return ((size_t)m * 2 * sizeof(uint32_t) + 63) / 64 * 64;
}

static size_t record_stride(uint32_t m)
{
	return (sizeof(struct vs_graph_record) + m * sizeof(uint32_t) + 15) / 16 * 16;
}

static void head_init(struct vs_graph_head *head, const struct vs_space *space, uint32_t generation, const char *magic)
{
	memset(head, 0, sizeof(*head));
	head->dim = space->dim;
	head->metric = (uint32_t)space->metric;
	head->generation = generation;
	memcpy(head->magic, magic, strlen(magic));
}

/* True when the header's sizes are such as this code writes. */
static bool head_sane(const struct vs_graph_head *lists, const struct vs_graph_head *upper)
{
	return lists->m >= 2 && lists->m <= VS_GRAPH_M_MAX && lists->stride == list_stride(lists->m) &&
	       upper->stride == record_stride(lists->m);
}

static int lists_open(struct vs_graph *graph, const char *dir, bool write, struct vs_error *error)
{
	struct vs_graph_head lists;
	struct vs_graph_head upper;
	int code;

	head_init(&lists, &graph->space, graph->generation, LISTS_MAGIC);
	code = vs_graph_file_open(&graph->lists, dir, LISTS_NAME, write, &lists, error);
	if (code != 0)
		return code;
	head_init(&upper, &graph->space, graph->generation, UPPER_MAGIC);
	upper.m = lists.m;
	upper.pair = lists.pair;
	code = vs_graph_file_open(&graph->upper, dir, UPPER_NAME, write, &upper, error);
	if (code == 0 && !head_sane(&lists, &upper)) {
		code = vs_error_set(error, VS_ECORRUPT, "%s/%s has impossible sizes", dir, LISTS_NAME);
		vs_graph_file_close(&graph->upper);
	}
	if (code != 0) {
		vs_graph_file_close(&graph->lists);
		return code;
	}
	graph->m = lists.m;
	graph->ef_construction = lists.ef_construction;
	graph->list_stride = lists.stride;
	graph->record_stride = upper.stride;
	return 0;
}

static int codes_open(struct vs_graph *graph, const char *dir, bool write, struct vs_error *error)
{
	struct vs_graph_head head;
	int code;

	if (graph->space.quantization != VS_QUANTIZATION_INT8)
		return 0;
	head_init(&head, &graph->space, graph->generation, CODES_MAGIC);
	code = vs_graph_file_open(&graph->codes, dir, CODES_NAME, write, &head, error);
	if (code == 0 && head.stride != vs_int8_stride(graph->space.dim)) {
		vs_graph_file_close(&graph->codes);
		code = vs_error_set(error, VS_ECORRUPT, "%s/%s has impossible sizes", dir, CODES_NAME);
	}
	if (code == 0)
		graph->code_stride = head.stride;
	return code;
}

static int lists_create(struct vs_graph *graph, const char *dir, const struct vs_graph_options *options,
                        struct vs_error *error)
{
	struct vs_graph_state state;
	struct vs_graph_head head;
	int code;

	memset(&state, 0, sizeof(state));
	vs_graph_boot_id(state.boot);
	head_init(&head, &graph->space, graph->generation, UPPER_MAGIC);
	head.m = options->m;
	head.ef_construction = options->ef_construction;
	head.pair = vs_clock_mono_ns() ^ (uint64_t)vs_clock_wall_ms() << 20 ^ (uint64_t)getpid() << 48;
	head.stride = (uint32_t)record_stride(options->m);
	vs_graph_head_seal(&head, UPPER_MAGIC);
	code = vs_graph_file_create(dir, UPPER_NAME, &head, NULL, 0, error);
	if (code != 0)
		return code;
	head.stride = (uint32_t)list_stride(options->m);
	vs_graph_head_seal(&head, LISTS_MAGIC);
	return vs_graph_file_create(dir, LISTS_NAME, &head, &state, sizeof(state), error);
}

static int codes_create(struct vs_graph *graph, const char *dir, const struct vs_graph_options *options,
                        struct vs_error *error)
{
	struct vs_graph_head head;

	(void)options; /* codes are the same under all */
	head_init(&head, &graph->space, graph->generation, CODES_MAGIC);
	head.stride = (uint32_t)vs_int8_stride(graph->space.dim);
	vs_graph_head_seal(&head, CODES_MAGIC);
	return vs_graph_file_create(dir, CODES_NAME, &head, NULL, 0, error);
}

static bool unusable(int code)
{
	return code == VS_ENOTFOUND || code == VS_ECORRUPT;
}

static struct vs_graph *graph_new(const struct vs_space *space, uint32_t generation)
{
	struct vs_graph *graph = calloc(1, sizeof(*graph));

	if (graph == NULL)
		return NULL;
	graph->space = *space;
	graph->kind = VS_WALK_ROW;
	if (space->quantization == VS_QUANTIZATION_INT8)
		graph->kind = strcmp(space->kernels->name, "avx512vnni") == 0 ? VS_WALK_VNNI : VS_WALK_CODE;
	graph->generation = generation;
	graph->lists = (struct vs_graph_file)VS_GRAPH_FILE_INIT;
	graph->upper = (struct vs_graph_file)VS_GRAPH_FILE_INIT;
	graph->codes = (struct vs_graph_file)VS_GRAPH_FILE_INIT;
	graph->lock = (struct vs_file)VS_FILE_INIT;
	return graph;
}

/* Whether what is mapped was written since this machine started. An unknown boot id is never the same. */
static void boot_compare(struct vs_graph *graph)
{
	char boot[VS_GRAPH_BOOT];

	vs_graph_boot_id(boot);
	graph->other_boot = boot[0] == '\0' || memcmp(boot, vs_graph_state(graph)->boot, VS_GRAPH_BOOT) != 0;
}

int vs_graph_open(const char *dir, const struct vs_space *space, uint32_t generation, struct vs_graph **graph,
                  struct vs_error *error)
{
	struct vs_graph *new = graph_new(space, generation);
	int code;

	*graph = NULL;
	if (new == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for a graph");
	code = lists_open(new, dir, false, error);
	if (code == 0)
		code = codes_open(new, dir, false, error);
	if (code != 0) {
		vs_graph_close(new);
		return code;
	}
	boot_compare(new);
	*graph = new;
	return 0;
}

static int writer_lock(struct vs_graph *graph, const char *dir, struct vs_error *error)
{
	char path[sizeof(graph->lock.path)];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, LOCK_NAME);
	int code;

	if (len < 0 || (size_t)len >= sizeof(path))
		return vs_error_set(error, VS_EINVAL, "the path %s/%s is too long", dir, LOCK_NAME);
	code = vs_file_open(&graph->lock, path, VS_FILE_WRITE | VS_FILE_CREATE, error);
	/* Waits for nobody: another indexer keeps it for as long as it lives. */
	return code != 0 ? code : vs_file_lock(&graph->lock, error);
}

/* Opens by `open`; what is missing or unusable is made by `create` first. */
static int open_or_create(struct vs_graph *graph, const char *dir, const struct vs_graph_options *options,
                          int (*open)(struct vs_graph *, const char *, bool, struct vs_error *),
                          int (*create)(struct vs_graph *, const char *, const struct vs_graph_options *,
                                        struct vs_error *),
                          struct vs_error *error)
{
	struct vs_error found;
	int code = open(graph, dir, true, &found);

	if (unusable(code)) {
		code = create(graph, dir, options, error);
		return code != 0 ? code : open(graph, dir, true, error);
	}
	if (code != 0 && error != NULL)
		*error = found;
	return code;
}

static int writer_open(struct vs_graph *graph, const char *dir, const struct vs_graph_options *options,
                       struct vs_error *error)
{
	int code = writer_lock(graph, dir, error);

	graph->writer = true;
	if (code == 0)
		code = open_or_create(graph, dir, options, lists_open, lists_create, error);
	if (code == 0 && graph->space.quantization == VS_QUANTIZATION_INT8)
		code = open_or_create(graph, dir, options, codes_open, codes_create, error);
	if (code == 0)
		boot_compare(graph);
	return code;
}

int vs_graph_open_writer(const char *dir, const struct vs_space *space, uint32_t generation,
                         const struct vs_graph_options *options, struct vs_graph **graph, struct vs_error *error)
{
	struct vs_graph *new;
	int code;

	*graph = NULL;
	if (!vs_metric_indexed(space->metric))
		return vs_error_set(error, VS_EINVAL, "there is no graph for this metric");
	if (options->m < 2 || options->m > VS_GRAPH_M_MAX || options->ef_construction < options->m)
		return vs_error_set(error, VS_EINVAL, "m must be 2 to %d and ef_construction at least m", VS_GRAPH_M_MAX);
	new = graph_new(space, generation);
	if (new == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for a graph");
	code = writer_open(new, dir, options, error);
	if (code != 0) {
		vs_graph_close(new);
		return code;
	}
	*graph = new;
	return 0;
}

void vs_graph_close(struct vs_graph *graph)
{
	if (graph == NULL)
		return;
	vs_graph_file_close(&graph->lists);
	vs_graph_file_close(&graph->upper);
	vs_graph_file_close(&graph->codes);
	vs_file_close(&graph->lock);
	free(graph);
}

uint32_t vs_graph_linked(const struct vs_graph *graph)
{
	const struct vs_graph_state *state = vs_graph_state(graph);
	uint32_t linked = vs_load_acquire(&state->linked);
	uint32_t slots = vs_graph_slots(graph);

	if (linked > slots)
		linked = slots;
	if (graph->code_stride > 0) {
		uint32_t coded = vs_load_acquire(vs_graph_coded(graph));
		if (linked > coded)
			linked = coded;
	}
	if (graph->other_boot) {
		uint32_t checkpoint = vs_load_relaxed(&state->checkpoint);
		if (linked > checkpoint)
			linked = checkpoint;
	}
	return linked;
}

uint64_t vs_graph_identity(const struct vs_graph *graph)
{
	return ((const struct vs_graph_head *)(const void *)graph->lists.map)->pair;
}

bool vs_graph_grew(const struct vs_graph *graph)
{
	const struct vs_graph_state *state = vs_graph_state(graph);

	return vs_load_relaxed(&state->linked) > vs_graph_slots(graph) ||
	       vs_load_relaxed(&state->records) > vs_graph_records(graph);
}

int vs_graph_refresh(struct vs_graph *graph, struct vs_error *error)
{
	int code = vs_graph_file_refresh(&graph->lists, graph->writer, error);

	if (code == 0)
		code = vs_graph_file_refresh(&graph->upper, graph->writer, error);
	if (code == 0 && graph->code_stride > 0)
		code = vs_graph_file_refresh(&graph->codes, graph->writer, error);
	if (code == 0 && graph->other_boot && !graph->writer)
		boot_compare(graph);
	if (code == 0 && graph->writer && vs_graph_state(graph)->boot[0] == '\0')
		graph->other_boot = true; /* somebody asks to have it mended */
	return code;
}

bool vs_graph_mending(const struct vs_graph *graph)
{
	return graph->other_boot;
}

void vs_graph_rewind(struct vs_graph *graph, uint32_t slots)
{
	struct vs_graph_state *state = vs_graph_state(graph);

	/* As after a power loss, since of what lies past the checkpoint nobody knows what was linked. */
	if (vs_load_relaxed(&state->checkpoint) > slots) {
		vs_store_relaxed(&state->checkpoint, 0);
		vs_store_relaxed(&state->checkpoint_records, 0);
	}
	if (vs_load_relaxed(&state->linked) > slots)
		vs_store_release(&state->linked, vs_load_relaxed(&state->checkpoint));
	memset(state->boot, 0, VS_GRAPH_BOOT);
	graph->other_boot = true;
}

int vs_graph_mend(const char *dir, struct vs_error *error)
{
	static const char none[VS_GRAPH_BOOT];
	struct vs_file file = VS_FILE_INIT;
	char path[sizeof(file.path)];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, LISTS_NAME);
	int code;

	if (len < 0 || (size_t)len >= sizeof(path))
		return vs_error_set(error, VS_EINVAL, "the path %s/%s is too long", dir, LISTS_NAME);
	code = vs_file_open(&file, path, VS_FILE_WRITE, error);
	if (code == 0)
		code = vs_file_write(&file, none, sizeof(none),
		                     sizeof(struct vs_graph_head) + offsetof(struct vs_graph_state, boot), error);
	vs_file_close(&file);
	return code;
}

static int file_remove(const char *dir, const char *name, struct vs_error *error)
{
	char path[sizeof(((struct vs_file *)0)->path)];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (len < 0 || (size_t)len >= sizeof(path))
		return vs_error_set(error, VS_EINVAL, "the path %s/%s is too long", dir, name);
	return vs_file_remove(path, error);
}

int vs_graph_remove(const char *dir, const struct vs_space *space, uint32_t generation, bool all,
                    struct vs_error *error)
{
	struct vs_graph *graph = graph_new(space, generation);
	int code = 0;

	if (graph == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for a graph");
	if (all || lists_open(graph, dir, false, NULL) != 0) {
		code = file_remove(dir, LISTS_NAME, error);
		if (code == 0)
			code = file_remove(dir, UPPER_NAME, error);
	}
	if (code == 0 && codes_open(graph, dir, false, NULL) != 0)
		code = file_remove(dir, CODES_NAME, error);
	vs_graph_close(graph);
	return code;
}

/* After a failed sync the page cache may hold less than was written, so nothing in it is trusted any more: the next
 * open repairs as after a power loss. */
static int sync_failed(struct vs_graph *graph, int code)
{
	graph->broken = true;
	memset(vs_graph_state(graph)->boot, 0, VS_GRAPH_BOOT);
	return code;
}

int vs_graph_checkpoint(struct vs_graph *graph, struct vs_error *error)
{
	struct vs_graph_state *state = vs_graph_state(graph);
	uint32_t linked = vs_graph_linked(graph);
	uint32_t records = vs_load_relaxed(&state->records);
	uint64_t entry = vs_load_relaxed(&state->entry);
	int code;

	if (graph->broken)
		return vs_error_set(error, VS_EIO, "%s could not be synced before; open it again", graph->lists.file.path);
	if (graph->other_boot || linked == vs_load_relaxed(&state->checkpoint))
		return 0;
	code = vs_file_sync(&graph->upper.file, error);
	if (code == 0 && graph->code_stride > 0)
		code = vs_file_sync(&graph->codes.file, error);
	if (code == 0)
		code = vs_file_sync(&graph->lists.file, error);
	if (code != 0)
		return sync_failed(graph, code);
	VS_POINT("graph-checkpoint");
	vs_store_relaxed(&state->checkpoint_entry, entry);
	vs_store_relaxed(&state->checkpoint_records, records);
	vs_store_release(&state->checkpoint, linked);
	code = vs_file_sync(&graph->lists.file, error);
	return code != 0 ? sync_failed(graph, code) : 0;
}

uint64_t vs_graph_bytes(const struct vs_graph *graph)
{
	const struct vs_graph_file *files[] = { &graph->lists, &graph->upper, &graph->codes };
	uint64_t total = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		uint64_t size;
		if (files[i]->map != NULL && vs_file_size(&files[i]->file, &size, NULL) == 0)
			total += size;
	}
	return total;
}

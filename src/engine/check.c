/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore check: truth first (meta.db with itself, every record with its vector), then liveness and graph with the
 * truth; columns by their checksums. All in one snapshot, beside running readers and writers.
 */
#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/namespace.h"
#include "store/live.h"

struct check {
	struct vs_namespace *ns;
	struct vs_meta_state state;
	struct vs_view view;
	struct vs_bitmap present; /* slots that have a record */
	struct vs_bitmap live;    /* of these, not soft-deleted */
	struct vs_rows *rows;     /* as a process would see them that starts now */
	struct vs_arena arena;
	uint64_t differing;       /* rows whose copies say something else */
	void (*report)(void *context, const char *finding);
	void *context;
	struct vs_check_result *result;
};

__attribute__((format(printf, 3, 4)))
static void finding(struct check *check, bool problem, const char *format, ...)
{
	char text[400];
	va_list arguments;

	/* A compaction has removed the derived files of what is being looked at: that is no finding. */
	if (!problem && vs_generation_moved(&check->ns->generation))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (problem)
		check->result->problems++;
	else
		check->result->repairs++;
	if (check->report != NULL)
		check->report(check->context, text);
}

static void meta_problem(void *context, const char *problem)
{
	finding(context, true, "meta.db: %s", problem);
}

static void check_vector(struct check *check, const struct vs_meta_row *row)
{
	const float *vector;
	float factor;

	if (row->slot >= check->view.count) {
		finding(check, true, "vectors.f32: ends before slot %u of record '%.60s'", row->slot, row->id);
		return;
	}
	if (!vs_view_intact(&check->view, row->slot)) {
		finding(check, true, "vectors.f32: slot %u of record '%.60s' does not match its checksum", row->slot, row->id);
		return;
	}
	vector = vs_view_row(&check->view, row->slot);
	for (uint32_t i = 0; i < check->view.space->dim; i++)
		if (!isfinite(vector[i])) {
			finding(check, true, "vectors.f32: slot %u of record '%.60s' holds no number at %u", row->slot, row->id, i);
			return;
		}
	factor = vs_space_factor(check->view.space, vector);
	if (fabsf(factor - vector[check->view.space->dim]) > 1e-4f * factor)
		finding(check, true, "vectors.f32: slot %u of record '%.60s' has a wrong factor", row->slot, row->id);
}

/* A copy is believed where it can be read. */
static void check_copy(struct check *check, const struct vs_meta_row *row)
{
	struct vs_meta_row copy;

	vs_arena_reset(&check->arena);
	if (check->rows == NULL || !vs_rows_find(check->rows, row->slot, &check->arena, &copy))
		return;
	check->differing += copy.id_len != row->id_len || memcmp(copy.id, row->id, row->id_len) != 0 ||
	                    copy.metadata_len != row->metadata_len ||
	                    memcmp(copy.metadata, row->metadata, row->metadata_len) != 0 || copy.version != row->version ||
	                    copy.created_at != row->created_at || copy.updated_at != row->updated_at ||
	                    copy.expires_at != row->expires_at;
}

static int check_row(void *context, const struct vs_meta_row *row)
{
	struct check *check = context;
	struct json_object *metadata;

	if (row->slot >= check->state.next_slot) {
		finding(check, true, "meta.db: record '%.60s' has slot %u, past the last committed one", row->id, row->slot);
		return 0;
	}
	vs_bitmap_set(&check->present, row->slot);
	if (row->deleted_at == 0)
		vs_bitmap_set(&check->live, row->slot);
	metadata = json_tokener_parse(row->metadata);
	if (!json_object_is_type(metadata, json_type_object))
		finding(check, true, "meta.db: metadata of record '%.60s' is no JSON object", row->id);
	json_object_put(metadata);
	check_vector(check, row);
	check_copy(check, row);
	return 0;
}

static int check_truth(struct check *check, struct vs_error *error)
{
	struct vs_meta *meta = check->ns->generation.meta;
	uint32_t slots = check->state.next_slot;
	int rc = vs_meta_check(meta, meta_problem, check, error);

	if (rc < 0)
		return rc;
	if (vs_bitmap_resize(&check->present, slots) < 0 || vs_bitmap_resize(&check->live, slots) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory to check %u slots", slots);
	/* Also past the last committed slot, where no record may be. */
	return vs_meta_scan(meta, 0, UINT32_MAX, check_row, check, error);
}

static bool same_bits(const struct vs_bitmap *a, const struct vs_bitmap *b)
{
	for (uint32_t i = 0; i < (a->len + 63) / 64; i++)
		if (a->words[i] != b->words[i])
			return false;
	return a->len == b->len;
}

/* What readers make of live.bits and the change log must be what the rows say. */
static void check_live(struct check *check)
{
	struct vs_generation *generation = &check->ns->generation;
	struct vs_bitmap stored = VS_BITMAP_INIT;
	struct vs_error error;
	uint64_t seq;
	int rc = vs_live_load(generation->dir, check->state.generation, &stored, &seq, &error);

	vs_bitmap_release(&stored);
	if (rc < 0 && rc != VS_ENOTFOUND)
		finding(check, false, "live.bits: %s; it will be written again", error.text);
	generation->live_known = false; /* as a process would that starts now */
	rc = vs_generation_refresh_live(generation, &check->state, &error);
	if (rc < 0)
		finding(check, true, "live.bits: %s", error.text);
	else if (!same_bits(&generation->live, &check->live))
		finding(check, true, "live.bits: with the changes since, it disagrees with the records; delete it");
	generation->live_known = false;
}

static int check_graph(struct check *check, struct vs_error *error)
{
	struct vs_generation *generation = &check->ns->generation;
	struct vs_graph_summary summary;
	struct vs_graph *graph;
	struct vs_error why;
	int rc;

	if (!generation->has_vectors || check->state.next_slot < VS_GRAPH_MIN_SLOTS ||
	    !vs_metric_indexed(check->state.metric))
		return 0;
	rc = vs_graph_open(generation->dir, &generation->vectors.space, check->state.generation, &graph, &why);
	if (rc < 0) {
		finding(check, false, "graph.hnsw: %s; the indexer will make it again, the exact scan answers", why.text);
		return 0;
	}
	rc = vs_graph_check(graph, &check->view, &check->present, &summary, error);
	vs_graph_close(graph);
	if (rc < 0)
		return rc;
	if (summary.bad_entries > 0)
		finding(check, false, "graph.hnsw: %u entries out of range or of a wrong level are passed over", summary.bad_entries);
	if (summary.bad_codes > 0)
		finding(check, false, "codes.i8: %u codes differ from their vectors; they cost recall", summary.bad_codes);
	if (summary.unreachable > summary.reachable / 1000)
		finding(check, false, "graph.hnsw: %u of %u linked records cannot be reached by a walk", summary.unreachable,
		        summary.reachable + summary.unreachable);
	return 0;
}

static void check_copies(struct check *check)
{
	uint32_t damaged = check->rows != NULL ? vs_rows_damaged(check->rows) : 0;

	if (check->differing > 0)
		finding(check, true, "rows.dat: %llu copies differ from their records; delete it", (unsigned long long)check->differing);
	if (damaged > 0)
		finding(check, false, "rows.dat: %u copies of records are damaged; meta.db is asked until the indexer starts again",
		        damaged);
}

/* What columns say is checked whenever it is used; here it is only told. */
static void check_columns(struct check *check)
{
	struct vs_columns *columns;
	uint32_t damaged;

	if (vs_columns_open(check->ns->generation.dir, check->state.generation, &columns, NULL) < 0)
		return;
	vs_columns_refresh(columns);
	damaged = vs_columns_damaged(columns);
	if (damaged > 0)
		finding(check, false, "columns/: %u columns are damaged or gone; filters read the records until the indexer starts again",
		        damaged);
	vs_columns_close(columns);
}

int vs_namespace_check(struct vs_namespace *ns, void (*report)(void *context, const char *finding), void *context,
                       struct vs_check_result *result, struct vs_error *error)
{
	struct check check = { .ns = ns, .report = report, .context = context, .result = result };
	int rc;

	*result = (struct vs_check_result){ 0, 0 };
	rc = vs_namespace_begin(ns, &check.state, error);
	if (rc < 0)
		return rc;
	if (ns->generation.has_vectors)
		check.view = vs_vectors_view(&ns->generation.vectors);
	if (vs_rows_open(ns->generation.dir, check.state.generation, &check.rows, NULL) == 0)
		vs_rows_refresh(check.rows, check.state.next_slot, vs_clock_mono_ns());
	rc = check_truth(&check, error);
	if (rc == 0)
		check_live(&check);
	if (rc == 0)
		rc = check_graph(&check, error);
	if (rc == 0)
		check_columns(&check);
	if (rc == 0)
		check_copies(&check);
	vs_namespace_end(ns);
	vs_rows_close(check.rows);
	vs_arena_release(&check.arena);
	vs_bitmap_release(&check.present);
	vs_bitmap_release(&check.live);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore check: truth first (meta.db with itself, every record with its vector), then what is derived with the truth:
 * columns, liveness, graph. All in one snapshot, beside running readers and writers.
 */
#include <json-c/json_object.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/check.h"
#include "engine/columns_check.h"
#include "engine/json.h"
#include "store/live.h"

#define PROGRESS_ROWS 4096
#define UNREACHABLE_FEW 5 /* in graphs that are too small for a share */
#define DAMAGED_SHARE 8    /* when more than one of so many lists is damaged, a graph is not worth mending */
#define ARRIVED_LEAST 0.8f /* of walks to a record's own vector */

struct check {
	struct vs_namespace *ns;
	struct vs_check_run *run;
	struct vs_columns_check *columns; /* NULL: none, or not to be used */
	struct vs_meta_state state;
	struct vs_view view;
	struct vs_bitmap present; /* slots that have a record */
	struct vs_bitmap live;    /* of these, not soft-deleted */
	struct vs_rows *rows;     /* as a process would see them that starts now */
	struct vs_arena arena;
	uint64_t differing;       /* rows whose copies say something else */
	struct vs_error *error;
};

enum { PROBLEM = 0 }; /* damage of the truth; else bits of enum vs_damage, that can be mended */

__attribute__((format(printf, 3, 4)))
static void finding(struct check *check, unsigned damage, const char *format, ...)
{
	struct vs_check_run *run = check->run;
	char text[400];
	va_list arguments;

	/* A compaction has removed the derived files of what is being looked at: that is no finding. */
	if (damage != PROBLEM && (run->truth_only || vs_generation_moved(&check->ns->generation)))
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	run->damage |= damage;
	if (damage == PROBLEM && run->derived_only)
		return;
	if (damage == PROBLEM || (damage & VS_DAMAGE_WRONG))
		run->result.problems++;
	else
		run->result.repairs++;
	run->wrong += (damage & VS_DAMAGE_WRONG) != 0;
	if (run->report != NULL)
		run->report(run->context, text);
}

static void meta_problem(void *context, const char *problem)
{
	finding(context, PROBLEM, "%s%s", strncmp(problem, "meta.db: ", 9) == 0 ? "" : "meta.db: ", problem);
}

static void check_vector(struct check *check, const struct vs_meta_row *row)
{
	const float *vector;
	float factor;

	if (row->slot >= check->view.count) {
		finding(check, PROBLEM, "vectors.f32: ends before slot %u of record '%.60s'", row->slot, row->id);
		return;
	}
	if (!vs_view_intact(&check->view, row->slot)) {
		finding(check, PROBLEM, "vectors.f32: slot %u of record '%.60s' does not match its checksum: store the record again, or delete it",
		        row->slot, row->id);
		return;
	}
	vector = vs_view_row(&check->view, row->slot);
	for (uint32_t i = 0; i < check->view.space->dim; i++)
		if (!isfinite(vector[i])) {
			finding(check, PROBLEM, "vectors.f32: slot %u of record '%.60s' holds no number at %u", row->slot, row->id, i);
			return;
		}
	factor = vs_space_factor(check->view.space, vector);
	if (fabsf(factor - vector[check->view.space->dim]) > 1e-4f * factor)
		finding(check, PROBLEM, "vectors.f32: slot %u of record '%.60s' has a wrong factor", row->slot, row->id);
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
	int rc;

	if (row->slot >= check->state.next_slot) {
		finding(check, PROBLEM, "meta.db: record '%.60s' has slot %u, past the last committed one", row->id, row->slot);
		return 0;
	}
	vs_bitmap_set(&check->present, row->slot);
	if (row->deleted_at == 0)
		vs_bitmap_set(&check->live, row->slot);
	rc = vs_json_parse(check->ns->json, row->metadata, row->metadata_len, "metadata", &metadata, check->error);
	if (rc == VS_ENOMEM)
		return rc;
	if (rc < 0)
		finding(check, PROBLEM, "meta.db: metadata of record '%.60s' is no JSON object", row->id);
	json_object_put(metadata);
	check_vector(check, row);
	check_copy(check, row);
	if (check->columns != NULL && vs_columns_check_row(check->columns, row) < 0)
		return VS_ENOMEM;
	if (row->slot % PROGRESS_ROWS != 0 || check->run->progress == NULL)
		return 0;
	return check->run->progress(check->run->context, row->slot, check->state.next_slot);
}

/* Its tables are of meta.db, but follow from the texts. */
static int check_texts(struct check *check, struct vs_error *error)
{
	bool same;
	int rc;

	if (check->state.texts == 0)
		return 0;
	rc = vs_text_check(check->ns->generation.meta, &same, error);
	if (rc == 0 && !same)
		finding(check, VS_DAMAGE_TEXTS | VS_DAMAGE_WRONG,
		        "meta.db: the index of texts is not what the texts say: searches for words fail or miss records");
	return rc;
}

/* The catalogue and the namespace's own folder, which may have come from elsewhere, say what it is. */
static void check_kind(struct check *check)
{
	const struct vs_catalog_entry *entry = &check->ns->entry;
	const struct vs_meta_state *state = &check->state;

	if (state->metric != entry->metric)
		finding(check, PROBLEM, "catalog.db: says %s, and the namespace's meta.db %s", vs_metric_name(entry->metric),
		        vs_metric_name(state->metric));
	if (entry->dimension != 0 && state->dimension != 0 && state->dimension != entry->dimension)
		finding(check, PROBLEM, "catalog.db: says dimension %u, and the namespace's meta.db %u", entry->dimension,
		        state->dimension);
}

static int check_truth(struct check *check, struct vs_error *error)
{
	struct vs_meta *meta = check->ns->generation.meta;
	uint32_t slots = check->state.next_slot;
	int rc = vs_meta_check(meta, meta_problem, check, error);

	if (rc < 0)
		return rc;
	check_kind(check);
	if (vs_bitmap_resize(&check->present, slots) < 0 || vs_bitmap_resize(&check->live, slots) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory to check %u slots", slots);
	/* Also past the last committed slot, where no record may be. */
	rc = vs_meta_scan(meta, 0, UINT32_MAX, check_row, check, error);
	return rc == VS_ENOMEM ? vs_error_set(error, rc, "no memory to check records") : rc;
}

static bool same_bits(const struct vs_bitmap *a, const struct vs_bitmap *b)
{
	for (uint32_t i = 0; i < (a->len + 63) / 64; i++)
		if (a->words[i] != b->words[i])
			return false;
	return a->len == b->len;
}

/* What readers make of live.bits and the change log must be what the rows say. */
static int check_live(struct check *check)
{
	struct vs_generation *generation = &check->ns->generation;
	struct vs_bitmap stored = VS_BITMAP_INIT;
	struct vs_error error;
	uint64_t seq;
	int rc = vs_live_load(generation->dir, check->state.generation, &stored, &seq, &error);

	vs_bitmap_release(&stored);
	if (rc == VS_ENOMEM)
		return vs_error_set(check->error, rc, "%s", error.text);
	if (rc < 0 && rc != VS_ENOTFOUND)
		finding(check, VS_DAMAGE_LIVE, "live.bits: %s; the rows are read until it is written again", error.text);
	generation->live_known = false; /* as a process would that starts now */
	rc = vs_generation_refresh_live(generation, &check->state, &error);
	if (rc == VS_ENOMEM)
		return vs_error_set(check->error, rc, "%s", error.text);
	if (rc < 0)
		finding(check, PROBLEM, "live.bits: %s", error.text);
	else if (!same_bits(&generation->live, &check->live))
		finding(check, VS_DAMAGE_LIVE | VS_DAMAGE_WRONG,
		        "live.bits: with the changes since, it disagrees with the records; running workers may have read it");
	generation->live_known = false;
	return 0;
}

static void judge_graph(struct check *check, const struct vs_graph_summary *summary)
{
	bool lost = summary->damaged > summary->linked / DAMAGED_SHARE ||
	            (float)summary->arrived < ARRIVED_LEAST * (float)summary->walks;
	unsigned damage = lost ? VS_DAMAGE_GRAPH : VS_DAMAGE_LINKS;

	if (summary->mending)
		finding(check, VS_DAMAGE_LINKS, "graph.hnsw: has yet to be mended after another boot or a failed sync");
	if (summary->bad_entries > 0)
		finding(check, damage, "graph.hnsw: %u entries out of range or of a wrong level are passed over",
		        summary->bad_entries);
	if (summary->damaged > 0)
		finding(check, damage, "graph.hnsw: %u records have no links, bad ones, or not all levels", summary->damaged);
	if (summary->bad_codes > 0)
		finding(check, damage, "codes.i8: %u codes differ from their vectors; they cost recall", summary->bad_codes);
	/* Choosing neighbours leaves a few with no link to them, more or fewer by how threads met: they cost that much recall. */
	if (summary->unreachable > UNREACHABLE_FEW + summary->reachable / 1000)
		finding(check, damage, "graph.hnsw: %u of %u linked records cannot be reached by a walk", summary->unreachable,
		        summary->reachable + summary->unreachable);
	if (lost && summary->damaged <= summary->linked / DAMAGED_SHARE)
		finding(check, damage, "graph.hnsw: only %u of %u walks to a record's own vector find it", summary->arrived,
		        summary->walks);
}

static int check_graph(struct check *check, uint32_t *claimed, struct vs_error *error)
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
	if (rc == VS_ENOMEM)
		return vs_error_set(error, rc, "%s", why.text);
	if (rc < 0) {
		finding(check, VS_DAMAGE_FILES, "graph.hnsw: %s; the indexer will make it again, the exact scan answers", why.text);
		return 0;
	}
	rc = vs_graph_check(graph, &check->view, &check->present, &summary, error);
	vs_graph_close(graph);
	if (rc < 0)
		return rc;
	*claimed = summary.claimed;
	judge_graph(check, &summary);
	return 0;
}

static void check_copies(struct check *check)
{
	uint32_t damaged = check->rows != NULL ? vs_rows_damaged(check->rows) : 0;

	if (check->differing > 0)
		finding(check, VS_DAMAGE_COPIES | VS_DAMAGE_WRONG, "rows.dat: %llu copies differ from their records",
		        (unsigned long long)check->differing);
	if (damaged > 0)
		finding(check, VS_DAMAGE_COPIES, "rows.dat: %u copies of records are damaged; meta.db is asked until they are made again",
		        damaged);
}

/* Others may have stored and linked since the snapshot: so what is linked is compared with what there is now. */
static void check_claim(struct check *check, uint32_t claimed)
{
	struct vs_meta *meta = check->ns->generation.meta;
	struct vs_meta_state state;

	if (claimed <= check->state.next_slot || vs_meta_begin(meta, &state, NULL) < 0)
		return;
	vs_meta_end(meta);
	if (claimed > state.next_slot)
		finding(check, VS_DAMAGE_LINKS, "graph.hnsw: says that %u slots are linked, where there are %u", claimed,
		        state.next_slot);
}

static int open_columns(struct check *check, struct vs_error *error)
{
	struct vs_error why;
	int rc = vs_columns_check_open(check->ns->generation.dir, check->state.generation, check->state.next_slot,
	                               &check->columns, &why);

	if (rc == VS_ENOMEM)
		return vs_error_set(error, rc, "%s", why.text);
	if (rc < 0)
		finding(check, VS_DAMAGE_COLUMNS, "columns/: %s; filters read the records until they are made again", why.text);
	return 0;
}

static void wrong_codes(void *context, const char *field, uint32_t wrong, const char *id)
{
	finding(context, VS_DAMAGE_COLUMNS | VS_DAMAGE_WRONG,
	        "columns/: field %s is not that of %u records, first '%s'; running workers may have read it", field, wrong, id);
}

static void check_columns(struct check *check)
{
	uint32_t damaged;

	if (check->columns == NULL)
		return;
	damaged = vs_columns_check_damaged(check->columns);
	if (damaged > 0)
		finding(check, VS_DAMAGE_COLUMNS,
		        "columns/: %u columns are damaged or gone; filters read the records until they are made again", damaged);
	vs_columns_check_each(check->columns, wrong_codes, check);
}

static void leftover(void *context, const char *name)
{
	finding(context, VS_DAMAGE_LEFTOVERS, "%s: is not the live generation, and nobody works on it", name);
}

static int run_inside(struct check *check, uint32_t *claimed, struct vs_error *error)
{
	int rc;

	if (check->ns->generation.has_vectors)
		check->view = vs_vectors_view(&check->ns->generation.vectors);
	if (vs_rows_open(check->ns->generation.dir, check->state.generation, &check->rows, NULL) == 0)
		vs_rows_refresh(check->rows, check->state.next_slot, vs_clock_mono_ns());
	rc = open_columns(check, error);
	if (rc == 0)
		rc = check_truth(check, error);
	if (rc == 0)
		rc = check_texts(check, error);
	if (rc == 0)
		rc = check_live(check);
	if (rc == 0)
		rc = check_graph(check, claimed, error);
	if (rc == 0)
		check_columns(check);
	if (rc == 0)
		check_copies(check);
	return rc;
}

int vs_check_run(struct vs_namespace *ns, struct vs_check_run *run, struct vs_error *error)
{
	struct check check = { .ns = ns, .run = run, .error = error };
	uint32_t claimed = 0;
	int rc;

	run->result = (struct vs_check_result){ 0 };
	run->wrong = 0;
	run->damage = 0;
	if (ns->json == NULL && (ns->json = vs_json_open()) == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to check metadata");
	rc = vs_namespace_begin(ns, &check.state, error);
	if (rc < 0)
		return rc;
	rc = run_inside(&check, &claimed, error);
	vs_namespace_end(ns);
	if (rc == 0)
		check_claim(&check, claimed);
	if (rc == 0)
		rc = vs_check_leftovers(ns, leftover, &check, error);
	vs_columns_check_close(check.columns);
	vs_rows_close(check.rows);
	vs_arena_release(&check.arena);
	vs_bitmap_release(&check.present);
	vs_bitmap_release(&check.live);
	return rc;
}

int vs_namespace_check(struct vs_namespace *ns, void (*report)(void *context, const char *finding), void *context,
                       struct vs_check_result *result, struct vs_error *error)
{
	struct vs_check_run run = { .report = report, .context = context };
	int rc = vs_check_run(ns, &run, error);

	*result = run.result;
	return rc;
}

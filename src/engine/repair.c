/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore check --repair: what is derived and damaged is taken away, or its writer is asked to mend it; then the indexer's work
 * is done here, or by the indexer that has the namespace. Each step is one that may happen at any time to a namespace in use, so
 * being killed between any two does no harm (I7).
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/check.h"

#define ROUNDS 3                            /* of checking and mending */
#define POLL_NS 100000000L                  /* between looks at what another process does */
#define PATIENCE_NS UINT64_C(30000000000)   /* without any progress of it */

struct repair {
	struct vs_namespace *ns;
	const struct vs_repair_options *options;
	unsigned damage;
	uint32_t slots; /* as of the check */
};

static void say(const struct repair *repair, const char *text)
{
	if (repair->options->report != NULL)
		repair->options->report(repair->options->context, text);
}

static int remove_file(const struct repair *repair, const char *name, struct vs_error *error)
{
	char path[VS_GENERATION_PATH + 32];

	snprintf(path, sizeof(path), "%s/%s", repair->ns->generation.dir, name);
	return vs_file_remove(path, error);
}

static int clear_graph(const struct repair *repair, const struct vs_meta_state *state, struct vs_error *error)
{
	const struct vs_generation *generation = &repair->ns->generation;
	bool all = (repair->damage & VS_DAMAGE_GRAPH) != 0;
	int rc = 0;

	if (!generation->has_vectors)
		return 0;
	if (repair->damage & (VS_DAMAGE_GRAPH | VS_DAMAGE_FILES))
		rc = vs_graph_remove(generation->dir, &generation->vectors.space, state->generation, all, error);
	VS_POINT("repair-graph");
	if (rc == 0 && (repair->damage & VS_DAMAGE_LINKS) && !all)
		rc = vs_graph_mend(generation->dir, error);
	return rc == VS_ENOTFOUND ? 0 : rc;
}

/* Under the writer lock for as long as it takes, about a second for 100,000 texts of a paragraph: writers wait or are told to. */
static int rebuild_texts(const struct repair *repair, struct vs_error *error)
{
	struct vs_meta_state state;
	int rc = vs_namespace_begin_write(repair->ns, &state, error);

	if (rc < 0)
		return rc;
	rc = vs_text_rebuild(repair->ns->generation.meta, error);
	if (rc == 0)
		return vs_meta_commit(repair->ns->generation.meta, &state, error);
	vs_meta_rollback(repair->ns->generation.meta);
	return rc;
}

/* Takes away what is damaged. Readers and the indexer do without it from now on. */
static int clear(struct repair *repair, bool indexer, struct vs_error *error)
{
	struct vs_meta_state state;
	int rc = vs_namespace_begin(repair->ns, &state, error);

	if (rc < 0)
		return rc;
	vs_namespace_end(repair->ns);
	repair->slots = state.next_slot;
	if (repair->damage & VS_DAMAGE_LIVE)
		rc = remove_file(repair, "live.bits", error);
	if (rc == 0 && (repair->damage & VS_DAMAGE_COLUMNS))
		rc = remove_file(repair, "columns/manifest", error); /* without it the others mean nothing */
	if (rc == 0 && (repair->damage & VS_DAMAGE_COPIES))
		rc = remove_file(repair, "rows.idx", error); /* without it the other means nothing */
	VS_POINT("repair-columns");
	if (rc == 0 && (repair->damage & VS_DAMAGE_TEXTS))
		rc = rebuild_texts(repair, error);
	if (rc == 0)
		rc = clear_graph(repair, &state, error);
	if (rc == 0 && indexer && (repair->damage & VS_DAMAGE_LEFTOVERS))
		vs_compact_tidy(repair->ns);
	return rc;
}

/* This process is the indexer. */
static int index_here(const struct repair *repair, struct vs_error *error)
{
	struct vs_index_options options = { repair->options->threads, repair->options->progress, repair->options->context, UINT64_MAX };
	bool worked = true;
	int rc = 0;

	while (rc == 0 && worked)
		rc = vs_namespace_index(repair->ns, &options, &worked, error);
	return rc;
}

/* Whether what was taken away is not there again. *linked: how far the graph is. */
static bool missing(const struct repair *repair, const struct vs_meta_state *state, uint32_t *linked)
{
	const struct vs_generation *generation = &repair->ns->generation;
	struct vs_graph *graph;
	char path[VS_GENERATION_PATH + 32];
	bool late;

	*linked = 0;
	snprintf(path, sizeof(path), "%s/live.bits", generation->dir);
	if ((repair->damage & VS_DAMAGE_LIVE) && !vs_file_exists(path))
		return true;
	snprintf(path, sizeof(path), "%s/columns/manifest", generation->dir);
	if ((repair->damage & VS_DAMAGE_COLUMNS) && !vs_file_exists(path))
		return true;
	snprintf(path, sizeof(path), "%s/rows.idx", generation->dir);
	if ((repair->damage & VS_DAMAGE_COPIES) && !vs_file_exists(path))
		return true;
	if (!generation->has_vectors || !(repair->damage & (VS_DAMAGE_FILES | VS_DAMAGE_LINKS | VS_DAMAGE_GRAPH)))
		return false;
	if (vs_graph_open(generation->dir, &generation->vectors.space, state->generation, &graph, NULL) < 0)
		return true;
	*linked = vs_graph_linked(graph);
	late = vs_graph_mending(graph) || *linked < repair->slots;
	vs_graph_close(graph);
	return late;
}

/* Another process is the indexer, and sees what is gone. */
static int await_indexer(const struct repair *repair, struct vs_error *error)
{
	uint64_t since = vs_clock_mono_ns();
	uint32_t before = 0;

	for (;;) {
		struct vs_meta_state state;
		uint32_t linked;
		bool late;
		int rc = vs_namespace_begin(repair->ns, &state, error);

		if (rc < 0)
			return rc;
		late = missing(repair, &state, &linked);
		vs_namespace_end(repair->ns);
		if (!late)
			return 0;
		if (linked != before)
			since = vs_clock_mono_ns();
		before = linked;
		if (vs_clock_mono_ns() - since > PATIENCE_NS) {
			say(repair, "the indexer that has this namespace does nothing about it: restart it");
			return 0;
		}
		if (repair->options->progress != NULL)
			rc = repair->options->progress(repair->options->context, linked, repair->slots);
		if (rc != 0)
			return rc;
		nanosleep(&(struct timespec){ 0, POLL_NS }, NULL);
	}
}

static int mend(struct repair *repair, struct vs_error *error)
{
	struct vs_error why;
	int role = vs_upkeep_open(repair->ns, &why);
	int rc;

	if (role < 0 && role != VS_EBUSY) {
		if (error != NULL)
			*error = why;
		return role;
	}
	rc = clear(repair, role == 0, error);
	if (rc == 0)
		rc = role == 0 ? index_here(repair, error) : await_indexer(repair, error);
	return rc;
}

int vs_namespace_repair(struct vs_namespace *ns, const struct vs_repair_options *options, struct vs_check_result *result,
                        struct vs_error *error)
{
	struct vs_check_run run = { .report = options->report, .progress = options->progress, .context = options->context };
	struct repair repair = { .ns = ns, .options = options };
	int rc = vs_check_run(ns, &run, error);
	uint64_t derived = run.wrong + run.result.repairs;
	uint64_t truth = run.result.problems - run.wrong;
	uint64_t left;

	*result = run.result;
	run.derived_only = true;
	run.report = NULL;
	for (int i = 0; rc == 0 && run.damage != 0 && i < ROUNDS; i++) {
		repair.damage = run.damage;
		rc = mend(&repair, error);
		if (rc == 0) {
			if (i + 1 == ROUNDS)
				run.report = options->report; /* what is left */
			rc = vs_check_run(ns, &run, error);
		}
	}
	if (rc < 0)
		return rc;
	left = run.wrong + run.result.repairs;
	result->problems = truth + run.wrong;
	result->repairs = run.result.repairs;
	result->mended = derived > left ? derived - left : 0;
	return rc;
}

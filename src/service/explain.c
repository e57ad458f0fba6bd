/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of query-explain: a query's answer, and what was done for it. The query cache is neither asked nor filled. */
#include <inttypes.h>

#include "base/buf.h"
#include "service/json_out.h"
#include "service/query.h"

static void encode_parts(void *context, struct vs_buf *out, size_t i)
{
	const struct vs_score_parts *parts = &((const struct vs_explanation *)context)->parts[i];
	vs_buf_printf(out,
	              ",\"explanation\":{\"distance\":%.9g,\"dot_product\":%.9g,\"query_norm\":%.9g,\"record_norm\":%.9g,"
	              "\"found_in\":\"%s\"}",
	              parts->distance, parts->dot, parts->query_norm, parts->record_norm, parts->tail ? "tail" : "indexed");
}

static void encode_phases(struct vs_buf *out, const struct vs_explanation *explanation)
{
	static const char *const names[VS_PHASES] = {
		[VS_PHASE_PREPARE] = "prepare", [VS_PHASE_FILTER] = "filter", [VS_PHASE_GRAPH] = "graph",
		[VS_PHASE_SCAN] = "scan",       [VS_PHASE_SELECT] = "select", [VS_PHASE_HYDRATE] = "hydrate",
	};
	vs_buf_puts(out, ",\"phases_ms\":{");
	for (int i = 0; i < VS_PHASES; i++)
		vs_buf_printf(out, "%s\"%s\":%.4f", i > 0 ? "," : "", names[i], (double)explanation->phase_ns[i] * 1e-6);
	vs_buf_putc(out, '}');
}

static void encode_plan(struct vs_buf *out, const struct vs_explanation *e, uint64_t distances)
{
	vs_buf_printf(out, "\"plan\":{\"path\":\"%s\",\"description\":\"%s\",\"planned_path\":\"%s\",\"reason\":\"%s\"",
	              vs_way_name(e->used), vs_way_text(e->used), vs_way_name(e->planned), e->reason);
	vs_buf_printf(out, ",\"selectivity\":%.6g,\"candidates_wanted\":%" PRIu32 ",\"pool_size\":%" PRIu32, e->selectivity,
	              e->wanted, e->pool);
	vs_buf_printf(out, ",\"indexed\":%" PRIu32 ",\"tail\":%" PRIu32 ",\"graph_searches\":%" PRIu32 ",\"levels\":%" PRIu32,
	              e->linked, e->tail, e->walks, e->levels);
	vs_buf_printf(out, ",\"nodes_visited\":%" PRIu64 ",\"distances_computed\":%" PRIu64 ",\"graph_distances\":%" PRIu64,
	              e->nodes_visited, distances, e->graph_distances);
	vs_buf_printf(out, ",\"rows_rescored\":%" PRIu64 ",\"rows_scanned\":%" PRIu64 ",\"candidates_found\":%" PRIu32,
	              e->rescored, e->scan_distances, e->candidates);
	vs_buf_printf(out, ",\"rows_hydrated\":%" PRIu32 ",\"rows_from_copies\":%" PRIu32 ",\"walk_gave_up\":", e->hydrated,
	              e->copied);
	vs_json_bool(out, e->gave_up);
	vs_buf_puts(out, ",\"exact_decided\":");
	vs_json_bool(out, e->used == VS_WAY_ROWS && e->planned != VS_WAY_ROWS);
	encode_phases(out, e);
	vs_buf_puts(out, "},");
	if (e->compared)
		vs_buf_printf(out,
		              "\"comparison\":{\"recall\":%.6g,\"exact_distances_computed\":%" PRIu64 ",\"exact_duration_ms\":%.3f},",
		              e->recall, e->exact_distances, (double)e->exact_ns * 1e-6);
}

int vs_ask_encode_explained(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                            const struct vs_explanation *explanation, struct vs_error *error)
{
	const struct vs_query_stats *stats = &results->stats;
	vs_buf_puts(out, "{\"results\":");
	int rc = vs_ask_encode(out, &ask->query, ask->fields, results->items, results->count, encode_parts,
	                       (void *)(uintptr_t)explanation, error);
	if (rc)
		return rc;
	vs_buf_putc(out, ',');
	encode_plan(out, explanation, stats->distances);
	vs_query_encode_stats(out, stats->total_candidates, stats->filtered_count, stats->duration_ns, false);
	vs_buf_puts(out, "}\n");
	return 0;
}

static int explain(struct vs_call *call, struct vs_error *error)
{
	static const char *const more[] = { "compare_exact", NULL };
	struct vs_explanation explanation = { .reason = "there are no records" };
	struct vs_results results = { 0 };
	struct vs_namespace *ns = NULL;
	struct vs_ask ask = VS_ASK;
	bool compare = false;
	int rc = vs_ask_decode_body(call, more, &ask, error);
	struct vs_fields fields = { call->body, "" };
	if (rc || (rc = vs_fields_bool(&fields, "compare_exact", &compare, error)) || (rc = vs_ask_refuse_groups("", &ask, error)) ||
	    (rc = vs_call_namespace(call, &ask.name, false, &ns, error)) ||
	    (rc = vs_ask_admit(ns, "", &ask, error)))
		return rc;
	rc = ns ? vs_namespace_explain(ns, &ask.query, compare, &results, &explanation, error)
	        : vs_ask_check_unasked(&ask, error);
	if (rc)
		return rc;
	rc = vs_ask_encode_explained(&call->response->body, &ask, &results, &explanation, error);
	if (rc)
		return rc;
	vs_query_observe(call, &results.stats, results.count);
	return 0;
}

int vs_handle_query_explain(struct vs_call *call, struct vs_error *error)
{
	int rc = explain(call, error);
	vs_call_count(call, rc ? VS_COUNT_QUERY_ERRORS : VS_COUNT_QUERIES, 1);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of query. What is asked: service/query_in; what is answered: service/query_out. */
#include "base/buf.h"
#include "base/clock.h"
#include "service/query.h"

static void encode_end(struct vs_buf *out, const struct vs_answer *answer, uint64_t duration_ns, bool cache_hit)
{
	vs_buf_putc(out, ',');
	vs_query_encode_stats(out, answer->total_candidates, answer->filtered_count, duration_ns, cache_hit);
	vs_buf_puts(out, "}\n");
}

static void observe(struct vs_call *call, uint64_t duration_ns, uint32_t count)
{
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_QUERY_SECONDS, (double)duration_ns * 1e-9);
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_QUERY_RESULTS, (double)count);
}

void vs_query_observe(struct vs_call *call, const struct vs_query_stats *stats, size_t count)
{
	observe(call, stats->duration_ns, (uint32_t)count);
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_NODES_VISITED, (double)stats->nodes_visited);
	vs_metrics_observe(call->metrics, VS_HISTOGRAM_DISTANCES, (double)stats->distances);
}

bool vs_query_repeat(struct vs_call *call, struct vs_bytes key)
{
	uint64_t start = vs_clock_mono_ns();
	struct vs_buf *out = &call->response->body;
	struct vs_answer answer;
	if (!vs_query_cache_find(call, key, &answer))
		return false;
	vs_buf_append(out, answer.results, answer.results_len);
	vs_cache_keep(call->cache);
	uint64_t duration_ns = vs_clock_mono_ns() - start;
	encode_end(out, &answer, duration_ns, true);
	observe(call, duration_ns, answer.count);
	return true;
}

int vs_query_finish(struct vs_call *call, const struct vs_ask *ask, const struct vs_query_stats *stats, size_t count,
                    const struct vs_mark *mark, struct vs_bytes key)
{
	struct vs_buf *out = &call->response->body;
	struct vs_answer answer = {
		.ns = vs_call_namespace_name(call, &ask->name),
		.results = out->data,
		.results_len = out->len,
		.count = (uint32_t)count,
		.asked = ask->asked,
		.total_candidates = stats->total_candidates,
		.filtered_count = stats->filtered_count,
		.mark = *mark,
	};
	vs_query_observe(call, stats, count);
	if (ask->asked > 0 && !out->failed)
		vs_query_cache_put(call, key, &answer);
	encode_end(out, &answer, stats->duration_ns, false);
	return 0;
}

static int search_plain(struct vs_call *call, const struct vs_ask *ask, struct vs_namespace *ns, struct vs_bytes key,
                        struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	struct vs_results results = { 0 };
	int rc = ns ? vs_namespace_search(ns, &ask->query, &results, error) : 0;
	if (rc)
		return rc;
	vs_buf_puts(out, "{\"results\":");
	rc = vs_ask_encode(out, &ask->query, ask->fields, results.items, results.count, NULL, NULL, error);
	if (rc)
		return rc;
	return vs_query_finish(call, ask, &results.stats, results.count, &results.mark, key);
}

static int search_groups(struct vs_call *call, const struct vs_ask *ask, struct vs_namespace *ns, struct vs_bytes key,
                         struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	struct vs_groups groups = { 0 };
	size_t count = 0;
	int rc = ns ? vs_namespace_search_groups(ns, &ask->query, &ask->grouping, &groups, error) : 0;
	if (rc)
		return rc;
	vs_buf_puts(out, "{\"groups\":");
	rc = vs_ask_encode_groups(out, ask, &groups, error);
	if (rc)
		return rc;
	for (size_t i = 0; i < groups.count; i++)
		count += groups.items[i].count;
	return vs_query_finish(call, ask, &groups.stats, count, &groups.mark, key);
}

static int search(struct vs_call *call, struct vs_bytes key, struct vs_error *error)
{
	struct vs_ask ask = VS_ASK;
	struct vs_namespace *ns = NULL;
	bool octets = vs_call_media(call) == VS_MEDIA_OCTETS;
	int rc = octets ? vs_ask_decode_octets(call, &ask, error) : vs_ask_decode_body(call, NULL, &ask, error);
	if (!rc && ask.query.filter)
		rc = vs_filter_check(ask.query.filter, error);
	if (!rc)
		rc = vs_call_namespace(call, &ask.name, false, &ns, error);
	if (!rc)
		rc = vs_ask_admit(ns, "", &ask, error);
	if (!rc && !ns)
		rc = vs_ask_check_unasked(&ask, error);
	if (rc)
		return rc;
	return ask.grouping.field ? search_groups(call, &ask, ns, key, error) : search_plain(call, &ask, ns, key, error);
}

int vs_handle_query(struct vs_call *call, struct vs_error *error)
{
	struct vs_bytes key = vs_query_cache_key(call);
	int rc = vs_query_repeat(call, key) ? 0 : search(call, key, error);
	vs_call_count(call, rc ? VS_COUNT_QUERY_ERRORS : VS_COUNT_QUERIES, 1);
	return rc;
}

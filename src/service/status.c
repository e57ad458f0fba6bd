/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that tell how the server is: stats, health, ready, metrics, and the interface's description. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "service/cache.h"
#include "service/call.h"
#include "service/handles.h"
#include "service/json_out.h"

#define OPENAPI_MAX (1 << 20) /* bytes of openapi.json */

static const char *const no_parameters[] = { NULL };
static const char *const namespace_parameter[] = { "namespace", NULL };

/* The cache is one for all: of what the others ask for, who may use one namespace alone learns nothing. */
static void put_cache_stats(struct vs_call *call)
{
	struct vs_cache_stats cache = { 0 };
	struct vs_buf *out = &call->response->body;
	if (call->cache)
		vs_cache_stats(call->cache, &cache);
	vs_buf_printf(out,
	              ",\"cache_stats\":{\"hits\":%" PRIu64 ",\"misses\":%" PRIu64 ",\"evictions\":%" PRIu64 ",\"size_bytes\":%" PRIu64
	              ",\"capacity_bytes\":%" PRIu64 ",\"entries\":%" PRIu64 "}",
	              vs_metrics_get(call->metrics, VS_COUNT_CACHE_HITS), vs_metrics_get(call->metrics, VS_COUNT_CACHE_MISSES),
	              vs_metrics_get(call->metrics, VS_COUNT_CACHE_EVICTIONS), cache.size, cache.capacity, cache.entries);
}

int vs_handle_stats(struct vs_call *call, struct vs_error *error)
{
	const struct vs_namespace_options *fresh = vs_call_fresh(call);
	struct vs_namespace_stats stats = { .metric = fresh->metric, .quantization = fresh->quantization,
		                            .tokenizer = fresh->tokenizer };
	struct vs_namespace *ns = NULL;
	struct vs_buf *out = &call->response->body;
	int rc = vs_target_check(&call->target, namespace_parameter, error);
	if (!rc)
		rc = vs_call_namespace(call, NULL, false, &ns, error);
	if (!rc && ns)
		rc = vs_namespace_stats(ns, &stats, error);
	if (rc)
		return rc;
	const char *name = vs_call_namespace_name(call, NULL);
	const char *metric = vs_metric_name(stats.metric);
	const char *quantization = vs_quantization_name(stats.quantization);
	const char *tokenizer = vs_tokenizer_name(stats.tokenizer);
	vs_buf_puts(out, "{\"namespace\":");
	vs_json_text(out, name, strlen(name));
	vs_buf_printf(out,
	              ",\"total_vectors\":%" PRIu64 ",\"active_vectors\":%" PRIu64 ",\"deleted_vectors\":%" PRIu64
	              ",\"dimension\":%" PRIu32 ",\"metric\":\"%s\",\"quantization\":\"%s\",\"tokenizer\":\"%s\",\"texts\":%" PRIu64
	              ",\"storage_bytes\":%" PRIu64
	              ",\"indexed_vectors\":%" PRIu32 ",\"unindexed_vectors\":%" PRIu32,
	              stats.total, stats.active, stats.deleted, stats.dimension, metric ? metric : "",
	              quantization ? quantization : "", tokenizer ? tokenizer : "", stats.texts, stats.storage_bytes,
	              stats.indexed, stats.unindexed);
	if (call->principal.ns == NULL)
		put_cache_stats(call);
	vs_buf_puts(out, "}\n");
	return 0;
}

/* Liveness of this process alone: touches no file. */
int vs_handle_health(struct vs_call *call, struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	int rc = vs_target_check(&call->target, no_parameters, error);
	if (rc)
		return rc;
	vs_buf_puts(out, "{\"status\":\"ok\",\"timestamp\":");
	vs_json_time(out, vs_clock_wall_ms());
	vs_buf_printf(out, ",\"version\":\"%s\"}\n", vs_version());
	return 0;
}

/* A whole query on the default namespace, as a client's would go. */
static int try_query(struct vs_call *call, struct vs_error *error)
{
	struct vs_namespace_stats stats;
	struct vs_query query = VS_QUERY;
	struct vs_results results;
	struct vs_namespace *ns = NULL;
	int rc = vs_call_namespace(call, NULL, false, &ns, error);
	if (!rc && ns)
		rc = vs_namespace_stats(ns, &stats, error);
	if (rc || !ns || stats.dimension == 0)
		return rc;
	float *vector = vs_arena_calloc(call->request->arena, stats.dimension, sizeof(*vector));
	if (!vector)
		return vs_error_set(error, VS_ENOMEM, "no memory for a query");
	vector[0] = 1.0f;
	query.vector = vector;
	query.dimension = stats.dimension;
	query.limit = 1;
	return vs_namespace_search(ns, &query, &results, error);
}

int vs_handle_ready(struct vs_call *call, struct vs_error *error)
{
	struct vs_response *response = call->response;
	struct vs_error why = { .position = -1 };
	int rc = vs_target_check(&call->target, no_parameters, error);
	if (rc)
		return rc;
	rc = try_query(call, &why);
	if (vs_call_may_retry(call, rc)) {
		*error = why;
		return rc;
	}
	if (rc == 0) {
		vs_buf_puts(&response->body, "{\"status\":\"ready\"}\n");
		return 0;
	}
	response->status = 503;
	response->retry_after = 1;
	response->error = why;
	vs_buf_puts(&response->body, "{\"status\":\"not_ready\",");
	/* The reason may name files: not for everybody. */
	struct vs_error unknown;
	if (vs_auth_find(call->auth, call->request, &call->principal, &unknown) ||
	    vs_auth_check(&call->principal, VS_RIGHT_METRICS, NULL))
		snprintf(why.text, sizeof(why.text), "the data cannot be searched now");
	vs_json_error(&response->body, &why, vs_call_handles(call)->data);
	vs_buf_printf(&response->body, ",\"request_id\":\"%s\"}\n", response->request_id);
	return 0;
}

/* ---- metrics ---------------------------------------------------------------------------------------------- */

static uint64_t resident_bytes(void)
{
	char text[256];
	size_t len;
	unsigned long long pages = 0;
	if (vs_file_load("/proc/self/statm", text, sizeof(text) - 1, &len, NULL))
		return 0;
	text[len] = '\0';
	if (sscanf(text, "%*u %llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_gauge(struct vs_buf *out, const char *name, const char *help, const char *labels, uint64_t value)
{
	vs_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s%s %" PRIu64 "\n", name, help, name, name, labels, value);
}

int vs_handle_metrics(struct vs_call *call, struct vs_error *error)
{
	struct vs_namespace_stats stats = { .total = 0 };
	struct vs_cache_stats cache = { 0 };
	struct vs_namespace *ns = NULL;
	struct vs_buf *out = &call->response->body;
	int rc = vs_target_check(&call->target, no_parameters, error);
	if (rc)
		return rc;
	rc = vs_call_namespace(call, NULL, false, &ns, error);
	if (!rc && ns)
		rc = vs_namespace_stats(ns, &stats, error);
	if (vs_call_may_retry(call, rc))
		return rc;
	if (call->cache) /* first: it may count evictions */
		vs_cache_stats(call->cache, &cache);
	vs_metrics_encode(call->metrics, out);
	put_gauge(out, "vecstore_cache_size_bytes", "Bytes of answers in the query cache.", "", cache.size);
	if (rc == 0) { /* what is broken shows as missing figures, and in /ready */
		const char *labels = "{namespace=\"" VS_DEFAULT_NAMESPACE "\"}";
		put_gauge(out, "vecstore_vectors_total", "Records that are not soft-deleted.", labels, stats.active);
		put_gauge(out, "vecstore_deleted_vectors_total", "Soft-deleted records.", labels, stats.deleted);
		put_gauge(out, "vecstore_unindexed_vectors", "Slots that the graph has not yet.", labels, stats.unindexed);
		put_gauge(out, "vecstore_storage_bytes", "Bytes on disk.", labels, stats.storage_bytes);
		/* Told by the data, whichever process has compacted. */
		if (stats.generation > 0)
			vs_buf_printf(out,
			              "# HELP vecstore_compacts_total Compactions since the namespace was made.\n"
			              "# TYPE vecstore_compacts_total counter\nvecstore_compacts_total%s %" PRIu32 "\n",
			              labels, stats.generation - 1);
	}
	put_gauge(out, "vecstore_memory_usage_bytes", "Resident memory of the process that answers.", "", resident_bytes());
	vs_buf_printf(out,
	              "# HELP vecstore_build_info Version and instruction set.\n# TYPE vecstore_build_info gauge\n"
	              "vecstore_build_info{version=\"%s\",simd=\"%s\"} 1\n",
	              vs_version(), vs_simd());
	call->response->content_type = "text/plain; version=0.0.4; charset=utf-8";
	return 0;
}

int vs_handle_openapi(struct vs_call *call, struct vs_error *error)
{
	struct vs_buf *out = &call->response->body;
	const char *share = getenv("VECSTORE_SHARE");
	char path[256];
	struct vs_error why;
	size_t len = 0;
	int rc = vs_target_check(&call->target, no_parameters, error);
	if (rc)
		return rc;
	if (snprintf(path, sizeof(path), "%s/openapi.json", share ? share : VS_PKGDATADIR) >= (int)sizeof(path))
		return vs_error_set(error, VS_EINTERNAL, "the path of openapi.json is too long");
	char *data = vs_buf_reserve(out, OPENAPI_MAX);
	if (!data)
		return vs_error_set(error, VS_ENOMEM, "no memory for openapi.json");
	rc = vs_file_load(path, data, OPENAPI_MAX, &len, &why);
	if (rc)
		return vs_error_set(error, VS_EINTERNAL, "openapi.json is not installed (%s)", why.text);
	out->len += len;
	return 0;
}

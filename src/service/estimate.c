/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of query-estimate: whether a query is valid, and what it would cost. A bad query is an answer, not an error. */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "service/json_out.h"
#include "service/query.h"

static void encode_invalid(struct vs_buf *out, const struct vs_error *fault)
{
	vs_buf_puts(out, "{\"valid\":false,\"errors\":[{");
	vs_json_error(out, fault, "");
	vs_buf_puts(out, "}],\"recommendations\":[]}\n");
}

static void encode(struct vs_buf *out, const struct vs_estimate *e)
{
	vs_buf_printf(out, "{\"valid\":true,\"errors\":[],\"path\":\"%s\",\"reason\":\"%s\",\"cost_estimate\":%.0f", vs_way_name(e->way),
	              e->reason, e->cost);
	vs_buf_printf(out, ",\"estimated_matches\":%" PRIu64 ",\"selectivity\":%.6g,\"pool_size\":%" PRIu32 ",\"tail\":%" PRIu32,
	              e->matches, e->selectivity, e->pool, e->tail);
	vs_buf_printf(out,
	              ",\"estimated_nodes_visited\":%" PRIu64 ",\"estimated_distance_calculations\":%" PRIu64
	              ",\"estimated_duration_ms\":%.3f,\"recommendations\":[",
	              e->nodes_visited, e->distances, (double)e->duration_ns * 1e-6);
	for (size_t i = 0; i < e->advice_count; i++)
		vs_buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", e->advice[i]);
	vs_buf_puts(out, "]}\n");
}

/* A fault of the query, and not of the request around it (no JSON, no such namespace) or of the store. */
static bool is_of_query(const struct vs_call *call, int rc, const struct vs_error *error)
{
	return call->body && error->field[0] && strcmp(error->field, "namespace") != 0 &&
	       (rc == VS_EINVAL || rc == VS_ENOTFOUND || rc == VS_ETOOBIG);
}

static int estimate(struct vs_call *call, struct vs_estimate *foretold, struct vs_error *error)
{
	struct vs_namespace *ns = NULL;
	struct vs_ask ask = VS_ASK;
	int rc = vs_ask_decode_body(call, NULL, &ask, error);
	if (!rc)
		rc = vs_ask_refuse_groups("", &ask, error);
	if (!rc)
		rc = vs_call_namespace(call, &ask.name, false, &ns, error);
	if (rc)
		return rc;
	return ns ? vs_namespace_estimate(ns, &ask.query, foretold, error) : vs_ask_check_unasked(&ask, error);
}

int vs_handle_query_estimate(struct vs_call *call, struct vs_error *error)
{
	struct vs_estimate foretold = { .reason = "there are no records" };
	int rc = estimate(call, &foretold, error);
	if (rc && is_of_query(call, rc, error)) {
		encode_invalid(&call->response->body, error);
		return 0;
	}
	if (!rc)
		encode(&call->response->body, &foretold);
	return rc;
}

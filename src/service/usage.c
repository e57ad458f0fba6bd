/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that tell what namespaces were used for: by day, one in sum, all together. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "service/call.h"
#include "service/handles.h"
#include "service/json_out.h"
#include "service/namespace_out.h"
#include "service/tenants.h"

#define ROWS_MAX 100000 /* of one answer */

/* ---- by day ----------------------------------------------------------------------------------------------- */

/* *day is left alone when the parameter is missing. */
static int decode_day(const struct vs_call *call, const char *name, int32_t *day, struct vs_error *error)
{
	const struct vs_text *text = vs_target_param(&call->target, name);
	if (!text || vs_usage_parse_day(text->data, day))
		return 0;
	return vs_error_at(error, VS_EINVAL, name, -1, "must be a day such as 2026-01-31");
}

static void put_counts(struct vs_buf *out, const uint64_t *counts)
{
	for (int kind = 0; kind < VS_USAGES; kind++)
		if (kind != VS_USAGE_VECTOR_MS)
			vs_buf_printf(out, "\"%s\":%" PRIu64 ",", vs_usage_name((enum vs_usage_kind)kind), counts[kind]);
	vs_buf_printf(out, "\"vector_hours\":%.6f", (double)counts[VS_USAGE_VECTOR_MS] / 3600000.0);
}

struct rows {
	struct vs_buf *out;
	size_t count;
};

static int put_row(void *context, const struct vs_usage_row *row)
{
	struct rows *rows = context;
	char day[VS_USAGE_DAY];
	if (rows->count == ROWS_MAX)
		return 1;
	vs_usage_format_day(row->day, day);
	vs_buf_printf(rows->out, "%s{\"day\":\"%s\",\"namespace\":", rows->count++ > 0 ? "," : "", day);
	vs_json_text(rows->out, row->name, strlen(row->name));
	vs_buf_printf(rows->out, ",\"namespace_id\":\"%s\",", row->folder);
	put_counts(rows->out, row->counts);
	vs_buf_putc(rows->out, '}');
	return 0;
}

/* Brings what was counted up to now into the table first, if it can be written. */
static int open_usage(struct vs_call *call, struct vs_store **store, struct vs_error *error)
{
	int rc = vs_call_store(call, store, error);
	if (!rc)
		(void)vs_tenants_flush(call->tenants, *store, NULL);
	return rc;
}

int vs_handle_usage(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "from", "to", "namespace", NULL };
	const struct vs_text *name = vs_target_param(&call->target, "namespace");
	struct vs_usage_row from = { .day = 0 };
	struct rows rows = { &call->response->body, 0 };
	struct vs_store *store;
	int32_t to_day = INT32_MAX;
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || (rc = decode_day(call, "from", &from.day, error)) || (rc = decode_day(call, "to", &to_day, error)))
		return rc;
	snprintf(from.name, sizeof(from.name), "%s", name ? name->data : "");
	rc = open_usage(call, &store, error);
	if (rc)
		return rc;
	vs_buf_puts(rows.out, "{\"usage\":[");
	rc = vs_store_usage(store, &from, to_day, put_row, &rows, error);
	if (rc > 0)
		return vs_error_set(error, VS_ETOOBIG, "there are more than %d rows: ask for fewer days, or for one namespace", ROWS_MAX);
	vs_buf_puts(rows.out, "]}\n");
	return rc;
}

/* ---- in sum ----------------------------------------------------------------------------------------------- */

static int add_row(void *context, const struct vs_usage_row *row)
{
	uint64_t *sums = context;
	for (int kind = 0; kind < VS_USAGES; kind++)
		sums[kind] += row->counts[kind];
	return 0;
}

static void put_stats(struct vs_call *call, const struct vs_namespace_info *info, const struct vs_namespace_stats *stats,
                      const uint64_t *sums)
{
	struct vs_buf *out = &call->response->body;
	vs_buf_puts(out, "{\"namespace\":");
	vs_json_text(out, info->name, strlen(info->name));
	vs_buf_printf(out,
	              ",\"status\":\"%s\",\"total_vectors\":%" PRIu64 ",\"active_vectors\":%" PRIu64 ",\"deleted_vectors\":%" PRIu64
	              ",\"dimension\":%" PRIu32 ",\"metric\":\"%s\",\"storage_bytes\":%" PRIu64 ",\"indexed_vectors\":%" PRIu32
	              ",\"unindexed_vectors\":%" PRIu32 ",",
	              vs_status_name(info->status), stats->total, stats->active, stats->deleted, stats->dimension,
	              vs_metric_name(stats->metric), stats->storage_bytes, stats->indexed, stats->unindexed);
	put_counts(out, sums);
	vs_buf_putc(out, ',');
}

int vs_handle_namespace_stats(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { NULL };
	struct vs_handles *handles = vs_call_handles(call);
	struct vs_namespace_now now = { .defaults = &handles->quota };
	struct vs_namespace_stats stats;
	struct vs_namespace_info info;
	struct vs_usage_row from = { .day = 0 };
	struct vs_namespace *ns;
	struct vs_store *store;
	struct vs_use use;
	uint64_t sums[VS_USAGES] = { 0 };
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || (rc = open_usage(call, &store, error)) || (rc = vs_store_find(store, call->id.data, &info, error)) ||
	    (rc = vs_handles_find(handles, call->id.data, &ns, error)) ||
	    (rc = vs_namespace_stats(ns, &stats, error)) || (rc = vs_namespace_use(ns, &use, error)))
		return rc;
	memcpy(from.folder, info.folder, sizeof(from.folder));
	rc = vs_store_usage(store, &from, INT32_MAX, add_row, sums, error);
	if (rc)
		return rc;
	now.use = &use;
	now.at_work = vs_tenants_at_work(call->tenants, vs_tenants_find(call->tenants, vs_namespace_number(ns), info.name));
	put_stats(call, &info, &stats, sums);
	vs_namespace_encode_use(&call->response->body, &info, &now);
	vs_buf_puts(&call->response->body, "}\n");
	return 0;
}

struct census {
	uint64_t of[VS_DELETING + 1]; /* by status */
	uint64_t all;
};

static int count_one(void *context, const struct vs_namespace_info *info)
{
	struct census *census = context;
	census->of[info->status]++;
	census->all++;
	return 0;
}

int vs_handle_admin_stats(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { NULL };
	struct vs_buf *out = &call->response->body;
	struct census census = { .all = 0 };
	struct vs_usage_row from = { .day = 0 };
	struct vs_store *store;
	uint64_t sums[VS_USAGES] = { 0 };
	uint64_t vectors, storage_bytes;
	int rc = vs_target_check(&call->target, parameters, error);
	if (rc || (rc = open_usage(call, &store, error)) || (rc = vs_store_each(store, NULL, count_one, &census, error)) ||
	    (rc = vs_store_usage(store, &from, INT32_MAX, add_row, sums, error)))
		return rc;
	vs_tenants_sum(call->tenants, &vectors, &storage_bytes);
	vs_buf_printf(out, "{\"namespaces\":%" PRIu64 ",\"by_status\":{", census.all);
	for (int status = VS_ACTIVE; status <= VS_DELETING; status++)
		vs_buf_printf(out, "%s\"%s\":%" PRIu64, status > VS_ACTIVE ? "," : "", vs_status_name((enum vs_status)status),
		              census.of[status]);
	vs_buf_printf(out, "},\"total_vectors\":%" PRIu64 ",\"storage_bytes\":%" PRIu64 ",", vectors, storage_bytes);
	put_counts(out, sums);
	vs_buf_puts(out, "}\n");
	return 0;
}

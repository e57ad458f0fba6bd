/* SPDX-License-Identifier: Apache-2.0 */
#include "service/namespace_out.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "service/json_out.h"
#include "service/quota_json.h"

static void put_text(struct vs_buf *out, const char *name, const char *text)
{
	vs_buf_printf(out, "\"%s\":", name);
	vs_json_text(out, text, strlen(text));
	vs_buf_putc(out, ',');
}

static void put_time(struct vs_buf *out, const char *name, int64_t when)
{
	vs_buf_printf(out, "\"%s\":", name);
	vs_json_time(out, when);
	vs_buf_putc(out, ',');
}

/* What can be told of how much of a quota is used. False: nothing. */
static bool used_of(const struct vs_namespace_now *now, enum vs_quota_kind kind, uint64_t *used)
{
	*used = kind == VS_QUOTA_CONCURRENT ? now->at_work : 0;
	if (now->use && kind == VS_QUOTA_VECTORS)
		*used = now->use->vectors;
	if (now->use && kind == VS_QUOTA_STORAGE)
		*used = now->use->storage_bytes;
	if (now->use && kind == VS_QUOTA_DIMENSION)
		*used = now->use->dimension;
	return kind == VS_QUOTA_CONCURRENT ||
	       (now->use && (kind == VS_QUOTA_VECTORS || kind == VS_QUOTA_STORAGE || kind == VS_QUOTA_DIMENSION));
}

void vs_namespace_encode_use(struct vs_buf *out, const struct vs_namespace_info *info, const struct vs_namespace_now *now)
{
	const char *comma = "";
	uint64_t used;
	vs_buf_puts(out, "\"utilisation\":{");
	for (int kind = 0; kind < VS_QUOTAS; kind++) {
		uint64_t most = (uint64_t)vs_quota_most(&info->quota, now->defaults, (enum vs_quota_kind)kind);
		if (!used_of(now, (enum vs_quota_kind)kind, &used))
			continue;
		vs_buf_printf(out, "%s\"%s\":{\"used\":%" PRIu64 ",", comma, vs_quota_name((enum vs_quota_kind)kind), used);
		if (most > 0)
			vs_buf_printf(out, "\"most\":%" PRIu64 ",\"ratio\":%.6g}", most, (double)used / (double)most);
		else
			vs_buf_puts(out, "\"most\":null,\"ratio\":null}");
		comma = ",";
	}
	vs_buf_puts(out, "},\"exceeded\":[");
	comma = "";
	for (int kind = 0; kind < VS_QUOTAS; kind++) {
		uint64_t most = (uint64_t)vs_quota_most(&info->quota, now->defaults, (enum vs_quota_kind)kind);
		if (most == 0 || !used_of(now, (enum vs_quota_kind)kind, &used) || used <= most)
			continue;
		vs_buf_printf(out, "%s\"%s\"", comma, vs_quota_name((enum vs_quota_kind)kind));
		comma = ",";
	}
	vs_buf_putc(out, ']');
}

void vs_namespace_encode(struct vs_buf *out, const struct vs_namespace_info *info, const struct vs_namespace_now *now)
{
	uint32_t dimension = now->use && now->use->dimension ? now->use->dimension : info->dimension;
	vs_buf_putc(out, '{');
	put_text(out, "name", info->name);
	put_text(out, "status", vs_status_name(info->status));
	put_text(out, "description", info->description);
	vs_buf_printf(out, "\"dimension\":%" PRIu32 ",", dimension);
	put_text(out, "metric", vs_metric_name(info->metric));
	put_time(out, "created_at", info->created_at);
	put_time(out, "updated_at", info->updated_at);
	if (info->delete_at != 0)
		put_time(out, "delete_at", info->delete_at);
	vs_buf_printf(out, "\"metadata\":%s,", info->metadata);
	vs_quota_encode(out, &info->quota, false);
	vs_buf_putc(out, ',');
	vs_namespace_encode_use(out, info, now);
	vs_buf_putc(out, '}');
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Results, groups and stats of queries as JSON. */
#include <inttypes.h>

#include "base/buf.h"
#include "service/json_out.h"
#include "service/query.h"

#define ANSWER_BYTES (256u << 20) /* 10,000 results may have 10 GB of metadata */

static int encode_metadata(struct vs_buf *out, const struct vs_projection *fields, const struct vs_record *record,
                           struct vs_error *error)
{
	vs_buf_puts(out, ",\"metadata\":");
	if (fields)
		return vs_projection_apply(fields, record->metadata, record->metadata_len, out, error);
	vs_buf_append(out, record->metadata, record->metadata_len);
	return 0;
}

int vs_ask_encode(struct vs_buf *out, const struct vs_query *query, const struct vs_projection *fields,
                  const struct vs_result *items, size_t count, vs_ask_more_fn *more, void *context,
                  struct vs_error *error)
{
	vs_buf_putc(out, '[');
	for (size_t i = 0; i < count; i++) {
		const struct vs_result *result = &items[i];
		if (out->len > ANSWER_BYTES)
			return vs_error_at(error, VS_ETOOBIG, "limit", -1, "the answer grows past %u MiB: ask for fewer results",
			                   ANSWER_BYTES >> 20);
		vs_buf_puts(out, i > 0 ? ",{\"id\":" : "{\"id\":");
		vs_json_text(out, result->record.id, result->record.id_len);
		vs_buf_puts(out, ",\"score\":");
		vs_json_float(out, result->score);
		if (query->with_metadata) {
			int rc = encode_metadata(out, fields, &result->record, error);
			if (rc)
				return rc;
		}
		if (result->record.text) {
			vs_buf_puts(out, ",\"text\":");
			vs_json_text(out, result->record.text, result->record.text_len);
		}
		if (query->with_vector && result->record.vector) {
			vs_buf_puts(out, ",\"vector\":");
			vs_json_vector(out, result->record.vector, result->record.dimension);
		}
		if (more)
			more(context, out, i);
		vs_buf_putc(out, '}');
	}
	vs_buf_putc(out, ']');
	return 0;
}

int vs_ask_encode_groups(struct vs_buf *out, const struct vs_ask *ask, const struct vs_groups *groups,
                         struct vs_error *error)
{
	vs_buf_putc(out, '[');
	for (size_t i = 0; i < groups->count; i++) {
		const struct vs_group *group = &groups->items[i];
		vs_buf_puts(out, i > 0 ? ",{\"value\":" : "{\"value\":");
		vs_buf_append(out, group->value, group->value_len);
		vs_buf_puts(out, ",\"results\":");
		int rc = vs_ask_encode(out, &ask->query, ask->fields, group->items, group->count, NULL, NULL, error);
		if (rc)
			return rc;
		vs_buf_putc(out, '}');
	}
	vs_buf_putc(out, ']');
	return 0;
}

static void put_rank(struct vs_buf *out, const char *name, uint32_t rank)
{
	if (rank > 0)
		vs_buf_printf(out, ",\"%s\":%" PRIu32, name, rank);
	else
		vs_buf_printf(out, ",\"%s\":null", name);
}

void vs_ask_encode_part(void *context, struct vs_buf *out, size_t i)
{
	const struct vs_ask_hybrid *hybrid = context;
	const struct vs_hybrid_part *part = &hybrid->parts[i];
	if (part->has_vector) {
		vs_buf_puts(out, ",\"vector_score\":");
		vs_json_float(out, part->vector_score);
		put_rank(out, "vector_rank", part->vector_rank);
	}
	if (hybrid->text.words) {
		vs_buf_puts(out, ",\"text_score\":");
		if (part->has_text)
			vs_json_float(out, part->text_score);
		else
			vs_buf_puts(out, "null");
		put_rank(out, "text_rank", part->text_rank);
	}
	if (part->highlight) {
		vs_buf_puts(out, ",\"highlight\":");
		vs_json_text(out, part->highlight, part->highlight_len);
	}
}

void vs_query_encode_stats(struct vs_buf *out, uint64_t total_candidates, uint64_t filtered_count, uint64_t duration_ns,
                           bool cache_hit)
{
	vs_buf_printf(out,
	              "\"stats\":{\"total_candidates\":%" PRIu64 ",\"filtered_count\":%" PRIu64
	              ",\"duration_ms\":%.3f,\"cache_hit\":%s}",
	              total_candidates, filtered_count, (double)duration_ns * 1e-6, cache_hit ? "true" : "false");
}

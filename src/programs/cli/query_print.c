/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/query_print.h"

#include <json-c/json_object.h>
#include <json-c/linkhash.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "service/json_out.h"
#include "service/query.h"

/* ---- JSON ------------------------------------------------------------------------------------------------- */

static int print_buf(const struct vs_buf *out, struct vs_error *error)
{
	if (out->failed)
		return vs_error_set(error, VS_ENOMEM, "out of memory");
	fwrite(out->data, 1, out->len, stdout);
	return 0;
}

int vs_print_json(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                  struct vs_ask_hybrid *hybrid, struct vs_error *error)
{
	const struct vs_query_stats *stats = &results->stats;
	vs_buf_puts(out, "{\"results\":");
	int rc = vs_ask_encode(out, &ask->query, ask->fields, results->items, results->count,
	                       hybrid ? vs_ask_encode_part : NULL, hybrid, error);
	if (rc)
		return rc;
	vs_buf_putc(out, ',');
	vs_query_encode_stats(out, stats->total_candidates, stats->filtered_count, stats->duration_ns, false);
	vs_buf_puts(out, "}\n");
	return print_buf(out, error);
}

int vs_print_explained_json(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                            const struct vs_explanation *explanation, struct vs_error *error)
{
	int rc = vs_ask_encode_explained(out, ask, results, explanation, error);
	return rc ? rc : print_buf(out, error);
}

/* ---- a table ---------------------------------------------------------------------------------------------- */

/* Stored bytes must not steer a terminal, nor break a table: control characters, C1 ones too, are shown as '?'. Cuts at
 * `columns` characters. Returns how many were printed. */
static int print_safe(const char *text, size_t len, int columns)
{
	int used = 0;
	for (size_t i = 0; i < len && used < columns; used++) {
		unsigned char c = (unsigned char)text[i];
		size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
		bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0);
		if (n > len - i)
			n = len - i;
		if (control)
			putchar('?');
		else
			fwrite(text + i, 1, n, stdout);
		i += n;
	}
	return used;
}

static int columns_of_terminal(void)
{
	struct winsize size;
	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
		return size.ws_col;
	return 1 << 20;
}

/* What is shown of a record: its passage, if part is not NULL; else its metadata, or the fields of them that are asked for, and its vector. */
static int put_shown(struct vs_buf *out, const struct vs_ask *ask, const struct vs_record *record,
                     const struct vs_hybrid_part *part, struct vs_error *error)
{
	vs_buf_reset(out);
	if (part) {
		vs_buf_append(out, part->highlight, part->highlight_len);
	} else if (ask->fields) {
		int rc = vs_projection_apply(ask->fields, record->metadata, record->metadata_len, out, error);
		if (rc)
			return rc;
	} else {
		vs_buf_append(out, record->metadata, record->metadata_len);
	}
	if (record->vector) {
		vs_buf_puts(out, "  ");
		vs_json_vector(out, record->vector, record->dimension);
	}
	return out->failed ? vs_error_set(error, VS_ENOMEM, "out of memory") : 0;
}

/* parts NULL: metadata are shown, no passages. */
static int print_rows(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                      const struct vs_hybrid_part *parts, struct vs_error *error)
{
	int width = columns_of_terminal();
	int id_width = 2;
	for (size_t i = 0; i < results->count; i++)
		if ((int)results->items[i].record.id_len > id_width)
			id_width = (int)results->items[i].record.id_len;
	if (id_width > 32)
		id_width = 32;
	printf("%5s  %10s  %-*s  %s\n", "rank", "score", id_width, "id", parts ? "passage" : "metadata");
	for (size_t i = 0; i < results->count; i++) {
		const struct vs_record *record = &results->items[i].record;
		int rc = put_shown(out, ask, record, parts ? &parts[i] : NULL, error);
		if (rc)
			return rc;
		printf("%5zu  %10.6g  ", ask->query.offset + i + 1, (double)results->items[i].score);
		int used = print_safe(record->id, record->id_len, VS_RECORD_ID_MAX);
		printf("%*s  ", used < id_width ? id_width - used : 0, "");
		print_safe(out->data, out->len, width - 21 - (used > id_width ? used : id_width));
		putchar('\n');
	}
	return 0;
}

/* The members of an object, a line each; those of objects in it under "name.". */
static void print_members(struct json_object *object, const char *prefix)
{
	json_object_object_foreach(object, name, value)
	{
		char full[64];
		snprintf(full, sizeof full, "%s%s", prefix, name);
		if (json_object_is_type(value, json_type_object)) {
			snprintf(full, sizeof full, "%s%s.", prefix, name);
			print_members(value, full);
		} else {
			printf("  %-24s %s\n", full, json_object_get_string(value));
		}
	}
}

/* The plan as query-explain tells it. */
static int print_plan(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                      const struct vs_explanation *explanation, struct vs_error *error)
{
	struct vs_results none = { .stats = results->stats };
	struct json_object *object = NULL, *plan = NULL;
	struct vs_json *json = vs_json_open();
	vs_buf_reset(out);
	int rc = json ? vs_ask_encode_explained(out, ask, &none, explanation, error) : VS_ENOMEM;
	if (!json || (!rc && out->failed))
		rc = vs_error_set(error, VS_ENOMEM, "out of memory");
	if (!rc)
		rc = vs_json_parse(json, out->data, out->len - 1, "the plan", &object, error);
	if (!rc && json_object_object_get_ex(object, "plan", &plan)) {
		puts("plan:");
		print_members(plan, "");
	}
	json_object_put(object);
	vs_json_close(json);
	return rc;
}

static void print_sum(const struct vs_results *results, const char *how)
{
	printf("%zu of %llu matching records, %.2f ms, %s\n", results->count,
	       (unsigned long long)results->stats.filtered_count, (double)results->stats.duration_ns / 1e6, how);
}

int vs_print_hybrid_table(struct vs_buf *out, const struct vs_ask_hybrid *hybrid, const struct vs_results *results,
                          struct vs_error *error)
{
	bool near = hybrid->ask.query.vector || hybrid->ask.query.id;
	int rc = print_rows(out, &hybrid->ask, results, hybrid->text.highlight ? hybrid->parts : NULL, error);
	if (!rc)
		print_sum(results, near ? "by vector and words" : "by words");
	return rc;
}

int vs_print_table(struct vs_buf *out, const struct vs_ask *ask, const struct vs_results *results,
                   const struct vs_explanation *explanation, struct vs_error *error)
{
	static const char *const paths[] = { "nothing stored", "compared with all", "through the graph" };
	int rc = print_rows(out, ask, results, NULL, error);
	if (rc)
		return rc;
	print_sum(results, paths[results->stats.path]);
	return explanation ? print_plan(out, ask, results, explanation, error) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore query: the nearest records, as a table to read or as the JSON that the server would answer. */
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/query_file.h"
#include "service/json_in.h"
#include "service/json_out.h"

/* The vector of --vector, decoded as the server decodes one, so as a field of an object. */
static int decode_vector(const char *text, struct vs_arena *arena, struct vs_query *query, struct vs_error *error)
{
	static const char *const names[] = { "vector", NULL };
	struct vs_fields fields = { NULL, "" };
	struct vs_buf object = VS_BUF_INIT;
	struct vs_json *json = vs_json_open();
	int rc = 0;
	vs_buf_printf(&object, "{\"vector\":%s}", text);
	if (!json || object.failed)
		rc = vs_error_set(error, VS_ENOMEM, "out of memory");
	else if (vs_json_parse(json, object.data, object.len, "--vector", &fields.object, NULL))
		rc = vs_error_set(error, VS_EINVAL, "--vector takes a JSON array of numbers, such as '[0.1, -2, 3e-4]'");
	if (!rc)
		rc = vs_fields_check(&fields, names, error);
	if (!rc)
		rc = vs_fields_vector(&fields, "vector", arena, &query->vector, &query->dimension, error);
	if (!rc && !query->vector)
		rc = vs_fields_missing(&fields, "vector", error);
	json_object_put(fields.object);
	vs_json_close(json);
	vs_buf_release(&object);
	return rc;
}

/* ---- output ----------------------------------------------------------------------------------------------- */

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

static void print_table(const struct vs_results *results)
{
	int width = columns_of_terminal();
	int id_width = 2;
	for (size_t i = 0; i < results->count; i++)
		if ((int)results->items[i].record.id_len > id_width)
			id_width = (int)results->items[i].record.id_len;
	if (id_width > 32)
		id_width = 32;
	printf("%5s  %10s  %-*s  %s\n", "rank", "score", id_width, "id", "metadata");
	for (size_t i = 0; i < results->count; i++) {
		const struct vs_record *record = &results->items[i].record;
		printf("%5zu  %10.6g  ", i + 1, (double)results->items[i].score);
		int used = print_safe(record->id, record->id_len, VS_RECORD_ID_MAX);
		printf("%*s  ", used < id_width ? id_width - used : 0, "");
		print_safe(record->metadata, record->metadata_len, width - 21 - (used > id_width ? used : id_width));
		putchar('\n');
	}
	static const char *const paths[] = { "nothing stored", "compared with all", "through the graph" };
	printf("%zu of %llu matching records, %.2f ms, %s\n", results->count,
	       (unsigned long long)results->stats.filtered_count, (double)results->stats.duration_ns / 1e6,
	       paths[results->stats.path]);
}

static int print_json(const struct vs_results *results, struct vs_error *error)
{
	struct vs_buf out = VS_BUF_INIT;
	vs_buf_puts(&out, "{\"results\":[");
	for (size_t i = 0; i < results->count; i++) {
		const struct vs_record *record = &results->items[i].record;
		vs_buf_puts(&out, i ? ",{\"id\":" : "{\"id\":");
		vs_json_text(&out, record->id, record->id_len);
		vs_buf_puts(&out, ",\"score\":");
		vs_json_float(&out, results->items[i].score);
		vs_buf_puts(&out, ",\"metadata\":");
		vs_buf_append(&out, record->metadata, record->metadata_len);
		vs_buf_putc(&out, '}');
	}
	vs_buf_printf(&out, "],\"stats\":{\"total_candidates\":%llu,\"filtered_count\":%llu,\"duration_ms\":%.3f}}\n",
	              (unsigned long long)results->stats.total_candidates,
	              (unsigned long long)results->stats.filtered_count, (double)results->stats.duration_ns / 1e6);
	if (!out.failed)
		fwrite(out.data, 1, out.len, stdout);
	int rc = out.failed ? vs_error_set(error, VS_ENOMEM, "out of memory") : 0;
	vs_buf_release(&out);
	return rc;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static int answer(const struct vs_args *args, struct vs_namespace *ns, const struct vs_query *query,
                  struct vs_error *error)
{
	struct vs_results results;
	int rc = vs_namespace_search(ns, query, &results, error);
	if (!rc && vs_args_switch(args, VS_FLAG_JSON))
		rc = print_json(&results, error);
	else if (!rc)
		print_table(&results);
	return rc;
}

static int run(const struct vs_args *args, struct vs_query *query, struct vs_error *error)
{
	struct vs_store *store = NULL;
	struct vs_namespace *ns = NULL;
	const char *file = vs_args_text(args, VS_FLAG_QUERY_FILE);
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, error);
	if (!rc)
		rc = vs_namespace_open(store, vs_args_text(args, VS_FLAG_NAMESPACE), NULL, &ns, error);
	if (!rc)
		rc = file ? vs_query_file(ns, file, query, error) : answer(args, ns, query, error);
	vs_namespace_close(ns);
	vs_store_close(store);
	return rc;
}

int vs_command_query(struct vs_args *args)
{
	struct vs_error error;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_query query = VS_QUERY;
	const char *vector = vs_args_text(args, VS_FLAG_VECTOR);
	query.id = vs_args_text(args, VS_FLAG_ID);
	if ((vector != NULL) + (query.id != NULL) + (vs_args_text(args, VS_FLAG_QUERY_FILE) != NULL) != 1) {
		fputs("vecstore: vecstore query needs one of --id, --vector and --file\n", stderr);
		return 2;
	}
	query.id_len = query.id ? strlen(query.id) : 0;
	query.limit = (uint32_t)vs_args_count(args, VS_FLAG_LIMIT);
	query.ef = (uint32_t)vs_args_count(args, VS_FLAG_EF);
	query.rescore = (int32_t)vs_args_count(args, VS_FLAG_RESCORE);
	if (query.rescore == 0 && vs_args_text(args, VS_FLAG_RESCORE))
		query.rescore = VS_RESCORE_NONE;
	query.exact = vs_args_switch(args, VS_FLAG_EXACT);
	query.filter = vs_args_text(args, VS_FLAG_FILTER);
	int rc = vector ? decode_vector(vector, &arena, &query, &error) : 0;
	if (!rc)
		rc = run(args, &query, &error);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	vs_arena_release(&arena);
	return rc ? 1 : 0;
}

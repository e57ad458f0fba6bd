/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore query: the nearest records, as a table to read or as the JSON that the server would answer. */
#include <json-c/json_object.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/flags.h"
#include "programs/cli/query_file.h"
#include "service/json_in.h"
#include "service/json_out.h"
#include "service/query.h"

/* What is asked, and the answer to it. */
struct asking {
	const struct vs_args *args;
	struct vs_query query;
	struct vs_text_query text; /* words NULL: by vector alone */
	struct vs_highlight highlight;
	struct vs_results results;
	const struct vs_hybrid_part *parts; /* NULL: by vector alone */
};

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

static void print_table(const struct asking *asking)
{
	const struct vs_results *results = &asking->results;
	bool passages = asking->text.words && asking->text.highlight;
	int width = columns_of_terminal();
	int id_width = 2;
	for (size_t i = 0; i < results->count; i++)
		if ((int)results->items[i].record.id_len > id_width)
			id_width = (int)results->items[i].record.id_len;
	if (id_width > 32)
		id_width = 32;
	printf("%5s  %10s  %-*s  %s\n", "rank", "score", id_width, "id", passages ? "passage" : "metadata");
	for (size_t i = 0; i < results->count; i++) {
		const struct vs_record *record = &results->items[i].record;
		printf("%5zu  %10.6g  ", i + 1, (double)results->items[i].score);
		int used = print_safe(record->id, record->id_len, VS_RECORD_ID_MAX);
		printf("%*s  ", used < id_width ? id_width - used : 0, "");
		used = width - 21 - (used > id_width ? used : id_width);
		if (!passages)
			print_safe(record->metadata, record->metadata_len, used);
		else if (asking->parts[i].highlight)
			print_safe(asking->parts[i].highlight, asking->parts[i].highlight_len, used);
		putchar('\n');
	}
	static const char *const paths[] = { "nothing stored", "compared with all", "through the graph" };
	bool by_vector = asking->query.vector || asking->query.id;
	printf("%zu of %llu matching records, %.2f ms, %s\n", results->count,
	       (unsigned long long)results->stats.filtered_count, (double)results->stats.duration_ns / 1e6,
	       by_vector ? paths[results->stats.path] : "by words");
}

static int print_json(const struct asking *asking, struct vs_error *error)
{
	const struct vs_results *results = &asking->results;
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
		if (asking->parts)
			vs_query_encode_part(&out, &asking->parts[i], true);
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

static int answer(struct asking *asking, struct vs_namespace *ns, struct vs_error *error)
{
	int rc = asking->text.words
	             ? vs_namespace_search_hybrid(ns, &asking->query, &asking->text, &asking->results, &asking->parts, error)
	             : vs_namespace_search(ns, &asking->query, &asking->results, error);
	if (!rc && vs_args_switch(asking->args, VS_FLAG_JSON))
		rc = print_json(asking, error);
	else if (!rc)
		print_table(asking);
	return rc;
}

static int run(struct asking *asking, struct vs_error *error)
{
	const struct vs_args *args = asking->args;
	struct vs_store *store = NULL;
	struct vs_namespace *ns = NULL;
	const char *file = vs_args_text(args, VS_FLAG_QUERY_FILE);
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, error);
	if (!rc)
		rc = vs_namespace_open(store, vs_args_text(args, VS_FLAG_NAMESPACE), NULL, &ns, error);
	if (!rc)
		rc = file ? vs_query_file(ns, file, &asking->query, error) : answer(asking, ns, error);
	vs_namespace_close(ns);
	vs_store_close(store);
	return rc;
}

/* What --text goes with; as many words as JSON shows, marked as the server does, or with brackets in the table. */
static int read_text(struct asking *asking, struct vs_error *error)
{
	const struct vs_args *args = asking->args;
	static const enum vs_flag beside[] = { VS_FLAG_ALPHA, VS_FLAG_FUSION, VS_FLAG_MATCH, VS_FLAG_HIGHLIGHT };
	const char *alpha = vs_args_text(args, VS_FLAG_ALPHA);
	struct vs_text_query *text = &asking->text;
	char *end = NULL;
	text->words = vs_args_text(args, VS_FLAG_TEXT);
	text->words_len = text->words ? strlen(text->words) : 0;
	for (size_t i = 0; !text->words && i < sizeof beside / sizeof beside[0]; i++)
		if (args->flags[beside[i]])
			return vs_error_set(error, VS_EINVAL, "--%s goes with --text", vs_flag_get(beside[i])->name);
	text->all = strcmp(vs_args_text(args, VS_FLAG_MATCH), "all") == 0;
	text->fusion = strcmp(vs_args_text(args, VS_FLAG_FUSION), "rrf") == 0 ? VS_FUSION_RRF : VS_FUSION_ALPHA;
	if (alpha)
		text->alpha = strtof(alpha, &end);
	if (alpha && (end == alpha || *end || !(text->alpha >= 0.0f && text->alpha <= 1.0f)))
		return vs_error_set(error, VS_EINVAL, "--alpha takes a number from 0 to 1");
	if (!vs_args_switch(args, VS_FLAG_JSON))
		asking->highlight = (struct vs_highlight){ "[", "]", asking->highlight.words, false };
	if (vs_args_switch(args, VS_FLAG_HIGHLIGHT))
		text->highlight = &asking->highlight;
	return 0;
}

static int read_query(struct asking *asking, struct vs_arena *arena, struct vs_error *error)
{
	const struct vs_args *args = asking->args;
	const char *vector = vs_args_text(args, VS_FLAG_VECTOR);
	struct vs_query *query = &asking->query;
	query->id = vs_args_text(args, VS_FLAG_ID);
	query->id_len = query->id ? strlen(query->id) : 0;
	query->limit = (uint32_t)vs_args_count(args, VS_FLAG_LIMIT);
	query->ef = (uint32_t)vs_args_count(args, VS_FLAG_EF);
	query->rescore = (int32_t)vs_args_count(args, VS_FLAG_RESCORE);
	if (query->rescore == 0 && vs_args_text(args, VS_FLAG_RESCORE))
		query->rescore = VS_RESCORE_NONE;
	query->exact = vs_args_switch(args, VS_FLAG_EXACT);
	query->filter = vs_args_text(args, VS_FLAG_FILTER);
	int rc = vector ? decode_vector(vector, arena, query, error) : 0;
	return rc ? rc : read_text(asking, error);
}

/* By what to look: a file of queries, or a vector or an id, or words, which may stand beside the two. */
static bool is_asked_once(const struct vs_args *args)
{
	bool near = vs_args_text(args, VS_FLAG_VECTOR) || vs_args_text(args, VS_FLAG_ID);
	bool words = vs_args_text(args, VS_FLAG_TEXT) != NULL;
	if (vs_args_text(args, VS_FLAG_VECTOR) && vs_args_text(args, VS_FLAG_ID))
		return false;
	return vs_args_text(args, VS_FLAG_QUERY_FILE) ? !near && !words : near || words;
}

int vs_command_query(struct vs_args *args)
{
	struct vs_error error;
	struct vs_arena arena = VS_ARENA_INIT;
	struct asking asking = { .args = args, .query = VS_QUERY, .text = VS_TEXT_QUERY, .highlight = VS_HIGHLIGHT };
	if (!is_asked_once(args)) {
		fputs("vecstore: vecstore query needs one of --id, --vector and --file, or --text alone or with the first two\n", stderr);
		return 2;
	}
	int rc = read_query(&asking, &arena, &error);
	if (!rc)
		rc = run(&asking, &error);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	vs_arena_release(&arena);
	return rc ? 1 : 0;
}

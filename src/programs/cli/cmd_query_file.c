/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore query --file: the queries of a file, answered in batches, one line of JSON each. */
#include <json-c/json_object.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "programs/cli/query_file.h"
#include "programs/cli/query_print.h"
#include "programs/cli/records.h"
#include "service/query.h"

#define LIMIT_MOST 10000 /* limit and offset of a query together */

struct asking {
	struct vs_namespace *ns;
	const struct vs_ask *defaults;
	struct vs_records records; /* vectors, or the lines and the parser for JSON */
	/* the batch */
	struct vs_arena arena;
	struct vs_query *queries;
	const struct vs_projection **fields; /* one per query */
	struct vs_results *results;
	unsigned long *places; /* line or vector */
	size_t count;
	uint64_t wanted; /* sum of limits and offsets */
	struct vs_buf out;
};

/* ---- answers ---------------------------------------------------------------------------------------------- */

/* Puts before the error's text where in the file its query stands. */
static void locate(const struct asking *asking, unsigned long place, struct vs_error *error)
{
	char where[128], text[sizeof error->text];
	const char *dot = strncmp(error->text, "queries[", 8) == 0 ? strchr(error->text, '.') : NULL;
	vs_records_describe(&asking->records, place, where, sizeof where);
	snprintf(text, sizeof text, "%s: %.180s", where, dot ? dot + 1 : error->text);
	memcpy(error->text, text, sizeof text);
}

static int print(struct asking *asking, struct vs_error *error)
{
	for (size_t i = 0; i < asking->count; i++) {
		struct vs_ask ask = { .query = asking->queries[i], .fields = asking->fields[i] };
		vs_buf_reset(&asking->out);
		int rc = vs_print_json(&asking->out, &ask, &asking->results[i], NULL, error);
		if (rc)
			return rc;
	}
	return 0;
}

static int flush(struct asking *asking, struct vs_error *error)
{
	size_t index;
	int rc = vs_namespace_search_batch(asking->ns, asking->queries, asking->count, asking->results, error);
	if (!rc)
		rc = print(asking, error);
	else if (sscanf(error->field, "queries[%zu]", &index) == 1 && index < asking->count)
		locate(asking, asking->places[index], error);
	asking->count = 0;
	asking->wanted = 0;
	vs_arena_reset(&asking->arena);
	return rc;
}

/* What is left of the batch, after the end of the file or a fault in it. */
static int finish(struct asking *asking, int fault, struct vs_error *error)
{
	struct vs_error own;
	int rc = asking->count > 0 ? flush(asking, &own) : 0;
	if (!rc)
		return fault;
	*error = own;
	return rc;
}

/* ---- queries ---------------------------------------------------------------------------------------------- */

static int decode(struct asking *asking, const char *text, size_t len, struct vs_query *query, struct vs_error *error)
{
	struct vs_fields fields = { NULL, "" };
	struct vs_ask ask = *asking->defaults;
	int rc = vs_json_parse(asking->records.json, text, len, "query", &fields.object, error);
	if (!rc)
		rc = vs_ask_decode(&fields, NULL, &asking->arena, &ask, error);
	if (!rc)
		rc = vs_ask_refuse_groups("", &ask, error);
	*query = ask.query;
	asking->fields[asking->count] = ask.fields;
	if (!rc && ask.name.data)
		rc = vs_error_at(error, VS_EINVAL, "namespace", -1, "is given by --namespace, for all queries");
	bool has_filter = !rc && query->filter;
	if (has_filter)
		query->filter = vs_arena_dup(&asking->arena, query->filter, strlen(query->filter));
	if (!rc && query->id)
		query->id = vs_arena_dup(&asking->arena, query->id, query->id_len);
	if (!rc && ((has_filter && !query->filter) || (!query->id && !query->vector)))
		rc = vs_error_set(error, VS_ENOMEM, "out of memory");
	json_object_put(fields.object);
	return rc;
}

static int next_line(struct asking *asking, struct vs_query *query, struct vs_error *error)
{
	const char *text;
	size_t len;
	int rc;
	do {
		rc = vs_input_line(&asking->records.input, &text, &len, error);
	} while (rc == 1 && strspn(text, " \t") >= len);
	if (rc == 1)
		rc = decode(asking, text, len, query, error);
	else
		return rc;
	return rc ? rc : 1;
}

static int next_vector(struct asking *asking, struct vs_query *query, struct vs_error *error)
{
	struct vs_record_input record = { 0 };
	int rc = vs_records_next(&asking->records, &asking->arena, &record, error);
	asking->fields[asking->count] = asking->defaults->fields;
	query->vector = record.vector;
	query->dimension = record.dimension;
	return rc;
}

/* A batch is full when another query might be one too many. */
static bool is_full(const struct asking *asking)
{
	return asking->count == VS_SEARCH_BATCH_MAX || asking->wanted > VS_SEARCH_BATCH_RESULTS_MAX - LIMIT_MOST;
}

static int ask_all(struct asking *asking, struct vs_error *error)
{
	for (;;) {
		struct vs_query query = asking->defaults->query;
		int rc = asking->records.options.format == VS_RECORDS_JSONL ? next_line(asking, &query, error)
		                                                            : next_vector(asking, &query, error);
		if (rc < 0)
			locate(asking, vs_records_place(&asking->records), error);
		if (rc <= 0) /* those before a fault are answered all the same */
			return finish(asking, rc, error);
		asking->queries[asking->count] = query;
		asking->places[asking->count++] = vs_records_place(&asking->records);
		asking->wanted += (uint64_t)query.limit + query.offset;
		if (is_full(asking) && (rc = flush(asking, error)) < 0)
			return rc;
	}
}

int vs_query_file(struct vs_namespace *ns, const char *path, const struct vs_ask *defaults, struct vs_error *error)
{
	struct vs_records_options options = VS_RECORDS_OPTIONS;
	struct asking asking = { .ns = ns, .defaults = defaults };
	asking.queries = calloc(VS_SEARCH_BATCH_MAX, sizeof *asking.queries);
	asking.fields = calloc(VS_SEARCH_BATCH_MAX, sizeof *asking.fields);
	asking.results = calloc(VS_SEARCH_BATCH_MAX, sizeof *asking.results);
	asking.places = calloc(VS_SEARCH_BATCH_MAX, sizeof *asking.places);
	int rc = 0;
	options.format = vs_records_guess(path);
	if (!asking.queries || !asking.fields || !asking.results || !asking.places)
		rc = vs_error_set(error, VS_ENOMEM, "out of memory");
	if (!rc)
		rc = vs_records_open(&asking.records, path, &options, error);
	if (!rc) {
		rc = ask_all(&asking, error);
		vs_records_close(&asking.records);
	}
	free(asking.queries);
	free(asking.fields);
	free(asking.results);
	free(asking.places);
	vs_arena_release(&asking.arena);
	vs_buf_release(&asking.out);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore query: the nearest records, as a table to read or as the JSON that the server would answer. The flags become the
 * object that a client would send, and are decoded and checked as the server does.
 */
#include <json-c/json_object.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/flags.h"
#include "programs/cli/query_file.h"
#include "programs/cli/query_print.h"
#include "service/query.h"

/* ---- flags to fields -------------------------------------------------------------------------------------- */

enum kind { NUMBER, COUNT, TEXT, SWITCH, LIST, MARKS };

static const struct {
	enum vs_flag flag;
	enum kind kind;
	const char *field;
} asked[] = {
	{ VS_FLAG_ID, TEXT, "id" },
	{ VS_FLAG_TEXT, TEXT, "text_query" },
	{ VS_FLAG_ALPHA, NUMBER, "alpha" },
	{ VS_FLAG_FUSION, TEXT, "fusion" },
	{ VS_FLAG_MATCH, TEXT, "match" },
	{ VS_FLAG_HIGHLIGHT, MARKS, "highlight" },
	{ VS_FLAG_LIMIT, COUNT, "limit" },
	{ VS_FLAG_OFFSET, COUNT, "offset" },
	{ VS_FLAG_FILTER, TEXT, "filter" },
	{ VS_FLAG_EXACT, SWITCH, "exact" },
	{ VS_FLAG_EF, COUNT, "ef" },
	{ VS_FLAG_RESCORE, COUNT, "rescore" },
	{ VS_FLAG_MIN_SCORE, NUMBER, "min_score" },
	{ VS_FLAG_MAX_DISTANCE, NUMBER, "max_distance" },
	{ VS_FLAG_DIVERSITY, NUMBER, "diversity" },
	{ VS_FLAG_RESULT_FIELDS, LIST, "fields" },
	{ VS_FLAG_INCLUDE_VECTOR, SWITCH, "include_vector" },
};

static struct json_object *make_list(const char *text)
{
	struct json_object *list = json_object_new_array();
	if (list)
		json_object_array_add(list, json_object_new_string(text)); /* commas and all: each item may be a list */
	return list;
}

/* As the server marks words, or with brackets in the table. */
static struct json_object *make_marks(bool json)
{
	struct json_object *marks = json ? json_object_new_boolean(true) : json_object_new_object();
	if (json || !marks)
		return marks;
	json_object_object_add(marks, "before", json_object_new_string("["));
	json_object_object_add(marks, "after", json_object_new_string("]"));
	json_object_object_add(marks, "html", json_object_new_boolean(false));
	return marks;
}

static int add_field(struct json_object *object, size_t i, const struct vs_args *args, struct vs_error *error)
{
	const char *text = vs_args_text(args, asked[i].flag);
	struct json_object *value = NULL;
	double number;
	char *end;
	switch (asked[i].kind) {
	case NUMBER:
		number = strtod(text, &end);
		if (end == text || *end)
			return vs_error_set(error, VS_EINVAL, "--%s: '%.40s' is not a number", vs_flag_get(asked[i].flag)->name, text);
		value = json_object_new_double(number);
		break;
	case COUNT:
		value = json_object_new_int64(vs_args_count(args, asked[i].flag));
		break;
	case TEXT:
		value = json_object_new_string(text);
		break;
	case SWITCH:
		value = json_object_new_boolean(vs_args_switch(args, asked[i].flag));
		break;
	case LIST:
		value = make_list(text);
		break;
	case MARKS:
		value = make_marks(vs_args_switch(args, VS_FLAG_JSON));
		break;
	}
	if (!value || json_object_object_add(object, asked[i].field, value))
		return vs_error_set(error, VS_ENOMEM, "out of memory");
	return 0;
}

/* The object with the vector alone, if there is one. */
static int begin_object(const char *vector, struct vs_json *json, struct json_object **object, struct vs_error *error)
{
	struct vs_buf text = VS_BUF_INIT;
	int rc = 0;
	vs_buf_printf(&text, vector ? "{\"vector\":%s}" : "{}", vector);
	if (!json || text.failed)
		rc = vs_error_set(error, VS_ENOMEM, "out of memory");
	else if (vs_json_parse(json, text.data, text.len, "--vector", object, NULL) || json_object_object_length(*object) > 1)
		rc = vs_error_set(error, VS_EINVAL, "--vector takes a JSON array of numbers, such as '[0.1, -2, 3e-4]'");
	vs_buf_release(&text);
	return rc;
}

/* *object holds what *ask borrows: the caller puts it. */
static int decode(const struct vs_args *args, struct vs_arena *arena, struct json_object **object,
                  struct vs_ask_hybrid *hybrid, struct vs_error *error)
{
	struct vs_json *json = vs_json_open();
	int rc = begin_object(vs_args_text(args, VS_FLAG_VECTOR), json, object, error);
	for (size_t i = 0; !rc && i < sizeof asked / sizeof asked[0]; i++)
		if (vs_args_text(args, asked[i].flag))
			rc = add_field(*object, i, args, error);
	struct vs_fields fields = { *object, "" };
	struct vs_ask *ask = &hybrid->ask;
	if (!rc && vs_args_text(args, VS_FLAG_TEXT))
		rc = vs_ask_decode_hybrid(&fields, arena, hybrid, error);
	else if (!rc)
		rc = vs_args_text(args, VS_FLAG_QUERY_FILE) ? vs_ask_decode_options(&fields, NULL, arena, ask, error)
		                                            : vs_ask_decode(&fields, NULL, arena, ask, error);
	vs_json_close(json);
	return rc;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static int answer_hybrid(const struct vs_args *args, struct vs_namespace *ns, struct vs_ask_hybrid *hybrid,
                         struct vs_error *error)
{
	struct vs_buf out = VS_BUF_INIT;
	struct vs_results results;
	int rc = vs_namespace_search_hybrid(ns, &hybrid->ask.query, &hybrid->text, &results, &hybrid->parts, error);
	if (!rc)
		rc = vs_args_switch(args, VS_FLAG_JSON) ? vs_print_json(&out, &hybrid->ask, &results, hybrid, error)
		                                        : vs_print_hybrid_table(&out, hybrid, &results, error);
	vs_buf_release(&out);
	return rc;
}

static int answer(const struct vs_args *args, struct vs_namespace *ns, const struct vs_ask *ask, struct vs_error *error)
{
	struct vs_buf out = VS_BUF_INIT;
	struct vs_explanation explanation;
	struct vs_results results;
	bool explain = vs_args_switch(args, VS_FLAG_EXPLAIN), json = vs_args_switch(args, VS_FLAG_JSON);
	int rc = explain ? vs_namespace_explain(ns, &ask->query, false, &results, &explanation, error)
	                 : vs_namespace_search(ns, &ask->query, &results, error);
	if (!rc && json)
		rc = explain ? vs_print_explained_json(&out, ask, &results, &explanation, error)
		             : vs_print_json(&out, ask, &results, NULL, error);
	else if (!rc)
		rc = vs_print_table(&out, ask, &results, explain ? &explanation : NULL, error);
	vs_buf_release(&out);
	return rc;
}

static int run(const struct vs_args *args, struct vs_ask_hybrid *hybrid, struct vs_error *error)
{
	const struct vs_ask *ask = &hybrid->ask;
	struct vs_store *store = NULL;
	struct vs_namespace *ns = NULL;
	const char *file = vs_args_text(args, VS_FLAG_QUERY_FILE);
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, error);
	if (!rc)
		rc = vs_namespace_open(store, vs_args_text(args, VS_FLAG_NAMESPACE), NULL, &ns, error);
	if (!rc && hybrid->text.words)
		rc = answer_hybrid(args, ns, hybrid, error);
	else if (!rc)
		rc = file ? vs_query_file(ns, file, ask, error) : answer(args, ns, ask, error);
	vs_namespace_close(ns);
	vs_store_close(store);
	return rc;
}

/* What cannot be asked together: NULL, or why not. */
static const char *find_fault(const struct vs_args *args)
{
	static const enum vs_flag beside[] = { VS_FLAG_ALPHA, VS_FLAG_FUSION, VS_FLAG_MATCH, VS_FLAG_HIGHLIGHT };
	bool vector = vs_args_text(args, VS_FLAG_VECTOR) != NULL, id = vs_args_text(args, VS_FLAG_ID) != NULL;
	bool file = vs_args_text(args, VS_FLAG_QUERY_FILE) != NULL, text = vs_args_text(args, VS_FLAG_TEXT) != NULL;
	if (vector + id + file > 1 || (file && text) || !(vector || id || file || text))
		return "vecstore query needs one of --id, --vector and --file, or --text alone or beside the first two";
	if (file && vs_args_switch(args, VS_FLAG_EXPLAIN))
		return "--explain is for one query, not for --file";
	if (text && vs_args_switch(args, VS_FLAG_EXPLAIN))
		return "--explain is for queries by vector alone";
	for (size_t i = 0; !text && i < sizeof beside / sizeof beside[0]; i++)
		if (args->flags[beside[i]])
			return "--alpha, --fusion, --match and --highlight go with --text";
	return NULL;
}

int vs_command_query(struct vs_args *args)
{
	struct vs_error error;
	struct vs_arena arena = VS_ARENA_INIT;
	struct json_object *object = NULL;
	struct vs_ask_hybrid hybrid = VS_ASK_HYBRID;
	const char *fault = find_fault(args);
	if (fault) {
		fprintf(stderr, "vecstore: %s\n", fault);
		return 2;
	}
	int rc = decode(args, &arena, &object, &hybrid, &error);
	if (!rc)
		rc = run(args, &hybrid, &error);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	json_object_put(object);
	vs_arena_release(&arena);
	return rc ? 1 : 0;
}

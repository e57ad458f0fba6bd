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

enum kind { NUMBER, COUNT, TEXT, SWITCH, LIST };

static const struct {
	enum vs_flag flag;
	enum kind kind;
	const char *field;
} asked[] = {
	{ VS_FLAG_ID, TEXT, "id" },
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

static int add_field(struct json_object *object, size_t i, const struct vs_args *args, struct vs_error *error)
{
	const char *text = vs_args_text(args, asked[i].flag);
	struct json_object *value = NULL;
	char *end;
	switch (asked[i].kind) {
	case NUMBER:
		value = json_object_new_double(strtod(text, &end));
		if (end == text || *end)
			return vs_error_set(error, VS_EINVAL, "--%s: '%.40s' is not a number", vs_flag_get(asked[i].flag)->name, text);
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
static int decode(const struct vs_args *args, struct vs_arena *arena, struct json_object **object, struct vs_ask *ask,
                  struct vs_error *error)
{
	struct vs_json *json = vs_json_open();
	int rc = begin_object(vs_args_text(args, VS_FLAG_VECTOR), json, object, error);
	for (size_t i = 0; !rc && i < sizeof asked / sizeof asked[0]; i++)
		if (vs_args_text(args, asked[i].flag))
			rc = add_field(*object, i, args, error);
	struct vs_fields fields = { *object, "" };
	if (!rc)
		rc = vs_args_text(args, VS_FLAG_QUERY_FILE) ? vs_ask_decode_options(&fields, NULL, arena, ask, error)
		                                            : vs_ask_decode(&fields, NULL, arena, ask, error);
	vs_json_close(json);
	return rc;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

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
		             : vs_print_json(&out, ask, &results, error);
	else if (!rc)
		rc = vs_print_table(&out, ask, &results, explain ? &explanation : NULL, error);
	vs_buf_release(&out);
	return rc;
}

static int run(const struct vs_args *args, const struct vs_ask *ask, struct vs_error *error)
{
	struct vs_store *store = NULL;
	struct vs_namespace *ns = NULL;
	const char *file = vs_args_text(args, VS_FLAG_QUERY_FILE);
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, error);
	if (!rc)
		rc = vs_namespace_open(store, vs_args_text(args, VS_FLAG_NAMESPACE), NULL, &ns, error);
	if (!rc)
		rc = file ? vs_query_file(ns, file, ask, error) : answer(args, ns, ask, error);
	vs_namespace_close(ns);
	vs_store_close(store);
	return rc;
}

int vs_command_query(struct vs_args *args)
{
	struct vs_error error;
	struct vs_arena arena = VS_ARENA_INIT;
	struct json_object *object = NULL;
	struct vs_ask ask = VS_ASK;
	bool file = vs_args_text(args, VS_FLAG_QUERY_FILE) != NULL;
	if ((vs_args_text(args, VS_FLAG_VECTOR) != NULL) + (vs_args_text(args, VS_FLAG_ID) != NULL) + file != 1) {
		fputs("vecstore: vecstore query needs one of --id, --vector and --file\n", stderr);
		return 2;
	}
	if (file && vs_args_switch(args, VS_FLAG_EXPLAIN)) {
		fputs("vecstore: --explain is for one query, not for --file\n", stderr);
		return 2;
	}
	int rc = decode(args, &arena, &object, &ask, &error);
	if (!rc)
		rc = run(args, &ask, &error);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	json_object_put(object);
	vs_arena_release(&arena);
	return rc ? 1 : 0;
}

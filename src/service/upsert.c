/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of upsert and batch-upsert: records from JSON or NDJSON to the engine, faults back to where they stood. */
#include <inttypes.h>
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "service/admit.h"
#include "service/audit.h"
#include "service/condition.h"
#include "service/handles.h"
#include "service/json_in.h"
#include "service/json_out.h"
#include "service/json_vectors.h"
#include "service/record_in.h"
#include "service/split.h"

int vs_handle_upsert(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	struct vs_upsert_options options = VS_UPSERT_OPTIONS;
	struct vs_upsert_result result = { 0 };
	struct vs_record_input record = { 0 };
	struct vs_text name = { NULL, 0 };
	struct vs_namespace *ns = NULL;
	struct vs_fields fields = { NULL, "" };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_json(call, error);
	fields.object = call->body;
	if (!rc)
		rc = vs_record_decode(&fields, "namespace", call->request->arena, &record, error);
	if (!rc)
		rc = vs_condition_decode(call, &fields, &record.if_version, error);
	if (!rc)
		rc = vs_fields_text(&fields, "namespace", &name, error);
	if (!rc)
		rc = vs_call_namespace(call, &name, true, &ns, error);
	if (!rc)
		rc = vs_namespace_upsert(ns, &record, 1, &options, &result, error);
	if (rc)
		return rc;
	vs_call_count(call, VS_COUNT_UPSERTS, 1);
	struct vs_buf *out = &call->response->body;
	vs_buf_puts(out, "{\"success\":true,\"id\":");
	vs_json_text(out, record.id, record.id_len);
	vs_buf_printf(out, ",\"version\":%" PRId64 "}\n", result.version);
	return 0;
}

/* ---- many records ---------------------------------------------------------------------------------------- */

struct batch {
	struct vs_call *call;
	bool atomic;
	bool lines;                      /* NDJSON */
	struct vs_record_input *records; /* those that were decoded */
	size_t *places;                  /* of each: its index in the input */
	size_t *line_numbers;            /* of each index: its line, 1-based; NDJSON only */
	size_t count;                    /* of records */
	size_t seen;                     /* records of the input */
	size_t failures;
	struct vs_buf failed; /* members of "errors" */
};

static int batch_init(struct batch *batch, struct vs_call *call, size_t cap, struct vs_error *error)
{
	struct vs_arena *arena = call->request->arena;
	batch->call = call;
	batch->records = vs_arena_calloc(arena, cap, sizeof(*batch->records));
	batch->places = vs_arena_calloc(arena, cap, sizeof(*batch->places));
	batch->line_numbers = vs_arena_calloc(arena, cap, sizeof(*batch->line_numbers));
	if (!batch->records || !batch->places || !batch->line_numbers)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu records", cap);
	return 0;
}

/* "records[3]" or "line 4": where the record with this index stood. */
static void make_place(const struct batch *batch, size_t index, char *place, size_t cap)
{
	if (batch->lines)
		snprintf(place, cap, "line %zu", batch->line_numbers[index]);
	else
		snprintf(place, cap, "records[%zu]", index);
}

/* The engine counts the records that reached it, and names a single one's fields plainly: put the input's own place
 * in front, in field and text. */
static void move_error(const struct batch *batch, size_t index, struct vs_error *error)
{
	struct vs_error old = *error;
	const char *field = old.field;
	char place[40];
	make_place(batch, index, place, sizeof(place));
	if (strncmp(field, "records[", 8) == 0) {
		field += strcspn(field, "]");
		field += *field == ']';
		field += *field == '.';
	}
	snprintf(error->field, sizeof(error->field), "%s%s%.20s", place, *field ? "." : "", field);
	const char *text = old.text;
	size_t len = strlen(old.field);
	if (len > 0 && strncmp(text, old.field, len) == 0)
		snprintf(error->text, sizeof(error->text), "%s%.250s", error->field, text + len);
	else
		snprintf(error->text, sizeof(error->text), "%s: %.250s", error->field, text);
}

/* Adds one to "errors"; error already names its place. id NULL: not known. */
static void put_failure(struct batch *batch, size_t index, const struct vs_text *id, const struct vs_error *error)
{
	vs_buf_printf(&batch->failed, "%s{\"index\":%zu,", batch->failures ? "," : "", index);
	if (id && id->data) {
		vs_buf_puts(&batch->failed, "\"id\":");
		vs_json_text(&batch->failed, id->data, id->len);
		vs_buf_putc(&batch->failed, ',');
	}
	vs_json_error(&batch->failed, error, vs_call_handles(batch->call)->data);
	vs_buf_putc(&batch->failed, '}');
	batch->failures++;
}

/* Hears from the engine, in a batch that is not atomic, of record number `at` of those it was given. */
static void on_engine_error(void *context, size_t at, const struct vs_error *error)
{
	struct batch *batch = context;
	const struct vs_record_input *record = &batch->records[at];
	struct vs_text id = { record->id, record->id_len };
	struct vs_error moved = *error;
	vs_audit_refused(batch->call, error);
	move_error(batch, batch->places[at], &moved);
	put_failure(batch, batch->places[at], &id, &moved);
}

/* One record of the input: decoded, or its error noted, or (atomic) returned. */
static int add_record(struct batch *batch, struct json_object *object, struct vs_error *error)
{
	size_t index = batch->seen++;
	char prefix[44];
	struct vs_text id = { NULL, 0 };
	struct vs_error why = { .position = -1 };
	int rc;
	make_place(batch, index, prefix, sizeof(prefix) - 1);
	if (json_object_is_type(object, json_type_object)) {
		strcat(prefix, ".");
		struct vs_fields fields = { object, prefix };
		rc = vs_record_decode(&fields, NULL, batch->call->request->arena, &batch->records[batch->count], &why);
		if (rc)
			(void)vs_fields_text(&fields, "id", &id, NULL);
	} else {
		rc = vs_error_at(&why, VS_EINVAL, prefix, -1, "must be a JSON object");
	}
	if (rc == 0) {
		batch->places[batch->count++] = index;
		return 0;
	}
	if (batch->atomic || rc != VS_EINVAL) {
		*error = why;
		return rc;
	}
	put_failure(batch, index, &id, &why);
	return 0;
}

static int too_many(struct vs_error *error)
{
	return vs_error_at(error, VS_ETOOBIG, "records", -1, "more than %d records in one request", VS_BATCH_MAX);
}

/* Moves what a record borrows from its JSON into the arena. */
static int keep_record(struct batch *batch, struct vs_record_input *record, struct vs_error *error)
{
	struct vs_arena *arena = batch->call->request->arena;
	record->id = vs_arena_dup(arena, record->id, record->id_len);
	if (record->metadata)
		record->metadata = vs_arena_dup(arena, record->metadata, record->metadata_len);
	if (record->text)
		record->text = vs_arena_dup(arena, record->text, record->text_len);
	if (!record->id || (record->metadata_len > 0 && !record->metadata) || (record->text_len > 0 && !record->text))
		return vs_error_set(error, VS_ENOMEM, "no memory for records");
	return 0;
}

/* One record's text. Its JSON is released before the next is parsed: memory is bounded by the longest. */
static int add_object(struct batch *batch, struct json_object *object, struct vs_error *error)
{
	size_t count = batch->count;
	int rc = add_record(batch, object, error);
	if (!rc && batch->count > count)
		rc = keep_record(batch, &batch->records[count], error);
	json_object_put(object);
	return rc;
}

static int decode_frame(struct batch *batch, struct vs_text *name, struct json_object **array, struct vs_error *error)
{
	static const char *const known[] = { "records", "atomic", "namespace", NULL };
	struct vs_fields fields = { batch->call->body, "" };
	int rc = vs_fields_check(&fields, known, error);
	if (!rc)
		rc = vs_fields_bool(&fields, "atomic", &batch->atomic, error);
	if (!rc)
		rc = vs_fields_text(&fields, "namespace", name, error);
	if (!rc)
		rc = vs_fields_array(&fields, "records", array, error);
	if (!rc && !*array)
		rc = vs_fields_missing(&fields, "records", error);
	if (!rc)
		rc = vs_call_admit(batch->call, name, error);
	return rc;
}

/* All at once: for bodies that cannot be split, most of which are faulty, so that positions are those of the body. */
static int decode_whole(struct batch *batch, struct vs_text *name, struct vs_error *error)
{
	struct json_object *array = NULL;
	batch->count = batch->seen = batch->failures = 0;
	vs_buf_reset(&batch->failed);
	int rc = vs_call_json(batch->call, error);
	if (!rc)
		rc = decode_frame(batch, name, &array, error);
	size_t count = rc ? 0 : json_object_array_length(array);
	if (!rc && count > VS_BATCH_MAX)
		rc = too_many(error);
	if (!rc)
		rc = batch_init(batch, batch->call, count, error);
	for (size_t i = 0; !rc && i < count; i++)
		rc = add_record(batch, json_object_array_get_idx(array, i), error);
	return rc;
}

/* Each element by itself; what is no JSON object sends us back to the whole. */
static int decode_elements(struct batch *batch, struct vs_split *split, struct vs_text *name, struct vs_error *error)
{
	size_t from, to;
	int rc = batch_init(batch, batch->call, VS_BATCH_MAX, error);
	while (!rc && vs_split_next(split, &from, &to)) {
		struct json_object *object = NULL;
		if (batch->seen == VS_BATCH_MAX)
			return too_many(error);
		if (vs_json_parse_vectors(batch->call->json, split->text + from, to - from, "body", &object, NULL))
			return decode_whole(batch, name, error);
		rc = add_object(batch, object, error);
	}
	return rc;
}

static int decode_array(struct batch *batch, struct vs_text *name, struct vs_error *error)
{
	const struct vs_request *request = batch->call->request;
	struct json_object *array = NULL;
	struct vs_split split;
	int rc = vs_call_check_json(batch->call, error);
	if (rc)
		return rc;
	if (!vs_split_find(&split, request->body, request->body_len, "records") || vs_call_frame(batch->call, &split, NULL))
		return decode_whole(batch, name, error);
	rc = decode_frame(batch, name, &array, error);
	return rc ? rc : decode_elements(batch, &split, name, error);
}

static int add_line(struct batch *batch, const char *line, size_t len, size_t number, struct vs_error *error)
{
	struct json_object *object = NULL;
	struct vs_error why = { .position = -1 };
	char where[40];
	if (batch->seen == VS_BATCH_MAX)
		return too_many(error);
	batch->line_numbers[batch->seen] = number;
	make_place(batch, batch->seen, where, sizeof(where));
	int rc = vs_json_parse_vectors(batch->call->json, line, len, where, &object, &why);
	if (rc == VS_EINVAL && !batch->atomic) {
		put_failure(batch, batch->seen++, NULL, &why);
		return 0;
	}
	if (rc) {
		*error = why;
		return rc;
	}
	return add_object(batch, object, error);
}

static int decode_lines(struct batch *batch, struct vs_error *error)
{
	const struct vs_request *request = batch->call->request;
	const char *from = request->body;
	const char *end = from + request->body_len;
	int rc = vs_target_bool(&batch->call->target, "atomic", &batch->atomic, error);
	if (!rc && request->body_len == 0)
		rc = vs_error_at(error, VS_EINVAL, "body", -1, "is empty; one JSON object per line is expected");
	if (!rc)
		rc = vs_call_admit(batch->call, NULL, error);
	if (!rc)
		rc = batch_init(batch, batch->call, VS_BATCH_MAX, error);
	for (size_t number = 1; !rc && from < end; number++) {
		const char *newline = memchr(from, '\n', (size_t)(end - from));
		const char *to = newline ? newline : end;
		size_t len = (size_t)(to - from);
		while (len > 0 && (from[len - 1] == '\r' || from[len - 1] == ' ' || from[len - 1] == '\t'))
			len--;
		if (len > 0)
			rc = add_line(batch, from, len, number, error);
		from = to + 1;
	}
	return rc;
}

static int store(struct batch *batch, const struct vs_text *name, struct vs_upsert_result *result,
                 struct vs_error *error)
{
	struct vs_upsert_options options = { batch->atomic, on_engine_error, batch };
	struct vs_namespace *ns = NULL;
	struct vs_error why = { .position = -1 };
	int rc = vs_call_namespace(batch->call, name, batch->count > 0, &ns, error);
	if (!rc)
		rc = vs_admit_number(ns, VS_QUOTA_BATCH, "records", batch->seen, error);
	if (rc || batch->count == 0)
		return rc;
	rc = vs_namespace_upsert(ns, batch->records, batch->count, &options, result, &why);
	if (!rc)
		return 0;
	size_t at = 0;
	bool one = batch->count == 1 && (why.code == VS_EINVAL || why.code == VS_ETOOBIG || why.code == VS_EVERSION ||
	                                 why.code == VS_EPERM || why.code == VS_EQUOTA);
	if (sscanf(why.field, "records[%zu]", &at) == 1 && at < batch->count)
		move_error(batch, batch->places[at], &why);
	else if (one)
		move_error(batch, batch->places[0], &why);
	*error = why;
	return rc;
}

int vs_handle_batch_upsert(struct vs_call *call, struct vs_error *error)
{
	static const char *const json_parameters[] = { "namespace", NULL };
	static const char *const line_parameters[] = { "namespace", "atomic", NULL };
	struct batch batch = { .call = call, .atomic = true, .lines = vs_call_media(call) == VS_MEDIA_NDJSON };
	struct vs_upsert_result result = { 0 };
	struct vs_text name = { NULL, 0 };
	int rc = vs_target_check(&call->target, batch.lines ? line_parameters : json_parameters, error);
	if (!rc)
		rc = vs_condition_refuse(call, error);
	if (!rc)
		rc = batch.lines ? decode_lines(&batch, error) : decode_array(&batch, &name, error);
	if (!rc)
		rc = store(&batch, &name, &result, error);
	if (!rc && batch.failed.failed)
		rc = vs_error_set(error, VS_ENOMEM, "stored, but no memory for the list of errors");
	if (!rc) {
		vs_call_count(call, VS_COUNT_UPSERTS, result.inserted + result.updated);
		vs_buf_printf(&call->response->body, "{\"inserted\":%zu,\"updated\":%zu,\"errors\":[", result.inserted,
		              result.updated);
		vs_buf_append(&call->response->body, batch.failed.data, batch.failed.len);
		vs_buf_puts(&call->response->body, "]}\n");
	}
	vs_buf_release(&batch.failed);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of delete, soft-delete and restore: one id (in path or body), many, or (delete) all that a filter accepts. */
#include <json-c/json_object.h>
#include <string.h>

#include "base/arena.h"
#include "service/admit.h"
#include "service/condition.h"
#include "service/json_in.h"
#include "service/json_out.h"

struct removal {
	enum vs_removal kind;
	const char *done_name; /* of the answer's second field */
	struct vs_id *ids;     /* NULL: by filter */
	size_t count;
	bool many; /* ids[] was given: the answer counts */
	int64_t if_version; /* of one */
	struct vs_text filter;
	struct vs_text ns;
};

static int decode_ids(struct vs_call *call, struct json_object *array, struct removal *removal, struct vs_error *error)
{
	size_t count = json_object_array_length(array);
	if (count > VS_BATCH_MAX)
		return vs_error_at(error, VS_ETOOBIG, "ids", -1, "more than %d ids in one request", VS_BATCH_MAX);
	removal->ids = vs_arena_calloc(call->request->arena, count, sizeof(*removal->ids));
	if (!removal->ids)
		return vs_error_set(error, VS_ENOMEM, "no memory for %zu ids", count);
	for (size_t i = 0; i < count; i++) {
		struct json_object *id = json_object_array_get_idx(array, i);
		if (!json_object_is_type(id, json_type_string))
			return vs_error_at(error, VS_EINVAL, "ids", (int64_t)i, "ids[%zu] must be a string", i);
		removal->ids[i].data = json_object_get_string(id);
		removal->ids[i].len = (size_t)json_object_get_string_len(id);
	}
	removal->count = count;
	removal->many = true;
	return 0;
}

static int set_id(struct vs_call *call, const struct vs_text *id, struct removal *removal, struct vs_error *error)
{
	removal->ids = vs_arena_calloc(call->request->arena, 1, sizeof(*removal->ids));
	if (!removal->ids)
		return vs_error_set(error, VS_ENOMEM, "no memory for an id");
	removal->ids[0] = (struct vs_id){ id->data, id->len };
	removal->count = 1;
	return 0;
}

static int decode_body(struct vs_call *call, struct removal *removal, struct vs_error *error)
{
	static const char *const known[] = { "id", "ids", "namespace", "if_version", "filter", NULL };
	static const char *const known_by_id[] = { "id", "ids", "namespace", "if_version", NULL };
	bool filters = removal->kind == VS_DELETE;
	struct vs_text id = { NULL, 0 };
	struct json_object *array = NULL;
	int rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	if (rc || (rc = vs_fields_check(&fields, filters ? known : known_by_id, error)) ||
	    (rc = vs_fields_text(&fields, "id", &id, error)) || (rc = vs_fields_array(&fields, "ids", &array, error)) ||
	    (rc = vs_fields_filter(&fields, "filter", &removal->filter, error)) ||
	    (rc = vs_fields_text(&fields, "namespace", &removal->ns, error)))
		return rc;
	if ((id.data != NULL) + (array != NULL) + (removal->filter.data != NULL) != 1)
		return vs_error_at(error, VS_EINVAL, "id", -1, "exactly one of %s must be given",
		                   filters ? "id, ids and filter" : "id and ids");
	if (id.data)
		rc = vs_condition_decode(call, &fields, &removal->if_version, error);
	else if (json_object_object_get(call->body, "if_version"))
		rc = vs_error_at(error, VS_EINVAL, "if_version", -1, "means one record: give its id");
	else
		rc = vs_condition_refuse(call, error);
	if (rc)
		return rc;
	if (array)
		return decode_ids(call, array, removal, error);
	return id.data ? set_id(call, &id, removal, error) : 0;
}

static int decode(struct vs_call *call, struct removal *removal, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	static const char *const known[] = { "namespace", "if_version", NULL };
	struct vs_fields fields = { NULL, "" };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc && !call->id.data)
		return decode_body(call, removal, error);
	if (!rc && call->request->body_len > 0) {
		rc = vs_call_json(call, error);
		fields.object = call->body;
		if (!rc)
			rc = vs_fields_check(&fields, known, error);
		if (!rc)
			rc = vs_fields_text(&fields, "namespace", &removal->ns, error);
	}
	if (!rc)
		rc = vs_condition_decode(call, fields.object ? &fields : NULL, &removal->if_version, error);
	return rc ? rc : set_id(call, &call->id, removal, error);
}

/* ns NULL: there are no records. */
static int remove_ids(struct vs_namespace *ns, const struct removal *removal, struct vs_removed *removed,
                      struct vs_error *error)
{
	if (!ns && removal->if_version != 0 && removal->if_version != VS_IF_MISSING)
		return vs_error_at(error, VS_EVERSION, "if_version", -1, "there is no record with this id");
	if (!ns || removal->count == 0)
		return 0;
	return vs_namespace_remove_if(ns, removal->kind, removal->ids, removal->count, removal->if_version, removed, error);
}

/* For one record whether, for many how many. */
static void encode(struct vs_buf *out, const struct removal *removal, const struct vs_removed *removed)
{
	if (!removal->ids) {
		vs_buf_printf(out, "{\"%s\":%zu}\n", removal->done_name, removed->done);
	} else if (removal->many) {
		vs_buf_printf(out, "{\"found\":%zu,\"%s\":%zu}\n", removed->found, removal->done_name, removed->done);
	} else {
		vs_buf_puts(out, "{\"found\":");
		vs_json_bool(out, removed->found > 0);
		vs_buf_printf(out, ",\"%s\":", removal->done_name);
		vs_json_bool(out, removed->done > 0);
		vs_buf_puts(out, "}\n");
	}
}

static int handle(struct vs_call *call, enum vs_removal kind, const char *done_name, struct vs_error *error)
{
	struct removal removal = { .kind = kind, .done_name = done_name };
	struct vs_removed removed = { 0, 0 };
	struct vs_namespace *ns = NULL;
	int rc = decode(call, &removal, error);
	if (!rc && removal.filter.data)
		rc = vs_filter_check(removal.filter.data, error);
	if (!rc)
		rc = vs_call_namespace(call, &removal.ns, false, &ns, error);
	if (!rc)
		rc = vs_admit_number(ns, VS_QUOTA_BATCH, "ids", removal.count, error);
	if (!rc && removal.ids)
		rc = remove_ids(ns, &removal, &removed, error);
	else if (!rc && ns)
		rc = vs_namespace_remove_where(ns, removal.filter.data, &removed.done, error);
	if (rc)
		return rc;
	if (kind != VS_RESTORE)
		vs_call_count(call, VS_COUNT_DELETES, removed.done);
	encode(&call->response->body, &removal, &removed);
	return 0;
}

int vs_handle_delete(struct vs_call *call, struct vs_error *error)
{
	return handle(call, VS_DELETE, "deleted", error);
}

int vs_handle_soft_delete(struct vs_call *call, struct vs_error *error)
{
	return handle(call, VS_SOFT_DELETE, "marked_deleted", error);
}

int vs_handle_restore(struct vs_call *call, struct vs_error *error)
{
	return handle(call, VS_RESTORE, "restored", error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of /admin/namespaces and /admin/stats. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "service/audit.h"
#include "service/base64.h"
#include "service/handles.h"
#include "service/json_out.h"
#include "service/namespace_in.h"
#include "service/namespace_out.h"
#include "service/tenants.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define CURSOR_MAX 128
#define CURSOR_VERSION 1 /* first byte of a cursor; the last name of the page follows */

static const char *const no_parameters[] = { NULL };

/* ---- one, as it is now ------------------------------------------------------------------------------------ */

/* One that cannot be read is told of without its use. */
static int put_one(struct vs_call *call, const struct vs_namespace_info *info, struct vs_error *error)
{
	struct vs_handles *handles = vs_call_handles(call);
	struct vs_namespace_now now = { .defaults = &handles->quota };
	struct vs_use use;
	int rc = vs_handles_use(handles, info, &use, error);
	if (rc == VS_ENOMEM)
		return rc;
	if (!rc)
		now.use = &use;
	uint64_t number = strtoull(info->folder, NULL, 16); /* as of vs_namespace_number */
	now.at_work = vs_tenants_at_work(call->tenants, vs_tenants_find(call->tenants, number, info->name));
	vs_namespace_encode(&call->response->body, info, &now);
	return 0;
}

/* Texts are copied: to look at the namespace, or at the next one, asks the store again. */
static int keep(struct vs_call *call, struct vs_namespace_info *info, struct vs_error *error)
{
	struct vs_arena *arena = call->request->arena;
	info->description = vs_arena_dup(arena, info->description, strlen(info->description));
	info->metadata = vs_arena_dup(arena, info->metadata, strlen(info->metadata));
	if (!info->description || !info->metadata)
		return vs_error_set(error, VS_ENOMEM, "no memory for the description of a namespace");
	return 0;
}

static int show(struct vs_call *call, const char *name, struct vs_error *error)
{
	struct vs_store *store;
	struct vs_namespace_info info;
	int rc = vs_call_store(call, &store, error);
	if (!rc)
		rc = vs_store_find(store, name, &info, error);
	if (!rc)
		rc = keep(call, &info, error);
	if (!rc)
		rc = put_one(call, &info, error);
	if (rc)
		return rc;
	vs_buf_putc(&call->response->body, '\n');
	return 0;
}

int vs_handle_namespace(struct vs_call *call, struct vs_error *error)
{
	int rc = vs_target_check(&call->target, no_parameters, error);
	return rc ? rc : show(call, call->id.data, error);
}

/* ---- create and change ------------------------------------------------------------------------------------ */

int vs_handle_namespace_create(struct vs_call *call, struct vs_error *error)
{
	struct vs_setup setup = { .options = *vs_call_fresh(call) };
	struct vs_store *store;
	char action[96], quota[VS_QUOTA_TEXT];
	int rc = vs_target_check(&call->target, no_parameters, error);
	if (!rc)
		rc = vs_setup_decode(call, &setup, error);
	call->ns = setup.name.data;
	if (!rc)
		rc = vs_call_store(call, &store, error);
	struct vs_audit_event event = vs_audit_event_of(call, action);
	event.reason = vs_quota_format_change(setup.change.quota, quota);
	setup.change.event = &event;
	if (!rc)
		rc = vs_store_create(store, setup.name.data, &setup.options, &setup.change, error);
	vs_audit_recorded(call, &event);
	return rc ? rc : show(call, setup.name.data, error);
}

static int apply(struct vs_call *call, struct vs_namespace_change *change, struct vs_error *error)
{
	char action[96], quota[VS_QUOTA_TEXT];
	struct vs_store *store;
	call->object = change->status ? vs_status_name(change->status) : NULL;
	struct vs_audit_event event = vs_audit_event_of(call, action);
	event.reason = vs_quota_format_change(change->quota, quota);
	change->event = &event;
	int rc = vs_call_store(call, &store, error);
	if (!rc)
		rc = vs_store_change(store, call->id.data, change, error);
	vs_audit_recorded(call, &event);
	return rc;
}

static int change(struct vs_call *call, int (*decode)(struct vs_call *, struct vs_setup *, struct vs_error *),
                  struct vs_error *error)
{
	struct vs_setup setup = { .name = { NULL, 0 } };
	int rc = vs_target_check(&call->target, no_parameters, error);
	if (!rc)
		rc = decode(call, &setup, error);
	if (setup.change.status == VS_PENDING_DELETION)
		setup.change.delete_at = vs_clock_wall_ms() + vs_call_grace(call);
	if (!rc)
		rc = apply(call, &setup.change, error);
	return rc ? rc : show(call, call->id.data, error);
}

int vs_handle_namespace_change(struct vs_call *call, struct vs_error *error)
{
	return change(call, vs_setup_decode_change, error);
}

int vs_handle_namespace_quota(struct vs_call *call, struct vs_error *error)
{
	return change(call, vs_setup_decode_quota, error);
}

int vs_handle_namespace_status(struct vs_call *call, struct vs_error *error)
{
	return change(call, vs_setup_decode_status, error);
}

/* ---- delete ----------------------------------------------------------------------------------------------- */

/* What is left to do when this fails, the indexer does. */
static int delete_now(struct vs_call *call, struct vs_error *error)
{
	struct vs_namespace_info info;
	struct vs_store *store;
	vs_handles_forget(vs_call_handles(call), call->id.data);
	int rc = vs_call_store(call, &store, error);
	if (rc)
		return rc;
	(void)vs_store_reap(store, NULL, NULL);
	rc = vs_store_find(store, call->id.data, &info, error);
	if (rc == 0)
		return show(call, call->id.data, error);
	if (rc != VS_ENOTFOUND)
		return rc;
	vs_buf_puts(&call->response->body, "{\"name\":");
	vs_json_text(&call->response->body, call->id.data, call->id.len);
	vs_buf_puts(&call->response->body, ",\"status\":\"deleted\"}\n");
	return 0;
}

int vs_handle_namespace_delete(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "now", NULL };
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	bool now = false;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_target_bool(&call->target, "now", &now, error);
	change.status = VS_PENDING_DELETION;
	change.delete_at = vs_clock_wall_ms() + (now ? 0 : vs_call_grace(call));
	if (!rc)
		rc = apply(call, &change, error);
	if (rc == VS_ECONFLICT) /* its files are being removed already */
		return vs_error_set(error, VS_ENOTFOUND, "there is no namespace \"%.63s\" any more", call->id.data);
	if (rc)
		return rc;
	return now ? delete_now(call, error) : show(call, call->id.data, error);
}

/* ---- list ------------------------------------------------------------------------------------------------- */

/* What the page begins after, in name[CURSOR_MAX]: "" for the first. */
static int decode_cursor(const struct vs_call *call, char *name, struct vs_error *error)
{
	const struct vs_text *cursor = vs_target_param(&call->target, "cursor");
	char bytes[CURSOR_MAX];
	name[0] = '\0';
	if (!cursor)
		return 0;
	int64_t len = cursor->len < CURSOR_MAX ? vs_base64_decode(cursor->data, cursor->len, bytes) : -1;
	if (len < 2 || bytes[0] != CURSOR_VERSION || memchr(bytes, '\0', (size_t)len))
		return vs_error_at(error, VS_EINVAL, "cursor", -1, "is not the next_cursor of an earlier page");
	memcpy(name, bytes + 1, (size_t)len - 1);
	name[len - 1] = '\0';
	return 0;
}

static void put_cursor(struct vs_buf *out, const char *name)
{
	char bytes[sizeof(((struct vs_namespace_info *)0)->name) + 1] = { CURSOR_VERSION };
	char cursor[VS_BASE64_LEN(sizeof(bytes)) + 1];
	size_t len = strlen(name);
	memcpy(bytes + 1, name, len);
	vs_json_text(out, cursor, vs_base64_encode(bytes, len + 1, cursor));
}

struct listing {
	struct vs_call *call;
	struct vs_namespace_info *infos;
	unsigned long count;
	unsigned long limit;
	bool more;
	struct vs_error *error;
};

static int note(void *context, const struct vs_namespace_info *info)
{
	struct listing *listing = context;
	listing->more = listing->count == listing->limit;
	if (listing->more)
		return 1;
	listing->infos[listing->count] = *info;
	return keep(listing->call, &listing->infos[listing->count++], listing->error);
}

int vs_handle_namespaces(struct vs_call *call, struct vs_error *error)
{
	static const char *const parameters[] = { "limit", "cursor", NULL };
	struct listing listing = { .call = call, .limit = PAGE_DEFAULT, .error = error };
	char after[CURSOR_MAX];
	struct vs_buf *out = &call->response->body;
	struct vs_store *store;
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_target_number(&call->target, "limit", 1, PAGE_MAX, &listing.limit, error);
	if (!rc)
		rc = decode_cursor(call, after, error);
	if (!rc)
		rc = vs_call_store(call, &store, error);
	if (rc)
		return rc;
	listing.infos = vs_arena_calloc(call->request->arena, listing.limit, sizeof(*listing.infos));
	if (!listing.infos)
		return vs_error_set(error, VS_ENOMEM, "no memory for a list of namespaces");
	rc = vs_store_each(store, after, note, &listing, error);
	if (rc < 0)
		return rc;
	vs_buf_puts(out, "{\"namespaces\":[");
	for (unsigned long i = 0; i < listing.count; i++) {
		vs_buf_puts(out, i > 0 ? "," : "");
		rc = put_one(call, &listing.infos[i], error);
		if (rc)
			return rc;
	}
	vs_buf_puts(out, "],\"next_cursor\":");
	if (listing.more)
		put_cursor(out, listing.infos[listing.count - 1].name);
	else
		vs_buf_puts(out, "null");
	vs_buf_puts(out, "}\n");
	return 0;
}

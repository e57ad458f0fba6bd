/* SPDX-License-Identifier: Apache-2.0 */
#include "service/handles.h"

#include <stdlib.h>
#include <string.h>

#include "base/process.h"

#define DESCRIPTORS 24 /* that a large namespace may take */

int vs_handles_init(struct vs_handles *handles, const char *data, const struct vs_namespace_options *fresh,
                    struct vs_error *error)
{
	*handles = (struct vs_handles){ .data = strdup(data), .fresh = *fresh, .quota = vs_quota_none() };
	handles->most = vs_process_room(DESCRIPTORS, VS_HANDLES_MAX);
	if (!handles->data)
		return vs_error_set(error, VS_ENOMEM, "no memory for the service");
	return 0;
}

void vs_handles_reset(struct vs_handles *handles)
{
	for (unsigned i = 0; i < handles->count; i++)
		vs_namespace_close(handles->open[i].ns);
	handles->count = 0;
	vs_store_close(handles->store);
	handles->store = NULL;
}

void vs_handles_release(struct vs_handles *handles)
{
	vs_handles_reset(handles);
	free(handles->data);
	handles->data = NULL;
}

int vs_handles_store(struct vs_handles *handles, struct vs_store **store, struct vs_error *error)
{
	int rc = 0;
	if (!handles->store)
		rc = vs_store_open(handles->data, VS_CREATE, &handles->store, error);
	if (rc) {
		handles->store = NULL;
	} else {
		vs_store_set_tail(handles->store, handles->tail_most);
		vs_store_set_quota(handles->store, &handles->quota);
	}
	/* A folder that is missing or unfit is not the request's fault. */
	if (rc && vs_error_http(rc) < 500)
		rc = error->code = VS_EINTERNAL;
	*store = handles->store;
	return rc;
}

static void give_up(struct vs_handles *handles, unsigned i)
{
	vs_namespace_close(handles->open[i].ns);
	handles->open[i] = handles->open[--handles->count];
}

/* A free place: the one that was asked for longest ago gives way. */
static struct vs_handle *take_place(struct vs_handles *handles)
{
	unsigned oldest = 0;
	for (unsigned i = 1; i < handles->count; i++)
		if (handles->open[i].used < handles->open[oldest].used)
			oldest = i;
	if (handles->count >= handles->most)
		give_up(handles, oldest);
	return &handles->open[handles->count++];
}

/* One that is open, and still the namespace of that name; *ns NULL: none is. */
static int find_open(struct vs_handles *handles, const char *name, struct vs_namespace **ns, struct vs_error *error)
{
	*ns = NULL;
	for (unsigned i = 0; i < handles->count; i++) {
		struct vs_handle *handle = &handles->open[i];
		if (strcmp(handle->name, name) != 0)
			continue;
		int rc = vs_namespace_refresh(handle->ns, error);
		if (rc == VS_ESTALE) {
			give_up(handles, i);
			return 0;
		}
		handle->used = ++handles->clock;
		*ns = handle->ns;
		return rc;
	}
	return 0;
}

int vs_handles_find(struct vs_handles *handles, const char *name, struct vs_namespace **ns, struct vs_error *error)
{
	struct vs_store *store;
	int rc = find_open(handles, name, ns, error);
	if (rc || *ns)
		return rc;
	rc = vs_handles_store(handles, &store, error);
	if (!rc)
		rc = vs_namespace_open(store, name, NULL, ns, error);
	if (rc)
		return rc;
	struct vs_handle *handle = take_place(handles);
	strncpy(handle->name, name, sizeof(handle->name) - 1); /* an open namespace's name is at most 63 bytes */
	handle->name[sizeof(handle->name) - 1] = '\0';
	handle->ns = *ns;
	handle->used = ++handles->clock;
	return 0;
}

void vs_handles_forget(struct vs_handles *handles, const char *name)
{
	for (unsigned i = 0; i < handles->count; i++)
		if (strcmp(handles->open[i].name, name) == 0) {
			give_up(handles, i);
			return;
		}
}

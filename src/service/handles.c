/* SPDX-License-Identifier: Apache-2.0 */
#include "service/handles.h"

#include <stdlib.h>
#include <string.h>

int vs_handles_init(struct vs_handles *handles, const char *data, const struct vs_namespace_options *fresh,
                    struct vs_error *error)
{
	*handles = (struct vs_handles){ .data = strdup(data), .fresh = *fresh };
	if (!handles->data)
		return vs_error_set(error, VS_ENOMEM, "no memory for the service");
	return 0;
}

void vs_handles_reset(struct vs_handles *handles)
{
	for (unsigned i = 0; i < handles->count; i++)
		vs_namespace_close(handles->open[i].ns);
	handles->count = 0;
	handles->next = 0;
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
	if (rc)
		handles->store = NULL;
	else
		vs_store_set_tail(handles->store, handles->tail_most);
	/* A folder that is missing or unfit is not the request's fault. */
	if (rc && vs_error_http(rc) < 500)
		rc = error->code = VS_EINTERNAL;
	*store = handles->store;
	return rc;
}

static struct vs_handle *take_place(struct vs_handles *handles)
{
	if (handles->count < VS_HANDLES_MAX)
		return &handles->open[handles->count++];
	struct vs_handle *handle = &handles->open[handles->next];
	handles->next = (handles->next + 1) % VS_HANDLES_MAX;
	vs_namespace_close(handle->ns);
	return handle;
}

int vs_handles_find(struct vs_handles *handles, const char *name, bool create, struct vs_namespace **ns,
                    struct vs_error *error)
{
	struct vs_namespace_options options = handles->fresh;
	struct vs_store *store;
	for (unsigned i = 0; i < handles->count; i++) {
		if (strcmp(handles->open[i].name, name) == 0) {
			*ns = handles->open[i].ns;
			return 0;
		}
	}
	options.flags = create ? VS_CREATE : 0;
	int rc = vs_handles_store(handles, &store, error);
	if (!rc)
		rc = vs_namespace_open(store, name, &options, ns, error);
	if (rc)
		return rc;
	struct vs_handle *handle = take_place(handles);
	strncpy(handle->name, name, sizeof(handle->name) - 1); /* an open namespace's name is at most 63 bytes */
	handle->name[sizeof(handle->name) - 1] = '\0';
	handle->ns = *ns;
	return 0;
}

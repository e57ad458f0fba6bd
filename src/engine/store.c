/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/namespace.h"
#include "math/kernels.h"
#include "store/audit.h"

const char *vs_version(void)
{
	return PACKAGE_VERSION;
}

const char *vs_simd(void)
{
	return vs_kernels_get()->name;
}

int vs_store_open(const char *path, unsigned flags, struct vs_store **out, struct vs_error *error)
{
	struct vs_store *store = calloc(1, sizeof(*store));
	int n, rc;

	*out = NULL;
	if (store == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to open the data folder");
	n = snprintf(store->path, sizeof(store->path), "%s", path);
	if (n <= 0 || n >= (int)sizeof(store->path) - 64) {
		free(store);
		return vs_error_set(error, VS_EINVAL, "the path of the data folder is empty or too long: %s", path);
	}
	rc = vs_catalog_open(store->path, (flags & VS_CREATE) != 0, &store->catalog, error);
	if (rc < 0) {
		vs_store_close(store);
		return rc;
	}
	store->quota = vs_quota_none();
	*out = store;
	return 0;
}

void vs_store_close(struct vs_store *store)
{
	if (store == NULL)
		return;
	vs_catalog_close(store->catalog);
	free(store);
}

int vs_store_record(struct vs_store *store, struct vs_audit_event *event, struct vs_error *error)
{
	return vs_audit_append(store->catalog, VS_AUDIT_DONE, event, error);
}

int vs_store_add_usage(struct vs_store *store, const struct vs_usage_row *rows, size_t count, struct vs_error *error)
{
	return vs_catalog_add_usage(store->catalog, rows, count, error);
}

int vs_store_usage(struct vs_store *store, const struct vs_usage_row *from, int32_t to_day,
                   int (*each)(void *context, const struct vs_usage_row *row), void *context, struct vs_error *error)
{
	return vs_catalog_usage(store->catalog, from, to_day, each, context, error);
}

int vs_store_index(struct vs_store *store, bool *worked, struct vs_error *error)
{
	bool done;
	int rc = vs_catalog_checkpoint(store->catalog, &done, error);

	if (worked != NULL)
		*worked = done;
	return rc;
}

int vs_namespace_check_name(const char *field, const char *name, struct vs_error *error)
{
	return vs_catalog_check_name(field, name, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/namespace.h"
#include "math/kernels.h"

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

struct each {
	int (*each)(void *context, const struct vs_namespace_info *info);
	void *context;
};

static int each_entry(void *context, const struct vs_catalog_entry *entry, struct vs_error *error)
{
	const struct each *each = context;
	struct vs_namespace_info info = {
		.metric = entry->metric,
		.dimension = entry->dimension,
		.created_at = entry->created_at,
	};

	(void)error;
	_Static_assert(sizeof(info.name) == sizeof(entry->name), "names have one size");
	_Static_assert(sizeof(info.folder) == sizeof(entry->folder), "folders have one size");
	memcpy(info.name, entry->name, sizeof(info.name));
	memcpy(info.folder, entry->folder, sizeof(info.folder));
	return each->each(each->context, &info);
}

int vs_store_each(struct vs_store *store, int (*each)(void *context, const struct vs_namespace_info *info),
                  void *context, struct vs_error *error)
{
	struct each call = { each, context };

	return vs_catalog_each(store->catalog, each_entry, &call, error);
}

int vs_store_index(struct vs_store *store, bool *worked, struct vs_error *error)
{
	bool done;
	int rc = vs_catalog_checkpoint(store->catalog, &done, error);

	if (worked != NULL)
		*worked = done;
	return rc;
}

int vs_namespace_check_name(const char *name, struct vs_error *error)
{
	return vs_catalog_check_name(name, error);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces as an administrator sees them: made, listed, changed. */
#include <json-c/json_object.h>
#include <string.h>

#include "base/fault.h"
#include "base/utf8.h"
#include "engine/json.h"
#include "engine/namespace.h"

/* ---- what there is -------------------------------------------------------------------------------------- */

static struct vs_namespace_info describe(const struct vs_catalog_entry *entry)
{
	struct vs_namespace_info info = {
		.metric = entry->metric,
		.dimension = entry->dimension,
		.created_at = entry->created_at,
		.updated_at = entry->updated_at,
		.status = entry->status,
		.delete_at = entry->delete_at,
		.quota = entry->quota,
		.description = entry->description,
		.metadata = entry->metadata,
	};

	_Static_assert(sizeof(info.name) == sizeof(entry->name), "names have one size");
	_Static_assert(sizeof(info.folder) == sizeof(entry->folder), "folders have one size");
	memcpy(info.name, entry->name, sizeof(info.name));
	memcpy(info.folder, entry->folder, sizeof(info.folder));
	return info;
}

struct each {
	int (*each)(void *context, const struct vs_namespace_info *info);
	void *context;
};

static int each_entry(void *context, const struct vs_catalog_entry *entry, struct vs_error *error)
{
	const struct each *each = context;
	struct vs_namespace_info info = describe(entry);

	(void)error;
	return each->each(each->context, &info);
}

int vs_store_each(struct vs_store *store, const char *after, int (*each)(void *context, const struct vs_namespace_info *info),
                  void *context, struct vs_error *error)
{
	struct each call = { each, context };

	return vs_catalog_each(store->catalog, after, each_entry, &call, error);
}

int vs_store_find(struct vs_store *store, const char *name, struct vs_namespace_info *info, struct vs_error *error)
{
	struct vs_catalog_entry entry;
	int rc = vs_catalog_check_name("name", name, error);

	if (rc == 0)
		rc = vs_catalog_show(store->catalog, name, &entry, error);
	if (rc == 0)
		*info = describe(&entry);
	return rc;
}

/* ---- checks --------------------------------------------------------------------------------------------- */

static int check_metadata(const char *text, struct vs_error *error)
{
	size_t len = strlen(text);
	struct json_object *object;
	struct vs_json *json;
	int rc;

	if (len > VS_NAMESPACE_METADATA_MAX)
		return vs_error_at(error, VS_ETOOBIG, "metadata", -1, "%zu bytes; at most %d are allowed", len,
		                   VS_NAMESPACE_METADATA_MAX);
	json = vs_json_open();
	if (json == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory to check metadata");
	rc = vs_json_parse(json, text, len, "metadata", &object, error);
	if (rc == 0)
		json_object_put(object);
	vs_json_close(json);
	return rc;
}

static int check_description(const char *text, struct vs_error *error)
{
	size_t len = strlen(text);
	int64_t bad = vs_utf8_check(text, len);

	if (len > VS_DESCRIPTION_MAX)
		return vs_error_at(error, VS_EINVAL, "description", -1, "%zu bytes; at most %d are allowed", len, VS_DESCRIPTION_MAX);
	if (bad >= 0)
		return vs_error_at(error, VS_EINVAL, "description", bad, "no valid UTF-8");
	return 0;
}

static int check_change(const struct vs_namespace_change *change, struct vs_error *error)
{
	int rc = 0;

	if (change->description != NULL)
		rc = check_description(change->description, error);
	if (rc == 0 && change->metadata != NULL)
		rc = check_metadata(change->metadata, error);
	if (rc == 0 && change->quota != NULL)
		rc = vs_quota_check(change->quota, false, error);
	if (rc == 0 && (change->status < 0 || change->status >= VS_DELETING))
		rc = vs_error_at(error, VS_EINVAL, "status", -1, "%d is none that can be set", (int)change->status);
	return rc;
}

/* ---- create --------------------------------------------------------------------------------------------- */

struct making {
	const struct vs_store *store;
	const struct vs_namespace_options *options;
};

static int make_folder(void *context, const struct vs_catalog_entry *entry, struct vs_error *error)
{
	const struct making *making = context;
	const struct vs_namespace_options *asked = making->options;
	const struct vs_meta_options options = {
		.generation = 1,
		.dimension = entry->dimension,
		.metric = entry->metric,
		.quantization = asked->quantization != 0 ? asked->quantization : VS_QUANTIZATION_INT8,
		.tokenizer = asked->tokenizer != 0 ? asked->tokenizer : VS_TOKENIZER_UNICODE61,
	};
	char folder[VS_GENERATION_PATH];
	int rc = vs_namespace_path(making->store, entry->folder, folder, error);

	return rc < 0 ? rc : vs_generation_create(folder, &options, error);
}

static int check_options(const struct vs_store *store, const struct vs_namespace_options *options,
                         const struct vs_quota *quota, struct vs_error *error)
{
	int64_t most = vs_quota_most(quota, &store->quota, VS_QUOTA_DIMENSION);

	if (options->dimension > VS_VECTOR_DIM_MAX)
		return vs_error_at(error, VS_EINVAL, "dimension", -1, "%u is more than %d", options->dimension, VS_VECTOR_DIM_MAX);
	if (most != 0 && options->dimension > most)
		return vs_error_at(error, VS_EINVAL, "dimension", -1, "%u is more than max_dimension, %lld", options->dimension,
		                   (long long)most);
	if (vs_metric_name(options->metric) == NULL)
		return vs_error_at(error, VS_EINVAL, "metric", -1, "%d is no metric", (int)options->metric);
	if (options->quantization != 0 && vs_quantization_name(options->quantization) == NULL)
		return vs_error_at(error, VS_EINVAL, "quantization", -1, "%d is no quantization", (int)options->quantization);
	if (options->tokenizer != 0 && vs_tokenizer_name(options->tokenizer) == NULL)
		return vs_error_at(error, VS_EINVAL, "tokenizer", -1, "%d is no tokenizer", (int)options->tokenizer);
	return 0;
}

int vs_store_create(struct vs_store *store, const char *name, const struct vs_namespace_options *options,
                    const struct vs_namespace_change *change, struct vs_error *error)
{
	static const struct vs_namespace_options default_options = VS_NAMESPACE_OPTIONS;
	static const struct vs_namespace_change none = VS_NAMESPACE_CHANGE;
	struct making making = { store, options != NULL ? options : &default_options };
	struct vs_catalog_fresh fresh = { .name = name, .quota = vs_quota_none(), .description = "", .metadata = "{}" };
	struct vs_catalog_entry entry;
	int rc;

	options = making.options;
	change = change != NULL ? change : &none;
	rc = check_change(change, error);
	if (rc == 0)
		vs_quota_merge(&fresh.quota, change->quota);
	if (rc == 0)
		rc = check_options(store, options, &fresh.quota, error);
	if (rc < 0)
		return rc;
	fresh.metric = options->metric;
	fresh.dimension = options->dimension;
	fresh.description = change->description != NULL ? change->description : fresh.description;
	fresh.metadata = change->metadata != NULL ? change->metadata : fresh.metadata;
	fresh.event = change->event;
	return vs_catalog_append(store->catalog, &fresh, make_folder, &making, &entry, error);
}

/* ---- change --------------------------------------------------------------------------------------------- */

static int apply(void *context, struct vs_catalog_entry *entry, struct vs_error *error)
{
	const struct vs_namespace_change *change = context;

	if (entry->status == VS_DELETING)
		return vs_error_set(error, VS_ECONFLICT, "namespace %s is being deleted", entry->name);
	vs_quota_merge(&entry->quota, change->quota);
	entry->description = change->description != NULL ? change->description : entry->description;
	entry->metadata = change->metadata != NULL ? change->metadata : entry->metadata;
	if (change->status != 0) {
		entry->status = change->status;
		entry->delete_at = change->status == VS_PENDING_DELETION ? change->delete_at : 0;
	}
	return 0;
}

/* Whoever has it open can write as little as we can open it. */
static bool has_no_writer(int code)
{
	return code == VS_ECORRUPT || code == VS_EFORMAT || code == VS_EREADONLY || code == VS_ENOTFOUND;
}

/* Waits for the writer that may have looked at the catalogue before the change. */
static int await_writer(struct vs_store *store, const char *name, struct vs_error *error)
{
	struct vs_namespace *ns;
	struct vs_meta_state state;
	int rc = vs_namespace_open(store, name, NULL, &ns, error);

	if (rc < 0)
		return has_no_writer(rc) ? 0 : rc;
	rc = vs_namespace_begin_write(ns, &state, error);
	if (rc == 0)
		vs_meta_rollback(ns->generation.meta);
	vs_namespace_close(ns);
	return has_no_writer(rc) ? 0 : rc;
}

int vs_store_change(struct vs_store *store, const char *name, const struct vs_namespace_change *change,
                    struct vs_error *error)
{
	struct vs_namespace_change copy = *change;
	struct vs_catalog_entry entry;
	int rc = vs_catalog_check_name("name", name, error);

	if (rc == 0)
		rc = check_change(change, error);
	if (rc == 0)
		rc = vs_catalog_update(store->catalog, name, apply, &copy, change->event, &entry, error);
	if (rc == 0 && (change->status != 0 || change->quota != NULL))
		rc = await_writer(store, name, error);
	return rc;
}

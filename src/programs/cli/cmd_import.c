/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore import: files into a namespace, a batch per commit, whether a server runs or not. It remembers nothing:
 * running it again updates what is stored to the same values, so an import that was cut off is simply repeated.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "programs/cli/args.h"
#include "programs/cli/progress.h"
#include "programs/cli/records.h"

#define BUSY_TRIES 12     /* each waits five seconds in the engine */
#define TAIL_NAP_NS 100000000L /* between looks at how far the indexer is */

struct import {
	const struct vs_args *args;
	struct vs_store *store;
	struct vs_namespace *ns;
	struct vs_input ids;
	bool has_ids;
	struct vs_records records; /* the file being read */
	unsigned long row;         /* fvecs: records of the files before */
	/* the batch */
	struct vs_arena arena;
	struct vs_record_input *inputs;
	unsigned long *places;
	size_t count, cap;
	/* the sums */
	uint64_t inserted, updated, skipped;
	uint64_t bytes; /* of the files before */
	struct vs_progress progress;
};

/* ---- batches ---------------------------------------------------------------------------------------------- */

/* The first Ctrl-C ends the import between two records, so that it can say how far it came; the next ends the
 * process. */
static volatile sig_atomic_t interrupted;

static void on_signal(int signum)
{
	interrupted = 1;
	signal(signum, SIG_DFL);
}

static uint32_t tail_bound(const struct import *import)
{
	return vs_args_text(import->args, VS_FLAG_MAX_UNINDEXED) ? (uint32_t)vs_args_count(import->args, VS_FLAG_MAX_UNINDEXED)
	                                                         : VS_TAIL_AUTO;
}

/* Until the indexer has caught up. Without one nobody queries much, or it will come: then there is no bound for this batch. */
static int await_indexer(struct import *import, struct vs_error *error)
{
	for (;;) {
		struct vs_tail tail;
		int rc = vs_namespace_tail(import->ns, &tail, error);
		if (rc)
			return rc;
		if (!tail.indexer)
			vs_store_set_tail(import->store, 0);
		if (!tail.indexer || tail.slots <= tail.most)
			return 0;
		if (interrupted)
			return vs_error_set(error, VS_EBUSY, "the import was interrupted");
		vs_progress_wait(&import->progress, "waiting for the indexer", tail.slots);
		nanosleep(&(struct timespec){ 0, TAIL_NAP_NS }, NULL);
	}
}

static int store_records(struct import *import, size_t count, struct vs_error *error)
{
	struct vs_upsert_result result = { 0 };
	int rc = VS_EBUSY;
	if (count == 0)
		return 0;
	vs_store_set_tail(import->store, tail_bound(import));
	for (int i = 0; rc == VS_EBUSY && i < BUSY_TRIES; i++) {
		while ((rc = vs_namespace_upsert(import->ns, import->inputs, count, NULL, &result, error)) == VS_ETAIL) {
			rc = await_indexer(import, error);
			if (rc)
				return rc;
		}
	}
	if (rc == 0) {
		import->inserted += result.inserted;
		import->updated += result.updated;
	}
	return rc;
}

/* Puts before the error's text where in the files its record stands, instead of where in the batch. */
static void locate(struct import *import, size_t index, struct vs_error *error)
{
	char place[128], text[sizeof error->text], prefix[32];
	vs_records_describe(&import->records, import->places[index], place, sizeof place);
	snprintf(prefix, sizeof prefix, "records[%zu].", index);
	size_t skip = strncmp(error->text, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
	snprintf(text, sizeof text, "%s: %.180s", place, error->text + skip);
	memcpy(error->text, text, sizeof text);
}

/* Commits the batch. When a record in it is refused, those before it are stored all the same. */
static int flush(struct import *import, struct vs_error *error)
{
	size_t bad = 0;
	int rc = store_records(import, import->count, error);
	bool about_record = rc == VS_EINVAL || rc == VS_ETOOBIG;
	if (about_record && (sscanf(error->field, "records[%zu]", &bad) == 1 || import->count == 1)) {
		struct vs_error refused = *error;
		if (bad < import->count) {
			int again = store_records(import, bad, error);
			if (again)
				return again;
			locate(import, bad, &refused);
		}
		*error = refused;
	}
	import->count = 0;
	vs_arena_reset(&import->arena);
	return rc;
}

/* Whether --skip-existing has the last record of the batch left out. */
static int is_known(struct import *import, bool *known, struct vs_error *error)
{
	struct vs_record record;
	const struct vs_record_input *input = &import->inputs[import->count];
	*known = false;
	if (!vs_args_switch(import->args, VS_FLAG_SKIP_EXISTING))
		return 0;
	struct vs_error found;
	int rc = vs_record_get(import->ns, input->id, input->id_len, false, &record, &found);
	*known = rc == 0;
	if (rc && rc != VS_ENOTFOUND && rc != VS_EINVAL) { /* a bad id is refused with its place, by the upsert */
		*error = found;
		return rc;
	}
	return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static int read_records(struct import *import, struct vs_error *error)
{
	for (;;) {
		bool known;
		int rc = vs_records_next(&import->records, &import->arena, &import->inputs[import->count], error);
		import->places[import->count] = vs_records_place(&import->records);
		if (rc < 0) { /* first what came before it */
			struct vs_error fault = *error;
			size_t at = import->count;
			int before = flush(import, error);
			if (before)
				return before;
			locate(import, at, &fault);
			*error = fault;
			return rc;
		}
		if (rc == 0)
			return flush(import, error);
		if (interrupted)
			return vs_error_set(error, VS_EBUSY, "the import was interrupted");
		if ((rc = is_known(import, &known, error)))
			return rc;
		import->skipped += known;
		import->count += !known;
		if (import->count == import->cap && (rc = flush(import, error)))
			return rc;
		vs_progress_update(&import->progress, import->bytes + vs_input_offset(&import->records.input),
		                   import->inserted + import->updated + import->skipped);
	}
}

/* --format, or what the name says. */
static enum vs_records_format format_of(const struct vs_args *args, const char *path)
{
	const char *format = vs_args_text(args, VS_FLAG_FORMAT);
	size_t len = strlen(path);
	if (format)
		return strcmp(format, "fvecs") == 0 ? VS_RECORDS_FVECS : VS_RECORDS_JSONL;
	if (len > 3 && strcmp(path + len - 3, ".gz") == 0)
		len -= 3;
	return len > 6 && strncmp(path + len - 6, ".fvecs", 6) == 0 ? VS_RECORDS_FVECS : VS_RECORDS_JSONL;
}

static int import_file(struct import *import, const char *path, struct vs_error *error)
{
	int rc = vs_records_open(&import->records, path, format_of(import->args, path),
	                         import->has_ids ? &import->ids : NULL, import->row, error);
	if (rc)
		return rc;
	rc = read_records(import, error);
	import->row = import->records.row;
	import->bytes += vs_input_size(path);
	vs_records_close(&import->records);
	return rc;
}

static int import_files(struct import *import, struct vs_error *error)
{
	uint64_t total = 0;
	const char *const *paths = (const char *const *)import->args->operands;
	for (int i = 0; i < import->args->operand_count; i++) {
		uint64_t size = vs_input_size(paths[i]);
		total = size > 0 && (i == 0 || total > 0) ? total + size : 0; /* one unknown size makes the sum unknown */
	}
	vs_progress_begin(&import->progress, total);
	int rc = 0;
	for (int i = 0; !rc && i < import->args->operand_count; i++)
		rc = import_file(import, paths[i], error);
	vs_progress_end(&import->progress);
	return rc;
}

/* ---- around it -------------------------------------------------------------------------------------------- */

static int open_all(struct import *import, struct vs_error *error)
{
	const struct vs_args *args = import->args;
	const char *ids = vs_args_text(args, VS_FLAG_IDS);
	const char *name = vs_args_text(args, VS_FLAG_NAMESPACE);
	import->cap = (size_t)vs_args_count(args, VS_FLAG_BATCH);
	import->inputs = calloc(import->cap + 1, sizeof *import->inputs);
	import->places = calloc(import->cap + 1, sizeof *import->places);
	if (!import->inputs || !import->places)
		return vs_error_set(error, VS_ENOMEM, "out of memory");
	int rc = ids ? vs_input_open(&import->ids, ids, error) : 0;
	import->has_ids = ids && !rc;
	if (!rc)
		rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), VS_CREATE, &import->store, error);
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	options.flags = VS_CREATE;
	options.metric = vs_args_metric(args);
	if (!rc)
		rc = vs_namespace_open(import->store, name, &options, &import->ns, error);
	struct vs_namespace_stats stats;
	if (!rc && args->flags[VS_FLAG_METRIC] && !(rc = vs_namespace_stats(import->ns, &stats, error)) &&
	    stats.metric != options.metric)
		rc = vs_error_set(error, VS_EINVAL, "namespace %s was made with metric %s, which cannot be changed", name,
		                  vs_metric_name(stats.metric));
	return rc;
}

static void close_all(struct import *import)
{
	vs_namespace_close(import->ns);
	vs_store_close(import->store);
	vs_input_close(&import->ids);
	vs_arena_release(&import->arena);
	free(import->inputs);
	free(import->places);
}

static void print_sum(const struct import *import)
{
	printf("imported %llu records (%llu new, %llu updated", (unsigned long long)(import->inserted + import->updated),
	       (unsigned long long)import->inserted, (unsigned long long)import->updated);
	if (vs_args_switch(import->args, VS_FLAG_SKIP_EXISTING))
		printf(", %llu skipped", (unsigned long long)import->skipped);
	printf(") in %.1f s\n", vs_progress_seconds(&import->progress));
}

int vs_command_import(struct vs_args *args)
{
	struct vs_error error;
	struct import import = { .args = args };
	int rc = open_all(&import, &error);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (!rc)
		rc = import_files(&import, &error);
	if (!rc) {
		print_sum(&import);
	} else {
		fprintf(stderr, "vecstore: %s\n", error.text);
		uint64_t stored = import.inserted + import.updated;
		if (stored > 0)
			fprintf(stderr,
			        "vecstore: %llu records were stored before this; run the import again to go on (what is stored "
			        "is only updated, or left alone with --skip-existing)\n",
			        (unsigned long long)stored);
	}
	close_all(&import);
	return rc ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore import: files into a namespace, a batch per commit, whether a server runs or not. What is cut off goes on with
 * --resume: from the journal's position, where there is one, and by comparing what may be stored already (cli/journal). So
 * each record is stored once, however often the import was killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "programs/cli/args.h"
#include "programs/cli/batch.h"
#include "programs/cli/interrupt.h"
#include "programs/cli/journal.h"
#include "programs/cli/local.h"
#include "programs/cli/progress.h"
#include "programs/cli/records.h"
#include "programs/cli/rejects.h"

enum { EXIT_FAILED = 1, EXIT_REFUSED = 3 };

#define TAIL_NAP_NS 100000000L /* between looks at how far the indexer is */

struct import {
	const struct vs_args *args;
	struct vs_store *store;
	struct vs_namespace *ns; /* NULL in a dry run of one that is not there */
	enum vs_metric metric;
	uint32_t dimension; /* in a dry run */
	struct vs_input ids, metadata;
	bool has_ids, has_metadata, dry;
	struct vs_records records; /* the file being read */
	struct vs_batch batch;
	struct vs_batch_options options;
	struct vs_batch_result sum;
	char where[200];  /* place of the record that was refused last */
	uint64_t pending; /* records read since the last commit */
	struct vs_rejects rejects;
	struct vs_journal journal;
	struct vs_journal_position position;
	uint64_t before; /* records that the journal spared */
	uint64_t doubt;  /* so many of those that come may be stored already */
	uint64_t bytes;  /* of the files before */
	struct vs_progress progress;
};

/* ---- batches ---------------------------------------------------------------------------------------------- */

static void on_refused(void *context, const struct vs_batch_item *item, const struct vs_error *error)
{
	struct import *import = context;
	vs_records_describe(&import->records, item->place, import->where, sizeof import->where);
	if (!import->options.stop)
		vs_rejects_append(&import->rejects, import->where, error->text, item->text, item->text_len);
}

static uint32_t tail_bound(const struct import *import)
{
	return vs_args_text(import->args, VS_FLAG_MAX_UNINDEXED) ? (uint32_t)vs_args_count(import->args, VS_FLAG_MAX_UNINDEXED)
	                                                         : VS_TAIL_AUTO;
}

/* Until the indexer has caught up. Without one nobody queries much, or it will come: then there is no bound for this batch. */
static int await_indexer(void *context, struct vs_error *error)
{
	struct import *import = context;
	for (;;) {
		struct vs_tail tail;
		int rc = vs_namespace_tail(import->ns, &tail, error);
		if (rc)
			return rc;
		if (!tail.indexer)
			vs_store_set_tail(import->store, 0);
		if (!tail.indexer || tail.slots <= tail.most)
			return 0;
		if (vs_interrupted)
			return vs_error_set(error, VS_EBUSY, "the import was interrupted");
		vs_progress_wait(&import->progress, "waiting for the indexer", tail.slots);
		nanosleep(&(struct timespec){ 0, TAIL_NAP_NS }, NULL);
	}
}

/* Puts before the error's text where in the files its record stands. */
static void locate(const struct import *import, struct vs_error *error)
{
	char text[sizeof error->text];
	size_t len = strlen(import->where);
	snprintf(text, sizeof text, "%s: %.*s", import->where, (int)(sizeof text - len - 3), error->text);
	memcpy(error->text, text, sizeof text);
}

/* Commits the batch, and notes how far that is. */
static int flush(struct import *import, struct vs_error *error)
{
	bool existing = vs_args_switch(import->args, VS_FLAG_SKIP_EXISTING);
	int rc;
	import->where[0] = '\0';
	if (!import->dry)
		vs_store_set_tail(import->store, tail_bound(import)); /* await_indexer may have lifted it for a batch */
	import->options.skip = existing           ? VS_BATCH_SKIP_EXISTING
	                       : import->doubt > 0 ? VS_BATCH_SKIP_SAME
	                                           : VS_BATCH_SKIP_NONE;
	if (import->dry)
		rc = vs_batch_try(&import->batch, import->metric, &import->dimension, &import->options, &import->sum, error);
	else
		rc = vs_batch_store(&import->batch, import->ns, &import->options, &import->sum, error);
	if (rc && import->where[0])
		locate(import, error);
	if (!rc)
		rc = vs_rejects_flush(&import->rejects, error);
	if (rc || import->dry)
		return rc;
	if (import->doubt != UINT64_MAX)
		import->doubt -= import->doubt < import->pending ? import->doubt : import->pending;
	import->pending = 0;
	import->position.doubt = import->doubt > import->batch.cap ? import->doubt : import->batch.cap;
	import->position.record = import->records.read;
	return vs_journal_write(&import->journal, import->ns, &import->position, error);
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static uint64_t count(const struct import *import)
{
	const struct vs_batch_result *sum = &import->sum;
	return import->before + sum->inserted + sum->updated + sum->skipped + sum->refused;
}

/* A record that could not be read: leaves it out or ends the import, what came before it being stored. */
static int refuse(struct import *import, const struct vs_error *fault, struct vs_error *error)
{
	const struct vs_records *records = &import->records;
	bool about_record = records->whole && (fault->code == VS_EINVAL || fault->code == VS_ETOOBIG);
	struct vs_batch_item item = { .place = vs_records_place(records), .text = records->text,
		                          .text_len = records->text_len };
	if (about_record && !import->options.stop) {
		on_refused(import, &item, fault);
		import->sum.refused++;
		return 0;
	}
	int rc = flush(import, error);
	if (rc)
		return rc;
	*error = *fault;
	vs_records_describe(records, item.place, import->where, sizeof import->where);
	locate(import, error);
	return error->code;
}

static void add(struct import *import)
{
	const struct vs_records *records = &import->records;
	import->batch.items[import->batch.count++] =
	    (struct vs_batch_item){ .place = vs_records_place(records),
		                        .deleted = records->deleted,
		                        .text = records->text,
		                        .text_len = records->text ? records->text_len : 0 };
}

static int read_records(struct import *import, struct vs_error *error)
{
	struct vs_batch *batch = &import->batch;
	for (;;) {
		struct vs_error fault;
		int rc = vs_records_next(&import->records, &batch->arena, &batch->inputs[batch->count], &fault);
		if (rc == 0 && !vs_interrupted)
			return flush(import, error);
		if (rc > 0)
			add(import);
		else if (rc < 0 && !vs_interrupted && (rc = refuse(import, &fault, error)))
			return rc;
		if ((++import->pending >= batch->cap || vs_interrupted) && (rc = flush(import, error)))
			return rc;
		if (vs_interrupted)
			return vs_error_set(error, VS_EBUSY, "the import was interrupted");
		vs_progress_update(&import->progress, import->bytes + vs_input_offset(&import->records.input), count(import));
	}
}

/* Moves past what an earlier run has stored. */
static int skip_stored(struct import *import, struct vs_error *error)
{
	const struct vs_journal_position *at = &import->position;
	uint64_t records = at->record;
	const char *text;
	size_t len;
	int rc = 1;
	for (uint64_t i = 0; rc > 0 && i < at->row; i++) {
		if (import->has_ids)
			rc = vs_input_line(&import->ids, &text, &len, error);
		if (rc > 0 && import->has_metadata)
			rc = vs_input_line(&import->metadata, &text, &len, error);
	}
	for (uint64_t i = 0; rc > 0 && i < records; i++)
		rc = vs_records_next(&import->records, NULL, NULL, error);
	if (rc == 0)
		rc = vs_error_set(error, VS_ECORRUPT, "%s ends before the record where the last import was cut off",
		                  import->records.input.name);
	if (rc > 0 && import->before > 0)
		fprintf(stderr, "vecstore: going on after %llu records\n", (unsigned long long)import->before);
	return rc < 0 ? rc : 0;
}

static int find_delimiter(const struct vs_args *args, const char *path, char *delimiter, struct vs_error *error)
{
	const char *text = vs_args_text(args, VS_FLAG_DELIMITER);
	if (!text)
		*delimiter = strstr(path, ".tsv") ? '\t' : ',';
	else if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
		*delimiter = '\t';
	else if (strlen(text) == 1 && (unsigned char)*text < 0x80 && !strchr("\"\r\n.+-", *text))
		*delimiter = *text;
	else
		return vs_error_set(error, VS_EINVAL, "--delimiter: '%.40s' is neither one character nor 'tab'", text);
	return 0;
}

/* Formats that somebody will try: better said than that line 1 is no JSON. */
static int check_suffix(const char *path, struct vs_error *error)
{
	static const char *const unread[] = { ".parquet", ".npz", ".h5", ".hdf5" };
	size_t len = strlen(path);
	for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++)
		if (len > strlen(unread[i]) && strcmp(path + len - strlen(unread[i]), unread[i]) == 0)
			return vs_error_set(error, VS_EINVAL, "%s: %s files are not read: write npy, csv or jsonl", path, unread[i]);
	return 0;
}

static int open_records(struct import *import, const char *path, struct vs_error *error)
{
	const char *format = vs_args_text(import->args, VS_FLAG_FORMAT);
	struct vs_records_options options = VS_RECORDS_OPTIONS;
	options.format = vs_records_guess(path);
	if (format)
		vs_records_find(format, &options.format);
	options.ids = import->has_ids ? &import->ids : NULL;
	options.metadata = import->has_metadata ? &import->metadata : NULL;
	options.columns = vs_args_text(import->args, VS_FLAG_COLUMNS);
	options.keep_text = import->rejects.open;
	options.first_row = import->position.row;
	int rc = format ? 0 : check_suffix(path, error);
	if (!rc)
		rc = find_delimiter(import->args, path, &options.delimiter, error);
	return rc ? rc : vs_records_open(&import->records, path, &options, error);
}

static int import_file(struct import *import, const char *path, bool resumed, struct vs_error *error)
{
	int rc = open_records(import, path, error);
	if (rc)
		return rc;
	if (resumed)
		rc = skip_stored(import, error);
	if (!rc)
		rc = read_records(import, error);
	import->position.row += import->records.read;
	import->position.record = 0;
	vs_records_close(&import->records);
	return rc;
}

/* More ids or metadata than records: then they hardly belong together. */
static int check_rest(const struct import *import, struct vs_input *side, bool present, struct vs_error *error)
{
	const char *text;
	size_t len = 0;
	int rc = present ? vs_input_line(side, &text, &len, error) : 0;
	if (rc > 0)
		return vs_error_set(error, VS_EINVAL, "%s:%lu: there are only %llu records, but more lines", side->name,
		                    side->lines, (unsigned long long)import->position.row);
	return rc;
}

static int import_files(struct import *import, struct vs_error *error)
{
	uint64_t total = 0;
	uint32_t first = import->position.file;
	const char *const *paths = (const char *const *)import->args->operands;
	for (int i = 0; i < import->args->operand_count; i++) {
		uint64_t size = vs_input_size(paths[i]);
		total = size > 0 && (i == 0 || total > 0) ? total + size : 0; /* one unknown size makes the sum unknown */
	}
	vs_progress_begin(&import->progress, total);
	int rc = 0;
	for (uint32_t i = 0; !rc && i < (uint32_t)import->args->operand_count; i++) {
		import->position.file = i;
		if (i >= first)
			rc = import_file(import, paths[i], i == first && import->before > 0, error);
		import->bytes += vs_input_size(paths[i]);
	}
	if (!rc)
		rc = check_rest(import, &import->ids, import->has_ids, error);
	if (!rc)
		rc = check_rest(import, &import->metadata, import->has_metadata, error);
	vs_progress_end(&import->progress);
	return rc;
}

/* ---- around it -------------------------------------------------------------------------------------------- */

static int open_namespace(struct import *import, struct vs_error *error)
{
	const struct vs_args *args = import->args;
	const char *name = vs_args_text(args, VS_FLAG_NAMESPACE);
	struct vs_namespace_options options = VS_NAMESPACE_OPTIONS;
	struct vs_namespace_stats stats;
	char actor[32];
	struct vs_audit_event event = vs_local_event("import", actor);
	event.ns = name;
	options.metric = import->metric = vs_args_metric(args);
	options.quantization = vs_args_quantization(args);
	options.tokenizer = vs_args_tokenizer(args);
	struct vs_quota quota;
	int rc = vs_local_quota(args, &quota, error);
	if (!rc)
		rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), import->dry ? 0 : VS_CREATE, &import->store, error);
	if (!rc)
		vs_store_set_quota(import->store, &quota);
	if (!rc && !import->dry)
		rc = vs_local_make(import->store, &options, &event, error);
	if (!rc)
		rc = vs_namespace_open(import->store, name, NULL, &import->ns, error);
	if (rc == VS_ENOTFOUND && import->dry)
		return 0;
	if (rc || (rc = vs_namespace_stats(import->ns, &stats, error)))
		return rc;
	import->metric = stats.metric;
	import->dimension = stats.dimension;
	if (args->flags[VS_FLAG_METRIC] && stats.metric != options.metric)
		return vs_error_set(error, VS_EINVAL, "namespace %s was made with metric %s, which cannot be changed", name,
		                    vs_metric_name(stats.metric));
	if (args->flags[VS_FLAG_QUANTIZATION] && stats.quantization != options.quantization)
		return vs_error_set(error, VS_EINVAL, "namespace %s was made with quantization %s, which cannot be changed", name,
		                    vs_quantization_name(stats.quantization));
	if (args->flags[VS_FLAG_TOKENIZER] && stats.tokenizer != options.tokenizer)
		return vs_error_set(error, VS_EINVAL, "namespace %s was made with tokenizer %s, which cannot be changed", name,
		                    vs_tokenizer_name(stats.tokenizer));
	return 0;
}

/* Where the import begins. */
static int open_journal(struct import *import, struct vs_error *error)
{
	bool resume = vs_args_switch(import->args, VS_FLAG_RESUME), found;
	struct vs_journal_position position = { 0 };
	int rc = import->dry ? 0 : vs_journal_open(&import->journal, import->args, import->ns, &position, &found, error);
	if (rc || import->dry)
		return rc;
	if (resume && found) {
		import->position = position;
		import->before = position.row + position.record;
	}
	if (resume)
		import->doubt = found ? position.doubt : UINT64_MAX;
	import->position.doubt = import->doubt > import->batch.cap ? import->doubt : import->batch.cap;
	return vs_journal_write(&import->journal, import->ns, &import->position, error);
}

static int open_side(const struct vs_args *args, enum vs_flag flag, struct vs_input *side, bool *present,
                     struct vs_error *error)
{
	const char *path = vs_args_text(args, flag);
	int rc = path ? vs_input_open(side, path, error) : 0;
	*present = path && !rc;
	return rc;
}

static int open_all(struct import *import, struct vs_error *error)
{
	const struct vs_args *args = import->args;
	bool resume = vs_args_switch(args, VS_FLAG_RESUME);
	import->dry = vs_args_switch(args, VS_FLAG_DRY_RUN);
	import->options.stop = strcmp(vs_args_text(args, VS_FLAG_ON_ERROR), "stop") == 0;
	import->options.on_refused = on_refused;
	import->options.on_tail = await_indexer;
	import->options.context = import;
	import->rejects.file.fd = import->journal.file.fd = -1;
	int rc = vs_batch_init(&import->batch, (size_t)vs_args_count(args, VS_FLAG_BATCH), error);
	if (rc || (rc = open_side(args, VS_FLAG_IDS, &import->ids, &import->has_ids, error)) ||
	    (rc = open_side(args, VS_FLAG_METADATA, &import->metadata, &import->has_metadata, error)) ||
	    (rc = open_namespace(import, error)) ||
	    (rc = vs_rejects_open(&import->rejects, vs_args_text(args, VS_FLAG_REJECTS), resume, error)))
		return rc;
	return open_journal(import, error);
}

static void close_all(struct import *import, bool done)
{
	vs_journal_close(&import->journal, done);
	vs_rejects_close(&import->rejects);
	vs_namespace_close(import->ns);
	vs_store_close(import->store);
	vs_input_close(&import->ids);
	vs_input_close(&import->metadata);
	vs_batch_release(&import->batch);
}

static void print_sum(const struct import *import)
{
	const struct vs_batch_result *sum = &import->sum;
	uint64_t before = import->before + sum->skipped;
	if (import->dry) {
		printf("checked %llu records: %llu can be imported, %llu are refused", (unsigned long long)count(import),
		       (unsigned long long)sum->inserted, (unsigned long long)sum->refused);
	} else {
		printf("imported %llu records (%llu new, %llu updated", (unsigned long long)(sum->inserted + sum->updated),
		       (unsigned long long)sum->inserted, (unsigned long long)sum->updated);
		if (before > 0 || vs_args_switch(import->args, VS_FLAG_SKIP_EXISTING))
			printf(", %llu skipped", (unsigned long long)before);
		if (sum->refused > 0)
			printf(", %llu refused", (unsigned long long)sum->refused);
		printf(")");
	}
	printf(" in %.1f s\n", vs_progress_seconds(&import->progress));
}

static void print_fault(const struct import *import, const struct vs_error *error)
{
	uint64_t stored = import->before + import->sum.inserted + import->sum.updated + import->sum.skipped;
	fprintf(stderr, "vecstore: %s\n", error->text);
	if (import->dry || (stored == 0 && !vs_interrupted))
		return;
	fprintf(stderr,
	        "vecstore: %llu records were stored before this; to go on from there, run the same command with --resume\n",
	        (unsigned long long)stored);
}

int vs_command_import(struct vs_args *args)
{
	struct vs_error error;
	struct import import = { .args = args };
	int rc = open_all(&import, &error);
	vs_interrupt_catch();
	if (!rc)
		rc = import_files(&import, &error);
	struct vs_error ignored;
	vs_rejects_flush(&import.rejects, rc ? &ignored : &error);
	if (!rc)
		print_sum(&import);
	else
		print_fault(&import, &error);
	close_all(&import, rc == 0);
	if (vs_interrupted && rc)
		return 128 + vs_interrupted;
	if (rc)
		return EXIT_FAILED;
	return import.sum.refused > 0 ? EXIT_REFUSED : 0;
}

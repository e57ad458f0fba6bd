/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore export: the records of a namespace in order of their ids, a page per read transaction, each written after its
 * transaction has ended. So memory is bounded, no WAL is pinned by a slow reader of the output, and writes go on
 * meanwhile: a record that is there all the time is written once, as it was at some moment; of those that come or go, some.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/filter.h"
#include "engine/json.h"
#include "programs/cli/args.h"
#include "programs/cli/export.h"
#include "programs/cli/interrupt.h"
#include "programs/cli/progress.h"

#define PAGE_RECORDS 1000
#define PAGE_BYTES (4u << 20) /* a page that has grown past it ends early */

static const struct vs_writer *const writers[] = { &vs_writer_jsonl, &vs_writer_csv, &vs_writer_npy,
	                                               &vs_writer_fvecs };

struct side {
	struct vs_output output;
	struct vs_buf page;
	bool present;
};

struct exporting {
	const struct vs_args *args;
	struct vs_store *store;
	struct vs_namespace *ns;
	struct vs_filter *filter; /* NULL: all */
	struct vs_export export;
	struct side ids, metadata; /* beside the vectors */
	char last[VS_RECORD_ID_MAX]; /* id of the newest record that was looked at */
	size_t last_len;
	uint64_t seen, total; /* records, those that the filter leaves out, too */
	bool full;            /* the page: the next one begins with the record that comes */
	int rc;               /* what ended the page */
	struct vs_error fault;
	struct vs_progress progress;
};

/* ---- a page ----------------------------------------------------------------------------------------------- */

static int put_beside(struct exporting *exporting, const struct vs_record *record, struct vs_error *error)
{
	if (exporting->ids.present) {
		if (memchr(record->id, '\n', record->id_len) || record->id[record->id_len - 1] == '\r')
			return vs_error_set(error, VS_EINVAL, "an id holds a line end, so it cannot stand in a line of its own: "
			                                      "use jsonl or csv");
		vs_buf_append(&exporting->ids.page, record->id, record->id_len);
		vs_buf_putc(&exporting->ids.page, '\n');
	}
	if (exporting->metadata.present) {
		vs_export_json(&exporting->metadata.page, record->metadata, record->metadata_len);
		vs_buf_putc(&exporting->metadata.page, '\n');
	}
	return 0;
}

/* 1: to be written. */
static int accepts(const struct exporting *exporting, const struct vs_record *record, struct vs_error *error)
{
	struct vs_filter_record asked = {
		.id = record->id,
		.id_len = record->id_len,
		.version = record->version,
		.created_at = record->created_at,
		.updated_at = record->updated_at,
		.metadata = record->metadata,
		.metadata_len = record->metadata_len,
	};
	if (record->deleted_at && !exporting->export.with_deleted)
		return 0;
	return exporting->filter ? vs_filter_accepts(exporting->filter, &asked, error) : 1;
}

static void on_record(void *context, const struct vs_record *record)
{
	struct exporting *exporting = context;
	struct vs_export *export = &exporting->export;
	size_t bytes = export->page.len + exporting->ids.page.len + exporting->metadata.page.len;
	exporting->full = exporting->full || bytes > PAGE_BYTES;
	if (exporting->full || exporting->rc)
		return;
	exporting->last_len = record->id_len < sizeof exporting->last ? record->id_len : sizeof exporting->last;
	memcpy(exporting->last, record->id, exporting->last_len);
	exporting->seen++;
	int rc = accepts(exporting, record, &exporting->fault);
	if (rc <= 0) {
		exporting->rc = rc;
		return;
	}
	rc = export->writer->record(export, record, &exporting->fault);
	if (!rc)
		rc = put_beside(exporting, record, &exporting->fault);
	export->records += rc == 0;
	exporting->rc = rc;
}

static int drain(struct exporting *exporting, struct vs_error *error)
{
	int rc = vs_output_drain(&exporting->export.output, &exporting->export.page, error);
	if (!rc && exporting->ids.present)
		rc = vs_output_drain(&exporting->ids.output, &exporting->ids.page, error);
	if (!rc && exporting->metadata.present)
		rc = vs_output_drain(&exporting->metadata.output, &exporting->metadata.page, error);
	return rc;
}

/* Soft-deleted records and those the filter refuses are asked for, too: a page is bounded by what is looked at. */
static int write_pages(struct exporting *exporting, struct vs_error *error)
{
	char after[sizeof exporting->last]; /* the last one changes while the page is read */
	bool more = true;
	while (more) {
		memcpy(after, exporting->last, exporting->last_len);
		struct vs_page_options options = {
			.after = exporting->last_len > 0 ? after : NULL,
			.after_len = exporting->last_len,
			.limit = PAGE_RECORDS,
			.with_vector = true,
			.with_deleted = true,
			.with_text = exporting->export.with_text,
			.bytes = PAGE_BYTES,
		};
		exporting->full = false;
		int rc = vs_record_page(exporting->ns, &options, on_record, exporting, &more, error);
		if (!rc && exporting->rc)
			*error = exporting->fault;
		if (rc || (rc = exporting->rc) || (rc = drain(exporting, error)))
			return rc;
		more = more || exporting->full;
		if (vs_interrupted)
			return vs_error_set(error, VS_EBUSY, "the export was interrupted");
		vs_progress_update(&exporting->progress, exporting->seen, exporting->export.records);
	}
	return 0;
}

static int write_all(struct exporting *exporting, struct vs_error *error)
{
	const struct vs_writer *writer = exporting->export.writer;
	int rc = writer->begin ? writer->begin(&exporting->export, error) : 0;
	vs_progress_begin(&exporting->progress, exporting->total);
	if (!rc)
		rc = write_pages(exporting, error);
	vs_progress_end(&exporting->progress);
	if (!rc && writer->end)
		rc = writer->end(&exporting->export, error);
	if (!rc)
		rc = drain(exporting, error);
	if (!rc && exporting->ids.present)
		rc = vs_output_commit(&exporting->ids.output, error);
	if (!rc && exporting->metadata.present)
		rc = vs_output_commit(&exporting->metadata.output, error);
	return rc ? rc : vs_output_commit(&exporting->export.output, error);
}

/* ---- around it -------------------------------------------------------------------------------------------- */

static const struct vs_writer *find_writer(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++)
		if (strlen(writers[i]->name) == len && memcmp(writers[i]->name, name, len) == 0)
			return writers[i];
	return NULL;
}

static const struct vs_writer *choose_writer(const struct vs_args *args)
{
	const char *format = vs_args_text(args, VS_FLAG_OUTPUT_FORMAT), *path = vs_args_text(args, VS_FLAG_OUTPUT);
	if (format)
		return find_writer(format, strlen(format));
	size_t len = path ? strlen(path) : 0;
	if (len > 3 && strcmp(path + len - 3, ".gz") == 0)
		len -= 3;
	const char *dot = path ? memrchr(path, '.', len) : NULL;
	const struct vs_writer *found = dot ? find_writer(dot + 1, len - (size_t)(dot + 1 - path)) : NULL;
	return found ? found : &vs_writer_jsonl;
}

static int check_flags(const struct vs_args *args, const struct vs_writer *writer, struct vs_error *error)
{
	static const enum vs_flag beside[] = { VS_FLAG_OUTPUT_IDS, VS_FLAG_OUTPUT_METADATA };
	for (size_t i = 0; i < 2; i++)
		if (args->flags[beside[i]] && !writer->vectors_only)
			return vs_error_set(error, VS_EINVAL, "--%s: %s holds that itself", i ? "metadata" : "ids", writer->name);
	if (args->flags[VS_FLAG_FIELDS] && writer != &vs_writer_csv)
		return vs_error_set(error, VS_EINVAL, "--fields is for csv only");
	if (vs_args_switch(args, VS_FLAG_INCLUDE_DELETED) && writer->vectors_only)
		return vs_error_set(error, VS_EINVAL, "--include-deleted: %s has no place for that mark", writer->name);
	return 0;
}

static int open_side(const struct vs_args *args, enum vs_flag flag, struct side *side, struct vs_error *error)
{
	const char *path = vs_args_text(args, flag);
	int rc = path ? vs_output_open(&side->output, path, error) : 0;
	side->present = path && !rc;
	return rc;
}

static int open_outputs(struct exporting *exporting, struct vs_error *error)
{
	const struct vs_args *args = exporting->args;
	struct vs_export *export = &exporting->export;
	int rc = vs_output_open(&export->output, vs_args_text(args, VS_FLAG_OUTPUT), error);
	if (!rc && export->writer->needs_patch && !vs_output_is_plain(&export->output))
		rc = vs_error_set(error, VS_EINVAL, "%s begins with the number of rows, which is known at the end: it needs "
		                                    "--output with a FILE that is not .gz", export->writer->name);
	if (!rc)
		rc = open_side(args, VS_FLAG_OUTPUT_IDS, &exporting->ids, error);
	return rc ? rc : open_side(args, VS_FLAG_OUTPUT_METADATA, &exporting->metadata, error);
}

static int open_all(struct exporting *exporting, struct vs_error *error)
{
	const struct vs_args *args = exporting->args;
	const char *filter = vs_args_text(args, VS_FLAG_FILTER);
	struct vs_export *export = &exporting->export;
	struct vs_namespace_stats stats;
	export->writer = choose_writer(args);
	export->with_deleted = vs_args_switch(args, VS_FLAG_INCLUDE_DELETED);
	export->fields = vs_args_text(args, VS_FLAG_FIELDS);
	export->json = vs_json_open();
	int rc = export->json ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a JSON decoder");
	if (rc || (rc = check_flags(args, export->writer, error)) ||
	    (filter && (rc = vs_filter_parse(filter, strlen(filter), &exporting->filter, error))) ||
	    (rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &exporting->store, error)) ||
	    (rc = vs_namespace_open(exporting->store, vs_args_text(args, VS_FLAG_NAMESPACE), NULL, &exporting->ns, error)) ||
	    (rc = vs_namespace_stats(exporting->ns, &stats, error)))
		return rc;
	export->dimension = stats.dimension;
	export->with_text = stats.texts > 0 && !export->writer->vectors_only;
	exporting->total = stats.total;
	return open_outputs(exporting, error);
}

static void close_all(struct exporting *exporting)
{
	vs_output_close(&exporting->export.output);
	vs_output_close(&exporting->ids.output);
	vs_output_close(&exporting->metadata.output);
	vs_buf_release(&exporting->export.page);
	vs_buf_release(&exporting->ids.page);
	vs_buf_release(&exporting->metadata.page);
	vs_json_close(exporting->export.json);
	vs_filter_release(exporting->filter);
	vs_namespace_close(exporting->ns);
	vs_store_close(exporting->store);
}

int vs_command_export(struct vs_args *args)
{
	struct vs_error error;
	struct exporting exporting = { .args = args };
	vs_interrupt_catch(); /* before there is a file that would stay behind */
	int rc = open_all(&exporting, &error);
	if (!rc)
		rc = write_all(&exporting, &error);
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	else
		fprintf(stderr, "exported %llu records in %.1f s\n", (unsigned long long)exporting.export.records,
		        vs_progress_seconds(&exporting.progress));
	close_all(&exporting);
	if (rc)
		return vs_interrupted ? 128 + vs_interrupted : 1;
	return 0;
}

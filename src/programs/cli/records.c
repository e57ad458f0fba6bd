/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/records.h"

#include <inttypes.h>
#include <json-c/json_object.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/json.h"
#include "programs/cli/json_raw.h"

#define NAME_MAX_SHOWN 120 /* bytes of a path in messages: its end */

static const struct vs_reader *const readers[VS_RECORDS_FORMATS] = {
	[VS_RECORDS_JSONL] = &vs_reader_jsonl, [VS_RECORDS_CSV] = &vs_reader_csv,
	[VS_RECORDS_NPY] = &vs_reader_npy,     [VS_RECORDS_FVECS] = &vs_reader_fvecs,
	[VS_RECORDS_IVECS] = &vs_reader_ivecs, [VS_RECORDS_BVECS] = &vs_reader_bvecs,
};

bool vs_records_find(const char *name, enum vs_records_format *format)
{
	for (int i = 0; i < VS_RECORDS_FORMATS; i++) {
		if (strcmp(readers[i]->name, name) == 0) {
			*format = (enum vs_records_format)i;
			return true;
		}
	}
	return false;
}

enum vs_records_format vs_records_guess(const char *path)
{
	size_t len = strlen(path);
	if (len > 3 && strcmp(path + len - 3, ".gz") == 0)
		len -= 3;
	for (int i = 0; i < VS_RECORDS_FORMATS; i++) {
		size_t name_len = strlen(readers[i]->name);
		if (len > name_len + 1 && path[len - name_len - 1] == '.' &&
		    memcmp(path + len - name_len, readers[i]->name, name_len) == 0)
			return (enum vs_records_format)i;
	}
	return len > 4 && memcmp(path + len - 4, ".tsv", 4) == 0 ? VS_RECORDS_CSV : VS_RECORDS_JSONL;
}

int vs_records_open(struct vs_records *records, const char *path, const struct vs_records_options *options,
                    struct vs_error *error)
{
	const struct vs_reader *reader = readers[options->format];
	memset(records, 0, sizeof *records);
	records->reader = reader;
	records->options = *options;
	if (options->ids && reader->has_ids)
		return vs_error_set(error, VS_EINVAL, "%s has ids of its own, as every %s file: --ids is not for it", path,
		                    reader->name);
	if (options->metadata && reader->has_metadata)
		return vs_error_set(error, VS_EINVAL, "%s has metadata of its own, as every %s file: --metadata is not for it",
		                    path, reader->name);
	int rc = vs_input_open(&records->input, path, error);
	records->json = rc ? NULL : vs_json_open();
	if (!rc && !records->json)
		rc = vs_error_set(error, VS_ENOMEM, "no memory for a JSON decoder");
	if (!rc && reader->open && (rc = reader->open(records, error))) {
		struct vs_error fault = *error;
		rc = reader->by_line && records->input.lines > 0
		         ? vs_error_set(error, rc, "%s:%lu: %s", records->input.name, records->input.lines, fault.text)
		         : vs_error_set(error, rc, "%s: %s", records->input.name, fault.text);
	}
	if (rc)
		vs_records_close(records);
	return rc;
}

void vs_records_close(struct vs_records *records)
{
	if (records->reader && records->reader->close)
		records->reader->close(records);
	free(records->state);
	vs_input_close(&records->input);
	vs_json_close(records->json);
	memset(records, 0, sizeof *records);
}

/* ---- ids and metadata from elsewhere ---------------------------------------------------------------------- */

/* The next line of the file of ids or metadata that goes with the record. Without it, no later one would fit. */
static int side_line(struct vs_records *records, struct vs_input *side, const char *what, const char **text,
                     size_t *len, struct vs_error *error)
{
	struct vs_error fault;
	int rc = vs_input_line(side, text, len, &fault);
	records->whole = records->whole && rc > 0;
	if (rc < 0)
		return vs_error_set(error, VS_EIO, "%s:%lu: %s", side->name, side->lines, fault.text);
	if (rc == 0)
		return vs_error_set(error, VS_EINVAL, "%s has no %s for it: it ends after line %lu", side->name, what,
		                    side->lines);
	return 0;
}

static int check_metadata(struct vs_records *records, const char *text, size_t len, struct vs_error *error)
{
	struct json_object *object;
	struct vs_error fault;
	char where[160];
	int rc = vs_json_parse(records->json, text, len, "", &object, &fault);
	if (rc == 0)
		json_object_put(object);
	snprintf(where, sizeof where, "%.120s:%lu", records->options.metadata->name, records->options.metadata->lines);
	return rc ? vs_error_set(error, rc, "%s: %s", where, fault.text) : 0;
}

/* Gives the record its id and its metadata, or reads past them, as far as the format has none. */
static int complete(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                    struct vs_error *error)
{
	const struct vs_records_options *options = &records->options;
	const char *text = NULL;
	size_t len;
	char number[24];
	int rc = options->ids ? side_line(records, options->ids, "id", &text, &len, error) : 0;
	if (!rc && record && (text || !record->id)) {
		if (!text) {
			len = (size_t)snprintf(number, sizeof number, "%" PRIu64, options->first_row + records->read - 1);
			text = number;
		}
		record->id = vs_arena_dup(arena, text, len);
		record->id_len = len;
		rc = record->id ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a record");
	}
	if (!options->metadata)
		return rc;
	int side = side_line(records, options->metadata, "metadata", &text, &len, rc ? NULL : error);
	if (rc || side || !record)
		return rc ? rc : side;
	rc = check_metadata(records, text, len, error);
	char *copy = rc ? NULL : vs_arena_alloc(arena, len + 1);
	if (!copy)
		return rc ? rc : vs_error_set(error, VS_ENOMEM, "no memory for a record");
	record->metadata_len = vs_json_compact(copy, text, len);
	copy[record->metadata_len] = '\0';
	record->metadata = copy;
	return 0;
}

int vs_records_next(struct vs_records *records, struct vs_arena *arena, struct vs_record_input *record,
                    struct vs_error *error)
{
	records->whole = false;
	records->deleted = false;
	records->text = NULL;
	if (record)
		memset(record, 0, sizeof *record);
	int rc = records->reader->next(records, arena, record, error);
	if (rc == 0)
		return 0;
	records->read++;
	if (rc > 0)
		rc = complete(records, arena, record, error);
	else if (records->whole) /* what stands beside a bad one is not the next one's */
		complete(records, arena, NULL, NULL);
	return rc < 0 ? rc : 1;
}

int vs_records_keep(struct vs_records *records, struct vs_arena *arena, const char *text, size_t len,
                    struct vs_error *error)
{
	if (!records->options.keep_text || !arena)
		return 0;
	records->text = vs_arena_dup(arena, text, len);
	records->text_len = len;
	return records->text ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a line");
}

unsigned long vs_records_place(const struct vs_records *records)
{
	if (records->reader->by_line)
		return records->input.lines;
	return records->read > 0 ? (unsigned long)records->read - 1 : 0;
}

void vs_records_describe(const struct vs_records *records, unsigned long place, char *text, size_t cap)
{
	const char *name = records->input.name;
	size_t len = strlen(name);
	bool cut = len > NAME_MAX_SHOWN;
	snprintf(text, cap, records->reader->by_line ? "%s%s:%lu" : "%s%s: vector %lu", cut ? "..." : "",
	         cut ? name + len - NAME_MAX_SHOWN : name, place);
}

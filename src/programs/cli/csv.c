/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memrchr */
#endif
#include "programs/cli/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "service/json_out.h"

/* ---- rows ------------------------------------------------------------------------------------------------- */

/* The field that starts at *at, which moves to the delimiter after it or to len. */
static int split_field(char *text, size_t len, char delimiter, size_t *at, struct vs_csv_field *field,
                       struct vs_error *error)
{
	size_t from = *at, i = from, to = from;
	field->quoted = i < len && text[i] == '"';
	if (!field->quoted) {
		while (i < len && text[i] != delimiter && text[i] != '"')
			i++;
		if (i < len && text[i] == '"')
			return vs_error_at(error, VS_EINVAL, "row", (int64_t)i, "a double quote within a field that has none around it");
		to = i;
	} else {
		bool closed = false;
		for (from = to = ++i; i < len; text[to++] = text[i++])
			if (text[i] == '"' && (closed = ++i == len || text[i] != '"'))
				break;
		if (!closed)
			return vs_error_at(error, VS_EINVAL, "row", (int64_t)from - 1, "a double quote is never closed");
		if (i < len && text[i] != delimiter)
			return vs_error_at(error, VS_EINVAL, "row", (int64_t)i, "text after a field's closing quote");
	}
	field->text = text + from;
	field->len = to - from;
	*at = i;
	return 0;
}

int vs_csv_split(char *text, size_t len, char delimiter, struct vs_csv_field *fields, size_t cap,
                 struct vs_error *error)
{
	size_t at = 0, count = 0;
	for (;; at++) {
		struct vs_csv_field field;
		int rc = split_field(text, len, delimiter, &at, &field, error);
		if (rc)
			return rc;
		if (count < cap)
			fields[count] = field;
		if (++count > INT32_MAX / 2)
			return vs_error_set(error, VS_ETOOBIG, "there are too many columns");
		bool last = at >= len;
		field.text[field.len] = '\0'; /* where the delimiter, a quote or the row's end was */
		if (last)
			return (int)count;
	}
}

bool vs_csv_is_number(const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	p += p < end && *p == '-';
	const char *digits = p;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == digits || (*digits == '0' && p > digits + 1))
		return false;
	if (p < end && *p == '.') {
		digits = ++p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == digits)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		digits = p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == digits)
			return false;
	}
	return p == end;
}

/* ---- columns ---------------------------------------------------------------------------------------------- */

static const char *const type_names[] = {
	[VS_CSV_AUTO] = "auto", [VS_CSV_NUMBER] = "number",     [VS_CSV_BOOLEAN] = "boolean", [VS_CSV_TEXT] = "text",
	[VS_CSV_JSON] = "json", [VS_CSV_METADATA] = "metadata", [VS_CSV_SKIP] = "skip",       [VS_CSV_ID] = "id",
	[VS_CSV_VECTOR] = "vector", [VS_CSV_FULLTEXT] = "fulltext",   [VS_CSV_EXPIRES] = "expires_at", [VS_CSV_DELETED] = "deleted",
};
#define TYPES (sizeof type_names / sizeof type_names[0])

/* Whether the column is the one called by len bytes of name, in which '*' (for a vector) stands for digits: *element. */
static bool is_called(const struct vs_csv_column *column, const char *name, size_t len, int64_t *element)
{
	const char *star = memchr(name, '*', len);
	size_t before = star ? (size_t)(star - name) : len, after = len - before - (star != NULL);
	size_t column_len = strlen(column->name);
	*element = -1;
	if (!star || column_len <= before + after || column_len > before + after + 5)
		return column_len == len && memcmp(column->name, name, len) == 0;
	if (memcmp(column->name, name, before) != 0 ||
	    memcmp(column->name + column_len - after, name + len - after, after) != 0)
		return false;
	const char *digit = column->name + before, *end = column->name + column_len - after;
	if (*digit == '0' && digit + 1 < end)
		return false;
	for (*element = 0; digit < end; digit++) {
		if (*digit < '0' || *digit > '9')
			return false;
		*element = 10 * *element + (*digit - '0');
	}
	return true;
}

/* Gives the columns of that name their type: how many. */
static size_t assign(struct vs_csv_columns *columns, const char *name, size_t len, enum vs_csv_type type)
{
	size_t found = 0;
	for (size_t i = 0; i < columns->count; i++) {
		struct vs_csv_column *column = &columns->columns[i];
		int64_t element;
		if (!is_called(column, name, len, &element) || (element >= 0 && type != VS_CSV_VECTOR))
			continue;
		column->type = type;
		column->element = element;
		found++;
	}
	return found;
}

static int apply_spec(struct vs_csv_columns *columns, const char *spec, struct vs_error *error)
{
	for (const char *item = spec, *next; item; item = next) {
		size_t len = strcspn(item, ",");
		next = item[len] == ',' ? item + len + 1 : NULL;
		const char *colon = memrchr(item, ':', len);
		size_t name_len = colon ? (size_t)(colon - item) : 0, type = TYPES;
		size_t type_len = colon ? len - name_len - 1 : 0;
		for (size_t i = 0; colon && i < TYPES; i++)
			if (strlen(type_names[i]) == type_len && memcmp(type_names[i], colon + 1, type_len) == 0)
				type = i;
		if (type == TYPES)
			return vs_error_set(error, VS_EINVAL,
			                    "--columns: '%.*s' is no NAME:TYPE with a type of id, vector, metadata, number, boolean, "
			                    "text, json, auto, fulltext, expires_at, deleted or skip",
			                    (int)(len < 100 ? len : 100), item);
		if (assign(columns, item, name_len, (enum vs_csv_type)type) == 0)
			return vs_error_set(error, VS_EINVAL, "--columns: there is no column '%.*s'",
			                    (int)(name_len < 100 ? name_len : 100), item);
	}
	return 0;
}

static size_t count_of(const struct vs_csv_columns *columns, enum vs_csv_type type)
{
	size_t count = 0;
	for (size_t i = 0; i < columns->count; i++)
		count += columns->columns[i].type == type;
	return count;
}

static bool has(const struct vs_csv_columns *columns, const char *name)
{
	for (size_t i = 0; i < columns->count; i++)
		if (columns->columns[i].type == VS_CSV_AUTO && strcmp(columns->columns[i].name, name) == 0)
			return true;
	return false;
}

/* What the spec left open is told by the names. */
static void apply_names(struct vs_csv_columns *columns, bool needs_id)
{
	if (needs_id && count_of(columns, VS_CSV_ID) == 0 && has(columns, "id"))
		assign(columns, "id", 2, VS_CSV_ID);
	if (count_of(columns, VS_CSV_VECTOR) == 0 && has(columns, "vector"))
		assign(columns, "vector", 6, VS_CSV_VECTOR);
	else if (count_of(columns, VS_CSV_VECTOR) == 0 && has(columns, "v0"))
		assign(columns, "v*", 2, VS_CSV_VECTOR);
	if (count_of(columns, VS_CSV_METADATA) == 0 && has(columns, "metadata"))
		assign(columns, "metadata", 8, VS_CSV_METADATA);
	/* Not without the @: somebody's field of such a name need not be the record's. */
	if (count_of(columns, VS_CSV_FULLTEXT) == 0 && has(columns, "@text"))
		assign(columns, "@text", 5, VS_CSV_FULLTEXT);
	if (count_of(columns, VS_CSV_EXPIRES) == 0 && has(columns, "@expires_at"))
		assign(columns, "@expires_at", 11, VS_CSV_EXPIRES);
}

static int check_vector(struct vs_csv_columns *columns, struct vs_error *error)
{
	size_t count = count_of(columns, VS_CSV_VECTOR);
	bool whole = false;
	if (count == 0)
		return vs_error_set(error, VS_EINVAL, "there is no column 'vector', nor v0, v1, …: name it with --columns "
		                                      "NAME:vector, or --columns 'NAME*:vector' for numbered ones");
	for (size_t i = 0; i < columns->count; i++)
		whole = whole || (columns->columns[i].type == VS_CSV_VECTOR && columns->columns[i].element < 0);
	if (whole && count > 1)
		return vs_error_set(error, VS_EINVAL, "several columns are the vector");
	columns->elements = whole ? 0 : (uint32_t)count;
	for (size_t i = 0; !whole && i < columns->count; i++)
		if (columns->columns[i].type == VS_CSV_VECTOR && columns->columns[i].element >= (int64_t)count)
			return vs_error_set(error, VS_EINVAL,
			                    "%zu columns are numbers of the vector, but one of them is '%.100s': they count from 0",
			                    count, columns->columns[i].name);
	if (count > VS_VECTOR_DIM_MAX)
		return vs_error_set(error, VS_EINVAL, "%zu columns are numbers of the vector; %d are allowed", count,
		                    VS_VECTOR_DIM_MAX);
	return 0;
}

static int check_columns(struct vs_csv_columns *columns, bool needs_id, struct vs_error *error)
{
	for (size_t i = 0; i < columns->count; i++) {
		const struct vs_csv_column *column = &columns->columns[i];
		if (!*column->name && column->type == VS_CSV_AUTO)
			return vs_error_set(error, VS_EINVAL, "column %zu has no name: --columns :skip leaves it out", i + 1);
		for (size_t j = 0; j < i; j++)
			if (column->type != VS_CSV_SKIP && strcmp(column->name, columns->columns[j].name) == 0)
				return vs_error_set(error, VS_EINVAL, "two columns are called '%.100s'", column->name);
	}
	if (needs_id && count_of(columns, VS_CSV_ID) == 0)
		return vs_error_set(error, VS_EINVAL,
		                    "there is no column 'id': name it with --columns NAME:id, or give ids with --ids FILE");
	if (!needs_id && count_of(columns, VS_CSV_ID) > 0)
		return vs_error_set(error, VS_EINVAL, "ids come from a column or from --ids, not from both");
	for (int type = VS_CSV_METADATA; type < (int)TYPES; type++)
		if (type != VS_CSV_SKIP && type != VS_CSV_VECTOR && count_of(columns, (enum vs_csv_type)type) > 1)
			return vs_error_set(error, VS_EINVAL, "several columns are the %s", type_names[type]);
	return check_vector(columns, error);
}

static int make_keys(struct vs_csv_columns *columns, struct vs_error *error)
{
	for (size_t i = 0; i < columns->count; i++) {
		struct vs_buf key = VS_BUF_INIT;
		vs_json_text(&key, columns->columns[i].name, strlen(columns->columns[i].name));
		vs_buf_putc(&key, ':');
		columns->columns[i].key = key.data;
		if (key.failed)
			return vs_error_set(error, VS_ENOMEM, "no memory for columns");
	}
	return 0;
}

int vs_csv_columns_open(struct vs_csv_columns *columns, char *text, size_t len, char delimiter, const char *spec,
                        bool needs_id, struct vs_error *error)
{
	size_t cap = 1;
	memset(columns, 0, sizeof *columns);
	for (size_t i = 0; i < len; i++)
		cap += text[i] == delimiter;
	struct vs_csv_field *fields = calloc(cap, sizeof *fields);
	columns->columns = calloc(cap, sizeof *columns->columns);
	columns->names = malloc(len + 1);
	int rc = VS_ENOMEM;
	if (!fields || !columns->columns || !columns->names) {
		vs_error_set(error, VS_ENOMEM, "no memory for columns");
		goto out;
	}
	memcpy(columns->names, text, len);
	rc = vs_csv_split(columns->names, len, delimiter, fields, cap, error);
	if (rc < 0)
		goto out;
	columns->count = (size_t)rc;
	for (size_t i = 0; i < columns->count; i++)
		columns->columns[i] = (struct vs_csv_column){ .name = fields[i].text, .element = -1 };
	rc = spec ? apply_spec(columns, spec, error) : 0;
	if (!rc) {
		apply_names(columns, needs_id);
		rc = check_columns(columns, needs_id, error);
	}
	if (!rc)
		rc = make_keys(columns, error);
out:
	free(fields);
	if (rc)
		vs_csv_columns_close(columns);
	return rc;
}

void vs_csv_columns_close(struct vs_csv_columns *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		free(columns->columns[i].key);
	free(columns->columns);
	free(columns->names);
	memset(columns, 0, sizeof *columns);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/filter: the filter language. A text is parsed once to a tree, which is then asked of records.
 *
 *   expr    = and { OR and }            keywords in any case
 *   and     = not { AND not }
 *   not     = NOT not | '(' expr ')' | test
 *   test    = field op value | field [NOT] IN list | field CONTAINS value | field STARTSWITH string
 *           | field BETWEEN value AND value | field IS [NOT] NULL
 *   op      = '=' | '!=' | '<' | '<=' | '>' | '>='          ('==' and '<>' are accepted)
 *   list    = '[' [value {',' value}] ']' | '(' … ')'
 *   value   = string | number | TRUE | FALSE | NULL | DATE '(' string ')'
 *   string  = '…' or "…" with backslash escapes (\\ \' \" \n \r \t \b \f \/ \uXXXX)
 *   field   = name {'.' name} | '@id' | '@version' | '@created_at' | '@updated_at'
 *   name    = letter or '_' or non-ASCII, then those, digits and '-'; or a number after a '.' (array index); or
 *             `…` (any key, backtick-quoted)
 *
 * A missing field makes every comparison false, != and NOT IN too (NOT (x = 1) is then true: it negates the
 * outcome). IS NULL is true of a missing field and of a JSON null. Values of different kinds are unequal and
 * unordered: "5" = 5 is false, "5" != 5 true, "5" < 6 false. Integers that fit 64 bits compare exactly, with doubles
 * too; longer ones are read as doubles. Strings order by bytes, after their escapes are resolved; false orders before
 * true. CONTAINS finds a substring in a string, an equal element in an array. An array or object equals
 * nothing: '=' on an array field compares with no element. BETWEEN includes both bounds. A path
 * that ends in a number finds an array's element or an object's key of that name. Of a key that occurs twice the last
 * counts. '@id' is a string, the other '@' fields are integers (times: milliseconds since 1970); a literal of
 * another kind beside them is refused. Depth and length are bounded.
 *
 * A date is a point in time, to the nanosecond, whatever the zone it was written with (see filter_date.h). Beside a date, a
 * string that is one whole ISO 8601 date counts as that point in time, and so do @created_at and @updated_at; any
 * other value is of another kind. Two strings still compare by bytes.
 *
 * The same as JSON: a text that begins with a brace.
 *
 *   query     = '{' member {',' member} '}'                             all of them
 *   member    = "$and": [query, …] | "$or": [query, …] | "$not": query | field: value | field: condition
 *   condition = '{' operator {',' operator} '}'                         all of them
 *   operator  = "$eq" "$ne" "$lt" "$lte" "$gt" "$gte" "$contains": value | "$startswith": string
 *             | "$in" "$nin": [value, …] | "$between": [value, value] | "$null": flag | "$exists": flag | "$not": condition
 *   value     = a string, number, true, false, null | {"$date": string}
 *
 * A field is a path with dots; a name with a dot in it, or one that begins with '@', '$' or '`', is written in backticks. A
 * bare value means "$eq". "$null" is IS NULL, "$exists" is true of a null too. Both forms make one tree.
 */
#ifndef VS_ENGINE_FILTER_H
#define VS_ENGINE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vs_error;
struct vs_filter;

#define VS_FILTER_TEXT_MAX 65536 /* bytes */
#define VS_FILTER_DEPTH_MAX 64   /* of parentheses and NOT; also parts of a path */
#define VS_FILTER_NODES_MAX 4096 /* tests, AND, OR, NOT; values of a list do not count */
#define VS_FILTER_FIELDS_MAX 256 /* different metadata fields */

/* Either form. VS_EINVAL with field "filter" and the byte position of the fault or, for JSON that is no filter, its path:
 * "filter.$and[0].year". */
int vs_filter_parse(const char *text, size_t len, struct vs_filter **filter, struct vs_error *error);
void vs_filter_release(struct vs_filter *filter); /* NULL allowed */

/* What a filter can see of a record. */
struct vs_filter_record {
	const char *id;
	size_t id_len;
	int64_t version;
	int64_t created_at; /* milliseconds since 1970 */
	int64_t updated_at;
	const char *metadata; /* JSON object text, NUL-terminated */
	size_t metadata_len;
};

/* 1 accepted, 0 not, negative VS_ENOMEM or VS_ECORRUPT (metadata is no JSON object). Changes nothing in the filter,
 * so any number of threads may use one. */
int vs_filter_accepts(const struct vs_filter *filter, const struct vs_filter_record *record, struct vs_error *error);

#endif

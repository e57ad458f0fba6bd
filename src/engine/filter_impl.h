/* SPDX-License-Identifier: Apache-2.0 */
/* engine/filter_impl: the parsed filter, shared by the files of engine/filter alone. */
#ifndef VS_ENGINE_FILTER_IMPL_H
#define VS_ENGINE_FILTER_IMPL_H

#include "base/arena.h"
#include "engine/filter.h"

/* In the order in which lists are sorted. INTEGER and REAL are one kind to the language: numbers. */
enum vs_filter_kind {
	VS_FILTER_MISSING,
	VS_FILTER_NULL,
	VS_FILTER_BOOLEAN,
	VS_FILTER_INTEGER,
	VS_FILTER_REAL,
	VS_FILTER_STRING,
	VS_FILTER_DATE, /* a literal alone: records hold dates as strings, or (times of their own) as integers */
	VS_FILTER_ARRAY,
	VS_FILTER_OBJECT,
};

/* A literal of the filter, or what a record holds. */
struct vs_filter_value {
	enum vs_filter_kind kind;
	bool escaped; /* STRING straight from JSON: text still has its backslashes */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct {
			int64_t seconds;  /* since 1970-01-01T00:00:00Z */
			uint32_t nanos;  /* after them */
		} date;
		struct {
			const char *data;
			size_t len;
		} text; /* STRING: its bytes. ARRAY, OBJECT: their JSON */
	};
};

enum vs_filter_op {
	VS_FILTER_AND,
	VS_FILTER_OR,
	VS_FILTER_NOT,
	VS_FILTER_EQ,
	VS_FILTER_NE,
	VS_FILTER_LT,
	VS_FILTER_LE,
	VS_FILTER_GT,
	VS_FILTER_GE,
	VS_FILTER_IN,
	VS_FILTER_NOT_IN,
	VS_FILTER_CONTAINS,
	VS_FILTER_STARTSWITH,
	VS_FILTER_BETWEEN,
	VS_FILTER_IS_NULL,
	VS_FILTER_IS_NOT_NULL,
};

struct vs_filter_node {
	enum vs_filter_op op;
	uint32_t field; /* tests: index of the value looked at; see enum vs_filter_own */
	uint32_t count; /* values: 1, 2 for BETWEEN, any number for lists (sorted) */
	const struct vs_filter_value *values;
	struct vs_filter_node *child; /* AND, OR, NOT: the first operand */
	struct vs_filter_node *next;  /* the next operand of the parent */
};

/* The record's own fields are values 0 to 3; those of the metadata follow, in order of their first mention. */
enum vs_filter_own {
	VS_FILTER_ID,
	VS_FILTER_VERSION,
	VS_FILTER_CREATED_AT,
	VS_FILTER_UPDATED_AT,
	VS_FILTER_OWN,
};

/* The paths looked for in the metadata, as a tree of their names, so that one walk finds them all. */
struct vs_filter_path {
	const char *name;
	size_t name_len;
	int64_t index;  /* of an array element, when the name is a number; else -1 */
	uint32_t field; /* index of the value found here; 0: only passed through (0 is no metadata field) */
	struct vs_filter_path *child;
	struct vs_filter_path *next;
};

struct vs_filter {
	struct vs_arena arena; /* holds everything, this struct too */
	const struct vs_filter_node *root;
	struct vs_filter_path path; /* the metadata object itself */
	uint32_t fields;            /* values in all, own ones too */
};

/* A path of the metadata, as a filter with one test that names it; the field is value VS_FILTER_FIELD. VS_EINVAL with field
 * `name` when the text is none. */
int vs_filter_field_parse(const char *text, const char *name, struct vs_filter **field, struct vs_error *error);
#define VS_FILTER_FIELD VS_FILTER_OWN

/* -1, 0 or 1 in a total order: by kind, then by value. Neither is MISSING, ARRAY or OBJECT, or escaped. */
int vs_filter_value_order(const struct vs_filter_value *a, const struct vs_filter_value *b);

/* The outcome of a node that is a test: 1, 0 or VS_ENOMEM. */
int vs_filter_test(const struct vs_filter_node *node, const struct vs_filter_value *value);

#endif

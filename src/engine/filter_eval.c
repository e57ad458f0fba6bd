/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over the metadata finds every field that the filter names; then the tree is asked. Nothing is allocated
 * unless a string with escapes is among them. A filter is never changed here, so threads may share it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/filter_date.h"
#include "engine/filter_json.h"

struct eval {
	const struct vs_filter_value *values; /* by field */
	struct vs_buf scratch;                /* an array's string, its escapes resolved */
	int fault;                            /* VS_ENOMEM, VS_ECORRUPT; the outcome does not count then */
};

/* ---- order ---------------------------------------------------------------------------------------------- */

/* Exact, where (double)integer would round: 9007199254740993 is above 9007199254740992.0. */
static int order_mixed(int64_t integer, double real)
{
	if (real >= 0x1p63)
		return -1;
	if (real < -0x1p63)
		return 1;
	int64_t whole = (int64_t)real;
	if (integer != whole)
		return integer < whole ? -1 : 1;
	double rest = real - (double)whole;
	return rest > 0 ? -1 : rest < 0;
}

static int order_text(const struct vs_filter_value *a, const struct vs_filter_value *b)
{
	size_t len = a->text.len < b->text.len ? a->text.len : b->text.len;
	int order = memcmp(a->text.data, b->text.data, len);
	if (order != 0)
		return order < 0 ? -1 : 1;
	return (a->text.len > b->text.len) - (a->text.len < b->text.len);
}

/* INTEGER for both sorts of number, so that equal ranks can be compared. */
static enum vs_filter_kind rank(const struct vs_filter_value *value)
{
	return value->kind == VS_FILTER_REAL ? VS_FILTER_INTEGER : value->kind;
}

int vs_filter_value_order(const struct vs_filter_value *a, const struct vs_filter_value *b)
{
	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? -1 : 1;
	switch (a->kind) {
	case VS_FILTER_BOOLEAN:
		return (int)a->boolean - (int)b->boolean;
	case VS_FILTER_INTEGER:
		if (b->kind == VS_FILTER_REAL)
			return order_mixed(a->integer, b->real);
		return (a->integer > b->integer) - (a->integer < b->integer);
	case VS_FILTER_REAL:
		if (b->kind == VS_FILTER_INTEGER)
			return -order_mixed(b->integer, a->real);
		return (a->real > b->real) - (a->real < b->real);
	case VS_FILTER_STRING:
		return order_text(a, b);
	case VS_FILTER_DATE:
		if (a->date.seconds != b->date.seconds)
			return a->date.seconds < b->date.seconds ? -1 : 1;
		return (a->date.nanos > b->date.nanos) - (a->date.nanos < b->date.nanos);
	default:
		return 0;
	}
}

static bool is_scalar(const struct vs_filter_value *value)
{
	return value->kind >= VS_FILTER_NULL && value->kind <= VS_FILTER_DATE;
}

/* What a value is beside a date: a date itself, when it is one; else what it is, and so of another kind. */
static struct vs_filter_value to_date(uint32_t field, const struct vs_filter_value *value)
{
	struct vs_filter_value date = *value;
	if (value->kind == VS_FILTER_INTEGER && (field == VS_FILTER_CREATED_AT || field == VS_FILTER_UPDATED_AT))
		return vs_filter_date_from_ms(value->integer);
	if (value->kind == VS_FILTER_STRING)
		vs_filter_date_read(value->text.data, value->text.len, &date);
	return date;
}

/* The order of the field's value and a literal: -1, 0, 1, or UNORDERED when they are of different kinds. */
enum { UNORDERED = 2 };
static int compare(uint32_t field, const struct vs_filter_value *value, const struct vs_filter_value *wanted)
{
	if (wanted->kind == VS_FILTER_DATE) {
		struct vs_filter_value date = to_date(field, value);
		return date.kind == VS_FILTER_DATE ? vs_filter_value_order(&date, wanted) : UNORDERED;
	}
	return is_scalar(value) && rank(value) == rank(wanted) ? vs_filter_value_order(value, wanted) : UNORDERED;
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static int search_order(const void *key, const void *element)
{
	return vs_filter_value_order(key, element);
}

static bool in_list(const struct vs_filter_node *node, const struct vs_filter_value *value)
{
	if (node->count == 0 || !is_scalar(value))
		return false;
	if (bsearch(value, node->values, node->count, sizeof(*value), search_order) != NULL)
		return true;
	if (node->values[node->count - 1].kind != VS_FILTER_DATE) /* they come last */
		return false;
	struct vs_filter_value date = to_date(node->field, value);
	return bsearch(&date, node->values, node->count, sizeof(date), search_order) != NULL;
}

/* Resolves an element's escapes in the scratch buffer, which the next element overwrites. */
static bool resolve(struct eval *eval, struct vs_filter_value *value)
{
	if (value->kind != VS_FILTER_STRING || !value->escaped)
		return true;
	vs_buf_reset(&eval->scratch);
	char *out = vs_buf_reserve(&eval->scratch, value->text.len);
	if (out == NULL) {
		eval->fault = VS_ENOMEM;
		return false;
	}
	value->text.len = vs_filter_json_unescape(value->text.data, value->text.len, out, NULL);
	value->text.data = out;
	value->escaped = false;
	return true;
}

static bool has_element(struct eval *eval, const struct vs_filter_value *array, const struct vs_filter_value *wanted)
{
	struct vs_filter_json json = { array->text.data + 1, array->text.data + array->text.len - 1 };
	struct vs_filter_value element;
	while (json.at < json.end && vs_filter_json_scan(&json, 0, &element)) {
		if (!resolve(eval, &element))
			return false;
		if (compare(VS_FILTER_OWN, &element, wanted) == 0)
			return true;
		while (json.at < json.end && *json.at != ',') /* white space: the walk has seen that it is an array */
			json.at++;
		json.at++;
	}
	return false;
}

static bool contains(struct eval *eval, const struct vs_filter_value *value, const struct vs_filter_value *wanted)
{
	if (value->kind == VS_FILTER_ARRAY)
		return has_element(eval, value, wanted);
	return value->kind == VS_FILTER_STRING && wanted->kind == VS_FILTER_STRING &&
	       memmem(value->text.data, value->text.len, wanted->text.data, wanted->text.len) != NULL;
}

static bool starts_with(const struct vs_filter_value *value, const struct vs_filter_value *wanted)
{
	return value->kind == VS_FILTER_STRING && value->text.len >= wanted->text.len &&
	       memcmp(value->text.data, wanted->text.data, wanted->text.len) == 0;
}

static bool within(uint32_t field, const struct vs_filter_value *value, const struct vs_filter_value bounds[2])
{
	int low = compare(field, value, &bounds[0]), high = compare(field, value, &bounds[1]);
	return (low == 0 || low == 1) && (high == 0 || high == -1);
}

static bool holds(enum vs_filter_op op, int order)
{
	switch (op) {
	case VS_FILTER_EQ:
		return order == 0;
	case VS_FILTER_NE:
		return order != 0;
	case VS_FILTER_LT:
		return order == -1;
	case VS_FILTER_LE:
		return order == -1 || order == 0;
	case VS_FILTER_GT:
		return order == 1;
	default:
		return order == 1 || order == 0;
	}
}

static bool test(struct eval *eval, const struct vs_filter_node *node, const struct vs_filter_value *value)
{
	const struct vs_filter_value *wanted = node->values;
	bool null = value->kind == VS_FILTER_MISSING || value->kind == VS_FILTER_NULL;
	if (node->op == VS_FILTER_IS_NULL || node->op == VS_FILTER_IS_NOT_NULL)
		return null == (node->op == VS_FILTER_IS_NULL);
	if (value->kind == VS_FILTER_MISSING)
		return false;
	switch (node->op) {
	case VS_FILTER_IN:
		return in_list(node, value);
	case VS_FILTER_NOT_IN:
		return !in_list(node, value);
	case VS_FILTER_CONTAINS:
		return contains(eval, value, wanted);
	case VS_FILTER_STARTSWITH:
		return starts_with(value, wanted);
	case VS_FILTER_BETWEEN:
		return within(node->field, value, wanted);
	default:
		return holds(node->op, compare(node->field, value, wanted));
	}
}

int vs_filter_test(const struct vs_filter_node *node, const struct vs_filter_value *value)
{
	struct eval eval = { value, VS_BUF_INIT, 0 };
	bool outcome = test(&eval, node, value);
	vs_buf_release(&eval.scratch);
	return eval.fault != 0 ? eval.fault : outcome;
}

/* Recursion is bounded by the parser's VS_FILTER_DEPTH_MAX. */
static bool ask(struct eval *eval, const struct vs_filter_node *node)
{
	bool all = node->op == VS_FILTER_AND;
	switch (node->op) {
	case VS_FILTER_AND:
	case VS_FILTER_OR:
		for (const struct vs_filter_node *child = node->child; child != NULL; child = child->next)
			if (ask(eval, child) != all)
				return !all;
		return all;
	case VS_FILTER_NOT:
		return !ask(eval, node->child);
	default:
		return test(eval, node, &eval->values[node->field]);
	}
}

static struct vs_filter_value integer_value(int64_t integer)
{
	return (struct vs_filter_value){ .kind = VS_FILTER_INTEGER, .integer = integer };
}

static int refuse(int code, const struct vs_filter_record *record, struct vs_error *error)
{
	size_t len = record->id_len;
	if (code != VS_ECORRUPT)
		return vs_error_set(error, code, "out of memory while filtering");
	if (len > 64)
		for (len = 64; len > 0 && ((unsigned char)record->id[len] & 0xc0) == 0x80;) /* between characters */
			len--;
	return vs_error_set(error, code, "the metadata of record \"%.*s\" is no JSON object: run vecstore check", (int)len,
	                    record->id);
}

int vs_filter_accepts(const struct vs_filter *filter, const struct vs_filter_record *record, struct vs_error *error)
{
	struct vs_filter_value values[VS_FILTER_OWN + VS_FILTER_FIELDS_MAX];
	struct vs_arena arena = VS_ARENA_INIT;
	struct eval eval = { values, VS_BUF_INIT, 0 };
	values[VS_FILTER_ID] = (struct vs_filter_value){ .kind = VS_FILTER_STRING, .text = { record->id, record->id_len } };
	values[VS_FILTER_VERSION] = integer_value(record->version);
	values[VS_FILTER_CREATED_AT] = integer_value(record->created_at);
	values[VS_FILTER_UPDATED_AT] = integer_value(record->updated_at);
	if (filter->fields > VS_FILTER_OWN)
		eval.fault = vs_filter_json_find(record->metadata, record->metadata_len, &filter->path, values, &arena);
	bool accepted = eval.fault == 0 && ask(&eval, filter->root);
	vs_arena_release(&arena);
	vs_buf_release(&eval.scratch);
	if (eval.fault != 0)
		return refuse(eval.fault, record, error);
	return accepted;
}

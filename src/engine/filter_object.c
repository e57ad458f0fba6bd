/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form of a filter: recursive descent over the text, so that numbers keep every digit. It was perhaps checked
 * before, perhaps not: what is no JSON is refused here, too.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/filter_build.h"
#include "engine/filter_date.h"
#include "engine/filter_json.h"

struct reader {
	struct vs_filter_build *build;
	struct vs_filter_json json;
	const char *text; /* NUL-terminated copy in the arena */
};

/* The name of a member, its escapes resolved. */
struct name {
	const char *data;
	size_t len;
};

enum shape { ONE, STRING, LIST, PAIR, FLAG, NEGATION };

static const struct operator_row {
	const char *name;
	enum vs_filter_op op;
	enum shape shape;
} operators[] = {
	{ "$eq", VS_FILTER_EQ, ONE },
	{ "$ne", VS_FILTER_NE, ONE },
	{ "$lt", VS_FILTER_LT, ONE },
	{ "$lte", VS_FILTER_LE, ONE },
	{ "$gt", VS_FILTER_GT, ONE },
	{ "$gte", VS_FILTER_GE, ONE },
	{ "$in", VS_FILTER_IN, LIST },
	{ "$nin", VS_FILTER_NOT_IN, LIST },
	{ "$contains", VS_FILTER_CONTAINS, ONE },
	{ "$startswith", VS_FILTER_STARTSWITH, STRING },
	{ "$between", VS_FILTER_BETWEEN, PAIR },
	{ "$null", VS_FILTER_IS_NULL, FLAG },
	{ "$exists", VS_FILTER_NOT_IN, FLAG }, /* in no list at all: true of whatever is there */
	{ "$not", VS_FILTER_NOT, NEGATION },
};

static int read_query(struct reader *reader, struct vs_filter_node **node);
static int read_conditions(struct reader *reader, uint32_t field, struct vs_filter_node **node);

/* ---- text ----------------------------------------------------------------------------------------------- */

static size_t place(const struct reader *reader)
{
	return (size_t)(reader->json.at - reader->text);
}

static char peek(struct reader *reader)
{
	struct vs_filter_json *json = &reader->json;
	while (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')
		json->at++;
	return *json->at;
}

/* What stands here is no JSON: told by its position, since the path may be right. */
static int refuse_syntax(struct reader *reader, const char *expected)
{
	char found = peek(reader);
	size_t at = place(reader);
	if (found == '\0')
		return vs_error_at(reader->build->error, VS_EINVAL, "filter", (int64_t)at,
		                   "expected %s, found the end of the JSON", expected);
	return vs_error_at(reader->build->error, VS_EINVAL, "filter", (int64_t)at, "expected %s", expected);
}

static int refuse(struct reader *reader, const char *what)
{
	return vs_filter_refuse(reader->build, place(reader), "%s", what);
}

static int take(struct reader *reader, char c, const char *expected)
{
	if (peek(reader) != c)
		return refuse_syntax(reader, expected);
	reader->json.at++;
	return 0;
}

/* Resolves a scanned string, and refuses what JSON does not allow in one. */
static int finish_string(struct reader *reader, struct vs_filter_value *value)
{
	const char *start = value->text.data;
	size_t bad = SIZE_MAX;
	for (size_t i = 0; i < value->text.len; i++)
		if ((unsigned char)start[i] < 0x20)
			return vs_error_at(reader->build->error, VS_EINVAL, "filter", start + i - reader->text,
			                   "a control character in a string must be escaped");
	if (!value->escaped)
		return 0;
	char *out = vs_arena_alloc(reader->build->arena, value->text.len);
	if (out == NULL)
		return vs_filter_no_memory(reader->build);
	value->text.len = vs_filter_json_unescape(start, value->text.len, out, &bad);
	value->text.data = out;
	value->escaped = false;
	if (bad == SIZE_MAX)
		return 0;
	return vs_error_at(reader->build->error, VS_EINVAL, "filter", (int64_t)(start - reader->text) + (int64_t)bad,
	                   "no escape of JSON, or half of a surrogate pair");
}

static int read_name(struct reader *reader, struct name *name)
{
	struct vs_filter_value value;
	if (peek(reader) != '"' || !vs_filter_json_scan(&reader->json, 0, &value))
		return refuse_syntax(reader, "a name in double quotes");
	int rc = finish_string(reader, &value);
	*name = (struct name){ value.text.data, value.text.len };
	return rc != 0 ? rc : take(reader, ':', "':' after the name");
}

static bool is(const struct name *name, const char *text)
{
	return name->len == strlen(text) && memcmp(name->data, text, name->len) == 0;
}

/* ---- members and elements ------------------------------------------------------------------------------- */

/* Each member of the object, or element of the array, at the reader; name is NULL for elements. */
static int read_each(struct reader *reader, char close, int (*each)(struct reader *reader, void *context, struct name *name),
                     void *context)
{
	struct vs_filter_step step = { .parent = reader->build->step };
	struct name name = { NULL, 0 };
	int rc = 0;
	reader->json.at++;
	if (peek(reader) == close) {
		reader->json.at++;
		return 0;
	}
	for (;; step.index++) {
		if (close == '}')
			rc = read_name(reader, &name);
		step.name = name.data;
		step.name_len = name.len;
		reader->build->step = &step;
		if (rc == 0)
			rc = each(reader, context, &name);
		reader->build->step = step.parent;
		if (rc != 0 || peek(reader) != ',')
			break;
		reader->json.at++;
	}
	if (rc != 0)
		return rc;
	return take(reader, close, close == '}' ? "',' or '}'" : "',' or ']'");
}

/* Operands of AND or OR, as they come. */
struct chain {
	enum vs_filter_op op;
	uint32_t field; /* of conditions */
	struct vs_filter_node *first;
	struct vs_filter_node *last;
};

static void chain_append(struct chain *chain, struct vs_filter_node *node)
{
	if (chain->first == NULL)
		chain->first = node;
	else
		chain->last->next = node;
	chain->last = node;
}

/* One operand stands for itself, more become children of one node. There is at least one. */
static int chain_end(struct reader *reader, const struct chain *chain, struct vs_filter_node **node)
{
	*node = chain->first;
	if (chain->first->next == NULL)
		return 0;
	int rc = vs_filter_build_node(reader->build, place(reader), chain->op, node);
	if (rc == 0)
		(*node)->child = chain->first;
	return rc;
}

/* ---- values --------------------------------------------------------------------------------------------- */

static int read_date(struct reader *reader, void *context, struct name *name)
{
	struct vs_filter_value text, *value = context;
	if (!is(name, "$date") || value->kind == VS_FILTER_DATE)
		return refuse(reader, "a value is a string, a number, true, false, null or {\"$date\": …}");
	if (peek(reader) != '"' || !vs_filter_json_scan(&reader->json, 0, &text))
		return refuse(reader, "$date takes a string");
	int rc = finish_string(reader, &text);
	if (rc == 0 && !vs_filter_date_read(text.text.data, text.text.len, value))
		return vs_filter_refuse(reader->build, place(reader), "no date: %s", VS_FILTER_DATE_FORM);
	return rc;
}

static int read_scalar(struct reader *reader, struct vs_filter_value *value)
{
	if (!vs_filter_json_scan(&reader->json, 0, value))
		return refuse_syntax(reader, "a value");
	if (value->kind == VS_FILTER_STRING)
		return finish_string(reader, value);
	if (value->kind == VS_FILTER_REAL && isinf(value->real))
		return refuse(reader, "the number is too large: at most about 1.8e308");
	return 0;
}

static int read_value(struct reader *reader, uint32_t field, struct vs_filter_value *value)
{
	size_t at = place(reader);
	char c = peek(reader);
	int rc = 0;
	value->kind = VS_FILTER_MISSING;
	if (c == '[')
		return refuse(reader, "a list is no value: use $in, or $contains with one of its elements");
	if (c == '{')
		rc = read_each(reader, '}', read_date, value);
	else
		rc = read_scalar(reader, value);
	if (rc == 0 && value->kind == VS_FILTER_MISSING)
		return refuse(reader, "{} is no value");
	return rc != 0 ? rc : vs_filter_build_value(reader->build, at, field, value);
}

struct values {
	uint32_t field;
	struct vs_filter_list list;
};

static int read_element(struct reader *reader, void *context, struct name *name)
{
	struct values *values = context;
	struct vs_filter_value value;
	int rc = read_value(reader, values->field, &value);
	(void)name;
	return rc != 0 ? rc : vs_filter_build_append(reader->build, &values->list, &value);
}

/* ---- conditions ----------------------------------------------------------------------------------------- */

static int read_list(struct reader *reader, struct vs_filter_node *node, bool pair)
{
	struct values values = { node->field, { NULL, 0, 0 } };
	if (peek(reader) != '[')
		return refuse(reader, pair ? "takes a list of two values" : "takes a list of values");
	int rc = read_each(reader, ']', read_element, &values);
	if (rc == 0 && pair && values.list.count != 2)
		return refuse(reader, "takes a list of two values");
	if (rc != 0)
		return rc;
	if (!pair)
		vs_filter_build_list(&values.list, node);
	node->values = values.list.values;
	node->count = values.list.count;
	return 0;
}

static int read_one(struct reader *reader, struct vs_filter_node *node, bool string)
{
	struct vs_filter_value *value = vs_arena_alloc(reader->build->arena, sizeof(*value));
	if (value == NULL)
		return vs_filter_no_memory(reader->build);
	bool numeric = node->field < VS_FILTER_OWN && node->field != VS_FILTER_ID;
	if (numeric && (string || node->op == VS_FILTER_CONTAINS))
		return refuse(reader, "is no operator for a number");
	int rc = read_value(reader, node->field, value);
	if (rc == 0 && string && value->kind != VS_FILTER_STRING)
		return refuse(reader, "takes a string");
	node->values = value;
	node->count = 1;
	return rc;
}

/* {"$null": false} and the like: NOT of the test. */
static int read_flag(struct reader *reader, struct vs_filter_node **node)
{
	struct vs_filter_value value;
	struct vs_filter_node *test = *node;
	char c = peek(reader);
	if ((c != 't' && c != 'f') || !vs_filter_json_scan(&reader->json, 0, &value))
		return refuse(reader, "takes true or false");
	if (value.boolean)
		return 0;
	int rc = vs_filter_build_node(reader->build, place(reader), VS_FILTER_NOT, node);
	if (rc == 0)
		(*node)->child = test;
	return rc;
}

static int read_negation(struct reader *reader, uint32_t field, struct vs_filter_node *node)
{
	if (peek(reader) != '{')
		return refuse(reader, "takes an object of operators, like {\"$gt\": 5}");
	int rc = vs_filter_build_deeper(reader->build, place(reader));
	if (rc == 0)
		rc = read_conditions(reader, field, &node->child);
	reader->build->depth--;
	return rc;
}

static int read_condition(struct reader *reader, void *context, struct name *name)
{
	static const size_t count = sizeof(operators) / sizeof(operators[0]);
	struct chain *chain = context;
	struct vs_filter_node *node = NULL;
	size_t i = 0;
	while (i < count && !is(name, operators[i].name))
		i++;
	if (i == count)
		return refuse(reader, name->len > 0 && name->data[0] == '$'
		                          ? "unknown operator: there are $eq $ne $lt $lte $gt $gte $in $nin $contains "
		                            "$startswith $between $null $exists $not"
		                          : "an operator ($eq …) is expected here: nested fields are written as one path, \"a.b\"");
	int rc = vs_filter_build_node(reader->build, place(reader), operators[i].op, &node);
	if (rc != 0)
		return rc;
	node->field = chain->field;
	switch (operators[i].shape) {
	case ONE:
	case STRING:
		rc = read_one(reader, node, operators[i].shape == STRING);
		break;
	case LIST:
	case PAIR:
		rc = read_list(reader, node, operators[i].shape == PAIR);
		break;
	case FLAG:
		rc = read_flag(reader, &node);
		break;
	case NEGATION:
		rc = read_negation(reader, chain->field, node);
		break;
	}
	if (rc == 0)
		chain_append(chain, node);
	return rc;
}

/* {"$gte": 1, "$lt": 5}: all of them. */
static int read_conditions(struct reader *reader, uint32_t field, struct vs_filter_node **node)
{
	struct chain chain = { .op = VS_FILTER_AND, .field = field };
	int rc = read_each(reader, '}', read_condition, &chain);
	if (rc == 0 && chain.first == NULL)
		return refuse(reader, "an operator is expected in {}");
	return rc != 0 ? rc : chain_end(reader, &chain, node);
}

/* ---- fields --------------------------------------------------------------------------------------------- */

/* One part of a path, up to '.' or, in backticks, whatever is in them. Returns where it ends, NULL when there is none. */
static const char *find_part(const char *at, const char *end, struct name *part)
{
	bool quoted = at < end && *at == '`';
	const char *start = at + quoted, *stop;
	if (at == end)
		return NULL;
	stop = memchr(start, quoted ? '`' : '.', (size_t)(end - start));
	if (stop == NULL && quoted)
		return NULL;
	if (stop == NULL)
		stop = end;
	*part = (struct name){ start, (size_t)(stop - start) };
	if (quoted && ++stop < end && *stop != '.')
		return NULL;
	return quoted || part->len > 0 ? stop : NULL;
}

static int find_field(struct reader *reader, const struct name *name, uint32_t *field)
{
	struct vs_filter_path *path = &reader->build->filter->path;
	const char *at = name->data, *end = name->data + name->len;
	unsigned parts = 0;
	struct name part;
	if (name->len > 0 && name->data[0] == '@') {
		*field = vs_filter_own_find(name->data, name->len);
		return *field != VS_FILTER_OWN ? 0
		                               : refuse(reader, "is no field of a record: there are @id, @version, @created_at and "
		                                                "@updated_at (a metadata field of this name goes in backticks)");
	}
	for (bool more = true; more; at++) {
		at = find_part(at, end, &part);
		if (at == NULL)
			return refuse(reader, "is no field: a path is names joined by dots, a name with a dot in it goes in backticks");
		int rc = vs_filter_build_part(reader->build, place(reader), part.data, part.len, &parts, &path);
		if (rc != 0)
			return rc;
		more = at < end;
	}
	return vs_filter_build_field(reader->build, place(reader), path, field);
}

/* {"$date": …} is a value, other objects hold operators. */
static bool is_condition(struct reader *reader)
{
	struct vs_filter_json json = reader->json;
	struct vs_filter_value name;
	if (*json.at != '{')
		return false;
	json.at++;
	while (*json.at == ' ' || *json.at == '\t' || *json.at == '\n' || *json.at == '\r')
		json.at++;
	return *json.at != '"' || !vs_filter_json_scan(&json, 0, &name) || name.text.len != 5 ||
	       memcmp(name.text.data, "$date", 5) != 0;
}

static int read_field(struct reader *reader, const struct name *name, struct vs_filter_node **node)
{
	uint32_t field;
	int rc = find_field(reader, name, &field);
	if (rc != 0)
		return rc;
	peek(reader);
	if (is_condition(reader))
		return read_conditions(reader, field, node);
	rc = vs_filter_build_node(reader->build, place(reader), VS_FILTER_EQ, node);
	if (rc != 0)
		return rc;
	(*node)->field = field;
	return read_one(reader, *node, false);
}

/* ---- and, or, not --------------------------------------------------------------------------------------- */

static int read_operand(struct reader *reader, void *context, struct name *name)
{
	struct chain *chain = context;
	struct vs_filter_node *node = NULL;
	(void)name;
	int rc = read_query(reader, &node);
	if (rc == 0)
		chain_append(chain, node);
	return rc;
}

static int read_group(struct reader *reader, enum vs_filter_op op, struct vs_filter_node **node)
{
	struct chain chain = { .op = op };
	if (peek(reader) != '[')
		return refuse(reader, "takes a list of filters");
	int rc = read_each(reader, ']', read_operand, &chain);
	if (rc == 0 && chain.first == NULL)
		return refuse(reader, "the list is empty");
	return rc != 0 ? rc : chain_end(reader, &chain, node);
}

static int read_member(struct reader *reader, void *context, struct name *name)
{
	struct chain *chain = context;
	struct vs_filter_node *node = NULL;
	int rc;
	if (is(name, "$and") || is(name, "$or")) {
		rc = read_group(reader, is(name, "$and") ? VS_FILTER_AND : VS_FILTER_OR, &node);
	} else if (is(name, "$not")) {
		rc = vs_filter_build_node(reader->build, place(reader), VS_FILTER_NOT, &node);
		if (rc == 0)
			rc = read_query(reader, &node->child);
	} else if (name->len > 0 && name->data[0] == '$') {
		return refuse(reader, "unknown operator: a field, $and, $or or $not is expected here");
	} else {
		rc = read_field(reader, name, &node);
	}
	if (rc == 0)
		chain_append(chain, node);
	return rc;
}

/* One filter: all members of the object. Recursion is bounded by VS_FILTER_DEPTH_MAX. */
static int read_query(struct reader *reader, struct vs_filter_node **node)
{
	struct chain chain = { .op = VS_FILTER_AND };
	if (peek(reader) != '{')
		return refuse(reader, "a filter is expected here, an object like {\"year\": {\"$gte\": 2020}}");
	int rc = vs_filter_build_deeper(reader->build, place(reader));
	if (rc == 0)
		rc = read_each(reader, '}', read_member, &chain);
	reader->build->depth--;
	if (rc == 0 && chain.first == NULL)
		return refuse(reader, "the filter is empty: leave it out to match every record");
	return rc != 0 ? rc : chain_end(reader, &chain, node);
}

int vs_filter_parse_object(struct vs_filter_build *build, const char *text, size_t len, struct vs_filter_node **root)
{
	static const struct vs_filter_step top = { NULL, "filter", 6, 0 };
	struct reader reader = { .build = build };
	int64_t bad;
	if (len > VS_FILTER_TEXT_MAX)
		return vs_error_at(build->error, VS_EINVAL, "filter", VS_FILTER_TEXT_MAX,
		                   "the filter has %zu bytes, at most %d are allowed", len, VS_FILTER_TEXT_MAX);
	bad = vs_utf8_check(text, len);
	if (bad >= 0)
		return vs_error_at(build->error, VS_EINVAL, "filter", bad, "the text is not valid UTF-8 here");
	reader.text = vs_arena_dup(build->arena, text, len);
	if (reader.text == NULL)
		return vs_filter_no_memory(build);
	reader.json = (struct vs_filter_json){ reader.text, reader.text + len };
	build->step = &top;
	int rc = read_query(&reader, root);
	if (rc == 0 && (peek(&reader) != '\0' || reader.json.at != reader.json.end))
		return refuse_syntax(&reader, "nothing after the filter");
	return rc;
}

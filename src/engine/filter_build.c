/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/filter_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/filter_json.h"

#define PATH_SHOWN 48 /* bytes of a step's path; with "queries[999]." before it, it fits a vs_error's field */
#define NAME_SHOWN 24

static const char *const own_names[VS_FILTER_OWN] = {
	[VS_FILTER_ID] = "@id",
	[VS_FILTER_VERSION] = "@version",
	[VS_FILTER_CREATED_AT] = "@created_at",
	[VS_FILTER_UPDATED_AT] = "@updated_at",
};

enum vs_filter_own vs_filter_own_find(const char *name, size_t len)
{
	unsigned own = 0;
	while (own < VS_FILTER_OWN && (strlen(own_names[own]) != len || memcmp(own_names[own], name, len) != 0))
		own++;
	return (enum vs_filter_own)own;
}

int vs_filter_build_init(struct vs_filter_build *build, struct vs_arena *arena, struct vs_error *error)
{
	*build = (struct vs_filter_build){ .arena = arena, .error = error };
	build->filter = vs_arena_calloc(arena, 1, sizeof(*build->filter));
	if (build->filter == NULL)
		return vs_filter_no_memory(build);
	build->filter->fields = VS_FILTER_OWN;
	build->filter->path.index = -1;
	return 0;
}

/* ---- faults --------------------------------------------------------------------------------------------- */

static size_t print_step(const struct vs_filter_step *step, char *out, size_t size)
{
	if (step->parent == NULL)
		return (size_t)snprintf(out, size, "filter");
	if (step->name == NULL)
		return (size_t)snprintf(out, size, "[%zu]", step->index);
	size_t len = step->name_len;
	if (len > NAME_SHOWN)
		for (len = NAME_SHOWN; len > 0 && ((unsigned char)step->name[len] & 0xc0) == 0x80;) /* between characters */
			len--;
	return (size_t)snprintf(out, size, ".%.*s%s", (int)len, step->name, len < step->name_len ? "…" : "");
}

/* "filter.$and[0].year.$gte"; of a long path the end, which is where the fault is. */
static void print_path(const struct vs_filter_step *step, char path[PATH_SHOWN + 1])
{
	char piece[NAME_SHOWN + 32];
	size_t at = PATH_SHOWN, len;
	path[at] = '\0';
	for (; step != NULL; step = step->parent) {
		len = print_step(step, piece, sizeof(piece));
		if (len > at || (step->parent != NULL && len > at - 9)) { /* room for "filter…" stays */
			at -= 9;
			memcpy(path + at, "filter…", 9);
			break;
		}
		at -= len;
		memcpy(path + at, piece, len);
	}
	memmove(path, path + at, PATH_SHOWN + 1 - at);
}

int vs_filter_refuse(struct vs_filter_build *build, size_t at, const char *format, ...)
{
	char text[320], path[PATH_SHOWN + 1];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (build->step == NULL)
		return vs_error_at(build->error, VS_EINVAL, "filter", (int64_t)at, "%s", text);
	print_path(build->step, path);
	return vs_error_at(build->error, VS_EINVAL, path, -1, "%s", text);
}

int vs_filter_no_memory(struct vs_filter_build *build)
{
	return vs_error_set(build->error, VS_ENOMEM, "out of memory while reading the filter");
}

/* ---- nodes, fields -------------------------------------------------------------------------------------- */

int vs_filter_build_node(struct vs_filter_build *build, size_t at, enum vs_filter_op op, struct vs_filter_node **node)
{
	if (++build->nodes > VS_FILTER_NODES_MAX)
		return vs_filter_refuse(build, at, "more than %d tests and operators: use IN with a list instead of many ORs",
		                        VS_FILTER_NODES_MAX);
	*node = vs_arena_calloc(build->arena, 1, sizeof(**node));
	if (*node == NULL)
		return vs_filter_no_memory(build);
	(*node)->op = op;
	return 0;
}

int vs_filter_build_deeper(struct vs_filter_build *build, size_t at)
{
	if (++build->depth > VS_FILTER_DEPTH_MAX)
		return vs_filter_refuse(build, at, "nested deeper than %d levels of %s and NOT", VS_FILTER_DEPTH_MAX,
		                        build->step != NULL ? "AND, OR" : "parentheses");
	return 0;
}

/* Which element of an array the name means: a plain number, in backticks too; else -1. */
static int64_t element_index(const char *name, size_t len)
{
	struct vs_filter_value index = { .kind = VS_FILTER_MISSING };
	const char *end = name + len;
	if (len == 0 || name[0] == '-' || vs_filter_json_number(name, end, &index) != end)
		return -1;
	return index.kind == VS_FILTER_INTEGER ? index.integer : -1;
}

int vs_filter_build_part(struct vs_filter_build *build, size_t at, const char *name, size_t len, unsigned *parts,
                         struct vs_filter_path **path)
{
	struct vs_filter_path **link = &(*path)->child;
	if (++*parts > VS_FILTER_DEPTH_MAX)
		return vs_filter_refuse(build, at, "a field path has at most %d parts", VS_FILTER_DEPTH_MAX);
	for (; *link != NULL; link = &(*link)->next)
		if ((*link)->name_len == len && memcmp((*link)->name, name, len) == 0)
			break;
	if (*link == NULL) {
		*link = vs_arena_calloc(build->arena, 1, sizeof(**link));
		if (*link == NULL)
			return vs_filter_no_memory(build);
		(*link)->name = name;
		(*link)->name_len = len;
		(*link)->index = element_index(name, len);
	}
	*path = *link;
	return 0;
}

int vs_filter_build_field(struct vs_filter_build *build, size_t at, struct vs_filter_path *path, uint32_t *field)
{
	struct vs_filter *filter = build->filter;
	if (path->field == 0) {
		if (filter->fields - VS_FILTER_OWN == VS_FILTER_FIELDS_MAX)
			return vs_filter_refuse(build, at, "more than %d different fields", VS_FILTER_FIELDS_MAX);
		path->field = filter->fields++;
	}
	*field = path->field;
	return 0;
}

/* ---- values --------------------------------------------------------------------------------------------- */

static bool own_takes(uint32_t field, enum vs_filter_kind kind)
{
	if (field == VS_FILTER_ID)
		return kind == VS_FILTER_STRING;
	return kind == VS_FILTER_INTEGER || kind == VS_FILTER_REAL || (kind == VS_FILTER_DATE && field != VS_FILTER_VERSION);
}

int vs_filter_build_value(struct vs_filter_build *build, size_t at, uint32_t field, const struct vs_filter_value *value)
{
	if (field >= VS_FILTER_OWN || own_takes(field, value->kind))
		return 0;
	return vs_filter_refuse(build, at, "%s is %s", own_names[field],
	                        field == VS_FILTER_ID        ? "a string: put the value in quotes"
	                        : field == VS_FILTER_VERSION ? "a number: compare it with a number"
	                                                     : "a number, milliseconds since 1970: compare it with a number "
	                                                       "or a date");
}

int vs_filter_build_append(struct vs_filter_build *build, struct vs_filter_list *list,
                           const struct vs_filter_value *value)
{
	if (list->count == list->cap) {
		uint32_t cap = list->cap > 0 ? 2 * list->cap : 8;
		struct vs_filter_value *grown = vs_arena_alloc(build->arena, cap * sizeof(*grown));
		if (grown == NULL)
			return vs_filter_no_memory(build);
		if (list->count > 0)
			memcpy(grown, list->values, list->count * sizeof(*grown));
		list->values = grown;
		list->cap = cap;
	}
	list->values[list->count++] = *value;
	return 0;
}

static int sort_order(const void *a, const void *b)
{
	return vs_filter_value_order(a, b);
}

void vs_filter_build_list(struct vs_filter_list *list, struct vs_filter_node *node)
{
	if (list->count > 1)
		qsort(list->values, list->count, sizeof(*list->values), sort_order);
	node->values = list->values;
	node->count = list->count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* engine/filter_build: what both forms of a filter, text and JSON, make their tree with. */
#ifndef VS_ENGINE_FILTER_BUILD_H
#define VS_ENGINE_FILTER_BUILD_H

#include "engine/filter_impl.h"

struct vs_error;

/* Where in a JSON filter the reader is: a member, or (name NULL) an element. */
struct vs_filter_step {
	const struct vs_filter_step *parent; /* NULL: this is the filter itself */
	const char *name;
	size_t name_len;
	size_t index;
};

struct vs_filter_build {
	struct vs_filter *filter;
	struct vs_arena *arena;
	unsigned depth;
	unsigned nodes;
	const struct vs_filter_step *step; /* JSON: faults name this path; NULL: they name a position */
	struct vs_error *error;
};

/* Values of a list, as they are read. */
struct vs_filter_list {
	struct vs_filter_value *values;
	uint32_t count;
	uint32_t cap;
};

/* Begins a filter in the arena, without a root. */
int vs_filter_build_init(struct vs_filter_build *build, struct vs_arena *arena, struct vs_error *error);

/* VS_EINVAL at the byte of the text, or at the step. */
int vs_filter_refuse(struct vs_filter_build *build, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int vs_filter_no_memory(struct vs_filter_build *build);

/* These refuse what is beyond the limits; at as in refuse. */
int vs_filter_build_node(struct vs_filter_build *build, size_t at, enum vs_filter_op op, struct vs_filter_node **node);
int vs_filter_build_deeper(struct vs_filter_build *build, size_t at);
/* Goes to the child of *path that has the name, made when missing; the name must live as long as the arena. parts counts
 * them. */
int vs_filter_build_part(struct vs_filter_build *build, size_t at, const char *name, size_t len, unsigned *parts,
                         struct vs_filter_path **path);
/* The field that stands at a path. */
int vs_filter_build_field(struct vs_filter_build *build, size_t at, struct vs_filter_path *path, uint32_t *field);

/* A record's own field always has the same kind: a literal of another one is a mistake, not a false test. */
int vs_filter_build_value(struct vs_filter_build *build, size_t at, uint32_t field,
                          const struct vs_filter_value *value);
int vs_filter_build_append(struct vs_filter_build *build, struct vs_filter_list *list,
                           const struct vs_filter_value *value);
/* The list, sorted, becomes the node's. */
void vs_filter_build_list(struct vs_filter_list *list, struct vs_filter_node *node);

/* "@id" … to its number; VS_FILTER_OWN when there is none of this name. */
enum vs_filter_own vs_filter_own_find(const char *name, size_t len);

/* engine/filter_object: the JSON form, as vs_filter_parse. */
int vs_filter_parse_object(struct vs_filter_build *build, const char *text, size_t len, struct vs_filter_node **root);

#endif

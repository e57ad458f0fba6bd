/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/project.h"

#include <string.h>

#include "base/error.h"
#include "engine/members.h"

/* A name in the tree of paths. */
struct vs_projection {
	struct vs_span name;
	bool whole; /* a path ends here: all of it is wanted */
	struct vs_projection *child;
	struct vs_projection *next;
};

struct parser {
	const char *text;
	size_t len;
	size_t at;
	struct vs_arena *arena;
	struct vs_error *error;
};

static int fault(const struct parser *parser, const char *why)
{
	return vs_error_at(parser->error, VS_EINVAL, "fields", (int64_t)parser->at, "%s", why);
}

static int parse_name(struct parser *parser, struct vs_span *name)
{
	bool quoted = parser->at < parser->len && parser->text[parser->at] == '`';
	const char *from = parser->text + parser->at + quoted;
	size_t left = parser->len - parser->at - quoted;
	const char *end = quoted ? memchr(from, '`', left) : from;

	while (!quoted && left > 0 && *end != '.' && *end != ',' && *end != '`') {
		end++;
		left--;
	}
	if (end == NULL)
		return fault(parser, "a backtick is not closed");
	if (end == from && !quoted)
		return fault(parser, "expected the name of a field");
	name->len = (size_t)(end - from);
	name->data = vs_arena_dup(parser->arena, from, name->len);
	if (name->data == NULL)
		return vs_error_set(parser->error, VS_ENOMEM, "no memory for fields");
	parser->at += name->len + (quoted ? 2 : 0);
	return 0;
}

/* The child of this name, made when missing. */
static struct vs_projection *child_of(struct vs_arena *arena, struct vs_projection *parent, struct vs_span name)
{
	struct vs_projection *child = parent->child;

	while (child != NULL && (child->name.len != name.len || memcmp(child->name.data, name.data, name.len) != 0))
		child = child->next;
	if (child != NULL)
		return child;
	child = vs_arena_calloc(arena, 1, sizeof(*child));
	if (child == NULL)
		return NULL;
	child->name = name;
	child->next = parent->child;
	parent->child = child;
	return child;
}

static int parse_path(struct parser *parser, struct vs_projection *root)
{
	struct vs_projection *node = root;
	unsigned depth = 0;

	do {
		struct vs_span name = { NULL, 0 };
		parser->at += depth > 0;
		if (depth++ == VS_PROJECTION_DEPTH_MAX)
			return fault(parser, "the path has too many parts");
		int rc = parse_name(parser, &name);
		if (rc < 0)
			return rc;
		node = child_of(parser->arena, node, name);
		if (node == NULL)
			return vs_error_set(parser->error, VS_ENOMEM, "no memory for fields");
	} while (parser->at < parser->len && parser->text[parser->at] == '.');
	node->whole = true;
	return 0;
}

int vs_projection_parse(const char *text, size_t len, struct vs_arena *arena, const struct vs_projection **projection,
                        struct vs_error *error)
{
	struct parser parser = { text, len, 0, arena, error };
	struct vs_projection *root = vs_arena_calloc(arena, 1, sizeof(*root));
	unsigned count = 0;

	*projection = root;
	if (root == NULL)
		return vs_error_set(error, VS_ENOMEM, "no memory for fields");
	for (;;) {
		if (count++ == VS_PROJECTION_FIELDS_MAX)
			return fault(&parser, "there are too many fields");
		int rc = parse_path(&parser, root);
		if (rc < 0)
			return rc;
		if (parser.at == len)
			return 0;
		if (text[parser.at] != ',')
			return fault(&parser, "expected ',' or '.'");
		parser.at++;
	}
}

/* Whether anything was put between the braces. Recursion is bounded by the projection's own depth. */
static int project(const struct vs_projection *node, struct vs_span text, struct vs_arena *arena, struct vs_buf *out,
                   bool *any)
{
	struct vs_members members = vs_members_of(text);
	struct vs_member member;
	int rc;

	*any = false;
	vs_buf_putc(out, '{');
	while ((rc = vs_members_next(&members, arena, &member)) == 1) {
		const struct vs_projection *child = node->child;
		size_t before = out->len;
		bool put = true;
		while (child != NULL &&
		       (child->name.len != member.name.len || memcmp(child->name.data, member.name.data, member.name.len) != 0))
			child = child->next;
		if (child == NULL || (!child->whole && member.kind != VS_FILTER_OBJECT))
			continue;
		if (*any)
			vs_buf_putc(out, ',');
		vs_buf_append(out, member.raw.data, member.raw.len);
		vs_buf_putc(out, ':');
		if (child->whole)
			vs_buf_append(out, member.value.data, member.value.len);
		else
			rc = project(child, member.value, arena, out, &put);
		if (rc < 0)
			return rc;
		if (!put)
			out->len = before;
		*any = *any || put;
	}
	vs_buf_putc(out, '}');
	return rc;
}

int vs_projection_apply(const struct vs_projection *projection, const char *metadata, size_t len, struct vs_buf *out,
                        struct vs_error *error)
{
	struct vs_arena arena = VS_ARENA_INIT;
	bool any;
	int rc = project(projection, (struct vs_span){ metadata, len }, &arena, out, &any);

	vs_arena_release(&arena);
	if (rc == VS_ENOMEM || out->failed)
		return vs_error_set(error, VS_ENOMEM, "no memory for fields");
	if (rc < 0)
		return vs_error_set(error, VS_ECORRUPT, "the stored metadata of a record are no JSON object");
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive descent, one function per rule of the grammar in filter.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "engine/filter_build.h"
#include "engine/filter_date.h"
#include "engine/filter_lex.h"

struct parser {
	struct vs_filter_lexer lexer;
	struct vs_filter_token token; /* the one to be read next */
	struct vs_filter_build build;
};

/* A field as a test refers to it. */
struct field {
	size_t start; /* byte of the text */
	uint32_t index;
};

static int parse_or(struct parser *parser, struct vs_filter_node **node);

static int advance(struct parser *parser)
{
	return vs_filter_lex_next(&parser->lexer, &parser->token, parser->build.error);
}

/* "expected <what>, found <token>" at the token. */
static int expected(struct parser *parser, const char *what, const char *hint)
{
	const struct vs_filter_token *token = &parser->token;
	const char *text = parser->lexer.text + token->start;
	if (token->kind == VS_TOKEN_END)
		return vs_error_at(parser->build.error, VS_EINVAL, "filter", (int64_t)token->start,
		                   "expected %s, found the end of the filter", what);
	return vs_error_at(parser->build.error, VS_EINVAL, "filter", (int64_t)token->start, "expected %s, found %.*s%s", what,
	                   vs_filter_lex_clip(&parser->lexer, token->start, token->end), text, hint);
}

static bool is_word(const struct parser *parser, enum vs_filter_word word)
{
	return parser->token.kind == VS_TOKEN_NAME && parser->token.word == word;
}

static bool is_mark(const struct parser *parser, char mark)
{
	return parser->token.kind == VS_TOKEN_MARK && parser->token.mark == mark;
}

static int node_create(struct parser *parser, enum vs_filter_op op, struct vs_filter_node **node)
{
	return vs_filter_build_node(&parser->build, parser->token.start, op, node);
}

static int deeper(struct parser *parser)
{
	return vs_filter_build_deeper(&parser->build, parser->token.start);
}

/* ---- fields --------------------------------------------------------------------------------------------- */

static int parse_path(struct parser *parser, struct field *field)
{
	const struct vs_filter_token *token = &parser->token;
	struct vs_filter_path *path = &parser->build.filter->path;
	unsigned parts = 0;
	int rc = vs_filter_build_part(&parser->build, field->start, token->name, token->name_len, &parts, &path);
	while (rc == 0 && vs_filter_lex_has_part(&parser->lexer)) {
		rc = vs_filter_lex_part(&parser->lexer, &parser->token, parser->build.error);
		if (rc == 0)
			rc = vs_filter_build_part(&parser->build, field->start, token->name, token->name_len, &parts, &path);
	}
	if (rc == 0)
		rc = vs_filter_build_field(&parser->build, field->start, path, &field->index);
	return rc != 0 ? rc : advance(parser);
}

static int parse_field(struct parser *parser, struct field *field)
{
	const struct vs_filter_token *token = &parser->token;
	*field = (struct field){ token->start, 0 };
	if (token->kind == VS_TOKEN_OWN) {
		field->index = token->own;
		return advance(parser);
	}
	if (token->kind != VS_TOKEN_NAME)
		return expected(parser, "a field name", token->kind == VS_TOKEN_LITERAL ? ": the field comes first" : "");
	if (token->word != VS_WORD_NONE)
		return expected(parser, "a field name", ", a keyword (in backticks, `…`, it names a field)");
	return parse_path(parser, field);
}

/* ---- values --------------------------------------------------------------------------------------------- */

/* date('2024-05-01T10:00:00Z'): the name has been read. */
static int parse_date(struct parser *parser, struct vs_filter_value *value)
{
	struct vs_filter_token *token = &parser->token;
	int rc = advance(parser);
	if (rc == 0 && !is_mark(parser, '('))
		return expected(parser, "'(' after date: write date('2024-05-01T10:00:00Z')", "");
	if (rc == 0)
		rc = advance(parser);
	if (rc != 0)
		return rc;
	if (token->kind != VS_TOKEN_LITERAL || token->value.kind != VS_FILTER_STRING)
		return expected(parser, "a string after 'date('", "");
	if (!vs_filter_date_read(token->value.text.data, token->value.text.len, value))
		return vs_filter_refuse(&parser->build, token->start, "no date: %s", VS_FILTER_DATE_FORM);
	rc = advance(parser);
	if (rc == 0 && !is_mark(parser, ')'))
		return expected(parser, "')' after the date", "");
	return rc;
}

static bool is_date(const struct vs_filter_token *token)
{
	return token->kind == VS_TOKEN_NAME && token->name_len == 4 && strncasecmp(token->name, "date", 4) == 0;
}

/* A value, whose last token is then the current one. */
static int parse_literal(struct parser *parser, const char *where, struct vs_filter_value *value)
{
	struct vs_filter_token *token = &parser->token;
	if (token->kind == VS_TOKEN_NAME && token->word == VS_WORD_NULL)
		*value = (struct vs_filter_value){ .kind = VS_FILTER_NULL };
	else if (token->kind == VS_TOKEN_NAME && (token->word == VS_WORD_TRUE || token->word == VS_WORD_FALSE))
		*value = (struct vs_filter_value){ .kind = VS_FILTER_BOOLEAN, .boolean = token->word == VS_WORD_TRUE };
	else if (is_date(token))
		return parse_date(parser, value);
	else if (token->kind == VS_TOKEN_LITERAL)
		*value = token->value;
	else
		return expected(parser, where,
		                token->kind == VS_TOKEN_NAME && token->word == VS_WORD_NONE ? ": put text in quotes" : "");
	return 0;
}

static int parse_value(struct parser *parser, const struct field *field, const char *where,
                       struct vs_filter_value *value)
{
	size_t start = parser->token.start;
	int rc = parse_literal(parser, where, value);
	if (rc == 0)
		rc = vs_filter_build_value(&parser->build, start, field->index, value);
	return rc != 0 ? rc : advance(parser);
}

/* Reads values up to the closing bracket into the node, sorted. */
static int parse_values(struct parser *parser, const struct field *field, char close, struct vs_filter_node *node,
                        size_t open)
{
	struct vs_filter_list list = { NULL, 0, 0 };
	struct vs_filter_value value;
	char what[80];
	snprintf(what, sizeof(what), "',' or '%c' in the list that begins at position %zu", close, open);
	for (bool more = !is_mark(parser, close); more;) {
		int rc = parse_value(parser, field, "a value in the list", &value);
		if (rc == 0)
			rc = vs_filter_build_append(&parser->build, &list, &value);
		if (rc != 0)
			return rc;
		more = is_mark(parser, ',');
		if (more && (rc = advance(parser)) != 0)
			return rc;
		if (!more && !is_mark(parser, close))
			return expected(parser, what, "");
	}
	vs_filter_build_list(&list, node);
	return advance(parser);
}

static int parse_list(struct parser *parser, const struct field *field, struct vs_filter_node *node)
{
	size_t open = parser->token.start;
	if (!is_mark(parser, '[') && !is_mark(parser, '('))
		return expected(parser, "a list like ['a', 'b'] after IN", "");
	char close = is_mark(parser, '[') ? ']' : ')';
	int rc = advance(parser);
	return rc != 0 ? rc : parse_values(parser, field, close, node, open);
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

/* One value after an operator that reads as `name` in messages. */
static int parse_operand(struct parser *parser, const struct field *field, const char *name, int name_len,
                         struct vs_filter_node *node)
{
	char where[32];
	struct vs_filter_value *value = vs_arena_alloc(parser->build.arena, sizeof(*value));
	size_t start = parser->token.start;
	if (value == NULL)
		return vs_filter_no_memory(&parser->build);
	snprintf(where, sizeof(where), "a value after '%.*s'", name_len, name);
	node->values = value;
	node->count = 1;
	int rc = parse_value(parser, field, where, value);
	if (rc == 0 && node->op == VS_FILTER_STARTSWITH && value->kind != VS_FILTER_STRING)
		return vs_error_at(parser->build.error, VS_EINVAL, "filter", (int64_t)start,
		                   "STARTSWITH compares strings: put the value in quotes");
	return rc;
}

static int parse_between(struct parser *parser, const struct field *field, struct vs_filter_node *node)
{
	struct vs_filter_value *values = vs_arena_alloc(parser->build.arena, 2 * sizeof(*values));
	if (values == NULL)
		return vs_filter_no_memory(&parser->build);
	node->values = values;
	node->count = 2;
	int rc = parse_value(parser, field, "a value after BETWEEN", &values[0]);
	if (rc != 0)
		return rc;
	if (!is_word(parser, VS_WORD_AND))
		return expected(parser, "AND between the two bounds of BETWEEN", "");
	rc = advance(parser);
	return rc != 0 ? rc : parse_value(parser, field, "the upper bound of BETWEEN", &values[1]);
}

/* The token is the keyword of a test, already known; its operands follow. */
static int parse_worded(struct parser *parser, const struct field *field, struct vs_filter_node *node)
{
	enum vs_filter_word word = parser->token.word;
	const char *name = parser->token.name;
	int rc = advance(parser);
	if (rc != 0)
		return rc;
	switch (word) {
	case VS_WORD_NOT:
		if (!is_word(parser, VS_WORD_IN))
			return expected(parser, "IN after NOT", " (other tests are negated in front: NOT field CONTAINS …)");
		node->op = VS_FILTER_NOT_IN;
		rc = advance(parser);
		return rc != 0 ? rc : parse_list(parser, field, node);
	case VS_WORD_IN:
		node->op = VS_FILTER_IN;
		return parse_list(parser, field, node);
	case VS_WORD_BETWEEN:
		node->op = VS_FILTER_BETWEEN;
		return parse_between(parser, field, node);
	case VS_WORD_IS:
		node->op = is_word(parser, VS_WORD_NOT) ? VS_FILTER_IS_NOT_NULL : VS_FILTER_IS_NULL;
		if (node->op == VS_FILTER_IS_NOT_NULL && (rc = advance(parser)) != 0)
			return rc;
		if (!is_word(parser, VS_WORD_NULL))
			return expected(parser, node->op == VS_FILTER_IS_NULL ? "NULL or NOT NULL after IS" : "NULL after IS NOT",
			                "");
		return advance(parser);
	case VS_WORD_CONTAINS:
	case VS_WORD_STARTSWITH:
	default:
		node->op = word == VS_WORD_CONTAINS ? VS_FILTER_CONTAINS : VS_FILTER_STARTSWITH;
		return parse_operand(parser, field, name, word == VS_WORD_CONTAINS ? 8 : 10, node);
	}
}

static int parse_test(struct parser *parser, struct vs_filter_node **out)
{
	static const char operators[] = "an operator (= != < <= > >= IN CONTAINS STARTSWITH BETWEEN IS)";
	struct vs_filter_node *node = NULL;
	struct field field;
	int rc = node_create(parser, VS_FILTER_EQ, &node);
	if (rc == 0)
		rc = parse_field(parser, &field);
	if (rc != 0)
		return rc;
	*out = node;
	node->field = field.index;
	const struct vs_filter_token *token = &parser->token;
	if (token->kind == VS_TOKEN_OPERATOR) {
		const char *name = parser->lexer.text + token->start;
		int name_len = (int)(token->end - token->start);
		node->op = token->op;
		rc = advance(parser);
		return rc != 0 ? rc : parse_operand(parser, &field, name, name_len, node);
	}
	bool test = token->kind == VS_TOKEN_NAME &&
	            (token->word == VS_WORD_NOT || (token->word >= VS_WORD_IN && token->word <= VS_WORD_IS));
	if (!test)
		return expected(parser, operators, "");
	bool numeric =
	    field.index == VS_FILTER_VERSION || field.index == VS_FILTER_CREATED_AT || field.index == VS_FILTER_UPDATED_AT;
	if (numeric && (token->word == VS_WORD_CONTAINS || token->word == VS_WORD_STARTSWITH))
		return expected(parser, "an operator for a number (= != < <= > >= IN BETWEEN IS)", "");
	return parse_worded(parser, &field, node);
}

/* ---- and, or, not --------------------------------------------------------------------------------------- */

static int parse_parens(struct parser *parser, struct vs_filter_node **node)
{
	char what[64];
	snprintf(what, sizeof(what), "AND, OR or ')' for the '(' at position %zu", parser->token.start);
	int rc = deeper(parser);
	if (rc == 0)
		rc = advance(parser);
	if (rc == 0)
		rc = parse_or(parser, node);
	if (rc != 0)
		return rc;
	if (!is_mark(parser, ')'))
		return expected(parser, what, "");
	parser->build.depth--;
	return advance(parser);
}

static int parse_not(struct parser *parser, struct vs_filter_node **node)
{
	if (is_mark(parser, '('))
		return parse_parens(parser, node);
	if (!is_word(parser, VS_WORD_NOT))
		return parse_test(parser, node);
	int rc = node_create(parser, VS_FILTER_NOT, node);
	if (rc == 0)
		rc = deeper(parser);
	if (rc == 0)
		rc = advance(parser);
	if (rc == 0)
		rc = parse_not(parser, &(*node)->child);
	parser->build.depth--;
	return rc;
}

/* operand { word operand }: one operand stands for itself, more become children of one node. */
static int parse_chain(struct parser *parser, enum vs_filter_word word, enum vs_filter_op op,
                       int (*operand)(struct parser *parser, struct vs_filter_node **node),
                       struct vs_filter_node **node)
{
	int rc = operand(parser, node);
	if (rc != 0 || !is_word(parser, word))
		return rc;
	struct vs_filter_node *chain, *last = *node;
	rc = node_create(parser, op, &chain);
	if (rc != 0)
		return rc;
	chain->child = last;
	*node = chain;
	while (rc == 0 && is_word(parser, word)) {
		rc = advance(parser);
		if (rc == 0)
			rc = operand(parser, &last->next);
		last = last->next;
	}
	return rc;
}

static int parse_and(struct parser *parser, struct vs_filter_node **node)
{
	return parse_chain(parser, VS_WORD_AND, VS_FILTER_AND, parse_not, node);
}

static int parse_or(struct parser *parser, struct vs_filter_node **node)
{
	return parse_chain(parser, VS_WORD_OR, VS_FILTER_OR, parse_and, node);
}

static int parse_all(struct parser *parser, struct vs_filter_node **root)
{
	int rc = advance(parser);
	if (rc == 0 && parser->token.kind == VS_TOKEN_END)
		return vs_error_at(parser->build.error, VS_EINVAL, "filter", 0,
		                   "the filter is empty: leave it out to match every record");
	if (rc == 0)
		rc = parse_or(parser, root);
	if (rc != 0 || parser->token.kind == VS_TOKEN_END)
		return rc;
	size_t start = parser->token.start;
	if (is_mark(parser, ')'))
		return vs_error_at(parser->build.error, VS_EINVAL, "filter", (int64_t)start, "this ')' closes nothing");
	bool quote = start > 0 && (parser->lexer.text[start - 1] == '\'' || parser->lexer.text[start - 1] == '"');
	return expected(parser, "AND, OR or the end of the filter",
	                quote ? " (within a string, write its quote with a backslash)" : "");
}

static int parse_text(struct vs_filter_build *build, const char *text, size_t len, struct vs_filter_node **root)
{
	struct parser parser = { .build = *build };
	int rc = vs_filter_lex_init(&parser.lexer, text, len, build->arena, build->error);
	return rc != 0 ? rc : parse_all(&parser, root);
}

/* No filter in the text form begins with a brace. */
static bool is_object(const char *text, size_t len)
{
	size_t at = 0;
	while (at < len && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r'))
		at++;
	return at < len && text[at] == '{';
}

int vs_filter_parse(const char *text, size_t len, struct vs_filter **filter, struct vs_error *error)
{
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_filter_build build;
	struct vs_filter_node *root = NULL;
	int rc = vs_filter_build_init(&build, &arena, error);
	if (rc == 0)
		rc = is_object(text, len) ? vs_filter_parse_object(&build, text, len, &root) : parse_text(&build, text, len, &root);
	if (rc != 0) {
		vs_arena_release(&arena);
		return rc;
	}
	*filter = build.filter;
	(*filter)->root = root;
	(*filter)->arena = arena;
	return 0;
}

int vs_filter_field_parse(const char *text, const char *name, struct vs_filter **field, struct vs_error *error)
{
	struct vs_buf test = VS_BUF_INIT;
	struct vs_error why;
	int rc;

	/* As the one test of a filter, whose parser knows paths. */
	vs_buf_puts(&test, text);
	vs_buf_puts(&test, " IS NOT NULL");
	rc = test.failed ? VS_ENOMEM : vs_filter_parse(test.data, test.len, field, &why);
	vs_buf_release(&test);
	if (rc == VS_ENOMEM)
		return vs_error_set(error, rc, "no memory for a field");
	if (rc == 0 && (*field)->root->op == VS_FILTER_IS_NOT_NULL && (*field)->root->field == VS_FILTER_FIELD)
		return 0;
	if (rc == 0)
		vs_filter_release(*field);
	*field = NULL;
	return vs_error_at(error, VS_EINVAL, name, -1, "is no field of the metadata, such as kind or origin.language");
}

void vs_filter_release(struct vs_filter *filter)
{
	if (filter == NULL)
		return;
	struct vs_arena arena = filter->arena; /* which holds the filter */
	vs_arena_release(&arena);
}

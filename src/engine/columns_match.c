/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test is asked once per entry of a dictionary; that gives a table by code. Then the codes of a block are looked up in
 * the tables of the filter's tests, 64 slots to a word, and AND, OR and NOT work on words. Every slot is in one of three
 * states: accepted, not accepted, or to be asked of the row; a test without a column, or a code that says so, is the
 * third, and drops out again where another operand decides.
 */
#include "engine/columns_match.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/columns_fill.h"
#include "engine/filter_impl.h"

#define WORDS (VS_COLUMNS_BLOCK / 64)
#define BYTES_PER_ROW 400 /* of dictionaries whose entries are tested in the time in which one row is */

/* Bits of a table's byte. */
enum { YES = 1, ASK = 2 };

struct plan {
	const struct vs_filter_node *node;
	struct plan *child; /* AND, OR, NOT */
	struct plan *next;
	struct vs_column *column; /* tests; NULL: there is none */
	uint32_t ready;           /* slots that it covers */
	uint32_t len;             /* codes in the table; one more entry answers for all that are no codes */
	const uint8_t *table;
};

struct words {
	uint64_t yes[WORDS];
	uint64_t ask[WORDS];
};

struct match {
	struct vs_columns *columns;
	struct vs_arena arena;
	struct field {
		struct vs_column *column; /* NULL: there is none */
		uint32_t ready;           /* slots that it covers */
	} fields[VS_FILTER_OWN + VS_FILTER_FIELDS_MAX]; /* by field of the filter */
	uint32_t to;
	uint64_t bytes;   /* of the dictionaries of all tests */
	uint32_t ready;   /* slots that at least one test's column covers */
};

struct vs_filter_value vs_columns_decoded(const struct vs_column_value *value)
{
	struct vs_filter_value converted = { .kind = VS_FILTER_NULL };

	switch (value->kind) {
	case VS_COLUMN_NULL:
		break;
	case VS_COLUMN_BOOLEAN:
		converted.kind = VS_FILTER_BOOLEAN;
		converted.boolean = value->boolean;
		break;
	case VS_COLUMN_INTEGER:
		converted.kind = VS_FILTER_INTEGER;
		converted.integer = value->integer;
		break;
	case VS_COLUMN_REAL:
		converted.kind = VS_FILTER_REAL;
		converted.real = value->real;
		break;
	case VS_COLUMN_TEXT:
	case VS_COLUMN_ARRAY:
		converted.kind = value->kind == VS_COLUMN_ARRAY ? VS_FILTER_ARRAY : VS_FILTER_STRING;
		converted.text.data = value->text.data;
		converted.text.len = value->text.len;
		break;
	}
	return converted;
}

/* ---- plan ----------------------------------------------------------------------------------------------- */

/* Finds the columns of the fields below a path, whose name in columns/ is given. */
static void bind(struct match *match, const struct vs_filter_path *path, unsigned char *name, size_t len)
{
	for (const struct vs_filter_path *child = path->child; child != NULL; child = child->next) {
		size_t child_len = len;
		if (child->index >= 0 || !vs_columns_path_append(name, &child_len, child->name, child->name_len))
			continue;
		if (child->field != 0) {
			struct field *field = &match->fields[child->field];
			field->column = vs_columns_find(match->columns, name, child_len);
			/* Once: loading may map it anew, and what was said of it before would be wrong. */
			field->ready = field->column != NULL ? vs_column_load(match->columns, field->column, match->to) : 0;
		}
		bind(match, child, name, child_len);
	}
}

static struct plan *plan_of(struct match *match, const struct vs_filter_node *node)
{
	struct plan *plan = vs_arena_calloc(&match->arena, 1, sizeof(*plan));
	struct plan **link;

	if (plan == NULL)
		return NULL;
	plan->node = node;
	if (node->op > VS_FILTER_NOT) {
		plan->column = match->fields[node->field].column;
		plan->ready = match->fields[node->field].ready;
		if (plan->ready > 0)
			match->bytes += vs_column_dictionary(plan->column);
		if (plan->ready > match->ready)
			match->ready = plan->ready;
		return plan;
	}
	link = &plan->child;
	for (const struct vs_filter_node *child = node->child; child != NULL; child = child->next) {
		*link = plan_of(match, child);
		if (*link == NULL)
			return NULL;
		link = &(*link)->next;
	}
	return plan;
}

static int tabulate(struct match *match, struct plan *plan)
{
	const struct vs_filter_value missing = { .kind = VS_FILTER_MISSING };
	struct vs_column_cursor cursor;
	struct vs_column_value value;
	uint32_t code = VS_COLUMN_VALUE;
	uint8_t *table;

	for (struct plan *child = plan->child; child != NULL; child = child->next)
		if (tabulate(match, child) < 0)
			return VS_ENOMEM;
	if (plan->ready == 0)
		return 0;
	plan->len = VS_COLUMN_VALUE + vs_column_entries(plan->column);
	table = vs_arena_alloc(&match->arena, (size_t)plan->len + 1);
	if (table == NULL)
		return VS_ENOMEM;
	memset(table, ASK, (size_t)plan->len + 1);
	table[VS_COLUMN_MISSING] = vs_filter_test(plan->node, &missing) ? YES : 0;
	cursor = vs_column_walk(plan->column);
	while (code < plan->len && vs_column_next(&cursor, &value)) {
		struct vs_filter_value converted = vs_columns_decoded(&value);
		int outcome = vs_filter_test(plan->node, &converted);
		if (outcome < 0)
			return outcome;
		table[code++] = outcome ? YES : 0;
	}
	plan->table = table;
	return 0;
}

/* ---- blocks --------------------------------------------------------------------------------------------- */

static void fill(struct words *words, uint8_t state)
{
	memset(words->yes, state & YES ? 0xff : 0, sizeof(words->yes));
	memset(words->ask, state & ASK ? 0xff : 0, sizeof(words->ask));
}

/* The lowest bit of each of 8 bytes, as 8 bits: byte i's lands in bit 56 + i of the product. */
static inline uint64_t gather_bits(uint64_t bytes)
{
	return ((bytes & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56;
}

static void look_up(const struct plan *plan, const uint32_t *codes, struct words *words)
{
	const uint8_t *table = plan->table;
	uint32_t len = plan->len;

	for (uint32_t w = 0; w < WORDS; w++) {
		uint64_t yes = 0;
		uint64_t ask = 0;
		for (uint32_t b = 0; b < 8; b++, codes += 8) {
			uint64_t bytes = 0;
			for (uint32_t i = 0; i < 8; i++) {
				uint32_t code = codes[i] < len ? codes[i] : len; /* a map may hold anything */
				bytes |= (uint64_t)table[code] << (8 * i);
			}
			yes |= gather_bits(bytes) << (8 * b);
			ask |= gather_bits(bytes >> 1) << (8 * b);
		}
		words->yes[w] = yes;
		words->ask[w] = ask;
	}
}

static void test_block(const struct plan *plan, uint32_t block, struct words *words)
{
	const uint32_t *codes;

	if ((block + 1) * VS_COLUMNS_BLOCK > plan->ready) {
		fill(words, ASK);
		return;
	}
	codes = vs_column_codes(plan->column, block);
	if (codes == NULL)
		fill(words, plan->table[VS_COLUMN_MISSING]);
	else
		look_up(plan, codes, words);
}

/* Takes one more operand in; false when the others can change nothing any more. */
static bool combine(bool all, struct words *words, const struct words *operand)
{
	uint64_t open = 0;

	for (uint32_t w = 0; w < WORDS; w++) {
		uint64_t maybe = words->yes[w] | words->ask[w];
		uint64_t operand_maybe = operand->yes[w] | operand->ask[w];
		if (all) {
			words->yes[w] &= operand->yes[w];
			maybe &= operand_maybe;
			open |= maybe;
		} else {
			words->yes[w] |= operand->yes[w];
			maybe |= operand_maybe;
			open |= ~words->yes[w];
		}
		words->ask[w] = maybe & ~words->yes[w];
	}
	return open != 0;
}

/* Recursion is bounded by the parser's VS_FILTER_DEPTH_MAX. */
static void match_block(const struct plan *plan, uint32_t block, struct words *words)
{
	struct words operand;
	bool all = plan->node->op == VS_FILTER_AND;

	switch (plan->node->op) {
	case VS_FILTER_AND:
	case VS_FILTER_OR:
		fill(words, all ? YES : 0);
		for (const struct plan *child = plan->child; child != NULL; child = child->next) {
			match_block(child, block, &operand);
			if (!combine(all, words, &operand))
				return;
		}
		break;
	case VS_FILTER_NOT:
		match_block(plan->child, block, words);
		for (uint32_t w = 0; w < WORDS; w++)
			words->yes[w] = ~(words->yes[w] | words->ask[w]);
		break;
	default:
		test_block(plan, block, words);
	}
}

static void match_all(const struct plan *plan, uint32_t from, uint32_t to, struct vs_bitmap *yes, struct vs_bitmap *ask)
{
	struct words words;

	for (uint32_t block = from / VS_COLUMNS_BLOCK; block < to / VS_COLUMNS_BLOCK; block++) {
		uint32_t at = block * WORDS;
		match_block(plan, block, &words);
		for (uint32_t w = 0; w < WORDS; w++, at++) {
			uint64_t wanted = ~UINT64_C(0);
			if (at < from / 64)
				continue;
			if (at == from / 64)
				wanted <<= from % 64;
			yes->words[at] |= words.yes[w] & wanted;
			ask->words[at] |= words.ask[w] & wanted;
		}
	}
}

int64_t vs_columns_match(struct vs_columns *columns, const struct vs_filter *filter, uint32_t from, uint32_t to,
                         struct vs_bitmap *yes, struct vs_bitmap *ask)
{
	struct match match = { .columns = columns, .to = to };
	unsigned char name[VS_COLUMNS_PATH_MAX];
	struct plan *plan;
	int64_t end = from;

	vs_columns_refresh(columns);
	bind(&match, &filter->path, name, 0);
	plan = plan_of(&match, filter->root);
	if (plan == NULL) {
		end = VS_ENOMEM;
	} else if (match.ready > from && match.bytes / BYTES_PER_ROW <= match.ready - from) {
		end = tabulate(&match, plan);
		if (end == 0) {
			match_all(plan, from, match.ready, yes, ask);
			end = match.ready;
		}
	}
	vs_arena_release(&match.arena);
	return end;
}

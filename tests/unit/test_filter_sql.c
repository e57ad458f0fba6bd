/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random filters of random metadata, asked four ways that must agree: the text form of rows, the JSON form of rows, the text
 * form of columns, and the same expression as SQL over SQLite's json_extract. VECSTORE_FILTER_ROUNDS sets how many
 * filters are tried (each of some 3,000 records), VECSTORE_FILTER_SEED where they begin.
 *
 * Where the language differs from SQL on purpose, the translation says so: every test is made two-valued (a missing field is
 * false, not unknown), kinds never mix (SQL would order numbers before texts), NULL equals NULL, and what SQLite takes for a
 * date is narrowed to the days of the calendar. Left out, because SQLite reads them otherwise: a NUL in a string, a key that
 * stands twice or is escaped, dates finer than a millisecond. Others test those.
 */
#include "engine_fixture.h"

#include <sqlite3.h>

#include "engine/filter.h"
#include "engine/matches.h"
#include "engine/namespace.h"

enum { RECORDS = 3100, TEXT = 1 << 16 };

static uint64_t seed;

static unsigned pick(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

#define PICK(list) ((list)[pick(sizeof(list) / sizeof((list)[0]))])

struct text {
	char data[TEXT];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text->len += (size_t)vsnprintf(text->data + text->len, sizeof(text->data) - text->len, format, args);
	va_end(args);
	assert_true(text->len < sizeof(text->data));
}

/* ---- values: in JSON, in the text form, in SQL ------------------------------------------------------------ */

enum kind { NUL, BOOLEAN, NUMBER, STRING, DATE };

struct value {
	enum kind kind;
	const char *json;
	const char *text;
	const char *sql;
};

#define SAME(kind, text) { kind, text, text, text }
#define QUOTED(text) { STRING, "\"" text "\"", "'" text "'", "'" text "'" }
#define DATED(text) { DATE, "{\"$date\":\"" text "\"}", "date('" text "')", "'" text "'" }

static const struct value values[] = {
	{ NUL, "null", "NULL", "NULL" },
	{ BOOLEAN, "true", "TRUE", "1" },
	{ BOOLEAN, "false", "false", "0" },
	SAME(NUMBER, "0"),
	SAME(NUMBER, "1"),
	SAME(NUMBER, "-1"),
	SAME(NUMBER, "2"),
	SAME(NUMBER, "2.5"),
	SAME(NUMBER, "2.0"),
	SAME(NUMBER, "-0.0"),
	SAME(NUMBER, "1e2"),
	SAME(NUMBER, "9007199254740992"),
	SAME(NUMBER, "9007199254740993"),
	SAME(NUMBER, "9007199254740992.0"),
	SAME(NUMBER, "9007199254740994.0"),
	SAME(NUMBER, "-9007199254740993"),
	SAME(NUMBER, "9223372036854775807"),
	{ NUMBER, "-9223372036854775808", "-9223372036854775808", "(-9223372036854775807 - 1)" },
	SAME(NUMBER, "9223372036854775808.0"),
	SAME(NUMBER, "1e300"),
	QUOTED(""),
	QUOTED("a"),
	QUOTED("ab"),
	QUOTED("abc"),
	QUOTED("b"),
	QUOTED("é"),
	QUOTED("1"),
	QUOTED("2024-05-01"),
	QUOTED("2024-05-01T10:00:00Z"),
	{ STRING, "\"\\u00e9t\\u00e9\"", "'\\u00e9t\\u00e9'", "'été'" },
	{ STRING, "\"q\\\"'\\n\"", "'q\"\\'\\n'", "('q\"''' || char(10))" },
	{ STRING, "\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"", "'😀'" },
	DATED("2024-05-01"),
	DATED("2024-05-01T10:00:00Z"),
	DATED("2024-05-01T10:00:00.125+02:00"),
	DATED("2024-02-29 23:59"),
	DATED("1969-12-31T23:59:59.5-01:30"),
};

/* What records hold besides. */
static const char *const others[] = {
	"[]", "{}", "[1,\"a\",{\"x\":1}]", "[2, 2.5,null]", "[9007199254740993]", "[\"2024-05-01T12:00:00+02:00\",true]",
	"18446744073709551615", "1e999", "-1e999", "1.0", "3", "12345678901", "\"2024-05-01T12:00:00+02:00\"", "\"2024-05-01T00:00Z\"",
	"\"2024-05-01 08:00:00.125\"", "\"2024-02-30\"", "\"2023-02-29T00:00\"", "\"2024-05\"", "\"now\"", "\"2460431.5\"",
	"\"10:00\"", "\"2024-05-01x\"", "\"2024-05-01T24:00\"", "\"1970-01-01T01:29:59.500+01:00\"", "\"zebra\"",
};

static void say_json(struct text *text, unsigned depth)
{
	static const char *const names[] = { "\"x\":", "\"y\" :", "\"1\":" };
	unsigned kind = pick(10), said = 0;

	if (depth > 0 && kind < 2) {
		say(text, kind == 0 ? "{" : "[");
		for (unsigned i = 0; i < 3; i++) {
			if (pick(2) == 0)
				continue;
			say(text, "%s%s", said++ > 0 ? "," : "", kind == 0 ? names[i] : "");
			say_json(text, depth - 1);
		}
		say(text, kind == 0 ? "}" : "]");
	} else if (kind < 5) {
		say(text, "%s", PICK(others));
	} else {
		const struct value *value = &PICK(values);
		while (value->kind == DATE)
			value = &PICK(values);
		say(text, "%s", value->json);
	}
}

static void say_metadata(struct text *text)
{
	static const char *const names[] = { "\"a\":", "\"b\":", "\"s\":", "\"1\":", "\"é f\":", "\"d.t\":" };

	say(text, "{");
	for (size_t i = 0, said = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (pick(3) == 0)
			continue;
		say(text, "%s%s", said++ > 0 ? ", " : "", names[i]);
		say_json(text, 2);
	}
	say(text, "}");
}

/* ---- fields ----------------------------------------------------------------------------------------------- */

/* One step of a path in SQL: a name leads into an object, a number into an array too. */
#define NAME(above, name) "(" above " -> '$.\"" name "\"')"
#define NUMBERED(above, n) \
	"(CASE json_type(" above ") WHEN 'array' THEN " above " -> '$[" n "]' WHEN 'object' THEN " above " -> '$.\"" n "\"' END)"
#define TOP(name) NAME("metadata", name)

static const struct field {
	const char *text;
	const char *json;
	const char *sql; /* the value's JSON, NULL when missing */
	unsigned own;    /* kinds that it takes, as bits; 0: of the metadata */
} fields[] = {
	{ "a", "a", TOP("a"), 0 },
	{ "b", "b", TOP("b"), 0 },
	{ "s", "s", TOP("s"), 0 },
	{ "s.x", "s.x", NAME(TOP("s"), "x"), 0 },
	{ "s.`y`", "s.`y`", NAME(TOP("s"), "y"), 0 },
	{ "s.x.y", "s.x.y", NAME(NAME(TOP("s"), "x"), "y"), 0 },
	{ "s.1", "s.1", NUMBERED(TOP("s"), "1"), 0 },
	{ "a.0", "a.0", NUMBERED(TOP("a"), "0"), 0 },
	{ "a.1.x", "a.1.x", NAME(NUMBERED(TOP("a"), "1"), "x"), 0 },
	{ "`1`", "1", TOP("1"), 0 },
	{ "`é f`", "\\u00e9 f", TOP("é f"), 0 },
	{ "`d.t`", "`d.t`", TOP("d.t"), 0 },
	{ "nowhere", "nowhere", TOP("nowhere"), 0 },
	{ "@id", "@id", "id", 1u << STRING },
	{ "@version", "@version", "version", 1u << NUMBER },
	{ "@created_at", "@created_at", "created_at", 1u << NUMBER | 1u << DATE },
};

/* ---- expressions ------------------------------------------------------------------------------------------ */

struct expression {
	struct text text;
	struct text json;
	struct text sql;
};

static const struct value *value_for(const struct field *field)
{
	const struct value *value = &PICK(values);
	while (field->own != 0 && (field->own & 1u << value->kind) == 0)
		value = &PICK(values);
	return value;
}

/* SQLite's dates, less what is no day of the calendar or no date at all to the language. */
static void say_instant(struct text *sql, const char *scalar)
{
	say(sql,
	    "(CASE WHEN %s GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND date(julianday(substr(%s, 1, 10))) ="
	    " substr(%s, 1, 10) AND %s NOT GLOB '*[T ]24:*' THEN julianday(%s) END)",
	    scalar, scalar, scalar, scalar, scalar);
}

/* A comparison of one scalar with a literal; type is its json_type as SQL. May be unknown (NULL). */
static void say_compare(struct text *sql, const char *type, const char *scalar, const char *op, const struct value *value)
{
	switch (value->kind) {
	case NUL: /* NULL equals NULL, and so is neither below nor above */
		say(sql, "(%s = 'null' AND 0 %s 0)", type, op);
		break;
	case BOOLEAN:
		say(sql, "(%s IN ('true', 'false') AND (%s = 'true') %s %s)", type, type, op, value->sql);
		break;
	case NUMBER:
		say(sql, "(%s IN ('integer', 'real') AND %s %s %s)", type, scalar, op, value->sql);
		break;
	case STRING:
		say(sql, "(%s = 'text' AND %s %s %s)", type, scalar, op, value->sql);
		break;
	case DATE:
		say(sql, "(%s = 'text' AND ", type);
		say_instant(sql, scalar);
		say(sql, " %s julianday(%s))", op, value->sql);
		break;
	}
}

/* The same of the field: of its own ones the kind is known. */
static void say_field_compare(struct text *sql, const struct field *field, const char *op, const struct value *value)
{
	char type[1024], scalar[1024];

	if (field->own != 0 && value->kind == DATE) {
		say(sql, "(%s %s (julianday(%s) - 2440587.5) * 86400000.0)", field->sql, op, value->sql);
	} else if (field->own != 0) {
		say(sql, "(%s %s %s)", field->sql, op, value->sql);
	} else {
		snprintf(type, sizeof(type), "json_type(%s)", field->sql);
		snprintf(scalar, sizeof(scalar), "json_extract(%s, '$')", field->sql);
		say_compare(sql, type, scalar, op, value);
	}
}

static void say_present(struct text *sql, const struct field *field)
{
	say(sql, field->own != 0 ? "1" : "json_type(%s) IS NOT NULL", field->sql);
}

static void say_comparison(struct expression *out, const struct field *field)
{
	static const char *const ops[][2] = { { "=", "$eq" }, { "!=", "$ne" }, { "<", "$lt" },
		                                  { "<=", "$lte" }, { ">", "$gt" }, { ">=", "$gte" } };
	const struct value *value = value_for(field);
	unsigned op = pick(6);

	say(&out->text, "%s %s %s", field->text, ops[op][0], value->text);
	if (op == 0 && pick(2) == 0)
		say(&out->json, "{\"%s\":%s}", field->json, value->json);
	else
		say(&out->json, "{\"%s\":{\"%s\":%s}}", field->json, ops[op][1], value->json);
	if (op == 1) { /* other kinds are unequal, too; what is missing is not */
		say(&out->sql, "(");
		say_present(&out->sql, field);
		say(&out->sql, " AND NOT coalesce(");
		say_field_compare(&out->sql, field, "=", value);
		say(&out->sql, ", 0))");
	} else {
		say(&out->sql, "coalesce(");
		say_field_compare(&out->sql, field, ops[op][0], value);
		say(&out->sql, ", 0)");
	}
}

static void say_list(struct expression *out, const struct field *field, bool not)
{
	unsigned count = pick(6);

	say(&out->text, "%s %s [", field->text, not? "NOT IN" : "in");
	say(&out->json, "{\"%s\":{\"%s\":[", field->json, not? "$nin" : "$in");
	say(&out->sql, "(");
	say_present(&out->sql, field);
	say(&out->sql, " AND %s (0", not? "NOT" : "");
	for (unsigned i = 0; i < count; i++) {
		const struct value *value = value_for(field);
		say(&out->text, "%s%s", i > 0 ? "," : "", value->text);
		say(&out->json, "%s%s", i > 0 ? "," : "", value->json);
		say(&out->sql, " OR coalesce(");
		say_field_compare(&out->sql, field, "=", value);
		say(&out->sql, ", 0)");
	}
	say(&out->text, "]");
	say(&out->json, "]}}");
	say(&out->sql, "))");
}

static void say_between(struct expression *out, const struct field *field)
{
	const struct value *low = value_for(field), *high = value_for(field);

	say(&out->text, "%s BETWEEN %s AND %s", field->text, low->text, high->text);
	say(&out->json, "{\"%s\":{\"$between\":[%s,%s]}}", field->json, low->json, high->json);
	say(&out->sql, "coalesce(");
	say_field_compare(&out->sql, field, ">=", low);
	say(&out->sql, " AND ");
	say_field_compare(&out->sql, field, "<=", high);
	say(&out->sql, ", 0)");
}

static void say_null(struct expression *out, const struct field *field)
{
	bool null = pick(2) == 0;

	say(&out->text, "%s IS %sNULL", field->text, null ? "" : "not ");
	say(&out->json, "{\"%s\":{\"$null\":%s}}", field->json, null ? "true" : "false");
	if (field->own != 0)
		say(&out->sql, null ? "0" : "1");
	else
		say(&out->sql, "(coalesce(json_type(%s), 'null') %s 'null')", field->sql, null ? "=" : "!=");
}

static void say_exists(struct expression *out, const struct field *field)
{
	bool there = pick(2) == 0;

	say(&out->text, there ? "(%s IS NOT NULL OR %s = NULL)" : "NOT (%s IS NOT NULL OR %s = NULL)", field->text, field->text);
	say(&out->json, "{\"%s\":{\"$exists\":%s}}", field->json, there ? "true" : "false");
	say(&out->sql, "(%s(", there ? "" : "NOT ");
	say_present(&out->sql, field);
	say(&out->sql, "))");
}

static void say_contains(struct expression *out, const struct field *field)
{
	const struct value *value = value_for(field);

	say(&out->text, "%s CONTAINS %s", field->text, value->text);
	say(&out->json, "{\"%s\":{\"$contains\":%s}}", field->json, value->json);
	if (field->own != 0) {
		say(&out->sql, "(instr(%s, %s) > 0)", field->sql, value->sql);
		return;
	}
	say(&out->sql, "(CASE json_type(%s) WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each(%s) AS e WHERE ", field->sql,
	    field->sql);
	say_compare(&out->sql, "e.type", "e.value", "=", value);
	say(&out->sql, ") WHEN 'text' THEN ");
	if (value->kind == STRING)
		say(&out->sql, "instr(json_extract(%s, '$'), %s) > 0", field->sql, value->sql);
	else
		say(&out->sql, "0");
	say(&out->sql, " ELSE 0 END)");
}

static void say_startswith(struct expression *out, const struct field *field)
{
	const struct value *value = &PICK(values);

	while (value->kind != STRING)
		value = &PICK(values);
	say(&out->text, "%s STARTSWITH %s", field->text, value->text);
	say(&out->json, "{\"%s\":{\"$startswith\":%s}}", field->json, value->json);
	if (field->own != 0)
		say(&out->sql, "(substr(id, 1, length(%s)) = %s)", value->sql, value->sql);
	else
		say(&out->sql, "(coalesce(json_type(%s), '') = 'text' AND substr(json_extract(%s, '$'), 1, length(%s)) = %s)", field->sql,
		    field->sql, value->sql, value->sql);
}

static void say_test(struct expression *out)
{
	const struct field *field = &PICK(fields);
	bool textual = field->own == 0 || field->own == 1u << STRING;

	switch (pick(12)) {
	case 0:
	case 1:
		say_list(out, field, pick(2) == 0);
		break;
	case 2:
		say_between(out, field);
		break;
	case 3:
		say_null(out, field);
		break;
	case 4:
		if (field->own == 0) {
			say_exists(out, field);
			break;
		}
		/* fall through */
	case 5:
	case 6:
		if (textual) {
			say_contains(out, field);
			break;
		}
		/* fall through */
	case 7:
		if (textual) {
			say_startswith(out, field);
			break;
		}
		/* fall through */
	default:
		say_comparison(out, field);
	}
}

static void say_tree(struct expression *out, unsigned depth)
{
	unsigned kind = depth == 0 ? 0 : pick(5);

	if (kind < 2) {
		say_test(out);
	} else if (kind == 2) {
		say(&out->text, "NOT (");
		say(&out->json, "{\"$not\":");
		say(&out->sql, "(NOT ");
		say_tree(out, depth - 1);
		say(&out->text, ")");
		say(&out->json, "}");
		say(&out->sql, ")");
	} else {
		say(&out->json, "{\"%s\":[", kind == 3 ? "$and" : "$or");
		for (unsigned i = 0, count = 2 + pick(2); i < count; i++) {
			const char *joint = i == 0 ? "" : kind == 3 ? " AND " : " OR ";
			say(&out->text, "%s(", joint);
			say(&out->sql, "%s(", i == 0 ? "(" : joint);
			say(&out->json, "%s", i == 0 ? "" : ",");
			say_tree(out, depth - 1);
			say(&out->text, ")");
			say(&out->sql, ")");
		}
		say(&out->json, "]}");
		say(&out->sql, ")");
	}
}

/* ---- asking ----------------------------------------------------------------------------------------------- */

struct world {
	struct fixture *fixture;
	sqlite3 *db;
};

static int copy_row(void *context, const struct vs_meta_row *row)
{
	sqlite3_stmt *insert = context;

	sqlite3_bind_int64(insert, 1, row->slot);
	sqlite3_bind_text(insert, 2, row->id, (int)row->id_len, SQLITE_TRANSIENT);
	sqlite3_bind_int64(insert, 3, row->version);
	sqlite3_bind_int64(insert, 4, row->created_at);
	sqlite3_bind_text(insert, 5, row->metadata, (int)row->metadata_len, SQLITE_TRANSIENT);
	assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
	sqlite3_reset(insert);
	return 0;
}

static void open_world(struct world *world, struct fixture *fixture)
{
	static struct text metadata[100];
	static char ids[100][16];
	static const float vector[] = { 1, 2 };
	struct vs_record_input records[100];
	struct vs_upsert_result result;
	struct vs_meta_state state;
	struct vs_error error;
	sqlite3_stmt *insert;

	for (uint32_t done = 0; done < RECORDS; done += 100) {
		for (uint32_t i = 0; i < 100; i++) {
			metadata[i].len = 0;
			say_metadata(&metadata[i]);
			snprintf(ids[i], sizeof(ids[i]), "%s%u", PICK(((const char *const[]){ "a", "b", "é" })), done + i);
			records[i] = (struct vs_record_input){ .id = ids[i],
				                                   .id_len = strlen(ids[i]),
				                                   .vector = vector,
				                                   .dimension = 2,
				                                   .metadata = metadata[i].data,
				                                   .metadata_len = metadata[i].len };
		}
		assert_ok(vs_namespace_upsert(fixture->ns, records, 100, NULL, &result, &error), error);
		if (done % 300 == 0) /* second versions */
			assert_ok(vs_namespace_upsert(fixture->ns, records, 50, NULL, &result, &error), error);
	}
	index_all(fixture);
	world->fixture = fixture;
	assert_int_equal(sqlite3_open(":memory:", &world->db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(world->db,
	                              "CREATE TABLE record (slot INTEGER PRIMARY KEY, id TEXT, version INTEGER,"
	                              " created_at INTEGER, metadata TEXT)",
	                              NULL, NULL, NULL),
	                 SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(world->db, "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5)", -1, &insert, NULL),
	                 SQLITE_OK);
	assert_ok(vs_namespace_begin(fixture->ns, &state, &error), error);
	assert_ok(vs_meta_scan(fixture->ns->generation.meta, 0, state.next_slot, copy_row, insert, &error), error);
	vs_namespace_end(fixture->ns);
	sqlite3_finalize(insert);
}

/* The accepted slots, by rows or by columns. */
static const struct vs_bitmap *ask(struct world *world, struct vs_matches *matches, const char *filter, bool columns)
{
	struct vs_generation *generation = &world->fixture->ns->generation;
	const struct vs_bitmap *bitmap;
	struct vs_meta_state state;
	struct vs_error error;

	assert_ok(vs_namespace_begin(world->fixture->ns, &state, &error), error);
	matches->columns = columns ? generation->columns : NULL;
	if (vs_matches_find(matches, generation->meta, &state, filter, &bitmap, &error) != 0)
		fail_msg("%s: %s", filter, error.text);
	vs_namespace_end(world->fixture->ns);
	return bitmap;
}

/* cmocka would cut it short. */
static void disagree(const struct expression *expression, sqlite3_stmt *select, const bool told[3])
{
	fprintf(stderr, "%s\n%s\n%s\nof %s (id %s): SQL says %d, rows %d, rows by JSON %d, columns %d\n", expression->text.data,
	        expression->json.data, expression->sql.data, sqlite3_column_text(select, 2), sqlite3_column_text(select, 3),
	        sqlite3_column_int(select, 1), told[0], told[1], told[2]);
	fail();
}

static void compare_all(struct world *world, const struct expression *expression)
{
	struct vs_matches by[3] = { { .uses = 0 }, { .uses = 0 }, { .uses = 0 } };
	const struct vs_bitmap *rows = ask(world, &by[0], expression->text.data, false);
	const struct vs_bitmap *json = ask(world, &by[1], expression->json.data, false);
	const struct vs_bitmap *columns = ask(world, &by[2], expression->text.data, true);
	static struct text query;
	sqlite3_stmt *select;
	size_t seen = 0;

	query.len = 0;
	say(&query, "SELECT slot, %s, metadata, id FROM record", expression->sql.data);
	if (sqlite3_prepare_v2(world->db, query.data, -1, &select, NULL) != SQLITE_OK)
		fail_msg("%s: %s", query.data, sqlite3_errmsg(world->db));
	while (sqlite3_step(select) == SQLITE_ROW) {
		uint32_t slot = (uint32_t)sqlite3_column_int64(select, 0);
		bool sql = sqlite3_column_int(select, 1) != 0;
		bool told[3] = { vs_bitmap_test(rows, slot), vs_bitmap_test(json, slot), vs_bitmap_test(columns, slot) };
		if (sqlite3_column_type(select, 1) == SQLITE_NULL || told[0] != sql || told[1] != sql || told[2] != sql)
			disagree(expression, select, told);
		seen++;
	}
	sqlite3_finalize(select);
	assert_int_equal(seen, RECORDS);
	for (size_t i = 0; i < 3; i++)
		vs_matches_release(&by[i]);
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);
	return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static void filters_mean_what_sql_says(void **state)
{
	static struct expression expression;
	unsigned long rounds = setting("VECSTORE_FILTER_ROUNDS", 120);
	struct world world;

	seed = setting("VECSTORE_FILTER_SEED", 1);
	open_world(&world, *state);
	for (unsigned long round = 0; round < rounds; round++) {
		expression.text.len = expression.json.len = expression.sql.len = 0;
		say_tree(&expression, pick(4));
		compare_all(&world, &expression);
	}
	print_message("%lu filters of %d records\n", rounds, RECORDS);
	sqlite3_close(world.db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filters_mean_what_sql_says, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("filter_sql", tests, NULL, NULL);
}

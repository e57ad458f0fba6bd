/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and columns of CSV, and pieces of JSON as they stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "programs/cli/csv.h"
#include "programs/cli/json_raw.h"

/* Splits into the fields joined by '|', quoted ones in '<>'; or the error's text. The row ends at its memory's end, so that
 * a sanitizer sees who looks past it. */
static const char *split(const char *row, char *out, size_t cap)
{
	struct vs_csv_field fields[8];
	struct vs_error error;
	size_t len = strlen(row), n = 0;
	char *text = malloc(len + 1);
	assert_non_null(text);
	memcpy(text, row, len);
	int count = vs_csv_split(text, len, ',', fields, 8, &error);
	out[0] = '\0';
	for (int i = 0; i < count && i < 8; i++) {
		assert_int_equal(strlen(fields[i].text), fields[i].len);
		n += (size_t)snprintf(out + n, cap - n, fields[i].quoted ? "%s<%s>" : "%s%s", i ? "|" : "", fields[i].text);
	}
	if (count < 0)
		snprintf(out, cap, "%s", error.text);
	free(text);
	return out;
}

static void rows(void **state)
{
	static const struct {
		const char *row, *fields;
	} cases[] = {
		{ "", "" },
		{ "a", "a" },
		{ ",", "|" },
		{ "a,b,c", "a|b|c" },
		{ "a,,", "a||" },
		{ " a , b ", " a | b " },
		{ "\"\"", "<>" },
		{ "\"a\",\"b\"", "<a>|<b>" },
		{ "\"a,b\",c", "<a,b>|c" },
		{ "\"a\"\"b\"", "<a\"b>" },
		{ "\"\"\"\"", "<\">" },
		{ "\"\"\"a\"\"\",\"\"", "<\"a\">|<>" },
		{ "\"a\r\nb\",c", "<a\r\nb>|c" },
		{ "a\"b", "row, position 1: a double quote within a field that has none around it" },
		{ "a,b\"c\"", "row, position 3: a double quote within a field that has none around it" },
		{ "\"a\"b", "row, position 3: text after a field's closing quote" },
		{ "\"a\" ,b", "row, position 3: text after a field's closing quote" },
		{ "a,\"b", "row, position 2: a double quote is never closed" },
		{ "\"", "row, position 0: a double quote is never closed" },
		{ "\"a\"\"", "row, position 0: a double quote is never closed" },
		{ "1,2,3,4,5,6,7,8,9,10", "1|2|3|4|5|6|7|8" },
	};
	char out[400];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(split(cases[i].row, out, sizeof out), cases[i].fields);
	char many[] = "1,2,3,4,5,6,7,8,9,10";
	assert_int_equal(vs_csv_split(many, sizeof many - 1, ',', NULL, 0, NULL), 10);
}

static void numbers(void **state)
{
	static const char *const good[] = { "0", "-0", "7", "10", "-1.5", "0.25", "1e5", "1E-5", "2.5e+10", "123456789012345678901" };
	static const char *const bad[] = { "",   "-",  "+1", "01", "1.", ".5", "1e", "1e+", "0x1", " 1",
		                               "1 ", "--1", "1.2.3", "1e5.5", "nan", "Infinity", "1,5", "1-" };
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(vs_csv_is_number(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(vs_csv_is_number(bad[i], strlen(bad[i])));
}

/* The types of the columns, a letter each (with the number in the vector), or the error's text. */
static const char *open_columns(const char *header, const char *spec, bool needs_id, char *out, size_t cap)
{
	static const char letters[] = "anbtjm-ivfed";
	struct vs_csv_columns columns;
	struct vs_error error;
	char text[200];
	size_t n = 0;
	snprintf(text, sizeof text, "%s", header);
	if (vs_csv_columns_open(&columns, text, strlen(text), ',', spec, needs_id, &error)) {
		snprintf(out, cap, "%s", error.text);
		return out;
	}
	for (size_t i = 0; i < columns.count; i++) {
		out[n++] = letters[columns.columns[i].type];
		if (columns.columns[i].element >= 0)
			n += (size_t)snprintf(out + n, cap - n, "%d", (int)columns.columns[i].element);
	}
	out[n] = '\0';
	vs_csv_columns_close(&columns);
	return out;
}

static void columns(void **state)
{
	static const struct {
		const char *header, *spec, *types; /* or a part of the error's text */
		bool needs_id;
	} cases[] = {
		{ "id,vector", NULL, "iv", true },
		{ "n,vector,\"id\",metadata,deleted", NULL, "avima", true },
		{ "v1,id,v0,v2", NULL, "v1iv0v2", true },
		{ "id,vector,v0", NULL, "iva", true },
		{ "id,vector", NULL, "av", false },
		{ "k,e,n", "k:id,e:vector,n:number", "ivn", true },
		{ "k,e_1_x,e_0_x,e_x,e_00_x", "k:id,e_*_x:vector", "iv1v0aa", true },
		{ "id,vector,a:b,", "a:b:text,:skip", "ivt-", true },
		{ "id,vector,x", "x:deleted", "ivd", true },
		{ "id,vector,text,@text", NULL, "ivaf", true },
		{ "id,vector,@text,body", "body:fulltext", "ivaf", true },
		{ "id,vector,a,b", "a:fulltext,b:fulltext", "several columns are the fulltext", true },
		{ "id,vector,expires_at,@expires_at", NULL, "ivae", true },
		{ "id,vector,@expires_at,x", "x:expires_at", "ivae", true },
		{ "id,vector,x,y", "x:expires_at,y:expires_at", "several columns are the expires_at", true },
		{ "id,vector", "id:", "is no NAME:TYPE", true },
		{ "id,vector", "id", "is no NAME:TYPE", true },
		{ "id,vector", "id:id,", "is no NAME:TYPE", true },
		{ "id,vector", "x*:vector", "no column 'x*'", true },
		{ "id,vector,a,b", "a:id,b:id", "several columns are the id", true },
		{ "id,vector,b", "b:vector,vector:vector", "several columns are the vector", true },
		{ "id,v0,v1,v3", NULL, "'v3'", true },
		{ "id,v0,v99999999", NULL, "iv0a", true },
		{ "id,vector", "id:id", "not from both", false },
	};
	char out[400];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		open_columns(cases[i].header, cases[i].spec, cases[i].needs_id, out, sizeof out);
		if (!strstr(out, cases[i].types))
			fail_msg("case %zu: '%s' does not hold '%s'", i, out, cases[i].types);
	}
}

static void raw_json(void **state)
{
	static const char text[] =
	    " { \"a\" : [1, {\"metadata\": 2}, \"]\"] ,\"b\\\"\":{ \"x\" : \"} ,\\\\\" , \"y\":[ ] },\"metadata\": 1.50 \n}";
	static const struct {
		const char *name, *value;
	} cases[] = {
		{ "\"a\"", "[1, {\"metadata\": 2}, \"]\"]" },
		{ "\"b\\\"\"", "{ \"x\" : \"} ,\\\\\" , \"y\":[ ] }" },
		{ "\"metadata\"", "1.50" },
		{ "\"c\"", NULL },
	};
	char out[sizeof text];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *value;
		size_t len;
		bool found = vs_json_member(text, sizeof text - 1, cases[i].name, &value, &len);
		assert_int_equal(found, cases[i].value != NULL);
		if (found) {
			assert_int_equal(len, strlen(cases[i].value));
			assert_memory_equal(value, cases[i].value, len);
		}
	}
	out[vs_json_compact(out, text, sizeof text - 1)] = '\0';
	assert_string_equal(out, "{\"a\":[1,{\"metadata\":2},\"]\"],\"b\\\"\":{\"x\":\"} ,\\\\\",\"y\":[]},\"metadata\":1.50}");
	const char *value;
	size_t len;
	assert_false(vs_json_member("{}", 2, "\"a\"", &value, &len));
	assert_false(vs_json_member("{ }", 3, "\"a\"", &value, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(numbers),
		cmocka_unit_test(columns),
		cmocka_unit_test(raw_json),
	};
	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}

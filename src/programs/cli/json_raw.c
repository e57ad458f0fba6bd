/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/json_raw.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Past the string whose opening quote is at i. */
static size_t skip_string(const char *text, size_t len, size_t i)
{
	for (i++; i < len && text[i] != '"'; i++)
		i += text[i] == '\\';
	return i < len ? i + 1 : len;
}

/* Past the value that starts at i: to the comma or bracket after it. */
static size_t skip_value(const char *text, size_t len, size_t i)
{
	unsigned depth = 0;
	while (i < len) {
		char c = text[i];
		if (c == '"') {
			i = skip_string(text, len, i);
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			break;
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		i++;
	}
	return i;
}

static size_t skip_blanks(const char *text, size_t len, size_t i)
{
	while (i < len && is_blank(text[i]))
		i++;
	return i;
}

bool vs_json_member(const char *text, size_t len, const char *name, const char **value, size_t *value_len)
{
	size_t name_len = strlen(name);
	size_t i = skip_blanks(text, len, 0) + 1; /* past the brace */
	while ((i = skip_blanks(text, len, i)) < len && text[i] == '"') {
		size_t key = i, key_end = skip_string(text, len, i);
		i = skip_blanks(text, len, skip_blanks(text, len, key_end) + 1);
		size_t from = i, to = i = skip_value(text, len, i);
		if (key_end - key == name_len && memcmp(text + key, name, name_len) == 0) {
			while (to > from && is_blank(text[to - 1]))
				to--;
			*value = text + from;
			*value_len = to - from;
			return to > from;
		}
		i += i < len && text[i] == ',';
	}
	return false;
}

size_t vs_json_compact(char *out, const char *text, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len;) {
		if (text[i] == '"') {
			size_t end = skip_string(text, len, i);
			memcpy(out + n, text + i, end - i);
			n += end - i;
			i = end;
		} else {
			out[n] = text[i];
			n += !is_blank(text[i++]);
		}
	}
	return n;
}

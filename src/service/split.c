/* SPDX-License-Identifier: Apache-2.0 */
#include "service/split.h"

#include <string.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(const char *text, size_t i, size_t len)
{
	while (i < len && is_space(text[i]))
		i++;
	return i;
}

/* From the opening quote at i to past the closing one; len when there is none. */
static size_t skip_string(const char *text, size_t i, size_t len)
{
	for (i++; i < len; i++) {
		if (text[i] == '\\')
			i++;
		else if (text[i] == '"')
			return i + 1;
	}
	return len;
}

/* The first comma or closing bracket at or after i that is not within a string or brackets; len when there is none. */
static size_t skip_value(const char *text, size_t i, size_t len)
{
	size_t depth = 0;
	while (i < len) {
		switch (text[i]) {
		case '"':
			i = skip_string(text, i, len);
			continue;
		case '[':
		case '{':
			depth++;
			break;
		case ']':
		case '}':
			if (depth-- == 0)
				return i;
			break;
		case ',':
			if (depth == 0)
				return i;
			break;
		default:
			break;
		}
		i++;
	}
	return len;
}

bool vs_split_find(struct vs_split *split, const char *text, size_t len, const char *name)
{
	size_t name_len = strlen(name);
	size_t i = skip_space(text, 0, len);
	*split = (struct vs_split){ .text = text };
	if (i == len || text[i] != '{')
		return false;
	do {
		size_t key = skip_space(text, i + 1, len);
		if (key == len || text[key] != '"')
			return false;
		size_t key_end = skip_string(text, key, len);
		size_t colon = skip_space(text, key_end, len);
		if (colon == len || text[colon] != ':')
			return false;
		size_t value = skip_space(text, colon + 1, len);
		i = skip_value(text, value, len);
		if (i == len)
			return false;
		if (key_end - key != name_len + 2 || memcmp(text + key + 1, name, name_len) != 0)
			continue;
		if (split->to > 0 || text[value] != '[')
			return false;
		size_t end = i;
		while (is_space(text[end - 1]))
			end--;
		if (end - value < 2 || text[end - 1] != ']')
			return false;
		split->from = value;
		split->to = end;
		split->next = value + 1;
	} while (text[i] == ',');
	return split->to > 0;
}

bool vs_split_next(struct vs_split *split, size_t *from, size_t *to)
{
	size_t last = split->to - 1; /* the closing bracket */
	if (split->next > last)
		return false;
	*from = split->next;
	*to = skip_value(split->text, *from, last);
	split->next = *to + 1;
	/* Nothing between the brackets is no element; nothing after a comma is a fault that the parser reports. */
	return *from != split->from + 1 || *to != last || skip_space(split->text, *from, last) != last;
}

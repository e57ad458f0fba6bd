/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

#define HELP_INDENT 22 /* columns before a flag's help */
#define HELP_WIDTH 79

static const struct vs_flag_row rows[] = {
#define VS_FLAG(id, name, argument, kind, low, high, fallback, scope, help)                                            \
	[VS_FLAG_##id] = { name, argument, VS_KIND_##kind, low, high, fallback, VS_SCOPE_##scope, help },
#define VS_COMMAND(...)
#include "programs/cli/commands.tbl"
#undef VS_FLAG
#undef VS_COMMAND
};

static const struct vs_command commands[] = {
#define VS_FLAG(...)
#define VS_COMMAND(name, operands, least, most, summary, ...)                                                          \
	{ #name, operands, least, most, summary, vs_command_##name, { __VA_ARGS__, VS_FLAGS } },
#include "programs/cli/commands.tbl"
#undef VS_FLAG
#undef VS_COMMAND
};

#define COMMANDS (sizeof commands / sizeof commands[0])

const struct vs_flag_row *vs_flag_get(enum vs_flag flag)
{
	return &rows[flag];
}

const struct vs_command *vs_command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* ---- values ----------------------------------------------------------------------------------------------- */

bool vs_flag_read_switch(const char *text, bool *on)
{
	static const char *const words[] = { "0", "1", "false", "true", "no", "yes", "off", "on" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*on = i % 2 == 1;
			return true;
		}
	}
	return false;
}

static bool is_count(const struct vs_flag_row *row, const char *value)
{
	char *end;
	errno = 0;
	long n = strtol(value, &end, 10);
	return errno == 0 && end != value && !*end && value[0] >= '0' && value[0] <= '9' && n >= row->low && n <= row->high;
}

/* True when word stands in list ("a|b|c"). */
static bool is_word(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = list; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
		if (len > 0 && strncmp(p, word, len) == 0 && (p[len] == '|' || p[len] == '\0'))
			return true;
	return false;
}

int vs_flag_check(enum vs_flag flag, const char *value, const char *origin, struct vs_error *error)
{
	const struct vs_flag_row *row = vs_flag_get(flag);
	enum vs_metric metric;
	bool on;
	switch (row->kind) {
	case VS_KIND_COUNT:
		if (!is_count(row, value))
			return vs_error_set(error, VS_EINVAL, "%s: '%s' is no number from %ld to %ld", origin, value, row->low,
			                    row->high);
		return 0;
	case VS_KIND_WORD:
		if (!is_word(row->argument, value))
			return vs_error_set(error, VS_EINVAL, "%s: '%s' is none of %s", origin, value, row->argument);
		return 0;
	case VS_KIND_METRIC:
		if (!vs_metric_find(value, &metric))
			return vs_error_set(error, VS_EINVAL, "%s: '%s' is no metric, such as cosine or euclidean", origin, value);
		return 0;
	case VS_KIND_SWITCH:
		if (!vs_flag_read_switch(value, &on))
			return vs_error_set(error, VS_EINVAL, "%s: '%s' is neither yes nor no", origin, value);
		return 0;
	default:
		if (!*value)
			return vs_error_set(error, VS_EINVAL, "%s: the value is empty", origin);
		return 0;
	}
}

/* ---- help ------------------------------------------------------------------------------------------------- */

/* What is printed takes so many columns: characters of UTF-8. */
static int width_of(const char *text, int len)
{
	int width = 0;
	for (int i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

/* Prints text from the given column on, wrapped and indented. */
static void print_wrapped(FILE *out, const char *text, int column)
{
	if (column >= HELP_INDENT) {
		fputc('\n', out);
		column = 0;
	}
	fprintf(out, "%*s", HELP_INDENT - column, "");
	column = HELP_INDENT;
	while (*text) {
		int len = (int)strcspn(text, " ");
		bool first = column == HELP_INDENT;
		int width = width_of(text, len);
		if (!first && column + 1 + width > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
			first = true;
		}
		fprintf(out, "%s%.*s", first ? "" : " ", len, text);
		column += width + !first;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

void vs_args_print_commands(FILE *out)
{
	fputs("usage: vecstore COMMAND [flags]\n\nA vector database. Commands:\n", out);
	for (size_t i = 0; i < COMMANDS; i++) {
		int column = fprintf(out, "  %s", commands[i].name);
		print_wrapped(out, commands[i].summary, column);
	}
	fputs("\n`vecstore COMMAND --help` lists a command's flags; `man vecstore` says more.\n", out);
}

void vs_args_print_help(FILE *out, const struct vs_command *command)
{
	fprintf(out, "usage: vecstore %s%s%s%s\n\n%s\n\n", command->name, command->flags[0] == VS_FLAGS ? "" : " [flags]",
	        *command->operands ? " " : "", command->operands, command->summary);
	for (const enum vs_flag *f = command->flags; *f != VS_FLAGS; f++) {
		const struct vs_flag_row *row = vs_flag_get(*f);
		const char *argument = row->argument ? row->argument : "";
		char help[400];
		int bytes = fprintf(out, "  --%s%s%s", row->name, *argument ? " " : "", argument);
		int len = (int)strlen(argument);
		snprintf(help, sizeof help, row->fallback ? "%s (default: %s)" : "%s", row->help, row->fallback);
		print_wrapped(out, help, bytes - len + width_of(argument, len));
	}
	print_wrapped(out, "print this", fprintf(out, "  --help"));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/args.h"

#include <ctype.h>
#include <getopt.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "programs/cli/flags.h"

#define NAME_CAP 64 /* of an environment variable's name */

/* Turns "run-dir" to "VECSTORE_RUN_DIR". */
static const char *variable_name(const struct vs_flag_row *row, char *name)
{
	size_t n = (size_t)snprintf(name, NAME_CAP, "VECSTORE_%s", row->name);
	for (size_t i = strlen("VECSTORE_"); i < n; i++)
		name[i] = row->name[i - 9] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
	return name;
}

static bool has_flag(const struct vs_command *command, enum vs_flag flag)
{
	for (const enum vs_flag *f = command->flags; *f != VS_FLAGS; f++)
		if (*f == flag)
			return true;
	return false;
}

static int parse_flags(struct vs_args *args, int argc, char **argv, bool *help, struct vs_error *error)
{
	struct option options[VS_COMMAND_FLAGS + 2] = { { "help", no_argument, NULL, 'h' } };
	size_t n = 1;
	for (const enum vs_flag *f = args->command->flags; *f != VS_FLAGS; f++, n++) {
		const struct vs_flag_row *row = vs_flag_get(*f);
		options[n].name = row->name;
		options[n].has_arg = row->kind == VS_KIND_SWITCH ? no_argument : required_argument;
		options[n].val = 256 + (int)*f;
	}
	opterr = 0;
	optind = 0; /* GNU: start anew */
	for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
		if (c == 'h') {
			*help = true;
		} else if (c == ':') {
			return vs_error_set(error, VS_EINVAL, "%s needs a value", argv[optind - 1]);
		} else if (c == '?') {
			return vs_error_set(error, VS_EINVAL, "unknown flag %s; see: vecstore %s --help", argv[optind - 1],
			                    args->command->name);
		} else {
			enum vs_flag flag = (enum vs_flag)(c - 256);
			const char *value = optarg ? optarg : "1";
			char origin[NAME_CAP];
			snprintf(origin, sizeof origin, "--%s", vs_flag_get(flag)->name);
			int rc = vs_flag_check(flag, value, origin, error);
			if (rc)
				return rc;
			args->flags[flag] = value;
		}
	}
	args->operands = argv + optind;
	args->operand_count = argc - optind;
	return 0;
}

static int read_environment(struct vs_args *args, struct vs_error *error)
{
	for (const enum vs_flag *f = args->command->flags; *f != VS_FLAGS; f++) {
		char name[NAME_CAP];
		const struct vs_flag_row *row = vs_flag_get(*f);
		const char *value = row->scope == VS_SCOPE_SETTING ? getenv(variable_name(row, name)) : NULL;
		if (!value || !*value)
			continue;
		int rc = vs_flag_check(*f, value, name, error);
		if (rc)
			return rc;
		args->environment[*f] = value;
	}
	return 0;
}

int vs_args_parse(struct vs_args *args, const struct vs_command *command, int argc, char **argv, bool *help,
                  struct vs_error *error)
{
	memset(args, 0, sizeof *args);
	args->command = command;
	*help = false;
	int rc = parse_flags(args, argc, argv, help, error);
	if (rc || *help)
		return rc;
	if (args->operand_count > command->most)
		return vs_error_set(error, VS_EINVAL, "unexpected argument '%s'; see: vecstore %s --help",
		                    args->operands[command->most], command->name);
	if (args->operand_count < command->least)
		return vs_error_set(error, VS_EINVAL, "%s needs %s; see: vecstore %s --help", command->name, command->operands,
		                    command->name);
	return read_environment(args, error);
}

/* ---- the configuration file ------------------------------------------------------------------------------- */

struct reading {
	char *values[VS_FLAGS];
	struct vs_error fault; /* the first; code VS_OK: none */
};

/* inih goes on after a fault and returns the line of the first, so only that one is kept. */
static int on_pair(void *context, const char *section, const char *name, const char *value)
{
	struct reading *reading = context;
	if (reading->fault.code != VS_OK)
		return 0;
	if (*section) {
		vs_error_set(&reading->fault, VS_EINVAL, "there are no sections, so [%s] means nothing", section);
		return 0;
	}
	for (int i = 0; i < VS_FLAGS; i++) {
		const struct vs_flag_row *row = vs_flag_get((enum vs_flag)i);
		if (row->scope != VS_SCOPE_SETTING || strcmp(row->name, name) != 0)
			continue;
		if (reading->values[i])
			vs_error_set(&reading->fault, VS_EINVAL, "'%s' is set twice", name);
		else if (vs_flag_check((enum vs_flag)i, value, name, &reading->fault) == 0 &&
		         !(reading->values[i] = strdup(value)))
			vs_error_set(&reading->fault, VS_ENOMEM, "out of memory");
		return reading->fault.code == VS_OK;
	}
	vs_error_set(&reading->fault, VS_EINVAL, "unknown key '%s'", name);
	return 0;
}

static int read_file(struct reading *reading, const char *path, struct vs_error *error)
{
	int line = ini_parse(path, on_pair, reading);
	if (line == 0)
		return 0;
	if (line < 0)
		return vs_error_set(error, VS_EIO, "%s cannot be read", path);
	const char *text = reading->fault.code == VS_OK ? "this is not 'key = value'" : reading->fault.text;
	return vs_error_set(error, VS_EINVAL, "%s:%d: %s", path, line, text);
}

int vs_args_load(struct vs_args *args, struct vs_error *error)
{
	const char *path = args->flags[VS_FLAG_CONFIG];
	if (!has_flag(args->command, VS_FLAG_CONFIG))
		return 0;
	if (!path)
		path = getenv("VECSTORE_CONFIG");
	if (!path || !*path) {
		path = VS_ARGS_CONFIG;
		if (!vs_file_exists(path))
			return 0;
	}
	struct reading reading = { .fault = { .code = VS_OK } };
	int rc = read_file(&reading, path, error);
	for (int i = 0; i < VS_FLAGS; i++) {
		char *drop = rc ? reading.values[i] : args->file[i];
		if (!rc)
			args->file[i] = reading.values[i];
		free(drop);
	}
	return rc;
}

void vs_args_release(struct vs_args *args)
{
	for (int i = 0; i < VS_FLAGS; i++)
		free(args->file[i]);
	memset(args, 0, sizeof *args);
}

/* ---- what won --------------------------------------------------------------------------------------------- */

const char *vs_args_text(const struct vs_args *args, enum vs_flag flag)
{
	if (args->flags[flag])
		return args->flags[flag];
	if (args->environment[flag])
		return args->environment[flag];
	return args->file[flag] ? args->file[flag] : vs_flag_get(flag)->fallback;
}

long vs_args_count(const struct vs_args *args, enum vs_flag flag)
{
	const char *text = vs_args_text(args, flag);
	return text ? strtol(text, NULL, 10) : 0;
}

bool vs_args_switch(const struct vs_args *args, enum vs_flag flag)
{
	bool on = false;
	const char *text = vs_args_text(args, flag);
	return text && vs_flag_read_switch(text, &on) && on;
}

enum vs_metric vs_args_metric(const struct vs_args *args)
{
	enum vs_metric metric = VS_COSINE;
	vs_metric_find(vs_args_text(args, VS_FLAG_METRIC), &metric);
	return metric;
}

enum vs_quantization vs_args_quantization(const struct vs_args *args)
{
	enum vs_quantization quantization = VS_QUANTIZATION_INT8;
	vs_quantization_find(vs_args_text(args, VS_FLAG_QUANTIZATION), &quantization);
	return quantization;
}

enum vs_tokenizer vs_args_tokenizer(const struct vs_args *args)
{
	enum vs_tokenizer tokenizer = VS_TOKENIZER_UNICODE61;
	vs_tokenizer_find(vs_args_text(args, VS_FLAG_TOKENIZER), &tokenizer);
	return tokenizer;
}

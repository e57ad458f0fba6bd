/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/args: what the user asked for, as commands.tbl describes it. A flag beats the environment (VECSTORE_NAME),
 * which beats the configuration file, which beats the fallback.
 */
#ifndef VS_CLI_ARGS_H
#define VS_CLI_ARGS_H

#include <stdbool.h>
#include <stdio.h>

#include "math/metric.h"
#include "math/quantization.h"
#include "store/tokenizer.h"

struct vs_error;
struct vs_args;

enum vs_flag {
#define VS_FLAG(id, ...) VS_FLAG_##id,
#define VS_COMMAND(...)
#include "programs/cli/commands.tbl"
#undef VS_FLAG
#undef VS_COMMAND
	VS_FLAGS
};

#define VS_COMMAND_FLAGS 32

struct vs_command {
	const char *name;
	const char *operands; /* for the usage line */
	int least, most;      /* how many operands */
	const char *summary;
	int (*run)(struct vs_args *args);     /* returns the exit status */
	enum vs_flag flags[VS_COMMAND_FLAGS]; /* ends with VS_FLAGS */
};

struct vs_args {
	const struct vs_command *command;
	char **operands;
	int operand_count;
	const char *flags[VS_FLAGS];       /* of argv; NULL: not given */
	const char *environment[VS_FLAGS]; /* of the environment; NULL: not set */
	char *file[VS_FLAGS];              /* own memory, from the configuration file; NULL: not set */
};

#define VS_ARGS_CONFIG "/etc/vecstore/vecstore.conf"

/* NULL when there is no such command. */
const struct vs_command *vs_command_find(const char *name);

/* Fills *args from argv (argv[0] is the command's name) and the environment. VS_EINVAL names the flag or variable.
 * *help: --help was among the flags, and nothing else counts. */
int vs_args_parse(struct vs_args *args, const struct vs_command *command, int argc, char **argv, bool *help,
                  struct vs_error *error);
/* Reads the configuration file: --config, VECSTORE_CONFIG, or VS_ARGS_CONFIG if it exists. Called again, replaces what
 * was read before; on failure, keeps it. VS_EINVAL names file and line. */
int vs_args_load(struct vs_args *args, struct vs_error *error);
void vs_args_release(struct vs_args *args);

/* The value that wins, the fallback included; NULL when there is none. Valid until the next vs_args_load. */
const char *vs_args_text(const struct vs_args *args, enum vs_flag flag);
long vs_args_count(const struct vs_args *args, enum vs_flag flag); /* 0 when there is no value */
bool vs_args_switch(const struct vs_args *args, enum vs_flag flag);
enum vs_metric vs_args_metric(const struct vs_args *args);
enum vs_quantization vs_args_quantization(const struct vs_args *args);
enum vs_tokenizer vs_args_tokenizer(const struct vs_args *args);

/* Text of `vecstore --help` and `vecstore COMMAND --help`. */
void vs_args_print_commands(FILE *out);
void vs_args_print_help(FILE *out, const struct vs_command *command);

#define VS_FLAG(...)
#define VS_COMMAND(name, ...) int vs_command_##name(struct vs_args *args);
#include "programs/cli/commands.tbl"
#undef VS_FLAG
#undef VS_COMMAND

#endif

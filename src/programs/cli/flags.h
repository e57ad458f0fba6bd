/* SPDX-License-Identifier: Apache-2.0 */
/* cli/flags: the rows of commands.tbl as data. */
#ifndef VS_CLI_FLAGS_H
#define VS_CLI_FLAGS_H

#include <stdbool.h>

#include "programs/cli/args.h"

enum vs_flag_kind { VS_KIND_TEXT, VS_KIND_COUNT, VS_KIND_SWITCH, VS_KIND_WORD, VS_KIND_METRIC };
enum vs_flag_scope { VS_SCOPE_SETTING, VS_SCOPE_ONLY_FLAG };

struct vs_flag_row {
	const char *name;
	const char *argument; /* NULL: a switch */
	enum vs_flag_kind kind;
	long low, high;       /* of a COUNT */
	const char *fallback; /* NULL: none */
	enum vs_flag_scope scope;
	const char *help;
};

const struct vs_flag_row *vs_flag_get(enum vs_flag flag);

/* VS_EINVAL, beginning with origin ("--workers", "VECSTORE_WORKERS", …), unless value suits the flag. */
int vs_flag_check(enum vs_flag flag, const char *value, const char *origin, struct vs_error *error);

/* 1, true, yes, on; 0, false, no, off. False when text is none of them. */
bool vs_flag_read_switch(const char *text, bool *on);

#endif

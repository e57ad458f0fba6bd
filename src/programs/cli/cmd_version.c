/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>
#include <stdio.h>

#include "engine/vecstore.h"
#include "programs/cli/args.h"

int vs_command_version(struct vs_args *args)
{
	(void)args;
	printf("vecstore %s, SIMD %s, SQLite %s\n", vs_version(), vs_simd(), sqlite3_libversion());
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* cli/local: what the commands about credentials share. */
#ifndef VS_CLI_LOCAL_H
#define VS_CLI_LOCAL_H

#include "store/audit.h"
#include "store/keys.h"

struct vs_args;

/* From --role, --namespace and --filter. */
int vs_local_grant(const struct vs_args *args, struct vs_grant *grant, struct vs_error *error);
/* An event of the command line, whose user is written to actor[32]. */
struct vs_audit_event vs_local_event(const char *action, char *actor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* cli/local: what commands that administer share: whom a credential is for, default quotas, and what the audit trail is told. */
#ifndef VS_CLI_LOCAL_H
#define VS_CLI_LOCAL_H

#include "store/audit_event.h"
#include "store/keys.h"

struct vs_args;
struct vs_namespace_options;
struct vs_quota;
struct vs_store;

/* From --role, --namespace and --filter. */
int vs_local_grant(const struct vs_args *args, struct vs_grant *grant, struct vs_error *error);
/* From --default-quota, for vs_store_set_quota. */
int vs_local_quota(const struct vs_args *args, struct vs_quota *quota, struct vs_error *error);
/* An event of the command line, whose user is written to actor[32]. */
struct vs_audit_event vs_local_event(const char *action, char *actor);

/* Work on files, which no commit of the catalogue can hold: the event is recorded as "begun" before it, and with what came of it
 * afterwards. Without the first it must not be done; without the second it was done all the same, and stderr is told. */
int vs_local_begin(struct vs_store *store, const struct vs_audit_event *event, struct vs_error *error);
/* rc: what the work returned; above 0: it was stopped. */
void vs_local_end(struct vs_store *store, const struct vs_audit_event *event, int rc);
/* Makes the event's namespace, if it is missing, with an event of its own. */
int vs_local_make(struct vs_store *store, const struct vs_namespace_options *options, const struct vs_audit_event *event,
                  struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/local.h"

#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"

int vs_local_quota(const struct vs_args *args, struct vs_quota *quota, struct vs_error *error)
{
	const char *text = vs_args_text(args, VS_FLAG_DEFAULT_QUOTA);
	*quota = vs_quota_none();
	return text ? vs_quota_parse(text, quota, error) : 0;
}

struct vs_audit_event vs_local_event(const char *action, char *actor)
{
	snprintf(actor, 32, "local:%u", (unsigned)getuid());
	return (struct vs_audit_event){ .actor = actor, .action = action, .origin = "local", .result = "ok" };
}

int vs_local_begin(struct vs_store *store, const struct vs_audit_event *event, struct vs_error *error)
{
	struct vs_audit_event begun = *event;
	begun.result = "begun";
	return vs_store_record(store, &begun, error);
}

void vs_local_end(struct vs_store *store, const struct vs_audit_event *event, int rc)
{
	struct vs_audit_event ended = *event;
	struct vs_error error;
	ended.result = rc > 0 ? "stopped" : rc < 0 ? vs_error_word(rc) : "ok";
	if (vs_store_record(store, &ended, &error))
		fprintf(stderr, "vecstore: the audit trail was not told how it ended: %s\n", error.text);
}

int vs_local_make(struct vs_store *store, const struct vs_namespace_options *options, const struct vs_audit_event *event,
                  struct vs_error *error)
{
	struct vs_audit_event made = *event;
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_namespace_info info;
	made.object = NULL;
	made.reason = "made on first use";
	change.event = &made;
	int rc = vs_store_find(store, event->ns, &info, error);
	if (rc == VS_ENOTFOUND)
		rc = vs_store_create(store, event->ns, options, &change, error);
	return rc == VS_ECONFLICT ? 0 : rc; /* another process was faster */
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore ns: namespaces as an administrator sees them, whether a server runs on the data folder or not. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/local.h"
#include "service/namespace_out.h"

#define HOUR_MS INT64_C(3600000)

struct ns_command {
	struct vs_args *args;
	struct vs_store *store;
	const char *name; /* NULL: none was given */
	struct vs_audit_event event; /* of a change */
	struct vs_quota defaults, own; /* own: of --quota */
	struct vs_buf out; /* with --json */
	unsigned count;
};

/* ---- output ----------------------------------------------------------------------------------------------- */

static void print_time(const char *what, int64_t when_ms)
{
	time_t when = (time_t)(when_ms / 1000);
	struct tm tm;
	char text[32];
	gmtime_r(&when, &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
	printf("%-14s%s\n", what, text);
}

/* What is there now; false when it cannot be read. */
static bool look(struct ns_command *command, const struct vs_namespace_info *info, struct vs_use *use)
{
	return vs_store_use(command->store, info, use, NULL) == 0;
}

static void put_json(struct ns_command *command, const struct vs_namespace_info *info)
{
	struct vs_use use;
	struct vs_namespace_now now = { .defaults = &command->defaults };
	now.use = look(command, info, &use) ? &use : NULL;
	vs_namespace_encode(&command->out, info, &now);
}

static void print_quotas(const struct ns_command *command, const struct vs_namespace_info *info)
{
	for (int kind = 0; kind < VS_QUOTAS; kind++) {
		int64_t most = vs_quota_most(&info->quota, &command->defaults, (enum vs_quota_kind)kind);
		if (most > 0)
			printf("%-14s%s=%" PRId64 "%s\n", "quota", vs_quota_name((enum vs_quota_kind)kind), most,
			       info->quota.most[kind] == VS_QUOTA_DEFAULT ? " (default)" : "");
	}
}

static void print_one(struct ns_command *command, const struct vs_namespace_info *info)
{
	struct vs_use use = { .dimension = info->dimension };
	bool seen = look(command, info, &use);
	printf("%-14s%s\n%-14s%s\n", "name", info->name, "status", vs_status_name(info->status));
	if (*info->description)
		printf("%-14s%s\n", "description", info->description);
	printf("%-14s%s\n%-14s%" PRIu32 "\n", "metric", vs_metric_name(info->metric), "dimension", use.dimension);
	if (seen)
		printf("%-14s%" PRIu64 "\n%-14s%" PRIu64 "\n", "vectors", use.vectors, "storage_bytes", use.storage_bytes);
	print_time("created", info->created_at);
	print_time("updated", info->updated_at);
	if (info->delete_at != 0)
		print_time("removed after", info->delete_at);
	printf("%-14sns/%s\n", "folder", info->folder);
	if (strcmp(info->metadata, "{}") != 0)
		printf("%-14s%s\n", "metadata", info->metadata);
	print_quotas(command, info);
}

static int show(struct ns_command *command, struct vs_error *error)
{
	struct vs_namespace_info info;
	int rc = vs_store_find(command->store, command->name, &info, error);
	if (rc)
		return rc;
	if (!vs_args_switch(command->args, VS_FLAG_JSON)) {
		print_one(command, &info);
		return 0;
	}
	put_json(command, &info);
	vs_buf_putc(&command->out, '\n');
	return 0;
}

/* ---- list ------------------------------------------------------------------------------------------------- */

static int list_one(void *context, const struct vs_namespace_info *info)
{
	struct ns_command *command = context;
	struct vs_use use;
	if (vs_args_switch(command->args, VS_FLAG_JSON)) {
		vs_buf_puts(&command->out, command->count++ > 0 ? "," : "");
		put_json(command, info);
		return 0;
	}
	if (look(command, info, &use))
		printf("%-32s %-17s %12" PRIu64 " %15" PRIu64 " %9" PRIu32 "  %s\n", info->name, vs_status_name(info->status),
		       use.vectors, use.storage_bytes, use.dimension, vs_metric_name(info->metric));
	else
		printf("%-32s %-17s %12s %15s %9s  %s\n", info->name, vs_status_name(info->status), "?", "?", "?",
		       vs_metric_name(info->metric));
	return 0;
}

static int list(struct ns_command *command, struct vs_error *error)
{
	if (vs_args_switch(command->args, VS_FLAG_JSON))
		vs_buf_puts(&command->out, "{\"namespaces\":[");
	else
		printf("%-32s %-17s %12s %15s %9s  %s\n", "NAME", "STATUS", "VECTORS", "BYTES", "DIMENSION", "METRIC");
	int rc = vs_store_each(command->store, NULL, list_one, command, error);
	if (vs_args_switch(command->args, VS_FLAG_JSON))
		vs_buf_puts(&command->out, "]}\n");
	return rc;
}

/* ---- changes ---------------------------------------------------------------------------------------------- */

static int create(struct ns_command *command, struct vs_error *error)
{
	struct vs_namespace_options options = { 0, vs_args_metric(command->args),
		                                    (uint32_t)vs_args_count(command->args, VS_FLAG_DIMENSION),
		                                    vs_args_quantization(command->args), vs_args_tokenizer(command->args) };
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	char quota[VS_QUOTA_TEXT];
	change.description = vs_args_text(command->args, VS_FLAG_DESCRIPTION);
	change.quota = &command->own;
	change.event = &command->event;
	command->event.reason = vs_quota_format_change(change.quota, quota);
	int rc = vs_store_create(command->store, command->name, &options, &change, error);
	return rc ? rc : show(command, error);
}

static int set_quota(struct ns_command *command, struct vs_error *error)
{
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_quota set = vs_quota_keep();
	char quota[VS_QUOTA_TEXT];
	int rc = 0;
	for (int i = 2; !rc && i < command->args->operand_count; i++)
		rc = vs_quota_parse(command->args->operands[i], &set, error);
	change.quota = &set;
	change.event = &command->event;
	command->event.reason = vs_quota_format_change(&set, quota);
	if (!rc)
		rc = vs_store_change(command->store, command->name, &change, error);
	return rc ? rc : show(command, error);
}

static int set_status(struct ns_command *command, enum vs_status status, int64_t delete_at, struct vs_error *error)
{
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	change.status = status;
	change.delete_at = delete_at;
	change.event = &command->event;
	command->event.object = vs_status_name(status);
	return vs_store_change(command->store, command->name, &change, error);
}

static int64_t later(const struct ns_command *command)
{
	return vs_clock_wall_ms() + vs_args_count(command->args, VS_FLAG_DELETE_GRACE) * HOUR_MS;
}

static int set_named_status(struct ns_command *command, struct vs_error *error)
{
	const char *word = command->args->operands[2];
	enum vs_status status;
	if (!vs_status_find(word, &status) || status == VS_DELETING)
		return vs_error_set(error, VS_EINVAL, "'%.80s' is none of active, read_only, suspended, pending_deletion", word);
	int rc = set_status(command, status, later(command), error);
	return rc ? rc : show(command, error);
}

static int delete(struct ns_command *command, struct vs_error *error)
{
	struct vs_namespace_info info;
	bool now = vs_args_switch(command->args, VS_FLAG_NOW);
	int rc = set_status(command, VS_PENDING_DELETION, now ? vs_clock_wall_ms() : later(command), error);
	if (rc)
		return rc;
	if (!now)
		return show(command, error);
	rc = vs_store_reap(command->store, NULL, error);
	if (vs_store_find(command->store, command->name, &info, NULL) != VS_ENOTFOUND)
		return rc ? rc : vs_error_set(error, VS_EBUSY, "%s: is being deleted by another process", command->name);
	printf("%s: deleted\n", command->name);
	return 0;
}

static int undelete(struct ns_command *command, struct vs_error *error)
{
	struct vs_namespace_info info;
	int rc = vs_store_find(command->store, command->name, &info, error);
	if (!rc && info.status != VS_PENDING_DELETION)
		rc = vs_error_set(error, VS_ECONFLICT, "%s: was not deleted", command->name);
	if (!rc)
		rc = set_status(command, VS_ACTIVE, 0, error);
	return rc ? rc : show(command, error);
}

/* ---- which ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int operands; /* the action among them; one that is negative is the least of any number */
	const char *event; /* what the audit trail calls it; NULL: it only reads */
	int (*run)(struct ns_command *command, struct vs_error *error);
} actions[] = {
	{ "create", 2, "ns create", create },
	{ "list", 1, NULL, list },
	{ "show", 2, NULL, show },
	{ "set-quota", -3, "ns set-quota", set_quota },
	{ "set-status", 3, "ns set-status", set_named_status },
	{ "delete", 2, "ns delete", delete },
	{ "undelete", 2, "ns undelete", undelete },
};
#define ACTIONS (sizeof actions / sizeof actions[0])

static int find_action(const struct vs_args *args, size_t *action)
{
	for (size_t i = 0; i < ACTIONS; i++) {
		int wanted = actions[i].operands;
		if (strcmp(actions[i].name, args->operands[0]) != 0)
			continue;
		*action = i;
		if (wanted < 0 ? args->operand_count >= -wanted : args->operand_count == wanted)
			return 0;
		fprintf(stderr, "vecstore: ns %s takes %s%s; see: man vecstore-ns\n", actions[i].name, wanted == 1 ? "no" : "a",
		        wanted == 1 ? " name" : wanted == 2 ? " name" : " name and what to set");
		return 2;
	}
	fprintf(stderr, "vecstore: ns has no action '%s'; see: vecstore ns --help\n", args->operands[0]);
	return 2;
}

int vs_command_ns(struct vs_args *args)
{
	const char *own = vs_args_text(args, VS_FLAG_QUOTA);
	struct ns_command command = { .args = args, .own = vs_quota_keep() };
	struct vs_error error;
	char actor[32];
	size_t action;
	int status = find_action(args, &action);
	if (status)
		return status;
	command.name = args->operand_count > 1 ? args->operands[1] : NULL;
	command.event = vs_local_event(actions[action].event, actor);
	command.event.ns = command.name;
	int rc = vs_local_quota(args, &command.defaults, &error);
	if (!rc && own)
		rc = vs_quota_parse(own, &command.own, &error);
	if (!rc)
		rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), actions[action].run == create ? VS_CREATE : 0, &command.store,
		                   &error);
	if (!rc)
		vs_store_set_quota(command.store, &command.defaults);
	if (!rc)
		rc = actions[action].run(&command, &error);
	if (!rc && command.out.failed)
		rc = vs_error_set(&error, VS_ENOMEM, "no memory for the output");
	if (rc)
		fprintf(stderr, "vecstore: %s\n", error.text);
	else if (command.out.len > 0)
		fwrite(command.out.data, 1, command.out.len, stdout);
	vs_buf_release(&command.out);
	vs_store_close(command.store);
	return rc ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore key: API keys of a data folder, whether a server runs on it or not. A running one heeds the change at once. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/local.h"
#include "programs/cli/when.h"
#include "service/keys.h"
#include "store/audit.h"

static int copy_flag(const struct vs_args *args, enum vs_flag flag, const char *name, char *to, size_t size,
                     struct vs_error *error)
{
	const char *text = vs_args_text(args, flag);
	if (!text)
		return 0;
	if (strlen(text) >= size)
		return vs_error_set(error, VS_EINVAL, "--%s is longer than %zu bytes", name, size - 1);
	strcpy(to, text);
	return 0;
}

int vs_local_grant(const struct vs_args *args, struct vs_grant *grant, struct vs_error *error)
{
	const char *role = vs_args_text(args, VS_FLAG_ROLE);
	int rc = copy_flag(args, VS_FLAG_GRANT_NAMESPACE, "namespace", grant->ns, sizeof grant->ns, error);
	if (!rc)
		rc = copy_flag(args, VS_FLAG_ROW_FILTER, "filter", grant->filter, sizeof grant->filter, error);
	if (!rc && !role)
		rc = vs_error_set(error, VS_EINVAL, "--role is missing: %s", vs_role_names());
	if (!rc)
		(void)vs_role_find(role, &grant->role); /* one of the words that the flag takes */
	if (!rc)
		rc = vs_grant_check(grant, error);
	return rc || !grant->filter[0] ? rc : vs_filter_check(grant->filter, error);
}

/* ---- output ----------------------------------------------------------------------------------------------- */

static int print_json(const struct vs_key *key, const char *secret)
{
	struct vs_buf out = VS_BUF_INIT;
	vs_key_encode(&out, key, secret);
	vs_buf_putc(&out, '\n');
	if (!out.failed)
		fwrite(out.data, 1, out.len, stdout);
	bool failed = out.failed;
	vs_buf_release(&out);
	return failed ? 1 : 0;
}

/* The secret alone goes to standard output, for scripts. */
static void print_secret(const struct vs_args *args, const struct vs_key *key, const char *secret)
{
	if (vs_args_switch(args, VS_FLAG_JSON)) {
		print_json(key, secret);
		return;
	}
	printf("%s\n", secret);
	fflush(stdout);
	fprintf(stderr, "vecstore: key %s, %s%s%s; its secret is shown this once\n", key->id, vs_role_name(key->grant.role),
	        key->grant.ns[0] ? " of namespace " : "", key->grant.ns);
}

static int print_row(void *context, const struct vs_key *key)
{
	const struct vs_args *args = context;
	const char *ns = vs_args_text(args, VS_FLAG_GRANT_NAMESPACE);
	char expires[VS_CLOCK_TEXT] = "never", quota[VS_QUOTA_TEXT];
	if (ns && strcmp(ns, key->grant.ns) != 0)
		return 0;
	if (vs_args_switch(args, VS_FLAG_JSON))
		return print_json(key, NULL);
	if (key->expires_at)
		vs_clock_format(key->expires_at, expires);
	vs_quota_format(&key->quota, quota);
	printf("%s  %s…  %-15s  %-16s  %-8s  %-24s  %s%s%s%s%s\n", key->id, key->prefix, vs_role_name(key->grant.role),
	       key->grant.ns[0] ? key->grant.ns : "*", vs_key_state(key), expires, key->name, key->grant.filter[0] ? " | " : "",
	       key->grant.filter, quota[0] ? " | " : "", quota);
	return 0;
}

/* ---- actions ---------------------------------------------------------------------------------------------- */

struct doing {
	const struct vs_args *args;
	struct vs_catalog *catalog;
	const char *id;     /* operand; NULL: none */
	struct vs_key *key; /* with create: what is to be made */
	struct vs_error *error;
};

/* From the flags of create. */
static int decode(const struct vs_args *args, struct vs_key *key, struct vs_error *error)
{
	const char *quota = vs_args_text(args, VS_FLAG_QUOTA);
	int rc = vs_local_grant(args, &key->grant, error);
	if (!rc && quota)
		rc = vs_quota_parse(quota, &key->quota, error);
	if (!rc)
		rc = copy_flag(args, VS_FLAG_KEY_NAME, "name", key->name, sizeof key->name, error);
	return rc ? rc : vs_when_parse("expires", vs_args_text(args, VS_FLAG_EXPIRES), &key->expires_at, error);
}

static int create_one(const struct doing *doing)
{
	char actor[32], quota[VS_QUOTA_TEXT], secret[VS_KEY_SECRET_LEN + 1];
	struct vs_audit_event event = vs_local_event("key create", actor);
	event.ns = doing->key->grant.ns;
	event.reason = vs_quota_format_change(&doing->key->quota, quota);
	int rc = vs_keys_append(doing->catalog, doing->key, secret, &event, doing->error);
	if (!rc)
		print_secret(doing->args, doing->key, secret);
	return rc;
}

static int list_all(const struct doing *doing)
{
	if (!vs_args_switch(doing->args, VS_FLAG_JSON))
		printf("%-16s  %-13s  %-15s  %-16s  %-8s  %-24s  %s\n", "id", "key", "role", "namespace", "state", "expires",
		       "name | filter | quotas");
	return vs_keys_each(doing->catalog, print_row, (void *)doing->args, doing->error);
}

static int bound_one(const struct doing *doing)
{
	char actor[32], quota[VS_QUOTA_TEXT];
	struct vs_audit_event event = vs_local_event("key set-quota", actor);
	struct vs_quota change = vs_quota_keep();
	struct vs_key key;
	int rc = 0;
	for (int i = 2; !rc && i < doing->args->operand_count; i++)
		rc = vs_quota_parse(doing->args->operands[i], &change, doing->error);
	event.reason = vs_quota_format_change(&change, quota);
	if (!rc)
		rc = vs_keys_set_quota(doing->catalog, doing->id, &change, &key, &event, doing->error);
	return rc ? rc : print_row((void *)doing->args, &key);
}

static int revoke_one(const struct doing *doing)
{
	char actor[32];
	struct vs_audit_event event = vs_local_event("key revoke", actor);
	int rc = vs_keys_revoke(doing->catalog, doing->id, &event, doing->error);
	if (!rc)
		fprintf(stderr, "vecstore: key %s is revoked\n", doing->id);
	return rc;
}

static int rotate_one(const struct doing *doing)
{
	char actor[32], secret[VS_KEY_SECRET_LEN + 1];
	struct vs_audit_event event = vs_local_event("key rotate", actor);
	int64_t overlap_ms = 0, expires_at = 0;
	struct vs_key key;
	int rc = vs_when_span("overlap", vs_args_text(doing->args, VS_FLAG_OVERLAP), &overlap_ms, doing->error);
	if (!rc)
		rc = vs_when_parse("expires", vs_args_text(doing->args, VS_FLAG_EXPIRES), &expires_at, doing->error);
	if (!rc)
		rc = vs_keys_rotate(doing->catalog, doing->id, overlap_ms, expires_at, &key, secret, &event, doing->error);
	if (!rc)
		print_secret(doing->args, &key, secret);
	return rc;
}

static const struct {
	const char *name;
	int (*run)(const struct doing *doing);
	int operands; /* the action among them; one that is negative is the least of any number */
	const char *takes;
} actions[] = {
	{ "create", create_one, 1, "no id" },
	{ "list", list_all, 1, "no id" },
	{ "set-quota", bound_one, -3, "the id of a key and quotas, NAME=N; see: man vecstore-key" },
	{ "revoke", revoke_one, 2, "the id of a key; see: vecstore key list" },
	{ "rotate", rotate_one, 2, "the id of a key; see: vecstore key list" },
};

int vs_command_key(struct vs_args *args)
{
	struct vs_error error;
	struct vs_key key = { .quota = vs_quota_keep() };
	const char *id = args->operand_count > 1 ? args->operands[1] : NULL;
	struct doing doing = { .args = args, .id = id, .key = &key, .error = &error };
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (strcmp(actions[i].name, args->operands[0]) != 0)
			continue;
		int wanted = actions[i].operands;
		if (wanted < 0 ? args->operand_count < -wanted : args->operand_count != wanted) {
			fprintf(stderr, "vecstore: key %s takes %s\n", actions[i].name, actions[i].takes);
			return 2;
		}
		bool creates = actions[i].run == create_one;
		int rc = creates ? decode(args, &key, &error) : 0; /* before a folder is made for nothing */
		if (!rc)
			rc = vs_catalog_open(vs_args_text(args, VS_FLAG_DATA), creates, &doing.catalog, &error);
		if (!rc)
			rc = actions[i].run(&doing);
		vs_catalog_close(doing.catalog);
		if (rc)
			fprintf(stderr, "vecstore: %s\n", error.text);
		return rc ? 1 : 0;
	}
	fprintf(stderr, "vecstore: key: '%s' is none of create, list, set-quota, revoke and rotate\n", args->operands[0]);
	return 2;
}

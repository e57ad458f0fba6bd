/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of administration. */
#include "work.h"

#include <stdio.h>
#include <string.h>

#include "store/audit.h"
#include "store/keys.h"

#define RATE 7 /* a quota */

static void trail_problem(void *context, const char *problem)
{
	(void)problem;
	++*(int *)context;
}

/* What was acknowledged is there, and the trail is whole. */
static int see_keys(struct vs_catalog *catalog, const struct vs_key *old, const char *secret, struct vs_error *error)
{
	unsigned char hash[VS_KEY_HASH];
	struct vs_key first, second;
	int problems = 0;
	int rc = vs_keys_get(catalog, old->id, &first, error);

	if (rc == 0)
		rc = vs_key_hash(secret, VS_KEY_SECRET_LEN, hash, error);
	if (rc == 0)
		rc = vs_keys_find(catalog, hash, &second, error);
	if (rc == 0)
		rc = vs_audit_check(catalog, trail_problem, &problems, error);
	if (rc == 0 && (strcmp(first.replaced_by, second.id) != 0 || second.quota.most[VS_QUOTA_RATE] != RATE ||
	                second.revoked_at == 0 || problems > 0))
		rc = vs_error_set(error, VS_EINTERNAL, "a key is not what it was made");
	return rc;
}

static int change_keys(struct work *work, struct vs_error *error)
{
	struct vs_audit_event event = { .actor = "work", .action = "keys" };
	struct vs_key key = { .grant = { .role = VS_ROLE_READER, .ns = "default" }, .quota = vs_quota_none() }, next;
	struct vs_quota change = vs_quota_keep();
	char secret[VS_KEY_SECRET_LEN + 1];
	struct vs_catalog *catalog;
	int rc = vs_catalog_open(work->data, false, &catalog, error);

	if (rc == 0)
		rc = vs_keys_append(catalog, &key, secret, &event, error);
	if (rc == 0)
		rc = vs_keys_rotate(catalog, key.id, 1000, 0, &next, secret, &event, error);
	change.most[VS_QUOTA_RATE] = RATE;
	if (rc == 0)
		rc = vs_keys_set_quota(catalog, next.id, &change, &next, &event, error);
	if (rc == 0)
		rc = vs_keys_revoke(catalog, next.id, &event, error);
	if (rc == 0)
		rc = see_keys(catalog, &key, secret, error);
	vs_catalog_close(catalog);
	return rc;
}

static int bound(struct work *work, struct vs_error *error)
{
	struct vs_audit_event event = { .action = "bound" };
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_quota quota = vs_quota_none();

	quota.most[VS_QUOTA_VECTORS] = WORK_RECORDS;
	quota.most[VS_QUOTA_STORAGE] = 1 << 30;
	change.quota = &quota;
	change.description = "bounded";
	change.event = &event;
	return vs_store_change(work->store, work->name, &change, error);
}

/* By a quota of this process alone, so that it bounds nothing afterwards. */
static int fill(struct work *work, const struct work_op *op, struct vs_error *error)
{
	struct work_op upserts = { WORK_UPSERT, op->from, op->count + 1, op->salt };
	struct vs_quota quota = vs_quota_none();
	int rc;

	quota.most[VS_QUOTA_VECTORS] = op->from + op->count;
	vs_store_set_quota(work->store, &quota);
	rc = work_perform(work, &upserts, error);
	if (rc == 0)
		rc = vs_error_set(error, VS_EINTERNAL, "there are more records than the quota allows");
	upserts.count--;
	if (rc == VS_EQUOTA)
		rc = work_perform(work, &upserts, error);
	quota = vs_quota_none();
	vs_store_set_quota(work->store, &quota);
	return rc;
}

static int make_aside(struct work *work, struct vs_error *error)
{
	struct vs_audit_event made = { .action = "make", .ns = "aside" }, doomed = { .action = "doom", .ns = "aside" };
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	int rc;

	change.event = &made;
	rc = vs_store_create(work->store, "aside", NULL, &change, error);
	change.status = VS_PENDING_DELETION;
	change.delete_at = 1;
	change.event = &doomed;
	if (rc == 0)
		rc = vs_store_change(work->store, "aside", &change, error);
	return rc == 0 ? vs_store_reap(work->store, NULL, error) : rc;
}

int work_administer(struct work *work, const struct work_op *op, struct vs_error *error)
{
	switch (op->kind) {
	case WORK_KEYS:
		return change_keys(work, error);
	case WORK_BOUND:
		return bound(work, error);
	case WORK_FILL:
		return fill(work, op, error);
	default:
		return make_aside(work, error);
	}
}

/* ---- the trail ------------------------------------------------------------------------------------------ */

struct told {
	int bound, made, doomed, removed;
};

static int hear(void *context, const struct vs_audit_event *event)
{
	struct told *told = context;

	told->bound += strcmp(event->action, "bound") == 0;
	told->made += strcmp(event->action, "make") == 0;
	told->doomed += strcmp(event->action, "doom") == 0;
	told->removed += strcmp(event->action, "namespace removal") == 0;
	return 0;
}

static int read_trail(struct work *work, struct told *told, struct vs_error *error)
{
	struct vs_audit_query all = { .limit = VS_AUDIT_DONE_MAX };
	struct vs_catalog *catalog;
	int rc = vs_catalog_open(work->data, false, &catalog, error);

	if (rc == 0)
		rc = vs_audit_each(catalog, &all, hear, told, error);
	vs_catalog_close(catalog);
	return rc;
}

bool work_trail_tells(struct work *work, char why[WORK_WHY])
{
	struct told told = { 0 };
	struct vs_namespace_info info;
	struct vs_error error;
	bool bounded, aside, doomed;

	if (read_trail(work, &told, &error) != 0 || vs_store_find(work->store, work->name, &info, &error) != 0) {
		snprintf(why, WORK_WHY, "the trail cannot be compared: %s", error.text);
		return false;
	}
	bounded = strcmp(info.description, "bounded") == 0;
	aside = vs_store_find(work->store, "aside", &info, NULL) == 0;
	doomed = aside && info.status != VS_ACTIVE;
	if ((told.bound > 0) == bounded && told.made - told.removed == aside && told.doomed - told.removed == doomed)
		return true;
	snprintf(why, WORK_WHY, "the trail tells of %d bounds, and %d made, %d doomed, %d removed; bounded is %d, one aside %d",
	         told.bound, told.made, told.doomed, told.removed, bounded, aside);
	return false;
}

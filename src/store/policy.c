/* SPDX-License-Identifier: Apache-2.0 */
#include "store/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const char *const statuses[] = {
	[VS_ACTIVE] = "active",
	[VS_READ_ONLY] = "read_only",
	[VS_SUSPENDED] = "suspended",
	[VS_PENDING_DELETION] = "pending_deletion",
	[VS_DELETING] = "deleting",
};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static const struct {
	const char *name;
	const char *others; /* between bars */
	int64_t most;
	bool of_key;
} kinds[VS_QUOTAS] = {
#define VS_QUOTA(id, name, others, most, of_key, what) { name, others, most, of_key },
#include "store/quota.tbl"
#undef VS_QUOTA
};

const char *vs_status_name(enum vs_status status)
{
	return (unsigned)status < STATUSES ? statuses[status] : NULL;
}

bool vs_status_find(const char *name, enum vs_status *status)
{
	for (size_t i = VS_ACTIVE; i < STATUSES; i++) {
		if (strcmp(statuses[i], name) != 0)
			continue;
		*status = (enum vs_status)i;
		return true;
	}
	return false;
}

static struct vs_quota all_of(int64_t most)
{
	struct vs_quota quota;

	for (int kind = 0; kind < VS_QUOTAS; kind++)
		quota.most[kind] = most;
	return quota;
}

struct vs_quota vs_quota_none(void)
{
	return all_of(VS_QUOTA_DEFAULT);
}

struct vs_quota vs_quota_keep(void)
{
	return all_of(VS_QUOTA_KEEP);
}

void vs_quota_merge(struct vs_quota *quota, const struct vs_quota *change)
{
	for (int kind = 0; change != NULL && kind < VS_QUOTAS; kind++)
		if (change->most[kind] != VS_QUOTA_KEEP)
			quota->most[kind] = change->most[kind];
}

int vs_quota_check(const struct vs_quota *quota, bool of_key, struct vs_error *error)
{
	for (int kind = 0; kind < VS_QUOTAS; kind++) {
		int64_t most = quota->most[kind];

		if (of_key && !kinds[kind].of_key && most != VS_QUOTA_DEFAULT && most != VS_QUOTA_KEEP)
			return vs_error_at(error, VS_EINVAL, kinds[kind].name, -1, "bounds a namespace, not a key");
		if (most < VS_QUOTA_KEEP || most > kinds[kind].most)
			return vs_error_at(error, VS_EINVAL, kinds[kind].name, -1, "is from 0 to %" PRId64, kinds[kind].most);
	}
	return 0;
}

const char *vs_quota_name(enum vs_quota_kind kind)
{
	return kinds[kind].name;
}

int64_t vs_quota_limit(enum vs_quota_kind kind)
{
	return kinds[kind].most;
}

bool vs_quota_of_key(enum vs_quota_kind kind)
{
	return kinds[kind].of_key;
}

static bool in_list(const char *list, const char *name, size_t len)
{
	for (const char *at = list; *at != '\0';) {
		size_t n = strcspn(at, "|");
		if (n == len && memcmp(at, name, len) == 0)
			return true;
		at += n + (at[n] == '|');
	}
	return false;
}

bool vs_quota_find(const char *name, size_t len, enum vs_quota_kind *kind)
{
	for (int i = 0; i < VS_QUOTAS; i++) {
		if (!in_list(kinds[i].name, name, len) && !in_list(kinds[i].others, name, len))
			continue;
		*kind = (enum vs_quota_kind)i;
		return true;
	}
	return false;
}

int64_t vs_quota_most(const struct vs_quota *quota, const struct vs_quota *defaults, enum vs_quota_kind kind)
{
	int64_t most = quota->most[kind];

	if (most == VS_QUOTA_DEFAULT)
		most = defaults->most[kind];
	return most == VS_QUOTA_DEFAULT ? 0 : most;
}

static int parse_value(enum vs_quota_kind kind, const char *text, size_t len, int64_t *value, struct vs_error *error)
{
	char digits[24];
	char *end;

	if (len == 7 && memcmp(text, "default", 7) == 0) {
		*value = VS_QUOTA_DEFAULT;
		return 0;
	}
	if (len > 0 && len < sizeof(digits) && text[0] >= '0' && text[0] <= '9') {
		memcpy(digits, text, len);
		digits[len] = '\0';
		errno = 0;
		*value = strtoll(digits, &end, 10);
		if (errno == 0 && *end == '\0' && *value <= kinds[kind].most)
			return 0;
	}
	return vs_error_at(error, VS_EINVAL, kinds[kind].name, -1,
	                   "'%.*s' is neither a number from 0 (no bound) to %" PRId64 " nor 'default'", (int)(len < 40 ? len : 40),
	                   text, kinds[kind].most);
}

int vs_quota_parse(const char *text, struct vs_quota *quota, struct vs_error *error)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		size_t name_len = strcspn(text, "=,");
		enum vs_quota_kind kind;
		int rc;

		if (name_len == len)
			return vs_error_at(error, VS_EINVAL, "quota", -1, "'%.*s' is not NAME=NUMBER", (int)(len < 80 ? len : 80), text);
		if (!vs_quota_find(text, name_len, &kind))
			return vs_error_at(error, VS_EINVAL, "quota", -1, "there is none called '%.*s'",
			                   (int)(name_len < 80 ? name_len : 80), text);
		rc = parse_value(kind, text + name_len + 1, len - name_len - 1, &quota->most[kind], error);
		if (rc < 0)
			return rc;
		text += len + (text[len] == ',');
	}
	return 0;
}

static size_t put_value(char text[VS_QUOTA_TEXT], size_t len, int kind, int64_t most)
{
	char number[24] = "default";

	if (most != VS_QUOTA_DEFAULT)
		snprintf(number, sizeof(number), "%" PRId64, most);
	return len + (size_t)snprintf(text + len, VS_QUOTA_TEXT - len, "%s%s=%s", len > 0 ? "," : "", kinds[kind].name, number);
}

void vs_quota_format(const struct vs_quota *quota, char text[VS_QUOTA_TEXT])
{
	size_t len = 0;

	text[0] = '\0';
	for (int kind = 0; kind < VS_QUOTAS; kind++)
		if (quota->most[kind] != VS_QUOTA_DEFAULT)
			len = put_value(text, len, kind, quota->most[kind]);
}

const char *vs_quota_format_change(const struct vs_quota *change, char text[VS_QUOTA_TEXT])
{
	size_t len = 0;

	for (int kind = 0; change != NULL && kind < VS_QUOTAS; kind++)
		if (change->most[kind] != VS_QUOTA_KEEP)
			len = put_value(text, len, kind, change->most[kind]);
	return len > 0 ? text : NULL;
}

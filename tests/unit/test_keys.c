/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_fixture.h"

#include "base/clock.h"
#include "store/audit.h"
#include "store/keys.h"

static struct vs_catalog *catalog, *other;
static struct vs_key key;
static char secret[VS_KEY_SECRET_LEN + 1];
static struct vs_audit_event event;

static int setup(void **state)
{
	if (folder_make(state) != 0)
		return -1;
	event = (struct vs_audit_event){ .actor = "test", .action = "test" };
	return vs_catalog_open(path_of("data"), true, &catalog, &error) || vs_catalog_open(path_of("data"), false, &other, &error);
}

static int teardown(void **state)
{
	vs_catalog_close(catalog);
	vs_catalog_close(other);
	return folder_remove(state);
}

static int append(enum vs_role role, const char *ns, const char *filter, int64_t expires_at)
{
	key = (struct vs_key){ .grant = { .role = role }, .quota = vs_quota_none(), .name = "a note", .expires_at = expires_at };
	strcpy(key.grant.ns, ns);
	strcpy(key.grant.filter, filter);
	return vs_keys_append(catalog, &key, secret, &event, &error);
}

static int find(struct vs_catalog *from, const char *text, struct vs_key *found)
{
	unsigned char hash[VS_KEY_HASH];

	assert_int_equal(vs_key_hash(text, strlen(text), hash, &error), 0);
	return vs_keys_find(from, hash, found, &error);
}

static void a_key_is_found_by_its_secret_alone(void **state)
{
	struct vs_key found;
	bool any;
	(void)state;

	assert_int_equal(vs_keys_any(catalog, &any, &error), 0);
	assert_false(any);
	assert_int_equal(append(VS_ROLE_WRITER, "films", "tenant = 'a'", 4102444800000), 0);
	assert_int_equal(strlen(secret), VS_KEY_SECRET_LEN);
	assert_int_equal(strncmp(secret, key.prefix, VS_KEY_PREFIX_LEN), 0);
	assert_int_equal(find(other, secret, &found), 0);
	assert_memory_equal(&found, &key, sizeof(key));
	assert_string_equal(found.grant.filter, "tenant = 'a'");
	assert_int_equal(vs_keys_get(other, key.id, &found, &error), 0);
	assert_string_equal(found.id, key.id);
	assert_int_equal(vs_keys_any(other, &any, &error), 0);
	assert_true(any);
	secret[20] ^= 1;
	assert_int_equal(find(catalog, secret, &found), VS_ENOTFOUND);
	assert_int_equal(find(catalog, "", &found), VS_ENOTFOUND);
	assert_int_equal(vs_keys_get(catalog, "nobody", &found, &error), VS_ENOTFOUND);
}

/* Neither in a table nor in a page that was freed. */
static void no_secret_is_stored(void **state)
{
	static const char *const files[] = { "data/catalog.db", "data/catalog.db-wal" };
	static char bytes[1 << 20];
	(void)state;

	assert_int_equal(append(VS_ROLE_ADMIN, "", "", 0), 0);
	for (int i = 0; i < 2; i++) {
		FILE *file = fopen(path_of(files[i]), "rb");
		assert_non_null(file);
		size_t len = fread(bytes, 1, sizeof(bytes), file);
		fclose(file);
		assert_null(memmem(bytes, len, secret + VS_KEY_PREFIX_LEN, 16));
		if (i == 1)
			assert_non_null(memmem(bytes, len, key.prefix, VS_KEY_PREFIX_LEN));
	}
}

static void grants(void **state)
{
	static const struct {
		enum vs_role role;
		const char *ns, *filter, *field;
	} bad[] = {
		{ VS_ROLE_READER, "", "", "namespace" },      { VS_ROLE_WRITER, "Bad Name", "", "namespace" },
		{ VS_ROLE_NAMESPACE_ADMIN, "", "", "namespace" }, { VS_ROLE_ADMIN, "films", "", "namespace" },
		{ VS_ROLE_METRICS, "films", "", "namespace" },   { VS_ROLE_ADMIN, "", "a = 1", "filter" },
		{ VS_ROLE_NAMESPACE_ADMIN, "films", "a = 1", "filter" }, { VS_ROLE_METRICS, "", "a = 1", "filter" },
		{ (enum vs_role)0, "films", "", "role" },    { (enum vs_role)6, "films", "", "role" },
	};
	enum vs_role role;
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(append(bad[i].role, bad[i].ns, bad[i].filter, 0), VS_EINVAL);
		assert_string_equal(error.field, bad[i].field);
	}
	assert_true(vs_role_find("namespace_admin", &role) && role == VS_ROLE_NAMESPACE_ADMIN);
	assert_false(vs_role_find("root", &role));
	assert_string_equal(vs_role_names(), "reader, writer, namespace_admin, admin, metrics");
}

static void revocation_is_seen_at_once_and_stays(void **state)
{
	struct vs_key found;
	uint64_t before, after;
	int64_t when;
	(void)state;

	assert_int_equal(append(VS_ROLE_READER, "films", "", 0), 0);
	assert_int_equal(vs_catalog_version(other, &before, &error), 0);
	assert_int_equal(vs_catalog_version(other, &after, &error), 0);
	assert_true(before == after);
	assert_int_equal(vs_keys_revoke(catalog, key.id, &event, &error), 0);
	assert_int_equal(vs_catalog_version(other, &after, &error), 0);
	assert_true(before != after);
	assert_int_equal(find(other, secret, &found), 0);
	assert_true(found.revoked_at != 0);
	when = found.revoked_at;
	assert_int_equal(vs_keys_revoke(other, key.id, &event, &error), 0);
	assert_int_equal(find(catalog, secret, &found), 0);
	assert_true(found.revoked_at == when);
	assert_int_equal(vs_keys_revoke(catalog, "nobody", &event, &error), VS_ENOTFOUND);
	/* With a namespace go its keys, and no others. */
	struct vs_catalog_entry entry = { .name = "films", .folder = "0123456789abcdef" };
	struct vs_key kept;
	assert_int_equal(append(VS_ROLE_READER, "books", "", 0), 0);
	kept = key;
	assert_int_equal(append(VS_ROLE_READER, "films", "", 0), 0);
	assert_int_equal(vs_catalog_remove(other, &entry, NULL, &error), 0);
	assert_int_equal(vs_keys_get(catalog, key.id, &found, &error), 0);
	assert_true(found.revoked_at != 0);
	assert_int_equal(vs_keys_get(catalog, kept.id, &found, &error), 0);
	assert_true(found.revoked_at == 0);
}

static void rotation_overlaps(void **state)
{
	int64_t now = vs_clock_wall_ms();
	char old_secret[VS_KEY_SECRET_LEN + 1], old_id[VS_KEY_ID_LEN + 1];
	struct vs_key found;
	(void)state;

	assert_int_equal(append(VS_ROLE_READER, "films", "a = 1", 0), 0);
	strcpy(old_secret, secret);
	strcpy(old_id, key.id);
	assert_int_equal(vs_keys_rotate(catalog, old_id, 60000, now + 1000000, &key, secret, &event, &error), 0);
	assert_string_not_equal(secret, old_secret);
	assert_string_equal(key.grant.filter, "a = 1");
	assert_string_equal(key.name, "a note");
	assert_true(key.expires_at == now + 1000000);
	assert_int_equal(find(other, secret, &found), 0);
	assert_int_equal(find(other, old_secret, &found), 0);
	assert_string_equal(found.replaced_by, key.id);
	assert_in_range(found.expires_at, now + 60000, now + 120000);
	/* Once, and not what is no longer good. */
	assert_int_equal(vs_keys_rotate(catalog, old_id, 0, 0, &found, secret, &event, &error), VS_ECONFLICT);
	assert_int_equal(vs_keys_rotate(catalog, "nobody", 0, 0, &found, secret, &event, &error), VS_ENOTFOUND);
	assert_int_equal(vs_keys_revoke(catalog, key.id, &event, &error), 0);
	assert_int_equal(vs_keys_rotate(catalog, key.id, 0, 0, &found, secret, &event, &error), VS_ECONFLICT);
	/* What ends sooner still does. */
	assert_int_equal(append(VS_ROLE_READER, "films", "", now + 30000), 0);
	strcpy(old_id, key.id);
	assert_int_equal(vs_keys_rotate(catalog, old_id, 60000, 0, &key, secret, &event, &error), 0);
	assert_int_equal(vs_keys_get(catalog, old_id, &found, &error), 0);
	assert_true(found.expires_at == now + 30000);
	assert_int_equal(append(VS_ROLE_READER, "films", "", now - 1), 0);
	assert_int_equal(vs_keys_rotate(catalog, key.id, 60000, 0, &key, secret, &event, &error), VS_ECONFLICT);
}

static void quotas(void **state)
{
	struct vs_quota change = vs_quota_keep();
	char first[VS_KEY_ID_LEN + 1], text[VS_QUOTA_TEXT];
	struct vs_key found;
	(void)state;

	assert_int_equal(append(VS_ROLE_READER, "films", "", 0), 0);
	strcpy(first, key.id);
	change.most[VS_QUOTA_RATE] = 10;
	change.most[VS_QUOTA_BATCH] = 0;
	assert_int_equal(vs_keys_set_quota(catalog, first, &change, &found, &event, &error), 0);
	assert_int_equal(vs_keys_get(other, first, &key, &error), 0);
	assert_memory_equal(&found, &key, sizeof(key));
	vs_quota_format(&key.quota, text);
	assert_string_equal(text, "max_requests_per_second=10,max_batch_size=0");
	/* What is not named stays, and goes along in a rotation. */
	change = vs_quota_keep();
	change.most[VS_QUOTA_BATCH] = VS_QUOTA_DEFAULT;
	assert_int_equal(vs_keys_set_quota(catalog, first, &change, &found, &event, &error), 0);
	assert_int_equal(vs_keys_rotate(catalog, first, 60000, 0, &found, secret, &event, &error), 0);
	assert_int_equal(find(other, secret, &key), 0);
	vs_quota_format(&key.quota, text);
	assert_string_equal(text, "max_requests_per_second=10");
	/* The old one, which is good for a while yet. */
	change.most[VS_QUOTA_RESULTS] = 5;
	assert_int_equal(vs_keys_set_quota(catalog, first, &change, &found, &event, &error), 0);
	assert_int_equal(vs_keys_get(other, key.id, &found, &error), 0);
	assert_int_equal(found.quota.most[VS_QUOTA_RESULTS], VS_QUOTA_DEFAULT);
	assert_int_equal(vs_keys_set_quota(catalog, "nobody", &change, &found, &event, &error), VS_ENOTFOUND);
	assert_int_equal(vs_keys_revoke(catalog, key.id, &event, &error), 0);
	assert_int_equal(vs_keys_set_quota(catalog, key.id, &change, &found, &event, &error), VS_ECONFLICT);
	assert_int_equal(append(VS_ROLE_READER, "films", "", 1), 0);
	assert_int_equal(vs_keys_set_quota(catalog, key.id, &change, &found, &event, &error), VS_ECONFLICT);
}

static void quotas_that_no_key_has(void **state)
{
	struct vs_quota change = vs_quota_keep();
	struct vs_key found;
	(void)state;

	assert_int_equal(append(VS_ROLE_METRICS, "", "", 0), 0);
	change.most[VS_QUOTA_RATE] = 10;
	assert_int_equal(vs_keys_set_quota(catalog, key.id, &change, &found, &event, &error), VS_EINVAL);
	assert_string_equal(error.field, "quota");
	assert_int_equal(append(VS_ROLE_ADMIN, "", "", 0), 0);
	assert_int_equal(vs_keys_set_quota(catalog, key.id, &change, &found, &event, &error), 0);
	change.most[VS_QUOTA_RATE] = vs_quota_limit(VS_QUOTA_RATE) + 1;
	assert_int_equal(vs_keys_set_quota(catalog, key.id, &change, &found, &event, &error), VS_EINVAL);
	assert_string_equal(error.field, "max_requests_per_second");
	change = vs_quota_keep();
	change.most[VS_QUOTA_STORAGE] = 10;
	assert_int_equal(vs_keys_set_quota(catalog, key.id, &change, &found, &event, &error), VS_EINVAL);
	assert_string_equal(error.field, "max_storage_bytes");
	assert_int_equal(vs_keys_get(other, key.id, &found, &error), 0);
	assert_int_equal(found.quota.most[VS_QUOTA_RATE], 10);
	key.quota = vs_quota_keep();
	assert_int_equal(vs_keys_append(catalog, &key, secret, &event, &error), 0);
	assert_int_equal(find(other, secret, &found), 0);
	assert_int_equal(found.quota.most[VS_QUOTA_RATE], VS_QUOTA_DEFAULT);
	key.quota.most[VS_QUOTA_VECTORS] = 10;
	assert_int_equal(vs_keys_append(catalog, &key, secret, &event, &error), VS_EINVAL);
	assert_string_equal(error.field, "max_vectors");
}

static int count_keys(void *context, const struct vs_key *one)
{
	(void)one;
	return ++*(int *)context == 2 ? 17 : 0;
}

static int see_event(void *context, const struct vs_audit_event *seen)
{
	assert_string_equal(seen->object, key.id);
	++*(int *)context;
	return 0;
}

static void lists_and_events(void **state)
{
	struct vs_audit_query query = { .actor = "test", .limit = 10 };
	int count = 0;
	(void)state;

	assert_int_equal(append(VS_ROLE_READER, "films", "", 0), 0);
	assert_int_equal(vs_keys_each(catalog, count_keys, &count, &error), 0);
	assert_int_equal(count, 1);
	count = 0;
	assert_int_equal(vs_audit_each(catalog, &query, see_event, &count, &error), 0);
	assert_int_equal(count, 1);
	assert_int_equal(append(VS_ROLE_READER, "films", "", 0), 0);
	assert_int_equal(append(VS_ROLE_READER, "films", "", 0), 0);
	count = 0;
	assert_int_equal(vs_keys_each(catalog, count_keys, &count, &error), 17);
}

/* A catalogue that somebody has edited grants nothing that no key can. */
static void absurd_rows(void **state)
{
	static const char *const damages[] = {
		"UPDATE api_key SET role = 99",         "UPDATE api_key SET role = 4294967300", "UPDATE api_key SET namespace = ''",
		"UPDATE api_key SET namespace = '../x'", "UPDATE api_key SET role = 4",          "UPDATE api_key SET id = id || 'x'",
		"UPDATE api_key SET filter = 'a' || char(0) || 'b'", "UPDATE api_key SET role = 3, filter = 'a = 1'",
		"UPDATE api_key SET filter = hex(zeroblob(3000))", "UPDATE api_key SET quota = 'max_vectors=1'",
		"UPDATE api_key SET quota = 'max_qps=x'", "UPDATE api_key SET role = 5, namespace = '', quota = 'max_qps=1'",
	};
	struct vs_key found;
	(void)state;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		execute("DELETE FROM api_key");
		assert_int_equal(append(VS_ROLE_READER, "films", "", 0), 0);
		execute(damages[i]);
		assert_int_equal(find(catalog, secret, &found), VS_ECORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_found_by_its_secret_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(no_secret_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(grants, setup, teardown),
		cmocka_unit_test_setup_teardown(revocation_is_seen_at_once_and_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(rotation_overlaps, setup, teardown),
		cmocka_unit_test_setup_teardown(quotas, setup, teardown),
		cmocka_unit_test_setup_teardown(quotas_that_no_key_has, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_and_events, setup, teardown),
		cmocka_unit_test_setup_teardown(absurd_rows, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

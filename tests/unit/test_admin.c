/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces as administrators see them: limits, quotas, deletion, and folders that no namespace has. */
#include "engine_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/namespace.h"
#include "store/audit.h"

#define DIM 16
#define NOBODY "00000000000000aa" /* a folder's name that no namespace has */

static const struct vs_namespace_change no_change = VS_NAMESPACE_CHANGE;

static void assert_refused(int rc, int code, const char *field, const struct vs_error *error)
{
	assert_int_equal(rc, code);
	assert_int_equal(error->code, code);
	assert_string_equal(error->field, field);
}

/* ---- what can be set ------------------------------------------------------------------------------------ */

static void options_have_limits(void **state)
{
	static const struct {
		const char *field;
		struct vs_namespace_options options;
	} bad[] = {
		{ "dimension", { 0, VS_COSINE, VS_VECTOR_DIM_MAX + 1, 0, 0 } },
		{ "dimension", { 0, VS_COSINE, 65, 0, 0 } }, /* more than the store's quota */
		{ "metric", { 0, (enum vs_metric)99, 3, 0, 0 } },
		{ "quantization", { 0, VS_COSINE, 3, (enum vs_quantization)99, 0 } },
		{ "tokenizer", { 0, VS_COSINE, 3, 0, (enum vs_tokenizer)99 } },
	};
	struct fixture *fixture = *state;
	struct vs_quota quota = vs_quota_none();
	struct vs_namespace_options good = { 0, VS_DOT, 64, VS_QUANTIZATION_NONE, VS_TOKENIZER_UNICODE61 };
	struct vs_namespace_info info;
	struct vs_error error;

	quota.most[VS_QUOTA_DIMENSION] = 64;
	vs_store_set_quota(fixture->store, &quota);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(vs_store_create(fixture->store, "shop", &bad[i].options, NULL, &error), VS_EINVAL, bad[i].field, &error);
	assert_int_equal(vs_store_find(fixture->store, "shop", &info, &error), VS_ENOTFOUND);
	assert_ok(vs_store_create(fixture->store, "shop", &good, NULL, &error), error);
	assert_int_equal(vs_store_create(fixture->store, "shop", &good, NULL, &error), VS_ECONFLICT);
	assert_ok(vs_store_find(fixture->store, "shop", &info, &error), error);
	assert_int_equal(info.metric, VS_DOT);
	assert_int_equal(info.dimension, 64);
	assert_string_equal(info.description, "");
	assert_string_equal(info.metadata, "{}");
	assert_int_equal(vs_store_find(fixture->store, "Shop", &info, &error), VS_EINVAL);
}

static void changes_have_limits(void **state)
{
	static char long_text[VS_NAMESPACE_METADATA_MAX + 2];
	struct fixture *fixture = *state;
	struct vs_namespace_change change = no_change;
	struct vs_quota quota = vs_quota_none();
	struct vs_namespace_info info;
	struct vs_error error;

	memset(long_text, 'x', sizeof(long_text) - 1);
	change.description = long_text + sizeof(long_text) - 1 - (VS_DESCRIPTION_MAX + 1);
	assert_refused(vs_store_change(fixture->store, "default", &change, &error), VS_EINVAL, "description", &error);
	change.description = "caf\xe9";
	assert_refused(vs_store_change(fixture->store, "default", &change, &error), VS_EINVAL, "description", &error);
	assert_int_equal(error.position, 3);
	change = no_change;
	change.metadata = long_text;
	assert_refused(vs_store_change(fixture->store, "default", &change, &error), VS_ETOOBIG, "metadata", &error);
	change.metadata = "[1]";
	assert_refused(vs_store_create(fixture->store, "shop", NULL, &change, &error), VS_EINVAL, "metadata", &error);
	change = no_change;
	change.quota = &quota;
	quota.most[VS_QUOTA_VECTORS] = VS_QUOTA_KEEP - 1;
	assert_refused(vs_store_change(fixture->store, "default", &change, &error), VS_EINVAL, "max_vectors", &error);
	quota.most[VS_QUOTA_VECTORS] = VS_QUOTA_KEEP;
	quota.most[VS_QUOTA_DIMENSION] = vs_quota_limit(VS_QUOTA_DIMENSION) + 1;
	assert_refused(vs_store_change(fixture->store, "default", &change, &error), VS_EINVAL, "max_dimension", &error);
	change = no_change;
	change.status = VS_DELETING;
	assert_refused(vs_store_change(fixture->store, "default", &change, &error), VS_EINVAL, "status", &error);
	change.status = VS_ACTIVE;
	assert_int_equal(vs_store_change(fixture->store, "nobody", &change, &error), VS_ENOTFOUND);
	assert_ok(vs_store_find(fixture->store, "default", &info, &error), error);
	assert_string_equal(info.description, "");
	assert_int_equal(info.quota.most[VS_QUOTA_VECTORS], VS_QUOTA_DEFAULT);
}

/* What is not named stays. */
static void changes_are_kept(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_change change = { .description = "first", .metadata = "{\"a\":1}" };
	struct vs_quota quota = vs_quota_none();
	struct vs_namespace_info info;
	struct vs_error error;

	change.quota = &quota;
	quota.most[VS_QUOTA_VECTORS] = 7;
	assert_ok(vs_store_create(fixture->store, "shop", NULL, &change, &error), error);
	quota.most[VS_QUOTA_VECTORS] = VS_QUOTA_KEEP;
	quota.most[VS_QUOTA_STORAGE] = 1 << 20;
	change = no_change;
	change.quota = &quota;
	change.status = VS_PENDING_DELETION;
	change.delete_at = INT64_C(1) << 50;
	assert_ok(vs_store_change(fixture->store, "shop", &change, &error), error);
	assert_ok(vs_store_find(fixture->store, "shop", &info, &error), error);
	assert_string_equal(info.description, "first");
	assert_string_equal(info.metadata, "{\"a\":1}");
	assert_int_equal(info.quota.most[VS_QUOTA_VECTORS], 7);
	assert_int_equal(info.quota.most[VS_QUOTA_STORAGE], 1 << 20);
	assert_int_equal(info.status, VS_PENDING_DELETION);
	assert_int_equal(info.delete_at, INT64_C(1) << 50);
	change = no_change;
	change.status = VS_READ_ONLY;
	assert_ok(vs_store_change(fixture->store, "shop", &change, &error), error);
	assert_ok(vs_store_find(fixture->store, "shop", &info, &error), error);
	assert_int_equal(info.delete_at, 0);
}

/* ---- what binds ----------------------------------------------------------------------------------------- */

static void quotas_bind_writes(void **state)
{
	static const float vector[DIM] = { 1.0f };
	struct fixture *fixture = *state;
	struct vs_namespace_change change = no_change;
	struct vs_quota quota = vs_quota_none();
	struct vs_use use;
	struct vs_error error;

	assert_ok(vs_namespace_use(fixture->ns, &use, &error), error);
	assert_int_equal(use.vectors, 0);
	assert_int_equal(use.dimension, 0);
	change.quota = &quota;
	quota.most[VS_QUOTA_DIMENSION] = DIM - 1;
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
	assert_refused(put(fixture, "a", vector, DIM, NULL, &error), VS_EQUOTA, "vector", &error);
	quota.most[VS_QUOTA_DIMENSION] = DIM;
	quota.most[VS_QUOTA_VECTORS] = 2;
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
	assert_ok(put(fixture, "a", vector, DIM, NULL, &error), error);
	assert_ok(put(fixture, "b", vector, DIM, NULL, &error), error);
	assert_refused(put(fixture, "c", vector, DIM, NULL, &error), VS_EQUOTA, "id", &error);
	assert_ok(put(fixture, "b", vector, DIM, "{\"n\":1}", &error), error);
	assert_ok(vs_namespace_use(fixture->ns, &use, &error), error);
	assert_int_equal(use.vectors, 2);
	assert_int_equal(use.dimension, DIM);
	quota.most[VS_QUOTA_VECTORS] = 0;
	quota.most[VS_QUOTA_STORAGE] = (int64_t)use.storage_bytes;
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
	assert_int_equal(vs_namespace_most(fixture->ns, VS_QUOTA_VECTORS), 2); /* until the next write or refresh */
	assert_ok(vs_namespace_refresh(fixture->ns, &error), error);
	assert_int_equal(vs_namespace_most(fixture->ns, VS_QUOTA_VECTORS), 0);
	assert_int_equal(put(fixture, "c", vector, DIM, NULL, &error), VS_EQUOTA);
	assert_non_null(strstr(error.text, "max_storage_bytes"));
	assert_int_equal(drop(fixture, VS_DELETE, "a"), 1); /* is never refused for its size */
}

static void frozen_ones_refuse_writes(void **state)
{
	static const enum vs_status frozen[] = { VS_READ_ONLY, VS_PENDING_DELETION };
	static const float vector[DIM] = { 1.0f };
	struct fixture *fixture = *state;
	struct vs_namespace_change change = no_change;
	struct vs_error error;

	change.delete_at = INT64_C(1) << 50;
	for (size_t i = 0; i < 2; i++) {
		change.status = frozen[i];
		assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
		assert_int_equal(put(fixture, "a", vector, DIM, NULL, &error), VS_EFROZEN);
		assert_int_equal(vs_namespace_status(fixture->ns), frozen[i]);
	}
	change.status = VS_SUSPENDED; /* is no matter of the library */
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
	assert_ok(put(fixture, "a", vector, DIM, NULL, &error), error);
}

/* ---- deletion ------------------------------------------------------------------------------------------- */

static void set_deletion(struct fixture *fixture, const char *name, int64_t at)
{
	struct vs_namespace_change change = no_change;
	struct vs_error error;

	change.status = VS_PENDING_DELETION;
	change.delete_at = at;
	assert_ok(vs_store_change(fixture->store, name, &change, &error), error);
}

static int count_one(void *context, const struct vs_namespace_info *info)
{
	assert_non_null(info->name);
	++*(int *)context;
	return 0;
}

static int namespaces_of(struct fixture *fixture, const char *after)
{
	struct vs_error error;
	int count = 0;

	assert_ok(vs_store_each(fixture->store, after, count_one, &count, &error), error);
	return count;
}

static void what_is_due_is_deleted(void **state)
{
	struct fixture *fixture = *state;
	struct vs_namespace_change change = no_change;
	struct vs_error error;
	unsigned removed;

	assert_ok(vs_store_create(fixture->store, "now", NULL, NULL, &error), error);
	assert_ok(vs_store_create(fixture->store, "later", NULL, NULL, &error), error);
	assert_ok(vs_store_create(fixture->store, "never", NULL, NULL, &error), error);
	assert_int_equal(namespaces_of(fixture, NULL), 4);
	assert_int_equal(namespaces_of(fixture, "later"), 2);
	set_deletion(fixture, "now", 1);
	set_deletion(fixture, "default", 1);
	set_deletion(fixture, "later", INT64_C(1) << 50);
	assert_ok(vs_store_reap(fixture->store, &removed, &error), error);
	assert_int_equal(removed, 2);
	assert_int_equal(namespaces_of(fixture, NULL), 2);
	assert_int_equal(vs_namespace_refresh(fixture->ns, &error), VS_ESTALE);
	/* Another one of that name is not the same one. */
	assert_ok(vs_store_create(fixture->store, "default", NULL, NULL, &error), error);
	assert_int_equal(vs_namespace_refresh(fixture->ns, &error), VS_ESTALE);
	/* One that is half deleted cannot be called back. */
	change_catalog(fixture, "UPDATE namespace SET status = 5 WHERE name = 'never'");
	change.status = VS_ACTIVE;
	assert_int_equal(vs_store_change(fixture->store, "never", &change, &error), VS_ECONFLICT);
	assert_ok(vs_store_reap(fixture->store, &removed, &error), error);
	assert_int_equal(removed, 1);
	assert_ok(vs_store_reap(fixture->store, &removed, &error), error);
	assert_int_equal(removed, 0);
}

/* ---- folders that no namespace has ---------------------------------------------------------------------- */

static void folder_of(const struct fixture *fixture, const char *folder, char path[256])
{
	snprintf(path, 256, "%s/ns/%s", fixture->data, folder);
}

static void hear(void *context, const char *finding)
{
	snprintf(context, 300, "%s", finding);
}

/* *told: the last finding. */
static struct vs_check_result check_store(struct fixture *fixture, bool repair, char told[300])
{
	struct vs_store_check_options options = { repair, told != NULL ? hear : NULL, told };
	struct vs_check_result result;
	struct vs_error error;

	if (told != NULL)
		told[0] = '\0';
	assert_ok(vs_store_check(fixture->store, &options, &result, &error), error);
	return result;
}

static void assert_found(struct vs_check_result result, unsigned problems, unsigned repairs, unsigned mended)
{
	assert_int_equal(result.problems, problems);
	assert_int_equal(result.repairs, repairs);
	assert_int_equal(result.mended, mended);
}

static void empty_folders_go(void **state)
{
	struct fixture *fixture = *state;
	char path[256], told[300];

	assert_found(check_store(fixture, true, told), 0, 0, 0);
	folder_of(fixture, "no folder's name", path);
	assert_int_equal(mkdir(path, 0750), 0);
	folder_of(fixture, NOBODY, path);
	assert_int_equal(mkdir(path, 0750), 0);
	assert_found(check_store(fixture, false, told), 0, 1, 0);
	assert_non_null(strstr(told, NOBODY));
	assert_int_equal(access(path, F_OK), 0);
	assert_found(check_store(fixture, true, NULL), 0, 0, 1);
	assert_int_equal(access(path, F_OK), -1);
	assert_found(check_store(fixture, false, told), 0, 0, 0);
	folder_of(fixture, "no folder's name", path);
	assert_int_equal(access(path, F_OK), 0); /* is none of ours */
}

/* Moves the folder of the fixture's namespace to where nothing names it. */
static void orphan(struct fixture *fixture, char path[256])
{
	struct vs_namespace_info info;
	struct vs_error error;
	char from[256];

	assert_ok(vs_store_find(fixture->store, "default", &info, &error), error);
	folder_of(fixture, info.folder, from);
	folder_of(fixture, NOBODY, path);
	assert_int_equal(rename(from, path), 0);
}

static void records_stay(void **state)
{
	static const float vector[DIM] = { 1.0f };
	struct fixture *fixture = *state;
	struct vs_error error;
	char path[256], current[300], told[300];
	int fd;

	assert_ok(put(fixture, "a", vector, DIM, NULL, &error), error);
	orphan(fixture, path);
	assert_found(check_store(fixture, true, told), 1, 0, 0);
	assert_non_null(strstr(told, "holds records"));
	assert_int_equal(access(path, F_OK), 0);
	/* What cannot be read may hold something. */
	snprintf(current, sizeof(current), "%s/CURRENT", path);
	fd = open(current, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "garbage", 7), 7);
	close(fd);
	assert_found(check_store(fixture, true, NULL), 1, 0, 0);
	assert_int_equal(access(path, F_OK), 0);
}

static void one_without_records_goes(void **state)
{
	struct fixture *fixture = *state;
	char path[256];

	orphan(fixture, path);
	assert_found(check_store(fixture, true, NULL), 0, 0, 1);
	assert_int_equal(access(path, F_OK), -1);
}

static void deletions_that_were_cut_off_are_ended(void **state)
{
	struct fixture *fixture = *state;
	struct vs_error error;
	char told[300];

	assert_ok(vs_store_create(fixture->store, "half", NULL, NULL, &error), error);
	change_catalog(fixture, "UPDATE namespace SET status = 5 WHERE name = 'half'");
	assert_found(check_store(fixture, false, told), 0, 1, 0);
	assert_non_null(strstr(told, "namespace half: is being deleted"));
	assert_int_equal(namespaces_of(fixture, NULL), 2);
	assert_found(check_store(fixture, true, told), 0, 0, 1);
	assert_int_equal(namespaces_of(fixture, NULL), 1);
}

/* ---- snapshots ------------------------------------------------------------------------------------------ */

static void set_quota(struct fixture *fixture, enum vs_quota_kind kind, uint64_t most)
{
	struct vs_namespace_change change = no_change;
	struct vs_quota quota = vs_quota_none();
	struct vs_error error;

	quota.most[kind] = (int64_t)most;
	change.quota = &quota;
	assert_ok(vs_store_change(fixture->store, "default", &change, &error), error);
}

static uint64_t bytes_of(struct fixture *fixture)
{
	struct vs_error error;
	struct vs_use use;

	assert_ok(vs_namespace_use(fixture->ns, &use, &error), error);
	return use.storage_bytes;
}

static int keep(struct fixture *fixture, const char *name)
{
	struct vs_snapshot snapshot;
	struct vs_error error;
	int rc = vs_snapshot_create(fixture->ns, name, NULL, &snapshot, &error);

	if (rc != 0)
		assert_int_equal(vs_snapshot_find(fixture->ns, name, &snapshot, &error), VS_ENOTFOUND);
	return rc;
}

/* A namespace that is full has room for one snapshot, and can go back to it. */
static void snapshots_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct vs_quota defaults = vs_quota_none();
	struct vs_error error;
	char path[512];
	uint64_t full;

	put_many(fixture, 0, 100, DIM);
	full = bytes_of(fixture);
	set_quota(fixture, VS_QUOTA_STORAGE, full);
	assert_int_equal(keep(fixture, "one"), 0);
	assert_int_equal(keep(fixture, "two"), VS_EQUOTA);
	assert_ok(vs_snapshot_restore(fixture->ns, "one", NULL, NULL, NULL, &error), error);
	assert_true(bytes_of(fixture) <= full);
	full = bytes_of(fixture);
	set_quota(fixture, VS_QUOTA_STORAGE, full - 1);
	assert_int_equal(vs_snapshot_restore(fixture->ns, "one", NULL, NULL, NULL, &error), VS_EQUOTA);
	/* A bound of their own goes before that; and one that cannot be read takes its place as before. */
	set_quota(fixture, VS_QUOTA_SNAPSHOTS, 2 * full + full / 2);
	assert_int_equal(keep(fixture, "two"), 0);
	snprintf(path, sizeof(path), "%s/snapshots/%s/two/manifest", fixture->data, fixture->ns->entry.folder);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(keep(fixture, "three"), VS_EQUOTA);
	assert_ok(vs_snapshot_remove(fixture->ns, "two", &error), error);
	assert_int_equal(keep(fixture, "three"), 0);
	/* What is made of one, or of the namespace, has the quotas of all. */
	defaults.most[VS_QUOTA_STORAGE] = (int64_t)full - 1;
	vs_store_set_quota(fixture->store, &defaults);
	assert_int_equal(vs_snapshot_restore(fixture->ns, "three", "made", NULL, NULL, &error), VS_EQUOTA);
	assert_int_equal(vs_namespace_clone(fixture->ns, "made", NULL, NULL, &error), VS_EQUOTA);
	assert_int_equal(namespaces_of(fixture, NULL), 1);
}

/* ---- the audit trail ------------------------------------------------------------------------------------ */

static int note_event(void *context, const struct vs_audit_event *event)
{
	char *list = context;

	sprintf(list + strlen(list), "%s %s;", event->action, event->ns);
	return 0;
}

static void assert_trail(struct fixture *fixture, const char *expected)
{
	struct vs_audit_query all = { .limit = 100 };
	struct vs_error error;
	char list[1000] = "";

	assert_ok(vs_audit_each(fixture->store->catalog, &all, note_event, list, &error), error);
	assert_string_equal(list, expected);
}

static void what_changes_is_recorded(void **state)
{
	struct fixture *fixture = *state;
	struct vs_audit_event event = { .actor = "key:1", .action = "create", .ns = "shop" };
	struct vs_namespace_change change = no_change;
	struct vs_error error;

	change.event = &event;
	assert_ok(vs_store_create(fixture->store, "shop", NULL, &change, &error), error);
	assert_int_equal(event.seq, 1);
	assert_int_equal(vs_store_create(fixture->store, "shop", NULL, &change, &error), VS_ECONFLICT);
	assert_int_equal(event.seq, 0); /* what was given for a commit that failed means nothing */
	event.action = "change";
	change.description = "for sale";
	assert_ok(vs_store_change(fixture->store, "shop", &change, &error), error);
	assert_int_equal(event.seq, 2);
	assert_int_equal(vs_store_change(fixture->store, "none", &change, &error), VS_ENOTFOUND);
	assert_int_equal(event.seq, 0);
	set_deletion(fixture, "shop", 1); /* without */
	assert_ok(vs_store_reap(fixture->store, NULL, &error), error);
	assert_ok(vs_store_reap(fixture->store, NULL, &error), error);
	event.action = "record";
	assert_ok(vs_store_record(fixture->store, &event, &error), error);
	assert_trail(fixture, "create shop;change shop;namespace removal shop;record shop;");
}

static void jobs_are_recorded(void **state)
{
	struct fixture *fixture = *state;
	struct vs_audit_event event = { .action = "compact", .ns = "default" };
	struct vs_error error;
	struct vs_job job;

	assert_int_equal(vs_job_create(fixture->store, "compact", "default", "[]", &event, &job, &error), VS_EINVAL);
	assert_int_equal(event.seq, 0);
	assert_ok(vs_job_create(fixture->store, "compact", "default", NULL, &event, &job, &error), error);
	assert_int_equal(event.seq, 1);
	event.action = "cancel";
	assert_ok(vs_job_cancel(fixture->store, job.id, &event, &job, &error), error);
	assert_int_equal(event.seq, 2);
	/* It is cancelled already: nothing changes. */
	event.seq = 0;
	assert_ok(vs_job_cancel(fixture->store, job.id, &event, &job, &error), error);
	assert_int_equal(event.seq, 0);
	assert_int_equal(vs_job_cancel(fixture->store, 77, &event, &job, &error), VS_ENOTFOUND);
	assert_trail(fixture, "compact default;cancel default;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_have_limits),    TEST(changes_have_limits),       TEST(changes_are_kept),
		TEST(quotas_bind_writes),     TEST(frozen_ones_refuse_writes), TEST(what_is_due_is_deleted),
		TEST(empty_folders_go),       TEST(records_stay),              TEST(one_without_records_goes),
		TEST(deletions_that_were_cut_off_are_ended),
		TEST(snapshots_are_bounded),
		TEST(what_changes_is_recorded), TEST(jobs_are_recorded),
	};

	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs as a library has them: who may work them off, what comes of them, what is told meanwhile. */
#include "engine_fixture.h"


#define RECORDS 400

static struct vs_error error;
static struct vs_job job;

static void store(struct fixture *fixture, int salt)
{
	static struct vs_record_input inputs[RECORDS];
	static float vectors[RECORDS][2];
	static char ids[RECORDS][8];
	struct vs_upsert_result result;

	for (int i = 0; i < RECORDS; i++) {
		vectors[i][0] = (float)(i + 1);
		vectors[i][1] = (float)salt;
		snprintf(ids[i], sizeof(ids[i]), "r%d", i);
		inputs[i] = (struct vs_record_input){ .id = ids[i], .id_len = strlen(ids[i]), .vector = vectors[i], .dimension = 2 };
	}
	assert_ok(vs_namespace_upsert(fixture->ns, inputs, RECORDS, NULL, &result, &error), error);
}

static int64_t create(struct fixture *fixture)
{
	assert_ok(vs_job_create(fixture->store, "compact", "default", NULL, NULL, &job, &error), error);
	assert_int_equal(job.state, VS_JOB_QUEUED);
	return job.id;
}

static struct vs_job_worker *open_worker(struct fixture *fixture)
{
	struct vs_job_worker *worker;

	assert_ok(vs_job_worker_open(fixture->store, &worker, &error), error);
	return worker;
}

static int run(struct fixture *fixture, bool (*stopping)(void *context), const char *name)
{
	struct vs_job_options options = { 1, stopping, fixture, name };
	int rc = vs_job_run(fixture->store, &options, &job, &error);

	assert_true(rc >= 0);
	return rc;
}

static void does_what_is_asked(void **state)
{
	struct fixture *fixture = *state;
	struct vs_job_worker *worker = open_worker(fixture), *other;
	int64_t id;

	store(fixture, 1);
	store(fixture, 2);
	assert_int_equal(run(fixture, NULL, NULL), 0);
	id = create(fixture);
	assert_int_equal(vs_job_worker_open(fixture->store, &other, &error), VS_EBUSY);
	assert_null(other);
	assert_int_equal(run(fixture, NULL, "default"), 1);
	assert_int_equal(job.id, id);
	assert_int_equal(job.state, VS_JOB_SUCCEEDED);
	assert_non_null(strstr(job.result, "\"removed_count\":400"));
	assert_ok(vs_job_get(fixture->store, id, &job, &error), error);
	assert_int_equal(job.state, VS_JOB_SUCCEEDED);
	assert_non_null(strstr(job.result, "\"removed_count\":400"));
	assert_int_equal(run(fixture, NULL, NULL), 0);
	vs_job_worker_close(worker);
	vs_job_worker_close(NULL);
}

static void refuses(void **state)
{
	struct fixture *fixture = *state;
	struct vs_job_options options = { 1, NULL, NULL, "nothing" };
	char text[VS_JOB_JSON_MAX + 2];

	memset(text, ' ', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(vs_job_create(fixture->store, "nothing", "default", NULL, NULL, &job, &error), VS_EINVAL);
	assert_string_equal(error.field, "kind");
	assert_int_equal(vs_job_create(fixture->store, "compact", "nothing", NULL, NULL, &job, &error), VS_ENOTFOUND);
	assert_int_equal(vs_job_create(fixture->store, "compact", "default", text, NULL, &job, &error), VS_ETOOBIG);
	assert_int_equal(vs_job_create(fixture->store, "compact", "default", "{", NULL, &job, &error), VS_EINVAL);
	assert_string_equal(error.field, "arguments");
	assert_int_equal(vs_job_create(fixture->store, "compact", "default", "[]", NULL, &job, &error), VS_EINVAL);
	assert_int_equal(vs_job_get(fixture->store, 1, &job, &error), VS_ENOTFOUND);
	assert_int_equal(vs_job_run(fixture->store, &options, &job, &error), VS_ENOTFOUND);
}

static bool at_once(void *context)
{
	(void)context;
	return true;
}

static void stops(void **state)
{
	struct fixture *fixture = *state;
	struct vs_job_worker *worker = open_worker(fixture);
	struct vs_namespace_stats stats;
	int64_t id;

	store(fixture, 1);
	store(fixture, 2);
	id = create(fixture);
	assert_int_equal(run(fixture, at_once, NULL), 1);
	assert_int_equal(job.state, VS_JOB_QUEUED);
	assert_ok(vs_job_get(fixture->store, id, &job, &error), error);
	assert_int_equal(job.state, VS_JOB_QUEUED);
	assert_int_equal(job.attempts, 0);
	assert_int_equal(run(fixture, NULL, NULL), 1);
	assert_int_equal(job.id, id);
	assert_int_equal(job.state, VS_JOB_SUCCEEDED);
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.slots, RECORDS);
	vs_job_worker_close(worker);
}

/* Another namespace of the same name is not the one that was meant; nor does a kind of another version stop the rest. */
static void of_what_is_gone(void **state)
{
	struct fixture *fixture = *state;
	struct vs_job_worker *worker = open_worker(fixture);
	int64_t ids[3];

	for (int i = 0; i < 3; i++)
		ids[i] = create(fixture);
	change_catalog(fixture, "UPDATE job SET folder = '0123456789abcdef' WHERE id = 1; UPDATE job SET kind = 'dance' WHERE id = 2");
	assert_int_equal(run(fixture, NULL, NULL), 1);
	assert_int_equal(job.id, ids[0]);
	assert_int_equal(job.state, VS_JOB_FAILED);
	assert_int_equal(job.code, VS_ENOTFOUND);
	assert_string_equal(job.error, "namespace default is gone");
	assert_int_equal(run(fixture, NULL, NULL), 1);
	assert_int_equal(job.id, ids[1]);
	assert_int_equal(job.state, VS_JOB_FAILED);
	assert_non_null(strstr(job.error, "\"dance\" is no kind of job"));
	assert_int_equal(run(fixture, NULL, NULL), 1);
	assert_int_equal(job.id, ids[2]);
	assert_int_equal(job.state, VS_JOB_SUCCEEDED);
	vs_job_worker_close(worker);
}

static void after_a_death(void **state)
{
	struct fixture *fixture = *state;
	struct vs_job_worker *worker;
	uint32_t count;
	int64_t id = create(fixture);

	change_catalog(fixture, "UPDATE job SET state = 1, attempts = 1, progress = 0.5");
	assert_ok(vs_job_waiting(fixture->store, &count, &error), error);
	assert_int_equal(count, 0);
	worker = open_worker(fixture);
	assert_ok(vs_job_waiting(fixture->store, &count, &error), error);
	assert_int_equal(count, 1);
	assert_int_equal(run(fixture, NULL, NULL), 1);
	assert_int_equal(job.id, id);
	assert_int_equal(job.attempts, 2);
	assert_int_equal(job.state, VS_JOB_SUCCEEDED);
	vs_job_worker_close(worker);
}

/* ---- snapshots, restores, clones ------------------------------------------------------------------------ */

/* code: what the job fails with; 0: it succeeds. */
static void do_job(struct fixture *fixture, const char *kind, const char *arguments, int code)
{
	assert_ok(vs_job_create(fixture->store, kind, "default", arguments, NULL, &job, &error), error);
	assert_int_equal(run(fixture, NULL, NULL), 1);
	assert_int_equal(job.code, code);
	assert_int_equal(job.state, code == 0 ? VS_JOB_SUCCEEDED : VS_JOB_FAILED);
}

static void snapshots_are_jobs(void **state)
{
	struct fixture *fixture = *state;
	struct vs_job_worker *worker = open_worker(fixture);
	struct vs_namespace_stats stats;

	store(fixture, 1);
	do_job(fixture, "snapshot", "{\"name\":\"one\"}", 0);
	assert_non_null(strstr(job.result, "\"path\":\"/v1/snapshots/one\""));
	do_job(fixture, "snapshot", "{\"name\":\"one\"}", VS_ECONFLICT);
	do_job(fixture, "snapshot", "{}", 0); /* names itself */
	assert_null(strstr(job.result, "/one\""));
	do_job(fixture, "clone", "{}", VS_EINVAL);
	do_job(fixture, "clone", "{\"to\":\"copy\"}", 0);
	assert_string_equal(job.result, "{\"success\":true,\"namespace\":\"copy\",\"vectors_cloned\":400}");
	do_job(fixture, "clone", "{\"to\":\"copy\"}", VS_ECONFLICT);
	do_job(fixture, "restore", "{}", VS_EINVAL);
	do_job(fixture, "restore", "{\"snapshot\":\"none\",\"into\":\"back\"}", VS_ENOTFOUND);
	do_job(fixture, "restore", "{\"snapshot\":\"one\",\"into\":\"back\"}", 0);
	assert_string_equal(job.result, "{\"success\":true,\"namespace\":\"back\",\"vectors_restored\":400}");
	do_job(fixture, "restore", "{\"snapshot\":\"one\",\"into\":\"back\"}", VS_ECONFLICT);
	do_job(fixture, "restore", "{\"snapshot\":\"one\",\"generation\":1}", 0);
	assert_string_equal(job.result, "{\"success\":true,\"namespace\":\"default\",\"vectors_restored\":400}");
	assert_ok(vs_namespace_stats(fixture->ns, &stats, &error), error);
	assert_int_equal(stats.generation, 2);
	vs_job_worker_close(worker);
}

/* The process did the work, and died before it could say so. */
static void what_was_done_is_not_done_again(void **state)
{
	static const struct {
		const char *kind, *arguments;
		int code;
	} jobs[] = {
		{ "snapshot", "{\"name\":\"one\"}", 0 },
		{ "snapshot", "{}", 0 },
		{ "clone", "{\"to\":\"copy\"}", 0 },
		{ "restore", "{\"snapshot\":\"one\",\"into\":\"back\"}", 0 },
		{ "restore", "{\"snapshot\":\"one\",\"generation\":1}", VS_ECONFLICT }, /* others may have written since */
	};
	struct fixture *fixture = *state;

	store(fixture, 1);
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		struct vs_job_worker *worker = open_worker(fixture);
		char sql[160], result[sizeof(job.result)];
		int64_t id;
		do_job(fixture, jobs[i].kind, jobs[i].arguments, 0);
		id = job.id;
		strcpy(result, job.result);
		vs_job_worker_close(worker);
		snprintf(sql, sizeof(sql), "UPDATE job SET state = 1, progress = 0.5, result = '', finished_at = 0 WHERE id = %d", (int)id);
		change_catalog(fixture, sql);
		worker = open_worker(fixture);
		assert_int_equal(run(fixture, NULL, NULL), 1);
		assert_int_equal(job.id, id);
		assert_int_equal(job.attempts, 2);
		assert_int_equal(job.code, jobs[i].code);
		assert_string_equal(job.result, jobs[i].code == 0 ? result : "");
		vs_job_worker_close(worker);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(does_what_is_asked, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(refuses, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(stops, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(of_what_is_gone, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(after_a_death, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(snapshots_are_jobs, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_was_done_is_not_done_again, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

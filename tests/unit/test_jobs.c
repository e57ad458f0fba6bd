/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_fixture.h"

#include "base/clock.h"
#include "store/jobs.h"

static struct vs_catalog *catalog;
static struct vs_job job;

static const char a[] = "000000000000000a", b[] = "000000000000000b";

static int setup(void **state)
{
	return folder_make(state) != 0 || vs_catalog_open(path_of("data"), true, &catalog, &error) != 0;
}

static int teardown(void **state)
{
	vs_catalog_close(catalog);
	catalog = NULL;
	return folder_remove(state);
}

/* Queues one on the namespace with this folder: its id. */
static int64_t append(const char *in)
{
	struct vs_job fresh = { .kind = "compact", .arguments = "{\"x\":1}" };

	snprintf(fresh.name, sizeof(fresh.name), "n%c", in[15]);
	snprintf(fresh.folder, sizeof(fresh.folder), "%s", in);
	assert_int_equal(vs_jobs_append(catalog, NULL, &fresh, &error), 0);
	assert_int_equal(fresh.state, VS_JOB_QUEUED);
	return fresh.id;
}

static enum vs_job_state state_of(int64_t id)
{
	assert_int_equal(vs_jobs_find(catalog, id, &job, &error), 0);
	assert_int_equal(job.id, id);
	return job.state;
}

static int64_t take(const char *folder_name)
{
	int rc = vs_jobs_take(catalog, folder_name, &job, &error);

	assert_true(rc >= 0);
	return rc == 1 ? job.id : 0;
}

static void finish(int64_t id, enum vs_job_state state, const char *result, int code, const char *text)
{
	assert_int_equal(vs_jobs_find(catalog, id, &job, &error), 0);
	job.state = state;
	job.code = code;
	snprintf(job.result, sizeof(job.result), "%s", result);
	snprintf(job.error, sizeof(job.error), "%s", text);
	assert_int_equal(vs_jobs_finish(catalog, &job, &error), 0);
}

static uint32_t waiting(void)
{
	uint32_t count;

	assert_int_equal(vs_jobs_waiting(catalog, &count, &error), 0);
	return count;
}

static void succeeds(void **state)
{
	int64_t id = append(a);
	(void)state;

	assert_int_equal(state_of(id), VS_JOB_QUEUED);
	assert_string_equal(job.kind, "compact");
	assert_string_equal(job.name, "na");
	assert_string_equal(job.folder, a);
	assert_string_equal(job.arguments, "{\"x\":1}");
	assert_true(job.created_at > 1500000000000 && job.started_at == 0 && job.finished_at == 0);
	assert_false(vs_job_is_finished(&job));
	assert_int_equal(take(NULL), id);
	assert_int_equal(job.state, VS_JOB_RUNNING);
	assert_int_equal(take(NULL), 0);
	assert_int_equal(vs_jobs_progress(catalog, id, 0.5, "half", &error), 0);
	assert_int_equal(vs_jobs_progress(catalog, id, 0.25, "back?", &error), 0);
	assert_int_equal(state_of(id), VS_JOB_RUNNING);
	assert_true(job.progress == 0.5 && job.attempts == 1 && job.started_at >= job.created_at);
	assert_string_equal(job.message, "back?");
	finish(id, VS_JOB_SUCCEEDED, "{\"y\":2}", 0, "");
	assert_int_equal(state_of(id), VS_JOB_SUCCEEDED);
	assert_true(job.progress == 1 && job.finished_at >= job.started_at && job.message[0] == '\0');
	assert_string_equal(job.result, "{\"y\":2}");
	assert_true(vs_job_is_finished(&job));
	/* A finished one hears of nothing more. */
	assert_int_equal(vs_jobs_progress(catalog, id, 0.1, "late", &error), 0);
	finish(id, VS_JOB_FAILED, "", VS_EIO, "late");
	assert_int_equal(vs_jobs_return(catalog, id, &error), 0);
	assert_int_equal(vs_jobs_cancel(catalog, id, NULL, &job, &error), 0);
	assert_int_equal(job.state, VS_JOB_SUCCEEDED);
	assert_false(job.cancel);
}

static void fails(void **state)
{
	int64_t id = append(a);
	(void)state;

	assert_int_equal(take(NULL), id);
	assert_int_equal(vs_jobs_progress(catalog, id, 0.25, "", &error), 0);
	finish(id, VS_JOB_FAILED, "", VS_ENOSPC, "full");
	assert_int_equal(state_of(id), VS_JOB_FAILED);
	assert_int_equal(job.code, VS_ENOSPC);
	assert_string_equal(job.error, "full");
	assert_true(job.progress == 0.25);
	assert_int_equal(vs_jobs_find(catalog, 77, &job, &error), VS_ENOTFOUND);
	assert_int_equal(vs_jobs_cancel(catalog, 77, NULL, &job, &error), VS_ENOTFOUND);
}

static void is_cancelled(void **state)
{
	int64_t queued = append(a), running;
	bool cancelled;
	(void)state;

	assert_int_equal(vs_jobs_cancel(catalog, queued, NULL, &job, &error), 0);
	assert_int_equal(job.state, VS_JOB_CANCELLED);
	assert_true(job.finished_at > 0);
	assert_int_equal(take(NULL), 0);
	running = append(a);
	assert_int_equal(take(NULL), running);
	assert_int_equal(vs_jobs_cancelled(catalog, running, &cancelled, &error), 0);
	assert_false(cancelled);
	assert_int_equal(vs_jobs_cancel(catalog, running, NULL, &job, &error), 0);
	assert_int_equal(job.state, VS_JOB_RUNNING);
	assert_true(job.cancel);
	assert_int_equal(vs_jobs_cancelled(catalog, running, &cancelled, &error), 0);
	assert_true(cancelled);
	finish(running, VS_JOB_CANCELLED, "", 0, "");
	assert_int_equal(state_of(running), VS_JOB_CANCELLED);
}

/* In order, one of a namespace at a time. */
static void is_taken_in_turn(void **state)
{
	int64_t first = append(a), second = append(a), third = append(b);
	(void)state;

	assert_true(first < second && second < third);
	assert_int_equal(waiting(), 2);
	assert_int_equal(take(b), third);
	assert_int_equal(take(b), 0);
	assert_int_equal(take(NULL), first);
	assert_int_equal(waiting(), 0);
	assert_int_equal(take(NULL), 0);
	finish(first, VS_JOB_SUCCEEDED, "{}", 0, "");
	assert_int_equal(waiting(), 1);
	assert_int_equal(take(NULL), second);
	assert_int_equal(vs_jobs_return(catalog, second, &error), 0);
	assert_int_equal(state_of(second), VS_JOB_QUEUED);
	assert_int_equal(job.attempts, 0);
}

/* Progress is told under locks: it waits for nobody. */
static void tells_without_waiting(void **state)
{
	struct vs_catalog *other;
	int64_t id = append(a);
	uint64_t begin;
	(void)state;

	assert_int_equal(take(NULL), id);
	assert_int_equal(vs_catalog_open(path_of("data"), false, &other, &error), 0);
	assert_int_equal(vs_catalog_begin(other, &error), 0);
	begin = vs_clock_mono_ns();
	assert_int_equal(vs_jobs_progress(catalog, id, 0.5, "x", &error), 0);
	assert_true(vs_clock_mono_ns() - begin < 2000000000); /* others wait for five seconds */
	vs_catalog_rollback(other);
	vs_catalog_close(other);
	assert_int_equal(state_of(id), VS_JOB_RUNNING);
	assert_true(job.progress == 0);
	assert_int_equal(vs_jobs_progress(catalog, id, 0.5, "x", &error), 0);
	assert_int_equal(state_of(id), VS_JOB_RUNNING);
	assert_true(job.progress == 0.5);
}

static void outlives_its_process(void **state)
{
	struct vs_file lock = VS_FILE_INIT, other = VS_FILE_INIT;
	int64_t id = append(a), wished = append(b);
	(void)state;

	assert_int_equal(vs_jobs_lock(catalog, &lock, &error), 0);
	assert_int_equal(vs_jobs_lock(catalog, &other, &error), VS_EBUSY);
	assert_int_equal(take(a), id);
	assert_int_equal(take(b), wished);
	assert_int_equal(vs_jobs_progress(catalog, id, 0.75, "x", &error), 0);
	assert_int_equal(vs_jobs_cancel(catalog, wished, NULL, &job, &error), 0);
	vs_file_close(&lock);
	assert_int_equal(vs_jobs_lock(catalog, &other, &error), 0);
	assert_int_equal(vs_jobs_recover(catalog, &error), 0);
	assert_int_equal(state_of(wished), VS_JOB_CANCELLED);
	assert_int_equal(state_of(id), VS_JOB_QUEUED);
	assert_true(job.progress == 0.75);
	for (unsigned attempt = 2; attempt <= VS_JOB_ATTEMPTS; attempt++) {
		assert_int_equal(take(NULL), id);
		assert_int_equal(job.attempts, attempt);
		assert_int_equal(vs_jobs_recover(catalog, &error), 0);
	}
	assert_int_equal(state_of(id), VS_JOB_FAILED);
	assert_non_null(strstr(job.error, "has died"));
	assert_true(job.finished_at > 0);
	assert_int_equal(vs_jobs_recover(catalog, &error), 0);
	vs_file_close(&other);
}

static void note(void *context, const struct vs_job *one)
{
	char *list = context;

	sprintf(list + strlen(list), "%d ", (int)one->id);
}

static void comes_in_pages(void **state)
{
	struct vs_job_page page = { NULL, -1, 0, 2 };
	char list[200] = "";
	bool more;
	(void)state;

	for (int i = 0; i < 4; i++)
		append(i == 1 ? b : a);
	assert_int_equal(vs_jobs_cancel(catalog, 3, NULL, &job, &error), 0);
	assert_int_equal(vs_jobs_each(catalog, &page, note, list, &more, &error), 0);
	assert_string_equal(list, "4 3 ");
	assert_true(more);
	page.before = 3;
	assert_int_equal(vs_jobs_each(catalog, &page, note, list, &more, &error), 0);
	assert_string_equal(list, "4 3 2 1 ");
	assert_false(more);
	/* By name: those of the namespace that is called so now. */
	page = (struct vs_job_page){ "na", VS_JOB_QUEUED, 0, 10 };
	list[0] = '\0';
	assert_int_equal(vs_jobs_each(catalog, &page, note, list, &more, &error), 0);
	assert_string_equal(list, "");
	execute("INSERT INTO namespace VALUES ('na', '000000000000000b', 0, 0, 1, 1, 0, 0, '', '', '{}')");
	assert_int_equal(vs_jobs_each(catalog, &page, note, list, &more, &error), 0);
	assert_string_equal(list, "");
	execute("UPDATE namespace SET folder = '000000000000000a'");
	assert_int_equal(vs_jobs_each(catalog, &page, note, list, &more, &error), 0);
	assert_string_equal(list, "4 1 ");
	page.state = VS_JOB_CANCELLED;
	assert_int_equal(vs_jobs_each(catalog, &page, note, list, &more, &error), 0);
	assert_string_equal(list, "4 1 3 ");
}

static void is_bounded(void **state)
{
	struct vs_job fresh = { .kind = "compact", .name = "na", .arguments = "{}" };
	char sql[400];
	int64_t id;
	(void)state;

	memcpy(fresh.folder, a, sizeof(a));
	for (int i = 0; i < VS_JOBS_WAITING; i++)
		append(a);
	assert_int_equal(vs_jobs_append(catalog, NULL, &fresh, &error), VS_EBUSY);
	id = append(b); /* another namespace's do not count */
	execute("UPDATE job SET state = 2, finished_at = 9000000000000 WHERE namespace = 'na'");
	/* So many more that one too many remains; and an old one of another namespace. */
	snprintf(sql, sizeof(sql),
	         "INSERT INTO job (kind, namespace, folder, arguments, state, created_at, finished_at) SELECT 'compact', 'na', "
	         "folder, '{}', 3, 1, 9000000000000 FROM job, json_each('[%s1]') WHERE state = 2 LIMIT %d",
	         "1,1,1,1,1,1,1,1,1,1,1,", VS_JOBS_KEPT - VS_JOBS_WAITING);
	execute(sql);
	execute("INSERT INTO job (kind, namespace, folder, arguments, state, created_at, finished_at) VALUES ('compact', 'nc', "
	        "'000000000000000c', '{}', 4, 1, 1000)");
	int64_t last = append(a);
	assert_int_equal(state_of(1), VS_JOB_SUCCEEDED);
	assert_int_equal(state_of(last - 1), VS_JOB_CANCELLED);
	assert_int_equal(take(a), last);
	finish(last, VS_JOB_SUCCEEDED, "{}", 0, "");
	assert_int_equal(vs_jobs_find(catalog, 1, &job, &error), VS_ENOTFOUND);
	assert_int_equal(vs_jobs_find(catalog, last - 1, &job, &error), VS_ENOTFOUND);
	assert_int_equal(state_of(2), VS_JOB_SUCCEEDED);
	assert_int_equal(state_of(last), VS_JOB_SUCCEEDED);
	assert_int_equal(state_of(id), VS_JOB_QUEUED);
}

static void count(void *context, const char *problem)
{
	assert_non_null(strstr(problem, "the row of job 1 is absurd"));
	(*(int *)context)++;
}

static void absurd_rows(void **state)
{
	static const char *const changes[] = {
		"state = 5",        "state = -1",      "progress = 1.5",      "progress = -0.1",   "folder = '../../etc/passwd'",
		"namespace = 'A/'", "kind = ''",       "arguments = '{'",     "result = 'x'",      "attempts = -1",
		"message = printf('%200s', 'x')",      "error = printf('%400s', 'x')", "arguments = printf('\"%2000s\"', 'x')",
		"kind = 'a' || char(0) || 'b'",
	};
	struct vs_job_page page = { NULL, -1, 0, 10 };
	(void)state;

	assert_int_equal(append(a), 1);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char sql[200], list[20] = "";
		int problems = 0;
		bool more;

		snprintf(sql, sizeof(sql), "BEGIN; CREATE TABLE kept AS SELECT * FROM job; UPDATE job SET %s; COMMIT", changes[i]);
		execute(sql);
		assert_int_equal(vs_jobs_find(catalog, 1, &job, &error), VS_ECORRUPT);
		assert_int_equal(vs_jobs_each(catalog, &page, note, list, &more, &error), VS_ECORRUPT);
		assert_int_equal(vs_jobs_check(catalog, count, &problems, &error), 0);
		assert_int_equal(problems, 1);
		execute("BEGIN; DELETE FROM job; INSERT INTO job SELECT * FROM kept; DROP TABLE kept; COMMIT");
		assert_int_equal(state_of(1), VS_JOB_QUEUED);
		assert_int_equal(vs_jobs_check(catalog, count, &problems, &error), 0);
		assert_int_equal(problems, 1);
	}
	execute("UPDATE job SET progress = 7");
	assert_int_equal(vs_jobs_take(catalog, NULL, &job, &error), VS_ECORRUPT);
}

/* Each of them fails, says why, and leaves no transaction open. */
static void assert_all_fail(int64_t running, int64_t queued)
{
	struct vs_job one = { .kind = "compact", .arguments = "{}", .name = "na", .folder = "000000000000000a" };
	struct vs_job_page page = { .state = -1, .limit = 10 };
	struct vs_job list[10];
	bool more, cancelled;
	uint32_t number;

	for (int i = 0; i < 10; i++) {
		int rc = 0;
		error.text[0] = '\0';
		switch (i) {
		case 0: rc = vs_jobs_append(catalog, NULL, &one, &error); break;
		case 1: rc = vs_jobs_cancel(catalog, queued, NULL, &one, &error); break;
		case 2: rc = vs_jobs_take(catalog, NULL, &one, &error); break;
		case 3: rc = vs_jobs_take(catalog, b, &one, &error); break;
		case 4: rc = vs_jobs_finish(catalog, &(struct vs_job){ .id = running, .state = VS_JOB_SUCCEEDED }, &error); break;
		case 5: rc = vs_jobs_return(catalog, running, &error); break;
		case 6: rc = vs_jobs_recover(catalog, &error); break;
		case 7: rc = vs_jobs_find(catalog, running, &one, &error); break;
		case 8: rc = vs_jobs_each(catalog, &page, note, list, &more, &error); break;
		default:
			rc = vs_jobs_waiting(catalog, &number, &error) < 0 ? vs_jobs_cancelled(catalog, running, &cancelled, &error) : 0;
		}
		assert_true(rc < 0);
		assert_true(error.text[0] != '\0');
		assert_int_equal(vs_catalog_begin(catalog, &error), 0);
		vs_catalog_rollback(catalog);
	}
}

static void without_its_table(void **state)
{
	int64_t running = append(a), queued = append(b);

	(void)state;
	assert_int_equal(take(a), running);
	execute("ALTER TABLE job RENAME TO away");
	assert_all_fail(running, queued); /* by statements that were prepared, */
	vs_catalog_close(catalog);
	assert_int_equal(vs_catalog_open(path_of("data"), false, &catalog, &error), 0);
	assert_all_fail(running, queued); /* and that were not */
	execute("ALTER TABLE away RENAME TO job");
	assert_int_equal(waiting(), 1);
	assert_int_equal(state_of(running), VS_JOB_RUNNING);
	assert_int_equal(job.attempts, 1);
	assert_int_equal(take(NULL), queued);
	finish(running, VS_JOB_SUCCEEDED, "{}", 0, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(succeeds, setup, teardown),
		cmocka_unit_test_setup_teardown(fails, setup, teardown),
		cmocka_unit_test_setup_teardown(is_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(is_taken_in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_without_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(outlives_its_process, setup, teardown),
		cmocka_unit_test_setup_teardown(comes_in_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(absurd_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(without_its_table, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

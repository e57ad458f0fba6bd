/* SPDX-License-Identifier: Apache-2.0 */
/* Counters in shared memory: several handles are one, dead processes are not counted, a foreign file is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "service/metrics.h"
#include "service/route.h"

struct state {
	char dir[64];
	struct vs_metrics *metrics;
	struct vs_buf out;
};

static int set_up(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	*state = s;
	if (!s)
		return -1;
	strcpy(s->dir, "/tmp/vecstore-metrics-XXXXXX");
	return mkdtemp(s->dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct state *s = *state;
	char path[96];
	vs_metrics_close(s->metrics);
	snprintf(path, sizeof(path), "%s/metrics.shm", s->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/metrics.lock", s->dir);
	unlink(path);
	vs_buf_release(&s->out);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

static void open_here(struct state *s)
{
	struct vs_error error;
	if (vs_metrics_open(s->dir, &s->metrics, &error))
		fail_msg("%s", error.text);
}

static bool says(struct state *s, const char *line)
{
	vs_buf_reset(&s->out);
	vs_buf_putc(&s->out, '\n');
	vs_metrics_encode(s->metrics, &s->out);
	char whole[200];
	snprintf(whole, sizeof(whole), "\n%s\n", line);
	return strstr(s->out.data, whole) != NULL;
}

static void test_counts_are_shared_and_kept(void **state)
{
	struct state *s = *state;
	struct vs_metrics *other;
	open_here(s);
	assert_int_equal(vs_metrics_open(s->dir, &other, NULL), 0);
	vs_metrics_add(other, VS_COUNT_UPSERTS, 3);
	vs_metrics_add(s->metrics, VS_COUNT_UPSERTS, 2);
	vs_metrics_close(other);
	assert_true(says(s, "vecstore_upserts_total 5"));
	vs_metrics_close(s->metrics);
	open_here(s);
	assert_true(says(s, "vecstore_upserts_total 5"));
	assert_true(says(s, "# TYPE vecstore_upserts_total counter"));
}

static void test_histograms_are_cumulative(void **state)
{
	struct state *s = *state;
	assert_int_equal(vs_metrics_open(NULL, &s->metrics, NULL), 0);
	vs_metrics_observe(s->metrics, VS_HISTOGRAM_QUERY_SECONDS, 0.0005); /* a bound belongs to its bucket */
	vs_metrics_observe(s->metrics, VS_HISTOGRAM_QUERY_SECONDS, 0.2);
	vs_metrics_observe(s->metrics, VS_HISTOGRAM_QUERY_SECONDS, 7);
	vs_metrics_observe(s->metrics, VS_HISTOGRAM_QUERY_RESULTS, 0);
	assert_true(says(s, "vecstore_query_duration_seconds_bucket{le=\"0.0005\"} 1"));
	assert_true(says(s, "vecstore_query_duration_seconds_bucket{le=\"0.1\"} 1"));
	assert_true(says(s, "vecstore_query_duration_seconds_bucket{le=\"0.25\"} 2"));
	assert_true(says(s, "vecstore_query_duration_seconds_bucket{le=\"1\"} 2"));
	assert_true(says(s, "vecstore_query_duration_seconds_bucket{le=\"+Inf\"} 3"));
	assert_true(says(s, "vecstore_query_duration_seconds_count 3"));
	assert_true(says(s, "vecstore_query_duration_seconds_sum 7.2005"));
	assert_true(says(s, "vecstore_query_results_count_bucket{le=\"0\"} 1"));
}

static void test_requests_by_route_and_code(void **state)
{
	struct state *s = *state;
	open_here(s);
	vs_metrics_request(s->metrics, VS_OPERATION_QUERY, 200, 0.001);
	vs_metrics_request(s->metrics, VS_OPERATION_QUERY, 400, 0.001);
	vs_metrics_request(s->metrics, VS_OPERATION_QUERY, 418, 0.001);
	vs_metrics_request(s->metrics, VS_OPERATIONS, 404, 0.001);
	assert_true(says(s, "vecstore_requests_total{method=\"POST\",route=\"/v1/query\",code=\"200\"} 1"));
	assert_true(says(s, "vecstore_requests_total{method=\"POST\",route=\"/v1/query\",code=\"400\"} 1"));
	assert_true(says(s, "vecstore_requests_total{method=\"POST\",route=\"/v1/query\",code=\"other\"} 1"));
	assert_true(says(s, "vecstore_requests_total{method=\"\",route=\"unmatched\",code=\"404\"} 1"));
	assert_true(says(s, "vecstore_request_duration_seconds_count{method=\"POST\",route=\"/v1/query\"} 3"));
}

static void test_a_killed_process_is_not_active(void **state)
{
	struct state *s = *state;
	int ready[2];
	char byte;
	open_here(s);
	vs_metrics_begin(s->metrics);
	assert_true(says(s, "vecstore_active_connections 1"));
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct vs_metrics *own;
		if (vs_metrics_open(s->dir, &own, NULL) == 0)
			vs_metrics_begin(own);
		(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_true(says(s, "vecstore_active_connections 2"));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(says(s, "vecstore_active_connections 1"));
	vs_metrics_end(s->metrics);
	assert_true(says(s, "vecstore_active_connections 0"));
	close(ready[0]);
	close(ready[1]);
}

static void test_a_foreign_file_is_replaced(void **state)
{
	struct state *s = *state;
	static const size_t sizes[] = { 5, 1 << 20 };
	char path[96];
	snprintf(path, sizeof(path), "%s/metrics.shm", s->dir);
	for (size_t i = 0; i < 2; i++) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		for (size_t n = 0; n < sizes[i]; n++)
			fputc('x', file);
		fclose(file);
		open_here(s);
		vs_metrics_add(s->metrics, VS_COUNT_QUERIES, 1);
		assert_true(says(s, "vecstore_queries_total 1"));
		vs_metrics_close(s->metrics);
		s->metrics = NULL;
	}
	open_here(s); /* same size, other version: the second word */
	vs_metrics_close(s->metrics);
	s->metrics = NULL;
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	fseek(file, 8, SEEK_SET);
	fwrite("otherver", 1, 8, file);
	fclose(file);
	open_here(s);
	assert_true(says(s, "vecstore_queries_total 0"));
}

static void test_a_missing_folder_is_an_error(void **state)
{
	struct vs_metrics *metrics;
	struct vs_error error;
	(void)state;
	assert_int_equal(vs_metrics_open("/nonexistent/folder", &metrics, &error), VS_ENOTFOUND);
	assert_null(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts_are_shared_and_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_histograms_are_cumulative, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_requests_by_route_and_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_killed_process_is_not_active, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_foreign_file_is_replaced, set_up, tear_down),
		cmocka_unit_test(test_a_missing_folder_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

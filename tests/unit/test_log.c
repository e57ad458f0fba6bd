/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* What the calls between capture_begin and capture_end wrote to descriptor 2. */
static int pipe_read;
static int saved;

static void capture_begin(void)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	saved = dup(2);
	assert_true(saved >= 0);
	assert_true(dup2(ends[1], 2) == 2);
	close(ends[1]);
	pipe_read = ends[0];
}

static const char *capture_end(void)
{
	static char text[16384];
	size_t used = 0;
	ssize_t n;
	dup2(saved, 2);
	close(saved);
	while ((n = read(pipe_read, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(pipe_read);
	text[used] = '\0';
	return text;
}

static void one_line(void **state)
{
	(void)state;
	vs_log_init("vecstore", "stderr", VS_LOG_INFO);
	capture_begin();
	vs_log(VS_LOG_INFO, "ready on %s", "port 1");
	vs_log(VS_LOG_DEBUG, "not shown");
	const char *text = capture_end();
	regex_t pattern;
	assert_int_equal(regcomp(&pattern,
	                         "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z vecstore\\[[0-9]+\\] "
	                         "info: ready on port 1\n$",
	                         REG_EXTENDED | REG_NOSUB),
	                 0);
	assert_int_equal(regexec(&pattern, text, 0, NULL, 0), 0);
	regfree(&pattern);
}

static void control_characters(void **state)
{
	(void)state;
	vs_log_init("vecstore", "stderr", VS_LOG_INFO);
	capture_begin();
	vs_log(VS_LOG_ERROR, "%s", "a\nforged\t\x1b[1m\x7f \xc3\xa9");
	const char *text = capture_end();
	assert_non_null(strstr(text, " error: a\\x0aforged\\x09\\x1b[1m\\x7f \xc3\xa9\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	static char big[10000];
	memset(big, '\n', sizeof(big) - 1);
	vs_log_init("vecstore", "stderr", VS_LOG_INFO);
	capture_begin();
	vs_log(VS_LOG_WARN, "%s", big);
	const char *text = capture_end();
	assert_true(strlen(text) <= 4096 && strlen(text) > 4000);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void level_from_environment(void **state)
{
	(void)state;
	setenv("VECSTORE_LOG_LEVEL", "warn", 1);
	vs_log_init("vecstore-indexer", NULL, -1);
	capture_begin();
	vs_log(VS_LOG_INFO, "hidden");
	vs_log(VS_LOG_WARN, "shown");
	const char *text = capture_end();
	assert_null(strstr(text, "hidden"));
	assert_non_null(strstr(text, "vecstore-indexer["));
	assert_non_null(strstr(text, "warn: shown\n"));
	unsetenv("VECSTORE_LOG_LEVEL");
}

static void syslog_is_not_stderr(void **state)
{
	(void)state;
	setenv("VECSTORE_LOG", "syslog", 1);
	vs_log_init("vecstore-test", NULL, VS_LOG_DEBUG);
	capture_begin();
	vs_log(VS_LOG_DEBUG, "a test of vecstore ran");
	assert_string_equal(capture_end(), "");
	unsetenv("VECSTORE_LOG");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line),
		cmocka_unit_test(control_characters),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(level_from_environment),
		cmocka_unit_test(syslog_is_not_stderr),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

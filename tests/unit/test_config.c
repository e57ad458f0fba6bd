/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "programs/cli/args.h"
#include "programs/cli/flags.h"

/* The table names them; nothing here runs them. */
#define VS_FLAG(...)
#define VS_COMMAND(name, ...)                                                                                          \
	int vs_command_##name(struct vs_args *args)                                                                        \
	{                                                                                                                  \
		(void)args;                                                                                                    \
		return 0;                                                                                                      \
	}
#include "programs/cli/commands.tbl"
#undef VS_FLAG
#undef VS_COMMAND

static char conf[] = "/tmp/vecstore-config-XXXXXX";

static void write_conf(const char *text)
{
	FILE *file = fopen(conf, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Parses a command line given as words, the first of which is the command. */
static int parse(struct vs_args *args, char **argv, struct vs_error *error)
{
	int argc = 0;
	bool help;
	while (argv[argc])
		argc++;
	return vs_args_parse(args, vs_command_find(argv[0]), argc, argv, &help, error);
}

#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })

static void assert_refused(char **argv, const char *text)
{
	struct vs_args args;
	struct vs_error error;
	assert_int_equal(parse(&args, argv, &error), VS_EINVAL);
	if (!strstr(error.text, text))
		fail_msg("'%s' does not hold '%s'", error.text, text);
	vs_args_release(&args);
}

static void flags_are_checked(void **state)
{
	(void)state;
	assert_refused(ARGV("serve", "--workers", "0"), "--workers: '0' is no number from 1 to 256");
	assert_refused(ARGV("serve", "--workers", "+4"), "--workers");
	assert_refused(ARGV("serve", "--workers", "4x"), "--workers");
	assert_refused(ARGV("serve", "--workers", "99999999999999999999"), "--workers");
	assert_refused(ARGV("serve", "--workers"), "--workers needs a value");
	assert_refused(ARGV("serve", "--worker-s", "4"), "unknown flag --worker-s");
	assert_refused(ARGV("serve", "--limit", "4"), "unknown flag --limit"); /* of another command */
	assert_refused(ARGV("serve", "-x"), "unknown flag");
	assert_refused(ARGV("serve", "--metric", "cosin"), "--metric");
	assert_refused(ARGV("serve", "--log", "std"), "stderr|syslog");
	assert_refused(ARGV("serve", "--data", ""), "--data: the value is empty");
	assert_refused(ARGV("serve", "extra"), "unexpected argument 'extra'");
	assert_refused(ARGV("import"), "needs FILE");
}

static void flag_beats_environment_beats_file(void **state)
{
	struct vs_args args;
	struct vs_error error;
	(void)state;
	write_conf("# a comment\nworkers = 2\nmetric = dot\nrun-dir = /run/v\n\ninsecure = yes\n");
	setenv("VECSTORE_WORKERS", "3", 1);
	setenv("VECSTORE_METRIC", "euclidean", 1);
	setenv("VECSTORE_LOG_LEVEL", "", 1); /* as if it were not set */
	assert_int_equal(parse(&args, ARGV("serve", "--workers=5", "--config", conf), &error), 0);
	assert_int_equal(vs_args_load(&args, &error), 0);
	assert_int_equal(vs_args_count(&args, VS_FLAG_WORKERS), 5);
	assert_int_equal(vs_args_metric(&args), VS_EUCLIDEAN);
	assert_string_equal(vs_args_text(&args, VS_FLAG_RUN_DIR), "/run/v");
	assert_string_equal(vs_args_text(&args, VS_FLAG_DATA), "./data");
	assert_string_equal(vs_args_text(&args, VS_FLAG_LOG_LEVEL), "info");
	assert_true(vs_args_switch(&args, VS_FLAG_INSECURE));
	assert_null(vs_args_text(&args, VS_FLAG_HTTP));
	vs_args_release(&args);
	setenv("VECSTORE_WORKERS", "many", 1);
	assert_refused(ARGV("serve"), "VECSTORE_WORKERS: 'many'");
	assert_int_equal(parse(&args, ARGV("version"), &error), 0); /* has no such flag */
	vs_args_release(&args);
	unsetenv("VECSTORE_WORKERS");
	unsetenv("VECSTORE_METRIC");
	unsetenv("VECSTORE_LOG_LEVEL");
}

static void faults_of_the_file_name_the_line(void **state)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
		{ "workers = 2\nwokers = 3\n", ":2: unknown key 'wokers'" },
		{ "limit = 3\n", ":1: unknown key 'limit'" }, /* a flag only */
		{ "\n\nworkers = many\nfoo = 1\n", ":3: workers: 'many'" },
		{ "workers = 2\nworkers = 3\n", ":2: 'workers' is set twice" },
		{ "workers\n", ":1: this is not 'key = value'" },
		{ "[serve]\nworkers = 2\n", ":2: there are no sections" },
		{ "insecure = maybe\n", ":1: insecure" },
		{ "data =\n", ":1: data: the value is empty" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vs_args args;
		struct vs_error error;
		write_conf(cases[i].text);
		assert_int_equal(parse(&args, ARGV("serve", "--config", conf), &error), 0);
		assert_int_equal(vs_args_load(&args, &error), VS_EINVAL);
		if (!strstr(error.text, cases[i].fault))
			fail_msg("'%s' does not hold '%s'", error.text, cases[i].fault);
		vs_args_release(&args);
	}
}

static void a_bad_reload_keeps_what_was_there(void **state)
{
	struct vs_args args;
	struct vs_error error;
	(void)state;
	write_conf("workers = 2\nmetric = dot\n");
	assert_int_equal(parse(&args, ARGV("serve", "--config", conf), &error), 0);
	assert_int_equal(vs_args_load(&args, &error), 0);
	write_conf("workers = 7\nbad\n");
	assert_int_equal(vs_args_load(&args, &error), VS_EINVAL);
	assert_int_equal(vs_args_count(&args, VS_FLAG_WORKERS), 2);
	write_conf("workers = 7\n");
	assert_int_equal(vs_args_load(&args, &error), 0);
	assert_int_equal(vs_args_count(&args, VS_FLAG_WORKERS), 7);
	assert_int_equal(vs_args_metric(&args), VS_COSINE);
	unlink(conf);
	assert_int_not_equal(vs_args_load(&args, &error), 0); /* --config must be there */
	vs_args_release(&args);
}

static void every_row_is_sound(void **state)
{
	(void)state;
	for (int i = 0; i < VS_FLAGS; i++) {
		const struct vs_flag_row *row = vs_flag_get((enum vs_flag)i);
		struct vs_error error;
		assert_true((row->argument == NULL) == (row->kind == VS_KIND_SWITCH));
		assert_true(strlen(row->help) > 0);
		if (row->fallback)
			assert_int_equal(vs_flag_check((enum vs_flag)i, row->fallback, row->name, &error), 0);
	}
	assert_null(vs_command_find("serv"));
	assert_non_null(vs_command_find("serve"));
}

static void help_shows_every_flag(void **state)
{
	static const char *const names[] = { "serve", "import", "query", "check", "bench" };
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const struct vs_command *command = vs_command_find(names[i]);
		char *text = NULL;
		size_t len = 0;
		FILE *out = open_memstream(&text, &len);
		vs_args_print_help(out, command);
		fclose(out);
		for (const enum vs_flag *f = command->flags; *f != VS_FLAGS; f++)
			assert_non_null(strstr(text, vs_flag_get(*f)->name));
		assert_null(strstr(text, " \n"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_checked),
		cmocka_unit_test(flag_beats_environment_beats_file),
		cmocka_unit_test(faults_of_the_file_name_the_line),
		cmocka_unit_test(a_bad_reload_keeps_what_was_there),
		cmocka_unit_test(every_row_is_sound),
		cmocka_unit_test(help_shows_every_flag),
	};
	int fd = mkstemp(conf);
	if (fd < 0)
		return 1;
	close(fd);
	int failed = cmocka_run_group_tests_name("config", tests, NULL, NULL);
	unlink(conf);
	return failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore: the command line. Exit status: 0 done, 1 failed, 2 wrong usage. Every fault is a line
 * "vecstore: text" on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "programs/cli/args.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int fail(const char *text, int status)
{
	fprintf(stderr, "vecstore: %s\n", text);
	return status;
}

/* A descriptor below 3 that is closed would be given to the next file, which then gets our output. */
static int open_standard_streams(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
			return -1;
	return 0;
}

/* Output that could not be written (a full disk) is a failure, too. */
static int flush_output(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return status ? status : fail("the output cannot be written", EXIT_FAILED);
	return status;
}

static int run(const struct vs_command *command, int argc, char **argv)
{
	struct vs_args args;
	struct vs_error error;
	bool help;
	if (vs_args_parse(&args, command, argc, argv, &help, &error))
		return fail(error.text, EXIT_USAGE);
	if (help) {
		vs_args_print_help(stdout, command);
		return 0;
	}
	int status = vs_args_load(&args, &error) ? fail(error.text, EXIT_FAILED) : command->run(&args);
	vs_args_release(&args);
	return status;
}

int main(int argc, char **argv)
{
	if (open_standard_streams() != 0)
		return EXIT_FAILED;
	vs_log_init("vecstore", NULL, -1);
	if (argc < 2) {
		vs_args_print_commands(stderr);
		return EXIT_USAGE;
	}
	const char *name = argv[1];
	bool help = strcmp(name, "help") == 0;
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
		vs_args_print_commands(stdout);
		return flush_output(0);
	}
	if (help)
		name = argv[2];
	if (strcmp(name, "--version") == 0)
		name = "version";
	const struct vs_command *command = vs_command_find(name);
	if (!command) {
		fprintf(stderr, "vecstore: unknown command '%s'; see: vecstore --help\n", name);
		return EXIT_USAGE;
	}
	if (help) {
		vs_args_print_help(stdout, command);
		return flush_output(0);
	}
	return flush_output(run(command, argc - 1, argv + 1));
}

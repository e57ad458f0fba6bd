/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "programs/cli/queue.h"

#define MS UINT64_C(1000000)
#define SOUND_LIFE (1000 * MS) /* who lived so long was no crash loop */
#define FIRST_DELAY (100 * MS)
#define LAST_DELAY (5000 * MS)
#define OPEN_FILES 4096 /* the most that lighttpd uses unless told */

/* lighttpd takes a third of what it may open as connections; and the usual soft limit, 1,024, would let 340 idle
 * ones shut everybody else out. */
static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= OPEN_FILES)
		return;
	limit.rlim_cur = limit.rlim_max < OPEN_FILES ? limit.rlim_max : OPEN_FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* In the child, between fork and exec. */
static void become(const struct vs_child *child, pid_t parent, int report)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	raise_file_limit();
	if (getppid() != parent) /* it died before the prctl */
		_exit(0);
	int input = child->input >= 0 ? child->input : open("/dev/null", O_RDONLY);
	if (dup2(input, STDIN_FILENO) == 0 && dup2(STDERR_FILENO, STDOUT_FILENO) == 1 &&
	    (!child->queue || vs_queue_hand_on(child->queue) == 0))
		execv(child->argv[0], child->argv);
	int errnum = errno;
	ssize_t n = write(report, &errnum, sizeof errnum);
	_exit(n == sizeof errnum ? 127 : 126);
}

int vs_child_start(struct vs_child *child, struct vs_error *error)
{
	int ends[2]; /* closed by a successful exec, else carries its errno */
	if (pipe2(ends, O_CLOEXEC) != 0)
		return vs_error_errno(error, errno, "pipe");
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		become(child, parent, ends[1]);
	int fork_errno = errno;
	close(ends[1]);
	child->started = vs_clock_mono_ns();
	child->due = 0;
	int errnum = 0;
	ssize_t n = 0;
	while (pid > 0 && (n = read(ends[0], &errnum, sizeof errnum)) < 0 && errno == EINTR)
		;
	close(ends[0]);
	if (pid < 0)
		return vs_error_errno(error, fork_errno, "fork");
	if (n == sizeof errnum) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return vs_error_errno(error, errnum, "%s", child->argv[0]);
	}
	child->pid = pid;
	return 0;
}

void vs_child_died(struct vs_child *child, uint64_t now)
{
	child->pid = 0;
	child->failures = now - child->started >= SOUND_LIFE ? 0 : child->failures + 1;
	uint64_t delay = 0;
	if (child->failures > 1) {
		unsigned doublings = child->failures - 2;
		delay = doublings < 6 ? FIRST_DELAY << doublings : LAST_DELAY;
	}
	child->due = child->retired ? 0 : now + (delay > LAST_DELAY ? LAST_DELAY : delay);
}

void vs_child_reason(int status, char *text)
{
	if (WIFSIGNALED(status))
		snprintf(text, VS_CHILD_REASON, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, VS_CHILD_REASON, "exited with status %d", WEXITSTATUS(status));
}

int vs_child_find(const char *name, char *path, unsigned cap, struct vs_error *error)
{
	const char *folder = getenv("VECSTORE_LIBEXEC");
	if (!folder || !*folder)
		folder = VS_PKGLIBEXECDIR;
	int n = snprintf(path, cap, "%s/%s", folder, name);
	if (n < 0 || (unsigned)n >= cap)
		return vs_error_set(error, VS_EINVAL, "the path of %s is too long: %.200s", name, folder);
	if (access(path, X_OK) != 0)
		return vs_error_set(error, VS_ENOTFOUND,
		                    "%s is missing: is vecstore installed whole? ($VECSTORE_LIBEXEC names the "
		                    "folder to look in)",
		                    path);
	return 0;
}

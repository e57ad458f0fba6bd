/* SPDX-License-Identifier: Apache-2.0 */
/* cli/child: one process that the supervisor keeps alive. */
#ifndef VS_CLI_CHILD_H
#define VS_CLI_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct vs_error;
struct vs_queue;

struct vs_child {
	const char *name;  /* for the log: "worker", … */
	char *const *argv; /* argv[0] is the path */
	int input;         /* becomes descriptor 0; -1: /dev/null */
	const struct vs_queue *queue; /* which it inherits, too; NULL: none */
	pid_t pid;         /* 0: not running */
	pid_t leaving;     /* the one before, until it has ended; 0: none */
	uint64_t leave_by; /* who was told to end (leaving, or pid when retired) is killed then; 0: nobody was */
	uint64_t started;  /* vs_clock_mono_ns of the last start */
	uint64_t due;      /* start again then; 0: not due */
	unsigned failures; /* deaths in a row, each soon after its start */
	bool retired;      /* not to be started again */
};

/* Starts it in a process group of its own (so that Ctrl-C reaches only the supervisor), with standard output on
 * standard error, told to SIGTERM itself when the supervisor dies. Returns when the exec has succeeded or failed. */
int vs_child_start(struct vs_child *child, struct vs_error *error);

/* Notes that child->pid has died and sets when to start it again: at once after a life of a second or more, else after
 * 0, 100, 200, … 5,000 ms. */
void vs_child_died(struct vs_child *child, uint64_t now);

/* "was killed by signal 9 (Killed)", "exited with status 1" into text[80]. */
#define VS_CHILD_REASON 80
void vs_child_reason(int status, char *text);

/* "/usr/libexec/vecstore/NAME" into path[cap], from $VECSTORE_LIBEXEC or where it was installed. */
int vs_child_find(const char *name, char *path, unsigned cap, struct vs_error *error);

#endif

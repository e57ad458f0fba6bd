/* SPDX-License-Identifier: Apache-2.0 */
/* Folders and processes of the fault tests. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "work.h"

#define HANG_SECONDS 60
#define LANES_MAX 64

#ifdef VS_COVERAGE
void __gcov_dump(void);
#else
#define __gcov_dump() ((void)0)
#endif

static void trouble(const char *what)
{
	perror(what);
	exit(2);
}

void work_folder(char path[64])
{
	const char *set = getenv("VECSTORE_FAULT_DIR");

	snprintf(path, 64, "%s/vecstore-fault-XXXXXX", set != NULL ? set : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(path) == NULL)
		trouble(path);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void work_remove(const char *path)
{
	if (access(path, F_OK) == 0 && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
		trouble(path);
}

static const char *copy_from;
static const char *copy_to;

/* Blocks of zeros become holes: files are made far larger than what is in them. */
static void copy_file(const char *from, const char *to, off_t size)
{
	static const char zeros[4096];
	char block[4096];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	if (in < 0 || out < 0 || ftruncate(out, size) != 0)
		trouble(to);
	for (off_t at = 0; at < size; at += (off_t)sizeof(block)) {
		ssize_t got = pread(in, block, sizeof(block), at);
		if (got < 0)
			trouble(from);
		if (got > 0 && memcmp(block, zeros, (size_t)got) != 0 && pwrite(out, block, (size_t)got, at) != got)
			trouble(to);
	}
	close(in);
	close(out);
}

static int copy_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	char to[512];

	(void)ftw;
	snprintf(to, sizeof(to), "%s%s", copy_to, path + strlen(copy_from));
	if (kind == FTW_D) {
		if (mkdir(to, 0750) != 0)
			trouble(to);
	} else {
		copy_file(path, to, st->st_size);
	}
	return 0;
}

void work_copy(const char *from, const char *to)
{
	copy_from = from;
	copy_to = to;
	if (access(from, F_OK) == 0 && nftw(from, copy_one, 16, FTW_PHYS) != 0)
		trouble(from);
}

unsigned long work_setting(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text != NULL && *text != '\0' ? strtoul(text, NULL, 10) : otherwise;
}

unsigned long work_lanes(unsigned long (*each)(unsigned lane, unsigned lanes, void *context), void *context)
{
	unsigned long lanes = work_setting("VECSTORE_FAULT_LANES", (unsigned long)sysconf(_SC_NPROCESSORS_ONLN));
	unsigned long failures = 0;
	pid_t children[LANES_MAX];

	lanes = lanes < 1 ? 1 : lanes > LANES_MAX ? LANES_MAX : lanes;
	fflush(NULL);
	for (unsigned i = 0; i < lanes; i++) {
		children[i] = fork();
		if (children[i] < 0)
			trouble("fork");
		if (children[i] == 0) {
			unsigned long count = each(i, (unsigned)lanes, context);
			fflush(NULL);
			__gcov_dump();
			_exit(count < 100 ? (int)count : 100);
		}
	}
	for (unsigned i = 0; i < lanes; i++) {
		int status;
		if (waitpid(children[i], &status, 0) != children[i])
			trouble("waitpid");
		failures += WIFEXITED(status) ? (unsigned long)WEXITSTATUS(status) : 1;
	}
	return failures;
}

int work_child(int (*each)(void *context), void *context)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		trouble("fork");
	if (child == 0) {
		alarm(HANG_SECONDS);
		status = each(context);
		fflush(NULL);
		__gcov_dump(); /* which only exit() would do by itself */
		_exit(status);
	}
	if (waitpid(child, &status, 0) != child)
		trouble("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void work_fault(const char *fault)
{
	if (fault != NULL)
		setenv("VECSTORE_FAULT", fault, 1);
	else
		unsetenv("VECSTORE_FAULT");
	vs_fault_reset();
}

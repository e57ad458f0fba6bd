/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/cli/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/vecstore.h"
#include "programs/cli/child.h"
#include "store/keys.h"

#define PROBE_BYTES (1u << 20) /* less free space than this cannot take a write */

/* A read-only or full folder may well open: so write to it. */
static int probe_write(const char *data, struct vs_error *error)
{
	char path[256];
	struct vs_file file = VS_FILE_INIT;
	int n = snprintf(path, sizeof path, "%s/probe.%d", data, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof path)
		return vs_error_set(error, VS_EINVAL, "the data folder's path is too long: %.200s", data);
	struct vs_error why;
	int rc = vs_file_open(&file, path, VS_FILE_WRITE | VS_FILE_CREATE, &why);
	bool made = rc == 0;
	if (!rc)
		rc = vs_file_reserve(&file, 0, PROBE_BYTES, &why);
	vs_file_close(&file);
	if (made)
		vs_file_remove(path, NULL);
	return rc ? vs_error_set(error, rc, "nothing can be written to the data folder %.100s: %.180s", data, why.text) : 0;
}

struct each {
	struct vs_store *store;
	struct vs_error *error;
	unsigned count;
};

/* A newer vecstore has been at work in the whole folder: so a start need not open all of thousands. */
#define SAMPLE 16

/* Only a newer format stops the server: a damaged namespace must not keep it from serving the others. */
static int check_namespace(void *context, const struct vs_namespace_info *info)
{
	struct each *each = context;
	struct vs_namespace *ns = NULL;
	struct vs_error error;
	if (each->count++ == SAMPLE)
		return 1;
	int rc = vs_namespace_open(each->store, info->name, NULL, &ns, &error);
	vs_namespace_close(ns);
	if (rc != VS_EFORMAT)
		return 0;
	*each->error = error;
	return rc;
}

/* Of this moment: keys are never removed. */
static int check_keys(const char *data, struct vs_error *error)
{
	struct vs_catalog *catalog = NULL;
	bool any = false;
	int rc = vs_catalog_open(data, false, &catalog, error);
	if (!rc)
		rc = vs_keys_any(catalog, &any, error);
	vs_catalog_close(catalog);
	return rc || any ? rc : vs_error_set(error, VS_EAUTH, "there is no key in %.200s", data);
}

static int check(const char *data, bool closed, struct vs_error *error)
{
	struct vs_store *store = NULL;
	int rc = vs_store_open(data, VS_CREATE, &store, error);
	if (rc)
		return rc;
	struct each each = { store, error, 0 };
	rc = vs_store_each(store, NULL, check_namespace, &each, error);
	vs_store_close(store);
	if (rc >= 0 && closed)
		rc = check_keys(data, error);
	return rc < 0 ? rc : probe_write(data, error);
}

int vs_preflight(const char *data, bool closed, struct vs_error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return vs_error_errno(error, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		struct vs_error found = { .code = VS_OK };
		if (check(data, closed, &found) == 0)
			found.code = VS_OK;
		ssize_t n = write(ends[1], &found, sizeof found); /* below PIPE_BUF: whole or not at all */
		_exit(n == sizeof found ? 0 : 1);
	}
	int fork_errno = errno;
	close(ends[1]);
	struct vs_error found;
	ssize_t n = 0;
	while (pid > 0 && (n = read(ends[0], &found, sizeof found)) < 0 && errno == EINTR)
		;
	close(ends[0]);
	if (pid < 0)
		return vs_error_errno(error, fork_errno, "fork");
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n != sizeof found) {
		char reason[VS_CHILD_REASON];
		vs_child_reason(status, reason);
		return vs_error_set(error, VS_EINTERNAL, "the check of the data folder %s %s", data, reason);
	}
	if (found.code != VS_OK)
		*error = found;
	return found.code;
}

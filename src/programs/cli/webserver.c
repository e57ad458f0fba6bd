/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/cli/webserver.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

/* Where Debian keeps it; a user's PATH often lacks sbin. */
#define MORE_PATH ":/usr/sbin:/usr/local/sbin"

int vs_webserver_find(struct vs_webserver *web, struct vs_error *error)
{
	char folders[4096];
	const char *path = getenv("PATH");
	snprintf(folders, sizeof folders, "%.4000s%s", path ? path : "/usr/bin:/bin", MORE_PATH);
	char *state = NULL;
	for (char *folder = strtok_r(folders, ":", &state); folder; folder = strtok_r(NULL, ":", &state)) {
		int n = snprintf(web->program, sizeof web->program, "%s/lighttpd", folder);
		if (n > 0 && (size_t)n < sizeof web->program && access(web->program, X_OK) == 0)
			return 0;
	}
	return vs_error_set(error, VS_ENOTFOUND,
	                    "--http needs lighttpd, which is not installed (apt install lighttpd); without --http, any web "
	                    "server can serve the Unix socket");
}

/* ---- files ------------------------------------------------------------------------------------------------ */

/* Writes nothing when the file holds the text already: starting again costs no syncs. */
static int write_text(const char *path, const char *text, size_t len, bool *changed, struct vs_error *error)
{
	char old[8192];
	size_t old_len = 0;
	*changed =
	    vs_file_load(path, old, sizeof old, &old_len, NULL) != 0 || old_len != len || memcmp(old, text, len) != 0;
	return *changed ? vs_file_replace(path, text, len, error) : 0;
}

static int write_errors(const char *run_dir, struct vs_error *error)
{
	static const struct {
		int status;
		const char *code, *text;
	} answers[] = {
		{ 400, "invalid_argument", "the request is not well-formed HTTP" },
		{ 403, "forbidden", "not allowed" },
		{ 404, "not_found", "there is no such path" },
		{ 408, "timeout", "the request took too long to arrive" },
		{ 411, "invalid_argument", "Content-Length is missing; a request without a body says 0 (curl -d '')" },
		{ 413, "too_large", "the body is larger than 64 MiB" },
		{ 414, "too_large", "the URL is too long" },
		{ 417, "invalid_argument", "the Expect header cannot be met" },
		{ 431, "too_large", "the headers are too large" },
		{ 500, "internal", "the worker died while it answered; the request may be tried again" },
		{ 501, "method_not_allowed", "there is no such method" },
		{ 502, "busy", "no worker answers at the moment; try again" },
		{ 503, "busy", "no worker answers at the moment; try again" },
		{ 504, "busy", "no worker answered in time; try again" },
		{ 505, "invalid_argument", "the HTTP version is not supported" },
	};
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		char path[320], text[200];
		snprintf(path, sizeof path, "%s/errors/%d.html", run_dir, answers[i].status);
		int n = snprintf(text, sizeof text, "{\"error\":\"%s\",\"code\":\"%s\"}\n", answers[i].text, answers[i].code);
		bool changed;
		int rc = write_text(path, text, (size_t)n, &changed, error);
		if (rc)
			return rc;
	}
	return 0;
}

static int make_folders(const char *run_dir, struct vs_error *error)
{
	static const char *const names[] = { "www", "tmp", "errors" };
	int rc = 0;
	for (size_t i = 0; !rc && i < sizeof names / sizeof names[0]; i++) {
		char path[320];
		snprintf(path, sizeof path, "%s/%s", run_dir, names[i]);
		rc = vs_dir_create(path, error);
	}
	return rc;
}

/* ---- lighttpd's own test ---------------------------------------------------------------------------------- */

/* lighttpd's lines begin with "DATE TIME: (file.c.LINE) "; the rest of the last one says what is wrong. */
static const char *complaint(char *text)
{
	char *last = "no reason given";
	char *state = NULL;
	for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		char *close = strstr(line, ") ");
		char *start = strstr(line, ": (") && close ? close + 2 : line;
		if (*start && !strstr(start, "going down") && !strstr(start, "Initialization of plugins failed") &&
		    !strstr(start, "Configuration of plugins failed"))
			last = start;
	}
	return last;
}

static int run_test(const struct vs_webserver *web, struct vs_error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return vs_error_errno(error, errno, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execl(web->program, "lighttpd", "-tt", "-f", web->conf, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return vs_error_errno(error, errno, "fork");
	}
	char text[4096];
	size_t len = 0;
	for (ssize_t n; len < sizeof text - 1;) {
		n = read(ends[0], text + len, sizeof text - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	close(ends[0]);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return vs_error_set(error, VS_EINVAL, "lighttpd refuses its configuration: %.250s", complaint(text));
}

static int check_readable(const char *flag, const char *path, struct vs_error *error)
{
	if (access(path, R_OK) != 0)
		return vs_error_set(error, VS_EINVAL, "%s: %s: %s", flag, path, strerror(errno));
	return 0;
}

int vs_webserver_prepare(struct vs_webserver *web, bool *changed, struct vs_error *error)
{
	struct vs_buf text = VS_BUF_INIT;
	int rc = 0;

	snprintf(web->conf, sizeof web->conf, "%s/lighttpd.conf", web->run_dir);
	if (web->cert &&
	    ((rc = check_readable("--tls-cert", web->cert, error)) || (rc = check_readable("--tls-key", web->key, error))))
		return rc;
	if ((rc = make_folders(web->run_dir, error)) || (rc = write_errors(web->run_dir, error)) ||
	    (rc = vs_webserver_encode(web, &text, error)))
		goto out;
	bool differs = false;
	rc = write_text(web->conf, text.data, text.len, &differs, error);
	if (changed)
		*changed = differs;
	if (!rc)
		rc = run_test(web, error);
out:
	vs_buf_release(&text);
	return rc;
}

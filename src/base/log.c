/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"

#define TEXT_CAP 2000
#define LINE_CAP 4096 /* PIPE_BUF: one write of it is whole even when processes share a pipe */

static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* Set by vs_log_init before threads start, then only read. */
static struct {
	const char *ident;
	bool syslog;
	int level;
} log_to = { "vecstore", false, VS_LOG_INFO };

static int level_find(const char *name)
{
	for (int i = VS_LOG_ERROR; i <= VS_LOG_DEBUG; i++)
		if (name && strcasecmp(name, level_names[i]) == 0)
			return i;
	return VS_LOG_INFO;
}

void vs_log_init(const char *ident, const char *target, int level)
{
	if (!target)
		target = getenv("VECSTORE_LOG");
	log_to.ident = ident ? ident : "vecstore";
	log_to.syslog = target && strcmp(target, "syslog") == 0;
	log_to.level = level >= 0 ? level : level_find(getenv("VECSTORE_LOG_LEVEL"));
	if (log_to.syslog)
		openlog(log_to.ident, LOG_PID, LOG_DAEMON);
}

/* Copies text to out[0…cap) with control characters as \xNN; returns the length. Cuts what does not fit. */
static size_t escape(char *out, size_t cap, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;
	for (const unsigned char *c = (const unsigned char *)text; *c && used + 4 <= cap; c++) {
		if (*c >= 0x20 && *c != 0x7f) {
			out[used++] = (char)*c;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = hex[*c >> 4];
		out[used++] = hex[*c & 15];
	}
	return used;
}

static void write_line(enum vs_log_level level, const char *text)
{
	char line[LINE_CAP];
	char when[VS_CLOCK_TEXT];
	vs_clock_format(vs_clock_wall_ms(), when);
	int head = snprintf(line, 256, "%s %.64s[%ld] %s: ", when, log_to.ident, (long)getpid(), level_names[level]);
	size_t used = head > 0 ? (size_t)head : 0;
	used += escape(line + used, sizeof(line) - 1 - used, text);
	line[used++] = '\n';
	ssize_t n;
	do
		n = write(STDERR_FILENO, line, used);
	while (n < 0 && errno == EINTR);
}

static void write_syslog(enum vs_log_level level, const char *text)
{
	static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	char line[LINE_CAP];
	line[escape(line, sizeof(line) - 1, text)] = '\0';
	syslog(priorities[level], "%s", line);
}

void vs_log(enum vs_log_level level, const char *format, ...)
{
	if ((int)level > log_to.level)
		return;
	char text[TEXT_CAP];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return;
	if (log_to.syslog)
		write_syslog(level, text);
	else
		write_line(level, text);
}

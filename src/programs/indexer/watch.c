/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/indexer/watch.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/error.h"

#define MASK (IN_MODIFY | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

int vs_watch_open(int *watch, struct vs_error *error)
{
	*watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return *watch < 0 ? vs_error_errno(error, errno, "inotify") : 0;
}

int vs_watch_append(int watch, const char *folder)
{
	return inotify_add_watch(watch, folder, MASK);
}

void vs_watch_remove(int watch, int folder)
{
	if (folder >= 0)
		inotify_rm_watch(watch, folder);
}

/* Commits show in a database or its WAL; a deleted file may be one to make again. The rest, the indexer's own writing
 * among it, is no news. */
static bool is_news(const struct inotify_event *event)
{
	if (event->mask & (IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_Q_OVERFLOW | IN_IGNORED))
		return true;
	size_t len = event->len ? strlen(event->name) : 0;
	return (len > 3 && strcmp(event->name + len - 3, ".db") == 0) ||
	       (len > 7 && strcmp(event->name + len - 7, ".db-wal") == 0);
}

void vs_watch_read(int watch, void (*on_change)(void *context, int folder, bool gone), void *context)
{
	_Alignas(struct inotify_event) char events[16384];
	for (ssize_t n; (n = read(watch, events, sizeof events)) > 0;) {
		const struct inotify_event *event;
		for (const char *p = events; p < events + n; p += sizeof *event + event->len) {
			event = (const struct inotify_event *)(const void *)p;
			if (is_news(event))
				on_change(context, event->wd, (event->mask & IN_IGNORED) != 0);
		}
	}
}

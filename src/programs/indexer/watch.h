/* SPDX-License-Identifier: Apache-2.0 */
/* indexer/watch: folders whose files change (inotify). Events may be lost: whoever watches also looks by itself now
 * and then. */
#ifndef VS_INDEXER_WATCH_H
#define VS_INDEXER_WATCH_H

#include <stdbool.h>

struct vs_error;

/* A descriptor to poll for reading. */
int vs_watch_open(int *watch, struct vs_error *error);

/* Watches a folder for commits (writes to a SQLite file or its WAL) and for files that are taken away. Returns a number
 * that names it, the same for the same folder; -1 when the folder cannot be watched. */
int vs_watch_append(int watch, const char *folder);
void vs_watch_remove(int watch, int folder); /* -1 allowed */

/* Reads what happened, without waiting. on_change hears of each watched folder that changed, or of -1: any might have
 * (events were lost). gone: the folder itself is no more, and is not watched any longer. */
void vs_watch_read(int watch, void (*on_change)(void *context, int folder, bool gone), void *context);

#endif

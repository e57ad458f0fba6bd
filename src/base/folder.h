/* SPDX-License-Identifier: Apache-2.0 */
/* base/folder: folders as a whole. They are looked at here and changed through base/file. */
#ifndef VS_BASE_FOLDER_H
#define VS_BASE_FOLDER_H

#include <stdint.h>

struct vs_error;

/* Calls each per name in the folder, in no order, but for "." and ".."; a non-zero return stops and is returned. The folder
 * may be changed meanwhile: each name that was there before and after is met. */
int vs_folder_each(const char *path, int (*each)(void *context, const char *name), void *context,
                   struct vs_error *error);

/* Bytes that its files take on the disk, those of its folders among them. What goes away meanwhile counts or not. */
int vs_folder_bytes(const char *path, uint64_t *bytes, struct vs_error *error);

/* Removes the folder and all that lies in it; a missing one is no error. The file called `first` goes before all others
 * (NULL: none does). Not synced. */
int vs_folder_remove(const char *path, const char *first, struct vs_error *error);

/* Bytes that may still be written to the disk that the folder lies on. */
int vs_folder_room(const char *path, uint64_t *bytes, struct vs_error *error);

#endif

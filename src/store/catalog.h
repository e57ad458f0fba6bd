/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/catalog: the namespaces of a data folder (DATA/catalog.db, truth). A name maps to an opaque folder id, so
 * that no name ever becomes a path.
 */
#ifndef VS_STORE_CATALOG_H
#define VS_STORE_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/metric.h"

struct vs_catalog;
struct vs_error;

#define VS_NAME_MAX 63   /* bytes of a namespace's name */
#define VS_FOLDER_LEN 16 /* hex digits of a folder's name */

struct vs_catalog_entry {
	char name[VS_NAME_MAX + 1];
	char folder[VS_FOLDER_LEN + 1];
	enum vs_metric metric;
	uint32_t dimension; /* 0: the first record fixes it */
	int64_t created_at;
};

/* Opens DATA/catalog.db; with create, makes the folder, the file and "ns/" when missing. Durable when it returns.
 * VS_ENOTFOUND (no data folder here), VS_EFORMAT (made by a newer vecstore), VS_EREADONLY, VS_ENOSPC, VS_ECORRUPT. */
int vs_catalog_open(const char *data, bool create, struct vs_catalog **catalog, struct vs_error *error);
void vs_catalog_close(struct vs_catalog *catalog); /* NULL allowed */

/* VS_EINVAL, with the rule, unless name matches [a-z0-9][a-z0-9_-]{0,62}. */
int vs_catalog_check_name(const char *name, struct vs_error *error);

/* VS_ENOTFOUND as vs_catalog_find says it, whatever there is. */
int vs_catalog_missing(const char *name, struct vs_error *error);
/* VS_ENOTFOUND when there is no such namespace. */
int vs_catalog_find(struct vs_catalog *catalog, const char *name, struct vs_catalog_entry *entry,
                    struct vs_error *error);

/* Adds a row under a fresh random folder id and returns it in *entry. VS_ECONFLICT when the name is taken, VS_EINVAL
 * for a bad one. The folder itself is made by the caller, before (see engine/generation). make is called inside the
 * transaction, with the entry to be, and its failure rolls the row back. */
int vs_catalog_append(struct vs_catalog *catalog, const char *name, enum vs_metric metric, uint32_t dimension,
                      int (*make)(void *context, const struct vs_catalog_entry *entry, struct vs_error *error),
                      void *context, struct vs_catalog_entry *entry, struct vs_error *error);

/* Calls each for every namespace in order of names; stops with its first non-zero return, which it returns. */
int vs_catalog_each(struct vs_catalog *catalog,
                    int (*each)(void *context, const struct vs_catalog_entry *entry, struct vs_error *error),
                    void *context, struct vs_error *error);

/* Keeps others from writing the catalogue until the end: VS_EBUSY when another holds it for more than five seconds. Whoever
 * holds it may go on to take writer and graph locks. */
int vs_catalog_begin(struct vs_catalog *catalog, struct vs_error *error);
void vs_catalog_rollback(struct vs_catalog *catalog); /* without a transaction: does nothing */

/* PRAGMA quick_check; each problem is reported, 0 when it could look. */
int vs_catalog_check(struct vs_catalog *catalog, void (*report)(void *context, const char *problem), void *context,
                     struct vs_error *error);
/* Copies the WAL back and empties it, as vs_meta_checkpoint does: under catalog.lock, so that one process at a time does, and
 * under the write lock. 0 without having done so when another holds either, or the WAL is empty. */
int vs_catalog_checkpoint(struct vs_catalog *catalog, bool *done, struct vs_error *error);

#endif

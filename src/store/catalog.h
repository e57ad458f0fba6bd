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
#include "store/policy.h"
#include "store/usage.h"

struct vs_audit_event;
struct vs_catalog;
struct vs_error;

#define VS_NAME_MAX 63   /* bytes of a namespace's name */
#define VS_FOLDER_LEN 16 /* hex digits of a folder's name */

struct vs_catalog_entry {
	char name[VS_NAME_MAX + 1];
	char folder[VS_FOLDER_LEN + 1];
	enum vs_metric metric;
	uint32_t dimension; /* 0: the first record fixes it */
	int64_t created_at; /* milliseconds since 1970, as the next two */
	int64_t updated_at;
	enum vs_status status;
	int64_t delete_at; /* 0: never */
	struct vs_quota quota;
	/* NULL where nothing else is said. */
	const char *description;
	const char *metadata; /* a JSON object */
};

/* Opens DATA/catalog.db; with create, makes the folder, the file and "ns/" when missing. Durable when it returns.
 * VS_ENOTFOUND (no data folder here), VS_EFORMAT (made by a newer vecstore), VS_EREADONLY, VS_ENOSPC, VS_ECORRUPT. */
int vs_catalog_open(const char *data, bool create, struct vs_catalog **catalog, struct vs_error *error);
void vs_catalog_close(struct vs_catalog *catalog); /* NULL allowed */

/* VS_EINVAL with the rule, unless name matches [a-z0-9][a-z0-9_-]{0,62}. field: what the caller calls it. */
int vs_catalog_check_name(const char *field, const char *name, struct vs_error *error);

/* VS_ENOTFOUND as vs_catalog_find says it, whatever there is. */
int vs_catalog_missing(const char *name, struct vs_error *error);
/* VS_ENOTFOUND when there is no such namespace. */
int vs_catalog_find(struct vs_catalog *catalog, const char *name, struct vs_catalog_entry *entry,
                    struct vs_error *error);
/* With its texts, which are valid until the next vs_catalog_show or vs_catalog_update. */
int vs_catalog_show(struct vs_catalog *catalog, const char *name, struct vs_catalog_entry *entry,
                    struct vs_error *error);

/* A number that changes whenever something in the catalogue has changed, whoever did it. A few microseconds. */
int vs_catalog_version(struct vs_catalog *catalog, uint64_t *version, struct vs_error *error);

/* What a row begins with. */
struct vs_catalog_fresh {
	const char *name;
	enum vs_metric metric;
	uint32_t dimension;
	struct vs_quota quota;
	const char *description;
	const char *metadata;
	struct vs_audit_event *event; /* recorded with it; NULL: none is */
};

/* Adds a row under a fresh random folder id and returns it in *entry. VS_ECONFLICT when the name is taken, VS_EINVAL
 * for a bad one. The folder itself is made by the caller, before (see engine/generation). make is called inside the
 * transaction, with the entry to be, and its failure rolls the row back. */
int vs_catalog_append(struct vs_catalog *catalog, const struct vs_catalog_fresh *fresh,
                      int (*make)(void *context, const struct vs_catalog_entry *entry, struct vs_error *error),
                      void *context, struct vs_catalog_entry *entry, struct vs_error *error);

/* Changes status, delete_at, quota and texts of a row, and records the event (NULL: none), in one transaction: change gets the
 * row as it is (with texts) and writes into it; its failure leaves all as it was. *entry is what was stored, with its texts.
 * VS_ENOTFOUND. */
int vs_catalog_update(struct vs_catalog *catalog, const char *name,
                      int (*change)(void *context, struct vs_catalog_entry *entry, struct vs_error *error),
                      void *context, struct vs_audit_event *event, struct vs_catalog_entry *entry, struct vs_error *error);
/* Removes the row of exactly this folder, if it is there, with the event, and revokes the keys that are good for the
 * namespace. */
int vs_catalog_remove(struct vs_catalog *catalog, const struct vs_catalog_entry *entry, struct vs_audit_event *event,
                      struct vs_error *error);

/* Calls each, with texts, for every namespace in order of names, or for those after a name (NULL: all); stops with its
 * first non-zero return, which it returns. */
int vs_catalog_each(struct vs_catalog *catalog, const char *after,
                    int (*each)(void *context, const struct vs_catalog_entry *entry, struct vs_error *error),
                    void *context, struct vs_error *error);

/* Adds the counts to those of the same day and folder, in one transaction. */
int vs_catalog_add_usage(struct vs_catalog *catalog, const struct vs_usage_row *rows, size_t count,
                         struct vs_error *error);
/* Rows of from->day to to_day, of from's folder and name where those are not "", in order of days; as vs_catalog_each. */
int vs_catalog_usage(struct vs_catalog *catalog, const struct vs_usage_row *from, int32_t to_day,
                     int (*each)(void *context, const struct vs_usage_row *row), void *context, struct vs_error *error);

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

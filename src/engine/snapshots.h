/* SPDX-License-Identifier: Apache-2.0 */
/* engine/snapshots: what a namespace held, kept and brought back. A part of vecstore.h, which includes it. */
#ifndef VS_ENGINE_SNAPSHOTS_H
#define VS_ENGINE_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "math/metric.h"
#include "math/quantization.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vs_namespace;

/* Of work that may take long. Whatever ends it early, killed or not, leaves what was there before, and nothing in the way of
 * the same work begun again. */
struct vs_work_options {
	unsigned threads; /* for linking; 0: one per core */
	/* Now and then: how much is done, 0 to 1, and what it is at ("copying", a static string). Non-zero stops, and is returned.
	 * It must not call the namespace. NULL: never. */
	int (*progress)(void *context, double share, const char *doing);
	void *context;
};
#define VS_WORK_OPTIONS { 0, NULL, NULL }

/* What a namespace was at one moment, kept beside it. Vectors take no room again while the files that they came from are in use. */
struct vs_snapshot {
	char name[64];
	int64_t created_at; /* milliseconds since 1970 */
	uint64_t records;   /* soft-deleted ones too */
	uint64_t bytes;     /* of its files, whether shared with the namespace or not */
	uint64_t seq;       /* the newest change that it has */
	uint32_t dimension; /* 0: not fixed yet */
	enum vs_metric metric;
	enum vs_quantization quantization;
	bool indexed; /* it brings a graph along */
	bool damaged; /* its manifest cannot be read: nothing else is known but its name */
};
/* VS_EINVAL unless it is a snapshot's name: 1 to 63 of a-z, 0-9, -, _ and ., a letter or digit first. */
int vs_snapshot_check_name(const char *name, struct vs_error *error);
#define VS_SNAPSHOT_JSON 512
/* As an object of JSON: {"name", "created_at", "records", …}, or {"name", "damaged": true}. */
void vs_snapshot_json(const struct vs_snapshot *snapshot, char text[VS_SNAPSHOT_JSON]);
/* Makes one of what is committed now, while others read and write. name NULL: made from the time. It is there whole and durable, or
 * not at all. VS_ECONFLICT when there is one of this name; VS_EBUSY while snapshots of the namespace are being made, restored
 * or removed. */
int vs_snapshot_create(struct vs_namespace *ns, const char *name, const struct vs_work_options *options,
                       struct vs_snapshot *snapshot, struct vs_error *error);
/* Calls each per snapshot of the namespace, in order of names; a non-zero return stops and is returned. */
int vs_snapshot_each(struct vs_namespace *ns, int (*each)(void *context, const struct vs_snapshot *snapshot), void *context,
                     struct vs_error *error);
/* VS_ENOTFOUND when there is none of this name. */
int vs_snapshot_find(struct vs_namespace *ns, const char *name, struct vs_snapshot *snapshot, struct vs_error *error);
int vs_snapshot_remove(struct vs_namespace *ns, const char *name, struct vs_error *error);
/* Compares every byte with the manifest's sums, and records and vectors with each other as vs_namespace_check does. report hears
 * a line per finding; *problems counts them, and 0 is returned when it could look. */
int vs_snapshot_verify(struct vs_namespace *ns, const char *name, const struct vs_work_options *options,
                       void (*report)(void *context, const char *finding), uint64_t *problems, struct vs_error *error);
/* Puts a snapshot in the place of the namespace's records, or, with `into`, makes a new namespace of it (VS_ECONFLICT when there
 * is one). The sums of its files are compared first, and all is made and linked beside what is there: others read, and write, what
 * was there until it takes their place in one step. Change numbers go on; the log of changes begins anew. *records (NULL
 * allowed): how many there are then. VS_ECORRUPT when the snapshot is damaged, VS_ECONFLICT when it does not fit the namespace's
 * metric or dimension, VS_EBUSY while the namespace is compacted or its snapshots are worked on, VS_ENOSPC. */
int vs_snapshot_restore(struct vs_namespace *ns, const char *name, const char *into, const struct vs_work_options *options,
                        uint64_t *records, struct vs_error *error);
/* Makes a new namespace `to` of what is committed in this one now; as above. */
int vs_namespace_clone(struct vs_namespace *ns, const char *to, const struct vs_work_options *options, uint64_t *records,
                       struct vs_error *error);

/* A snapshot as one file: a tar archive, its manifest first. The sums of its files are compared when it is opened, and again
 * while it is read. */
struct vs_snapshot_reader;
int vs_snapshot_reader_open(struct vs_namespace *ns, const char *name, const struct vs_work_options *options,
                            struct vs_snapshot_reader **reader, uint64_t *bytes, struct vs_error *error);
/* The next at most cap bytes; *len 0 at the end. */
int vs_snapshot_read(struct vs_snapshot_reader *reader, void *data, size_t cap, size_t *len, struct vs_error *error);
void vs_snapshot_reader_close(struct vs_snapshot_reader *reader); /* NULL allowed */
/* Takes such a file, of whatever origin, as a snapshot of the namespace. read gives the next at most cap bytes, 0 at the end.
 * name NULL: the one it had. Each record is checked as when it is stored, and written anew: nothing else of the file is kept.
 * VS_ECORRUPT, or VS_EINVAL with the record, when it is damaged or forged. */
int vs_snapshot_import(struct vs_namespace *ns, const char *name,
                       int (*read)(void *source, void *data, size_t cap, size_t *len, struct vs_error *error), void *source,
                       const struct vs_work_options *options, struct vs_snapshot *snapshot, struct vs_error *error);

#ifdef __cplusplus
}
#endif
#endif

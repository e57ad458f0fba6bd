/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/snapshot: snapshots of a namespace, in DATA/snapshots/<its folder's name>/<name>/. Private to snapshot*.c and birth.c.
 *
 * One is made beside, in a folder whose name begins with a point, and renamed when all in it is synced (I7). `.lock` (flock)
 * is held by whoever makes, restores, imports or removes one; whoever has it removes what others have left. Lock order:
 * .lock, compact.lock, then as in compact.c.
 *
 * vectors.f32 is a second name of the live file where the disk allows it (I2: bytes of committed slots do not change): the
 * snapshot has the first so many bytes of it, as its manifest says. Nothing is ever restored that way: a generation's
 * writers append to a file of their own.
 */
#ifndef VS_ENGINE_SNAPSHOT_H
#define VS_ENGINE_SNAPSHOT_H

#include "engine/namespace.h"
#include "engine/work.h"
#include "store/manifest.h"

struct vs_snapshots {
	struct vs_namespace *ns;
	char dir[VS_GENERATION_PATH];
	struct vs_file lock;
};

/* Takes the lock, making folders that are missing. */
int vs_snapshots_begin(struct vs_snapshots *snapshots, struct vs_namespace *ns, struct vs_error *error);
/* Removes what was being made. */
void vs_snapshots_clear(struct vs_snapshots *snapshots);
void vs_snapshots_end(struct vs_snapshots *snapshots);

/* Removes those of a namespace that is being deleted, which has this folder. */
int vs_snapshots_destroy(const struct vs_store *store, const char *folder, struct vs_error *error);
/* Tells what work that was killed has left in any namespace's folder of snapshots, and removes it. */
int vs_snapshot_leftovers(const struct vs_store *store, bool remove, void (*each)(void *context, const char *path),
                          void *context, struct vs_error *error);

/* A name made of a time, milliseconds since 1970. */
int vs_snapshot_invent(int64_t wall_ms, char name[VS_SNAPSHOT_NAME_MAX + 1], struct vs_error *error);

/* dir/name */
int vs_snapshot_path(char path[VS_GENERATION_PATH], const char *dir, const char *name, struct vs_error *error);
/* The folder of a snapshot that there is, and its manifest: VS_EINVAL, VS_ENOTFOUND, VS_ECORRUPT. */
int vs_snapshot_locate(const struct vs_namespace *ns, const char *name, char path[VS_GENERATION_PATH],
                       struct vs_manifest *manifest, struct vs_error *error);
void vs_snapshot_describe(const struct vs_manifest *manifest, struct vs_snapshot *snapshot);

/* Makes a snapshot of `source`, a generation that nothing or everything may name, under the lock. Its share of the work goes
 * up to `end`. manifest->name is what it shall be called. */
int vs_snapshot_capture(struct vs_snapshots *snapshots, struct vs_namespace *source, struct vs_manifest *manifest,
                        struct vs_work *work, double end, struct vs_error *error);

/* The same as vs_namespace_measure, in a transaction of its own. */
int vs_snapshot_use(struct vs_meta *meta, struct vs_use *use, struct vs_error *error);
/* VS_EQUOTA when a snapshot of `source` may not be there beside those that are. Under the lock. */
int vs_snapshots_admit(const struct vs_snapshots *snapshots, struct vs_namespace *source, struct vs_error *error);

/* Compares the sums of all files. VS_ECORRUPT, naming the file, at the first that differs. report NULL; else each is told, and
 * counted in *problems, instead. */
int vs_snapshot_sums(const char *dir, const struct vs_manifest *manifest, struct vs_work *work, double end,
                     void (*report)(void *context, const char *finding), void *context, uint64_t *problems,
                     struct vs_error *error);

/* A namespace's handle on a snapshot, for reading alone; closed by vs_namespace_close. `like` lends store and entry. */
int vs_snapshot_open(const struct vs_namespace *like, const char *dir, struct vs_namespace **frozen, struct vs_error *error);

/* VS_ECORRUPT, with the first finding, unless a meta.db agrees with itself. */
int vs_snapshot_check_meta(struct vs_meta *meta, struct vs_error *error);

/* ---- new generations ---- */

/* Makes folder/name (a generation) of what `source` holds, with the numbers of *as: generation, and a seq, a past_version and an
 * age that are at least the source's. source is live, or frozen. It is linked and complete, and *fresh its handle and indexer;
 * only seq must still be settled. What fails while the source's CURRENT moves (VS_ESTALE, or its files are gone) can be begun
 * again. On failure the folder is left to be removed. */
int vs_snapshot_build(struct vs_namespace *source, const char *folder, const char *name, struct vs_meta_state *as,
                      struct vs_work *work, struct vs_namespace **fresh, struct vs_error *error);
/* Settles its number of changes, with an empty log; stores its liveness: after this it may go live. */
int vs_snapshot_settle(struct vs_namespace *fresh, uint64_t seq, struct vs_meta_state *state, struct vs_error *error);

/* A new namespace `name` of what `source` holds (birth.c). */
int vs_birth(struct vs_namespace *source, const char *name, struct vs_work *work, uint64_t *records, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fault tests share: operations on a namespace, a model of what must be stored after them, and the comparison of
 * a data folder with the model. Each is a pure function of the operation, so that the process that verifies needs nothing
 * from the one that was killed.
 */
#ifndef VS_TESTS_FAULTS_WORK_H
#define VS_TESTS_FAULTS_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/vecstore.h"

#define WORK_RECORDS 4096 /* numbers of records are below */
#define WORK_DIM_MAX 256
/* Of every so many things one is tried: with a sanitizer a process is slow to fork. */
#ifdef __SANITIZE_ADDRESS__
#define WORK_THIN 8
#else
#define WORK_THIN 1
#endif

enum work_kind {
	WORK_NONE,
	WORK_UPSERT,
	WORK_DELETE,
	WORK_DELETE_WHERE,
	WORK_SOFT_DELETE,
	WORK_RESTORE,
	WORK_SCOPED,  /* a deletion by a handle that is confined to the lower half of the records */
	WORK_PATCH,   /* of live records */
	WORK_EXECUTE, /* by number: upserts, deletions, soft deletions, upserts with a patch after them */
	WORK_EXPIRE,  /* upserts of what has expired already: it is as if it were deleted, and the indexer sweeps it */
	WORK_INDEX,      /* by a fresh handle, until nothing is left to do */
	WORK_INDEX_HERE, /* by the handle that is open */
	WORK_SPOIL,      /* damages every derived file that there is */
	WORK_REPAIR,     /* mends them, by the handle that is open */
	WORK_COMPACT,    /* by the handle that is open */
	WORK_KEYS,       /* keys made, rotated, bounded and revoked, each with its event */
	WORK_SNAPSHOT,   /* of all records, count of which must be WORK_RECORDS */
	WORK_GO_BACK,    /* to that snapshot, as above */
	WORK_CLONE,      /* into another namespace */
	WORK_BOUND,      /* sets quotas that allow all that there is */
	WORK_FILL,       /* upserts as many as a quota allows beside those before `from`, after one more was refused */
	WORK_SIDE,       /* makes another namespace, and deletes it at once */
	WORK_JOB,        /* the same as a job, made and worked off */
};

#define WORK_TEXT 200 /* upserts of salts from this on give records a text */

/* On the records numbered from, from + 1, …; salt makes other vectors and metadata. */
struct work_op {
	enum work_kind kind;
	unsigned from;
	unsigned count;
	unsigned salt;
};

struct work_model {
	struct work_record {
		unsigned salt;
		unsigned patch;   /* salt of the metadata; 0: never patched */
		unsigned version; /* in its age; 0: not there */
		unsigned slack;   /* its version may be greater by so much */
		bool deleted;
	} records[WORK_RECORDS];
	struct work_record kept[WORK_RECORDS]; /* by the snapshot */
	bool restored;                         /* from it: the change feed begins anew, versions are of a later age */
	/* The greatest version of records that are gone, at least and at most: when what has expired is swept is not known. */
	unsigned past, past_most;
};

void work_apply(struct work_model *model, const struct work_op *op);

/* A data folder, open. */
struct work {
	char data[128];
	const char *name;
	unsigned dim;
	struct vs_store *store;
	struct vs_namespace *ns;
};

int work_open(struct work *work, const char *data, const char *name, unsigned dim, struct vs_error *error);
void work_close(struct work *work);
int work_perform(struct work *work, const struct work_op *op, struct vs_error *error);
/* Of these WORK_KEYS, WORK_BOUND, WORK_FILL and WORK_SIDE. */
int work_administer(struct work *work, const struct work_op *op, struct vs_error *error);

/* After work that was killed or has failed: it can be done again, or was done; what there is of it is sound, and nothing is left of
 * what was not finished. For repairs, snapshots and clones. */
int work_again(struct work *work, const struct work_op *op, struct vs_error *error);

#define WORK_WHY 400

/* Whether the folder holds exactly what one of the models says, checks clean, takes a write, indexes and finds what it
 * must. False with a reason. */
bool work_verify(const char *data, const char *name, unsigned dim, const struct work_model *models, unsigned count,
                 char why[WORK_WHY]);
/* Whether each change of a namespace has its event in the audit trail, and each event its change. */
bool work_trail_tells(struct work *work, char why[WORK_WHY]);
/* Whether it holds what the model says: 1 or 0; negative when that cannot be read. */
int work_compare(struct work *work, const struct work_model *model, char why[WORK_WHY]);
/* Whether exact search offers each live record once and nothing else, and the walk finds most of what it finds. */
bool work_answers(struct work *work, const struct work_model *model, char why[WORK_WHY]);
/* Whether a walk through the graph with a small pool finds most of it, too. */
bool work_walks(struct work *work, char why[WORK_WHY]);

/* ---- folders and processes ---- */

/* A fresh folder in memory, if there is such a place, or in /tmp. */
void work_folder(char path[64]);
void work_remove(const char *path);
void work_copy(const char *from, const char *to);
/* A number from the environment. */
unsigned long work_setting(const char *name, unsigned long otherwise);
/* Splits the work among processes: runs each(lane, lanes, context) in each; their failures in all. */
unsigned long work_lanes(unsigned long (*each)(unsigned lane, unsigned lanes, void *context), void *context);
/* Runs each(context) in a child that may take a minute; its exit status, or -signal. */
int work_child(int (*each)(void *context), void *context);

/* Sets VECSTORE_FAULT (NULL: none) and counts from zero. */
void work_fault(const char *fault);

#endif

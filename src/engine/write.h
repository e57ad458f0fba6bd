/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/write: one write transaction on records. Rows are put first, which settles whether each change is allowed; then
 * the vectors of all new slots are appended and synced at once (I1); then it commits. So what is refused uses up no slot.
 * A change of metadata is a new slot too, with the same vector (I2).
 *
 * A function here that refuses a change (see vs_write_refused) has done nothing, and the transaction may go on. After any
 * other error it must be rolled back.
 */
#ifndef VS_ENGINE_WRITE_H
#define VS_ENGINE_WRITE_H

#include "engine/namespace.h"

struct vs_write {
	struct vs_namespace *ns;
	struct vs_meta *meta;
	struct vs_meta_state state;
	uint64_t seq;          /* of the state that it began with */
	int64_t now;           /* milliseconds since 1970: the time of all its changes */
	const float **vectors; /* of new slots, from `first` on */
	size_t count;
	size_t cap;
	uint32_t first;
	bool placed; /* first is known */
	bool dry;    /* all of it will be undone: no file is touched */
};

/* Where the fault stands in the caller's input: "vector", or "records[3].vector" in a list. */
struct vs_place {
	const char *list; /* NULL: there is no list */
	size_t index;
	char text[64];
};
const char *vs_place_field(struct vs_place *place, const char *field);

/* Takes the writer lock. cap: most slots that will be used. Vectors that are put must live until the commit. */
int vs_write_begin(struct vs_write *write, struct vs_namespace *ns, size_t cap, struct vs_error *error);
/* The same for what users write: refused where the namespace's status forbids it. The quotas are known from here on. */
int vs_write_begin_allowed(struct vs_write *write, struct vs_namespace *ns, size_t cap, struct vs_error *error);
/* VS_EQUOTA when one more record, a vector of this dimension, or all new slots together would be too much. */
int vs_write_admit_record(const struct vs_write *write, struct vs_place *place, struct vs_error *error);
int vs_write_admit_dimension(const struct vs_write *write, struct vs_place *place, uint32_t dimension,
                             struct vs_error *error);
int vs_write_admit_bytes(const struct vs_write *write, struct vs_error *error);
/* The code of a refusal. */
bool vs_write_refused(int code);

struct vs_write_done {
	size_t inserted, updated;
	int64_t version; /* of the last record that was put */
};
/* A record that was checked. One of the same id that has expired is as good as deleted. Its dimension is compared here; in a dry
 * run the first settles it. */
int vs_write_put(struct vs_write *write, struct vs_place *place, const struct vs_record_input *record,
                 struct vs_write_done *done, struct vs_error *error);
/* Merges record->metadata, a checked JSON object, into the metadata of the live record with its id. *row (NULL allowed):
 * what was stored; its id is the caller's, its metadata lie in the namespace's arena. VS_ENOTFOUND. */
int vs_write_patch(struct vs_write *write, struct vs_place *place, const struct vs_record_input *record,
                   struct vs_meta_row *row, struct vs_error *error);
/* *found: the id is there; *done: something had to be done. */
int vs_write_remove(struct vs_write *write, struct vs_place *place, enum vs_removal kind, const struct vs_id *id,
                    int64_t if_version, bool *found, bool *done, struct vs_error *error);
/* The same for a record whose row was read in this transaction. */
int vs_write_remove_row(struct vs_write *write, enum vs_removal kind, const struct vs_meta_row *row, bool *done,
                        struct vs_error *error);

/* Runs changes in a transaction of at most cap new slots and commits what they did, unless they return an error. Resets
 * nothing. A first vector settles the namespace's dimension; whether there is one is found by a dry run before. */
int vs_write_run(struct vs_namespace *ns, size_t cap,
                 int (*changes)(struct vs_write *write, void *context, struct vs_error *error), void *context,
                 struct vs_error *error);

/* Durable when it returns 0. Without changes nothing is written. Ends the transaction in any case. */
int vs_write_commit(struct vs_write *write, struct vs_error *error);
void vs_write_rollback(struct vs_write *write);

/* vs_namespace_execute, whose list of operations is called so in errors; NULL: there is a single one. */
int vs_write_execute(struct vs_namespace *ns, const char *list, const struct vs_op *ops, size_t count,
                     const struct vs_upsert_options *options, struct vs_execute_result *result, struct vs_error *error);

/* What can be told of a record before the lock is taken; VS_EINVAL or VS_ETOOBIG with the field. */
int vs_write_check(struct vs_namespace *ns, struct vs_place *place, const struct vs_record_input *record,
                   struct vs_error *error);
/* Of these the metadata alone, and the condition. */
int vs_write_check_metadata(struct vs_namespace *ns, struct vs_place *place, const struct vs_record_input *record,
                            struct vs_error *error);

#endif

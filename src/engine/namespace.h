/* SPDX-License-Identifier: Apache-2.0 */
/* engine/namespace: what the files of the engine share of a namespace's handle. */
#ifndef VS_ENGINE_NAMESPACE_H
#define VS_ENGINE_NAMESPACE_H

#include "base/arena.h"
#include "engine/generation.h"
#include "engine/vecstore.h"
#include "store/catalog.h"
#include "store/text.h"

struct vs_upkeep;
struct vs_json;

struct vs_store {
	char path[VS_GENERATION_PATH];
	struct vs_catalog *catalog;
	uint32_t tail_most; /* vs_store_set_tail */
	struct vs_quota quota; /* vs_store_set_quota */
};

struct vs_namespace {
	struct vs_store *store;
	struct vs_catalog_entry entry;
	uint64_t entry_version; /* of the catalogue, when entry was read */
	char folder[VS_GENERATION_PATH]; /* DATA/ns/<opaque id> */
	struct vs_generation generation;
	struct vs_arena arena;      /* what the last call handed out */
	struct vs_scope scope;      /* generation.scope points here while there is one */
	struct vs_quota key_quota;  /* vs_namespace_set_key_quota */
	struct vs_json *json;  /* checks metadata; NULL until needed */
	struct vs_upkeep *upkeep;   /* not NULL: this process is the namespace's indexer */
};

/* Path of a folder below ns/; VS_EINVAL when it is too long. */
int vs_namespace_path(const struct vs_store *store, const char *folder, char path[VS_GENERATION_PATH],
                      struct vs_error *error);

/* Opens the generation that CURRENT names now, if it is another one. On failure the old one stays. */
int vs_namespace_follow(struct vs_namespace *ns, struct vs_error *error);
/* Forgets what the last call handed out and begins a read transaction on the live generation. */
int vs_namespace_begin(struct vs_namespace *ns, struct vs_meta_state *state, struct vs_error *error);
void vs_namespace_end(struct vs_namespace *ns);
/* The same for writing; ends by vs_meta_commit or vs_meta_rollback on ns->generation.meta. */
int vs_namespace_begin_write(struct vs_namespace *ns, struct vs_meta_state *state, struct vs_error *error);

/* Between begin and end: the mark of *state. */
struct vs_mark vs_namespace_mark_of(const struct vs_namespace *ns, const struct vs_meta_state *state);

/* A row as the user sees it. The strings are the row's own, or copies in ns->arena when copy is set. The vector points
 * into the map. */
int vs_namespace_record(struct vs_namespace *ns, const struct vs_meta_row *row, bool with_metadata, bool with_vector,
                        bool copy, struct vs_record *record, struct vs_error *error);

/* The text of a slot's record, copied into ns->arena; NULL when it has none. What the store has lent of the row stays. */
int vs_namespace_text(struct vs_namespace *ns, uint32_t slot, struct vs_record *record, struct vs_error *error);

/* VS_EINVAL with field and index unless every number is finite and, under cosine, one is not zero. */
int vs_namespace_check_vector(enum vs_metric metric, const char *field, const float *vector, uint32_t dimension,
                              struct vs_error *error);

/* VS_EINVAL with field unless it is an id: 1 to 512 bytes of UTF-8 without NUL. */
int vs_namespace_check_id(const char *field, const char *id, size_t len, struct vs_error *error);

/* What quotas of size are compared with, of any meta.db, inside a transaction whose state it is. */
int vs_namespace_measure(struct vs_meta *meta, const struct vs_meta_state *state, struct vs_use *use, struct vs_error *error);
/* Whether all its records may be replaced by so many: VS_EFROZEN, VS_EQUOTA. Asked under the writer lock it holds until the end of
 * that. */
int vs_namespace_admit_whole(struct vs_namespace *ns, const struct vs_use *use, struct vs_error *error);
/* Whether a new namespace may begin with so many. */
int vs_store_admit_whole(const struct vs_store *store, const struct vs_use *use, struct vs_error *error);
/* Whether a snapshot of so many bytes (as above) may be there beside those that are kept: VS_EQUOTA. */
int vs_namespace_admit_snapshot(struct vs_namespace *ns, uint64_t kept, uint64_t bytes, struct vs_error *error);

/* The same for a text: at most VS_RECORD_TEXT_MAX bytes of UTF-8 without NUL; VS_ETOOBIG. */
int vs_namespace_check_text(const char *field, const char *text, size_t len, struct vs_error *error);

/* Takes the role of the namespace's indexer, unless this handle has it already. VS_EBUSY when another process has it. */
int vs_upkeep_open(struct vs_namespace *ns, struct vs_error *error);
/* Removes generations that compactions have left behind, unless one is going on. */
void vs_compact_tidy(struct vs_namespace *ns);
/* Somebody compacts it, as far as can be told. */
bool vs_compact_taken(const struct vs_namespace *ns);

void vs_upkeep_release(struct vs_upkeep *upkeep); /* NULL allowed */
/* Somebody has the role, as far as can be told. */
bool vs_upkeep_taken(const struct vs_namespace *ns);

#endif

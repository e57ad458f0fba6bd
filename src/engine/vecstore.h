/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore.h: the library that vecstore's server, command line and indexer are made of.
 *
 * A store is a data folder. It holds namespaces; a namespace holds records: an id, a vector of float32, metadata (a JSON
 * object), perhaps a text. Any number of processes may have the same folder open. What a function has acknowledged
 * (returned 0) is on disk, and the next query of any process sees it.
 *
 * Functions return 0 or a negative VS_E… code and then fill *error (NULL allowed). A failed call leaves the store as it
 * was. Strings are UTF-8. A store and its namespaces serve one thread at a time and must not cross a fork; open one per
 * thread or process, that is cheap. The library never exits, aborts or prints.
 */
#ifndef VECSTORE_H
#define VECSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "math/metric.h"
#include "math/quantization.h"
#include "store/audit_event.h"
#include "store/job.h"
#include "store/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0": of the library that runs. Static string. */
const char *vs_version(void);
/* "avx2", …: the instruction set in use. Static string. */
const char *vs_simd(void);

/* ---- store ---------------------------------------------------------------------------------------------- */

struct vs_store;

enum { VS_CREATE = 1 }; /* make what is missing */

/* Opens the data folder at path. VS_ENOTFOUND without VS_CREATE when there is none; VS_EFORMAT when a newer vecstore
 * made it; VS_EREADONLY, VS_ENOSPC; VS_EINVAL for a network file system. */
int vs_store_open(const char *path, unsigned flags, struct vs_store **store, struct vs_error *error);
void vs_store_close(struct vs_store *store); /* NULL allowed; close its namespaces first */

/* Bounds the tail: the slots that wait to be linked into the graph, which every query compares one by one. While a namespace
 * has more of them, upserts through this store are refused with VS_ETAIL, before any work. 0, as at first: no bound.
 * VS_TAIL_AUTO: what 256 MiB of vectors hold (599,186 of 100 dimensions, 83,886 of 768), but at least 10,000. */
#define VS_TAIL_AUTO UINT32_MAX
void vs_store_set_tail(struct vs_store *store, uint32_t most);

/* ---- namespace ------------------------------------------------------------------------------------------ */

struct vs_namespace;

/* VS_EINVAL with the rule, unless name can be a namespace's: [a-z0-9][a-z0-9_-]{0,62}. field: what the caller calls it. */
int vs_namespace_check_name(const char *field, const char *name, struct vs_error *error);

struct vs_namespace_options {
	unsigned flags;        /* VS_CREATE: make it when missing, with what follows */
	enum vs_metric metric; /* for a new one */
	uint32_t dimension;    /* for a new one; 0: the first record fixes it */
	enum vs_quantization quantization; /* for a new one; 0: int8 */
	enum vs_tokenizer tokenizer;       /* for a new one; 0: unicode61 */
};
#define VS_NAMESPACE_OPTIONS { 0, VS_COSINE, 0, VS_QUANTIZATION_INT8, VS_TOKENIZER_UNICODE61 }

/* options NULL: the defaults, which open and do not create. The store must outlive the namespace. */
int vs_namespace_open(struct vs_store *store, const char *name, const struct vs_namespace_options *options,
                      struct vs_namespace **ns, struct vs_error *error);
void vs_namespace_close(struct vs_namespace *ns); /* NULL allowed */

/* From now on the handle sees and writes only the records that the filter accepts (NULL: all): others are as good as not there,
 * for reads of every kind and for deletions, and a write that would make, change or replace a record that it does not accept
 * is refused with VS_EPERM. The feed of changes cannot be narrowed, and is refused. What counts slots or bytes, and upkeep, is
 * not narrowed. VS_EINVAL for what is no filter; the handle must not be used then before another call of this. */
int vs_namespace_set_scope(struct vs_namespace *ns, const char *filter, struct vs_error *error);

/* The state that an answer came from: it is told by the files and the clock alone, in every process alike, and is another
 * one after any write, when a record has expired, and when the graph was made anew. Only for comparing. */
struct vs_mark {
	uint64_t words[5];
};
/* The mark of now, which costs a few microseconds: what was answered under an equal one is still right. */
int vs_namespace_mark(struct vs_namespace *ns, struct vs_mark *mark, struct vs_error *error);

/* ---- records -------------------------------------------------------------------------------------------- */

#define VS_RECORD_ID_MAX 512
#define VS_RECORD_METADATA_MAX (1 << 20)
#define VS_RECORD_TEXT_MAX (1 << 20)
#define VS_VECTOR_DIM_MAX 8192

/* A record as given: nothing is kept of the pointers after the call. */
struct vs_record_input {
	const char *id; /* 1 to 512 bytes of UTF-8, no NUL */
	size_t id_len;
	const float *vector; /* dimension finite floats; not all zero under cosine */
	uint32_t dimension;
	const char *metadata; /* a JSON object, or NULL for {} */
	size_t metadata_len;
	int64_t if_version; /* 0: in any case; else only when the record has this version, or see below */
	int64_t expires_at; /* milliseconds since 1970, from when on it is as good as deleted; 0: never */
	const char *text;   /* UTF-8 without NUL, for searches by words; NULL: none */
	size_t text_len;
};
/* Conditions besides a version: there is no record with this id; there is one. */
enum { VS_IF_MISSING = -1, VS_IF_PRESENT = -2 };

struct vs_upsert_options {
	bool atomic; /* all or nothing; else the good ones are stored and on_error hears of the others */
	/* index: position in records. Called before the commit, for records that are refused. */
	void (*on_error)(void *context, size_t index, const struct vs_error *error);
	void *context;
};
#define VS_UPSERT_OPTIONS { true, NULL, NULL }

struct vs_upsert_result {
	size_t inserted; /* ids that were new, or whose record had expired */
	size_t updated;  /* ids that were there (a soft-deleted one comes back) */
	size_t failed;
	int64_t version; /* of the last record stored */
};

/* Stores count records in one durable commit; later ones win over earlier ones of the same id. With atomic, the
 * first fault ends it: error->field is "records[i]…" for count > 1. VS_EVERSION when a condition fails. VS_EBUSY when another
 * writer holds the namespace for more than five seconds; VS_ETAIL: see vs_store_set_tail; VS_EQUOTA, VS_EFROZEN: see
 * engine/admin.h. */
int vs_namespace_upsert(struct vs_namespace *ns, const struct vs_record_input *records, size_t count,
                        const struct vs_upsert_options *options, struct vs_upsert_result *result,
                        struct vs_error *error);

struct vs_tail {
	uint32_t slots; /* that wait to be linked; 0 where there is no graph to link into */
	uint32_t most;  /* the bound that vs_store_set_tail means for this namespace; 0: none */
	bool indexer;   /* some process is the namespace's indexer */
};
/* How much waits, in a few microseconds. */
int vs_namespace_tail(struct vs_namespace *ns, struct vs_tail *tail, struct vs_error *error);
/* VS_ETAIL when an upsert would be refused so: for who has work to do before it. */
int vs_namespace_admit(struct vs_namespace *ns, struct vs_error *error);

struct vs_id {
	const char *data;
	size_t len;
};
enum vs_removal { VS_DELETE, VS_SOFT_DELETE, VS_RESTORE };
/* Applies one kind of removal to the ids in one durable commit; *done counts those it applied to (for VS_SOFT_DELETE,
 * those that were live; for VS_RESTORE, those that were soft-deleted). Unknown ids are no error. */
int vs_namespace_remove(struct vs_namespace *ns, enum vs_removal kind, const struct vs_id *ids, size_t count,
                        size_t *done, struct vs_error *error);
struct vs_removed {
	size_t found; /* ids that were there */
	size_t done;  /* as above */
};
/* The same if the condition (as if_version above) holds for each: else nothing is done, and VS_EVERSION. */
int vs_namespace_remove_if(struct vs_namespace *ns, enum vs_removal kind, const struct vs_id *ids, size_t count,
                           int64_t if_version, struct vs_removed *removed, struct vs_error *error);
/* VS_DELETE for every live record that the filter accepts. */
int vs_namespace_remove_where(struct vs_namespace *ns, const char *filter, size_t *done, struct vs_error *error);

/* One of many operations. VS_OP_NONE is passed over. */
enum vs_op_kind { VS_OP_NONE, VS_OP_UPSERT, VS_OP_DELETE, VS_OP_SOFT_DELETE, VS_OP_RESTORE, VS_OP_UPDATE_METADATA };
struct vs_op {
	enum vs_op_kind kind;
	/* UPSERT: all of it. UPDATE_METADATA: metadata are a merge patch. Of all: the id, and the condition. */
	struct vs_record_input record;
};
struct vs_execute_result {
	size_t succeeded; /* removals of what is not there, too */
	size_t failed;
	size_t inserted, updated; /* by VS_OP_UPSERT */
	size_t patched;
	size_t deleted, hidden, restored; /* that were there */
	int64_t version;                  /* of the last record that was upserted */
};
/* Does count operations in order, each on what those before it have made, in one durable commit. options as for upserts:
 * with atomic the first that is refused ends it, and nothing is done; error->field is "operations[i]…". */
int vs_namespace_execute(struct vs_namespace *ns, const struct vs_op *ops, size_t count,
                         const struct vs_upsert_options *options, struct vs_execute_result *result,
                         struct vs_error *error);

/* A record as stored: valid until the next call on the namespace. */
struct vs_record {
	const char *id; /* NUL-terminated */
	size_t id_len;
	const char *metadata; /* a JSON object, NUL-terminated */
	size_t metadata_len;
	const float *vector; /* as it was given, bit for bit; NULL unless asked for */
	uint32_t dimension;
	int64_t version; /* one more with each write; greater than any that an earlier record of the id had */
	int64_t created_at; /* milliseconds since 1970 */
	int64_t updated_at;
	int64_t deleted_at; /* 0: live, else soft-deleted then */
	int64_t expires_at; /* 0: never */
	const char *text;   /* NUL-terminated; NULL: it has none, or it was not asked for */
	size_t text_len;
};

/* With its text. VS_ENOTFOUND when there is none, or it has expired. Soft-deleted records are found. */
int vs_record_get(struct vs_namespace *ns, const char *id, size_t id_len, bool with_vector, struct vs_record *record,
                  struct vs_error *error);

struct vs_patch {
	const char *id;
	size_t id_len;
	const char *metadata; /* a JSON merge patch (RFC 7396): an object whose nulls remove */
	size_t metadata_len;
	int64_t if_version; /* as in struct vs_record_input */
	bool with_vector;
};
/* Merges a patch into the metadata of a live record, whose version goes up by one; what it does not name stays as it was
 * written, and so do vector and text. *record (NULL allowed) is what was stored. VS_ENOTFOUND, VS_EVERSION; VS_ETOOBIG when
 * the metadata become too large. */
int vs_record_patch(struct vs_namespace *ns, const struct vs_patch *patch, struct vs_record *record,
                    struct vs_error *error);

struct vs_page_options {
	const char *filter; /* NULL: all */
	const char *after;  /* records with a greater id; NULL: from the start */
	size_t after_len;
	size_t limit; /* most records in the page */
	bool with_vector;
	bool with_deleted; /* also soft-deleted ones */
	size_t bytes;      /* the page ends early once its records have so many; 0: no bound */
	bool with_text;
};
/* Live records in order of their ids' bytes, from one snapshot. What stays from page to page is in exactly one of them,
 * whatever is written meanwhile. A page costs the same wherever it begins. each is called per record (valid during the call; it
 * must not call the namespace). *more: there are more after the last. */
int vs_record_page(struct vs_namespace *ns, const struct vs_page_options *options,
                   void (*each)(void *context, const struct vs_record *record), void *context, bool *more,
                   struct vs_error *error);

/* How many live records the filter accepts; NULL: all. */
int vs_namespace_count(struct vs_namespace *ns, const char *filter, uint64_t *count, struct vs_error *error);

enum vs_facet_kind { VS_FACET_NULL, VS_FACET_BOOLEAN, VS_FACET_INTEGER, VS_FACET_REAL, VS_FACET_TEXT };
struct vs_facet_value {
	enum vs_facet_kind kind;
	uint64_t count; /* records that have it */
	bool boolean;
	int64_t integer;
	double real;
	const char *text; /* NUL-terminated */
	size_t text_len;
};
struct vs_facet {
	const struct vs_facet_value *values; /* most frequent first, then in order; valid until the next call on the namespace */
	size_t count;
};
/* The values that the live records accepted by the filter (NULL: all) have at a field of the metadata, a path as in
 * filters: the `limit` most frequent, exactly counted. An array counts for each of its different elements; objects and
 * missing fields do not count. Numbers that filters find equal are one value. */
int vs_namespace_facet(struct vs_namespace *ns, const char *field, const char *filter, size_t limit,
                       struct vs_facet *facet, struct vs_error *error);
/* VS_EINVAL when text is no path of a metadata field. */
int vs_field_check(const char *text, struct vs_error *error);

/* ---- changes -------------------------------------------------------------------------------------------- */

struct vs_record_change {
	uint64_t seq;
	const char *op; /* "upsert", "delete", "soft_delete" or "restore" */
	/* As it is now. Of a deletion only the id; metadata "", vector and text NULL unless asked for. An expired record is there until it is
	 * swept, which is a deletion. */
	struct vs_record record;
};

struct vs_changes_options {
	uint64_t since; /* changes with a greater number; VS_CHANGES_NEWEST: none, only where the feed stands */
	size_t limit;   /* at most so many, 1 to VS_CHANGES_MAX */
	bool with_metadata;
	bool with_vector;
	bool with_text;
	size_t bytes; /* the page ends early once its records have so many; 0: no bound */
};
#define VS_CHANGES_MAX 10000
#define VS_CHANGES_NEWEST UINT64_MAX

struct vs_changes_page {
	uint64_t next_since; /* to ask with next; since itself when nothing is newer */
	uint64_t first_seq;  /* the oldest change that is kept; last_seq + 1 when none is */
	uint64_t last_seq;   /* the newest change */
};

/*
 * Changes in order of their numbers, from one snapshot. Numbers belong to commits in their order, so whoever asks with each
 * next_since misses none and hears none twice, also across crashes and compactions. A change that a later one has superseded
 * may be left out: who applies all of them, by id, has exactly the records there are. VS_EGONE when changes after
 * since are no longer kept, or since is no number of this namespace's: start over, by taking next_since of
 * VS_CHANGES_NEWEST, then all records, then the changes from there. each is called per change (valid during the call; it
 * must not call the namespace).
 */
int vs_namespace_changes(struct vs_namespace *ns, const struct vs_changes_options *options,
                         void (*each)(void *context, const struct vs_record_change *change), void *context,
                         struct vs_changes_page *page, struct vs_error *error);

/* ---- query ---------------------------------------------------------------------------------------------- */

struct vs_query {
	const float *vector; /* dimension floats, or NULL and id: the vector of that record, itself left out */
	uint32_t dimension;
	const char *id;
	size_t id_len;
	uint32_t limit;     /* 1 to 10,000 results */
	uint32_t offset;    /* best ones left out; limit + offset <= 10,000 */
	uint32_t ef;        /* pool of the graph search; 0: chosen from limit */
	bool exact;         /* compare with every match */
	const char *filter; /* NULL: none */
	bool has_min_score; /* leave out results worse than min_score */
	float min_score;    /* similarity: at least; distance: at most */
	bool with_metadata;
	bool with_vector;
	/* Candidates of the graph that are compared by their float32 rows, as a multiple of limit + offset, to VS_RESCORE_MAX; 0: chosen.
	 * VS_RESCORE_NONE: none is, so that no row need be in memory; scores are those of the codes (off by about 0.001 under cosine). */
	int32_t rescore;
	/* For long exact scans, which change nothing but the time; 0: as many as there are cores that nobody uses now. They end
	 * before the call returns. */
	unsigned threads;
	/* Leave out results that are farther. The distance is 1 - score under cosine, -score under dot, else the score. All records
	 * within it are found, up to limit: where its border ends an answer, rows are compared exactly. Not with min_score. */
	bool has_max_distance;
	float max_distance;
	/* Maximal marginal relevance (Carbonell and Goldstein, 1998) over the nearest `candidates`: each result is the one
	 * with the least (1 - diversity) * its distance - diversity * its distance from the nearest result before it. So results
	 * are not in order of their scores. 0: none. */
	float diversity;
	uint32_t candidates; /* limit + offset to 1,000; 0: chosen from these */
	bool with_text;
};
#define VS_QUERY { NULL, 0, NULL, 0, 10, 0, 0, false, NULL, false, 0.0f, true, false, 0, 0, false, 0.0f, 0.0f, 0, false }
#define VS_RESCORE_MAX 100
#define VS_RESCORE_NONE (-1)
#define VS_CANDIDATES_MAX 1000

struct vs_result {
	struct vs_record record; /* metadata "", vector and text NULL unless asked for */
	float score;             /* see enum vs_metric */
};

enum vs_path { VS_PATH_EMPTY, VS_PATH_EXACT, VS_PATH_GRAPH };

struct vs_query_stats {
	enum vs_path path;         /* how candidates were found; the unlinked tail is always searched exactly */
	uint64_t total_candidates; /* live records */
	uint64_t filtered_count;   /* of these, accepted by the filter */
	uint64_t nodes_visited;
	uint64_t distances;
	uint32_t unlinked; /* slots of the tail */
	uint64_t duration_ns;
};

struct vs_results {
	const struct vs_result *items; /* best first; valid until the next call on the namespace */
	size_t count;
	struct vs_query_stats stats;
	struct vs_mark mark; /* of the state that was searched */
};

/* I6: count is min(limit, matches - offset) whenever that many live records match (and reach min_score, or lie within
 * max_distance). */
int vs_namespace_search(struct vs_namespace *ns, const struct vs_query *query, struct vs_results *results,
                        struct vs_error *error);

#define VS_SEARCH_BATCH_MAX 1000           /* queries */
#define VS_SEARCH_BATCH_RESULTS_MAX 100000 /* sum of all limits and offsets */
/* Answers count queries from one snapshot; results[i] as vs_namespace_search would answer queries[i], bit for bit, and
 * valid as long. Much faster than one at a time where rows are compared exactly: all queries under the same filter
 * share one pass. Where that makes it cheaper than the graph, queries that alone would go there are answered exactly,
 * too. The first fault ends it, and error->field is "queries[i].…". VS_ETOOBIG for too many queries or results.
 * results[i].stats.duration_ns is an equal share of the whole time. */
int vs_namespace_search_batch(struct vs_namespace *ns, const struct vs_query *queries, size_t count,
                              struct vs_results *results, struct vs_error *error);

/* ---- recommendation ---- */

#define VS_EXAMPLES_MAX 1000 /* positive and negative together */
struct vs_example { /* one of the two: */
	const char *id; /* the vector of this record, which is left out of the results */
	size_t id_len;
	const float *vector;
	uint32_t dimension;
};
struct vs_recommendation {
	const struct vs_example *positive; /* at least one */
	size_t positive_count;
	const struct vs_example *negative;
	size_t negative_count;
};
/* As vs_namespace_search, from the vector p + (p - n), where p and n are the averages of the positive and the negative
 * examples (p alone where there are none), under cosine of their directions. query has neither vector nor id. Errors name the example:
 * "positive[2]"; VS_ENOTFOUND where it is an id that no live record has. */
int vs_namespace_recommend(struct vs_namespace *ns, const struct vs_recommendation *recommendation,
                           const struct vs_query *query, struct vs_results *results, struct vs_error *error);

/* ---- groups ---- */

struct vs_grouping {
	const char *field;   /* path of a metadata field, as in filters; its strings (to 1,024 bytes), numbers and booleans make groups */
	uint32_t groups;     /* 1 to 1,000 */
	uint32_t group_size; /* 1 to 100; groups * group_size <= 10,000 */
};
#define VS_GROUPING { NULL, 10, 3 }
#define VS_GROUPS_MAX 1000
#define VS_GROUP_SIZE_MAX 100

struct vs_group {
	const char *value; /* JSON text of the field's value */
	size_t value_len;
	const struct vs_result *items; /* best first */
	size_t count;
};
struct vs_groups {
	const struct vs_group *items; /* in order of their best results; all of it valid until the next call on the namespace */
	size_t count;
	struct vs_query_stats stats;
	struct vs_mark mark;
};
/* The best records per value of a field. I6: as many groups as there are among the records that match, up to
 * grouping->groups, and in each as many results, up to group_size. query's limit is not used; offset and diversity must be 0. */
int vs_namespace_search_groups(struct vs_namespace *ns, const struct vs_query *query, const struct vs_grouping *grouping,
                               struct vs_groups *groups, struct vs_error *error);

/* ---- words ---- */

#define VS_TEXT_QUERY_MAX (64 << 10) /* bytes */
#define VS_TEXT_WORDS_MAX 256        /* different ones */
#define VS_HIGHLIGHT_WORDS_MAX 64

enum vs_fusion {
	VS_FUSION_ALPHA, /* alpha * vector + (1 - alpha) * text, both made numbers from 0 to 1: see vs_namespace_search_hybrid */
	VS_FUSION_RRF,   /* reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): the sum of 1 / (60 + rank) */
};

struct vs_highlight { /* a passage of a result's text around what was found */
	const char *before, *after; /* marks around each term, put in as they are */
	uint32_t words;             /* of the passage, 1 to VS_HIGHLIGHT_WORDS_MAX */
	bool html;                  /* & < > " ' of the text become character references */
};
#define VS_HIGHLIGHT { "<em>", "</em>", 24, true }

struct vs_text_query {
	const char *words; /* what to look for: see engine/words.h and openapi.yaml; NULL: nothing */
	size_t words_len;
	bool all;          /* every word must be there, not just one */
	enum vs_fusion fusion;
	float alpha;         /* 0 to 1: what the vector counts for */
	uint32_t candidates; /* of each half, limit + offset to VS_CANDIDATES_MAX (or to these, if they are more); 0: chosen */
	const struct vs_highlight *highlight; /* NULL: none */
};
#define VS_TEXT_QUERY { NULL, 0, false, VS_FUSION_ALPHA, 0.7f, 0, NULL }

struct vs_hybrid_part { /* what a result's score is made of */
	bool has_vector, has_text; /* there was a vector to compare with; the text matches */
	float vector_score, text_score; /* text: BM25, see store/text.h */
	uint32_t vector_rank, text_rank; /* among the candidates of each half, from 1; 0: it is none of them */
	const char *highlight; /* NULL: the text does not match, or none was asked for */
	size_t highlight_len;
};

/* Records that are near the query's vector (or id), or whose texts hold its words, or both; without a vector and an id,
 * those by words alone. Candidates of both halves are scored by both, exactly, and fused. For alpha, the text's part is
 * its BM25 over the best of all candidates (0 where it does not match), the vector's is 1 for the nearest candidate, 0 for the
 * farthest, and linear in the distance between. Of one half only, its score is the result's. (*parts)[i] belongs to
 * results->items[i]. The query has no min_score, max_distance and diversity. I6: count is min(limit, matches - offset), where
 * all that the filter accepts match if there is a vector, else those whose text does. VS_EBUSY when the search for words takes
 * more than ten seconds. */
int vs_namespace_search_hybrid(struct vs_namespace *ns, const struct vs_query *query, const struct vs_text_query *text,
                               struct vs_results *results, const struct vs_hybrid_part **parts, struct vs_error *error);

/* ---- explanation ---- */

/* Ways to candidates. The unlinked tail is compared by rows in each of them. */
enum vs_way {
	VS_WAY_EMPTY,    /* nothing matches */
	VS_WAY_ROWS,     /* compare the vectors of all that match */
	VS_WAY_CODES,    /* compare the codes of all that match */
	VS_WAY_WALK,     /* walk the graph through all nodes */
	VS_WAY_ACCEPTED, /* walk the graph over nodes that match */
};
const char *vs_way_name(enum vs_way way); /* "exact_rows", …. Static string. */
const char *vs_way_text(enum vs_way way); /* a sentence */

enum vs_phase { VS_PHASE_PREPARE, VS_PHASE_FILTER, VS_PHASE_GRAPH, VS_PHASE_SCAN, VS_PHASE_SELECT, VS_PHASE_HYDRATE, VS_PHASES };

/* What a score is made of, in double precision from the stored vectors. */
struct vs_score_parts {
	double dot;
	double query_norm;
	double record_norm;
	double distance; /* as max_distance means it */
	bool tail;       /* the record is not in the graph yet */
};

/* What a query did: counted, not reckoned. */
struct vs_explanation {
	enum vs_way planned;
	enum vs_way used;   /* what found the answer in the end */
	const char *reason; /* for the plan. Static string. */
	double selectivity; /* accepted of live records */
	uint32_t wanted;    /* candidates to find */
	uint32_t pool;      /* places of the walk's pool, as planned */
	uint32_t linked;    /* slots in the graph */
	uint32_t tail;      /* slots after them */
	uint32_t walks;     /* searches of the graph */
	uint32_t levels;    /* that the last one descended through, above the lowest */
	uint32_t offered;   /* accepted that it had in its pool, counted as far as they are of use */
	bool gave_up;       /* a walk over accepted nodes did not fill its pool, so that all codes were compared */
	uint64_t nodes_visited;
	uint64_t graph_distances; /* by codes, or by rows where a metric has none */
	uint64_t rescored;        /* candidates of the graph, by rows */
	uint64_t scan_distances;  /* by rows, in the tail or in all that matches */
	uint32_t candidates;      /* found */
	uint32_t hydrated;        /* records fetched, */
	uint32_t copied;          /* of these, from copies of rows */
	uint64_t phase_ns[VS_PHASES];
	const struct vs_score_parts *parts; /* one per result; valid as long as these */
	bool compared;                      /* with the exact answer: */
	double recall;                      /* share of its results that this one has */
	uint64_t exact_distances;
	uint64_t exact_ns;
};
/* vs_namespace_search, and what it did. compare_exact: the exact answer is found, too, in the same snapshot. */
int vs_namespace_explain(struct vs_namespace *ns, const struct vs_query *query, bool compare_exact,
                         struct vs_results *results, struct vs_explanation *explanation, struct vs_error *error);

#define VS_ADVICE_MAX 8
struct vs_estimate {
	enum vs_way way;
	const char *reason; /* static string */
	uint64_t matches;   /* records that the filter accepts: counted */
	double selectivity; /* of live records */
	uint32_t pool;      /* of the walk, as planned */
	uint32_t tail;      /* slots that are not in the graph */
	double cost;        /* the planner's: in codes compared in order; for comparing ways, not a time */
	uint64_t nodes_visited;
	uint64_t distances;
	uint64_t duration_ns;
	const char *advice[VS_ADVICE_MAX]; /* sentences; static strings */
	size_t advice_count;
};
/* What vs_namespace_search would do, within a factor of two but for the time, which is rougher. No search is run and no record
 * fetched, but the filter is evaluated, as for a search, and two walks with pools of at most 32 and 128 are made through
 * the graph where the plan is a walk. Errors are those of the query. */
int vs_namespace_estimate(struct vs_namespace *ns, const struct vs_query *query, struct vs_estimate *estimate,
                          struct vs_error *error);

/* VS_EINVAL with the position or path of the fault when text is no filter. Filters are texts in either of two forms, which
 * engine/filter.h and openapi.yaml describe: "year >= 2020 AND tag = 'x'", or JSON {"year":{"$gte":2020},"tag":"x"}. */
int vs_filter_check(const char *text, struct vs_error *error);

/* ---- upkeep --------------------------------------------------------------------------------------------- */

struct vs_namespace_stats {
	uint64_t total;   /* records, soft-deleted ones too */
	uint64_t active;  /* records that are not soft-deleted */
	uint64_t deleted; /* soft-deleted */
	uint32_t dimension;
	enum vs_metric metric;
	enum vs_quantization quantization;
	enum vs_tokenizer tokenizer;
	uint64_t texts;    /* records that have a text, soft-deleted ones too */
	uint32_t slots;    /* used up to now, dead ones too */
	uint32_t generation; /* 1, and one more after each compaction */
	uint32_t indexed;  /* slots the graph has passed */
	uint32_t unindexed; /* slots of the tail; 0 while the namespace is too small to need a graph */
	uint64_t seq;      /* number of the newest change */
	uint64_t storage_bytes; /* of all files of the live generation */
};
int vs_namespace_stats(struct vs_namespace *ns, struct vs_namespace_stats *stats, struct vs_error *error);

struct vs_index_options {
	unsigned threads; /* 0: one per core */
	/* Now and then: slots linked and slots there are. Non-zero stops, cleanly, and is returned. NULL: never. */
	int (*progress)(void *context, uint32_t linked, uint32_t slots);
	void *context;
	uint64_t changes_kept; /* of the change log; older ones are dropped now and then. 0: 100,000 */
};
#define VS_INDEX_OPTIONS { 0, NULL, NULL, 0 }
/* The indexer's work in the background, until nothing is left to do: deletes what has expired, fills columns, copies rows, links
 * the tail, writes the liveness file, trims the change log, checkpoints. VS_EBUSY when another process is the namespace's
 * indexer. *worked (NULL allowed): something was done. The role is kept until the namespace is closed, or a call fails other
 * than by VS_EBUSY. */
int vs_namespace_index(struct vs_namespace *ns, const struct vs_index_options *options, bool *worked,
                       struct vs_error *error);
/* Folder of the live generation, for watching it. Valid until the next call on the namespace. */
const char *vs_namespace_folder(const struct vs_namespace *ns);

enum vs_compact_phase {
	VS_COMPACT_WAIT,   /* for another compaction to end */
	VS_COMPACT_COPY,   /* records to their new slots */
	VS_COMPACT_LINK,   /* the new graph */
	VS_COMPACT_FOLLOW, /* what was written meanwhile */
};
struct vs_compact_options {
	unsigned threads; /* for linking; 0: one per core */
	/* Now and then: how far the phase is. Non-zero stops, nothing has changed then, and is returned. It must not call the
	 * namespace. NULL: never. */
	int (*progress)(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total);
	void *context;
};
#define VS_COMPACT_OPTIONS { 0, NULL, NULL }
/* What such a progress is of the whole: 0 to 1, and a word for the phase in *name. Static string. */
double vs_compact_share(enum vs_compact_phase phase, uint64_t done, uint64_t total, const char **name);
struct vs_compact_result {
	uint64_t removed_count; /* dead slots: of deleted records, and of the former versions of updated ones */
	uint64_t freed_bytes;   /* on disk; those that a process has open are free once it has asked or written something */
};
/* Writes the namespace anew without its dead slots, beside the old files, and changes over to it. Others read meanwhile, and
 * write but for the last moment (some ten milliseconds). Records stay what they are, soft-deleted ones too. Without dead
 * slots there is nothing to do. VS_EBUSY when the namespace is being compacted already; VS_ENOSPC when there is no room for
 * both beside each other. */
int vs_namespace_compact(struct vs_namespace *ns, const struct vs_compact_options *options,
                         struct vs_compact_result *result, struct vs_error *error);

struct vs_check_result {
	uint64_t problems; /* truth files are damaged; or derived ones say, under right checksums, what is not so */
	uint64_t repairs;  /* in derived files: the indexer or vs_namespace_repair can mend them; answers stay right meanwhile */
	uint64_t mended;   /* of these, by vs_namespace_repair or vs_store_check: counted here instead */
};
/* Compares records, vectors, columns, copies of rows, the index of texts, liveness and graph with each other (I1 to I4, counts,
 * checksums). report hears one line per finding. Safe while others read and write. */
int vs_namespace_check(struct vs_namespace *ns, void (*report)(void *context, const char *finding), void *context,
                       struct vs_check_result *result, struct vs_error *error);

struct vs_repair_options {
	unsigned threads; /* as for vs_namespace_index */
	void (*report)(void *context, const char *finding);
	/* Now and then: slots done and slots there are, of checking, then of linking. Non-zero stops, and is returned. */
	int (*progress)(void *context, uint32_t done, uint32_t slots);
	void *context;
};
#define VS_REPAIR_OPTIONS { 0, NULL, NULL, NULL }
/* Checks, and makes every derived file that is damaged again: by itself, or, when another process is the namespace's indexer,
 * by taking the file away and waiting until the indexer has made it anew. Answers stay right meanwhile; killed, it has
 * done no harm. Problems of the truth are told and left alone. */
int vs_namespace_repair(struct vs_namespace *ns, const struct vs_repair_options *options, struct vs_check_result *result,
                        struct vs_error *error);

struct vs_store_check_options {
	bool repair; /* removes folders that hold no records and that no namespace has, and goes on with deletions that were cut off */
	void (*report)(void *context, const char *finding);
	void *context;
};
/* Compares the catalogue with itself and with the folders there are. Namespaces are checked one by one, by the above. */
int vs_store_check(struct vs_store *store, const struct vs_store_check_options *options, struct vs_check_result *result,
                   struct vs_error *error);
/* What the indexer does for the catalogue now and then: copies its WAL back. *worked (NULL allowed): there was something. */
int vs_store_index(struct vs_store *store, bool *worked, struct vs_error *error);

/* ---- jobs ------------------------------------------------------------------------------------------------ */

/* Work that outlasts a request: a row in the catalogue that some process works off, the indexer mostly, and that tells how far
 * it is. A job whose process was killed is begun again, three times in all. One at a time per namespace. See store/job.h. */
/* Queues a job on a namespace: a kind (those of engine/jobs.tbl) and its arguments, a JSON object (NULL: {}). It is durable when
 * this returns, and so is the event (NULL: none), which goes to the audit trail in the same commit. VS_EINVAL for an unknown
 * kind and for other arguments, VS_ENOTFOUND without such a namespace, VS_EBUSY when 100 of its jobs wait. */
int vs_job_create(struct vs_store *store, const char *kind, const char *name, const char *arguments,
                  struct vs_audit_event *event, struct vs_job *job, struct vs_error *error);
/* VS_ENOTFOUND when there is none, or none any more: finished ones are kept for seven days, 1,000 of a namespace. */
int vs_job_get(struct vs_store *store, int64_t id, struct vs_job *job, struct vs_error *error);

/* Newest first; each is called per job (valid during the call; it must not call the store). *more: there are more after the last. */
int vs_job_page(struct vs_store *store, const struct vs_job_page *options,
                void (*each)(void *context, const struct vs_job *job), void *context, bool *more,
                struct vs_error *error);
/* A queued job is cancelled when this returns; one that runs hears of it soon, and becomes cancelled unless it is done before; a
 * finished one stays what it is, and nothing is recorded. *job is what it is now. event as above. */
int vs_job_cancel(struct vs_store *store, int64_t id, struct vs_audit_event *event, struct vs_job *job, struct vs_error *error);

struct vs_job_options {
	unsigned threads; /* that a job may use; 0: one per core */
	/* Asked now and then: true ends a job soon, which goes back to the queue. NULL: never. */
	bool (*stopping)(void *context);
	void *context;
	const char *name; /* only jobs of this namespace; NULL: of all */
};
struct vs_job_worker;
/* Becomes the process that works off the jobs of the data folder; VS_EBUSY when another is. Jobs that a dead one had in hand are
 * queued again. */
int vs_job_worker_open(struct vs_store *store, struct vs_job_worker **worker, struct vs_error *error);
void vs_job_worker_close(struct vs_job_worker *worker); /* NULL allowed */
/* How many namespaces have a job that could begin now. */
int vs_job_waiting(struct vs_store *store, uint32_t *count, struct vs_error *error);
/* Does the oldest job that can begin, if there is one: 1, and *job tells what came of it, which may be a failure; 0 when there
 * is none; negative when the catalogue fails: the job may say "running" then until a vs_job_worker is opened anew. Only while the
 * process has one open; its threads may do so at once, each with a store of its own. A compaction that others have begun is
 * waited for. */
int vs_job_run(struct vs_store *store, const struct vs_job_options *options, struct vs_job *job, struct vs_error *error);

#ifdef __cplusplus
}
#endif

#include "engine/admin.h"
#include "engine/snapshots.h"

#endif

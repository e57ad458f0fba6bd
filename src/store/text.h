/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/text: the texts of records, in meta.db. Table record_text is truth and commits with its records; text_index (FTS5,
 * external content) is derived from it and can be built again. Texts are stored by vs_meta_put and go by vs_meta_remove;
 * a namespace whose state says 0 texts never touches either table.
 *
 * All of these run inside a transaction of the handle. They do not end what vs_meta_find and vs_meta_get have lent.
 */
#ifndef VS_STORE_TEXT_H
#define VS_STORE_TEXT_H

#include "math/bitmap.h"
#include "math/topk.h"
#include "store/meta.h"

#define VS_TEXT_TERMS_MAX 256 /* in one search */

/* The text of a slot's record; *text NULL when it has none. Valid until the next call on the handle but vs_text_tokenize. */
int vs_text_find(struct vs_meta *meta, uint32_t slot, const char **text, size_t *len, struct vs_error *error);

struct vs_text_token {
	const char *term; /* as it is compared; valid during the call */
	size_t len;
	uint32_t from, to; /* bytes of the text that it stands for */
};
/* Cuts text into terms as the namespace's tokenizer does; each returns 0, or what ends it and is returned. */
int vs_text_tokenize(struct vs_meta *meta, const char *text, size_t len,
                     int (*each)(void *context, const struct vs_text_token *token), void *context,
                     struct vs_error *error);

/* An expression of FTS5 whose first `terms` phrases count for the score: BM25 (Robertson and Walker, 1994) with k1 = 1.2,
 * b = 0.75 and the idf that is never negative, ln(1 + (N - n + 0.5) / (n + 0.5)), over the texts within. */
struct vs_text_search {
	const char *expression;
	uint32_t terms;
	const struct vs_bitmap *accept; /* other slots are passed over */
	const struct vs_bitmap *within; /* slots of the texts whose number, lengths and words count; NULL: all of the namespace */
	const uint32_t *slots;          /* ascending: of these the scores are told, ... */
	uint32_t slot_count;
	float *scores; /* ... here; 0 where one is not found */
	struct vs_topk *top; /* the best, distance = -score; others need not be scored. NULL: none */
	uint64_t found; /* out: accepted slots that match */
};
int vs_text_search(struct vs_meta *meta, struct vs_text_search *search, struct vs_error *error);

/* Compares the index with the texts, without a lock. *same false: it is to be built again. */
int vs_text_check(struct vs_meta *meta, bool *same, struct vs_error *error);
/* Inside a write transaction: builds the index from the texts. */
int vs_text_rebuild(struct vs_meta *meta, struct vs_error *error);

#endif

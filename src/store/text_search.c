/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searching texts. FTS5 finds the rows of an expression in order of slots; a function of ours looks at each: whether the slot
 * is accepted, how often each term stands there, and what that is worth. No row is sorted, and a row whose score cannot
 * reach the best found so far is not asked for its length, which is a look-up in a table the first time.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/meta_impl.h"

#define K1 1.2
#define B 0.75
#define ROWS_PER_LOOK 4096 /* at the clock */
#define ROUNDING (1.0 + 1e-6) /* sums in another order differ by less */

struct vs_text_ranking {
	struct vs_text_search *search;
	const struct vs_sql *sql;
	struct vs_text_size size; /* of the texts within, if there is such a bound */
	bool known;     /* what follows */
	double average; /* terms in a text */
	double idf[VS_TEXT_TERMS_MAX];
	uint32_t at; /* in search->slots */
};

/* ---- score ---------------------------------------------------------------------------------------------- */

struct counting {
	const struct vs_sql *sql;
	const struct vs_bitmap *within; /* NULL: all count */
	sqlite3_int64 rows;
	sqlite3_int64 seen;
};

static bool is_within(const struct vs_bitmap *slots, sqlite3_int64 slot)
{
	return slot >= 0 && slot < slots->len && vs_bitmap_test(slots, (uint32_t)slot);
}

/* SQLite asks for the deadline between rows of a statement only. */
static int count_row(const Fts5ExtensionApi *api, Fts5Context *fts, void *context)
{
	struct counting *counting = context;

	if (counting->within == NULL || is_within(counting->within, api->xRowid(fts)))
		counting->rows++;
	return ++counting->seen % ROWS_PER_LOOK == 0 && vs_sql_is_late(counting->sql) ? SQLITE_INTERRUPT : SQLITE_OK;
}

/* What is the same for all rows. */
static int learn(struct vs_text_ranking *ranking, const Fts5ExtensionApi *api, Fts5Context *fts)
{
	const struct vs_bitmap *within = ranking->search->within;
	sqlite3_int64 texts = (sqlite3_int64)ranking->size.texts, terms = (sqlite3_int64)ranking->size.terms;
	int rc = within == NULL ? api->xRowCount(fts, &texts) : SQLITE_OK;

	if (rc == SQLITE_OK && within == NULL)
		rc = api->xColumnTotalSize(fts, 0, &terms);
	if (rc == SQLITE_OK && (texts <= 0 || (uint32_t)api->xPhraseCount(fts) < ranking->search->terms))
		return SQLITE_CORRUPT_VTAB;
	ranking->average = terms > 0 ? (double)terms / (double)texts : 1.0;
	for (uint32_t i = 0; rc == SQLITE_OK && i < ranking->search->terms; i++) {
		struct counting with = { .sql = ranking->sql, .within = within };
		rc = api->xQueryPhrase(fts, (int)i, &with, count_row);
		if (with.rows > texts)
			with.rows = texts;
		ranking->idf[i] = log1p(((double)(texts - with.rows) + 0.5) / ((double)with.rows + 0.5));
	}
	ranking->known = rc == SQLITE_OK;
	return rc;
}

/* How often each term stands in the row. *most: what that can be worth at most. */
static int count_hits(const struct vs_text_ranking *ranking, const Fts5ExtensionApi *api, Fts5Context *fts,
                      double counts[VS_TEXT_TERMS_MAX], double *most)
{
	double all = 0.0;

	*most = 0.0;
	for (uint32_t i = 0; i < ranking->search->terms; i++) {
		Fts5PhraseIter iterator;
		int column, offset;
		int rc = api->xPhraseFirst(fts, (int)i, &iterator, &column, &offset);
		if (rc != SQLITE_OK)
			return rc;
		counts[i] = 0.0;
		for (; column >= 0; api->xPhraseNext(fts, &iterator, &column, &offset))
			counts[i] += 1.0;
		all += counts[i];
	}
	/* A text is at least as long as what was found in it. */
	for (uint32_t i = 0; i < ranking->search->terms; i++)
		if (counts[i] > 0.0)
			*most += ranking->idf[i] * counts[i] * (K1 + 1.0) / (counts[i] + K1 * (1.0 - B + B * all / ranking->average));
	return SQLITE_OK;
}

static float score_of(const struct vs_text_ranking *ranking, const double counts[VS_TEXT_TERMS_MAX], int length)
{
	double norm = K1 * (1.0 - B + B * length / ranking->average);
	double score = 0.0;

	for (uint32_t i = 0; i < ranking->search->terms; i++)
		if (counts[i] > 0.0)
			score += ranking->idf[i] * counts[i] * (K1 + 1.0) / (counts[i] + norm);
	return (float)score;
}

/* Whether somebody asked for this slot's score by name; then search->scores[ranking->at]. Rows come in order of slots. */
static bool is_asked(struct vs_text_ranking *ranking, uint32_t slot)
{
	const struct vs_text_search *search = ranking->search;

	while (ranking->at < search->slot_count && search->slots[ranking->at] < slot)
		ranking->at++;
	return ranking->at < search->slot_count && search->slots[ranking->at] == slot;
}

static int find_length(struct vs_text *text, uint32_t slot, const Fts5ExtensionApi *api, Fts5Context *fts, int *length)
{
	int rc;

	if (slot < text->lengths_cap && text->lengths[slot] != 0 && text->lengths[slot] != VS_TEXT_LONG) {
		*length = text->lengths[slot] - 1;
		return SQLITE_OK;
	}
	rc = api->xColumnSize(fts, 0, length);
	if (rc == SQLITE_OK && *length >= 0)
		(void)vs_text_remember(text, slot, (uint64_t)*length);
	return rc;
}

static int rank_row(struct vs_text *text, struct vs_text_ranking *ranking, const Fts5ExtensionApi *api, Fts5Context *fts)
{
	struct vs_text_search *search = ranking->search;
	sqlite3_int64 slot = api->xRowid(fts);
	double counts[VS_TEXT_TERMS_MAX];
	double most;
	float score;
	bool asked;
	int length = 0;
	int rc;

	if (!is_within(search->accept, slot))
		return SQLITE_OK;
	search->found++;
	asked = is_asked(ranking, (uint32_t)slot);
	rc = ranking->known ? SQLITE_OK : learn(ranking, api, fts);
	if (rc == SQLITE_OK)
		rc = count_hits(ranking, api, fts, counts, &most);
	if (rc != SQLITE_OK)
		return rc;
	if (!asked && (search->top == NULL || -(float)(most * ROUNDING) > vs_topk_bound(search->top)))
		return SQLITE_OK;
	rc = find_length(text, (uint32_t)slot, api, fts, &length);
	if (rc != SQLITE_OK)
		return rc;
	score = score_of(ranking, counts, length);
	if (asked)
		search->scores[ranking->at] = score;
	if (search->top != NULL)
		vs_topk_append(search->top, -score, (uint32_t)slot);
	return SQLITE_OK;
}

/* Answers NULL, so that no row comes out and one step is the whole search. */
static void on_row(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *result, int count,
                   sqlite3_value **values)
{
	struct vs_text *text = api->xUserData(fts);
	int rc = text->ranking != NULL ? rank_row(text, text->ranking, api, fts) : SQLITE_MISUSE;

	(void)count;
	(void)values;
	if (rc != SQLITE_OK)
		sqlite3_result_error_code(result, rc);
}

/* ---- search --------------------------------------------------------------------------------------------- */

static int prepare(struct vs_meta *meta, struct vs_error *error)
{
	static const char *const search[] = { "SELECT 1 FROM text_index WHERE text_index MATCH ?1 AND vs_rank(text_index)"
		                              " ORDER BY rowid" };
	struct vs_text *text = &meta->text;
	int rc = vs_text_enter(meta, error);

	if (rc == 0)
		rc = vs_text_connect(meta, error);
	if (rc < 0 || text->search != NULL)
		return rc;
	rc = text->api->xCreateFunction(text->api, "vs_rank", text, on_row, NULL);
	if (rc != SQLITE_OK)
		return vs_sql_error(&meta->sql, rc, error);
	return vs_sql_prepare(&meta->sql, search, 1, &text->search, error);
}

int vs_text_search(struct vs_meta *meta, struct vs_text_search *search, struct vs_error *error)
{
	struct vs_text_ranking ranking = { .search = search, .sql = &meta->sql };
	struct vs_text *text = &meta->text;
	int rc;

	search->found = 0;
	for (uint32_t i = 0; i < search->slot_count; i++)
		search->scores[i] = 0.0f;
	if (text->count == 0)
		return 0;
	rc = prepare(meta, error);
	if (rc == 0 && search->within != NULL)
		rc = vs_text_measure(meta, search->within, &ranking.size, error);
	if (rc == 0)
		rc = vs_sql_bind_text(&meta->sql, text->search, 1, search->expression, strlen(search->expression), error);
	if (rc < 0)
		return rc;
	text->ranking = &ranking;
	rc = vs_sql_run(&meta->sql, text->search, error);
	text->ranking = NULL;
	return rc;
}

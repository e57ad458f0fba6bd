/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "store/catalog_impl.h"

#define COLUMNS                                                                                                        \
	"SELECT seq, at, actor, action, namespace, object, origin, result, reason, request_id, count, hash FROM audit"

enum statement { HEAD, NEXT, APPEND, MOVE, OLDEST, REMOVE, PAGE, CHAIN, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[HEAD] = "SELECT kept, anchor, head FROM audit_chain WHERE chain = ?1",
	[NEXT] = "SELECT coalesce(max(seq), 0) + 1 FROM audit",
	[APPEND] = "INSERT INTO audit (seq, at, actor, action, namespace, object, origin, result, reason, request_id, count, "
	           "hash, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
	[MOVE] = "UPDATE audit_chain SET kept = ?2, anchor = ?3, head = ?4 WHERE chain = ?1",
	[OLDEST] = "SELECT seq, hash FROM audit WHERE chain = ?1 ORDER BY seq LIMIT 1",
	[REMOVE] = "DELETE FROM audit WHERE seq = ?1",
	[PAGE] = COLUMNS " WHERE seq > ?1 AND at >= ?2 AND (?3 IS NULL OR namespace = ?3) AND (?4 IS NULL OR actor = ?4)"
	                 " ORDER BY seq LIMIT ?5",
	[CHAIN] = COLUMNS " WHERE chain = ?1 ORDER BY seq",
};

struct chain {
	int64_t kept;
	unsigned char anchor[VS_AUDIT_HASH];
	unsigned char head[VS_AUDIT_HASH];
};

static int prepare(struct vs_catalog *catalog, sqlite3_stmt ***statements, struct vs_error *error)
{
	return vs_catalog_prepare(catalog, VS_CATALOG_AUDIT, texts, STATEMENTS, statements, error);
}

static const char *text_of(const char *text)
{
	return text != NULL ? text : "";
}

/* At most VS_AUDIT_TEXT_MAX, and no half character at the end. */
static size_t length_of(const char *text)
{
	size_t len = strnlen(text_of(text), VS_AUDIT_TEXT_MAX + 1);

	if (len <= VS_AUDIT_TEXT_MAX)
		return len;
	for (len = VS_AUDIT_TEXT_MAX; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

/* ---- hashes --------------------------------------------------------------------------------------------- */

static bool add(EVP_MD_CTX *digest, const void *data, size_t len)
{
	unsigned char head[4] = { (unsigned char)len, (unsigned char)(len >> 8), (unsigned char)(len >> 16),
		                      (unsigned char)(len >> 24) };

	return EVP_DigestUpdate(digest, head, sizeof(head)) == 1 && EVP_DigestUpdate(digest, data, len) == 1;
}

static bool add_number(EVP_MD_CTX *digest, int64_t number)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRId64, number);

	return add(digest, text, (size_t)len);
}

/* Of an event with its number and time, after the one with the hash before. */
static int hash_event(const struct vs_audit_event *event, const unsigned char before[VS_AUDIT_HASH],
                      unsigned char hash[VS_AUDIT_HASH], struct vs_error *error)
{
	const char *const fields[] = { event->actor,  event->action, event->ns,     event->object,
		                           event->origin, event->result, event->reason, event->request_id };
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool good = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
	            add(digest, before, VS_AUDIT_HASH) && add_number(digest, event->seq) && add_number(digest, event->at);

	for (size_t i = 0; good && i < sizeof(fields) / sizeof(fields[0]); i++)
		good = add(digest, text_of(fields[i]), length_of(fields[i]));
	good = good && add_number(digest, event->count) && EVP_DigestFinal_ex(digest, hash, NULL) == 1;
	EVP_MD_CTX_free(digest);
	if (!good)
		ERR_clear_error(); /* libcrypto notes its faults, and keeps the notes */
	return good ? 0 : vs_error_set(error, VS_ENOMEM, "no memory for a hash");
}

static bool copy_hash(sqlite3_stmt *row, int column, unsigned char hash[VS_AUDIT_HASH])
{
	const void *found = sqlite3_column_blob(row, column);

	if (found == NULL || sqlite3_column_bytes(row, column) != VS_AUDIT_HASH)
		return false;
	memcpy(hash, found, VS_AUDIT_HASH);
	return true;
}

/* ---- append --------------------------------------------------------------------------------------------- */

static int read_chain(struct vs_catalog *catalog, sqlite3_stmt *statement, int number, struct chain *chain,
                      struct vs_error *error)
{
	int rc;

	sqlite3_bind_int64(statement, 1, number);
	rc = vs_sql_step(&catalog->sql, statement, error);
	if (rc < 0)
		return rc;
	chain->kept = rc > 0 ? sqlite3_column_int64(statement, 0) : 0;
	if (rc == 0 || !copy_hash(statement, 1, chain->anchor) || !copy_hash(statement, 2, chain->head))
		rc = vs_error_set(error, VS_ECORRUPT, "%s is damaged: the audit trail has no head", catalog->sql.path);
	sqlite3_reset(statement);
	return rc < 0 ? rc : 0;
}

static int write_chain(struct vs_catalog *catalog, sqlite3_stmt *statement, int number, const struct chain *chain,
                       struct vs_error *error)
{
	sqlite3_bind_int64(statement, 1, number);
	sqlite3_bind_int64(statement, 2, chain->kept);
	sqlite3_bind_blob(statement, 3, chain->anchor, VS_AUDIT_HASH, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 4, chain->head, VS_AUDIT_HASH, SQLITE_STATIC);
	return vs_sql_run(&catalog->sql, statement, error);
}

/* The oldest event gives way; its hash is what the next one follows. */
static int trim(struct vs_catalog *catalog, sqlite3_stmt **statements, int number, struct chain *chain,
                struct vs_error *error)
{
	sqlite3_stmt *oldest = statements[OLDEST];
	int64_t seq = 0;
	int rc;

	sqlite3_bind_int64(oldest, 1, number);
	rc = vs_sql_step(&catalog->sql, oldest, error);
	if (rc > 0) {
		seq = sqlite3_column_int64(oldest, 0);
		if (!copy_hash(oldest, 1, chain->anchor))
			rc = vs_error_set(error, VS_ECORRUPT, "%s is damaged: event %" PRId64 " of the audit trail has no hash",
			                  catalog->sql.path, seq);
	}
	sqlite3_reset(oldest);
	if (rc <= 0)
		return rc;
	chain->kept--;
	sqlite3_bind_int64(statements[REMOVE], 1, seq);
	return vs_sql_run(&catalog->sql, statements[REMOVE], error);
}

static int insert(struct vs_catalog *catalog, sqlite3_stmt *append, int number, const struct vs_audit_event *event,
                  struct vs_error *error)
{
	const char *const fields[] = { event->actor,  event->action, event->ns,     event->object,
		                           event->origin, event->result, event->reason, event->request_id };
	int rc = 0;

	sqlite3_bind_int64(append, 1, event->seq);
	sqlite3_bind_int64(append, 2, event->at);
	for (int i = 0; rc == 0 && i < 8; i++)
		rc = vs_sql_bind_text(&catalog->sql, append, 3 + i, text_of(fields[i]), length_of(fields[i]), error);
	sqlite3_bind_int64(append, 11, event->count);
	sqlite3_bind_blob(append, 12, event->hash, VS_AUDIT_HASH, SQLITE_STATIC);
	sqlite3_bind_int64(append, 13, number);
	return rc < 0 ? rc : vs_sql_run(&catalog->sql, append, error);
}

int vs_audit_put(struct vs_catalog *catalog, enum vs_audit_chain number, struct vs_audit_event *event,
                 struct vs_error *error)
{
	int64_t most = number == VS_AUDIT_DENIED ? VS_AUDIT_DENIED_MAX : VS_AUDIT_DONE_MAX;
	sqlite3_stmt **statements;
	struct chain chain;
	int rc = prepare(catalog, &statements, error);

	if (rc == 0)
		rc = read_chain(catalog, statements[HEAD], (int)number, &chain, error);
	if (rc == 0)
		rc = vs_sql_step(&catalog->sql, statements[NEXT], error);
	if (rc < 0)
		return rc;
	event->seq = sqlite3_column_int64(statements[NEXT], 0);
	sqlite3_reset(statements[NEXT]);
	event->at = event->at != 0 ? event->at : vs_clock_wall_ms();
	event->count = event->count > 0 ? event->count : 1;
	rc = hash_event(event, chain.head, event->hash, error);
	if (rc == 0)
		rc = insert(catalog, statements[APPEND], (int)number, event, error);
	if (rc < 0)
		return rc;
	memcpy(chain.head, event->hash, VS_AUDIT_HASH);
	chain.kept++;
	while (rc == 0 && chain.kept > most)
		rc = trim(catalog, statements, (int)number, &chain, error);
	return rc < 0 ? rc : write_chain(catalog, statements[MOVE], (int)number, &chain, error);
}

int vs_audit_end(struct vs_catalog *catalog, int rc, struct vs_audit_event *event, struct vs_error *error)
{
	if (rc >= 0 && event != NULL && !VS_PLANTED("event-apart")) {
		int put = vs_audit_put(catalog, VS_AUDIT_DONE, event, error);
		rc = put < 0 ? put : rc;
		VS_POINT("event-before-commit");
	}
	rc = vs_catalog_end(catalog, rc, error);
	if (event == NULL)
		return rc;
	VS_POINT("event-committed");
	if (rc < 0)
		event->seq = 0;
	else if (VS_PLANTED("event-apart"))
		rc = vs_audit_append(catalog, VS_AUDIT_DONE, event, error);
	return rc;
}

int vs_audit_append(struct vs_catalog *catalog, enum vs_audit_chain chain, struct vs_audit_event *event,
                    struct vs_error *error)
{
	int rc = vs_catalog_begin(catalog, error);

	if (rc < 0)
		return rc;
	rc = vs_audit_put(catalog, chain, event, error);
	VS_POINT("audit-before-commit");
	return vs_catalog_end(catalog, rc, error);
}

/* ---- read ----------------------------------------------------------------------------------------------- */

static void decode(sqlite3_stmt *row, struct vs_audit_event *event, bool *has_hash)
{
	const char **const fields[] = { &event->actor,  &event->action, &event->ns,     &event->object,
		                            &event->origin, &event->result, &event->reason, &event->request_id };

	*event = (struct vs_audit_event){ .seq = sqlite3_column_int64(row, 0),
		                              .at = sqlite3_column_int64(row, 1),
		                              .count = sqlite3_column_int64(row, 10) };
	for (int i = 0; i < 8; i++)
		*fields[i] = text_of((const char *)sqlite3_column_text(row, 2 + i));
	*has_hash = copy_hash(row, 11, event->hash);
}

int vs_audit_each(struct vs_catalog *catalog, const struct vs_audit_query *query,
                  int (*each)(void *context, const struct vs_audit_event *event), void *context, struct vs_error *error)
{
	sqlite3_stmt **statements, *page;
	struct vs_audit_event event;
	bool has_hash;
	int rc = prepare(catalog, &statements, error);

	if (rc < 0)
		return rc;
	page = statements[PAGE];
	sqlite3_bind_int64(page, 1, query->after);
	sqlite3_bind_int64(page, 2, query->since);
	sqlite3_bind_text(page, 3, query->ns, -1, SQLITE_STATIC); /* NULL binds NULL */
	sqlite3_bind_text(page, 4, query->actor, -1, SQLITE_STATIC);
	sqlite3_bind_int64(page, 5, query->limit);
	while ((rc = vs_sql_step(&catalog->sql, page, error)) == 1) {
		decode(page, &event, &has_hash);
		rc = each(context, &event);
		if (rc != 0)
			break;
	}
	sqlite3_reset(page);
	return rc;
}

/* ---- check ---------------------------------------------------------------------------------------------- */

struct checking {
	struct vs_catalog *catalog;
	sqlite3_stmt **statements;
	void (*report)(void *context, const char *problem);
	void *context;
};

static void problem(const struct checking *checking, int number, const char *text, int64_t seq)
{
	char line[160];

	snprintf(line, sizeof(line), "the audit trail of what was %s %s%.0" PRId64, number == VS_AUDIT_DENIED ? "denied" : "done",
	         text, seq);
	checking->report(checking->context, line);
}

/* Tells of the first break alone: nothing after it can be told. */
static int check_chain(const struct checking *checking, int number, struct vs_error *error)
{
	sqlite3_stmt *row = checking->statements[CHAIN];
	unsigned char hash[VS_AUDIT_HASH];
	struct vs_audit_event event;
	struct chain chain;
	int64_t count = 0;
	bool has_hash, broken = false;
	int rc = read_chain(checking->catalog, checking->statements[HEAD], number, &chain, error);

	sqlite3_bind_int64(row, 1, number);
	while (rc == 0 && (rc = vs_sql_step(&checking->catalog->sql, row, error)) == 1) {
		decode(row, &event, &has_hash);
		rc = hash_event(&event, chain.anchor, hash, error);
		if (rc == 0 && (!has_hash || memcmp(hash, event.hash, VS_AUDIT_HASH) != 0)) {
			problem(checking, number, "was changed, or lost an event, before or at number ", event.seq);
			broken = true;
			break;
		}
		memcpy(chain.anchor, hash, VS_AUDIT_HASH);
		count++;
	}
	sqlite3_reset(row);
	if (rc < 0 || broken)
		return rc < 0 ? rc : 0;
	if (memcmp(chain.anchor, chain.head, VS_AUDIT_HASH) != 0 || count != chain.kept)
		problem(checking, number, "lost its newest events", 0);
	return 0;
}

int vs_audit_check(struct vs_catalog *catalog, void (*report)(void *context, const char *problem), void *context,
                   struct vs_error *error)
{
	struct checking checking = { catalog, NULL, report, context };
	int rc = prepare(catalog, &checking.statements, error);

	/* Others may append meanwhile: all of it is of one moment. */
	if (rc == 0)
		rc = vs_sql_exec(&catalog->sql, "BEGIN", error);
	if (rc < 0)
		return rc;
	for (int number = VS_AUDIT_DONE; rc == 0 && number <= VS_AUDIT_DENIED; number++)
		rc = check_chain(&checking, number, error);
	vs_catalog_rollback(catalog);
	return rc;
}

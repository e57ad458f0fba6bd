/* SPDX-License-Identifier: Apache-2.0 */
/* Handler of hybrid-query: by vector, by words, or by both. */
#include <json-c/json_object.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "service/query.h"

#define MARK_MAX 256 /* bytes of a mark around words */

/* ---- what is asked -------------------------------------------------------------------------------------- */

static int decode_marks(const struct vs_fields *fields, struct vs_highlight *highlight, struct vs_error *error)
{
	static const char *const known[] = { "before", "after", "words", "html", NULL };
	struct vs_text before = { highlight->before, 0 }, after = { highlight->after, 0 };
	int rc;
	if ((rc = vs_fields_check(fields, known, error)) || (rc = vs_fields_text(fields, "before", &before, error)) ||
	    (rc = vs_fields_text(fields, "after", &after, error)) ||
	    (rc = vs_fields_number(fields, "words", 1, VS_HIGHLIGHT_WORDS_MAX, &highlight->words, error)) ||
	    (rc = vs_fields_bool(fields, "html", &highlight->html, error)))
		return rc;
	if (before.len > MARK_MAX || after.len > MARK_MAX)
		return vs_fields_fault(fields, before.len > MARK_MAX ? "before" : "after", "is longer than 256 bytes", error);
	highlight->before = before.data;
	highlight->after = after.data;
	return 0;
}

/* true, or an object of what shall be other than by default. */
static int decode_highlight(const struct vs_fields *fields, struct vs_ask_hybrid *hybrid, struct vs_error *error)
{
	struct json_object *found = json_object_object_get(fields->object, "highlight");
	struct vs_fields inner = { found, "highlight." };
	bool wanted = found != NULL;
	int rc = 0;
	hybrid->highlight = (struct vs_highlight)VS_HIGHLIGHT;
	if (json_object_is_type(found, json_type_object))
		rc = decode_marks(&inner, &hybrid->highlight, error);
	else if (json_object_is_type(found, json_type_boolean))
		wanted = json_object_get_boolean(found);
	else if (found)
		rc = vs_fields_fault(fields, "highlight", "must be true, false or an object", error);
	if (!rc && wanted)
		hybrid->text.highlight = &hybrid->highlight;
	return rc;
}

/* One of two words; *second: it is the second. */
static int decode_choice(const struct vs_fields *fields, const char *name, const char *const words[2], bool *second,
                         struct vs_error *error)
{
	struct vs_text text = { NULL, 0 };
	char why[64];
	int rc = vs_fields_text(fields, name, &text, error);
	if (rc || !text.data)
		return rc;
	*second = strcmp(text.data, words[1]) == 0;
	if (*second || strcmp(text.data, words[0]) == 0)
		return 0;
	snprintf(why, sizeof(why), "must be %s or %s", words[0], words[1]);
	return vs_fields_fault(fields, name, why, error);
}

static int decode_text(const struct vs_fields *fields, struct vs_ask_hybrid *hybrid, struct vs_error *error)
{
	static const char *const fusions[2] = { "alpha", "rrf" }, *const matches[2] = { "any", "all" };
	struct vs_text words = { NULL, 0 };
	struct vs_text_query *text = &hybrid->text;
	bool has_alpha = false, rrf = false;
	int rc;
	if ((rc = vs_fields_text(fields, "text_query", &words, error)) ||
	    (rc = vs_fields_float(fields, "alpha", &has_alpha, &text->alpha, error)) ||
	    (rc = decode_choice(fields, "fusion", fusions, &rrf, error)) ||
	    (rc = decode_choice(fields, "match", matches, &text->all, error)))
		return rc;
	if (has_alpha && rrf)
		return vs_fields_fault(fields, "alpha", "has no meaning with fusion rrf, which looks at ranks alone", error);
	text->words = words.data;
	text->words_len = words.len;
	text->fusion = rrf ? VS_FUSION_RRF : VS_FUSION_ALPHA;
	return decode_highlight(fields, hybrid, error);
}

int vs_ask_decode_hybrid(const struct vs_fields *fields, struct vs_arena *arena, struct vs_ask_hybrid *hybrid,
                         struct vs_error *error)
{
	static const char *const more[] = { "vector", "id", "text_query", "alpha", "fusion", "match", "highlight", NULL };
	struct vs_query *query = &hybrid->ask.query;
	int rc;
	hybrid->ask.hybrid = true;
	if ((rc = vs_ask_decode_options(fields, more, arena, &hybrid->ask, error)) ||
	    (rc = vs_ask_decode_aim(fields, arena, &hybrid->ask, error)) || (rc = decode_text(fields, hybrid, error)))
		return rc;
	hybrid->text.candidates = query->candidates;
	query->candidates = 0;
	if (hybrid->ask.grouping.field)
		return vs_fields_fault(fields, "group_by", "is for /v1/query alone", error);
	if (!query->vector && !query->id && !hybrid->text.words)
		return vs_fields_fault(fields, "text_query", "is missing, and so is a vector or an id", error);
	return query->filter ? vs_filter_check(query->filter, error) : 0;
}

static int decode(struct vs_call *call, struct vs_ask_hybrid *hybrid, struct vs_error *error)
{
	static const char *const parameters[] = { "namespace", NULL };
	int rc = vs_target_check(&call->target, parameters, error);
	if (!rc)
		rc = vs_call_json(call, error);
	struct vs_fields fields = { call->body, "" };
	return rc ? rc : vs_ask_decode_hybrid(&fields, call->request->arena, hybrid, error);
}

/* ---- what is answered ----------------------------------------------------------------------------------- */

static int search(struct vs_call *call, struct vs_bytes key, struct vs_error *error)
{
	struct vs_ask_hybrid hybrid = VS_ASK_HYBRID;
	struct vs_buf *out = &call->response->body;
	struct vs_results results = { 0 };
	struct vs_namespace *ns = NULL;
	struct vs_ask *ask = &hybrid.ask;
	int rc = decode(call, &hybrid, error);
	if (!rc)
		rc = vs_call_namespace(call, &ask->name, false, &ns, error);
	if (!rc)
		rc = vs_ask_admit(ns, "", ask, error);
	if (!rc)
		rc = ns ? vs_namespace_search_hybrid(ns, &ask->query, &hybrid.text, &results, &hybrid.parts, error)
		        : vs_ask_check_unasked(ask, error);
	if (rc)
		return rc;
	vs_buf_puts(out, "{\"results\":");
	rc = vs_ask_encode(out, &ask->query, ask->fields, results.items, results.count, vs_ask_encode_part, &hybrid, error);
	if (rc)
		return rc;
	return vs_query_finish(call, ask, &results.stats, results.count, &results.mark, key);
}

int vs_handle_hybrid_query(struct vs_call *call, struct vs_error *error)
{
	struct vs_bytes key = vs_query_cache_key(call);
	int rc = vs_query_repeat(call, key) ? 0 : search(call, key, error);
	vs_call_count(call, rc ? VS_COUNT_QUERY_ERRORS : VS_COUNT_QUERIES, 1);
	return rc;
}

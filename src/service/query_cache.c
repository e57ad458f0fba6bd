/* SPDX-License-Identifier: Apache-2.0 */
#include "service/query_cache.h"

#include <string.h>

#include "base/arena.h"
#include "service/admit.h"

#define NS_MAX 64 /* bytes of a namespace's name and its NUL */

/* How a value begins; the results follow. */
struct value_head {
	struct vs_mark mark;
	uint64_t total_candidates;
	uint64_t filtered_count;
	uint32_t count;
	uint32_t asked;
	char ns[NS_MAX];
};

_Static_assert(sizeof(struct value_head) == 64 + NS_MAX, "no padding: all of it is stored");

/* ---- key ------------------------------------------------------------------------------------------------ */

static struct vs_bytes text_bytes(const char *text)
{
	return text ? (struct vs_bytes){ text, strlen(text) } : (struct vs_bytes){ NULL, 0 };
}

/* All that decides about an answer besides the data: the program itself, the operation, what the principal may see, and the
 * request. Each part is led by its length, and a missing one differs from an empty one. */
struct vs_bytes vs_query_cache_key(const struct vs_call *call)
{
	const struct vs_request *request = call->request;
	const struct vs_bytes parts[] = {
		text_bytes(vs_version()),
		{ &call->principal.rights, sizeof(call->principal.rights) },
		text_bytes(call->operation->path),
		text_bytes(request->target),
		text_bytes(request->content_type),
		text_bytes(request->ns),
		text_bytes(call->principal.ns),
		text_bytes(call->principal.filter),
		{ request->body, request->body_len },
	};
	const size_t count = sizeof(parts) / sizeof(parts[0]);
	size_t len = count * sizeof(uint32_t);
	if (!call->cache || call->retried || request->body_len > VS_CACHE_ENTRY_MAX)
		return (struct vs_bytes){ NULL, 0 };
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	char *key = len < VS_CACHE_ENTRY_MAX ? vs_arena_alloc(request->arena, len) : NULL;
	char *to = key;
	for (size_t i = 0; key && i < count; i++) {
		uint32_t part_len = parts[i].data ? (uint32_t)parts[i].len : UINT32_MAX;
		memcpy(to, &part_len, sizeof(part_len));
		if (parts[i].len > 0)
			memcpy(to + sizeof(part_len), parts[i].data, parts[i].len);
		to += sizeof(part_len) + parts[i].len;
	}
	return (struct vs_bytes){ key, key ? len : 0 };
}

/* ---- find and put --------------------------------------------------------------------------------------- */

/* The namespace is there, this caller may still ask it, and it is as it was. */
static bool is_right(struct vs_call *call, const struct vs_answer *answer)
{
	const struct vs_text text = { answer->ns, strlen(answer->ns) };
	struct vs_namespace *ns = NULL;
	struct vs_mark now;
	struct vs_error error;
	return vs_call_namespace(call, &text, false, &ns, &error) == 0 && ns &&
	       vs_admit_number(ns, VS_QUOTA_RESULTS, "limit", answer->asked, &error) == 0 &&
	       vs_namespace_mark(ns, &now, NULL) == 0 && memcmp(&now, &answer->mark, sizeof(now)) == 0;
}

static bool decode(struct vs_bytes value, struct value_head *head, struct vs_answer *answer)
{
	if (value.len < sizeof(*head))
		return false;
	memcpy(head, value.data, sizeof(*head));
	head->ns[NS_MAX - 1] = '\0';
	*answer = (struct vs_answer){
		.ns = head->ns,
		.results = (const char *)value.data + sizeof(*head),
		.results_len = value.len - sizeof(*head),
		.count = head->count,
		.asked = head->asked,
		.total_candidates = head->total_candidates,
		.filtered_count = head->filtered_count,
		.mark = head->mark,
	};
	return true;
}

bool vs_query_cache_find(struct vs_call *call, struct vs_bytes key, struct vs_answer *answer)
{
	struct vs_bytes value;
	struct value_head head;
	bool hit = key.len > 0 && vs_cache_find(call->cache, key, &value) && decode(value, &head, answer) &&
	           is_right(call, answer);
	answer->ns = NULL; /* lay in head */
	if (key.len > 0)
		vs_metrics_add(call->metrics, hit ? VS_COUNT_CACHE_HITS : VS_COUNT_CACHE_MISSES, 1);
	return hit;
}

void vs_query_cache_put(struct vs_call *call, struct vs_bytes key, const struct vs_answer *answer)
{
	struct value_head head = {
		.mark = answer->mark,
		.total_candidates = answer->total_candidates,
		.filtered_count = answer->filtered_count,
		.count = answer->count,
		.asked = answer->asked,
	};
	const struct vs_bytes parts[] = { { &head, sizeof(head) }, { answer->results, answer->results_len } };
	if (key.len == 0 || strlen(answer->ns) >= sizeof(head.ns))
		return;
	strcpy(head.ns, answer->ns);
	vs_cache_put(call->cache, key, parts, 2);
}

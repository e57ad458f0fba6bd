/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/query_cache: what of a query's answer is kept, and when it is still right. The key is the request, byte for
 * byte; the value tells which namespace it asked and the mark of the state that answered (vs_namespace_mark). So an
 * answer is used only while its namespace is as it was, and the next one takes its place in the cache.
 */
#ifndef VS_SERVICE_QUERY_CACHE_H
#define VS_SERVICE_QUERY_CACHE_H

#include "engine/vecstore.h"
#include "service/cache.h"
#include "service/call.h"

/* What an answer is made of. */
struct vs_answer {
	const char *ns;      /* the namespace's name */
	const char *results; /* the answer's JSON up to its stats */
	size_t results_len;
	uint32_t count; /* of results */
	uint32_t asked; /* so many at most, which a quota must allow */
	uint64_t total_candidates;
	uint64_t filtered_count;
	struct vs_mark mark;
};

/* The request as a key, in the request's arena. len 0: not to be cached (no cache, too large, or the second try). */
struct vs_bytes vs_query_cache_key(const struct vs_call *call);
/* An answer that is right now; valid until the next call on the cache. Counts a hit or a miss. */
bool vs_query_cache_find(struct vs_call *call, struct vs_bytes key, struct vs_answer *answer);
void vs_query_cache_put(struct vs_call *call, struct vs_bytes key, const struct vs_answer *answer);

#endif

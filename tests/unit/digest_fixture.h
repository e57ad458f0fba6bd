/* SPDX-License-Identifier: Apache-2.0 */
/* All that a namespace holds, as a number. */
#ifndef VS_TESTS_DIGEST_FIXTURE_H
#define VS_TESTS_DIGEST_FIXTURE_H

#include "engine_fixture.h"
#include "store/meta.h"

struct digest {
	uint64_t sum; /* of all bytes and numbers, but for the ages of versions, in order of ids */
	uint32_t count;
	bool times; /* are in */
};

static inline void mix(struct digest *digest, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		digest->sum = (digest->sum ^ bytes[i]) * UINT64_C(1099511628211);
}

static inline void digest_record(void *context, const struct vs_record *record)
{
	struct digest *digest = context;
	int64_t numbers[] = { record->version % VS_META_AGE, record->deleted_at != 0, record->created_at, record->updated_at,
		                  record->deleted_at,    record->expires_at };

	digest->count++;
	mix(digest, record->id, record->id_len + 1);
	mix(digest, record->metadata, record->metadata_len + 1);
	mix(digest, record->vector, record->dimension * sizeof(float));
	mix(digest, numbers, digest->times ? sizeof(numbers) : 2 * sizeof(numbers[0]));
}

/* Every record, soft-deleted ones too, with all that is known of it. */
static inline struct digest digest_with(struct vs_namespace *ns, bool times)
{
	struct vs_page_options page = { .limit = 1000000, .with_vector = true, .with_deleted = true };
	struct digest digest = { UINT64_C(14695981039346656037), 0, times };
	struct vs_error error;
	bool more;

	assert_ok(vs_record_page(ns, &page, digest_record, &digest, &more, &error), error);
	return digest;
}

static inline struct digest digest_of(struct vs_namespace *ns)
{
	return digest_with(ns, true);
}

static inline void assert_same(struct digest a, struct digest b)
{
	assert_int_equal(a.count, b.count);
	assert_true(a.sum == b.sum);
}

static inline struct vs_namespace_stats stats_of(struct vs_namespace *ns)
{
	struct vs_namespace_stats stats;
	struct vs_error error;

	assert_ok(vs_namespace_stats(ns, &stats, &error), error);
	return stats;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A record that filters are asked about, and tables of what they say: for the tests of filters. */
#ifndef VS_TESTS_FILTER_FIXTURE_H
#define VS_TESTS_FILTER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "engine/filter.h"

static inline int accepts_bytes(const char *text, const char *metadata, size_t len, struct vs_error *error)
{
	char *copy = malloc(len + 1); /* exact, for the sanitizer */
	struct vs_filter_record record = { "kïng", 5, 3, 1714557600250, 1714557600251, copy, len };
	struct vs_filter *filter;
	memcpy(copy, metadata, len);
	copy[len] = '\0';
	if (vs_filter_parse(text, strlen(text), &filter, error) != 0)
		fail_msg("%s: %s", text, error->text);
	int verdict = vs_filter_accepts(filter, &record, error);
	vs_filter_release(filter);
	free(copy);
	return verdict;
}

static inline int accepts(const char *text, const char *metadata)
{
	struct vs_error error = { 0 };
	int verdict = accepts_bytes(text, metadata, strlen(metadata), &error);
	if (verdict < 0)
		fail_msg("%s of %s: %s", text, metadata, error.text);
	return verdict;
}

struct verdict {
	const char *filter;
	const char *metadata;
	int expected;
};

static inline void check(const struct verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (accepts(verdicts[i].filter, verdicts[i].metadata) != verdicts[i].expected)
			fail_msg("%s of %s is not %d", verdicts[i].filter, verdicts[i].metadata, verdicts[i].expected);
}

#define CHECK(verdicts) check(verdicts, sizeof(verdicts) / sizeof(verdicts[0]))

#endif

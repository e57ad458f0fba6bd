/* SPDX-License-Identifier: Apache-2.0 */
/* A filter, a NUL, and metadata to ask it of. */
#include <string.h>

#include "base/error.h"
#include "engine/filter.h"
#include "fuzz.h"

const struct fuzz_text fuzz_seeds[] = {
	FUZZ_TEXT("a = 1 AND b != 'x' OR NOT (c >= 2.5e3)\0{\"a\":1,\"b\":\"y\",\"c\":[1,2]}"),
	FUZZ_TEXT("tags CONTAINS \"x\" OR name STARTSWITH '\\u00e9'\0{\"tags\":[\"x\",1,null],\"name\":\"\xc3\xa9t\xc3\xa9\"}"),
	FUZZ_TEXT("a.b.0 IN [1, 'two', true, null] AND `odd key` IS NOT NULL\0{\"a\":{\"b\":[1]},\"odd key\":{}}"),
	FUZZ_TEXT("@id = 'r1' AND @created_at BETWEEN 1 AND 9007199254740993\0{}"),
	FUZZ_TEXT("x NOT IN () OR y IS NULL OR z < 18446744073709551615\0{\"x\":null,\"z\":-9223372036854775808}"),
	FUZZ_TEXT("((((((((a=1))))))))\0{\"a\":1.0,\"a\":2}"),
	FUZZ_TEXT("{\"$and\":[{\"year\":{\"$gte\":2020,\"$lt\":2024}},{\"$or\":[{\"a\":1},{\"$not\":{\"b\":null}}]}]}\0{\"year\":2021,\"a\":1}"),
	FUZZ_TEXT("{\"a.b.0\":{\"$in\":[1,\"x\",{\"$date\":\"2024-05-01\"}]},\"`a.b`\":{\"$not\":{\"$exists\":true}}}\0{\"a\":{\"b\":[1]}}"),
	FUZZ_TEXT("{\"t\":{\"$between\":[{\"$date\":\"2024-05-01T10:00:00+02:00\"},9]}}\0{\"t\":\"2024-05-01T08:00:00Z\"}"),
	FUZZ_TEXT("t >= date('2024-05-01T10:00:00.5Z') AND @created_at < DATE(\"2024-05-01\")\0{\"t\":\"2024-06-01 10:00\"}"),
	{ NULL, 0 },
};
const struct fuzz_text fuzz_words[] = {
	FUZZ_TEXT(" AND "), FUZZ_TEXT(" or "), FUZZ_TEXT(" NOT "), FUZZ_TEXT(" IN ["), FUZZ_TEXT(" CONTAINS "),
	FUZZ_TEXT(" STARTSWITH '"), FUZZ_TEXT(" BETWEEN "), FUZZ_TEXT(" IS NULL"), FUZZ_TEXT("@version"), FUZZ_TEXT("<>"),
	FUZZ_TEXT("=="), FUZZ_TEXT("(((((((((((((((("), FUZZ_TEXT("\\ud83d\\ude00"), FUZZ_TEXT("1e999"), FUZZ_TEXT("a.0.b"),
	FUZZ_TEXT("`k`"), FUZZ_TEXT("{\"a\":"), FUZZ_TEXT("[[[[[[[["), FUZZ_TEXT("9223372036854775808"), FUZZ_TEXT("{\"$and\":["),
	FUZZ_TEXT("{\"$not\":"), FUZZ_TEXT("{\"$date\":\""), FUZZ_TEXT("\"$nin\":["), FUZZ_TEXT("date('"), FUZZ_TEXT("-12-31T23:59:60"),
	{ NULL, 0 },
};

static void ask(const struct vs_filter *filter, const char *metadata, size_t len)
{
	struct vs_filter_record record = {
		.id = "r1", .id_len = 2, .version = 3, .created_at = 4, .updated_at = 5, .metadata = metadata, .metadata_len = len
	};
	struct vs_error error = { .code = VS_OK };
	int first = vs_filter_accepts(filter, &record, &error);
	FUZZ_ASSERT(first == 0 || first == 1 || first == VS_ECORRUPT);
	FUZZ_ASSERT(vs_filter_accepts(filter, &record, NULL) == first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *nul = size > 0 ? memchr(text, '\0', size) : NULL;
	size_t len = nul ? (size_t)(nul - text) : size, rest = nul ? size - len - 1 : 0;
	struct vs_filter *filter = NULL, *again = NULL;
	struct vs_error error;
	int rc = vs_filter_parse(text, len, &filter, &error);
	FUZZ_ASSERT(vs_filter_parse(text, len, &again, NULL) == rc);
	if (rc == 0) {
		char *metadata = malloc(rest + 1); /* a NUL ends it, as in a row */
		FUZZ_ASSERT(metadata != NULL);
		memcpy(metadata, nul ? nul + 1 : "", rest);
		metadata[rest] = '\0';
		ask(filter, metadata, strlen(metadata));
		ask(again, "{\"a\":[1,\"x\",{}],\"b\":1e3}", 24);
		free(metadata);
	} else {
		FUZZ_ASSERT(error.text[0] && error.position <= (int64_t)len);
	}
	vs_filter_release(filter);
	vs_filter_release(again);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON line in; what is accepted must come out of export and in again the same. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "engine/json.h"
#include "fuzz.h"
#include "programs/cli/export.h"
#include "programs/cli/records.h"

const struct fuzz_text fuzz_seeds[] = {
	FUZZ_TEXT("{\"id\":\"a\",\"vector\":[1,-2.5,3e-1],\"metadata\":{\"n\":1}}"),
	FUZZ_TEXT("{\"metadata\":{\"a\":[1.10,{\"b\":null}],\"t\":\"\\u0001\\ud83d\\ude00 \xc3\xa9\"},\"vector\":\"AACAPw==\","
	          "\"id\":\"\xc3\xa9\",\"deleted\":true}"),
	FUZZ_TEXT(" { \"id\" : \"\" , \"vector\" : [ ] , \"metadata\" : { } } "),
	FUZZ_TEXT("{\"id\":\"x\",\"vector\":[1e-45,-0.0,3.4028235e38,16777217,0.1],\"metadata\":{\"big\":"
	          "123456789012345678901234567890,\"\":{\"metadata\":1e308}}}"),
	FUZZ_TEXT("{\"id\":\"y\",\"vector\":[1],\"metadata\":{\"a\":[[[[[[[[[[[[[[]]]]]]]]]]]]]],\"\\\"\":\"\\\\\"}}"),
	{ NULL, 0 },
};
const struct fuzz_text fuzz_words[] = {
	FUZZ_TEXT("\"metadata\":"), FUZZ_TEXT("\"meta\\u0064ata\":"), FUZZ_TEXT("\"vector\":"), FUZZ_TEXT("\"id\":"),
	FUZZ_TEXT("\"deleted\":true,"), FUZZ_TEXT("null"), FUZZ_TEXT("NaN"), FUZZ_TEXT("1e999"), FUZZ_TEXT("-0"),
	FUZZ_TEXT("18446744073709551616"), FUZZ_TEXT("\\u0000"), FUZZ_TEXT("\\ud800"), FUZZ_TEXT("\"\""), FUZZ_TEXT("{}"),
	FUZZ_TEXT("[[[[[[[["), FUZZ_TEXT("\xc1\xa9"), FUZZ_TEXT("\xed\xa0\x80"), FUZZ_TEXT("1.17549435e-38"), FUZZ_TEXT("\xf0\x9f\x99\x82"), { NULL, 0 },
};

static void come_back(struct vs_json *json, const struct vs_record_input *input, bool deleted)
{
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_export export = { .page = VS_BUF_INIT };
	struct vs_record_input again;
	bool deleted_again;
	struct vs_record record = {
		.id = input->id,
		.id_len = input->id_len,
		.metadata = input->metadata ? input->metadata : "{}",
		.metadata_len = input->metadata ? input->metadata_len : 2,
		.vector = input->vector,
		.dimension = input->dimension,
		.deleted_at = deleted,
	};
	FUZZ_ASSERT(vs_writer_jsonl.record(&export, &record, NULL) == 0 && !export.page.failed);
	FUZZ_ASSERT(memchr(export.page.data, '\n', export.page.len) == export.page.data + export.page.len - 1);
	FUZZ_ASSERT(vs_records_decode(json, export.page.data, export.page.len - 1, &arena, &again, &deleted_again, NULL) == 0);
	FUZZ_ASSERT(again.id_len == input->id_len && memcmp(again.id, input->id, input->id_len) == 0);
	FUZZ_ASSERT(again.dimension == input->dimension);
	FUZZ_ASSERT(memcmp(again.vector, input->vector, input->dimension * sizeof *input->vector) == 0);
	FUZZ_ASSERT(again.metadata_len == record.metadata_len);
	FUZZ_ASSERT(memcmp(again.metadata, record.metadata, record.metadata_len) == 0);
	FUZZ_ASSERT(deleted_again == deleted);
	vs_buf_release(&export.page);
	vs_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vs_json *json;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_record_input input;
	struct vs_error error;
	bool deleted;
	if (!json)
		json = vs_json_open();
	FUZZ_ASSERT(json != NULL);
	int rc = vs_records_decode(json, (const char *)data, size, &arena, &input, &deleted, &error);
	if (rc == 0) {
		for (uint32_t i = 0; i < input.dimension; i++)
			FUZZ_ASSERT(isfinite(input.vector[i]));
		come_back(json, &input, deleted);
	} else {
		FUZZ_ASSERT(error.code == rc && error.text[0] && error.position <= (int64_t)size);
	}
	vs_arena_release(&arena);
	return 0;
}

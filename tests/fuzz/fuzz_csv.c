/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV file; its first byte says under which columns it is read. */
#include <json-c/json_object.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "engine/json.h"
#include "fuzz.h"
#include "programs/cli/records.h"

const struct fuzz_text fuzz_seeds[] = {
	FUZZ_TEXT("0id,vector,n,t\r\na,\"[1, 2.5e0]\",5,\"x \"\"y\"\"\"\r\nb,\"[-0.0,1e-45]\",true,null\r\n"),
	FUZZ_TEXT("0\xef\xbb\xbfv1,id,v0,metadata\n1,a,2,\"{\"\"k\"\": [1]}\"\n\n3,b,4,\"{ }\"\n"),
	FUZZ_TEXT("1k,e_0,e_1,j,b,n,t,d,\n1,2,3,\"[1,{}]\",yes,1.50,\"multi\nline\",1,x\n2,3,4,,,,,,\n"),
	FUZZ_TEXT("2id;vector;metadata\n\"a\";[1,2];{\"k\":1}\n\"b;\"\"\";[3,4];\n"),
	FUZZ_TEXT("3vector,a,b\n\"[1]\",,\"\"\n[2],\xc3\xa9,\xff\n"),
	{ NULL, 0 },
};
const struct fuzz_text fuzz_words[] = {
	FUZZ_TEXT("\"\""), FUZZ_TEXT("\r\n"), FUZZ_TEXT(",\""), FUZZ_TEXT("\","), FUZZ_TEXT("id,"), FUZZ_TEXT("vector"),
	FUZZ_TEXT("metadata,"), FUZZ_TEXT("v0,v1"), FUZZ_TEXT("\"[1,2]\""), FUZZ_TEXT("1,\"\"x\"\":2"), FUZZ_TEXT("{\"\"a\"\":1}"),
	FUZZ_TEXT("}{"), FUZZ_TEXT("nan"), FUZZ_TEXT("1e39"), FUZZ_TEXT("0x10"), FUZZ_TEXT("\xef\xbb\xbf"), FUZZ_TEXT("\xff\xfe"),
	{ NULL, 0 },
};

static void check(struct vs_json *json, const struct vs_record_input *input)
{
	struct json_object *object = NULL;
	struct vs_error error;
	FUZZ_ASSERT(input->id != NULL && input->dimension > 0 && input->dimension <= VS_VECTOR_DIM_MAX);
	for (uint32_t i = 0; i < input->dimension; i++)
		FUZZ_ASSERT(isfinite(input->vector[i]));
	if (!input->metadata)
		return;
	int rc = vs_json_parse(json, input->metadata, input->metadata_len, "", &object, &error);
	/* A field may stand in the metadata column, too; the engine refuses that. */
	FUZZ_ASSERT(rc == 0 || strstr(error.text, "stands twice"));
	json_object_put(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const columns[] = {
		NULL, "k:id,e_*:vector,j:json,b:boolean,n:number,t:text,d:deleted,:skip", NULL, "a:id,b:auto",
	};
	struct vs_records_options options = VS_RECORDS_OPTIONS;
	struct vs_records records;
	struct vs_error error;
	if (size == 0)
		return 0;
	unsigned way = data[0] & 3;
	options.format = VS_RECORDS_CSV;
	options.columns = columns[way];
	options.delimiter = way == 2 ? ';' : ',';
	options.keep_text = way == 1;
	int rc = vs_records_open(&records, fuzz_feed(data + 1, size - 1), &options, &error);
	FUZZ_ASSERT(rc == 0 || error.text[0]);
	if (rc)
		return 0;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_record_input input;
	while ((rc = vs_records_next(&records, &arena, &input, &error)) != 0) {
		if (rc > 0)
			check(records.json, &input);
		else
			FUZZ_ASSERT(error.text[0] && vs_records_place(&records) > 0);
		if (rc < 0 && !records.whole)
			break;
	}
	vs_arena_release(&arena);
	vs_records_close(&records);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* npy, fvecs, ivecs or bvecs, as the first byte says. */
#include <math.h>

#include "base/error.h"
#include "fuzz.h"
#include "programs/cli/records.h"

#define NPY(header) "0\x93NUMPY\1\0\x3e\0" header
#define ROWS "\0\0\x80\x3f\0\0\0\xc0\1\0\0\0\0\0\x80\x7f\0\0\xc0\x7f\xff\xff\x7f\x7f"

const struct fuzz_text fuzz_seeds[] = {
	FUZZ_TEXT(NPY("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }  \n") ROWS),
	FUZZ_TEXT(NPY("{'descr': '<f2', 'fortran_order': False, 'shape': (6, 2), }  \n") ROWS),
	FUZZ_TEXT(NPY("{'shape':(3L,1,),'descr':\"<f8\",'fortran_order':False}        \n") ROWS),
	FUZZ_TEXT("0\x93NUMPY\2\0\x3e\0\0\0{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }   \n" ROWS),
	FUZZ_TEXT("1\2\0\0\0\0\0\x80\x3f\0\0\0\x40\2\0\0\0\0\0\x80\x3f\0\0\0\x40"),
	FUZZ_TEXT("2\2\0\0\0\1\0\0\0\0\0\0\1\1\0\0\0\xff\xff\xff\xff"),
	FUZZ_TEXT("3\3\0\0\0\1\2\xff\1\0\0\0\7"),
	{ NULL, 0 },
};
const struct fuzz_text fuzz_words[] = {
	FUZZ_TEXT("'descr': "),    FUZZ_TEXT("'shape': ("), FUZZ_TEXT("'fortran_order': "), FUZZ_TEXT("True"),
	FUZZ_TEXT("'>f4'"),        FUZZ_TEXT("'<f8'"),      FUZZ_TEXT("18446744073709551616"), FUZZ_TEXT("9223372036854775807"),
	FUZZ_TEXT("\0\x20\0\0"),   FUZZ_TEXT("\1\x20\0\0"), FUZZ_TEXT("\xff\xff\xff\x7f"),  FUZZ_TEXT("\0\0\0\x80"),
	FUZZ_TEXT("\x1f\x8b\x08"), { NULL, 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum vs_records_format formats[] = { VS_RECORDS_NPY, VS_RECORDS_FVECS, VS_RECORDS_IVECS,
		                                              VS_RECORDS_BVECS };
	struct vs_records_options options = VS_RECORDS_OPTIONS;
	struct vs_arena arena = VS_ARENA_INIT;
	struct vs_record_input input;
	struct vs_records records;
	struct vs_error error;
	int rc;
	if (size == 0)
		return 0;
	options.format = formats[data[0] & 3];
	if (vs_records_open(&records, fuzz_feed(data + 1, size - 1), &options, &error)) {
		FUZZ_ASSERT(error.text[0]);
		return 0;
	}
	while ((rc = vs_records_next(&records, &arena, &input, &error)) != 0) {
		FUZZ_ASSERT(rc > 0 || error.text[0]);
		if (rc < 0 && !records.whole)
			break;
		if (rc < 0)
			continue;
		FUZZ_ASSERT(input.id && input.dimension > 0 && input.dimension <= VS_VECTOR_DIM_MAX);
		for (uint32_t i = 0; i < input.dimension; i++)
			FUZZ_ASSERT(isfinite(input.vector[i]));
	}
	vs_arena_release(&arena);
	vs_records_close(&records);
	return 0;
}

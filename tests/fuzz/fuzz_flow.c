/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a FastCGI connection, as a worker that does not serve it yet peeks at them. */
#include <string.h>

#include "fuzz.h"
#include "programs/fcgi/flow.h"
#include "programs/fcgi/params.h"

#define BEGIN "\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0"
#define END "\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0"

const struct fuzz_text fuzz_seeds[] = {
	FUZZ_TEXT(BEGIN "\1\4\0\1\0\x12\0\0\x0e\2HTTP_X_API_KEYab" END),
	FUZZ_TEXT(BEGIN "\1\4\0\1\0\x15\3\0\x80\0\0\x0b\6REQUEST_URI?a&b=" "\0\0\0\1\4\0\1\0\x13\0\0\x10\1HTTP_X_NAMESPACEn" END),
	FUZZ_TEXT(BEGIN "\1\4\0\1\0\x1d\0\0\x0b\x10REQUEST_URI/?namespace=n1&x" END),
	FUZZ_TEXT(BEGIN END),
	{ NULL, 0 },
};
const struct fuzz_text fuzz_words[] = {
	FUZZ_TEXT(BEGIN), FUZZ_TEXT(END), FUZZ_TEXT("\1\4\0\1"), FUZZ_TEXT("\x80\0\0"), FUZZ_TEXT("\xff\xff\xff\xff"),
	FUZZ_TEXT("HTTP_X_API_KEY"), FUZZ_TEXT("REQUEST_URI"), FUZZ_TEXT("?namespace="), FUZZ_TEXT("&"), FUZZ_TEXT("REMOTE_USER"),
	{ NULL, 0 },
};

/* Bytes are moved: so of a copy, with nothing behind it. */
static uint64_t flow_of(const uint8_t *data, size_t len)
{
	unsigned char *copy = malloc(len > 0 ? len : 1);
	FUZZ_ASSERT(copy != NULL);
	memcpy(copy, data, len);
	uint64_t flow = vs_flow_of_records(copy, len, 1);
	free(copy);
	return flow;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole = flow_of(data, size);
	bool ended = vs_params_have_ended(data, size);
	FUZZ_ASSERT(whole == 0 || ended);
	for (size_t len = 0; len < size; len += 1 + size / 16) {
		uint64_t flow = flow_of(data, len);
		FUZZ_ASSERT(flow == 0 || flow == whole);
		FUZZ_ASSERT(!vs_params_have_ended(data, len) || (ended && flow == whole));
	}
	return 0;
}

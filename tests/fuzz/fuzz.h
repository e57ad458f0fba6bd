/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzzer gives the driver: its entry point, seeds to mutate, and words that mean something in its format. */
#ifndef VS_TESTS_FUZZ_H
#define VS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct fuzz_text {
	const char *data;
	size_t len;
};
#define FUZZ_TEXT(text) { text, sizeof(text) - 1 }

extern const struct fuzz_text fuzz_seeds[], fuzz_words[]; /* each ends with { NULL, 0 } */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that holds the bytes: its path, valid until the next call. */
const char *fuzz_feed(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(holds)                                                                                             \
	do {                                                                                                               \
		if (!(holds)) {                                                                                                \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds);                                 \
			abort();                                                                                                   \
		}                                                                                                              \
	} while (0)

#endif

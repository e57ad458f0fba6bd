/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static void knows_published_values(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		struct vs_hash hash;
	} known[] = {
		{ "", { { 0, 0 } } },
		{ "hello", { { UINT64_C(0xcbd8a7b341bd9b02), UINT64_C(0x5b1e906a48ae1d19) } } },
		{ "The quick brown fox jumps over the lazy dog",
		  { { UINT64_C(0xe34bbc7bbc071b6c), UINT64_C(0x7a433ca9c49a9347) } } },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct vs_hash hash = vs_hash128(known[i].text, strlen(known[i].text), 0);
		assert_int_equal(hash.words[0], known[i].hash.words[0]);
		assert_int_equal(hash.words[1], known[i].hash.words[1]);
	}
}

/* Every bit of a string, its length, its place in memory and the seed. */
static void notices_every_bit(void **state)
{
	(void)state;
	char *bytes = calloc(1, 65);
	assert_non_null(bytes);
	for (size_t len = 0; len <= 64; len++) {
		struct vs_hash plain = vs_hash128(bytes, len, 7);
		struct vs_hash moved = vs_hash128(bytes + 1, len, 7);
		assert_int_equal(plain.words[0], moved.words[0]);
		assert_int_equal(plain.words[1], moved.words[1]);
		assert_int_not_equal(plain.words[0], vs_hash128(bytes, len, 8).words[0]);
		for (size_t bit = 0; bit < 8 * len; bit++) {
			bytes[bit / 8] = (char)(1 << bit % 8);
			struct vs_hash other = vs_hash128(bytes, len, 7);
			assert_int_not_equal(plain.words[0], other.words[0]);
			assert_int_not_equal(plain.words[1], other.words[1]);
			bytes[bit / 8] = 0;
		}
		if (len > 0)
			assert_int_not_equal(plain.words[0], vs_hash128(bytes, len - 1, 7).words[0]);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_published_values),
		cmocka_unit_test(notices_every_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

enum { SIZE = 124, SUM = 148, TYPE = 156, MAGIC = 257 };

static unsigned char block[VS_TAR_BLOCK];
static char name[VS_TAR_NAME];
static uint64_t size;
static struct vs_error error;

/* What a header with these bytes would have as its sum. */
static void seal(void)
{
	unsigned sum = 0;

	memset(block + SUM, ' ', 8);
	for (int i = 0; i < VS_TAR_BLOCK; i++)
		sum += block[i];
	snprintf((char *)block + SUM, 7, "%06o", sum);
	block[SUM + 7] = ' ';
}

static void what_is_written_is_read(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 512, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33, UINT64_C(1) << 40, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		vs_tar_encode(block, "vectors.f32", sizes[i], i % 2 == 0 ? 1700000000 : -1);
		assert_int_equal(vs_tar_decode(block, name, &size, &error), 0);
		assert_string_equal(name, "vectors.f32");
		assert_true(size == sizes[i]);
		assert_int_equal((sizes[i] + vs_tar_padding(sizes[i])) % VS_TAR_BLOCK, 0);
	}
	memset(block, 0, sizeof(block)); /* the end */
	assert_int_equal(vs_tar_decode(block, name, &size, &error), 0);
	assert_string_equal(name, "");
}

static void what_others_write_is_read(void **state)
{
	(void)state;
	vs_tar_encode(block, "meta.db", 5, 0);
	memcpy(block + SIZE, "5           ", 12); /* blanks behind the digits */
	block[TYPE] = '\0';
	seal();
	assert_int_equal(vs_tar_decode(block, name, &size, &error), 0);
	assert_int_equal(size, 5);
}

static void nothing_else_is(void **state)
{
	static const struct {
		int at;
		const char *bytes;
		size_t len;
	} changes[] = {
		{ MAGIC, "nstar", 5 },
		{ TYPE, "2", 1 }, /* a link */
		{ TYPE, "5", 1 }, /* a folder */
		{ SIZE, "8", 1 },
		{ SIZE, "           ", 12 },
		{ SIZE, "12 34", 5 },
		{ SIZE, "\x80\1\1\1\1\1\1\1\1\1\1\1", 12 }, /* beyond int64_t */
		{ 0, "", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		vs_tar_encode(block, "meta.db", 5, 0);
		memcpy(block + changes[i].at, changes[i].bytes, changes[i].len);
		seal();
		assert_int_equal(vs_tar_decode(block, name, &size, &error), VS_ECORRUPT);
		assert_string_equal(name, "");
	}
	vs_tar_encode(block, "meta.db", 5, 0);
	memset(block, 'x', VS_TAR_NAME); /* no end of the name */
	seal();
	assert_int_equal(vs_tar_decode(block, name, &size, &error), VS_ECORRUPT);
	for (int at = 0; at < VS_TAR_BLOCK; at++) {
		vs_tar_encode(block, "meta.db", 5, 0);
		block[at] ^= 1;
		if (at != SUM + 6 && at != SUM + 7) /* what ends the sum itself */
			assert_int_equal(vs_tar_decode(block, name, &size, &error), VS_ECORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_others_write_is_read),
		cmocka_unit_test(nothing_else_is),
	};

	return cmocka_run_group_tests_name("tar", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/checksum.h"

static void known_values(void **state)
{
	(void)state;
	assert_int_equal(vs_crc32("", 0), 0);
	assert_int_equal(vs_crc32("123456789", 9), 0xcbf43926u); /* the check value of CRC-32/ISO-HDLC */
	assert_int_equal(vs_crc32("The quick brown fox jumps over the lazy dog", 43), 0x414fa339u);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_values) };
	return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}

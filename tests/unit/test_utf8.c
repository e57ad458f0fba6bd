/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void valid_text_is_accepted(void **state)
{
	static const char *const texts[] = {
		"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(vs_utf8_check(texts[i], strlen(texts[i])), -1);
}

static void the_first_bad_byte_is_named(void **state)
{
	static const struct {
		const char *text;
		int64_t position;
	} cases[] = {
		{ "\x80", 0 },             /* a continuation alone */
		{ "ab\xff", 2 },           /* never a byte of UTF-8 */
		{ "a\xc0\xaf", 1 },        /* overlong '/' */
		{ "\xe0\x9f\xbf", 0 },     /* overlong */
		{ "\xf0\x8f\xbf\xbf", 0 }, /* overlong */
		{ "x\xed\xa0\x80", 1 },    /* a surrogate */
		{ "\xf4\x90\x80\x80", 0 }, /* above U+10FFFF */
		{ "ok\xe2\x82", 2 },       /* cut off */
		{ "ok\xe2\x28\xa1", 2 },   /* a continuation missing */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(vs_utf8_check(cases[i].text, strlen(cases[i].text)), cases[i].position);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_text_is_accepted),
		cmocka_unit_test(the_first_bad_byte_is_named),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static void appends(void **state)
{
	(void)state;
	struct vs_buf buf = VS_BUF_INIT;
	vs_buf_puts(&buf, "abc");
	vs_buf_putc(&buf, '-');
	vs_buf_append(&buf, "x\0y", 3);
	vs_buf_append(&buf, NULL, 0);
	vs_buf_printf(&buf, "%d", 42);
	assert_int_equal(buf.len, 9);
	assert_memory_equal(buf.data, "abc-x\0y42", 10);
	assert_false(buf.failed);
	vs_buf_release(&buf);
	vs_buf_release(&buf);
	assert_null(buf.data);
}

static void grows(void **state)
{
	(void)state;
	struct vs_buf buf = VS_BUF_INIT;
	for (size_t i = 0; i < 10000; i++) {
		vs_buf_printf(&buf, "%zu,", i);
		assert_int_equal(strlen(buf.data), buf.len);
	}
	assert_memory_equal(buf.data, "0,1,2,3,", 8);
	assert_string_equal(buf.data + buf.len - 10, "9998,9999,");
	vs_buf_release(&buf);
}

static void prints_at_every_fill(void **state)
{
	(void)state;
	char wanted[700];
	for (size_t fill = 0; fill < 600; fill++) {
		struct vs_buf buf = VS_BUF_INIT;
		memset(wanted, 'f', fill);
		snprintf(wanted + fill, sizeof(wanted) - fill, "%s", "0123456789");
		vs_buf_append(&buf, wanted, fill);
		vs_buf_printf(&buf, "%s%d", "012345678", 9);
		assert_int_equal(buf.len, fill + 10);
		assert_string_equal(buf.data, wanted);
		vs_buf_release(&buf);
	}
}

static void reserve_keeps_the_end(void **state)
{
	(void)state;
	struct vs_buf buf = VS_BUF_INIT;
	vs_buf_puts(&buf, "ab");
	char *at = vs_buf_reserve(&buf, 1000);
	assert_non_null(at);
	memcpy(at, "cd", 2);
	buf.len += 2;
	assert_string_equal(buf.data, "abcd");
	vs_buf_release(&buf);
}

static void failure_sticks(void **state)
{
	(void)state;
	struct vs_buf buf = VS_BUF_INIT;
	vs_buf_puts(&buf, "prefix");
	assert_null(vs_buf_reserve(&buf, SIZE_MAX / 2));
	assert_true(buf.failed);
	vs_buf_puts(&buf, "more");
	vs_buf_printf(&buf, "more");
	assert_null(vs_buf_reserve(&buf, 1));
	assert_string_equal(buf.data, "prefix");
	vs_buf_reset(&buf);
	assert_false(buf.failed);
	vs_buf_puts(&buf, "again");
	assert_string_equal(buf.data, "again");
	vs_buf_release(&buf);
}

static void reset_keeps_little(void **state)
{
	(void)state;
	struct vs_buf buf = VS_BUF_INIT;
	vs_buf_puts(&buf, "small");
	char *data = buf.data;
	vs_buf_reset(&buf);
	assert_ptr_equal(buf.data, data);
	assert_string_equal(buf.data, "");
	assert_non_null(vs_buf_reserve(&buf, (size_t)3 << 20));
	vs_buf_reset(&buf);
	assert_true(buf.cap <= (size_t)1 << 20);
	vs_buf_release(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(grows),
		cmocka_unit_test(prints_at_every_fill),
		cmocka_unit_test(reserve_keeps_the_end),
		cmocka_unit_test(failure_sticks),
		cmocka_unit_test(reset_keeps_little),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}

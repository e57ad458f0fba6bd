/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void table(void **state)
{
	(void)state;
	assert_string_equal(vs_error_word(VS_EINVAL), "invalid_argument");
	assert_int_equal(vs_error_http(VS_EINVAL), 400);
	assert_string_equal(vs_error_word(VS_ENOSPC), "no_space");
	assert_int_equal(vs_error_http(VS_ENOSPC), 507);
	assert_string_equal(vs_error_word(VS_OK), "ok");
	assert_int_equal(vs_error_http(VS_OK), 200);
	assert_string_equal(vs_error_word(-12345), "internal");
	assert_int_equal(vs_error_http(-12345), 500);
}

static void set_without_place(void **state)
{
	(void)state;
	struct vs_error error;
	memset(&error, 0xff, sizeof(error));
	assert_int_equal(vs_error_set(&error, VS_EBUSY, "wait %d ms", 5), VS_EBUSY);
	assert_int_equal(error.code, VS_EBUSY);
	assert_int_equal(error.position, -1);
	assert_string_equal(error.field, "");
	assert_string_equal(error.text, "wait 5 ms");
	assert_int_equal(vs_error_set(NULL, VS_EBUSY, "nobody looks"), VS_EBUSY);
}

static void at_names_the_place(void **state)
{
	(void)state;
	struct vs_error error;
	assert_int_equal(vs_error_at(&error, VS_EINVAL, "filter", 7, "expected %s", "a value"), VS_EINVAL);
	assert_string_equal(error.text, "filter, position 7: expected a value");
	assert_string_equal(error.field, "filter");
	assert_int_equal(error.position, 7);
	vs_error_at(&error, VS_EINVAL, "vector", 0, "not finite");
	assert_string_equal(error.text, "vector, position 0: not finite");
	vs_error_at(&error, VS_EINVAL, "id", -1, "is empty");
	assert_string_equal(error.text, "id: is empty");
	assert_int_equal(error.position, -1);
	assert_int_equal(vs_error_at(NULL, VS_EINVAL, "id", -1, "is empty"), VS_EINVAL);
}

static void errno_values(void **state)
{
	(void)state;
	static const struct {
		int errnum;
		int code;
	} rows[] = { { ENOSPC, VS_ENOSPC },    { EDQUOT, VS_ENOSPC },   { EROFS, VS_EREADONLY },
		         { EACCES, VS_EREADONLY }, { EPERM, VS_EREADONLY }, { ENOENT, VS_ENOTFOUND },
		         { ENOMEM, VS_ENOMEM },    { EIO, VS_EIO },         { EBADF, VS_EIO } };
	struct vs_error error;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(vs_error_errno(&error, rows[i].errnum, "%s", "here"), rows[i].code);
		assert_int_equal(error.code, rows[i].code);
	}
	vs_error_errno(&error, ENOENT, "%s: cannot be opened", "/x");
	assert_string_equal(error.text, "/x: cannot be opened: No such file or directory");
	assert_int_equal(vs_error_errno(NULL, ENOENT, "x"), VS_ENOTFOUND);
}

static void long_texts_are_cut_at_a_character(void **state)
{
	(void)state;
	char text[1024];
	struct vs_error error;
	for (size_t shift = 0; shift < 3; shift++) {
		/* "€" has three bytes: whatever the shift, whole ones only may remain. */
		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		vs_error_at(&error, VS_EINVAL, text, 3, "%s", text);
		assert_true(strlen(error.text) >= sizeof(error.text) - 3);
		assert_int_equal((strlen(error.field) - shift) % 3, 0);
		vs_error_set(&error, VS_EINVAL, "%s", text);
		assert_int_equal((strlen(error.text) - shift) % 3, 0);
		assert_true(strlen(error.text) >= sizeof(error.text) - 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(set_without_place),
		cmocka_unit_test(at_names_the_place),
		cmocka_unit_test(errno_values),
		cmocka_unit_test(long_texts_are_cut_at_a_character),
	};
	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}

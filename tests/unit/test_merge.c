/* SPDX-License-Identifier: Apache-2.0 */
/* JSON merge patch on text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "engine/merge.h"

static void assert_merged(const char *target, const char *patch, const char *wanted)
{
	struct vs_buf out = VS_BUF_INIT;
	struct vs_error error = { .text = "" };

	if (vs_json_merge(target, strlen(target), patch, strlen(patch), &out, &error) != 0)
		fail_msg("%s + %s: %s", target, patch, error.text);
	assert_string_equal(out.data, wanted);
	vs_buf_release(&out);
}

/* Appendix A of RFC 7396, as far as both sides are objects. */
static void the_examples_of_the_rfc_hold(void **state)
{
	(void)state;
	assert_merged("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
	assert_merged("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
	assert_merged("{\"a\":\"b\"}", "{\"a\":null}", "{}");
	assert_merged("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
	assert_merged("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
	assert_merged("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
	assert_merged("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}");
	assert_merged("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
	assert_merged("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
	assert_merged("{\"a\":\"foo\"}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}");
	assert_merged("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

static void what_is_not_named_stays_to_the_byte(void **state)
{
	(void)state;
	assert_merged("{ \"n\" : 1.50, \"big\":123456789012345678901234567890, \"s\" : \"\\u0041\\/\", \"o\" : { \"x\" : 1 } }",
	              "{\"new\":true}",
	              "{\"n\":1.50,\"big\":123456789012345678901234567890,\"s\":\"\\u0041\\/\",\"o\":{ \"x\" : 1 },\"new\":true}");
}

static void names_are_equal_when_their_characters_are(void **state)
{
	(void)state;
	assert_merged("{\"caf\xc3\xa9\":1,\"a\\/b\":2}", "{\"caf\\u00e9\":null,\"a/b\":{\"x\":null,\"y\":[null]}}",
	              "{\"a\\/b\":{\"y\":[null]}}");
	assert_merged("{\"ab\":1,\"a\":2,\"\":3}", "{\"a\":null}", "{\"ab\":1,\"\":3}");
	assert_merged("{\"\":3,\"a\":1}", "{\"\":null}", "{\"a\":1}");
}

static void what_is_no_object_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\":NaN}" };
	struct vs_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vs_buf out = VS_BUF_INIT;
		assert_int_equal(vs_json_merge("{}", 2, bad[i], strlen(bad[i]), &out, &error), VS_EINVAL);
		assert_int_equal(vs_json_merge(bad[i], strlen(bad[i]), "{}", 2, &out, &error), VS_ECORRUPT);
		vs_buf_release(&out);
	}
}

/* Many names on both sides: not each with each. */
static void many_names_are_merged(void **state)
{
	struct vs_buf target = VS_BUF_INIT, patch = VS_BUF_INIT, out = VS_BUF_INIT;
	struct vs_error error;

	(void)state;
	for (int i = 0; i < 60000; i++) {
		vs_buf_printf(&target, "%s\"k%d\":%d", i > 0 ? "," : "{", i, i);
		vs_buf_printf(&patch, "%s\"k%d\":null", i > 0 ? "," : "{", i);
	}
	vs_buf_puts(&target, ",\"last\":1}");
	vs_buf_puts(&patch, "}");
	assert_int_equal(vs_json_merge(target.data, target.len, patch.data, patch.len, &out, &error), 0);
	assert_string_equal(out.data, "{\"last\":1}");
	vs_buf_release(&target);
	vs_buf_release(&patch);
	vs_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfc_hold),
		cmocka_unit_test(what_is_not_named_stays_to_the_byte),
		cmocka_unit_test(names_are_equal_when_their_characters_are),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(many_names_are_merged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

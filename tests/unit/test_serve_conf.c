/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "programs/cli/child.h"
#include "programs/cli/webserver.h"

static void addresses(void **state)
{
	static const struct {
		const char *text, *host;
		int port;
		bool loopback;
	} good[] = {
		{ "127.0.0.1:8080", "127.0.0.1", 8080, true },      { "127.8.9.1:1", "127.8.9.1", 1, true },
		{ "0.0.0.0:65535", "0.0.0.0", 65535, false },       { "*:80", "0.0.0.0", 80, false },
		{ "localhost:8080", "127.0.0.1", 8080, true },      { "[::1]:8080", "::1", 8080, true },
		{ "[2001:db8::1]:443", "2001:db8::1", 443, false },
	};
	static const char *const bad[] = {
		"",
		"8080",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:0",
		"127.0.0.1:65536",
		":8080",
		"127.0.0.1:80x",
		"127.0.0.1:-1",
		"127.1:8080",
		"example.org:80",
		"::1:8080",
		"[::1:80",
		"[127.0.0.1]:80",
		"127.0.0.1:080000",
		"[]:80",
		"127.0.0.1: 80",
		"[::1%eth0]:80",
		"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22:80",
	};
	struct vs_address address;
	struct vs_error error;
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(vs_address_parse(good[i].text, &address, &error), 0);
		assert_string_equal(address.host, good[i].host);
		assert_int_equal(address.port, good[i].port);
		assert_int_equal(address.loopback, good[i].loopback);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (vs_address_parse(bad[i], &address, &error) != VS_EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
}

static struct vs_webserver server(const char *address)
{
	struct vs_webserver web = { .run_dir = "/srv/run", .socket = "/srv/run/vecstore.sock" };
	assert_int_equal(vs_address_parse(address, &web.address, NULL), 0);
	return web;
}

static void conf_says_what_it_must(void **state)
{
	struct vs_buf out = VS_BUF_INIT;
	struct vs_error error;
	struct vs_webserver web = server("[::1]:8443");
	(void)state;
	assert_int_equal(vs_webserver_encode(&web, &out, &error), 0);
	assert_non_null(strstr(out.data, "server.bind = \"[::1]\"\n"));
	assert_non_null(strstr(out.data, "server.port = 8443\n"));
	assert_non_null(strstr(out.data, "\"socket\" => \"/srv/run/vecstore.sock\""));
	assert_non_null(strstr(out.data, "server.errorfile-prefix = \"/srv/run/errors/\"\n"));
	assert_non_null(strstr(out.data, "\"url-normalize\" => \"disable\""));
	assert_null(strstr(out.data, "ssl."));
	vs_buf_reset(&out);
	web.cert = "/etc/c.pem";
	web.key = "/etc/k.pem";
	assert_int_equal(vs_webserver_encode(&web, &out, &error), 0);
	assert_non_null(strstr(out.data, "ssl.pemfile = \"/etc/c.pem\"\nssl.privkey = \"/etc/k.pem\"\n"));
	assert_non_null(strstr(out.data, "TLSv1.2"));
	vs_buf_release(&out);
}

/* A path must not be able to end its string and go on as configuration. */
static void conf_cannot_be_injected(void **state)
{
	static const char *const bad[] = { "a\"b", "a\\b", "a\nb", "a\rb", "a\x01", "\x7f" };
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		for (int where = 0; where < 4; where++) {
			struct vs_buf out = VS_BUF_INIT;
			struct vs_webserver web = server("127.0.0.1:80");
			web.cert = where == 0 ? bad[i] : "c";
			web.key = where == 1 ? bad[i] : "k";
			web.run_dir = where == 2 ? bad[i] : web.run_dir;
			web.socket = where == 3 ? bad[i] : web.socket;
			assert_int_equal(vs_webserver_encode(&web, &out, NULL), VS_EINVAL);
			vs_buf_release(&out);
		}
	}
}

/* Milliseconds from the death until the next start. */
static uint64_t delay_after(struct vs_child *child, uint64_t life_ms)
{
	uint64_t now = UINT64_C(1000000000000);
	child->started = now - life_ms * 1000000;
	vs_child_died(child, now);
	return (child->due - now) / 1000000;
}

static void crash_loops_back_off(void **state)
{
	struct vs_child child = { .name = "worker" };
	static const uint64_t delays[] = { 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };
	(void)state;
	for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++)
		assert_int_equal(delay_after(&child, 5), delays[i]);
	assert_int_equal(delay_after(&child, 1500), 0); /* it lived: no loop */
	assert_int_equal(delay_after(&child, 5), 0);
	assert_int_equal(delay_after(&child, 5), 100);
	child.retired = true;
	vs_child_died(&child, UINT64_C(2000000000000));
	assert_int_equal(child.due, 0);
}

static void reasons(void **state)
{
	char text[VS_CHILD_REASON];
	(void)state;
	vs_child_reason(W_EXITCODE(3, 0), text);
	assert_string_equal(text, "exited with status 3");
	vs_child_reason(W_EXITCODE(0, 9), text);
	assert_string_equal(text, "was killed by signal 9 (Killed)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(conf_says_what_it_must),
		cmocka_unit_test(conf_cannot_be_injected),
		cmocka_unit_test(crash_loops_back_off),
		cmocka_unit_test(reasons),
	};
	return cmocka_run_group_tests_name("serve_conf", tests, NULL, NULL);
}

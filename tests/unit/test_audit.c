/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_fixture.h"

#include "store/audit.h"
#include "store/catalog_impl.h"

static struct vs_catalog *catalog;

static int setup(void **state)
{
	return folder_make(state) != 0 ? -1 : vs_catalog_open(path_of("data"), true, &catalog, &error);
}

static int teardown(void **state)
{
	vs_catalog_close(catalog);
	return folder_remove(state);
}

static void append(enum vs_audit_chain chain, const char *actor, const char *ns)
{
	struct vs_audit_event event = { .actor = actor, .action = "POST /x", .ns = ns, .origin = "127.0.0.1", .result = "ok" };

	assert_int_equal(vs_audit_append(catalog, chain, &event, &error), 0);
	assert_true(event.seq > 0 && event.at > 0 && event.count == 1);
}

static void append_both(void)
{
	for (int i = 0; i < 5; i++) {
		append(VS_AUDIT_DONE, "key:1", i % 2 ? "films" : NULL);
		append(VS_AUDIT_DENIED, "key:2", "films");
	}
}

static char found[300];

static void note(void *context, const char *problem)
{
	snprintf(found, sizeof(found), "%s", problem);
	++*(int *)context;
}

static int problems(void)
{
	int count = 0;

	found[0] = '\0';
	assert_int_equal(vs_audit_check(catalog, note, &count, &error), 0);
	return count;
}

static void every_change_from_outside_shows(void **state)
{
	static const char *const damages[] = {
		"UPDATE audit SET actor = 'key:3' WHERE seq = 3",
		"UPDATE audit SET at = at + 1 WHERE seq = 1",
		"UPDATE audit SET reason = 'x' WHERE seq = 10",
		"UPDATE audit SET count = 2 WHERE seq = 9",
		/* A byte that moves from one field to the next. */
		"UPDATE audit SET actor = 'key:', action = '1POST /x' WHERE seq = 5",
		"UPDATE audit SET hash = zeroblob(32) WHERE seq = 4",
		"UPDATE audit SET hash = x'00' WHERE seq = 4",
		"UPDATE audit SET chain = 3 - chain WHERE seq = 4",
		"UPDATE audit SET seq = 100 WHERE seq = 4",
		"DELETE FROM audit WHERE seq = 1",
		"DELETE FROM audit WHERE seq = 6",
		"DELETE FROM audit WHERE seq = 9",
		"DELETE FROM audit WHERE chain = 1",
		"INSERT INTO audit SELECT 99, chain, at, actor, action, namespace, object, origin, result, reason, request_id, count, hash"
		" FROM audit WHERE seq = 9",
		"UPDATE audit_chain SET head = zeroblob(32) WHERE chain = 2",
		"UPDATE audit_chain SET anchor = randomblob(32) WHERE chain = 1",
		"UPDATE audit_chain SET kept = 4 WHERE chain = 1",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		execute("DELETE FROM audit; UPDATE audit_chain SET kept = 0, anchor = zeroblob(32), head = zeroblob(32)");
		append_both();
		assert_int_equal(problems(), 0);
		execute(damages[i]);
		if (problems() == 0)
			fail_msg("not seen: %s", damages[i]);
	}
	execute("DELETE FROM audit_chain");
	int count = 0;
	assert_int_equal(vs_audit_check(catalog, note, &count, &error), VS_ECORRUPT);
}

static int take(void *context, const struct vs_audit_event *event)
{
	int64_t *last = context;

	assert_true(event->seq > *last);
	*last = event->seq;
	return event->seq == 7 ? 77 : 0;
}

static int64_t last_of(struct vs_audit_query query, int expected)
{
	int64_t last = 0;

	assert_int_equal(vs_audit_each(catalog, &query, take, &last, &error), expected);
	return last;
}

static void pages(void **state)
{
	(void)state;

	append_both();
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 3 }, 0), 3);
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 3, .after = 3 }, 0), 6);
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 30 }, 77), 7);
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 30, .after = 7 }, 0), 10);
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 2, .actor = "key:2" }, 0), 4);
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 2, .ns = "films" }, 0), 3);
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 9, .ns = "x" }, 0), 0);
	assert_int_equal(last_of((struct vs_audit_query){ .limit = 9, .since = INT64_MAX }, 0), 0);
}

static int take_any(void *context, const struct vs_audit_event *event)
{
	struct vs_audit_event *copy = context;

	*copy = *event;
	copy->actor = strcmp(event->actor, "key:0") == 0 ? "first" : "other";
	return copy->actor[0] == 'f' ? 1 : 0;
}

/* A flood of denials pushes out denials alone, and the chain holds on. */
static void the_oldest_denials_give_way(void **state)
{
	struct vs_audit_query query = { .limit = 100000 };
	struct vs_audit_event event = { .seq = 0 };
	(void)state;

	append(VS_AUDIT_DONE, "key:0", NULL);
	append(VS_AUDIT_DENIED, "key:first", NULL);
	assert_int_equal(vs_catalog_begin(catalog, &error), 0);
	for (int i = 0; i < VS_AUDIT_DENIED_MAX + 10; i++) {
		event = (struct vs_audit_event){ .actor = "key:9", .count = 3 };
		assert_int_equal(vs_audit_put(catalog, VS_AUDIT_DENIED, &event, &error), 0);
	}
	assert_int_equal(vs_catalog_commit(catalog, &error), 0);
	assert_int_equal(problems(), 0);
	assert_int_equal(vs_audit_each(catalog, &query, take_any, &event, &error), 1);
	query = (struct vs_audit_query){ .limit = 1, .after = 1 };
	assert_int_equal(vs_audit_each(catalog, &query, take_any, &event, &error), 0);
	assert_int_equal(event.seq, 13); /* the first denial and ten more are gone */
	execute("DELETE FROM audit WHERE seq = 13");
	assert_int_equal(problems(), 1);
	assert_non_null(strstr(found, "denied"));
}

static int take_length(void *context, const struct vs_audit_event *event)
{
	*(size_t *)context = strlen(event->actor);
	return 0;
}

static void long_texts_are_cut(void **state)
{
	static char text[2 * VS_AUDIT_TEXT_MAX];
	struct vs_audit_event event = { .actor = text };
	(void)state;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text + VS_AUDIT_TEXT_MAX - 1, "\xc3\xa4", 2); /* a character over the border */
	assert_int_equal(vs_audit_append(catalog, VS_AUDIT_DONE, &event, &error), 0);
	assert_int_equal(problems(), 0);
	struct vs_audit_query query = { .limit = 1 };
	size_t len = 0;
	assert_int_equal(vs_audit_each(catalog, &query, take_length, &len, &error), 0);
	assert_int_equal(len, VS_AUDIT_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_change_from_outside_shows, setup, teardown),
		cmocka_unit_test_setup_teardown(pages, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_denials_give_way, setup, teardown),
		cmocka_unit_test_setup_teardown(long_texts_are_cut, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Status and quotas as text, what workers share of namespaces, and who is admitted where. */
#include "service_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "service/admit.h"
#include "service/handles.h"
#include "service/tenants.h"
#include "store/policy.h"

#define SECOND UINT64_C(1000000000)

static void quotas_as_text(void **state)
{
	static const char *const bad[] = { "max_vectors", "max_vectors=", "max_vectors=-1", "max_vectors=1x", "=1", "frob=1",
		                               "max_dimension=8193", "max_vectors=9223372036854775808", "max_vectors=1,,max_qps=1",
		                               "max_vectors= 1" };
	struct vs_quota quota = vs_quota_none();
	struct vs_quota again = vs_quota_none();
	struct vs_error error;
	char text[VS_QUOTA_TEXT];
	(void)state;

	assert_int_equal(vs_quota_parse("max_connections=7,max_vectors=9223372036854775807,max_queries_per_second=0", &quota, &error), 0);
	assert_int_equal(quota.most[VS_QUOTA_CONCURRENT], 7);
	assert_int_equal(quota.most[VS_QUOTA_RATE], 0);
	vs_quota_format(&quota, text);
	assert_string_equal(text, "max_vectors=9223372036854775807,max_requests_per_second=0,max_concurrent_queries=7");
	assert_int_equal(vs_quota_parse(text, &again, &error), 0);
	assert_memory_equal(&again, &quota, sizeof(quota));
	assert_int_equal(vs_quota_parse("max_vectors=default", &quota, &error), 0);
	assert_int_equal(quota.most[VS_QUOTA_VECTORS], VS_QUOTA_DEFAULT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vs_quota_parse(bad[i], &quota, &error), VS_EINVAL);
	for (int kind = 0; kind < VS_QUOTAS; kind++)
		quota.most[kind] = vs_quota_limit((enum vs_quota_kind)kind);
	vs_quota_format(&quota, text); /* the longest */
	assert_int_equal(vs_quota_parse(text, &again, &error), 0);
	assert_memory_equal(&again, &quota, sizeof(quota));

	quota = vs_quota_keep();
	assert_null(vs_quota_format_change(NULL, text));
	assert_null(vs_quota_format_change(&quota, text));
	quota.most[VS_QUOTA_VECTORS] = 0;
	quota.most[VS_QUOTA_BATCH] = VS_QUOTA_DEFAULT;
	assert_string_equal(vs_quota_format_change(&quota, text), "max_vectors=0,max_batch_size=default");
}

static void a_quota_binds(void **state)
{
	struct vs_quota own = vs_quota_none();
	struct vs_quota defaults = vs_quota_none();
	(void)state;

	assert_int_equal(vs_quota_most(&own, &defaults, VS_QUOTA_VECTORS), 0);
	defaults.most[VS_QUOTA_VECTORS] = 5;
	assert_int_equal(vs_quota_most(&own, &defaults, VS_QUOTA_VECTORS), 5);
	own.most[VS_QUOTA_VECTORS] = 7;
	assert_int_equal(vs_quota_most(&own, &defaults, VS_QUOTA_VECTORS), 7);
	own.most[VS_QUOTA_VECTORS] = 0;
	assert_int_equal(vs_quota_most(&own, &defaults, VS_QUOTA_VECTORS), 0);
}

static struct vs_tenants *open_tenants(const char *dir)
{
	struct vs_tenants *tenants;
	struct vs_error error;

	if (vs_tenants_open(dir, &tenants, &error))
		fail_msg("%s", error.text);
	return tenants;
}

/* How many of the requests that come every `step` for so long are admitted. */
static unsigned push(struct vs_tenant *tenant, uint64_t rate, uint64_t *now, uint64_t seconds, uint64_t step)
{
	unsigned admitted = 0;
	uint64_t wait;

	for (uint64_t end = *now + seconds * SECOND; *now < end; *now += step) {
		if (vs_tenant_take(tenant, rate, *now, &wait))
			admitted++;
		else
			assert_true(wait > 0 && wait <= SECOND / rate + 1);
	}
	return admitted;
}

static void rates(void **state)
{
	struct vs_tenants *tenants = open_tenants(NULL);
	struct vs_tenant *tenant = vs_tenants_find(tenants, 7, "seven");
	uint64_t now = 5 * SECOND;
	uint64_t wait;
	(void)state;

	/* A second's worth at once, then as it runs in. */
	assert_int_equal(push(tenant, 100, &now, 10, SECOND / 1000), 100 + 1000 - 1);
	now += 3 * SECOND;
	assert_int_equal(push(tenant, 100, &now, 1, SECOND / 100000), 200 - 1);
	/* When it says that there will be one, there is; not before. */
	while (vs_tenant_take(tenant, 100, now, &wait)) {
	}
	assert_false(vs_tenant_take(tenant, 100, now + wait - 1, &(uint64_t){ 0 }));
	assert_true(vs_tenant_take(tenant, 100, now + wait, &wait));
	/* One a second; and another quota, from now on. */
	now += 10 * SECOND;
	assert_int_equal(push(tenant, 1, &now, 5, SECOND / 10), 5);
	now += SECOND;
	assert_int_equal(push(tenant, 1000000, &now, 1, SECOND / 4), 4);
	/* A bucket from before the machine was started anew. */
	now = SECOND;
	assert_true(vs_tenant_take(tenant, 10, now, &wait));
	vs_tenants_close(tenants);
}

/* Each key has a bucket of its own, which all workers share. */
static void rates_of_keys(void **state)
{
	struct state *s = *state;
	struct vs_tenants *tenants = open_tenants(s->dir);
	struct vs_tenants *other = open_tenants(s->dir);
	uint64_t now = 5 * SECOND;
	uint64_t wait;

	for (int i = 0; i < 10; i++)
		assert_true(vs_tenants_take_of_key(i % 2 ? tenants : other, 7, 10, now, &wait));
	assert_false(vs_tenants_take_of_key(tenants, 7, 10, now, &wait));
	assert_int_equal(wait, SECOND / 10);
	assert_false(vs_tenants_take_of_key(other, 7, 10, now, &wait));
	assert_true(vs_tenants_take_of_key(tenants, 8, 1, now, &wait));
	assert_true(vs_tenants_take_of_key(other, 7, 10, now + wait, &wait));
	vs_tenants_close(other);
	vs_tenants_close(tenants);
}

/* Keys without end, thousands of which belong in one place: one that is in use keeps its bucket, and one that is full gives way. */
static void buckets_give_way(void **state)
{
	struct vs_tenants *tenants = open_tenants(NULL);
	uint64_t now = 5 * SECOND;
	uint64_t wait;
	(void)state;

	for (uint64_t turn = 0; turn < 1000; turn++) {
		now += SECOND;
		for (uint64_t i = 0; i < 4; i++) {
			uint64_t key = ((4 * turn + i) << 32) | 5;
			assert_true(vs_tenants_take_of_key(tenants, key, 1, now, &wait));
			assert_false(vs_tenants_take_of_key(tenants, key, 1, now, &wait));
		}
	}
	/* One from before the machine was started anew gives way, too. */
	now = SECOND;
	for (uint64_t key = 1; key < 17; key++)
		assert_true(vs_tenants_take_of_key(tenants, (key << 20) | 5, 1, now, &wait));
	for (uint64_t key = 1; key < 17; key++)
		assert_false(vs_tenants_take_of_key(tenants, (key << 20) | 5, 1, now, &wait));
	vs_tenants_close(tenants);
}

#define STALLED 0 /* instead of a namespace: a slow reader holds it up, and may */

static bool take(struct vs_tenants *tenants, uint64_t number, uint64_t account)
{
	if (number != STALLED)
		return vs_tenants_enter(tenants, vs_tenants_find(tenants, number, "n"), account, 0);
	vs_tenants_join(tenants);
	vs_tenants_stall(tenants, true);
	return vs_tenants_may_stall(tenants);
}

/* A process that works on a request of the namespace until it is killed. */
static pid_t hold_for(const char *dir, uint64_t number, uint64_t account)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct vs_tenants *own = open_tenants(dir);
		if (!take(own, number, account) || write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static pid_t hold(const char *dir, uint64_t number)
{
	return hold_for(dir, number, number);
}

static void kill_and_reap(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void places(void **state)
{
	struct state *s = *state;
	struct vs_tenants *tenants = open_tenants(s->dir);
	struct vs_tenant *one = vs_tenants_find(tenants, 1, "one");
	struct vs_tenant *two = vs_tenants_find(tenants, 2, "two");
	pid_t first = hold(s->dir, 1);
	pid_t second = hold(s->dir, 1);

	assert_int_equal(vs_tenants_at_work(tenants, one), 2);
	assert_false(vs_tenants_enter(tenants, one, 1, 2));
	assert_int_equal(vs_tenants_at_work(tenants, one), 2); /* it left no trace */
	assert_true(vs_tenants_enter(tenants, two, 2, 1));
	vs_tenants_leave(tenants);
	assert_true(vs_tenants_enter(tenants, one, 1, 3));
	assert_int_equal(vs_tenants_at_work(tenants, one), 3);
	vs_tenants_leave(tenants);
	/* What a dead process held is free. */
	kill_and_reap(first);
	assert_int_equal(vs_tenants_at_work(tenants, one), 1);
	assert_true(vs_tenants_enter(tenants, one, 1, 2));
	vs_tenants_leave(tenants);
	kill_and_reap(second);
	assert_int_equal(vs_tenants_at_work(tenants, one), 0);
	vs_tenants_close(tenants);
}

/* Those of a key that is counted by itself are no others' of the namespace, whose they are all the same. */
static void places_of_a_key(void **state)
{
	struct state *s = *state;
	struct vs_tenants *tenants = open_tenants(s->dir);
	struct vs_tenant *one = vs_tenants_find(tenants, 1, "one");
	struct vs_tenant *two = vs_tenants_find(tenants, 2, "two");
	pid_t of_key = hold_for(s->dir, 1, 77);
	pid_t plain = hold(s->dir, 1);

	assert_int_equal(vs_tenants_at_work(tenants, one), 2);
	assert_false(vs_tenants_enter(tenants, one, 1, 1));
	assert_true(vs_tenants_enter(tenants, one, 1, 2));
	vs_tenants_leave(tenants);
	assert_false(vs_tenants_enter(tenants, two, 77, 1)); /* wherever it asks */
	assert_true(vs_tenants_enter(tenants, one, 77, 2));
	vs_tenants_leave(tenants);
	assert_true(vs_tenants_enter(tenants, one, 78, 1));
	vs_tenants_leave(tenants);
	kill_and_reap(of_key);
	assert_true(vs_tenants_enter(tenants, one, 77, 1));
	assert_int_equal(vs_tenants_at_work(tenants, one), 2);
	kill_and_reap(plain);
	vs_tenants_close(tenants);
}

static void half_may_stall(void **state)
{
	struct state *s = *state;
	struct vs_tenants *one = open_tenants(s->dir);
	struct vs_tenants *other = open_tenants(NULL);
	pid_t pids[2];

	/* Alone it may. */
	vs_tenants_join(other);
	vs_tenants_stall(other, true);
	assert_true(vs_tenants_may_stall(other));
	vs_tenants_close(other);
	/* One of two and of three; this one came first, so it may be it. */
	vs_tenants_join(one);
	assert_true(vs_tenants_may_stall(one));
	pids[0] = hold(s->dir, STALLED);
	assert_false(vs_tenants_may_stall(one));
	vs_tenants_stall(one, true);
	assert_true(vs_tenants_may_stall(one));
	vs_tenants_stall(one, false);
	assert_false(vs_tenants_may_stall(one));
	/* A dead one is held up no more. */
	kill_and_reap(pids[0]);
	assert_true(vs_tenants_may_stall(one));
	/* Two of four. */
	pids[0] = hold(s->dir, 1);
	pids[1] = hold(s->dir, 1);
	pid_t first = hold(s->dir, STALLED);
	assert_true(vs_tenants_may_stall(one));
	kill_and_reap(pids[0]);
	pid_t second = hold(s->dir, STALLED);
	assert_false(vs_tenants_may_stall(one));
	kill_and_reap(pids[1]);
	kill_and_reap(first);
	kill_and_reap(second);
	vs_tenants_close(one);
}

#define MS (SECOND / 1000)

static void flows(void **state)
{
	struct state *s = *state;
	struct vs_tenants *one = open_tenants(s->dir);
	struct vs_tenants *other = open_tenants(s->dir);
	uint64_t now = SECOND;

	vs_tenants_set_flow(one, 7, now); /* of one that has not joined */
	assert_false(vs_tenants_flow_at_work(other, 7, now + MS));
	vs_tenants_join(one);
	vs_tenants_set_flow(one, 7, now);
	/* At once it may yet be a short one. */
	assert_false(vs_tenants_flow_at_work(other, 7, now));
	assert_true(vs_tenants_flow_at_work(other, 7, now + MS));
	assert_true(vs_tenants_flow_at_work(one, 7, now + MS));
	assert_false(vs_tenants_flow_at_work(other, 8, now + MS));
	assert_false(vs_tenants_flows_meet(other, now + MS)); /* it is alone */
	/* One is enough, whoever does what else. */
	vs_tenants_join(other);
	vs_tenants_set_flow(other, 8, now + MS);
	assert_true(vs_tenants_flow_at_work(other, 7, now + MS));
	assert_true(vs_tenants_flow_at_work(other, 8, now + 2 * MS));
	assert_true(vs_tenants_flows_meet(one, now + MS));
	vs_tenants_set_flow(one, 0, now + 2 * MS);
	assert_false(vs_tenants_flow_at_work(other, 7, now + 2 * MS));
	assert_true(vs_tenants_flows_meet(one, now + 2 * MS));
	vs_tenants_set_flow(other, 0, now + 2 * MS);
	assert_false(vs_tenants_flows_meet(one, now + 3 * MS)); /* they rest */
	vs_tenants_set_flow(other, 8, now + 600 * SECOND);
	assert_false(vs_tenants_flows_meet(one, now + 602 * SECOND)); /* the other has not come for long */
	vs_tenants_set_flow(one, 7, now + 600 * SECOND);
	assert_true(vs_tenants_flows_meet(one, now + 602 * SECOND));
	now += 600 * SECOND;
	/* As if it had died in it. */
	assert_false(vs_tenants_flow_at_work(one, 8, now + 20 * SECOND));
	/* Nor does who takes its place over inherit that. */
	vs_tenants_close(other);
	other = open_tenants(s->dir);
	vs_tenants_join(other);
	assert_false(vs_tenants_flow_at_work(one, 8, now + 2 * MS));
	vs_tenants_close(other);
	vs_tenants_close(one);
}

struct sum {
	uint64_t counts[VS_USAGES];
	unsigned rows;
	char name[64];
};

static int add(void *context, const struct vs_usage_row *row)
{
	struct sum *sum = context;

	sum->rows++;
	strcpy(sum->name, row->name);
	for (int kind = 0; kind < VS_USAGES; kind++)
		sum->counts[kind] += row->counts[kind];
	return 0;
}

static struct sum sum_of(struct vs_store *store)
{
	struct vs_usage_row from = { .day = 0 };
	struct sum sum = { .rows = 0 };

	assert_int_equal(vs_store_usage(store, &from, INT32_MAX, add, &sum, NULL), 0);
	return sum;
}

static void counts_come_home(void **state)
{
	struct state *s = *state;
	struct vs_tenants *tenants = open_tenants(s->dir);
	struct vs_tenant *tenant = vs_tenants_find(tenants, UINT64_C(0xabcdef), "hex");
	struct vs_store *store;
	struct vs_error error;
	uint64_t vectors, bytes;

	assert_int_equal(vs_store_open(s->data, VS_CREATE, &store, &error), 0);
	assert_int_equal(vs_tenants_flush(tenants, store, &error), 0);
	assert_int_equal(sum_of(store).rows, 0);
	vs_tenant_count(tenant, VS_USAGE_QUERIES, 3);
	vs_tenant_count(NULL, VS_USAGE_QUERIES, 3);
	vs_tenant_measure(tenant, 1000000, 5);
	usleep(3000);
	vs_tenant_measure(tenant, 1000000, 5);
	assert_int_equal(vs_tenants_flush(tenants, store, &error), 0);
	assert_int_equal(vs_tenants_flush(tenants, store, &error), 0); /* nothing is there twice */
	vs_tenant_count(tenant, VS_USAGE_QUERIES, 4);
	assert_int_equal(vs_tenants_flush(tenants, store, &error), 0);
	assert_int_equal(sum_of(store).rows, 1); /* one day */
	assert_string_equal(sum_of(store).name, "hex");
	assert_int_equal(sum_of(store).counts[VS_USAGE_QUERIES], 7);
	assert_true(sum_of(store).counts[VS_USAGE_VECTOR_MS] >= 2000000);
	vs_tenants_sum(tenants, &vectors, &bytes);
	assert_int_equal(vectors, 1000000);
	assert_int_equal(bytes, 5);
	vs_store_close(store);
	vs_tenants_close(tenants);
}

/* ---- who is admitted ------------------------------------------------------------------------------------- */

static int enter(struct vs_call *call, enum vs_operation_number operation, unsigned rights, struct vs_namespace *ns)
{
	struct vs_error error;

	call->operation = &vs_operations[operation];
	call->principal.rights = rights;
	vs_admit_leave(call, 0);
	call->admitted = 0; /* another request, also after one that was refused */
	return vs_admit_enter(call, ns, "n", &error);
}

static void status_decides(void **state)
{
	static const struct {
		enum vs_status status;
		int read, write, admin_read, admin_write;
	} table[] = {
		{ VS_ACTIVE, 0, 0, 0, 0 },
		{ VS_READ_ONLY, 0, VS_EFROZEN, 0, VS_EFROZEN },
		{ VS_SUSPENDED, VS_ESUSPENDED, VS_ESUSPENDED, 0, 0 },
		{ VS_PENDING_DELETION, VS_ENOTFOUND, VS_ENOTFOUND, 0, VS_EFROZEN },
	};
	struct state *s = *state;
	struct vs_handles handles;
	struct vs_namespace_options fresh = VS_NAMESPACE_OPTIONS;
	struct vs_namespace *ns;
	struct vs_store *store;
	struct vs_request request = { .body_len = 0 };
	struct vs_call call = { .request = &request, .tenants = open_tenants(s->dir) };
	unsigned user = VS_RIGHT_READ | VS_RIGHT_WRITE;
	unsigned admin = user | VS_RIGHT_ADMIN;

	assert_int_equal(vs_handles_init(&handles, s->data, &fresh, NULL), 0);
	assert_int_equal(vs_handles_store(&handles, &store, NULL), 0);
	assert_int_equal(vs_store_create(store, "n", NULL, NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
		change.status = table[i].status;
		change.delete_at = INT64_MAX;
		assert_int_equal(vs_store_change(store, "n", &change, NULL), 0);
		assert_int_equal(vs_handles_find(&handles, "n", &ns, NULL), 0);
		assert_int_equal(enter(&call, VS_OPERATION_QUERY, user, ns), table[i].read);
		assert_int_equal(enter(&call, VS_OPERATION_UPSERT, user, ns), table[i].write);
		assert_int_equal(enter(&call, VS_OPERATION_QUERY, admin, ns), table[i].admin_read);
		assert_int_equal(enter(&call, VS_OPERATION_UPSERT, admin, ns), table[i].admin_write);
	}
	vs_admit_leave(&call, 0);
	vs_tenants_close(call.tenants);
	vs_handles_release(&handles);
}

/* Each quota of a key holds in the place of the namespace's, be it more or less, and is counted by itself. */
static void a_key_goes_before(void **state)
{
	struct state *s = *state;
	struct vs_handles handles;
	struct vs_namespace_options fresh = VS_NAMESPACE_OPTIONS;
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_quota own = vs_quota_none();
	struct vs_quota quota = vs_quota_none();
	struct vs_namespace *ns;
	struct vs_store *store;
	struct vs_error error;
	struct vs_request request = { .body_len = 0 };
	struct vs_call call = { .request = &request, .tenants = open_tenants(s->dir) };

	assert_int_equal(vs_metrics_open(NULL, &call.metrics, NULL), 0);
	assert_int_equal(vs_handles_init(&handles, s->data, &fresh, NULL), 0);
	handles.quota.most[VS_QUOTA_BATCH] = 20;
	assert_int_equal(vs_handles_store(&handles, &store, NULL), 0);
	quota.most[VS_QUOTA_RATE] = 1;
	quota.most[VS_QUOTA_RESULTS] = 5;
	quota.most[VS_QUOTA_DIMENSION] = 4;
	change.quota = &quota;
	assert_int_equal(vs_store_create(store, "n", NULL, &change, NULL), 0);
	assert_int_equal(vs_handles_find(&handles, "n", &ns, NULL), 0);
	own.most[VS_QUOTA_RATE] = 1;
	own.most[VS_QUOTA_RESULTS] = 10;
	own.most[VS_QUOTA_BATCH] = 3;
	own.most[VS_QUOTA_DIMENSION] = 0;
	call.principal.key = 77;
	call.principal.quota = &own;
	assert_int_equal(enter(&call, VS_OPERATION_QUERY, VS_RIGHT_READ, ns), 0);
	assert_int_equal(enter(&call, VS_OPERATION_QUERY, VS_RIGHT_READ, ns), VS_ERATE);
	assert_int_equal(call.retry_after, 1);
	assert_non_null(strstr(call.refusal.text, "more than 1 requests a second with this key"));
	assert_int_equal(vs_admit_number(ns, VS_QUOTA_RESULTS, "limit", 10, &error), 0);
	assert_int_equal(vs_admit_number(ns, VS_QUOTA_RESULTS, "limit", 11, &error), VS_EQUOTA);
	assert_string_equal(error.text, "limit: 11; the key may have 10 (max_results_per_query)");
	assert_int_equal(vs_admit_number(ns, VS_QUOTA_BATCH, "ids", 4, &error), VS_EQUOTA);
	assert_int_equal(vs_namespace_most(ns, VS_QUOTA_DIMENSION), 0);
	/* Another key, of whose rate nothing is said: the namespace's bucket is as it was. */
	own.most[VS_QUOTA_RATE] = own.most[VS_QUOTA_RESULTS] = VS_QUOTA_DEFAULT;
	call.principal.key = 78;
	assert_int_equal(enter(&call, VS_OPERATION_QUERY, VS_RIGHT_READ, ns), 0);
	assert_int_equal(enter(&call, VS_OPERATION_QUERY, VS_RIGHT_READ, ns), VS_ERATE);
	assert_non_null(strstr(call.refusal.text, "more than 1 requests a second to this namespace"));
	assert_int_equal(vs_admit_number(ns, VS_QUOTA_RESULTS, "limit", 6, &error), VS_EQUOTA);
	/* Who asks next by the same handle, and has no key. */
	call.principal.key = 0;
	call.principal.quota = NULL;
	assert_int_equal(enter(&call, VS_OPERATION_QUERY, VS_RIGHT_READ, ns), VS_ERATE);
	assert_int_equal(vs_namespace_most(ns, VS_QUOTA_DIMENSION), 4);
	assert_int_equal(vs_admit_number(ns, VS_QUOTA_BATCH, "ids", 20, &error), 0);
	assert_int_equal(vs_admit_number(ns, VS_QUOTA_BATCH, "ids", 21, &error), VS_EQUOTA);
	assert_string_equal(error.text, "ids: 21; the namespace may have 20 (max_batch_size)");
	vs_metrics_close(call.metrics);
	vs_tenants_close(call.tenants);
	vs_handles_release(&handles);
}

/* Those that were asked for last stay open, and a name that means another namespace now is opened again. */
static void handles_follow(void **state)
{
	struct state *s = *state;
	struct vs_handles handles;
	struct vs_namespace_options fresh = VS_NAMESPACE_OPTIONS;
	struct vs_namespace_change change = VS_NAMESPACE_CHANGE;
	struct vs_namespace *ns, *again;
	struct vs_store *store;
	uint64_t number;
	char name[8];

	assert_int_equal(vs_handles_init(&handles, s->data, &fresh, NULL), 0);
	handles.most = 3;
	assert_int_equal(vs_handles_store(&handles, &store, NULL), 0);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(vs_store_create(store, name, NULL, NULL, NULL), 0);
		assert_int_equal(vs_handles_find(&handles, name, &ns, NULL), 0);
		assert_int_equal(vs_handles_find(&handles, "n0", &again, NULL), 0);
		assert_true(handles.count <= 3);
	}
	number = vs_namespace_number(again);
	change.status = VS_PENDING_DELETION;
	change.delete_at = 1;
	assert_int_equal(vs_store_change(store, "n0", &change, NULL), 0);
	assert_int_equal(vs_store_reap(store, NULL, NULL), 0);
	assert_int_equal(vs_handles_find(&handles, "n0", &ns, NULL), VS_ENOTFOUND);
	assert_int_equal(vs_store_create(store, "n0", NULL, NULL, NULL), 0);
	assert_int_equal(vs_handles_find(&handles, "n0", &ns, NULL), 0);
	assert_int_not_equal(vs_namespace_number(ns), number);
	vs_handles_forget(&handles, "n0");
	vs_handles_forget(&handles, "n0");
	vs_handles_release(&handles);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas_as_text),
		cmocka_unit_test(a_quota_binds),
		cmocka_unit_test(rates),
		cmocka_unit_test_setup_teardown(rates_of_keys, set_up, tear_down),
		cmocka_unit_test(buckets_give_way),
		cmocka_unit_test_setup_teardown(places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(places_of_a_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(half_may_stall, set_up, tear_down),
		cmocka_unit_test_setup_teardown(flows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counts_come_home, set_up, tear_down),
		cmocka_unit_test_setup_teardown(status_decides, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_goes_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(handles_follow, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

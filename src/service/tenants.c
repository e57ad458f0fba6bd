/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of namespaces by their numbers, with linear probing; nothing is ever taken out (`vecstore serve` begins with a
 * fresh file), so an entry once found stays where it is. Another one of the buckets of keys, which come and go: there one
 * that is full, and so says nothing, gives way. Words are aligned 64-bit atomics.
 */
#include "service/tenants.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>

#include "base/atomics.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/process.h"
#include "engine/vecstore.h"
#include "service/shared.h"

#define MAGIC UINT64_C(0x3148535453434556) /* "VECSTSH1" */
#define VERSION 4u
#define PLACES 256u /* processes at work */
#define SECOND UINT64_C(1000000000)
#define GAP (600 * SECOND) /* a longer time without a flush is one without a server */
#define TRIES 4
#define FLOW_LONG (SECOND / 2000) /* what is shorter is not worth to be avoided */
#define FLOW_LOST (10 * SECOND)   /* what is longer may be of a process that died */
#define FLOW_KEPT (600 * SECOND)  /* who was not alone counts as that for so long */
#define BUCKETS 16384u /* of keys */
#define REACH 16u      /* how far from where it belongs a key's bucket may be */

struct vs_tenant {
	uint64_t number; /* 0: free */
	uint64_t full_at; /* when its bucket will be full, monotonic ns */
	uint64_t counts[VS_USAGES];
	uint64_t vectors;
	uint64_t storage_bytes;
	uint64_t counted_at; /* until when vectors are in counts, monotonic ns; 0: never were */
	char name[64];
	uint64_t zeros[4];
};

_Static_assert(sizeof(struct vs_tenant) == 192, "three cache lines");

struct shared {
	struct vs_shared_head head;
	struct {
		uint64_t owner; /* vs_process_self; 0: free */
		uint64_t number; /* of the namespace whose request it works on; 0: none */
		uint64_t account; /* whose place it takes: the namespace's number, or the key's */
		uint64_t stalled; /* 1: a reader who does not take its answer holds it up */
	} places[PLACES];
	struct {
		uint64_t number; /* of the flow whose request the owner of the place works on; 0: none */
		uint64_t began;  /* monotonic ns */
	} flows[PLACES];
	uint64_t last_flow; /* that anybody began with; 0: none yet */
	uint64_t met_at;    /* when that was not the one before, monotonic ns; 0: never */
	struct vs_tenant tenants[VS_TENANTS_MAX];
	struct bucket {
		uint64_t key; /* 0: free */
		uint64_t full_at; /* as a tenant's */
	} buckets[BUCKETS];
};

struct vs_tenants {
	struct shared *shared;
	bool mapped; /* else from calloc */
	int place;   /* -1: none yet; -2: all were taken */
};

int vs_tenants_open(const char *run_dir, struct vs_tenants **tenants, struct vs_error *error)
{
	struct vs_tenants *t = calloc(1, sizeof(*t));
	void *memory = NULL;
	int rc = 0;
	*tenants = NULL;
	if (!t)
		return vs_error_set(error, VS_ENOMEM, "no memory for the counts of namespaces");
	t->place = -1;
	t->mapped = run_dir != NULL;
	if (t->mapped)
		rc = vs_shared_open(run_dir, "tenants", MAGIC, VERSION, sizeof(*t->shared), &memory, error);
	else if (!(memory = calloc(1, sizeof(*t->shared))))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for the counts of namespaces");
	t->shared = memory;
	if (rc) {
		free(t);
		return rc;
	}
	*tenants = t;
	return 0;
}

void vs_tenants_close(struct vs_tenants *tenants)
{
	if (!tenants)
		return;
	vs_tenants_leave(tenants);
	vs_tenants_stall(tenants, false);
	if (tenants->place >= 0)
		vs_store_release(&tenants->shared->places[tenants->place].owner, 0);
	if (tenants->mapped)
		vs_shared_close(tenants->shared, sizeof(*tenants->shared));
	else
		free(tenants->shared);
	free(tenants);
}

struct vs_tenant *vs_tenants_find(struct vs_tenants *tenants, uint64_t number, const char *name)
{
	/* Numbers are random: no hash is needed. */
	for (uint64_t i = 0; number != 0 && i < VS_TENANTS_MAX; i++) {
		struct vs_tenant *tenant = &tenants->shared->tenants[(number + i) % VS_TENANTS_MAX];
		uint64_t seen = vs_load_acquire(&tenant->number);
		if (seen == 0 &&
		    __atomic_compare_exchange_n(&tenant->number, &seen, number, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			seen = number;
		if (seen != number)
			continue;
		if (tenant->name[0] == '\0') /* whoever comes here writes the same */
			snprintf(tenant->name, sizeof(tenant->name), "%s", name);
		return tenant;
	}
	return NULL;
}

/* ---- rate ------------------------------------------------------------------------------------------------ */

/* A bucket in one word (the generic cell rate algorithm, ITU-T I.371): each request moves the time when it would be full
 * again by one interval, and may not move it further than a whole bucket ahead of now. */
static bool take(uint64_t *full_at, uint64_t rate, uint64_t now_ns, uint64_t *wait_ns)
{
	uint64_t interval = SECOND / rate;
	uint64_t seen = vs_load_relaxed(full_at);
	for (;;) {
		/* Further ahead than any request can have moved it: from before the machine was started. */
		bool old = seen > now_ns + SECOND + interval;
		uint64_t next = (seen < now_ns || old ? now_ns : seen) + interval;
		if (next > now_ns + SECOND) {
			*wait_ns = next - now_ns - SECOND;
			return false;
		}
		if (__atomic_compare_exchange_n(full_at, &seen, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	}
}

bool vs_tenant_take(struct vs_tenant *tenant, uint64_t rate, uint64_t now_ns, uint64_t *wait_ns)
{
	return take(&tenant->full_at, rate, now_ns, wait_ns);
}

/* Full, or of a time before the machine was started: as good as a fresh one. */
static bool is_idle(const struct bucket *bucket, uint64_t now_ns)
{
	uint64_t full_at = vs_load_relaxed(&bucket->full_at);
	return full_at <= now_ns || full_at > now_ns + 2 * SECOND;
}

/* The key's, else one that gives way. A request that meets the change may be counted for neither key. NULL: all are in use. */
static struct bucket *find_bucket(struct vs_tenants *tenants, uint64_t key, uint64_t now_ns)
{
	for (unsigned claim = 0; claim < 2; claim++) {
		for (uint64_t i = 0; i < REACH; i++) {
			struct bucket *bucket = &tenants->shared->buckets[(key + i) % BUCKETS];
			uint64_t seen = vs_load_acquire(&bucket->key);
			if (claim && seen != key && (seen == 0 || is_idle(bucket, now_ns)) &&
			    __atomic_compare_exchange_n(&bucket->key, &seen, key, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
				return bucket;
			if (seen == key)
				return bucket;
		}
	}
	return NULL;
}

bool vs_tenants_take_of_key(struct vs_tenants *tenants, uint64_t key, uint64_t rate, uint64_t now_ns, uint64_t *wait_ns)
{
	struct bucket *bucket = find_bucket(tenants, key, now_ns);
	return !bucket || take(&bucket->full_at, rate, now_ns, wait_ns);
}

/* ---- places ---------------------------------------------------------------------------------------------- */

static void claim_place(struct vs_tenants *tenants)
{
	uint64_t self = vs_process_self();
	tenants->place = -2;
	for (unsigned i = 0; self && i < PLACES; i++) {
		uint64_t *owner = &tenants->shared->places[i].owner;
		uint64_t seen = vs_load_acquire(owner);
		if (seen != 0 && vs_process_lives(seen))
			continue;
		if (!__atomic_compare_exchange_n(owner, &seen, self, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		vs_store_relaxed(&tenants->shared->places[i].number, 0);
		vs_store_relaxed(&tenants->shared->places[i].account, 0);
		vs_store_relaxed(&tenants->shared->places[i].stalled, 0);
		vs_store_relaxed(&tenants->shared->flows[i].number, 0);
		tenants->place = (int)i;
		return;
	}
}

void vs_tenants_join(struct vs_tenants *tenants)
{
	if (tenants->place == -1)
		claim_place(tenants);
}

static uint64_t count_others(const struct vs_tenants *tenants, uint64_t account)
{
	uint64_t count = 0;
	for (int i = 0; i < (int)PLACES; i++)
		if (i != tenants->place && __atomic_load_n(&tenants->shared->places[i].account, __ATOMIC_SEQ_CST) == account &&
		    vs_process_lives(vs_load_acquire(&tenants->shared->places[i].owner)))
			count++;
	return count;
}

/* First it says that it is at work, then it looks how many others are: of two that come at the same time for the last place
 * at least one sees the other. Both may, and withdraw: so it tries again. */
bool vs_tenants_enter(struct vs_tenants *tenants, const struct vs_tenant *tenant, uint64_t account, uint64_t most)
{
	vs_tenants_join(tenants);
	if (tenants->place < 0)
		return true; /* more processes than there are places */
	for (int i = 0; i < TRIES; i++) {
		vs_store_relaxed(&tenants->shared->places[tenants->place].number, tenant->number);
		__atomic_store_n(&tenants->shared->places[tenants->place].account, account, __ATOMIC_SEQ_CST);
		if (most == 0 || count_others(tenants, account) < most)
			return true;
		vs_tenants_leave(tenants);
		sched_yield();
	}
	return false;
}

void vs_tenants_leave(struct vs_tenants *tenants)
{
	if (tenants->place < 0)
		return;
	vs_store_release(&tenants->shared->places[tenants->place].account, 0);
	vs_store_release(&tenants->shared->places[tenants->place].number, 0);
}

uint64_t vs_tenants_at_work(const struct vs_tenants *tenants, const struct vs_tenant *tenant)
{
	uint64_t count = 0;
	for (unsigned i = 0; tenant && i < PLACES; i++)
		if (vs_load_acquire(&tenants->shared->places[i].number) == tenant->number &&
		    vs_process_lives(vs_load_acquire(&tenants->shared->places[i].owner)))
			count++;
	return count;
}

void vs_tenants_stall(struct vs_tenants *tenants, bool stalled)
{
	if (tenants->place >= 0)
		vs_store_release(&tenants->shared->places[tenants->place].stalled, stalled);
}

bool vs_tenants_may_stall(const struct vs_tenants *tenants)
{
	/* One that is held up looks at those before it alone: else all of them would give way to each other. */
	bool self = tenants->place >= 0 && vs_load_relaxed(&tenants->shared->places[tenants->place].stalled);
	unsigned living = 0;
	unsigned stalled = 0;
	for (int i = 0; i < (int)PLACES; i++) {
		if (!vs_process_lives(vs_load_acquire(&tenants->shared->places[i].owner)))
			continue;
		living++;
		if (i != tenants->place && (!self || i < tenants->place) && vs_load_acquire(&tenants->shared->places[i].stalled))
			stalled++;
	}
	return stalled < (living < 4 ? 1 : living / 2);
}

/* Two words, not one moment: who looks in between sees the old flow with the time of the new one. */
void vs_tenants_set_flow(struct vs_tenants *tenants, uint64_t flow, uint64_t now_ns)
{
	struct shared *shared = tenants->shared;
	if (tenants->place < 0)
		return;
	vs_store_relaxed(&shared->flows[tenants->place].began, now_ns);
	vs_store_relaxed(&shared->flows[tenants->place].number, flow);
	uint64_t last = vs_load_relaxed(&shared->last_flow);
	if (flow == 0 || flow == last)
		return;
	vs_store_relaxed(&shared->last_flow, flow);
	if (last != 0)
		vs_store_relaxed(&shared->met_at, now_ns);
}

/* flow 0: any. */
static bool is_at_work(const struct shared *shared, uint64_t flow, uint64_t now_ns)
{
	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t number = vs_load_relaxed(&shared->flows[i].number);
		if (number == 0 || (flow != 0 && number != flow))
			continue;
		uint64_t age = now_ns - vs_load_relaxed(&shared->flows[i].began);
		if (age >= FLOW_LONG && age < FLOW_LOST)
			return true;
	}
	return false;
}

bool vs_tenants_flow_at_work(const struct vs_tenants *tenants, uint64_t flow, uint64_t now_ns)
{
	return is_at_work(tenants->shared, flow, now_ns);
}

bool vs_tenants_flows_meet(const struct vs_tenants *tenants, uint64_t now_ns)
{
	uint64_t met_at = vs_load_relaxed(&tenants->shared->met_at);
	return met_at != 0 && now_ns - met_at < FLOW_KEPT && is_at_work(tenants->shared, 0, now_ns);
}

/* ---- counts ---------------------------------------------------------------------------------------------- */

void vs_tenant_count(struct vs_tenant *tenant, enum vs_usage_kind kind, uint64_t n)
{
	if (tenant && n > 0)
		vs_add_relaxed(&tenant->counts[kind], n);
}

/* The time since the last time, with as many records as there were. */
static void count_time(struct vs_tenant *tenant, uint64_t now_ns)
{
	uint64_t last = __atomic_exchange_n(&tenant->counted_at, now_ns, __ATOMIC_RELAXED);
	if (last != 0 && last <= now_ns && now_ns - last <= GAP)
		vs_add_relaxed(&tenant->counts[VS_USAGE_VECTOR_MS], vs_load_relaxed(&tenant->vectors) * ((now_ns - last) / 1000000));
}

void vs_tenant_measure(struct vs_tenant *tenant, uint64_t vectors, uint64_t storage_bytes)
{
	if (!tenant)
		return;
	count_time(tenant, vs_clock_mono_ns());
	vs_store_relaxed(&tenant->vectors, vectors);
	vs_store_relaxed(&tenant->storage_bytes, storage_bytes);
}

void vs_tenants_sum(const struct vs_tenants *tenants, uint64_t *vectors, uint64_t *storage_bytes)
{
	*vectors = *storage_bytes = 0;
	for (unsigned i = 0; i < VS_TENANTS_MAX; i++) {
		*vectors += vs_load_relaxed(&tenants->shared->tenants[i].vectors);
		*storage_bytes += vs_load_relaxed(&tenants->shared->tenants[i].storage_bytes);
	}
}

/* Takes the counts away. False when there are none. */
static bool take_counts(struct vs_tenant *tenant, int32_t day, struct vs_usage_row *row)
{
	bool any = false;
	for (int kind = 0; kind < VS_USAGES; kind++) {
		row->counts[kind] = __atomic_exchange_n(&tenant->counts[kind], 0, __ATOMIC_RELAXED);
		any |= row->counts[kind] != 0;
	}
	row->day = day;
	snprintf(row->folder, sizeof(row->folder), "%016" PRIx64, tenant->number);
	snprintf(row->name, sizeof(row->name), "%.63s", tenant->name);
	return any;
}

static void give_back(struct vs_tenants *tenants, const struct vs_usage_row *row)
{
	struct vs_tenant *tenant = vs_tenants_find(tenants, strtoull(row->folder, NULL, 16), row->name);
	for (int kind = 0; kind < VS_USAGES; kind++)
		vs_tenant_count(tenant, (enum vs_usage_kind)kind, row->counts[kind]);
}

int vs_tenants_flush(struct vs_tenants *tenants, struct vs_store *store, struct vs_error *error)
{
	int32_t day = (int32_t)(vs_clock_wall_ms() / 86400000);
	if (!tenants->mapped) /* of one CGI request: a commit for each would cost more than it tells */
		return 0;
	struct vs_usage_row *rows = calloc(VS_TENANTS_MAX, sizeof(*rows));
	size_t count = 0;
	if (!rows)
		return vs_error_set(error, VS_ENOMEM, "no memory for the usage of namespaces");
	for (unsigned i = 0; i < VS_TENANTS_MAX; i++) {
		struct vs_tenant *tenant = &tenants->shared->tenants[i];
		if (vs_load_acquire(&tenant->number) == 0)
			continue;
		/* Not for each who asks: thousands of rows would be written every time. */
		uint64_t last = vs_load_relaxed(&tenant->counted_at);
		if (last != 0 && vs_clock_mono_ns() - last >= SECOND)
			count_time(tenant, vs_clock_mono_ns());
		count += take_counts(tenant, day, &rows[count]);
	}
	int rc = count > 0 ? vs_store_add_usage(store, rows, count, error) : 0;
	for (size_t i = 0; rc && i < count; i++)
		give_back(tenants, &rows[i]);
	free(rows);
	return rc;
}

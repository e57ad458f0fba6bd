/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/tenants: RUN/tenants.shm, what all workers share of namespaces and keys and may be lost: buckets of requests,
 * places of requests at work, counts for the table usage. Atomics alone: a process may die at any instruction and holds nothing
 * longer than it takes to see that it is dead (I7).
 */
#ifndef VS_SERVICE_TENANTS_H
#define VS_SERVICE_TENANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/usage.h"

struct vs_error;
struct vs_store;
struct vs_tenants;
struct vs_tenant; /* one namespace in there */

#define VS_TENANTS_MAX 16384 /* namespaces that were used since the file was made; more are neither bounded nor counted */

/* run_dir NULL: private memory. The file is made when missing; one of another version is replaced. */
int vs_tenants_open(const char *run_dir, struct vs_tenants **tenants, struct vs_error *error);
void vs_tenants_close(struct vs_tenants *tenants); /* NULL allowed */

/* This process answers requests: it is counted among those that do, until it ends. */
void vs_tenants_join(struct vs_tenants *tenants);
/* Whether this process is held up by a reader who does not take its answer. */
void vs_tenants_stall(struct vs_tenants *tenants, bool stalled);
/* One that is held up stays so, and answers that may hold one up are begun, only while fewer than half of those who joined are (one
 * may always be): the others are there for everybody else. Of several that are, those who joined first stay. */
bool vs_tenants_may_stall(const struct vs_tenants *tenants);

/* This process works on a request of the flow from now on; 0: on none. */
void vs_tenants_set_flow(struct vs_tenants *tenants, uint64_t flow, uint64_t now_ns);
/* Whether any process has done so for half a millisecond, and ten seconds at most: for so long one that died may seem to be at work. */
bool vs_tenants_flow_at_work(const struct vs_tenants *tenants, uint64_t flow, uint64_t now_ns);
/* Whether some flow is at work in that sense, and more than one was served within the last ten minutes. */
bool vs_tenants_flows_meet(const struct vs_tenants *tenants, uint64_t now_ns);

/* number: of vs_namespace_number. NULL when there are too many. Valid until close. */
struct vs_tenant *vs_tenants_find(struct vs_tenants *tenants, uint64_t number, const char *name);

/* Takes one request out of a bucket that is filled with `rate` a second and holds as many; else false, and *wait_ns is when
 * there will be one. now_ns: of vs_clock_mono_ns. */
bool vs_tenant_take(struct vs_tenant *tenant, uint64_t rate, uint64_t now_ns, uint64_t *wait_ns);
/* The same out of the bucket of a key, by the number of its principal. Always true when too many keys (thousands) have asked in
 * this second. */
bool vs_tenants_take_of_key(struct vs_tenants *tenants, uint64_t key, uint64_t rate, uint64_t now_ns, uint64_t *wait_ns);

/* This process works on a request of the namespace, unless `most` processes do for the same account (0: no bound), which is the
 * namespace's number or a key's. One at a time; leave ends it. */
bool vs_tenants_enter(struct vs_tenants *tenants, const struct vs_tenant *tenant, uint64_t account, uint64_t most);
void vs_tenants_leave(struct vs_tenants *tenants);
/* Living processes that do so now, for whichever account. */
uint64_t vs_tenants_at_work(const struct vs_tenants *tenants, const struct vs_tenant *tenant);

void vs_tenant_count(struct vs_tenant *tenant, enum vs_usage_kind kind, uint64_t n); /* NULL allowed */
/* What there is now: it counts by time from here on. */
void vs_tenant_measure(struct vs_tenant *tenant, uint64_t vectors, uint64_t storage_bytes);
/* Sums of the last measures. */
void vs_tenants_sum(const struct vs_tenants *tenants, uint64_t *vectors, uint64_t *storage_bytes);

/* Moves all counts into the store's table usage, under the day of now. Killed in it, what was counted since the last time is
 * lost; nothing is ever there twice. Does nothing for private memory. */
int vs_tenants_flush(struct vs_tenants *tenants, struct vs_store *store, struct vs_error *error);

#endif

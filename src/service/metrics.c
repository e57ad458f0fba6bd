/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN/metrics.shm, volatile, one struct vs_shared. A file of another version or size is replaced. Every word is an
 * aligned 64-bit atomic; a reader may see a request in one figure and not yet in another, never half a number.
 */
#include "service/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomics.h"
#include "base/error.h"
#include "base/process.h"
#include "service/route.h"
#include "service/shared.h"

#define METRICS_MAGIC UINT64_C(0x3148534d53434556) /* "VECSMSH1" */
#define METRICS_VERSION 14u
#define BOUNDS_MAX 16
#define SLOTS 256u /* processes; one beyond is served, but not counted as active */

static const struct {
	const char *name;
	const char *help;
} counters[VS_COUNTERS] = {
#define VS_COUNTER(id, name, help) { name, help },
#define VS_HISTOGRAM(id, name, help, unit, ...)
#include "service/metrics.tbl"
#undef VS_COUNTER
#undef VS_HISTOGRAM
};

static const struct histogram_info {
	const char *name;
	const char *help;
	bool seconds;   /* its sum is kept in nanoseconds */
	unsigned count; /* of bounds */
	double bounds[BOUNDS_MAX];
} histograms[VS_HISTOGRAMS] = {
#define VS_COUNTER(id, name, help)
#define VS_HISTOGRAM(id, name, help, unit, ...) \
	{ name, help, sizeof(unit) == sizeof("seconds"), sizeof((double[]){ __VA_ARGS__ }) / sizeof(double), { __VA_ARGS__ } },
#include "service/metrics.tbl"
#undef VS_COUNTER
#undef VS_HISTOGRAM
};

static const struct histogram_info request_seconds = {
	"vecstore_request_duration_seconds", "Time of a request in the worker.", true, 11,
	{ 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1 },
};

/* The statuses that are told apart; others count as the last. */
static const int statuses[] = { 200, 202, 304, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 429, 500, 503, 507, 0 };
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

struct shared_histogram {
	uint64_t buckets[BOUNDS_MAX + 1]; /* not cumulative; the one past the bounds is the rest */
	uint64_t sum;                     /* nanoseconds, or the unit itself */
};

struct vs_shared {
	struct vs_shared_head head;
	uint64_t counters[VS_COUNTERS];
	struct shared_histogram histograms[VS_HISTOGRAMS];
	uint64_t requests[VS_OPERATIONS + 1][STATUSES];
	struct shared_histogram durations[VS_OPERATIONS + 1];
	struct {
		uint64_t owner;  /* process and start time; 0: free */
		uint64_t active; /* requests in hand */
	} slots[SLOTS];
};

_Static_assert(sizeof(struct vs_shared) % 8 == 0, "all words are 64 bits");

struct vs_metrics {
	struct vs_shared *shared;
	bool mapped; /* else from calloc */
	int slot;    /* -1: none yet; -2: all were taken */
};

/* ---- the file ------------------------------------------------------------------------------------------- */

int vs_metrics_open(const char *run_dir, struct vs_metrics **metrics, struct vs_error *error)
{
	struct vs_metrics *m = calloc(1, sizeof(*m));
	void *address = NULL;
	*metrics = NULL;
	if (!m)
		return vs_error_set(error, VS_ENOMEM, "no memory for metrics");
	m->slot = -1;
	m->mapped = run_dir != NULL;
	int rc = 0;
	if (m->mapped)
		rc = vs_shared_open(run_dir, "metrics", METRICS_MAGIC, METRICS_VERSION, sizeof(*m->shared), &address, error);
	else if (!(address = calloc(1, sizeof(*m->shared))))
		rc = vs_error_set(error, VS_ENOMEM, "no memory for metrics");
	m->shared = address;
	if (rc) {
		free(m);
		return rc;
	}
	*metrics = m;
	return 0;
}

void vs_metrics_close(struct vs_metrics *metrics)
{
	if (!metrics)
		return;
	if (metrics->slot >= 0) {
		vs_store_relaxed(&metrics->shared->slots[metrics->slot].active, 0);
		vs_store_release(&metrics->shared->slots[metrics->slot].owner, 0);
	}
	if (metrics->mapped)
		vs_shared_close(metrics->shared, sizeof(*metrics->shared));
	else
		free(metrics->shared);
	free(metrics);
}

/* ---- counting ------------------------------------------------------------------------------------------- */

static void observe(struct shared_histogram *shared, const struct histogram_info *info, double value)
{
	unsigned i = 0;
	while (i < info->count && value > info->bounds[i])
		i++;
	vs_add_relaxed(&shared->buckets[i], 1);
	vs_add_relaxed(&shared->sum, (uint64_t)(info->seconds ? value * 1e9 : value));
}

void vs_metrics_add(struct vs_metrics *metrics, enum vs_counter counter, uint64_t n)
{
	vs_add_relaxed(&metrics->shared->counters[counter], n);
}

uint64_t vs_metrics_get(const struct vs_metrics *metrics, enum vs_counter counter)
{
	return vs_load_relaxed(&metrics->shared->counters[counter]);
}

void vs_metrics_observe(struct vs_metrics *metrics, enum vs_histogram histogram, double value)
{
	observe(&metrics->shared->histograms[histogram], &histograms[histogram], value);
}

void vs_metrics_request(struct vs_metrics *metrics, unsigned operation, int status, double seconds)
{
	size_t i = 0;
	while (i < STATUSES - 1 && statuses[i] != status)
		i++;
	vs_add_relaxed(&metrics->shared->requests[operation][i], 1);
	observe(&metrics->shared->durations[operation], &request_seconds, seconds);
}

/* ---- who is at work -------------------------------------------------------------------------------------- */

static void claim_slot(struct vs_metrics *metrics)
{
	uint64_t self = vs_process_self();
	metrics->slot = -2;
	for (unsigned i = 0; self && i < SLOTS; i++) {
		uint64_t *owner = &metrics->shared->slots[i].owner;
		uint64_t seen = vs_load_acquire(owner);
		if (seen != 0 && vs_process_lives(seen))
			continue;
		if (!__atomic_compare_exchange_n(owner, &seen, self, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		vs_store_relaxed(&metrics->shared->slots[i].active, 0);
		metrics->slot = (int)i;
		return;
	}
}

void vs_metrics_begin(struct vs_metrics *metrics)
{
	if (metrics->slot == -1)
		claim_slot(metrics);
	if (metrics->slot >= 0)
		vs_store_relaxed(&metrics->shared->slots[metrics->slot].active, 1);
}

void vs_metrics_end(struct vs_metrics *metrics)
{
	if (metrics->slot >= 0)
		vs_store_relaxed(&metrics->shared->slots[metrics->slot].active, 0);
}

static uint64_t count_active(const struct vs_shared *shared)
{
	uint64_t active = 0;
	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t n = vs_load_relaxed(&shared->slots[i].active);
		if (n > 0 && vs_process_lives(vs_load_acquire(&shared->slots[i].owner)))
			active += n;
	}
	return active;
}

/* ---- Prometheus text ------------------------------------------------------------------------------------- */

static void put_head(struct vs_buf *out, const char *name, const char *help, const char *type)
{
	vs_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* labels: "" or "method=…,route=…" */
static void put_histogram(struct vs_buf *out, const struct histogram_info *info, const struct shared_histogram *shared,
                          const char *labels)
{
	const char *comma = labels[0] ? "," : "";
	uint64_t count = 0;
	for (unsigned i = 0; i < info->count; i++) {
		count += vs_load_relaxed(&shared->buckets[i]);
		vs_buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", info->name, labels, comma, info->bounds[i], count);
	}
	count += vs_load_relaxed(&shared->buckets[info->count]);
	vs_buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", info->name, labels, comma, count);
	double sum = (double)vs_load_relaxed(&shared->sum) * (info->seconds ? 1e-9 : 1.0);
	const char *open = labels[0] ? "{" : "";
	const char *close = labels[0] ? "}" : "";
	vs_buf_printf(out, "%s_sum%s%s%s %.9g\n", info->name, open, labels, close, sum);
	vs_buf_printf(out, "%s_count%s%s%s %" PRIu64 "\n", info->name, open, labels, close, count);
}

/* "method=…,route=…" of a row into labels[128]; the row past the last stands for requests that match none. */
static void make_labels(unsigned row, char *labels)
{
	const char *method = row < VS_OPERATIONS ? vs_operations[row].method : "";
	const char *path = row < VS_OPERATIONS ? vs_operations[row].path : "unmatched";
	snprintf(labels, 128, "method=\"%s\",route=\"%s\"", method, path);
}

static void put_requests(struct vs_buf *out, const struct vs_shared *shared)
{
	char labels[128];
	put_head(out, "vecstore_requests_total", "Requests answered.", "counter");
	for (unsigned row = 0; row <= VS_OPERATIONS; row++) {
		make_labels(row, labels);
		for (size_t i = 0; i < STATUSES; i++) {
			uint64_t n = vs_load_relaxed(&shared->requests[row][i]);
			if (n == 0)
				continue;
			if (statuses[i])
				vs_buf_printf(out, "vecstore_requests_total{%s,code=\"%d\"} %" PRIu64 "\n", labels, statuses[i], n);
			else
				vs_buf_printf(out, "vecstore_requests_total{%s,code=\"other\"} %" PRIu64 "\n", labels, n);
		}
	}
	put_head(out, request_seconds.name, request_seconds.help, "histogram");
	for (unsigned row = 0; row <= VS_OPERATIONS; row++) {
		make_labels(row, labels);
		put_histogram(out, &request_seconds, &shared->durations[row], labels);
	}
}

void vs_metrics_encode(const struct vs_metrics *metrics, struct vs_buf *out)
{
	const struct vs_shared *shared = metrics->shared;
	for (unsigned i = 0; i < VS_COUNTERS; i++) {
		put_head(out, counters[i].name, counters[i].help, "counter");
		vs_buf_printf(out, "%s %" PRIu64 "\n", counters[i].name, vs_load_relaxed(&shared->counters[i]));
	}
	for (unsigned i = 0; i < VS_HISTOGRAMS; i++) {
		put_head(out, histograms[i].name, histograms[i].help, "histogram");
		put_histogram(out, &histograms[i], &shared->histograms[i], "");
	}
	put_requests(out, shared);
	put_head(out, "vecstore_active_connections", "Requests being worked on now.", "gauge");
	vs_buf_printf(out, "vecstore_active_connections %" PRIu64 "\n", count_active(shared));
}

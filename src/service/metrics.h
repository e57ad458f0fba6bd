/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/metrics: counters and histograms in shared memory (RUN/metrics.shm), so that any worker can answer
 * for all. Only relaxed atomics: a process may die at any instruction and nothing stays locked (I7). Names, types and
 * help texts come from metrics.tbl.
 */
#ifndef VS_SERVICE_METRICS_H
#define VS_SERVICE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

struct vs_error;
struct vs_metrics;

/* run_dir NULL: private memory. The file is made when missing; one of another version is replaced. */
int vs_metrics_open(const char *run_dir, struct vs_metrics **metrics, struct vs_error *error);
void vs_metrics_close(struct vs_metrics *metrics); /* NULL allowed */

enum vs_counter {
#define VS_COUNTER(id, name, help) VS_COUNT_##id,
#define VS_HISTOGRAM(id, name, help, unit, ...)
#include "service/metrics.tbl"
#undef VS_COUNTER
#undef VS_HISTOGRAM
	VS_COUNTERS
};

enum vs_histogram {
#define VS_COUNTER(id, name, help)
#define VS_HISTOGRAM(id, name, help, unit, ...) VS_HISTOGRAM_##id,
#include "service/metrics.tbl"
#undef VS_COUNTER
#undef VS_HISTOGRAM
	VS_HISTOGRAMS
};

void vs_metrics_add(struct vs_metrics *metrics, enum vs_counter counter, uint64_t n);
uint64_t vs_metrics_get(const struct vs_metrics *metrics, enum vs_counter counter);
/* value in the histogram's unit (seconds, or a count). */
void vs_metrics_observe(struct vs_metrics *metrics, enum vs_histogram histogram, double value);
/* One request of operation `operation` (its row number in operations.tbl) answered with HTTP `status`. */
void vs_metrics_request(struct vs_metrics *metrics, unsigned operation, int status, double seconds);

/* A process in a request: begin claims a slot keyed by pid and start time; vs_metrics_encode counts the slots whose
 * process lives. */
void vs_metrics_begin(struct vs_metrics *metrics);
void vs_metrics_end(struct vs_metrics *metrics);

/* Prometheus text (0.0.4) of all counters and histograms; the caller adds gauges that it knows. */
void vs_metrics_encode(const struct vs_metrics *metrics, struct vs_buf *out);

#endif

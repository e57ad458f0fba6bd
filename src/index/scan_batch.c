/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/scan_batch: one pass, shared out among threads in chunks of slots. Each thread has tops of its own, which are
 * merged at the end; hits are ordered by (distance, slot), so which thread found what cannot be seen.
 *
 * Threads live as long as the call. They allocate nothing, and run only between the creation of the last and the end
 * of all: so when one of them hits the end of a file that was cut short, the caller is in no lock
 * (programs/fcgi/worker.c).
 */
#include "index/scan_batch.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "index/scan_impl.h"

#define CHUNK 4096                /* slots */
#define STACK_BYTES (512u << 10) /* sanitizers need some */

struct crew {
	const struct vs_scan_plan *plan;
	_Atomic uint64_t next; /* slot that nobody has taken */
	uint32_t end;
	pthread_mutex_t gate; /* held by the caller until all were started */
	sem_t done;           /* posted by each */
};

struct hand {
	struct crew *crew;
	struct vs_scan_part part;
	pthread_t thread;
};

static void work(struct crew *crew, struct vs_scan_part *part)
{
	for (;;) {
		uint64_t from = atomic_fetch_add_explicit(&crew->next, CHUNK, memory_order_relaxed);
		uint64_t to = from + CHUNK < crew->end ? from + CHUNK : crew->end;
		if (from >= crew->end)
			return;
		vs_scan_part_run(part, crew->plan, (uint32_t)from, (uint32_t)to);
	}
}

static void *hand_main(void *context)
{
	struct hand *hand = context;

	pthread_mutex_lock(&hand->crew->gate);
	pthread_mutex_unlock(&hand->crew->gate);
	work(hand->crew, &hand->part);
	sem_post(&hand->crew->done);
	return NULL;
}

/* Signals are for the caller's thread, but for those that an instruction of this one raises. */
static void block_signals(sigset_t *before)
{
	static const int own[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE };
	sigset_t all;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

/* Starts up to `wanted`; returns how many were. */
static unsigned start(struct crew *crew, struct hand *hands, unsigned wanted)
{
	pthread_attr_t attributes;
	sigset_t before;
	unsigned count = 0;

	if (pthread_attr_init(&attributes) != 0)
		return 0;
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	block_signals(&before);
	while (count < wanted) {
		struct hand *hand = &hands[count];
		hand->crew = crew;
		if (vs_scan_part_init(&hand->part, crew->plan, true) < 0)
			break;
		if (pthread_create(&hand->thread, &attributes, hand_main, hand) != 0) {
			vs_scan_part_release(&hand->part, crew->plan);
			break;
		}
		count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return count;
}

static void merge(const struct vs_scan_plan *plan, struct vs_scan_part *part)
{
	for (uint32_t i = 0; i < plan->scan->count; i++)
		for (uint32_t j = 0; j < part->tops[i].len; j++)
			vs_topk_append(plan->scan->queries[i].top, part->tops[i].hits[j].distance, part->tops[i].hits[j].slot);
}

static uint32_t run_threads(const struct vs_scan_plan *plan, struct vs_scan_part *own, uint32_t from, uint32_t to,
                            unsigned threads)
{
	struct hand hands[VS_SCAN_THREADS_MAX];
	struct crew crew = { .plan = plan, .next = from, .end = to };
	uint32_t scanned;
	unsigned count;

	pthread_mutex_init(&crew.gate, NULL);
	sem_init(&crew.done, 0, 0);
	pthread_mutex_lock(&crew.gate);
	count = start(&crew, hands, threads - 1);
	pthread_mutex_unlock(&crew.gate);
	work(&crew, own);
	for (unsigned i = 0; i < count; i++)
		while (sem_wait(&crew.done) != 0)
			continue; /* a signal */
	scanned = own->scanned;
	for (unsigned i = 0; i < count; i++) {
		pthread_join(hands[i].thread, NULL);
		merge(plan, &hands[i].part);
		scanned += hands[i].part.scanned;
		vs_scan_part_release(&hands[i].part, plan);
	}
	sem_destroy(&crew.done);
	pthread_mutex_destroy(&crew.gate);
	return scanned;
}

int vs_scan_batch(const struct vs_scan *scan, uint32_t *scanned, struct vs_error *error)
{
	uint32_t to = scan->to < scan->view->count ? scan->to : scan->view->count;
	unsigned threads = scan->threads < VS_SCAN_THREADS_MAX ? scan->threads : VS_SCAN_THREADS_MAX;
	struct vs_scan_plan plan;
	struct vs_scan_part own;
	int rc;

	*scanned = 0;
	to = to < scan->accept->len ? to : scan->accept->len;
	if (scan->from >= to || scan->count == 0)
		return 0;
	if (threads > (to - scan->from) / CHUNK + 1)
		threads = (to - scan->from) / CHUNK + 1;
	rc = vs_scan_plan_init(&plan, scan, error);
	if (rc < 0)
		return rc;
	rc = vs_scan_part_init(&own, &plan, false);
	if (rc < 0) {
		rc = vs_error_set(error, rc, "no memory for %u queries", scan->count);
	} else if (threads > 1) {
		*scanned = run_threads(&plan, &own, scan->from, to, threads);
	} else {
		vs_scan_part_run(&own, &plan, scan->from, to);
		*scanned = own.scanned;
	}
	vs_scan_part_release(&own, &plan);
	vs_scan_plan_release(&plan);
	return rc;
}

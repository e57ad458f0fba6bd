/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vecstore-indexer: does in the background what makes answers fast: links what was committed, writes liveness,
 * copies WALs back. Answers are right without it. Killed at any instruction, the next one goes on (I7).
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/vecstore.h"
#include "programs/indexer/keeper.h"
#include "programs/indexer/watch.h"

#define MS UINT64_C(1000000)
#define SWEEP (5000 * MS)  /* looks at everything so often, in case events were lost */
#define DEBOUNCE (20 * MS) /* commits come in bursts */
#define NICE 5             /* queries come first */
#define THREADS_MAX 256
#define CHANGES_KEPT_MAX 1000000000
#define COMPACT_AT 25 /* per cent: as --compact-at of vecstore serve */

static volatile sig_atomic_t stopping;
static int stop_event = -1;

static void on_stop(int signum)
{
	uint64_t one = 1;
	int saved = errno;
	(void)signum;
	stopping = 1;
	if (write(stop_event, &one, sizeof one) < 0) {
		/* full, so already readable */
	}
	errno = saved;
}

static int catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	stop_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (stop_event < 0 || sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* ---- settings --------------------------------------------------------------------------------------------- */

static int usage(FILE *out, int status)
{
	fputs(
	    "usage: vecstore-indexer [--data DIR]\n\n"
	    "Builds and mends what makes queries fast, for every namespace of a data folder. vecstore serve starts it.\n\n"
	    "  --data DIR  the data folder (default: $VECSTORE_DATA, else ./data)\n"
	    "  --version   print the version\n"
	    "  --help      print this\n\n"
	    "VECSTORE_RUN_DIR is the run folder, whose counts of usage it keeps.\n"
	    "VECSTORE_INDEX_THREADS limits its threads (default: one per core).\n"
	    "VECSTORE_COMPACT_AT is the share of dead slots in per cent at which it compacts (default: 25; 0: never).\n"
	    "VECSTORE_DEFAULT_QUOTA bounds what jobs make of namespaces that have no quotas of their own.\n"
	    "VECSTORE_CHANGES_KEPT says how many changes of a namespace are kept at least (default: 100000).\n",
	    out);
	return status;
}

/* A number from the environment; *value stays when it is not set. */
static int read_number(const char *name, long low, long high, unsigned *value)
{
	const char *text = getenv(name);
	if (!text || !*text)
		return 0;
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n < low || n > high) {
		fprintf(stderr, "vecstore-indexer: %s: '%s' is no number from %ld to %ld\n", name, text, low, high);
		return -1;
	}
	*value = (unsigned)n;
	return 0;
}

static int read_quota(struct vs_quota *quota)
{
	const char *text = getenv("VECSTORE_DEFAULT_QUOTA");
	struct vs_error error;
	*quota = vs_quota_none();
	if (!text || !*text || vs_quota_parse(text, quota, &error) == 0)
		return 0;
	fprintf(stderr, "vecstore-indexer: VECSTORE_DEFAULT_QUOTA: %s\n", error.text);
	return -1;
}

/* -1: go on; else the exit status. */
static int read_settings(int argc, char **argv, struct vs_keeper_settings *settings)
{
	static const struct option options[] = {
		{ "data", required_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	*settings = (struct vs_keeper_settings){ .data = getenv("VECSTORE_DATA"),
		                                     .compact_at = COMPACT_AT,
		                                     .run_dir = getenv("VECSTORE_RUN_DIR") };
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (c == 'h')
			return usage(stdout, 0);
		if (c == 'v') {
			printf("vecstore-indexer %s\n", vs_version());
			return 0;
		}
		if (c == 'd')
			settings->data = optarg;
		if (c == '?') {
			fprintf(stderr, "vecstore-indexer: unknown or incomplete flag %s\n", argv[optind - 1]);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vecstore-indexer: unexpected argument '%s'\n", argv[optind]);
		return 2;
	}
	if (!settings->data || !*settings->data)
		settings->data = "./data";
	if (settings->run_dir && !*settings->run_dir)
		settings->run_dir = NULL;
	if (read_number("VECSTORE_INDEX_THREADS", 1, THREADS_MAX, &settings->threads) ||
	    read_number("VECSTORE_COMPACT_AT", 0, 100, &settings->compact_at) ||
	    read_number("VECSTORE_CHANGES_KEPT", 1, CHANGES_KEPT_MAX, &settings->changes_kept) || read_quota(&settings->quota))
		return 2;
	return -1;
}

/* ---- loop ------------------------------------------------------------------------------------------------- */

/* Waits until `when`, or until something changes; then a little longer, for what comes with it. */
static void wait_for_change(int watch, uint64_t when)
{
	uint64_t now = vs_clock_mono_ns();
	uint64_t ms = when > now ? (when - now + MS - 1) / MS : 0;
	struct pollfd polled[] = { { .fd = watch, .events = POLLIN }, { .fd = stop_event, .events = POLLIN } };
	if (poll(polled, 2, (int)ms) > 0 && polled[0].revents && !stopping) {
		struct timespec pause = { .tv_nsec = (long)DEBOUNCE };
		nanosleep(&pause, NULL);
	}
}

static void loop(struct vs_keeper *keeper, int watch)
{
	uint64_t sweep = vs_clock_mono_ns() + SWEEP;
	while (!stopping) {
		vs_keeper_notice(keeper);
		if (vs_clock_mono_ns() >= sweep) {
			vs_keeper_sweep(keeper);
			sweep = vs_clock_mono_ns() + SWEEP;
		}
		uint64_t when = vs_keeper_pass(keeper);
		if (!stopping)
			wait_for_change(watch, when < sweep ? when : sweep);
	}
}

int main(int argc, char **argv)
{
	struct vs_keeper_settings settings;
	struct vs_error error = { .text = "out of memory" };
	struct vs_keeper *keeper = NULL;
	int watch = -1;
	int status = read_settings(argc, argv, &settings);
	if (status >= 0)
		return status;
	vs_log_init("vecstore-indexer", NULL, -1);
	setpriority(PRIO_PROCESS, 0, NICE);
	if (catch_signals() != 0 || vs_watch_open(&watch, &error) ||
	    vs_keeper_open(&settings, watch, &stopping, &keeper, &error)) {
		vs_log(VS_LOG_ERROR, "cannot start: %s", error.text);
		return 1;
	}
	loop(keeper, watch);
	vs_keeper_close(keeper);
	close(watch);
	return 0;
}

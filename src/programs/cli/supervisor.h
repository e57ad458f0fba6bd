/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/supervisor: keeps workers, the indexer and the private web server running until it is told to stop.
 * It starts, watches and ends processes, and does nothing else: no store, no request ever enters it.
 *
 *   SIGTERM, SIGINT  web server first (it finishes its requests), then workers and indexer; a second one hurries
 *   SIGHUP           reads the settings again; replaces workers one by one, the indexer, and lighttpd's configuration
 */
#ifndef VS_CLI_SUPERVISOR_H
#define VS_CLI_SUPERVISOR_H

#include "programs/cli/child.h"
#include "programs/cli/webserver.h"

struct vs_args;
struct vs_error;
struct vs_metrics;

#define VS_WORKERS_MAX 256

enum vs_phase {
	VS_PHASE_RUN,
	VS_PHASE_STOP_WEB, /* the web server finishes its requests */
	VS_PHASE_STOP_ALL, /* so do the others */
	VS_PHASE_KILL,     /* time is up */
};

struct vs_supervisor {
	struct vs_child indexer;
	struct vs_child web; /* retired from the start without --http */
	struct vs_child workers[VS_WORKERS_MAX];
	unsigned worker_count; /* wanted; slots past it are retired */
	struct vs_webserver webserver;
	struct vs_metrics *metrics;
	int signals; /* signalfd */
	enum vs_phase phase;
	uint64_t web_deadline, deadline; /* of the phases */
	unsigned roll;                   /* the worker being replaced; worker_count and more: none */
	bool roll_started;               /* its successor was started */
	uint64_t roll_due;               /* when that one is taken for sound */
	bool reload_wanted;
	/* Reads the settings again into *supervisor (worker_count, webserver) and the environment of children. */
	int (*reload)(void *context, struct vs_supervisor *supervisor, bool *web_changed, struct vs_error *error);
	void *context;
};

/* Starts everything and returns when it runs: when lighttpd accepts, and no child has died. On failure, nothing is
 * left running. The caller has filled in the children's names, argv and input, worker_count and webserver. */
int vs_supervisor_start(struct vs_supervisor *supervisor, struct vs_error *error);
/* Until it has stopped: 0, or -1 when something had to be killed. */
int vs_supervisor_run(struct vs_supervisor *supervisor);

#endif

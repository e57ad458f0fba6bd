/* SPDX-License-Identifier: Apache-2.0 */
/* vecstore compact: a namespace without its dead slots, while others read and write, whether a server runs or not. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/error.h"
#include "engine/vecstore.h"
#include "programs/cli/args.h"
#include "programs/cli/local.h"
#include "programs/cli/progress.h"

static volatile sig_atomic_t stopping;

static void on_stop(int signum)
{
	(void)signum;
	stopping = 1;
}

static int on_progress(void *context, enum vs_compact_phase phase, uint64_t done, uint64_t total)
{
	const char *name;
	double share = vs_compact_share(phase, done, total, &name);
	vs_progress_share(context, share, name);
	return stopping;
}

int vs_command_compact(struct vs_args *args)
{
	const char *name = vs_args_text(args, VS_FLAG_NAMESPACE);
	char actor[32];
	struct vs_audit_event event = vs_local_event("compact", actor);
	struct vs_error error;
	struct vs_store *store = NULL;
	struct vs_namespace *ns = NULL;
	struct vs_progress progress;
	struct vs_compact_options options = { 0, on_progress, &progress };
	struct vs_compact_result result = { 0, 0 };
	struct sigaction stop = { .sa_handler = on_stop, .sa_flags = SA_RESTART };
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	int rc = vs_store_open(vs_args_text(args, VS_FLAG_DATA), 0, &store, &error);
	if (!rc)
		rc = vs_namespace_open(store, name, NULL, &ns, &error);
	event.ns = name;
	if (!rc)
		rc = vs_local_begin(store, &event, &error);
	vs_progress_begin(&progress, 0);
	if (!rc) {
		rc = vs_namespace_compact(ns, &options, &result, &error);
		vs_local_end(store, &event, rc);
	}
	vs_progress_end(&progress);
	vs_namespace_close(ns);
	vs_store_close(store);
	if (rc) {
		fprintf(stderr, "vecstore: %s\n", rc > 0 ? "stopped; nothing has changed" : error.text);
		return 1;
	}
	printf("%s: removed %" PRIu64 " dead slots, freed %" PRIu64 " bytes in %.1f s\n", name, result.removed_count,
	       result.freed_bytes, vs_progress_seconds(&progress));
	return 0;
}

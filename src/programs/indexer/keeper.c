/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/indexer/keeper.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "engine/vecstore.h"
#include "programs/indexer/compactor.h"
#include "programs/indexer/runner.h"
#include "programs/indexer/watch.h"
#include "service/tenants.h"

#define MS UINT64_C(1000000)
#define BUSY_RETRY (100 * MS) /* another indexer has the namespace: soon it may not */
#define FIRST_RETRY (100 * MS)
#define LAST_RETRY (5000 * MS)
#define SETTLE (1200 * MS) /* the engine puts off what would otherwise be done too often: at most a second */
#define FLUSH (60000 * MS) /* counts of usage: a machine that loses its power loses as much of them */
#define FIRST_LOOKS 32     /* of namespaces never seen, in one pass: what has changed goes on between them */
#define SECOND_LOOKS 8     /* of those at rest, in case events were lost, each time that everything is suspected */
#define OPEN_MOST 64       /* handles; fewer where descriptors are few */
#define DESCRIPTORS 32     /* that a large namespace may take */
#define LOOK_FOR_JOBS (500 * MS) /* so often while a namespace is linked */
#define LOG_LINKED 1000    /* slots linked at once that are worth a line */

/* A fault that may come again: said once, then again only when it reads differently. */
struct trouble {
	char text[sizeof((struct vs_error *)0)->text];
	unsigned count;
	uint64_t retry_at; /* 0: at once */
};

struct kept {
	struct kept *next;
	char name[64];
	char folder[17];
	struct vs_namespace *ns; /* NULL: to be opened when there is something to do */
	uint64_t used;           /* the keeper's clock when there was */
	bool known;              /* it was looked at once */
	char watched[512];       /* the generation's folder */
	int watch;               /* -1: not watched */
	bool dirty;              /* something may be to do */
	bool suspect;            /* so, but it is not worth opening it */
	bool listed;             /* seen in the catalogue by the last look */
	uint64_t settle_at;      /* 0: nothing is put off */
	struct trouble trouble;
	uint32_t linked_from, linked_to; /* by the call in hand */
	struct vs_keeper *keeper;
};

struct vs_keeper {
	const struct vs_keeper_settings *settings;
	int watch;
	const volatile sig_atomic_t *stop;
	struct vs_compactor *compactor;
	struct vs_runner *runner;
	uint64_t jobs_at; /* when to look for jobs though nothing changes; 0: then only */
	uint64_t jobs_seen; /* when they were last looked for */
	struct vs_store *store; /* NULL: to be opened */
	dev_t device;           /* of the data folder, to see when another took its place */
	ino_t inode;
	int data_watch;
	bool data_dirty;
	struct trouble trouble;
	struct kept *first; /* in order of names */
	struct kept **at;   /* while the catalogue is read, in the same order: where it is */
	unsigned open, open_most;
	uint64_t clock;
	char second_look[64]; /* the name after which to look again */
	struct vs_tenants *tenants; /* NULL: none are counted */
	uint64_t flush_at;
	bool reap; /* some namespace is to be deleted */
};

int vs_keeper_open(const struct vs_keeper_settings *settings, int watch, const volatile sig_atomic_t *stop,
                   struct vs_keeper **keeper, struct vs_error *error)
{
	*keeper = calloc(1, sizeof **keeper);
	if (!*keeper)
		return vs_error_set(error, VS_ENOMEM, "out of memory");
	(*keeper)->settings = settings;
	(*keeper)->watch = watch;
	(*keeper)->stop = stop;
	(*keeper)->data_watch = -1;
	(*keeper)->data_dirty = true;
	(*keeper)->open_most = vs_process_room(DESCRIPTORS, OPEN_MOST);
	if (settings->run_dir && vs_tenants_open(settings->run_dir, &(*keeper)->tenants, error))
		vs_log(VS_LOG_ERROR, "usage is not counted: %s", error->text);
	int rc = vs_compactor_open(settings, stop, &(*keeper)->compactor, error);
	if (!rc)
		rc = vs_runner_open(settings, stop, &(*keeper)->runner, error);
	if (rc) {
		vs_keeper_close(*keeper);
		*keeper = NULL;
	}
	return rc;
}

/* ---- trouble ---------------------------------------------------------------------------------------------- */

static void note_trouble(struct trouble *trouble, const char *who, const struct vs_error *error, uint64_t delay)
{
	if (strcmp(trouble->text, error->text) != 0) {
		snprintf(trouble->text, sizeof trouble->text, "%s", error->text);
		vs_log(error->code == VS_EBUSY || error->code == VS_ENOTFOUND ? VS_LOG_INFO : VS_LOG_ERROR, "%s: %s", who,
		       error->text);
	}
	if (delay == 0)
		delay = trouble->count < 6 ? FIRST_RETRY << trouble->count : LAST_RETRY;
	trouble->count++;
	trouble->retry_at = vs_clock_mono_ns() + (delay > LAST_RETRY ? LAST_RETRY : delay);
}

static void end_trouble(struct trouble *trouble, const char *who)
{
	if (trouble->count > 0)
		vs_log(VS_LOG_INFO, "%s: works again", who);
	memset(trouble, 0, sizeof *trouble);
}

/* ---- handles ---------------------------------------------------------------------------------------------- */

/* It goes on being watched. */
static void rest_kept(struct vs_keeper *keeper, struct kept *kept)
{
	keeper->open -= kept->ns != NULL;
	vs_namespace_close(kept->ns);
	kept->ns = NULL;
	kept->suspect = false;
}

static void close_kept(struct vs_keeper *keeper, struct kept *kept)
{
	rest_kept(keeper, kept);
	vs_watch_remove(keeper->watch, kept->watch);
	kept->watch = -1;
	kept->watched[0] = '\0';
}

/* Before another is opened: the one for which there was nothing to do the longest gives way. */
static void make_room(struct vs_keeper *keeper)
{
	struct kept *oldest = NULL;
	if (keeper->open < keeper->open_most)
		return;
	for (struct kept *kept = keeper->first; kept; kept = kept->next)
		if (kept->ns && (!oldest || kept->used < oldest->used))
			oldest = kept;
	if (oldest)
		rest_kept(keeper, oldest);
}

static void close_store(struct vs_keeper *keeper)
{
	while (keeper->first) {
		struct kept *kept = keeper->first;
		keeper->first = kept->next;
		close_kept(keeper, kept);
		free(kept);
	}
	vs_store_close(keeper->store);
	keeper->store = NULL;
	vs_watch_remove(keeper->watch, keeper->data_watch);
	keeper->data_watch = -1;
}

static void flush_usage(struct vs_keeper *keeper)
{
	struct vs_error error;
	keeper->flush_at = vs_clock_mono_ns() + FLUSH;
	if (keeper->tenants && keeper->store && vs_tenants_flush(keeper->tenants, keeper->store, &error))
		vs_log(VS_LOG_ERROR, "usage: %s", error.text);
}

void vs_keeper_close(struct vs_keeper *keeper)
{
	if (!keeper)
		return;
	vs_runner_close(keeper->runner);
	vs_compactor_close(keeper->compactor);
	flush_usage(keeper);
	close_store(keeper);
	vs_tenants_close(keeper->tenants);
	free(keeper);
}

/* ---- what changed ----------------------------------------------------------------------------------------- */

/* Events were lost. */
static void suspect_all(struct vs_keeper *keeper)
{
	keeper->data_dirty = true;
	for (struct kept *kept = keeper->first; kept; kept = kept->next)
		kept->dirty = true;
}

void vs_keeper_sweep(struct vs_keeper *keeper)
{
	unsigned looks = 0;
	keeper->data_dirty = true;
	for (struct kept *kept = keeper->first; kept; kept = kept->next)
		kept->suspect = kept->ns != NULL;
	for (struct kept *kept = keeper->first; kept && looks < SECOND_LOOKS; kept = kept->next) {
		if (kept->ns || strcmp(kept->name, keeper->second_look) <= 0)
			continue;
		kept->dirty = true;
		looks++;
		memcpy(keeper->second_look, kept->name, sizeof keeper->second_look);
	}
	if (looks == 0)
		keeper->second_look[0] = '\0';
}

static void on_change(void *context, int folder, bool gone)
{
	struct vs_keeper *keeper = context;
	if (folder < 0) {
		suspect_all(keeper);
		return;
	}
	if (folder == keeper->data_watch) {
		keeper->data_dirty = true;
		keeper->data_watch = gone ? -1 : folder;
		return;
	}
	for (struct kept *kept = keeper->first; kept; kept = kept->next) {
		if (kept->watch != folder)
			continue;
		kept->dirty = true;
		if (gone) {
			kept->watch = -1;
			kept->watched[0] = '\0';
		}
	}
}

void vs_keeper_notice(struct vs_keeper *keeper)
{
	vs_watch_read(keeper->watch, on_change, keeper);
}

static void offer_jobs(struct vs_keeper *keeper)
{
	keeper->jobs_at = vs_runner_offer(keeper->runner, keeper->store);
	keeper->jobs_seen = vs_clock_mono_ns();
}

/* ---- one namespace ---------------------------------------------------------------------------------------- */

static int progress(void *context, uint32_t linked, uint32_t slots)
{
	struct kept *kept = context;
	(void)slots;
	if (kept->linked_from == UINT32_MAX)
		kept->linked_from = linked;
	kept->linked_to = linked;
	/* Linking may take minutes, and no job is to wait for its end. */
	if (vs_clock_mono_ns() - kept->keeper->jobs_seen >= LOOK_FOR_JOBS)
		offer_jobs(kept->keeper);
	return *kept->keeper->stop ? 1 : 0;
}

/* Watches before the first look, so that no commit falls between. */
static void watch_kept(struct vs_keeper *keeper, struct kept *kept)
{
	const char *folder = vs_namespace_folder(kept->ns);
	if (kept->watch >= 0 && strcmp(folder, kept->watched) == 0)
		return;
	vs_watch_remove(keeper->watch, kept->watch);
	kept->watch = vs_watch_append(keeper->watch, folder);
	snprintf(kept->watched, sizeof kept->watched, "%s", folder);
}

/* Bytes of a file of the generation; 0: there is none. */
static off_t bytes_of(const struct kept *kept, const char *name)
{
	char path[600];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", vs_namespace_folder(kept->ns), name);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Empty, or so small that it has no graph, with its log copied back, as its last indexer left it. Thousands of them cost
 * little at a start. */
static bool is_settled(const struct kept *kept)
{
	if (bytes_of(kept, "vectors.f32") == 0)
		return true;
	return bytes_of(kept, "graph.hnsw") == 0 && bytes_of(kept, "meta.db-wal") == 0 && bytes_of(kept, "live.bits") > 0;
}

/* Until nothing is left to do, or something fails. */
static int index_kept(struct vs_keeper *keeper, struct kept *kept, struct vs_error *error)
{
	struct vs_index_options options = { keeper->settings->threads, progress, kept, keeper->settings->changes_kept };
	bool opened = !kept->ns;
	bool worked = true;
	unsigned rounds = 0; /* that did something */
	int rc = 0;
	if (opened) {
		make_room(keeper);
		rc = vs_namespace_open(keeper->store, kept->name, NULL, &kept->ns, error);
		keeper->open += rc == 0;
	}
	kept->used = ++keeper->clock;
	if (!rc && !kept->known)
		watch_kept(keeper, kept);
	if (!rc && !kept->known && is_settled(kept))
		return 0;
	while (!rc && worked && !*keeper->stop) {
		uint64_t begin = vs_clock_mono_ns();
		watch_kept(keeper, kept);
		kept->linked_from = UINT32_MAX;
		rc = vs_namespace_index(kept->ns, &options, &worked, error);
		rounds += !rc && worked;
		if (!rc && worked)
			kept->settle_at = vs_clock_mono_ns() + SETTLE;
		if (!rc && kept->linked_from != UINT32_MAX && kept->linked_to - kept->linked_from >= LOG_LINKED)
			vs_log(VS_LOG_INFO, "namespace %s: linked up to slot %u in %.1f s", kept->name, kept->linked_to,
			       (double)(vs_clock_mono_ns() - begin) / 1e9);
	}
	/* A fresh handle puts nothing off in its first round. To come back for it would never end where more namespaces have
	 * something to do than can be open. */
	if (!rc && opened && rounds <= 1)
		kept->settle_at = 0;
	return rc > 0 ? 0 : rc; /* stopped by progress */
}

/* What usage counts by time. */
static void measure(struct vs_keeper *keeper, struct kept *kept)
{
	struct vs_use use;
	if (keeper->tenants && vs_namespace_use(kept->ns, &use, NULL) == 0)
		vs_tenant_measure(vs_tenants_find(keeper->tenants, vs_namespace_number(kept->ns), kept->name), use.vectors,
		                  use.storage_bytes);
}

/* To be deleted now: it is let go of. */
static bool is_doomed(const struct vs_namespace_info *info)
{
	return info->status == VS_DELETING || (info->status == VS_PENDING_DELETION && info->delete_at <= vs_clock_wall_ms());
}

/* Others may be deleting it since the folder was looked through: what fails then is no trouble. */
static bool is_leaving(struct vs_keeper *keeper, const struct kept *kept)
{
	struct vs_namespace_info info;
	int rc = vs_store_find(keeper->store, kept->name, &info, NULL);
	return rc == VS_ENOTFOUND || (!rc && (is_doomed(&info) || strcmp(info.folder, kept->folder) != 0));
}

static void tend(struct vs_keeper *keeper, struct kept *kept, uint64_t now)
{
	char who[80];
	struct vs_error error = { .code = VS_OK };
	bool settle = kept->settle_at > 0 && kept->settle_at <= now;
	if (kept->trouble.count > 0 ? kept->trouble.retry_at > now : !kept->dirty && !kept->suspect && !settle)
		return;
	kept->dirty = kept->suspect = false;
	if (settle)
		kept->settle_at = 0;
	snprintf(who, sizeof who, "namespace %s", kept->name);
	int rc = index_kept(keeper, kept, &error);
	if (rc == VS_ESTALE) { /* a newer generation took its place */
		close_kept(keeper, kept);
		rc = index_kept(keeper, kept, &error);
	}
	kept->known = true;
	if (rc == 0) {
		end_trouble(&kept->trouble, who);
		if (kept->ns) {
			measure(keeper, kept);
			vs_compactor_offer(keeper->compactor, kept->ns, kept->name);
		}
	} else if (rc == VS_EBUSY) {
		note_trouble(&kept->trouble, who, &error, BUSY_RETRY);
	} else if (is_leaving(keeper, kept)) {
		close_kept(keeper, kept); /* the catalogue has changed, so the folder is looked through next */
	} else {
		close_kept(keeper, kept); /* after a fault nothing that was open is trusted */
		note_trouble(&kept->trouble, who, &error, 0);
	}
}

/* ---- the folder ------------------------------------------------------------------------------------------- */

static int list(void *context, const struct vs_namespace_info *info)
{
	struct vs_keeper *keeper = context;
	if (is_doomed(info)) {
		keeper->reap = true;
		return 0;
	}
	while (*keeper->at && strcmp((*keeper->at)->name, info->name) < 0)
		keeper->at = &(*keeper->at)->next;
	struct kept *there = *keeper->at;
	if (there && strcmp(there->name, info->name) == 0 && strcmp(there->folder, info->folder) == 0) {
		there->listed = true;
		return 0;
	}
	struct kept *kept = calloc(1, sizeof *kept);
	if (!kept)
		return VS_ENOMEM;
	memcpy(kept->name, info->name, sizeof kept->name);
	memcpy(kept->folder, info->folder, sizeof kept->folder);
	kept->watch = -1;
	kept->dirty = kept->listed = true;
	kept->keeper = keeper;
	kept->next = *keeper->at;
	*keeper->at = kept;
	return 0;
}

static void drop_unlisted(struct vs_keeper *keeper)
{
	for (struct kept **at = &keeper->first; *at;) {
		struct kept *kept = *at;
		if (kept->listed) {
			at = &kept->next;
			continue;
		}
		*at = kept->next;
		close_kept(keeper, kept);
		free(kept);
	}
}

static int reap(struct vs_keeper *keeper, struct vs_error *error)
{
	unsigned removed = 0;
	int rc = vs_store_reap(keeper->store, &removed, error);
	if (removed > 0)
		vs_log(VS_LOG_INFO, "%u namespace%s deleted", removed, removed == 1 ? "" : "s");
	return rc;
}

/* Opens the store, or again when another folder took the place of the one that is open, and reads the catalogue. */
static int look_at_data(struct vs_keeper *keeper, struct vs_error *error)
{
	struct stat st;
	int rc;
	if (stat(keeper->settings->data, &st) != 0) {
		vs_runner_forget(keeper->runner);
		close_store(keeper);
		return vs_error_set(error, VS_ENOTFOUND, "waiting for the data folder");
	}
	if (keeper->store && (st.st_dev != keeper->device || st.st_ino != keeper->inode)) {
		vs_runner_forget(keeper->runner);
		close_store(keeper);
	}
	if (keeper->data_watch < 0)
		keeper->data_watch = vs_watch_append(keeper->watch, keeper->settings->data);
	if (!keeper->store && (rc = vs_store_open(keeper->settings->data, 0, &keeper->store, error)))
		return rc;
	keeper->device = st.st_dev;
	keeper->inode = st.st_ino;
	for (struct kept *kept = keeper->first; kept; kept = kept->next)
		kept->listed = false;
	keeper->reap = false;
	keeper->at = &keeper->first;
	rc = vs_store_each(keeper->store, NULL, list, keeper, error);
	if (rc == VS_ENOMEM)
		return vs_error_set(error, rc, "no memory for the list of namespaces");
	/* Namespaces need not wait until the catalogue's log can be copied back. */
	if (rc == 0 && vs_store_index(keeper->store, NULL, error) == VS_EIO)
		rc = VS_EIO;
	if (rc == 0)
		drop_unlisted(keeper);
	else
		close_store(keeper);
	if (rc == 0 && keeper->reap)
		rc = reap(keeper, error);
	return rc;
}

static void sooner(uint64_t *when, uint64_t other)
{
	if (other > 0 && other < *when)
		*when = other;
}

uint64_t vs_keeper_pass(struct vs_keeper *keeper)
{
	uint64_t now = vs_clock_mono_ns();
	uint64_t when = UINT64_MAX;
	bool look = keeper->trouble.count > 0 ? keeper->trouble.retry_at <= now : keeper->data_dirty;
	if (look) {
		struct vs_error error;
		keeper->data_dirty = false;
		if (look_at_data(keeper, &error) == 0)
			end_trouble(&keeper->trouble, keeper->settings->data);
		else
			note_trouble(&keeper->trouble, keeper->settings->data, &error, 0);
	}
	sooner(&when, keeper->trouble.retry_at);
	unsigned looks = 0;
	if (keeper->store && (look || (keeper->jobs_at > 0 && keeper->jobs_at <= now)))
		offer_jobs(keeper);
	sooner(&when, keeper->jobs_at);
	for (struct kept *kept = keeper->first; kept && !*keeper->stop; kept = kept->next) {
		if (!kept->known && looks++ >= FIRST_LOOKS) {
			when = now;
			continue;
		}
		tend(keeper, kept, now);
		sooner(&when, kept->trouble.retry_at);
		sooner(&when, kept->settle_at);
	}
	if (keeper->tenants && keeper->flush_at <= now)
		flush_usage(keeper);
	if (keeper->tenants)
		sooner(&when, keeper->flush_at);
	return when;
}

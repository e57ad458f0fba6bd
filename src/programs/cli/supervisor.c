/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/cli/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "programs/cli/listen.h"
#include "service/metrics.h"

#define MS UINT64_C(1000000)
#define START_LIMIT (10000 * MS) /* for lighttpd to accept */
#define START_SOUND (30 * MS)    /* a worker that cannot even load its libraries has died by then */
#define ROLL_SOUND (100 * MS)
#define WEB_LIMIT (12000 * MS) /* more than server.graceful-shutdown-timeout of lighttpd.conf */
#define STOP_LIMIT (30000 * MS)
#define HURRY_LIMIT (2000 * MS)

/* Slot i of all: the indexer, the web server, then the workers. */
#define CHILDREN (2 + VS_WORKERS_MAX)

static struct vs_child *child_at(struct vs_supervisor *sup, unsigned i)
{
	return i == 0 ? &sup->indexer : i == 1 ? &sup->web : &sup->workers[i - 2];
}

static void tell(pid_t pid, int signum)
{
	if (pid > 0)
		kill(pid, signum);
}

/* Asks a process to finish and go, and has it killed when it does not. */
static void dismiss(struct vs_child *child, pid_t pid)
{
	tell(pid, SIGTERM);
	child->leave_by = vs_clock_mono_ns() + STOP_LIMIT;
}

static void tell_all(struct vs_supervisor *sup, int signum)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		tell(child_at(sup, i)->pid, signum);
		tell(child_at(sup, i)->leaving, signum);
	}
}

static bool any_running(struct vs_supervisor *sup)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		if (child_at(sup, i)->pid > 0 || child_at(sup, i)->leaving > 0)
			return true;
	return false;
}

/* A start that fails counts as a death, so that it is tried again, later and later. */
static bool start_or_note(struct vs_child *child)
{
	struct vs_error error;
	if (vs_child_start(child, &error) == 0)
		return true;
	vs_log(VS_LOG_ERROR, "%s cannot be started: %s", child->name, error.text);
	vs_child_died(child, vs_clock_mono_ns());
	return false;
}

/* ---- deaths ----------------------------------------------------------------------------------------------- */

static void end_roll(struct vs_supervisor *sup)
{
	sup->roll = VS_WORKERS_MAX;
	sup->roll_started = false;
	sup->roll_due = 0;
}

static void on_death(struct vs_supervisor *sup, struct vs_child *child, int status)
{
	char reason[VS_CHILD_REASON];
	pid_t pid = child->pid;
	vs_child_reason(status, reason);
	if (sup->phase != VS_PHASE_RUN || child->retired) {
		child->pid = 0;
		return;
	}
	if (sup->roll_started && child == &sup->workers[sup->roll]) {
		vs_log(VS_LOG_ERROR, "reload given up: the new worker %d %s", (int)pid, reason);
		child->pid = child->leaving;
		child->leaving = 0;
		end_roll(sup);
		child->due = child->pid > 0 ? 0 : vs_clock_mono_ns();
		return;
	}
	vs_child_died(child, vs_clock_mono_ns());
	vs_log(VS_LOG_WARN, "%s %d %s; it is started again%s", child->name, (int)pid, reason,
	       child->failures > 1 ? ", a little later" : "");
}

static void reap(struct vs_supervisor *sup)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		for (unsigned i = 0; i < CHILDREN; i++) {
			struct vs_child *child = child_at(sup, i);
			if (child->leaving == pid)
				child->leaving = 0;
			else if (child->pid == pid)
				on_death(sup, child, status);
		}
	}
}

/* Starts who is due, and kills who was told to end and stays. */
static void tend(struct vs_supervisor *sup, uint64_t now)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct vs_child *child = child_at(sup, i);
		if (child->leave_by > 0 && child->leaving == 0 && !(child->retired && child->pid > 0)) {
			child->leave_by = 0;
		} else if (child->leave_by > 0 && child->leave_by <= now) {
			vs_log(VS_LOG_WARN, "an old %s does not end: killing it", child->name);
			tell(child->leaving, SIGKILL);
			tell(child->retired ? child->pid : 0, SIGKILL);
			child->leave_by = 0;
		}
		if (child->retired || child->pid > 0 || child->due == 0 || child->due > now)
			continue;
		if (start_or_note(child) && child != &sup->web)
			vs_metrics_add(sup->metrics, VS_COUNT_WORKER_RESTARTS, 1);
	}
}

/* ---- reload ----------------------------------------------------------------------------------------------- */

static void resize(struct vs_supervisor *sup)
{
	for (unsigned i = 0; i < VS_WORKERS_MAX; i++) {
		struct vs_child *worker = &sup->workers[i];
		bool wanted = i < sup->worker_count;
		if (wanted && worker->retired) {
			worker->retired = false;
			worker->failures = 0;
			if (worker->pid == 0)
				start_or_note(worker);
		} else if (!wanted && !worker->retired) {
			worker->retired = true;
			worker->due = 0;
			dismiss(worker, worker->pid);
		}
	}
}

static void reload(struct vs_supervisor *sup)
{
	struct vs_error error;
	bool web_changed = false;
	sup->reload_wanted = false;
	if (sup->reload(sup->context, sup, &web_changed, &error)) {
		vs_log(VS_LOG_ERROR, "nothing was reloaded: %s", error.text);
		return;
	}
	vs_log(VS_LOG_INFO, "reloading: %u workers", sup->worker_count);
	if (web_changed)
		tell(sup->web.pid, SIGUSR1); /* lighttpd reads its configuration again and keeps its port */
	resize(sup);
	if (sup->indexer.pid > 0 && sup->indexer.leaving == 0) {
		sup->indexer.leaving = sup->indexer.pid;
		sup->indexer.pid = 0;
		dismiss(&sup->indexer, sup->indexer.leaving);
		start_or_note(&sup->indexer); /* it waits until the old one has let go */
	}
	for (unsigned i = 0; i < CHILDREN; i++) /* what made one die may be mended */
		if (child_at(sup, i)->due > 0)
			child_at(sup, i)->due = vs_clock_mono_ns();
	end_roll(sup);
	sup->roll = 0;
}

/* One worker after another: start its successor, see that it lives, then let the old one finish and go. */
static void roll_step(struct vs_supervisor *sup, uint64_t now)
{
	if (sup->roll >= sup->worker_count || now < sup->roll_due)
		return;
	struct vs_child *worker = &sup->workers[sup->roll];
	if (!sup->roll_started && worker->leaving > 0) { /* of the reload before, still in its last request */
		sup->roll_due = now + ROLL_SOUND;
		return;
	}
	if (!sup->roll_started && worker->pid > 0) {
		struct vs_error error;
		worker->leaving = worker->pid;
		if (vs_child_start(worker, &error)) {
			vs_log(VS_LOG_ERROR, "reload given up: %s", error.text);
			worker->pid = worker->leaving;
			worker->leaving = 0;
			end_roll(sup);
			return;
		}
		sup->roll_started = true;
		sup->roll_due = now + ROLL_SOUND;
		return;
	}
	/* The successor lives, or the worker had died and starts with the new settings anyway. */
	if (worker->leaving > 0)
		dismiss(worker, worker->leaving);
	sup->roll_started = false;
	sup->roll_due = 0;
	if (++sup->roll < sup->worker_count)
		return;
	end_roll(sup);
	vs_log(VS_LOG_INFO, "reloaded");
}

/* ---- stop ------------------------------------------------------------------------------------------------- */

static void stop(struct vs_supervisor *sup, uint64_t now)
{
	if (sup->phase == VS_PHASE_RUN) {
		vs_log(VS_LOG_INFO, "stopping");
		sup->phase = VS_PHASE_STOP_WEB;
		sup->web_deadline = now + WEB_LIMIT;
		sup->deadline = now + STOP_LIMIT;
		tell(sup->web.pid, SIGINT); /* lighttpd: finish, then go */
	} else {
		vs_log(VS_LOG_WARN, "stopping at once");
		tell(sup->web.pid, SIGTERM);
		sup->web_deadline = now;
		sup->deadline = now + HURRY_LIMIT;
	}
}

static void stop_step(struct vs_supervisor *sup, uint64_t now)
{
	if (sup->phase == VS_PHASE_STOP_WEB && (sup->web.pid == 0 || now >= sup->web_deadline)) {
		tell_all(sup, SIGTERM);
		sup->phase = VS_PHASE_STOP_ALL;
	}
	if (sup->phase == VS_PHASE_STOP_ALL && now >= sup->deadline && any_running(sup)) {
		vs_log(VS_LOG_WARN, "some processes do not end: killing them");
		tell_all(sup, SIGKILL);
		sup->phase = VS_PHASE_KILL;
	}
}

/* ---- loop ------------------------------------------------------------------------------------------------- */

static void sooner(uint64_t *when, uint64_t other)
{
	if (other > 0 && other < *when)
		*when = other;
}

/* Milliseconds to sleep, rounded up; -1: until a signal comes. */
static int sleep_ms(struct vs_supervisor *sup, uint64_t now)
{
	uint64_t when = UINT64_MAX;
	if (sup->phase == VS_PHASE_RUN) {
		for (unsigned i = 0; i < CHILDREN; i++) {
			sooner(&when, child_at(sup, i)->due);
			sooner(&when, child_at(sup, i)->leave_by);
		}
		if (sup->roll < sup->worker_count)
			sooner(&when, sup->roll_due > 0 ? sup->roll_due : now);
	} else if (sup->phase == VS_PHASE_STOP_WEB) {
		sooner(&when, sup->web_deadline);
	} else if (sup->phase == VS_PHASE_STOP_ALL) {
		sooner(&when, sup->deadline);
	}
	if (when == UINT64_MAX)
		return -1;
	return when <= now ? 0 : (int)((when - now + MS - 1) / MS);
}

static void read_signals(struct vs_supervisor *sup)
{
	struct signalfd_siginfo info;
	while (read(sup->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(sup, vs_clock_mono_ns());
		else if (info.ssi_signo == SIGHUP)
			sup->reload_wanted = true;
	}
}

int vs_supervisor_run(struct vs_supervisor *sup)
{
	for (;;) {
		uint64_t now = vs_clock_mono_ns();
		if (sup->phase == VS_PHASE_RUN) {
			if (sup->reload_wanted && sup->roll >= sup->worker_count)
				reload(sup);
			tend(sup, now);
			roll_step(sup, now);
		} else {
			stop_step(sup, now);
			if (!any_running(sup))
				return sup->phase == VS_PHASE_KILL ? -1 : 0;
		}
		struct pollfd poller = { .fd = sup->signals, .events = POLLIN };
		poll(&poller, 1, sleep_ms(sup, vs_clock_mono_ns()));
		read_signals(sup);
		reap(sup);
	}
}

/* ---- start ------------------------------------------------------------------------------------------------ */

static int open_signals(struct vs_supervisor *sup, struct vs_error *error)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	sup->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return sup->signals < 0 ? vs_error_errno(error, errno, "signalfd") : 0;
}

/* Whether one of them has died already by itself, and which. Who was killed from outside is started again, as later on. */
static int find_dead(struct vs_supervisor *sup, struct vs_error *error)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct vs_child *child = child_at(sup, i);
		int status;
		char reason[VS_CHILD_REASON];
		if (child->pid <= 0 || waitpid(child->pid, &status, WNOHANG) != child->pid)
			continue;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
			on_death(sup, child, status);
			continue;
		}
		child->pid = 0;
		vs_child_reason(status, reason);
		return vs_error_set(error, VS_EINTERNAL, "the %s %s at its start", child->name, reason);
	}
	return 0;
}

static int wait_sound(struct vs_supervisor *sup, struct vs_error *error)
{
	uint64_t begin = vs_clock_mono_ns();
	for (;;) {
		struct timespec pause = { .tv_nsec = 5000000 };
		nanosleep(&pause, NULL);
		int rc = find_dead(sup, error);
		tend(sup, vs_clock_mono_ns());
		uint64_t spent = vs_clock_mono_ns() - begin;
		if (rc)
			return rc;
		if (spent >= START_SOUND && (sup->web.retired || vs_listen_answers(&sup->webserver.address)))
			return find_dead(sup, error);
		if (spent >= START_LIMIT)
			return vs_error_set(error, VS_EINTERNAL, "lighttpd does not accept connections");
	}
}

int vs_supervisor_start(struct vs_supervisor *sup, struct vs_error *error)
{
	int rc = open_signals(sup, error);
	sup->phase = VS_PHASE_RUN;
	sup->roll = VS_WORKERS_MAX;
	for (unsigned i = 0; i < VS_WORKERS_MAX; i++)
		sup->workers[i].retired = i >= sup->worker_count;
	for (unsigned i = 0; !rc && i < CHILDREN; i++)
		if (!child_at(sup, i)->retired)
			rc = vs_child_start(child_at(sup, i), error);
	if (!rc)
		rc = wait_sound(sup, error);
	if (rc) {
		tell_all(sup, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
			;
	}
	return rc;
}

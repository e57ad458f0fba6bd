/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#ifdef VS_FAULTS

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomics.h"

#define NAMES_MAX 2048 /* of the first calls */

enum fault_what { FAULT_NONE, FAULT_EIO, FAULT_ENOSPC, FAULT_EROFS, FAULT_SHORT, FAULT_EINTR, FAULT_KILL };

/* Set once (or by vs_fault_reset, single-threaded), then only read; the counters are atomics. */
static struct {
	enum fault_what what;
	unsigned long at; /* the call to hit, 1-based; 0: none */
	bool sticky;      /* and all after it */
	char point[64];   /* "" when none */
	char pause[64];
	long clock_ms;
	char plant[64];
	unsigned long pass;
	unsigned long pause_pass;
	unsigned long calls;
	unsigned long passes;
	unsigned long pauses;
	bool rest;       /* a SHORT write was cut: the next call gets ENOSPC */
	const char *hit; /* what was hit first */
	const char *names[NAMES_MAX];
} fault;
static pthread_once_t fault_once = PTHREAD_ONCE_INIT;

static enum fault_what what_find(const char *word)
{
	static const struct {
		const char *word;
		enum fault_what what;
	} table[] = { { "EIO", FAULT_EIO },
		          { "ENOSPC", FAULT_ENOSPC },
		          { "EROFS", FAULT_EROFS },
		          { "SHORT", FAULT_SHORT },
		          { "EINTR", FAULT_EINTR },
		          { "KILL", FAULT_KILL } };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].word, word) == 0)
			return table[i].what;
	return FAULT_NONE;
}

/* NAME[:N] into name[64] and *pass. */
static void load_point(const char *variable, char name[64], unsigned long *pass)
{
	const char *text = getenv(variable);
	if (!text)
		return;
	size_t len = strcspn(text, ":");
	if (len < 64)
		memcpy(name, text, len);
	*pass = text[len] == ':' ? strtoul(text + len + 1, NULL, 10) : 1;
}

static void load(void)
{
	memset(&fault, 0, sizeof(fault));
	const char *text = getenv("VECSTORE_FAULT");
	if (text) {
		char *end;
		fault.at = strtoul(text, &end, 10);
		fault.sticky = *end == '+';
		end += fault.sticky;
		fault.what = *end == ':' ? what_find(end + 1) : FAULT_NONE;
	}
	load_point("VECSTORE_POINT", fault.point, &fault.pass);
	load_point("VECSTORE_PAUSE", fault.pause, &fault.pause_pass);
	text = getenv("VECSTORE_CLOCK_MS");
	if (text)
		fault.clock_ms = strtol(text, NULL, 10);
	text = getenv("VECSTORE_PLANT");
	if (text && strlen(text) < sizeof(fault.plant))
		strcpy(fault.plant, text);
}

void vs_fault_reset(void)
{
	pthread_once(&fault_once, load);
	load();
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Counts; true when this call is to be hit. */
static bool due(const char *call)
{
	unsigned long number = vs_add_relaxed(&fault.calls, 1) + 1;
	if (number <= NAMES_MAX)
		fault.names[number - 1] = call;
	if (fault.what == FAULT_NONE || (fault.sticky ? number < fault.at : number != fault.at))
		return false;
	if (!fault.hit)
		fault.hit = call;
	return true;
}

int vs_fault_step(const char *call, unsigned long *len)
{
	pthread_once(&fault_once, load);
	bool hit = due(call);
	if (__atomic_exchange_n(&fault.rest, false, __ATOMIC_RELAXED))
		return ENOSPC;
	if (!hit)
		return 0;
	switch (fault.what) {
	case FAULT_EIO:
		return EIO;
	case FAULT_EROFS:
		return EROFS;
	case FAULT_EINTR:
		return EINTR;
	case FAULT_KILL:
		die();
		return EIO;
	case FAULT_SHORT:
		if (len && *len > 1) {
			*len /= 2;
			vs_store_relaxed(&fault.rest, true);
			return 0;
		}
		return ENOSPC;
	default:
		return ENOSPC;
	}
}

void vs_fault_point(const char *name)
{
	pthread_once(&fault_once, load);
	if (fault.point[0] && strcmp(fault.point, name) == 0 && vs_add_relaxed(&fault.passes, 1) + 1 == fault.pass)
		die();
	if (fault.pause[0] && strcmp(fault.pause, name) == 0 && vs_add_relaxed(&fault.pauses, 1) + 1 == fault.pause_pass)
		raise(SIGSTOP);
}

long vs_fault_clock_ms(void)
{
	pthread_once(&fault_once, load);
	return fault.clock_ms;
}

bool vs_fault_planted(const char *name)
{
	pthread_once(&fault_once, load);
	return strcmp(fault.plant, name) == 0;
}

unsigned long vs_fault_calls(void)
{
	return vs_load_relaxed(&fault.calls);
}

const char *vs_fault_hit(void)
{
	return fault.hit ? fault.hit : "";
}

const char *vs_fault_call(unsigned long number)
{
	return number >= 1 && number <= NAMES_MAX && fault.names[number - 1] ? fault.names[number - 1] : "";
}

void vs_fault_violated(const char *rule)
{
	fprintf(stderr, "vecstore: rule broken: %s\n", rule);
	abort();
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#ifdef VS_FAULTS

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomics.h"

enum fault_what { FAULT_NONE, FAULT_EIO, FAULT_ENOSPC, FAULT_SHORT, FAULT_EINTR, FAULT_KILL };

/* Set once (or by vs_fault_reset, single-threaded), then only read; the counters are atomics. */
static struct {
	enum fault_what what;
	unsigned long at; /* the call to hit, 1-based; 0: none */
	char point[64];   /* "" when none */
	unsigned long pass;
	unsigned long calls;
	unsigned long passes;
	bool rest; /* a SHORT write was cut: the next call gets ENOSPC */
} fault;
static pthread_once_t fault_once = PTHREAD_ONCE_INIT;

static enum fault_what what_find(const char *word)
{
	static const struct {
		const char *word;
		enum fault_what what;
	} table[] = { { "EIO", FAULT_EIO },
		          { "ENOSPC", FAULT_ENOSPC },
		          { "SHORT", FAULT_SHORT },
		          { "EINTR", FAULT_EINTR },
		          { "KILL", FAULT_KILL } };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].word, word) == 0)
			return table[i].what;
	return FAULT_NONE;
}

static void load(void)
{
	memset(&fault, 0, sizeof(fault));
	const char *text = getenv("VECSTORE_FAULT");
	if (text) {
		char *end;
		fault.at = strtoul(text, &end, 10);
		fault.what = *end == ':' ? what_find(end + 1) : FAULT_NONE;
	}
	text = getenv("VECSTORE_POINT");
	if (text) {
		size_t len = strcspn(text, ":");
		if (len < sizeof(fault.point))
			memcpy(fault.point, text, len);
		fault.pass = text[len] == ':' ? strtoul(text + len + 1, NULL, 10) : 1;
	}
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

int vs_fault_step(const char *call, unsigned long *len)
{
	(void)call;
	pthread_once(&fault_once, load);
	if (__atomic_exchange_n(&fault.rest, false, __ATOMIC_RELAXED))
		return ENOSPC;
	if (fault.what == FAULT_NONE || vs_add_relaxed(&fault.calls, 1) + 1 != fault.at)
		return 0;
	switch (fault.what) {
	case FAULT_EIO:
		return EIO;
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
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/interrupt.h"

#include <string.h>

volatile sig_atomic_t vs_interrupted;

static void on_signal(int signum)
{
	vs_interrupted = signum;
}

void vs_interrupt_catch(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	action.sa_flags = (int)SA_RESETHAND; /* and no SA_RESTART */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

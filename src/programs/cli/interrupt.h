/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/interrupt: the first Ctrl-C or SIGTERM lets a long command end at a good place and say how far it came; the next ends
 * the process.
 */
#ifndef VS_CLI_INTERRUPT_H
#define VS_CLI_INTERRUPT_H

#include <signal.h>

extern volatile sig_atomic_t vs_interrupted; /* 0, or the signal */

/* From now on. A read that waits for input is broken off (EINTR). */
void vs_interrupt_catch(void);

#endif

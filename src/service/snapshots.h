/* SPDX-License-Identifier: Apache-2.0 */
/* service/snapshots: what the handlers of snapshots share. */
#ifndef VS_SERVICE_SNAPSHOTS_H
#define VS_SERVICE_SNAPSHOTS_H

#include "service/call.h"

/* For the length of a request: it is given up when the program is to end. */
struct vs_work_options vs_call_work(const struct vs_call *call);
/* What comes of such work: rc, or VS_EBUSY when it was given up. */
int vs_call_worked(int rc, struct vs_error *error);

#endif

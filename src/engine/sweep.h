/* SPDX-License-Identifier: Apache-2.0 */
/* engine/sweep: records that have expired are deleted for good. The indexer's work. */
#ifndef VS_ENGINE_SWEEP_H
#define VS_ENGINE_SWEEP_H

#include "engine/namespace.h"

/* No transaction is open; *state is a recent one. Deletes a bounded number of expired records in one commit; *worked
 * becomes true when there may be more. */
int vs_namespace_sweep(struct vs_namespace *ns, const struct vs_meta_state *state, bool *worked, struct vs_error *error);

#endif

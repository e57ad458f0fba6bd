/* SPDX-License-Identifier: Apache-2.0 */
/* service/namespace_in: what an administrator says of a namespace. Private to the room. */
#ifndef VS_SERVICE_NAMESPACE_IN_H
#define VS_SERVICE_NAMESPACE_IN_H

#include "engine/vecstore.h"
#include "service/call.h"

struct vs_setup {
	struct vs_text name; /* data NULL: not given */
	struct vs_namespace_options options;
	struct vs_namespace_change change; /* strings are borrowed from the body */
	struct vs_quota quota;
};

/* The body of a creation: *setup has the options of fresh namespaces before. */
int vs_setup_decode(struct vs_call *call, struct vs_setup *setup, struct vs_error *error);
/* Of a change: description and metadata. */
int vs_setup_decode_change(struct vs_call *call, struct vs_setup *setup, struct vs_error *error);
/* Of new quotas: their fields, or an object of them called quota or quotas. */
int vs_setup_decode_quota(struct vs_call *call, struct vs_setup *setup, struct vs_error *error);
/* Of a new status. */
int vs_setup_decode_status(struct vs_call *call, struct vs_setup *setup, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* service/namespace_out: a namespace as administrators are told of it. Private to the room. */
#ifndef VS_SERVICE_NAMESPACE_OUT_H
#define VS_SERVICE_NAMESPACE_OUT_H

#include "engine/vecstore.h"

struct vs_buf;
struct vs_tenants;

/* What of it there is now. use NULL: it cannot be opened. */
struct vs_namespace_now {
	const struct vs_use *use;
	uint64_t at_work;
	const struct vs_quota *defaults;
};

/* The object. */
void vs_namespace_encode(struct vs_buf *out, const struct vs_namespace_info *info, const struct vs_namespace_now *now);
/* "utilisation":{…},"exceeded":[…] */
void vs_namespace_encode_use(struct vs_buf *out, const struct vs_namespace_info *info, const struct vs_namespace_now *now);

#endif

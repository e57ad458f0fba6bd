/* SPDX-License-Identifier: Apache-2.0 */
/* service/keys: API keys as JSON. */
#ifndef VS_SERVICE_KEYS_H
#define VS_SERVICE_KEYS_H

#include "store/keys.h"

struct vs_buf;

/* "active", "replaced" (by rotation, and good for a while yet), "expired" or "revoked". Static string. */
const char *vs_key_state(const struct vs_key *key);
/* secret NULL: it was told before. */
void vs_key_encode(struct vs_buf *out, const struct vs_key *key, const char *secret);

#endif

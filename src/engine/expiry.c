/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/expiry.h"

#include <string.h>

#include "base/error.h"

struct hiding {
	struct vs_expiry *expiry;
	const struct vs_bitmap *live;
};

static int hide(void *context, uint32_t slot, int64_t expires_at)
{
	struct hiding *hiding = context;
	struct vs_expiry *expiry = hiding->expiry;

	if (slot >= hiding->live->len)
		return VS_ECORRUPT;
	expiry->last = expires_at;
	if (vs_bitmap_test(hiding->live, slot)) {
		vs_bitmap_clear(&expiry->visible, slot);
		expiry->active++;
	} else {
		expiry->deleted++;
	}
	return 0;
}

static int find_hidden(struct vs_expiry *expiry, struct vs_meta *meta, const struct vs_bitmap *live, int64_t now,
                       struct vs_error *error)
{
	struct hiding hiding = { expiry, live };
	int rc = vs_meta_next_expiry(meta, now, &expiry->next, error);

	if (rc == 0 && vs_bitmap_and(&expiry->visible, live, live) < 0)
		return vs_error_set(error, VS_ENOMEM, "no memory for the liveness of %u slots", live->len);
	if (rc == 0) {
		rc = vs_meta_expired(meta, now, hide, &hiding, error);
		if (rc == VS_ECORRUPT)
			vs_error_set(error, rc, "meta.db is damaged: a record expires in a slot past the last one");
	}
	if (expiry->next == 0)
		expiry->next = INT64_MAX;
	return rc;
}

int vs_expiry_refresh(struct vs_expiry *expiry, struct vs_meta *meta, const struct vs_meta_state *state,
                      const struct vs_bitmap *live, int64_t now, struct vs_error *error)
{
	int rc;

	expiry->now = now;
	if (state->expiry != 0 && now >= state->expiry && expiry->known && expiry->seq == state->seq &&
	    expiry->last <= now && now < expiry->next)
		return 0;
	expiry->known = false;
	expiry->last = 0;
	expiry->active = expiry->deleted = 0;
	if (state->expiry == 0 || now < state->expiry)
		return 0;
	rc = find_hidden(expiry, meta, live, now, error);
	if (rc < 0)
		return rc;
	expiry->seq = state->seq;
	expiry->known = true;
	return 0;
}

void vs_expiry_release(struct vs_expiry *expiry)
{
	vs_bitmap_release(&expiry->visible);
	memset(expiry, 0, sizeof(*expiry));
}

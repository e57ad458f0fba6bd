/* SPDX-License-Identifier: Apache-2.0 */
/* engine/members: the members of a JSON object as text, one after the other: nothing is built, and all of it can be copied. */
#ifndef VS_ENGINE_MEMBERS_H
#define VS_ENGINE_MEMBERS_H

#include "engine/filter_json.h"

struct vs_span {
	const char *data;
	size_t len;
};

struct vs_member {
	struct vs_span raw;  /* the name as it stands, with its quotes */
	struct vs_span name; /* its characters */
	struct vs_span value;
	enum vs_filter_kind kind; /* of the value */
};

struct vs_members {
	struct vs_filter_json json;
	bool begun;
};

/* text[len] must be readable. */
static inline struct vs_members vs_members_of(struct vs_span text)
{
	return (struct vs_members){ { text.data, text.data + text.len }, false };
}

/* 1 and the next member, which points into the text or (a name with escapes) into arena; 0 at the object's end;
 * VS_EINVAL when it is no JSON object, VS_ENOMEM. Fills no vs_error. */
int vs_members_next(struct vs_members *members, struct vs_arena *arena, struct vs_member *member);

#endif

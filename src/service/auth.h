/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/auth: who asks, and may they? One function decides; what it does not know it denies.
 *
 * As long as no key exists, a caller from loopback is the administrator. A browser on the same machine is such a caller
 * too, whatever page drives it: so a request with an Origin is trusted only when that is the server itself, addressed by
 * number or as localhost (which no foreign page can be, not by rebinding its own name either).
 */
#ifndef VS_SERVICE_AUTH_H
#define VS_SERVICE_AUTH_H

#include <stdbool.h>

struct vs_error;
struct vs_request;

/* What an operation needs; a principal holds a set of them. */
enum vs_right {
	VS_RIGHT_NONE = 0, /* open to everybody */
	VS_RIGHT_READ = 1,
	VS_RIGHT_WRITE = 2,
	VS_RIGHT_METRICS = 4,
	VS_RIGHT_ADMIN = 8,
};

struct vs_principal {
	unsigned rights;    /* of enum vs_right */
	const char *denial; /* why there are none, as a sentence; NULL otherwise */
};

/* insecure: everybody is the administrator. Never fails: nobody is a principal without rights. */
void vs_auth_find(const struct vs_request *request, bool insecure, struct vs_principal *principal);
/* 0, or VS_EAUTH (no usable credential), or VS_EPERM (not with these rights). */
int vs_auth_check(const struct vs_principal *principal, enum vs_right right, struct vs_error *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/auth: who asks, and may they? One function decides; what it does not know it denies.
 *
 * A caller shows an API key (store/keys) or a token (service/jwt), or, where that is trusted, the web server names its user
 * (service/users). As long as none of these is set up, a caller from loopback is the administrator. A browser on the same
 * machine is such a caller too, whatever page drives it: so a request with an Origin is trusted only when that is the server
 * itself, addressed by number or as localhost (which no foreign page can be, not by rebinding its own name either).
 *
 * What was found of a credential is kept in this process: of a key while no other process has written to the catalogue, so
 * that a revocation holds at once; of a token until it expires.
 */
#ifndef VS_SERVICE_AUTH_H
#define VS_SERVICE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/jwt.h"
#include "store/keys.h"

struct vs_auth;
struct vs_error;
struct vs_request;

/* What an operation needs; a principal holds a set of them. */
enum vs_right {
	VS_RIGHT_NONE = 0, /* open to everybody */
	VS_RIGHT_READ = 1,
	VS_RIGHT_WRITE = 2,
	VS_RIGHT_METRICS = 4,
	VS_RIGHT_ADMIN = 8,   /* of the whole server */
	VS_RIGHT_MANAGE = 16, /* of a namespace: compact, jobs */
	VS_RIGHT_WHOLE = 32,  /* to see a namespace whole, where a filter cannot narrow what is told */
	VS_RIGHT_READ_WHOLE = VS_RIGHT_READ | VS_RIGHT_WHOLE,
	VS_RIGHT_MANAGE_WHOLE = VS_RIGHT_MANAGE | VS_RIGHT_READ_WHOLE, /* of its snapshots; counts as a request to its records */
};

#define VS_ACTOR_MAX 96

struct vs_principal {
	unsigned rights;     /* of enum vs_right */
	char actor[VS_ACTOR_MAX]; /* as the audit trail names it: "key:…", "token:…", "user:…", "anonymous"; "": unknown */
	bool anonymous;      /* let in without a credential, since none is set up */
	const char *ns;      /* the only namespace; NULL: any. As the filter, valid until the next request */
	const char *filter;  /* forced on all that is read and written; NULL: none */
	uint64_t key;        /* a number that no other key has, now or later; 0: it is no key */
	const struct vs_quota *quota; /* the key's own; NULL: it is no key. Valid as long as the filter */
	const char *denial;  /* why there are no rights, as a sentence for the caller; NULL otherwise */
	const char *reason;  /* the same for the audit trail, more exactly */
};

struct vs_auth_options {
	const char *data;   /* the data folder */
	bool insecure;      /* while nothing is set up, everybody is the administrator */
	const char *users;  /* a file of service/users, which are trusted then; NULL: none is */
	struct vs_jwt_options jwt; /* keys NULL: no token is taken */
};

/* Opens no catalogue yet, but the other files. VS_EINVAL for what is wrong in them. */
int vs_auth_open(const struct vs_auth_options *options, struct vs_auth **auth, struct vs_error *error);
void vs_auth_close(struct vs_auth *auth); /* NULL allowed */

/* 0, and who that is (nobody is a principal without rights); or the error that kept it from being found out, one of the
 * server's (5xx). */
int vs_auth_find(struct vs_auth *auth, const struct vs_request *request, struct vs_principal *principal,
                 struct vs_error *error);
/* 0, or VS_EAUTH (no usable credential), or VS_EPERM (not with these rights). */
int vs_auth_check(const struct vs_principal *principal, enum vs_right right, struct vs_error *error);

/* The catalogue, to work with until the next request. */
int vs_auth_catalog(struct vs_auth *auth, struct vs_catalog **catalog, struct vs_error *error);
/* After it failed: opens it again for the next request. */
void vs_auth_reset(struct vs_auth *auth);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service/users: who the web server's own users are here. It has checked them (LDAP, OpenID Connect, client certificates, …) and
 * names them in REMOTE_USER, which no client can send: it is no header, and the socket is the web server's alone.
 *
 *   # user        role    namespace  filter
 *   alice         admin
 *   "Bob B."      writer  films
 *   *             reader  films      public = true
 *
 * A user's name with blanks in it stands in double quotes; * is everybody else. A name stands once.
 */
#ifndef VS_SERVICE_USERS_H
#define VS_SERVICE_USERS_H

#include "store/keys.h"

struct vs_error;
struct vs_users;

#define VS_USERS_MAX 10000
#define VS_USER_NAME_MAX 256 /* bytes */

/* VS_EINVAL with the file's name and line. */
int vs_users_open(const char *path, struct vs_users **users, struct vs_error *error);
void vs_users_close(struct vs_users *users); /* NULL allowed */
/* Valid until they are closed; NULL: nobody here. */
const struct vs_grant *vs_users_find(const struct vs_users *users, const char *name);

#endif

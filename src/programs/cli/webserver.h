/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/webserver: the private lighttpd of `vecstore serve --http`: its address, its configuration, its other files.
 *
 *   RUN/lighttpd.conf   made anew at each start and reload
 *   RUN/www/            empty: there are no static files
 *   RUN/tmp/            bodies on their way
 *   RUN/errors/         what lighttpd answers by itself, as JSON
 */
#ifndef VS_CLI_WEBSERVER_H
#define VS_CLI_WEBSERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/buf.h"

struct vs_error;

struct vs_address {
	char host[INET6_ADDRSTRLEN]; /* numeric */
	int port;
	bool loopback;
	struct sockaddr_storage sockaddr;
	socklen_t sockaddr_len;
};

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "*:8080". VS_EINVAL. No name is looked up. */
int vs_address_parse(const char *text, struct vs_address *address, struct vs_error *error);

struct vs_webserver {
	char program[256]; /* path of lighttpd */
	char conf[320];    /* path of lighttpd.conf */
	struct vs_address address;
	const char *run_dir;    /* absolute */
	const char *socket;     /* where the workers listen */
	const char *cert, *key; /* NULL: no TLS */
	bool syslog;
};

/* The text of lighttpd.conf. VS_EINVAL when a path holds a character that cannot be quoted. */
int vs_webserver_encode(const struct vs_webserver *web, struct vs_buf *out, struct vs_error *error);

/* Finds lighttpd on PATH and where Debian keeps it: VS_ENOTFOUND, with what to do. */
int vs_webserver_find(struct vs_webserver *web, struct vs_error *error);
/* Writes all files and lets lighttpd test them (certificates, too); its complaint becomes the error's text. *changed
 * (NULL allowed): lighttpd.conf is not what it was. */
int vs_webserver_prepare(struct vs_webserver *web, bool *changed, struct vs_error *error);

#endif

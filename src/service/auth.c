/* SPDX-License-Identifier: Apache-2.0 */
#include "service/auth.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "service/service.h"

/* "unix": a peer on a Unix socket, which file permissions let in. */
static bool is_loopback(const char *text)
{
	struct in_addr four;
	struct in6_addr six;
	if (!text)
		return false;
	if (strcmp(text, "unix") == 0)
		return true;
	if (inet_pton(AF_INET, text, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, text, &six) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return six.s6_addr[12] == 127;
	return IN6_IS_ADDR_LOOPBACK(&six);
}

/* "127.0.0.1:8080", "[::1]", "localhost": not a name that somebody else's DNS answers for. */
static bool is_literal_host(const char *host)
{
	char name[64];
	struct in6_addr address;
	bool bracket = host[0] == '[';
	size_t len = strcspn(host + bracket, bracket ? "]" : ":");
	if (len == 0 || len >= sizeof(name))
		return false;
	memcpy(name, host + bracket, len);
	name[len] = '\0';
	if (bracket)
		return inet_pton(AF_INET6, name, &address) == 1;
	return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &address) == 1;
}

static bool is_foreign_page(const struct vs_request *request)
{
	const char *origin = request->origin;
	if (!origin)
		return false;
	if (strncasecmp(origin, "http://", 7) == 0)
		origin += 7;
	else if (strncasecmp(origin, "https://", 8) == 0)
		origin += 8;
	else
		return true;
	return !request->host || strcasecmp(origin, request->host) != 0 || !is_literal_host(request->host);
}

void vs_auth_find(const struct vs_request *request, bool insecure, struct vs_principal *principal)
{
	principal->rights = VS_RIGHT_NONE;
	principal->denial = NULL;
	if (!insecure && !is_loopback(request->remote_addr))
		principal->denial = "while no key exists, only requests from this machine (loopback) are served";
	else if (!insecure && is_foreign_page(request))
		principal->denial = "the Origin header names another site, and no key was given";
	else
		principal->rights = VS_RIGHT_READ | VS_RIGHT_WRITE | VS_RIGHT_METRICS | VS_RIGHT_ADMIN;
}

int vs_auth_check(const struct vs_principal *principal, enum vs_right right, struct vs_error *error)
{
	if (right == VS_RIGHT_NONE || (principal->rights & (unsigned)right) == (unsigned)right)
		return 0;
	if (principal->rights == VS_RIGHT_NONE)
		return vs_error_set(error, VS_EAUTH, "%s", principal->denial ? principal->denial : "a key is needed");
	return vs_error_set(error, VS_EPERM, "the credential does not allow this");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no file and no process, so that it can be tested alone: address and text of lighttpd.conf. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "programs/cli/webserver.h"

#define BODY_MAX_KIB 65536 /* VS_BODY_MAX of service/service.h */

static int parse_port(const char *text)
{
	size_t len = strlen(text);
	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return -1;
	int port = atoi(text);
	return port >= 1 && port <= 65535 ? port : -1;
}

int vs_address_parse(const char *text, struct vs_address *address, struct vs_error *error)
{
	memset(address, 0, sizeof *address);
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	address->port = colon ? parse_port(colon + 1) : -1;
	if (address->port < 0 || len >= sizeof address->host)
		return vs_error_set(error, VS_EINVAL, "'%s' is no ADDR:PORT such as 127.0.0.1:8080", text);
	bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
	memcpy(address->host, text + bracketed, len - 2 * bracketed);
	if (strcmp(address->host, "localhost") == 0)
		strcpy(address->host, "127.0.0.1");
	else if (strcmp(address->host, "*") == 0)
		strcpy(address->host, "0.0.0.0");

	struct sockaddr_in *v4 = (struct sockaddr_in *)&address->sockaddr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->sockaddr;
	if (!bracketed && inet_pton(AF_INET, address->host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)address->port);
		address->sockaddr_len = sizeof *v4;
		address->loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	} else if (bracketed && inet_pton(AF_INET6, address->host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)address->port);
		address->sockaddr_len = sizeof *v6;
		address->loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	} else {
		return vs_error_set(error, VS_EINVAL, "'%s': the address must be numeric, such as 127.0.0.1:8080 or [::1]:8080",
		                    text);
	}
	return 0;
}

/* lighttpd's strings know few escapes, so what would need one is refused. */
static int append_quoted(struct vs_buf *out, const char *text, struct vs_error *error)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f || *c == '"' || *c == '\\')
			return vs_error_set(error, VS_EINVAL, "the path %.200s holds a quote, backslash or control character",
			                    text);
	vs_buf_printf(out, "\"%s\"", text);
	return 0;
}

static int append_path(struct vs_buf *out, const char *setting, const char *path, const char *tail,
                       struct vs_error *error)
{
	vs_buf_printf(out, "%s", setting);
	int rc = append_quoted(out, path, error);
	if (rc)
		return rc;
	if (*tail) { /* within the quotes */
		out->len--;
		vs_buf_printf(out, "%s\"", tail);
	}
	return 0;
}

static int append_tls(const struct vs_webserver *web, struct vs_buf *out, struct vs_error *error)
{
	int rc;
	vs_buf_puts(out, "server.modules += ( \"mod_openssl\" )\nssl.engine = \"enable\"\n");
	if ((rc = append_path(out, "ssl.pemfile = ", web->cert, "", error)) ||
	    (rc = append_path(out, "\nssl.privkey = ", web->key, "", error)))
		return rc;
	vs_buf_puts(out, "\nssl.openssl.ssl-conf-cmd = ( \"MinProtocol\" => \"TLSv1.2\" )\n");
	return 0;
}

/* REQUEST_URI must arrive as the client sent it (the service decodes it, once), so nothing is normalised here. A
 * backend that failed is asked again at once: workers come back in milliseconds. Long answers go out while they are
 * made; what a slow reader has not taken yet waits in a file, not in the worker. */
static const char fixed_settings[] = "server.tag = \"\"\n"
                                     "mimetype.assign = ( \".html\" => \"application/json\" )\n"
                                     "server.max-keep-alive-requests = 10000\n"
                                     "server.max-keep-alive-idle = 60\n"
                                     "server.max-read-idle = 30\n"
                                     "server.max-write-idle = 60\n"
                                     "server.range-requests = \"disable\"\n"
                                     "server.stream-response-body = 1\n"
                                     "server.reject-expect-100-with-417 = \"disable\"\n"
                                     "server.http-parseopts = ( \"url-normalize\" => \"disable\" )\n"
                                     "server.feature-flags = ( \"server.graceful-shutdown-timeout\" => 10 )\n";

int vs_webserver_encode(const struct vs_webserver *web, struct vs_buf *out, struct vs_error *error)
{
	int rc;
	vs_buf_puts(out, "# Written by vecstore serve: changes are lost.\nserver.modules = ( \"mod_fastcgi\" )\n");
	vs_buf_printf(out, strchr(web->address.host, ':') ? "server.bind = \"[%s]\"\n" : "server.bind = \"%s\"\n",
	              web->address.host);
	vs_buf_printf(out, "server.port = %d\nserver.max-request-size = %d\n", web->address.port, BODY_MAX_KIB);
	if ((rc = append_path(out, "server.document-root = ", web->run_dir, "/www", error)) ||
	    (rc = append_path(out, "\nserver.errorfile-prefix = ", web->run_dir, "/errors/", error)) ||
	    (rc = append_path(out, "\nserver.upload-dirs = ( ", web->run_dir, "/tmp", error)))
		return rc;
	vs_buf_printf(out, " )\n%s%s", fixed_settings, web->syslog ? "server.errorlog-use-syslog = \"enable\"\n" : "");
	if (web->cert && (rc = append_tls(web, out, error)))
		return rc;
	if ((rc = append_path(out, "fastcgi.server = ( \"/\" => (( \"socket\" => ", web->socket, "", error)))
		return rc;
	vs_buf_puts(out, ", \"check-local\" => \"disable\", \"disable-time\" => 0 )) )\n");
	return out->failed ? vs_error_set(error, VS_ENOMEM, "out of memory") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "programs/cli/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "programs/cli/webserver.h"

#define BACKLOG 1024
#define TRIES 40 /* of 50 ms: a server that was killed needs a moment until its children have gone, too */

static void pause_ms(long ms)
{
	struct timespec wait = { .tv_nsec = ms * 1000000 };
	nanosleep(&wait, NULL);
}

static bool answers(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool yes = connect(fd, address, len) == 0;
	close(fd);
	return yes;
}

/* Makes way at path, or says why not. */
static int clear_path(const struct sockaddr_un *address, struct vs_error *error)
{
	struct stat st;
	const char *path = address->sun_path;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : vs_error_errno(error, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return vs_error_set(error, VS_EINVAL, "%s is there already and is no socket", path);
	for (int i = 0; answers((const struct sockaddr *)address, sizeof *address); i++) {
		if (i == TRIES)
			return vs_error_set(error, VS_EBUSY, "another program serves the socket %s", path);
		pause_ms(50);
	}
	return vs_file_remove(path, error);
}

int vs_listen_unix(const char *path, struct vs_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path)
		return vs_error_set(error, VS_EINVAL,
		                    "the socket's path is %zu bytes long, and a socket's may have %zu: choose a shorter one "
		                    "with --socket (%.100s)",
		                    strlen(path), sizeof address.sun_path - 1, path);
	strcpy(address.sun_path, path);
	int rc = clear_path(&address, error);
	if (rc)
		return rc;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return vs_error_errno(error, errno, "socket");
	mode_t mask = umask(0117); /* so that there is no moment in which others may connect */
	rc = bind(fd, (const struct sockaddr *)&address, sizeof address);
	int bind_errno = errno;
	umask(mask);
	if (rc != 0 || listen(fd, BACKLOG) != 0) {
		rc = vs_error_errno(error, rc ? bind_errno : errno, "%s", path);
		close(fd);
		return rc;
	}
	return fd;
}

static int try_bind(const struct vs_address *address)
{
	int on = 1;
	int fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* as lighttpd does */
	int errnum = 0;
	if (bind(fd, (const struct sockaddr *)&address->sockaddr, address->sockaddr_len) != 0 || listen(fd, 1) != 0)
		errnum = errno;
	close(fd);
	return errnum;
}

int vs_listen_try(const struct vs_address *address, struct vs_error *error)
{
	int errnum = 0;
	for (int i = 0; i < TRIES / 4; i++) {
		errnum = try_bind(address);
		if (errnum != EADDRINUSE)
			break;
		pause_ms(50);
	}
	switch (errnum) {
	case 0:
		return 0;
	case EADDRINUSE:
		return vs_error_set(error, VS_EBUSY, "port %d of %s is in use by another program", address->port,
		                    address->host);
	case EADDRNOTAVAIL:
		return vs_error_set(error, VS_EINVAL, "%s is no address of this machine", address->host);
	default:
		return vs_error_set(error, VS_EINVAL, "cannot listen on port %d of %s: %s", address->port, address->host,
		                    strerror(errnum));
	}
}

bool vs_listen_answers(const struct vs_address *address)
{
	struct sockaddr_storage to = address->sockaddr;
	if (to.ss_family == AF_INET && ((struct sockaddr_in *)&to)->sin_addr.s_addr == htonl(INADDR_ANY))
		((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return answers((const struct sockaddr *)&to, address->sockaddr_len);
}

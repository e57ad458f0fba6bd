/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "programs/fcgi/accept.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define GROUPS_MAX 64

static bool in_our_groups(gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int count = getgroups(GROUPS_MAX, groups);
	bool found = group == getegid();
	for (int i = 0; i < count; i++)
		found = found || groups[i] == group;
	return found;
}

/* The group that the socket's file lets in, when it lets one in. */
static bool is_socket_group(int fd, gid_t group)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);
	struct stat st;
	memset(&address, 0, sizeof(address));
	if (getsockname(fd, (struct sockaddr *)&address, &len) || len >= sizeof(address) || !address.sun_path[0])
		return false;
	return stat(address.sun_path, &st) == 0 && (st.st_mode & S_IWGRP) && st.st_gid == group;
}

/* The peer's word for REMOTE_ADDR is taken: so it must be root, ourselves, or in a group of ours or of the socket. */
static bool is_trusted(int listener, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	if (peer.uid == 0 || peer.uid == geteuid() || in_our_groups(peer.gid) || is_socket_group(listener, peer.gid))
		return true;
	vs_log(VS_LOG_WARN,
	       "a connection by user %ld, group %ld was refused: not root, not ours, not of the socket's group",
	       (long)peer.uid, (long)peer.gid);
	return false;
}

int vs_fcgi_accept(int listener)
{
	static const struct timeval limit = { VS_PEER_SECONDS, 0 };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			static const struct timespec pause = { 0, 100000000 };
			vs_log(VS_LOG_ERROR, "a connection cannot be accepted: %s", strerror(errno));
			nanosleep(&pause, NULL);
		}
		return -1;
	}
	if (!is_trusted(listener, fd)) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return fd;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trace.h"

#ifdef VS_FAULTS

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fault.h"

#define MAPPED_MAX 16

/* Set once, or by vs_trace_reset; mapped under its mutex. */
static struct {
	int fd; /* -1: off */
	char *mapped[MAPPED_MAX];
	pthread_mutex_t lock;
} trace = { -1, { NULL }, PTHREAD_MUTEX_INITIALIZER };
static pthread_once_t trace_once = PTHREAD_ONCE_INIT;

static void load(void)
{
	const char *path = getenv("VECSTORE_FAULT_TRACE");
	trace.fd = path && *path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : -1;
}

void vs_trace_reset(void)
{
	pthread_once(&trace_once, load);
	if (trace.fd >= 0)
		close(trace.fd);
	load();
	for (size_t i = 0; i < MAPPED_MAX; i++) {
		free(trace.mapped[i]);
		trace.mapped[i] = NULL;
	}
}

bool vs_trace_on(void)
{
	pthread_once(&trace_once, load);
	return trace.fd >= 0;
}

void vs_trace(enum vs_trace_kind kind, const char *path, const char *other, uint64_t offset, const void *data,
              size_t len)
{
	struct vs_trace_event event = { (uint32_t)kind, (uint16_t)strlen(path), (uint16_t)(other ? strlen(other) : 0),
		                            offset, len };
	struct iovec parts[4] = { { &event, sizeof(event) } };
	if (!vs_trace_on())
		return;
	memcpy(&parts[1].iov_base, &path, sizeof(path));
	parts[1].iov_len = event.path_len;
	memcpy(&parts[2].iov_base, &other, sizeof(other));
	parts[2].iov_len = event.other_len;
	memcpy(&parts[3].iov_base, &data, sizeof(data));
	parts[3].iov_len = len;
	if (writev(trace.fd, parts, 4) != (ssize_t)(sizeof(event) + event.path_len + event.other_len + len))
		vs_fault_violated("the trace of faults can be written");
}

void vs_trace_mapped(const char *path)
{
	size_t i = 0;
	if (!vs_trace_on())
		return;
	pthread_mutex_lock(&trace.lock);
	while (i < MAPPED_MAX && trace.mapped[i] && strcmp(trace.mapped[i], path) != 0)
		i++;
	if (i == MAPPED_MAX)
		vs_fault_violated("a traced process maps a few files for writing");
	if (!trace.mapped[i])
		trace.mapped[i] = strdup(path);
	pthread_mutex_unlock(&trace.lock);
}

static bool is_mapped(const char *path)
{
	bool found = false;
	pthread_mutex_lock(&trace.lock);
	for (size_t i = 0; i < MAPPED_MAX && trace.mapped[i]; i++)
		found = found || strcmp(trace.mapped[i], path) == 0;
	pthread_mutex_unlock(&trace.lock);
	return found;
}

void vs_trace_sync(const char *path, int fd)
{
	struct stat st;
	void *data;
	if (!vs_trace_on())
		return;
	if (!is_mapped(path)) {
		vs_trace(VS_TRACE_SYNC, path, NULL, 0, NULL, 0);
		return;
	}
	if (fstat(fd, &st) != 0 || !(data = malloc((size_t)st.st_size + 1)) ||
	    pread(fd, data, (size_t)st.st_size, 0) != st.st_size)
		vs_fault_violated("a traced file can be read");
	vs_trace(VS_TRACE_IMAGE, path, NULL, 0, data, (size_t)st.st_size);
	free(data);
}

#endif

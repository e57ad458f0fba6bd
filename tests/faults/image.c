/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/trace.h"

#define SECTOR 512
#define BLOCK 4096
#define NAMES_MAX 128
#define NAME_MAX_LEN 96
#define PENDING_MAX 128
#define WRITES_MAX 4096

struct event {
	enum vs_trace_kind kind;
	char path[NAME_MAX_LEN]; /* below the root */
	char other[NAME_MAX_LEN];
	uint64_t offset;
	uint64_t len;
	const unsigned char *data;
};

/* A file, whatever its name is. */
struct inode {
	unsigned char *synced;
	size_t size;
	bool folder;
	bool mapped;
	const struct event *writes[WRITES_MAX]; /* since the last sync */
	size_t count;
};

struct name {
	char path[NAME_MAX_LEN]; /* "" when free */
	struct inode *inode;
};

/* A change of names that no sync of its folder has followed. */
struct pending {
	const struct event *event;
	struct inode *inode;
};

struct trace {
	unsigned char *bytes;
	struct event *events;
	size_t count;
	size_t at;
	unsigned marks[128];
	struct name now[NAMES_MAX];
	struct name durable[NAMES_MAX];
	struct pending pending[PENDING_MAX];
	size_t pendings;
};

static void trouble(const char *what)
{
	fprintf(stderr, "image: %s\n", what);
	exit(2);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static unsigned char *load(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char *bytes;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || (bytes = malloc((size_t)st.st_size + 1)) == NULL)
		trouble(path);
	*len = 0;
	while (*len < (size_t)st.st_size) {
		ssize_t got = read(fd, bytes + *len, (size_t)st.st_size - *len);
		if (got <= 0)
			trouble(path);
		*len += (size_t)got;
	}
	close(fd);
	return bytes;
}

/* False when the path lies elsewhere. */
static bool below(const char *root, const unsigned char *path, size_t len, char out[NAME_MAX_LEN])
{
	size_t skip = strlen(root);

	if (len < skip || memcmp(path, root, skip) != 0 || (len > skip && path[skip] != '/'))
		return false;
	if (len - skip >= NAME_MAX_LEN)
		trouble("a name is too long");
	snprintf(out, NAME_MAX_LEN, "%.*s", (int)(len - skip), (const char *)path + skip);
	return true;
}

struct trace *trace_load(const char *path, const char *root)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	size_t len;
	size_t cap = 0;

	trace->bytes = load(path, &len);
	if (trace->bytes == NULL) {
		free(trace);
		return NULL;
	}
	for (size_t at = 0; at < len;) {
		struct vs_trace_event head;
		struct event *event;
		memcpy(&head, trace->bytes + at, sizeof(head));
		at += sizeof(head);
		if (trace->count == cap) {
			cap = cap * 2 + 1024;
			trace->events = realloc(trace->events, cap * sizeof(*trace->events));
		}
		event = &trace->events[trace->count];
		memset(event, 0, sizeof(*event));
		event->kind = (enum vs_trace_kind)head.kind;
		event->offset = head.offset;
		event->len = head.len;
		event->data = trace->bytes + at + head.path_len + head.other_len;
		if (event->kind == VS_TRACE_MARK)
			snprintf(event->path, sizeof(event->path), "%.*s", (int)head.path_len, (const char *)trace->bytes + at);
		if (event->kind == VS_TRACE_MARK ||
		    (below(root, trace->bytes + at, head.path_len, event->path) &&
		     (head.other_len == 0 || below(root, trace->bytes + at + head.path_len, head.other_len, event->other))))
			trace->count++;
		at += head.path_len + head.other_len;
		if (event->kind == VS_TRACE_WRITE || event->kind == VS_TRACE_IMAGE)
			at += head.len;
	}
	return trace;
}

void trace_free(struct trace *trace)
{
	/* Inodes live as long as the process: names and pending changes share them. */
	free(trace->events);
	free(trace->bytes);
	free(trace);
}

size_t trace_length(const struct trace *trace)
{
	return trace->count;
}

unsigned trace_marks(const struct trace *trace, char letter)
{
	return trace->marks[(unsigned char)letter & 127];
}

/* ---- names ---------------------------------------------------------------------------------------------- */

static struct name *name_find(struct name *names, const char *path)
{
	for (size_t i = 0; i < NAMES_MAX; i++)
		if (names[i].inode != NULL && strcmp(names[i].path, path) == 0)
			return &names[i];
	return NULL;
}

static void name_set(struct name *names, const char *path, struct inode *inode)
{
	struct name *name = name_find(names, path);

	for (size_t i = 0; name == NULL && i < NAMES_MAX; i++)
		if (names[i].inode == NULL)
			name = &names[i];
	if (name == NULL)
		trouble("too many names");
	snprintf(name->path, sizeof(name->path), "%s", path);
	name->inode = inode;
}

/* What lay in a folder that goes went before it. */
static void names_empty(struct name *names, const char *folder)
{
	size_t len = strlen(folder);

	for (size_t i = 0; i < NAMES_MAX; i++)
		if (names[i].inode != NULL && strncmp(names[i].path, folder, len) == 0 && names[i].path[len] == '/')
			names[i].inode = NULL;
}

static void name_apply(struct name *names, const struct pending *pending)
{
	const struct event *event = pending->event;
	struct name *old = event->kind == VS_TRACE_CREATE || event->kind == VS_TRACE_FOLDER ? NULL : name_find(names, event->path);

	if (old != NULL)
		old->inode = NULL;
	if (event->kind == VS_TRACE_UNLINK && pending->inode->folder)
		names_empty(names, event->path);
	if (event->kind != VS_TRACE_UNLINK)
		name_set(names, event->kind == VS_TRACE_RENAME ? event->other : event->path, pending->inode);
}

static bool lies_in(const char *path, const char *folder)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && (size_t)(slash - path) == strlen(folder) && memcmp(path, folder, strlen(folder)) == 0;
}

static void folder_synced(struct trace *trace, const char *folder)
{
	size_t kept = 0;

	for (size_t i = 0; i < trace->pendings; i++) {
		if (lies_in(trace->pending[i].event->path, folder))
			name_apply(trace->durable, &trace->pending[i]);
		else
			trace->pending[kept++] = trace->pending[i];
	}
	trace->pendings = kept;
}

static void rename_pending(struct trace *trace, const struct event *event, struct inode *inode)
{
	if (trace->pendings == PENDING_MAX)
		trouble("too many changes of names without a sync");
	trace->pending[trace->pendings++] = (struct pending){ event, inode };
	name_apply(trace->now, &trace->pending[trace->pendings - 1]);
}

/* ---- contents ------------------------------------------------------------------------------------------- */

static void content_resize(unsigned char **bytes, size_t *size, size_t want)
{
	*bytes = realloc(*bytes, want + 1);
	if (want > *size)
		memset(*bytes + *size, 0, want - *size);
	*size = want;
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Applies a write; with torn, each of its sectors by chance. */
static void write_apply(unsigned char **bytes, size_t *size, const struct event *event, bool torn, uint64_t *seed)
{
	uint64_t end = event->offset + event->len;

	if (event->kind == VS_TRACE_TRUNCATE) {
		content_resize(bytes, size, event->offset);
		return;
	}
	if (event->kind == VS_TRACE_EXTEND) {
		if (event->offset > *size)
			content_resize(bytes, size, event->offset);
		return;
	}
	for (uint64_t at = event->offset; at < end;) {
		uint64_t next = (at / SECTOR + 1) * SECTOR < end ? (at / SECTOR + 1) * SECTOR : end;
		if (!torn || random_next(seed) % 2 == 0) {
			if (next > *size)
				content_resize(bytes, size, next);
			memcpy(*bytes + at, event->data + (at - event->offset), next - at);
		}
		at = next;
	}
}

static void file_synced(struct inode *inode, const struct event *event)
{
	if (event->kind == VS_TRACE_IMAGE) {
		inode->mapped = true;
		content_resize(&inode->synced, &inode->size, event->len);
		memcpy(inode->synced, event->data, event->len);
	} else {
		for (size_t i = 0; i < inode->count; i++)
			write_apply(&inode->synced, &inode->size, inode->writes[i], false, NULL);
	}
	inode->count = 0;
}

static void step(struct trace *trace, const struct event *event)
{
	struct name *name = name_find(trace->now, event->path);

	switch (event->kind) {
	case VS_TRACE_MARK:
		trace->marks[(unsigned char)event->path[0] & 127]++;
		return;
	case VS_TRACE_CREATE:
	case VS_TRACE_FOLDER: {
		struct inode *inode = calloc(1, sizeof(*inode));
		inode->folder = event->kind == VS_TRACE_FOLDER;
		if (event->path[0] != '\0') /* the root itself is taken for granted */
			rename_pending(trace, event, inode);
		return;
	}
	case VS_TRACE_RENAME:
	case VS_TRACE_UNLINK:
		if (name == NULL && strstr(event->path, ".db-shm") != NULL)
			return; /* made by SQLite through a map, and not traced */
		if (name == NULL)
			trouble("a file without a name is moved");
		rename_pending(trace, event, name->inode);
		return;
	case VS_TRACE_FOLDER_SYNC:
		folder_synced(trace, event->path);
		return;
	default:
		break;
	}
	if (name == NULL)
		trouble("a file without a name is written");
	if (event->kind == VS_TRACE_SYNC || event->kind == VS_TRACE_IMAGE) {
		file_synced(name->inode, event);
		return;
	}
	if (name->inode->count == WRITES_MAX)
		trouble("too many writes without a sync");
	name->inode->writes[name->inode->count++] = event;
}

void trace_advance(struct trace *trace, size_t events)
{
	while (trace->at < events && trace->at < trace->count)
		step(trace, &trace->events[trace->at++]);
}

/* ---- images --------------------------------------------------------------------------------------------- */

enum fate { FATE_LOST, FATE_KEPT, FATE_SOME, FATE_TORN, FATE_REORDERED, FATES };

/* Writes in another order, but truncations stay where they are. */
static void shuffle(const struct event **writes, size_t count, uint64_t *seed)
{
	for (size_t i = 1; i < count; i++) {
		size_t j = i - random_next(seed) % 2;
		if (writes[i]->kind == VS_TRACE_WRITE && writes[j]->kind == VS_TRACE_WRITE) {
			const struct event *event = writes[i];
			writes[i] = writes[j];
			writes[j] = event;
		}
	}
}

static const struct event *next_image(const struct trace *trace, const char *path)
{
	for (size_t i = trace->at; i < trace->count; i++)
		if (trace->events[i].kind == VS_TRACE_IMAGE && strcmp(trace->events[i].path, path) == 0)
			return &trace->events[i];
	return NULL;
}

static void mix_sectors(unsigned char *bytes, size_t size, const struct event *image, uint64_t *seed)
{
	for (size_t at = 0; at < size && at < image->len; at += SECTOR)
		if (random_next(seed) % 2 == 0) {
			size_t len = SECTOR;
			len = len < size - at ? len : size - at;
			len = len < image->len - at ? len : image->len - at;
			memcpy(bytes + at, image->data + at, len);
		}
}

static void file_store(const char *path, const unsigned char *bytes, size_t size)
{
	static const unsigned char zeros[BLOCK];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		trouble(path);
	for (size_t at = 0; at < size; at += BLOCK) {
		size_t len = size - at < BLOCK ? size - at : BLOCK;
		if (memcmp(bytes + at, zeros, len) != 0 && pwrite(fd, bytes + at, len, (off_t)at) != (ssize_t)len)
			trouble(path);
	}
	close(fd);
}

static void inode_store(const struct trace *trace, const struct name *name, enum fate fate, uint64_t *seed, const char *to)
{
	const struct inode *inode = name->inode;
	const struct event *writes[WRITES_MAX];
	unsigned char *bytes = NULL;
	size_t size = 0;
	const struct event *image;

	memcpy(writes, inode->writes, inode->count * sizeof(writes[0]));
	content_resize(&bytes, &size, inode->size);
	if (inode->size > 0)
		memcpy(bytes, inode->synced, inode->size);
	if (fate == FATE_REORDERED)
		shuffle(writes, inode->count, seed);
	for (size_t i = 0; i < inode->count; i++) {
		bool kept = fate == FATE_KEPT || (fate > FATE_KEPT && random_next(seed) % 3 > 0);
		if (kept)
			write_apply(&bytes, &size, writes[i], fate == FATE_TORN, seed);
	}
	image = fate == FATE_LOST ? NULL : next_image(trace, name->path);
	if (image != NULL && inode->mapped)
		mix_sectors(bytes, size, image, seed);
	file_store(to, bytes, size);
	free(bytes);
}

static bool reachable(struct name *names, const char *path)
{
	char folder[NAME_MAX_LEN];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return folder[0] == '\0' || (name_find(names, folder) != NULL && reachable(names, folder));
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

/* Per folder, the changes up to a random one. */
static void names_choose(const struct trace *trace, enum fate fate, uint64_t *seed, struct name names[NAMES_MAX])
{
	bool ended[PENDING_MAX] = { false };

	memcpy(names, trace->durable, sizeof(trace->durable));
	for (size_t i = 0; i < trace->pendings; i++) {
		bool stop = ended[i] || fate == FATE_LOST || (fate != FATE_KEPT && random_next(seed) % 3 == 0);
		char folder[NAME_MAX_LEN];
		snprintf(folder, sizeof(folder), "%s", trace->pending[i].event->path);
		*strrchr(folder, '/') = '\0';
		for (size_t j = i + 1; stop && j < trace->pendings; j++)
			ended[j] = ended[j] || lies_in(trace->pending[j].event->path, folder);
		if (!stop)
			name_apply(names, &trace->pending[i]);
	}
}

/* What is left of the wal-index says nothing after a power loss, and must not be asked. */
static void garbage_store(const char *path, uint64_t *seed)
{
	unsigned char bytes[32768];

	for (size_t i = 0; i < sizeof(bytes); i += 8) {
		uint64_t value = random_next(seed);
		memcpy(bytes + i, &value, 8);
	}
	file_store(path, bytes, sizeof(bytes));
}

void trace_image(const struct trace *trace, uint64_t seed, const char *to)
{
	struct name names[NAMES_MAX];
	char path[512];
	enum fate fate;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	(void)random_next(&seed);
	fate = (enum fate)(random_next(&seed) % FATES);
	names_choose(trace, fate, &seed, names);
	if (mkdir(to, 0750) != 0)
		trouble(to);
	qsort(names, NAMES_MAX, sizeof(names[0]), by_path);
	for (size_t i = 0; i < NAMES_MAX; i++) {
		if (names[i].inode == NULL || !reachable(names, names[i].path))
			continue;
		if (snprintf(path, sizeof(path), "%s%.*s", to, NAME_MAX_LEN, names[i].path) >= (int)sizeof(path))
			trouble("a name is too long");
		if (names[i].inode->folder) {
			if (mkdir(path, 0750) != 0)
				trouble(path);
			continue;
		}
		inode_store(trace, &names[i], fate, &seed, path);
		if (strstr(names[i].path, ".db-wal") != NULL && random_next(&seed) % 4 == 0) {
			memcpy(path + strlen(path) - 3, "shm", 3);
			garbage_store(path, &seed);
		}
	}
}

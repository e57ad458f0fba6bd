/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index/graph_copy: the files of a graph under another generation's name, taken while their writer goes on. Any mix of old and
 * new sectors is a searchable graph (I3). The first page of graph.hnsw is read before all else: what its checkpoint covers
 * is whole in all that is read later.
 */
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/copy.h"
#include "base/error.h"
#include "base/file.h"
#include "index/graph.h"
#include "index/graph_file.h"

#define PATH sizeof(((struct vs_file *)0)->path)
#define FILES 3

static const struct {
	const char *name;
	bool needed; /* codes are there for some metrics only */
} files[FILES] = { { "graph.hnsw", true }, { "graph.up", true }, { "codes.i8", false } };

struct copy {
	const char *from, *to;
	uint32_t generation;
	struct vs_graph_state state; /* as it was before */
	int (*progress)(void *context, uint64_t bytes);
	void *context;
};

static int path_of(char path[PATH], const char *dir, const char *name, struct vs_error *error)
{
	int len = snprintf(path, PATH, "%s/%s", dir, name);

	return len >= 0 && (size_t)len < PATH ? 0 : vs_error_set(error, VS_EINVAL, "the path %s/%s is too long", dir, name);
}

static int state_read(struct copy *copy, struct vs_error *error)
{
	struct vs_file file;
	char path[PATH];
	int rc = path_of(path, copy->from, files[0].name, error);

	if (rc == 0)
		rc = vs_file_open(&file, path, 0, error);
	if (rc < 0)
		return rc;
	rc = vs_file_read(&file, &copy->state, sizeof(copy->state), sizeof(struct vs_graph_head), error);
	vs_file_close(&file);
	/* What came after the checkpoint may be half there; without a boot id it is linked again. */
	copy->state.linked = copy->state.checkpoint;
	copy->state.records = copy->state.checkpoint_records;
	copy->state.entry = copy->state.checkpoint_entry;
	memset(copy->state.boot, 0, sizeof(copy->state.boot));
	return rc;
}

/* The copy says whose it is, and graph.hnsw what is in it. */
static int head_write(const struct copy *copy, const char *path, bool lists, struct vs_error *error)
{
	struct vs_graph_head head;
	char magic[sizeof(head.magic) + 1] = "";
	struct vs_file file;
	int rc = vs_file_open(&file, path, VS_FILE_WRITE, error);

	if (rc < 0)
		return rc;
	rc = vs_file_read(&file, &head, sizeof(head), 0, error);
	if (rc == 0 && head.crc != vs_crc32(&head, offsetof(struct vs_graph_head, crc)))
		rc = vs_error_set(error, VS_ECORRUPT, "%s has a damaged header", path);
	if (rc == 0) {
		memcpy(magic, head.magic, sizeof(head.magic));
		head.generation = copy->generation;
		vs_graph_head_seal(&head, magic);
		rc = vs_file_write(&file, &head, sizeof(head), 0, error);
	}
	if (rc == 0 && lists)
		rc = vs_file_write(&file, &copy->state, sizeof(copy->state), sizeof(head), error);
	if (rc == 0)
		rc = vs_file_sync(&file, error);
	vs_file_close(&file);
	return rc;
}

static int file_copy(const struct copy *copy, size_t which, struct vs_error *error)
{
	struct vs_file file;
	uint64_t size;
	char from[PATH], to[PATH];
	int rc = path_of(from, copy->from, files[which].name, error);

	if (rc == 0)
		rc = path_of(to, copy->to, files[which].name, error);
	if (rc < 0 || (!files[which].needed && !vs_file_exists(from)))
		return rc;
	rc = vs_file_open(&file, from, 0, error);
	if (rc < 0)
		return rc;
	rc = vs_file_size(&file, &size, error);
	vs_file_close(&file);
	if (rc == 0)
		rc = vs_file_copy(from, to, size, NULL, copy->progress, copy->context, error);
	return rc == 0 ? head_write(copy, to, which == 0, error) : rc;
}

int vs_graph_copy(const char *from, const char *to, uint32_t generation, int (*progress)(void *context, uint64_t bytes),
                  void *context, struct vs_error *error)
{
	struct copy copy = { .from = from, .to = to, .generation = generation, .progress = progress, .context = context };
	char path[PATH];
	int rc = state_read(&copy, error);

	/* Last the lists: without them the others mean nothing. */
	for (size_t i = FILES; rc == 0 && i-- > 0;)
		rc = file_copy(&copy, i, error);
	for (size_t i = 0; rc != 0 && i < FILES; i++)
		if (path_of(path, to, files[i].name, NULL) == 0)
			(void)vs_file_remove(path, NULL);
	return rc;
}

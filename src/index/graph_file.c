/* SPDX-License-Identifier: Apache-2.0 */
/* index/graph_file: headers, maps and growth of the graph's files. */
#include "index/graph_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/boot.h"
#include "base/checksum.h"
#include "base/error.h"

#define GROW_LEAST (UINT64_C(1) << 20)
#define GROW_SHARE 8 /* at least this part of the file's size is added */

static int path_join(char *path, size_t size, const char *dir, const char *name, struct vs_error *error)
{
	int len = snprintf(path, size, "%s/%s", dir, name);

	if (len < 0 || (size_t)len >= size)
		return vs_error_set(error, VS_EINVAL, "the path %s/%s is too long", dir, name);
	return 0;
}

void vs_graph_head_seal(struct vs_graph_head *head, const char *magic)
{
	memset(head->magic, 0, sizeof(head->magic));
	memcpy(head->magic, magic, strlen(magic));
	head->version = VS_GRAPH_VERSION;
	head->byte_order = VS_GRAPH_BYTE_ORDER;
	head->zero = 0;
	head->crc = vs_crc32(head, offsetof(struct vs_graph_head, crc));
}

static int head_compare(const char *path, const struct vs_graph_head *found, struct vs_graph_head *head,
                        struct vs_error *error)
{
	if (memcmp(found->magic, head->magic, sizeof(head->magic)) != 0 || found->byte_order != VS_GRAPH_BYTE_ORDER ||
	    found->crc != vs_crc32(found, offsetof(struct vs_graph_head, crc)))
		return vs_error_set(error, VS_ECORRUPT, "%s has a damaged header", path);
	if (found->version > VS_GRAPH_VERSION)
		return vs_error_set(error, VS_EFORMAT, "%s was made by a newer vecstore", path);
	if (found->dim != head->dim || found->metric != head->metric || found->generation != head->generation)
		return vs_error_set(error, VS_ECORRUPT, "%s belongs to other vectors", path);
	if (head->m != 0 && (found->m != head->m || found->pair != head->pair))
		return vs_error_set(error, VS_ECORRUPT, "%s belongs to another graph", path);
	*head = *found;
	return 0;
}

/* Maps the file, which has `size` bytes. */
static int map_as_long(struct vs_graph_file *file, uint64_t size, bool write, struct vs_error *error)
{
	void *map;
	int code;

	if (size < VS_GRAPH_HEADER)
		return vs_error_set(error, VS_ECORRUPT, "%s is cut short", file->file.path);
	if (size == file->len)
		return 0;
	code = vs_file_map(&file->file, (size_t)size, write, &map, error);
	if (code != 0)
		return code;
	/* Walks read single lines all over the map. Where the kernel has huge pages for files this saves a walk of its page
	 * tables for most of them; elsewhere it fails, without harm. */
	(void)madvise(map, (size_t)size, MADV_HUGEPAGE);
	vs_file_unmap(file->map, file->len);
	file->map = map;
	file->len = (size_t)size;
	return 0;
}

static int file_map(struct vs_graph_file *file, bool write, struct vs_error *error)
{
	uint64_t size;
	int code = vs_file_size(&file->file, &size, error);

	return code != 0 ? code : map_as_long(file, size, write, error);
}

int vs_graph_file_open(struct vs_graph_file *file, const char *dir, const char *name, bool write,
                       struct vs_graph_head *head, struct vs_error *error)
{
	char path[sizeof(file->file.path)];
	int code;

	*file = (struct vs_graph_file)VS_GRAPH_FILE_INIT;
	code = path_join(path, sizeof(path), dir, name, error);
	if (code == 0)
		code = vs_file_open(&file->file, path, write ? VS_FILE_WRITE : 0, error);
	if (code == 0)
		code = file_map(file, write, error);
	if (code == 0)
		code = head_compare(path, (const struct vs_graph_head *)(const void *)file->map, head, error);
	if (code != 0)
		vs_graph_file_close(file);
	return code;
}

int vs_graph_file_create(const char *dir, const char *name, const struct vs_graph_head *head, const void *state,
                         size_t state_len, struct vs_error *error)
{
	static const unsigned char zero[VS_GRAPH_HEADER];
	unsigned char page[VS_GRAPH_HEADER];
	char path[256];
	int code = path_join(path, sizeof(path), dir, name, error);

	if (code != 0)
		return code;
	memcpy(page, zero, sizeof(page));
	memcpy(page, head, sizeof(*head));
	if (state_len > 0)
		memcpy(page + sizeof(*head), state, state_len);
	return vs_file_replace(path, page, sizeof(page), error);
}

void vs_graph_file_close(struct vs_graph_file *file)
{
	vs_file_unmap(file->map, file->len);
	vs_file_close(&file->file);
	*file = (struct vs_graph_file)VS_GRAPH_FILE_INIT;
}

uint32_t vs_graph_file_rows(const struct vs_graph_file *file, size_t stride)
{
	size_t rows = file->len < VS_GRAPH_HEADER ? 0 : (file->len - VS_GRAPH_HEADER) / stride;

	return rows > UINT32_MAX ? UINT32_MAX : (uint32_t)rows;
}

int vs_graph_file_refresh(struct vs_graph_file *file, bool write, struct vs_error *error)
{
	uint64_t size;
	bool unlinked;
	int code = vs_file_look(&file->file, &size, &unlinked, error);

	if (code == 0 && unlinked)
		return vs_error_set(error, VS_ESTALE, "%s was removed or replaced", file->file.path);
	return code != 0 ? code : map_as_long(file, size, write, error);
}

int vs_graph_file_grow(struct vs_graph_file *file, uint32_t rows, size_t stride, struct vs_error *error)
{
	uint64_t need = VS_GRAPH_HEADER + (uint64_t)rows * stride;
	uint64_t more = file->len / GROW_SHARE;
	int code;

	if (need <= file->len)
		return 0;
	if (more < GROW_LEAST)
		more = GROW_LEAST;
	if (need < file->len + more)
		need = file->len + more;
	code = vs_file_reserve(&file->file, file->len, need - file->len, error);
	return code != 0 ? code : file_map(file, true, error);
}

void vs_graph_boot_id(char boot[VS_GRAPH_BOOT])
{
	_Static_assert(VS_GRAPH_BOOT == VS_BOOT_ID, "one length");
	vs_boot_id(boot);
}
